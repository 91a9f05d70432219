-- The sentences of errors in Chinese, as clients get them: operations called through the dispatcher, with names that
-- look like parts of a sentence.
\set ECHO none
begin;
select plan(16);

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

-- The same operations without a login.
insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action)
	select method, replace(path, '/api/v1/', '/api/v1/companion/'), 'companion_' || operation, function, 'anon', false, 'companion', action
	from whalefall_http.routes where operation in ('tags_create', 'tags_delete', 'tags_get', 'tags_get_by_name', 'instances_get', 'instances_list',
		'credentials_get', 'task_runs_get', 'sync_sessions_get') and alias_of is null;
grant execute on function whalefall_api.tags_create, whalefall_api.tags_delete, whalefall_api.tags_get, whalefall_api.tags_get_by_name,
	whalefall_api.instances_get, whalefall_api.instances_list, whalefall_api.credentials_get, whalefall_api.task_runs_get,
	whalefall_api.sync_sessions_get to whalefall_anon;
insert into whalefall.instances (name, db_type, host, port) values ('u1', 'mysql', 'h', 1);

create function pg_temp.create_tag(name text, display_name text) returns text language sql as $$select pg_temp.send('POST', '/api/v1/companion/tags',
	convert_to(json_build_object('name', name, 'display_name', display_name, 'category', 'c')::text, 'UTF8'), 'application/json', 'zh')$$;
select matches(pg_temp.create_tag('t', '生产 100%s %1$s" is on 7 instances'), '^200 ', 'a tag with a hostile name');
insert into whalefall.instance_tags select i.id, t.id from whalefall.instances i, whalefall.tags t where i.name = 'u1' and t.name = 't';
select is(pg_temp.send('DELETE', '/api/v1/companion/tags/' || id, '', '', 'zh'),
	'409 标签正在使用中：标签“生产 100%s %1$s" is on 7 instances”正被 1 个实例使用（包括已删除的实例）。', 'its name comes back as it is') from whalefall.tags where name = 't';
select is(pg_temp.create_tag('t', 'd'), '400 名称已存在：名为“t”的标签已存在。', 'a name that exists');
select is(pg_temp.create_tag('t%d', 'd'), '400 输入不合法：name 含有不允许的字符。', 'a field and no value');
select is(pg_temp.create_tag(repeat('x', 51), 'd'), '400 输入不合法：name 超过 50 个字符。', 'a field and a number');
select is(pg_temp.create_tag(' ', E'a\tb'), '400 输入不合法：name 不能为空白。', 'the first rule that is broken');
select is(pg_temp.send('GET', '/api/v1/companion/' || u, '', '', l), e, l || ' ' || u) from (values
	('instances/77', 'zh', '404 资源不存在：实例 77 不存在。'), ('instances/77', 'en', '404 resource not found: Instance 77 does not exist.'), ('tags/77', 'zh', '404 资源不存在：标签 77 不存在。'),
	('credentials/77', 'zh', '404 资源不存在：凭据 77 不存在。'), ('instances?limit=101', 'zh', '400 输入不合法：每页条数（limit）必须在 1 到 100 之间。'),
	('instances?page=0', 'zh', '400 输入不合法：page 不能小于 1。'), ('instances?order=up', 'zh', '400 输入不合法：排序方向（order）只能是 asc 或 desc。'),
	('tags/by-name/%E4%B8%AD', 'zh', '404 资源不存在：没有这个名称的标签。'), ('task-runs/x', 'zh', '404 资源不存在：任务运行“x”不存在。'),
	('sync-sessions/100%25', 'zh', '404 资源不存在：同步会话“100%”不存在。')) v (u, l, e);
select * from finish();
rollback;
