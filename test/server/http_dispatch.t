# slow
# The dispatcher with real transactions: what it leaves in the log, what it does when it is cancelled, when the log
# cannot be written, without setup, without shared memory, on a standby; and that a session stays small.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP ();
use Test::More;
use Whalefall::Cluster;
use Whalefall::Dispatch;

binmode $_, ':utf8' for map { Test::More->builder->$_ } qw(output failure_output);
my $db = 'whalefall';
my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });
$c->create_extension;
my $http = Whalefall::Dispatch->new($c);
my $viewer = $http->login('vic', 'viewer');
my $vic = $c->value("select id from whalefall.users where username = 'vic'", database => $db);

sub sql { return $c->query($_[0], database => $db); }

# The rows of the log since the last look: [level, module, message, traceback, context].
my $seen = 0;
sub logged
{
	my @rows = $c->rows("select id, level, module, message, coalesce(traceback, ''), context from whalefall_data.unified_logs"
		  . " where id > $seen order by id", database => $db);

	@rows = grep { $_->[0] ne '' } @rows;
	$seen = $rows[-1][0] if @rows;
	return map { my (undef, @row) = @$_; $row[4] = JSON::PP->new->utf8->decode($row[4]); \@row } @rows;
}

# A companion whose operations do what is asked for.
sql(<<'END');
create schema companion;
create table companion.notes (note text);
create function companion.fail(state text default 'XX000', message text default 'inner secret') returns json language plpgsql security definer as
	$$begin insert into companion.notes values (message); raise exception using errcode = state, message = message; end$$;
create function companion.nap() returns json language plpgsql security definer as $$begin perform pg_sleep(20); return '"slept"'; end$$;
create function companion.lock() returns json language plpgsql security definer as $$begin lock table companion.notes; return '1'; end$$;
create function companion.note(message text default 'noted') returns json language plpgsql security definer as
	$$begin insert into companion.notes values (message); return '1'; end$$;
create function companion.unfit(long_name_of_an_argument text, another_long_name int, shape box) returns json language sql as $$select '1'::json$$;
create function companion.ok() returns json language sql as $$select '{"a": [1, 2, 3]}'::json$$;
revoke execute on all functions in schema companion from public;
grant execute on all functions in schema companion to whalefall_anon;
insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action, time_limit_ms)
	values ('POST', '/api/v1/companion/fail', 'fail', 'companion.fail', 'anon', false, 'companion', 'do_fail', 30000),
	('GET', '/api/v1/companion/{name}/nap', 'nap', 'companion.nap', 'login', false, 'companion', 'do_nap', 30000),
	('GET', '/api/v1/companion/short-nap', 'short_nap', 'companion.nap', 'anon', false, 'companion', 'do_nap', 300),
	('GET', '/api/v1/companion/get-fail', 'get_fail', 'companion.fail', 'login', false, 'companion', 'do_fail', 30000),
	('POST', '/api/v1/companion/lock', 'lock', 'companion.lock', 'anon', false, 'companion', 'do_lock', 30000),
	('POST', '/api/v1/companion/note', 'note', 'companion.note', 'anon', false, 'companion', 'do_note', 30000);
END
logged();

# Failures of a user: three rows -----------------------------------------------------------------------------
my $answer = $http->request('POST', '/api/v1/tags?token=secret', cookie => $viewer, request_id => 'r.1', agent => 'me');
is($answer->{status}, 403, 'refused');
my @rows = logged();
my %common = (request_id => 'r.1', user_id => 0 + $vic, url => '/api/v1/tags', method => 'POST', host => 'wf.example',
	ip_address => '192.0.2.9', user_agent => 'me', endpoint => 'tags_create', route => '/api/v1/tags',
	error_id => $answer->{json}{error_id}, error_type => 'PERMISSION_REQUIRED', current_user_id => 0 + $vic,
	current_username => 'vic', current_user_role => 'viewer', is_admin => JSON::PP::false);
is_deeply([ map { [ @$_[ 0 .. 3 ] ] } @rows ], [
	[ 'WARNING', 'error_handler', 'permission required: This needs the permission "create".', '' ],
	[ 'WARNING', 'tags', 'create_tag failed', '' ],
	[ 'INFO', 'http', 'http_request_completed', '' ] ], 'three rows');
is_deeply($rows[0][4], { %common, message_code => 'PERMISSION_REQUIRED', category => 'authorization', severity => 'medium',
	status_code => 403 }, 'the answer');
is_deeply($rows[1][4], { %common, action => 'create_tag', actor_id => 0 + $vic,
	error_message => 'permission required: This needs the permission "create".' }, 'the operation');
like(delete $rows[2][4]{duration_ms}, qr/^\d+$/, 'how long');
is_deeply($rows[2][4], { %common, action => 'POST /api/v1/tags', status_code => 403, outcome => 'error' }, 'the request');

# An unexpected one: its text stands in both logs, and nowhere else.
my $from = -s $c->log_file;
$answer = $http->request('GET', '/api/v1/companion/get-fail', cookie => $viewer);
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 500, 'DATABASE_QUERY_ERROR' ], 'a GET that writes');
@rows = logged();
is_deeply([ map { $_->[0] . ' ' . $_->[1] } @rows ], [ 'ERROR error_handler', 'ERROR companion', 'INFO http' ], 'errors in the log');
is($rows[0][3], '25006: cannot execute INSERT in a read-only transaction', 'with the text');
is($rows[1][4]{error_message}, undef, 'but once');
like($c->log_contents($from), qr/LOG:  request failed with error_id $answer->{json}{error_id}: 25006: cannot execute INSERT/, 'also in that of the server');
unlike($c->log_contents($from), qr/STATEMENT|ERROR:/, 'without the statement');
$answer = $http->request('POST', '/api/v1/companion/fail', body => '{"state": "22023", "message": "no"}');
is_deeply([ $answer->{status}, sql('select count(*) from companion.notes') ], [ 400, 0 ], 'what an operation wrote is gone with its error');

# Successes leave rows by the setting.
logged();
is($http->request('GET', '/api/v1/instances', cookie => $viewer)->{status}, 200, 'a quick success');
is(scalar logged(), 0, 'leaves nothing');
sql("alter system set whalefall.http_log_slow_ms = 0; select pg_reload_conf()");
$c->wait_for("show whalefall.http_log_slow_ms", 0);
$http->request('GET', '/api/v1/instances', cookie => $viewer);
is_deeply([ map { "$_->[1] $_->[4]{action} $_->[4]{status_code} $_->[4]{outcome}" } logged() ], ['http GET /api/v1/instances 200 success'], 'a slow one does');
for ([ errors_only => 0, 3 ], [ all => 1, 3 ], [ off => 0, 2 ])
{
	my ($mode, $success, $failure) = @$_;
	sql("alter system set whalefall.http_log_mode = '$mode'; select pg_reload_conf()");
	$c->wait_for("show whalefall.http_log_mode", $mode);
	$http->request('GET', '/api/v1/instances', cookie => $viewer);
	is(scalar logged(), $success, "$mode: success");
	$http->request('POST', '/api/v1/tags', cookie => $viewer);
	is(scalar logged(), $failure, "$mode: failure");
}
sql("alter system reset all; select pg_reload_conf()");
$c->wait_for("show whalefall.http_log_mode", 'slow_or_error');

# Failures of nobody are counted, and written once a minute -------------------------------------------------
$http->prologue("set local whalefall.test_now = '2030-01-01 00:00:00+00';");
$http->request('GET', '/api/v1/nowhere') for 1 .. 5;
@rows = logged();
is_deeply([ map { "$_->[0] $_->[1]" } @rows ], [ 'WARNING error_handler', 'INFO http' ], 'the first of five');
is($rows[0][4]{occurrences}, undef, 'stands for itself');
is($rows[0][4]{current_username}, 'anonymous', 'nobody did it');
$http->prologue("set local whalefall.test_now = '2030-01-01 00:00:59+00';");
$http->request('GET', '/api/v1/nowhere');
is(scalar logged(), 0, 'within the minute nothing more');
$http->request('GET', '/api/v1/instances');
is_deeply([ map { "$_->[1] " . ($_->[4]{message_code} // '') } logged() ],
	[ 'error_handler AUTHENTICATION_REQUIRED', 'instances ', 'http ' ], 'but of another code');
$http->prologue("set local whalefall.test_now = '2030-01-01 00:01:00+00';");
$http->request('GET', '/api/v1/nowhere');
is((logged())[0][4]{occurrences}, 6, 'after a minute one row tells of all');
$http->prologue('');
is_deeply($http->request('GET', '/api/v1/health/detailed')->{json}{data}{anonymous_failures}, [
	{ message_code => 'VALIDATION_ERROR', status => 400, count => 1 }, { message_code => 'AUTHENTICATION_REQUIRED', status => 401, count => 1 },
	{ message_code => 'INVALID_REQUEST', status => 404, count => 7 } ], 'all are counted');

# A cancel, a lock and a termination ------------------------------------------------------------------------
my $pid = $http->session->query('select pg_backend_pid()');
my $napping = "select count(*) from pg_stat_activity where pid = $pid and wait_event = 'PgSleep'";
$http->session->send("begin; set local role whalefall_gateway;\n" . $http->sql('GET', '/api/v1/companion/a%2Fb/nap', cookie => $viewer) . 'commit');
$c->wait_for($napping, 1);
sql("select pg_cancel_backend($pid)");
$answer = $http->answer(10);
is_deeply([ $answer->{status}, $answer->{json}{message_code}, $answer->{json}{category} ], [ 504, 'TIMEOUT', 'system' ], 'a cancelled request is 504');
is($http->request('GET', '/api/v1/health/ping')->{status}, 200, 'the session lives on');
$answer = $http->request('GET', '/api/v1/companion/short-nap');
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 504, 'TIMEOUT' ], 'so is one that took too long');
$http->prologue("set local statement_timeout = '200ms';");
is($http->request('GET', '/api/v1/companion/a/nap', cookie => $viewer)->{status}, 504, 'and one that the role gives no more time');
$http->prologue("set local statement_timeout = '20s';");
is($http->request('GET', '/api/v1/companion/short-nap')->{status}, 504, 'the shorter one counts');
is($http->session->query('show statement_timeout'), '0', 'nothing of it stays');
$http->prologue('');
my $other = $c->session(database => $db);
$other->query('begin; lock table companion.notes');
$http->prologue("set local lock_timeout = '200ms';");
$answer = $http->request('POST', '/api/v1/companion/lock');
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 409, 'CONSTRAINT_VIOLATION' ], 'a lock that cannot be had');
$other->query('rollback');
is($http->request('POST', '/api/v1/companion/lock')->{status}, 200, 'and that can');
$http->prologue('');

# The log cannot be written: the answer is the same.
sql('alter table whalefall_data.unified_logs add constraint closed check (false) not valid');
$from = -s $c->log_file;
$answer = $http->request('POST', '/api/v1/tags', cookie => $viewer);
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 403, 'PERMISSION_REQUIRED' ], 'a closed log changes no answer');
like($c->log_contents($from), qr/LOG:  cannot log request "req-\d+": new row for relation \S+ violates check constraint "closed"/, 'the server log tells');
is($http->request('POST', '/api/v1/companion/note', body => '{"message": "kept"}')->{status}, 200, 'a success is one');
is(sql('select string_agg(note, $$,$$) from companion.notes'), 'kept', 'and kept');
sql('alter table whalefall_data.unified_logs drop constraint closed');

# Another session's changes -----------------------------------------------------------------------------------
is($http->request('GET', '/api/v1/companion/late')->{status}, 404, 'no such route yet');
sql("insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action)
	values ('GET', '/api/v1/companion/late', 'late', 'companion.ok', 'anon', false, 'companion', 'late')");
is($http->request('GET', '/api/v1/companion/late')->{status}, 200, 'a route that another session adds is served at once');
sql('create or replace function companion.ok() returns json language sql as $$select $j${"b": 1}$j$::json$$');
is_deeply($http->request('GET', '/api/v1/companion/late')->{json}{data}, { b => 1 }, 'a function that it replaces too');
sql('revoke execute on function companion.ok() from whalefall_anon');
is($http->request('GET', '/api/v1/companion/late')->{status}, 403, 'a right that it revokes is gone');
sql('alter schema companion rename to fellow');
is($http->request('GET', '/api/v1/companion/late')->{status}, 404, 'and so is a schema');
sql('alter schema fellow rename to companion; grant execute on function companion.ok() to whalefall_anon');
is($http->request('GET', '/api/v1/companion/late')->{status}, 200, 'until it comes back');
sql('truncate whalefall_http.extra_routes');
is($http->request('GET', '/api/v1/companion/late')->{status}, 404, 'the registry may be emptied');

# Read-only -----------------------------------------------------------------------------------------------------
is($http->request('GET', '/api/v1/instances', cookie => $viewer, function => 'dispatch_read')->{status}, 200, 'dispatch_read in a read-only transaction');
logged();
is($http->request('GET', '/api/v1/instances/4711', cookie => $viewer, function => 'dispatch_read')->{status}, 404, 'a failure there');
is(scalar logged(), 0, 'leaves no row');
sql("insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action)
	values ('POST', '/api/v1/companion/note', 'note', 'companion.note', 'anon', false, 'companion', 'do_note')");
$answer = $http->request('POST', '/api/v1/companion/note', function => 'dispatch_read');
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 500, 'DATABASE_QUERY_ERROR' ], 'what writes fails');

# Memory --------------------------------------------------------------------------------------------------------
sql("insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action)
	values ('GET', '/api/v1/companion/ok', 'ok', 'companion.ok', 'view', false, 'companion', 'ok'),
	('GET', '/api/v1/companion/unfit', 'unfit', 'companion.unfit', 'anon', false, 'companion', 'unfit'),
	('POST', '/api/v1/companion/fail', 'fail', 'companion.fail', 'anon', false, 'companion', 'do_fail')");
my $mixed = join ' ', map {
	my ($method, $uri, $cookie, $body) = @$_;
	"perform set_config('request.headers', '" . JSON::PP->new->encode({ 'x-wf-method' => $method, 'x-wf-uri' => $uri, 'x-wf-session' => $cookie,
		'x-wf-content-type' => 'application/json', 'x-wf-language' => $body ? 'en' : '' })
	  . "', false); perform whalefall_http.dispatch('$body'); commit;"
} ([ 'GET', '/api/v1/companion/ok?a=b', $viewer, '' ], [ 'GET', '/api/v1/instances', $viewer, '' ], [ 'GET', '/api/v1/instances', '', '' ], [ 'GET', '/api/v1/nowhere', '', '' ],
	[ 'POST', '/api/v1/companion/fail', '', '{"state": "P0001"}' ], [ 'GET', '/api/v1/instances/4711', '', '' ], [ 'POST', '/api/v1/tags', '', '[' ],
	[ 'GET', '/api/v1/instances/imports/template', $viewer, '' ], [ 'DELETE', '/api/v1/health/ping', '', '' ], [ 'GET', '/api/v1/companion/unfit', '', '' ], [ 'GET', '/api/v1/health/ping', '', '' ]);
my $session = $http->session;
sub kept
{
	return $session->query("reset role; select sum(total_bytes) from pg_backend_memory_contexts where name not in ('MessageContext', 'PortalMemory',"
		  . " 'PortalContext', 'ExecutorState', 'ErrorContext', 'TransactionAbortContext')");
}
sub serve
{
	my ($rounds) = @_;
	$session->query("set role whalefall_gateway; do \$\$ begin for i in 1 .. $rounds loop $mixed end loop; end \$\$; reset role", 300);
	is($session->error, '', "$rounds rounds of eleven requests");
}
serve(200);
kept();
my $before = kept();
serve(2000);
my $after = kept();
cmp_ok(abs($after - $before), '<', 64 * 1024, "22,000 requests: $before bytes before, $after after");
my $in_one = $session->query(<<"END", 120);
begin;
set local role whalefall_gateway;
select set_config('request.headers', '{"x-wf-method":"GET","x-wf-uri":"/api/v1/health/ping"}', true) \\g /dev/null
select sum(length(whalefall_http.dispatch(''))) from generate_series(1, 1000) \\g /dev/null
reset role;
create temp table used as select sum(total_bytes) as bytes from pg_backend_memory_contexts;
set local role whalefall_gateway;
select sum(length(whalefall_http.dispatch(''))) from generate_series(1, 20000) \\g /dev/null
reset role;
select sum(total_bytes) - (select bytes from used) < 300000 from pg_backend_memory_contexts;
rollback
END
is($in_one, 't', '20,000 requests of one transaction');

# The extension made anew under a session that had served -------------------------------------------------------
$c->query("create database anew template template0");
$c->query('create extension whalefall cascade', database => 'anew');
my $anew = Whalefall::Dispatch->new($c, database => 'anew');
is($anew->request('GET', '/api/v1/health/ping')->{status}, 200, 'before setup() requests are served');
is($anew->request('GET', '/api/v1/nowhere')->{status}, 404, 'also those that would be logged');
$answer = $anew->request('GET', '/api/v1/instances', cookie => 's.' . 'x' x 43);
is($answer->{status}, 401, 'and nobody is known');
$c->query('drop extension whalefall; create extension whalefall', database => 'anew');
is($anew->request('GET', '/api/v1/health/ping')->{status}, 200, 'a new extension');
$c->query('select whalefall.setup()', database => 'anew');
is($anew->request('GET', '/api/v1/health/ping')->{status}, 200, 'set up');
$anew->quit;

# Termination is the one thing that ends without an answer.
sql("insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action)
	values ('GET', '/api/v1/companion/nap', 'nap', 'companion.nap', 'anon', false, 'companion', 'do_nap')");
my $doomed = $c->session(database => $db);
my $doomed_pid = $doomed->query('select pg_backend_pid()');
$doomed->send("begin; set local role whalefall_gateway;\n" . $http->sql('GET', '/api/v1/companion/nap') . 'commit');
$c->wait_for("select count(*) from pg_stat_activity where pid = $doomed_pid and wait_event = 'PgSleep'", 1);
$from = -s $c->log_file;
sql("select pg_terminate_backend($doomed_pid)");
$c->wait_for("select count(*) from pg_stat_activity where pid = $doomed_pid", 0);
ok($c->wait_for_log(qr/\[$doomed_pid\].*FATAL:  terminating connection due to administrator command/, $from), 'an administrator ends a session');
is($c->log_contents($from) =~ /PANIC|crash/ ? 'crash' : '', '', 'and nothing else');

# On a standby, and without shared memory -------------------------------------------------------------------------
$http->quit;
$c->stop;
is(system('cp', '-p', $c->data . '/PG_VERSION', $c->data . '/standby.signal'), 0, 'as a standby');
$c->start;
is($c->value('select pg_is_in_recovery()'), 't', 'it is one');
$http = Whalefall::Dispatch->new($c);
for my $function ('dispatch', 'dispatch_read')
{
	my $reply = $function eq 'dispatch'
	  ? $http->request('GET', '/api/v1/instances', cookie => $viewer)
	  : $http->request('GET', '/api/v1/instances', cookie => $viewer, function => $function);
	is($reply->{status}, 200, "$function: a GET is served");
	is($http->request('GET', '/api/v1/nowhere', function => $function)->{status}, 404, "$function: a failure too");
	is($http->request('POST', '/api/v1/companion/note', function => $function)->{status}, 500, "$function: what writes fails");
}
$http->quit;
$c->stop;
unlink $c->data . '/standby.signal';
$c->configure(shared_preload_libraries => '', 'whalefall.database' => undef, 'whalefall.key_file' => undef, 'whalefall.jwt_file' => undef)->start;
$http = Whalefall::Dispatch->new($c);
is($http->request('GET', '/api/v1/health/ping')->{status}, 200, 'without shared memory');
is($http->request('GET', '/api/v1/instances', cookie => $viewer)->{status}, 200, 'with a login');
logged();
$http->request('GET', '/api/v1/nowhere') for 1 .. 2;
is(scalar(grep { $_->[1] eq 'error_handler' } logged()), 2, 'failures of nobody cannot be counted, and are all written');
$http->quit;
done_testing;
