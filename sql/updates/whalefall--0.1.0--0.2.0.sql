\echo Use "ALTER EXTENSION whalefall UPDATE" to load this file. \quit
-- 0.1.0 to 0.2.0: tags, database types, and what instances got with them.

SET LOCAL search_path = pg_catalog, pg_temp;

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

-- Logins of MySQL without TLS.
ALTER TABLE whalefall.instances
	ADD COLUMN server_public_key text CHECK (length(server_public_key) BETWEEN 1 AND 4096),
	ADD COLUMN allow_cleartext_key boolean NOT NULL DEFAULT false;

-- Replaced and not dropped: other views may stand on it. A replaced view must be ours already, the server says.
CREATE OR REPLACE VIEW whalefall_api.instances AS
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
COMMENT ON COLUMN whalefall_api.instances.tags IS 'codes of its tags, by category and display name';
COMMENT ON COLUMN whalefall_api.instances.server_public_key IS 'MySQL: public key of the server for logins without TLS, in PEM form; null = none';
COMMENT ON COLUMN whalefall_api.instances.allow_cleartext_key IS 'MySQL: true = that key may be fetched from whoever answers; anybody in between gets the password';

-- These take further arguments.
DROP FUNCTION whalefall_api.credentials_list(text, text, text, text, integer, integer, text, text);
DROP FUNCTION whalefall_api.instances_list(text, text, text, boolean, integer, integer, text, text);
DROP FUNCTION whalefall_api.instances_create(text, text, text, integer, text, bigint, text, boolean, text, text);
DROP FUNCTION whalefall_api.instances_update(bigint, text, text, text, integer, text, bigint, text, boolean, text, text, text[]);
CREATE FUNCTION whalefall_api.credentials_list(search text DEFAULT NULL, credential_type text DEFAULT NULL,
	db_type text DEFAULT NULL, status text DEFAULT NULL, page integer DEFAULT NULL,
	page_size integer DEFAULT NULL, sort text DEFAULT NULL, sort_order text DEFAULT NULL,
	tags text[] DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_credentials_list';
COMMENT ON FUNCTION whalefall_api.credentials_list(text, text, text, text, integer, integer, text, text, text[])
	IS 'credentials, page by page; search looks in name, username and description; tags: used by an instance that has any of these';

CREATE FUNCTION whalefall_api.instances_list(search text DEFAULT NULL, db_type text DEFAULT NULL,
	status text DEFAULT NULL, include_deleted boolean DEFAULT NULL, page integer DEFAULT NULL,
	page_size integer DEFAULT NULL, sort text DEFAULT NULL, sort_order text DEFAULT NULL,
	tags text[] DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_list';
COMMENT ON FUNCTION whalefall_api.instances_list(text, text, text, boolean, integer, integer, text, text, text[])
	IS 'instances, page by page; search looks in name, host and description; tags: those that have any of these';

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

DROP FUNCTION whalefall_api.instances_test_connection(bigint, text, text, integer, bigint, text, text, text, text);
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

CREATE FUNCTION whalefall_api.grant_script(db_type text DEFAULT NULL, username text DEFAULT NULL) RETURNS text
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_connections_grant_script';
COMMENT ON FUNCTION whalefall_api.grant_script(text, text)
	IS 'script that makes the monitoring account with the least rights; db_type as elsewhere, or mariadb; from psql: \pset format unaligned';

SELECT whalefall.seal();

GRANT SELECT  ON          whalefall_api.tags                                 TO whalefall_viewer;
GRANT SELECT  ON          whalefall_api.database_types                       TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.credentials_list                     TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_list                       TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_create                     TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_update                     TO whalefall_user;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_options                    TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_statistics                 TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_export                     TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_import_template            TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_batch_create               TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_batch_delete               TO whalefall_admin;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_restore                    TO whalefall_user;
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
GRANT EXECUTE ON FUNCTION whalefall_api.database_types_list                  TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.database_types_active                TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.database_types_form_options          TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.database_types_options               TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.instances_test_connection            TO whalefall_viewer;
GRANT EXECUTE ON FUNCTION whalefall_api.grant_script                         TO whalefall_viewer;
