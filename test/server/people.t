# Logins between sessions and across restarts: the queue for bcrypt, two administrators who demote each other, the
# pre-request check of PostgREST, the file with the secret, dumps, a server that does not preload, timing.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(encode_base64url);
use Time::HiRes qw(sleep time);
use Whalefall::Cluster;

my $db = 'whalefall';

# A psql whose server process was ended is gone when it is told to quit.
$SIG{PIPE} = 'IGNORE';
my $c = Whalefall::Cluster->new(settings => { 'whalefall.bcrypt_cost' => 4, 'whalefall.login_rate_limit' => 1000 }, env => { WHALEFALL_TESTING => 1 });
$c->create_extension;
my $jwt = $c->dir . '/secrets/whalefall.jwt';

sub query { return $c->query($_[0], database => $db, @_[ 1 .. $#_ ]); }
sub fails { return $c->psql($_[0], database => $db, @_[ 1 .. $#_ ])->{stderr}; }

# One line of errors: message and detail.
sub brief { return join ' ', $_[0] =~ /(?:ERROR|FATAL|DETAIL):\s+([^\n]*)/g; }

sub write_file
{
	my ($path, $text) = @_;

	open my $out, '>:raw', $path or die "$path: $!";
	print {$out} $text;
	close $out;
	return;
}

query(q(select whalefall_api.users_create(n, r, 'Passw0rd') from (values ('ann', 'admin'), ('bea', 'admin'), ('uwe', 'user'), ('vic', 'viewer')) v (n, r)));
query(q(update whalefall.users set role = 'user' where username = 'admin'));
my %id = map { @$_ } $c->rows('select username, id from whalefall.users', database => $db);
my $login = sub { return "select whalefall_api.auth_login('$_[0]', '$_[1]') ->> 'access_token'" };

# Another implementation of bcrypt agrees, for characters of any kind, and for what stands for a long password.
SKIP:
{
	my $salt = '$2b$04$abcdefghijklmnopqrstuu';

	skip 'crypt() of this machine knows no bcrypt', 3 if (crypt('x', $salt) // '') !~ /^\Q$salt\E.{31}$/;
	for my $password ('Passw0rd', "Pässw0rd \x{9cb8}", 'Aa1' . 'ÿ' x 125)
	{
		use Digest::SHA qw(sha256_base64);
		utf8::encode(my $bytes = $password);
		query("select whalefall_api.users_update($id{vic}, password => '$bytes')");
		my $hash = query(q(select password from whalefall.users where username = 'vic'));
		is(crypt(length $bytes > 72 ? sha256_base64($bytes) . '=' : $bytes, $hash), $hash, length($password) . ' characters, ' . length($bytes) . ' bytes');
	}
	query("select whalefall_api.users_update($id{vic}, password => 'Passw0rd')");
}

# Two administrators ---------------------------------------------------------------------------------------
for my $how ([ "users_update($id{bea}, role => 'user')", "users_update($id{ann}, role => 'user')" ],
	[ "users_delete($id{bea})", "users_toggle_status($id{ann})" ], [ "users_toggle_status($id{bea})", "users_delete($id{ann})" ])
{
	my ($one, $two) = map { $c->session(database => $db) } 1, 2;

	$one->query("begin; select whalefall_api.$how->[0]");
	$two->send("select whalefall_api.$how->[1]");
	ok($two->is_waiting(0.5), "$how->[1] waits for $how->[0]");
	$one->query('commit');
	$two->receive(20);
	like($two->error, qr/ERROR:  no active administrator would be left/, 'and is refused: one is left');
	is(query(q(select count(*) from whalefall.users where role = 'admin' and is_active)), '1', 'it is');
	$_->quit for $one, $two;
	query("insert into whalefall.users (id, username, role, password) overriding system value values ($id{bea}, 'bea', 'admin', 'x')
		on conflict (id) do update set role = 'admin', is_active = true");
}

# The first one gives up: the second goes through.
{
	my ($one, $two) = map { $c->session(database => $db) } 1, 2;

	$one->query("begin; select whalefall_api.users_update($id{bea}, role => 'user')");
	$two->send("select whalefall_api.users_update($id{ann}, role => 'user') #>> '{user,role}'");
	ok($two->is_waiting(0.5), 'a second one waits');
	$one->query('rollback');
	is($two->receive(20), 'user', 'and goes through when the first one is rolled back');
	$_->quit for $one, $two;
	query("update whalefall.users set role = 'admin' where username in ('ann', 'bea')");
}

# A name, twice at once.
{
	my ($one, $two) = map { $c->session(database => $db) } 1, 2;

	$one->query("begin; select whalefall_api.users_create('twice', 'user', 'Passw0rd')");
	$two->send("select whalefall_api.users_create('twice', 'user', 'Passw0rd')");
	ok($two->is_waiting(0.5), 'the same name waits');
	$one->query('commit');
	$two->receive(20);
	like($two->error, qr/ERROR:  user name is taken/, 'and is then taken');
	is($two->query('select 1'), '1', 'the session goes on');
	$_->quit for $one, $two;
}

# A login while the user is disabled does not slip through.
{
	my ($one, $two) = map { $c->session(database => $db) } 1, 2;

	$one->query("begin; select whalefall_api.users_toggle_status($id{uwe})");
	$two->send($login->('uwe', 'Passw0rd'));
	ok($two->is_waiting(0.5), 'a login waits for the administrator');
	$one->query('commit');
	$two->receive(20);
	like($two->error, qr/ERROR:  wrong user name or password/, 'and does not count');
	is(query("select count(*) from whalefall.login_sessions where user_id = $id{uwe}"), '0', 'no session');
	query("select whalefall_api.users_toggle_status($id{uwe})");
	$_->quit for $one, $two;
}

# A connection of the front whose COMMIT or ROLLBACK was cancelled is of no more use; PostgREST would keep it.
{
	my $session = $c->session(database => $db, user => 'whalefall_authenticator');
	my $begin = 'begin; set local role whalefall_gateway; select whalefall_http.check_request()';
	my $pid = $session->query('select pg_backend_pid()');
	my $lives = sub { return query("select count(*) from pg_stat_activity where pid = $pid") };

	$session->query("$begin; select 1 / 0");
	$session->query('rollback');
	is($session->query("$begin; select 'open'"), "\nopen", 'a failed transaction that was rolled back ends nothing');
	$session->query('select 1 / 0');
	is($lives->(), '1', 'nor does one that failed');
	eval { $session->query('select 1') };
	for (1 .. 50)
	{
		last if $lives->() eq '0';
		sleep 0.1;
	}
	is($lives->(), '0', 'the next command in it ends the session');
	eval { $session->quit };
}

# The queue for bcrypt -------------------------------------------------------------------------------------
my ($point, $go) = map { $c->data . "/whalefall.test_$_" } qw(point go);

# A session that has one of the turns and keeps it.
sub holder
{
	my $session = $c->session(database => $db);
	my $pid = $session->query('select pg_backend_pid()');

	write_file($point, "hashing wait\n");
	$session->send($login->('vic', 'Passw0rd'));
	for (1 .. 100)
	{
		last if !-e $point;
		sleep 0.1;
	}
	ok(!-e $point, 'a login is at its hash');
	return ($session, $pid);
}

my ($first, $first_pid) = holder();
is(length($c->value($login->('vic', 'Passw0rd'), database => $db)) > 100, 1, 'a second one may hash beside it');
my ($second, $second_pid) = holder();
my $began = time;
is(brief(fails($login->('vic', 'Passw0rd'))), 'too many attempts Too many passwords are being checked right now.', 'a third one is turned away');
my $took = time - $began;
ok($took > 1.8 && $took < 10, sprintf 'after two seconds (%.1f)', $took);
is(brief(fails(q(select whalefall_api.users_create('more', 'user', 'Passw0rd')))), 'too many attempts Too many passwords are being checked right now.',
	'making a user hashes too');
my $third = $c->session(database => $db);
my $third_pid = $third->query('select pg_backend_pid()');
$third->send($login->('vic', 'Passw0rd'));
sleep 0.3;
$began = time;
query("select pg_cancel_backend($third_pid)");
$third->receive(20);
like($third->error, qr/canceling statement due to user request/, 'waiting for a turn can be cancelled');
cmp_ok(time - $began, '<', 1.2, 'at once');
# Two may wait; a flood of others must not hold connections for two seconds each.
my $fourth = $c->session(database => $db);
my $fourth_pid = $fourth->query('select pg_backend_pid()');
for my $how ('cancel', 'terminate')
{
	my $fifth = $c->session(database => $db);
	my $fifth_pid = $fifth->query('select pg_backend_pid()');

	$_->send($login->('vic', 'Passw0rd')) for $fourth, $fifth;
	sleep 0.3;
	$began = time;
	like(fails($login->('vic', 'Passw0rd')), qr/Too many passwords are being checked right now/, 'who comes third waits');
	cmp_ok(time - $began, '<', 1, 'not at all');
	query("select pg_${how}_backend($_)") for $how eq 'cancel' ? ($fourth_pid, $fifth_pid) : $fifth_pid;
	$fourth->receive(20);
	eval { $fifth->receive(20); $fifth->quit };
}
$fourth->quit;
$third->send($login->('vic', 'Passw0rd'));
sleep 0.3;
$began = time;
is(brief(fails($login->('vic', 'Passw0rd'))), 'too many attempts Too many passwords are being checked right now.', 'another one may wait again');
ok(time - $began > 1, 'and does');
$third->receive(20);
$third->send($login->('vic', 'Passw0rd'));
sleep 0.3;
query("select pg_terminate_backend($first_pid)");
like($third->receive(20), qr/^eyJ/, 'the turn of a session that is terminated goes to who waits');
query("select pg_cancel_backend($second_pid)");
$second->receive(20);
like($second->error, qr/canceling statement/, 'a hash is cancelled');
is(length($c->value($login->('vic', 'Passw0rd'), database => $db)) > 100, 1, 'its turn is free again') for 1 .. 3;
eval { $first->quit };
$_->quit for $second, $third;

# A crash with a turn taken: the memory is fresh afterwards.
my ($lost, $lost_pid) = holder();
my ($lost2, undef) = holder();
kill 'KILL', $lost_pid;
$c->wait_for('select 1', '1', 60, database => $db);
is(length($c->value($login->('vic', 'Passw0rd'), database => $db)) > 100, 1, 'after a crash nobody has a turn');
eval { $_->quit } for $lost, $lost2;
unlink $go, $point;

# A login that fails over HTTP is rolled back; its row in the log is not ---------------------------------------
query(q(begin; select set_config('request.headers', '{"x-wf-method": "POST", "x-wf-uri": "/api/v1/auth/login", "x-wf-content-type": "application/json",
	"x-wf-client": "192.0.2.7", "x-wf-agent": "test"}', true); set local role whalefall_gateway;
	select whalefall_http.dispatch(convert_to('{"username": "vic", "password": "Wr0ng-and-secret"}', 'UTF8')); commit));
is(query(q(select level, context ->> 'action', context ->> 'error_type', context ->> 'ip_address', context ->> 'current_username' from whalefall_api.logs
	where module = 'auth' order by id desc limit 1)), 'WARNING|login|INVALID_CREDENTIALS|192.0.2.7|anonymous', 'a failed login leaves its row, with the address');
is(query(q(select count(*) from whalefall_api.logs where logs::text ~ 'Wr0ng')), '0', 'without the password');

# Old sessions ---------------------------------------------------------------------------------------------
query("delete from whalefall.login_sessions; insert into whalefall.login_sessions (sid, user_id, cookie_hash, csrf_secret, created_at, cookie_expires_at, expires_at)
	select gen_random_uuid(), $id{vic}, sha256(i::text::bytea), 'n', now(), now() - interval '2 days', now() - interval '1 day' from generate_series(1, 250) i");
query($login->('vic', 'Passw0rd'));
is(query('select count(*) from whalefall.login_sessions'), '151', 'a login removes a hundred of those that are over');
query($login->('vic', 'Passw0rd')) for 1 .. 2;
is(query('select count(*) from whalefall.login_sessions'), '3', 'and the next ones the rest');

# PostgREST's own requests ---------------------------------------------------------------------------------
my ($access, $refresh) = @{ ($c->rows("select j ->> 'access_token', j ->> 'refresh_token' from whalefall_api.auth_login('uwe', 'Passw0rd') j", database => $db))[0] };

# The claims of a token as PostgREST hands them over.
sub claims
{
	my ($part) = (split /\./, $_[0])[1];

	$part =~ tr{-_}{+/};
	return query("select convert_from(decode(rpad('$part', " . int((length($part) + 3) / 4) * 4 . ", '='), 'base64'), 'UTF8')");
}

# A request as PostgREST makes it: one transaction, role and settings, the check, then the query.
sub native
{
	my ($role, $claims, $sql, %opt) = @_;
	my $headers = '{"x-wf-client": "192.0.2.9", "x-wf-request-id": "r1", "x-wf-language": "en"}';
	my $said = $c->psql("begin @{[ $opt{mode} // '' ]};
		select set_config('role', '$role', true), set_config('request.jwt.claims', \$c\$$claims\$c\$, true),
			set_config('request.headers', '$headers', true), set_config('request.method', 'GET', true), set_config('request.path', '/x', true) \\g /dev/null
		select whalefall_http.check_request() \\g /dev/null
		$sql; commit", database => $db, user => $opt{user} // 'whalefall_authenticator');

	return $said->{rc} == 0 ? $said->{stdout} : brief($said->{stderr});
}

my $claims = claims($access);
my $me = q(select whalefall_api.auth_me() ->> 'username');
is(native('whalefall_user', $claims, $me), 'uwe', 'the user of the token is the caller');
is(native('whalefall_user', $claims, $me, mode => 'read only'), 'uwe', 'also in a transaction that writes nothing');
is(native('whalefall_user', $claims, 'select pg_current_xact_id_if_assigned() is null'), 't', 'the check writes nothing');
is(native('whalefall_user', $claims, 'select whalefall_api.users_list() is not null'), 't', 'with the rights of his role');
like(native('whalefall_user', $claims, 'select whalefall_api.users_stats(), whalefall_api.users_delete(1)'), qr/permission denied/, 'and no others');
is(native('whalefall_user', '', $me), 'log in first', 'no claims');
is(native('whalefall_user', '{"role": "whalefall_user"}', $me), 'log in first', 'none but the role');
is(native('whalefall_user', 'x', $me), 'log in first', 'no object');
is(native('whalefall_user', '{"sub": 1', $me), 'the token is not valid', 'a broken one');
is(native('whalefall_user', claims($refresh), $me), 'the token is not valid', 'a refresh token');
is(native('whalefall_user', $claims =~ s/"exp":\d+/"exp":1/r, $me), 'the token has expired', 'PostgREST would let it pass for 30 s more');
is(native('whalefall_user', $claims =~ s/"aud":"whalefall"/"aud":"x"/r, $me), 'the token is not valid', 'another audience');
is(native('whalefall_admin', $claims, $me), 'the token is not valid', 'another role than the user has');
is(native('whalefall_viewer', $claims, $me), 'the token is not valid', 'a lower one either');
is(native('whalefall_gateway', '', 'select 1'), '1', 'dispatch checks for itself');
is(native('whalefall_user', $claims, $me, user => 'postgres'), 'log in first A database role is no user.', 'in any other session claims mean nothing');
query("update whalefall.users set role = 'viewer' where username = 'uwe'");
is(native('whalefall_user', $claims, $me), 'the token is not valid', 'after a change of role the token is over');
query("update whalefall.users set role = 'user' where username = 'uwe'");
is(native('whalefall_user', $claims, $me), 'uwe', '(it was that)');
query("update whalefall.users set is_active = false where username = 'uwe'");
is(native('whalefall_user', $claims, $me), 'log in first', 'a disabled user');
query("update whalefall.users set is_active = true, token_epoch = 1 where username = 'uwe'");
is(native('whalefall_user', $claims, $me), 'the token is not valid', 'another epoch');
query("update whalefall.users set token_epoch = 0 where username = 'uwe'");
is(native('whalefall_user', $claims, 'select whalefall_api.auth_logout()'), '', 'logging out by token');
is(native('whalefall_user', $claims, $me), 'the token is not valid', 'ends it');
is(query(q(select context ->> 'current_username' from whalefall_api.logs where module = 'auth' order by id desc limit 1)), 'uwe', 'the log knows who');

# The secret's file ----------------------------------------------------------------------------------------
open my $in, '<', $jwt or die $!;
my $secret = do { local $/ = undef; <$in> };
close $in;

# Replaces the file; mode as given. A session that knows the old one looks at it once a second.
sub put_secret
{
	my ($text, $mode) = @_;

	sleep 1.1;
	unlink $jwt;
	return if !defined $text;
	write_file($jwt, $text);
	chown((stat $c->data)[ 4, 5 ], $jwt);
	chmod $mode // 0640, $jwt;
	return;
}

query(q(create function request(a text, b text, c text, d text, e text, f text) returns void language c as '$libdir/whalefall', 'wf_people_test_request';
	create function login() returns text language c as '$libdir/whalefall', 'wf_people_test_login'));
my $token = query($login->('vic', 'Passw0rd'));
my $session = $c->session(database => $db);
my $ask = "begin; select request('Bearer $token', '', '', '', '', '') \\g /dev/null\nselect login(); commit";
is($session->query($ask), 'vic viewer by token', 'a token is good');
put_secret("$secret\n");
is($session->query($ask), 'vic viewer by token', 'a newline at the end of the file changes nothing, for PostgREST neither');
put_secret("$secret\n\n");
is($session->query($ask), 'TOKEN_INVALID', 'a second one does');
put_secret('f' x 64);
is($session->query($ask), 'TOKEN_INVALID', 'a session that knew the old secret notices the new one');
put_secret($secret);
is($session->query($ask), 'vic viewer by token', 'and the old one again');
# Keys shorter and longer than a block of SHA-256, by another program's HMAC.
for my $length (32, 63, 64, 65, 1024)
{
	my $key = join '', map { chr 33 + ($_ * 7 + $length) % 90 } 1 .. $length;

	put_secret($key);
	my $signed = query($login->('vic', 'Passw0rd'));
	my ($text, $signature) = $signed =~ /^(.*)\.([^.]*)$/;
	is($signature, encode_base64url(hmac_sha256($text, $key)), "signed with a secret of $length bytes");
}
put_secret($secret);
for ([ 'does not exist', undef ], [ 'holds less than 32 bytes', 'f' x 31 ], [ 'holds less than 32 bytes', ('f' x 31) . "\n" ], [ 'holds less than 32 bytes', '' ],
	[ 'is too large', 'f' x 1025 ], [ 'is open to everybody', $secret, 0644 ])
{
	my ($what, $text, $mode) = @$_;

	put_secret($text, $mode);
	$session->query($ask);
	like($session->error, qr/ERROR:  whalefall is not set up\nDETAIL:  The file "[^"]+" with the secret of tokens $what\./, "the file $what");
	unlike($session->error, qr/\Q$secret\E|f{8}/, 'its content is not shown');
	$session->query('rollback');
}
put_secret($secret);
is($session->query($ask), 'vic viewer by token', 'all is well again');
$session->quit;

# Cookies by the settings.
query(q(create function answer() returns text language c as '$libdir/whalefall', 'wf_people_test_answer'));
for ([ 'auto', 'http', 0 ], [ 'auto', 'https', 1 ], [ 'on', 'http', 1 ], [ 'off', 'https', 0 ])
{
	my ($setting, $scheme, $secure) = @$_;

	$c->configure('whalefall.cookie_secure' => $setting, 'whalefall.session_life' => 1000)->reload;
	$c->wait_for('show whalefall.cookie_secure', $setting, 30);
	like(query("begin; select request('', '', '', 'x', '$scheme', '') \\g /dev/null
		select whalefall_api.auth_login('vic', 'Passw0rd') \\g /dev/null
		select answer()::json ->> 'set-cookie'; commit"), $secure ? qr/; Max-Age=1000; Secure$/ : qr/; Max-Age=1000$/, "cookie_secure $setting over $scheme");
}
is(query('select extract(epoch from cookie_expires_at - created_at) from whalefall.login_sessions order by created_at desc limit 1'), '1000.000000', 'the life of the cookie is a setting');

# Dumps carry no session.
my %env = $c->connection_env($db);
{
	local %ENV = (%ENV, %env);
	unlike(scalar `$c->{bindir}/pg_dump $db`, qr/COPY whalefall\.login_sessions/, 'a dump holds no session');
}

# Time -----------------------------------------------------------------------------------------------------
# Unknown users cost as much as wrong passwords. At cost 9 bcrypt outweighs all else; medians, since others work here too.
$c->configure('whalefall.bcrypt_cost' => 9)->reload;
$c->wait_for('show whalefall.bcrypt_cost', '9', 30);
query($login->('vic', 'Passw0rd'));
like(query(q(select password from whalefall.users where username = 'vic')), qr/^\$2b\$09\$/, 'a login renews a hash of another cost');
$session = $c->session(database => $db);
my %times;
for (1 .. 15)
{
	for my $name (qw(vic nobody))
	{
		$began = time;
		$session->query($login->($name, 'wrong'));
		push @{ $times{$name} }, time - $began;
	}
}
$session->quit;
my %median = map { $_ => (sort { $a <=> $b } @{ $times{$_} })[7] } keys %times;
my $ratio = $median{nobody} / $median{vic};
ok($ratio > 0.6 && $ratio < 1.67, sprintf 'unknown user %.1f ms, wrong password %.1f ms', 1000 * $median{nobody}, 1000 * $median{vic});
cmp_ok($median{nobody}, '>', 0.008, 'it is bcrypt that takes the time');

# Not set up, and not preloaded ----------------------------------------------------------------------------
query(q(update whalefall.control_plane set system_identifier = 1));
is(brief(fails($login->('vic', 'Passw0rd'))), 'this database is a copy of another control plane It was set up in another cluster or database, so it must not log in to the fleet.',
	'nobody logs in to a copy');
query('select whalefall.setup(take_over => true)');
$c->configure(shared_preload_libraries => '')->restart;
like(brief(fails($login->('vic', 'Passw0rd'))), qr/^background workers are not available Attempts to log in are counted in shared memory/, 'without shared memory nobody logs in');
is(query(q(select whalefall_api.users_create('later', 'user', 'Passw0rd') #>> '{user,username}')), 'later', 'but users can be made');

done_testing;
