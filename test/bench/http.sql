-- What the HTTP figures are compared with: what one would write by hand for PostgREST's own RPC, and fast.
--
-- The functions stand in whalefall_api because that is the schema that the shipped configuration shows.

-- The page of instances, as fast as we could make it of several ways that were tried. PL/pgSQL keeps the plans; "generic"
-- keeps them also where the planner would rather plan again for each page, which takes longer than the page. The ids
-- of the page come first, so that the tags are read and grouped once for all of them. The number of rows comes
-- out of an index that holds nothing else.
CREATE TYPE whalefall_api.bench_tag AS (name text, display_name text, color text);
CREATE INDEX bench_alive ON whalefall.instances (id) WHERE deleted_at IS NULL;

CREATE FUNCTION whalefall_api.bench_page(page integer DEFAULT 1, page_size integer DEFAULT 20) RETURNS json
	LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	first bigint := (page::bigint - 1) * page_size;
	total bigint := (SELECT count(*) FROM whalefall.instances i WHERE i.deleted_at IS NULL);
	ids bigint[] := ARRAY(SELECT i.id FROM whalefall.instances i WHERE i.deleted_at IS NULL
		ORDER BY i.id DESC LIMIT page_size OFFSET first);
	items json := (WITH tagged AS MATERIALIZED (
			SELECT t.instance_id, json_agg(row_to_json(ROW(t.name, t.display_name, t.color)::whalefall_api.bench_tag)
				ORDER BY t.category, t.display_name, t.name) AS tags
			FROM (SELECT l.instance_id, t.* FROM whalefall.instance_tags l JOIN whalefall.tags t ON t.id = l.tag_id
				WHERE l.instance_id = ANY (ids)) t GROUP BY t.instance_id)
		SELECT coalesce(json_agg(row_to_json(x) ORDER BY x.id DESC), '[]') FROM (
			SELECT i.id, i.name, i.db_type, i.host, i.port, i.description, i.is_active, i.deleted_at,
				CASE WHEN i.deleted_at IS NOT NULL THEN 'deleted' WHEN i.is_active THEN 'active' ELSE 'inactive' END AS status,
				i.main_version,
				(SELECT count(*) FROM whalefall.instance_databases d WHERE d.instance_id = i.id AND d.is_active) AS active_db_count,
				(SELECT count(*) FROM whalefall.instance_accounts a WHERE a.instance_id = i.id AND a.is_active) AS active_account_count,
				greatest(i.last_account_sync_at, i.last_capacity_sync_at) AS last_sync_time,
				coalesce(g.tags, '[]') AS tags
			FROM whalefall.instances i LEFT JOIN tagged g ON g.instance_id = i.id WHERE i.id = ANY (ids)) x);
BEGIN
	RETURN json_build_object('items', items, 'total', total, 'page', page, 'pages', (total + page_size - 1) / page_size,
		'limit', page_size);
END
$$;
ALTER FUNCTION whalefall_api.bench_page(integer, integer) OWNER TO whalefall_owner;
REVOKE EXECUTE ON FUNCTION whalefall_api.bench_page(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION whalefall_api.bench_page(integer, integer) TO whalefall_viewer;

-- The trivial operation: one of ours that does nothing, behind a path that asks for a login.
INSERT INTO whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action)
	VALUES ('GET', '/api/v1/bench/nothing', 'bench_nothing', 'whalefall_api.health_ping', 'login', false, 'bench', 'nothing');

-- Others, until there are 200 of them that are served.
INSERT INTO whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action)
	SELECT 'GET', '/api/v1/bench/c' || n % 13 || '/{name}/things/t' || n, 'bench_' || n, 'whalefall_api.health_ping', 'login', false,
		'bench', 'nothing'
	FROM generate_series(1, 200 - (SELECT count(*)::integer FROM whalefall_http.routes r
		JOIN pg_catalog.pg_proc p ON p.proname = r.operation AND p.pronamespace = 'whalefall_api'::pg_catalog.regnamespace)) n;
