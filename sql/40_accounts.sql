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
	db_type text NOT NULL,
	scope text NOT NULL,
	object text NOT NULL DEFAULT '',
	name text NOT NULL,
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

-- What PUBLIC held per object at the last account sync; tells a new database from a new grant.
CREATE TABLE whalefall.account_sync_state (
	instance_id bigint PRIMARY KEY REFERENCES whalefall.instances ON DELETE CASCADE,
	public_privileges jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE whalefall.account_sync_state IS 'per instance: privileges of PUBLIC at the last account sync';

SELECT pg_catalog.pg_extension_config_dump('whalefall.account_filters', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.facts', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.facts_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instance_accounts', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instance_accounts_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.account_permission', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.account_sync_state', '');
