# Reads from a replica: GET and HEAD go to the PostgREST before it, everything else to the primary.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Cluster;
use Whalefall::Front;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
my $primary = Whalefall::Cluster->new(settings => { wal_level => 'replica', max_wal_senders => 4, hot_standby => 'on' },
	hba => "local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
$primary->create_extension;
my $standby = Whalefall::Cluster->new(start => 0);
$standby->_as_user([ 'rm', '-rf', $standby->data ], 'rm');
$standby->_as_user([ Whalefall::Cluster::bindir() . '/pg_basebackup', '-D', $standby->data, '-h', $primary->host, '-p', $primary->port, '-U', 'postgres',
		'-R', '-X', 'stream', '-c', 'fast' ], 'pg_basebackup');
# Tokens and cookies are checked by both, with the same files.
$standby->configure(log_statement => 'all', max_wal_senders => 4, map { $_ => $primary->{settings}{$_} } 'whalefall.key_file', 'whalefall.jwt_file');
$standby->start;
is($standby->value('select pg_is_in_recovery()'), 't', 'the replica is one');

my $behind = Whalefall::Front->start($standby, replica => 'yes', jwt_file => $primary->dir . '/secrets/whalefall.jwt');
my $front = Whalefall::Front->start($primary, read_socket => $behind->run_dir . '/postgrest/in.sock');

# Asks, and says how often the replica has served meanwhile.
sub served
{
	my ($method, $path, %headers) = @_;
	my $from = -s $standby->log_file;
	my $answer = $front->request($method, $path, { headers => \%headers });
	my $times = () = $standby->log_contents($from) =~ /"whalefall_http"\."(dispatch\w*)"/g;

	return ($answer->{status}, $times, $answer);
}

my ($status, $times) = served('GET', '/api/v1/health/ping');
is_deeply([ $status, $times ], [ 200, 1 ], 'GET is served by the replica');
($status, $times) = served('HEAD', '/api/v1/health/ping');
is_deeply([ $status, $times ], [ 200, 1 ], 'HEAD too');
my $answer;
($status, $times, $answer) = served('GET', '/api/v1/nowhere');
is_deeply([ $status, $times, $answer->{json}{message_code} ], [ 404, 1, 'INVALID_REQUEST' ], 'errors of the replica are ours as well');
($status, $times) = served('GET', '/api/v1/instances');
is_deeply([ $status, $times ], [ 401, 1 ], 'so is who may');
for my $method (qw(POST PUT DELETE))
{
	($status, $times) = served($method, '/api/v1/credentials');
	is($times, 0, "$method goes to the primary");
}

# The replica is away: reads are refused, writes go on; nothing needs to be done when it is back.
$standby->stop;
($status) = served('GET', '/api/v1/health/ping');
is($status, 503, 'without the replica reads are refused');
is($front->request('POST', '/api/v1/credentials')->{status}, 401, 'and everything else goes on');
$standby->start;
for (1 .. 100)
{
	($status) = served('GET', '/api/v1/health/ping');
	last if $status == 200;
	select undef, undef, undef, 0.2;
}
is($status, 200, 'it is back');
done_testing;
