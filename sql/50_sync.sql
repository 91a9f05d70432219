-- Sync operations: of one instance (waits for the result) and of the fleet (starts a run).

CREATE FUNCTION whalefall_api.instances_sync_accounts(instance_id bigint, force boolean DEFAULT false)
	RETURNS json LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_accounts_sync_one';
COMMENT ON FUNCTION whalefall_api.instances_sync_accounts(bigint, boolean)
	IS 'sync the accounts of one instance and wait for the result; force overrides the inventory guard';

CREATE FUNCTION whalefall_api.instances_sync_accounts_all() RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_accounts_sync_all';
COMMENT ON FUNCTION whalefall_api.instances_sync_accounts_all()
	IS 'start the account sync of all active instances in the background';

CREATE FUNCTION whalefall_api.instances_sync_capacity(instance_id bigint, force boolean DEFAULT false)
	RETURNS json LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_capacity_sync_one';
COMMENT ON FUNCTION whalefall_api.instances_sync_capacity(bigint, boolean)
	IS 'collect databases and sizes of one instance and wait for the result; force overrides the inventory guard';

CREATE FUNCTION whalefall_api.databases_ledgers_sync_all() RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_capacity_sync_all';
COMMENT ON FUNCTION whalefall_api.databases_ledgers_sync_all()
	IS 'start the capacity sync of all active instances in the background';

CREATE FUNCTION whalefall_api.databases_table_sizes_refresh(database_id bigint,
	schema_name text DEFAULT NULL, table_name text DEFAULT NULL, page integer DEFAULT NULL,
	page_size integer DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_capacity_refresh_one';
COMMENT ON FUNCTION whalefall_api.databases_table_sizes_refresh(bigint, text, text, integer, integer)
	IS 'sample the table sizes of one database now and answer them';
