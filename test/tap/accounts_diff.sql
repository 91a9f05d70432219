-- The diff of two permission states, and what the change log says.
\set ECHO none
begin;
select plan(35);

insert into whalefall.instances (name, db_type, host, port) values
	('my', 'mysql', '127.0.0.1', 3306), ('pg', 'postgresql', '127.0.0.1', 5432),
	('ms', 'sqlserver', '127.0.0.1', 1433);
create function pg_temp.instance(text) returns bigint language sql as
	'select id from whalefall.instances where name = $1';
create function pg_temp.snapshot(db_type text, categories jsonb, type_specific jsonb default '{}')
	returns jsonb language sql as $$
	select jsonb_build_object('version', 4, 'categories', $2, 'type_specific', jsonb_build_object($1, $3),
		'extra', '{}'::jsonb, 'errors', '[]'::jsonb, 'meta', '{}'::jsonb) $$;
-- Brings account x from one state to another and gives the log row of that step (null: none).
create function pg_temp.step(instance text, before jsonb, after jsonb, public_before jsonb default null,
	public_after jsonb default null) returns jsonb language plpgsql as $$
declare
	last bigint;
begin
	perform whalefall.accounts_merge(pg_temp.instance($1), '{x}', array[before], public_before);
	select coalesce(max(id), 0) into last from whalefall_data.account_change_log;
	perform whalefall.accounts_merge(pg_temp.instance($1), '{x}', array[after], public_after);
	return (select jsonb_build_object('type', change_type, 'message', message, 'privilege', privilege_diff -> 'entries',
		'other', other_diff -> 'entries', 'versions', privilege_diff ->> 'version' || (other_diff ->> 'version'))
		from whalefall_data.account_change_log where id > last);
end $$;
-- Short form of privilege entries: ACTION object [names].
create function pg_temp.short(entries jsonb) returns text language sql as $$
	select coalesce(string_agg(concat(e ->> 'action', ' ', e ->> 'object', ' ', e -> 'permissions'), '; ' order by n), '')
	from jsonb_array_elements(entries) with ordinality t (e, n) $$;
set local whalefall.language = 'en';

-- Vectors of the specification ----------------------------------------------------------------------------
create temp table d as select pg_temp.step('my',
	pg_temp.snapshot('mysql', '{"mysql_database_privileges": {"crm": ["INSERT", "SELECT"]}}'),
	pg_temp.snapshot('mysql', '{"mysql_database_privileges": {"crm": ["SELECT", "UPDATE"], "hr": ["SELECT"]}}')) as d;
select is(d -> 'privilege', '[
	{"field": "mysql_database_privileges", "label": "database privileges", "object": "database privileges:crm",
		"action": "GRANT", "permissions": ["UPDATE"]},
	{"field": "mysql_database_privileges", "label": "database privileges", "object": "database privileges:crm",
		"action": "REVOKE", "permissions": ["INSERT"]},
	{"field": "mysql_database_privileges", "label": "database privileges", "object": "database privileges:hr",
		"action": "GRANT", "permissions": ["SELECT"]}]', 'vector: three entries') from d;
select is(d ->> 'type', 'modify_privilege', 'vector: modify_privilege') from d;
select is(d -> 'other', '[]', 'vector: no other entry') from d;
select is(d ->> 'versions', '11', 'both diffs have version 1') from d;
select is(d ->> 'message', 'account x privileges: +2 granted, -1 revoked', 'the sentence counts permissions') from d;
select is(pg_temp.step('my', pg_temp.snapshot('mysql', '{"mysql_global_privileges": ["SELECT"]}', '{"account_locked": false}'),
	pg_temp.snapshot('mysql', '{"mysql_global_privileges": ["SELECT"]}', '{"account_locked": true}')) - 'message' - 'versions',
	'{"type": "modify_other", "privilege": [], "other": [
	{"field": "is_locked", "label": "lock state", "before": "no", "after": "yes", "description": "lock state from no to yes"},
	{"field": "type_specific.account_locked", "label": "database attributes · account_locked", "before": "no", "after": "yes",
		"description": "database attributes · account_locked from no to yes"}]}', 'locked: the fact and its attribute');
select is(pg_temp.step('my', pg_temp.snapshot('mysql', '{"mysql_global_privileges": ["SELECT"]}', '{"plugin": "a"}'),
	pg_temp.snapshot('mysql', '{"mysql_global_privileges": ["SELECT"]}', '{"plugin": "b"}')) #>> '{other,0,field}',
	'type_specific.plugin', 'vector: a changed attribute');
delete from d;
insert into d select pg_temp.step('my', pg_temp.snapshot('mysql', '{"mysql_global_privileges": ["SELECT"]}', '{"plugin": "a"}'),
	pg_temp.snapshot('mysql', '{"mysql_global_privileges": ["DROP"]}', '{"plugin": "b"}'));
select is(d ->> 'type', 'modify_privilege', 'vector: both kinds are one row, modify_privilege') from d;
select is(d ->> 'message', 'account x privileges: +1 granted, -1 revoked; database attributes · plugin from a to b',
	'both sentences') from d;
select is(pg_temp.short(d -> 'privilege'), 'GRANT global privileges ["DROP"]; REVOKE global privileges ["SELECT"]',
	'a list category is one object, GRANT before REVOKE') from d;
select is(pg_temp.step('my', pg_temp.snapshot('mysql', '{"mysql_global_privileges": ["SELECT"]}'),
	pg_temp.snapshot('mysql', '{"mysql_global_privileges": ["SELECT"]}')), null, 'vector: identical, no row');

-- Attributes ----------------------------------------------------------------------------------------------
select is(pg_temp.short(pg_temp.step('pg',
	pg_temp.snapshot('postgresql', '{"postgresql_role_attributes": {"can_login": true, "can_create_db": false, "connection_limit": -1}}'),
	pg_temp.snapshot('postgresql', '{"postgresql_role_attributes": {"can_login": false, "can_create_db": true, "connection_limit": 5}}'))
	-> 'privilege'), 'GRANT role attributes ["can_create_db"]; REVOKE role attributes ["can_login"]; '
	|| 'GRANT role attributes:connection_limit ["5"]; REVOKE role attributes:connection_limit ["-1"]',
	'a boolean is one entry; a number is a set of one');
select is(pg_temp.step('pg',
	pg_temp.snapshot('postgresql', '{"postgresql_role_attributes": {"can_super": false, "can_login": true}}'),
	pg_temp.snapshot('postgresql', '{"postgresql_role_attributes": {"can_super": true, "can_login": true}}')) #> '{other}',
	'[{"field": "is_superuser", "label": "superuser", "before": "no", "after": "yes", "description": "superuser from no to yes"}]',
	'becoming superuser is named');
select is(pg_temp.step('pg', pg_temp.snapshot('postgresql', '{"postgresql_role_attributes": {"can_login": true}}', b::jsonb),
	pg_temp.snapshot('postgresql', '{"postgresql_role_attributes": {"can_login": true}}', a::jsonb)) #>> '{other,0,description}',
	'database attributes · k ' || wanted, 'description: ' || wanted)
	from (values ('{"k": null}', '{"k": "v"}', 'set to v'), ('{}', '{"k": true}', 'set to yes'), ('{"k": 7}', '{}', 'cleared'),
		('{"k": ["a", "b"]}', '{"k": ["a"]}', 'from a, b to a'), ('{"k": {"x": 1, "y": "z"}}', '{"k": {"x": 2}}', 'from x:1; y:z to x:2'))
		t (b, a, wanted);
select is(pg_temp.step('pg', pg_temp.snapshot('postgresql', '{"postgresql_role_attributes": {"can_login": true}}', '{"version": 1}'),
	pg_temp.snapshot('postgresql', '{"postgresql_role_attributes": {"can_login": true}}', '{"version": 2}')), null,
	'the format version of type_specific is no change');
select is(pg_temp.short(pg_temp.step('pg',
	pg_temp.snapshot('postgresql', '{"postgresql_predefined_roles": ["a"], "postgresql_role_membership_options": {"a": ["INHERIT"]}}'),
	pg_temp.snapshot('postgresql', '{"postgresql_predefined_roles": ["a", "b"], "postgresql_role_membership_options": {"a": ["ADMIN", "INHERIT"]}}'))
	-> 'privilege'), 'GRANT predefined roles ["b"]; GRANT role membership options:a ["ADMIN"]', 'roles and their options');

-- SQL Server ----------------------------------------------------------------------------------------------
select is(pg_temp.short(pg_temp.step('ms',
	pg_temp.snapshot('sqlserver', '{"sqlserver_database_permissions": {"crm": {"database": ["SELECT"], "schema": {"dbo": ["EXECUTE"]},
		"table": {"dbo.t": ["SELECT", "UPDATE"]}}}}'),
	pg_temp.snapshot('sqlserver', '{"sqlserver_database_permissions": {"crm": {"database": ["CONNECT", "SELECT"],
		"table": {"dbo.t": ["SELECT"]}, "column": {"dbo.t.c": ["SELECT"]}}, "hr": {"schema": {"s": ["ALTER"]}}}}')) -> 'privilege'),
	'GRANT database permissions:crm ["CONNECT"]; REVOKE database permissions:crm/dbo ["EXECUTE"]; '
	|| 'REVOKE database permissions:crm/dbo.t ["UPDATE"]; GRANT database permissions:crm/dbo.t.c ["SELECT"]; '
	|| 'GRANT database permissions:hr/s ["ALTER"]', 'database permissions are flattened to objects');

-- PUBLIC --------------------------------------------------------------------------------------------------
create function pg_temp.dbs(jsonb) returns jsonb language sql as
	$$select pg_temp.snapshot('postgresql', jsonb_build_object('postgresql_database_privileges', $1)) $$;
create function pg_temp.pub(jsonb) returns jsonb language sql as
	$$select jsonb_build_object('postgresql_database_privileges', $1) $$;
select is(pg_temp.step('pg', pg_temp.dbs('{"a": ["CONNECT", "TEMP"]}'),
	pg_temp.dbs('{"a": ["CONNECT", "TEMP"], "new": ["CONNECT", "TEMP"]}'),
	pg_temp.pub('{"a": ["CONNECT", "TEMP"]}'), pg_temp.pub('{"a": ["CONNECT", "TEMP"], "new": ["CONNECT", "TEMP"]}')), null,
	'a new database with what PUBLIC has: no change');
select is((select permission_snapshot #> '{categories,postgresql_database_privileges,new}' from whalefall_api.accounts
	where instance_name = 'pg' and username = 'x'), '["CONNECT", "TEMP"]', 'but it is stored');
select is(pg_temp.short(pg_temp.step('pg', pg_temp.dbs('{"a": ["CONNECT", "TEMP"]}'),
	pg_temp.dbs('{"a": ["CONNECT", "TEMP"], "new": ["CONNECT", "CREATE"]}'),
	pg_temp.pub('{"a": ["CONNECT", "TEMP"]}'), pg_temp.pub('{"a": ["CONNECT", "TEMP"], "new": ["CONNECT"]}')) -> 'privilege'),
	'GRANT database privileges:new ["CONNECT", "CREATE"]', 'a new database with more than PUBLIC has: all of it');
select is(pg_temp.step('pg', pg_temp.dbs('{"a": ["CONNECT"], "b": ["CONNECT"]}'), pg_temp.dbs('{"a": ["CONNECT"]}'),
	pg_temp.pub('{"a": ["CONNECT"], "b": ["CONNECT", "TEMP"]}'), pg_temp.pub('{"a": ["CONNECT"]}')), null,
	'a dropped database with what PUBLIC had: no change');
select is(pg_temp.short(pg_temp.step('pg', pg_temp.dbs('{"a": ["CONNECT"], "b": ["CREATE"]}'), pg_temp.dbs('{"a": ["CONNECT"]}'),
	pg_temp.pub('{"a": ["CONNECT"], "b": ["CONNECT"]}'), pg_temp.pub('{"a": ["CONNECT"]}')) -> 'privilege'),
	'REVOKE database privileges:b ["CREATE"]', 'a dropped database with a privilege of one''s own');
select is(pg_temp.short(pg_temp.step('pg', pg_temp.dbs('{"a": ["CONNECT"]}'), pg_temp.dbs('{"a": ["CONNECT", "TEMP"]}'),
	pg_temp.pub('{"a": ["CONNECT"]}'), pg_temp.pub('{"a": ["CONNECT", "TEMP"]}')) -> 'privilege'),
	'GRANT database privileges:a ["TEMP"]', 'a grant to PUBLIC on a database that was there is a change');
select is(pg_temp.short(pg_temp.step('pg', pg_temp.dbs('{"a": ["CONNECT"], "b": ["CONNECT"]}'), pg_temp.dbs('{"b": ["CONNECT"]}'),
	pg_temp.pub('{"a": ["CONNECT"], "b": ["CONNECT"]}'), pg_temp.pub('{"a": [], "b": ["CONNECT"]}')) -> 'privilege'),
	'REVOKE database privileges:a ["CONNECT"]', 'taking all from PUBLIC on a database that stays is a change');
delete from whalefall.account_sync_state;
select is(pg_temp.short(pg_temp.step('pg', pg_temp.dbs('{"a": ["CONNECT"]}'), pg_temp.dbs('{"a": ["CONNECT"], "n": ["CONNECT"]}'),
	null, pg_temp.pub('{"a": ["CONNECT"], "n": ["CONNECT"]}')) -> 'privilege'),
	'GRANT database privileges:n ["CONNECT"]', 'nothing known of PUBLIC before: nothing is hidden');

-- Silent updates ------------------------------------------------------------------------------------------
create temp table before as select last_change_time as t, last_change_type as ty from whalefall_api.accounts
	where instance_name = 'pg' and username = 'x';
select is((whalefall.accounts_merge(pg_temp.instance('pg'), '{x}', array[jsonb_set(pg_temp.dbs('{"a": ["CONNECT"], "n": ["CONNECT"]}'),
	'{extra}', '{"effective_roles": ["r"]}')], pg_temp.pub('{"a": ["CONNECT"], "n": ["CONNECT"]}')) -> 'collection') - 'message',
	'{"status": "completed", "created": 0, "updated": 0, "skipped": 1, "errors": [], "processed_records": 0}',
	'only extra differs: not counted');
select results_eq($$select permission_facts -> 'roles_effective', last_change_time, last_change_type from whalefall_api.accounts
	where instance_name = 'pg' and username = 'x'$$, $$select '["r"]'::jsonb, t, ty from before$$,
	'but stored, without moving the last change');

-- Languages, add, labels of unknown categories ------------------------------------------------------------
set local whalefall.language = 'zh';
select is(pg_temp.step('my', pg_temp.snapshot('mysql', '{"mysql_global_privileges": ["SELECT"]}', '{"super_priv": false}'),
	pg_temp.snapshot('mysql', '{"mysql_global_privileges": ["DROP", "SELECT"]}', '{"super_priv": true}')) ->> 'message',
	'账户 x 权限：授予 +1 项，撤销 -0 项; 超级用户由 否 变为 是; 数据库属性 · super_priv由 否 变为 是', 'Chinese');
set local whalefall.language = 'en';
select is(pg_temp.short(pg_temp.step('my', pg_temp.snapshot('mysql', '{"some_category": ["a"]}'),
	pg_temp.snapshot('mysql', '{"some_category": ["b"]}')) -> 'privilege'),
	'GRANT some_category ["b"]; REVOKE some_category ["a"]', 'an unknown category is shown by its own name');
select lives_ok($$select whalefall.accounts_merge(pg_temp.instance('my'), '{x,fresh,bare}', array[
	pg_temp.snapshot('mysql', '{"some_category": ["b"]}'),
	pg_temp.snapshot('mysql', '{"mysql_global_privileges": ["DROP", "SELECT"], "mysql_database_privileges": {"d": ["SELECT"]}}',
		'{"super_priv": true}'), pg_temp.snapshot('mysql', '{}')])$$, 'two new accounts');
select results_eq($$select username, change_type, message, privilege_diff -> 'entries', other_diff -> 'entries'
	from whalefall_api.account_changes where username in ('fresh', 'bare') order by 1$$,
	$$values ('bare' collate "C", 'add', 'account bare new account', '[]'::jsonb, '[]'::jsonb),
	('fresh', 'add', 'account fresh new account, 3 privileges granted; superuser set to yes', '[]', '[]')$$,
	'add: empty diffs, the sentence counts');

select * from finish();
rollback;
