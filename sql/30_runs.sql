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
