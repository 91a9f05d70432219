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
