-- What the HTTP front calls.

CREATE SCHEMA whalefall_http;
COMMENT ON SCHEMA whalefall_http IS 'whalefall: what the HTTP front calls';

CREATE FUNCTION whalefall_http.check_request() RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_http_check_request';
COMMENT ON FUNCTION whalefall_http.check_request()
	IS 'before every request that PostgREST serves itself: does the login its token belongs to still hold? Does nothing for other sessions';
