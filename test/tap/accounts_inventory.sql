-- Who exists: decision table, guard, filters, names of every kind, what is logged, and that nothing is
-- written when nothing changed.
\set ECHO none
begin;
select plan(62);

insert into whalefall.instances (name, db_type, host, port) values
	('pg', 'postgresql', '127.0.0.1', 5432), ('my', 'mysql', '127.0.0.1', 3306), ('ms', 'sqlserver', '127.0.0.1', 1433),
	('ora', 'oracle', '127.0.0.1', 1521), ('guarded', 'postgresql', '127.0.0.1', 5433), ('names', 'mysql', '127.0.0.1', 3307);
create function pg_temp.instance(text) returns bigint language sql as
	'select id from whalefall.instances where name = $1';
create function pg_temp.snapshot(extra jsonb default '{}') returns jsonb language sql as $$
	select jsonb_build_object('version', 4, 'categories', '{"mysql_global_privileges": ["SELECT"]}'::jsonb,
		'type_specific', '{}'::jsonb, 'extra', extra, 'errors', '[]'::jsonb, 'meta', '{}'::jsonb) $$;
create function pg_temp.sync(instance text, names text[], force boolean default false) returns jsonb language sql as $$
	select whalefall.accounts_merge(pg_temp.instance($1), $2, array_fill(pg_temp.snapshot(), array[cardinality($2)]), null, $3) $$;
create function pg_temp.counts(jsonb) returns text language sql as $$
	select concat_ws(',', $1 #>> '{inventory,created}', $1 #>> '{inventory,refreshed}', $1 #>> '{inventory,reactivated}',
		$1 #>> '{inventory,deactivated}', $1 #>> '{inventory,processed_records}') $$;
create function pg_temp.active(text) returns text language sql as $$
	select coalesce(string_agg(username, ',' order by username), '') from whalefall.instance_accounts
	where instance_id = pg_temp.instance($1) and is_active $$;
-- Row versions of everything a merge could write.
create function pg_temp.versions() returns setof text language sql as $$
	select 'a' || id || xmin::text || ctid::text from whalefall.instance_accounts
	union all select 'p' || id || xmin::text || ctid::text from whalefall.account_permission
	union all select 's' || instance_id || xmin::text || ctid::text from whalefall.account_sync_state
	union all select 'f' || id || xmin::text || ctid::text from whalefall.facts
	union all select 'l' || count(*) from whalefall_data.account_change_log $$;
-- The filters of the tests, whatever setup() has seeded.
delete from whalefall.account_filters;
insert into whalefall.account_filters values
	('mysql', 'like', 'mysql.%'), ('mysql', 'exact', 'mariadb.sys'), ('postgresql', 'like', 'pg_%'),
	('postgresql', 'exact', 'rdsadmin'), ('sqlserver', 'like', '##%'), ('sqlserver', 'like', 'NT SERVICE\%'),
	('sqlserver', 'exact', 'public'), ('oracle', 'like', 'SYS$%'), ('oracle', 'exact', 'SCOTT');
set local whalefall.language = 'en';

-- Decision table ------------------------------------------------------------------------------------------
set local whalefall.test_now = '2026-03-10 02:00:00+00';
select is(pg_temp.counts(pg_temp.sync('pg', '{a,b,c}')), '3,0,0,0,3', 'first sync: all are new');
set local whalefall.test_now = '2026-03-11 02:00:00+00';
select is(pg_temp.counts(pg_temp.sync('pg', '{a,b}')), '0,2,0,1,2', 'c vanished');
select results_eq($$select is_active, deleted_at, last_change_type, last_change_time from whalefall_api.accounts
	where instance_name = 'pg' and username = 'c'$$, $$values (false, '2026-03-11 02:00:00+00'::timestamptz, 'delete',
	'2026-03-11 02:00:00+00'::timestamptz)$$, 'a vanished account: inactive, with its time');
set local whalefall.test_now = '2026-03-12 02:00:00+00';
create temp table r as select pg_temp.sync('pg', '{a,c,d}') as r;
select is(pg_temp.counts(r), '1,1,1,1,3', 'vector: created d, refreshed a, reactivated c, deactivated b') from r;
select is(r -> 'inventory' -> 'active_accounts', '["a", "c", "d"]', 'vector: active accounts') from r;
select is((r -> 'inventory') - 'active_accounts', '{"status": "completed", "created": 1, "refreshed": 1, "reactivated": 1,
	"deactivated": 1, "processed_records": 3, "total_remote": 3, "active_count": 3}', 'all fields of the inventory') from r;
select is((r -> 'collection') - 'message', '{"status": "completed", "created": 1, "updated": 0, "skipped": 2, "errors": [],
	"processed_records": 1}', 'all fields of the collection') from r;
select is(pg_temp.active('pg'), 'a,c,d', 'what is active afterwards');
select results_eq($$select username, change_type, change_time, message, privilege_diff -> 'entries', other_diff -> 'entries'
	from whalefall_api.account_changes where instance_name = 'pg' and change_time >= '2026-03-12' order by id$$,
	$$values ('b' collate "C", 'delete', '2026-03-12 02:00:00+00'::timestamptz, 'account b account vanished at the source',
		'[]'::jsonb, '[]'::jsonb),
	('c', 'restore', '2026-03-12 02:00:00+00', 'account c account is back at the source', '[]', '[]'),
	('d', 'add', '2026-03-12 02:00:00+00', 'account d new account, 1 privileges granted', '[]', '[]')$$,
	'vanished, back and new accounts are logged');
select results_eq($$select is_active, deleted_at, last_change_type from whalefall_api.accounts
	where instance_name = 'pg' and username = 'c'$$, $$values (true, null::timestamptz, 'restore')$$, 'c is back');
create temp table v as select * from pg_temp.versions() v;
select is(pg_temp.counts(pg_temp.sync('pg', '{a,c,d}')), '0,3,0,0,3', 'vector: the same again is refreshed only');
select is_empty('select pg_temp.versions() except select v from v', 'the second sync wrote no row');
select lives_ok($$select pg_temp.sync('pg', '{d,c,a}')$$, 'another order');
select is_empty('select pg_temp.versions() except select v from v', 'the order does not matter');
select is((select count(*)::int from whalefall.instance_accounts where instance_id = pg_temp.instance('pg')), 4,
	'a vanished account keeps its row');
set local whalefall.test_now = '2026-03-13 02:00:00+00';
select is(whalefall.accounts_merge(pg_temp.instance('pg'), '{a,b,c,d}', array[pg_temp.snapshot(), jsonb_set(pg_temp.snapshot(),
	'{categories,mysql_global_privileges}', '["DROP"]'), pg_temp.snapshot(), pg_temp.snapshot()]) #>> '{collection,updated}', '1',
	'b came back with other privileges');
select results_eq($$select change_type from whalefall_api.account_changes where instance_name = 'pg' and username = 'b'
	and change_time = '2026-03-13 02:00:00+00' order by id$$, $$values ('restore'), ('modify_privilege')$$,
	'both is logged');

-- Guard ---------------------------------------------------------------------------------------------------
create temp table v2 as select * from pg_temp.versions() v;
select is(pg_temp.counts(pg_temp.sync('guarded', array(select 'u' || g from generate_series(1, 30) g))), '30,0,0,0,30', '30 accounts');
truncate v2;
insert into v2 select * from pg_temp.versions();
select throws_ok($$select pg_temp.sync('guarded', '{}')$$, 'PT409', 'the remote inventory looks wrong', 'vector: an empty list is stopped');
select throws_ok($$select pg_temp.sync('guarded', array(select 'u' || g from generate_series(1, 9) g))$$, 'PT409',
	'the remote inventory looks wrong', '21 of 30 would vanish: stopped');
select is_empty('select pg_temp.versions() except select v from v2', 'and nothing was written');
do $$
declare
	detail text;
	hint text;
begin
	perform pg_temp.sync('guarded', array(select 'u' || g from generate_series(1, 9) g));
exception when others then
	get stacked diagnostics detail = pg_exception_detail, hint = pg_exception_hint;
	perform set_config('test.detail', detail, true), set_config('test.hint', hint, true);
end $$;
select is(current_setting('test.detail'), 'The instance reports 9 accounts; 21 of 30 active accounts would vanish.', 'both counts');
select alike(current_setting('test.hint'), '%force%', 'the hint names force');
select is(pg_temp.counts(pg_temp.sync('guarded', array(select 'u' || g from generate_series(1, 10) g))), '0,10,0,20,10',
	'20 vanish: not more than 20');
select is(pg_temp.counts(pg_temp.sync('guarded', array(select 'u' || g from generate_series(1, 42) g))), '12,10,20,0,42', '42 active');
select is(pg_temp.counts(pg_temp.sync('guarded', array(select 'u' || g from generate_series(1, 21) g))), '0,21,0,21,21',
	'exactly half: passes');
select throws_ok($$select pg_temp.sync('guarded', '{new}')$$, 'PT409', null, 'all 21 replaced: stopped');
select is(pg_temp.counts(pg_temp.sync('guarded', '{new}', true)), '1,0,0,21,1', 'force passes');
select throws_ok($$select pg_temp.sync('guarded', '{}')$$, 'PT409', null, 'even one account is not lost to an empty list');
select is(pg_temp.sync('guarded', '{}', true), '{"inventory": {"status": "completed", "created": 0, "refreshed": 0,
	"reactivated": 0, "deactivated": 1, "processed_records": 0, "total_remote": 0, "active_count": 0, "active_accounts": []},
	"collection": {"status": "skipped", "created": 0, "updated": 0, "skipped": 0, "processed_records": 0, "errors": [],
	"message": "no active account found"}}', 'force with nothing: the phase is skipped');
select is(pg_temp.counts(pg_temp.sync('guarded', '{}')), '0,0,0,0,0', 'nothing known, nothing reported: fine');
select throws_ok($$select whalefall.accounts_merge(-1, '{}', '{}')$$, 'PT404', null, 'an unknown instance');

-- The engine of an instance is corrected ------------------------------------------------------------------
select is(pg_temp.counts(pg_temp.sync('ora', '{A,B}')), '2,0,0,0,2', 'as oracle');
update whalefall.instances set db_type = 'postgresql' where name = 'ora';
select is(pg_temp.counts(pg_temp.sync('ora', '{A}')), '1,0,0,2,1', 'accounts of the other engine count as absent');
select results_eq($$select db_type, username, is_active from whalefall.instance_accounts
	where instance_id = pg_temp.instance('ora') order by 1, 2$$,
	$$values ('oracle', 'A' collate "C", false), ('oracle', 'B', false), ('postgresql', 'A', true)$$, 'each engine its own row');
update whalefall.instances set db_type = 'oracle' where name = 'ora';

-- Filters -------------------------------------------------------------------------------------------------
select is((select string_agg(n, ',' order by n collate "C") from jsonb_array_elements_text(pg_temp.sync('pg',
	'{pg_monitor,pgbouncer,pgadmin,PG_X,rdsadmin,rdsadmin2,postgres,a,b,c,d}') #> '{inventory,active_accounts}') n),
	'PG_X,a,b,c,d,pgadmin,pgbouncer,postgres,rdsadmin2', 'postgresql: _ is no wildcard, case counts');
select is(pg_temp.sync('my', '{mysql.sys@localhost,mysqlbackup_app@%,mariadb.sys@localhost,x@mysql.example,mysqlx@%}')
	#> '{inventory,active_accounts}', '["mysqlbackup_app@%", "mysqlx@%", "x@mysql.example"]',
	'mysql: patterns look at the user part, before the last @');
select is(pg_temp.sync('my', '{mysqlbackup_app@%,mysqlx@%,x@mysql.example,mariadb.sys@b@h}') #>> '{inventory,created}', '1',
	'mysql: the user part of a@b@h is a@b');
select is(pg_temp.sync('ms', array['##MS_x', 'nt service\SQL', 'PUBLIC', 'Public2', 'NT', 'corp\bob']) #> '{inventory,active_accounts}',
	'["NT", "Public2", "corp\\bob"]', 'sqlserver: without case');
select is(pg_temp.sync('ora', '{SYS$UMF,SCOTT,scott,SYSTEM}') #> '{inventory,active_accounts}', '["SYSTEM", "scott"]', 'oracle: with case');
insert into whalefall.account_filters values ('oracle', 'exact', 'scott');
select is(pg_temp.counts(pg_temp.sync('ora', '{SCOTT,scott,SYSTEM}')), '0,1,0,1,1', 'a newly filtered account vanishes');

-- Names ---------------------------------------------------------------------------------------------------
create temp table n (name text);
insert into n values (repeat('n', 63) || 'x@%'), ('o''brien@%'), ('"quoted"@%'), ('back\slash@%'), ('鲸落@%'), ('🐋@%'),
	('; drop table whalefall.facts; --@%'), ('a b@%'), ('app@10.%'), ('app@%'), ('app@localhost'), ('a@b@10.%'), ('{brace},"x"@%'),
	(E'tab\there@%'), ('r@'), ('App@%'), ('%_@%'), ('\x41@%'), ('NULL'), ('null');
select is(pg_temp.sync('names', array(select name from n)) #>> '{inventory,created}', '20', 'names of every kind');
select set_eq($$select username from whalefall.instance_accounts where instance_id = pg_temp.instance('names')$$,
	'select name collate "C" from n', 'are stored as they are');
select is(pg_temp.counts(pg_temp.sync('names', array(select name from n))), '0,20,0,0,20', 'and found again');
select is((select count(*)::int from whalefall.instance_accounts where instance_id = pg_temp.instance('names')
	and username like 'app@%'), 3, 'one name at three hosts is three accounts');
select is(pg_temp.counts(pg_temp.sync('names', array(select name from n) || array['', ' ', null, E'\t\n'])), '0,20,0,0,20',
	'blank names are skipped');
select is((pg_temp.sync('names', array(select name from n) || array['a@%', 'a@%']) -> 'collection') - 'message',
	'{"status": "completed", "created": 1, "updated": 0, "skipped": 20, "processed_records": 1,
	"errors": ["two accounts are named a@%; only one is followed"]}', 'a double name is followed once, and said');
select is(pg_temp.sync('names', array(select name from n) || array[repeat('L', 1025)]) #> '{collection,errors}',
	jsonb_build_array('account name of 1025 bytes is too long: ' || repeat('L', 80) || '...'), 'too long a name is left out, and said');
select is(pg_temp.counts(pg_temp.sync('names', array(select name from n) || array[repeat('鲸', 341)])), '1,20,0,0,21', '1023 bytes fit');

-- Input ---------------------------------------------------------------------------------------------------
select throws_ok($$select whalefall.accounts_merge(pg_temp.instance('pg'), '{a}', array['[]'::jsonb])$$, 'PT400', null, 'an array is no snapshot');
select throws_ok($$select whalefall.accounts_merge(pg_temp.instance('pg'), '{a}', array['1'::jsonb])$$, 'PT400', null, 'nor is a number');
select throws_ok($$select whalefall.accounts_merge(pg_temp.instance('pg'), '{a}', array[null::jsonb])$$, 'PT400', null, 'nor null');
select throws_ok($$select whalefall.accounts_merge(pg_temp.instance('pg'), '{a,b}', array['{}'::jsonb])$$, 'PT400', null, 'one snapshot a name');
select throws_ok($$select whalefall.accounts_merge(null, '{}', '{}')$$, 'PT400', null, 'no instance');
select lives_ok($$select whalefall.accounts_merge(pg_temp.instance('pg'), '{a}', array['{"categories": [1, {"x": [null, [1]]}],
	"type_specific": 5, "extra": {"grantable": 3, "effective_roles": {"a": 1}}, "errors": {"x": "y"}, "version": "4"}'::jsonb], force => true)$$,
	'a snapshot of wrong shapes is survived');
select is((select permission_facts -> 'meta' ->> 'source' from whalefall_api.accounts where instance_name = 'pg' and username = 'a'),
	'snapshot_contract_error', 'and shows as a contract error');

-- Mass ----------------------------------------------------------------------------------------------------
select is(pg_temp.counts(pg_temp.sync('guarded', array(select 'm' || g from generate_series(1, 10000) g))), '10000,0,0,0,10000',
	'10,000 accounts at once');
truncate v2;
insert into v2 select * from pg_temp.versions();
select is(pg_temp.sync('guarded', array(select 'm' || g from generate_series(1, 10000) g)) #>> '{collection,skipped}', '10000', 'again');
select is_empty('select pg_temp.versions() except select v from v2', 'writes nothing');
select is(pg_temp.counts(pg_temp.sync('guarded', array(select 'm' || g from generate_series(4001, 10000) g))), '0,6000,0,4000,6000',
	'4,000 vanish, over several slices');
select is(pg_temp.counts(pg_temp.sync('guarded', array(select 'm' || g from generate_series(1, 11000) g))), '1000,6000,4000,0,11000',
	'and come back with 1,000 more');
select is((select count(*)::int from whalefall_data.account_change_log where instance_id = pg_temp.instance('guarded')
	and username like 'm%'), 10000 + 4000 + 4000 + 1000, 'every change is logged once');

select * from finish();
rollback;
