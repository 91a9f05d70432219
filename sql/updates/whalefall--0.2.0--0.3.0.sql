\echo Use "ALTER EXTENSION whalefall UPDATE" to load this file. \quit
-- 0.2.0 to 0.3.0.

SET LOCAL search_path = pg_catalog, pg_temp;

-- What PostgREST serves as one of these ends by then, whoever has gone away

ALTER ROLE whalefall_gateway SET statement_timeout = '70s';
ALTER ROLE whalefall_anon SET statement_timeout = '70s';
ALTER ROLE whalefall_viewer SET statement_timeout = '70s';
ALTER ROLE whalefall_user SET statement_timeout = '70s';
ALTER ROLE whalefall_admin SET statement_timeout = '70s';

-- Connection tests: two arguments more

DROP FUNCTION whalefall_api.instances_test_connection(bigint, text, text, integer, bigint, text, text, text, text, text, boolean);
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

-- Pieces that are new in this version, as a whole.

\include 21_people.sql
\include 63_people_api.sql
\include 70_http.sql
\include 72_http_api.sql
\include 73_results.sql
\include 74_results_inventory.sql
\include 75_results_runs.sql
\include 76_arguments.sql

SELECT whalefall.seal();

GRANT EXECUTE ON FUNCTION whalefall_api.instances_test_connection            TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.api_root                             TO whalefall_anon;
GRANT EXECUTE ON FUNCTION whalefall_api.openapi_json                         TO whalefall_anon;
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
GRANT EXECUTE ON FUNCTION whalefall_http.dispatch                            TO whalefall_gateway;
GRANT EXECUTE ON FUNCTION whalefall_http.dispatch_read                       TO whalefall_gateway;
GRANT EXECUTE ON FUNCTION whalefall_http.check_request                       TO whalefall_gateway, whalefall_anon;
GRANT SELECT  ON          whalefall_api.users                                TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.users_list                           TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.users_get                            TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.users_stats                          TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.users_create                         TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.users_update                         TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.users_delete                         TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.users_toggle_status                  TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.auth_csrf_token                      TO whalefall_anon;
GRANT EXECUTE ON FUNCTION whalefall_api.auth_login                           TO whalefall_anon;
GRANT EXECUTE ON FUNCTION whalefall_api.auth_refresh                         TO whalefall_anon;
GRANT EXECUTE ON FUNCTION whalefall_api.auth_logout                          TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.auth_change_password                 TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.auth_me                              TO whalefall_viewer;
