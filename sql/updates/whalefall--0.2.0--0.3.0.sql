\echo Use "ALTER EXTENSION whalefall UPDATE" to load this file. \quit
-- 0.2.0 to 0.3.0.

SET LOCAL search_path = pg_catalog, pg_temp;

-- Entry, health, cache

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
	IS 'the same, and the number of classification rules by database type; rules are read from their table, never from a cache';

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

-- Logins

-- Not dumped: a restored copy must not know anybody who was logged in to the original.
CREATE TABLE whalefall.login_sessions (
	sid uuid PRIMARY KEY,
	user_id bigint NOT NULL REFERENCES whalefall.users ON DELETE CASCADE,
	cookie_hash bytea NOT NULL CONSTRAINT login_sessions_cookie_hash_key UNIQUE CHECK (length(cookie_hash) = 32),
	csrf_secret text NOT NULL,
	created_at timestamptz NOT NULL,
	cookie_expires_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL CHECK (expires_at >= cookie_expires_at),
	revoked_at timestamptz,
	address text NOT NULL DEFAULT '',
	agent text NOT NULL DEFAULT ''
);
COMMENT ON TABLE whalefall.login_sessions IS 'one row per login: its cookie (as SHA-256) and its tokens end together; a row goes some time after its end';
COMMENT ON COLUMN whalefall.login_sessions.expires_at IS 'when the last of cookie and tokens ends';
CREATE INDEX login_sessions_user_id_idx ON whalefall.login_sessions (user_id);
CREATE INDEX login_sessions_expires_at_idx ON whalefall.login_sessions (expires_at);

-- What the HTTP front calls

CREATE SCHEMA whalefall_http;
COMMENT ON SCHEMA whalefall_http IS 'whalefall: what the HTTP front calls';

CREATE FUNCTION whalefall_http.check_request() RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_http_check_request';
COMMENT ON FUNCTION whalefall_http.check_request()
	IS 'before every request that PostgREST serves itself: does the login its token belongs to still hold? Does nothing for other sessions';

SELECT whalefall.seal();

GRANT EXECUTE ON FUNCTION whalefall_api.app_info                             TO whalefall_anon;
GRANT EXECUTE ON FUNCTION whalefall_api.health_ping                          TO whalefall_anon;
GRANT EXECUTE ON FUNCTION whalefall_api.health_basic                         TO whalefall_anon;
GRANT EXECUTE ON FUNCTION whalefall_api.health_check                         TO whalefall_anon;
GRANT EXECUTE ON FUNCTION whalefall_api.health_detailed                      TO whalefall_anon;
GRANT EXECUTE ON FUNCTION whalefall_api.health_cache                         TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.cache_stats                          TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.cache_classification_stats           TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.cache_clear_classification           TO whalefall_user;
GRANT EXECUTE ON FUNCTION whalefall_api.cache_clear_user                     TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.cache_clear_instance                 TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.cache_clear_all                      TO whalefall_admin;

GRANT USAGE   ON SCHEMA   whalefall_http                                     TO whalefall_gateway, whalefall_anon;
GRANT EXECUTE ON FUNCTION whalefall_http.check_request                       TO whalefall_gateway, whalefall_anon;
