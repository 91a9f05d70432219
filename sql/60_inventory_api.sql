-- Inventory: read model and operations. After accounts and capacity, whose rows the views count.

CREATE VIEW whalefall_api.credentials AS
	SELECT c.id, c.name, c.credential_type, c.db_type, c.username, '******'::text AS password,
		c.description, c.category_id, c.is_active,
		(SELECT count(*) FROM whalefall.instances i
			WHERE i.credential_id = c.id AND i.deleted_at IS NULL) AS instance_count,
		c.created_at, c.updated_at
	FROM whalefall.credentials c;
COMMENT ON VIEW whalefall_api.credentials IS 'logins to the fleet; passwords are never shown';
COMMENT ON COLUMN whalefall_api.credentials.id IS 'id of the credential';
COMMENT ON COLUMN whalefall_api.credentials.name IS 'unique name';
COMMENT ON COLUMN whalefall_api.credentials.credential_type IS 'database, ssh, windows, api, ldap';
COMMENT ON COLUMN whalefall_api.credentials.db_type IS 'mysql, postgresql, sqlserver, oracle; null = any';
COMMENT ON COLUMN whalefall_api.credentials.username IS 'name to log in with';
COMMENT ON COLUMN whalefall_api.credentials.password IS 'always ******';
COMMENT ON COLUMN whalefall_api.credentials.description IS 'free text; null = none';
COMMENT ON COLUMN whalefall_api.credentials.category_id IS 'unused, always null';
COMMENT ON COLUMN whalefall_api.credentials.is_active IS 'false: refused when an instance is connected to';
COMMENT ON COLUMN whalefall_api.credentials.instance_count IS 'instances that use it, without deleted ones';
COMMENT ON COLUMN whalefall_api.credentials.created_at IS 'when it was stored';
COMMENT ON COLUMN whalefall_api.credentials.updated_at IS 'when it was changed last';

CREATE VIEW whalefall_api.instances AS
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
COMMENT ON VIEW whalefall_api.instances IS 'the fleet, deleted instances included';
COMMENT ON COLUMN whalefall_api.instances.id IS 'id of the instance';
COMMENT ON COLUMN whalefall_api.instances.name IS 'unique name, also among deleted instances';
COMMENT ON COLUMN whalefall_api.instances.db_type IS 'mysql, postgresql, sqlserver, oracle';
COMMENT ON COLUMN whalefall_api.instances.host IS 'address or host name';
COMMENT ON COLUMN whalefall_api.instances.port IS 'TCP port';
COMMENT ON COLUMN whalefall_api.instances.database_name IS 'database to connect to; null = the default of the type';
COMMENT ON COLUMN whalefall_api.instances.description IS 'free text';
COMMENT ON COLUMN whalefall_api.instances.is_active IS 'false: left out of syncs';
COMMENT ON COLUMN whalefall_api.instances.status IS 'deleted, active, inactive';
COMMENT ON COLUMN whalefall_api.instances.credential_id IS 'id of the credential to log in with; null = none';
COMMENT ON COLUMN whalefall_api.instances.tls_mode IS 'disable, prefer, require, verify-ca, verify-full';
COMMENT ON COLUMN whalefall_api.instances.tls_ca IS 'certificate of the authority in PEM form; null = none';
COMMENT ON COLUMN whalefall_api.instances.database_version IS 'banner of the server; null = never connected';
COMMENT ON COLUMN whalefall_api.instances.main_version IS 'first two parts of the version; null = unknown';
COMMENT ON COLUMN whalefall_api.instances.detailed_version IS 'whole version; null = never connected';
COMMENT ON COLUMN whalefall_api.instances.sync_count IS 'successful account syncs of this instance alone';
COMMENT ON COLUMN whalefall_api.instances.active_db_count IS 'databases the last sync found';
COMMENT ON COLUMN whalefall_api.instances.active_account_count IS 'accounts the last sync found';
COMMENT ON COLUMN whalefall_api.instances.last_sync_time IS 'later of the two syncs below; null = never';
COMMENT ON COLUMN whalefall_api.instances.last_account_sync_at IS 'last complete account sync; null = never';
COMMENT ON COLUMN whalefall_api.instances.last_capacity_sync_at IS 'last complete capacity sync; null = never';
COMMENT ON COLUMN whalefall_api.instances.last_connected IS 'last successful connection; null = never';
COMMENT ON COLUMN whalefall_api.instances.last_connect_attempt IS 'last attempt to connect; null = never';
COMMENT ON COLUMN whalefall_api.instances.last_connect_ok IS 'whether that attempt succeeded';
COMMENT ON COLUMN whalefall_api.instances.last_connect_error IS 'why it failed: dns, refused, timeout, auth, unknown_database, tls, protocol, other';
COMMENT ON COLUMN whalefall_api.instances.created_at IS 'when it was registered';
COMMENT ON COLUMN whalefall_api.instances.updated_at IS 'when its registration was changed last';
COMMENT ON COLUMN whalefall_api.instances.deleted_at IS 'when it was put into the recycle bin; null = it is not there';
COMMENT ON COLUMN whalefall_api.instances.tags IS 'codes of its tags, by category and display name';
COMMENT ON COLUMN whalefall_api.instances.server_public_key IS 'MySQL: public key of the server for logins without TLS, in PEM form; null = none';
COMMENT ON COLUMN whalefall_api.instances.allow_cleartext_key IS 'MySQL: true = that key may be fetched from whoever answers; anybody in between gets the password';

-- The way in for secrets from psql: \copy whalefall_api.credential_input from a file or from stdin.
CREATE VIEW whalefall_api.credential_input AS
	SELECT NULL::text AS name, NULL::text AS credential_type, NULL::text AS db_type,
		NULL::text AS username, NULL::text AS password, NULL::text AS description
	WHERE false;
COMMENT ON VIEW whalefall_api.credential_input IS 'write-only: each row stores a credential, or changes the given fields of the one with that name; always empty to readers';
COMMENT ON COLUMN whalefall_api.credential_input.name IS 'name; a known one is changed, a new one created';
COMMENT ON COLUMN whalefall_api.credential_input.credential_type IS 'database, ssh, windows, api, ldap';
COMMENT ON COLUMN whalefall_api.credential_input.db_type IS 'mysql, postgresql, sqlserver, oracle; null = any';
COMMENT ON COLUMN whalefall_api.credential_input.username IS 'name to log in with';
COMMENT ON COLUMN whalefall_api.credential_input.password IS 'password; encrypted before it is written';
COMMENT ON COLUMN whalefall_api.credential_input.description IS 'free text; null = none';

-- No SET clause: it would undo, at its end, the setting the function makes for the whole statement.
CREATE FUNCTION whalefall.credential_input_begin() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'wf_inventory_input_begin';
COMMENT ON FUNCTION whalefall.credential_input_begin() IS 'trigger: keeps input lines out of error contexts';
CREATE FUNCTION whalefall.credential_input_row() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_inventory_input_row';
COMMENT ON FUNCTION whalefall.credential_input_row() IS 'trigger: encrypts and stores one credential';
CREATE TRIGGER credential_input_begin BEFORE INSERT ON whalefall_api.credential_input
	FOR EACH STATEMENT EXECUTE FUNCTION whalefall.credential_input_begin();
CREATE TRIGGER credential_input_row INSTEAD OF INSERT ON whalefall_api.credential_input
	FOR EACH ROW EXECUTE FUNCTION whalefall.credential_input_row();

CREATE FUNCTION whalefall_api.credentials_list(search text DEFAULT NULL, credential_type text DEFAULT NULL,
	db_type text DEFAULT NULL, status text DEFAULT NULL, page integer DEFAULT NULL,
	page_size integer DEFAULT NULL, sort text DEFAULT NULL, sort_order text DEFAULT NULL,
	tags text[] DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_credentials_list';
COMMENT ON FUNCTION whalefall_api.credentials_list(text, text, text, text, integer, integer, text, text, text[])
	IS 'credentials, page by page; search looks in name, username and description; tags: used by an instance that has any of these';

CREATE FUNCTION whalefall_api.credentials_get(credential_id bigint) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_credentials_get';
COMMENT ON FUNCTION whalefall_api.credentials_get(bigint) IS 'one credential, without its password';

CREATE FUNCTION whalefall_api.credentials_create(name text DEFAULT NULL, credential_type text DEFAULT NULL,
	username text DEFAULT NULL, password text DEFAULT NULL, db_type text DEFAULT NULL,
	description text DEFAULT NULL, is_active boolean DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_credentials_create';
COMMENT ON FUNCTION whalefall_api.credentials_create(text, text, text, text, text, text, boolean)
	IS 'store a credential; from psql use the view credential_input, so that the password is not part of a statement';

CREATE FUNCTION whalefall_api.credentials_update(credential_id bigint, name text DEFAULT NULL,
	credential_type text DEFAULT NULL, username text DEFAULT NULL, password text DEFAULT NULL,
	db_type text DEFAULT NULL, description text DEFAULT NULL, is_active boolean DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_credentials_update';
COMMENT ON FUNCTION whalefall_api.credentials_update(bigint, text, text, text, text, text, text, boolean, text[])
	IS 'change the given fields of a credential; clear names those that become null (db_type, description)';

CREATE FUNCTION whalefall_api.credentials_delete(credential_id bigint) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_credentials_delete';
COMMENT ON FUNCTION whalefall_api.credentials_delete(bigint)
	IS 'delete a credential for good; instances that used it have none afterwards';

CREATE FUNCTION whalefall_api.instances_list(search text DEFAULT NULL, db_type text DEFAULT NULL,
	status text DEFAULT NULL, include_deleted boolean DEFAULT NULL, page integer DEFAULT NULL,
	page_size integer DEFAULT NULL, sort text DEFAULT NULL, sort_order text DEFAULT NULL,
	tags text[] DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_list';
COMMENT ON FUNCTION whalefall_api.instances_list(text, text, text, boolean, integer, integer, text, text, text[])
	IS 'instances, page by page; search looks in name, host and description; tags: those that have any of these';

CREATE FUNCTION whalefall_api.instances_get(instance_id bigint) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_get';
COMMENT ON FUNCTION whalefall_api.instances_get(bigint) IS 'one instance that is not deleted';

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

CREATE FUNCTION whalefall_api.instances_delete(instance_id bigint) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_instances_delete';
COMMENT ON FUNCTION whalefall_api.instances_delete(bigint) IS 'put an instance into the recycle bin; its history stays';

CREATE FUNCTION whalefall.parse_version(db_type text, banner text, version_num integer,
	OUT main_version text, OUT detailed_version text) RETURNS record
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'wf_inventory_parse_version_sql';
COMMENT ON FUNCTION whalefall.parse_version(text, text, integer) IS 'private: what a sync makes of a server''s banner; version_num is PostgreSQL''s, else 0';

-- No SET clause: a procedure that commits cannot have one; it pins search_path itself in each transaction.
CREATE PROCEDURE whalefall.rotate_key(drop_retired boolean DEFAULT false)
	LANGUAGE c
	AS 'MODULE_PATHNAME', 'wf_inventory_rotate_key';
COMMENT ON PROCEDURE whalefall.rotate_key(boolean) IS 'adds a master key and seals every stored password anew; may be called again after an interruption; drop_retired removes old keys from the file';
