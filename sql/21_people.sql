-- Logins of users. The users themselves stand in 20_inventory.sql.

-- Not dumped: a restored copy must not know anybody who was logged in to the original.
CREATE TABLE whalefall.login_sessions (
	sid uuid PRIMARY KEY,
	user_id bigint NOT NULL REFERENCES whalefall.users ON DELETE CASCADE,
	cookie_hash bytea NOT NULL CONSTRAINT login_sessions_cookie_hash_key UNIQUE CHECK (length(cookie_hash) = 32),
	csrf_secret text NOT NULL,
	created_at timestamptz NOT NULL,
	cookie_expires_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL CHECK (expires_at >= cookie_expires_at),
	revoked_at timestamptz,
	address text NOT NULL DEFAULT '',
	agent text NOT NULL DEFAULT ''
);
COMMENT ON TABLE whalefall.login_sessions IS 'one row per login: its cookie (as SHA-256) and its tokens end together; a row goes some time after its end';
COMMENT ON COLUMN whalefall.login_sessions.expires_at IS 'when the last of cookie and tokens ends';
CREATE INDEX login_sessions_user_id_idx ON whalefall.login_sessions (user_id);
CREATE INDEX login_sessions_expires_at_idx ON whalefall.login_sessions (expires_at);
