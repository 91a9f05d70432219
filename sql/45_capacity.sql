-- Capacity: inventory of databases, latest table sizes. Size history lives in whalefall_data.

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
	CONSTRAINT instance_databases_key UNIQUE (instance_id, database_name)
);
COMMENT ON TABLE whalefall.instance_databases IS 'databases of an instance; inactive = vanished at the source or filtered';
CREATE INDEX instance_databases_id_idx ON whalefall.instance_databases (id);

CREATE TABLE whalefall.database_table_size_stats (
	id bigint GENERATED ALWAYS AS IDENTITY,
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

SELECT pg_catalog.pg_extension_config_dump('whalefall.database_filters', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instance_databases', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instance_databases_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.database_table_size_stats', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.database_table_size_stats_id_seq', '');
