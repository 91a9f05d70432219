# Logins over HTTP: tokens of every kind of wrong, sessions, limits, passwords, and the last administrator.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);
use Contract;

binmode $_, ':utf8' for Test::More->builder->output, Test::More->builder->failure_output;
my $t = Contract->start(settings => { 'whalefall.login_rate_limit' => 10 });
my $PASSWORD = $Contract::PASSWORD;

# What a token says.
my $login = $t->log_in('test_user');
my $now = time;
for my $kind ([ 'access', 3600 ], [ 'refresh', 2592000 ])
{
	my ($type, $life) = @$kind;
	my $claims = $t->claims($login->{$type});

	is_deeply([ Shape::wrong($claims, { sub => \$t->person('test_user'), type => \$type, sid => 'uuid', role => \'user', epoch => 'int', jti => 'uuid', iat => 'int',
		nbf => \($claims->{iat}), exp => \($claims->{iat} + $life), aud => \'whalefall', $type eq 'access' ? (pg_role => \'whalefall_user') : () }) ], [], "claims of the $type token");
	cmp_ok(abs($claims->{iat} - $now), '<', 30, 'made now');
}
is($t->claims($login->{access})->{sid}, $t->claims($login->{refresh})->{sid}, 'both of one login');
my ($cookie, @attributes) = $login->{answer}->cookie('whalefall_session');
is(join(' ', sort map { lc } @attributes), 'httponly max-age=604800 path=/ samesite=lax', 'the cookie is one of seven days');
ok(length $cookie >= 22, 'of 128 bits at least');
is($t->sql("select count(*) from whalefall.login_sessions s where s::text like '%$cookie%'"), 0, 'and is not stored as it is');
like($t->call('user', 'GET', '/auth/me')->header('Cache-Control') // '', qr/no-store/, 'what tells of a person is not kept by caches');

# Tokens of every kind of wrong, on a route of the API.
my $claims = $t->claims($login->{access});
my %good = %$claims;
my $none = join '.', (split /\./, $t->sign_token($claims, header => { alg => 'none', typ => 'JWT' }))[ 0, 1 ];
my @wrong = (
	[ 'the algorithm none', 'TOKEN_INVALID', "$none." ], [ 'none, with a signature', 'TOKEN_INVALID', $t->sign_token($claims, header => { alg => 'none' }) ],
	[ 'the algorithm nOnE', 'TOKEN_INVALID', $t->sign_token($claims, header => { alg => 'nOnE', typ => 'JWT' }) ],
	[ 'HS512', 'TOKEN_INVALID', $t->sign_token($claims, header => { alg => 'HS512', typ => 'JWT' }) ],
	[ 'RS256 signed with the secret', 'TOKEN_INVALID', $t->sign_token($claims, header => { alg => 'RS256', typ => 'JWT' }) ],
	[ 'no algorithm', 'TOKEN_INVALID', $t->sign_token($claims, header => { typ => 'JWT' }) ],
	[ 'another key', 'TOKEN_INVALID', $t->sign_token($claims, key => 'x' x 64) ], [ 'an empty key', 'TOKEN_INVALID', $t->sign_token($claims, key => '') ],
	[ 'past its end', 'TOKEN_EXPIRED', $t->sign_token({ %good, exp => int $now - 1 }) ], [ 'at its end', 'TOKEN_EXPIRED', $t->sign_token({ %good, exp => int $now }) ],
	[ 'not yet valid', 'TOKEN_INVALID', $t->sign_token({ %good, nbf => int $now + 300 }) ], [ 'another audience', 'TOKEN_INVALID', $t->sign_token({ %good, aud => 'other' }) ],
	[ 'another epoch', 'TOKEN_INVALID', $t->sign_token({ %good, epoch => $good{epoch} + 1 }) ], [ 'a session of nobody', 'TOKEN_INVALID', $t->sign_token({ %good, sid => '00000000-0000-4000-8000-000000000000' }) ],
	[ 'a session that is no uuid', 'TOKEN_INVALID', $t->sign_token({ %good, sid => "x' or 1=1" }) ], [ 'another person', 'TOKEN_INVALID', $t->sign_token({ %good, sub => $t->person('test_admin') . '' }) ],
	[ 'a subject that is no number', 'TOKEN_INVALID', $t->sign_token({ %good, sub => 'admin' }) ], [ 'the type refresh', 'TOKEN_INVALID', $t->sign_token({ %good, type => 'refresh' }) ],
	[ 'a type of its own', 'TOKEN_INVALID', $t->sign_token({ %good, type => 'other' }) ], [ 'a refresh token', 'TOKEN_INVALID', $login->{refresh} ],
	(map { my $name = $_; my %less = %good; delete $less{$name}; [ "no $name", 'TOKEN_INVALID', $t->sign_token(\%less) ] } qw(sub type sid exp aud epoch)),
	(map { [ "exp " . Shape::shown($_), 'TOKEN_INVALID', $t->sign_token({ %good, exp => $_ }) ] } 'x', undef, [], {}),
	[ 'a list for claims', 'TOKEN_INVALID', $t->sign_token([1]) ], [ 'no JSON', 'TOKEN_INVALID', 'YQ.YQ.YQ' ], [ 'no parts', 'TOKEN_INVALID', 'nonsense' ],
	[ 'its signature cut', 'TOKEN_INVALID', substr $login->{access}, 0, -1 ], [ 'no signature', 'TOKEN_INVALID', ($login->{access} =~ /^(.*\.)/)[0] ],
	[ 'more behind it', 'TOKEN_INVALID', "$login->{access}AA" ], [ 'padding', 'TOKEN_INVALID', "$login->{access}=" ], [ 'a part more', 'TOKEN_INVALID', "$login->{access}.x" ]);
for my $case (@wrong)
{
	my ($what, $code, $token) = @$case;
	my %bearer = (Authorization => "Bearer $token");

	$t->bad($t->call({%bearer}, 'GET', '/users'), 401, $code, "a token with $what");
	my $native = $t->client->request('GET', '/rest/rpc/users_stats', headers => {%bearer});
	is($native->{status}, 401, 'is refused by /rest too') or diag $native->{body};
}
is($t->call({ Authorization => "bearer $login->{access}" }, 'GET', '/users')->{status}, 200, 'the scheme is written in any case');
# The role in the token decides nothing: the row does.
my $forged = $t->sign_token({ %good, role => 'admin' });
$t->bad($t->call({ Authorization => "Bearer $forged" }, 'POST', '/tags', {}), 403, 'PERMISSION_REQUIRED', 'a token that says admin makes none');
my $promoted = $t->client->request('POST', '/rest/rpc/tags_create', body => '{"name":"forged","display_name":"x","category":"c"}', type => 'application/json',
	headers => { Authorization => 'Bearer ' . $t->sign_token({ %good, role => 'admin', pg_role => 'whalefall_admin' }) });
like($promoted->{status}, qr/^40[13]$/, 'nor does one that names another database role, on /rest') or diag $promoted->{body};
is($t->sql("select count(*) from whalefall.tags where name = 'forged'"), 0, 'and nothing was made');

# Refresh tokens.
for my $case ([ 'an access token', 'TOKEN_INVALID', $login->{access} ], [ 'one past its end', 'TOKEN_EXPIRED', $t->sign_token({ %{ $t->claims($login->{refresh}) }, exp => int $now - 1 }) ],
	[ 'a forged one', 'TOKEN_INVALID', $t->sign_token($t->claims($login->{refresh}), key => 'x' x 64) ], [ 'nonsense', 'TOKEN_INVALID', 'x' ])
{
	$t->bad($t->call({ Authorization => "Bearer $case->[2]" }, 'POST', '/auth/refresh'), 401, $case->[1], "refresh with $case->[0]");
}
my $fresh = $t->call({ Authorization => "Bearer $login->{refresh}" }, 'POST', '/auth/refresh')->json->{data}{access_token};
is($t->call({ Authorization => "Bearer $fresh" }, 'GET', '/auth/me')->json->{data}{id}, $t->person('test_user'), 'a refreshed token is the same person');
is($t->call({ Authorization => "Bearer $login->{refresh}" }, 'POST', '/auth/refresh')->{status}, 200, 'a refresh token may be used again');

# Same answer, and about the same time, for a wrong password and an unknown name.
my ($unknown, $known) = map { $t->call('anonymous', 'POST', '/auth/login', { username => $_, password => 'Wrong-Password-1' })->json } 'no_such_user', 'test_viewer';
is($unknown->{message}, $known->{message}, 'the same words for an unknown name and a wrong password');
$t->add_person('idle_one', 'viewer');
$t->sql("update whalefall.users set is_active = false where username = 'idle_one'");
$t->bad($t->call('anonymous', 'POST', '/auth/login', { username => 'idle_one', password => 'Wrong-Password-1' }), 401, 'INVALID_CREDENTIALS', 'a disabled account with a wrong password');
$t->bad($t->call('anonymous', 'POST', '/auth/login', { username => 'idle_one', password => $PASSWORD }), 403, 'ACCOUNT_DISABLED', 'and with the right one');

# The 11th login of a name within a minute (check 6), from one address.
for my $n (1 .. 10)
{
	my $right = $n % 2;
	is($t->call('anonymous', 'POST', '/auth/login', { username => $n % 3 ? 'limited' : ' limited ', password => $right ? 'Wrong-Password-1' : undef })->{status}, $right ? 401 : 400, "attempt $n of a name");
}
my $refused = $t->call('anonymous', 'POST', '/auth/login', { username => 'limited', password => $PASSWORD });
$t->bad($refused, 429, 'RATE_LIMIT_EXCEEDED', 'the 11th is one too many');
like($refused->header('Retry-After') // '', qr/^[1-9]\d?$/, 'and told when to come again');
is($t->call('anonymous', 'POST', '/auth/login', { username => 'other', password => 'Wrong-Password-1' })->{status}, 401, 'another name is not limited');
is($t->call('anonymous', 'POST', '/auth/login', { username => 'limited', password => 'Wrong-Password-1' }, headers => { 'X-Forwarded-For' => '10.0.0.9' })->{status}, 401, 'nor the name from another address');

# Change of password: rules in their order, and what it ends.
$t->add_person("changer$_", 'viewer') for 1 .. 9;
my $n = 0;
my $New = 'Another-Horse-8';
my @rules = (
	[ {}, 400, 'VALIDATION_ERROR', 'nothing' ], [ { old_password => '', new_password => $New, confirm_password => $New }, 400, 'VALIDATION_ERROR', 'an empty field' ],
	[ { old_password => $PASSWORD, new_password => 5, confirm_password => 5 }, 400, 'VALIDATION_ERROR', 'numbers' ], [ { old_password => $PASSWORD, new_password => $New }, 400, 'VALIDATION_ERROR', 'no confirmation' ],
	[ { old_password => 'wrong', new_password => 'a', confirm_password => 'b' }, 400, 'PASSWORD_MISMATCH', 'two that differ' ],
	[ { old_password => 'a', new_password => 'a', confirm_password => 'a' }, 400, 'PASSWORD_DUPLICATED', 'the old one again' ],
	[ { old_password => 'wrong', new_password => 'Short1x', confirm_password => 'Short1x' }, 400, 'PASSWORD_INVALID', 'seven characters' ],
	[ { old_password => 'wrong', new_password => ' ' x 10, confirm_password => ' ' x 10 }, 400, 'PASSWORD_INVALID', 'only blanks' ],
	[ { old_password => 'wrong', new_password => 'Aa1' . 'x' x 126, confirm_password => 'Aa1' . 'x' x 126 }, 400, 'PASSWORD_INVALID', '129 characters' ],
	[ { old_password => 'wrong', new_password => 'nouppercase1', confirm_password => 'nouppercase1' }, 401, 'INVALID_OLD_PASSWORD', 'a wrong old password, before the letters are looked at' ],
	(map { [ { old_password => $PASSWORD, new_password => $_, confirm_password => $_ }, 400, 'PASSWORD_INVALID', "$_" ] } 'nouppercase1', 'NOLOWERCASE1', 'NoDigitsHere', '密码密码密码密码'));
for my $rule (@rules)
{
	my $who = { Authorization => 'Bearer ' . $t->log_in('changer' . (1 + int($n++ / 3)))->{access} };
	$t->bad($t->call($who, 'POST', '/auth/change-password', $rule->[0]), @$rule[ 1, 2 ], "change to $rule->[3]");
}
{
	my ($here, $there) = map { $t->log_in('changer8') } 1 .. 2;
	my %here = (Cookie => "whalefall_session=$here->{cookie}", 'X-CSRFToken' => $here->{csrf});
	my $long = 'Aa1' . '长' x 124 . 'y';    # 128 characters, more than 72 bytes

	$t->good($t->call({%here}, 'POST', '/auth/change-password', { old_password => $PASSWORD, new_password => $long, confirm_password => $long }), 200, 'a password is changed', undef);
	$t->bad($t->call({ Authorization => "Bearer $there->{access}" }, 'GET', '/auth/me'), 401, 'TOKEN_INVALID', 'other tokens end');
	$t->bad($t->call({ Authorization => "Bearer $there->{refresh}" }, 'POST', '/auth/refresh'), 401, 'TOKEN_INVALID', 'refresh tokens too');
	$t->bad($t->call({ Cookie => "whalefall_session=$there->{cookie}" }, 'GET', '/auth/me'), 401, 'AUTHENTICATION_REQUIRED', 'and other sessions');
	$t->bad($t->call('anonymous', 'POST', '/auth/login', { username => 'changer8', password => $PASSWORD }), 401, 'INVALID_CREDENTIALS', 'the old password is no more');
	$t->bad($t->call('anonymous', 'POST', '/auth/login', { username => 'changer8', password => substr($long, 0, -1) . 'z' }), 401, 'INVALID_CREDENTIALS', 'the 128th character counts');
	is($t->log_in('changer8', $long)->{user}{username}, 'changer8', 'the new one is good');
}
{
	my %who = (Authorization => 'Bearer ' . $t->log_in('changer9')->{access});
	is($t->call({%who}, 'POST', '/auth/change-password', {})->{status}, 400, "attempt $_") for 1 .. 3;
	my $over = $t->call({%who}, 'POST', '/auth/change-password', { old_password => $PASSWORD, new_password => $New, confirm_password => $New });
	$t->bad($over, 429, 'RATE_LIMIT_EXCEEDED', 'the fourth within an hour is one too many');
	cmp_ok($over->header('Retry-After'), '>', 3000, 'for about an hour');
	is($t->log_in('changer9')->{user}{username}, 'changer9', 'and nothing has changed');
}

# The last active administrator (check 9). setup() has made one more, who is put to sleep.
$t->sql("update whalefall.users set is_active = false where role = 'admin' and username <> 'test_admin'");
my $admin = $t->person('test_admin');
my $second = $t->add_person('second_admin', 'admin');
my @attacks = (
	[ 'PUT', "/users/$admin", { username => 'test_admin', role => 'user' }, 'another role' ], [ 'PUT', "/users/$admin", { username => 'test_admin', role => 'admin', is_active => JSON::PP::false }, 'put to sleep' ],
	[ 'DELETE', "/users/$admin", undef, 'deleted' ], [ 'POST', "/users/$admin/toggle-status", undef, 'toggled' ], [ 'POST', "/users/$admin/actions/toggle-status", undef, 'toggled by the other name' ]);
# Who is asked must be an administrator, and may not remove himself: only a database administrator can try the rest.
$t->sql("update whalefall.users set is_active = false where id = $second");
$t->bad($t->call('admin', 'PUT', $attacks[0][1], $attacks[0][2]), 400, 'LAST_ADMIN_REQUIRED', 'the last administrator gives himself another role');
$t->bad($t->call('admin', 'PUT', $attacks[1][1], $attacks[1][2]), 400, 'LAST_ADMIN_REQUIRED', 'or puts himself to sleep');
$t->bad($t->call('admin', $_->[0], $_->[1]), 400, 'VALIDATION_ERROR', "his own account cannot be $_->[3]") for @attacks[ 2 .. 4 ];
for my $call ("users_delete($admin)", "users_toggle_status($admin)", "users_update($admin, role => 'viewer')", "users_update($admin, is_active => false)")
{
	my $said = $t->cluster->psql("select whalefall_api.$call", database => $Contract::DATABASE);
	like($said->{stderr}, qr/no active administrator would be left/, "a database administrator is refused too: $call");
}
$t->sql("update whalefall.users set is_active = true where id = $second");
is($t->call('admin', 'POST', "/users/$second/toggle-status")->{status}, 200, 'one of two may be put to sleep');
is($t->call('admin', 'DELETE', "/users/$second")->{status}, 200, 'or deleted');
is($t->call('admin', 'PUT', "/users/$admin", { username => 'test_admin', role => 'admin', email => 'a@b' })->{status}, 200, 'the last one may change the rest of himself');

# Disabling ends everything at once (check 8); enabling again does not bring old sessions back to life unasked.
my $victim = $t->log_in('test_viewer');
is($t->call('admin', 'POST', '/users/' . $t->person('test_viewer') . '/toggle-status')->json->{data}{user}{is_active}, JSON::PP::false, 'somebody is disabled');
$t->bad($t->call({ Authorization => "Bearer $victim->{access}" }, 'GET', '/users'), 401, 'AUTHENTICATION_REQUIRED', 'his token is refused');
$t->bad($t->call({ Cookie => "whalefall_session=$victim->{cookie}" }, 'GET', '/users'), 401, 'AUTHENTICATION_REQUIRED', 'and his cookie');
$t->bad($t->call({ Authorization => "Bearer $victim->{refresh}" }, 'POST', '/auth/refresh'), 403, 'ACCOUNT_DISABLED', 'and his refresh token');
is($t->client->request('GET', '/rest/rpc/users_stats', headers => { Authorization => "Bearer $victim->{access}" })->{status}, 401, 'on /rest too');

# Nothing that was sent as a secret stands anywhere in the log or in an answer (check 15).
my $text = $t->sql('select coalesce(string_agg(l::text, chr(10)), \'\') from whalefall_api.logs l');
for my $secret ($PASSWORD, $New, 'Wrong-Password-1', $login->{access}, $login->{refresh}, $login->{cookie}, $login->{csrf})
{
	is(index($text, $secret), -1, 'no secret in the unified log');
	is(index($t->cluster->log_contents, $secret), -1, "nor in the server's");
}
cmp_ok(length $text, '>', 1000, 'which holds rows');

done_testing;
