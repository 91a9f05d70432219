-- Instances: tags on them, lists, options, statistics, the recycle bin; credentials by tag; database types.
\set ECHO none
begin;
select plan(106);

create function pg_temp.fails(sql text) returns text language plpgsql as $$
declare d text;
begin
	execute sql;
	return null;
exception when others then
	get stacked diagnostics d = pg_exception_detail;
	return sqlstate || ' ' || sqlerrm || ': ' || d;
end $$;
create function pg_temp.tag(text) returns bigint language sql as 'select id from whalefall.tags where name = $1';
create function pg_temp.instance(text) returns bigint language sql as
	'select id from whalefall.instances where name = $1';
-- The names on a page, and the codes of an instance's tags.
create function pg_temp.names(json) returns text language sql as
	$$select coalesce(string_agg(t ->> 'name', ','), '') from json_array_elements($1 -> 'items') t$$;
create function pg_temp.codes(json) returns text language sql as
	$$select coalesce(string_agg(t ->> 'name', ','), '') from json_array_elements($1 -> 'instance' -> 'tags') t$$;

-- Database types -----------------------------------------------------------------------------------------
select results_eq('select name, display_name, default_port, default_schema, icon, color, sort_order, is_active, is_system
	from whalefall_api.database_types order by sort_order', $$values
	('mysql', 'MySQL', 3306, 'mysql', 'fa-database', 'primary', 1, true, true),
	('postgresql', 'PostgreSQL', 5432, 'postgres', 'fa-database', 'info', 2, true, true),
	('sqlserver', 'SQL Server', 1433, 'master', 'fa-server', 'warning', 3, true, true),
	('oracle', 'Oracle Database', 1521, 'ORCL', 'fa-database', 'danger', 4, true, true)$$, 'setup() fills the catalogue');
select is(whalefall_api.database_types_list()::jsonb #> '{database_types,1}' #- '{created_at}' #- '{updated_at}' #- '{id}',
	'{"name": "postgresql", "display_name": "PostgreSQL", "driver": "libpq", "default_port": 5432, "default_schema": "postgres",
	"connection_timeout": 20, "description": null, "icon": "fa-database", "color": "info",
	"features": ["accounts", "capacity", "table_sizes"], "is_active": true, "is_system": true, "sort_order": 2}', 'a type with all its fields');
update whalefall.database_type_configs set is_active = false where name = 'oracle';
update whalefall.database_type_configs set sort_order = 9, connection_timeout = 7 where name = 'mysql';
select is((select string_agg(t ->> 'name' || ' ' || (t ->> 'connection_timeout'), ',') from json_array_elements(whalefall_api.database_types_list() -> 'database_types') t),
	'postgresql 20,sqlserver 20,oracle 20,mysql 7', 'all types by sort_order; a stored timeout wins');
select is((select string_agg(t ->> 'name', ',') from json_array_elements(whalefall_api.database_types_active() -> 'database_types') t),
	'postgresql,sqlserver,mysql', 'active types');
select is(whalefall_api.database_types_options()::jsonb, '{"options": [
	{"value": "postgresql", "text": "PostgreSQL", "icon": "fa-database", "color": "info"},
	{"value": "sqlserver", "text": "SQL Server", "icon": "fa-server", "color": "warning"},
	{"value": "mysql", "text": "MySQL", "icon": "fa-database", "color": "primary"}]}', 'options');
select is(whalefall_api.database_types_form_options()::jsonb, whalefall_api.database_types_options()::jsonb, 'form options are the same');
select lives_ok('select whalefall.setup()', 'setup() again');
select is((select is_active from whalefall.database_type_configs where name = 'oracle'), false, 'what was edited stays edited');
savepoint unseeded;
delete from whalefall.seeds where name = 'database_types';
select is(pg_temp.fails('select whalefall_api.database_types_list()'),
	'PT500 whalefall is not set up: The catalogue of database types is not there yet.', 'after an update, before setup()');
rollback to unseeded;

-- Tags on instances --------------------------------------------------------------------------------------
select whalefall_api.tags_create('prod', '生产', 'env', 'danger'), whalefall_api.tags_create('dev', 'Dev', 'env'),
	whalefall_api.tags_create('core', 'Core, "x"', 'app', 'info', false) \g /dev/null
select is(pg_temp.codes(whalefall_api.instances_create('one', 'pg', 'h1', 5432, tag_names => '{" prod ",nope,"",core,prod}')),
	'core,prod', 'known codes are taken, inactive ones too; blanks, doubles and unknown ones are dropped');
select is(whalefall_api.instances_get(pg_temp.instance('one'))::jsonb #> '{instance,tags,0}' #- '{id}' #- '{created_at}' #- '{updated_at}',
	'{"name": "core", "display_name": "Core, \"x\"", "category": "app", "color": "info", "color_value": "#3498db", "color_name": "蓝色",
	"css_class": "bg-info", "is_active": false}', 'whole tags in the detail');
select is((whalefall_api.instances_get(pg_temp.instance('one'))::jsonb #> '{instance,tags,0}') ? 'instance_count', false, 'without a count');
select is(pg_temp.codes(whalefall_api.instances_create('two', 'mysql', 'h2', 3306)), '', 'none given, none set');
select is(pg_temp.codes(whalefall_api.instances_create('three', 'mysql', 'h3', 3306, tag_names => '{"prod,dev"}')), 'dev,prod', 'a list with commas');
select is(pg_temp.codes(whalefall_api.instances_update(pg_temp.instance('one'), host => 'h1a')), 'core,prod', 'absent is unchanged');
select is(pg_temp.codes(whalefall_api.instances_update(pg_temp.instance('one'), tag_names => '{dev,prod}')), 'dev,prod', 'given replaces');
select is(pg_temp.codes(whalefall_api.instances_update(pg_temp.instance('one'), tag_names => '{}')), '', 'empty clears');
select is(pg_temp.codes(whalefall_api.instances_update(pg_temp.instance('one'), tag_names => '{core,prod}')), 'core,prod', 'again');
select is(pg_temp.codes(whalefall_api.instances_update(pg_temp.instance('one'), clear => '{tag_names}')), '', 'clear clears');
select is(pg_temp.codes(whalefall_api.instances_update(pg_temp.instance('one'), tag_names => '{core,prod}')), 'core,prod', 'and again');
select is(pg_temp.codes(whalefall_api.instances_update(pg_temp.instance('one'), tag_names => '{nope}')), '', 'only unknown codes are none');
select is(pg_temp.codes(whalefall_api.instances_update(pg_temp.instance('one'), tag_names => array['core', null, 'prod'])), 'core,prod', 'a null is blank');
select is(pg_temp.fails(format('select whalefall_api.instances_update(%s, clear => %L)', pg_temp.instance('one'), '{' || repeat('标', 30) || '}')),
	'PT400 invalid input: Field "' || repeat('标', 21) || '" cannot be cleared.', 'a long word is cut between characters');
select is((select tags from whalefall_api.instances where name = 'one'), '{core,prod}', 'codes in the view');
select is((select tags from whalefall_api.instances where name = 'two'), '{}', 'none is an empty list');

-- List ---------------------------------------------------------------------------------------------------
select is(whalefall_api.instances_list(search => 'one')::jsonb #> '{items,0,tags}', '[{"name": "core", "display_name": "Core, \"x\"", "color": "info"},
	{"name": "prod", "display_name": "生产", "color": "danger"}]', 'tags of a row: name, display_name, color');
select is(whalefall_api.instances_list(search => 'two')::jsonb #> '{items,0,tags}', '[]', 'no tags');
select is((select array_agg(k) from json_object_keys(whalefall_api.instances_list(search => 'one') -> 'items' -> 0) k),
	'{id,name,db_type,host,port,description,is_active,deleted_at,status,main_version,active_db_count,active_account_count,last_sync_time,tags}',
	'the fields of a row');
select is(pg_temp.names(whalefall_api.instances_list(tags => '{prod}', sort => 'name', sort_order => 'asc')), 'one,three', 'by tag');
select is(pg_temp.names(whalefall_api.instances_list(tags => '{prod,core}', sort => 'name', sort_order => 'asc')), 'one,three', 'any of two tags; each row once');
select is(whalefall_api.instances_list(tags => '{"prod,core"}')::jsonb -> 'total', '2', 'and counted once; commas separate');
select is(pg_temp.names(whalefall_api.instances_list(tags => '{dev}')), 'three', 'one tag');
select is(whalefall_api.instances_list(tags => '{nope}')::jsonb -> 'total', '0', 'an unknown tag finds nothing');
select is(whalefall_api.instances_list(tags => '{"", " ,"}')::jsonb -> 'total', '3', 'blanks are no filter');
select is(whalefall_api.instances_list(tags => '{}')::jsonb -> 'total', '3', 'an empty list is no filter');
select is(pg_temp.names(whalefall_api.instances_list(tags => '{prod}', search => 'h3', db_type => 'mysql', status => 'active')), 'three', 'with all other filters');
update whalefall.instances set last_account_sync_at = '2026-01-02' where name = 'two';
update whalefall.instances set last_account_sync_at = '2026-01-01', last_capacity_sync_at = '2026-01-03' where name = 'three';
select is(pg_temp.names(whalefall_api.instances_list(sort => 'last_sync_time', sort_order => o)), e, 'sync time ' || o || ', nulls last')
	from (values ('asc', 'two,three,one'), ('DESC', 'three,two,one')) v (o, e);
select is(pg_temp.names(whalefall_api.instances_list(sort => s, sort_order => o)), e, format('sort %s %s', s, o)) from (values
	('name', 'asc', 'one,three,two'), ('NAME', 'desc', 'two,three,one'), ('host', 'asc', 'one,two,three'),
	('db_type', 'asc', 'two,three,one'), ('db_type', 'desc', 'one,three,two'), ('id', 'asc', 'one,two,three'), ('port', 'asc', 'one,two,three'),
	('id; drop table x', 'desc', 'three,two,one'), ('', '', 'three,two,one')) v (s, o, e);
select is(pg_temp.fails($$select whalefall_api.instances_list(sort_order => 'weird')$$), 'PT400 invalid input: sort_order must be asc or desc.', 'a bad order');
select is(pg_temp.fails($$select whalefall_api.instances_list(page => 0)$$), 'PT400 invalid input: page must be at least 1.', 'page 0');
select is(pg_temp.fails($$select whalefall_api.instances_list(page_size => 101)$$), 'PT400 invalid input: page_size must be from 1 to 100.', 'page_size 101');
select is(whalefall_api.instances_list(page => 3, page_size => 2, tags => '{prod}')::jsonb, '{"items": [], "total": 2, "page": 3, "pages": 1, "limit": 2}', 'past the end');
update whalefall.instances set description = 'a%b_c\d' where name = 'two';
select is(pg_temp.names(whalefall_api.instances_list(search => s)), 'two', format('search %L finds itself', s)) from unnest(array['%', '_', '\', 'A%B', '_C\']) s;
select is(pg_temp.names(whalefall_api.instances_list(search => s)), '', format('search %L finds nothing', s)) from unnest(array['%%', 'a_b', '''', '😀', 'o%e']) s;

-- A search finds its rows once and cuts the page out of them: the order is that of every other page.
insert into whalefall.instances (name, db_type, host, port, last_account_sync_at) select 'tie-' || n, 'mysql', 'tie', 1, timestamptz '2026-01-01' + nullif(n, 3) * interval '1 day'
	from generate_series(1, 5) n;
select is(pg_temp.names(whalefall_api.instances_list(search => 'tie-', sort => s, sort_order => o, page => p, page_size => 2)), e, format('search, sort %s %s, page %s', s, o, p)) from (values
	('host', 'asc', 1, 'tie-1,tie-2'), ('host', 'asc', 3, 'tie-5'), ('host', 'desc', 1, 'tie-5,tie-4'), ('host', 'desc', 3, 'tie-1'), ('host', 'asc', 4, ''),
	('last_sync_time', 'asc', 3, 'tie-3'), ('last_sync_time', 'desc', 1, 'tie-5,tie-4'), ('last_sync_time', 'desc', 3, 'tie-3'), ('id', 'desc', 2, 'tie-3,tie-2')) v (s, o, p, e);
select is(whalefall_api.instances_list(search => 'tie-', page => 4, page_size => 2)::jsonb, '{"items": [], "total": 5, "page": 4, "pages": 3, "limit": 2}', 'past the end of a search');
delete from whalefall.instances where host = 'tie';

-- Credentials by tag -------------------------------------------------------------------------------------
insert into whalefall.credentials (name, credential_type, username) values ('c1', 'database', 'u'), ('c2', 'database', 'u'), ('c3', 'database', 'u');
update whalefall.instances set credential_id = (select id from whalefall.credentials where name = 'c1') where name in ('one', 'three');
update whalefall.instances set credential_id = (select id from whalefall.credentials where name = 'c2') where name = 'two';
select is(pg_temp.names(whalefall_api.credentials_list(tags => '{prod,core}')), 'c1', 'used by an instance that has any of them, once');
select is(whalefall_api.credentials_list(tags => '{prod,core}')::jsonb -> 'total', '1', 'and counted once');
select is(pg_temp.names(whalefall_api.credentials_list(tags => '{nope}')), '', 'an unknown tag');
select is(whalefall_api.credentials_list(tags => '{" "}')::jsonb -> 'total', '3', 'blanks are no filter');
savepoint bin;
update whalefall.instances set deleted_at = now() where name in ('one', 'three');
select is(pg_temp.names(whalefall_api.credentials_list(tags => '{prod}')), '', 'deleted instances do not count');
rollback to bin;

-- Options ------------------------------------------------------------------------------------------------
insert into whalefall.instances (name, db_type, host, port, is_active, deleted_at, main_version) values
	('off', 'oracle', 'h4', 1521, false, null, '19.0'), ('gone', 'oracle', 'h5', 1521, true, now(), '19.0'),
	('gone_off', 'sqlserver', 'h6', 1433, false, now(), null);
select is(whalefall_api.instances_options()::jsonb, jsonb_build_object('instances', jsonb_build_array(
	jsonb_build_object('id', pg_temp.instance('one'), 'name', 'one', 'db_type', 'postgresql', 'display_name', 'one (POSTGRESQL)'),
	jsonb_build_object('id', pg_temp.instance('three'), 'name', 'three', 'db_type', 'mysql', 'display_name', 'three (MYSQL)'),
	jsonb_build_object('id', pg_temp.instance('two'), 'name', 'two', 'db_type', 'mysql', 'display_name', 'two (MYSQL)'))),
	'active and not deleted, by name');
select is(json_array_length(whalefall_api.instances_options(t) -> 'instances'), n, format('options of %L', t))
	from (values (' MySQL ', 2), ('oracle', 0), ('', 3), ('my%', 0), ('all', 0)) v (t, n);

-- Statistics ---------------------------------------------------------------------------------------------
update whalefall.instances set main_version = '8.0' where name = 'two';
select is(whalefall_api.instances_statistics()::jsonb, '{"total_instances": 6, "active_instances": 3, "normal_instances": 3,
	"disabled_instances": 1, "deleted_instances": 2, "inactive_instances": 1, "db_types_count": 3,
	"db_type_stats": [{"db_type": "mysql", "count": 2}, {"db_type": "oracle", "count": 1}, {"db_type": "postgresql", "count": 1}],
	"port_stats": [{"port": 3306, "count": 2}, {"port": 1521, "count": 1}, {"port": 5432, "count": 1}],
	"version_stats": [{"db_type": "mysql", "version": "8.0", "count": 1}, {"db_type": "mysql", "version": "未知版本", "count": 1},
		{"db_type": "oracle", "version": "19.0", "count": 1}, {"db_type": "postgresql", "version": "未知版本", "count": 1}]}', 'statistics');
insert into whalefall.instances (name, db_type, host, port) select 'p' || n, 'mysql', 'h', 10000 + n from generate_series(1, 20) n;
select is(whalefall_api.instances_statistics()::jsonb -> 'port_stats', (select jsonb_agg(x order by ord) from (
	select jsonb_build_object('port', 3306, 'count', 2) as x, 0 as ord union all
	select jsonb_build_object('port', p, 'count', 1), o from unnest('{1521,5432,10001,10002,10003,10004,10005,10006,10007}'::int[])
		with ordinality as u (p, o)) y), 'the ten most frequent ports');
select is(whalefall_api.instances_statistics()::jsonb #> '{db_type_stats,0}', '{"db_type": "mysql", "count": 22}', 'the largest first');

-- The recycle bin ----------------------------------------------------------------------------------------
set local whalefall.test_now = '2026-03-10 02:00:00+00';
select is(whalefall_api.instances_delete(pg_temp.instance('one')) ->> 'deleted_at', '2026-03-10T02:00:00+00:00', 'deleted');
select is(pg_temp.fails($$select whalefall_api.instances_get(pg_temp.instance('one'))$$) like 'PT404%', true, 'not to be had');
select is(pg_temp.names(whalefall_api.instances_list(search => 'one')), '', 'nor listed');
select is(whalefall_api.instances_list(search => 'one', include_deleted => true)::jsonb #>> '{items,0,status}', 'deleted', 'but with the recycle bin');
select is(pg_temp.fails($$select whalefall_api.instances_create('one', 'mysql', 'h', 1)$$),
	'PT409 conflicting state: An instance named "one" exists.', 'its name stays taken');
select is(pg_temp.fails($$select whalefall_api.instances_update(pg_temp.instance('one'), tag_names => '{}')$$) like 'PT404%', true, 'it cannot be changed');
set local whalefall.test_now = '2026-03-11 02:00:00+00';
select is(whalefall_api.instances_delete(pg_temp.instance('one')) ->> 'deleted_at', '2026-03-10T02:00:00+00:00', 'deleting it again keeps the time');
select is((whalefall_api.instances_restore(pg_temp.instance('one'))::jsonb -> 'instance') - 'tags' @>
	'{"name": "one", "status": "active", "is_active": true, "deleted_at": null, "updated_at": "2026-03-11T02:00:00+00:00"}', true, 'restored as it was');
select is((select array_agg(k) from json_object_keys(whalefall_api.instances_restore(pg_temp.instance('one'))) k), '{instance}', 'twice is fine');
select is((select count(*)::int from whalefall_api.logs where context ->> 'action' = 'restore_instance'), 1, 'but not told twice');
select is(pg_temp.codes(whalefall_api.instances_get(pg_temp.instance('one'))), 'core,prod', 'its tags are there');
select is(whalefall_api.instances_restore(pg_temp.instance('gone_off'))::jsonb #>> '{instance,status}', 'inactive', 'is_active stays as it was');
select is(pg_temp.fails('select whalefall_api.instances_restore(999999)'), 'PT404 resource not found: Instance 999999 does not exist.', 'unknown id');
select is(pg_temp.fails('select whalefall_api.instances_restore(null)'), 'PT404 resource not found: Instance null does not exist.', 'null id');

-- The permission column ----------------------------------------------------------------------------------
select is((select string_agg(p.proname || ' ' || r.rolname, E'\n' order by p.proname) from pg_proc p
	cross join lateral (select rolname from aclexplode(p.proacl) a join pg_roles on pg_roles.oid = a.grantee
		where rolname <> 'whalefall_owner') r
	where p.pronamespace = 'whalefall_api'::regnamespace and (p.proname ~ '^(tags|database_types)_' or p.proname in
	('instances_options', 'instances_statistics', 'instances_export', 'instances_import_template', 'instances_batch_create',
	'instances_batch_delete', 'instances_restore', 'instances_list', 'instances_create', 'instances_update', 'credentials_list'))),
	'credentials_list whalefall_viewer
database_types_active whalefall_viewer
database_types_form_options whalefall_viewer
database_types_list whalefall_viewer
database_types_options whalefall_viewer
instances_batch_create whalefall_admin
instances_batch_delete whalefall_admin
instances_create whalefall_admin
instances_export whalefall_viewer
instances_import_template whalefall_viewer
instances_list whalefall_viewer
instances_options whalefall_viewer
instances_restore whalefall_user
instances_statistics whalefall_viewer
instances_update whalefall_user
tags_batch_delete whalefall_admin
tags_bulk_assign whalefall_admin
tags_bulk_instance_tags whalefall_viewer
tags_bulk_instances whalefall_viewer
tags_bulk_remove whalefall_admin
tags_bulk_remove_all whalefall_admin
tags_bulk_tags whalefall_viewer
tags_categories whalefall_viewer
tags_create whalefall_admin
tags_delete whalefall_admin
tags_get whalefall_viewer
tags_get_by_name whalefall_viewer
tags_list whalefall_viewer
tags_options whalefall_viewer
tags_update whalefall_user', 'who may call what');
set local role whalefall_viewer;
select is(json_array_length(whalefall_api.tags_list() -> 'items'), 3, 'a viewer reads tags');
select is((select count(*)::int from whalefall_api.tags), 3, 'and their view');
select is((select count(*)::int from whalefall_api.database_types), 4, 'and the types');
select is((select tags from whalefall_api.instances where name = 'one'), '{core,prod}', 'and the tags of instances');
select throws_ok('select * from whalefall.tags', '42501', null, 'not the table');
select throws_ok($$select whalefall_api.tags_create('x', 'x', 'x')$$, '42501', null, 'and makes none');
reset role;

select * from finish();
rollback;
