-- Accounts: who exists on an instance, what they may do, and interned facts.
-- The change log is history: whalefall_data.account_change_log, made by whalefall.setup().

CREATE TABLE whalefall.account_filters (
	db_type text NOT NULL CHECK (db_type IN ('mysql', 'postgresql', 'sqlserver', 'oracle')),
	kind text NOT NULL CHECK (kind IN ('exact', 'like')),
	pattern text NOT NULL CHECK (pattern <> ''),
	PRIMARY KEY (db_type, kind, pattern)
);
COMMENT ON TABLE whalefall.account_filters IS 'system accounts that are not synced; in a like pattern only % is a wildcard';

CREATE TABLE whalefall.facts (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	db_type text COLLATE "C" NOT NULL,
	scope text COLLATE "C" NOT NULL,
	object text COLLATE "C" NOT NULL DEFAULT '',
	name text COLLATE "C" NOT NULL,
	grantable boolean NOT NULL DEFAULT false,
	CONSTRAINT facts_key UNIQUE (name, db_type, scope, object, grantable)
);
COMMENT ON TABLE whalefall.facts IS 'every distinct privilege, role or capability seen in the fleet, interned; accounts hold sorted ids of it';

CREATE TABLE whalefall.instance_accounts (
	instance_id bigint NOT NULL REFERENCES whalefall.instances ON DELETE CASCADE,
	id bigint GENERATED ALWAYS AS IDENTITY,
	db_type text NOT NULL,
	username text COLLATE "C" NOT NULL,
	is_active boolean NOT NULL DEFAULT true,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	deleted_at timestamptz,
	PRIMARY KEY (instance_id, id),
	CONSTRAINT instance_accounts_key UNIQUE (instance_id, db_type, username)
);
COMMENT ON TABLE whalefall.instance_accounts IS 'existence of an account on an instance; inactive = vanished at the source';
CREATE INDEX instance_accounts_id_idx ON whalefall.instance_accounts (id);

-- Shares the id of instance_accounts. Written only when something changed.
CREATE TABLE whalefall.account_permission (
	instance_id bigint NOT NULL,
	id bigint NOT NULL,
	permission_snapshot jsonb NOT NULL,
	permission_facts jsonb NOT NULL,
	fact_ids integer[] NOT NULL,
	is_superuser boolean NOT NULL GENERATED ALWAYS AS
		(coalesce(permission_facts -> 'capabilities' ? 'SUPERUSER', false)) STORED,
	is_locked boolean NOT NULL GENERATED ALWAYS AS
		(coalesce(permission_facts -> 'capabilities' ? 'LOCKED', false)) STORED,
	last_change_type text NOT NULL DEFAULT 'add'
		CHECK (last_change_type IN ('add', 'modify_privilege', 'modify_other', 'delete', 'restore')),
	last_change_time timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (instance_id, id),
	FOREIGN KEY (instance_id, id) REFERENCES whalefall.instance_accounts ON DELETE CASCADE
);
COMMENT ON TABLE whalefall.account_permission IS 'current permission state of an account: snapshot, derived facts, interned fact ids';
CREATE INDEX account_permission_id_idx ON whalefall.account_permission (id);
CREATE INDEX account_permission_fact_ids_idx ON whalefall.account_permission USING gin (fact_ids);
-- Who is superuser anywhere: few rows of many. The condition is written as in the view, to be recognized.
CREATE INDEX account_permission_superuser_idx ON whalefall.account_permission (instance_id, id)
	WHERE is_superuser IS TRUE;

-- What PUBLIC held per object at the last account sync; tells a new database from a new grant.
CREATE TABLE whalefall.account_sync_state (
	instance_id bigint PRIMARY KEY REFERENCES whalefall.instances ON DELETE CASCADE,
	public_privileges jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE whalefall.account_sync_state IS 'per instance: privileges of PUBLIC at the last account sync';

CREATE VIEW whalefall_api.accounts AS
SELECT a.id AS account_id, a.instance_id, i.name AS instance_name, a.db_type, a.username, a.is_active,
	p.is_superuser IS TRUE AS is_superuser, p.is_locked IS TRUE AS is_locked,
	coalesce(p.permission_snapshot -> 'type_specific' -> a.db_type, '{}'::jsonb) || '{"version": 1}'::jsonb
		AS type_specific,
	p.permission_snapshot, p.permission_facts,
	greatest(p.last_change_time, i.last_account_sync_at) AS last_sync_time,
	p.last_change_type, p.last_change_time, a.created_at, a.updated_at, a.deleted_at
FROM whalefall.instance_accounts a
JOIN whalefall.instances i ON i.id = a.instance_id
LEFT JOIN whalefall.account_permission p ON p.instance_id = a.instance_id AND p.id = a.id
WHERE i.deleted_at IS NULL;
COMMENT ON VIEW whalefall_api.accounts IS 'accounts of the fleet with their current permission state';
COMMENT ON COLUMN whalefall_api.accounts.account_id IS 'id of the account';
COMMENT ON COLUMN whalefall_api.accounts.instance_id IS 'id of the instance';
COMMENT ON COLUMN whalefall_api.accounts.instance_name IS 'name of the instance';
COMMENT ON COLUMN whalefall_api.accounts.db_type IS 'mysql, postgresql, sqlserver, oracle';
COMMENT ON COLUMN whalefall_api.accounts.username IS 'name of the account; MySQL: user@host';
COMMENT ON COLUMN whalefall_api.accounts.is_active IS 'false: vanished at the source';
COMMENT ON COLUMN whalefall_api.accounts.is_superuser IS 'has the capability SUPERUSER';
COMMENT ON COLUMN whalefall_api.accounts.is_locked IS 'has the capability LOCKED: cannot log in';
COMMENT ON COLUMN whalefall_api.accounts.type_specific IS 'attributes that only this engine has';
COMMENT ON COLUMN whalefall_api.accounts.permission_snapshot IS 'what the source said, normalized (version 4); null before the first collection';
COMMENT ON COLUMN whalefall_api.accounts.permission_facts IS 'what it means: capabilities, roles, privileges (version 2)';
COMMENT ON COLUMN whalefall_api.accounts.last_sync_time IS 'later of the last change and the last account sync of the instance';
COMMENT ON COLUMN whalefall_api.accounts.last_change_type IS 'add, modify_privilege, modify_other, delete, restore';
COMMENT ON COLUMN whalefall_api.accounts.last_change_time IS 'when a sync last found a change';
COMMENT ON COLUMN whalefall_api.accounts.created_at IS 'when a sync first saw the account';
COMMENT ON COLUMN whalefall_api.accounts.updated_at IS 'when it last appeared or vanished';
COMMENT ON COLUMN whalefall_api.accounts.deleted_at IS 'when it was found missing; null while active';

-- Both conditions on fact_ids say the same: the first finds the facts of an account by their primary key, the
-- second the accounts of a fact by the GIN index. The planner takes the one that fits the query.
CREATE VIEW whalefall_api.account_privileges AS
SELECT p.id AS account_id, p.instance_id, i.name AS instance_name, i.db_type, a.username, a.is_active,
	f.scope, f.object, f.name AS privilege, f.grantable
FROM whalefall.account_permission p
JOIN whalefall.facts f ON f.id = ANY (p.fact_ids) AND p.fact_ids @> ARRAY[f.id]
JOIN whalefall.instance_accounts a ON a.instance_id = p.instance_id AND a.id = p.id
JOIN whalefall.instances i ON i.id = p.instance_id
WHERE i.deleted_at IS NULL;
COMMENT ON VIEW whalefall_api.account_privileges IS 'who can do what: one row per account, scope, object and privilege';
COMMENT ON COLUMN whalefall_api.account_privileges.account_id IS 'id of the account';
COMMENT ON COLUMN whalefall_api.account_privileges.instance_id IS 'id of the instance';
COMMENT ON COLUMN whalefall_api.account_privileges.instance_name IS 'name of the instance';
COMMENT ON COLUMN whalefall_api.account_privileges.db_type IS 'mysql, postgresql, sqlserver, oracle';
COMMENT ON COLUMN whalefall_api.account_privileges.username IS 'name of the account; MySQL: user@host';
COMMENT ON COLUMN whalefall_api.account_privileges.is_active IS 'false: vanished at the source, the privileges are its last ones';
COMMENT ON COLUMN whalefall_api.account_privileges.scope IS 'capability, role, role_effective (held through another role), global, server, system, database, schema, object, column, tablespace';
COMMENT ON COLUMN whalefall_api.account_privileges.object IS 'what it is held on: a database, db/schema, db/schema.object, a tablespace; empty when the scope has none';
COMMENT ON COLUMN whalefall_api.account_privileges.privilege IS 'name of the privilege, role or capability';
COMMENT ON COLUMN whalefall_api.account_privileges.grantable IS 'may be passed on (WITH GRANT or ADMIN OPTION)';

CREATE FUNCTION whalefall.accounts_merge(instance_id bigint, usernames text[], snapshots jsonb[],
	public_privileges jsonb DEFAULT NULL, force boolean DEFAULT false)
	RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_accounts_merge_snapshots';
COMMENT ON FUNCTION whalefall.accounts_merge(bigint, text[], jsonb[], jsonb, boolean) IS 'merge ready permission snapshots of an instance as an account sync would';

CREATE FUNCTION whalefall.accounts_merge_rows(instance_id bigint, rows jsonb,
	unread text[] DEFAULT '{}', force boolean DEFAULT false)
	RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_accounts_merge_rows';
COMMENT ON FUNCTION whalefall.accounts_merge_rows(bigint, jsonb, text[], boolean) IS 'merge rows of an instance as its driver emits them; unread: categories that could not be read';

SELECT pg_catalog.pg_extension_config_dump('whalefall.account_filters', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.facts', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.facts_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instance_accounts', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instance_accounts_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.account_permission', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.account_sync_state', '');
