-- Core: schemas, the control plane's own state, seeds' and setup's history, error table.
-- Objects get their owner and lose PUBLIC's rights in 90_seal.sql; grants stand in 95_grants.sql.

CREATE SCHEMA whalefall;
COMMENT ON SCHEMA whalefall IS 'whalefall: private tables';
CREATE SCHEMA whalefall_api;
COMMENT ON SCHEMA whalefall_api IS 'whalefall: operations (functions) and read model (views)';

-- One row, written by whalefall.setup(). The system identifier and database oid tell a restored copy
-- from the original: a copy must not log in to the fleet.
CREATE TABLE whalefall.control_plane (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	system_identifier bigint NOT NULL,
	database_oid oid NOT NULL,
	setup_version integer NOT NULL,
	set_up_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE whalefall.control_plane IS 'which cluster and database this control plane lives in, and how far setup() has brought it';

CREATE TABLE whalefall.setup_history (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	step integer NOT NULL,
	name text NOT NULL,
	extension_version text NOT NULL,
	ran_at timestamptz NOT NULL DEFAULT now(),
	ran_by text NOT NULL
);
COMMENT ON TABLE whalefall.setup_history IS 'every step setup() has taken in this database';

CREATE TABLE whalefall.seeds (
	name text PRIMARY KEY,
	version integer NOT NULL,
	applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE whalefall.seeds IS 'seed data already applied; a seed is applied once per version, so edits and deletions survive';

CREATE FUNCTION whalefall.error_table(OUT message_code text, OUT http_status integer,
	OUT sqlstate text, OUT category text, OUT severity text, OUT message_en text, OUT message_zh text)
	RETURNS SETOF record LANGUAGE c STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
	AS '/tmp/capscratch/whalefall.so', 'wf_base_error_table';
COMMENT ON FUNCTION whalefall.error_table() IS 'every condition the product raises: code, SQLSTATE, HTTP status, texts';

-- Keeps updated_at; attached to every table that has the column.
CREATE FUNCTION whalefall.touch_updated_at() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
	AS '/tmp/capscratch/whalefall.so', 'wf_base_touch_updated_at';
COMMENT ON FUNCTION whalefall.touch_updated_at() IS 'trigger: sets updated_at to now at every update';

-- Inventory: users (the first administrator), credentials, instances.

CREATE TABLE whalefall.users (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	username text NOT NULL CONSTRAINT users_username_key UNIQUE CHECK (length(username) BETWEEN 1 AND 255),
	email text CHECK (length(email) <= 255),
	password text NOT NULL,
	role text NOT NULL DEFAULT 'user' CHECK (role IN ('admin', 'user', 'viewer')),
	is_active boolean NOT NULL DEFAULT true,
	last_login timestamptz,
	password_changed_at timestamptz,
	token_epoch integer NOT NULL DEFAULT 0,
	created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE whalefall.users IS 'people who log in over HTTP; passwords as bcrypt hashes';

CREATE TABLE whalefall.credentials (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL CONSTRAINT credentials_name_key UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
	credential_type text NOT NULL CHECK (credential_type IN ('database', 'ssh', 'windows', 'api', 'ldap')),
	db_type text CHECK (db_type IN ('mysql', 'postgresql', 'sqlserver', 'oracle')),
	username text NOT NULL CHECK (length(username) BETWEEN 1 AND 128),
	secret bytea,
	description text,
	category_id bigint,
	is_active boolean NOT NULL DEFAULT true,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE whalefall.credentials IS 'logins to the fleet; secret = key id, nonce, AES-256-GCM ciphertext, tag';

CREATE TABLE whalefall.instances (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL CONSTRAINT instances_name_key UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
	db_type text NOT NULL CHECK (db_type IN ('mysql', 'postgresql', 'sqlserver', 'oracle')),
	host text NOT NULL CHECK (length(host) BETWEEN 1 AND 255),
	port integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
	database_name text CHECK (length(database_name) BETWEEN 1 AND 64),
	database_version text,
	main_version text,
	detailed_version text,
	sync_count integer NOT NULL DEFAULT 0,
	credential_id bigint REFERENCES whalefall.credentials ON DELETE SET NULL,
	description text NOT NULL DEFAULT '' CHECK (length(description) <= 500),
	is_active boolean NOT NULL DEFAULT true,
	tls_mode text NOT NULL DEFAULT 'prefer'
		CHECK (tls_mode IN ('disable', 'prefer', 'require', 'verify-ca', 'verify-full')),
	tls_ca text,
	last_connected timestamptz,
	last_connect_attempt timestamptz,
	last_connect_ok boolean,
	last_connect_error text,
	last_account_sync_at timestamptz,
	last_capacity_sync_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	deleted_at timestamptz
);
COMMENT ON TABLE whalefall.instances IS 'the fleet: database servers registered here';
CREATE INDEX instances_credential_id_idx ON whalefall.instances (credential_id);

CREATE TRIGGER touch_updated_at BEFORE UPDATE ON whalefall.credentials
	FOR EACH ROW EXECUTE FUNCTION whalefall.touch_updated_at();

-- Capacity: inventory of databases, latest table sizes. Size history lives in whalefall_data; setup()
-- makes it, and the views whalefall_api.databases, database_sizes and instance_sizes that read it.

CREATE TABLE whalefall.database_filters (
	db_type text NOT NULL CHECK (db_type IN ('mysql', 'postgresql', 'sqlserver', 'oracle')),
	kind text NOT NULL CHECK (kind IN ('exact', 'like')),
	pattern text NOT NULL CHECK (pattern <> ''),
	PRIMARY KEY (db_type, kind, pattern)
);
COMMENT ON TABLE whalefall.database_filters IS 'system databases that are not followed; compared without case, only % is a wildcard';

CREATE TABLE whalefall.instance_databases (
	instance_id bigint NOT NULL REFERENCES whalefall.instances ON DELETE CASCADE,
	id bigint GENERATED ALWAYS AS IDENTITY,
	database_name text COLLATE "C" NOT NULL,
	is_active boolean NOT NULL DEFAULT true,
	first_seen_date date NOT NULL,
	last_seen_date date NOT NULL,
	deleted_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (instance_id, id),
	CONSTRAINT instance_databases_key UNIQUE (instance_id, database_name),
	CHECK (is_active = (deleted_at IS NULL)),
	CHECK (first_seen_date <= last_seen_date)
);
COMMENT ON TABLE whalefall.instance_databases IS 'databases of an instance; inactive = vanished at the source or filtered';
CREATE INDEX instance_databases_id_idx ON whalefall.instance_databases (id);

CREATE TABLE whalefall.database_table_size_stats (
	instance_id bigint NOT NULL REFERENCES whalefall.instances ON DELETE CASCADE,
	database_name text COLLATE "C" NOT NULL,
	schema_name text COLLATE "C" NOT NULL,
	table_name text COLLATE "C" NOT NULL,
	size_mb bigint NOT NULL,
	data_size_mb bigint,
	index_size_mb bigint,
	row_count bigint,
	collected_at timestamptz NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (instance_id, database_name, schema_name, table_name)
);
COMMENT ON TABLE whalefall.database_table_size_stats IS 'latest table sizes of a database, collected on demand';
-- The largest tables of a database, without sorting all of them.
CREATE INDEX database_table_size_stats_size_idx ON whalefall.database_table_size_stats
	(instance_id, database_name, size_mb DESC, schema_name, table_name);

CREATE VIEW whalefall_api.database_table_sizes AS
	SELECT t.instance_id, i.name AS instance_name, i.db_type, d.id AS database_id, t.database_name,
		t.schema_name, t.table_name, t.size_mb, t.data_size_mb, t.index_size_mb, t.row_count, t.collected_at
	FROM whalefall.database_table_size_stats t
		JOIN whalefall.instances i ON i.id = t.instance_id
		LEFT JOIN whalefall.instance_databases d
			ON d.instance_id = t.instance_id AND d.database_name = t.database_name
	WHERE i.deleted_at IS NULL;
COMMENT ON VIEW whalefall_api.database_table_sizes IS 'table sizes of the databases that were refreshed on demand: the latest snapshot';
COMMENT ON COLUMN whalefall_api.database_table_sizes.instance_id IS 'id of the instance';
COMMENT ON COLUMN whalefall_api.database_table_sizes.instance_name IS 'name of the instance';
COMMENT ON COLUMN whalefall_api.database_table_sizes.db_type IS 'mysql, postgresql, sqlserver, oracle';
COMMENT ON COLUMN whalefall_api.database_table_sizes.database_id IS 'id of the database, as in databases';
COMMENT ON COLUMN whalefall_api.database_table_sizes.database_name IS 'name of the database';
COMMENT ON COLUMN whalefall_api.database_table_sizes.schema_name IS 'schema of the table';
COMMENT ON COLUMN whalefall_api.database_table_sizes.table_name IS 'name of the table';
COMMENT ON COLUMN whalefall_api.database_table_sizes.size_mb IS 'whole size with indexes in MiB, rounded up';
COMMENT ON COLUMN whalefall_api.database_table_sizes.data_size_mb IS 'size of the data in MiB, rounded up; null = not told';
COMMENT ON COLUMN whalefall_api.database_table_sizes.index_size_mb IS 'size of the indexes in MiB, rounded up; null = not told';
COMMENT ON COLUMN whalefall_api.database_table_sizes.row_count IS 'estimated number of rows; null = not known';
COMMENT ON COLUMN whalefall_api.database_table_sizes.collected_at IS 'instant of the snapshot';

-- The merges without a remote server, for tests; a sync calls the same code.
CREATE FUNCTION whalefall.capacity_merge(instance_id bigint, names text[], sizes bigint[],
	is_system boolean[] DEFAULT NULL, force boolean DEFAULT false)
	RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS '/tmp/capscratch/whalefall.so', 'wf_capacity_merge';
COMMENT ON FUNCTION whalefall.capacity_merge(bigint, text[], bigint[], boolean[], boolean) IS 'private: merge a list of databases and their sizes in bytes (null = unread) as a capacity sync does';

CREATE FUNCTION whalefall.capacity_merge_tables(instance_id bigint, database_name text, schemas text[],
	names text[], totals bigint[], data bigint[] DEFAULT NULL, indexes bigint[] DEFAULT NULL,
	row_counts bigint[] DEFAULT NULL)
	RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS '/tmp/capscratch/whalefall.so', 'wf_capacity_merge_table_sizes';
COMMENT ON FUNCTION whalefall.capacity_merge_tables(bigint, text, text[], text[], bigint[], bigint[], bigint[], bigint[]) IS 'private: replace the table sizes (bytes) of a database as a refresh does';

