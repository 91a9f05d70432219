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
