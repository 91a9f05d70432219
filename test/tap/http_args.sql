-- Arguments of operations over HTTP: every type from the path, the query string and the body, what is refused and in
-- which words, what an explicit null does. Through the dispatcher, with a schema of functions that give back
-- what they were given.
\set ECHO none
begin;
select plan(303);

create schema companion;
grant usage on schema companion to whalefall_anon;
create function companion.types(thing_id bigint, name text default null, port integer default null, small smallint default null,
	is_active boolean default null, tags text[] default null, ids bigint[] default null, ports integer[] default null, doc jsonb default null,
	plain json default null, day date default null, at timestamptz default null, run uuid default null, runs uuid[] default null,
	password text default null, page_size integer default 20, sort_order text default 'asc', clear text[] default '{}') returns json
	language sql stable set timezone = 'UTC' begin atomic
	select json_strip_nulls(json_build_object('thing_id', thing_id, 'name', name, 'port', port, 'small', small, 'is_active', is_active,
		'tags', tags, 'ids', ids, 'ports', ports, 'doc', doc, 'plain', plain, 'day', day, 'at', at, 'run', run, 'runs', runs, 'password', password,
		'page_size', nullif(page_size, 20), 'sort_order', nullif(sort_order, 'asc'), 'clear', nullif(clear, '{}')));
end;
comment on function companion.types(bigint, text, integer, smallint, boolean, text[], bigint[], integer[], jsonb, json, date, timestamptz,
	uuid, uuid[], text, integer, text, text[]) is 'gives its arguments; clear names what becomes null (name, port, day,tags)';
create function companion.required(a text, b integer, c boolean, d text default 'd') returns json
	language sql stable begin atomic select json_build_object('a', a, 'b', b, 'c', c, 'd', d); end;
create function companion.by_name(thing_name text, at date) returns json
	language sql stable begin atomic select json_build_object('thing_name', thing_name, 'at', at); end;
insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action) values
	('GET', '/api/v1/companion/things/{thing_id}', 'companion_get', 'companion.types', 'anon', false, 'companion', 'get'),
	('PUT', '/api/v1/companion/things/{thing_id}', 'companion_put', 'companion.types', 'anon', false, 'companion', 'put'),
	('POST', '/api/v1/companion/required', 'companion_required', 'companion.required', 'anon', false, 'companion', 'required'),
	('GET', '/api/v1/companion/names/{thing_name}/{at}', 'companion_names', 'companion.by_name', 'anon', false, 'companion', 'names');

-- Sends a request; gives the status, and its data or its message.
create function pg_temp.send(method text, uri text, body bytea, type text, language text default 'en') returns text
	language plpgsql as $$
declare answer jsonb;
begin
	perform set_config('request.headers', jsonb_build_object('x-wf-method', method, 'x-wf-uri', uri, 'x-wf-content-type', type,
		'x-wf-authorization', '', 'x-wf-session', '', 'x-wf-csrf', '', 'x-wf-client', '192.0.2.1', 'x-wf-agent', 'test',
		'x-wf-request-id', '', 'x-wf-language', language, 'x-wf-scheme', 'http', 'x-wf-host', 'localhost')::text, true);
	answer := convert_from(whalefall_http.dispatch(body), 'UTF8')::jsonb;
	return current_setting('response.status') || ' ' || coalesce(answer ->> 'data', answer ->> 'message');
end $$;
-- The same for the function above, whose id is left out.
create function pg_temp.without_id(answer text) returns text language sql as
	$$select case when answer ~ '^200 ' then '200 ' || (substr(answer, 5)::jsonb - 'thing_id')::text else answer end$$;
create function pg_temp.get(query text, language text default 'en') returns text language sql as
	$$select pg_temp.without_id(pg_temp.send('GET', '/api/v1/companion/things/5' || query, '', '', language))$$;
create function pg_temp.put(body text, type text default 'application/json', query text default '', language text default 'en') returns text language sql as
	$$select pg_temp.without_id(pg_temp.send('PUT', '/api/v1/companion/things/5' || query, convert_to(body, 'UTF8'), type, language))$$;

-- Query string -------------------------------------------------------------------------------------------
select is(pg_temp.get(q), e, 'query ' || q) from (values
	('', '200 {}'), ('?', '200 {}'), ('?unknown=1', '200 {}'), ('?thing_id=9', '200 {}'),
	('?name=x', '200 {"name": "x"}'), ('?name=a%20b+c', '200 {"name": "a b c"}'), ('?name=%E4%B8%AD%e6%96%87', '200 {"name": "中文"}'),
	('?name=a%26b%3dc%25', '200 {"name": "a&b=c%"}'), ('?n%61me=x', '200 {"name": "x"}'), ('?NAME=x', '200 {}'),
	('?name=1&name=2', '200 {"name": "1"}'), ('?name=a=b', '200 {"name": "a=b"}'), ('?name', '200 {}'), ('?name=', '200 {}'), ('?name=%20', '200 {}'),
	('?name=%%', '400 invalid input: name is not valid percent-encoded UTF-8.'), ('?name=%4', '400 invalid input: name is not valid percent-encoded UTF-8.'),
	('?name=%00', '400 invalid input: name is not valid percent-encoded UTF-8.'), ('?name=%FF', '400 invalid input: name is not valid percent-encoded UTF-8.'),
	('?name=%C0%80', '400 invalid input: name is not valid percent-encoded UTF-8.'), ('?name=%ED%A0%80', '400 invalid input: name is not valid percent-encoded UTF-8.'),
	('?other=%00&%ff=1&name=x', '200 {"name": "x"}'),
	('?port=80', '200 {"port": 80}'), ('?port=', '200 {}'), ('?port=+7+', '200 {"port": 7}'), ('?port=%2B7', '200 {"port": 7}'), ('?port=007', '200 {"port": 7}'),
	('?port=-2147483648', '200 {"port": -2147483648}'), ('?port=2147483647', '200 {"port": 2147483647}'),
	('?port=2147483648', '400 invalid input: port is out of range.'), ('?port=-2147483649', '400 invalid input: port is out of range.'),
	('?port=99999999999999999999999', '400 invalid input: port is out of range.'), ('?small=32768', '400 invalid input: small is out of range.'),
	('?small=-32768', '200 {"small": -32768}'), ('?port=1.0', '400 invalid input: port must be a whole number.'),
	('?port=1e3', '400 invalid input: port must be a whole number.'), ('?port=0x10', '400 invalid input: port must be a whole number.'),
	('?port=-', '400 invalid input: port must be a whole number.'), ('?port=--1', '400 invalid input: port must be a whole number.'),
	('?port=1%202', '400 invalid input: port must be a whole number.'), ('?port=%D9%A1', '400 invalid input: port must be a whole number.'), ('?port=1,2', '400 invalid input: port must be a whole number.'),
	('?port=true', '400 invalid input: port must be a whole number.'),
	('?is_active=2', '400 invalid input: is_active must be true or false.'), ('?is_active=tru', '400 invalid input: is_active must be true or false.'), ('?is_active=', '200 {}'),
	('?tags=a', '200 {"tags": ["a"]}'), ('?tags=a&tags=b', '200 {"tags": ["a", "b"]}'), ('?tags=a,b,,%20c%20&tags=,', '200 {"tags": ["a", "b", "c"]}'), ('?tags=,', '200 {}'),
	('?ids=1,2&ids=3', '200 {"ids": [1, 2, 3]}'), ('?ids=9223372036854775807', '200 {"ids": [9223372036854775807]}'),
	('?ids=9223372036854775808', '400 invalid input: ids[0] is out of range.'), ('?ids=1,x', '400 invalid input: ids[1] must be a whole number.'),
	('?ports=1,2147483648', '400 invalid input: ports[1] is out of range.'),
	('?doc={"a":[1,null]}', '200 {"doc": {"a": [1, null]}}'), ('?doc=%7B', '400 invalid input: doc is not valid JSON.'), ('?doc=', '200 {}'), ('?doc=nul', '400 invalid input: doc is not valid JSON.'),
	('?doc=' || repeat('[', 300), '400 invalid input: doc is too large: at most 250000 values, nested at most 256 deep.'), ('?plain=[1]', '200 {"plain": [1]}'),
	('?day=2026-02-28', '200 {"day": "2026-02-28"}'), ('?day=2026-02-29', '400 invalid input: day must be a date in the form YYYY-MM-DD.'), ('?day=0000-01-01', '400 invalid input: day must be a date in the form YYYY-MM-DD.'),
	('?day=2026-2-3', '400 invalid input: day must be a date in the form YYYY-MM-DD.'), ('?day=today', '400 invalid input: day must be a date in the form YYYY-MM-DD.'),
	('?day=infinity', '400 invalid input: day must be a date in the form YYYY-MM-DD.'), ('?day=2026-02-28x', '400 invalid input: day must be a date in the form YYYY-MM-DD.'), ('?day=', '200 {}'),
	('?at=2026-01-28T01:00:00Z', '200 {"at": "2026-01-28T01:00:00+00:00"}'), ('?at=2026-01-28t01:00:00.25%2B08:00', '200 {"at": "2026-01-27T17:00:00.25+00:00"}'),
	('?at=2026-01-28T01:00:00+08:00', '200 {"at": "2026-01-27T17:00:00+00:00"}'), ('?at=2026-01-28T01:00-0530', '200 {"at": "2026-01-28T06:30:00+00:00"}'),
	('?at=2026-01-28', '200 {"at": "2026-01-27T16:00:00+00:00"}'), ('?at=2026-01-28%2001:02', '200 {"at": "2026-01-27T17:02:00+00:00"}'),
	('?at=now', '400 invalid input: at must be a time in ISO 8601 form.'), ('?at=2026-01-28T25:00', '400 invalid input: at must be a time in ISO 8601 form.'),
	('?at=2026-01-28T', '400 invalid input: at must be a time in ISO 8601 form.'), ('?at=2026-01-28Z', '400 invalid input: at must be a time in ISO 8601 form.'),
	('?at=2026-01-28T01:00:00.', '400 invalid input: at must be a time in ISO 8601 form.'), ('?at=2026-01-28T01:00:00+99:00', '400 invalid input: at must be a time in ISO 8601 form.'),
	('?at=2026-01-28T01:00:00%20Asia/Tokyo', '400 invalid input: at must be a time in ISO 8601 form.'),
	('?run=6F9619FF-8b86-d011-b42d-00cf4fc964ff', '200 {"run": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"}'), ('?run=6f9619ff8b86d011b42d00cf4fc964ff', '400 invalid input: run must be a UUID.'),
	('?run={6f9619ff-8b86-d011-b42d-00cf4fc964ff}', '400 invalid input: run must be a UUID.'), ('?runs=6f9619ff-8b86-d011-b42d-00cf4fc964ff,x', '400 invalid input: runs[1] must be a UUID.'),
	('?limit=5&per_page=6&page_size=7', '200 {"page_size": 5}'), ('?page_size=7&per_page=6', '200 {"page_size": 6}'), ('?page_size=7', '200 {"page_size": 7}'),
	('?limit=&per_page=6', '200 {"page_size": 6}'), ('?limit=x&page_size=7', '400 invalid input: limit must be a whole number.'), ('?limit=', '200 {}'),
	('?order=desc&sort_order=x', '200 {"sort_order": "desc"}'), ('?sort_order=x', '200 {"sort_order": "x"}'), ('?offset=9', '200 {}')) v (q, e);
select is(pg_temp.get('?is_active=' || word), '200 {"is_active": ' || (n <= 8)::text || '}', 'boolean ' || word)
	from unnest('{true,1,yes,on,TRUE,Yes,oN,%20on%20,false,0,no,off,FALSE,No,oFF,%20off%20}'::text[]) with ordinality as w (word, n);
select is(pg_temp.get('?' || repeat('a=1&', 999) || 'name=x'), '200 {"name": "x"}', '1000 parameters are read');
select is(pg_temp.get('?' || repeat('a=1&', 1000) || 'name=x'), '400 invalid input: The query string has more than 1000 parameters.', '1001 are too many');

-- Path ---------------------------------------------------------------------------------------------------
select is(pg_temp.send('GET', '/api/v1/companion/' || p, '', ''), e, 'path ' || p) from (values
	('things/0005', '200 {"thing_id": 5}'), ('things/9223372036854775807', '200 {"thing_id": 9223372036854775807}'),
	('things/9223372036854775808', '404 resource not found: thing_id is out of range.'), ('things/99999999999999999999999999', '404 resource not found: thing_id is out of range.'),
	('things/5?thing_id=x', '200 {"thing_id": 5}'),
	('names/%E4%B8%AD%20a%2Fb/2026-01-01', '200 {"at": "2026-01-01", "thing_name": "中 a/b"}'), ('names/a+b/2026-01-01', '200 {"at": "2026-01-01", "thing_name": "a+b"}'),
	('names/%20/2026-01-01', '200 {"at": "2026-01-01", "thing_name": " "}'), ('names/a/2026-13-01', '404 resource not found: at must be a date in the form YYYY-MM-DD.'),
	('names/a/x?at=2026-01-01', '404 resource not found: at must be a date in the form YYYY-MM-DD.'), ('names/a/%20', '404 resource not found: at is blank.')) v (p, e);

-- Body ---------------------------------------------------------------------------------------------------
select is(pg_temp.put(b), e, 'body ' || left(b, 80)) from (values
	('', '200 {}'), ('{}', '200 {}'), (E' \n{ }\t', '200 {}'), (E'\ufeff{"name":"x"}', '200 {"name": "x"}'), ('{"unknown": {"a": [1e]}}', '400 invalid input: The body has a number with an exponent or of more than 64 digits.'),
	('{"unknown": {"a": [1, "1e5", null]}}', '200 {}'), ('{"thing_id": [true]}', '200 {}'),
	('[]', '400 invalid input: The body is not a JSON object.'), ('[{"name":"x"}]', '400 invalid input: The body is not a JSON object.'), ('"x"', '400 invalid input: The body is not a JSON object.'),
	('null', '400 invalid input: The body is not a JSON object.'), ('7', '400 invalid input: The body is not a JSON object.'),
	('{', '400 invalid input: The body is not valid JSON.'), ('{"a":1}}', '400 invalid input: The body is not valid JSON.'), (E'{''a'':1}', '400 invalid input: The body is not valid JSON.'),
	('{"a":01}', '400 invalid input: The body is not valid JSON.'), ('{"a":NaN}', '400 invalid input: The body is not valid JSON.'), ('{"a":"\ud800"}', '400 invalid input: The body is not valid JSON.'),
	(E'{"a":"\x01"}', '400 invalid input: The body is not valid JSON.'), ('   ', '400 invalid input: The body is not valid JSON.'), ('name=x', '400 invalid input: The body is not valid JSON.'),
	('{"name":"x","name":"y"}', '200 {"name": "y"}'), ('{"name":""}', '200 {"name": ""}'), ('{"name":" a "}', '200 {"name": " a "}'), ('{"name":"\u4e2d"}', '200 {"name": "中"}'),
	('{"name":5}', '400 invalid input: name must be a text.'), ('{"name":true}', '400 invalid input: name must be a text.'), ('{"name":{"a":1}}', '400 invalid input: name must be a text.'),
	('{"name":["x"]}', '400 invalid input: name must be one value, not a list.'), ('{"name":[]}', '400 invalid input: name must be one value, not a list.'),
	('{"port":80}', '200 {"port": 80}'), ('{"port":"80"}', '200 {"port": 80}'), ('{"port":" -80 "}', '200 {"port": -80}'), ('{"port":-0}', '200 {"port": 0}'),
	('{"port":80.0}', '400 invalid input: port must be a whole number.'), ('{"port":0.5}', '400 invalid input: port must be a whole number.'), ('{"port":1e2}', '400 invalid input: The body has a number with an exponent or of more than 64 digits.'),
	('{"port":true}', '400 invalid input: port must be a whole number.'), ('{"port":"x"}', '400 invalid input: port must be a whole number.'), ('{"port":{}}', '400 invalid input: port must be a whole number.'),
	('{"port":[80]}', '400 invalid input: port must be one value, not a list.'), ('{"port":2147483648}', '400 invalid input: port is out of range.'), ('{"port":-2147483649}', '400 invalid input: port is out of range.'),
	('{"small":1' || repeat('0', 63) || '}', '400 invalid input: small is out of range.'), ('{"small":1' || repeat('0', 64) || '}', '400 invalid input: The body has a number with an exponent or of more than 64 digits.'),
	('{"is_active":true}', '200 {"is_active": true}'), ('{"is_active":0}', '200 {"is_active": false}'), ('{"is_active":1}', '200 {"is_active": true}'), ('{"is_active":"Off"}', '200 {"is_active": false}'),
	('{"is_active":2}', '400 invalid input: is_active must be true or false.'), ('{"is_active":-1}', '400 invalid input: is_active must be true or false.'), ('{"is_active":1.0}', '400 invalid input: is_active must be true or false.'),
	('{"is_active":""}', '400 invalid input: is_active must be true or false.'), ('{"is_active":"maybe"}', '400 invalid input: is_active must be true or false.'), ('{"is_active":[true]}', '400 invalid input: is_active must be one value, not a list.'),
	('{"tags":["a","b,c",""]}', '200 {"tags": ["a", "b,c", ""]}'), ('{"tags":"a,b"}', '200 {"tags": ["a,b"]}'), ('{"tags":[]}', '200 {"tags": []}'), ('{"tags":["a",5]}', '400 invalid input: tags[1] must be a text.'),
	('{"tags":["a",null]}', '400 invalid input: tags[1] must be a text.'), ('{"tags":[["a"]]}', '400 invalid input: tags[0] must be a text.'), ('{"tags":{"a":1}}', '400 invalid input: tags must be a text.'), ('{"tags":5}', '400 invalid input: tags must be a text.'),
	('{"ids":[1,"2",9223372036854775807]}', '200 {"ids": [1, 2, 9223372036854775807]}'), ('{"ids":7}', '200 {"ids": [7]}'), ('{"ids":"7"}', '200 {"ids": [7]}'), ('{"ids":[]}', '200 {"ids": []}'), ('{"ids":""}', '200 {}'),
	('{"ids":[1,true]}', '400 invalid input: ids[1] must be a whole number.'), ('{"ids":true}', '400 invalid input: ids must be a whole number.'), ('{"ids":[1,[2]]}', '400 invalid input: ids[1] must be a whole number.'), ('{"ids":[1,""]}', '400 invalid input: ids[1] must be a whole number.'),
	('{"ids":[1,2.5]}', '400 invalid input: ids[1] must be a whole number.'), ('{"ids":[9223372036854775808]}', '400 invalid input: ids[0] is out of range.'), ('{"ids":[null]}', '400 invalid input: ids[0] must be a whole number.'), ('{"ids":{}}', '400 invalid input: ids must be a whole number.'),
	('{"ports":[1,2147483648]}', '400 invalid input: ports[1] is out of range.'),
	('{"doc":{"a":[1,{"b":null}]}}', '200 {"doc": {"a": [1, {}]}}'), ('{"doc":"text"}', '200 {"doc": "text"}'), ('{"doc":[1]}', '200 {"doc": [1]}'), ('{"doc":false}', '200 {"doc": false}'), ('{"doc":null}', '200 {}'),
	('{"plain":{"b":1}}', '200 {"plain": {"b": 1}}'), ('{"plain":7}', '200 {"plain": 7}'),
	('{"day":"2026-02-28"}', '200 {"day": "2026-02-28"}'), ('{"day":20260228}', '400 invalid input: day must be a date in the form YYYY-MM-DD.'), ('{"day":["2026-02-28"]}', '400 invalid input: day must be one value, not a list.'),
	('{"at":"2026-01-28T01:00:00+08:00"}', '200 {"at": "2026-01-27T17:00:00+00:00"}'), ('{"at":1769560000}', '400 invalid input: at must be a time in ISO 8601 form.'), ('{"run":5}', '400 invalid input: run must be a UUID.'),
	('{"limit":null,"per_page":3}', '200 {"page_size": 3}'), ('{"limit":3}', '200 {"page_size": 3}'),
	('{"na\u0000me":"a\u0000b"}', '200 {"name": "ab"}'), ('{"name":"\\u0000"}', '200 {"name": "\\u0000"}'), ('{"password":" p "}', '200 {"password": " p "}'),
	('{"password":"p\u0000"}', '400 invalid input: password must not come in a body with NUL characters.')) v (b, e);
select is(pg_temp.put('{"name":"body"}', query => '?name=query'), '200 {"name": "query"}', 'the query string goes before the body');
select is(pg_temp.put('{"name":"body"}', query => '?name='), '200 {"name": "body"}', 'unless it is blank there');
select is(pg_temp.put('{"name":[1]}', query => '?name=query'), '200 {"name": "query"}', 'what is not taken is not looked at');
select is(pg_temp.put('{"name":"x"}', t), e, 'content type ' || t) from (values ('application/json', '200 {"name": "x"}'), ('Application/JSON', '200 {"name": "x"}'),
	('application/json;charset=utf-8', '200 {"name": "x"}'), (' application/json ; a=b', '200 {"name": "x"}'), ('', '200 {}'), ('text/plain', '200 {}'), ('application/jsonp', '200 {}'),
	('application/x-www-form-urlencoded', '200 {}'), ('multipart/form-data; boundary=x', '200 {}')) v (t, e);
select is(pg_temp.send('PUT', '/api/v1/companion/things/5', b, 'application/json'), '400 invalid input: The body is not valid UTF-8.', 'not UTF-8: ' || b::text)
	from (values ('\xff'::bytea), ('{"name":"'::bytea || '\xc080'::bytea || '"}'::bytea), ('{"name":"'::bytea || '\xe4b8'::bytea || '"}'::bytea), ('{"name":"'::bytea || '\x00'::bytea || '"}'::bytea)) v (b);

-- Null ---------------------------------------------------------------------------------------------------
select is(pg_temp.put(b), e, 'null: ' || b) from (values
	('{"name":null,"port":null,"small":null,"is_active":null,"ids":null,"day":null,"password":null}', '200 {"clear": ["name", "port", "day"]}'),
	('{"port":"","day":" ","at":""}', '200 {"clear": ["port", "day"]}'), ('{"tags":null,"clear":["x"]}', '200 {"clear": ["x", "tags"]}'), ('{"clear":null}', '200 {}')) v (b, e);
select is(pg_temp.get('?name=&port='), '200 {}', 'a blank value of the query string clears nothing');
select is(pg_temp.put('{"name":null}', query => '?name=x'), '200 {"name": "x"}', 'nor does a null that is not taken');
-- Each operation that can clear tells the same names in its comment as its handler takes.
create temp table clearing as
	select p.proname, p.proargnames[1] as id, a.name, a.name = any (regexp_split_to_array(substring(obj_description(p.oid, 'pg_proc') from 'clear names [^(]*\(([^)]*)\)'), ', *')) as listed
	from pg_proc p, unnest(p.proargnames[2:]) a (name) where p.pronamespace = 'whalefall_api'::regnamespace and 'clear' = any (p.proargnames);
create function pg_temp.clears(proname text, id text, name text) returns boolean language plpgsql as $$
declare d text;
begin
	execute format('select whalefall_api.%I(%I => 999999999, clear => array[%L])', proname, id, name);
	return true;
exception when others then
	get stacked diagnostics d = pg_exception_detail;
	return d <> format('Field "%s" cannot be cleared.', name);
end $$;
select cmp_ok((select count(distinct proname) from clearing where listed), '>=', 2::bigint, 'some operations can clear');
select is((select string_agg(proname || ' ' || name, ', ') from clearing where pg_temp.clears(proname, id, name) is distinct from coalesce(listed, false)),
	null, 'comment and handler agree on every argument');

-- What null, blank and absent mean to the operations that change something; without a login, as the tags are.
insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action)
	select method, replace(path, '/api/v1/', '/api/v1/companion/'), 'companion_' || operation, function, 'anon', false, 'companion', action
	from whalefall_http.routes where operation in ('instances_update', 'credentials_update', 'tags_update', 'users_update') and alias_of is null;
grant execute on function whalefall_api.instances_update, whalefall_api.credentials_update, whalefall_api.tags_update,
	whalefall_api.users_update to whalefall_anon;
insert into whalefall.tags (name, display_name, category, color) values ('t1', 'T1', 'c', 'dark'), ('t2', 'T2', 'c', 'info');
insert into whalefall.credentials (name, credential_type, username, db_type, description, secret) values ('c1', 'database', 'u', 'mysql', 'd', '\x00');
insert into whalefall.instances (name, db_type, host, port, database_name, description, credential_id, is_active)
	select 'i1', 'mysql', 'h', 3306, 'db', 'd', id, false from whalefall.credentials where name = 'c1';
insert into whalefall.instance_tags select i.id, t.id from whalefall.instances i, whalefall.tags t where i.name = 'i1';
insert into whalefall.users (username, password, role, email) values ('uma', 'x', 'user', 'a@b');
-- Sends a change of the row of that name, tells how the row is afterwards, and takes it back.
create function pg_temp.changed(what text, name text, body text) returns text language plpgsql as $$
declare
	row_id bigint;
	answer text;
	told text;
begin
	execute format('select id from whalefall.%I where %I = $1', what, case what when 'users' then 'username' else 'name' end) into row_id using name;
	answer := pg_temp.send('PUT', format('/api/v1/companion/%s/%s', what, row_id), convert_to(body, 'UTF8'), 'application/json');
	case what
		when 'instances' then select format('%s %s %s %s %s %s', i.name, i.database_name, i.description, c.name, i.is_active, i.tags) into told
			from whalefall_api.instances i left join whalefall.credentials c on c.id = i.credential_id where i.id = row_id;
		when 'credentials' then select format('%s %s %s %s %s', c.name, c.db_type, c.description, c.is_active, c.secret = '\x00') into told from whalefall.credentials c where c.id = row_id;
		when 'users' then select format('%s %s %s %s %s', u.username, u.role, u.email, u.is_active, u.password = 'x') into told from whalefall.users u where u.id = row_id;
		else select format('%s %s %s %s', t.display_name, t.category, t.color, t.is_active) into told from whalefall.tags t where t.id = row_id;
	end case;
	raise exception sqlstate 'XX999' using message = case when answer ~ '^200 ' then told else answer end;
exception when sqlstate 'XX999' then
	return sqlerrm;
end $$;
select is(pg_temp.changed(w, n, b), e, format('%s %s', w, b)) from (values
	('instances', 'i1', '{}', 'i1 db d c1 f {t1,t2}'), ('instances', 'i1', '{"name":"i2","is_active":true}', 'i2 db d c1 t {t1,t2}'),
	('instances', 'i1', '{"name":null,"db_type":null,"host":null,"port":null,"is_active":null}', 'i1 db d c1 f {t1,t2}'), ('instances', 'i1', '{"port":""}', 'i1 db d c1 f {t1,t2}'),
	('instances', 'i1', '{"database_name":null}', 'i1  d c1 f {t1,t2}'), ('instances', 'i1', '{"database_name":" "}', 'i1  d c1 f {t1,t2}'),
	('instances', 'i1', '{"description":null}', 'i1 db  c1 f {t1,t2}'), ('instances', 'i1', '{"description":""}', 'i1 db  c1 f {t1,t2}'),
	('instances', 'i1', '{"credential_id":null}', 'i1 db d  f {t1,t2}'), ('instances', 'i1', '{"credential_id":""}', 'i1 db d  f {t1,t2}'), ('instances', 'i1', '{"credential_id":0}', '400 invalid input: credential_id 0 does not exist.'),
	('instances', 'i1', '{"tag_names":null}', 'i1 db d c1 f {}'), ('instances', 'i1', '{"tag_names":[]}', 'i1 db d c1 f {}'), ('instances', 'i1', '{"tag_names":"t2"}', 'i1 db d c1 f {t2}'), ('instances', 'i1', '{"tag_names":["t1","","x"]}', 'i1 db d c1 f {t1}'),
	('instances', 'i1', '{"clear":["name"]}', '400 invalid input: Field "name" cannot be cleared.'),
	('credentials', 'c1', '{}', 'c1 mysql d t t'), ('credentials', 'c1', '{"name":null,"username":null,"password":null,"is_active":null,"credential_type":null}', 'c1 mysql d t t'), ('credentials', 'c1', '{"password":""}', 'c1 mysql d t t'),
	('credentials', 'c1', '{"password":"secret1"}', 'c1 mysql d t f'), ('credentials', 'c1', '{"db_type":null}', 'c1  d t t'), ('credentials', 'c1', '{"db_type":""}', 'c1  d t t'), ('credentials', 'c1', '{"description":null}', 'c1 mysql  t t'),
	('users', 'uma', '{"username":"uma","role":"user","password":null,"is_active":null}', 'uma user a@b t t'), ('users', 'uma', '{"username":"uma","role":"viewer","password":"","is_active":"off"}', 'uma viewer a@b f t'),
	('users', 'uma', '{"username":"uma","role":"user","email":null}', 'uma user  t t'), ('users', 'uma', '{"username":"uma","role":"user","email":""}', 'uma user  t t'),
	('tags', 't1', '{}', 'T1 c dark t'), ('tags', 't1', '{"color":null,"is_active":null,"name":null}', 'T1 c dark t'), ('tags', 't1', '{"color":" "}', 'T1 c primary t'), ('tags', 't1', '{"is_active":"no"}', 'T1 c dark f')) v (w, n, b, e);

-- What is missing ----------------------------------------------------------------------------------------
select is(pg_temp.send('POST', '/api/v1/companion/required' || q, convert_to(b, 'UTF8'), 'application/json'), e, 'required: ' || q || ' ' || b) from (values
	('', '', '400 invalid input: Missing: a, b, c.'), ('?a=x', '{"b":""}', '400 invalid input: Missing: b, c.'), ('?a=', '{"b":1,"c":null,"d":null}', '400 invalid input: Missing: a, c.'),
	('', '{"a":"","b":1,"c":false}', '200 {"a": "", "b": 1, "c": false, "d": "d"}'), ('?b=2', '{"a":"x","b":"y","c":"no","d":"e"}', '200 {"a": "x", "b": 2, "c": false, "d": "e"}')) v (q, b, e);

-- Size and depth -----------------------------------------------------------------------------------------
select is(pg_temp.put('{"doc":' || repeat('[', 255) || repeat(']', 255) || '}'), '200 {"doc": ' || repeat('[', 255) || repeat(']', 255) || '}', '256 levels are read');
select is(pg_temp.put(b), '400 invalid input: The body is too large: at most 250000 values, nested at most 256 deep.', 'too large: ' || w) from (values
	('{"doc":' || repeat('[', 256) || repeat(']', 256) || '}', '257 levels'), (repeat('[', 16 * 1024 * 1024), '16 MiB of ['), (repeat('{"a":', 3000000), 'objects'), ('{"ids":[' || repeat('1,', 250000) || '1]}', 'values')) v (b, w);
select is(pg_temp.put('{"ids":[' || repeat('1234567,', 249990) || '1]}') ~ '^200 .*1234567, 1\]', true, 'almost so many ids');
select is(length(pg_temp.put('{"name":"' || repeat('\u0000x', 2000000) || '"}')), 2000016, 'two million NULs are taken out');

-- In Chinese ---------------------------------------------------------------------------------------------
select is(pg_temp.put(b, language => 'zh'), '400 输入不合法：' || e, 'in Chinese: ' || e) from (values
	('{"port":"x"}', 'port 必须是整数。'), ('{"name":5}', 'name 必须是字符串。'), ('{"ids":[1,true]}', 'ids[1] 必须是整数。'), ('{"port":2147483648}', 'port 超出取值范围。'),
	('{"is_active":2}', 'is_active 必须是布尔值（true 或 false）。'), ('{"day":"x"}', 'day 必须是 YYYY-MM-DD 格式的日期。'), ('{"at":"x"}', 'at 必须是 ISO 8601 格式的时间。'), ('{"run":"x"}', 'run 必须是 UUID。'),
	('{"port":[]}', 'port 只能是单个值，不能是列表。'), ('[]', '请求体必须是 JSON 对象。'), ('{', '请求体不是合法的 JSON。'), ('{"a":1e5}', '请求体中含有指数形式或超过 64 位的数字。'),
	(repeat('[', 300), '请求体过于复杂：最多 250000 个值，最多嵌套 256 层。'), ('{"password":"\u0000"}', '请求体含有 NUL 字符时不能携带 password。')) v (b, e);
select is(pg_temp.send('POST', '/api/v1/companion/required', '{}', 'application/json', 'zh'), '400 输入不合法：缺少必填字段：a, b, c。', 'fields that are missing');
select is(pg_temp.send('GET', '/api/v1/companion/things/99999999999999999999', '', '', 'zh'), '404 资源不存在：thing_id 超出取值范围。', 'what is not found');
select * from finish();
rollback;
