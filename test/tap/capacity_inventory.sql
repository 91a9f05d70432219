-- The database inventory: decision table, filters, guard, days of the business zone, hostile names.
\set ECHO none
begin;
select plan(63);

insert into whalefall.instances (name, db_type, host, port) values
	('pg', 'postgresql', '127.0.0.1', 5432), ('my', 'mysql', '127.0.0.1', 3306),
	('ms', 'sqlserver', '127.0.0.1', 1433), ('guarded', 'postgresql', '127.0.0.1', 5433),
	('gone', 'postgresql', '127.0.0.1', 5434);
update whalefall.instances set deleted_at = now() where name = 'gone';
create function pg_temp.instance(text) returns bigint language sql as
	'select id from whalefall.instances where name = $1';
-- Merges names with 1 MiB each.
create function pg_temp.sync(instance text, names text[], force boolean default false) returns jsonb
	language sql as $$
	select whalefall.capacity_merge(pg_temp.instance($1), $2, array_fill(1048576::bigint, array[cardinality($2)]),
		force => $3) $$;
create function pg_temp.active(instance text) returns text language sql as $$
	select coalesce(string_agg(database_name, ',' order by database_name), '') from whalefall.instance_databases
	where instance_id = pg_temp.instance($1) and is_active $$;

-- The filters of the tests, whatever setup() has seeded.
delete from whalefall.database_filters;
insert into whalefall.database_filters values
	('postgresql', 'exact', 'template0'), ('postgresql', 'exact', 'template1'),
	('postgresql', 'exact', 'postgres'), ('postgresql', 'like', 'pg_%'),
	('mysql', 'exact', 'mysql'), ('mysql', 'like', 'tmp_%'), ('mysql', 'like', '#sql%'),
	('sqlserver', 'like', 'ReportServer%');

-- Decision table -----------------------------------------------------------------------------------------
set local whalefall.test_now = '2026-03-10 02:00:00+00';
select is(pg_temp.sync('pg', '{a,b,c}') -> 'inventory' ->> 'created', '3', 'first sync: all are new');
select is(pg_temp.sync('pg', '{a,b}') -> 'inventory' ->> 'deactivated', '1', 'c vanished');
select is((select array[is_active::text, (deleted_at = '2026-03-10 02:00:00+00')::text]
	from whalefall.instance_databases where instance_id = pg_temp.instance('pg') and database_name = 'c'),
	'{false,true}', 'a vanished database is inactive and has its time');

select is((pg_temp.sync('pg', '{a,c,d}') -> 'inventory') - 'active_databases' - 'filtered_databases'
	- 'synchronized_databases', '{"created": 1, "refreshed": 1, "reactivated": 1, "deactivated": 1}',
	'present/none, present/active, present/inactive, absent/active');
select is(pg_temp.active('pg'), 'a,c,d', 'what is active afterwards');
select is((select count(*)::int from whalefall.instance_databases where deleted_at is not null and is_active), 0,
	'a database that is back has no deletion time');
select is((pg_temp.sync('pg', '{a,c,d}') -> 'inventory') - 'active_databases' - 'filtered_databases'
	- 'synchronized_databases', '{"created": 0, "refreshed": 3, "reactivated": 0, "deactivated": 0}',
	'the same list again: refreshed only; absent/inactive is nothing');
select is(pg_temp.sync('pg', '{a,c,d}') -> 'inventory' -> 'active_databases', '["a", "c", "d"]',
	'the active databases are named');

-- Nothing written when nothing changed -------------------------------------------------------------------
create temp table versions as select id, xmin::text as x, ctid::text as c from whalefall.instance_databases;
select lives_ok($$select pg_temp.sync('pg', '{d,c,a}')$$, 'the order of the list does not matter');
select is_empty($$select id, xmin::text, ctid::text from whalefall.instance_databases except
	select * from versions$$, 'a second sync of the day writes no row of the inventory');
set local whalefall.test_now = '2026-03-11 02:00:00+00';
select lives_ok($$select pg_temp.sync('pg', '{a,c,d}')$$, 'next day');
select results_eq($$select database_name, first_seen_date, last_seen_date from whalefall.instance_databases
	where instance_id = pg_temp.instance('pg') order by 1$$,
	$$values ('a' collate "C", date '2026-03-10', date '2026-03-11'), ('b', '2026-03-10', '2026-03-10'),
		('c', '2026-03-10', '2026-03-11'), ('d', '2026-03-10', '2026-03-11')$$,
	'the next day moves last_seen_date of what is listed, and nothing else');
set local whalefall.test_now = '2026-03-09 02:00:00+00';
select lives_ok($$select pg_temp.sync('pg', '{a,c,d}')$$, 'a clock that was set back');
select is((select max(last_seen_date)::text from whalefall.instance_databases), '2026-03-11',
	'last_seen_date never goes back');
select is((select last_capacity_sync_at from whalefall.instances where name = 'pg'),
	'2026-03-09 02:00:00+00', 'the instance has the time of its last sync');

-- Days of the business zone ------------------------------------------------------------------------------
set local whalefall.test_now = '2026-03-31 15:59:59+00';
select is(pg_temp.sync('pg', '{a,c,d,late}') #>> '{databases,3,collected_date}', '2026-03-31',
	'23:59:59 in Shanghai is still the last of March');
set local whalefall.test_now = '2026-03-31 16:00:00+00';
select is(pg_temp.sync('pg', '{a,c,d,later,late}') #>> '{databases,0,collected_date}', '2026-04-01',
	'one second later it is April');
select results_eq($$select database_name, first_seen_date from whalefall.instance_databases
	where database_name like 'late%' order by 1$$,
	$$values ('late' collate "C", date '2026-03-31'), ('later', '2026-04-01')$$, 'and so are the inventory''s dates');
select is((select array_agg(collected_date::text order by 1) from whalefall_data.database_size_stats
	where database_name = 'late'), '{2026-03-31,2026-04-01}', 'a sample for each of both days');
select is((select tableoid::regclass::text from whalefall_data.database_size_stats where database_name = 'later'),
	'whalefall_data.database_size_stats_2026_04', 'it lies in the partition of its month');

-- Filters ------------------------------------------------------------------------------------------------
set local whalefall.test_now = '2026-03-10 02:00:00+00';
select is((select string_agg(value, ',') from jsonb_array_elements_text(pg_temp.sync('pg',
	'{pgbouncer_db,pg_toasty,postgres,Template0,PG_UPPER,pgx,a,c,d,late,later}') #> '{inventory,filtered_databases}')),
	'PG_UPPER,Template0,pg_toasty,postgres', 'only % is a wildcard: pg_% is the literal prefix pg_, in any case');
select is(pg_temp.active('pg'), 'a,c,d,late,later,pgbouncer_db,pgx', 'pgbouncer_db is followed');
insert into whalefall.database_filters values ('postgresql', 'like', 'pgb%'), ('postgresql', 'exact', 'a%');
select is(pg_temp.sync('pg', '{pgbouncer_db,pgx,a,c,d,late,later}') #>> '{inventory,deactivated}', '1',
	'a database that became filtered is deactivated');
select is(pg_temp.active('pg'), 'a,c,d,late,later,pgx', 'an exact filter takes % literally');
select is(whalefall.capacity_merge(pg_temp.instance('pg'), '{sys,a,c,d,late,later,pgx}', '{1,1,1,1,1,1,1}',
	'{t,f,f,f,f,f,f}') #> '{inventory,filtered_databases}', '["sys"]', 'a system database is not followed');
select is(whalefall.capacity_merge(pg_temp.instance('my'), '{mysql,tmp_x,tmpfiles,"#sql-12",app}', '{1,1,1,1,1}',
	'{t,f,f,f,t}') #>> '{inventory,created}', '2', 'mysql: the server''s flag is ignored, the filters decide');
select is(pg_temp.active('my'), 'app,tmpfiles', 'mysql: tmp_% leaves tmpfiles alone');
select is(whalefall.capacity_merge(pg_temp.instance('ms'), '{master,reportserverTempDB,Sales}', '{1,1,1}',
	'{t,f,f}') #>> '{inventory,synchronized_databases,0}', 'Sales', 'sqlserver: flag and filters');

-- Guard --------------------------------------------------------------------------------------------------
create function pg_temp.names(n int) returns text[] language sql as
	'select array_agg(format(''db%s'', lpad(i::text, 3, ''0''))) from generate_series(1, $1) i';
select is(pg_temp.sync('guarded', pg_temp.names(20)) #>> '{inventory,created}', '20', '20 databases');
select throws_matching($$select pg_temp.sync('guarded', '{}')$$, 'the remote inventory looks wrong',
	'an empty list is refused');
select throws_matching($$select pg_temp.sync('guarded', '{postgres,pg_x}')$$, 'the remote inventory looks wrong',
	'so is a list that is empty after the filters');
select throws_ok($$select pg_temp.sync('guarded', pg_temp.names(9))$$, 'PT409', null,
	'11 of 20 vanished: more than half');
select is((select count(*)::int from whalefall.instance_databases
	where instance_id = pg_temp.instance('guarded') and is_active), 20, 'nothing was deactivated');
select is(pg_temp.sync('guarded', pg_temp.names(10)) #>> '{inventory,deactivated}', '10', 'exactly half may go');
select is(pg_temp.sync('guarded', pg_temp.names(5)) #>> '{inventory,deactivated}', '5', 'five may always go');
select is(pg_temp.sync('guarded', '{db001}') #>> '{inventory,deactivated}', '4', 'four of five may go');
select throws_ok($$select pg_temp.sync('guarded', '{}')$$, 'PT409', null, 'but the last one not');
create function pg_temp.caught() returns text language plpgsql as $$
declare d text; h text;
begin
	perform pg_temp.sync('guarded', '{}');
	return 'no error';
exception when sqlstate 'PT409' then
	get stacked diagnostics d = pg_exception_detail, h = pg_exception_hint;
	return d || '|' || h;
end $$;
select is(split_part(pg_temp.caught(), '|', 1), '1 databases are active, the instance now lists 0; 1 would be deactivated.',
	'the error has both counts');
select matches(split_part(pg_temp.caught(), '|', 2), 'force', 'the hint names force');
select is(pg_temp.sync('guarded', '{}', force => true) #>> '{inventory,deactivated}', '1', 'force overrides');
select is(pg_temp.sync('guarded', '{}') ->> 'status', 'completed', 'nothing active and nothing listed is no alarm');
select is(pg_temp.sync('guarded', pg_temp.names(20)) #> '{inventory,reactivated}', '20', 'all are back');
select is(pg_temp.sync('guarded', '{x1,x2,x3,x4,x5,x6}', force => true) #> '{inventory,deactivated}', '20',
	'force, with another list');

-- Hostile names ------------------------------------------------------------------------------------------
select is(pg_temp.sync('guarded', array['"; drop table x; --', 'it''s', E'new\nline', '数据库', '🐋', repeat('x', 63),
	'x1', 'X1', '%', '_', 'a,b', '{}', '\', 'x2', 'x3', 'x4', 'x5', 'x6']) #>> '{inventory,created}', '12',
	'quotes, line breaks, other scripts, wildcards: names are names');
select is((select count(*)::int from whalefall.instance_databases where instance_id = pg_temp.instance('guarded')
	and is_active and database_name = any (array['"; drop table x; --', 'it''s', E'new\nline', '数据库', '🐋',
	repeat('x', 63), 'x1', 'X1', '%', '_', 'a,b', '{}', '\'])), 13, 'each is stored as it is');
select is(pg_temp.sync('guarded', array['"; drop table x; --', 'it''s', E'new\nline', '数据库', '🐋', repeat('x', 63),
	'x1', 'X1', '%', '_', 'a,b', '{}', '\', 'x2', 'x3', 'x4', 'x5', 'x6']) #>> '{inventory,refreshed}', '18',
	'and found again');
select is(pg_temp.sync('ms', '{Sales,Sales,Sales}') #>> '{saved_count}', '1', 'a repeated name counts once');
select is(pg_temp.sync('ms', array['Sales', '', '  ', null]) #>> '{inventory,synchronized_databases}', '["Sales"]',
	'blank names are skipped');
select is(pg_temp.sync('ms', array['Sales', repeat('y', 513)]) #>> '{errors,0}',
	'name of database "' || repeat('y', 88) || '..." is too long; it was left out',
	'a name beyond every engine''s limit is left out and reported');
select is(pg_temp.sync('ms', array['Sales', repeat('y', 512)]) #>> '{inventory,created}', '1', '512 bytes are fine');
select is(pg_temp.sync('ms', (select array_agg('long' || i || repeat('z', 600)) || '{Sales}'::text[]
	from generate_series(1, 150) i)) #>> '{errors,100}', 'and 50 more', 'errors are bounded');

-- Refusals -----------------------------------------------------------------------------------------------
select throws_ok($$select whalefall.capacity_merge(-1, '{a}', '{1}')$$, 'PT404', null, 'no such instance');
select throws_ok($$select pg_temp.sync('gone', '{a}')$$, 'PT404', null, 'a deleted instance is not synced');
select throws_ok($$select whalefall.capacity_merge(pg_temp.instance('pg'), '{a,b}', '{1}')$$, 'PT400', null,
	'arrays of different length');
select throws_ok($$select whalefall.capacity_merge(null, '{a}', '{1}')$$, 'PT400', null, 'null instance');
select throws_ok($$select whalefall.capacity_merge(pg_temp.instance('pg'), null, null)$$, 'PT400', null, 'null names');
select is(pg_temp.active('pg'), 'a,c,d,late,later,pgx', 'refused calls changed nothing');

-- Rights and views ---------------------------------------------------------------------------------------
select ok(not has_function_privilege('whalefall_admin',
	'whalefall.capacity_merge(bigint,text[],bigint[],boolean[],boolean)', 'execute'), 'the merge is private');
select results_eq($$select database_name, is_active, size_mb, collected_date from whalefall_api.databases
	where instance_name = 'pg' and database_name in ('b', 'later') order by 1$$,
	$$values ('b' collate "C", false, 1::bigint, date '2026-03-10'), ('later', true, 1, '2026-04-01')$$,
	'databases: the latest size, also of inactive ones');
select is((select count(*)::int from whalefall_api.databases where instance_name = 'gone'), 0,
	'databases of deleted instances are not shown');
select ok(has_table_privilege('whalefall_viewer', 'whalefall_api.databases', 'select')
	and has_table_privilege('whalefall_viewer', 'whalefall_api.database_table_sizes', 'select')
	and not has_table_privilege('whalefall_anon', 'whalefall_api.databases', 'select')
	and not has_table_privilege('whalefall_viewer', 'whalefall.instance_databases', 'select'),
	'viewers read the views, not the tables');
select is_empty($$select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
	where c.relnamespace = 'whalefall_api'::regnamespace and a.attnum > 0
	and c.relname in ('databases', 'database_sizes', 'instance_sizes', 'database_table_sizes')
	and col_description(c.oid, a.attnum) is null$$, 'every column has a comment');
select is((select count(*)::int from pg_depend d join pg_extension e on e.oid = d.refobjid
	where d.deptype = 'e' and d.classid = 'pg_class'::regclass
	and d.objid in ('whalefall_data.database_size_stats'::regclass, 'whalefall_data.instance_size_stats'::regclass,
		'whalefall_api.databases'::regclass)), 0, 'history and its views are not members of the extension');

select * from finish();
rollback;
