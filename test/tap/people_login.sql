-- Logging in and out: cookies, CSRF tokens, what a login gives and what ends it, changing a password.
\set ECHO none
begin;
select plan(125);

create function pg_temp.fails(sql text) returns text language plpgsql as $$
declare d text;
begin
	execute sql;
	return null;
exception when others then
	get stacked diagnostics d = pg_exception_detail;
	return sqlstate || ' ' || sqlerrm || ': ' || d;
end $$;
create function pg_temp.request(authorization_header text default null, cookie text default null, csrf text default null,
	address text default null, scheme text default null, path text default null) returns void
	language c as '$libdir/whalefall', 'wf_people_test_request';
create function pg_temp.login() returns text language c as '$libdir/whalefall', 'wf_people_test_login';
create function pg_temp.csrf(anonymous boolean) returns text language c as '$libdir/whalefall', 'wf_people_test_csrf';
create function pg_temp.answer() returns text language c as '$libdir/whalefall', 'wf_people_test_answer';
-- The cookie that the answer sets.
create function pg_temp.sent_cookie() returns text language sql as
	$$select substring(pg_temp.answer()::json ->> 'set-cookie' from '^whalefall_session=([^;]*);')$$;
create function pg_temp.who(cookie text) returns text language plpgsql as $$
begin
	perform pg_temp.request(cookie => cookie);
	return pg_temp.login();
end $$;
create function pg_temp.bearer(token text) returns text language plpgsql as $$
begin
	perform pg_temp.request('Bearer ' || token);
	return pg_temp.login();
end $$;
create function pg_temp.checked(cookie text, csrf text, anonymous boolean default true, authorization_header text default null)
	returns text language plpgsql as $$
begin
	perform pg_temp.request(authorization_header, cookie, csrf);
	return pg_temp.csrf(anonymous);
end $$;
-- A login from an address with a cookie; gives what it answers, and the cookie it sets.
create function pg_temp.log_in(name text, password text, cookie text default null, address text default '192.0.2.1', scheme text default 'http')
	returns jsonb language plpgsql as $$
declare
	said jsonb;
begin
	perform pg_temp.request(cookie => cookie, address => address, scheme => scheme);
	said := whalefall_api.auth_login(name, password)::jsonb;
	return said || jsonb_build_object('cookie', pg_temp.sent_cookie(), 'answer', pg_temp.answer()::jsonb);
end $$;
create function pg_temp.hash(password text, cost int default 4) returns text language sql as
	$$select overlay(public.crypt(password, public.gen_salt('bf', cost)) placing 'b' from 3)$$;

-- Database roles, from psql: before any request makes somebody else the caller ----------------------------
select is(pg_temp.fails(format('select whalefall_api.%s', q)), 'PT401 log in first: ' || d, q) from (values
	('auth_me()', 'A database role is no user.'), ('auth_logout()', 'There is no login session to end.'),
	('auth_change_password(''a'', ''b'', ''b'')', 'A database role is no user.'), ('auth_refresh()', '')) v (q, d);
insert into whalefall.users (username, role, password) values ('psql', 'viewer', overlay(public.crypt('Passw0rd', public.gen_salt('bf', 4)) placing 'b' from 3));
set local role whalefall_anon;
select is(whalefall_api.auth_login('psql', 'Passw0rd') #>> '{user,username}', 'psql', 'a login in psql gives tokens');
select is(length(whalefall_api.auth_csrf_token() ->> 'csrf_token'), 54, 'and a CSRF token may be had');
select is(left(pg_temp.fails('select whalefall_api.auth_me()'), 5), '42501', 'the rest needs a login');
reset role;

set local whalefall.test_now = '2026-03-10 08:00:00.5+00';
delete from whalefall.users;
insert into whalefall.users (id, username, role, password, email, is_active, created_at) overriding system value values
	(1, 'root', 'admin', pg_temp.hash('Passw0rd'), 'r@x', true, '2026-01-02 03:04:05.6+00'), (2, 'ursa', 'user', pg_temp.hash('Passw0rd'), null, true, '2026-01-01'),
	(3, 'vera', 'viewer', pg_temp.hash('Passw0rd'), null, true, '2026-01-01'), (4, 'gone', 'viewer', pg_temp.hash('Passw0rd'), null, false, '2026-01-01');

-- CSRF token and the anonymous cookie --------------------------------------------------------------------
select pg_temp.request();
create temp table anon as select whalefall_api.auth_csrf_token() ->> 'csrf_token' as token, null::text as cookie, null::text as token2;
select is(pg_temp.answer()::jsonb - 'set-cookie', '{"message": "", "cache-control": "no-store"}', 'not to be cached');
select matches(pg_temp.answer()::json ->> 'set-cookie',
	'^whalefall_session=a\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800$', 'a cookie for who has none');
update anon set cookie = pg_temp.sent_cookie();
select matches(token, '^[0-9]{10}\.[A-Za-z0-9_-]{43}$', 'a token') from anon;
select is((select count(*)::int from whalefall.login_sessions), 0, 'nothing is stored');
select pg_temp.request(cookie => cookie) from anon;
update anon set token2 = whalefall_api.auth_csrf_token() ->> 'csrf_token';
select is(pg_temp.answer()::jsonb, '{"message": "", "cache-control": "no-store"}', 'who has a cookie keeps it');
select pg_temp.request(cookie => c), whalefall_api.auth_csrf_token() from unnest('{-,x,a.,s.}'::text[]) c;
select isnt(pg_temp.sent_cookie(), null, 'a worthless one is replaced');
select is(pg_temp.checked(cookie, token), 'ok', 'the token fits the cookie') from anon;
select is(pg_temp.checked(cookie, token2), 'ok', 'several are good at once') from anon;
select is(pg_temp.checked(cookie, null), 'CSRF_MISSING', 'no token') from anon;
select is(pg_temp.checked(null, null), 'ok', 'without a cookie none is needed');
select is(pg_temp.checked(cookie, null, authorization_header => 'Bearer x'), 'ok', 'nor with Authorization') from anon;
select is(pg_temp.checked(cookie, t), 'CSRF_INVALID', w) from anon, lateral (values (token || 'A', 'longer'), (left(token, -1), 'shorter'),
	('x', 'no token'), ('.', 'a dot'), (split_part(token, '.', 2), 'no time'), ('9' || substr(token, 2), 'another time'),
	('0' || token, 'the same time, written otherwise'), (split_part(token, '.', 1) || '.' || repeat('A', 43), 'another signature'),
	(split_part(token, '.', 1) || '.', 'no signature'), (repeat('9', 99999), 'digits without end'), ('鲸落', 'other script')) v (t, w);
select is(pg_temp.checked(c, token), 'CSRF_INVALID', 'cookie ' || left(c, 12)) from anon, lateral unnest(array['-', 'x', 'a.x.y', left(cookie, -1), cookie || 'A',
	's.' || repeat('x', 43), overlay(cookie placing case substr(cookie, 5, 1) when 'A' then 'B' else 'A' end from 5), repeat('a', 100000)]) c;
select pg_temp.request();
create temp table other as select whalefall_api.auth_csrf_token() ->> 'csrf_token' as token;
select is(pg_temp.checked(cookie, other.token), 'CSRF_INVALID', 'a token of another cookie') from anon, other;
set local whalefall.test_now = '2026-03-10 08:59:59.9+00';
select is(pg_temp.checked(cookie, token), 'ok', 'good for an hour') from anon;
set local whalefall.test_now = '2026-03-10 09:00:00+00';
select is(pg_temp.checked(cookie, token), 'CSRF_INVALID', 'and no longer') from anon;
set local whalefall.test_now = '2026-03-10 08:00:01.5+00';
select is(pg_temp.who(cookie), 'AUTHENTICATION_REQUIRED', 'it is no login') from anon;

-- Login --------------------------------------------------------------------------------------------------
create temp table l as select pg_temp.log_in(' ursa ', 'Passw0rd', cookie) as j from anon;
select is(j - array['access_token', 'refresh_token', 'csrf_token', 'cookie', 'answer'],
	'{"user": {"id": 2, "username": "ursa", "role": "user", "is_active": true}, "token_type": "Bearer", "expires_in": 3600}', 'what a login answers') from l;
select is(array(select jsonb_object_keys(j - array['cookie', 'answer']) order by 1), '{access_token,csrf_token,expires_in,refresh_token,token_type,user}', 'no more than that') from l;
select matches(j #>> '{answer,set-cookie}', '^whalefall_session=s\.[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800$', 'the cookie') from l;
select is(j #>> '{answer,cache-control}', 'no-store', 'not to be cached') from l;
select is(pg_temp.who(j ->> 'cookie'), 'ursa user by cookie', 'the cookie is a login') from l;
select is(pg_temp.bearer(j ->> 'access_token'), 'ursa user by token', 'the access token too') from l;
select is(pg_temp.bearer(j ->> 'refresh_token'), 'TOKEN_INVALID', 'the refresh token is none') from l;
select is((select last_login from whalefall.users where id = 2), '2026-03-10 08:00:01.5+00', 'last_login');
select is((select row_to_json(s)::jsonb - 'sid' - 'cookie_hash' - 'csrf_secret' from whalefall.login_sessions s), '{"user_id": 2,
	"created_at": "2026-03-10T08:00:01.5+00:00", "cookie_expires_at": "2026-03-17T08:00:01.5+00:00", "expires_at": "2026-04-09T08:00:01.5+00:00",
	"revoked_at": null, "address": "192.0.2.1", "agent": ""}', 'the session') ;
select is((select encode(cookie_hash, 'hex') from whalefall.login_sessions), encode(sha256((j ->> 'cookie')::bytea), 'hex'), 'stores the hash of its cookie') from l;
select is((select count(*)::int from whalefall.login_sessions s where position(substr(j ->> 'cookie', 3) in s::text) > 0), 0, 'not the cookie') from l;
select is((select convert_from(decode(rpad(translate(split_part(j ->> t, '.', 2), '-_', '+/'), (length(split_part(j ->> t, '.', 2)) + 3) / 4 * 4, '='),
	'base64'), 'UTF8')::jsonb - 'jti' - 'sid'), c::jsonb, t) from l, (values
	('access_token', '{"sub": "2", "type": "access", "role": "user", "epoch": 0, "iat": 1773129601, "nbf": 1773129601, "exp": 1773133201, "aud": "whalefall", "pg_role": "whalefall_user"}'),
	('refresh_token', '{"sub": "2", "type": "refresh", "role": "user", "epoch": 0, "iat": 1773129601, "nbf": 1773129601, "exp": 1775721601, "aud": "whalefall"}')) v (t, c);
select is(pg_temp.checked(j ->> 'cookie', a.token, false), 'ok', 'a CSRF token from before the login is good after it') from l, anon a;
select is(pg_temp.checked(j ->> 'cookie', j ->> 'csrf_token', false), 'ok', 'the new one too') from l;
select is(pg_temp.checked(j ->> 'cookie', o.token, false), 'CSRF_INVALID', 'another one is not') from l, other o;
select is(pg_temp.checked(j ->> 'cookie', j ->> 'csrf_token'), 'ok', 'also where no login is asked for') from l;
select pg_temp.request(cookie => j ->> 'cookie') from l;
select is(pg_temp.checked(j ->> 'cookie', whalefall_api.auth_csrf_token() ->> 'csrf_token', false), 'ok', 'and one that is fetched now') from l;
select is(pg_temp.answer()::json ->> 'set-cookie', null, 'without another cookie');
select is((select context - 'user_id' from whalefall_api.logs where module = 'auth' order by id desc limit 1), '{"action": "login", "is_admin": false, "ip_address": "192.0.2.1",
	"current_user_id": 2, "current_username": "ursa", "current_user_role": "user"}', 'the log names who logged in');
create temp table l2 as select pg_temp.log_in('ursa', 'Passw0rd', l.j ->> 'cookie') as j from l;
select isnt(l.j ->> 'cookie', l2.j ->> 'cookie', 'each login has a cookie of its own') from l, l2;
select is(pg_temp.checked(l2.j ->> 'cookie', a.token, false), 'ok', 'the nonce goes from login to login') from l2, anon a;
select is((pg_temp.log_in('root', 'Passw0rd') #>> '{user,role}'), 'admin', 'a login without any cookie');
select matches(pg_temp.log_in('root', 'Passw0rd', scheme => 'https') #>> '{answer,set-cookie}', '; SameSite=Lax; Max-Age=604800; Secure$', 'over https the cookie is Secure');

-- A login that fails -------------------------------------------------------------------------------------
select pg_temp.request(address => '192.0.2.2');
select is(pg_temp.fails(format('select whalefall_api.auth_login(%L, %L)', n, p)), 'PT401 wrong user name or password: ', format('%L %L', n, left(p, 9)))
	from (values ('ursa', 'Passw0re'), ('nobody', 'Passw0rd'), ('URSA', 'Passw0rd'), ('gone', 'wrong'), ('ursa', 'Passw0rd '), ('ursa', repeat('x', 100000)),
	('x'' or true --', 'Passw0rd'), (repeat('鲸', 1000), 'x')) v (n, p);
select is(pg_temp.fails($$select whalefall_api.auth_login('gone', 'Passw0rd')$$), 'PT403 the account is disabled: ', 'right, but disabled');
select is(pg_temp.fails(format('select whalefall_api.auth_login(%L, %L)', n, p)), 'PT400 invalid input: username and password must not be blank.', format('%L %L', n, p))
	from (values (null, 'x'), ('', 'x'), (' ', 'x'), ('ursa', null), ('ursa', '')) v (n, p);
select is(pg_temp.answer()::jsonb, '{"message": ""}', 'no cookie, no token');
update whalefall.users set password = 'x' where id = 3;
select is(pg_temp.fails($$select whalefall_api.auth_login('vera', 'x')$$), 'PT401 wrong user name or password: ', 'what is no hash fits nothing');
update whalefall.users set password = pg_temp.hash('Passw0rd') where id = 3;

-- Hashes -------------------------------------------------------------------------------------------------
select is(left(password, 7), '$2b$12$', 'a hash of another cost is renewed by a login') from whalefall.users where id = 2;
create function pg_temp.long(n int, tail text) returns text language sql as $$select 'Aa1' || repeat('x', n - 4) || tail$$;
select whalefall_api.users_update(3, password => pg_temp.long(100, 'y'));
select pg_temp.request(address => '192.0.2.3');
select is(pg_temp.fails(format('select whalefall_api.auth_login(''vera'', %L)', pg_temp.long(100, 'z'))), 'PT401 wrong user name or password: ', 'characters beyond 72 bytes count');
select is(whalefall_api.auth_login('vera', pg_temp.long(100, 'y')) #>> '{user,username}', 'vera', 'all of them');
select is(replace(password, '$2b$', '$2a$') = public.crypt(encode(sha256(pg_temp.long(100, 'y')::bytea), 'base64'), replace(password, '$2b$', '$2a$')), true,
	'bcrypt got the base64 of their SHA-256') from whalefall.users where id = 3;
select whalefall_api.users_update(3, password => pg_temp.long(72, 'y'));
select is(replace(password, '$2b$', '$2a$') = public.crypt(pg_temp.long(72, 'y'), replace(password, '$2b$', '$2a$')), true, '72 bytes as they are') from whalefall.users where id = 3;
select is(pg_temp.fails(format('select whalefall_api.auth_login(''vera'', %L)', pg_temp.long(72, 'y') || 'z')), 'PT401 wrong user name or password: ', 'the 73rd byte counts');

-- Me -----------------------------------------------------------------------------------------------------
create temp table r as select pg_temp.log_in('root', 'Passw0rd') as j;
select pg_temp.who(j ->> 'cookie') from r;
select is(whalefall_api.auth_me()::jsonb, '{"id": 1, "username": "root", "email": "r@x", "role": "admin", "is_active": true,
	"created_at": "2026-01-02T03:04:05.6+00:00", "last_login": "2026-03-10T08:00:01.5+00:00",
	"permissions": ["view", "create", "update", "delete", "admin", "scheduler_view", "scheduler_manage"]}', 'an administrator');
select pg_temp.bearer(j ->> 'access_token') from l2;
select is(whalefall_api.auth_me()::jsonb -> 'permissions', '["view", "update", "scheduler_view"]', 'a user');
update whalefall.users set role = 'viewer' where id = 2;
select is(whalefall_api.auth_me()::jsonb -> 'permissions', '["view", "scheduler_view"]', 'a viewer');
update whalefall.users set role = 'user' where id = 2;

-- Logout -------------------------------------------------------------------------------------------------
select pg_temp.who(j ->> 'cookie') from l2;
select is(whalefall_api.auth_logout()::text, null, 'answers nothing');
select is(pg_temp.answer()::jsonb, '{"message": "", "cache-control": "no-store",
	"set-cookie": "whalefall_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"}', 'takes the cookie away');
select is(pg_temp.who(j ->> 'cookie'), 'AUTHENTICATION_REQUIRED', 'the cookie is over') from l2;
select is(pg_temp.bearer(j ->> 'access_token'), 'TOKEN_INVALID', 'the access token too') from l2;
select pg_temp.request('Bearer ' || (j ->> 'refresh_token')) from l2;
select is(pg_temp.fails('select whalefall_api.auth_refresh()'), 'PT401 the token is not valid: ', 'and the refresh token') ;
select is(pg_temp.who(j ->> 'cookie'), 'ursa user by cookie', 'another login of the user is not') from l;
select is(pg_temp.checked(j ->> 'cookie', j ->> 'csrf_token'), 'CSRF_INVALID', 'tokens of a cookie that is over are worth nothing') from l2;
select pg_temp.bearer(j ->> 'access_token') from r;
select lives_ok('select whalefall_api.auth_logout()', 'with a token');
select is(pg_temp.who(j ->> 'cookie'), 'AUTHENTICATION_REQUIRED', 'it ends the cookie as well') from r;
select is((select count(*)::int from whalefall_api.logs where module = 'auth' and context ->> 'action' = 'logout'), 2, 'in the log');

-- Time ---------------------------------------------------------------------------------------------------
set local whalefall.test_now = '2026-03-17 08:00:01.4+00';
select is(pg_temp.who(j ->> 'cookie'), 'ursa user by cookie', 'seven days') from l;
set local whalefall.test_now = '2026-03-17 08:00:01.5+00';
select is(pg_temp.who(j ->> 'cookie'), 'AUTHENTICATION_REQUIRED', 'and no longer') from l;
select is(pg_temp.bearer(j ->> 'access_token'), 'TOKEN_EXPIRED', 'the access token was over after an hour') from l;
select pg_temp.request('Bearer ' || (j ->> 'refresh_token')) from l;
select is(whalefall_api.auth_refresh() ->> 'token_type', 'Bearer', 'the refresh token is good for 30 days') from l;
set local whalefall.test_now = '2026-04-09 08:00:01+00';
select is(pg_temp.fails('select whalefall_api.auth_refresh()'), 'PT401 the token has expired: ', 'and no longer');

-- Changing a password ------------------------------------------------------------------------------------
set local whalefall.test_now = '2026-05-01 00:00:00+00';
create temp table v as select pg_temp.log_in('vera', pg_temp.long(72, 'y')) as mine, pg_temp.log_in('vera', pg_temp.long(72, 'y')) as other;
create function pg_temp.change(old text, new text, confirm text, address text) returns text language plpgsql as $$
begin
	perform pg_temp.request(cookie => (select mine ->> 'cookie' from v), address => address);
	perform pg_temp.login();
	return pg_temp.fails(format('select whalefall_api.auth_change_password(%L, %L, %L)', old, new, confirm));
end $$;
select is(pg_temp.change(o, n, c, w), e, w) from (select pg_temp.long(72, 'y') as good) g, lateral (values
	('nothing', null, null, null, 'PT400 invalid input: old_password, new_password and confirm_password must not be blank.'),
	('no old', '', 'Passw0rd', 'Passw0rd', 'PT400 invalid input: old_password, new_password and confirm_password must not be blank.'),
	('no new', good, '', '', 'PT400 invalid input: old_password, new_password and confirm_password must not be blank.'),
	('no confirmation', good, 'Passw0rd', null, 'PT400 invalid input: old_password, new_password and confirm_password must not be blank.'),
	('differ', good, 'a', 'b', 'PT400 the two new passwords differ: '),
	('same as old', 'wrong', 'wrong', 'wrong', 'PT400 the new password equals the old one: '),
	('blank', 'wrong', '         ', '         ', 'PT400 the password breaks the policy: The password must not be blank.'),
	('short', 'wrong', 'Aa1', 'Aa1', 'PT400 the password breaks the policy: The password is shorter than 8 characters.'),
	('long', 'wrong', pg_temp.long(129, 'x'), pg_temp.long(129, 'x'), 'PT400 the password breaks the policy: The password is longer than 128 characters.'),
	('wrong old', 'wrong', 'password', 'password', 'PT401 the old password is wrong: '),
	('weak new', good, 'password', 'password',
		'PT400 the password breaks the policy: The password needs an upper-case letter, a lower-case letter and a digit.')) x (w, o, n, c, e);
select is(pg_temp.who(other ->> 'cookie'), 'vera viewer by cookie', 'nothing has ended so far') from v;
select is(pg_temp.change(pg_temp.long(72, 'y'), 'N3w Passwort', 'N3w Passwort', 'a'), null, 'a new password');
select is(pg_temp.who(mine ->> 'cookie'), 'vera viewer by cookie', 'the cookie that it came with stays') from v;
select is(pg_temp.bearer(mine ->> 'access_token'), 'TOKEN_INVALID', 'tokens from before do not') from v;
select is(pg_temp.who(other ->> 'cookie'), 'AUTHENTICATION_REQUIRED', 'other logins end') from v;
select is(pg_temp.bearer(other ->> 'access_token'), 'TOKEN_INVALID', 'with their tokens') from v;
select is((select array[token_epoch::text, password_changed_at::text] from whalefall.users where id = 3), '{3,"2026-05-01 00:00:00+00"}', 'the third change, and when');
select is(pg_temp.log_in('vera', 'N3w Passwort') #>> '{user,id}', '3', 'the new password opens');
select is((select count(*)::int from whalefall_api.logs where module = 'auth' and context ->> 'action' = 'submit_change_password'
	and context ->> 'current_username' = 'vera'), 1, 'in the log');

select * from finish();
rollback;
