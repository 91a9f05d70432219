-- The dispatcher at the level of SQL: routes, order of checks, envelopes, errors, files, what is rolled back and what
-- stays. The operations of a companion extension stand in for those that would be hard to make fail.
\set ECHO none
begin;
select plan(199);

-- Users, each with a login session; the cookie is "s." and 43 times the letter.
insert into whalefall.users (username, password, role) values ('ann', 'x', 'admin'), ('uwe', 'x', 'user'), ('vic', 'x', 'viewer'),
	('off', 'x', 'admin');
update whalefall.users set is_active = false where username = 'off';
insert into whalefall.login_sessions (sid, user_id, cookie_hash, csrf_secret, created_at, cookie_expires_at, expires_at)
	select gen_random_uuid(), id, sha256(convert_to('s.' || repeat(left(username, 1), 43), 'UTF8')), 'secret', now(),
		now() + '1 day', now() + '30 days' from whalefall.users where username <> 'admin';

create temp table answer (status int, headers jsonb, body text);
grant all on answer to public;

-- Sends a request as the front would and remembers the answer. who: a, u, v, o = a user by cookie, '' nobody.
create function pg_temp.send(who text, method text, uri text, body text default '', more jsonb default '{}') returns void
language plpgsql as $$
declare answered text;
begin
	perform set_config('request.headers', (jsonb_build_object('host', 'x', 'x-wf-method', method, 'x-wf-uri', uri,
		'x-wf-content-type', 'application/json', 'x-wf-session', case when who = '' then '' else 's.' || repeat(who, 43) end,
		'x-wf-client', '192.0.2.7', 'x-wf-agent', 'tap', 'x-wf-host', 'wf.example:8443', 'x-wf-scheme', 'https',
		'x-wf-request-id', 'req-1') || more)::text, true);
	perform set_config('response.status', '', true);
	perform set_config('response.headers', '', true);
	set local role whalefall_gateway;
	answered := convert_from(whalefall_http.dispatch(convert_to(body, 'UTF8')), 'UTF8');
	reset role;
	truncate answer;
	insert into answer values (current_setting('response.status')::int, current_setting('response.headers')::jsonb, answered);
end $$;
create function pg_temp.json() returns jsonb language sql as 'select body::jsonb from answer';
create function pg_temp.status() returns text language sql as
	$$select a.status || coalesce(' ' || (a.body::jsonb ->> 'message_code'), '') from answer a$$;
create function pg_temp.header(name text) returns text language sql as
	'select string_agg(h ->> $1, '' | '') from answer, jsonb_array_elements(headers) h where h ? $1';
-- Request and its outcome in one.
create function pg_temp.outcome(who text, method text, uri text, body text default '', more jsonb default '{}') returns text
language sql as $$select pg_temp.send($1, $2, $3, $4, $5); select pg_temp.status()$$;

-- The companion -------------------------------------------------------------------------------------------
create schema companion;
create table companion.parents (id int primary key);
create table companion.kept (id int, note text, constraint kept_note_key unique (note),
	constraint kept_parent foreign key (id) references companion.parents deferrable initially deferred);
insert into companion.parents values (1);
grant usage on schema companion to whalefall_viewer;
create function companion.echo(item_id bigint default null, name text default null, flag boolean default null, list text[] default null,
	part jsonb default null, page integer default 1, page_size integer default null) returns json language sql as
	$$select json_strip_nulls(json_build_object('item_id', item_id, 'name', name, 'flag', flag, 'list', list, 'part', part, 'page', page,
		'page_size', page_size, 'user', current_user, 'read_only', current_setting('transaction_read_only'),
		'language', current_setting('whalefall.language')))$$;
create function companion.nothing() returns json language sql as 'select null::json';
create function companion.json_null() returns json language sql as $$select ' null '::json$$;
create function companion.voided() returns void language sql as 'select';
create function companion.plain(tag text default null) returns text language sql as $$select 'a "quoted" text' || E'\n' || coalesce(tag, '鲸')$$;
create function companion.binary_json() returns jsonb language sql as $$select '{"b": [1, 2]}'::jsonb$$;
create function companion.file(name text default 'a.csv', type text default 'text/csv') returns whalefall_api.file_answer language sql as
	$$select (type, name, U&'\FEFFa,b' || E'\r\n1,鲸\r\n')::whalefall_api.file_answer$$;
create function companion.fail(state text default 'P0001', message text default 'wrong', detail text default null) returns json
language plpgsql as $$
begin
	insert into companion.kept values (1, 'failed');
	raise exception using errcode = state, message = message, detail = coalesce(detail, '');
end $$;
create function companion.keep(id int default 1, note text default 'kept') returns json language plpgsql security definer as $$
begin
	insert into companion.kept values (id, note);
	return json_build_object('id', id);
end $$;
create function companion.zero() returns json language sql as 'select to_json(1 / 0)';
create function companion.sleep() returns json language plpgsql as $$
begin perform pg_sleep(5); return '1'; end $$;
create function companion.become() returns json language plpgsql as $$
begin set local role postgres; return '1'; end $$;
create function companion.set_of() returns setof json language sql as $$select '1'::json$$;
create function companion.named() returns name language sql as $$select 'x'::name$$;
create function companion.unnamed(int) returns json language sql as $$select '1'::json$$;
create function companion.volatile_default(at timestamptz default now()) returns json language sql as $$select to_json($1)$$;
create function companion.nested() returns json language plpgsql security definer as $$
begin perform whalefall_http.dispatch(''); return '1'; end $$;
create function companion.hidden() returns json language sql as $$select '1'::json$$;
revoke execute on all functions in schema companion from public;
grant execute on all functions in schema companion to whalefall_anon;
revoke execute on function companion.hidden() from whalefall_anon;
grant execute on function companion.hidden() to whalefall_admin;
grant insert on companion.kept to whalefall_anon;
grant usage on schema companion to whalefall_anon;

insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, success_status, time_limit_ms, module, action,
	message_zh, message_en)
	select m, '/api/v1/companion/' || p, 'companion_' || o, 'companion.' || f, w, m <> 'GET' and w <> 'anon', s, t, 'companion', o, z, e
	from (values ('GET', 'echo', 'echo', 'echo', 'anon', 200, 30000, null, null),
		('GET', 'echo/{item_id}', 'echo_one', 'echo', 'anon', 200, 30000, null, null),
		('GET', 'names/{name}/end', 'echo_name', 'echo', 'anon', 200, 30000, null, null),
		('GET', 'names/fixed/end', 'fixed', 'json_null', 'anon', 200, 30000, null, null),
		('GET', 'names/fixed/only', 'fixed_only', 'json_null', 'anon', 200, 30000, null, null),
		('POST', 'echo', 'echo_post', 'echo', 'anon', 201, 30000, '已回显', 'echoed'),
		('PUT', 'echo/{item_id}', 'echo_put', 'echo', 'anon', 200, 30000, null, null),
		('GET', 'nothing', 'nothing', 'nothing', 'anon', 200, 30000, null, null),
		('GET', 'json-null', 'json_null', 'json_null', 'anon', 200, 30000, null, null),
		('GET', 'voided', 'voided', 'voided', 'anon', 200, 30000, null, null),
		('GET', 'plain', 'plain', 'plain', 'anon', 200, 30000, null, null),
		('GET', 'binary', 'binary', 'binary_json', 'anon', 200, 30000, null, null),
		('GET', 'file', 'file', 'file', 'anon', 200, 30000, null, null),
		('POST', 'fail', 'fail', 'fail', 'anon', 200, 30000, null, null),
		('POST', 'private-fail', 'private_fail', 'fail', 'view', 200, 30000, null, null),
		('POST', 'keep', 'keep', 'keep', 'anon', 200, 30000, null, null),
		('GET', 'keep', 'keep_get', 'keep', 'anon', 200, 30000, null, null),
		('GET', 'zero', 'zero', 'zero', 'anon', 200, 30000, null, null),
		('POST', 'sleep', 'sleep', 'sleep', 'anon', 200, 200, null, null),
		('POST', 'become', 'become', 'become', 'anon', 200, 30000, null, null),
		('GET', 'set-of', 'set_of', 'set_of', 'anon', 200, 30000, null, null),
		('GET', 'named', 'named', 'named', 'anon', 200, 30000, null, null),
		('GET', 'unnamed', 'unnamed', 'unnamed', 'anon', 200, 30000, null, null),
		('GET', 'volatile-default', 'volatile_default', 'volatile_default', 'anon', 200, 30000, null, null),
		('POST', 'nested', 'nested', 'nested', 'anon', 200, 30000, null, null),
		('GET', 'hidden', 'hidden', 'hidden', 'view', 200, 30000, null, null),
		('GET', 'nowhere', 'nowhere', 'nowhere', 'anon', 200, 30000, null, null)) v(m, p, o, f, w, s, t, z, e);

-- Success ---------------------------------------------------------------------------------------------------
select is(pg_temp.outcome('', 'GET', '/api/v1/health/ping'), '200', 'an operation of the product');
select is((select array_agg(k order by k) from jsonb_object_keys(pg_temp.json()) k),
	'{data,error,message,success,timestamp}', 'keys of the success envelope');
select is(pg_temp.json() - 'timestamp', '{"success": true, "error": false, "message": "操作成功", "data": {"status": "ok"}}', 'and their values');
select matches(pg_temp.json() ->> 'timestamp', '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00$', 'timestamp is UTC');
select is(pg_temp.header('Content-Type'), 'application/json; charset=utf-8', 'media type');
select is(pg_temp.header('X-WF-Answer'), '1', 'the mark for the front');
select is((select jsonb_array_length(headers) from answer), 2, 'and no other header');
set local whalefall.test_now = '2026-03-10 02:00:00+00';
select pg_temp.send('', 'GET', '/api/v1/health/ping');
select is(pg_temp.json() ->> 'timestamp', '2026-03-10T02:00:00+00:00', 'no fraction when it is zero');
set local whalefall.test_now = '2026-03-10 02:00:00.00507+00';
select pg_temp.send('', 'GET', '/api/v1/health/ping');
select is(pg_temp.json() ->> 'timestamp', '2026-03-10T02:00:00.005070+00:00', 'six digits otherwise');
reset whalefall.test_now;
select pg_temp.send('', 'HEAD', '/api/v1/health/ping');
select is(pg_temp.status() || (pg_temp.json() #>> '{data,status}'), '200ok', 'HEAD is GET');
select pg_temp.send('', 'GET', '/api/v1/health/ping', '', '{"x-wf-language": "en"}');
select is(pg_temp.json() ->> 'message', 'success', 'English when the front says so');
select pg_temp.send('', 'GET', '/api/v1/health/ping', '', '{"x-wf-language": "fr"}');
select is(pg_temp.json() ->> 'message', '操作成功', 'another language is the usual one');
select pg_temp.send('', 'POST', '/api/v1/companion/echo', '{"name": "n"}');
select is(pg_temp.status() || (pg_temp.json() ->> 'message'), '201已回显', 'status and message of the route');
select pg_temp.send('', 'POST', '/api/v1/companion/echo', '{"name": "n"}', '{"x-wf-language": "en"}');
select is((pg_temp.json() ->> 'message') || (pg_temp.json() #>> '{data,language}'), 'echoeden', 'in English, also inside the operation');
select pg_temp.send('', 'POST', '/api/v1/companion/echo', '{}');
select is(pg_temp.json() #>> '{data,language}', 'zh', 'which lasts one request');
select is(pg_temp.json() #>> '{data,user}', 'whalefall_anon', 'an anonymous operation runs as whalefall_anon');
select is(pg_temp.json() #>> '{data,read_only}', 'off', 'a POST may write');
select pg_temp.send('', 'GET', '/api/v1/companion/echo');
select is(pg_temp.json() #>> '{data,read_only}', 'on', 'a GET may not');
select is(current_setting('transaction_read_only'), 'off', 'and that ends with it');
create function pg_temp.has_data(path text) returns boolean language sql as
	$$select pg_temp.send('', 'GET', path); select pg_temp.json() ? 'data'$$;
select is(pg_temp.has_data('/api/v1/companion/' || p), false, p || ' has no data') from unnest('{nothing,json-null,voided}'::text[]) p;
select pg_temp.send('', 'GET', '/api/v1/companion/plain');
select is(pg_temp.json() ->> 'data', E'a "quoted" text\n鲸', 'text is data');
select pg_temp.send('', 'GET', '/api/v1/companion/binary');
select is(pg_temp.json() -> 'data', '{"b": [1, 2]}', 'jsonb is data');

-- Arguments -------------------------------------------------------------------------------------------------
select pg_temp.send('', 'GET', '/api/v1/companion/echo/7?item_id=8&name=%E9%B2%B8+a&list=x&list=y&per_page=3&page=2&unknown=1');
select is((pg_temp.json() -> 'data') - 'user' - 'read_only' - 'language',
	'{"item_id": 7, "name": "鲸 a", "list": ["x", "y"], "page": 2, "page_size": 3}', 'the path wins, Chinese in the query, repeated names');
select pg_temp.send('', 'PUT', '/api/v1/companion/echo/7?name=q', '{"item_id": 9, "name": "body", "flag": true, "part": {"a": "鲸"}}');
select is((pg_temp.json() -> 'data') - 'user' - 'read_only' - 'language',
	'{"item_id": 7, "name": "q", "flag": true, "part": {"a": "鲸"}, "page": 1}', 'path, then query, then body; defaults');
select pg_temp.send('', 'GET', '/api/v1/companion/names/%E9%B2%B8%2F%20x/end');
select is(pg_temp.json() #>> '{data,name}', '鲸/ x', 'an escaped slash stays in its segment');
select pg_temp.send('', 'GET', '/api/v1/companion/names/鲸/end');
select is(pg_temp.json() #>> '{data,name}', '鲸', 'a segment in raw UTF-8');
select pg_temp.send('', 'GET', '/api/v1/companion/echo', '{"name": "ignored"}');
select is(pg_temp.json() -> 'data' ? 'name', false, 'the body of a GET is ignored');
select is(pg_temp.outcome('', 'GET', '/api/v1/companion/echo', 'not json'), '200', 'even when it is none');
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/echo', ''), '201', 'an empty body is {}');
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/echo', '[1]'), '400 VALIDATION_ERROR', 'an array is no body');
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/echo', '{"name": '), '400 VALIDATION_ERROR', 'broken JSON');
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/echo', '{"page": "x"}'), '400 VALIDATION_ERROR', 'a wrong type');
select matches(pg_temp.json() ->> 'message', 'page', 'names the field');
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/echo', 'name=x', '{"x-wf-content-type": "application/x-www-form-urlencoded"}'), '201', 'forms are not read');

-- Routes ----------------------------------------------------------------------------------------------------
select is(pg_temp.outcome('', 'GET', p), '404 INVALID_REQUEST', 'no route: ' || p)
	from unnest('{/api/v1/nope,/api/v1,/api/v1/health/ping/,/api/v1//health/ping,/api/v2/health/ping,/,"",health/ping,/api/v1/instances/abc,/api/v1/instances/-1,
	/api/v1/instances/1a,/api/v1/instances/,/api/v1/%zz,/api/v1/instances/%00,/api/v1/instances/%ff,/api/v1/companion/nowhere,/api/v1/tags/by-name/,
	/api/v1/../v1/health/ping,/auth/login,/api/v1/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s}'::text[]) p;
select is(pg_temp.outcome('', 'GET', '/api/v1/health/%70ing'), '200', 'escaped letters of a literal');
select is(pg_temp.outcome('', 'DELETE', '/api/v1/health/ping'), '405 INVALID_REQUEST', 'a path without that method');
select is(pg_temp.header('Allow'), 'GET, HEAD, OPTIONS', 'tells what it has');
select is(pg_temp.outcome('', 'PATCH', '/api/v1/instances/1'), '405 INVALID_REQUEST', 'a method that no path has');
select is(pg_temp.header('Allow'), 'GET, HEAD, PUT, DELETE, OPTIONS', 'all of them');
select is(pg_temp.outcome('', 'BREW', '/api/v1/nope'), '404 INVALID_REQUEST', 'no path, no method');
select is(pg_temp.outcome('', 'DELETE', '/api/v1/instances/options'), '405 INVALID_REQUEST', 'a literal is no id');
select is(pg_temp.outcome('', 'GET', '/api/v1/companion/names/fixed/end'), '200', 'a literal segment');
select is(pg_temp.json() ? 'data', false, 'wins over a parameter');
select is(pg_temp.outcome('', 'GET', '/api/v1/companion/names/fixed/only'), '200', 'and leads on');
select is(pg_temp.outcome('', 'GET', '/api/v1/companion/names/other/only'), '404 INVALID_REQUEST', 'where the parameter does not');
select is(pg_temp.outcome('v', 'GET', '/api/v1/task-runs/no-uuid'), '404 RESOURCE_NOT_FOUND', 'a run id may be any segment');
select is(pg_temp.outcome('v', 'GET', '/api/v1/instances/99999999999999999999'), '404 RESOURCE_NOT_FOUND', 'an id that no number can be');
select is(pg_temp.outcome('v', 'GET', '/api/v1/instances/4711'), '404 RESOURCE_NOT_FOUND', 'an id that is not there');
select is(pg_temp.outcome('', 'GET', '/api/v1/logs'), '404 INVALID_REQUEST', 'an operation without function is not served')
	where to_regproc('whalefall_api.logs_list') is null;

-- The registry is read anew at once, and so are functions.
create function companion.nowhere() returns json language sql as $$select '"here"'::json$$;
grant execute on function companion.nowhere() to whalefall_anon;
select is(pg_temp.outcome('', 'GET', '/api/v1/companion/nowhere'), '200', 'a function that appears is served');
create function companion.nowhere(a int) returns json language sql as $$select '"here"'::json$$;
select is(pg_temp.outcome('', 'GET', '/api/v1/companion/nowhere'), '404 INVALID_REQUEST', 'two of one name are none');
drop function companion.nowhere(int);
drop function companion.nowhere();
select is(pg_temp.outcome('', 'GET', '/api/v1/companion/nowhere'), '404 INVALID_REQUEST', 'and one that goes is not');
update whalefall_http.extra_routes set path = '/api/v1/companion/moved' where operation = 'companion_echo';
select is(pg_temp.outcome('', 'GET', '/api/v1/companion/moved'), '200', 'a route that moves');
select is(pg_temp.outcome('', 'GET', '/api/v1/companion/echo'), '405 INVALID_REQUEST', 'leaves its old place');
update whalefall_http.extra_routes set path = '/api/v1/companion/echo' where operation = 'companion_echo';
create or replace function companion.binary_json() returns jsonb language sql as $$select '{"c": 3}'::jsonb$$;
select pg_temp.send('', 'GET', '/api/v1/companion/binary');
select is(pg_temp.json() -> 'data', '{"c": 3}', 'a function that is replaced');
insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action)
	values ('GET', '/api/v1/health/ping', 'companion_ping', 'companion.nothing', 'anon', false, 'companion', 'ping');
select pg_temp.send('', 'GET', '/api/v1/health/ping');
select is(pg_temp.json() #>> '{data,status}', 'ok', 'a companion cannot take a route of the product');
select throws_ok(format('insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action)
	values (%L, %L, ''x'', ''a.b'', %L, false, ''m'', ''a'')', m, p, w), '23514', null, 'refused: ' || m || ' ' || p || ' ' || w)
	from (values ('PATCH', '/api/v1/x', 'anon'), ('GET', '/x', 'anon'), ('GET', '/api/v1/{X}', 'anon'), ('GET', '/api/v1/a b', 'anon'),
		('GET', '/api/v1/x', 'root'), ('POST', '/api/v1/x', 'view')) v(m, p, w);

-- Who -------------------------------------------------------------------------------------------------------
select is(pg_temp.outcome('', 'GET', '/api/v1/instances'), '401 AUTHENTICATION_REQUIRED', 'nobody');
select is(pg_temp.outcome('x', 'GET', '/api/v1/instances'), '401 AUTHENTICATION_REQUIRED', 'an unknown cookie');
select is(pg_temp.outcome('o', 'GET', '/api/v1/instances'), '401 AUTHENTICATION_REQUIRED', 'a disabled user');
select is(pg_temp.outcome('v', 'GET', '/api/v1/instances', '', '{"x-wf-authorization": "Bearer x"}'), '401 TOKEN_INVALID', 'a bad header decides over a good cookie');
select is(pg_temp.outcome('v', 'GET', '/api/v1/instances'), '200', 'a viewer');
select is((pg_temp.json() -> 'data') - 'items', '{"total": 0, "page": 1, "pages": 0, "limit": 20}', 'his list');
select is(pg_temp.outcome('v', 'POST', '/api/v1/tags', '{}'), '403 PERMISSION_REQUIRED', 'may not create; asked before CSRF and input');
select matches(pg_temp.json() ->> 'message', '^权限不足：.*create', 'the message names the permission');
select is((pg_temp.json() #>> '{context,user_id}')::bigint, (select id from whalefall.users where username = 'vic'), 'and the context the user');
select is(pg_temp.outcome('u', 'POST', '/api/v1/tags', '{}'), '403 PERMISSION_REQUIRED', 'nor may a user');
select is(pg_temp.outcome('a', 'POST', '/api/v1/tags', '{}'), '403 CSRF_MISSING', 'an administrator by cookie needs a CSRF token');
select is(pg_temp.outcome('a', 'POST', '/api/v1/tags', '{}', '{"x-wf-csrf": "1.x"}'), '403 CSRF_INVALID', 'a good one');
select is(pg_temp.outcome('a', 'DELETE', '/api/v1/companion/echo/1'), '405 INVALID_REQUEST', '405 comes before 401');
select is(pg_temp.outcome('v', 'GET', '/api/v1/companion/hidden'), '403 PERMISSION_REQUIRED', 'EXECUTE decides, whatever the registry says');
select is(pg_temp.outcome('a', 'GET', '/api/v1/companion/hidden'), '200', 'for every role');
select throws_ok($$set local role whalefall_admin; select whalefall_http.dispatch('')$$, '42501', null, 'nobody but the gateway dispatches');
reset role;
select throws_ok($$set local role whalefall_gateway; select whalefall_api.health_ping()$$, '42501', null, 'and the gateway does nothing else');
reset role;
select matches(pg_temp.outcome('', 'POST', '/api/v1/companion/become', '{}'), '^(403|500) ', 'SET ROLE in an operation is refused');

-- Errors ----------------------------------------------------------------------------------------------------
select pg_temp.send('', 'GET', '/api/v1/nope?token=secret');
select is((select array_agg(k order by k) from jsonb_object_keys(pg_temp.json()) k),
	'{category,context,error,error_id,message,message_code,recoverable,severity,success,suggestions,timestamp}', 'the eleven keys');
select is(pg_temp.json() - 'timestamp' - 'error_id', '{"success": false, "error": true, "category": "business", "severity": "medium",
	"message_code": "INVALID_REQUEST", "message": "接口不存在", "recoverable": true,
	"suggestions": ["请确认业务规则与数据状态", "如有疑问请联系管理员核对数据"],
	"context": {"request_id": "req-1", "user_id": null, "url": "https://wf.example:8443/api/v1/nope", "method": "GET",
	"meta": {"ip_address": "192.0.2.7", "user_agent": "tap"}}}', 'their values; no query string');
select matches(pg_temp.json() ->> 'error_id', '^[0-9a-f]{32}$', 'error_id');
create temp table ids as select pg_temp.json() ->> 'error_id' as id;
select pg_temp.send('', 'GET', '/api/v1/nope');
select isnt(pg_temp.json() ->> 'error_id', (select id from ids), 'is new each time');
select pg_temp.send('', 'GET', '/api/v1/nope', '', '{"x-wf-client": "", "x-wf-agent": "", "x-wf-language": "en", "x-wf-request-id": "-bad"}');
select is(pg_temp.json() #> '{context,meta}', '{}', 'empty keys of meta are left out');
select matches(pg_temp.json() #>> '{context,request_id}', '^req_[0-9a-f]{32}$', 'an unusable request id is replaced');
select is(pg_temp.json() ->> 'message' || (pg_temp.json() #>> '{suggestions,0}'), 'no such routeCheck the rule that the message names.', 'in English');

-- state, what comes of it
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/fail', json_build_object('state', state, 'message', 'secret of ' || state)::text), expected, state)
	from (values ('PT400', '400 VALIDATION_ERROR'), ('PT404', '404 RESOURCE_NOT_FOUND'), ('PT409', '409 CONSTRAINT_VIOLATION'),
		('PT418', '500 INTERNAL_ERROR'), ('PT503', '500 INTERNAL_ERROR'), ('PT504', '504 TIMEOUT'), ('P0001', '400 VALIDATION_ERROR'), ('P0002', '404 RESOURCE_NOT_FOUND'),
		('40001', '409 CONSTRAINT_VIOLATION'), ('40P01', '409 CONSTRAINT_VIOLATION'), ('23505', '409 CONSTRAINT_VIOLATION'),
		('23503', '409 CONSTRAINT_VIOLATION'), ('23P01', '409 CONSTRAINT_VIOLATION'), ('55P03', '409 CONSTRAINT_VIOLATION'),
		('23514', '400 VALIDATION_ERROR'), ('22023', '400 VALIDATION_ERROR'), ('42501', '403 PERMISSION_REQUIRED'),
		('42P01', '500 DATABASE_QUERY_ERROR'), ('53200', '500 DATABASE_QUERY_ERROR'), ('54000', '500 DATABASE_QUERY_ERROR'),
		('25006', '500 DATABASE_QUERY_ERROR'), ('XX000', '500 INTERNAL_ERROR'), ('57014', '504 TIMEOUT'), ('57P01', '500 DATABASE_QUERY_ERROR')) v(state, expected);
select is((select count(*)::int from companion.kept), 0, 'whatever failed left nothing behind');
select pg_temp.send('', 'POST', '/api/v1/companion/fail', '{"state": "XX000", "message": "secret text", "detail": "secret detail"}');
select is(pg_temp.json() ->> 'message', '内部错误', 'the text of a 500 is not shown');
select is((select body from answer) ~ 'secret', false, 'nowhere in it');
select pg_temp.send('', 'POST', '/api/v1/companion/fail', '{"state": "23514", "message": "relation secret"}');
select is(pg_temp.json() ->> 'message', '输入不合法', 'nor what speaks of our tables');
select pg_temp.send('', 'POST', '/api/v1/companion/fail', '{"state": "PT409", "message": "taken"}', '{"x-wf-language": "en"}');
select is(pg_temp.json() ->> 'message', 'conflicting state: taken', 'what a companion raises for people is');
select is(pg_temp.outcome('', 'GET', '/api/v1/companion/zero'), '400 VALIDATION_ERROR', 'division by zero is class 22');
select is(pg_temp.outcome('', 'GET', '/api/v1/companion/keep'), '500 DATABASE_QUERY_ERROR', 'a GET that writes');
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/keep', '{"id": 1, "note": "one"}'), '200', 'a POST that writes');
select is((select string_agg(note, ',') from companion.kept), 'one', 'has written');
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/keep', '{"id": 1, "note": "one"}'), '409 CONSTRAINT_VIOLATION', 'a unique violation');
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/keep', '{"id": 2, "note": "two"}'), '409 CONSTRAINT_VIOLATION', 'a deferred constraint fails before the answer');
select is((select string_agg(note, ',') from companion.kept), 'one', 'and takes its row away');
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/sleep'), '504 TIMEOUT', 'the time limit of the route');
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/echo'), '201', 'does not hit the next request');
select is(pg_temp.outcome('', 'GET', '/api/v1/companion/' || p), '500 DATABASE_QUERY_ERROR', p || ' cannot be an operation')
	from unnest('{set-of,named,unnamed,volatile-default}'::text[]) p;
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/nested'), '500 DATABASE_QUERY_ERROR', 'dispatch within dispatch');
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/echo', '{"name": "' || repeat('x', 16 * 1024 * 1024) || '"}'), '413 INVALID_REQUEST', 'a body of more than 16 MiB');
select is(pg_temp.outcome('', 'POST', '/api/v1/companion/echo', '{"name": "' || repeat('x', 16 * 1024 * 1024 - 12) || '"}'), '201', 'one of exactly 16 MiB');

-- Facts that are none
create function pg_temp.bare(headers text) returns text language plpgsql as $$
declare a jsonb;
begin
	perform set_config('request.headers', headers, true);
	set local role whalefall_gateway;
	a := convert_from(whalefall_http.dispatch(null), 'UTF8');
	reset role;
	return current_setting('response.status') || coalesce(' ' || (a ->> 'message_code'), '');
end $$;
select is(pg_temp.bare(h), e, 'headers ' || h) from (values ('', '500 INTERNAL_ERROR'), ('{', '500 INTERNAL_ERROR'), ('[]', '500 INTERNAL_ERROR'),
	('{}', '404 INVALID_REQUEST'), (' { } ', '404 INVALID_REQUEST'), ('{} x', '500 INTERNAL_ERROR'), ('{"a":"b",}', '500 INTERNAL_ERROR'),
	('{"a" "b"}', '500 INTERNAL_ERROR'), ('{"a":"b', '500 INTERNAL_ERROR'), ('{"a":"b\', '500 INTERNAL_ERROR'), ('{"a":"b\"}', '500 INTERNAL_ERROR'),
	('{"a":1}', '500 INTERNAL_ERROR'), ('{"a":{"x-wf-uri":"/api/v1/health/ping"}}', '500 INTERNAL_ERROR'),
	('{"x-wf-uri":"\u0000"}', '500 INTERNAL_ERROR'), ('{"x-wf-uri":"\x"}', '500 INTERNAL_ERROR'), ('{"x-wf-uri":"\ud800"}', '500 INTERNAL_ERROR'),
	('{"x-wf-uri":"/api/v1/health/ping","x-wf-method":"POST"}', '405 INVALID_REQUEST'),
	('{ "x-wf-method" : "GET" , "x-wf-uri":"\/api\/v1\/health\/pin\u0067" }', '200'),
	('{"a\"b":"\\","x-wf-uri":"/api/v1/health/ping?\"","x-wf-method":"GET"}', '200'),
	('{"x-wf-uri":"/nope","x-wf-method":"GET","x-wf-uri":"/api/v1/health/ping"}', '200'),
	('{"X-WF-URI":"/api/v1/health/ping","x-wf-":"","x-wf-urix":"/api/v1/health/ping","x-wf-method":"GET"}', '404 INVALID_REQUEST')) v(h, e);
select is(pg_temp.bare('{"x-wf-uri":"/api/v1/nope","x-wf-method":"GET","x-wf-agent":"a \"q\" \u9cb8 \ud83d\ude00"}'), '404 INVALID_REQUEST', 'an escaped agent');

-- Files -----------------------------------------------------------------------------------------------------
select pg_temp.send('', 'GET', '/api/v1/companion/file');
select is((select body from answer), U&'\FEFFa,b' || E'\r\n1,鲸\r\n', 'a file comes as it is, with its mark');
select is(pg_temp.header('Content-Type'), 'text/csv; charset=utf-8', 'its type gets a charset');
select is(pg_temp.header('Content-Disposition'), 'attachment; filename="a.csv"', 'its name');
select pg_temp.send('', 'GET', '/api/v1/companion/file?name=%E9%B2%B8%20a%22%0d%0a..%2fb%25.csv&type=application/x-thing');
select is(pg_temp.header('Content-Disposition'), 'attachment; filename="_ a___.._b_.csv"; filename*=UTF-8''''%E9%B2%B8%20a%22__.._b%25.csv', 'a hostile one');
select is(pg_temp.header('Content-Type'), 'application/x-thing', 'another type');
select pg_temp.send('', 'GET', '/api/v1/companion/file?type=text/html%0d%0aX-Evil:%201');
select is(pg_temp.header('Content-Type'), 'application/octet-stream', 'a type that is none');
select is(pg_temp.outcome('', 'GET', '/api/v1/instances/exports'), '401 AUTHENTICATION_REQUIRED', 'an export that fails is JSON');
select pg_temp.send('v', 'GET', '/api/v1/instances/imports/template');
select matches(pg_temp.header('Content-Disposition'), '^attachment; filename="instances_import_template.csv"$', 'a file of the product');

-- A row that is not there comes before what cannot be read of its change, for whoever may see the row.
select is(pg_temp.outcome('a', 'PUT', '/api/v1/' || what || '/987654321', body, '{"x-wf-csrf": "", "x-wf-session": "", "x-wf-authorization": ""}'),
	'401 AUTHENTICATION_REQUIRED', 'nobody learns of ' || what)
from (values ('users', '{')) v(what, body);
create function pg_temp.write(who text, method text, uri text, body text) returns text language plpgsql as $$
declare csrf text;
begin
	perform pg_temp.send(who, 'GET', '/api/v1/auth/csrf-token');
	csrf := pg_temp.json() #>> '{data,csrf_token}';
	return pg_temp.outcome(who, method, uri, body, jsonb_build_object('x-wf-csrf', csrf));
end $$;
select is(pg_temp.write('a', method, '/api/v1/' || what || '/987654321', body), '404 RESOURCE_NOT_FOUND', method || ' of no ' || what || ' with ' || body)
from (values ('users'), ('tags'), ('credentials'), ('instances')) w(what), (values ('PUT', '{'), ('PUT', '{"name": 1, "username": [1]}'), ('DELETE', '[')) b(method, body);
select is(pg_temp.write('a', 'PUT', '/api/v1/users/' || u.id, '{"username": 1}'), '400 VALIDATION_ERROR', 'a row that is there')
from whalefall.users u where username = 'vic';
select is(pg_temp.write('v', 'PUT', '/api/v1/users/987654321', '{'), '403 PERMISSION_REQUIRED', 'and permission before both');

select * from finish();
rollback;
