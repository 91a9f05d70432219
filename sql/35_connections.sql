-- Connections: tests and their operations. A test leaves only a log row.

CREATE FUNCTION whalefall_api.instances_test_connection(instance_id bigint DEFAULT NULL,
	db_type text DEFAULT NULL, host text DEFAULT NULL, port integer DEFAULT NULL,
	credential_id bigint DEFAULT NULL, username text DEFAULT NULL, password text DEFAULT NULL,
	database_name text DEFAULT NULL, name text DEFAULT NULL, server_public_key text DEFAULT NULL,
	allow_cleartext_key boolean DEFAULT NULL, database text DEFAULT NULL, clear text[] DEFAULT '{}')
	RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_connections_test';
COMMENT ON FUNCTION whalefall_api.instances_test_connection(bigint, text, text, integer, bigint, text, text, text, text, text, boolean, text, text[])
	IS 'test a stored instance (viewer) or given parameters (user); answers the version and what the account may do, or fails with an error type; database is another name for database_name; clear names what was given as null and must not be (instance_id)';

CREATE FUNCTION whalefall_api.instances_batch_test_connections(instance_ids bigint[]) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_connections_batch_test';
COMMENT ON FUNCTION whalefall_api.instances_batch_test_connections(bigint[])
	IS 'test up to 50 stored instances in parallel, at most 60 seconds';

CREATE FUNCTION whalefall_api.instances_validate_connection_params(db_type text DEFAULT NULL,
	port integer DEFAULT NULL, credential_id bigint DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_connections_validate';
COMMENT ON FUNCTION whalefall_api.instances_validate_connection_params(text, integer, bigint)
	IS 'check connection parameters without connecting; answers nothing when they are fine';

CREATE FUNCTION whalefall_api.instances_connection_status(instance_id bigint) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_connections_status';
COMMENT ON FUNCTION whalefall_api.instances_connection_status(bigint)
	IS 'how fresh the last successful contact with an instance is: good, warning, poor, unknown';

CREATE FUNCTION whalefall_api.grant_script(db_type text DEFAULT NULL, username text DEFAULT NULL) RETURNS text
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_connections_grant_script';
COMMENT ON FUNCTION whalefall_api.grant_script(text, text)
	IS 'script that makes the monitoring account with the least rights; db_type as elsewhere, or mariadb; from psql: \pset format unaligned';
