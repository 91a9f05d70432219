# slow
# PostgREST, PostgreSQL and clients that fail: envelopes meanwhile, and everything comes back by itself.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);
use Whalefall::Front;
use Whalefall::StandIn;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
my $c = Whalefall::StandIn::cluster();
Whalefall::StandIn::install($c, 'whalefall');
my $front = Whalefall::Front->start($c, pool => 2);

# Asks until the answer is a 200; gives the statuses and codes seen before, by number, and the seconds it took.
sub until_well
{
	my ($seconds) = @_;
	my (%seen, $answer);
	my $began = time;

	while (time - $began < $seconds)
	{
		$answer = $front->request('GET', '/api/v1/x');
		last if $answer->{status} == 200;
		$seen{"$answer->{status} " . ($answer->{json}{message_code} // 'no envelope')}++;
		sleep 0.1;
	}
	is($answer->{status}, 200, 'well again') or diag $front->log;
	return (\%seen, time - $began);
}

# Sends a request and gives the socket; the answer is read later.
sub begin_request
{
	my ($path) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $front->port) or die $!;

	print $socket "GET $path HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
	return $socket;
}

sub end_request
{
	my ($socket) = @_;
	local $/ = undef;
	my $text = <$socket>;

	return Whalefall::Front::_parse($text // '');
}

my $busy = "select count(*) from pg_stat_activity where usename = 'whalefall_authenticator' and state = 'active'";

# The pool: two connections, both asleep; the third request waits 5 s for one and is told so.
my @sleepers = map { begin_request('/api/v1/x?sleep=2.5') } 1 .. 2;
ok($c->wait_for($busy, '2'), 'both connections are busy');
my $began = time;
is($front->request('GET', '/api/v1/x')->{status}, 200, 'a third request waits for one');
is(end_request($_)->{status}, 200, 'and they end well') for @sleepers;
$c->query("alter role whalefall_gateway set statement_timeout = '20s'; notify pgrst, 'reload config'", database => 'whalefall');
sleep 1;
@sleepers = map { begin_request('/api/v1/x?sleep=7') } 1 .. 2;
ok($c->wait_for($busy, '2'), 'both are busy for long');
$began = time;
my $answer = $front->request('GET', '/api/v1/x');
is_deeply([ @$answer{status}, $answer->{json}{message_code} ], [ 504, 'TIMEOUT' ], 'a third request is told that it timed out');
cmp_ok(time - $began, '<', 6.5, 'after 5 s');
unlike($answer->{content}, qr/PGRST|pool/, 'without details');
is(end_request($_)->{status}, 200, 'the busy ones end well') for @sleepers;

# A client that goes away: its statement is left to the role's limit, and the connection comes back.
$c->query("alter role whalefall_gateway set statement_timeout = '3s'; notify pgrst, 'reload config'", database => 'whalefall');
sleep 1;
for (1 .. 2)
{
	my $gone = begin_request('/api/v1/x?sleep=60');
	sleep 0.3;
	close $gone;
}
ok($c->wait_for($busy, '2'), 'two clients are gone, their statements go on');
ok($c->wait_for($busy, '0', 6), 'until the limit of the role');
is($front->request('GET', '/api/v1/x')->{status}, 200, 'then both connections serve again');

# nginx gives up first when it is told to.
$front->restart(pool => 10, read_timeout => 1);
$answer = $front->request('GET', '/api/v1/x?sleep=2.5');
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 504, 'TIMEOUT' ], 'nginx ends what takes too long');
$front->restart(read_timeout => 70);

# PostgREST is killed: 503 at once, and soon it is back.
my $pid = $front->pid('postgrest');
kill 'KILL', $pid;
$answer = $front->request('GET', '/api/v1/x');
is_deeply([ $answer->{status}, $answer->{json}{message_code}, $answer->{headers}{'retry-after'} ], [ 503, 'SERVICE_UNAVAILABLE', '2' ], 'PostgREST is killed');
my ($seen, $seconds) = until_well(10);
is_deeply([ grep { $_ ne '503 SERVICE_UNAVAILABLE' } keys %$seen ], [], 'only 503 meanwhile');
cmp_ok($seconds, '<', 5, 'not for long');
isnt($front->pid('postgrest'), $pid, 'it is another one');

# So is nginx with its workers, and its master alone, which leaves workers behind.
$pid = $front->pid('nginx');
kill 'KILL', $pid;
$began = time;
my $programs = sub { scalar grep { (readlink("/proc/$_/cwd") // '') eq $front->run_dir . '/nginx' } map { m{(\d+)$} } glob '/proc/[0-9]*' };
my $back;
until ($back || time - $began > 15)
{
	delete $front->{http};
	sleep 0.1;
	$back = $programs->() == 2 && ($front->pid('nginx') // $pid) != $pid && eval { $front->request('GET', '/api/v1/x')->{status} == 200 };
}
ok($back, 'nginx comes back after its master was killed, one master and one worker');

# PostgreSQL restarts, stays away for a while, and crashes.
$c->restart;
($seen) = until_well(15);
is_deeply([ grep { $_ ne '503 SERVICE_UNAVAILABLE' } keys %$seen ], [], 'restart: only 503 meanwhile') or diag explain $seen;
$c->stop;
my %away;
for (1 .. 20)
{
	$answer = $front->request('GET', '/api/v1/x');
	$away{"$answer->{status} " . ($answer->{json}{message_code} // 'no envelope')}++;
	sleep 0.2;
}
is_deeply([ grep { $_ ne '503 SERVICE_UNAVAILABLE' } keys %away ], [], 'PostgreSQL is away: only 503') or diag explain \%away;
$c->start;
($seen, $seconds) = until_well(40);
is_deeply([ grep { $_ ne '503 SERVICE_UNAVAILABLE' } keys %$seen ], [], 'still only 503') or diag explain $seen;
diag sprintf 'back %.1f s after PostgreSQL', $seconds;
$c->kill9->start;
($seen) = until_well(40);
is_deeply([ grep { $_ ne '503 SERVICE_UNAVAILABLE' } keys %$seen ], [], 'a crash: only 503 meanwhile') or diag explain $seen;

# One connection is killed under a request.
my $victim = begin_request('/api/v1/x?sleep=2');
ok($c->wait_for($busy, '1'), 'a request is under way');
$c->query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'whalefall_authenticator' and state = 'active'");
$answer = end_request($victim);
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 503, 'SERVICE_UNAVAILABLE' ], 'its connection is killed');
until_well(10);

# Many at once, more than the pool.
my @many = map { begin_request('/api/v1/x?sleep=0.2') } 1 .. 60;
my %statuses;
$statuses{ end_request($_)->{status} }++ for @many;
is_deeply(\%statuses, { 200 => 60 }, '60 at once over 10 connections are all served') or diag explain(\%statuses), $front->log;

# Stopped, nothing is left; a second stop and start change nothing.
$front->stop;
is_deeply([ grep { (readlink("/proc/$_/cwd") // '') =~ m{^\Q@{[ $front->run_dir ]}\E} } map { m{(\d+)$} } glob '/proc/[0-9]*' ], [], 'no process is left');
ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $front->port), 'nobody listens');
$front->stop;
$front->restart;
$pid = $front->pid('nginx');
$front->_front('start');
is($front->pid('nginx'), $pid, 'start of what runs changes nothing');
done_testing;
