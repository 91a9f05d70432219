# What must hold against people and settings: who decides where logins go, hostile database owners, rolled-back
# cancels, locked rows, full queues.
use strict;
use warnings;
use lib 'test/lib';
use Test::More;
use IO::Socket::INET;
use Time::HiRes qw(time sleep);
use Whalefall::Cluster;
use Whalefall::Fleet;

my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 },
	settings => { 'whalefall.language' => 'en', 'whalefall.connect_timeout' => '20s', 'whalefall.max_workers' => 2 });
$c->create_extension;
Whalefall::Fleet::make_monitor($c);
my $one = Whalefall::Fleet::register($c, name => 'one', port => $c->port);

sub sql { return $c->query($_[0], database => 'whalefall'); }
sub as { return $c->psql("\\set VERBOSITY verbose\nset role $_[0];\n$_[1]", database => 'whalefall', timeout => 90); }
sub ends { return $c->wait_for("select status from whalefall_api.task_runs where run_id = '$_[0]'", $_[1], $_[2] // 40, database => 'whalefall'); }

# Only an administrator decides where a stored login is sent: a listener could ask for it in clear.
$c->query('create role editor; grant whalefall_user to editor; create role boss; grant whalefall_admin to boss');
for my $change ("host => '127.0.0.2'", 'port => 1', "tls_mode => 'disable'", "clear => '{tls_mode}', tls_mode => null, port => 2")
{
	like(as('editor', "select whalefall_api.instances_update($one, $change)")->{stderr}, qr/PT403.*administrator/s,
		"a user may not change $change of an instance with a login");
}
is(as('editor', "select whalefall_api.instances_update($one, description => 'mine', port => " . $c->port . ')')->{rc}, 0,
	'but everything else');
like(as('editor', "select whalefall_api.instances_test_connection(db_type => 'postgresql', host => '127.0.0.1', port => 1, credential_id => 1)")
	  ->{stderr}, qr/PT403.*given host/s, 'nor send a stored login to a host of his own');
like(as('boss', "select whalefall_api.instances_test_connection(db_type => 'postgresql', host => '127.0.0.1', port => 1, credential_id => 1)")
	  ->{stderr}, qr/refused/, 'an administrator may');
is(as('boss', "select whalefall_api.instances_update($one, tls_mode => 'disable')")->{rc}, 0, 'and changes TLS');

# The owner of the database is no superuser, and does not become one through a worker.
$c->query('create role owner login; alter database whalefall owner to owner');
$c->query('create schema evil; create table evil.caught(who text, super boolean);'
	  . ' create function evil.trap(name, name) returns boolean language plpgsql as $$ begin'
	  . " insert into evil.caught select current_user, rolsuper from pg_catalog.pg_roles where rolname operator(pg_catalog.=) current_user;"
	  . ' return $1::text operator(pg_catalog.=) $2::text; end $$;'
	  . ' create operator evil.= (leftarg = name, rightarg = name, function = evil.trap);'
	  . ' grant all on schema evil to public; grant all on evil.caught to public;'
	  . ' alter database whalefall set search_path = evil, pg_catalog;'
	  . ' alter database whalefall set default_transaction_read_only = on;'
	  . " alter database whalefall set default_transaction_isolation = 'serializable'", database => 'whalefall');
sleep 4;    # the worker of before has gone
my $free = { env => { PGOPTIONS => '-c search_path=pg_catalog -c default_transaction_read_only=off -c default_transaction_isolation=read\ committed' } };
like($c->psql("select whalefall_api.instances_sync_accounts($one)", database => 'whalefall', %$free)->{stdout}, qr/completed/,
	'a worker works whatever ALTER DATABASE has set');
is($c->value('select count(*) from evil.caught', database => 'whalefall', %$free), '0', 'and runs nothing of the owner');
$c->query("alter database whalefall reset all", %$free);

# A cancel that is rolled back is none.
my $silent = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1') or die;
my $mute = Whalefall::Fleet::register($c, name => 'mute', port => $silent->sockport);
my $run = sql("select whalefall_api.instances_sync_accounts_all() ->> 'run_id'");
$c->wait_for("select status from whalefall_api.task_run_items where run_id = '$run' and item_name = 'mute'", 'running', 20, database => 'whalefall');
sql("begin; savepoint s; select whalefall_api.task_runs_cancel('$run'); rollback to s; commit");
sleep 1.5;
is(sql("select status from whalefall_api.task_run_items where run_id = '$run' and item_name = 'mute'"), 'running', 'a cancel rolled back to a savepoint is none');
is(sql("select count(*) from pg_stat_activity where backend_type = 'whalefall worker' and query = 'reading instance'"), '1', 'and its worker goes on');
like($c->psql("begin; select whalefall_api.task_runs_cancel('$run'); prepare transaction 'p'", database => 'whalefall')->{stderr},
	qr/cannot PREPARE|prepared transactions are disabled/, 'nor can it be prepared');

# Tests are answered while the queue's workers are all busy.
my $mute2 = Whalefall::Fleet::register($c, name => 'mute2', port => $silent->sockport);
my $run2 = sql("select whalefall_api.databases_ledgers_sync_all() ->> 'run_id'");
$c->wait_for("select count(*) from whalefall_api.task_run_items where status = 'running'", '2', 20, database => 'whalefall');
for my $n (1 .. 6)
{
	my $start = time;
	like(sql("select whalefall_api.instances_test_connection($one)"), qr/"success": true/, "test $n is answered");
	cmp_ok(time - $start, '<', 5, 'at once');
}
cmp_ok(sql("select count(*) from whalefall_api.task_run_items where status = 'running'"), '<=', 2, 'the queue keeps to its two workers');
sql("select whalefall_api.task_runs_cancel('$_')") for $run, $run2;
sql("select whalefall_api.instances_delete($_)") for $mute, $mute2;

# A worker that waits for a row lock is reached by a cancel.
my $locker = $c->session(database => 'whalefall');
$locker->query("begin; select whalefall_api.instances_update($one, description => 'x')");
$run = sql("select whalefall_api.instances_sync_accounts_all() ->> 'run_id'");
ok($c->wait_for("select count(*) from pg_stat_activity where backend_type = 'whalefall worker' and wait_event_type = 'Lock'", '1', 20, database => 'whalefall'),
	'a worker waits for a row');
sql("select whalefall_api.task_runs_cancel('$run')");
ok($c->wait_for("select count(*) from pg_stat_activity where backend_type = 'whalefall worker' and wait_event_type = 'Lock'", '0', 2, database => 'whalefall'),
	'a cancel reaches it within two seconds');
like($locker->query("select whalefall_api.instances_sync_accounts($one)") . $locker->error, qr/COMMIT first/,
	'who has written cannot wait for a worker that would wait for him');
$locker->query('rollback');

# Rows of the queue that somebody keeps locked make nobody spin.
$c->configure('whalefall.max_waiting' => 0)->reload;
sleep 0.5;
$locker->query('begin; lock table whalefall.instances in share mode');
my $queued = sql("select whalefall_api.instances_sync_accounts($one) ->> 'run_id'");
$locker->query('commit');
ends($queued, 'completed');
$locker->query('begin');
sql("insert into whalefall.task_runs (task_key, task_name, task_category, trigger_source, is_fleet, progress_total) values ('sync_instance_accounts', 'x', 'account', 'manual', false, 1)");
sql("insert into whalefall.task_run_items (run_id, work, item_type, item_key, item_name, instance_id) select run_id, 'accounts', 'instance', '1', 'one', $one from whalefall.task_runs order by id desc limit 1");
$locker->query("select 1 from whalefall.task_run_items where status = 'pending' for update");
$c->restart if 0;
sql("select whalefall_api.databases_ledgers_sync_all()");
sleep 3;
my $before = sql("select xact_commit from pg_stat_database where datname = 'whalefall'");
sleep 3;
cmp_ok(sql("select xact_commit from pg_stat_database where datname = 'whalefall'") - $before, '<', 60, 'a locked item is looked at once a second');
$locker->query('rollback');
ok($c->wait_for("select count(*) from whalefall.task_run_items where status in ('pending', 'running')", '0', 20, database => 'whalefall'),
	'and done when it is free');
$c->configure('whalefall.max_waiting' => undef)->reload;
sleep 0.3;

# Long texts are cut between characters, so that the log stays readable.
my $long = '鲸' x 60;
$c->psql("select whalefall_api.instances_test_connection(db_type => 'postgresql', host => '127.0.0.1', port => 1, username => 'a', password => 'b', name => '$long')",
	database => 'whalefall');
cmp_ok(sql("select max(length(context ->> 'instance_name')) from whalefall_api.logs where module = 'connections'"), '>', 30,
	'a long label is logged, cut');

# Nothing is answered to a missing id by silence.
for my $call (qw(instances_sync_accounts instances_sync_capacity task_runs_get task_runs_error_logs task_runs_cancel sync_sessions_get
	sync_sessions_error_logs sync_sessions_cancel instances_connection_status))
{
	like($c->psql("\\set VERBOSITY verbose\nselect whalefall_api.$call(null)", database => 'whalefall')->{stderr}, qr/PT400.*missing/s, "$call(null) is refused");
}

# After the database is dropped the launcher asks for it, and does not start workers for ever.
my $from = -s $c->log_file;
$c->query("alter database whalefall owner to postgres");
$locker->quit;
my $busy = Whalefall::Fleet::register($c, name => 'busy', port => $silent->sockport);
sql("select whalefall_api.instances_sync_accounts_all()");
$c->wait_for("select count(*) from pg_stat_activity where query = 'reading instance'", '1', 10, database => 'whalefall');
$c->query('drop database whalefall with (force)');
sleep 5;
my @failed = $c->log_contents($from) =~ /FATAL:  database "whalefall" does not exist/g;
cmp_ok(scalar @failed, '<=', 1, 'no worker is started for a database that is gone');

done_testing;
