-- Instances, continued: options, statistics, files, batches, the recycle bin.

-- What an operation answers whose result is a file and not JSON: it is to be sent as it is.
CREATE TYPE whalefall_api.file_answer AS (content_type text, filename text, body text);
COMMENT ON TYPE whalefall_api.file_answer IS 'a file: media type, name to save it under, contents in UTF-8';
COMMENT ON COLUMN whalefall_api.file_answer.content_type IS 'media type, with charset';
COMMENT ON COLUMN whalefall_api.file_answer.filename IS 'name to save it under; ASCII letters, digits, _ - and .';
COMMENT ON COLUMN whalefall_api.file_answer.body IS 'contents';

CREATE FUNCTION whalefall_api.instances_options(db_type text DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_options';
COMMENT ON FUNCTION whalefall_api.instances_options(text)
	IS 'active instances as options to select from, optionally of one database type';

CREATE FUNCTION whalefall_api.instances_statistics() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_statistics';
COMMENT ON FUNCTION whalefall_api.instances_statistics()
	IS 'numbers of instances by state, type, port and version';

CREATE FUNCTION whalefall_api.instances_export(search text DEFAULT NULL,
	db_type text DEFAULT NULL, status text DEFAULT NULL, tags text[] DEFAULT NULL,
	include_deleted boolean DEFAULT NULL) RETURNS whalefall_api.file_answer
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_export';
COMMENT ON FUNCTION whalefall_api.instances_export(text, text, text, text[], boolean)
	IS 'the instances as CSV file; filters as in instances_list; from psql: select body from whalefall_api.instances_export()';

CREATE FUNCTION whalefall_api.instances_import_template() RETURNS whalefall_api.file_answer
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_import_template';
COMMENT ON FUNCTION whalefall_api.instances_import_template()
	IS 'CSV file to fill in for instances_batch_create';

CREATE FUNCTION whalefall_api.instances_batch_create(csv text DEFAULT NULL,
	instances jsonb DEFAULT NULL, filename text DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_batch_create';
COMMENT ON FUNCTION whalefall_api.instances_batch_create(text, jsonb, text)
	IS 'register many instances, from the text of a CSV file or from a JSON array; bad rows are told and do not stop the rest';

CREATE FUNCTION whalefall_api.instances_batch_delete(instance_ids bigint[] DEFAULT NULL,
	deletion_mode text DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_batch_delete';
COMMENT ON FUNCTION whalefall_api.instances_batch_delete(bigint[], text)
	IS 'put instances into the recycle bin (soft) or remove them for good with everything known of them (hard)';

CREATE FUNCTION whalefall_api.instances_restore(instance_id bigint) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_restore';
COMMENT ON FUNCTION whalefall_api.instances_restore(bigint)
	IS 'take an instance out of the recycle bin';
