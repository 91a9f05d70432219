# What waits for another server: connection tests, syncs of one instance and of the fleet, table sizes; good, bad, too slow, too
# many at once, and cancelled. The managed server is the control plane's own cluster; slow ones are sockets that never answer.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);
use Contract;
use Shapes;
use Whalefall::Fleet;

binmode $_, ':utf8' for Test::More->builder->output, Test::More->builder->failure_output;
my $t = Contract->start(settings => { 'whalefall.max_workers' => 4, 'whalefall.connect_timeout' => 2, 'whalefall.test_connect_timeout' => 3, 'whalefall.max_waiting' => 2,
	max_worker_processes => 16 });
my $c = $t->cluster;
my $port = $c->port;
my $SECRET = $Whalefall::Fleet::PASSWORD;

Whalefall::Fleet::make_monitor($c);
$t->sql('create table public.measured as select g as id, repeat(\'x\', 1000) as filler from generate_series(1, 3000) g');
my $closed = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1, Proto => 'tcp');
my $closed_port = $closed->sockport;
close $closed;
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 20, Proto => 'tcp') or die "listen: $!";
my %id = (
	good => Whalefall::Fleet::register($c, name => 'good', port => $port),
	refused => Whalefall::Fleet::register($c, name => 'refused', port => $closed_port),
	silent => Whalefall::Fleet::register($c, name => 'silent', port => $silent->sockport),
	wrong => Whalefall::Fleet::register($c, name => 'wrong', port => $port, credential => Whalefall::Fleet::add_credential($c, 'wrong', 'monitor', 'Wrong-p4ssword')),
	none => $t->sql("select whalefall_api.instances_create('none', 'postgresql', '127.0.0.1', $port) #>> '{instance,id}'"));
$t->sql("update whalefall.instances set is_active = false where name in ('refused', 'silent', 'wrong', 'none')");
my $TEST = '/instances/actions/test-connection';

# Connection tests, of a stored instance.
my $data = $t->good($t->call('viewer', 'POST', $TEST, { instance_id => $id{good} }), 200, 'a viewer tests a stored instance', $SHAPE{connection_good}) // {};
like($data->{database_version} // '', qr/^PostgreSQL \d+\.\d+/, 'the banner of the server');
my ($main) = ($data->{database_version} // '') =~ /^PostgreSQL (\d+\.\d+)/;
is($data->{main_version}, $main, 'and its version');
is($t->sql("select main_version || '|' || (last_connected > now() - interval '1 minute') || '|' || last_connect_ok from whalefall.instances where id = $id{good}"), "$main|true|true",
	'is stored, with the time');
is($t->call('viewer', 'GET', "/instances/$id{good}/connection-status")->json->{data}{status}, 'good', 'so the status is good');
for my $case ([ 'refused', 'refused' ], [ 'wrong', 'auth' ], [ 'silent', 'timeout' ])
{
	my ($name, $word) = @$case;
	my $began = time;
	my $shown = $t->bad($t->call('admin', 'POST', $TEST, { instance_id => $id{$name} }), 409, 'DATABASE_CONNECTION_ERROR', "a test that ends in $word",
		extra => { connection_error_id => 'id32', details => { error_type => \$word }, 'error_code?' => 'str' });

	cmp_ok(time - $began, '<', 8, 'within its time');
	unlike($shown->{message}, qr/127\.0\.0\.1|password|monitor|FATAL|Connection/, 'without the words of the driver');
	my $hidden = $t->bad($t->call('user', 'POST', $TEST, { instance_id => $id{$name} }), 409, 'DATABASE_CONNECTION_ERROR', 'to others than administrators',
		extra => { connection_error_id => 'id32', 'error_code?' => 'str' });
	is($t->sql("select count(*) from whalefall_data.unified_logs where context ->> 'error_id' = '$hidden->{extra}{connection_error_id}' and level = 'WARNING'"), 1, 'the log has the rest, by the id') if $hidden->{extra};
	is($t->call('viewer', 'GET', "/instances/$id{$name}/connection-status")->json->{data}{status}, 'poor', 'the status is poor');
	is($t->call('viewer', 'GET', "/instances/$id{$name}/connection-status")->json->{data}{last_connected}, undef, 'a failed try is no connection');
}
$t->bad($t->call('viewer', 'POST', $TEST, { instance_id => $id{none} }), 409, 'DATABASE_CONNECTION_ERROR', 'an instance without a login', extra => { connection_error_id => 'id32', 'error_code?' => 'str' });

# Of given parameters.
my %given = (db_type => 'postgresql', host => '127.0.0.1', port => $port, username => 'monitor', password => $SECRET);
$t->good($t->call('user', 'POST', $TEST, {%given}), 200, 'a user tests parameters of his own', $SHAPE{connection_good});
$t->good($t->call('user', 'POST', $TEST, { %given, database => 'whalefall', name => 'label' }), 200, 'with a database', $SHAPE{connection_good});
$t->bad($t->call('user', 'POST', $TEST, { %given, database => 'nowhere' }), 409, 'DATABASE_CONNECTION_ERROR', 'which must be there', extra => { connection_error_id => 'id32', 'error_code?' => 'str' });
$t->bad($t->call('user', 'POST', $TEST, { %given, database_name => 'nowhere' }), 409, 'DATABASE_CONNECTION_ERROR', 'by its other name too', extra => { connection_error_id => 'id32', 'error_code?' => 'str' });
$t->bad($t->call('user', 'POST', $TEST, { %given, password => 'Wrong-p4ssword' }), 409, 'DATABASE_CONNECTION_ERROR', 'and the password right', extra => { connection_error_id => 'id32', 'error_code?' => 'str' });
my $credential = $t->sql("select id from whalefall.credentials where name = 'monitor'");
$t->good($t->call('admin', 'POST', $TEST, { db_type => 'postgresql', host => '127.0.0.1', port => $port, credential_id => $credential }), 200, 'an administrator sends a stored login', $SHAPE{connection_good});
$t->bad($t->call('user', 'POST', $TEST, { db_type => 'postgresql', host => '127.0.0.1', port => $port, credential_id => $credential }), 403, 'PERMISSION_REQUIRED', 'and nobody else');
$t->bad($t->call('viewer', 'POST', $TEST, {%given}), 403, 'PERMISSION_REQUIRED', 'a viewer tests no parameters');

# Many at once.
my @asked = ($id{wrong}, $id{good}, 999999999, $id{refused}, $id{good});
my $batch = $t->good($t->call('viewer', 'POST', '/instances/actions/batch-test-connections', { instance_ids => \@asked }), 200, 'five at once',
	{ results => ['any'], summary => { total => \5, success => \2, failed => \3 } }) // {};
is(join(' ', map { $_->{instance_id} } @{ $batch->{results} // [] }), "@asked", 'in the order asked for');
my @results = @{ $batch->{results} // [] };
is(join("\n", Shape::wrong($results[1], { %{ $SHAPE{connection_good} }, instance_id => \($id{good} + 0), instance_name => \'good' })), '', 'a good one');
is(join("\n", Shape::wrong($results[0], { %{ $SHAPE{connection_bad} }, instance_id => \($id{wrong} + 0), instance_name => \'wrong' })), '', 'a bad one');
is(join("\n", Shape::wrong($results[2], { instance_id => \999999999, success => \JSON::PP::false, error => qr/\S/, message => qr/\S/ })), '', 'one of nothing');
is(($t->call('admin', 'POST', '/instances/actions/batch-test-connections', { instance_ids => [ $id{wrong} ] })->json->{data}{results}[0]{details} // {})->{error_type}, 'auth', 'administrators see why');

# Sync of one instance.
my $INVENTORY = { status => 'str', created => 'int', refreshed => 'int', reactivated => 'int', deactivated => 'int', processed_records => 'int', total_remote => 'int', active_count => 'int',
	active_accounts => ['str'], '*' => 'any' };
my $RESULT = { status => \'completed', success => \JSON::PP::true, message => qr/\S/, synced_count => 'int', added_count => 'int', modified_count => 'int', removed_count => 'int',
	details => { inventory => $INVENTORY, collection => { status => qr/^(?:completed|skipped)$/, created => 'int', updated => 'int', skipped => 'int', processed_records => 'int', errors => ['str'],
		message => 'str', '*' => 'any' } } };
my $first = $t->good($t->call('user', 'POST', "/instances/$id{good}/actions/sync-accounts"), 200, 'accounts of one instance', { result => $RESULT }, qr/新增 \d+/)->{result};
cmp_ok($first->{added_count}, '>=', 2, 'are found');
is($first->{synced_count}, $first->{added_count}, 'and all are new');
my $again = $t->good($t->call('user', 'POST', "/instances/$id{good}/actions/sync-accounts"), 200, 'once more', { result => $RESULT })->{result};
is("$again->{added_count} $again->{modified_count} $again->{removed_count}", '0 0 0', 'nothing is new');
is($t->call('viewer', 'GET', "/instances/$id{good}")->json->{data}{instance}{sync_count}, 2, 'both are counted');
$t->sql("update whalefall.instances set is_active = true where name in ('refused', 'silent', 'wrong', 'none')");
for my $name (qw(refused wrong none))
{
	my $envelope = $t->bad($t->call('user', 'POST', "/instances/$id{$name}/actions/sync-accounts"), 400, 'INVALID_REQUEST', "accounts of '$name'", category => 'system', severity => 'medium',
		extra => { instance_id => \($id{$name} + 0), result => { status => \'failed', success => \JSON::PP::false, message => 'str', error => 'str', synced_count => \0, added_count => \0,
			modified_count => \0, removed_count => \0, 'error_code?' => 'str', 'error_type?' => 'str?' } });
	unlike(Shape::shown($envelope), qr/\Q$SECRET\E|Wrong-p4ssword/, 'shows no secret');
}
is($t->call('viewer', 'GET', "/instances/$id{wrong}")->json->{data}{instance}{sync_count}, 0, 'failures are not counted');
$t->sql("update whalefall.instances set deleted_at = now() where id = $id{none}");
$t->bad($t->call('user', 'POST', "/instances/$id{none}/actions/$_"), 404, 'RESOURCE_NOT_FOUND', "$_ of a deleted one") for qw(sync-accounts sync-capacity);
$t->sql("update whalefall.instances set deleted_at = null where id = $id{none}");

# Capacity of one instance, and tables of one database.
my $capacity = $t->good($t->call('user', 'POST', "/instances/$id{good}/actions/sync-capacity"), 200, 'sizes of one instance', { result => { status => \'completed',
	databases => [ { database_name => 'str', size_mb => 'int', data_size_mb => 'int?', log_size_mb => 'int?', collected_date => 'date', collected_at => 'ts', is_system => 'bool' } ], database_count => 'int',
	total_size_mb => 'int', saved_count => 'int', instance_stat_updated => \JSON::PP::true, inventory => { created => 'int', refreshed => 'int', reactivated => 'int', deactivated => 'int',
		active_databases => ['str'], filtered_databases => ['str'], synchronized_databases => ['str'], '*' => 'any' }, message => 'str', '*' => 'any' } })->{result};
ok(scalar(grep { $_->{database_name} eq 'whalefall' && $_->{size_mb} > 5 } @{ $capacity->{databases} }), 'with this database');
is($capacity->{database_count}, scalar @{ $capacity->{databases} }, 'counted');
$t->bad($t->call('user', 'POST', "/instances/$id{refused}/actions/sync-capacity"), 409, 'DATABASE_CONNECTION_ERROR', 'sizes of an unreachable one',
	extra => { instance_id => \($id{refused} + 0), 'error_code?' => 'str', 'error_type?' => 'str?' });
my $database = $t->sql("select id from whalefall.instance_databases where instance_id = $id{good} and database_name = 'whalefall'");
my $TABLES = { total => 'int', limit => 'int', page => 'int', pages => 'int', collected_at => 'ts', saved_count => 'int', deleted_count => 'int', elapsed_ms => 'int',
	tables => [ { schema_name => 'str', table_name => 'str', size_mb => 'num', 'data_size_mb?' => 'num', 'index_size_mb?' => 'num', 'row_count?' => 'int', collected_at => 'ts' } ] };
my $tables = $t->good($t->call('user', 'POST', "/databases/$database/tables/sizes/actions/refresh?schema_name=PUBLIC&table_name=measure&limit=5"), 200, 'tables of a database', $TABLES);
is("$tables->{total} $tables->{limit} $tables->{page} $tables->{pages} $tables->{tables}[0]{table_name}", '1 5 1 1 measured', 'filtered and paged');
for my $query ('page=0', 'limit=0', 'limit=2001', 'page=x')
{
	$t->bad($t->call('user', 'POST', "/databases/$database/tables/sizes/actions/refresh?$query"), 400, 'VALIDATION_ERROR', "tables: $query");
}
$t->sql("update whalefall.instances set port = $closed_port where id = $id{good}");
$t->bad($t->call('user', 'POST', "/databases/$database/tables/sizes/actions/refresh"), 409, 'DATABASE_CONNECTION_ERROR', 'tables of an unreachable one',
	extra => { instance_id => \($id{good} + 0), database_name => \'whalefall', 'error_code?' => 'str', 'error_type?' => 'str?' });
$t->sql("update whalefall.instances set port = $port where id = $id{good}; update whalefall.instances set deleted_at = now() where id = $id{good}");
$t->bad($t->call('user', 'POST', "/databases/$database/tables/sizes/actions/refresh"), 404, 'RESOURCE_NOT_FOUND', 'tables of a deleted one');
$t->sql("update whalefall.instances set deleted_at = null where id = $id{good}");

# The fleet: started, not waited for.
sub ended
{
	my ($run) = @_;
	my $end = time + 40;

	while (time < $end)
	{
		my $data = $t->call('viewer', 'GET', "/task-runs/$run")->json->{data};
		return $data if $data->{run}{status} !~ /^(?:pending|running)$/;
		sleep 0.2;
	}
	return {};
}
my $began = time;
my $fleet = $t->good($t->call('user', 'POST', '/instances/actions/sync-accounts'), 200, 'a sync of the fleet', { run_id => 'uuid', session_id => 'uuid' });
cmp_ok(time - $began, '<', 2, 'does not wait');
$t->bad($t->call('user', 'POST', '/instances/actions/sync-accounts'), 409, 'CONSTRAINT_VIOLATION', 'a second one while it runs', extra => { run_id => \$fleet->{run_id} });
my $done = ended($fleet->{run_id});
is(join("\n", Shape::wrong($done, { run => $SHAPE{run}, items => [ $SHAPE{run_item} ] })), '', 'the run in the end');
is(join(' ', map { "$_->{item_name}=$_->{status}" } sort { $a->{item_name} cmp $b->{item_name} } @{ $done->{items} }), 'good=completed none=failed refused=failed silent=failed wrong=failed', 'each instance by itself');
is("$done->{run}{status} $done->{run}{progress_total} $done->{run}{progress_completed} $done->{run}{progress_failed} $done->{run}{created_by}", 'failed 5 1 4 ' . $t->person('test_user'), 'and counted, by whom');
my $session = $t->good($t->call('viewer', 'GET', "/sync-sessions/$fleet->{session_id}"), 200, 'as a session', { session => { %{ $SHAPE{session} }, instance_records => [ $SHAPE{record} ],
	progress_percentage => \100 } })->{session};
is("$session->{total_instances} $session->{successful_instances} $session->{failed_instances} $session->{sync_type}", '5 1 4 manual_task', 'with the same numbers');
is($t->call('viewer', 'GET', "/sync-sessions/$fleet->{session_id}/error-logs")->json->{data}{error_count}, 4, 'and its failures');
unlike(Shape::shown($done), qr/\Q$SECRET\E|Wrong-p4ssword/, 'without a secret');
$t->bad($t->call('admin', 'POST', "/task-runs/$fleet->{run_id}/actions/cancel"), 404, 'RESOURCE_NOT_FOUND', 'what is over cannot be cancelled');

# Slower than anybody waits: 202, and the work goes on until it is cancelled.
$c->query('alter system set whalefall.connect_timeout = 30');
$c->query('alter system set whalefall.test_connect_timeout = 30');
$c->query('alter system set whalefall.sync_wait = 1');
$c->reload;
$c->wait_for('show whalefall.sync_wait', '1s', 10);
my $RUNNING = { run_id => 'uuid', session_id => 'uuid', status => \'running' };
$began = time;
my $slow = $t->good($t->call('user', 'POST', "/instances/$id{silent}/actions/sync-accounts"), 202, 'a sync that takes longer than one waits', $RUNNING);
cmp_ok(time - $began, '<', 5, 'is answered in time');
is($t->call('viewer', 'GET', "/task-runs/$slow->{run_id}")->json->{data}{run}{status}, 'running', 'and goes on');
$t->bad($t->call('user', 'POST', "/instances/$id{silent}/actions/sync-accounts"), 409, 'CONSTRAINT_VIOLATION', 'the same again is refused while it runs', extra => { run_id => \$slow->{run_id} });
$t->good($t->call('admin', 'POST', "/sync-sessions/$slow->{session_id}/actions/cancel"), 200, 'until it is cancelled', undef);
$began = time;
$done = ended($slow->{run_id});
is("$done->{run}{status} $done->{items}[0]{status}", 'cancelled cancelled', 'then it has ended');
cmp_ok(time - $began, '<', 5, 'soon');
$t->bad($t->call('admin', 'POST', "/sync-sessions/$slow->{session_id}/actions/cancel"), 404, 'RESOURCE_NOT_FOUND', 'twice it cannot be');

# Too many who wait: 202 at once (max_waiting is 2 here).
$c->query('alter system set whalefall.sync_wait = 30');
$c->reload;
$c->wait_for('show whalefall.sync_wait', '30s', 10);
my @slow = map { Whalefall::Fleet::register($c, name => "slow$_", port => $silent->sockport) } 1 .. 4;
my @waiting = map { $t->client->begin('POST', "/api/v1/instances/$_/actions/sync-accounts", headers => { $t->headers_of('user', 'POST') }, body => '') } @slow[ 0, 1 ];
ok($c->wait_for("select count(*) from whalefall.task_run_items where status = 'running' and instance_id in ($slow[0], $slow[1])", '2', 20, database => $Contract::DATABASE), 'two wait');
$began = time;
my $third = $t->good($t->call('user', 'POST', "/instances/$slow[2]/actions/sync-accounts"), 202, 'a third one does not', $RUNNING);
my $fourth = $t->good($t->call('user', 'POST', "/instances/$slow[3]/actions/sync-capacity"), 202, 'nor a fourth, of another kind', $RUNNING);
cmp_ok(time - $began, '<', 4, 'and both are told at once');
$t->bad($t->call('user', 'POST', $TEST, {%given}), 504, 'TIMEOUT', 'a connection test has no run to be told of, so it fails');
is($t->call('viewer', 'GET', '/users')->{status}, 200, 'reads are served meanwhile');
my @runs = split /\n/, $t->sql("select run_id from whalefall.task_run_items where status in ('pending', 'running') order by id");
is(scalar @runs, 4, 'four runs are open');
is($t->call('admin', 'POST', "/task-runs/$_/actions/cancel")->{status}, 200, 'each is cancelled') for @runs;
for my $call (@waiting)
{
	$t->bad($call->finish, 400, 'INVALID_REQUEST', 'who waited hears that it was cancelled', category => 'system', severity => 'medium', extra => { instance_id => 'int', result => { status => 'str', success => \JSON::PP::false, '*' => 'any' } });
}

# A client that goes away leaves the stack as it was.
my $gone = $t->client->begin('POST', "/api/v1/instances/$slow[0]/actions/sync-accounts", headers => { $t->headers_of('user', 'POST') }, body => '');
ok($c->wait_for("select count(*) from whalefall.task_run_items where status = 'running' and instance_id = $slow[0]", '1', 20, database => $Contract::DATABASE), 'somebody waits');
$gone->abandon;
my $left = $t->sql("select run_id from whalefall.task_run_items where status = 'running' and instance_id = $slow[0]");
is($t->call('admin', 'POST', "/task-runs/$left/actions/cancel")->{status}, 200, 'is gone, and his work can be cancelled');
$t->good($t->call('user', 'POST', "/instances/$id{good}/actions/sync-accounts"), 200, 'the next one is served', { result => $RESULT });

# No secret has come to light anywhere (check 15).
my $text = join "\n", map { $t->sql("select coalesce(string_agg(t::text, chr(10)), '') from $_ t") } 'whalefall_data.unified_logs', 'whalefall.task_runs', 'whalefall.task_run_items';
for my $secret ($SECRET, 'Wrong-p4ssword')
{
	is(index($text, $secret), -1, 'no password in logs and runs');
	is(index($t->{front}->log, $secret), -1, 'nor in the logs of the front');
}

done_testing;
