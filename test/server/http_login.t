# Logging in, and what a login may do, through the dispatcher: the order of its checks, the headers that outlive a failure,
# CSRF tokens and bearer tokens, and every writing operation of the table met with nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP qw(encode_json);
use Test::More;
use Whalefall::Cluster;
use Whalefall::Dispatch;

my $db = 'whalefall';
my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 }, settings => { 'whalefall.bcrypt_cost' => 4 });
$c->create_extension;
my $http = Whalefall::Dispatch->new($c);
$c->query("insert into whalefall.users (username, password, role) select name, overlay(crypt('Passw0rd', gen_salt('bf', 4)) placing 'b' from 3), role
	from (values ('ann', 'admin'), ('uwe', 'user'), ('vic', 'viewer'), ('off', 'viewer')) v(name, role);
	update whalefall.users set is_active = false where username = 'off'", database => $db);

# "status CODE" of an answer.
sub outcome { my ($a) = @_; return join ' ', $a->{status}, $a->{json}{message_code} // (); }
sub login { my ($name, $password, %opt) = @_; return $http->request('POST', '/api/v1/auth/login', body => encode_json({ username => $name, password => $password }), %opt); }

my $answer = login('ann', 'Passw0rd');
is(outcome($answer), '200', 'a login') or BAIL_OUT($answer->{body});
is($answer->{json}{message}, "\x{767b}\x{5f55}\x{6210}\x{529f}", 'its message');
is($answer->{json}{data}{user}{username}, 'ann', 'whose it is');
my ($cookie) = $answer->{headers}{'Set-Cookie'} =~ /^whalefall_session=(s\.[^;]+); Path=\/; HttpOnly; SameSite=Lax; Max-Age=604800$/;
ok($cookie, 'a cookie') or diag $answer->{headers}{'Set-Cookie'};
is($answer->{headers}{'Cache-Control'}, 'no-store', 'not to be kept');
my ($bearer, $refresh, $csrf) = ("Bearer $answer->{json}{data}{access_token}", "Bearer $answer->{json}{data}{refresh_token}", $answer->{json}{data}{csrf_token});

# Carriers
is(outcome($http->request('GET', '/api/v1/auth/me', cookie => $cookie)), '200', 'the cookie');
is(outcome($http->request('GET', '/api/v1/auth/me', authorization => $bearer)), '200', 'the token');
is(outcome($http->request('GET', '/api/v1/auth/me', authorization => $refresh)), '401 TOKEN_INVALID', 'the wrong token');
is(outcome($http->request('GET', '/api/v1/auth/me', authorization => '-', cookie => $cookie)), '401 TOKEN_INVALID', 'bytes, beside a good cookie');
is(outcome($http->request('POST', '/api/v1/auth/refresh', authorization => $refresh)), '200', 'a new token for the old one');
is(outcome($http->request('POST', '/api/v1/auth/refresh', cookie => $cookie)), '401 AUTHENTICATION_REQUIRED', 'none without, and no word of CSRF');
$http->session->query("begin; set local role whalefall_viewer");
is($http->session->query("select whalefall_api.health_cache() ->> 'status'"), 'connected', 'after a request the session is its role again');
$http->session->query('rollback');

# CSRF: after permission, before anything of the body
my $tag = encode_json({ name => 't1', display_name => 'T', category => 'c' });
is(outcome($http->request('POST', '/api/v1/tags', cookie => $cookie, body => '[')), '403 CSRF_MISSING', 'a cookie alone');
is(outcome($http->request('POST', '/api/v1/tags', cookie => $cookie, csrf => "x$csrf", body => '[')), '403 CSRF_INVALID', 'a wrong token');
is(outcome($http->request('POST', '/api/v1/tags', cookie => $cookie, csrf => $csrf, body => '[')), '400 VALIDATION_ERROR', 'then the body');
is(outcome($http->request('POST', '/api/v1/tags', cookie => $cookie, csrf => $csrf, body => $tag)), '201', 'created');
is(outcome($http->request('POST', '/api/v1/tags', authorization => $bearer, body => $tag)), '400 NAME_EXISTS', 'a bearer needs no token; a taken name');
is(outcome($http->request('POST', '/api/v1/auth/login', cookie => $cookie, body => '{}')), '403 CSRF_MISSING', 'also on a route without login');
is(outcome($http->request('POST', '/api/v1/auth/login', cookie => 'a.x', body => '{}')), '403 CSRF_MISSING', 'and with a worthless cookie');
is(outcome($http->request('GET', '/api/v1/tags/1', cookie => $cookie)), '200', 'reading needs none');
is(outcome($http->request('PUT', '/api/v1/tags/1', authorization => $bearer, body => encode_json({ display_name => "\x{9cb8}" }))), '200', 'a change');
is($http->request('GET', '/api/v1/tags/1', cookie => $cookie)->{json}{data}{tag}{display_name}, "\x{9cb8}", 'is there');
is(outcome($http->request('DELETE', '/api/v1/tags/1', authorization => $bearer)), '200', 'a deletion');
is(outcome($http->request('DELETE', '/api/v1/tags/1', authorization => $bearer)), '404 RESOURCE_NOT_FOUND', 'once');

# Names with a code of their own
my $credential = encode_json({ name => 'c', credential_type => 'database', username => 'u', password => 'Secret1' });
is(outcome($http->request('POST', '/api/v1/credentials', authorization => $bearer, body => $credential)), '201', 'a credential');
is(outcome($http->request('POST', '/api/v1/credentials', authorization => $bearer, body => $credential)), '400 NAME_EXISTS', 'its name is taken');
my $instance = encode_json({ name => 'i', db_type => 'mysql', host => '127.0.0.1', port => 1 });
is(outcome($http->request('POST', '/api/v1/instances', authorization => $bearer, body => $instance)), '201', 'an instance');
is(outcome($http->request('POST', '/api/v1/instances', authorization => $bearer, body => $instance)), '409 CONSTRAINT_VIOLATION', 'its name is taken');
my $user = encode_json({ username => 'newone', role => 'viewer', password => 'Passw0rd' });
is(outcome($http->request('POST', '/api/v1/users', authorization => $bearer, body => $user)), '201', 'a user');
is(outcome($http->request('POST', '/api/v1/users', authorization => $bearer, body => $user)), '409 USERNAME_EXISTS', 'his name is taken');
# The constraints themselves, when two come at the same time and the second waits for the first.
for my $case ([ "insert into whalefall.tags (name, display_name, category) values ('race', 'R', 'c')", '/api/v1/tags',
		{ name => 'race', display_name => 'R', category => 'c' }, '400 NAME_EXISTS' ],
	[ "insert into whalefall.instances (name, db_type, host, port) values ('race', 'mysql', 'h', 1)", '/api/v1/instances',
		{ name => 'race', db_type => 'mysql', host => 'h', port => 1 }, '409 CONSTRAINT_VIOLATION' ],
	[ "insert into whalefall.users (username, password) values ('race_user', 'x')", '/api/v1/users',
		{ username => 'race_user', role => 'viewer', password => 'Passw0rd' }, '409 USERNAME_EXISTS' ])
{
	my ($sql, $uri, $body, $expected) = @$case;
	my $first = $c->session(database => $db);

	$first->query("begin; $sql");
	my $pid = $http->session->query('select pg_backend_pid()');
	$http->session->send("begin; set local role whalefall_gateway;\n" . $http->sql('POST', $uri, authorization => $bearer, body => encode_json($body)) . 'commit');
	ok($c->wait_for("select count(*) from pg_stat_activity where pid = $pid and wait_event_type = 'Lock'", 1), "$uri: the second waits");
	$first->query('commit');
	is(outcome($http->answer), $expected, 'and is told');
	$first->quit;
}

# Roles: what the weaker may not
for my $name ('uwe', 'vic')
{
	my $token = 'Bearer ' . login($name, 'Passw0rd')->{json}{data}{access_token};
	is(outcome($http->request('POST', '/api/v1/tags', authorization => $token, body => $tag)), '403 PERMISSION_REQUIRED', "$name may not create");
	is(outcome($http->request('PUT', '/api/v1/instances/4711', authorization => $token, body => '{}')), $name eq 'uwe' ? '404 RESOURCE_NOT_FOUND' : '403 PERMISSION_REQUIRED',
		"$name and a change");
	is(outcome($http->request('GET', '/api/v1/instances', authorization => $token)), '200', "$name may look");
}

# A login that fails, and one too many. The body is refused after the attempt has been counted.
is(outcome(login('ann', 'wrong')), '401 INVALID_CREDENTIALS', 'a wrong password');
is(outcome(login('nobody', 'Passw0rd')), '401 INVALID_CREDENTIALS', 'an unknown name');
is(outcome(login('off', 'Passw0rd')), '403 ACCOUNT_DISABLED', 'a disabled account');
is(outcome(login(' ann ', 'wrong')), '401 INVALID_CREDENTIALS', "attempt $_ with blanks") for 3 .. 10;
$answer = login('ann', 'Passw0rd');
is(outcome($answer), '429 RATE_LIMIT_EXCEEDED', 'the eleventh, though its password is right');
like($answer->{headers}{'Retry-After'}, qr/^([1-9]|[1-5]\d|60)$/, 'when to come again');
is(outcome($http->request('POST', '/api/v1/auth/login', body => '{"username":')), '400 VALIDATION_ERROR', "malformed, $_") for 1 .. 8; # two came above, without a CSRF token
is(outcome($http->request('POST', '/api/v1/auth/login', body => '{"username":')), '429 RATE_LIMIT_EXCEEDED', 'counted as anonymous');
is(outcome($http->request('POST', '/api/v1/auth/login', body => '{"username": 1, "password": "x"}')), '429 RATE_LIMIT_EXCEEDED', 'like a name that is none');
is(outcome(login('uwe', 'Passw0rd')), '200', 'another name is free');
is(outcome($http->request('POST', '/api/v1/auth/login', cookie => $cookie, body => '{')), '429 RATE_LIMIT_EXCEEDED', 'the limit comes before CSRF');
is($c->value("select count(*) from whalefall_data.unified_logs where module = 'error_handler' and context ->> 'error_type' = 'INVALID_CREDENTIALS'", database => $db),
	'1', 'failed logins are logged once a minute');

# Logging out: the cookie goes also with an answer that fails
$answer = $http->request('POST', '/api/v1/auth/logout', cookie => $cookie, csrf => $csrf);
is(outcome($answer), '200', 'logged out');
is($answer->{json}{data}, undef, 'without data');
like($answer->{headers}{'Set-Cookie'}, qr/^whalefall_session=;.*Max-Age=0/, 'the cookie ends');
is(outcome($http->request('GET', '/api/v1/auth/me', cookie => $cookie)), '401 AUTHENTICATION_REQUIRED', 'and is worth nothing');
is(outcome($http->request('GET', '/api/v1/auth/me', authorization => $bearer)), '401 TOKEN_INVALID', 'nor is the token');

# Every writing operation that is served, met with nothing: whatever it says, it is no fault of the program.
my $admin = 'Bearer ' . login('newone', 'Passw0rd')->{json}{data}{access_token};
$c->query("update whalefall.users set role = 'admin' where username = 'newone'", database => $db);
for my $row ($c->rows("select method, path from whalefall_http.routes where method <> 'GET' and to_regproc(function) is not null
	and operation not in ('auth_login', 'auth_logout', 'auth_change_password') order by 2, 1", database => $db))
{
	my ($method, $path) = @$row;
	(my $uri = $path) =~ s/\{\w+\}/4711/g;
	for my $body ('', '{}', '[]', '{"clear": ["x"], "name": {"a": 1}, "tag_ids": "x", "instance_ids": true, "port": 1e99}')
	{
		$answer = $http->request($method, $uri, authorization => $admin, body => $body);
		# Starting fleet runs and clearing caches need nothing.
		like($answer->{status}, qr/^(200|202|400|401|404|409)$/, "$method $path with '$body'") or diag $answer->{body};
	}
}

# A secret that a body carries stands in no answer and in no log, whatever is wrong with the body. (Here the body is a part
# of the statement, so statements are kept out of the server's log; PostgREST sends it as a parameter.)
my $canary = 'CANARY-8842-Secret';
my $from = -s $c->log_file;
for my $case ([ 'auth/login', { username => 'newone', password => $canary } ], [ 'auth/login', { username => { a => $canary }, password => [ $canary ] } ],
	[ 'users', { username => 'x', role => 'viewer', password => $canary } ], [ 'users', { username => 'bad name', role => 'nonsense', password => $canary } ],
	[ 'credentials', { name => '', credential_type => 'database', username => 'u', password => $canary } ],
	[ 'credentials', { name => 'c', credential_type => 'database', username => 'u', password => $canary } ],
	[ 'credentials', { name => 'c2', credential_type => 'database', username => 'u', password => { a => $canary } } ],
	[ 'instances/actions/test-connection', { db_type => 'mysql', host => '127.0.0.1', port => 1, username => 'u', password => $canary } ],
	[ 'auth/change-password', { old_password => $canary, new_password => "$canary-1", confirm_password => "$canary-2" } ])
{
	my ($path, $body) = @$case;
	$http->prologue("set local log_min_error_statement = panic;");
	$answer = $http->request('POST', "/api/v1/$path", authorization => $path eq 'auth/login' ? '' : $admin, body => encode_json($body), timeout => 90);
	cmp_ok($answer->{status}, '>=', 400, "$path fails: $answer->{status}");
	unlike($answer->{body}, qr/CANARY/, 'the answer does not repeat it');
}
for my $cut ('{"password": "CANARY', '{"username": "x", "password": "CANARY" "b"}', '{"password": "CANARY\\ud800"}')
{
	$answer = $http->request('POST', '/api/v1/users', authorization => $admin, body => $cut);
	is(outcome($answer), '400 VALIDATION_ERROR', 'broken JSON');
	unlike($answer->{body}, qr/CANARY/, 'the answer does not repeat it');
}
unlike($c->log_contents($from), qr/CANARY/, 'nor does the log of the server');
is($c->value("select count(*) from whalefall_data.unified_logs l where l::text ~ 'CANARY'", database => $db), '0', 'nor the unified log');
$http->quit;
done_testing;
