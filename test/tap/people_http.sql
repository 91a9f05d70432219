-- Logging in through the dispatcher: the browser's way with a cookie and CSRF tokens, the program's way with a token,
-- what limits, roles, disabled and deleted users get, and what a failure leaves behind.
\set ECHO none
begin;
select plan(82);

create temp table answer (status int, headers jsonb, body text);
grant all on answer to public;
-- Sends a request as the front would, with a cookie, a token or both ('' none); remembers the answer.
create function pg_temp.send(cookie text, bearer text, method text, uri text, body text default '', more jsonb default '{}') returns text
language plpgsql as $$
declare answered text;
begin
	perform set_config('request.headers', (jsonb_build_object('host', 'x', 'x-wf-method', method, 'x-wf-uri', '/api/v1' || uri,
		'x-wf-content-type', 'application/json', 'x-wf-session', cookie, 'x-wf-authorization',
		case when bearer = '' then '' else 'Bearer ' || bearer end, 'x-wf-client', '192.0.2.7', 'x-wf-agent', 'tap', 'x-wf-host', 'wf.example',
		'x-wf-scheme', 'https', 'x-wf-request-id', 'req-1', 'x-wf-language', 'en') || more)::text, true);
	perform set_config('response.status', '', true);
	perform set_config('response.headers', '', true);
	set local role whalefall_gateway;
	answered := convert_from(whalefall_http.dispatch(convert_to(body, 'UTF8')), 'UTF8');
	reset role;
	truncate answer;
	insert into answer values (current_setting('response.status')::int, current_setting('response.headers')::jsonb, answered);
	return (select a.status || coalesce(' ' || (a.body::jsonb ->> 'message_code'), '') from answer a);
end $$;
create function pg_temp.data() returns jsonb language sql as $$select body::jsonb -> 'data' from answer$$;
create function pg_temp.header(name text) returns text language sql as
	$$select string_agg(h ->> $1, ' | ') from answer, jsonb_array_elements(headers) h where h ? $1$$;
create function pg_temp.sent_cookie() returns text language sql as $$select substring(pg_temp.header('Set-Cookie') from '^whalefall_session=([^;]*);')$$;
create function pg_temp.keys(jsonb) returns text language sql as $$select string_agg(k, ' ' order by k) from jsonb_object_keys($1) k$$;
create function pg_temp.credentials(name text, password text) returns text language sql as $$select jsonb_build_object('username', name, 'password', password)::text$$;
create function pg_temp.cheap(name text, role text) returns void language sql as $$insert into whalefall.users (username, role, password)
	values (name, role, overlay(public.crypt('Passw0rd', public.gen_salt('bf', 4)) placing 'b' from 3))$$;
create function pg_temp.u(text) returns bigint language sql as 'select id from whalefall.users where username = $1';
create temp table kept (name text primary key, value text);
create function pg_temp.keep(text, text) returns text language sql as 'insert into kept values ($1, $2) on conflict (name) do update set value = excluded.value returning value';
create function pg_temp.get(text) returns text language sql as 'select value from kept where name = $1';
select pg_temp.cheap(name, role) from (values ('browser', 'admin'), ('program', 'admin'), ('worker', 'user'), ('looker', 'viewer')) v (name, role);

-- A browser ----------------------------------------------------------------------------------------------
select is(pg_temp.send('', '', 'GET', '/auth/csrf-token'), '200', 'a CSRF token for anybody');
select is(pg_temp.keys(pg_temp.data()), 'csrf_token', 'and nothing else');
select is(pg_temp.header('Cache-Control'), 'no-store', 'not to be cached');
select matches(pg_temp.header('Set-Cookie'), '^whalefall_session=a\.[A-Za-z0-9_.-]+; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800; Secure$', 'with a cookie');
select pg_temp.keep('token', pg_temp.data() ->> 'csrf_token'), pg_temp.keep('anon', pg_temp.sent_cookie());
select is(pg_temp.send(pg_temp.get('anon'), '', 'POST', '/auth/login', pg_temp.credentials('browser', 'Passw0rd')), '403 CSRF_MISSING', 'a login with a cookie needs it');
select is(pg_temp.send(pg_temp.get('anon'), '', 'POST', '/auth/login', (pg_temp.credentials('browser', 'Passw0rd')::jsonb
	|| jsonb_build_object('csrf_token', pg_temp.get('token')))::text), '403 CSRF_MISSING', 'in the header, not in the body');
select is(pg_temp.send(pg_temp.get('anon'), '', 'POST', '/auth/login', pg_temp.credentials('browser', 'Passw0rd'), '{"x-wf-csrf": "1.x"}'), '403 CSRF_INVALID', 'a wrong one');
select is(pg_temp.send(pg_temp.get('anon'), '', 'POST', '/auth/login', pg_temp.credentials('browser', 'Passw0rd'), jsonb_build_object('x-wf-csrf',
	pg_temp.get('token'))), '200', 'with it, in');
select is(pg_temp.keys(pg_temp.data()), 'access_token csrf_token expires_in refresh_token token_type user', 'the data');
select is(pg_temp.data() -> 'user', jsonb_build_object('id', pg_temp.u('browser'), 'username', 'browser', 'role', 'admin', 'is_active', true), 'who');
select is((select body::jsonb ->> 'message' from answer), 'logged in', 'the message');
select matches(pg_temp.header('Set-Cookie'), '^whalefall_session=s\.[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800; Secure$', 'a new cookie');
select is(pg_temp.header('Cache-Control'), 'no-store', 'not to be cached');
select pg_temp.keep('cookie', pg_temp.sent_cookie()), pg_temp.keep('browser token', pg_temp.data() ->> 'access_token');
select is(pg_temp.send(pg_temp.get('cookie'), '', 'POST', '/tags', '{"name": "t1", "display_name": "T", "category": "c"}', jsonb_build_object('x-wf-csrf',
	pg_temp.get('token'))), '201', 'the CSRF token from before the login is good after it');
select is(pg_temp.send(pg_temp.get('cookie'), '', 'POST', '/tags', '{"name": "t2", "display_name": "T", "category": "c"}'), '403 CSRF_MISSING', 'without it nothing is written');
select is(pg_temp.send(pg_temp.get('anon'), '', 'POST', '/tags', '{}', jsonb_build_object('x-wf-csrf', pg_temp.get('token'))), '401 AUTHENTICATION_REQUIRED', 'the old cookie is no login');
select is(pg_temp.send(pg_temp.get('cookie'), '', 'GET', '/auth/me'), '200', 'reading needs none');
select is(pg_temp.data() ->> 'username', 'browser', 'who am I');
select is(pg_temp.send(pg_temp.get('cookie'), '', 'POST', '/auth/logout', '', jsonb_build_object('x-wf-csrf', pg_temp.get('token'))), '200', 'out');
select is((select body::jsonb ? 'data' from answer), false, 'without data');
select matches(pg_temp.header('Set-Cookie'), '^whalefall_session=; .*Max-Age=0; Secure$', 'the cookie goes');
select is(pg_temp.send(pg_temp.get('cookie'), '', 'GET', '/auth/me'), '401 AUTHENTICATION_REQUIRED', 'it is worth nothing any more');
select is(pg_temp.send('', pg_temp.get('browser token'), 'GET', '/auth/me'), '401 TOKEN_INVALID', 'nor is the token of that login');
select is(pg_temp.send(pg_temp.get('cookie'), '', 'POST', '/auth/login', pg_temp.credentials('browser', 'Passw0rd'), jsonb_build_object('x-wf-csrf',
	pg_temp.get('token'))), '403 CSRF_INVALID', 'its CSRF tokens neither');
select is(pg_temp.send(pg_temp.get('cookie'), '', 'GET', '/auth/csrf-token'), '200', 'but a new one may be had');
select isnt(pg_temp.sent_cookie(), null, 'with a new cookie');

-- A program ----------------------------------------------------------------------------------------------
select is(pg_temp.send('', '', 'POST', '/auth/login', pg_temp.credentials('program', 'Passw0rd')), '200', 'without a cookie a login needs no CSRF token');
select pg_temp.keep('access', pg_temp.data() ->> 'access_token'), pg_temp.keep('refresh', pg_temp.data() ->> 'refresh_token'), pg_temp.keep('program', pg_temp.sent_cookie());
select is(pg_temp.send('', pg_temp.get('access'), 'POST', '/tags', '{"name": "t3", "display_name": "T", "category": "c"}'), '201', 'nor do writes with a token');
select is(pg_temp.send('s.x', pg_temp.get('access'), 'POST', '/tags', '{"name": "t4", "display_name": "T", "category": "c"}'), '201', 'even when a cookie comes along');
select is(pg_temp.send('', pg_temp.get('refresh'), 'GET', '/auth/me'), '401 TOKEN_INVALID', 'a refresh token is no access token');
select is(pg_temp.send('', pg_temp.get('access'), 'POST', '/auth/refresh'), '401 TOKEN_INVALID', 'an access token no refresh token');
select is(pg_temp.send(pg_temp.get('program'), '', 'POST', '/auth/refresh'), '401 AUTHENTICATION_REQUIRED', 'a cookie refreshes nothing');
select is(pg_temp.send('', pg_temp.get('refresh'), 'POST', '/auth/refresh'), '200', 'a new access token');
select is(pg_temp.data() - 'access_token', '{"token_type": "Bearer", "expires_in": 3600}', 'how long');
select is(pg_temp.header('Cache-Control'), 'no-store', 'not to be cached');
select is(pg_temp.send('', pg_temp.data() ->> 'access_token', 'GET', '/auth/me'), '200', 'it works');
select is(pg_temp.send(pg_temp.get('program'), 'x', 'GET', '/auth/me'), '401 TOKEN_INVALID', 'a bad token is refused although the cookie is good');

-- Roles --------------------------------------------------------------------------------------------------
select is(pg_temp.send('', '', 'POST', '/auth/login', pg_temp.credentials(name, 'Passw0rd')) || pg_temp.keep(name, pg_temp.data() ->> 'access_token'),
	'200' || pg_temp.get(name), name || ' logs in') from unnest('{worker,looker}'::text[]) name;
select is(pg_temp.send('', pg_temp.get(who), method, uri, body), expected, who || ' ' || method || ' ' || uri) from (values
	('looker', 'GET', '/users', '', '200'), ('looker', 'GET', '/users/stats', '', '200'), ('looker', 'POST', '/users', '{}', '403 PERMISSION_REQUIRED'),
	('looker', 'PUT', '/tags/1', '{}', '403 PERMISSION_REQUIRED'), ('worker', 'POST', '/users', '{}', '403 PERMISSION_REQUIRED'),
	('worker', 'PUT', '/users/1', '{"role": "admin"}', '403 PERMISSION_REQUIRED'), ('worker', 'DELETE', '/users/1', '', '403 PERMISSION_REQUIRED'),
	('worker', 'POST', '/users/1/toggle-status', '', '403 PERMISSION_REQUIRED'), ('worker', 'PUT', '/tags/0', '{}', '404 RESOURCE_NOT_FOUND'),
	('worker', 'GET', '/auth/me', '', '200')) v (who, method, uri, body, expected);

-- Users over HTTP ----------------------------------------------------------------------------------------
select is(pg_temp.send('', pg_temp.get('access'), 'POST', '/users', '{"username": "new_1", "role": "guest", "password": "Passw0rd", "email": "a@b", "is_active": "yes"}'), '201', 'a user');
select is(pg_temp.data() #- '{user,id}' #- '{user,created_at}' #- '{user,created_at_display}',
	'{"user": {"username": "new_1", "email": "a@b", "role": "viewer", "last_login": null, "is_active": true}}', 'as data');
select is(pg_temp.send('', pg_temp.get('access'), 'POST', '/users', '{"username": "new_1", "role": "user", "password": "Passw0rd"}'), '409 USERNAME_EXISTS', 'a taken name');
select is(pg_temp.send('', pg_temp.get('access'), 'POST', '/users', '{"username": 5, "role": "user", "password": "Passw0rd"}'), '400 VALIDATION_ERROR', 'a number for a name');
select is(pg_temp.send('', pg_temp.get('access'), 'PUT', '/users/' || pg_temp.u('new_1'), '{"email": null, "password": null, "is_active": null}'), '200', 'null clears the email');
select is(pg_temp.data() #>> '{user,email}' || '', null, 'and changes nothing else');
select is(pg_temp.data() #>> '{user,is_active}', 'true', 'not the state');
select is(pg_temp.send('', pg_temp.get('access'), 'DELETE', '/users/' || pg_temp.u('new_1')), '200', 'deleted');
select is((select pg_temp.keys(body::jsonb) from answer), 'error message success timestamp', 'without data');
select is(pg_temp.send('', pg_temp.get('access'), 'GET', '/users?limit=0'), '400 VALIDATION_ERROR', 'paging is checked');

-- Disabled and deleted -----------------------------------------------------------------------------------
select is(pg_temp.send('', pg_temp.get('access'), 'POST', '/users/' || pg_temp.u('looker') || '/toggle-status'), '200', 'disabled');
select is((select body::jsonb ->> 'message' from answer), 'user disabled', 'as the message says');
select is(pg_temp.send('', pg_temp.get('looker'), 'GET', '/users'), '401 AUTHENTICATION_REQUIRED', 'the token ends at once');
select is(pg_temp.send('', '', 'POST', '/auth/login', pg_temp.credentials('looker', 'Passw0rd')), '403 ACCOUNT_DISABLED', 'and no login');
select is(pg_temp.send('', pg_temp.get('access'), 'DELETE', '/users/' || pg_temp.u('worker')), '200', 'deleted');
select is(pg_temp.send('', pg_temp.get('worker'), 'GET', '/users'), '401 AUTHENTICATION_REQUIRED', 'the token ends at once');
select is(pg_temp.send('', pg_temp.get('worker'), 'GET', '/auth/me'), '404 RESOURCE_NOT_FOUND', 'the user is told that he is gone');
select is(pg_temp.send('', pg_temp.get('access'), 'DELETE', '/users/' || pg_temp.u('program')), '400 VALIDATION_ERROR', 'not oneself');

-- The last administrator ---------------------------------------------------------------------------------
update whalefall.users set role = 'user' where role = 'admin' and username not in ('program', 'browser');
select is(pg_temp.send('', pg_temp.get('access'), 'DELETE', '/users/' || pg_temp.u('browser')), '200', 'another one may go');
select is(pg_temp.send('', pg_temp.get('access'), 'PUT', '/users/' || pg_temp.u('program'), b), '400 LAST_ADMIN_REQUIRED', b)
	from unnest(array['{"role": "user"}', '{"is_active": false}']) b;

-- Failures and limits ------------------------------------------------------------------------------------
select is(pg_temp.send('', '', 'POST', '/auth/login', pg_temp.credentials('looker', 'wrong')), '401 INVALID_CREDENTIALS', 'a wrong password');
select pg_temp.keep('wrong', (select (body::jsonb - 'error_id' - 'timestamp')::text from answer));
select is(pg_temp.send('', '', 'POST', '/auth/login', pg_temp.credentials('nobody', 'wrong')), '401 INVALID_CREDENTIALS', 'an unknown user');
select is((select (body::jsonb - 'error_id' - 'timestamp')::text from answer), pg_temp.get('wrong'), 'answered alike');
select is((select count(*)::int from whalefall_api.logs where logs::text ~ 'Passw0rd|wrong"'), 0, 'without the password');
select is((select string_agg(distinct pg_temp.send('', '', 'POST', '/auth/login', b), ' | ') from generate_series(1, 10), unnest(array['{"username": "counted"}']) b),
	'400 VALIDATION_ERROR', 'ten attempts in a minute');
select is(pg_temp.send('', '', 'POST', '/auth/login', '{"username": " counted "}'), '429 RATE_LIMIT_EXCEEDED', 'the eleventh is refused');
select ok(pg_temp.header('Retry-After')::int between 1 and 60, 'and told when to come back');
select is(pg_temp.send('', '', 'POST', '/auth/login', '{"username": "counted2"}'), '400 VALIDATION_ERROR', 'another name is not');
select is(pg_temp.send('', '', 'POST', '/auth/login?username=looker&password=Passw0rd', '{"username": "counted3", "password": "x"}'), '401 INVALID_CREDENTIALS',
	'the name is that of the body, and');
select is(pg_temp.send('', '', 'POST', '/auth/login?username=looker&password=Passw0rd'), '400 VALIDATION_ERROR', 'nobody is logged in by an address');
select is((select string_agg(pg_temp.send('', pg_temp.get('access'), 'POST', '/auth/change-password', '{}'), ' | ') from generate_series(1, 4)),
	'400 VALIDATION_ERROR | 400 VALIDATION_ERROR | 400 VALIDATION_ERROR | 429 RATE_LIMIT_EXCEEDED', 'the fourth change of a password in an hour');
select is(pg_temp.header('Retry-After')::int > 3500, true, 'and told when to come back');

select * from finish();
rollback;
