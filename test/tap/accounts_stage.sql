-- From a driver's rows to snapshots: canonical form, parts that could not be read, PUBLIC, malformed rows.
\set ECHO none
begin;
select plan(61);

insert into whalefall.instances (name, db_type, host, port) values
	('pg', 'postgresql', '127.0.0.1', 5432), ('my', 'mysql', '127.0.0.1', 3306), ('ms', 'sqlserver', '127.0.0.1', 1433);
create function pg_temp.instance(text) returns bigint language sql as
	'select id from whalefall.instances where name = $1';
create function pg_temp.sync(instance text, rows jsonb, unread text[] default '{}') returns jsonb language sql as
	$$select whalefall.accounts_merge_rows(pg_temp.instance($1), $2, $3) $$;
create function pg_temp.snapshot(text) returns jsonb language sql as
	$$select permission_snapshot from whalefall_api.accounts where username = $1 $$;
create function pg_temp.categories(text) returns jsonb language sql as $$select pg_temp.snapshot($1) -> 'categories' $$;
-- Row versions of everything a merge could write.
create function pg_temp.versions() returns setof text language sql as $$
	select 'a' || id || xmin::text || ctid::text from whalefall.instance_accounts
	union all select 'p' || id || xmin::text || ctid::text from whalefall.account_permission
	union all select 's' || instance_id || xmin::text || ctid::text from whalefall.account_sync_state
	union all select 'f' || id || xmin::text || ctid::text from whalefall.facts
	union all select 'l' || count(*) from whalefall_data.account_change_log $$;
delete from whalefall.account_filters;
insert into whalefall.account_filters values ('postgresql', 'like', 'pg_%');
set local whalefall.language = 'en';

-- One account with everything -----------------------------------------------------------------------------
create temp table s (rows jsonb);
insert into s values ('[["account", "10", "bob"], ["account", "11", "pg_monitor"], ["account", "12", " "],
	["value", "10", "postgresql_role_attributes", "can_login", "b", "t"],
	["value", "10", "postgresql_role_attributes", "can_super", "b", "false"],
	["value", "10", "postgresql_role_attributes", "connection_limit", "n", "-1"],
	["value", "11", "postgresql_role_attributes", "can_login", "b", "f"],
	["item", "10", "postgresql_predefined_roles", "b"], ["item", "10", "postgresql_predefined_roles", "a"],
	["item", "10", "postgresql_predefined_roles", "b"], ["item", "10", "postgresql_predefined_roles", "B"],
	["item", "10", "postgresql_role_membership_options", "b", "SET"], ["item", "10", "postgresql_role_membership_options", "b", "ADMIN"],
	["item", "10", "postgresql_database_privileges", "zz", "TEMP"], ["item", "10", "postgresql_database_privileges", "crm", "CONNECT"],
	["item", "10", "postgresql_database_privileges", "zz", "CONNECT"], ["item", "99", "postgresql_predefined_roles", "x"],
	["value", "10", "type_specific", "valid_until", "s", "2030-01-01T00:00:00+00:00"], ["value", "10", "type_specific", "nothing", "s", null],
	["value", "10", "type_specific", "is_superuser", "b", "t"], ["value", "10", "type_specific", "roles", "s", "x"],
	["item", "10", "extra.effective_roles", "c"], ["item", "10", "extra.effective_roles", "b"],
	["value", "10", "extra", "note", "s", "text"], ["value", "10", "extra.quota", "fast", "n", "100"],
	["public", "postgresql_database_privileges", "crm", "CONNECT"], ["meta", "pg_database_privileges", "explicit"], ["meta", "none", null]]');
select is(pg_temp.sync('pg', rows) -> 'inventory' -> 'active_accounts', '["bob"]', 'filtered and blank accounts are left out') from s;
select is(pg_temp.categories('bob'), '{"postgresql_role_attributes": {"can_login": true, "can_super": false, "connection_limit": -1},
	"postgresql_predefined_roles": ["B", "a", "b"], "postgresql_role_membership_options": {"b": ["ADMIN", "SET"]},
	"postgresql_database_privileges": {"crm": ["CONNECT"], "zz": ["CONNECT", "TEMP"]}}', 'categories: lists sorted and distinct');
select is(pg_temp.snapshot('bob') -> 'type_specific', '{"postgresql": {"valid_until": "2030-01-01T00:00:00+00:00", "nothing": null}}',
	'type_specific, without what only facts decide');
select is(pg_temp.snapshot('bob') -> 'errors', '["TYPE_SPECIFIC_FORBIDDEN_FIELD:is_superuser", "TYPE_SPECIFIC_FORBIDDEN_FIELD:roles"]',
	'and that is said');
select is(pg_temp.snapshot('bob') -> 'extra', '{"effective_roles": ["b", "c"], "note": "text", "quota": {"fast": 100}}', 'extra');
select is(pg_temp.snapshot('bob') -> 'meta', '{"pg_database_privileges": "explicit", "none": null}', 'meta');
select is(pg_temp.snapshot('bob') -> 'version', '4', 'version');
select is((select array_agg(k order by k) from jsonb_object_keys(pg_temp.snapshot('bob')) k),
	'{categories,errors,extra,meta,type_specific,version}', 'and nothing else');
select is((select type_specific from whalefall_api.accounts where username = 'bob'),
	'{"valid_until": "2030-01-01T00:00:00+00:00", "nothing": null, "version": 1}', 'shown with its version');
select is((select public_privileges from whalefall.account_sync_state where instance_id = pg_temp.instance('pg')),
	'{"postgresql_database_privileges": {"crm": ["CONNECT"], "zz": []}}', 'PUBLIC, and every object that exists');

-- The same state in another order -------------------------------------------------------------------------
create temp table v as select * from pg_temp.versions() v;
select is(pg_temp.sync('pg', (select jsonb_agg(r order by (r ->> 0 = 'account') desc, md5(r::text)) from s, jsonb_array_elements(rows) r))
	#>> '{collection,skipped}', '1', 'rows in any order');
select is(pg_temp.sync('pg', (select jsonb_agg(case when r ->> 0 in ('item', 'value', 'account') then jsonb_set(r, '{1}', to_jsonb('k' || (r ->> 1)))
	else r end order by n) from s, jsonb_array_elements(rows) with ordinality t (r, n))) #>> '{collection,skipped}', '1', 'other keys');
select is_empty('select pg_temp.versions() except select v from v', 'the same state gives the same bytes: nothing written');

-- Parts that could not be read ----------------------------------------------------------------------------
create temp table k as select pg_temp.snapshot('bob') as snapshot;
create function pg_temp.without(text) returns jsonb language sql as $$
	select jsonb_agg(r order by n) from s, jsonb_array_elements(rows) with ordinality t (r, n)
	where case r ->> 0 when 'public' then r ->> 1 when 'meta' then '' when 'account' then '' else r ->> 2 end <> $1 $$;
select is(pg_temp.sync('pg', pg_temp.without(c), array[c]) #>> '{collection,skipped}', '1', 'unread, kept: ' || c)
	from unnest('{postgresql_predefined_roles,postgresql_database_privileges,postgresql_role_attributes,type_specific,extra.effective_roles}'::text[]) c;
select is(pg_temp.sync('pg', rows || '[["item", "10", "postgresql_predefined_roles", "half"]]', '{postgresql_predefined_roles}')
	#>> '{collection,skipped}', '1', 'rows of a category that was read by half are void') from s;
select is_empty($$select pg_temp.versions() except select v from v$$, 'none of these wrote anything');
select is(pg_temp.sync('pg', pg_temp.without('postgresql_predefined_roles')) #>> '{collection,updated}', '1', 'read and gone: revoked');
select is(pg_temp.categories('bob') -> 'postgresql_predefined_roles', null, 'the category is gone');
select is(pg_temp.sync('pg', rows) #>> '{collection,updated}', '1', 'and back') from s;
select is(pg_temp.sync('pg', rows || '[["account", "20", "new"], ["item", "20", "postgresql_predefined_roles", "half"],
	["item", "20", "postgresql_database_privileges", "crm", "CONNECT"]]', '{postgresql_predefined_roles}') #>> '{collection,created}', '1',
	'a new account with an unread part') from s;
select is(pg_temp.categories('new'), '{"postgresql_database_privileges": {"crm": ["CONNECT"]}}', 'has no half-read list');
select is(pg_temp.sync('pg', '[["account", "10", "bob"]]', '{postgresql_role_attributes,postgresql_predefined_roles,
	postgresql_role_membership_options,postgresql_database_privileges,type_specific,extra.effective_roles}') #>> '{collection,errors}',
	'[]', 'almost nothing could be read');
select is(pg_temp.categories('bob'), (select snapshot -> 'categories' from k), 'bob keeps all his privileges');

-- PUBLIC and databases, through the stage -----------------------------------------------------------------
create function pg_temp.world(granted jsonb, public jsonb) returns jsonb language sql as $$
	select '[["account", "1", "ann"], ["account", "2", "owner"]]'::jsonb
		|| coalesce((select jsonb_agg(jsonb_build_array('item', k.key, 'postgresql_database_privileges', d.key, p))
			from (values ('1'), ('2')) k (key), jsonb_each($1) d, jsonb_array_elements(d.value) p), '[]')
		|| coalesce((select jsonb_agg(jsonb_build_array('item', '2', 'postgresql_database_privileges', d.key, 'CREATE')) from jsonb_each($1) d), '[]')
		|| coalesce((select jsonb_agg(jsonb_build_array('public', 'postgresql_database_privileges', d.key, p))
			from jsonb_each($2) d, jsonb_array_elements(d.value) p), '[]') $$;
create function pg_temp.updated(jsonb) returns text language sql as $$select $1 #>> '{collection,updated}' $$;
delete from whalefall.instances where name = 'pg';
insert into whalefall.instances (name, db_type, host, port) values ('pg', 'postgresql', '127.0.0.1', 5432);
select is(pg_temp.sync('pg', pg_temp.world('{"a": ["CONNECT", "TEMP"]}', '{"a": ["CONNECT", "TEMP"]}')) #>> '{collection,created}', '2', 'two accounts');
select is(pg_temp.updated(pg_temp.sync('pg', pg_temp.world('{"a": ["CONNECT", "TEMP"], "b": ["CONNECT", "TEMP"]}',
	'{"a": ["CONNECT", "TEMP"], "b": ["CONNECT", "TEMP"]}'))), '1', 'a new database changes its owner only');
select is((select privilege_diff #>> '{entries,0,permissions}' from whalefall_api.account_changes where username = 'owner' order by id desc limit 1),
	'["CONNECT", "CREATE", "TEMP"]', 'who got more than PUBLIC has');
select is(pg_temp.updated(pg_temp.sync('pg', pg_temp.world('{"a": ["CONNECT", "TEMP"], "b": []}', '{"a": ["CONNECT", "TEMP"]}'))), '2',
	'everything taken from PUBLIC on b: both lost it, b is not dropped');
select is(pg_temp.updated(pg_temp.sync('pg', pg_temp.world('{"a": ["CONNECT", "TEMP"], "b": ["CONNECT"]}', '{"a": ["CONNECT", "TEMP"], "b": ["CONNECT"]}'))),
	'2', 'and given back: both changed');
select is(pg_temp.updated(pg_temp.sync('pg', pg_temp.world('{"a": ["CONNECT", "TEMP"]}', '{"a": ["CONNECT", "TEMP"]}'))), '1',
	'b dropped: its owner changed');
select is(pg_temp.updated(pg_temp.sync('pg', pg_temp.world('{"a": ["CONNECT", "TEMP"]}', '{}'), '{postgresql_database_privileges}')), '0', 'unread');
select is((select public_privileges from whalefall.account_sync_state where instance_id = pg_temp.instance('pg')),
	'{"postgresql_database_privileges": {"a": ["CONNECT", "TEMP"]}}', 'PUBLIC is kept as well');

-- Shapes --------------------------------------------------------------------------------------------------
select lives_ok($$select pg_temp.sync('ms', '[["account", "1", "l"], ["item", "1", "sqlserver_database_permissions", "crm", "table", "dbo.t", "SELECT"],
	["item", "1", "sqlserver_database_permissions", "crm", "database", "CONNECT"], ["item", "1", "c", "a"], ["item", "1", "c", "b", "x"],
	["value", "1", "c", "v", "s", "w"], ["value", "1", "n", "big", "n", "123456789012345678901234567890"], ["value", "1", "n", "odd", "n", "1e5"],
	["value", "1", "n", "bool", "b", "no"]]')$$, 'deep and mixed rows');
select is(pg_temp.categories('l'), '{"sqlserver_database_permissions": {"crm": {"database": ["CONNECT"], "table": {"dbo.t": ["SELECT"]}}},
	"c": ["a"], "n": {"big": 123456789012345678901234567890, "odd": "1e5", "bool": false}}', 'nested as they came; the first row decides');
select is(pg_temp.snapshot('l') -> 'errors', '["CATEGORY_SHAPE:c"]', 'a category of two shapes is said');

-- Malformed rows ------------------------------------------------------------------------------------------
select throws_ok(format($$select pg_temp.sync('my', '[["account", "1", "a"], %s]')$$, r), 'PT409', null, 'refused: ' || left(r, 60))
	from unnest(array['["unknown", "x"]', '["account", "1", "b"]', '["account", null, "b"]', '["account", "2"]', '["item", "1", "c"]',
		'["item", "1", "c", null]', '["item", "1", "c", "1", "2", "3", "4", "5", "6"]', '["value", "1", "c", "n", "x", "t"]',
		'["public", "c", "o"]', '["meta", null, "x"]', '["item", null, "c", "n"]',
		'["item", "1", "c", "' || repeat('x', 1025) || '"]']) r;
select throws_ok(format($$select pg_temp.sync('my', '%s')$$, r), 'PT400', null, 'refused: ' || left(r, 60))
	from unnest(array['{}', '[1]', '[[]]', '[["account", 1, "x"]]', '5', '[[null]]']) r;

-- Bounds --------------------------------------------------------------------------------------------------
select throws_ok($$select pg_temp.sync('my', (select jsonb_agg(jsonb_build_array('account', 'k' || g, repeat('x', 1000) || g))
	from generate_series(1, 68000) g))$$, 'PT409', 'the instance gave no usable data', 'more than 64 MB of names');
select is(jsonb_array_length(pg_temp.sync('my', (select jsonb_agg(jsonb_build_array('account', g::text, 'same')) || '[["account", "x", "other"]]'
	from generate_series(1, 500) g)) #> '{collection,errors}'), 100, 'errors are bounded');

-- Mass ----------------------------------------------------------------------------------------------------
create temp table mass as select (select jsonb_agg(jsonb_build_array('account', g::text, 'r' || g)) from generate_series(1, 10000) g)
	|| (select jsonb_agg(jsonb_build_array('value', g::text, 'postgresql_role_attributes', a, 'b', 'false'))
		from generate_series(1, 10000) g, unnest('{can_super,can_create_db,can_login}'::text[]) a)
	|| (select jsonb_agg(jsonb_build_array('item', g::text, 'postgresql_database_privileges', 'd' || d, 'CONNECT'))
		from generate_series(1, 10000) g, generate_series(1, 3) d) as rows;
select is(pg_temp.sync('pg', rows) #>> '{collection,created}', '10000', '10,000 accounts, 70,000 rows') from mass;
truncate v;
insert into v select * from pg_temp.versions();
select is(pg_temp.sync('pg', rows) #>> '{collection,skipped}', '10000', 'again') from mass;
select is_empty('select pg_temp.versions() except select v from v', 'writes nothing');

select * from finish();
rollback;
