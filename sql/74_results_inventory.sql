-- What operations answer, continued (73_results.sql): credentials, database types, tags, instances, connections.

-- Words -----------------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.credential_type AS ENUM ('database', 'ssh', 'windows', 'api', 'ldap');
COMMENT ON TYPE whalefall_http.credential_type IS 'what a login is for';

CREATE TYPE whalefall_http.instance_status AS ENUM ('active', 'inactive', 'deleted');
COMMENT ON TYPE whalefall_http.instance_status IS 'state of an instance';

CREATE TYPE whalefall_http.tls_mode AS ENUM ('disable', 'prefer', 'require', 'verify-ca', 'verify-full');
COMMENT ON TYPE whalefall_http.tls_mode IS 'how a connection is protected';

CREATE TYPE whalefall_http.deletion_mode AS ENUM ('soft', 'hard');
COMMENT ON TYPE whalefall_http.deletion_mode IS 'into the recycle bin, or for good';

CREATE TYPE whalefall_http.freshness AS ENUM ('good', 'warning', 'poor', 'unknown');
COMMENT ON TYPE whalefall_http.freshness IS 'last contact: less than an hour ago, than a day, longer or failed, never';

-- Credentials -----------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.credential AS (
	id bigint, name text, credential_type whalefall_http.credential_type,
	db_type whalefall_http.db_type, username text, category_id bigint, created_at timestamptz,
	updated_at timestamptz, password text, description text, is_active boolean,
	instance_count bigint, created_at_display text);
COMMENT ON TYPE whalefall_http.credential IS 'a login to the fleet, without its password';
COMMENT ON COLUMN whalefall_http.credential.id IS 'id of the credential';
COMMENT ON COLUMN whalefall_http.credential.name IS 'unique name';
COMMENT ON COLUMN whalefall_http.credential.credential_type IS 'what it is for';
COMMENT ON COLUMN whalefall_http.credential.db_type IS 'where it fits; null = anywhere';
COMMENT ON COLUMN whalefall_http.credential.username IS 'name to log in with';
COMMENT ON COLUMN whalefall_http.credential.category_id IS 'unused, always null';
COMMENT ON COLUMN whalefall_http.credential.created_at IS 'when it was stored';
COMMENT ON COLUMN whalefall_http.credential.updated_at IS 'when it was changed last';
COMMENT ON COLUMN whalefall_http.credential.password IS 'always ******';
COMMENT ON COLUMN whalefall_http.credential.description IS 'free text; null = none';
COMMENT ON COLUMN whalefall_http.credential.is_active IS 'false: refused when an instance is connected to';
COMMENT ON COLUMN whalefall_http.credential.instance_count IS 'instances that use it, without deleted ones';
COMMENT ON COLUMN whalefall_http.credential.created_at_display IS 'created_at in the zone of the business, YYYY-MM-DD HH:MM:SS';

CREATE TYPE whalefall_http.credential_deletion AS (
	credential_id bigint, detached_instance_count bigint);
COMMENT ON TYPE whalefall_http.credential_deletion IS 'a credential that is gone';
COMMENT ON COLUMN whalefall_http.credential_deletion.credential_id IS 'its id';
COMMENT ON COLUMN whalefall_http.credential_deletion.detached_instance_count IS 'instances that have none now';

-- Database types --------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.database_type AS (
	id bigint, name text, display_name text, driver text, default_port integer, default_schema text,
	connection_timeout integer, description text, icon text, color text, features text[],
	is_active boolean, is_system boolean, sort_order integer, created_at timestamptz,
	updated_at timestamptz);
COMMENT ON TYPE whalefall_http.database_type IS 'a kind of database server that can be managed';
COMMENT ON COLUMN whalefall_http.database_type.id IS 'id of the row';
COMMENT ON COLUMN whalefall_http.database_type.name IS 'mysql, postgresql, sqlserver, oracle';
COMMENT ON COLUMN whalefall_http.database_type.display_name IS 'name for people';
COMMENT ON COLUMN whalefall_http.database_type.driver IS 'program that talks to it';
COMMENT ON COLUMN whalefall_http.database_type.default_port IS 'TCP port';
COMMENT ON COLUMN whalefall_http.database_type.default_schema IS 'database to connect to when an instance names none';
COMMENT ON COLUMN whalefall_http.database_type.connection_timeout IS 'seconds';
COMMENT ON COLUMN whalefall_http.database_type.description IS 'free text; null = none';
COMMENT ON COLUMN whalefall_http.database_type.icon IS 'icon to show it with; null = none';
COMMENT ON COLUMN whalefall_http.database_type.color IS 'colour to show it with; null = none';
COMMENT ON COLUMN whalefall_http.database_type.features IS 'what can be read from it';
COMMENT ON COLUMN whalefall_http.database_type.is_active IS 'false: not offered in forms';
COMMENT ON COLUMN whalefall_http.database_type.is_system IS 'true: comes with the product';
COMMENT ON COLUMN whalefall_http.database_type.sort_order IS 'place in lists';
COMMENT ON COLUMN whalefall_http.database_type.created_at IS 'when the row was made';
COMMENT ON COLUMN whalefall_http.database_type.updated_at IS 'when the row was changed last';

CREATE TYPE whalefall_http.database_type_option AS (
	value text, text text, icon text, color text);
COMMENT ON TYPE whalefall_http.database_type_option IS 'a database type to choose';
COMMENT ON COLUMN whalefall_http.database_type_option.value IS 'its name';
COMMENT ON COLUMN whalefall_http.database_type_option.text IS 'its name for people';
COMMENT ON COLUMN whalefall_http.database_type_option.icon IS 'icon to show it with; null = none';
COMMENT ON COLUMN whalefall_http.database_type_option.color IS 'colour to show it with; null = none';

-- Tags ------------------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.tag AS (
	id bigint, name text, display_name text, category text, color text, color_value text,
	color_name text, css_class text, is_active boolean, created_at timestamptz,
	updated_at timestamptz);
COMMENT ON TYPE whalefall_http.tag IS 'a label for instances';
COMMENT ON COLUMN whalefall_http.tag.id IS 'id of the tag';
COMMENT ON COLUMN whalefall_http.tag.name IS 'unique code';
COMMENT ON COLUMN whalefall_http.tag.display_name IS 'name for people';
COMMENT ON COLUMN whalefall_http.tag.category IS 'group of tags';
COMMENT ON COLUMN whalefall_http.tag.color IS 'key of the colour';
COMMENT ON COLUMN whalefall_http.tag.color_value IS 'hexadecimal value of the colour';
COMMENT ON COLUMN whalefall_http.tag.color_name IS 'name of the colour, in Chinese';
COMMENT ON COLUMN whalefall_http.tag.css_class IS 'class to show it with';
COMMENT ON COLUMN whalefall_http.tag.is_active IS 'false: not offered';
COMMENT ON COLUMN whalefall_http.tag.created_at IS 'when it was made';
COMMENT ON COLUMN whalefall_http.tag.updated_at IS 'when it was changed last';

CREATE TYPE whalefall_http.tag_item AS (
	id bigint, name text, display_name text, category text, color text, color_value text,
	color_name text, css_class text, is_active boolean, created_at timestamptz,
	updated_at timestamptz, instance_count bigint);
COMMENT ON TYPE whalefall_http.tag_item IS 'a tag in the list';
COMMENT ON COLUMN whalefall_http.tag_item.id IS 'id of the tag';
COMMENT ON COLUMN whalefall_http.tag_item.name IS 'unique code';
COMMENT ON COLUMN whalefall_http.tag_item.display_name IS 'name for people';
COMMENT ON COLUMN whalefall_http.tag_item.category IS 'group of tags';
COMMENT ON COLUMN whalefall_http.tag_item.color IS 'key of the colour';
COMMENT ON COLUMN whalefall_http.tag_item.color_value IS 'hexadecimal value of the colour';
COMMENT ON COLUMN whalefall_http.tag_item.color_name IS 'name of the colour, in Chinese';
COMMENT ON COLUMN whalefall_http.tag_item.css_class IS 'class to show it with';
COMMENT ON COLUMN whalefall_http.tag_item.is_active IS 'false: not offered';
COMMENT ON COLUMN whalefall_http.tag_item.created_at IS 'when it was made';
COMMENT ON COLUMN whalefall_http.tag_item.updated_at IS 'when it was changed last';
COMMENT ON COLUMN whalefall_http.tag_item.instance_count IS 'instances that have it, deleted ones too';

CREATE TYPE whalefall_http.tag_stats AS (
	total bigint, active bigint, inactive bigint, category_count bigint);
COMMENT ON TYPE whalefall_http.tag_stats IS 'numbers of all tags, whatever the filters';
COMMENT ON COLUMN whalefall_http.tag_stats.total IS 'all';
COMMENT ON COLUMN whalefall_http.tag_stats.active IS 'those that are offered';
COMMENT ON COLUMN whalefall_http.tag_stats.inactive IS 'the others';
COMMENT ON COLUMN whalefall_http.tag_stats.category_count IS 'different categories';

CREATE TYPE whalefall_http.tag_page AS (
	items whalefall_http.tag_item[], total bigint, page integer, pages bigint, "limit" integer,
	stats whalefall_http.tag_stats);
COMMENT ON TYPE whalefall_http.tag_page IS 'a page of tags, and numbers of all';
COMMENT ON COLUMN whalefall_http.tag_page.items IS 'tags of this page';
COMMENT ON COLUMN whalefall_http.tag_page.total IS 'tags over all pages';
COMMENT ON COLUMN whalefall_http.tag_page.page IS 'number of this page, from 1';
COMMENT ON COLUMN whalefall_http.tag_page.pages IS 'number of pages';
COMMENT ON COLUMN whalefall_http.tag_page."limit" IS 'tags on a page';
COMMENT ON COLUMN whalefall_http.tag_page.stats IS 'numbers of all tags';

CREATE TYPE whalefall_http.tag_options AS (
	tags whalefall_http.tag[], category text);
COMMENT ON TYPE whalefall_http.tag_options IS 'tags to choose from';
COMMENT ON COLUMN whalefall_http.tag_options.tags IS 'active tags';
COMMENT ON COLUMN whalefall_http.tag_options.category IS 'category asked for; null = all';

CREATE TYPE whalefall_http.tag_categories AS (
	categories text[]);
COMMENT ON TYPE whalefall_http.tag_categories IS 'groups of tags';
COMMENT ON COLUMN whalefall_http.tag_categories.categories IS 'in order';

CREATE TYPE whalefall_http.tag_deletion AS (
	tag_id bigint);
COMMENT ON TYPE whalefall_http.tag_deletion IS 'a tag that is gone';
COMMENT ON COLUMN whalefall_http.tag_deletion.tag_id IS 'its id';

CREATE TYPE whalefall_http.tag_outcome AS ENUM ('deleted', 'not_found', 'in_use', 'error');
COMMENT ON TYPE whalefall_http.tag_outcome IS 'what became of a tag';

CREATE TYPE whalefall_http.tag_batch_deletion AS (
	tag_id bigint, status whalefall_http.tag_outcome, instance_count bigint, message text);
COMMENT ON TYPE whalefall_http.tag_batch_deletion IS 'what became of one tag';
COMMENT ON COLUMN whalefall_http.tag_batch_deletion.tag_id IS 'its id';
COMMENT ON COLUMN whalefall_http.tag_batch_deletion.status IS 'deleted, or why not';
COMMENT ON COLUMN whalefall_http.tag_batch_deletion.instance_count IS 'instances that have it; absent unless in_use';
COMMENT ON COLUMN whalefall_http.tag_batch_deletion.message IS 'what went wrong; absent unless error';

CREATE TYPE whalefall_http.taggable_instance AS (
	id bigint, name text, host text, port integer, db_type whalefall_http.db_type);
COMMENT ON TYPE whalefall_http.taggable_instance IS 'an instance that can be tagged';
COMMENT ON COLUMN whalefall_http.taggable_instance.id IS 'id of the instance';
COMMENT ON COLUMN whalefall_http.taggable_instance.name IS 'unique name';
COMMENT ON COLUMN whalefall_http.taggable_instance.host IS 'address or host name';
COMMENT ON COLUMN whalefall_http.taggable_instance.port IS 'TCP port';
COMMENT ON COLUMN whalefall_http.taggable_instance.db_type IS 'kind of server';

CREATE TYPE whalefall_http.tag_catalogue AS (
	tags whalefall_http.tag[], category_names jsonb);
COMMENT ON TYPE whalefall_http.tag_catalogue IS 'all tags';
COMMENT ON COLUMN whalefall_http.tag_catalogue.tags IS 'inactive ones too';
COMMENT ON COLUMN whalefall_http.tag_catalogue.category_names IS 'object with the name of every category under the category';

CREATE TYPE whalefall_http.tag_union AS (
	tags whalefall_http.tag[], category_names jsonb, instance_ids bigint[]);
COMMENT ON TYPE whalefall_http.tag_union IS 'tags of some instances';
COMMENT ON COLUMN whalefall_http.tag_union.tags IS 'those that any of them has';
COMMENT ON COLUMN whalefall_http.tag_union.category_names IS 'object with the name of every category under the category';
COMMENT ON COLUMN whalefall_http.tag_union.instance_ids IS 'ids as they were sent';

CREATE TYPE whalefall_http.tag_assignment AS (
	assigned_count bigint, instance_ids bigint[], tag_ids bigint[]);
COMMENT ON TYPE whalefall_http.tag_assignment IS 'links that were made';
COMMENT ON COLUMN whalefall_http.tag_assignment.assigned_count IS 'links that were not there before';
COMMENT ON COLUMN whalefall_http.tag_assignment.instance_ids IS 'ids as they were sent';
COMMENT ON COLUMN whalefall_http.tag_assignment.tag_ids IS 'ids as they were sent';

CREATE TYPE whalefall_http.tag_removal AS (
	removed_count bigint, instance_ids bigint[], tag_ids bigint[]);
COMMENT ON TYPE whalefall_http.tag_removal IS 'links that were removed';
COMMENT ON COLUMN whalefall_http.tag_removal.removed_count IS 'links that were there before';
COMMENT ON COLUMN whalefall_http.tag_removal.instance_ids IS 'ids as they were sent';
COMMENT ON COLUMN whalefall_http.tag_removal.tag_ids IS 'ids as they were sent';

CREATE TYPE whalefall_http.tag_removal_all AS (
	removed_count bigint, instance_ids bigint[]);
COMMENT ON TYPE whalefall_http.tag_removal_all IS 'links that were removed';
COMMENT ON COLUMN whalefall_http.tag_removal_all.removed_count IS 'links that were there before';
COMMENT ON COLUMN whalefall_http.tag_removal_all.instance_ids IS 'ids as they were sent';

-- Instances -------------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.tag_mark AS (
	name text, display_name text, color text);
COMMENT ON TYPE whalefall_http.tag_mark IS 'a tag as lists show it';
COMMENT ON COLUMN whalefall_http.tag_mark.name IS 'unique code';
COMMENT ON COLUMN whalefall_http.tag_mark.display_name IS 'name for people';
COMMENT ON COLUMN whalefall_http.tag_mark.color IS 'key of the colour';

CREATE TYPE whalefall_http.instance_item AS (
	id bigint, name text, db_type whalefall_http.db_type, host text, port integer, description text,
	is_active boolean, deleted_at timestamptz, status whalefall_http.instance_status,
	main_version text, active_db_count bigint, active_account_count bigint,
	last_sync_time timestamptz, tags whalefall_http.tag_mark[]);
COMMENT ON TYPE whalefall_http.instance_item IS 'an instance in the list';
COMMENT ON COLUMN whalefall_http.instance_item.id IS 'id of the instance';
COMMENT ON COLUMN whalefall_http.instance_item.name IS 'unique name';
COMMENT ON COLUMN whalefall_http.instance_item.db_type IS 'kind of server';
COMMENT ON COLUMN whalefall_http.instance_item.host IS 'address or host name';
COMMENT ON COLUMN whalefall_http.instance_item.port IS 'TCP port';
COMMENT ON COLUMN whalefall_http.instance_item.description IS 'free text';
COMMENT ON COLUMN whalefall_http.instance_item.is_active IS 'false: left out of syncs';
COMMENT ON COLUMN whalefall_http.instance_item.deleted_at IS 'when it was put into the recycle bin; null = it is not there';
COMMENT ON COLUMN whalefall_http.instance_item.status IS 'deleted, else by is_active';
COMMENT ON COLUMN whalefall_http.instance_item.main_version IS 'first two parts of the version; null = unknown';
COMMENT ON COLUMN whalefall_http.instance_item.active_db_count IS 'databases the last sync found';
COMMENT ON COLUMN whalefall_http.instance_item.active_account_count IS 'accounts the last sync found';
COMMENT ON COLUMN whalefall_http.instance_item.last_sync_time IS 'last complete sync of accounts or capacity; null = never';
COMMENT ON COLUMN whalefall_http.instance_item.tags IS 'its tags';

CREATE TYPE whalefall_http.instance_credential AS (
	id bigint, name text, username text, password text,
	credential_type whalefall_http.credential_type);
COMMENT ON TYPE whalefall_http.instance_credential IS 'the credential of an instance';
COMMENT ON COLUMN whalefall_http.instance_credential.id IS 'id of the credential';
COMMENT ON COLUMN whalefall_http.instance_credential.name IS 'unique name';
COMMENT ON COLUMN whalefall_http.instance_credential.username IS 'name to log in with';
COMMENT ON COLUMN whalefall_http.instance_credential.password IS 'always ******';
COMMENT ON COLUMN whalefall_http.instance_credential.credential_type IS 'what it is for';

CREATE TYPE whalefall_http.instance AS (
	id bigint, name text, db_type whalefall_http.db_type, host text, port integer,
	database_name text, database_version text, main_version text, detailed_version text,
	credential_id bigint, description text, tags whalefall_http.tag[], is_active boolean,
	last_connected timestamptz, created_at timestamptz, updated_at timestamptz,
	status whalefall_http.instance_status, credential whalefall_http.instance_credential,
	deleted_at timestamptz, sync_count bigint, tls_mode whalefall_http.tls_mode, tls_ca text,
	server_public_key text, allow_cleartext_key boolean);
COMMENT ON TYPE whalefall_http.instance IS 'an instance';
COMMENT ON COLUMN whalefall_http.instance.id IS 'id of the instance';
COMMENT ON COLUMN whalefall_http.instance.name IS 'unique name';
COMMENT ON COLUMN whalefall_http.instance.db_type IS 'kind of server';
COMMENT ON COLUMN whalefall_http.instance.host IS 'address or host name';
COMMENT ON COLUMN whalefall_http.instance.port IS 'TCP port';
COMMENT ON COLUMN whalefall_http.instance.database_name IS 'database to connect to; null = the default of the type';
COMMENT ON COLUMN whalefall_http.instance.database_version IS 'banner of the server; null = never connected';
COMMENT ON COLUMN whalefall_http.instance.main_version IS 'first two parts of the version; null = unknown';
COMMENT ON COLUMN whalefall_http.instance.detailed_version IS 'whole version; null = never connected';
COMMENT ON COLUMN whalefall_http.instance.credential_id IS 'credential to log in with; null = none';
COMMENT ON COLUMN whalefall_http.instance.description IS 'free text';
COMMENT ON COLUMN whalefall_http.instance.tags IS 'its tags';
COMMENT ON COLUMN whalefall_http.instance.is_active IS 'false: left out of syncs';
COMMENT ON COLUMN whalefall_http.instance.last_connected IS 'last successful connection; null = never';
COMMENT ON COLUMN whalefall_http.instance.created_at IS 'when it was registered';
COMMENT ON COLUMN whalefall_http.instance.updated_at IS 'when its registration was changed last';
COMMENT ON COLUMN whalefall_http.instance.status IS 'active or inactive';
COMMENT ON COLUMN whalefall_http.instance.credential IS 'the credential; null = none';
COMMENT ON COLUMN whalefall_http.instance.deleted_at IS 'always null here: deleted instances are not shown';
COMMENT ON COLUMN whalefall_http.instance.sync_count IS 'successful account syncs of this instance alone';
COMMENT ON COLUMN whalefall_http.instance.tls_mode IS 'how connections are protected';
COMMENT ON COLUMN whalefall_http.instance.tls_ca IS 'certificate of the authority in PEM form; null = none';
COMMENT ON COLUMN whalefall_http.instance.server_public_key IS 'key of a MySQL server in PEM form; null = none';
COMMENT ON COLUMN whalefall_http.instance.allow_cleartext_key IS 'true: that key may be fetched from whoever answers';

CREATE TYPE whalefall_http.instance_option AS (
	id bigint, name text, db_type whalefall_http.db_type, display_name text);
COMMENT ON TYPE whalefall_http.instance_option IS 'an instance to choose';
COMMENT ON COLUMN whalefall_http.instance_option.id IS 'id of the instance';
COMMENT ON COLUMN whalefall_http.instance_option.name IS 'unique name';
COMMENT ON COLUMN whalefall_http.instance_option.db_type IS 'kind of server';
COMMENT ON COLUMN whalefall_http.instance_option.display_name IS 'name and kind';

CREATE TYPE whalefall_http.type_count AS (
	db_type whalefall_http.db_type, count bigint);
COMMENT ON TYPE whalefall_http.type_count IS 'instances of a kind';
COMMENT ON COLUMN whalefall_http.type_count.db_type IS 'kind of server';
COMMENT ON COLUMN whalefall_http.type_count.count IS 'number of instances';

CREATE TYPE whalefall_http.port_count AS (
	port integer, count bigint);
COMMENT ON TYPE whalefall_http.port_count IS 'instances on a port';
COMMENT ON COLUMN whalefall_http.port_count.port IS 'TCP port';
COMMENT ON COLUMN whalefall_http.port_count.count IS 'number of instances';

CREATE TYPE whalefall_http.version_count AS (
	db_type whalefall_http.db_type, version text, count bigint);
COMMENT ON TYPE whalefall_http.version_count IS 'instances of a version';
COMMENT ON COLUMN whalefall_http.version_count.db_type IS 'kind of server';
COMMENT ON COLUMN whalefall_http.version_count.version IS 'first two parts of the version, or that it is unknown, in Chinese';
COMMENT ON COLUMN whalefall_http.version_count.count IS 'number of instances';

CREATE TYPE whalefall_http.instance_statistics AS (
	total_instances bigint, active_instances bigint, normal_instances bigint,
	disabled_instances bigint, deleted_instances bigint, inactive_instances bigint,
	db_types_count bigint, db_type_stats whalefall_http.type_count[],
	port_stats whalefall_http.port_count[], version_stats whalefall_http.version_count[]);
COMMENT ON TYPE whalefall_http.instance_statistics IS 'numbers of instances';
COMMENT ON COLUMN whalefall_http.instance_statistics.total_instances IS 'all, deleted ones too';
COMMENT ON COLUMN whalefall_http.instance_statistics.active_instances IS 'active and not deleted';
COMMENT ON COLUMN whalefall_http.instance_statistics.normal_instances IS 'the same number';
COMMENT ON COLUMN whalefall_http.instance_statistics.disabled_instances IS 'not deleted and not active';
COMMENT ON COLUMN whalefall_http.instance_statistics.deleted_instances IS 'in the recycle bin';
COMMENT ON COLUMN whalefall_http.instance_statistics.inactive_instances IS 'the same number as disabled_instances';
COMMENT ON COLUMN whalefall_http.instance_statistics.db_types_count IS 'different kinds';
COMMENT ON COLUMN whalefall_http.instance_statistics.db_type_stats IS 'by kind, without deleted ones';
COMMENT ON COLUMN whalefall_http.instance_statistics.port_stats IS 'the ten most frequent ports';
COMMENT ON COLUMN whalefall_http.instance_statistics.version_stats IS 'by version';

CREATE TYPE whalefall_http.instance_import AS (
	created_count bigint, errors text[], duplicate_names text[], skipped_existing_names text[]);
COMMENT ON TYPE whalefall_http.instance_import IS 'what became of the rows of an import';
COMMENT ON COLUMN whalefall_http.instance_import.created_count IS 'instances that were registered';
COMMENT ON COLUMN whalefall_http.instance_import.errors IS 'one sentence for every bad row, one for all repeated and one for all known names';
COMMENT ON COLUMN whalefall_http.instance_import.duplicate_names IS 'names that stand more than once; none of these was registered';
COMMENT ON COLUMN whalefall_http.instance_import.skipped_existing_names IS 'names that are taken';

CREATE TYPE whalefall_http.instance_deletion AS (
	instance_id bigint, deleted_at timestamptz, deletion_mode whalefall_http.deletion_mode);
COMMENT ON TYPE whalefall_http.instance_deletion IS 'an instance in the recycle bin';
COMMENT ON COLUMN whalefall_http.instance_deletion.instance_id IS 'id of the instance';
COMMENT ON COLUMN whalefall_http.instance_deletion.deleted_at IS 'when it was put there';
COMMENT ON COLUMN whalefall_http.instance_deletion.deletion_mode IS 'soft';

CREATE TYPE whalefall_http.instance_batch_deletion AS (
	deleted_count bigint, instance_ids bigint[], missing_instance_ids bigint[],
	deletion_mode whalefall_http.deletion_mode, deleted_assignments bigint,
	deleted_account_permissions bigint, deleted_sync_data bigint, deleted_sync_records bigint,
	deleted_change_logs bigint, deleted_instance_accounts bigint, deleted_instance_databases bigint,
	deleted_instance_size_stats bigint, deleted_instance_size_aggregations bigint,
	deleted_database_size_stats bigint, deleted_database_size_aggregations bigint,
	deleted_tag_links bigint);
COMMENT ON TYPE whalefall_http.instance_batch_deletion IS 'what a batch deletion removed';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deleted_count IS 'instances found';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.instance_ids IS 'their ids';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.missing_instance_ids IS 'ids that are none';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deletion_mode IS 'as it was asked for';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deleted_assignments IS 'rows removed: assignments of classifications';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deleted_account_permissions IS 'rows removed: snapshots of permissions';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deleted_sync_data IS 'the same number';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deleted_sync_records IS 'rows removed: items of task runs';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deleted_change_logs IS 'rows removed: changes of accounts';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deleted_instance_accounts IS 'rows removed: accounts';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deleted_instance_databases IS 'rows removed: databases';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deleted_instance_size_stats IS 'rows removed: sizes of instances';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deleted_instance_size_aggregations IS 'rows removed: aggregated sizes of instances';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deleted_database_size_stats IS 'rows removed: sizes of databases';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deleted_database_size_aggregations IS 'rows removed: aggregated sizes of databases';
COMMENT ON COLUMN whalefall_http.instance_batch_deletion.deleted_tag_links IS 'rows removed: links to tags';

CREATE TYPE whalefall_http.instance_row AS (
	name text, db_type text, host text, port integer, database_name text, description text,
	credential_id bigint);
COMMENT ON TYPE whalefall_http.instance_row IS 'an instance to register, in a batch';
COMMENT ON COLUMN whalefall_http.instance_row.name IS 'unique name';
COMMENT ON COLUMN whalefall_http.instance_row.db_type IS 'mysql, postgresql, sqlserver or oracle';
COMMENT ON COLUMN whalefall_http.instance_row.host IS 'address or host name';
COMMENT ON COLUMN whalefall_http.instance_row.port IS 'TCP port';
COMMENT ON COLUMN whalefall_http.instance_row.database_name IS 'database to connect to; may be null or absent';
COMMENT ON COLUMN whalefall_http.instance_row.description IS 'free text; may be null or absent';
COMMENT ON COLUMN whalefall_http.instance_row.credential_id IS 'credential to log in with; may be null or absent';

-- Connections -----------------------------------------------------------------------------------------

CREATE TYPE whalefall_http.permission AS (
	name text, needed_for text, granted boolean, hint text);
COMMENT ON TYPE whalefall_http.permission IS 'a right of the monitoring account';
COMMENT ON COLUMN whalefall_http.permission.name IS 'what it is called';
COMMENT ON COLUMN whalefall_http.permission.needed_for IS 'what it is needed for';
COMMENT ON COLUMN whalefall_http.permission.granted IS 'the account has it';
COMMENT ON COLUMN whalefall_http.permission.hint IS 'how to grant it; null = nothing to do';

CREATE TYPE whalefall_http.connection_result AS (
	success boolean, message text, version text, database_version text, main_version text,
	detailed_version text, permissions whalefall_http.permission[], missing_permissions text[]);
COMMENT ON TYPE whalefall_http.connection_result IS 'a connection test that worked';
COMMENT ON COLUMN whalefall_http.connection_result.success IS 'true';
COMMENT ON COLUMN whalefall_http.connection_result.message IS 'what happened, for people';
COMMENT ON COLUMN whalefall_http.connection_result.version IS 'version for people';
COMMENT ON COLUMN whalefall_http.connection_result.database_version IS 'banner of the server';
COMMENT ON COLUMN whalefall_http.connection_result.main_version IS 'first two parts of the version; null = unknown';
COMMENT ON COLUMN whalefall_http.connection_result.detailed_version IS 'whole version';
COMMENT ON COLUMN whalefall_http.connection_result.permissions IS 'what the account may do; null = the server did not say';
COMMENT ON COLUMN whalefall_http.connection_result.missing_permissions IS 'names of the rights it lacks; null = the server did not say';

CREATE TYPE whalefall_http.failure AS (
	error_type text);
COMMENT ON TYPE whalefall_http.failure IS 'why a connection test failed';
COMMENT ON COLUMN whalefall_http.failure.error_type IS 'dns, refused, timeout, auth, unknown_database, tls, protocol, other';

CREATE TYPE whalefall_http.connection_batch_entry AS (
	instance_id bigint, instance_name text, success boolean, message text, error text, version text,
	database_version text, main_version text, detailed_version text,
	permissions whalefall_http.permission[], missing_permissions text[], error_code text,
	error_id text, details whalefall_http.failure);
COMMENT ON TYPE whalefall_http.connection_batch_entry IS 'how the test of one instance ended';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.instance_id IS 'id as it was sent';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.instance_name IS 'name of the instance; absent when there is none';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.success IS 'it worked';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.message IS 'what happened, for people';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.error IS 'the same; absent unless there is no such instance';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.version IS 'version for people; absent unless it worked';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.database_version IS 'banner of the server; absent unless it worked';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.main_version IS 'first two parts of the version; null = unknown; absent unless it worked';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.detailed_version IS 'whole version; absent unless it worked';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.permissions IS 'what the account may do; null = the server did not say; absent unless it worked';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.missing_permissions IS 'names of the rights it lacks; null = the server did not say; absent unless it worked';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.error_code IS 'code of the failure; absent unless it failed';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.error_id IS 'finds the log row of the failure; absent unless it failed';
COMMENT ON COLUMN whalefall_http.connection_batch_entry.details IS 'kind of the failure; absent unless it failed';

CREATE TYPE whalefall_http.connection_summary AS (
	total integer, success integer, failed integer);
COMMENT ON TYPE whalefall_http.connection_summary IS 'numbers of tests';
COMMENT ON COLUMN whalefall_http.connection_summary.total IS 'ids sent';
COMMENT ON COLUMN whalefall_http.connection_summary.success IS 'tests that worked';
COMMENT ON COLUMN whalefall_http.connection_summary.failed IS 'the others';

CREATE TYPE whalefall_http.connection_batch AS (
	results whalefall_http.connection_batch_entry[], summary whalefall_http.connection_summary);
COMMENT ON TYPE whalefall_http.connection_batch IS 'a batch of connection tests';
COMMENT ON COLUMN whalefall_http.connection_batch.results IS 'in the order of the ids';
COMMENT ON COLUMN whalefall_http.connection_batch.summary IS 'numbers';

CREATE TYPE whalefall_http.connection_status AS (
	instance_id bigint, instance_name text, db_type whalefall_http.db_type, host text, port integer,
	last_connected timestamptz, status whalefall_http.freshness, is_active boolean);
COMMENT ON TYPE whalefall_http.connection_status IS 'last contact with an instance';
COMMENT ON COLUMN whalefall_http.connection_status.instance_id IS 'id of the instance';
COMMENT ON COLUMN whalefall_http.connection_status.instance_name IS 'unique name';
COMMENT ON COLUMN whalefall_http.connection_status.db_type IS 'kind of server';
COMMENT ON COLUMN whalefall_http.connection_status.host IS 'address or host name';
COMMENT ON COLUMN whalefall_http.connection_status.port IS 'TCP port';
COMMENT ON COLUMN whalefall_http.connection_status.last_connected IS 'last successful connection; null = never';
COMMENT ON COLUMN whalefall_http.connection_status.status IS 'how fresh that is';
COMMENT ON COLUMN whalefall_http.connection_status.is_active IS 'false: left out of syncs';
