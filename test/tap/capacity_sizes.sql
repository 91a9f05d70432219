-- Sizes: rounding, one row a day, unread sizes, the instance's total; table sizes on demand.
\set ECHO none
begin;
select plan(49);

insert into whalefall.instances (name, db_type, host, port) values
	('one', 'postgresql', '127.0.0.1', 5432), ('two', 'postgresql', '127.0.0.1', 5433);
create function pg_temp.instance(text) returns bigint language sql as
	'select id from whalefall.instances where name = $1';
create function pg_temp.total(instance text, day date) returns text language sql as $$
	select total_size_mb || '/' || database_count from whalefall_data.instance_size_stats
	where instance_id = pg_temp.instance($1) and collected_date = $2 $$;

-- Rounding -----------------------------------------------------------------------------------------------
set local whalefall.test_now = '2026-05-04 02:00:00+00';
create temp table result as select whalefall.capacity_merge(pg_temp.instance('one'), '{zero,one,mib,more,big}',
	'{0,1,1048576,1048577,9223372036854775807}') as j;
select results_eq($$select database_name, size_mb from whalefall_api.database_sizes where instance_name = 'one'
	order by database_name$$,
	$$values ('big' collate "C", 8796093022208::bigint), ('mib', 1), ('more', 2), ('one', 1), ('zero', 0)$$,
	'MiB, rounded up; 0 only for 0 bytes');
select is((select j - 'databases' - 'inventory' - 'message' from result), '{"version": 1, "status": "completed",
	"database_count": 5, "total_size_mb": 8796093022212, "saved_count": 5, "instance_stat_updated": true, "errors": []}',
	'the result counts and adds up');
select is((select j #> '{databases,1}' from result), '{"database_name": "mib", "size_mb": 1, "data_size_mb": 1,
	"log_size_mb": null, "collected_date": "2026-05-04", "collected_at": "2026-05-04T02:00:00+00:00",
	"is_system": false}', 'one database of the result');
select is(pg_temp.total('one', '2026-05-04'), '8796093022212/5', 'the instance''s total of the day');

-- One row per database and day ---------------------------------------------------------------------------
set local whalefall.test_now = '2026-05-04 03:00:00+00';
select is(whalefall.capacity_merge(pg_temp.instance('one'), '{zero,one,mib,more,big}',
	'{5242880,1,1048576,1048577,1048576}') ->> 'saved_count', '5', 'a second run the same day');
select results_eq($$select count(*)::int, min(size_mb), max(size_mb), min(collected_at) from whalefall_data.database_size_stats
	where instance_id = pg_temp.instance('one')$$,
	$$values (5, 1::bigint, 5::bigint, timestamptz '2026-05-04 03:00:00+00')$$, 'the last run of a day stays');
select is(pg_temp.total('one', '2026-05-04'), '10/5', 'the total follows');
select is((select created_at from whalefall_data.database_size_stats where database_name = 'zero'),
	'2026-05-04 02:00:00+00', 'the row is the one of the first run');
set local whalefall.test_now = '2026-05-05 02:00:00+00';
select is(whalefall.capacity_merge(pg_temp.instance('one'), '{zero,one}', '{1,1}', null, true) ->> 'total_size_mb', '2',
	'the next day, three databases fewer');
select is(pg_temp.total('one', '2026-05-05'), '2/2', 'a total for the new day');
select is(pg_temp.total('one', '2026-05-04'), '10/5', 'the day before stays');
select is((select count(*)::int from whalefall_api.instance_sizes where instance_name = 'one'), 2,
	'instance_sizes has a row per day');

-- A database that vanished during the day does not count any more ------------------------------------------
select is(whalefall.capacity_merge(pg_temp.instance('one'), '{zero}', '{1048576}') ->> 'instance_stat_updated', 'true',
	'one is dropped the same day');
select is(pg_temp.total('one', '2026-05-05'), '1/1', 'the total counts what is followed');
select is((select count(*)::int from whalefall_data.database_size_stats where collected_date = '2026-05-05'
	and instance_id = pg_temp.instance('one')), 2, 'its sample of the day is history, it stays');

-- Sizes that could not be read -----------------------------------------------------------------------------
select is(whalefall.capacity_merge(pg_temp.instance('two'), '{a,b,c}', '{1048576,2097152,3145728}') ->> 'total_size_mb',
	'6', 'three databases');
create temp table unread as select whalefall.capacity_merge(pg_temp.instance('two'), '{a,b,c}',
	'{4194304,null,-1}') as j;
select is((select j -> 'saved_count' from unread), '1', 'what could be read is saved');
select is((select j -> 'errors' from unread),
	'["size of database \"b\" could not be read: no reason given", "size of database \"c\" could not be read: no reason given"]',
	'the others are named');
select is((select j #> '{inventory,refreshed}' from unread), '3', 'they exist all the same');
select is((select j ->> 'message' from unread), '容量同步完成，2 个数据库的大小未能读取', 'the message says it');
select is(pg_temp.total('two', '2026-05-05'), '9/3', 'the total uses their sizes of earlier the same day');
set local whalefall.test_now = '2026-05-06 02:00:00+00';
select lives_ok($$select whalefall.capacity_merge(pg_temp.instance('two'), '{a,b,c}', '{1048576,null,1048576}')$$, 'next day');
select is(pg_temp.total('two', '2026-05-06'), '2/2', 'sizes of another day are not used');
select throws_ok($$select whalefall.capacity_merge(pg_temp.instance('two'), '{a,b,c,d}', '{null,null,null,null}')$$,
	'PT409', 'the instance gave no usable data', 'no size at all is an error');
select is((select count(*)::int from whalefall.instance_databases where instance_id = pg_temp.instance('two')), 3,
	'and then nothing is written, not even the inventory');
set local whalefall.language = 'en';
select is((select j - 'inventory' - 'databases' from whalefall.capacity_merge(pg_temp.instance('two'), '{}', '{}', null, true) j),
	'{"version": 1, "status": "completed", "database_count": 0, "total_size_mb": 0, "saved_count": 0,
	"instance_stat_updated": false, "message": "no database to collect sizes of", "errors": []}',
	'no database: completed, nothing collected');

-- Table sizes ------------------------------------------------------------------------------------------------
create function pg_temp.tables(instance text, db text) returns text language sql as $$
	select coalesce(string_agg(format('%s.%s=%s/%s/%s/%s', schema_name, table_name, size_mb, coalesce(data_size_mb::text, '-'),
		coalesce(index_size_mb::text, '-'), coalesce(row_count::text, '-')), ' ' order by schema_name, table_name), '')
	from whalefall_api.database_table_sizes where instance_name = $1 and database_name = $2 $$;
select is(whalefall.capacity_merge_tables(pg_temp.instance('one'), 'zero', '{public,public,app}', '{t,u,t}',
	'{1048577,0,10485760}', '{1048576,0,9437184}', '{1,0,1048576}', '{100,-1,null}'),
	'{"saved_count": 3, "deleted_count": 0, "errors": []}', 'first refresh');
select is(pg_temp.tables('one', 'zero'), 'app.t=10/9/1/- public.t=2/1/1/100 public.u=0/0/0/-',
	'MiB rounded up; an unknown number of rows is null');
select is((select array_agg(distinct database_id) = array_agg(distinct d.id) from whalefall_api.database_table_sizes s
	join whalefall.instance_databases d using (instance_id, database_name)), true, 'rows lead to their database');
create temp table before as select collected_at from whalefall.database_table_size_stats limit 1;
select is(whalefall.capacity_merge_tables(pg_temp.instance('one'), 'zero', '{public,new}', '{u,v}', '{5242880,1}',
	'{null,null}', null, '{7,8}'), '{"saved_count": 2, "deleted_count": 2, "errors": []}',
	'a refresh replaces the snapshot: seen ones are written, others deleted');
select is(pg_temp.tables('one', 'zero'), 'new.v=1/-/-/8 public.u=5/-/-/7', 'also within the same instant of the clock');
select is((select count(distinct collected_at)::int from whalefall.database_table_size_stats), 1, 'one snapshot, one instant');
select ok((select min(t.collected_at) > min(b.collected_at) from whalefall.database_table_size_stats t, before b),
	'later than the one before');
set local whalefall.test_now = '2026-05-01 00:00:00+00';
select is(whalefall.capacity_merge_tables(pg_temp.instance('one'), 'zero', '{public}', '{u}', '{1}')
	-> 'deleted_count', '1', 'the same with a clock that was set back');
select is(pg_temp.tables('one', 'zero'), 'public.u=1/-/-/-', 'nothing is left behind');
select is(whalefall.capacity_merge_tables(pg_temp.instance('one'), 'one', '{public}', '{u}', '{1}') -> 'deleted_count', '0',
	'another database of the instance');
select is(whalefall.capacity_merge_tables(pg_temp.instance('two'), 'zero', '{public}', '{u}', '{1}') -> 'deleted_count', '0',
	'a database of the same name elsewhere');
select is(pg_temp.tables('one', 'zero'), 'public.u=1/-/-/-', 'neither touched the first');
select is(whalefall.capacity_merge_tables(pg_temp.instance('one'), 'one', '{}', '{}', '{}'),
	'{"saved_count": 0, "deleted_count": 1, "errors": []}', 'an empty database empties the snapshot');
select is(whalefall.capacity_merge_tables(pg_temp.instance('one'), 'one', array['s', 's', 'it''s', '🐋', 's'],
	array['dropped', 'b"c', 'new' || chr(10) || 'line', repeat('é', 31), 'b"c'], '{null,1,1,1,1}'),
	'{"saved_count": 3, "deleted_count": 0,
	"errors": ["size of table s.dropped could not be read: it is locked, or was dropped"]}',
	'hostile names, a repeated one, and one that was dropped meanwhile');
select is(whalefall.capacity_merge_tables(pg_temp.instance('one'), 'one', array['s', 'it''s'], array['b"c', 'b"c'],
	'{null,1048577}') - 'errors', '{"saved_count": 1, "deleted_count": 2}', 'a table is locked, two are gone');
select is(pg_temp.tables('one', 'one'), 'it''s.b"c=2/-/-/- s.b"c=1/-/-/-', 'the locked one keeps its earlier size');
select throws_ok($$select whalefall.capacity_merge_tables(-1, 'x', '{a}', '{b}', '{1}')$$, 'PT404', null, 'no such instance');
select throws_ok($$select whalefall.capacity_merge_tables(pg_temp.instance('one'), 'x', '{a}', '{b,c}', '{1}')$$, 'PT400', null,
	'arrays of different length');

-- Many at once: several batches, and no statement is slow because of a bad plan ---------------------------
set local whalefall.test_now = '2026-05-07 02:00:00+00';
set local statement_timeout = '60s';
select is((select whalefall.capacity_merge_tables(pg_temp.instance('one'), 'many', array_agg('s' || i % 10), array_agg('t' || i),
	array_agg(i::bigint)) ->> 'saved_count' from generate_series(1, 50001) i), '50001', '50001 tables');
select is((select count(*)::int from whalefall.database_table_size_stats where database_name = 'many'), 50001, 'all are stored');
create function pg_temp.crowd(n int) returns jsonb language sql as $$
	select whalefall.capacity_merge(pg_temp.instance('two'), array_agg('crowd' || i), array_agg(i::bigint), null, true)
	from generate_series(1, $1) i $$;
select is(pg_temp.crowd(20000) #> '{inventory,created}', '20000', '20000 databases');
select is(pg_temp.crowd(20000) #> '{inventory,refreshed}', '20000', 'the same again');
select is(pg_temp.total('two', '2026-05-07'), '20000/20000', 'their total');

select * from finish();
rollback;
