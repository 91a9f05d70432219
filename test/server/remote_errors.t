# Every word of a failing connection, from the wire through helper, worker and queue to item, instance and log;
# and a password that appears in none of them.
use strict;
use warnings;
use lib 'test/lib';
use Test::More;
use IO::Socket::INET;
use Whalefall::Cluster;
use Whalefall::Fleet;
use Whalefall::Tree;

my $remote = Whalefall::Cluster->new(bindir => Whalefall::Tree::bindir());
Whalefall::Fleet::make_monitor($remote);
my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 },
	settings => { 'whalefall.language' => 'en', 'whalefall.connect_timeout' => '3s', log_statement => 'all' });
$c->create_extension;

sub sql { return $c->query($_[0], database => 'whalefall'); }

# Servers that answer wrongly: one speaks HTTP, one drips a byte a second, one resets.
my @children;
sub server
{
	my ($serve) = @_;
	my $listen = IO::Socket::INET->new(Listen => 10, LocalAddr => '127.0.0.1') or die;
	my $pid = fork // die;
	if ($pid == 0)
	{
		$SIG{ALRM} = sub { exit };
		alarm 120;
		while (my $client = $listen->accept)
		{
			next if fork;
			$serve->($client);
			require POSIX;
			POSIX::_exit(0);
		}
		exit;
	}
	push @children, $pid;
	return $listen->sockport;
}
END { local $?; kill 'KILL', @children if @children; }

my $http = server(sub { my ($s) = @_; sysread $s, my $x, 1; syswrite $s, "HTTP/1.1 400 Bad Request\r\n\r\n"; sleep 1; });
my $drip = server(sub { my ($s) = @_; sysread $s, my $x, 1; for (1 .. 20) { syswrite($s, 'R') or last; sleep 1; } });
my $reset = server(sub { my ($s) = @_; setsockopt $s, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0); close $s; });
my $secret = 'Canary-Wr0ng-' . time;
my $wrong = Whalefall::Fleet::add_credential($c, 'wrong', 'monitor', $secret);
my $port = $remote->port;

Whalefall::Fleet::register($c, name => 'a-fine', port => $port);
Whalefall::Fleet::register($c, name => 'b-dns', port => $port, host => 'no-such-host.invalid');
Whalefall::Fleet::register($c, name => 'c-refused', port => 1);
Whalefall::Fleet::register($c, name => 'd-auth', port => $port, credential => $wrong);
Whalefall::Fleet::register($c, name => 'e-database', port => $port, further => "database_name => 'nosuch'");
Whalefall::Fleet::register($c, name => 'f-tls', port => $port, further => "tls_mode => 'require'");
Whalefall::Fleet::register($c, name => 'g-protocol', port => $http, further => "tls_mode => 'disable'");
Whalefall::Fleet::register($c, name => 'h-timeout', port => $drip, further => "tls_mode => 'disable'");
my $cut = Whalefall::Fleet::register($c, name => 'i-reset', port => $reset, further => "tls_mode => 'disable'");

my $run = sql("select whalefall_api.instances_sync_accounts_all() ->> 'run_id'");
ok($c->wait_for("select status from whalefall_api.task_runs where run_id = '$run'", 'failed', 60, database => 'whalefall'), 'the run ends');
is(sql("select string_agg(item_name || ' ' || coalesce(error_code, status) || ' ' || coalesce(error_type, ''), E'\\n' order by item_name)"
	  . " from whalefall_api.task_run_items where run_id = '$run' and item_name < 'i'"),
	join("\n", 'a-fine completed ', map { my ($name, $word) = /(\w-(\w+))/; "$name DATABASE_CONNECTION_ERROR " . ($word eq 'database' ? 'unknown_database' : $word) }
		  qw(b-dns c-refused d-auth e-database f-tls g-protocol h-timeout)), 'each item says what is wrong');
is(sql("select status from whalefall_api.task_run_items where run_id = '$run' and instance_id = $cut"), 'failed', 'a reset fails its item');
is(sql("select count(distinct instance_id), min(instance_name) from whalefall_api.accounts"), '1|a-fine', 'only the good one has accounts');
is(sql("select string_agg(coalesce(last_connect_error, 'fine'), ' ' order by name) from whalefall_api.instances where name < 'i'"),
	'fine dns refused auth unknown_database tls protocol timeout', 'every instance remembers its word');
is(sql("select count(*) from whalefall_api.logs where module = 'accounts_sync' and level = 'ERROR'"), '8', 'every failure is logged');
is(sql("select count(*) from pg_stat_activity where backend_type = 'whalefall worker' and backend_xmin is not null and state = 'idle'"), '0',
	'no idle worker holds a snapshot');

# The password that was refused, and the one that was accepted, are nowhere.
for my $word ($secret, $Whalefall::Fleet::PASSWORD)
{
	is(sql("select count(*) from whalefall_api.logs l where l::text like '%$word%'")
		  . sql("select count(*) from whalefall_api.task_run_items i where i::text like '%$word%'"), '00', 'no row has the password');
	my @lines = grep { /\Q$word\E/ && !/l::text like|i::text like/ } split /\n/, $c->log_contents;
	is(scalar @lines, 0, 'nor has the server log');
}

done_testing;
