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
	AS 'MODULE_PATHNAME', 'wf_capacity_merge';
COMMENT ON FUNCTION whalefall.capacity_merge(bigint, text[], bigint[], boolean[], boolean) IS 'private: merge a list of databases and their sizes in bytes (null = unread) as a capacity sync does';

CREATE FUNCTION whalefall.capacity_merge_tables(instance_id bigint, database_name text, schemas text[],
	names text[], totals bigint[], data bigint[] DEFAULT NULL, indexes bigint[] DEFAULT NULL,
	row_counts bigint[] DEFAULT NULL)
	RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_capacity_merge_table_sizes';
COMMENT ON FUNCTION whalefall.capacity_merge_tables(bigint, text, text[], text[], bigint[], bigint[], bigint[], bigint[]) IS 'private: replace the table sizes (bytes) of a database as a refresh does';

SELECT pg_catalog.pg_extension_config_dump('whalefall.database_filters', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instance_databases', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instance_databases_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.database_table_size_stats', '');
