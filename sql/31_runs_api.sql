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
