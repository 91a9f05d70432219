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
