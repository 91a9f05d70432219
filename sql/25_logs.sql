-- The unified log. Its table is history: whalefall_data.unified_logs and the view logs, made by whalefall.setup().

CREATE FUNCTION whalefall.log_write(level text, module text, message text, context jsonb DEFAULT NULL,
	error text DEFAULT NULL) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_logs_write';
COMMENT ON FUNCTION whalefall.log_write(text, text, text, jsonb, text) IS 'private: writes a row of the unified log, masked and cut as all rows are';
