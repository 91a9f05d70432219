# One worker, servers of two engines in turns: each engine's program is started once, and both end with the worker.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Time::HiRes qw(sleep time);
use Whalefall::Tree;

# Before the drivers' tools, which are content with a PostgreSQL without the extension.
BEGIN { $ENV{WHALEFALL_TREE_BIN} ||= Whalefall::Tree::bindir(); }
use Whalefall::Cluster;
use Whalefall::Fleet;
use Whalefall::MySQL;

my $server = mysql_server('mariadb10') or plan skip_all => 'no MariaDB on this machine';
$server->monitor;
$server->query(q{alter user mon@'%' identified by 'Mon-01'});

# Programs that write down that they were started, and become the real ones.
my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 }, start => 0);
my $folder = $c->dir . '/programs';
my $started = $c->dir . '/started';
mkdir $folder, 0755 or die;
open my $file, '>', $started or die; close $file;
chmod 0666, $started;
for my $engine (qw(postgresql mysql))
{
	my $path = "$folder/whalefall-remote-$engine";
	open my $script, '>', $path or die;
	print $script "#!/bin/sh\necho $engine \$\$ >> '$started'\nexec '$c->{bindir}/whalefall-remote-$engine' \"\$@\"\n";
	close $script;
	chmod 0755, $path;
}
$c->configure('whalefall.helper_directory' => $folder, 'whalefall.max_workers' => 1)->start;
$c->create_extension;

sub started { open my $in, '<', $started or die; my @lines = <$in>; chomp @lines; return @lines }
sub value { return $c->value($_[0], database => 'whalefall') }

Whalefall::Fleet::make_monitor($c);
$c->query("copy whalefall_api.credential_input (name, credential_type, db_type, username, password) from stdin;\nmon\tdatabase\tmysql\tmon\tMon-01\n\\.\n",
	database => 'whalefall');
for my $i (1 .. 4)
{
	Whalefall::Fleet::register($c, name => "p$i", port => $c->port);
	value("select whalefall_api.instances_create(name => 'm$i', db_type => 'mysql', host => '127.0.0.1', port => " . $server->port
		  . ", credential_id => (select id from whalefall_api.credentials where name = 'mon'))");
}
my $run = value("select whalefall_api.instances_sync_accounts_all() ->> 'run_id'");
ok($c->wait_for("select status from whalefall_api.task_runs where run_id = '$run'", 'completed', 60, database => 'whalefall'), 'all are read');
is(value("select string_agg(item_name, ' ' order by started_at) from whalefall_api.task_run_items where run_id = '$run' and status = 'completed'"),
	'p1 m1 p2 m2 p3 m3 p4 m4', 'in turns');
my @programs = started();
is(join(' ', sort map { s/ .*//r } @programs), 'mysql postgresql', 'each program was started once');
my @pids = map { s/.* //r } @programs;
my $end = time + 20;
sleep 0.1 while grep({ -e "/proc/$_" } @pids) && time < $end;
is_deeply([ grep { -e "/proc/$_" } @pids ], [], 'and has ended with the worker');

done_testing;
