# Costs that must not grow with the fleet: round trips are the same for 10 and for 10,000 roles, and
# the program's memory stays small. Counted outside the program, by a proxy.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);
use Whalefall::Remote;

my $server = remote_server('local');
my $count_file = $server->dir . '/round-trips';

# A proxy that holds the server's answers back until the client has been silent for a while. When
# the client speaks again after it was given answers, that is one round trip. The number, of the time
# after the login, is written to a file.
my $target = $server->port;
my $proxy = fault_server(sub {
	my ($client) = @_;
	my $there = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $target) or return;
	my $select = IO::Select->new($client, $there);
	my ($held, $seen, $trips, $answered) = ('', '', 0, 0);
	my $logged_in = 0;

	while (1)
	{
		my @ready = $select->can_read(length $held ? 0.1 : 20);
		if (grep { $_ == $client } @ready)
		{
			my $n = $client->sysread(my $bytes, 65536);
			last if !$n;
			# The end of the session is no request.
			if ($bytes ne "X\0\0\0\4")
			{
				$trips++ if $logged_in && $answered;
				$answered = 0;
			}
			$there->syswrite($bytes);
		}
		elsif (grep { $_ == $there } @ready)
		{
			my $n = $there->sysread(my $bytes, 65536);
			last if !$n;
			$held .= $bytes;
			$seen .= $bytes if !$logged_in;
		}
		elsif (length $held)
		{
			$client->syswrite(substr $held, 0, 65536, '') while length $held;
			$answered = 1;
			$logged_in = 1 if $seen =~ /Z\x00\x00\x00\x05I\z/;
		}
	}
	open my $file, '>', $count_file;
	print $file $trips;
	close $file;
});

# Reads everything through the proxy; gives the answer and the round trips that were seen.
sub count_trips
{
	unlink $count_file;
	my $answer = read_server($proxy, 'version,accounts,databases,tables', args => [qw(--tls-mode disable)]);
	my $end = time + 5;

	sleep 0.05 while !-s $count_file && time < $end;
	open my $file, '<', $count_file or return ($answer, undef);
	return ($answer, scalar <$file>);
}

$server->query('create database app');
my %trips;
for my $n (10, 10_000)
{
	my $have = $server->value(q{select count(*) from pg_roles where rolname like 'r%'});
	$server->query(join ';', map { "create role r$_ login" } $have + 1 .. $n);
	$server->query(join ';', map { "grant r$_ to r" . ($_ + 1) } grep { $_ % 10 } $have + 1 .. $n - 1);
	my ($answer, $trips) = count_trips();
	is($answer->{last}{type}, 'done', "$n roles are read") or diag $answer->{out};
	cmp_ok(scalar(rows($answer, 'account')), '>=', $n, 'all of them');
	is($trips, $answer->{last}{round_trips}, 'the program counts as the proxy does: ' . ($trips // 'none'));
	$trips{$n} = $trips;
}
is($trips{10}, $trips{10_000}, 'the same number for 10 and for 10,000 roles');
cmp_ok($trips{10_000}, '<=', 8, 'and not more than eight');

subtest 'memory' => sub {
	my $worker = start_worker();
	my $peak = 0;
	my $began = time;

	for (1 .. 3)
	{
		$worker->send(request_frame($server->port, reads => 'accounts,databases,tables', statement_timeout_ms => 60000));
		my @frames = $worker->frames(60);
		is($frames[-1][0], 'D', "$frames[-1][2] rows of 10,000 roles");
		open my $status, '<', '/proc/' . $worker->pid . '/status' or die $!;
		my ($anon) = join('', <$status>) =~ /^RssAnon:\s+(\d+) kB/m;
		$peak = $anon if $anon > $peak;
	}
	note sprintf 'RssAnon %d kB, %.2f s for each read', $peak, (time - $began) / 3;
	cmp_ok($peak, '<', 20_000, "RssAnon $peak kB is below 20 MB");
	$worker->close;
};

subtest 'too many pairs' => sub {
	# 10,000 roles and 21 databases are more than 200,000 pairs.
	$server->query("create database d$_ template template0") for 1 .. 19;
	$server->query($_) for 'grant create, connect on database d7 to r5', 'revoke all on database d8 from public',
	  'alter database d8 owner to r6';
	my $answer = read_server($server, 'accounts');
	is_deeply([ map { "$_->{name}=$_->{value}" } rows($answer, 'meta') ], ['pg_database_privileges=explicit'], 'are told');
	my $of = categories($answer);
	is_deeply($of->{r5}{postgresql_database_privileges}, { d7 => [qw(CONNECT CREATE)] }, 'what the ACL names');
	is_deeply($of->{r6}{postgresql_database_privileges}, { d8 => [qw(CONNECT CREATE TEMP)] }, 'an owner');
	is_deeply($of->{r7}{postgresql_database_privileges}, undef, 'nothing by membership or PUBLIC');
	my %public = map { $_->{object} => 1 } rows($answer, 'public');
	ok($public{d7} && !$public{d8}, 'PUBLIC is told apart');
};

done_testing();
