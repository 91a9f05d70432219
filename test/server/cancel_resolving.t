# Cancel while the helper program is stuck before it has spoken, as in a resolver that never answers: the worker is
# free within two seconds and the program is gone. (Connecting and reading: runs.t, guards.t, remote/helper.t.)
use strict;
use warnings;
use lib 'test/lib';
use Test::More;
use Time::HiRes qw(time);
use Whalefall::Cluster;
use Whalefall::Fleet;

my $c = Whalefall::Cluster->new(start => 0, settings => { 'whalefall.language' => 'en', 'whalefall.connect_timeout' => '60s' });
my $folder = $c->dir . '/stuck';
mkdir $folder, 0755;
open my $script, '>', "$folder/whalefall-remote-postgresql" or die;
print $script "#!/bin/sh\nexec sleep 300\n";
close $script;
chmod 0755, "$folder/whalefall-remote-postgresql";
$c->configure('whalefall.helper_directory' => $folder)->start;
$c->create_extension;
my $one = Whalefall::Fleet::register($c, name => 'one', port => $c->port);

sub sql { return $c->query($_[0], database => 'whalefall'); }
sub stuck { return grep { (readlink("/proc/$_/exe") // '') =~ m{/sleep$|/coreutils$|/busybox$} } $c->processes; }

my $run = sql("select whalefall_api.instances_sync_accounts_all() ->> 'run_id'");
ok($c->wait_for("select status from whalefall_api.task_run_items where run_id = '$run'", 'running', 20, database => 'whalefall'), 'the item runs');
ok($c->wait_for("select count(*) from pg_stat_activity where backend_type = 'whalefall worker' and query = 'reading instance'", '1', 10,
		database => 'whalefall'), 'its worker waits for the stuck program');
is(scalar stuck(), 1, 'which is there');
my $start = time;
sql("select whalefall_api.task_runs_cancel('$run')");
ok($c->wait_for("select count(*) from pg_stat_activity where backend_type = 'whalefall worker' and query = 'reading instance'", '0', 2,
		database => 'whalefall'), 'a cancel reaches it');
cmp_ok(time - $start, '<', 2.5, 'within two seconds');
is(scalar stuck(), 0, 'and the program is gone');
is(sql("select i.status || ' ' || r.status from whalefall_api.task_run_items i join whalefall_api.task_runs r using (run_id) where run_id = '$run'"),
	'cancelled cancelled', 'item and run are cancelled');

done_testing;
