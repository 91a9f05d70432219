-- What the API says of itself: entry, health, cache, its OpenAPI document.

CREATE FUNCTION whalefall_api.api_root() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_api_root';
COMMENT ON FUNCTION whalefall_api.api_root()
	IS 'entry of the API: links, and every operation that is served';

CREATE FUNCTION whalefall_api.openapi_json() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_openapi_json';
COMMENT ON FUNCTION whalefall_api.openapi_json()
	IS 'this API as an OpenAPI 3.1 document, made from the declarations of the operations';

CREATE FUNCTION whalefall_api.app_info() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_app_info';
COMMENT ON FUNCTION whalefall_api.app_info()
	IS 'name and version of the application';

CREATE FUNCTION whalefall_api.health_ping() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_health_ping';
COMMENT ON FUNCTION whalefall_api.health_ping()
	IS 'is anybody there; touches nothing';

CREATE FUNCTION whalefall_api.health_basic() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_health_basic';
COMMENT ON FUNCTION whalefall_api.health_basic()
	IS 'status, time and version; runs no SQL';

CREATE FUNCTION whalefall_api.health_check() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_health_check';
COMMENT ON FUNCTION whalefall_api.health_check()
	IS 'health for outside monitors: database, cache, uptime';

CREATE FUNCTION whalefall_api.health_cache() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_health_cache';
COMMENT ON FUNCTION whalefall_api.health_cache()
	IS 'health of the cache, by writing to it and reading back';

CREATE FUNCTION whalefall_api.health_detailed() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_health_detailed';
COMMENT ON FUNCTION whalefall_api.health_detailed()
	IS 'health of every component: database, cache, and load, memory and disk of the machine';

CREATE FUNCTION whalefall_api.cache_stats() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_cache_stats';
COMMENT ON FUNCTION whalefall_api.cache_stats()
	IS 'state and use of the cache, which is the shared memory of the extension';

CREATE FUNCTION whalefall_api.cache_classification_stats() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_cache_classification_stats';
COMMENT ON FUNCTION whalefall_api.cache_classification_stats()
	IS 'state of the cache, and the number of classification rules by database type; rules are read from their table, never from a cache';

CREATE FUNCTION whalefall_api.cache_clear_classification(db_type text DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_cache_clear_classification';
COMMENT ON FUNCTION whalefall_api.cache_clear_classification(text)
	IS 'make all sessions forget what they keep for classification, of one database type or of all; rules themselves are not cached';

CREATE FUNCTION whalefall_api.cache_clear_user(instance_id bigint DEFAULT NULL,
	username text DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_cache_clear_user';
COMMENT ON FUNCTION whalefall_api.cache_clear_user(bigint, text)
	IS 'make all sessions forget what they keep of one database account; its data are not cached';

CREATE FUNCTION whalefall_api.cache_clear_instance(instance_id bigint DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_cache_clear_instance';
COMMENT ON FUNCTION whalefall_api.cache_clear_instance(bigint)
	IS 'make all sessions forget what they keep of one instance; its data are not cached';

CREATE FUNCTION whalefall_api.cache_clear_all() RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_cache_clear_all';
COMMENT ON FUNCTION whalefall_api.cache_clear_all()
	IS 'make all sessions forget everything they keep; answers the number of active instances';
