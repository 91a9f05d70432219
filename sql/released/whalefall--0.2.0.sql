\echo Use "CREATE EXTENSION whalefall CASCADE" to load this file. \quit
-- Roles first: everything below belongs to them.

-- Names below are qualified, and nothing of anybody's search_path is looked at.
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA whalefall;
COMMENT ON SCHEMA whalefall IS 'whalefall: private tables';
CREATE SCHEMA whalefall_api;
COMMENT ON SCHEMA whalefall_api IS 'whalefall: operations (functions) and read model (views)';

CREATE FUNCTION whalefall.ensure_roles() RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_setup_ensure_roles';
COMMENT ON FUNCTION whalefall.ensure_roles() IS 'creates the roles of whalefall, or adopts them when they have exactly the expected attributes';
SELECT whalefall.ensure_roles();

CREATE FUNCTION whalefall.seal() RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_setup_seal';
COMMENT ON FUNCTION whalefall.seal() IS 'gives every object of the extension to whalefall_owner and revokes EXECUTE from PUBLIC';
-- Core: the control plane's own state, history of seeds and setup, error table.
-- Objects get their owner and lose PUBLIC's rights in 90_seal.sql; grants stand in 95_grants.sql.

-- One row, written by whalefall.setup(). The system identifier and database oid tell a restored copy
-- from the original: a copy must not log in to the fleet.
CREATE TABLE whalefall.control_plane (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	system_identifier bigint NOT NULL,
	database_oid oid NOT NULL,
	setup_version integer NOT NULL,
	set_up_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE whalefall.control_plane IS 'which cluster and database this control plane lives in, and how far setup() has brought it';

CREATE TABLE whalefall.setup_history (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	step integer NOT NULL,
	name text NOT NULL,
	extension_version text NOT NULL,
	ran_at timestamptz NOT NULL DEFAULT now(),
	ran_by text NOT NULL
);
COMMENT ON TABLE whalefall.setup_history IS 'every step setup() has taken in this database';

CREATE TABLE whalefall.seeds (
	name text PRIMARY KEY,
	version integer NOT NULL,
	applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE whalefall.seeds IS 'seed data already applied; a seed is applied once per version, so edits and deletions survive';

CREATE FUNCTION whalefall.error_table(OUT message_code text, OUT http_status integer,
	OUT sqlstate text, OUT category text, OUT severity text, OUT message_en text, OUT message_zh text)
	RETURNS SETOF record LANGUAGE c STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_base_error_table';
COMMENT ON FUNCTION whalefall.error_table() IS 'every condition the product raises: code, SQLSTATE, HTTP status, texts';

-- Keeps updated_at; attached to every table that has the column.
CREATE FUNCTION whalefall.touch_updated_at() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_base_touch_updated_at';
COMMENT ON FUNCTION whalefall.touch_updated_at() IS 'trigger: sets updated_at to now at every update';

CREATE FUNCTION whalefall.setup(take_over boolean DEFAULT false, history text DEFAULT NULL) RETURNS jsonb
	LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_setup_run';
COMMENT ON FUNCTION whalefall.setup(boolean, text) IS 'makes what is not part of the extension: history, key files, seeds, first administrator; run it after CREATE EXTENSION and after every update';

SELECT pg_catalog.pg_extension_config_dump('whalefall.control_plane', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.setup_history', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.setup_history_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.seeds', '');
-- Inventory: users (the first administrator), credentials, instances.

CREATE TABLE whalefall.users (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	username text NOT NULL CONSTRAINT users_username_key UNIQUE CHECK (length(username) BETWEEN 1 AND 255),
	email text CHECK (length(email) <= 255),
	password text NOT NULL,
	role text NOT NULL DEFAULT 'user' CHECK (role IN ('admin', 'user', 'viewer')),
	is_active boolean NOT NULL DEFAULT true,
	last_login timestamptz,
	password_changed_at timestamptz,
	token_epoch integer NOT NULL DEFAULT 0,
	created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE whalefall.users IS 'people who log in over HTTP; passwords as bcrypt hashes';

CREATE TABLE whalefall.credentials (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL CONSTRAINT credentials_name_key UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
	credential_type text NOT NULL CHECK (credential_type IN ('database', 'ssh', 'windows', 'api', 'ldap')),
	db_type text CHECK (db_type IN ('mysql', 'postgresql', 'sqlserver', 'oracle')),
	username text NOT NULL CHECK (length(username) BETWEEN 1 AND 128),
	secret bytea,
	description text,
	category_id bigint,
	is_active boolean NOT NULL DEFAULT true,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE whalefall.credentials IS 'logins to the fleet; secret = key id, nonce, AES-256-GCM ciphertext, tag';

CREATE TABLE whalefall.instances (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL CONSTRAINT instances_name_key UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
	db_type text NOT NULL CHECK (db_type IN ('mysql', 'postgresql', 'sqlserver', 'oracle')),
	host text NOT NULL CHECK (length(host) BETWEEN 1 AND 255),
	port integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
	database_name text CHECK (length(database_name) BETWEEN 1 AND 64),
	database_version text,
	main_version text,
	detailed_version text,
	sync_count integer NOT NULL DEFAULT 0,
	credential_id bigint REFERENCES whalefall.credentials ON DELETE SET NULL,
	description text NOT NULL DEFAULT '' CHECK (length(description) <= 500),
	is_active boolean NOT NULL DEFAULT true,
	tls_mode text NOT NULL DEFAULT 'prefer'
		CHECK (tls_mode IN ('disable', 'prefer', 'require', 'verify-ca', 'verify-full')),
	tls_ca text,
	last_connected timestamptz,
	last_connect_attempt timestamptz,
	last_connect_ok boolean,
	last_connect_error text,
	last_account_sync_at timestamptz,
	last_capacity_sync_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	deleted_at timestamptz,
	server_public_key text CHECK (length(server_public_key) BETWEEN 1 AND 4096),
	allow_cleartext_key boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE whalefall.instances IS 'the fleet: database servers registered here';
CREATE INDEX instances_credential_id_idx ON whalefall.instances (credential_id);

CREATE TRIGGER touch_updated_at BEFORE UPDATE ON whalefall.credentials
	FOR EACH ROW EXECUTE FUNCTION whalefall.touch_updated_at();

SELECT pg_catalog.pg_extension_config_dump('whalefall.users', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.users_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.credentials', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.credentials_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instances', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instances_id_seq', '');
-- Tags of instances, and the catalogue of database types. The rows of the catalogue come from whalefall.setup().

CREATE TABLE whalefall.tags (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL CONSTRAINT tags_name_key UNIQUE CHECK (length(name) BETWEEN 1 AND 50),
	display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
	category text NOT NULL CHECK (length(category) BETWEEN 1 AND 50),
	color text NOT NULL DEFAULT 'primary' CHECK (length(color) BETWEEN 1 AND 20),
	is_active boolean NOT NULL DEFAULT true,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE whalefall.tags IS 'labels people put on instances';
CREATE INDEX tags_category_idx ON whalefall.tags (category);

-- A tag that is in use cannot go: its foreign key does not cascade.
CREATE TABLE whalefall.instance_tags (
	instance_id bigint NOT NULL REFERENCES whalefall.instances ON DELETE CASCADE,
	tag_id bigint NOT NULL REFERENCES whalefall.tags,
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (instance_id, tag_id)
);
COMMENT ON TABLE whalefall.instance_tags IS 'which instance has which tag';
CREATE INDEX instance_tags_tag_id_idx ON whalefall.instance_tags (tag_id, instance_id);

CREATE TABLE whalefall.database_type_configs (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL CONSTRAINT database_type_configs_name_key UNIQUE
		CHECK (length(name) BETWEEN 1 AND 50),
	display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
	driver text NOT NULL CHECK (length(driver) BETWEEN 1 AND 50),
	default_port integer NOT NULL CHECK (default_port BETWEEN 1 AND 65535),
	default_schema text NOT NULL CHECK (length(default_schema) BETWEEN 1 AND 50),
	connection_timeout integer CHECK (connection_timeout > 0),
	description text,
	icon text DEFAULT 'fa-database' CHECK (length(icon) <= 50),
	color text DEFAULT 'primary' CHECK (length(color) <= 20),
	features jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(features) = 'array'),
	is_active boolean NOT NULL DEFAULT true,
	is_system boolean NOT NULL DEFAULT false,
	sort_order integer NOT NULL DEFAULT 0,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE whalefall.database_type_configs IS 'catalogue of database types: how they are shown, and their usual port and database';

CREATE TRIGGER touch_updated_at BEFORE UPDATE ON whalefall.tags
	FOR EACH ROW EXECUTE FUNCTION whalefall.touch_updated_at();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON whalefall.database_type_configs
	FOR EACH ROW EXECUTE FUNCTION whalefall.touch_updated_at();

-- The colours a tag may have. A fixed list, so a view and not a table.
CREATE VIEW whalefall.tag_colors AS
	SELECT c.key, c.value, c.name, c.css_class
	FROM (VALUES ('primary', '#18bc9c', '主色', 'bg-primary'), ('danger', '#e74c3c', '红色', 'bg-danger'),
		('warning', '#f39c12', '橙色', 'bg-warning'), ('info', '#3498db', '蓝色', 'bg-info'),
		('secondary', '#95a5a6', '灰色', 'bg-secondary'), ('success', '#18bc9c', '绿色', 'bg-success'),
		('dark', '#2c3e50', '深色', 'bg-dark'), ('light', '#ecf0f1', '浅色', 'bg-light'))
		c (key, value, name, css_class);
COMMENT ON VIEW whalefall.tag_colors IS 'colours of tags: key, RGB value, name for people, CSS class';

SELECT pg_catalog.pg_extension_config_dump('whalefall.tags', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.tags_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instance_tags', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.database_type_configs', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.database_type_configs_id_seq', '');
-- The unified log. Its table is history: whalefall_data.unified_logs and the view logs, made by whalefall.setup().

CREATE FUNCTION whalefall.log_write(level text, module text, message text, context jsonb DEFAULT NULL,
	error text DEFAULT NULL) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_logs_write';
COMMENT ON FUNCTION whalefall.log_write(text, text, text, jsonb, text) IS 'private: writes a row of the unified log, masked and cut as all rows are';
-- Runs: the queue of background work, its state machine; sync sessions are a view of it.

CREATE TABLE whalefall.task_runs (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	run_id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT task_runs_run_id_key UNIQUE,
	session_id uuid CONSTRAINT task_runs_session_id_key UNIQUE,
	task_key text NOT NULL,
	task_name text NOT NULL,
	task_category text NOT NULL
		CHECK (task_category IN ('account', 'capacity', 'aggregation', 'classification', 'other')),
	trigger_source text NOT NULL CHECK (trigger_source IN ('scheduled', 'manual', 'api')),
	sync_type text CHECK (sync_type IN ('manual_single', 'manual_batch', 'manual_task', 'scheduled_task')),
	is_fleet boolean NOT NULL,
	status text NOT NULL DEFAULT 'pending'
		CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
	options jsonb NOT NULL DEFAULT '{}',
	started_at timestamptz,
	completed_at timestamptz,
	created_by bigint,
	created_by_name text,
	progress_total integer NOT NULL DEFAULT 0,
	progress_completed integer NOT NULL DEFAULT 0,
	progress_failed integer NOT NULL DEFAULT 0,
	summary_json jsonb,
	result_url text,
	error_message text,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	CHECK ((session_id IS NULL) = (sync_type IS NULL))
);
COMMENT ON TABLE whalefall.task_runs IS 'one execution of a task over the fleet or over one instance';
-- A fleet-wide task runs once at a time.
CREATE UNIQUE INDEX task_runs_one_open_fleet_run ON whalefall.task_runs (task_key)
	WHERE is_fleet AND status IN ('pending', 'running');
CREATE INDEX task_runs_key_started_idx ON whalefall.task_runs (task_key, started_at);
CREATE INDEX task_runs_started_idx ON whalefall.task_runs (started_at, id);

CREATE TABLE whalefall.task_run_items (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	run_id uuid NOT NULL REFERENCES whalefall.task_runs (run_id) ON DELETE CASCADE,
	work text NOT NULL,
	item_type text NOT NULL CHECK (item_type IN ('instance', 'rule', 'step')),
	item_key text NOT NULL,
	item_name text,
	instance_id bigint,
	status text NOT NULL DEFAULT 'pending'
		CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
	attempt integer NOT NULL DEFAULT 0,
	not_before timestamptz,
	claim_boot bigint,
	claim_slot integer,
	claim_generation bigint,
	started_at timestamptz,
	completed_at timestamptz,
	items_synced integer NOT NULL DEFAULT 0,
	items_created integer NOT NULL DEFAULT 0,
	items_updated integer NOT NULL DEFAULT 0,
	items_deleted integer NOT NULL DEFAULT 0,
	metrics_json jsonb,
	details_json jsonb,
	error_code text,
	error_type text,
	error_message text,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT task_run_items_key UNIQUE (run_id, item_type, item_key)
);
COMMENT ON TABLE whalefall.task_run_items IS 'one unit of work of a run; claimed by a worker, done in one transaction';
CREATE INDEX task_run_items_open_idx ON whalefall.task_run_items (id) WHERE status IN ('pending', 'running');
CREATE INDEX task_run_items_instance_idx ON whalefall.task_run_items (instance_id, work, status);

CREATE TRIGGER touch_updated_at BEFORE UPDATE ON whalefall.task_runs
	FOR EACH ROW EXECUTE FUNCTION whalefall.touch_updated_at();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON whalefall.task_run_items
	FOR EACH ROW EXECUTE FUNCTION whalefall.touch_updated_at();

SELECT pg_catalog.pg_extension_config_dump('whalefall.task_runs', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.task_runs_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.task_run_items', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.task_run_items_id_seq', '');
-- Runs: operations and read model.

CREATE VIEW whalefall_api.task_runs AS
	SELECT r.id, r.run_id, r.session_id, r.task_key, r.task_name, r.task_category, r.trigger_source,
		r.status, r.started_at, r.completed_at, r.progress_total, r.progress_completed,
		r.progress_failed, r.created_by, r.created_by_name, r.options, r.summary_json, r.result_url,
		r.error_message, r.created_at, r.updated_at
	FROM whalefall.task_runs r;
COMMENT ON VIEW whalefall_api.task_runs IS 'executions of tasks, over the fleet or over one instance';
COMMENT ON COLUMN whalefall_api.task_runs.id IS 'number of the run';
COMMENT ON COLUMN whalefall_api.task_runs.run_id IS 'id of the run, as operations take it';
COMMENT ON COLUMN whalefall_api.task_runs.session_id IS 'id of the sync session this run is, null for other tasks';
COMMENT ON COLUMN whalefall_api.task_runs.task_key IS 'which task, e.g. sync_accounts';
COMMENT ON COLUMN whalefall_api.task_runs.task_name IS 'name of the task for people';
COMMENT ON COLUMN whalefall_api.task_runs.task_category IS 'account, capacity, aggregation, classification or other';
COMMENT ON COLUMN whalefall_api.task_runs.trigger_source IS 'scheduled, manual or api';
COMMENT ON COLUMN whalefall_api.task_runs.status IS 'pending, running, completed, failed or cancelled';
COMMENT ON COLUMN whalefall_api.task_runs.started_at IS 'first claim of an item';
COMMENT ON COLUMN whalefall_api.task_runs.completed_at IS 'when the last item ended, or the run was cancelled';
COMMENT ON COLUMN whalefall_api.task_runs.progress_total IS 'number of items';
COMMENT ON COLUMN whalefall_api.task_runs.progress_completed IS 'items completed';
COMMENT ON COLUMN whalefall_api.task_runs.progress_failed IS 'items failed or cancelled';
COMMENT ON COLUMN whalefall_api.task_runs.created_by IS 'user who started it, null for a database role';
COMMENT ON COLUMN whalefall_api.task_runs.created_by_name IS 'user or database role that started it';
COMMENT ON COLUMN whalefall_api.task_runs.options IS 'what the run was started with';
COMMENT ON COLUMN whalefall_api.task_runs.summary_json IS 'metrics of the finished run';
COMMENT ON COLUMN whalefall_api.task_runs.result_url IS 'page that shows the result';
COMMENT ON COLUMN whalefall_api.task_runs.error_message IS 'why the run failed';
COMMENT ON COLUMN whalefall_api.task_runs.created_at IS 'when it was asked for';
COMMENT ON COLUMN whalefall_api.task_runs.updated_at IS 'last change of the row';

CREATE VIEW whalefall_api.task_run_items AS
	SELECT i.id, i.run_id, i.item_type, i.item_key, i.item_name, i.instance_id, i.status, i.attempt,
		i.not_before, i.started_at, i.completed_at, i.items_synced, i.items_created, i.items_updated,
		i.items_deleted, i.metrics_json, i.details_json, i.error_code, i.error_type, i.error_message,
		i.created_at, i.updated_at
	FROM whalefall.task_run_items i;
COMMENT ON VIEW whalefall_api.task_run_items IS 'units of work of a run, e.g. one per instance';
COMMENT ON COLUMN whalefall_api.task_run_items.id IS 'number of the item';
COMMENT ON COLUMN whalefall_api.task_run_items.run_id IS 'run the item belongs to';
COMMENT ON COLUMN whalefall_api.task_run_items.item_type IS 'instance, rule or step';
COMMENT ON COLUMN whalefall_api.task_run_items.item_key IS 'what the item is about, unique in its run';
COMMENT ON COLUMN whalefall_api.task_run_items.item_name IS 'the same for people';
COMMENT ON COLUMN whalefall_api.task_run_items.instance_id IS 'instance the item is about';
COMMENT ON COLUMN whalefall_api.task_run_items.status IS 'pending, running, completed, failed or cancelled';
COMMENT ON COLUMN whalefall_api.task_run_items.attempt IS 'how often a worker has claimed it';
COMMENT ON COLUMN whalefall_api.task_run_items.not_before IS 'end of the back-off after a lost worker';
COMMENT ON COLUMN whalefall_api.task_run_items.started_at IS 'first claim';
COMMENT ON COLUMN whalefall_api.task_run_items.completed_at IS 'when it ended';
COMMENT ON COLUMN whalefall_api.task_run_items.items_synced IS 'accounts or databases handled';
COMMENT ON COLUMN whalefall_api.task_run_items.items_created IS 'of these, new';
COMMENT ON COLUMN whalefall_api.task_run_items.items_updated IS 'of these, changed';
COMMENT ON COLUMN whalefall_api.task_run_items.items_deleted IS 'vanished at the source';
COMMENT ON COLUMN whalefall_api.task_run_items.metrics_json IS 'figures of the item';
COMMENT ON COLUMN whalefall_api.task_run_items.details_json IS 'full result of the item';
COMMENT ON COLUMN whalefall_api.task_run_items.error_code IS 'code of the error, see docs/errors.md';
COMMENT ON COLUMN whalefall_api.task_run_items.error_type IS 'remote errors: dns, refused, timeout, auth, unknown_database, tls, protocol, other';
COMMENT ON COLUMN whalefall_api.task_run_items.error_message IS 'what went wrong';
COMMENT ON COLUMN whalefall_api.task_run_items.created_at IS 'when it was queued';
COMMENT ON COLUMN whalefall_api.task_run_items.updated_at IS 'last change of the row';

CREATE VIEW whalefall_api.sync_sessions AS
	SELECT r.id, r.session_id, r.run_id, r.sync_type, r.task_category AS sync_category,
		CASE r.status WHEN 'pending' THEN 'running' ELSE r.status END AS status,
		coalesce(r.started_at, r.created_at) AS started_at, r.completed_at,
		r.progress_total AS total_instances, r.progress_completed AS successful_instances,
		r.progress_failed AS failed_instances, r.created_by, r.created_at, r.updated_at,
		CASE WHEN r.progress_total = 0 THEN 0::numeric
			ELSE round((r.progress_completed + r.progress_failed) * 100.0 / r.progress_total, 2)
		END AS progress_percentage
	FROM whalefall.task_runs r WHERE r.session_id IS NOT NULL;
COMMENT ON VIEW whalefall_api.sync_sessions IS 'sync sessions: the runs that sync instances';
COMMENT ON COLUMN whalefall_api.sync_sessions.id IS 'number of the session';
COMMENT ON COLUMN whalefall_api.sync_sessions.session_id IS 'id of the session, as operations take it';
COMMENT ON COLUMN whalefall_api.sync_sessions.run_id IS 'the run behind it';
COMMENT ON COLUMN whalefall_api.sync_sessions.sync_type IS 'manual_single, manual_batch, manual_task or scheduled_task';
COMMENT ON COLUMN whalefall_api.sync_sessions.sync_category IS 'account, capacity, config, aggregation or other';
COMMENT ON COLUMN whalefall_api.sync_sessions.status IS 'running, completed, failed or cancelled';
COMMENT ON COLUMN whalefall_api.sync_sessions.started_at IS 'start of the session';
COMMENT ON COLUMN whalefall_api.sync_sessions.completed_at IS 'end of the session';
COMMENT ON COLUMN whalefall_api.sync_sessions.total_instances IS 'instances in the session';
COMMENT ON COLUMN whalefall_api.sync_sessions.successful_instances IS 'instances synced';
COMMENT ON COLUMN whalefall_api.sync_sessions.failed_instances IS 'instances failed or cancelled';
COMMENT ON COLUMN whalefall_api.sync_sessions.created_by IS 'user who started it, null for a database role';
COMMENT ON COLUMN whalefall_api.sync_sessions.created_at IS 'when it was asked for';
COMMENT ON COLUMN whalefall_api.sync_sessions.updated_at IS 'last change of the row';
COMMENT ON COLUMN whalefall_api.sync_sessions.progress_percentage IS 'share of instances that are done, 0 to 100';

CREATE FUNCTION whalefall_api.task_runs_list(task_key text DEFAULT NULL, task_category text DEFAULT NULL,
	trigger_source text DEFAULT NULL, status text DEFAULT NULL, page integer DEFAULT NULL,
	page_size integer DEFAULT NULL, sort text DEFAULT NULL, sort_order text DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_runs_list';
COMMENT ON FUNCTION whalefall_api.task_runs_list(text, text, text, text, integer, integer, text, text)
	IS 'task runs, paged and filtered';

CREATE FUNCTION whalefall_api.task_runs_get(run_id text) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_runs_get';
COMMENT ON FUNCTION whalefall_api.task_runs_get(text) IS 'one task run with its items';

CREATE FUNCTION whalefall_api.task_runs_error_logs(run_id text) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_runs_error_logs';
COMMENT ON FUNCTION whalefall_api.task_runs_error_logs(text) IS 'failed items of a task run';

CREATE FUNCTION whalefall_api.task_runs_cancel(run_id text) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_runs_cancel';
COMMENT ON FUNCTION whalefall_api.task_runs_cancel(text) IS 'cancel a pending or running task run';

CREATE FUNCTION whalefall_api.sync_sessions_list(sync_type text DEFAULT NULL,
	sync_category text DEFAULT NULL, status text DEFAULT NULL, page integer DEFAULT NULL,
	page_size integer DEFAULT NULL, sort text DEFAULT NULL, sort_order text DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_sessions_list';
COMMENT ON FUNCTION whalefall_api.sync_sessions_list(text, text, text, integer, integer, text, text)
	IS 'sync sessions, paged and filtered';

CREATE FUNCTION whalefall_api.sync_sessions_get(session_id text) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_sessions_get';
COMMENT ON FUNCTION whalefall_api.sync_sessions_get(text) IS 'one sync session with its instance records';

CREATE FUNCTION whalefall_api.sync_sessions_error_logs(session_id text) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_sessions_error_logs';
COMMENT ON FUNCTION whalefall_api.sync_sessions_error_logs(text) IS 'failed records of a sync session';

CREATE FUNCTION whalefall_api.sync_sessions_cancel(session_id text) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_sessions_cancel';
COMMENT ON FUNCTION whalefall_api.sync_sessions_cancel(text) IS 'cancel a running sync session';

CREATE FUNCTION whalefall_api.sync_sessions_statistics(hours integer DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_sessions_statistics';
COMMENT ON FUNCTION whalefall_api.sync_sessions_statistics(integer)
	IS 'counters of sync sessions by status, type and category, over everything or the last hours';
-- Connections: tests and their operations. A test leaves only a log row.

CREATE FUNCTION whalefall_api.instances_test_connection(instance_id bigint DEFAULT NULL,
	db_type text DEFAULT NULL, host text DEFAULT NULL, port integer DEFAULT NULL,
	credential_id bigint DEFAULT NULL, username text DEFAULT NULL, password text DEFAULT NULL,
	database_name text DEFAULT NULL, name text DEFAULT NULL, server_public_key text DEFAULT NULL,
	allow_cleartext_key boolean DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_connections_test';
COMMENT ON FUNCTION whalefall_api.instances_test_connection(bigint, text, text, integer, bigint, text, text, text, text, text, boolean)
	IS 'test a stored instance (viewer) or given parameters (user); answers the version and what the account may do, or fails with an error type';

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
-- Accounts: who exists on an instance, what they may do, and interned facts.
-- The change log is history: whalefall_data.account_change_log, made by whalefall.setup().

CREATE TABLE whalefall.account_filters (
	db_type text NOT NULL CHECK (db_type IN ('mysql', 'postgresql', 'sqlserver', 'oracle')),
	kind text NOT NULL CHECK (kind IN ('exact', 'like')),
	pattern text NOT NULL CHECK (pattern <> ''),
	PRIMARY KEY (db_type, kind, pattern)
);
COMMENT ON TABLE whalefall.account_filters IS 'system accounts that are not synced; in a like pattern only % is a wildcard';

CREATE TABLE whalefall.facts (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	db_type text COLLATE "C" NOT NULL,
	scope text COLLATE "C" NOT NULL,
	object text COLLATE "C" NOT NULL DEFAULT '',
	name text COLLATE "C" NOT NULL,
	grantable boolean NOT NULL DEFAULT false,
	CONSTRAINT facts_key UNIQUE (name, db_type, scope, object, grantable)
);
COMMENT ON TABLE whalefall.facts IS 'every distinct privilege, role or capability seen in the fleet, interned; accounts hold sorted ids of it';

CREATE TABLE whalefall.instance_accounts (
	instance_id bigint NOT NULL REFERENCES whalefall.instances ON DELETE CASCADE,
	id bigint GENERATED ALWAYS AS IDENTITY,
	db_type text NOT NULL,
	username text COLLATE "C" NOT NULL,
	is_active boolean NOT NULL DEFAULT true,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	deleted_at timestamptz,
	PRIMARY KEY (instance_id, id),
	CONSTRAINT instance_accounts_key UNIQUE (instance_id, db_type, username)
);
COMMENT ON TABLE whalefall.instance_accounts IS 'existence of an account on an instance; inactive = vanished at the source';
CREATE INDEX instance_accounts_id_idx ON whalefall.instance_accounts (id);

-- Shares the id of instance_accounts. Written only when something changed.
CREATE TABLE whalefall.account_permission (
	instance_id bigint NOT NULL,
	id bigint NOT NULL,
	permission_snapshot jsonb NOT NULL,
	permission_facts jsonb NOT NULL,
	fact_ids integer[] NOT NULL,
	is_superuser boolean NOT NULL GENERATED ALWAYS AS
		(coalesce(permission_facts -> 'capabilities' ? 'SUPERUSER', false)) STORED,
	is_locked boolean NOT NULL GENERATED ALWAYS AS
		(coalesce(permission_facts -> 'capabilities' ? 'LOCKED', false)) STORED,
	last_change_type text NOT NULL DEFAULT 'add'
		CHECK (last_change_type IN ('add', 'modify_privilege', 'modify_other', 'delete', 'restore')),
	last_change_time timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (instance_id, id),
	FOREIGN KEY (instance_id, id) REFERENCES whalefall.instance_accounts ON DELETE CASCADE
);
COMMENT ON TABLE whalefall.account_permission IS 'current permission state of an account: snapshot, derived facts, interned fact ids';
CREATE INDEX account_permission_id_idx ON whalefall.account_permission (id);
CREATE INDEX account_permission_fact_ids_idx ON whalefall.account_permission USING gin (fact_ids);
-- Who is superuser anywhere: few rows of many. The condition is written as in the view, to be recognized.
CREATE INDEX account_permission_superuser_idx ON whalefall.account_permission (instance_id, id)
	WHERE is_superuser IS TRUE;

-- What PUBLIC held per object at the last account sync; tells a new database from a new grant.
CREATE TABLE whalefall.account_sync_state (
	instance_id bigint PRIMARY KEY REFERENCES whalefall.instances ON DELETE CASCADE,
	public_privileges jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE whalefall.account_sync_state IS 'per instance: privileges of PUBLIC at the last account sync';

CREATE VIEW whalefall_api.accounts AS
SELECT a.id AS account_id, a.instance_id, i.name AS instance_name, a.db_type, a.username, a.is_active,
	p.is_superuser IS TRUE AS is_superuser, p.is_locked IS TRUE AS is_locked,
	coalesce(p.permission_snapshot -> 'type_specific' -> a.db_type, '{}'::jsonb) || '{"version": 1}'::jsonb
		AS type_specific,
	p.permission_snapshot, p.permission_facts,
	greatest(p.last_change_time, i.last_account_sync_at) AS last_sync_time,
	p.last_change_type, p.last_change_time, a.created_at, a.updated_at, a.deleted_at
FROM whalefall.instance_accounts a
JOIN whalefall.instances i ON i.id = a.instance_id
LEFT JOIN whalefall.account_permission p ON p.instance_id = a.instance_id AND p.id = a.id
WHERE i.deleted_at IS NULL;
COMMENT ON VIEW whalefall_api.accounts IS 'accounts of the fleet with their current permission state';
COMMENT ON COLUMN whalefall_api.accounts.account_id IS 'id of the account';
COMMENT ON COLUMN whalefall_api.accounts.instance_id IS 'id of the instance';
COMMENT ON COLUMN whalefall_api.accounts.instance_name IS 'name of the instance';
COMMENT ON COLUMN whalefall_api.accounts.db_type IS 'mysql, postgresql, sqlserver, oracle';
COMMENT ON COLUMN whalefall_api.accounts.username IS 'name of the account; MySQL: user@host';
COMMENT ON COLUMN whalefall_api.accounts.is_active IS 'false: vanished at the source';
COMMENT ON COLUMN whalefall_api.accounts.is_superuser IS 'has the capability SUPERUSER';
COMMENT ON COLUMN whalefall_api.accounts.is_locked IS 'has the capability LOCKED: cannot log in';
COMMENT ON COLUMN whalefall_api.accounts.type_specific IS 'attributes that only this engine has';
COMMENT ON COLUMN whalefall_api.accounts.permission_snapshot IS 'what the source said, normalized (version 4); null before the first collection';
COMMENT ON COLUMN whalefall_api.accounts.permission_facts IS 'what it means: capabilities, roles, privileges (version 2)';
COMMENT ON COLUMN whalefall_api.accounts.last_sync_time IS 'later of the last change and the last account sync of the instance';
COMMENT ON COLUMN whalefall_api.accounts.last_change_type IS 'add, modify_privilege, modify_other, delete, restore';
COMMENT ON COLUMN whalefall_api.accounts.last_change_time IS 'when a sync last found a change';
COMMENT ON COLUMN whalefall_api.accounts.created_at IS 'when a sync first saw the account';
COMMENT ON COLUMN whalefall_api.accounts.updated_at IS 'when it last appeared or vanished';
COMMENT ON COLUMN whalefall_api.accounts.deleted_at IS 'when it was found missing; null while active';

-- Both conditions on fact_ids say the same: the first finds the facts of an account by their primary key, the
-- second the accounts of a fact by the GIN index. The planner takes the one that fits the query.
CREATE VIEW whalefall_api.account_privileges AS
SELECT p.id AS account_id, p.instance_id, i.name AS instance_name, i.db_type, a.username, a.is_active,
	f.scope, f.object, f.name AS privilege, f.grantable
FROM whalefall.account_permission p
JOIN whalefall.facts f ON f.id = ANY (p.fact_ids) AND p.fact_ids @> ARRAY[f.id]
JOIN whalefall.instance_accounts a ON a.instance_id = p.instance_id AND a.id = p.id
JOIN whalefall.instances i ON i.id = p.instance_id
WHERE i.deleted_at IS NULL;
COMMENT ON VIEW whalefall_api.account_privileges IS 'who can do what: one row per account, scope, object and privilege';
COMMENT ON COLUMN whalefall_api.account_privileges.account_id IS 'id of the account';
COMMENT ON COLUMN whalefall_api.account_privileges.instance_id IS 'id of the instance';
COMMENT ON COLUMN whalefall_api.account_privileges.instance_name IS 'name of the instance';
COMMENT ON COLUMN whalefall_api.account_privileges.db_type IS 'mysql, postgresql, sqlserver, oracle';
COMMENT ON COLUMN whalefall_api.account_privileges.username IS 'name of the account; MySQL: user@host';
COMMENT ON COLUMN whalefall_api.account_privileges.is_active IS 'false: vanished at the source, the privileges are its last ones';
COMMENT ON COLUMN whalefall_api.account_privileges.scope IS 'capability, role, role_effective (held through another role), global, server, system, database, schema, object, column, tablespace';
COMMENT ON COLUMN whalefall_api.account_privileges.object IS 'what it is held on: a database, db/schema, db/schema.object, a tablespace; empty when the scope has none';
COMMENT ON COLUMN whalefall_api.account_privileges.privilege IS 'name of the privilege, role or capability';
COMMENT ON COLUMN whalefall_api.account_privileges.grantable IS 'may be passed on (WITH GRANT or ADMIN OPTION)';

CREATE FUNCTION whalefall.accounts_merge(instance_id bigint, usernames text[], snapshots jsonb[],
	public_privileges jsonb DEFAULT NULL, force boolean DEFAULT false)
	RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_accounts_merge_snapshots';
COMMENT ON FUNCTION whalefall.accounts_merge(bigint, text[], jsonb[], jsonb, boolean) IS 'merge ready permission snapshots of an instance as an account sync would';

CREATE FUNCTION whalefall.accounts_merge_rows(instance_id bigint, rows jsonb,
	unread text[] DEFAULT '{}', force boolean DEFAULT false)
	RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_accounts_merge_rows';
COMMENT ON FUNCTION whalefall.accounts_merge_rows(bigint, jsonb, text[], boolean) IS 'merge rows of an instance as its driver emits them; unread: categories that could not be read';

SELECT pg_catalog.pg_extension_config_dump('whalefall.account_filters', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.facts', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.facts_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instance_accounts', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instance_accounts_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.account_permission', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.account_sync_state', '');
-- Capacity: inventory of databases, latest table sizes. Size history lives in whalefall_data; setup()
-- makes it, and the views whalefall_api.databases, database_sizes and instance_sizes that read it.

CREATE TABLE whalefall.database_filters (
	db_type text NOT NULL CHECK (db_type IN ('mysql', 'postgresql', 'sqlserver', 'oracle')),
	kind text NOT NULL CHECK (kind IN ('exact', 'like')),
	pattern text NOT NULL CHECK (pattern <> ''),
	PRIMARY KEY (db_type, kind, pattern)
);
COMMENT ON TABLE whalefall.database_filters IS 'system databases that are not followed; compared without case, only % is a wildcard';

CREATE TABLE whalefall.instance_databases (
	instance_id bigint NOT NULL REFERENCES whalefall.instances ON DELETE CASCADE,
	id bigint GENERATED ALWAYS AS IDENTITY,
	database_name text COLLATE "C" NOT NULL,
	is_active boolean NOT NULL DEFAULT true,
	first_seen_date date NOT NULL,
	last_seen_date date NOT NULL,
	deleted_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (instance_id, id),
	CONSTRAINT instance_databases_key UNIQUE (instance_id, database_name),
	CHECK (is_active = (deleted_at IS NULL)),
	CHECK (first_seen_date <= last_seen_date)
);
COMMENT ON TABLE whalefall.instance_databases IS 'databases of an instance; inactive = vanished at the source or filtered';
CREATE INDEX instance_databases_id_idx ON whalefall.instance_databases (id);

CREATE TABLE whalefall.database_table_size_stats (
	instance_id bigint NOT NULL REFERENCES whalefall.instances ON DELETE CASCADE,
	database_name text COLLATE "C" NOT NULL,
	schema_name text COLLATE "C" NOT NULL,
	table_name text COLLATE "C" NOT NULL,
	size_mb bigint NOT NULL,
	data_size_mb bigint,
	index_size_mb bigint,
	row_count bigint,
	collected_at timestamptz NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (instance_id, database_name, schema_name, table_name)
);
COMMENT ON TABLE whalefall.database_table_size_stats IS 'latest table sizes of a database, collected on demand';
-- The largest tables of a database, without sorting all of them.
CREATE INDEX database_table_size_stats_size_idx ON whalefall.database_table_size_stats
	(instance_id, database_name, size_mb DESC, schema_name, table_name);

CREATE VIEW whalefall_api.database_table_sizes AS
	SELECT t.instance_id, i.name AS instance_name, i.db_type, d.id AS database_id, t.database_name,
		t.schema_name, t.table_name, t.size_mb, t.data_size_mb, t.index_size_mb, t.row_count, t.collected_at
	FROM whalefall.database_table_size_stats t
		JOIN whalefall.instances i ON i.id = t.instance_id
		LEFT JOIN whalefall.instance_databases d
			ON d.instance_id = t.instance_id AND d.database_name = t.database_name
	WHERE i.deleted_at IS NULL;
COMMENT ON VIEW whalefall_api.database_table_sizes IS 'table sizes of the databases that were refreshed on demand: the latest snapshot';
COMMENT ON COLUMN whalefall_api.database_table_sizes.instance_id IS 'id of the instance';
COMMENT ON COLUMN whalefall_api.database_table_sizes.instance_name IS 'name of the instance';
COMMENT ON COLUMN whalefall_api.database_table_sizes.db_type IS 'mysql, postgresql, sqlserver, oracle';
COMMENT ON COLUMN whalefall_api.database_table_sizes.database_id IS 'id of the database, as in databases';
COMMENT ON COLUMN whalefall_api.database_table_sizes.database_name IS 'name of the database';
COMMENT ON COLUMN whalefall_api.database_table_sizes.schema_name IS 'schema of the table';
COMMENT ON COLUMN whalefall_api.database_table_sizes.table_name IS 'name of the table';
COMMENT ON COLUMN whalefall_api.database_table_sizes.size_mb IS 'whole size with indexes in MiB, rounded up';
COMMENT ON COLUMN whalefall_api.database_table_sizes.data_size_mb IS 'size of the data in MiB, rounded up; null = not told';
COMMENT ON COLUMN whalefall_api.database_table_sizes.index_size_mb IS 'size of the indexes in MiB, rounded up; null = not told';
COMMENT ON COLUMN whalefall_api.database_table_sizes.row_count IS 'estimated number of rows; null = not known';
COMMENT ON COLUMN whalefall_api.database_table_sizes.collected_at IS 'instant of the snapshot';

-- The merges without a remote server, for tests; a sync calls the same code.
CREATE FUNCTION whalefall.capacity_merge(instance_id bigint, names text[], sizes bigint[],
	is_system boolean[] DEFAULT NULL, force boolean DEFAULT false)
	RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_capacity_merge';
COMMENT ON FUNCTION whalefall.capacity_merge(bigint, text[], bigint[], boolean[], boolean) IS 'private: merge a list of databases and their sizes in bytes (null = unread) as a capacity sync does';

CREATE FUNCTION whalefall.capacity_merge_tables(instance_id bigint, database_name text, schemas text[],
	names text[], totals bigint[], data bigint[] DEFAULT NULL, indexes bigint[] DEFAULT NULL,
	row_counts bigint[] DEFAULT NULL)
	RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_capacity_merge_table_sizes';
COMMENT ON FUNCTION whalefall.capacity_merge_tables(bigint, text, text[], text[], bigint[], bigint[], bigint[], bigint[]) IS 'private: replace the table sizes (bytes) of a database as a refresh does';

SELECT pg_catalog.pg_extension_config_dump('whalefall.database_filters', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instance_databases', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instance_databases_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.database_table_size_stats', '');
-- Sync operations: of one instance (waits for the result) and of the fleet (starts a run).

CREATE FUNCTION whalefall_api.instances_sync_accounts(instance_id bigint, force boolean DEFAULT false)
	RETURNS json LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_accounts_sync_one';
COMMENT ON FUNCTION whalefall_api.instances_sync_accounts(bigint, boolean)
	IS 'sync the accounts of one instance and wait for the result; force overrides the inventory guard';

CREATE FUNCTION whalefall_api.instances_sync_accounts_all() RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_accounts_sync_all';
COMMENT ON FUNCTION whalefall_api.instances_sync_accounts_all()
	IS 'start the account sync of all active instances in the background';

CREATE FUNCTION whalefall_api.instances_sync_capacity(instance_id bigint, force boolean DEFAULT false)
	RETURNS json LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_capacity_sync_one';
COMMENT ON FUNCTION whalefall_api.instances_sync_capacity(bigint, boolean)
	IS 'collect databases and sizes of one instance and wait for the result; force overrides the inventory guard';

CREATE FUNCTION whalefall_api.databases_ledgers_sync_all() RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_capacity_sync_all';
COMMENT ON FUNCTION whalefall_api.databases_ledgers_sync_all()
	IS 'start the capacity sync of all active instances in the background';

CREATE FUNCTION whalefall_api.databases_table_sizes_refresh(database_id bigint,
	schema_name text DEFAULT NULL, table_name text DEFAULT NULL, page integer DEFAULT NULL,
	page_size integer DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_capacity_refresh_one';
COMMENT ON FUNCTION whalefall_api.databases_table_sizes_refresh(bigint, text, text, integer, integer)
	IS 'sample the table sizes of one database now and answer them';
-- Inventory: read model and operations. After accounts and capacity, whose rows the views count.

CREATE VIEW whalefall_api.credentials AS
	SELECT c.id, c.name, c.credential_type, c.db_type, c.username, '******'::text AS password,
		c.description, c.category_id, c.is_active,
		(SELECT count(*) FROM whalefall.instances i
			WHERE i.credential_id = c.id AND i.deleted_at IS NULL) AS instance_count,
		c.created_at, c.updated_at
	FROM whalefall.credentials c;
COMMENT ON VIEW whalefall_api.credentials IS 'logins to the fleet; passwords are never shown';
COMMENT ON COLUMN whalefall_api.credentials.id IS 'id of the credential';
COMMENT ON COLUMN whalefall_api.credentials.name IS 'unique name';
COMMENT ON COLUMN whalefall_api.credentials.credential_type IS 'database, ssh, windows, api, ldap';
COMMENT ON COLUMN whalefall_api.credentials.db_type IS 'mysql, postgresql, sqlserver, oracle; null = any';
COMMENT ON COLUMN whalefall_api.credentials.username IS 'name to log in with';
COMMENT ON COLUMN whalefall_api.credentials.password IS 'always ******';
COMMENT ON COLUMN whalefall_api.credentials.description IS 'free text; null = none';
COMMENT ON COLUMN whalefall_api.credentials.category_id IS 'unused, always null';
COMMENT ON COLUMN whalefall_api.credentials.is_active IS 'false: refused when an instance is connected to';
COMMENT ON COLUMN whalefall_api.credentials.instance_count IS 'instances that use it, without deleted ones';
COMMENT ON COLUMN whalefall_api.credentials.created_at IS 'when it was stored';
COMMENT ON COLUMN whalefall_api.credentials.updated_at IS 'when it was changed last';

CREATE VIEW whalefall_api.instances AS
	SELECT i.id, i.name, i.db_type, i.host, i.port, i.database_name, i.description, i.is_active,
		CASE WHEN i.deleted_at IS NOT NULL THEN 'deleted' WHEN i.is_active THEN 'active'
			ELSE 'inactive' END AS status,
		i.credential_id, i.tls_mode, i.tls_ca, i.database_version, i.main_version, i.detailed_version,
		i.sync_count,
		(SELECT count(*) FROM whalefall.instance_databases d
			WHERE d.instance_id = i.id AND d.is_active) AS active_db_count,
		(SELECT count(*) FROM whalefall.instance_accounts a
			WHERE a.instance_id = i.id AND a.is_active) AS active_account_count,
		greatest(i.last_account_sync_at, i.last_capacity_sync_at) AS last_sync_time,
		i.last_account_sync_at, i.last_capacity_sync_at, i.last_connected, i.last_connect_attempt,
		i.last_connect_ok, i.last_connect_error, i.created_at, i.updated_at, i.deleted_at,
		(SELECT coalesce(array_agg(t.name ORDER BY t.category, t.display_name, t.name), '{}')
			FROM whalefall.instance_tags l JOIN whalefall.tags t ON t.id = l.tag_id
			WHERE l.instance_id = i.id) AS tags,
		i.server_public_key, i.allow_cleartext_key
	FROM whalefall.instances i;
COMMENT ON VIEW whalefall_api.instances IS 'the fleet, deleted instances included';
COMMENT ON COLUMN whalefall_api.instances.id IS 'id of the instance';
COMMENT ON COLUMN whalefall_api.instances.name IS 'unique name, also among deleted instances';
COMMENT ON COLUMN whalefall_api.instances.db_type IS 'mysql, postgresql, sqlserver, oracle';
COMMENT ON COLUMN whalefall_api.instances.host IS 'address or host name';
COMMENT ON COLUMN whalefall_api.instances.port IS 'TCP port';
COMMENT ON COLUMN whalefall_api.instances.database_name IS 'database to connect to; null = the default of the type';
COMMENT ON COLUMN whalefall_api.instances.description IS 'free text';
COMMENT ON COLUMN whalefall_api.instances.is_active IS 'false: left out of syncs';
COMMENT ON COLUMN whalefall_api.instances.status IS 'deleted, active, inactive';
COMMENT ON COLUMN whalefall_api.instances.credential_id IS 'id of the credential to log in with; null = none';
COMMENT ON COLUMN whalefall_api.instances.tls_mode IS 'disable, prefer, require, verify-ca, verify-full';
COMMENT ON COLUMN whalefall_api.instances.tls_ca IS 'certificate of the authority in PEM form; null = none';
COMMENT ON COLUMN whalefall_api.instances.database_version IS 'banner of the server; null = never connected';
COMMENT ON COLUMN whalefall_api.instances.main_version IS 'first two parts of the version; null = unknown';
COMMENT ON COLUMN whalefall_api.instances.detailed_version IS 'whole version; null = never connected';
COMMENT ON COLUMN whalefall_api.instances.sync_count IS 'successful account syncs of this instance alone';
COMMENT ON COLUMN whalefall_api.instances.active_db_count IS 'databases the last sync found';
COMMENT ON COLUMN whalefall_api.instances.active_account_count IS 'accounts the last sync found';
COMMENT ON COLUMN whalefall_api.instances.last_sync_time IS 'later of the two syncs below; null = never';
COMMENT ON COLUMN whalefall_api.instances.last_account_sync_at IS 'last complete account sync; null = never';
COMMENT ON COLUMN whalefall_api.instances.last_capacity_sync_at IS 'last complete capacity sync; null = never';
COMMENT ON COLUMN whalefall_api.instances.last_connected IS 'last successful connection; null = never';
COMMENT ON COLUMN whalefall_api.instances.last_connect_attempt IS 'last attempt to connect; null = never';
COMMENT ON COLUMN whalefall_api.instances.last_connect_ok IS 'whether that attempt succeeded';
COMMENT ON COLUMN whalefall_api.instances.last_connect_error IS 'why it failed: dns, refused, timeout, auth, unknown_database, tls, protocol, other';
COMMENT ON COLUMN whalefall_api.instances.created_at IS 'when it was registered';
COMMENT ON COLUMN whalefall_api.instances.updated_at IS 'when its registration was changed last';
COMMENT ON COLUMN whalefall_api.instances.deleted_at IS 'when it was put into the recycle bin; null = it is not there';
COMMENT ON COLUMN whalefall_api.instances.tags IS 'codes of its tags, by category and display name';
COMMENT ON COLUMN whalefall_api.instances.server_public_key IS 'MySQL: public key of the server for logins without TLS, in PEM form; null = none';
COMMENT ON COLUMN whalefall_api.instances.allow_cleartext_key IS 'MySQL: true = that key may be fetched from whoever answers; anybody in between gets the password';

-- The way in for secrets from psql: \copy whalefall_api.credential_input from a file or from stdin.
CREATE VIEW whalefall_api.credential_input AS
	SELECT NULL::text AS name, NULL::text AS credential_type, NULL::text AS db_type,
		NULL::text AS username, NULL::text AS password, NULL::text AS description
	WHERE false;
COMMENT ON VIEW whalefall_api.credential_input IS 'write-only: each row stores a credential, or changes the given fields of the one with that name; always empty to readers';
COMMENT ON COLUMN whalefall_api.credential_input.name IS 'name; a known one is changed, a new one created';
COMMENT ON COLUMN whalefall_api.credential_input.credential_type IS 'database, ssh, windows, api, ldap';
COMMENT ON COLUMN whalefall_api.credential_input.db_type IS 'mysql, postgresql, sqlserver, oracle; null = any';
COMMENT ON COLUMN whalefall_api.credential_input.username IS 'name to log in with';
COMMENT ON COLUMN whalefall_api.credential_input.password IS 'password; encrypted before it is written';
COMMENT ON COLUMN whalefall_api.credential_input.description IS 'free text; null = none';

-- No SET clause: it would undo, at its end, the setting the function makes for the whole statement.
CREATE FUNCTION whalefall.credential_input_begin() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'wf_inventory_input_begin';
COMMENT ON FUNCTION whalefall.credential_input_begin() IS 'trigger: keeps input lines out of error contexts';
CREATE FUNCTION whalefall.credential_input_row() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_inventory_input_row';
COMMENT ON FUNCTION whalefall.credential_input_row() IS 'trigger: encrypts and stores one credential';
CREATE TRIGGER credential_input_begin BEFORE INSERT ON whalefall_api.credential_input
	FOR EACH STATEMENT EXECUTE FUNCTION whalefall.credential_input_begin();
CREATE TRIGGER credential_input_row INSTEAD OF INSERT ON whalefall_api.credential_input
	FOR EACH ROW EXECUTE FUNCTION whalefall.credential_input_row();

CREATE FUNCTION whalefall_api.credentials_list(search text DEFAULT NULL, credential_type text DEFAULT NULL,
	db_type text DEFAULT NULL, status text DEFAULT NULL, page integer DEFAULT NULL,
	page_size integer DEFAULT NULL, sort text DEFAULT NULL, sort_order text DEFAULT NULL,
	tags text[] DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_credentials_list';
COMMENT ON FUNCTION whalefall_api.credentials_list(text, text, text, text, integer, integer, text, text, text[])
	IS 'credentials, page by page; search looks in name, username and description; tags: used by an instance that has any of these';

CREATE FUNCTION whalefall_api.credentials_get(credential_id bigint) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_credentials_get';
COMMENT ON FUNCTION whalefall_api.credentials_get(bigint) IS 'one credential, without its password';

CREATE FUNCTION whalefall_api.credentials_create(name text DEFAULT NULL, credential_type text DEFAULT NULL,
	username text DEFAULT NULL, password text DEFAULT NULL, db_type text DEFAULT NULL,
	description text DEFAULT NULL, is_active boolean DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_credentials_create';
COMMENT ON FUNCTION whalefall_api.credentials_create(text, text, text, text, text, text, boolean)
	IS 'store a credential; from psql use the view credential_input, so that the password is not part of a statement';

CREATE FUNCTION whalefall_api.credentials_update(credential_id bigint, name text DEFAULT NULL,
	credential_type text DEFAULT NULL, username text DEFAULT NULL, password text DEFAULT NULL,
	db_type text DEFAULT NULL, description text DEFAULT NULL, is_active boolean DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_credentials_update';
COMMENT ON FUNCTION whalefall_api.credentials_update(bigint, text, text, text, text, text, text, boolean, text[])
	IS 'change the given fields of a credential; clear names those that become null (db_type, description)';

CREATE FUNCTION whalefall_api.credentials_delete(credential_id bigint) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_credentials_delete';
COMMENT ON FUNCTION whalefall_api.credentials_delete(bigint)
	IS 'delete a credential for good; instances that used it have none afterwards';

CREATE FUNCTION whalefall_api.instances_list(search text DEFAULT NULL, db_type text DEFAULT NULL,
	status text DEFAULT NULL, include_deleted boolean DEFAULT NULL, page integer DEFAULT NULL,
	page_size integer DEFAULT NULL, sort text DEFAULT NULL, sort_order text DEFAULT NULL,
	tags text[] DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_list';
COMMENT ON FUNCTION whalefall_api.instances_list(text, text, text, boolean, integer, integer, text, text, text[])
	IS 'instances, page by page; search looks in name, host and description; tags: those that have any of these';

CREATE FUNCTION whalefall_api.instances_get(instance_id bigint) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_get';
COMMENT ON FUNCTION whalefall_api.instances_get(bigint) IS 'one instance that is not deleted';

CREATE FUNCTION whalefall_api.instances_create(name text DEFAULT NULL, db_type text DEFAULT NULL,
	host text DEFAULT NULL, port integer DEFAULT NULL, database_name text DEFAULT NULL,
	credential_id bigint DEFAULT NULL, description text DEFAULT NULL, is_active boolean DEFAULT NULL,
	tls_mode text DEFAULT NULL, tls_ca text DEFAULT NULL, tag_names text[] DEFAULT NULL,
	server_public_key text DEFAULT NULL, allow_cleartext_key boolean DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_create';
COMMENT ON FUNCTION whalefall_api.instances_create(text, text, text, integer, text, bigint, text, boolean, text, text, text[], text, boolean)
	IS 'register an instance; name, db_type, host and port are required; tag_names that are not known are ignored; server_public_key and allow_cleartext_key are for logins of MySQL without TLS';

CREATE FUNCTION whalefall_api.instances_update(instance_id bigint, name text DEFAULT NULL,
	db_type text DEFAULT NULL, host text DEFAULT NULL, port integer DEFAULT NULL,
	database_name text DEFAULT NULL, credential_id bigint DEFAULT NULL, description text DEFAULT NULL,
	is_active boolean DEFAULT NULL, tls_mode text DEFAULT NULL, tls_ca text DEFAULT NULL,
	clear text[] DEFAULT '{}', tag_names text[] DEFAULT NULL, server_public_key text DEFAULT NULL,
	allow_cleartext_key boolean DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_update';
COMMENT ON FUNCTION whalefall_api.instances_update(bigint, text, text, text, integer, text, bigint, text, boolean, text, text, text[], text[], text, boolean)
	IS 'change the given fields of an instance; tag_names replaces its tags; clear names what becomes null or empty (database_name, credential_id, description, tls_mode, tls_ca, tag_names, server_public_key)';

CREATE FUNCTION whalefall_api.instances_delete(instance_id bigint) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_delete';
COMMENT ON FUNCTION whalefall_api.instances_delete(bigint) IS 'put an instance into the recycle bin; its history stays';

CREATE FUNCTION whalefall.parse_version(db_type text, banner text, version_num integer,
	OUT main_version text, OUT detailed_version text) RETURNS record
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_inventory_parse_version_sql';
COMMENT ON FUNCTION whalefall.parse_version(text, text, integer) IS 'private: what a sync makes of a server''s banner; version_num is PostgreSQL''s, else 0';

-- No SET clause: a procedure that commits cannot have one; it pins search_path itself in each transaction.
CREATE PROCEDURE whalefall.rotate_key(drop_retired boolean DEFAULT false)
	LANGUAGE c
	AS 'MODULE_PATHNAME', 'wf_inventory_rotate_key';
COMMENT ON PROCEDURE whalefall.rotate_key(boolean) IS 'adds a master key and seals every stored password anew; may be called again after an interruption; drop_retired removes old keys from the file';
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
-- Tags and database types: read model and operations.

CREATE VIEW whalefall_api.tags AS
	SELECT t.id, t.name, t.display_name, t.category, t.color, c.value AS color_value, c.name AS color_name,
		c.css_class, t.is_active, t.created_at, t.updated_at,
		(SELECT count(*) FROM whalefall.instance_tags l WHERE l.tag_id = t.id) AS instance_count
	FROM whalefall.tags t CROSS JOIN LATERAL (SELECT k.value, k.name, k.css_class
		FROM whalefall.tag_colors k WHERE k.key IN (t.color, 'info')
		ORDER BY k.key = t.color DESC LIMIT 1) c;
COMMENT ON VIEW whalefall_api.tags IS 'labels people put on instances';
COMMENT ON COLUMN whalefall_api.tags.id IS 'id of the tag';
COMMENT ON COLUMN whalefall_api.tags.name IS 'unique code';
COMMENT ON COLUMN whalefall_api.tags.display_name IS 'name for people';
COMMENT ON COLUMN whalefall_api.tags.category IS 'what it is sorted under; free text';
COMMENT ON COLUMN whalefall_api.tags.color IS 'primary, danger, warning, info, secondary, success, dark, light';
COMMENT ON COLUMN whalefall_api.tags.color_value IS 'the colour as #rrggbb; an unknown key shows as info';
COMMENT ON COLUMN whalefall_api.tags.color_name IS 'the colour for people';
COMMENT ON COLUMN whalefall_api.tags.css_class IS 'the colour as CSS class';
COMMENT ON COLUMN whalefall_api.tags.is_active IS 'false: not offered any more';
COMMENT ON COLUMN whalefall_api.tags.created_at IS 'when it was made';
COMMENT ON COLUMN whalefall_api.tags.updated_at IS 'when it was changed last';
COMMENT ON COLUMN whalefall_api.tags.instance_count IS 'instances that have it, deleted ones included';

CREATE VIEW whalefall_api.database_types AS
	SELECT d.id, d.name, d.display_name, d.driver, d.default_port, d.default_schema, d.connection_timeout,
		d.description, d.icon, d.color, d.features, d.is_active, d.is_system, d.sort_order, d.created_at,
		d.updated_at
	FROM whalefall.database_type_configs d;
COMMENT ON VIEW whalefall_api.database_types IS 'catalogue of database types';
COMMENT ON COLUMN whalefall_api.database_types.id IS 'id of the type';
COMMENT ON COLUMN whalefall_api.database_types.name IS 'mysql, postgresql, sqlserver, oracle';
COMMENT ON COLUMN whalefall_api.database_types.display_name IS 'name for people';
COMMENT ON COLUMN whalefall_api.database_types.driver IS 'client library that reads it';
COMMENT ON COLUMN whalefall_api.database_types.default_port IS 'usual TCP port';
COMMENT ON COLUMN whalefall_api.database_types.default_schema IS 'database to connect to when an instance names none';
COMMENT ON COLUMN whalefall_api.database_types.connection_timeout IS 'seconds; null = whalefall.test_connect_timeout';
COMMENT ON COLUMN whalefall_api.database_types.description IS 'free text; null = none';
COMMENT ON COLUMN whalefall_api.database_types.icon IS 'icon to show it with';
COMMENT ON COLUMN whalefall_api.database_types.color IS 'colour to show it with';
COMMENT ON COLUMN whalefall_api.database_types.features IS 'what can be read from it, as JSON array of words';
COMMENT ON COLUMN whalefall_api.database_types.is_active IS 'false: not offered in forms';
COMMENT ON COLUMN whalefall_api.database_types.is_system IS 'true: comes with the product';
COMMENT ON COLUMN whalefall_api.database_types.sort_order IS 'place in lists';
COMMENT ON COLUMN whalefall_api.database_types.created_at IS 'when the row was made';
COMMENT ON COLUMN whalefall_api.database_types.updated_at IS 'when the row was changed last';

CREATE FUNCTION whalefall_api.tags_list(search text DEFAULT NULL, category text DEFAULT NULL,
	status text DEFAULT NULL, page integer DEFAULT NULL, page_size integer DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_list';
COMMENT ON FUNCTION whalefall_api.tags_list(text, text, text, integer, integer)
	IS 'tags, page by page, with counts; search looks in name, display_name and category';

CREATE FUNCTION whalefall_api.tags_create(name text DEFAULT NULL, display_name text DEFAULT NULL,
	category text DEFAULT NULL, color text DEFAULT NULL, is_active boolean DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_create';
COMMENT ON FUNCTION whalefall_api.tags_create(text, text, text, text, boolean)
	IS 'make a tag; name, display_name and category are required';

CREATE FUNCTION whalefall_api.tags_options(category text DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_options';
COMMENT ON FUNCTION whalefall_api.tags_options(text)
	IS 'active tags, optionally of one category';

CREATE FUNCTION whalefall_api.tags_categories() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_categories';
COMMENT ON FUNCTION whalefall_api.tags_categories()
	IS 'distinct categories of all tags';

CREATE FUNCTION whalefall_api.tags_get_by_name(tag_name text) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_get_by_name';
COMMENT ON FUNCTION whalefall_api.tags_get_by_name(text)
	IS 'one tag by its code';

CREATE FUNCTION whalefall_api.tags_get(tag_id bigint) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_get';
COMMENT ON FUNCTION whalefall_api.tags_get(bigint)
	IS 'one tag';

CREATE FUNCTION whalefall_api.tags_update(tag_id bigint, name text DEFAULT NULL,
	display_name text DEFAULT NULL, category text DEFAULT NULL, color text DEFAULT NULL,
	is_active boolean DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_update';
COMMENT ON FUNCTION whalefall_api.tags_update(bigint, text, text, text, text, boolean)
	IS 'change the given fields of a tag';

CREATE FUNCTION whalefall_api.tags_delete(tag_id bigint) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_delete';
COMMENT ON FUNCTION whalefall_api.tags_delete(bigint)
	IS 'delete a tag that no instance has';

CREATE FUNCTION whalefall_api.tags_batch_delete(tag_ids jsonb DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_batch_delete';
COMMENT ON FUNCTION whalefall_api.tags_batch_delete(jsonb)
	IS 'delete several tags, e.g. [1, 2]; answers what became of each: deleted, not_found, in_use, error';

CREATE FUNCTION whalefall_api.tags_bulk_instances() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_bulk_instances';
COMMENT ON FUNCTION whalefall_api.tags_bulk_instances()
	IS 'all instances that can be tagged';

CREATE FUNCTION whalefall_api.tags_bulk_tags() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_bulk_tags';
COMMENT ON FUNCTION whalefall_api.tags_bulk_tags()
	IS 'all tags, inactive ones too';

CREATE FUNCTION whalefall_api.tags_bulk_instance_tags(instance_ids bigint[] DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_bulk_instance_tags';
COMMENT ON FUNCTION whalefall_api.tags_bulk_instance_tags(bigint[])
	IS 'all tags that any of these instances has';

CREATE FUNCTION whalefall_api.tags_bulk_assign(instance_ids bigint[] DEFAULT NULL,
	tag_ids bigint[] DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_bulk_assign';
COMMENT ON FUNCTION whalefall_api.tags_bulk_assign(bigint[], bigint[])
	IS 'give each of these instances each of these tags';

CREATE FUNCTION whalefall_api.tags_bulk_remove(instance_ids bigint[] DEFAULT NULL,
	tag_ids bigint[] DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_bulk_remove';
COMMENT ON FUNCTION whalefall_api.tags_bulk_remove(bigint[], bigint[])
	IS 'take these tags from these instances';

CREATE FUNCTION whalefall_api.tags_bulk_remove_all(instance_ids bigint[] DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_tags_bulk_remove_all';
COMMENT ON FUNCTION whalefall_api.tags_bulk_remove_all(bigint[])
	IS 'take all tags from these instances';

CREATE FUNCTION whalefall_api.database_types_list() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_database_types_list';
COMMENT ON FUNCTION whalefall_api.database_types_list()
	IS 'all database types';

CREATE FUNCTION whalefall_api.database_types_active() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_database_types_active';
COMMENT ON FUNCTION whalefall_api.database_types_active()
	IS 'database types in use';

CREATE FUNCTION whalefall_api.database_types_form_options() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_database_types_options';
COMMENT ON FUNCTION whalefall_api.database_types_form_options()
	IS 'database types in use as options of a form';

CREATE FUNCTION whalefall_api.database_types_options() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_database_types_options';
COMMENT ON FUNCTION whalefall_api.database_types_options()
	IS 'database types in use as options to select from';
-- Owner and PUBLIC's rights of everything above; update scripts end with the same call.

SELECT whalefall.seal();
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
