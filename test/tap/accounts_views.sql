-- The read model of accounts: what the views show, to whom, and by which plans; the merge keeps to indexes.
\set ECHO none
begin;
select plan(33);

insert into whalefall.instances (name, db_type, host, port) values
	('pg', 'postgresql', '127.0.0.1', 5432), ('gone', 'postgresql', '127.0.0.1', 5433), ('off', 'postgresql', '127.0.0.1', 5434);
create function pg_temp.instance(text) returns bigint language sql as
	'select id from whalefall.instances where name = $1';
create function pg_temp.snapshot(n int, state int default 0) returns jsonb language sql as $$
	select jsonb_build_object('version', 4, 'categories', jsonb_build_object(
			'postgresql_role_attributes', jsonb_build_object('can_login', true, 'can_create_role', n % 1000 = 0, 'can_super', n % 5000 = 0),
			'postgresql_predefined_roles', jsonb_build_array('team' || n % 50),
			'postgresql_database_privileges', jsonb_build_object('db' || n % 100, '["CONNECT", "TEMP"]'::jsonb)),
		'type_specific', '{"postgresql": {}}'::jsonb, 'extra', jsonb_build_object('state', state), 'errors', '[]'::jsonb,
		'meta', '{}'::jsonb) $$;
create function pg_temp.sync(instance text, last int, state int default 0) returns jsonb language sql as $$
	select whalefall.accounts_merge(pg_temp.instance($1), array_agg('u' || g), array_agg(pg_temp.snapshot(g, $3)), null, true)
	from generate_series(1, $2) g $$;
create function pg_temp.plan(query text) returns text language plpgsql as $$
declare
	line text;
	plan text := '';
begin
	for line in execute 'explain (costs off) ' || query loop
		plan := plan || line || E'\n';
	end loop;
	return plan;
end $$;
-- Blocks a query touches.
create function pg_temp.blocks(query text) returns bigint language plpgsql as $$
declare
	plan json;
begin
	execute 'explain (analyze, buffers, format json) ' || query into plan;
	return (plan #>> '{0,Plan,Shared Hit Blocks}')::bigint + (plan #>> '{0,Plan,Shared Read Blocks}')::bigint;
end $$;
set local whalefall.test_now = '2026-03-10 02:00:00+00';

-- Content -------------------------------------------------------------------------------------------------
select is(pg_temp.sync('gone', 10) #>> '{inventory,created}', '10', 'accounts of an instance');
select is(pg_temp.sync('off', 10) #>> '{inventory,created}', '10', 'of another');
update whalefall.instances set deleted_at = now() where name = 'gone';
update whalefall.instances set is_active = false where name = 'off';
select is((select count(*)::int from whalefall_api.accounts where instance_name = 'gone'), 0, 'a deleted instance hides its accounts');
select is((select count(*)::int from whalefall_api.account_privileges where instance_name = 'gone'), 0, 'and what they may do');
select is((select count(*)::int from whalefall_api.accounts where instance_name = 'off'), 10, 'a disabled one does not');
select is((select last_sync_time from whalefall_api.accounts where instance_name = 'off' and username = 'u1'),
	'2026-03-10 02:00:00+00', 'last_sync_time: the last change');
update whalefall.instances set last_account_sync_at = '2026-03-11 02:00:00+00' where name = 'off';
select is((select last_sync_time from whalefall_api.accounts where instance_name = 'off' and username = 'u1'),
	'2026-03-11 02:00:00+00', 'or the instance''s later sync');
insert into whalefall.instance_accounts (instance_id, db_type, username) values (pg_temp.instance('off'), 'postgresql', 'bare');
select results_eq($$select is_superuser, is_locked, type_specific, permission_snapshot, last_sync_time from whalefall_api.accounts
	where username = 'bare'$$, $$values (false, false, '{"version": 1}'::jsonb, null::jsonb, '2026-03-11 02:00:00+00'::timestamptz)$$,
	'an account without permissions is shown, as nothing special');
select results_eq($$select scope, object, privilege, grantable, is_active from whalefall_api.account_privileges
	where instance_name = 'off' and username = 'u1' order by 1, 2, 3$$, $$values
	('capability' collate "C", '' collate "C", 'can_login' collate "C", false, true), ('database', 'db1', 'CONNECT', false, true),
	('database', 'db1', 'TEMP', false, true), ('role', '', 'team1', false, true)$$, 'account_privileges: one row a fact');
select is((select count(*)::int from information_schema.columns c where table_schema = 'whalefall_api'
	and table_name in ('accounts', 'account_privileges', 'account_changes')
	and col_description(format('%I.%I', table_schema, table_name)::regclass, ordinal_position) is null), 0, 'every column has a comment');

-- Rights --------------------------------------------------------------------------------------------------
select is(has_table_privilege(r, 'whalefall_api.' || v, 'select'), r <> 'whalefall_anon', format('%s reads %s: only from viewer on', r, v))
	from unnest('{whalefall_anon,whalefall_viewer,whalefall_admin}'::text[]) r, unnest('{accounts,account_privileges,account_changes}'::text[]) v;
select is((select count(*)::int from pg_proc p, unnest('{whalefall_anon,whalefall_viewer,whalefall_user,whalefall_admin,public}'::name[]) r
	where p.pronamespace = 'whalefall'::regnamespace and p.proname like 'accounts\_merge%' and has_function_privilege(r, p.oid, 'execute')), 0,
	'nobody may merge by hand');

-- Plans, at a size where they matter ----------------------------------------------------------------------
select is(pg_temp.sync('pg', 20000) #>> '{inventory,created}', '20000', '20,000 accounts');
insert into whalefall.facts (db_type, scope, object, name)
	select 'postgresql', 'database', 'other' || d, p from generate_series(1, 5000) d, unnest('{CONNECT,CREATE,TEMP,can}'::text[]) p;
analyze whalefall.instances, whalefall.instance_accounts, whalefall.account_permission, whalefall.facts;
create temp table id as select max(id) as id from whalefall.instance_accounts where instance_id = pg_temp.instance('pg');
select matches(p, w, 'who has a privilege: by ' || w)
	from pg_temp.plan($$select * from whalefall_api.account_privileges where privilege = 'can_create_role' and scope = 'capability'$$) p,
	unnest('{facts_key,account_permission_fact_ids_idx}'::text[]) w;
select doesnt_match(p, 'Seq Scan on account_permission', 'who has a privilege: no scan of all accounts')
	from pg_temp.plan($$select * from whalefall_api.account_privileges where privilege = 'can_create_role'$$) p;
select is((select count(*)::int from whalefall_api.account_privileges where privilege = 'can_create_role' and instance_name = 'pg'), 20, 'finds them');
select matches(p, w, 'what has an account: by ' || w)
	from id, pg_temp.plan(format('select * from whalefall_api.account_privileges where account_id = %s', id)) p,
	unnest('{account_permission_id_idx,facts_pkey}'::text[]) w;
select doesnt_match(p, 'Seq Scan on (account_permission|instance_accounts)', 'what has an account: no scan')
	from id, pg_temp.plan(format('select * from whalefall_api.account_privileges where account_id = %s', id)) p;
select cmp_ok(pg_temp.blocks(format('select * from whalefall_api.account_privileges where account_id = %s', id)), '<=',
	50 * pg_temp.blocks(format('select * from whalefall.account_permission where instance_id = %s and id = %s',
	pg_temp.instance('pg'), id)), 'what has an account: at most 50 times the blocks of a primary key read') from id;
select matches(pg_temp.plan('select account_id from whalefall_api.accounts where is_superuser'), 'account_permission_superuser_idx',
	'who is superuser: by the partial index');

-- The merge scans no table, even by plans that were kept from when they were small -------------------------
create temp table scans as select relname, seq_scan from pg_stat_xact_user_tables
	where schemaname = 'whalefall' and relname in ('instance_accounts', 'account_permission', 'facts');
select is(pg_temp.sync('pg', 20000, 1) #>> '{collection,skipped}', '20000', 'all changed in extra alone');
select is(pg_temp.sync('pg', 18000, 2) #>> '{inventory,deactivated}', '2000', 'and some vanished');
select results_eq($$select relname, seq_scan from pg_stat_xact_user_tables where schemaname = 'whalefall'
	and relname in ('instance_accounts', 'account_permission', 'facts') order by 1$$, 'select * from scans order by 1',
	'no sequential scan');

select * from finish();
rollback;
