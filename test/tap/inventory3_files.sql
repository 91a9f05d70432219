-- CSV: export, template, import from CSV and JSON; batch delete, soft and hard, with all its counters.
\set ECHO none
begin;
select plan(79);

create function pg_temp.fails(sql text) returns text language plpgsql as $$
declare d text;
begin
	execute sql;
	return null;
exception when others then
	get stacked diagnostics d = pg_exception_detail;
	return sqlstate || ' ' || sqlerrm || ': ' || d;
end $$;
create function pg_temp.instance(text) returns bigint language sql as
	'select id from whalefall.instances where name = $1';
set local whalefall.test_now = '2026-03-10 17:05:06+00';

-- Export -------------------------------------------------------------------------------------------------
create temp table head as select E'ID,实例名称,数据库类型,主机地址,端口,数据库名,标签,状态,描述,凭据ID,同步次数,最后连接时间,创建时间,更新时间\r\n' as line;
select is((whalefall_api.instances_export()).body, line, 'the header alone when there is nothing; no byte order mark') from head;
select is((whalefall_api.instances_export()).content_type, 'text/csv; charset=utf-8', 'media type');
select is((whalefall_api.instances_export()).filename, 'instances_export_20260311_010506.csv', 'file name with the time of the business zone');
select is((select array_agg(attname::text order by attnum) from pg_attribute where attrelid = 'whalefall_api.file_answer'::regclass),
	'{content_type,filename,body}', 'what a file answer is made of');
insert into whalefall.credentials (name, credential_type, username) values ('c', 'database', 'u');
insert into whalefall.tags (name, display_name, category) values ('t1', '生产', 'b'), ('t2', 'Core "1"', 'a'), ('t3', '=HYPERLINK("x")', '0');
insert into whalefall.instances (name, db_type, host, port, database_name, description, is_active, credential_id, sync_count,
	last_connected, created_at, updated_at, deleted_at)
select v.name, 'mysql', 'h' || n, 3306, db, v.description, n <> 2, case n when 1 then c.id end, n - 1, connected,
	'2026-01-01 16:00:00+00', '2026-01-01 15:59:59.9+00', case n when 9 then now() end
from whalefall.credentials c, (values (1, 'plain', 'app', 'a, "b"', '2026-02-28 16:00:00+00'::timestamptz), (2, 'formula', null, '=1+1', null),
	(3, '-minus', '-x', ' @x', null), (4, 'tab', null, E'\tx', null), (5, 'lines', null, E'one\r\ntwo\nthree', null),
	(6, 'wide', null, U&'\3000+1', null), (7, 'emoji', null, '😀 ok -1', null), (8, 'apostrophe', null, '''=1', null), (9, 'gone', null, '', null)) v (n, name, db, description, connected)
order by n;
insert into whalefall.instance_tags select pg_temp.instance('plain'), id from whalefall.tags where name in ('t1', 't2');
insert into whalefall.instance_tags select pg_temp.instance('formula'), id from whalefall.tags where name in ('t1', 't3');
create function pg_temp.line(n int) returns text language sql as
	$$select regexp_replace((whalefall_api.instances_export(search => 'h' || n, include_deleted => true)).body, '^[^\n]*\n\d+,', '')$$;
select is(pg_temp.line(1), format(E'plain,mysql,h1,3306,app,"Core ""1"", 生产",启用,"a, ""b""",%s,0,2026-03-01 00:00:00,2026-01-02 00:00:00,2026-01-01 23:59:59\r\n', id),
	'quoting, tags by category, times in the business zone') from whalefall.credentials;
select is(pg_temp.line(2), E'formula,mysql,h2,3306,,"''=HYPERLINK(""x""), 生产",停用,''=1+1,,1,,2026-01-02 00:00:00,2026-01-01 23:59:59\r\n',
	'formulas get an apostrophe, inside the quotes; empty values are empty cells');
select is(pg_temp.line(3), E'''-minus,mysql,h3,3306,''-x,,启用,'' @x,,2,,2026-01-02 00:00:00,2026-01-01 23:59:59\r\n', 'names, databases, and after a blank');
select is(pg_temp.line(4), E'tab,mysql,h4,3306,,,启用,''\tx,,3,,2026-01-02 00:00:00,2026-01-01 23:59:59\r\n', 'a leading tab');
select is(pg_temp.line(5), E'lines,mysql,h5,3306,,,启用,"one\r\ntwo\nthree",,4,,2026-01-02 00:00:00,2026-01-01 23:59:59\r\n', 'line ends are quoted');
select is(pg_temp.line(6), E'wide,mysql,h6,3306,,,启用,''\u3000+1,,5,,2026-01-02 00:00:00,2026-01-01 23:59:59\r\n', 'after a wide blank');
select is(pg_temp.line(7), E'emoji,mysql,h7,3306,,,启用,😀 ok -1,,6,,2026-01-02 00:00:00,2026-01-01 23:59:59\r\n', 'a sign inside is no formula');
select is(pg_temp.line(8), E'apostrophe,mysql,h8,3306,,,启用,''=1,,7,,2026-01-02 00:00:00,2026-01-01 23:59:59\r\n', 'an apostrophe is kept as it is');
create function pg_temp.exported(body text) returns text language sql as
	$$select coalesce(string_agg(m[1], ',' order by o), '') from regexp_matches($1, '(?:^|\n)\d+,(''?[a-z-]+),', 'g') with ordinality as r (m, o)$$;
select is(pg_temp.exported((whalefall_api.instances_export()).body), 'plain,formula,''-minus,tab,lines,wide,emoji,apostrophe', 'by id, without deleted ones');
select is(pg_temp.exported((whalefall_api.instances_export(include_deleted => true)).body) like '%,gone', true, 'deleted ones when asked for');
select is(pg_temp.exported((whalefall_api.instances_export(search => '%')).body), '', 'search is literal');
select is(pg_temp.exported((whalefall_api.instances_export(search => 'FORM')).body), 'formula', 'and ignores case');
select is(pg_temp.exported((whalefall_api.instances_export(tags => '{t1}')).body), 'plain,formula', 'by tag');
select is(pg_temp.exported((whalefall_api.instances_export(tags => '{t1,t2,t3}', status => 'inactive')).body), 'formula', 'by state');
select is(pg_temp.exported((whalefall_api.instances_export(db_type => 'oracle')).body), '', 'by type');
select is(pg_temp.exported((whalefall_api.instances_export(db_type => 'all', search => 'h7')).body), 'emoji', 'all types');
insert into whalefall.instances (name, db_type, host, port) select 'm' || n, 'oracle', 'many', 1521 from generate_series(1, 2500) n;
select is((select count(*)::int from regexp_matches((whalefall_api.instances_export(search => 'many')).body, E'\r\n', 'g')), 2501, 'more rows than a fetch');
select is(md5((whalefall_api.instances_export(search => 'many')).body), (select md5(line || string_agg(id || ',' || name || ',oracle,many,1521,,,启用,,,0,,' ||
	to_char(created_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI:SS') || ',' || to_char(updated_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI:SS')
	|| E'\r\n', '' order by id)) from whalefall.instances, head where host = 'many' group by line), 'each with its values');
delete from whalefall.instances where host = 'many';

-- Template -----------------------------------------------------------------------------------------------
select is((whalefall_api.instances_import_template()).body,
	E'name,db_type,host,port,database_name,description,credential_id\r\ndemo-mysql-01,mysql,10.10.10.10,3306,inventory,示例实例,123\r\n', 'the template');
select is((whalefall_api.instances_import_template()).filename, 'instances_import_template.csv', 'its name');

-- Import from CSV ----------------------------------------------------------------------------------------
-- The template, with a credential that exists.
select is(whalefall_api.instances_batch_create(replace((whalefall_api.instances_import_template()).body, ',123', ',' || id), filename => 'X.CSV')::jsonb,
	'{"created_count": 1, "errors": [], "duplicate_names": [], "skipped_existing_names": []}', 'the template can be imported') from whalefall.credentials;
select is((select row(i.db_type, host, port, database_name, i.description, credential_id = c.id, i.is_active, tls_mode)::text
	from whalefall.instances i, whalefall.credentials c where i.name = 'demo-mysql-01'),
	'(mysql,10.10.10.10,3306,inventory,示例实例,t,t,prefer)', 'and stores every field');
select is(whalefall_api.instances_batch_create(E'\ufeff Port , NAME,x,Host,db_TYPE,description\r\n 1 , csv-a ,y, h ,PG,"a ""b"", c\r\nd"\r\n,,,,,\r\n\r\n2,csv-b,,::1,Sql Server')::jsonb,
	'{"created_count": 2, "errors": [], "duplicate_names": [], "skipped_existing_names": []}',
	'byte order mark, case and order of columns, quoted cells, empty lines, short lines, no last line end');
select results_eq($$select name, db_type, host, port, description from whalefall.instances where name like 'csv-%' order by 1$$,
	$$values ('csv-a', 'postgresql', 'h', 1, E'a "b", c\r\nd'), ('csv-b', 'sqlserver', '::1', 2, '')$$, 'as they were meant');
select is(whalefall_api.instances_batch_create(E'name,db_type,host,port\rcr1,mysql,h,1\rcr2,mysql,h,2\ncr3,mysql,h,3')::jsonb -> 'created_count', '3', 'any line end');
select is(whalefall_api.instances_batch_create('name,db_type,host,port,database_name,credential_id,description
ok-1,mysql,h,1,db,,
bad name,mysql,h,1,,,
,mysql,h,1,,,
no-type,,h,1,,,
type,db2,h,1,,,
host,mysql,a b,1,,,
port-0,mysql,h,0,,,
port-x,mysql,h,12x,,,
port-big,mysql,h,99999999999999999999,,,
port-frac,mysql,h,1.5,,,
port-65536,mysql,h,65536,,,
db,mysql,h,1,a b,,
cred,mysql,h,1,,999999,
cred-neg,mysql,h,1,,-1,
cred-x,mysql,h,1,,abc,
local,mysql,169.254.169.254,1,,,
,,,,,,
ok-2,mysql,h,65535,,,😀')::jsonb, '{"created_count": 2, "duplicate_names": [], "skipped_existing_names": [], "errors": [
	"第 2 行（bad name）：name 含有不允许的字符。",
	"第 3 行：缺少必填字段：name。",
	"第 4 行（no-type）：缺少必填字段：db_type。",
	"第 5 行（type）：db_type 不能是“db2”。",
	"第 6 行（host）：host “a b”不是合法的 IP 地址或主机名。",
	"第 7 行（port-0）：port 0 超出取值范围（1 到 65535）。",
	"第 8 行（port-x）：port 的值“12x”不是整数。",
	"第 9 行（port-big）：port 的值“99999999999999999999”不是整数。",
	"第 10 行（port-frac）：port 的值“1.5”不是整数。",
	"第 11 行（port-65536）：port 65536 超出取值范围（1 到 65535）。",
	"第 12 行（db）：database_name “a b”不合法。",
	"第 13 行（cred）：credential_id 指定的凭据 999999 不存在。",
	"第 14 行（cred-neg）：credential_id 指定的凭据 -1 不存在。",
	"第 15 行（cred-x）：credential_id 的值“abc”不是整数。",
	"第 16 行（local）：host 169.254.169.254 是链路本地地址，不允许使用。"]}', 'every rule, told with row and name; the rest is stored');
select is(whalefall_api.instances_batch_create(E'name,db_type,host,port\nok-1,mysql,h,1\ndup,mysql,h,1\nnew,mysql,h,1\ndup,mysql,h,x\ngone,mysql,h,1\nzdup,oracle,h,1\nzdup,oracle,h,1\nzdup,oracle,h,1')::jsonb,
	'{"created_count": 1, "duplicate_names": ["dup", "zdup"], "skipped_existing_names": ["gone", "ok-1"], "errors": [
	"第 4 行（dup）：port 的值“x”不是整数。", "2 个名称重复出现，已跳过：dup, zdup", "2 个名称已存在，已跳过：gone, ok-1"]}',
	'names that stand twice, and names that exist, in the recycle bin too');
select is((select count(*)::int from whalefall.instances where name in ('dup', 'zdup')), 0, 'no row of a doubled name is stored');
set local whalefall.language = 'en';
select is(whalefall_api.instances_batch_create(E'name,db_type,host,port\nok-1,mysql,h,1\nd,mysql,h,1\nd,mysql,h,1\n,mysql,h,1\nq,mysql,h,0')::jsonb -> 'errors',
	'["row 4: Missing: name.", "row 5 (q): port 0 is out of range.", "1 names stand more than once: d", "1 names exist already: ok-1"]', 'in English');
set local whalefall.language = 'zh';
select is(pg_temp.fails(format('select whalefall_api.instances_batch_create(%L)', c)), 'PT400 invalid input: ' || e, 'refused: ' || e) from (values
	('', 'Missing columns: db_type, host, name, port.'), ('name,host', 'Missing columns: db_type, port.'),
	(E'\ufeff', 'Missing columns: db_type, host, name, port.'),
	('name;db_type;host;port', 'Missing columns: db_type, host, name, port.'),
	('name,db_type,host,port', 'There is no instance to create.'), (E'name,db_type,host,port,x\n,,,,1\n', 'There is no instance to create.'),
	('name,db_type,host,port,NAME', 'Column name stands twice in the file.'),
	(E'name,db_type,host,port\na,mysql,h,"1', 'The quote opened in line 2 of the file is not closed.'),
	(E'name,db_type,host,port\na,"my\nsql"x,h,1', 'Line 3 of the file has text after a closing quote.')) v (c, e);
select is(pg_temp.fails($$select whalefall_api.instances_batch_create('a', filename => 'a.csv.exe')$$), 'PT400 invalid input: The name of the file does not end in .csv.', 'not CSV by its name');
select is(pg_temp.fails('select whalefall_api.instances_batch_create()'), 'PT400 invalid input: Either csv or instances must be given.', 'nothing given');
select is(pg_temp.fails($$select whalefall_api.instances_batch_create('a', '[]')$$), 'PT400 invalid input: Either csv or instances must be given.', 'both given');
select is(whalefall_api.instances_batch_create(E'name,db_type,host,port,description\n' || string_agg(format('bulk-%s,mysql,h%s,%s,"x, %s"', n, n, n, n), E'\n'))::jsonb
	-> 'created_count', '20000', 'many rows') from generate_series(1, 20000) n;
delete from whalefall.instances where name like 'bulk-%';

-- Import from JSON ---------------------------------------------------------------------------------------
select is(whalefall_api.instances_batch_create(instances => '[
	{"name": " j1 ", "db_type": "PG", "host": "h", "port": 5432, "database_name": " ", "description": null, "x": 1, "is_active": false},
	{"name": "j2", "db_type": "mysql", "host": "h", "port": "3306", "credential_id": ""},
	{"name": 7, "db_type": "mysql", "host": "h", "port": 1}, {"name": "j4", "db_type": "mysql", "host": "h", "port": true},
	{"name": "j5", "db_type": "mysql", "host": "h", "port": 1.5}, {}, {"x": 1}, "text", [1], null,
	{"name": "j6", "db_type": "mysql", "host": ["h"], "port": 1}, {"name": "j7", "db_type": "mysql", "host": "h"}]')::jsonb,
	'{"created_count": 2, "duplicate_names": [], "skipped_existing_names": [], "errors": [
	"第 3 行：name 必须是字符串。", "第 4 行（j4）：port 必须是整数。", "第 5 行（j5）：port 的值“1.5”不是整数。",
	"第 6 行：每个实例必须是一个对象。", "第 7 行：每个实例必须是一个对象。", "第 8 行：每个实例必须是一个对象。",
	"第 9 行（j6）：host 必须是字符串。", "第 10 行（j7）：缺少必填字段：port。"]}', 'the same rules for JSON');
select results_eq($$select name, db_type, port, database_name, description, credential_id, is_active from whalefall.instances where name in ('j1', 'j2') order by 1$$,
	$$values ('j1', 'postgresql', 5432, null, '', null::bigint, true), ('j2', 'mysql', 3306, null, '', null, true)$$, 'created ones are active');
select is(pg_temp.fails(format('select whalefall_api.instances_batch_create(instances => %L)', j)), 'PT400 invalid input: ' || e, j) from (values
	('[]', 'There is no instance to create.'), ('[{}]', 'There is no instance to create.'), ('{}', 'instances must be a list of objects.'), ('"x"', 'instances must be a list of objects.'),
	('null', 'instances must be a list of objects.')) v (j, e);
select throws_ok($$select whalefall_api.instances_batch_create(instances => '[{"name": "a\u0000b"}]')$$, '22P05', null, 'a NUL cannot come in');
select is((select context - 'current_user_id' - 'current_username' - 'current_user_role' - 'is_admin' - 'instance_ids' from whalefall_api.logs where module = 'instances_batch'
	order by id desc limit 1), '{"action": "create_instances_batch", "created_count": 2, "instance_names": ["j1", "j2"], "duplicate_count": 0,
	"skipped_existing_count": 0}', 'the log row');

-- Soft batch delete --------------------------------------------------------------------------------------
create temp table zeros as select '{"deleted_assignments": 0, "deleted_account_permissions": 0, "deleted_sync_records": 0, "deleted_change_logs": 0,
	"deleted_instance_accounts": 0, "deleted_instance_databases": 0, "deleted_instance_size_stats": 0, "deleted_instance_size_aggregations": 0,
	"deleted_database_size_stats": 0, "deleted_database_size_aggregations": 0, "deleted_tag_links": 0, "deleted_sync_data": 0}'::jsonb as counters;
create temp table target as select pg_temp.instance('plain') as a, pg_temp.instance('formula') as b, pg_temp.instance('gone') as g;
select is(whalefall_api.instances_batch_delete(array[b, 999999, g, a, b, 888888])::jsonb, counters || jsonb_build_object('deleted_count', 3,
	'instance_ids', array[a, b, g], 'missing_instance_ids', array[888888, 999999], 'deletion_mode', 'soft'), 'soft: found, missing, no row removed') from target, zeros;
select is((select array_agg(deleted_at::text order by id) from whalefall.instances, target where id in (a, b)), '{"2026-03-10 17:05:06+00","2026-03-10 17:05:06+00"}', 'deleted now');
select isnt((select deleted_at::text from whalefall.instances where name = 'gone'), '2026-03-10 17:05:06+00', 'what was deleted keeps its time');
select is((select is_active from whalefall.instances where name = 'plain'), true, 'is_active stays');
select is(whalefall_api.instances_batch_delete(array[999999], ' SOFT ')::jsonb @> '{"deleted_count": 0, "missing_instance_ids": [999999]}', true, 'nothing found is no error');
select is(pg_temp.fails('select whalefall_api.instances_batch_delete()'), 'PT400 invalid input: instance_ids must not be empty.', 'absent');
select is(pg_temp.fails('select whalefall_api.instances_batch_delete(''{}'')'), 'PT400 invalid input: instance_ids must not be empty.', 'empty');
select is(pg_temp.fails('select whalefall_api.instances_batch_delete(array[null]::bigint[])'), 'PT400 invalid input: instance_ids must hold ids, which are above 0.', 'null');
select is(pg_temp.fails('select whalefall_api.instances_batch_delete(array[1], ''gone'')'), 'PT400 invalid input: deletion_mode must be soft or hard.', 'unknown mode');

-- Hard batch delete --------------------------------------------------------------------------------------
-- Two instances with everything, and one that must keep all of its own.
create function pg_temp.fill(i bigint) returns void language sql as $$
	select whalefall.capacity_merge(i, '{d1,d2,d3}', '{1,2,3}');
	select whalefall.capacity_merge_tables(i, 'd1', '{s,s}', '{t,u}', '{1,2}');
	select whalefall.accounts_merge(i, '{x,y}', array_fill('{"version": 4, "categories": {"mysql_global_privileges": ["SELECT"]},
		"type_specific": {"mysql": {}}, "extra": {}, "errors": [], "meta": {}}'::jsonb, array[2]));
	insert into whalefall.task_runs (run_id, task_key, task_name, task_category, trigger_source, is_fleet, status)
		values (('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid, 'k', 'n', 'account', 'api', false, 'completed');
	insert into whalefall.task_run_items (run_id, work, item_type, item_key, item_name, instance_id, status)
		select ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid, 'w', 'instance', s, 'name', i, s
		from unnest('{completed,failed,cancelled}'::text[]) s;
	insert into whalefall.instance_tags select i, id from whalefall.tags on conflict do nothing $$;
-- How many rows each table has of an instance, in alphabetical order of the tables.
create function pg_temp.rows(i bigint) returns text language plpgsql as $$
declare t regclass; n int; r text := '';
begin
	for t in select attrelid from pg_attribute a join pg_class c on c.oid = a.attrelid
		where attname = 'instance_id' and relkind in ('r', 'p') and not relispartition
		and relnamespace in ('whalefall'::regnamespace, 'whalefall_data'::regnamespace) order by relname loop
		execute format('select count(*) from %s where instance_id = $1', t) into n using i;
		r := r || n || ' ';
	end loop;
	return r;
end $$;
update whalefall.instances set deleted_at = null where name in ('plain', 'formula');
select pg_temp.fill(a), pg_temp.fill(b), pg_temp.fill(pg_temp.instance('emoji')) from target \g /dev/null
create temp table before as select pg_temp.rows(a) as a, pg_temp.rows(b) as b, pg_temp.rows(pg_temp.instance('emoji')) as other from target;
select is(before.a, before.b, 'both have the same rows') from before;
select is(before.a ~ '\m0\M', false, 'and at least one of each kind: ' || before.a) from before;
select is(before.a, before.other, 'a third one too') from before;
update whalefall.task_run_items set status = 'running' where instance_id = (select b from target) and status = 'cancelled';
select is(pg_temp.fails('select whalefall_api.instances_batch_delete(array[a, b], ''hard'') from target'), (select format(
	'PT409 conflicting state: Work on instance "name" is not finished (run 00000000-0000-0000-0000-%s).', lpad(b::text, 12, '0')) from target),
	'refused while work is in progress');
select is((select pg_temp.rows(a) from target), (select a from before), 'and nothing is gone: all or nothing');
update whalefall.task_run_items set status = 'cancelled' where status = 'running';
select is(whalefall_api.instances_batch_delete(array[b, a, 999999], 'Hard')::jsonb, jsonb_build_object('deleted_count', 2, 'instance_ids', array[a, b],
	'missing_instance_ids', array[999999], 'deletion_mode', 'hard', 'deleted_assignments', 0, 'deleted_account_permissions', 4,
	'deleted_sync_records', 6, 'deleted_change_logs', 4, 'deleted_instance_accounts', 4, 'deleted_instance_databases', 6,
	'deleted_instance_size_stats', 2, 'deleted_instance_size_aggregations', 0, 'deleted_database_size_stats', 6,
	'deleted_database_size_aggregations', 0, 'deleted_tag_links', 6, 'deleted_sync_data', 4), 'every counter') from target;
select is((select count(*)::int from whalefall.instances, target where id in (a, b)), 0, 'the instances are gone');
select is((select pg_temp.rows(a) || pg_temp.rows(b) from target) ~ '[1-9]', false, 'and every row of theirs');
select is(pg_temp.rows(pg_temp.instance('emoji')), (select other from before), 'the rows of others are there');
select is((select count(*)::int from whalefall.task_runs where task_key = 'k'), 3, 'the runs themselves stay');
select is(whalefall_api.instances_batch_delete(array[a, b], 'hard')::jsonb - 'deletion_mode', (counters || jsonb_build_object('deleted_count', 0, 'instance_ids', '[]'::jsonb,
	'missing_instance_ids', array[a, b])), 'again: missing') from target, zeros;
select is((select context - 'current_user_id' - 'current_username' - 'current_user_role' - 'is_admin' from whalefall_api.logs
	where message = 'instances removed for good' order by id limit 1), jsonb_build_object('action', 'delete_instances_batch', 'deletion_mode', 'hard',
	'deleted_count', 2, 'instance_ids', array[a, b], 'instance_names', '{plain,formula}'::text[]), 'the log row names them') from target;
insert into whalefall.instances (name, db_type, host, port) select 'many-' || n, 'mysql', 'h', 1 from generate_series(1, 45) n;
select is((whalefall_api.instances_batch_delete(array_agg(id), 'hard') ->> 'deleted_count')::int, 45, 'more than a round') from whalefall.instances where name like 'many-%';
select is((select count(*)::int from whalefall.instances where name like 'many-%'), 0, 'all gone');
select lives_ok($$select whalefall_api.instances_create('plain', 'mysql', 'h', 1)$$, 'the name is free again');

select * from finish();
rollback;
