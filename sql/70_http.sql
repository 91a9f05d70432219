-- The HTTP front: the function behind /api/v1, and the table that says which operation serves a path.

CREATE SCHEMA whalefall_http;
COMMENT ON SCHEMA whalefall_http IS 'whalefall: what the HTTP front calls';

-- PostgREST answers with whatever Accept asks for, or any media type, when a function gives this type.
CREATE DOMAIN whalefall_http."*/*" AS bytea;
COMMENT ON DOMAIN whalefall_http."*/*" IS 'an answer of any media type';

-- Operations of companion extensions. Rows of this table are code that runs as its function says, so only the owner
-- writes it; an install script does.
CREATE TABLE whalefall_http.extra_routes (
	method text NOT NULL CHECK (method IN ('GET', 'POST', 'PUT', 'DELETE')),
	path text NOT NULL CHECK (path ~ '^/api/v1(/([A-Za-z0-9_.~-]+|\{[a-z][a-z0-9_]*\}))+$'),
	operation text NOT NULL UNIQUE CHECK (operation ~ '^[a-z][a-z0-9_]*$'),
	function text NOT NULL CHECK (function ~ '^[^.]+\.[^.]+$'),
	permission text NOT NULL CHECK (permission IN ('anon', 'login', 'view', 'create', 'update', 'delete', 'admin',
		'scheduler_view', 'scheduler_manage')),
	csrf boolean NOT NULL,
	success_status integer NOT NULL DEFAULT 200 CHECK (success_status IN (200, 201, 202, 207)),
	time_limit_ms integer NOT NULL DEFAULT 30000 CHECK (time_limit_ms BETWEEN 1 AND 65000),
	module text NOT NULL CHECK (length(module) BETWEEN 1 AND 100),
	action text NOT NULL CHECK (length(action) BETWEEN 1 AND 100),
	message_zh text,
	message_en text,
	raw boolean NOT NULL DEFAULT false,
	result text,
	PRIMARY KEY (method, path),
	CHECK (csrf OR method = 'GET' OR permission = 'anon')
);
COMMENT ON TABLE whalefall_http.extra_routes IS 'routes of companion extensions: the columns of view routes; function is schema.name';

CREATE FUNCTION whalefall_http.routes_changed() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_http_routes_changed';
COMMENT ON FUNCTION whalefall_http.routes_changed() IS 'trigger: every session reads the route table again';
CREATE TRIGGER routes_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON whalefall_http.extra_routes
	FOR EACH STATEMENT EXECUTE FUNCTION whalefall_http.routes_changed();

-- Every operation of the contract. Those whose function does not exist are not served.
CREATE VIEW whalefall_http.routes AS
	SELECT v.method, v.path, v.operation, 'whalefall_api.' || v.operation AS function, v.permission, v.csrf,
		v.success_status, v.time_limit_ms, v.module, v.action, v.message_zh, v.message_en, v.alias_of, v.raw,
		v.upload, v.rate_limit, v.result
	FROM (VALUES
		('GET'::text, '/api/v1/'::text, 'api_root'::text, 'anon'::text, false, 200, 30000, 'api'::text, 'get_root'::text, NULL::text, NULL::text, NULL::text, false, false, NULL::text, 'entry'::text),
		('GET', '/api/v1/openapi.json', 'openapi_json', 'anon', false, 200, 30000, 'api', 'get_openapi', NULL, NULL, NULL, true, false, NULL, NULL),
		('GET', '/api/v1/swagger.json', 'openapi_json', 'anon', false, 200, 30000, 'api', 'get_openapi', NULL, NULL, '/api/v1/openapi.json', true, false, NULL, NULL),
		('GET', '/api/v1/admin/app-info', 'app_info', 'anon', false, 200, 30000, 'api', 'get_app_info', NULL, NULL, NULL, false, false, NULL, 'app_info'),
		('GET', '/api/v1/auth/csrf-token', 'auth_csrf_token', 'anon', false, 200, 30000, 'auth', 'get_csrf_token', NULL, NULL, NULL, false, false, NULL, 'csrf_token'),
		('POST', '/api/v1/auth/login', 'auth_login', 'anon', true, 200, 30000, 'auth', 'login', '登录成功', 'logged in', NULL, false, false, 'auth_login', 'login'),
		('POST', '/api/v1/auth/logout', 'auth_logout', 'login', true, 200, 30000, 'auth', 'logout', '退出成功', 'logged out', NULL, false, false, NULL, NULL),
		('POST', '/api/v1/auth/change-password', 'auth_change_password', 'login', true, 200, 30000, 'auth', 'submit_change_password', '密码修改成功', 'password changed', NULL, false, false, 'auth_change_password', NULL),
		('POST', '/api/v1/auth/refresh', 'auth_refresh', 'anon', false, 200, 30000, 'auth', 'refresh', NULL, NULL, NULL, false, false, NULL, 'fresh_token'),
		('GET', '/api/v1/auth/me', 'auth_me', 'login', false, 200, 30000, 'auth', 'get_me', NULL, NULL, NULL, false, false, NULL, 'me'),
		('GET', '/api/v1/users', 'users_list', 'view', false, 200, 30000, 'users', 'list_users', NULL, NULL, NULL, false, false, NULL, 'page of user_item'),
		('POST', '/api/v1/users', 'users_create', 'admin', true, 201, 30000, 'users', 'create_user', '用户创建成功', 'user created', NULL, false, false, NULL, '{user: user_item}'),
		('GET', '/api/v1/users/stats', 'users_stats', 'view', false, 200, 30000, 'users', 'get_user_stats', NULL, NULL, NULL, false, false, NULL, 'user_stats'),
		('GET', '/api/v1/users/{user_id}', 'users_get', 'view', false, 200, 30000, 'users', 'get_user', NULL, NULL, NULL, false, false, NULL, '{user: user_item}'),
		('PUT', '/api/v1/users/{user_id}', 'users_update', 'admin', true, 200, 30000, 'users', 'update_user', '用户更新成功', 'user updated', NULL, false, false, NULL, '{user: user_item}'),
		('DELETE', '/api/v1/users/{user_id}', 'users_delete', 'admin', true, 200, 30000, 'users', 'delete_user', '用户删除成功', 'user deleted', NULL, false, false, NULL, NULL),
		('POST', '/api/v1/users/{user_id}/toggle-status', 'users_toggle_status', 'admin', true, 200, 30000, 'users', 'toggle_user_status', NULL, NULL, NULL, false, false, NULL, '{user: user_item}'),
		('POST', '/api/v1/users/{user_id}/actions/toggle-status', 'users_toggle_status', 'admin', true, 200, 30000, 'users', 'toggle_user_status', NULL, NULL, '/api/v1/users/{user_id}/toggle-status', false, false, NULL, '{user: user_item}'),
		('GET', '/api/v1/health/ping', 'health_ping', 'anon', false, 200, 30000, 'health', 'ping', NULL, NULL, NULL, false, false, NULL, 'ping'),
		('GET', '/api/v1/health/basic', 'health_basic', 'anon', false, 200, 30000, 'health', 'health_check', '服务运行正常', 'service is running', NULL, false, false, NULL, 'health_basic'),
		('GET', '/api/v1/health', 'health_check', 'anon', false, 200, 30000, 'health', 'get_health', NULL, NULL, NULL, false, false, NULL, 'health'),
		('GET', '/api/v1/health/cache', 'health_cache', 'login', false, 200, 30000, 'health', 'get_health_cache', NULL, NULL, NULL, false, false, NULL, 'component'),
		('GET', '/api/v1/health/detailed', 'health_detailed', 'anon', false, 200, 30000, 'health', 'get_health_detailed', NULL, NULL, NULL, false, false, NULL, 'health_detailed'),
		('GET', '/api/v1/cache/stats', 'cache_stats', 'login', false, 200, 30000, 'cache', 'get_cache_stats', NULL, NULL, NULL, false, false, NULL, '{stats: cache_stats}'),
		('GET', '/api/v1/cache/classification/stats', 'cache_classification_stats', 'view', false, 200, 30000, 'cache', 'get_classification_cache_stats', NULL, NULL, NULL, false, false, NULL, 'cache_classification_stats'),
		('POST', '/api/v1/cache/actions/clear-classification', 'cache_clear_classification', 'update', true, 200, 30000, 'cache', 'clear_classification_cache', '分类缓存已清除', 'classification cache cleared', NULL, false, false, NULL, NULL),
		('POST', '/api/v1/cache/actions/clear-user', 'cache_clear_user', 'admin', true, 200, 30000, 'cache', 'clear_user_cache', '用户缓存已清除', 'user cache cleared', NULL, false, false, NULL, NULL),
		('POST', '/api/v1/cache/actions/clear-instance', 'cache_clear_instance', 'admin', true, 200, 30000, 'cache', 'clear_instance_cache', '实例缓存已清除', 'instance cache cleared', NULL, false, false, NULL, NULL),
		('POST', '/api/v1/cache/actions/clear-all', 'cache_clear_all', 'admin', true, 200, 30000, 'cache', 'clear_all_cache', '所有缓存已清除', 'all caches cleared', NULL, false, false, NULL, 'cache_cleared'),
		('GET', '/api/v1/credentials', 'credentials_list', 'view', false, 200, 30000, 'credentials', 'list_credentials', NULL, NULL, NULL, false, false, NULL, 'page of credential'),
		('POST', '/api/v1/credentials', 'credentials_create', 'create', true, 201, 30000, 'credentials', 'create_credential_rest', '凭据创建成功', 'credential created', NULL, false, false, NULL, '{credential: credential}'),
		('GET', '/api/v1/credentials/{credential_id}', 'credentials_get', 'view', false, 200, 30000, 'credentials', 'get_credential', NULL, NULL, NULL, false, false, NULL, '{credential: credential}'),
		('PUT', '/api/v1/credentials/{credential_id}', 'credentials_update', 'update', true, 200, 30000, 'credentials', 'update_credential_rest', '凭据更新成功', 'credential updated', NULL, false, false, NULL, '{credential: credential}'),
		('DELETE', '/api/v1/credentials/{credential_id}', 'credentials_delete', 'delete', true, 200, 30000, 'credentials', 'delete_credential', '凭据删除成功', 'credential deleted', NULL, false, false, NULL, 'credential_deletion'),
		('GET', '/api/v1/database-types', 'database_types_list', 'view', false, 200, 30000, 'database_types', 'database_types_list', NULL, NULL, NULL, false, false, NULL, '{database_types: database_type[]}'),
		('GET', '/api/v1/database-types/active', 'database_types_active', 'view', false, 200, 30000, 'database_types', 'database_types_active', NULL, NULL, NULL, false, false, NULL, '{database_types: database_type[]}'),
		('GET', '/api/v1/database-types/form-options', 'database_types_form_options', 'view', false, 200, 30000, 'database_types', 'database_types_form_options', NULL, NULL, NULL, false, false, NULL, '{options: database_type_option[]}'),
		('GET', '/api/v1/database-types/options', 'database_types_options', 'view', false, 200, 30000, 'database_types', 'database_types_options', NULL, NULL, NULL, false, false, NULL, '{options: database_type_option[]}'),
		('GET', '/api/v1/tags', 'tags_list', 'view', false, 200, 30000, 'tags', 'list_tags', NULL, NULL, NULL, false, false, NULL, 'tag_page'),
		('POST', '/api/v1/tags', 'tags_create', 'create', true, 201, 30000, 'tags', 'create_tag', '标签创建成功', 'tag created', NULL, false, false, NULL, '{tag: tag}'),
		('GET', '/api/v1/tags/options', 'tags_options', 'view', false, 200, 30000, 'tags', 'list_tag_options', NULL, NULL, NULL, false, false, NULL, 'tag_options'),
		('GET', '/api/v1/tags/categories', 'tags_categories', 'view', false, 200, 30000, 'tags', 'list_tag_categories', NULL, NULL, NULL, false, false, NULL, 'tag_categories'),
		('GET', '/api/v1/tags/by-name/{tag_name}', 'tags_get_by_name', 'view', false, 200, 30000, 'tags', 'get_tag_by_name', NULL, NULL, NULL, false, false, NULL, '{tag: tag}'),
		('GET', '/api/v1/tags/{tag_id}', 'tags_get', 'view', false, 200, 30000, 'tags', 'get_tag_by_id', NULL, NULL, NULL, false, false, NULL, '{tag: tag}'),
		('PUT', '/api/v1/tags/{tag_id}', 'tags_update', 'update', true, 200, 30000, 'tags', 'update_tag', '标签更新成功', 'tag updated', NULL, false, false, NULL, '{tag: tag}'),
		('DELETE', '/api/v1/tags/{tag_id}', 'tags_delete', 'delete', true, 200, 30000, 'tags', 'delete_tag', '标签删除成功', 'tag deleted', NULL, false, false, NULL, 'tag_deletion'),
		('POST', '/api/v1/tags/batch-delete', 'tags_batch_delete', 'delete', true, 200, 30000, 'tags', 'batch_delete_tags', '标签批量删除完成', 'tags deleted', NULL, false, false, NULL, '{results: tag_batch_deletion[]} or 207'),
		('GET', '/api/v1/tags/bulk/instances', 'tags_bulk_instances', 'view', false, 200, 30000, 'tags_bulk', 'list_taggable_instances', NULL, NULL, NULL, false, false, NULL, '{instances: taggable_instance[]}'),
		('GET', '/api/v1/tags/bulk/tags', 'tags_bulk_tags', 'view', false, 200, 30000, 'tags_bulk', 'list_all_tags', NULL, NULL, NULL, false, false, NULL, 'tag_catalogue'),
		('POST', '/api/v1/tags/bulk/instance-tags', 'tags_bulk_instance_tags', 'view', true, 200, 30000, 'tags_bulk', 'list_instance_tags', NULL, NULL, NULL, false, false, NULL, 'tag_union'),
		('POST', '/api/v1/tags/bulk/actions/assign', 'tags_bulk_assign', 'create', true, 200, 30000, 'tags_bulk', 'batch_assign_tags', '标签批量分配成功', 'tags assigned', NULL, false, false, NULL, 'tag_assignment'),
		('POST', '/api/v1/tags/bulk/actions/remove', 'tags_bulk_remove', 'create', true, 200, 30000, 'tags_bulk', 'batch_remove_tags', '标签批量移除成功', 'tags removed', NULL, false, false, NULL, 'tag_removal'),
		('POST', '/api/v1/tags/bulk/actions/remove-all', 'tags_bulk_remove_all', 'create', true, 200, 30000, 'tags_bulk', 'batch_remove_all_tags', '标签已全部移除', 'all tags removed', NULL, false, false, NULL, 'tag_removal_all'),
		('GET', '/api/v1/instances', 'instances_list', 'view', false, 200, 30000, 'instances', 'list_instances', NULL, NULL, NULL, false, false, NULL, 'page of instance_item'),
		('POST', '/api/v1/instances', 'instances_create', 'create', true, 201, 30000, 'instances', 'create_instance', '实例创建成功', 'instance created', NULL, false, false, NULL, '{instance: instance}'),
		('GET', '/api/v1/instances/options', 'instances_options', 'view', false, 200, 30000, 'instances', 'get_instance_options', NULL, NULL, NULL, false, false, NULL, '{instances: instance_option[]}'),
		('GET', '/api/v1/instances/statistics', 'instances_statistics', 'view', false, 200, 30000, 'instances', 'get_instance_statistics', NULL, NULL, NULL, false, false, NULL, 'instance_statistics'),
		('GET', '/api/v1/instances/exports', 'instances_export', 'view', false, 200, 30000, 'instances', 'export_instances', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/instances/imports/template', 'instances_import_template', 'view', false, 200, 30000, 'instances', 'download_instances_template', NULL, NULL, NULL, false, false, NULL, NULL),
		('POST', '/api/v1/instances/actions/batch-create', 'instances_batch_create', 'create', true, 200, 30000, 'instances_batch', 'create_instances_batch', '实例批量创建完成', 'instances created', NULL, false, true, NULL, 'instance_import'),
		('POST', '/api/v1/instances/actions/batch-delete', 'instances_batch_delete', 'delete', true, 200, 30000, 'instances_batch', 'delete_instances_batch', '实例批量删除完成', 'instances deleted', NULL, false, false, NULL, 'instance_batch_deletion'),
		('GET', '/api/v1/instances/{instance_id}', 'instances_get', 'view', false, 200, 30000, 'instances', 'get_instance_detail', NULL, NULL, NULL, false, false, NULL, '{instance: instance}'),
		('PUT', '/api/v1/instances/{instance_id}', 'instances_update', 'update', true, 200, 30000, 'instances', 'update_instance_detail', '实例更新成功', 'instance updated', NULL, false, false, NULL, '{instance: instance}'),
		('DELETE', '/api/v1/instances/{instance_id}', 'instances_delete', 'delete', true, 200, 30000, 'instances', 'delete_instance', '实例已移入回收站', 'instance moved to the recycle bin', NULL, false, false, NULL, 'instance_deletion'),
		('POST', '/api/v1/instances/{instance_id}/actions/restore', 'instances_restore', 'update', true, 200, 30000, 'instances', 'restore_instance', '实例恢复成功', 'instance restored', NULL, false, false, NULL, '{instance: instance}'),
		('POST', '/api/v1/instances/{instance_id}/actions/sync-capacity', 'instances_sync_capacity', 'update', true, 200, 65000, 'databases_capacity', 'sync_instance_capacity', '容量同步完成', 'capacity sync finished', NULL, false, false, NULL, '{result: capacity_sync} or 202 run_started'),
		('POST', '/api/v1/instances/actions/test-connection', 'instances_test_connection', 'view', true, 200, 65000, 'connections', 'test_connection', '连接测试成功', 'connection test succeeded', NULL, false, false, NULL, 'connection_result'),
		('POST', '/api/v1/instances/actions/validate-connection-params', 'instances_validate_connection_params', 'view', true, 200, 30000, 'connections', 'validate_connection_params', '连接参数有效', 'connection parameters are valid', NULL, false, false, NULL, NULL),
		('POST', '/api/v1/instances/actions/batch-test-connections', 'instances_batch_test_connections', 'view', true, 200, 65000, 'connections', 'batch_test_connections', '批量连接测试完成', 'connection tests finished', NULL, false, false, NULL, 'connection_batch'),
		('GET', '/api/v1/instances/{instance_id}/connection-status', 'instances_connection_status', 'view', false, 200, 30000, 'connections', 'get_connection_status', NULL, NULL, NULL, false, false, NULL, 'connection_status'),
		('POST', '/api/v1/instances/actions/sync-accounts', 'instances_sync_accounts_all', 'update', true, 200, 30000, 'accounts_sync', 'sync_all_accounts', '账户同步任务已启动', 'account sync started', NULL, false, false, NULL, 'fleet_run'),
		('POST', '/api/v1/instances/{instance_id}/actions/sync-accounts', 'instances_sync_accounts', 'update', true, 200, 65000, 'accounts_sync', 'sync_instance_accounts', '账户同步完成', 'account sync finished', NULL, false, false, NULL, '{result: account_sync} or 202 run_started'),
		('GET', '/api/v1/accounts/ledgers', 'accounts_ledgers_list', 'view', false, 200, 30000, 'accounts', 'accounts_ledgers_list', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/ledgers/{account_id}/permissions', 'accounts_ledgers_permissions', 'view', false, 200, 30000, 'accounts', 'accounts_ledgers_permissions', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/ledgers/{account_id}/change-history', 'accounts_ledgers_change_history', 'view', false, 200, 30000, 'accounts', 'accounts_ledgers_change_history', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/ledgers/exports', 'accounts_ledgers_export', 'view', false, 200, 30000, 'accounts', 'accounts_ledgers_export', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/statistics', 'accounts_statistics', 'view', false, 200, 30000, 'accounts', 'accounts_statistics', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/statistics/summary', 'accounts_statistics_summary', 'view', false, 200, 30000, 'accounts', 'accounts_statistics_summary', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/statistics/db-types', 'accounts_statistics_db_types', 'view', false, 200, 30000, 'accounts', 'accounts_statistics_db_types', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/statistics/classifications', 'accounts_statistics_classifications', 'view', false, 200, 30000, 'accounts', 'accounts_statistics_classifications', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/statistics/rules', 'accounts_statistics_rules', 'view', false, 200, 30000, 'accounts', 'accounts_statistics_rules', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/statistics/classifications/trends', 'accounts_statistics_classification_trends', 'view', false, 200, 30000, 'accounts', 'accounts_statistics_classification_trends', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/statistics/classifications/trend', 'accounts_statistics_classification_trend', 'view', false, 200, 30000, 'accounts', 'accounts_statistics_classification_trend', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/statistics/rules/trend', 'accounts_statistics_rule_trend', 'view', false, 200, 30000, 'accounts', 'accounts_statistics_rule_trend', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/statistics/rules/contributions', 'accounts_statistics_rule_contributions', 'view', false, 200, 30000, 'accounts', 'accounts_statistics_rule_contributions', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/statistics/rules/overview', 'accounts_statistics_rules_overview', 'view', false, 200, 30000, 'accounts', 'accounts_statistics_rules_overview', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/account-change-logs', 'account_change_logs_list', 'view', false, 200, 30000, 'account_change_logs', 'account_change_logs_list', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/account-change-logs/statistics', 'account_change_logs_statistics', 'view', false, 200, 30000, 'account_change_logs', 'account_change_logs_statistics', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/account-change-logs/{log_id}', 'account_change_logs_get', 'view', false, 200, 30000, 'account_change_logs', 'account_change_logs_get', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/classifications', 'classifications_list', 'view', false, 200, 30000, 'account_classification', 'classifications_list', NULL, NULL, NULL, false, false, NULL, NULL),
		('POST', '/api/v1/accounts/classifications', 'classifications_create', 'create', true, 201, 30000, 'account_classification', 'classifications_create', '分类创建成功', 'classification created', NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/classifications/{classification_id}', 'classifications_get', 'view', false, 200, 30000, 'account_classification', 'classifications_get', NULL, NULL, NULL, false, false, NULL, NULL),
		('PUT', '/api/v1/accounts/classifications/{classification_id}', 'classifications_update', 'update', true, 200, 30000, 'account_classification', 'classifications_update', '分类更新成功', 'classification updated', NULL, false, false, NULL, NULL),
		('DELETE', '/api/v1/accounts/classifications/{classification_id}', 'classifications_delete', 'delete', true, 200, 30000, 'account_classification', 'classifications_delete', '分类删除成功', 'classification deleted', NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/classifications/rules', 'classification_rules_list', 'view', false, 200, 30000, 'account_classification', 'classification_rules_list', NULL, NULL, NULL, false, false, NULL, NULL),
		('POST', '/api/v1/accounts/classifications/rules', 'classification_rules_create', 'create', true, 201, 30000, 'account_classification', 'classification_rules_create', '规则创建成功', 'rule created', NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/classifications/rules/filter', 'classification_rules_filter', 'view', false, 200, 30000, 'account_classification', 'classification_rules_filter', NULL, NULL, NULL, false, false, NULL, NULL),
		('POST', '/api/v1/accounts/classifications/rules/actions/validate-expression', 'classification_rules_validate_expression', 'view', true, 200, 30000, 'account_classification', 'classification_rules_validate_expression', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/classifications/rules/{rule_id}', 'classification_rules_get', 'view', false, 200, 30000, 'account_classification', 'classification_rules_get', NULL, NULL, NULL, false, false, NULL, NULL),
		('PUT', '/api/v1/accounts/classifications/rules/{rule_id}', 'classification_rules_update', 'update', true, 200, 30000, 'account_classification', 'classification_rules_update', '规则更新成功', 'rule updated', NULL, false, false, NULL, NULL),
		('DELETE', '/api/v1/accounts/classifications/rules/{rule_id}', 'classification_rules_delete', 'delete', true, 200, 30000, 'account_classification', 'classification_rules_delete', '规则删除成功', 'rule deleted', NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/classifications/assignments', 'classification_assignments_list', 'view', false, 200, 30000, 'account_classification', 'classification_assignments_list', NULL, NULL, NULL, false, false, NULL, NULL),
		('DELETE', '/api/v1/accounts/classifications/assignments/{assignment_id}', 'classification_assignments_delete', 'delete', true, 200, 30000, 'account_classification', 'classification_assignments_delete', '分类分配已移除', 'assignment removed', NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/classifications/permissions/{db_type}', 'classification_permissions_get', 'view', false, 200, 30000, 'account_classification', 'classification_permissions_get', NULL, NULL, NULL, false, false, NULL, NULL),
		('POST', '/api/v1/accounts/classifications/actions/auto-classify', 'classifications_auto_classify', 'update', true, 200, 30000, 'account_classification', 'classifications_auto_classify', '自动分类任务已启动', 'automatic classification started', NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/classifications/colors', 'classifications_colors', 'view', false, 200, 30000, 'account_classification', 'classifications_colors', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/classifications/batches', 'classification_batches_list', 'view', false, 200, 30000, 'account_classification', 'classification_batches_list', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/classifications/batches/{batch_id}', 'classification_batches_get', 'view', false, 200, 30000, 'account_classification', 'classification_batches_get', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/accounts/classifications/batches/{batch_id}/matches', 'classification_batches_matches', 'view', false, 200, 30000, 'account_classification', 'classification_batches_matches', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/databases/options', 'databases_options', 'view', false, 200, 30000, 'databases', 'databases_options', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/databases/ledgers', 'databases_ledgers_list', 'view', false, 200, 30000, 'databases', 'databases_ledgers_list', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/databases/ledgers/exports', 'databases_ledgers_export', 'view', false, 200, 30000, 'databases', 'databases_ledgers_export', NULL, NULL, NULL, false, false, NULL, NULL),
		('POST', '/api/v1/databases/ledgers/actions/sync-all', 'databases_ledgers_sync_all', 'update', true, 200, 30000, 'databases_capacity', 'sync_all_capacity', '容量同步任务已启动', 'capacity sync started', NULL, false, false, NULL, 'fleet_run'),
		('GET', '/api/v1/databases/sizes', 'databases_sizes', 'view', false, 200, 30000, 'databases', 'databases_sizes', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/databases/{database_id}/tables/sizes', 'databases_table_sizes', 'view', false, 200, 30000, 'databases', 'databases_table_sizes', NULL, NULL, NULL, false, false, NULL, NULL),
		('POST', '/api/v1/databases/{database_id}/tables/sizes/actions/refresh', 'databases_table_sizes_refresh', 'update', true, 200, 65000, 'databases_capacity', 'refresh_table_sizes', '表容量已刷新', 'table sizes refreshed', NULL, false, false, NULL, 'table_sizes or 202 run_started'),
		('GET', '/api/v1/databases/{database_id}/capacity-trend', 'databases_capacity_trend', 'view', false, 200, 30000, 'databases', 'databases_capacity_trend', NULL, NULL, NULL, false, false, NULL, NULL),
		('POST', '/api/v1/capacity/aggregations/current', 'capacity_aggregate_current', 'admin', true, 200, 30000, 'capacity', 'capacity_aggregate_current', '聚合任务已启动', 'aggregation started', NULL, false, false, NULL, NULL),
		('GET', '/api/v1/capacity/databases', 'capacity_databases_list', 'view', false, 200, 30000, 'capacity', 'capacity_databases_list', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/capacity/databases/summary', 'capacity_databases_summary', 'view', false, 200, 30000, 'capacity', 'capacity_databases_summary', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/capacity/instances', 'capacity_instances_list', 'view', false, 200, 30000, 'capacity', 'capacity_instances_list', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/capacity/instances/summary', 'capacity_instances_summary', 'view', false, 200, 30000, 'capacity', 'capacity_instances_summary', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/partitions/info', 'partitions_info', 'view', false, 200, 30000, 'partitions', 'partitions_info', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/partitions/status', 'partitions_status', 'view', false, 200, 30000, 'partitions', 'partitions_status', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/partitions', 'partitions_list', 'view', false, 200, 30000, 'partitions', 'partitions_list', NULL, NULL, NULL, false, false, NULL, NULL),
		('POST', '/api/v1/partitions', 'partitions_create', 'admin', true, 200, 30000, 'partitions', 'partitions_create', '分区创建成功', 'partitions created', NULL, false, false, NULL, NULL),
		('POST', '/api/v1/partitions/actions/cleanup', 'partitions_cleanup', 'admin', true, 200, 30000, 'partitions', 'partitions_cleanup', '分区清理完成', 'partitions cleaned up', NULL, false, false, NULL, NULL),
		('GET', '/api/v1/partitions/statistics', 'partitions_statistics', 'view', false, 200, 30000, 'partitions', 'partitions_statistics', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/partitions/core-metrics', 'partitions_core_metrics', 'view', false, 200, 30000, 'partitions', 'partitions_core_metrics', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/scheduler/jobs', 'scheduler_jobs_list', 'scheduler_view', false, 200, 30000, 'scheduler', 'scheduler_jobs_list', NULL, NULL, NULL, false, false, NULL, NULL),
		('POST', '/api/v1/scheduler/jobs', 'scheduler_jobs_create', 'scheduler_manage', true, 201, 30000, 'scheduler', 'scheduler_jobs_create', '任务创建成功', 'job created', NULL, false, false, NULL, NULL),
		('GET', '/api/v1/scheduler/jobs/{job_id}', 'scheduler_jobs_get', 'scheduler_view', false, 200, 30000, 'scheduler', 'scheduler_jobs_get', NULL, NULL, NULL, false, false, NULL, NULL),
		('PUT', '/api/v1/scheduler/jobs/{job_id}', 'scheduler_jobs_update', 'scheduler_manage', true, 200, 30000, 'scheduler', 'scheduler_jobs_update', '任务更新成功', 'job updated', NULL, false, false, NULL, NULL),
		('DELETE', '/api/v1/scheduler/jobs/{job_id}', 'scheduler_jobs_delete', 'scheduler_manage', true, 200, 30000, 'scheduler', 'scheduler_jobs_delete', '任务删除成功', 'job deleted', NULL, false, false, NULL, NULL),
		('POST', '/api/v1/scheduler/jobs/{job_id}/actions/enable', 'scheduler_jobs_enable', 'scheduler_manage', true, 200, 30000, 'scheduler', 'scheduler_jobs_enable', '任务已启用', 'job enabled', NULL, false, false, NULL, NULL),
		('POST', '/api/v1/scheduler/jobs/{job_id}/actions/disable', 'scheduler_jobs_disable', 'scheduler_manage', true, 200, 30000, 'scheduler', 'scheduler_jobs_disable', '任务已停用', 'job disabled', NULL, false, false, NULL, NULL),
		('POST', '/api/v1/scheduler/jobs/{job_id}/actions/pause', 'scheduler_jobs_pause', 'scheduler_manage', true, 200, 30000, 'scheduler', 'scheduler_jobs_pause', '任务已暂停', 'job paused', NULL, false, false, NULL, NULL),
		('POST', '/api/v1/scheduler/jobs/{job_id}/actions/resume', 'scheduler_jobs_resume', 'scheduler_manage', true, 200, 30000, 'scheduler', 'scheduler_jobs_resume', '任务已恢复', 'job resumed', NULL, false, false, NULL, NULL),
		('POST', '/api/v1/scheduler/jobs/{job_id}/actions/run', 'scheduler_jobs_run', 'scheduler_manage', true, 200, 30000, 'scheduler', 'scheduler_jobs_run', '任务已启动', 'job started', NULL, false, false, NULL, NULL),
		('POST', '/api/v1/scheduler/jobs/actions/reload', 'scheduler_jobs_reload', 'scheduler_manage', true, 200, 30000, 'scheduler', 'scheduler_jobs_reload', '内置任务已恢复', 'built-in jobs restored', NULL, false, false, NULL, NULL),
		('GET', '/api/v1/sync-sessions', 'sync_sessions_list', 'view', false, 200, 30000, 'history_sessions', 'sync_sessions_list', NULL, NULL, NULL, false, false, NULL, 'page of session_item'),
		('GET', '/api/v1/sync-sessions/statistics', 'sync_sessions_statistics', 'view', false, 200, 30000, 'history_sessions', 'sync_sessions_statistics', NULL, NULL, NULL, false, false, NULL, 'session_statistics'),
		('GET', '/api/v1/sync-sessions/{session_id}', 'sync_sessions_get', 'view', false, 200, 30000, 'history_sessions', 'sync_sessions_get', NULL, NULL, NULL, false, false, NULL, '{session: session}'),
		('GET', '/api/v1/sync-sessions/{session_id}/error-logs', 'sync_sessions_error_logs', 'view', false, 200, 30000, 'history_sessions', 'sync_sessions_error_logs', NULL, NULL, NULL, false, false, NULL, 'session_errors'),
		('POST', '/api/v1/sync-sessions/{session_id}/actions/cancel', 'sync_sessions_cancel', 'admin', true, 200, 30000, 'history_sessions', 'sync_sessions_cancel', '同步会话已取消', 'session cancelled', NULL, false, false, NULL, NULL),
		('GET', '/api/v1/logs', 'logs_list', 'admin', false, 200, 30000, 'history_logs', 'logs_list', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/logs/statistics', 'logs_statistics', 'admin', false, 200, 30000, 'history_logs', 'logs_statistics', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/logs/modules', 'logs_modules', 'admin', false, 200, 30000, 'history_logs', 'logs_modules', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/logs/{log_id}', 'logs_get', 'admin', false, 200, 30000, 'history_logs', 'logs_get', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/logs/exports', 'logs_export', 'admin', false, 200, 30000, 'history_logs', 'logs_export', NULL, NULL, NULL, false, false, NULL, NULL),
		('POST', '/api/v1/logs/actions/cleanup', 'logs_cleanup', 'admin', true, 200, 30000, 'history_logs', 'logs_cleanup', '日志清理完成', 'logs cleaned up', NULL, false, false, NULL, NULL),
		('GET', '/api/v1/logs/real-time', 'logs_real_time', 'admin', false, 200, 30000, 'history_logs', 'logs_real_time', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/logs/errors', 'logs_errors', 'admin', false, 200, 30000, 'history_logs', 'logs_errors', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/logs/stats', 'logs_stats', 'admin', false, 200, 30000, 'history_logs', 'logs_stats', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/logs/health', 'logs_health', 'admin', false, 200, 30000, 'history_logs', 'logs_health', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/dashboard/overview', 'dashboard_overview', 'login', false, 200, 30000, 'dashboard', 'dashboard_overview', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/dashboard/charts', 'dashboard_charts', 'login', false, 200, 30000, 'dashboard', 'dashboard_charts', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/dashboard/activities', 'dashboard_activities', 'login', false, 200, 30000, 'dashboard', 'dashboard_activities', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/dashboard/status', 'dashboard_status', 'login', false, 200, 30000, 'dashboard', 'dashboard_status', NULL, NULL, NULL, false, false, NULL, NULL),
		('GET', '/api/v1/task-runs', 'task_runs_list', 'view', false, 200, 30000, 'task_runs', 'task_runs_list', NULL, NULL, NULL, false, false, NULL, 'page of run'),
		('GET', '/api/v1/task-runs/{run_id}', 'task_runs_get', 'view', false, 200, 30000, 'task_runs', 'task_runs_get', NULL, NULL, NULL, false, false, NULL, 'run_detail'),
		('GET', '/api/v1/task-runs/{run_id}/error-logs', 'task_runs_error_logs', 'view', false, 200, 30000, 'task_runs', 'task_runs_error_logs', NULL, NULL, NULL, false, false, NULL, 'run_errors'),
		('POST', '/api/v1/task-runs/{run_id}/actions/cancel', 'task_runs_cancel', 'admin', true, 200, 30000, 'task_runs', 'task_runs_cancel', '任务已取消', 'run cancelled', NULL, false, false, NULL, NULL)
	) v(method, path, operation, permission, csrf, success_status, time_limit_ms, module, action, message_zh,
		message_en, alias_of, raw, upload, rate_limit, result)
	UNION ALL
	SELECT e.method, e.path, e.operation, e.function, e.permission, e.csrf, e.success_status, e.time_limit_ms,
		e.module, e.action, e.message_zh, e.message_en, NULL, e.raw, false, NULL, e.result
	FROM whalefall_http.extra_routes e;
COMMENT ON VIEW whalefall_http.routes IS 'which operation serves which path of /api/v1';
COMMENT ON COLUMN whalefall_http.routes.method IS 'GET (HEAD too), POST, PUT, DELETE';
COMMENT ON COLUMN whalefall_http.routes.path IS 'pattern: a segment in braces is a parameter; {..._id} takes digits, but for the ids of runs, sessions, batches and jobs';
COMMENT ON COLUMN whalefall_http.routes.operation IS 'name of the operation';
COMMENT ON COLUMN whalefall_http.routes.function IS 'its function, as schema.name; there must be exactly one of that name';
COMMENT ON COLUMN whalefall_http.routes.permission IS 'word of the contract; what is asked for is EXECUTE on the function';
COMMENT ON COLUMN whalefall_http.routes.csrf IS 'whether a request that comes with a cookie needs a CSRF token';
COMMENT ON COLUMN whalefall_http.routes.success_status IS 'status of success, unless the operation says another';
COMMENT ON COLUMN whalefall_http.routes.time_limit_ms IS 'after so many milliseconds the answer is 504';
COMMENT ON COLUMN whalefall_http.routes.module IS 'module of its rows in the unified log';
COMMENT ON COLUMN whalefall_http.routes.action IS 'name of the operation in the unified log';
COMMENT ON COLUMN whalefall_http.routes.message_zh IS 'message of success; null = the usual one';
COMMENT ON COLUMN whalefall_http.routes.message_en IS 'the same in English';
COMMENT ON COLUMN whalefall_http.routes.alias_of IS 'path of the route of which this is another name; null = none';
COMMENT ON COLUMN whalefall_http.routes.raw IS 'true: the answer is the JSON alone, without an envelope';
COMMENT ON COLUMN whalefall_http.routes.upload IS 'true: takes multipart/form-data as well';
COMMENT ON COLUMN whalefall_http.routes.rate_limit IS 'limit that counts attempts; null = none';
COMMENT ON COLUMN whalefall_http.routes.result IS 'shape of the answer''s data: type, type[], page of type, {key: shape}, and ... or 202 shape; null = no data';

-- The gateway role alone may execute these: they believe what request.headers says of the client.
CREATE FUNCTION whalefall_http.dispatch(bytea) RETURNS whalefall_http."*/*"
	LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_http_dispatch';
COMMENT ON FUNCTION whalefall_http.dispatch(bytea) IS 'serves one request of /api/v1: facts in request.headers, body as the argument';

CREATE FUNCTION whalefall_http.dispatch_read(bytea) RETURNS whalefall_http."*/*"
	LANGUAGE c STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_http_dispatch';
COMMENT ON FUNCTION whalefall_http.dispatch_read(bytea) IS 'the same for a read-only server: PostgREST calls it in a read-only transaction';

-- PostgREST calls this before every request that it serves itself.
CREATE FUNCTION whalefall_http.check_request() RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_http_check_request';
COMMENT ON FUNCTION whalefall_http.check_request()
	IS 'before every request that PostgREST serves itself: does the login its token belongs to still hold? Does nothing for other sessions';

SELECT pg_catalog.pg_extension_config_dump('whalefall_http.extra_routes', '');
