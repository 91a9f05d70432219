-- What operations answer, as types: the member "data" of an answer, whose shape no function's "RETURNS json" tells.
-- The route table names them (column result, src/http/openapi_result.c); the OpenAPI document is made of them, and a
-- test holds every answer against it. No row or variable ever has these types.
--
-- An attribute is null only if its comment has the word "null", and left out only if it has the word "absent".
-- This piece: words, entry, health, cache, users.

-- Words -----------------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.db_type AS ENUM ('mysql', 'postgresql', 'sqlserver', 'oracle');
COMMENT ON TYPE whalefall_http.db_type IS 'kind of database server';

CREATE TYPE whalefall_http.role AS ENUM ('admin', 'user', 'viewer');
COMMENT ON TYPE whalefall_http.role IS 'what a user may do';

CREATE TYPE whalefall_http.link_state AS ENUM ('connected', 'error');
COMMENT ON TYPE whalefall_http.link_state IS 'does it answer';

CREATE TYPE whalefall_http.health_state AS ENUM ('healthy', 'unhealthy');
COMMENT ON TYPE whalefall_http.health_state IS 'of everything looked at';

CREATE TYPE whalefall_http.load_state AS ENUM ('healthy', 'warning', 'error');
COMMENT ON TYPE whalefall_http.load_state IS 'of the machine; warning: something is 90 percent full or busy, error: not known';

-- Entry -----------------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.operation AS (
	method text, path text, operation_id text, summary text);
COMMENT ON TYPE whalefall_http.operation IS 'an operation that is served';
COMMENT ON COLUMN whalefall_http.operation.method IS 'GET, POST, PUT or DELETE';
COMMENT ON COLUMN whalefall_http.operation.path IS 'path below the server, parameters in braces';
COMMENT ON COLUMN whalefall_http.operation.operation_id IS 'name of the operation, and of its SQL function';
COMMENT ON COLUMN whalefall_http.operation.summary IS 'what it does';

CREATE TYPE whalefall_http.entry AS (
	docs_url text, openapi_url text, swagger_url text, health_ping_url text,
	operations whalefall_http.operation[]);
COMMENT ON TYPE whalefall_http.entry IS 'where to go from the root of the API';
COMMENT ON COLUMN whalefall_http.entry.docs_url IS 'page to try the API on; null = switched off';
COMMENT ON COLUMN whalefall_http.entry.openapi_url IS 'this API as OpenAPI document';
COMMENT ON COLUMN whalefall_http.entry.swagger_url IS 'the same under an older name';
COMMENT ON COLUMN whalefall_http.entry.health_ping_url IS 'answers whenever the API does';
COMMENT ON COLUMN whalefall_http.entry.operations IS 'everything that is served';

CREATE TYPE whalefall_http.app_info AS (
	app_name text, app_version text);
COMMENT ON TYPE whalefall_http.app_info IS 'the program';
COMMENT ON COLUMN whalefall_http.app_info.app_name IS 'name of the application';
COMMENT ON COLUMN whalefall_http.app_info.app_version IS 'version of the extension';

-- Health ----------------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.ping AS (
	status text);
COMMENT ON TYPE whalefall_http.ping IS 'a sign of life';
COMMENT ON COLUMN whalefall_http.ping.status IS 'ok';

CREATE TYPE whalefall_http.health_basic AS (
	status text, timestamp numeric, version text);
COMMENT ON TYPE whalefall_http.health_basic IS 'alive, since when, what';
COMMENT ON COLUMN whalefall_http.health_basic.status IS 'healthy';
COMMENT ON COLUMN whalefall_http.health_basic.timestamp IS 'seconds since 1970, with fraction';
COMMENT ON COLUMN whalefall_http.health_basic.version IS 'version of the extension';

CREATE TYPE whalefall_http.health AS (
	status whalefall_http.health_state, database whalefall_http.link_state,
	redis whalefall_http.link_state, timestamp timestamptz, uptime text);
COMMENT ON TYPE whalefall_http.health IS 'health for monitors';
COMMENT ON COLUMN whalefall_http.health.status IS 'healthy: all below are connected';
COMMENT ON COLUMN whalefall_http.health.database IS 'the control plane''s own database';
COMMENT ON COLUMN whalefall_http.health.redis IS 'the cache: shared memory of the extension';
COMMENT ON COLUMN whalefall_http.health.timestamp IS 'now';
COMMENT ON COLUMN whalefall_http.health.uptime IS 'since the server was started, as <d>天 <h>小时 <m>分钟';

CREATE TYPE whalefall_http.component AS (
	healthy boolean, status whalefall_http.link_state);
COMMENT ON TYPE whalefall_http.component IS 'something that works or not';
COMMENT ON COLUMN whalefall_http.component.healthy IS 'it works';
COMMENT ON COLUMN whalefall_http.component.status IS 'the same as a word';

CREATE TYPE whalefall_http.machine AS (
	healthy boolean, status whalefall_http.load_state, cpu_percent numeric, memory_percent numeric,
	disk_percent numeric);
COMMENT ON TYPE whalefall_http.machine IS 'load of the machine';
COMMENT ON COLUMN whalefall_http.machine.healthy IS 'all three are known and below 90';
COMMENT ON COLUMN whalefall_http.machine.status IS 'the same as a word';
COMMENT ON COLUMN whalefall_http.machine.cpu_percent IS 'busy share of the processors; absent when not known';
COMMENT ON COLUMN whalefall_http.machine.memory_percent IS 'used share of memory; absent when not known';
COMMENT ON COLUMN whalefall_http.machine.disk_percent IS 'used share of the data directory''s file system; absent when not known';

CREATE TYPE whalefall_http.components AS (
	database whalefall_http.component, cache whalefall_http.component, system whalefall_http.machine);
COMMENT ON TYPE whalefall_http.components IS 'what was looked at';
COMMENT ON COLUMN whalefall_http.components.database IS 'the control plane''s own database';
COMMENT ON COLUMN whalefall_http.components.cache IS 'shared memory of the extension';
COMMENT ON COLUMN whalefall_http.components.system IS 'the machine';

CREATE TYPE whalefall_http.anonymous_failure AS (
	message_code text, status integer, count bigint);
COMMENT ON TYPE whalefall_http.anonymous_failure IS 'requests of nobody in particular that were refused';
COMMENT ON COLUMN whalefall_http.anonymous_failure.message_code IS 'code of the error';
COMMENT ON COLUMN whalefall_http.anonymous_failure.status IS 'HTTP status';
COMMENT ON COLUMN whalefall_http.anonymous_failure.count IS 'how often since the start of the server';

CREATE TYPE whalefall_http.health_detailed AS (
	status whalefall_http.health_state, timestamp timestamptz, version text,
	components whalefall_http.components, database whalefall_http.link_state,
	redis whalefall_http.link_state, anonymous_failures whalefall_http.anonymous_failure[]);
COMMENT ON TYPE whalefall_http.health_detailed IS 'health of every component';
COMMENT ON COLUMN whalefall_http.health_detailed.status IS 'healthy: every component is';
COMMENT ON COLUMN whalefall_http.health_detailed.timestamp IS 'now';
COMMENT ON COLUMN whalefall_http.health_detailed.version IS 'version of the extension';
COMMENT ON COLUMN whalefall_http.health_detailed.components IS 'one by one';
COMMENT ON COLUMN whalefall_http.health_detailed.database IS 'copy of components.database.status';
COMMENT ON COLUMN whalefall_http.health_detailed.redis IS 'copy of components.cache.status';
COMMENT ON COLUMN whalefall_http.health_detailed.anonymous_failures IS 'requests without a login that were refused; none are told without shared memory';

-- Cache -----------------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.cache_info AS (
	kind text, bytes bigint, since timestamptz, generation bigint, worker_slots integer,
	workers integer, request_slots integer, requests integer, waiting integer);
COMMENT ON TYPE whalefall_http.cache_info IS 'use of the shared memory';
COMMENT ON COLUMN whalefall_http.cache_info.kind IS 'what it is';
COMMENT ON COLUMN whalefall_http.cache_info.bytes IS 'size of the queue''s part of it';
COMMENT ON COLUMN whalefall_http.cache_info.since IS 'when it was made: at the start of the server';
COMMENT ON COLUMN whalefall_http.cache_info.generation IS 'number of clearings since then';
COMMENT ON COLUMN whalefall_http.cache_info.worker_slots IS 'room for background workers';
COMMENT ON COLUMN whalefall_http.cache_info.workers IS 'workers that run or start';
COMMENT ON COLUMN whalefall_http.cache_info.request_slots IS 'room for sessions that wait for a worker';
COMMENT ON COLUMN whalefall_http.cache_info.requests IS 'of these, in use';
COMMENT ON COLUMN whalefall_http.cache_info.waiting IS 'sessions that wait for a remote result';

CREATE TYPE whalefall_http.cache_stats AS (
	status whalefall_http.link_state, info whalefall_http.cache_info, error text);
COMMENT ON TYPE whalefall_http.cache_stats IS 'state of the cache';
COMMENT ON COLUMN whalefall_http.cache_stats.status IS 'does it work';
COMMENT ON COLUMN whalefall_http.cache_stats.info IS 'its use; absent when it does not work';
COMMENT ON COLUMN whalefall_http.cache_stats.error IS 'why it does not work; absent when it does';

CREATE TYPE whalefall_http.rule_count AS (
	rules_cached boolean, rules_count bigint);
COMMENT ON TYPE whalefall_http.rule_count IS 'rules of a database type';
COMMENT ON COLUMN whalefall_http.rule_count.rules_cached IS 'true: rules are always at hand, for they are read from their table';
COMMENT ON COLUMN whalefall_http.rule_count.rules_count IS 'number of rules';

CREATE TYPE whalefall_http.rule_counts AS (
	mysql whalefall_http.rule_count, postgresql whalefall_http.rule_count,
	sqlserver whalefall_http.rule_count, oracle whalefall_http.rule_count);
COMMENT ON TYPE whalefall_http.rule_counts IS 'rules by database type';
COMMENT ON COLUMN whalefall_http.rule_counts.mysql IS 'MySQL and MariaDB';
COMMENT ON COLUMN whalefall_http.rule_counts.postgresql IS 'PostgreSQL';
COMMENT ON COLUMN whalefall_http.rule_counts.sqlserver IS 'SQL Server';
COMMENT ON COLUMN whalefall_http.rule_counts.oracle IS 'Oracle';

CREATE TYPE whalefall_http.cache_classification_stats AS (
	cache_stats whalefall_http.cache_stats, db_type_stats whalefall_http.rule_counts,
	cache_enabled boolean);
COMMENT ON TYPE whalefall_http.cache_classification_stats IS 'the cache, seen from classification';
COMMENT ON COLUMN whalefall_http.cache_classification_stats.cache_stats IS 'state of the cache';
COMMENT ON COLUMN whalefall_http.cache_classification_stats.db_type_stats IS 'rules by database type';
COMMENT ON COLUMN whalefall_http.cache_classification_stats.cache_enabled IS 'true';

CREATE TYPE whalefall_http.cache_cleared AS (
	cleared_count bigint);
COMMENT ON TYPE whalefall_http.cache_cleared IS 'what clear-all did';
COMMENT ON COLUMN whalefall_http.cache_cleared.cleared_count IS 'number of active instances, of none of which anything is kept any more';

-- Users and login -------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.user_item AS (
	id bigint, username text, email text, role whalefall_http.role, created_at date,
	created_at_display date, last_login timestamptz, is_active boolean);
COMMENT ON TYPE whalefall_http.user_item IS 'a user';
COMMENT ON COLUMN whalefall_http.user_item.id IS 'id of the user';
COMMENT ON COLUMN whalefall_http.user_item.username IS 'unique name';
COMMENT ON COLUMN whalefall_http.user_item.email IS 'address; null = none';
COMMENT ON COLUMN whalefall_http.user_item.role IS 'what the user may do';
COMMENT ON COLUMN whalefall_http.user_item.created_at IS 'day of creation in UTC';
COMMENT ON COLUMN whalefall_http.user_item.created_at_display IS 'day of creation in the zone of the business';
COMMENT ON COLUMN whalefall_http.user_item.last_login IS 'last successful login; null = never';
COMMENT ON COLUMN whalefall_http.user_item.is_active IS 'false: cannot log in';

CREATE TYPE whalefall_http.user_stats AS (
	total bigint, active bigint, inactive bigint, admin bigint, "user" bigint, viewer bigint);
COMMENT ON TYPE whalefall_http.user_stats IS 'numbers of users';
COMMENT ON COLUMN whalefall_http.user_stats.total IS 'all';
COMMENT ON COLUMN whalefall_http.user_stats.active IS 'those who can log in';
COMMENT ON COLUMN whalefall_http.user_stats.inactive IS 'the others';
COMMENT ON COLUMN whalefall_http.user_stats.admin IS 'with role admin';
COMMENT ON COLUMN whalefall_http.user_stats."user" IS 'with role user';
COMMENT ON COLUMN whalefall_http.user_stats.viewer IS 'with role viewer';

CREATE TYPE whalefall_http.csrf_token AS (
	csrf_token text);
COMMENT ON TYPE whalefall_http.csrf_token IS 'token for the header X-CSRFToken';
COMMENT ON COLUMN whalefall_http.csrf_token.csrf_token IS 'valid for an hour, many times';

CREATE TYPE whalefall_http.login_user AS (
	id bigint, username text, role whalefall_http.role, is_active boolean);
COMMENT ON TYPE whalefall_http.login_user IS 'who logged in';
COMMENT ON COLUMN whalefall_http.login_user.id IS 'id of the user';
COMMENT ON COLUMN whalefall_http.login_user.username IS 'unique name';
COMMENT ON COLUMN whalefall_http.login_user.role IS 'what the user may do';
COMMENT ON COLUMN whalefall_http.login_user.is_active IS 'true';

CREATE TYPE whalefall_http.login AS (
	access_token text, refresh_token text, "user" whalefall_http.login_user, token_type text,
	expires_in integer, csrf_token text);
COMMENT ON TYPE whalefall_http.login IS 'a login';
COMMENT ON COLUMN whalefall_http.login.access_token IS 'bearer token for all operations';
COMMENT ON COLUMN whalefall_http.login.refresh_token IS 'bearer token for auth_refresh alone';
COMMENT ON COLUMN whalefall_http.login."user" IS 'who logged in';
COMMENT ON COLUMN whalefall_http.login.token_type IS 'Bearer';
COMMENT ON COLUMN whalefall_http.login.expires_in IS 'seconds the access token is valid';
COMMENT ON COLUMN whalefall_http.login.csrf_token IS 'for writes with the cookie';

CREATE TYPE whalefall_http.fresh_token AS (
	access_token text, token_type text, expires_in integer);
COMMENT ON TYPE whalefall_http.fresh_token IS 'a new access token';
COMMENT ON COLUMN whalefall_http.fresh_token.access_token IS 'bearer token for all operations';
COMMENT ON COLUMN whalefall_http.fresh_token.token_type IS 'Bearer';
COMMENT ON COLUMN whalefall_http.fresh_token.expires_in IS 'seconds it is valid';

CREATE TYPE whalefall_http.me AS (
	id bigint, username text, email text, role whalefall_http.role, is_active boolean,
	created_at timestamptz, last_login timestamptz, permissions text[]);
COMMENT ON TYPE whalefall_http.me IS 'the caller';
COMMENT ON COLUMN whalefall_http.me.id IS 'id of the user';
COMMENT ON COLUMN whalefall_http.me.username IS 'unique name';
COMMENT ON COLUMN whalefall_http.me.email IS 'address; null = none';
COMMENT ON COLUMN whalefall_http.me.role IS 'what the user may do';
COMMENT ON COLUMN whalefall_http.me.is_active IS 'true';
COMMENT ON COLUMN whalefall_http.me.created_at IS 'when the user was made';
COMMENT ON COLUMN whalefall_http.me.last_login IS 'last successful login; null = never';
COMMENT ON COLUMN whalefall_http.me.permissions IS 'view, create, update, delete, admin, scheduler_view, scheduler_manage, as far as the role has them';
