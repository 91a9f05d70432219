-- Facts: capabilities, roles, privileges and interned facts of all four engines; expiry.
\set ECHO none
begin;
select plan(56);

insert into whalefall.instances (name, db_type, host, port) values
	('my', 'mysql', '127.0.0.1', 3306), ('pg', 'postgresql', '127.0.0.1', 5432),
	('ms', 'sqlserver', '127.0.0.1', 1433), ('ora', 'oracle', '127.0.0.1', 1521);
create function pg_temp.instance(text) returns bigint language sql as
	'select id from whalefall.instances where name = $1';
-- A snapshot of parts; the rest is empty.
create function pg_temp.snapshot(db_type text, categories jsonb, type_specific jsonb default '{}',
	extra jsonb default '{}', errors jsonb default '[]') returns jsonb language sql as $$
	select jsonb_build_object('version', 4, 'categories', $2, 'type_specific', jsonb_build_object($1, $3),
		'extra', $4, 'errors', $5, 'meta', '{}'::jsonb) $$;
-- Merges one account and gives its facts.
create function pg_temp.facts(instance text, username text, snapshot jsonb) returns jsonb language plpgsql as $$
begin
	perform whalefall.accounts_merge(pg_temp.instance($1), array[$2], array[$3]);
	return (select p.permission_facts from whalefall.account_permission p
		join whalefall.instance_accounts a using (instance_id, id)
		where a.instance_id = pg_temp.instance($1) and a.username = $2);
end $$;
-- What account_privileges shows of an account: scope|object|privilege, ! when grantable.
create function pg_temp.held(text, text) returns text language sql as $$
	select coalesce(string_agg(concat_ws('|', scope, nullif(object, ''), privilege || case when grantable then '!' else '' end), ', '
		order by scope, object, privilege), '')
	from whalefall_api.account_privileges where instance_name = $1 and username = $2 $$;

-- MySQL: the vector of the specification ------------------------------------------------------------------
create temp table f as select pg_temp.facts('my', 'app@10.%', pg_temp.snapshot('mysql',
	'{"mysql_global_privileges": ["GRANT OPTION", "PROCESS", "SELECT"],
	  "mysql_database_privileges": {"crm": ["INSERT", "SELECT"]},
	  "mysql_granted_roles": {"direct": ["ops@%"], "default": ["ops@%"]}}',
	'{"account_locked": true, "account_kind": "user", "host": "10.%"}')) as f;
select is(f -> 'capabilities', '["GRANT_ADMIN", "LOCKED"]', 'mysql: capabilities') from f;
select is(f -> 'capability_reasons', '{"LOCKED": ["type_specific.account_locked=True"],
	"GRANT_ADMIN": ["mysql_global_privileges=GRANT OPTION"]}', 'mysql: reasons are path=value') from f;
select is(f -> 'roles', '["ops@%"]', 'mysql: direct and default roles are one list') from f;
select is(f -> 'privileges', '{"global": ["GRANT OPTION", "PROCESS", "SELECT"],
	"database": {"crm": ["INSERT", "SELECT"]}}', 'mysql: privileges by scope, empty groups left out') from f;
select is(f - 'capabilities' - 'capability_reasons' - 'roles' - 'privileges',
	'{"version": 2, "db_type": "mysql", "errors": [], "meta": {"source": "snapshot", "snapshot_version": 4}}',
	'mysql: version, engine, errors, meta') from f;
select is(pg_temp.held('my', 'app@10.%'), 'capability|GRANT_ADMIN, capability|LOCKED, database|crm|INSERT, '
	|| 'database|crm|SELECT, global|GRANT OPTION, global|PROCESS!, global|SELECT!, role|ops@%',
	'mysql: interned facts; GRANT OPTION makes the global privileges grantable, not those of crm');
select is((select array[is_superuser, is_locked] from whalefall_api.accounts where username = 'app@10.%'),
	'{f,t}', 'mysql: the generated columns follow');
select is(pg_temp.facts('my', 'r@', pg_temp.snapshot('mysql', '{"mysql_global_privileges": []}',
	'{"account_locked": true, "account_kind": "role"}')) -> 'capabilities', '[]', 'mysql: a role is never locked');
select is(pg_temp.facts('my', 'root@%', pg_temp.snapshot('mysql', '{"mysql_global_privileges": ["SELECT"]}',
	'{"super_priv": true, "account_locked": false}')) -> 'capabilities', '["SUPERUSER"]', 'mysql: super_priv');
select is(pg_temp.facts('my', 'nul@%', pg_temp.snapshot('mysql', '{"mysql_global_privileges": ["SELECT"]}',
	'{"super_priv": null, "account_locked": "true"}')) -> 'capabilities', '[]',
	'mysql: null and the text "true" are not true');
select is(pg_temp.facts('my', 'dbg@%', pg_temp.snapshot('mysql',
	'{"mysql_database_privileges": {"a": ["GRANT OPTION", "SELECT"], "b": ["SELECT"]}}')) -> 'roles', '[]', 'no roles');
select is(pg_temp.held('my', 'dbg@%'), 'database|a|GRANT OPTION, database|a|SELECT!, database|b|SELECT',
	'mysql: GRANT OPTION counts in its database only');

-- PostgreSQL ----------------------------------------------------------------------------------------------
delete from f;
set local whalefall.test_now = '2026-03-10 02:00:00+00';
insert into f select pg_temp.facts('pg', 'old', pg_temp.snapshot('postgresql',
	'{"postgresql_role_attributes": {"can_super": false, "can_create_role": true, "can_create_db": false,
		"can_inherit": true, "can_login": false, "connection_limit": 5},
	  "postgresql_predefined_roles": ["app_rw", "pg_monitor"],
	  "postgresql_role_membership_options": {"app_rw": ["ADMIN", "INHERIT"], "pg_monitor": ["SET"]},
	  "postgresql_database_privileges": {"crm": ["CONNECT", "TEMP"]},
	  "postgresql_tablespace_privileges": {"fast": ["CREATE"]}}',
	'{"valid_until": "2020-01-01T00:00:00+00:00"}', '{"effective_roles": ["app_ro", "app_rw", "pg_monitor"]}'));
select is(f -> 'capabilities', '["GRANT_ADMIN", "LOCKED", "can_create_role", "can_inherit"]',
	'postgresql: capabilities, attributes under their own names') from f;
select is(f -> 'capability_reasons' -> 'LOCKED', '["postgresql_role_attributes.can_login=False",
	"type_specific.valid_until=expired"]', 'postgresql: two reasons to be locked') from f;
select is(f -> 'roles', '["app_rw", "pg_monitor"]', 'postgresql: all direct roles') from f;
select is(f -> 'roles_effective', '["app_ro", "app_rw", "pg_monitor"]', 'postgresql: the closure beside them') from f;
select is(f -> 'privileges', '{"database": {"crm": ["CONNECT", "TEMP"]}, "tablespace": {"fast": ["CREATE"]}}',
	'postgresql: database and tablespace privileges') from f;
select is(pg_temp.held('pg', 'old'), 'capability|GRANT_ADMIN, capability|LOCKED, capability|can_create_role, '
	|| 'capability|can_inherit, database|crm|CONNECT, database|crm|TEMP, role|app_rw!, role|pg_monitor, '
	|| 'role_effective|app_ro, tablespace|fast|CREATE',
	'postgresql: facts; ADMIN makes a role grantable, a direct role is not listed as effective too');
select is(pg_temp.facts('pg', 'su', pg_temp.snapshot('postgresql',
	'{"postgresql_role_attributes": {"can_super": true, "can_login": true}}')) -> 'capabilities',
	'["SUPERUSER", "can_login", "can_super"]', 'postgresql: superuser');
select is((select is_superuser from whalefall_api.accounts where username = 'su'), true, 'postgresql: is_superuser');
select is(pg_temp.facts('pg', 'bad', pg_temp.snapshot('postgresql',
	'{"postgresql_role_attributes": {"can_login": true}}', jsonb_build_object('valid_until', v))) -> 'capabilities',
	'["can_login"]', 'postgresql: no instant, no expiry: ' || v)
	from unnest('{2020-13-01T00:00:00+00:00,2020-02-30T00:00:00Z,infinity,2020-01-01,garbage,2020-01-01T00:00:00}'::text[]) v;
select is(pg_temp.facts('pg', 'zone', pg_temp.snapshot('postgresql', '{"postgresql_role_attributes": {"can_login": true}}',
	jsonb_build_object('valid_until', v))) -> 'capabilities' ? 'LOCKED', locked, 'postgresql: zones and fractions: ' || v)
	from (values ('2026-03-10T02:00:00+00:00', true), ('2026-03-10T02:00:00.000001Z', false),
		('2026-03-10T09:59:59.999999+08:00', true), ('2026-03-10T10:00:01+08:00', false),
		('2026-03-09T21:00:00-0500', true), ('0001-01-01T00:00:00+00:00', true)) t (v, locked);

-- Expiry between two syncs --------------------------------------------------------------------------------
create temp table versions (x text);
select is(pg_temp.facts('pg', 'timed', pg_temp.snapshot('postgresql',
	'{"postgresql_role_attributes": {"can_login": true}}', '{"valid_until": "2026-03-11T00:00:00+00:00"}'))
	-> 'capabilities', '["can_login"]', 'expiry: still valid');
insert into versions select p.xmin::text || p.ctid::text from whalefall.account_permission p
	join whalefall.instance_accounts a using (instance_id, id) where username = 'timed';
set local whalefall.test_now = '2026-03-10 23:59:59+00';
select is(pg_temp.facts('pg', 'timed', pg_temp.snapshot('postgresql',
	'{"postgresql_role_attributes": {"can_login": true}}', '{"valid_until": "2026-03-11T00:00:00+00:00"}'))
	-> 'capabilities', '["can_login"]', 'expiry: one second before');
select is((select p.xmin::text || p.ctid::text from whalefall.account_permission p
	join whalefall.instance_accounts a using (instance_id, id) where username = 'timed'), (select x from versions),
	'expiry: nothing written before');
set local whalefall.test_now = '2026-03-11 00:00:00+00';
set local whalefall.language = 'en';
select is(pg_temp.facts('pg', 'timed', pg_temp.snapshot('postgresql',
	'{"postgresql_role_attributes": {"can_login": true}}', '{"valid_until": "2026-03-11T00:00:00+00:00"}'))
	-> 'capabilities', '["LOCKED", "can_login"]', 'expiry: the same snapshot is locked now');
select results_eq($$select change_type, message, privilege_diff -> 'entries', other_diff -> 'entries'
	from whalefall_api.account_changes where username = 'timed' order by id desc limit 1$$,
	$$values ('modify_other', 'account timed lock state from no to yes', '[]'::jsonb, '[{"field": "is_locked",
	"label": "lock state", "before": "no", "after": "yes", "description": "lock state from no to yes"}]'::jsonb)$$,
	'expiry: logged as a change of the lock state');
select is((whalefall.accounts_merge(pg_temp.instance('pg'), '{timed}', array[pg_temp.snapshot('postgresql',
	'{"postgresql_role_attributes": {"can_login": true}}', '{"valid_until": "2026-03-11T00:00:00+00:00"}')])
	-> 'collection' ->> 'skipped'), '1', 'expiry: once');
select is((pg_temp.facts('pg', 'timed', pg_temp.snapshot('postgresql',
	'{"postgresql_role_attributes": {"can_login": true}}', '{"valid_until": "2027-01-01T00:00:00+00:00"}'))
	-> 'capabilities'), '["can_login"]', 'expiry: prolonged, unlocked');

-- SQL Server ----------------------------------------------------------------------------------------------
delete from f;
insert into f select pg_temp.facts('ms', 'corp\sec', pg_temp.snapshot('sqlserver',
	'{"sqlserver_server_roles": ["securityadmin"], "sqlserver_server_permissions": ["CONNECT SQL"],
	  "sqlserver_database_roles": {"crm": ["db_owner", "sysadmin"], "hr": ["db_owner"]},
	  "sqlserver_database_permissions": {"crm": {"database": ["SELECT"], "schema": {"dbo": ["EXECUTE"]},
		"table": {"dbo.t": ["SELECT", "UPDATE"]}, "column": {"dbo.t.c": ["SELECT"]}}}}',
	'{"is_disabled": true, "connect_to_engine": "GRANT"}',
	'{"grantable": {"sqlserver_database_permissions": {"crm": {"table": {"dbo.t": ["UPDATE"]}}}}}'));
select is(f -> 'capabilities', '["GRANT_ADMIN", "LOCKED"]',
	'sqlserver: a disabled login is locked; a database role called sysadmin is no superuser') from f;
select is(f -> 'privileges', '{"server": ["CONNECT SQL"], "database_permissions": {"crm": ["SELECT"]},
	"object_permissions": {"crm": ["EXECUTE", "SELECT", "UPDATE"]}}',
	'sqlserver: the permission names, not the scope names') from f;
select is(f -> 'roles', '["db_owner", "securityadmin", "sysadmin"]', 'sqlserver: server and database roles') from f;
select is(pg_temp.held('ms', 'corp\sec'), 'capability|GRANT_ADMIN, capability|LOCKED, column|crm/dbo.t.c|SELECT, '
	|| 'database|crm|SELECT, object|crm/dbo.t|SELECT, object|crm/dbo.t|UPDATE!, role|securityadmin, '
	|| 'role|crm|db_owner, role|crm|sysadmin, role|hr|db_owner, schema|crm/dbo|EXECUTE, server|CONNECT SQL',
	'sqlserver: facts with scope and object; WITH GRANT OPTION is grantable');
select is(pg_temp.facts('ms', 'x', pg_temp.snapshot('sqlserver', c, t)) -> 'capabilities', wanted::jsonb, 'sqlserver: ' || name)
	from (values ('sysadmin', '{"sqlserver_server_roles": ["sysadmin"]}'::jsonb, '{}'::jsonb, '["SUPERUSER"]'),
		('CONTROL SERVER', '{"sqlserver_server_permissions": ["CONTROL SERVER"]}', '{}', '["GRANT_ADMIN"]'),
		('DENY', '{"sqlserver_server_roles": []}', '{"connect_to_engine": "DENY"}', '["LOCKED"]'),
		('locked out, expired, must change', '{"sqlserver_server_roles": []}',
			'{"is_locked_out": true, "is_password_expired": true, "must_change_password": true}', '["LOCKED"]'))
		t (name, c, t, wanted);

-- Oracle --------------------------------------------------------------------------------------------------
select is(pg_temp.facts('ora', 'APP', pg_temp.snapshot('oracle', '{"oracle_roles": ["DBA"]}',
	'{"account_status": "EXPIRED & LOCKED"}')) -> 'capabilities', '["GRANT_ADMIN", "LOCKED", "SUPERUSER"]',
	'oracle: DBA, expired and locked');
select is(pg_temp.facts('ora', 'GAP', pg_temp.snapshot('oracle',
	'{"oracle_system_privileges": ["GRANT ANY PRIVILEGE"]}', '{"account_status": "OPEN"}')) -> 'capabilities',
	'["GRANT_ADMIN"]', 'oracle: GRANT ANY PRIVILEGE; OPEN is not locked');
select is(pg_temp.facts('ora', 'SYS', pg_temp.snapshot('oracle', '{"oracle_roles": ["CONNECT"]}')) -> 'capabilities',
	'["SUPERUSER"]', 'oracle: SYS');
select is(pg_temp.facts('ora', 'PW', pg_temp.snapshot('oracle', '{"oracle_roles": ["CONNECT"]}', '{}',
	'{"password_file": ["SYSDBA"], "grantable": {"oracle_roles": ["CONNECT"]}}')) -> 'capabilities', '["SUPERUSER"]',
	'oracle: SYSDBA in the password file');
select is(pg_temp.held('ora', 'PW'), 'capability|SUPERUSER, role|CONNECT!', 'oracle: ADMIN OPTION');

-- Errors --------------------------------------------------------------------------------------------------
select is(pg_temp.facts('ora', 'E1', pg_temp.snapshot('oracle', '{}', '{}', '{}', '["some error"]')) -> 'errors',
	'["some error", "PERMISSION_DATA_MISSING"]', 'no categories: an error; errors of the snapshot are kept');
select is(pg_temp.facts('ora', 'E2', '{"version": 3, "categories": {"oracle_roles": ["A"]}}') -> 'meta' ->> 'source',
	'snapshot_contract_error', 'another version: a contract error');
select is(pg_temp.facts('ora', 'E3', pg_temp.snapshot('oracle', jsonb_build_object('oracle_roles',
	jsonb_build_array(repeat('x', 2001), 'A')))) -> 'errors', '["FACT_TOO_LONG"]', 'too long for an index: named, not stored');
select is(pg_temp.held('ora', 'E3'), 'role|A', 'the other facts are there');

select * from finish();
rollback;
