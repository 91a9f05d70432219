-- Inventory: users (the first administrator), credentials, instances.

CREATE TABLE whalefall.users (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	username text NOT NULL CONSTRAINT users_username_key UNIQUE CHECK (length(username) BETWEEN 1 AND 255),
	email text CHECK (length(email) <= 255),
	password text NOT NULL,
	role text NOT NULL DEFAULT 'user' CHECK (role IN ('admin', 'user', 'viewer')),
	is_active boolean NOT NULL DEFAULT true,
	last_login timestamptz,
	password_changed_at timestamptz,
	token_epoch integer NOT NULL DEFAULT 0,
	created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE whalefall.users IS 'people who log in over HTTP; passwords as bcrypt hashes';

CREATE TABLE whalefall.credentials (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL CONSTRAINT credentials_name_key UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
	credential_type text NOT NULL CHECK (credential_type IN ('database', 'ssh', 'windows', 'api', 'ldap')),
	db_type text CHECK (db_type IN ('mysql', 'postgresql', 'sqlserver', 'oracle')),
	username text NOT NULL CHECK (length(username) BETWEEN 1 AND 128),
	secret bytea,
	description text,
	category_id bigint,
	is_active boolean NOT NULL DEFAULT true,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE whalefall.credentials IS 'logins to the fleet; secret = key id, nonce, AES-256-GCM ciphertext, tag';

CREATE TABLE whalefall.instances (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL CONSTRAINT instances_name_key UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
	db_type text NOT NULL CHECK (db_type IN ('mysql', 'postgresql', 'sqlserver', 'oracle')),
	host text NOT NULL CHECK (length(host) BETWEEN 1 AND 255),
	port integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
	database_name text CHECK (length(database_name) BETWEEN 1 AND 64),
	database_version text,
	main_version text,
	detailed_version text,
	sync_count integer NOT NULL DEFAULT 0,
	credential_id bigint REFERENCES whalefall.credentials ON DELETE SET NULL,
	description text NOT NULL DEFAULT '' CHECK (length(description) <= 500),
	is_active boolean NOT NULL DEFAULT true,
	tls_mode text NOT NULL DEFAULT 'prefer'
		CHECK (tls_mode IN ('disable', 'prefer', 'require', 'verify-ca', 'verify-full')),
	tls_ca text,
	last_connected timestamptz,
	last_connect_attempt timestamptz,
	last_connect_ok boolean,
	last_connect_error text,
	last_account_sync_at timestamptz,
	last_capacity_sync_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	deleted_at timestamptz,
	server_public_key text CHECK (length(server_public_key) BETWEEN 1 AND 4096),
	allow_cleartext_key boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE whalefall.instances IS 'the fleet: database servers registered here';
CREATE INDEX instances_credential_id_idx ON whalefall.instances (credential_id);

CREATE TRIGGER touch_updated_at BEFORE UPDATE ON whalefall.credentials
	FOR EACH ROW EXECUTE FUNCTION whalefall.touch_updated_at();

SELECT pg_catalog.pg_extension_config_dump('whalefall.users', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.users_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.credentials', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.credentials_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instances', '');
SELECT pg_catalog.pg_extension_config_dump('whalefall.instances_id_seq', '');
