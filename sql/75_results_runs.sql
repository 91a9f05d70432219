-- What operations answer, continued (73_results.sql): syncs, task runs, sync sessions, sizes.

-- Words -----------------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.run_status AS ENUM ('pending', 'running', 'completed', 'failed', 'cancelled');
COMMENT ON TYPE whalefall_http.run_status IS 'state of a run, or of an item of it';

CREATE TYPE whalefall_http.session_status AS ENUM ('running', 'completed', 'failed', 'cancelled');
COMMENT ON TYPE whalefall_http.session_status IS 'state of a sync session';

CREATE TYPE whalefall_http.task_category AS ENUM ('account', 'capacity', 'aggregation', 'classification', 'other');
COMMENT ON TYPE whalefall_http.task_category IS 'what a task is about';

CREATE TYPE whalefall_http.trigger_source AS ENUM ('scheduled', 'manual', 'api');
COMMENT ON TYPE whalefall_http.trigger_source IS 'what started a run';

CREATE TYPE whalefall_http.sync_type AS ENUM ('manual_single', 'manual_batch', 'manual_task', 'scheduled_task');
COMMENT ON TYPE whalefall_http.sync_type IS 'how a sync session came about';

CREATE TYPE whalefall_http.sync_category AS ENUM ('account', 'capacity', 'config', 'aggregation', 'other');
COMMENT ON TYPE whalefall_http.sync_category IS 'what a session syncs';

CREATE TYPE whalefall_http.item_type AS ENUM ('instance', 'rule', 'step');
COMMENT ON TYPE whalefall_http.item_type IS 'what an item of a run is';

-- Started work ----------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.fleet_run AS (
	run_id uuid, session_id uuid);
COMMENT ON TYPE whalefall_http.fleet_run IS 'work on the fleet that was started';
COMMENT ON COLUMN whalefall_http.fleet_run.run_id IS 'the run';
COMMENT ON COLUMN whalefall_http.fleet_run.session_id IS 'its sync session';

CREATE TYPE whalefall_http.run_started AS (
	run_id uuid, session_id uuid, status whalefall_http.run_status);
COMMENT ON TYPE whalefall_http.run_started IS 'work on an instance that goes on in the background';
COMMENT ON COLUMN whalefall_http.run_started.run_id IS 'the run';
COMMENT ON COLUMN whalefall_http.run_started.session_id IS 'its sync session';
COMMENT ON COLUMN whalefall_http.run_started.status IS 'running';

-- Account sync ----------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.account_inventory AS (
	status text, created bigint, refreshed bigint, reactivated bigint, deactivated bigint,
	processed_records bigint, total_remote bigint, active_count bigint, active_accounts text[]);
COMMENT ON TYPE whalefall_http.account_inventory IS 'what a sync found: accounts';
COMMENT ON COLUMN whalefall_http.account_inventory.status IS 'completed';
COMMENT ON COLUMN whalefall_http.account_inventory.created IS 'new accounts';
COMMENT ON COLUMN whalefall_http.account_inventory.refreshed IS 'known accounts that are still there';
COMMENT ON COLUMN whalefall_http.account_inventory.reactivated IS 'accounts that are there again';
COMMENT ON COLUMN whalefall_http.account_inventory.deactivated IS 'accounts that vanished';
COMMENT ON COLUMN whalefall_http.account_inventory.processed_records IS 'accounts there';
COMMENT ON COLUMN whalefall_http.account_inventory.total_remote IS 'accounts the server listed';
COMMENT ON COLUMN whalefall_http.account_inventory.active_count IS 'accounts there';
COMMENT ON COLUMN whalefall_http.account_inventory.active_accounts IS 'their names';

CREATE TYPE whalefall_http.account_collection AS (
	status text, created bigint, updated bigint, skipped bigint, processed_records bigint,
	errors text[], message text);
COMMENT ON TYPE whalefall_http.account_collection IS 'what a sync found: privileges';
COMMENT ON COLUMN whalefall_http.account_collection.status IS 'completed, or skipped when there is no account';
COMMENT ON COLUMN whalefall_http.account_collection.created IS 'accounts whose privileges were stored for the first time';
COMMENT ON COLUMN whalefall_http.account_collection.updated IS 'accounts whose privileges changed';
COMMENT ON COLUMN whalefall_http.account_collection.skipped IS 'accounts without a change';
COMMENT ON COLUMN whalefall_http.account_collection.processed_records IS 'accounts written';
COMMENT ON COLUMN whalefall_http.account_collection.errors IS 'what could not be read';
COMMENT ON COLUMN whalefall_http.account_collection.message IS 'what happened, for people';

CREATE TYPE whalefall_http.account_sync_details AS (
	inventory whalefall_http.account_inventory, collection whalefall_http.account_collection);
COMMENT ON TYPE whalefall_http.account_sync_details IS 'both parts of an account sync';
COMMENT ON COLUMN whalefall_http.account_sync_details.inventory IS 'accounts';
COMMENT ON COLUMN whalefall_http.account_sync_details.collection IS 'privileges';

CREATE TYPE whalefall_http.account_sync AS (
	status text, success boolean, message text, synced_count bigint, added_count bigint,
	modified_count bigint, removed_count bigint, details whalefall_http.account_sync_details);
COMMENT ON TYPE whalefall_http.account_sync IS 'an account sync that worked';
COMMENT ON COLUMN whalefall_http.account_sync.status IS 'completed';
COMMENT ON COLUMN whalefall_http.account_sync.success IS 'true';
COMMENT ON COLUMN whalefall_http.account_sync.message IS 'what happened, for people';
COMMENT ON COLUMN whalefall_http.account_sync.synced_count IS 'accounts written';
COMMENT ON COLUMN whalefall_http.account_sync.added_count IS 'accounts that are new, or there again';
COMMENT ON COLUMN whalefall_http.account_sync.modified_count IS 'accounts whose privileges changed';
COMMENT ON COLUMN whalefall_http.account_sync.removed_count IS 'accounts that vanished';
COMMENT ON COLUMN whalefall_http.account_sync.details IS 'both parts';

-- Capacity sync ---------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.database_size AS (
	database_name text, size_mb bigint, data_size_mb bigint, log_size_mb bigint,
	collected_date date, collected_at timestamptz, is_system boolean);
COMMENT ON TYPE whalefall_http.database_size IS 'size of a database';
COMMENT ON COLUMN whalefall_http.database_size.database_name IS 'name of the database';
COMMENT ON COLUMN whalefall_http.database_size.size_mb IS 'MiB, rounded up';
COMMENT ON COLUMN whalefall_http.database_size.data_size_mb IS 'of this, data; null = not known';
COMMENT ON COLUMN whalefall_http.database_size.log_size_mb IS 'of this, log; null = not known';
COMMENT ON COLUMN whalefall_http.database_size.collected_date IS 'day the size counts for';
COMMENT ON COLUMN whalefall_http.database_size.collected_at IS 'when it was read';
COMMENT ON COLUMN whalefall_http.database_size.is_system IS 'belongs to the server itself';

CREATE TYPE whalefall_http.database_inventory AS (
	created bigint, refreshed bigint, reactivated bigint, deactivated bigint,
	active_databases text[], filtered_databases text[], synchronized_databases text[]);
COMMENT ON TYPE whalefall_http.database_inventory IS 'what a capacity sync found: databases';
COMMENT ON COLUMN whalefall_http.database_inventory.created IS 'new databases';
COMMENT ON COLUMN whalefall_http.database_inventory.refreshed IS 'known databases that are still there';
COMMENT ON COLUMN whalefall_http.database_inventory.reactivated IS 'databases that are there again';
COMMENT ON COLUMN whalefall_http.database_inventory.deactivated IS 'databases that vanished';
COMMENT ON COLUMN whalefall_http.database_inventory.active_databases IS 'databases there';
COMMENT ON COLUMN whalefall_http.database_inventory.filtered_databases IS 'databases that are left out by rule';
COMMENT ON COLUMN whalefall_http.database_inventory.synchronized_databases IS 'databases whose size is followed';

CREATE TYPE whalefall_http.capacity_sync AS (
	version integer, status text, databases whalefall_http.database_size[], database_count bigint,
	total_size_mb bigint, saved_count bigint, instance_stat_updated boolean,
	inventory whalefall_http.database_inventory, message text, errors text[], truncated boolean);
COMMENT ON TYPE whalefall_http.capacity_sync IS 'a capacity sync that worked';
COMMENT ON COLUMN whalefall_http.capacity_sync.version IS 'of this form, 1';
COMMENT ON COLUMN whalefall_http.capacity_sync.status IS 'completed';
COMMENT ON COLUMN whalefall_http.capacity_sync.databases IS 'sizes';
COMMENT ON COLUMN whalefall_http.capacity_sync.database_count IS 'databases with a size';
COMMENT ON COLUMN whalefall_http.capacity_sync.total_size_mb IS 'MiB of all';
COMMENT ON COLUMN whalefall_http.capacity_sync.saved_count IS 'sizes that were stored';
COMMENT ON COLUMN whalefall_http.capacity_sync.instance_stat_updated IS 'the size of the instance was stored';
COMMENT ON COLUMN whalefall_http.capacity_sync.inventory IS 'databases';
COMMENT ON COLUMN whalefall_http.capacity_sync.message IS 'what happened, for people';
COMMENT ON COLUMN whalefall_http.capacity_sync.errors IS 'what could not be read';
COMMENT ON COLUMN whalefall_http.capacity_sync.truncated IS 'true: lists were cut; absent when they are whole';

CREATE TYPE whalefall_http.table_size AS (
	schema_name text, table_name text, size_mb bigint, data_size_mb bigint, index_size_mb bigint,
	row_count bigint, collected_at timestamptz);
COMMENT ON TYPE whalefall_http.table_size IS 'size of a table';
COMMENT ON COLUMN whalefall_http.table_size.schema_name IS 'schema of the table';
COMMENT ON COLUMN whalefall_http.table_size.table_name IS 'name of the table';
COMMENT ON COLUMN whalefall_http.table_size.size_mb IS 'MiB, rounded up';
COMMENT ON COLUMN whalefall_http.table_size.data_size_mb IS 'of this, data; absent when not known';
COMMENT ON COLUMN whalefall_http.table_size.index_size_mb IS 'of this, indexes; absent when not known';
COMMENT ON COLUMN whalefall_http.table_size.row_count IS 'rows as the server estimates them; absent when not known';
COMMENT ON COLUMN whalefall_http.table_size.collected_at IS 'when it was read';

CREATE TYPE whalefall_http.table_sizes AS (
	total bigint, "limit" integer, page integer, pages bigint, collected_at timestamptz,
	tables whalefall_http.table_size[], saved_count bigint, deleted_count bigint, elapsed_ms bigint);
COMMENT ON TYPE whalefall_http.table_sizes IS 'sizes of the tables of a database, just read';
COMMENT ON COLUMN whalefall_http.table_sizes.total IS 'tables over all pages';
COMMENT ON COLUMN whalefall_http.table_sizes."limit" IS 'tables on a page';
COMMENT ON COLUMN whalefall_http.table_sizes.page IS 'number of this page, from 1';
COMMENT ON COLUMN whalefall_http.table_sizes.pages IS 'number of pages';
COMMENT ON COLUMN whalefall_http.table_sizes.collected_at IS 'newest of the times below; null = no table';
COMMENT ON COLUMN whalefall_http.table_sizes.tables IS 'the largest first';
COMMENT ON COLUMN whalefall_http.table_sizes.saved_count IS 'sizes that were stored';
COMMENT ON COLUMN whalefall_http.table_sizes.deleted_count IS 'tables that vanished';
COMMENT ON COLUMN whalefall_http.table_sizes.elapsed_ms IS 'time the read took';

-- Runs ------------------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.run AS (
	id bigint, run_id uuid, task_key text, task_name text,
	task_category whalefall_http.task_category, trigger_source whalefall_http.trigger_source,
	status whalefall_http.run_status, started_at timestamptz, completed_at timestamptz,
	progress_total integer, progress_completed integer, progress_failed integer, created_by bigint,
	summary_json jsonb, result_url text, error_message text, created_at timestamptz,
	updated_at timestamptz);
COMMENT ON TYPE whalefall_http.run IS 'an execution of a task';
COMMENT ON COLUMN whalefall_http.run.id IS 'number of the run';
COMMENT ON COLUMN whalefall_http.run.run_id IS 'id of the run';
COMMENT ON COLUMN whalefall_http.run.task_key IS 'which task, e.g. sync_accounts';
COMMENT ON COLUMN whalefall_http.run.task_name IS 'name of the task for people';
COMMENT ON COLUMN whalefall_http.run.task_category IS 'what it is about';
COMMENT ON COLUMN whalefall_http.run.trigger_source IS 'what started it';
COMMENT ON COLUMN whalefall_http.run.status IS 'its state';
COMMENT ON COLUMN whalefall_http.run.started_at IS 'first claim of an item; null = not yet';
COMMENT ON COLUMN whalefall_http.run.completed_at IS 'when it ended; null = not yet';
COMMENT ON COLUMN whalefall_http.run.progress_total IS 'number of items';
COMMENT ON COLUMN whalefall_http.run.progress_completed IS 'items completed';
COMMENT ON COLUMN whalefall_http.run.progress_failed IS 'items failed or cancelled';
COMMENT ON COLUMN whalefall_http.run.created_by IS 'user who started it; null = a database role or the schedule';
COMMENT ON COLUMN whalefall_http.run.summary_json IS 'figures of the finished run; null = not finished';
COMMENT ON COLUMN whalefall_http.run.result_url IS 'page that shows the result; null = none';
COMMENT ON COLUMN whalefall_http.run.error_message IS 'why it failed; null = it did not';
COMMENT ON COLUMN whalefall_http.run.created_at IS 'when it was asked for';
COMMENT ON COLUMN whalefall_http.run.updated_at IS 'last change';

CREATE TYPE whalefall_http.run_item AS (
	id bigint, run_id uuid, item_type whalefall_http.item_type, item_key text, item_name text,
	instance_id bigint, status whalefall_http.run_status, started_at timestamptz,
	completed_at timestamptz, metrics_json jsonb, details_json jsonb, error_code text,
	error_type text, error_message text, created_at timestamptz, updated_at timestamptz);
COMMENT ON TYPE whalefall_http.run_item IS 'a unit of work of a run';
COMMENT ON COLUMN whalefall_http.run_item.id IS 'number of the item';
COMMENT ON COLUMN whalefall_http.run_item.run_id IS 'run it belongs to';
COMMENT ON COLUMN whalefall_http.run_item.item_type IS 'what it is';
COMMENT ON COLUMN whalefall_http.run_item.item_key IS 'what it is about, unique in its run';
COMMENT ON COLUMN whalefall_http.run_item.item_name IS 'the same for people; null = none';
COMMENT ON COLUMN whalefall_http.run_item.instance_id IS 'instance it is about; null = none';
COMMENT ON COLUMN whalefall_http.run_item.status IS 'its state';
COMMENT ON COLUMN whalefall_http.run_item.started_at IS 'first claim; null = not yet';
COMMENT ON COLUMN whalefall_http.run_item.completed_at IS 'when it ended; null = not yet';
COMMENT ON COLUMN whalefall_http.run_item.metrics_json IS 'figures; null = none';
COMMENT ON COLUMN whalefall_http.run_item.details_json IS 'full result; null = none';
COMMENT ON COLUMN whalefall_http.run_item.error_code IS 'code of the error; null = none';
COMMENT ON COLUMN whalefall_http.run_item.error_type IS 'kind of a remote error; null = none';
COMMENT ON COLUMN whalefall_http.run_item.error_message IS 'what went wrong; null = nothing';
COMMENT ON COLUMN whalefall_http.run_item.created_at IS 'when it was queued';
COMMENT ON COLUMN whalefall_http.run_item.updated_at IS 'last change';

CREATE TYPE whalefall_http.run_detail AS (
	run whalefall_http.run, items whalefall_http.run_item[]);
COMMENT ON TYPE whalefall_http.run_detail IS 'a run with its items';
COMMENT ON COLUMN whalefall_http.run_detail.run IS 'the run';
COMMENT ON COLUMN whalefall_http.run_detail.items IS 'all of them';

CREATE TYPE whalefall_http.run_errors AS (
	run whalefall_http.run, items whalefall_http.run_item[], error_count bigint);
COMMENT ON TYPE whalefall_http.run_errors IS 'a run with its failed items';
COMMENT ON COLUMN whalefall_http.run_errors.run IS 'the run';
COMMENT ON COLUMN whalefall_http.run_errors.items IS 'the failed ones';
COMMENT ON COLUMN whalefall_http.run_errors.error_count IS 'their number';

-- Sync sessions ---------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.session_item AS (
	id bigint, session_id uuid, sync_type whalefall_http.sync_type,
	sync_category whalefall_http.sync_category, status whalefall_http.session_status,
	started_at timestamptz, completed_at timestamptz, total_instances integer,
	successful_instances integer, failed_instances integer, created_by bigint,
	created_at timestamptz, updated_at timestamptz);
COMMENT ON TYPE whalefall_http.session_item IS 'a sync session in the list';
COMMENT ON COLUMN whalefall_http.session_item.id IS 'number of the session';
COMMENT ON COLUMN whalefall_http.session_item.session_id IS 'id of the session';
COMMENT ON COLUMN whalefall_http.session_item.sync_type IS 'how it came about';
COMMENT ON COLUMN whalefall_http.session_item.sync_category IS 'what it syncs';
COMMENT ON COLUMN whalefall_http.session_item.status IS 'its state';
COMMENT ON COLUMN whalefall_http.session_item.started_at IS 'start';
COMMENT ON COLUMN whalefall_http.session_item.completed_at IS 'end; null = not yet';
COMMENT ON COLUMN whalefall_http.session_item.total_instances IS 'instances in it';
COMMENT ON COLUMN whalefall_http.session_item.successful_instances IS 'instances synced';
COMMENT ON COLUMN whalefall_http.session_item.failed_instances IS 'instances failed or cancelled';
COMMENT ON COLUMN whalefall_http.session_item.created_by IS 'user who started it; null = a database role or the schedule';
COMMENT ON COLUMN whalefall_http.session_item.created_at IS 'when it was asked for';
COMMENT ON COLUMN whalefall_http.session_item.updated_at IS 'last change';

CREATE TYPE whalefall_http.session_record AS (
	id bigint, session_id uuid, instance_id bigint, instance_name text,
	sync_category whalefall_http.sync_category, status whalefall_http.run_status,
	started_at timestamptz, completed_at timestamptz, items_synced integer, items_created integer,
	items_updated integer, items_deleted integer, error_message text, sync_details jsonb,
	created_at timestamptz);
COMMENT ON TYPE whalefall_http.session_record IS 'what became of one instance in a session';
COMMENT ON COLUMN whalefall_http.session_record.id IS 'number of the record';
COMMENT ON COLUMN whalefall_http.session_record.session_id IS 'session it belongs to';
COMMENT ON COLUMN whalefall_http.session_record.instance_id IS 'the instance; null = none';
COMMENT ON COLUMN whalefall_http.session_record.instance_name IS 'its name then; null = none';
COMMENT ON COLUMN whalefall_http.session_record.sync_category IS 'what was synced';
COMMENT ON COLUMN whalefall_http.session_record.status IS 'its state';
COMMENT ON COLUMN whalefall_http.session_record.started_at IS 'start; null = not yet';
COMMENT ON COLUMN whalefall_http.session_record.completed_at IS 'end; null = not yet';
COMMENT ON COLUMN whalefall_http.session_record.items_synced IS 'accounts or databases handled';
COMMENT ON COLUMN whalefall_http.session_record.items_created IS 'of these, new';
COMMENT ON COLUMN whalefall_http.session_record.items_updated IS 'of these, changed';
COMMENT ON COLUMN whalefall_http.session_record.items_deleted IS 'vanished at the source';
COMMENT ON COLUMN whalefall_http.session_record.error_message IS 'what went wrong; null = nothing';
COMMENT ON COLUMN whalefall_http.session_record.sync_details IS 'full result; null = none';
COMMENT ON COLUMN whalefall_http.session_record.created_at IS 'when it was queued';

CREATE TYPE whalefall_http.session AS (
	id bigint, session_id uuid, sync_type whalefall_http.sync_type,
	sync_category whalefall_http.sync_category, status whalefall_http.session_status,
	started_at timestamptz, completed_at timestamptz, total_instances integer,
	successful_instances integer, failed_instances integer, created_by bigint,
	created_at timestamptz, updated_at timestamptz,
	instance_records whalefall_http.session_record[], progress_percentage numeric);
COMMENT ON TYPE whalefall_http.session IS 'a sync session with its records';
COMMENT ON COLUMN whalefall_http.session.id IS 'number of the session';
COMMENT ON COLUMN whalefall_http.session.session_id IS 'id of the session';
COMMENT ON COLUMN whalefall_http.session.sync_type IS 'how it came about';
COMMENT ON COLUMN whalefall_http.session.sync_category IS 'what it syncs';
COMMENT ON COLUMN whalefall_http.session.status IS 'its state';
COMMENT ON COLUMN whalefall_http.session.started_at IS 'start';
COMMENT ON COLUMN whalefall_http.session.completed_at IS 'end; null = not yet';
COMMENT ON COLUMN whalefall_http.session.total_instances IS 'instances in it';
COMMENT ON COLUMN whalefall_http.session.successful_instances IS 'instances synced';
COMMENT ON COLUMN whalefall_http.session.failed_instances IS 'instances failed or cancelled';
COMMENT ON COLUMN whalefall_http.session.created_by IS 'user who started it; null = a database role or the schedule';
COMMENT ON COLUMN whalefall_http.session.created_at IS 'when it was asked for';
COMMENT ON COLUMN whalefall_http.session.updated_at IS 'last change';
COMMENT ON COLUMN whalefall_http.session.instance_records IS 'one per instance';
COMMENT ON COLUMN whalefall_http.session.progress_percentage IS 'share of instances that are done, 0 to 100';

CREATE TYPE whalefall_http.session_errors AS (
	session whalefall_http.session_item, error_records whalefall_http.session_record[],
	error_count bigint);
COMMENT ON TYPE whalefall_http.session_errors IS 'a sync session with its failed records';
COMMENT ON COLUMN whalefall_http.session_errors.session IS 'the session';
COMMENT ON COLUMN whalefall_http.session_errors.error_records IS 'the failed ones';
COMMENT ON COLUMN whalefall_http.session_errors.error_count IS 'their number';

CREATE TYPE whalefall_http.category_counts AS (
	account bigint, capacity bigint, config bigint, aggregation bigint, other bigint);
COMMENT ON TYPE whalefall_http.category_counts IS 'sessions by what they sync';
COMMENT ON COLUMN whalefall_http.category_counts.account IS 'accounts';
COMMENT ON COLUMN whalefall_http.category_counts.capacity IS 'sizes';
COMMENT ON COLUMN whalefall_http.category_counts.config IS 'configuration';
COMMENT ON COLUMN whalefall_http.category_counts.aggregation IS 'aggregation';
COMMENT ON COLUMN whalefall_http.category_counts.other IS 'anything else';

CREATE TYPE whalefall_http.session_statistics AS (
	total_sessions bigint, running_sessions bigint, completed_sessions bigint,
	failed_sessions bigint, cancelled_sessions bigint, scheduled_sessions bigint,
	manual_sessions bigint, by_category whalefall_http.category_counts);
COMMENT ON TYPE whalefall_http.session_statistics IS 'numbers of sync sessions';
COMMENT ON COLUMN whalefall_http.session_statistics.total_sessions IS 'all';
COMMENT ON COLUMN whalefall_http.session_statistics.running_sessions IS 'pending or running';
COMMENT ON COLUMN whalefall_http.session_statistics.completed_sessions IS 'without a failure';
COMMENT ON COLUMN whalefall_http.session_statistics.failed_sessions IS 'with a failure';
COMMENT ON COLUMN whalefall_http.session_statistics.cancelled_sessions IS 'stopped by somebody';
COMMENT ON COLUMN whalefall_http.session_statistics.scheduled_sessions IS 'started by the schedule';
COMMENT ON COLUMN whalefall_http.session_statistics.manual_sessions IS 'started by somebody';
COMMENT ON COLUMN whalefall_http.session_statistics.by_category IS 'by what they sync';
