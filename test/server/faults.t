# What breaks, and what must not: workers killed at every step, launcher and server killed, helper programs
# crashing, no worker slots, databases dropped, garbage on the wire.
use strict;
use warnings;
use lib 'test/lib';
use Test::More;
use Time::HiRes qw(time sleep);
use IO::Socket::INET;
use Whalefall::Cluster;
use Whalefall::Fleet;
use Whalefall::Tree;

my $remote = Whalefall::Cluster->new(bindir => Whalefall::Tree::bindir());
Whalefall::Fleet::make_monitor($remote);
my $c = Whalefall::Cluster->new(
	env => { WHALEFALL_TESTING => 1 },
	settings => { 'whalefall.test_retry_base' => '100ms', 'whalefall.language' => 'en',
		'whalefall.connect_timeout' => '20s', restart_after_crash => 'on' });
$c->create_extension;

sub sql { return $c->query($_[0], database => 'whalefall'); }
sub try { return $c->psql($_[0], database => 'whalefall', timeout => 60); }
sub ends { return $c->wait_for("select status from whalefall_api.task_runs where run_id = '$_[0]'", $_[1], $_[2] // 40, database => 'whalefall'); }
sub start_run { return sql("select whalefall_api.instances_sync_accounts_all() ->> 'run_id'"); }
sub arm
{
	my ($point, $action) = @_;
	my $file = $c->data . '/whalefall.test_point';
	open my $out, '>', "$file.tmp" or die;
	print $out "$point $action\n";
	close $out;
	chmod 0666, "$file.tmp";
	rename "$file.tmp", $file;
	return;
}

my $one = Whalefall::Fleet::register($c, name => 'one', port => $remote->port);
sql("select whalefall_api.instances_sync_accounts($one)");

# A worker killed at each step takes the server down and up again; the work is done once, by the next worker.
my $n = 0;
for my $point (qw(before_claim after_claim connecting fetching before_write mid_write before_commit after_commit))
{
	$n++;
	$remote->query("create role step_$n");
	arm($point, 'kill');
	my $from = -s $c->log_file;
	my $run = start_run();
	ok($c->wait_for_log(qr/terminated by signal 9/, $from), "$point: the worker is killed");
	ok(ends($run, 'completed'), "$point: the run completes all the same");
	is(sql("select count(*) from whalefall_api.account_changes where username = 'step_$n'"), '1', "$point: its change is logged once");
	is(sql("select status, progress_completed, progress_failed from whalefall_api.task_runs where run_id = '$run'"),
		'completed|1|0', "$point: counters equal the items");
	is(sql("select count(*) from whalefall_api.task_run_items where status = 'running'"), '0', "$point: nothing is stuck");
	is(sql("select attempt from whalefall_api.task_run_items where run_id = '$run'"),
		$point eq 'before_claim' || $point eq 'after_commit' ? '1' : '2', "$point: attempts are counted");
}

# The same with the whole server.
for my $point (qw(before_claim after_claim connecting fetching before_write mid_write before_commit after_commit))
{
	$n++;
	$remote->query("create role step_$n");
	arm($point, 'wait');
	my $run = start_run();
	for (1 .. 200)
	{
		last if !-e $c->data . '/whalefall.test_point';
		sleep 0.1;
	}
	ok(!-e $c->data . '/whalefall.test_point', "$point: a worker is at it");
	$c->kill9;
	$c->start;
	ok(ends($run, 'completed'), "$point: after kill -9 of the postmaster the run completes");
	is(sql("select count(*) from whalefall_api.account_changes where username = 'step_$n'"), '1', "$point: its change is logged once");
}

# An orderly restart in the middle.
$n++;
$remote->query("create role step_$n");
arm('connecting', 'wait');
my $run = start_run();
sleep 0.1 while -e $c->data . '/whalefall.test_point';
$c->restart;
ok(ends($run, 'completed'), 'a restart in mid-run delays it');
is(sql("select attempt from whalefall_api.task_run_items where run_id = '$run'"), '2', 'by one attempt');

# pg_terminate_backend of a worker: lost, retried, without a crash.
arm('connecting', 'wait');
my $from = -s $c->log_file;
$run = start_run();
sleep 0.1 while -e $c->data . '/whalefall.test_point';
sql("select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'whalefall worker'");
ok(ends($run, 'completed'), 'a terminated worker is replaced');
unlike($c->log_contents($from), qr/terminated by signal 9|crash/, 'and nobody else notices');

# The same under a caller who waits: he is told that the work goes on, and it does.
arm('connecting', 'wait');
my $waiter = $c->session(database => 'whalefall');
$waiter->send("select whalefall_api.instances_sync_accounts($one)");
sleep 0.1 while -e $c->data . '/whalefall.test_point';
sql("select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'whalefall worker'");
my $told = $waiter->receive(20);
like($told, qr/"status": "running"/, 'a caller whose worker is lost gets his run');
($run) = $told =~ /"run_id": "([^"]+)"/;
ok(ends($run, 'completed'), 'and the run is done by the next worker');

# A caller who goes away while he waits leaves nothing behind: all waiting places are free again.
for my $round (1 .. 6)
{
	arm('connecting', 'wait');
	$waiter->send("select whalefall_api.instances_sync_accounts($one)");
	sleep 0.1 while -e $c->data . '/whalefall.test_point';
	sql("select pg_cancel_backend(pid) from pg_stat_activity where query like '%instances_sync_accounts($one)%' and pid <> pg_backend_pid()");
	$waiter->receive(10);
	open my $go, '>', $c->data . '/whalefall.test_go';
	close $go;
	$c->wait_for("select count(*) from whalefall.task_run_items where status in ('pending', 'running')", '0', 20, database => 'whalefall');
}
like($waiter->error // '', qr/canceling statement/, 'a waiting caller can be interrupted');
like(sql("select whalefall_api.instances_sync_accounts($one)"), qr/completed/, 'six of them later a caller still may wait');
$waiter->quit;

# Three lost workers are enough.
$from = -s $c->log_file;
arm('connecting', 'kill');
$run = start_run();
for my $attempt (2 .. 3)
{
	sleep 0.05 while -e $c->data . '/whalefall.test_point';
	arm('connecting', 'kill');
}
ok(ends($run, 'failed'), 'an item that kills its worker three times fails');
is(sql("select error_code, error_message, attempt from whalefall_api.task_run_items where run_id = '$run'"),
	'WORKER_LOST|worker lost|3', 'and says so');

# The launcher itself.
$n++;
$remote->query("create role step_$n");
my $launcher = sql("select pid from pg_stat_activity where backend_type = 'whalefall launcher'");
kill 'KILL', $launcher;
ok($c->wait_for("select count(*) from pg_stat_activity where backend_type = 'whalefall launcher' and pid <> $launcher", '1', 30,
		database => 'whalefall'), 'a killed launcher comes back');
ok(ends(start_run(), 'completed'), 'and works');
$launcher = sql("select pid from pg_stat_activity where backend_type = 'whalefall launcher'");
sql("select pg_terminate_backend($launcher)");
ok($c->wait_for("select count(*) from pg_stat_activity where backend_type = 'whalefall launcher' and pid <> $launcher", '1', 30,
		database => 'whalefall'), 'so does a terminated one');

# A helper program that crashes fails one item and disturbs nobody.
my $silent = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1') or die;
my $mute = Whalefall::Fleet::register($c, name => 'mute', port => $silent->sockport);
my $witness = $c->session(database => 'whalefall');
my $witness_pid = $witness->query('select pg_backend_pid()');
for my $signal (qw(SEGV KILL))
{
	$run = start_run();
	my $helper;
	for (1 .. 100)
	{
		last if ($helper) = grep { (readlink("/proc/$_/exe") // '') =~ /whalefall-remote/ && -d "/proc/$_/task" && waiting_on($_) } $c->processes;
		sleep 0.1;
	}
	ok($helper, "a helper program waits for the silent server");
	kill $signal, $helper if $helper;
	ok(ends($run, 'failed'), "SIG$signal in it ends the run");
	is(sql("select string_agg(item_name || ' ' || status || ' ' || coalesce(error_type, ''), ', ' order by item_name) from whalefall_api.task_run_items where run_id = '$run'"),
		'mute failed other, one completed ', "with one failed item");
	is($witness->query('select pg_backend_pid()'), $witness_pid, 'and no session is lost');
}

# Is the process connected to the silent server?
sub waiting_on
{
	my ($pid) = @_;
	my $port = sprintf '%04X', $silent->sockport;
	open my $file, '<', "/proc/$pid/net/tcp" or return 0;
	my %inode = map { (split)[9] => 1 } grep { /^\s*\d+: \S+ 0100007F:$port 01/ } <$file>;
	for my $fd (glob "/proc/$pid/fd/*")
	{
		return 1 if (readlink($fd) // '') =~ /socket:\[(\d+)\]/ && $inode{$1};
	}
	return 0;
}
sql("select whalefall_api.instances_delete($mute)");

# A helper that talks garbage, and one that is not there.
my $garbage = $c->dir . '/garbage';
mkdir $garbage, 0755;
open my $script, '>', "$garbage/whalefall-remote-postgresql" or die;
print $script "#!/bin/sh\nprintf '\\377\\377\\377\\377garbage'\nexec sleep 60\n";
close $script;
chmod 0755, "$garbage/whalefall-remote-postgresql";
$c->configure('whalefall.helper_directory' => $garbage)->reload;
$c->wait_for('show whalefall.helper_directory', $garbage);
sleep 4;    # an idle worker keeps its helper for some seconds
like(try("select whalefall_api.instances_sync_accounts($one)")->{stderr}, qr/protocol/, 'a garbage frame is a protocol error');
$c->configure('whalefall.helper_directory' => '/nonexistent')->reload;
$c->wait_for('show whalefall.helper_directory', '/nonexistent');
sleep 4;
like(try("select whalefall_api.instances_sync_accounts($one)")->{stderr}, qr/other: /, 'a missing helper is an error');
is(sql("select status from whalefall_api.task_run_items order by id desc limit 1"), 'failed', 'of its item alone');
$c->configure('whalefall.helper_directory' => undef)->reload;
sleep 4;
like(sql("select whalefall_api.instances_sync_accounts($one)"), qr/completed/, 'and all is well again');

# No background worker slot is free: the work waits, the launcher neither spins nor floods the log.
$from = -s $c->log_file;
$c->configure(max_worker_processes => 1, max_logical_replication_workers => 0, max_parallel_workers => 0,
	'whalefall.sync_wait' => '2s')->restart;
$run = start_run();
my $answer = sql("select whalefall_api.instances_sync_accounts($one)");
like($answer, qr/"status": "running"/, 'a caller is told that the work goes on');
$launcher = sql("select pid from pg_stat_activity where backend_type = 'whalefall launcher'");
my $ticks = cpu($launcher);
sleep 10;
cmp_ok(cpu($launcher) - $ticks, '<=', 5, 'the launcher does not spin') or diag cpu($launcher) - $ticks;
my @warnings = $c->log_contents($from) =~ /no background worker slot is free/g;
is(scalar @warnings, 1, 'it warns once a minute');
$c->configure(max_worker_processes => 8, 'whalefall.sync_wait' => undef)->restart;
ok(ends($run, 'completed'), 'after a restart with slots the work is done');

sub cpu
{
	open my $file, '<', "/proc/$_[0]/stat" or return 0;
	my $line = <$file>;
	$line =~ s/^.*\) //;
	return (split ' ', $line)[11] + (split ' ', $line)[12];
}

# DROP EXTENSION and DROP DATABASE while a sync runs.
arm('connecting', 'wait');
$run = start_run();
sleep 0.1 while -e $c->data . '/whalefall.test_point';
$from = -s $c->log_file;
$c->query('drop database whalefall with (force)');
sleep 3;
unlike($c->log_contents($from), qr/terminated by signal|PANIC/, 'DROP DATABASE ends the worker and nothing else');
my @fatal = $c->log_contents($from) =~ /FATAL/g;
cmp_ok(scalar @fatal, '<=', 4, 'without a loop of failing starts') or diag $c->log_contents($from);
unlink $c->data . '/whalefall.test_point';
$c->create_extension;
my $again = Whalefall::Fleet::register($c, name => 'again', port => $remote->port);
like(sql("select whalefall_api.instances_sync_accounts($again)"), qr/completed/, 'a new control plane works at once');

done_testing;
