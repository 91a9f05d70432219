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
