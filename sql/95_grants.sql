-- Every right anybody but the owner has. anon < viewer < user < admin: each has the rights of those before it.
-- Nobody but the owner touches schema whalefall. History views get theirs from whalefall.setup().

GRANT USAGE ON SCHEMA whalefall_api TO whalefall_anon;

-- Inventory
GRANT SELECT  ON          whalefall_api.credentials                          TO whalefall_viewer;
GRANT SELECT  ON          whalefall_api.instances                            TO whalefall_viewer;
GRANT SELECT  ON          whalefall_api.tags                                 TO whalefall_viewer;
GRANT SELECT  ON          whalefall_api.database_types                       TO whalefall_viewer;
GRANT INSERT  ON          whalefall_api.credential_input                     TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.credentials_list                     TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.credentials_get                      TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.credentials_create                   TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.credentials_update                   TO whalefall_user;
GRANT EXECUTE ON FUNCTION whalefall_api.credentials_delete                   TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_list                       TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_get                        TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_create                     TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_update                     TO whalefall_user;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_delete                     TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_options                    TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_statistics                 TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_export                     TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_import_template            TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_batch_create               TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_batch_delete               TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_restore                    TO whalefall_user;

-- Tags
GRANT EXECUTE ON FUNCTION whalefall_api.tags_list                            TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_options                         TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_categories                      TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_get_by_name                     TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_get                             TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_create                          TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_update                          TO whalefall_user;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_delete                          TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_batch_delete                    TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_bulk_instances                  TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_bulk_tags                       TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_bulk_instance_tags              TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_bulk_assign                     TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_bulk_remove                     TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.tags_bulk_remove_all                 TO whalefall_admin;

-- Database types
GRANT EXECUTE ON FUNCTION whalefall_api.database_types_list                  TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.database_types_active                TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.database_types_form_options          TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.database_types_options               TO whalefall_viewer;

-- Connections: parameters of one's own take the role user, which the function checks
GRANT EXECUTE ON FUNCTION whalefall_api.instances_test_connection            TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_batch_test_connections     TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_validate_connection_params TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_connection_status          TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.grant_script                         TO whalefall_viewer;

-- Sync
GRANT EXECUTE ON FUNCTION whalefall_api.instances_sync_accounts              TO whalefall_user;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_sync_accounts_all          TO whalefall_user;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_sync_capacity              TO whalefall_user;
GRANT EXECUTE ON FUNCTION whalefall_api.databases_ledgers_sync_all           TO whalefall_user;
GRANT EXECUTE ON FUNCTION whalefall_api.databases_table_sizes_refresh        TO whalefall_user;

-- Accounts
GRANT SELECT  ON          whalefall_api.accounts                             TO whalefall_viewer;
GRANT SELECT  ON          whalefall_api.account_privileges                   TO whalefall_viewer;

-- Capacity
GRANT SELECT  ON          whalefall_api.database_table_sizes                 TO whalefall_viewer;

-- Runs
GRANT SELECT  ON          whalefall_api.task_runs                            TO whalefall_viewer;
GRANT SELECT  ON          whalefall_api.task_run_items                       TO whalefall_viewer;
GRANT SELECT  ON          whalefall_api.sync_sessions                        TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.task_runs_list                       TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.task_runs_get                        TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.task_runs_error_logs                 TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.task_runs_cancel                     TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.sync_sessions_list                   TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.sync_sessions_get                    TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.sync_sessions_error_logs             TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.sync_sessions_cancel                 TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.sync_sessions_statistics             TO whalefall_viewer;

-- Entry, health, cache
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

-- Users and logins
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

-- What the HTTP front calls: /api/v1 through the gateway; the check before what PostgREST serves itself
GRANT USAGE   ON SCHEMA   whalefall_http                                     TO whalefall_gateway, whalefall_anon;
GRANT EXECUTE ON FUNCTION whalefall_http.dispatch                            TO whalefall_gateway;
GRANT EXECUTE ON FUNCTION whalefall_http.dispatch_read                       TO whalefall_gateway;
GRANT EXECUTE ON FUNCTION whalefall_http.check_request                       TO whalefall_gateway, whalefall_anon;
