-- How the OpenAPI document is made: shapes, types, arguments and routes of a companion extension, and texts that try to
-- break out. That the document is true of the operations we ship is test/http/openapi.t.
\set ECHO none
begin;
select plan(68);

create function pg_temp.doc() returns jsonb language sql as 'select whalefall_api.openapi_json()::jsonb';
create temp table kept as select pg_temp.doc() as d;

-- What there is before ------------------------------------------------------------------------------------
select is(d ->> 'openapi', '3.1.0', 'version of OpenAPI') from kept;
select is(d #>> '{info,version}', (select extversion from pg_extension where extname = 'whalefall'), 'version of the extension') from kept;
select is(d #> '{paths,/api/v1/accounts/ledgers}', null, 'a route without a function is not told') from kept;
select is(d #>> '{paths,/api/v1/swagger.json,get,x-alias-of}', '/api/v1/openapi.json', 'an alias') from kept;
select is(d #> '{paths,/api/v1/openapi.json,get,responses,200,content,application/json,schema}', '{"type": "object"}', 'raw: no envelope') from kept;
select is(d #> '{paths,/api/v1/auth/logout,post,responses,200,content,application/json,schema,required}',
	'["success", "error", "message", "timestamp"]', 'no result: no data') from kept;
select is(d #> '{paths,/api/v1/auth/logout,post,requestBody}', null, 'no arguments: no body') from kept;
select is(d #> '{paths,/api/v1/tags/batch-delete,post,responses,207,content,application/json,schema,properties,data}',
	d #> '{paths,/api/v1/tags/batch-delete,post,responses,200,content,application/json,schema,properties,data}', 'or 207: the same shape') from kept;
select is(d #> '{paths,"/api/v1/instances/{instance_id}/actions/sync-accounts",post,responses,202,content,application/json,schema,properties,data}',
	'{"$ref": "#/components/schemas/run_started"}', 'or 202: another shape') from kept;
select is(d #> '{paths,/api/v1/instances/actions/batch-create,post,requestBody,content,multipart/form-data,schema,required}', '["file"]', 'an upload') from kept;
select is((select string_agg(k, ' ') from kept, jsonb_object_keys(d #> '{paths,/api/v1/instances/actions/batch-create,post,requestBody,content,application/json,schema,properties}') k),
	'instances', 'whose parts are no JSON fields');
select is(d #> '{components,schemas,credential,properties,db_type}', '{"anyOf": [{"$ref": "#/components/schemas/db_type"}, {"type": "null"}],
	"description": "where it fits; null = anywhere"}', 'a type of ours that may be null') from kept;
select is(d #> '{components,schemas,credential,properties,description}', '{"type": ["string", "null"], "description": "free text; null = none"}', 'a text that may be null') from kept;
select is((select string_agg(r, ' ') from kept, jsonb_array_elements_text(d #> '{components,schemas,machine,required}') r), 'healthy status', 'what may be absent is not required');
select is(d #> '{components,schemas,db_type}', '{"type": "string", "enum": ["mysql", "postgresql", "sqlserver", "oracle"], "description": "kind of database server"}', 'words') from kept;
select is(d #>> '{components,schemas,run,properties,summary_json,type}', null, 'jsonb is any value') from kept;
select is(d #> '{components,schemas,tag_categories,properties,categories}', '{"type": "array", "items": {"type": "string"}, "description": "in order"}', 'a list of texts') from kept;

-- Arguments.
create function pg_temp.field(operation_path text, method text, name text) returns jsonb language sql as $$
	select coalesce(o #> array['requestBody', 'content', 'application/json', 'schema', 'properties', name],
		(select p from jsonb_array_elements(o -> 'parameters') p where p ->> 'name' = name))
	from kept, jsonb_extract_path(d, 'paths', operation_path, method) o $$;
select is(pg_temp.field('/api/v1/instances', 'get', 'limit') - 'description', '{"name": "limit", "in": "query", "required": false,
	"schema": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 100, "default": 20}}', 'page_size is limit, with its bounds');
select is(pg_temp.field('/api/v1/instances', 'get', 'order') #> '{schema,enum}', '["asc", "desc"]', 'sort_order is order');
select is(pg_temp.field('/api/v1/instances/{instance_id}', 'put', 'instance_id') - 'description', '{"name": "instance_id", "in": "path", "required": true,
	"schema": {"type": "integer", "format": "int64"}}', 'a parameter of the path');
select is(pg_temp.field('/api/v1/instances/{instance_id}', 'put', 'tls_ca') -> 'type', '["string", "null"]', 'a field that null clears');
select is(pg_temp.field('/api/v1/instances/{instance_id}', 'put', 'name') -> 'type', '"string"', 'and one that it does not');
select is(pg_temp.field('/api/v1/instances/{instance_id}', 'put', 'clear'), null, 'clear itself is not shown');
select is(pg_temp.field('/api/v1/credentials', 'post', 'password') - 'description', '{"type": "string", "minLength": 6, "maxLength": 128, "format": "password"}', 'a password');
select is(pg_temp.field('/api/v1/instances/actions/batch-test-connections', 'post', 'instance_ids') - 'description',
	'{"type": "array", "items": {"type": "integer", "format": "int64"}, "minItems": 1, "maxItems": 50}', 'a list with bounds');
select is(pg_temp.field('/api/v1/instances/actions/batch-create', 'post', 'instances') -> 'items', '{"$ref": "#/components/schemas/instance_row"}', 'a shape that the type does not tell');
select is(pg_temp.field('/api/v1/instances/{instance_id}/actions/sync-accounts', 'post', 'force') -> 'default', 'false', 'a default of the declaration');

-- Who may, and what may go wrong.
select is(d #> '{paths,/api/v1/tags,post,security}', '[{"bearer": []}, {"session": [], "csrf": []}]', 'a write: token, or cookie and CSRF token') from kept;
select is(d #> '{paths,/api/v1/tags,get,security}', '[{"bearer": []}, {"session": []}]', 'a read') from kept;
select is(d #> '{paths,/api/v1/health,get,security}', '[]', 'anybody') from kept;
select is(d #> '{paths,/api/v1/auth/refresh,post,security}', '[{"refresh": []}]', 'the refresh token') from kept;
create function pg_temp.statuses(path text, method text) returns text language sql as
	$$ select string_agg(s, ' ' order by s) from kept, jsonb_object_keys(d #> array['paths', path, method, 'responses']) s $$;
select is(pg_temp.statuses(path, method), expected, method || ' ' || path) from (values
	('/api/v1/health/ping', 'get', '200 500 504'), ('/api/v1/auth/me', 'get', '200 401 500 504'), ('/api/v1/tags', 'get', '200 400 401 403 500 504'),
	('/api/v1/tags/{tag_id}', 'get', '200 400 401 403 404 500 504'), ('/api/v1/tags/{tag_id}', 'delete', '200 400 401 403 404 409 500 504'),
	('/api/v1/tags', 'post', '201 400 401 403 409 413 500 504'), ('/api/v1/tags/{tag_id}', 'put', '200 400 401 403 404 409 413 500 504'),
	('/api/v1/auth/login', 'post', '200 400 401 403 413 429 500 504'),
	('/api/v1/instances/{instance_id}/actions/sync-accounts', 'post', '200 202 400 401 403 404 409 413 500 504')) x(path, method, expected);

-- A companion extension -----------------------------------------------------------------------------------
create schema companion;
create type companion.colour as enum ('red', E'gr"een\\');
create type companion.part as (n smallint, r real, f double precision, o timestamp);
create type companion.thing as (id bigint, colour companion.colour, colours companion.colour[], parts companion.part[], day date, "odd ""name" text);
comment on type companion.thing is E'a "thing" \\ </script>\u2028 鲸 \t\u0001';
comment on column companion.thing.id is 'nullable, an absentee: neither word';
comment on column companion.thing.colour is 'null';
comment on column companion.thing.day is 'absent, or null';
create function companion.things_list(page integer, page_size integer default 7, since timestamptz default null, flag boolean default true,
	"from" text default 'x') returns json language sql as 'select null::json';
comment on function companion.things_list is E'lists "things"; all\n of them';
create function companion.things_get(thing_id bigint) returns json language sql as 'select null::json';
create function companion.twice() returns json language sql as 'select null::json';
create function companion.twice(a text) returns json language sql as 'select null::json';
insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action, result) values
	('GET', '/api/v1/things', 'things_list', 'companion.things_list', 'view', false, 'things', 'a', 'page of companion.thing'),
	('GET', '/api/v1/things/{thing_id}', 'things_get', 'companion.things_get', 'anon', false, 'things', 'a', '{thing: {inner: companion.thing[]}} or 202 nothing_known or 207 x'),
	('PUT', '/api/v1/things/{thing_id}', 'things_gone', 'companion.gone', 'view', true, 'things', 'a', null),
	('POST', '/api/v1/things', 'things_twice', 'companion.twice', 'view', true, 'things', 'a', null);
update kept set d = pg_temp.doc();

select is((select string_agg(k, ' ' order by k) from kept, jsonb_object_keys(d -> 'paths') k where k like '%thing%'), '/api/v1/things /api/v1/things/{thing_id}', 'its routes');
select is((select string_agg(k, ' ') from kept, jsonb_object_keys(d #> '{paths,/api/v1/things}') k), 'get', 'one without a single function is not served');
select is((select string_agg(k, ' ') from kept, jsonb_object_keys(d #> '{paths,"/api/v1/things/{thing_id}"}') k), 'get', 'nor one without any');
select is(d #> '{paths,/api/v1/things,get,responses,200,content,application/json,schema,properties,data,properties,items,items}',
	'{"$ref": "#/components/schemas/companion.thing"}', 'its types go by schema and name') from kept;
select is(d #>> '{components,schemas,companion.thing,description}', E'a "thing" \\ </script>\u2028 鲸 \t\u0001', 'whatever a comment holds stays inside') from kept;
select is(d #> '{components,schemas,companion.thing,required}', '["id", "colour", "colours", "parts", "odd \"name"]', 'in the order of the type') from kept;
select is(d #> '{components,schemas,companion.thing,properties,id}', '{"type": "integer", "format": "int64", "description": "nullable, an absentee: neither word"}',
	'null and absent are words of their own') from kept;
select is(d #> '{components,schemas,companion.thing,properties,colour}', '{"anyOf": [{"$ref": "#/components/schemas/companion.colour"}, {"type": "null"}], "description": "null"}', 'null') from kept;
select is(d #> '{components,schemas,companion.thing,properties,colours}', '{"type": "array", "items": {"$ref": "#/components/schemas/companion.colour"}}', 'a list of words') from kept;
select is(d #> '{components,schemas,companion.colour,enum}', '["red", "gr\"een\\"]', 'words with marks') from kept;
select is(d #> '{components,schemas,companion.part,properties}', '{"n": {"type": "integer", "format": "int32"}, "r": {"type": "number"}, "f": {"type": "number"}, "o": {}}',
	'types of SQL; one that is not known takes any value') from kept;
select is(d #> '{paths,"/api/v1/things/{thing_id}",get,responses,200,content,application/json,schema,properties,data,properties,thing,properties,inner}',
	'{"type": "array", "items": {"$ref": "#/components/schemas/companion.thing"}}', 'shapes in shapes') from kept;
select is(d #> '{paths,"/api/v1/things/{thing_id}",get,responses,202,content,application/json,schema,properties,data}', '{}', 'a name that is not known takes any value') from kept;
select is(d #> '{paths,"/api/v1/things/{thing_id}",get,responses,207}', null, 'one more answer, not two') from kept;
select is(d #>> '{paths,/api/v1/things,get,summary}', 'lists "things"', 'the comment up to its first mark') from kept;
select is(d #>> '{paths,/api/v1/things,get,description}', E'lists "things"; all\n of them', 'and whole') from kept;
select is(pg_temp.field('/api/v1/things', 'get', 'page'), '{"name": "page", "in": "query", "required": true, "description":
	"number of the page, from 1; a page past the end is empty", "schema": {"type": "integer", "format": "int32", "minimum": 1, "default": 1}}', 'without a default: required');
select is(pg_temp.field('/api/v1/things', 'get', 'since') -> 'schema', '{"type": "string", "format": "date-time"}', 'an instant');
select is(pg_temp.field('/api/v1/things', 'get', 'flag') -> 'schema', '{"type": "boolean", "default": true}', 'a default');
select is(pg_temp.field('/api/v1/things', 'get', 'from') -> 'description', null, 'nothing is known of it');

-- Hostile shapes end, too.
update whalefall_http.extra_routes set result = repeat('{a:', 20000) where operation = 'things_list';
select throws_like('select pg_temp.doc()', '%nested too deeply%', 'a shape without end is refused');
create function pg_temp.shape(r text) returns text language plpgsql as $$
begin
	update whalefall_http.extra_routes set result = r where operation = 'things_list';
	return jsonb_typeof(pg_temp.doc() #> '{paths,/api/v1/things,get,responses,200}');
end $$;
select is((select string_agg(distinct pg_temp.shape(r), ' ') from unnest('{"","{",":","{}","[]","page of ","or 202"," or 202","} or x","a or 2x2 b","{a","{a:b","page of x[]"}'::text[]) r),
	'object', 'nonsense takes any value');

-- A session keeps the document; changes are seen at once.
delete from whalefall_http.extra_routes;
create function pg_temp.has(what text) returns boolean language sql as $$ select position(what in whalefall_api.openapi_json()::text) > 0 $$;
select ok(not pg_temp.has('whalefall_http.') and not pg_temp.has('/api/v1/things') and pg_temp.has('/api/v1/tags/options'), 'the routes are gone');
alter function whalefall_api.tags_options(text) rename to tags_choices;
select ok(not pg_temp.has('/api/v1/tags/options'), 'a function that is renamed');
alter function whalefall_api.tags_choices(text) rename to tags_options;
select ok(pg_temp.has('/api/v1/tags/options'), 'and back');
alter type whalefall_http.tag_mark rename attribute color to hue;
select ok(pg_temp.has('"hue"'), 'an attribute');
savepoint s;
alter type whalefall_http.tag_outcome add value 'planted';
rollback to s;
select ok(not pg_temp.has('"planted"'), 'what is rolled back');
comment on function whalefall_api.tags_options(text) is 'planted comment';
select whalefall_api.cache_clear_all() \g /dev/null
select ok(pg_temp.has('planted comment'), 'a comment is seen when caches are cleared');

select * from finish();
rollback;
