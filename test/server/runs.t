# Runs, end to end against a real server: sync of one and of all, sessions, conflicts, cancel, waiting.
use strict;
use warnings;
use lib 'test/lib';
use Test::More;
use Time::HiRes qw(time sleep);
use Whalefall::Cluster;
use Whalefall::Fleet;
use IO::Socket::INET;

my $c = Whalefall::Cluster->new(
	env => { WHALEFALL_TESTING => 1 },
	settings => { 'whalefall.test_retry_base' => '200ms', 'whalefall.language' => 'en' });
$c->create_extension;
Whalefall::Fleet::make_monitor($c);

sub sql { return $c->query($_[0], database => 'whalefall'); }
sub try { return $c->psql($_[0], database => 'whalefall', timeout => 90); }

my $one = Whalefall::Fleet::register($c, name => 'one', port => $c->port);

# A sync of one instance: waits, answers, and leaves run, item, session, log.
my $start = time;
my $result = sql("select whalefall_api.instances_sync_accounts($one) -> 'result'");
like($result, qr/"status": "completed"/, 'the sync of one instance completes');
cmp_ok(time - $start, '<', 10, 'without waiting for anything but the work');
is(sql("select bool_and(username is not null) and count(*) filter (where username = 'monitor') = 1"
	  . " from whalefall_api.accounts where instance_id = $one"), 't', 'the accounts are there');
is(sql("select is_superuser from whalefall_api.accounts where instance_id = $one and username = 'postgres'"),
	't', 'postgres is a superuser');
is(sql("select count(*) from whalefall_api.accounts where username like 'pg\\_%'"), '0', 'built-in roles are filtered');
is(sql("select status, total_instances, successful_instances, failed_instances, progress_percentage, sync_type"
	  . " from whalefall_api.sync_sessions"), 'completed|1|1|0|100.00|manual_single', 'one session, done');
is(sql("select status, progress_total, progress_completed, progress_failed from whalefall_api.task_runs"),
	'completed|1|1|0', 'one run, done');
is(sql("select summary_json #>> '{ext,data,instances,successful}', summary_json #>> '{ext,type}' from whalefall_api.task_runs"),
	'1|sync_instance_accounts', 'with a summary');
is(sql("select last_connect_ok, last_connect_error is null, last_connected is not null, main_version is not null,"
	  . " last_account_sync_at is not null, sync_count from whalefall.instances where id = $one"),
	't|t|t|t|t|1', 'the instance remembers the contact');
cmp_ok(sql("select count(*) from whalefall_api.logs where module = 'accounts_sync'"), '>', 0, 'the unified log tells of it');

# Again: nothing changed, nothing written.
my $before = sql("select md5(string_agg(ctid::text || xmin::text, ',' order by id)) from whalefall.account_permission");
$result = sql("select whalefall_api.instances_sync_accounts($one) -> 'result'");
like($result, qr/"synced_count": 0\b/, 'a second sync of the same state writes no account');
is(sql("select md5(string_agg(ctid::text || xmin::text, ',' order by id)) from whalefall.account_permission"),
	$before, 'not one row version');

# A changed role is a logged change.
$c->query("create role \"新角色\" createrole; grant \"新角色\" to monitor");
$result = sql("select whalefall_api.instances_sync_accounts($one) -> 'result'");
like($result, qr/"added_count": 1\b/, 'a new role is added');
like($result, qr/"modified_count": 1\b/, 'and the member is modified');
is(sql("select change_type from whalefall_api.account_changes where username = '新角色'"), 'add', 'in the change log');

# Capacity.
$c->query('create database "Kapazität"');
$result = sql("select whalefall_api.instances_sync_capacity($one) -> 'result'");
like($result, qr/"status": "completed"/, 'the capacity sync completes');
is(sql("select string_agg(database_name, ',' order by database_name) from whalefall_api.databases where instance_id = $one")
	  || '', 'Kapazität,whalefall', 'its databases are known')
  or diag sql("select * from whalefall_api.databases");
cmp_ok(sql("select max(total_size_mb) from whalefall_api.instance_sizes"), '>', 5, 'and the total size');
my $database = sql("select id from whalefall_api.databases where instance_id = $one and database_name = 'whalefall'");
$result = sql("select whalefall_api.databases_table_sizes_refresh($database, schema_name => 'whalefall', page_size => 2)");
like($result, qr/"saved_count" ?: ?\d\d/, 'table sizes are sampled');
is(sql("select json_array_length(whalefall_api.databases_table_sizes_refresh($database, page_size => 2) -> 'tables')"),
	'2', 'and paged');

# The fleet.
my $dead = Whalefall::Fleet::register($c, name => 'dead', port => 1);
my $run = sql("select whalefall_api.instances_sync_accounts_all() ->> 'run_id'");
like($run, qr/^[0-9a-f-]{36}$/, 'the fleet run answers with its id at once');
ok($c->wait_for("select status from whalefall_api.task_runs where run_id = '$run'", 'failed', 30, database => 'whalefall'),
	'one dead instance fails the run');
is(sql("select string_agg(item_name || ' ' || status || ' ' || coalesce(error_code, '') || ' ' || coalesce(error_type, ''), ', ' order by item_name)"
	  . " from whalefall_api.task_run_items where run_id = '$run'"),
	'dead failed DATABASE_CONNECTION_ERROR refused, one completed  ', 'and only its own item');
is(sql("select progress_completed, progress_failed from whalefall_api.task_runs where run_id = '$run'"), '1|1', 'counters agree');
is(sql("select json_array_length(whalefall_api.task_runs_error_logs('$run') -> 'items')"), '1', 'error_logs shows it');
is(sql("select whalefall_api.task_runs_get('$run') #>> '{run,status}'"), 'failed', 'task_runs_get too');
my $session = sql("select session_id from whalefall_api.task_runs where run_id = '$run'");
is(sql("select json_array_length(whalefall_api.sync_sessions_get('$session') #> '{session,instance_records}')"), '2',
	'the session has two records');
is(sql("select whalefall_api.sync_sessions_error_logs('$session') ->> 'error_count'"), '1', 'and one error');
is(sql("select whalefall_api.sync_sessions_statistics() ->> 'failed_sessions'"), '1', 'statistics count it');
is(sql("select last_connect_ok, last_connect_error from whalefall.instances where id = $dead"), 'f|refused',
	'the dead instance says why');
is(sql("select whalefall_api.instances_connection_status($dead) ->> 'status'"), 'poor', 'and is poor');
is(sql("select whalefall_api.instances_connection_status($one) ->> 'status'"), 'good', 'the live one is good');

# The lists.
is(sql("select json_array_length(whalefall_api.task_runs_list(task_key => 'sync_accounts') -> 'items')"), '1', 'task_runs_list filters');
is(sql("select whalefall_api.task_runs_list(page_size => 2) ->> 'pages'"), sql("select ceil(count(*) / 2.0) from whalefall_api.task_runs"),
	'task_runs_list pages');
is(sql("select json_array_length(whalefall_api.task_runs_list(page => 99) -> 'items')"), '0', 'a page past the end is empty');
is(sql("select json_array_length(whalefall_api.sync_sessions_list(status => 'failed') -> 'items')"), '1', 'sync_sessions_list filters');

# Wrong input.
for my $case (
	[ "select whalefall_api.instances_sync_accounts(999999)", 'PT404', 'unknown instance' ],
	[ "select whalefall_api.task_runs_get('no-uuid')", 'PT404', 'an id that is no uuid' ],
	[ "select whalefall_api.task_runs_get('00000000-0000-0000-0000-000000000000')", 'PT404', 'an unknown run' ],
	[ "select whalefall_api.task_runs_cancel('$run')", 'PT404', 'cancel of a run that is over' ],
	[ "select whalefall_api.sync_sessions_cancel('$session')", 'PT404', 'cancel of a session that is over' ],
	[ "select whalefall_api.sync_sessions_statistics(0)", 'PT400', 'hours out of range' ],
	[ "select whalefall_api.sync_sessions_list(page => 0)", 'PT400', 'page out of range' ],
	[ "select whalefall_api.databases_table_sizes_refresh($database, page_size => 2001)", 'PT400', 'page size out of range' ],
	[ "select whalefall_api.databases_table_sizes_refresh(99999)", 'PT404', 'unknown database' ],
	[ "select whalefall_api.instances_sync_accounts($dead)", 'PT400', 'a failed sync of one instance' ],
	[ "select whalefall_api.instances_sync_capacity($dead)", 'PT409', 'a failed capacity sync' ],
	[ "begin isolation level repeatable read; select whalefall_api.instances_sync_accounts($one)", '25001', 'in a transaction that cannot see the result' ])
{
	my ($statement, $state, $name) = @$case;
	my $failed = try("\\set VERBOSITY verbose\n$statement");
	like($failed->{stderr}, qr/ERROR:  $state:/, $name) or diag $failed->{stderr};
}
like(try("select whalefall_api.instances_sync_accounts($dead)")->{stderr}, qr/refused/, 'the error says what is wrong');

# Connection tests.
is(sql("select whalefall_api.instances_test_connection($one) ->> 'success'"), 'true', 'a good connection');
like(sql("select whalefall_api.instances_test_connection($one) ->> 'version'"), qr/^\d+\.\d+/, 'names the version');
my $failed = try("\\set VERBOSITY verbose\nselect whalefall_api.instances_test_connection($dead)");
like($failed->{stderr}, qr/PT409.*CONNECTION_FAILED: refused \(error id ([0-9a-f]{32})\)/s, 'a bad one fails with a word and an id');
my ($error_id) = $failed->{stderr} =~ /error id ([0-9a-f]{32})/;
is(sql("select count(*) from whalefall_api.logs where context ->> 'error_id' = '$error_id'"), '1', 'that leads to the log row');
is(sql("select whalefall_api.instances_test_connection(db_type => 'pg', host => '127.0.0.1', port => " . $c->port
	  . ", username => 'monitor', password => '$Whalefall::Fleet::PASSWORD') ->> 'success'"), 'true', 'given parameters');
like(try("select whalefall_api.instances_test_connection(db_type => 'postgresql', host => '127.0.0.1', port => " . $c->port
	  . ", username => 'monitor', password => 'wrong')")->{stderr}, qr/CONNECTION_FAILED: auth/, 'a wrong password is auth');
like(try("select whalefall_api.instances_test_connection(db_type => 'postgresql')")->{stderr}, qr/Missing: host, port, credential_id/,
	'all missing fields are named');
like(try("select whalefall_api.instances_test_connection(db_type => 'postgresql', host => '169.254.169.254', port => 80, username => 'a', password => 'b')")
	  ->{stderr}, qr/link-local/, 'metadata services are out of reach');
like(try("select whalefall_api.instances_test_connection(db_type => 'postgresql', host => '/tmp', port => 80, username => 'a', password => 'b')")
	  ->{stderr}, qr/not an address/, 'so are sockets');
my $batch = sql("select whalefall_api.instances_batch_test_connections(array[$dead, $one, 999])");
like($batch, qr/"summary": \{"total": 3, "failed": 2, "success": 1\}/, 'a batch counts') or diag $batch;
is(sql("select string_agg(r ->> 'instance_id', ',') from json_array_elements(whalefall_api.instances_batch_test_connections(array[$dead, $one, 999]) -> 'results') r"),
	"$dead,$one,999", 'and keeps the order');
like(try("select whalefall_api.instances_batch_test_connections('{}')")->{stderr}, qr/0 entries/, 'an empty batch is refused');
is(sql("select whalefall_api.instances_validate_connection_params('pg', 5432) is null"), 't', 'good parameters say nothing');
like(try("select whalefall_api.instances_validate_connection_params('db2', 5432)")->{stderr}, qr/not known/, 'an unknown type does');
like(try("select whalefall_api.instances_validate_connection_params('pg', 70000)")->{stderr}, qr/out of range/, 'so does a bad port');

# A server that accepts and says nothing: everything that waits for it stays bounded and cancellable.
my $silent = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1') or die;
my $mute = Whalefall::Fleet::register($c, name => 'mute', port => $silent->sockport);
sql("select whalefall_api.instances_delete($dead)");
$run = sql("select whalefall_api.instances_sync_accounts_all() ->> 'run_id'");
ok($c->wait_for("select status from whalefall_api.task_run_items where run_id = '$run' and item_name = 'mute'", 'running', 10,
		database => 'whalefall'), 'a silent instance is being worked on');
like(try("\\set VERBOSITY verbose\nselect whalefall_api.instances_sync_accounts_all()")->{stderr}, qr/PT409.*$run/s,
	'a second fleet run is refused and names the first');
like(try("\\set VERBOSITY verbose\nselect whalefall_api.instances_sync_accounts($mute)")->{stderr}, qr/PT409.*$run/s,
	'so is the same work on the instance');
is(sql("select count(*) from pg_stat_activity where backend_type = 'whalefall worker' and xact_start is not null"), '0',
	'no worker holds a transaction meanwhile');
sql("select whalefall_api.task_runs_cancel('$run')");
$start = time;
ok($c->wait_for("select count(*) from pg_stat_activity where backend_type = 'whalefall worker' and state = 'idle' and query = 'reading instance'",
		'0', 5, database => 'whalefall'), 'cancel reaches the worker');
cmp_ok(time - $start, '<', 2, 'within two seconds');
is(sql("select status from whalefall_api.task_run_items where run_id = '$run' and item_name = 'mute'"), 'cancelled', 'the item is cancelled');
is(sql("select status, progress_completed + progress_failed = progress_total from whalefall_api.task_runs where run_id = '$run'"),
	'cancelled|t', 'and its run, counters complete');

# Timeout of a silent server in a fleet run.
$run = sql("select whalefall_api.databases_ledgers_sync_all() ->> 'run_id'");
ok($c->wait_for("select error_type from whalefall_api.task_run_items where run_id = '$run' and item_name = 'mute'", 'timeout', 15,
		database => 'whalefall'), 'a silent server times out');

# Too many waiting callers are not kept.
$c->configure('whalefall.max_waiting' => 0)->reload;
sleep 0.3;
$result = sql("select whalefall_api.instances_sync_accounts($one)");
like($result, qr/"status": "running"/, 'beyond max_waiting the answer is the run');
($run) = $result =~ /"run_id": "([^"]+)"/;
ok($c->wait_for("select status from whalefall_api.task_runs where run_id = '$run'", 'completed', 20, database => 'whalefall'),
	'which is done all the same');

# Nobody active.
sql("select whalefall_api.instances_delete($one)");
sql("select whalefall_api.instances_delete($mute)");
like(try("\\set VERBOSITY verbose\nselect whalefall_api.instances_sync_accounts_all()")->{stderr}, qr/PT400.*no active instance/s,
	'a fleet of nobody is refused');

done_testing;
