-- Users: every operation, every rule, what ends their logins, the last administrator, hostile input.
\set ECHO none
begin;
select plan(118);

-- Runs a statement; gives "SQLSTATE message: detail" of its error, or NULL.
create function pg_temp.fails(sql text) returns text language plpgsql as $$
declare d text;
begin
	execute sql;
	return null;
exception when others then
	get stacked diagnostics d = pg_exception_detail;
	return sqlstate || ' ' || sqlerrm || ': ' || d;
end $$;
create function pg_temp.u(text) returns bigint language sql as 'select id from whalefall.users where username = $1';
create function pg_temp.request(authorization_header text default null, cookie text default null, csrf text default null,
	address text default null, scheme text default null, path text default null) returns void
	language c as '$libdir/whalefall', 'wf_people_test_request';
create function pg_temp.login() returns text language c as '$libdir/whalefall', 'wf_people_test_login';
create function pg_temp.answer() returns text language c as '$libdir/whalefall', 'wf_people_test_answer';
-- A user with a cheap hash and a session; gives the session's cookie.
create function pg_temp.cheap(name text, role text, active boolean default true) returns text language plpgsql as $$
declare
	cookie text := 's.' || rpad(name, 43, 'x');
begin
	insert into whalefall.users (username, role, password, is_active)
		values (name, role, overlay(public.crypt('Passw0rd', public.gen_salt('bf', 4)) placing 'b' from 3), active);
	insert into whalefall.login_sessions (sid, user_id, cookie_hash, csrf_secret, created_at, cookie_expires_at, expires_at)
		values (gen_random_uuid(), pg_temp.u(name), sha256(cookie::bytea), 'n', now(), now() + interval '1 day', now() + interval '1 day');
	return cookie;
end $$;
-- Who the cookie of such a user is of; he stays the caller if so.
create function pg_temp.who(name text, stay boolean default false) returns text language plpgsql as $$
declare
	who text;
begin
	perform pg_temp.request(cookie => 's.' || rpad(name, 43, 'x'));
	who := pg_temp.login();
	if not stay then
		perform pg_temp.request();
	end if;
	return who;
end $$;
create function pg_temp.alive(name text) returns bigint language sql as
	'select count(*) from whalefall.login_sessions where user_id = pg_temp.u(name) and revoked_at is null';

-- Create -------------------------------------------------------------------------------------------------
delete from whalefall.users;
select pg_temp.cheap('root', 'admin');
set local whalefall.test_now = '2026-03-10 17:30:00.25+00';
select is(whalefall_api.users_create('alice_1', 'user', 'Passw0rd')::jsonb #- '{user,id}', '{"user": {"username": "alice_1",
	"email": null, "role": "user", "created_at": "2026-03-10", "created_at_display": "2026-03-11", "last_login": null,
	"is_active": true}}', 'a new user; created_at is the date in UTC, created_at_display that of the business zone');
select is(array(select json_object_keys(whalefall_api.users_get(pg_temp.u('alice_1')) -> 'user')),
	'{id,username,email,role,created_at,created_at_display,last_login,is_active}', 'the fields of a user, no more');
select is(whalefall_api.users_create(' bob ', ' guest ', 'Passw0rd', false, ' bob@example.org ')::jsonb #- '{user,id}',
	'{"user": {"username": "bob", "email": "bob@example.org", "role": "viewer", "created_at": "2026-03-10",
	"created_at_display": "2026-03-11", "last_login": null, "is_active": false}}', 'texts are trimmed, guest is viewer');
select is(whalefall_api.users_create('carol', 'admin', 'Passw0rd', email => '')::jsonb #> '{user,email}', 'null', 'a blank email is none');
select ok((select password ~ '^\$2b\$12\$.{53}$' and password_changed_at = '2026-03-10 17:30:00.25+00' from whalefall.users
	where username = 'alice_1'), 'the password is stored as bcrypt');
select ok((select replace(password, '$2b$', '$2a$') = public.crypt('Passw0rd', replace(password, '$2b$', '$2a$'))
	from whalefall.users where username = 'alice_1'), 'of that password');
select is(pg_temp.fails('select whalefall_api.users_create()'), 'PT400 invalid input: Missing: username, role, password.', 'all missing fields in one message');
select is(pg_temp.fails($$select whalefall_api.users_create('x', 'user', '')$$), 'PT400 invalid input: Missing: password.', 'a blank password is missing');
select is(pg_temp.fails($$select whalefall_api.users_create(' ', 'user', 'Passw0rd')$$), 'PT400 invalid input: username must not be blank.', 'blank name');
select is(pg_temp.fails(format('select whalefall_api.users_create(%L, ''user'', ''Passw0rd'')', n)),
	'PT400 invalid input: username must be 3 to 20 letters, digits or _.', format('name %L', n))
	from unnest(array['ab', 'a-b', 'a.b', 'a b', '用户名', 'a''b''c', 'abc%', E'ab\u0001c', repeat('a', 21)]) n;
select lives_ok(format('select whalefall_api.users_create(%L, ''user'', ''Passw0rd'')', repeat('a', 20)), 'the longest name');
select is(pg_temp.fails(format('select whalefall_api.users_create(''dave'', %L, ''Passw0rd'')', r)),
	'PT400 invalid input: role must be admin, user or viewer.', format('role %L', r)) from unnest('{root,Admin,"",superuser}'::text[]) r;
select is(pg_temp.fails(format('select whalefall_api.users_create(''dave'', ''user'', %L)', p)), 'PT400 invalid input: ' || d, format('password %L', left(p, 20)))
	from (values ('Passw0r', 'The password is shorter than 8 characters.'), ('        ', 'The password must not be blank.'),
	('passw0rd', 'The password needs an upper-case letter, a lower-case letter and a digit.'),
	('PASSW0RD', 'The password needs an upper-case letter, a lower-case letter and a digit.'),
	('Password', 'The password needs an upper-case letter, a lower-case letter and a digit.'),
	('password123', 'The password needs an upper-case letter, a lower-case letter and a digit.'),
	('Ä1ääääää', 'The password needs an upper-case letter, a lower-case letter and a digit.'),
	('密码密码密码密', 'The password is shorter than 8 characters.'),
	('Aa1' || repeat('x', 126), 'The password is longer than 128 characters.'),
	('Aa1' || repeat('密', 126), 'The password is longer than 128 characters.')) v (p, d);
select lives_ok(format('select whalefall_api.users_create(''long'', ''user'', %L)', 'Aa1' || repeat('密', 125)), '128 characters of three bytes');
select is(pg_temp.fails(format('select whalefall_api.users_create(''dave'', ''user'', ''Passw0rd'', email => %L)', e)),
	'PT400 invalid input: ' || d, format('email %L', left(e, 20))) from (values
	('a', 'email must have one @ with text on both sides.'), ('@b', 'email must have one @ with text on both sides.'),
	('a@', 'email must have one @ with text on both sides.'), ('a@b@c', 'email must have one @ with text on both sides.'),
	('a b@c', 'email must not hold blanks or control characters.'), (E'a\u0001@c', 'email must not hold blanks or control characters.'),
	(repeat('ä', 254) || '@b', 'email is longer than 255 characters.')) v (e, d);
select is(pg_temp.fails($$select whalefall_api.users_create('root', 'user', 'Passw0rd')$$), 'PT409 user name is taken: ', 'a taken name is 409');
select lives_ok($$select whalefall_api.users_create('ROOT', 'viewer', 'Passw0rd', email => 'ä@ö')$$, 'names differ by case');
select is((select count(*)::int from whalefall.users), 7, 'nothing else was stored');

-- Stats and get ------------------------------------------------------------------------------------------
select is(whalefall_api.users_stats()::jsonb, '{"total": 7, "active": 6, "inactive": 1, "admin": 2, "user": 3, "viewer": 2}', 'numbers');
select is(whalefall_api.users_get(pg_temp.u('bob'))::jsonb #>> '{user,username}', 'bob', 'by id');
select is(pg_temp.fails('select whalefall_api.users_get(0)'), 'PT404 resource not found: User 0 does not exist.', 'unknown id');
select is(pg_temp.fails('select whalefall_api.users_get(null)'), 'PT404 resource not found: User null does not exist.', 'null id');
select is(array(select attname::text from pg_attribute where attrelid = 'whalefall_api.users'::regclass and attnum > 0 order by attnum),
	'{id,username,email,role,is_active,last_login,created_at}', 'the view shows no password');

-- List ---------------------------------------------------------------------------------------------------
update whalefall.users set created_at = '2026-01-01 00:00+00'::timestamptz + id * interval '1 hour';
create function pg_temp.names(json) returns text language sql as
	$$select string_agg(u ->> 'username', ' ') from json_array_elements($1 -> 'items') u$$;
select is(pg_temp.names(whalefall_api.users_list()), 'ROOT long ' || repeat('a', 20) || ' carol bob alice_1 root', 'newest first');
select is(whalefall_api.users_list(page_size => 2, page => 2)::jsonb - 'items', '{"total": 7, "page": 2, "pages": 4, "limit": 2}', 'paging');
select is(array(select json_object_keys(whalefall_api.users_list() #> '{items,0}')),
	'{id,username,email,role,created_at,created_at_display,last_login,is_active}', 'items are users');
select is(whalefall_api.users_list()::jsonb -> 'limit', '10', 'ten by default');
select is(pg_temp.names(whalefall_api.users_list(sort => 'username', sort_order => 'ASC', page_size => 200)),
	'ROOT ' || repeat('a', 20) || ' alice_1 bob carol long root', 'by name');
select is(pg_temp.names(whalefall_api.users_list(sort => 'role', sort_order => 'asc')),
	'root carol alice_1 ' || repeat('a', 20) || ' long bob ROOT', 'by role, then id');
select is(pg_temp.names(whalefall_api.users_list(sort => 'is_active', sort_order => 'asc', page_size => 1)), 'bob', 'by state');
select is(pg_temp.names(whalefall_api.users_list(sort => 'id', sort_order => 'asc', page_size => 1)), 'root', 'by id');
select is(pg_temp.names(whalefall_api.users_list(sort => 'password', page_size => 1)), 'ROOT', 'an unknown sort is the default');
select is(pg_temp.names(whalefall_api.users_list(search => 'RoO')), 'ROOT root', 'search ignores case');
select is(pg_temp.names(whalefall_api.users_list(search => 'e_')), 'alice_1', 'search takes _ literally');
select is(whalefall_api.users_list(search => '%')::jsonb, '{"items": [], "total": 0, "page": 1, "pages": 0, "limit": 10}', 'and %');
select is(pg_temp.names(whalefall_api.users_list(role => 'viewer')), 'ROOT bob', 'by role');
select is(pg_temp.names(whalefall_api.users_list(role => 'guest', status => 'inactive')), 'bob', 'guest is viewer; inactive ones');
select is(whalefall_api.users_list(role => ' all ', status => 'all')::jsonb -> 'total', '7', 'all is no filter');
select is(whalefall_api.users_list(role => 'root')::jsonb -> 'total', '0', 'an unknown role has no users');
select is(whalefall_api.users_list(page => 9)::jsonb -> 'items', '[]', 'a page past the end');
select is(pg_temp.fails(q), 'PT400 invalid input: ' || d, q) from (values
	('select whalefall_api.users_list(page => 0)', 'page must be at least 1.'),
	('select whalefall_api.users_list(page_size => 0)', 'page_size must be from 1 to 200.'),
	('select whalefall_api.users_list(page_size => 201)', 'page_size must be from 1 to 200.'),
	('select whalefall_api.users_list(sort_order => ''weird'')', 'sort_order must be asc or desc.')) v (q, d);

-- Update -------------------------------------------------------------------------------------------------
select is(whalefall_api.users_update(pg_temp.u('bob'), username => 'bobby', role => 'user', is_active => true)::jsonb #- '{user,id}'
	#- '{user,created_at}' #- '{user,created_at_display}', '{"user": {"username": "bobby", "email": "bob@example.org", "role": "user",
	"last_login": null, "is_active": true}}', 'what is given changes');
select is(whalefall_api.users_update(pg_temp.u('bobby'), email => 'x@y')::jsonb #>> '{user,email}', 'x@y', 'email');
select is(whalefall_api.users_update(pg_temp.u('bobby'), email => ' ')::jsonb #> '{user,email}', 'null', 'a blank email clears');
select is(whalefall_api.users_update(pg_temp.u('bobby'), email => 'x@y')::jsonb #>> '{user,role}', 'user', 'absent is unchanged');
select is(whalefall_api.users_update(pg_temp.u('bobby'), clear => '{email}')::jsonb #> '{user,email}', 'null', 'clear names it');
select is(pg_temp.fails($$select whalefall_api.users_update(pg_temp.u('bobby'), clear => '{role}')$$),
	'PT400 invalid input: Field "role" cannot be cleared.', 'nothing else can be cleared');
select lives_ok($$select whalefall_api.users_update(pg_temp.u('bobby'), username => 'bobby', password => '')$$, 'its own name; a blank password is unchanged');
select is((select token_epoch from whalefall.users where username = 'bobby'), 0, 'and ends nothing');
select is(pg_temp.fails($$select whalefall_api.users_update(pg_temp.u('bobby'), username => 'root')$$), 'PT409 user name is taken: ', 'a name of another');
select is(pg_temp.fails($$select whalefall_api.users_update(pg_temp.u('bobby'), role => 'king')$$), 'PT400 invalid input: role must be admin, user or viewer.', 'a bad role');
select is(pg_temp.fails($$select whalefall_api.users_update(0, username => '-')$$), 'PT404 resource not found: User 0 does not exist.', '404 comes before what is wrong with the input');

-- What ends logins ---------------------------------------------------------------------------------------
reset whalefall.test_now;
select pg_temp.cheap('vera', 'viewer');
select is(pg_temp.who('vera'), 'vera viewer by cookie', 'a session');
select whalefall_api.users_update(pg_temp.u('vera'), role => 'user');
select is(pg_temp.who('vera'), 'vera user by cookie', 'a new role counts at once');
select whalefall_api.users_update(pg_temp.u('vera'), username => 'vera2', password => 'An0ther pass');
select is(pg_temp.who('vera'), 'AUTHENTICATION_REQUIRED', 'a new password ends the session');
select is((select array[token_epoch, (password_changed_at > now() - interval '1 minute')::int] from whalefall.users where username = 'vera2'),
	'{1,1}', 'and the tokens');
select pg_temp.cheap('dora', 'viewer');
select whalefall_api.users_update(pg_temp.u('dora'), is_active => false);
select is(pg_temp.who('dora') || pg_temp.alive('dora'), 'AUTHENTICATION_REQUIRED0', 'being disabled does');
select whalefall_api.users_update(pg_temp.u('dora'), is_active => true);
select is(pg_temp.who('dora'), 'AUTHENTICATION_REQUIRED', 'being enabled again does not bring it back');
select pg_temp.cheap('toby', 'viewer');
select is((whalefall_api.users_toggle_status(pg_temp.u('toby')) #>> '{user,is_active}') || pg_temp.alive('toby'), 'false0', 'toggle off');
select is(pg_temp.answer()::json ->> 'message', 'user disabled', 'says so');
select is((whalefall_api.users_toggle_status(pg_temp.u('toby')) #>> '{user,is_active}'), 'true', 'toggle on');
select is(pg_temp.answer()::json ->> 'message', 'user enabled', 'says so');
update whalefall.users set is_active = false where username = 'root';
select is(pg_temp.who('root'), 'AUTHENTICATION_REQUIRED', 'disabling by hand counts as well');
update whalefall.users set is_active = true where username = 'root';

-- One's own account --------------------------------------------------------------------------------------
select pg_temp.who('root', true);
select is(pg_temp.fails($$select whalefall_api.users_delete(pg_temp.u('root'))$$),
	'PT400 invalid input: This cannot be done to one''s own account.', 'nobody deletes himself');
select is(pg_temp.fails($$select whalefall_api.users_toggle_status(pg_temp.u('root'))$$),
	'PT400 invalid input: This cannot be done to one''s own account.', 'or disables himself');
select lives_ok($$select whalefall_api.users_update(pg_temp.u('root'), password => 'Passw0rd2')$$, 'his own password');
select is(pg_temp.who('root'), 'root admin by cookie', 'leaves the session that he does it with');

-- The last administrator ---------------------------------------------------------------------------------
select whalefall_api.users_delete(pg_temp.u('carol'));
select pg_temp.request();
select is((select count(*)::int from whalefall.users where role = 'admin' and is_active), 1, 'one is left');
select is(pg_temp.fails(format(q, pg_temp.u('root'))), 'PT400 no active administrator would be left: ', q) from unnest(array[
	'select whalefall_api.users_update(%s, role => ''user'')', 'select whalefall_api.users_update(%s, role => ''guest'')',
	'select whalefall_api.users_update(%s, is_active => false)', 'select whalefall_api.users_update(%s, role => ''user'', is_active => false)',
	'select whalefall_api.users_delete(%s)', 'select whalefall_api.users_toggle_status(%s)']) q;
select lives_ok(format('select whalefall_api.users_update(%s, role => ''admin'', is_active => true, email => ''r@x'')', pg_temp.u('root')), 'he may stay what he is');
select pg_temp.cheap('idle', 'admin', false);
select is(pg_temp.fails(format('select whalefall_api.users_delete(%s)', pg_temp.u('root'))), 'PT400 no active administrator would be left: ', 'a disabled one does not count');
select lives_ok($$select whalefall_api.users_delete(pg_temp.u('idle'))$$, 'and may go');
select pg_temp.cheap('second', 'admin');
select is(whalefall_api.users_update(pg_temp.u('root'), role => 'user')::jsonb #>> '{user,role}', 'user', 'with another one it goes');

-- Delete -------------------------------------------------------------------------------------------------
select is(whalefall_api.users_delete(pg_temp.u('dora'))::text, null, 'answers nothing');
select is((select count(*)::int from whalefall.login_sessions s where not exists (select from whalefall.users u where u.id = s.user_id)), 0, 'sessions go with their user');
select is(pg_temp.fails('select whalefall_api.users_delete(0)'), 'PT404 resource not found: User 0 does not exist.', 'unknown id');
select is(pg_temp.fails('select whalefall_api.users_toggle_status(null)'), 'PT404 resource not found: User null does not exist.', 'null id');

-- The log ------------------------------------------------------------------------------------------------
select is((select context - 'current_username' - 'is_admin' - 'current_user_role' - 'user_id' from whalefall_api.logs where module = 'users' order by id limit 1),
	'{"action": "create_user", "username": "alice_1", "role": "user", "password_changed": true, "current_user_id": null}', 'who was made');
select is((select string_agg(distinct context ->> 'action', ' ' order by context ->> 'action') from whalefall_api.logs where module = 'users'),
	'create_user delete_user toggle_user_status update_user', 'every write has its row');
select is((select count(*)::int from whalefall_api.logs where context::text ~ 'Passw0rd|\$2b\$'), 0, 'no password is in it');

-- Rights -------------------------------------------------------------------------------------------------
set local role whalefall_viewer;
select lives_ok('select whalefall_api.users_list(), whalefall_api.users_stats()', 'a viewer reads');
select is(left(pg_temp.fails($$select whalefall_api.users_create('x', 'user', 'Passw0rd')$$), 5), '42501', 'and does not write');
reset role;
set local role whalefall_user;
select is(left(pg_temp.fails($$select whalefall_api.users_update(1, role => 'admin')$$), 5), '42501', 'a user does not make himself an administrator');
select is(left(pg_temp.fails('table whalefall.users'), 5), '42501', 'nobody reads the hashes');
reset role;

select * from finish();
rollback;
