-- Users and logins: read model and operations.

CREATE VIEW whalefall_api.users AS
	SELECT u.id, u.username, u.email, u.role, u.is_active, u.last_login, u.created_at
	FROM whalefall.users u;
COMMENT ON VIEW whalefall_api.users IS 'people who log in over HTTP';
COMMENT ON COLUMN whalefall_api.users.id IS 'id of the user';
COMMENT ON COLUMN whalefall_api.users.username IS 'unique name to log in with; case matters';
COMMENT ON COLUMN whalefall_api.users.email IS 'address, or null';
COMMENT ON COLUMN whalefall_api.users.role IS 'admin, user or viewer';
COMMENT ON COLUMN whalefall_api.users.is_active IS 'false: cannot log in, and is logged out';
COMMENT ON COLUMN whalefall_api.users.last_login IS 'the latest login; null = never';
COMMENT ON COLUMN whalefall_api.users.created_at IS 'when the user was made';

CREATE FUNCTION whalefall_api.users_list(search text DEFAULT NULL, role text DEFAULT NULL,
	status text DEFAULT NULL, page integer DEFAULT NULL, page_size integer DEFAULT NULL,
	sort text DEFAULT NULL, sort_order text DEFAULT NULL) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_users_list';
COMMENT ON FUNCTION whalefall_api.users_list(text, text, text, integer, integer, text, text)
	IS 'users, page by page; search looks in the user name; status is active or inactive';

CREATE FUNCTION whalefall_api.users_create(username text DEFAULT NULL, role text DEFAULT NULL,
	password text DEFAULT NULL, is_active boolean DEFAULT NULL, email text DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_users_create';
COMMENT ON FUNCTION whalefall_api.users_create(text, text, text, boolean, text)
	IS 'make a user; username, role (admin, user, viewer) and password are required';

CREATE FUNCTION whalefall_api.users_get(user_id bigint) RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_users_get';
COMMENT ON FUNCTION whalefall_api.users_get(bigint)
	IS 'one user';

CREATE FUNCTION whalefall_api.users_update(user_id bigint, username text DEFAULT NULL,
	role text DEFAULT NULL, password text DEFAULT NULL, is_active boolean DEFAULT NULL,
	email text DEFAULT NULL, clear text[] DEFAULT '{}') RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_users_update';
COMMENT ON FUNCTION whalefall_api.users_update(bigint, text, text, text, boolean, text, text[])
	IS 'change the given fields of a user; clear names what becomes null (email). A new password, and being disabled, end the logins of the user';

CREATE FUNCTION whalefall_api.users_delete(user_id bigint) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_users_delete';
COMMENT ON FUNCTION whalefall_api.users_delete(bigint)
	IS 'delete a user, but neither oneself nor the last active administrator; answers nothing';

CREATE FUNCTION whalefall_api.users_toggle_status(user_id bigint) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_users_toggle_status';
COMMENT ON FUNCTION whalefall_api.users_toggle_status(bigint)
	IS 'disable an active user or enable a disabled one, but neither oneself nor the last active administrator';

CREATE FUNCTION whalefall_api.users_stats() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_users_stats';
COMMENT ON FUNCTION whalefall_api.users_stats()
	IS 'how many users there are, by state and by role';

CREATE FUNCTION whalefall_api.auth_csrf_token() RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_auth_csrf_token';
COMMENT ON FUNCTION whalefall_api.auth_csrf_token()
	IS 'a token for the header X-CSRFToken of writes that come with the cookie; valid for an hour, also across a login';

CREATE FUNCTION whalefall_api.auth_login(username text DEFAULT NULL, password text DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_auth_login';
COMMENT ON FUNCTION whalefall_api.auth_login(text, text)
	IS 'log in: access token, refresh token and, over HTTP, the session cookie. In psql the password would stand in the statement';

CREATE FUNCTION whalefall_api.auth_logout() RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_auth_logout';
COMMENT ON FUNCTION whalefall_api.auth_logout()
	IS 'end the login that this request belongs to: its cookie and both its tokens; answers nothing';

CREATE FUNCTION whalefall_api.auth_change_password(old_password text DEFAULT NULL,
	new_password text DEFAULT NULL, confirm_password text DEFAULT NULL) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_auth_change_password';
COMMENT ON FUNCTION whalefall_api.auth_change_password(text, text, text)
	IS 'change one''s own password; ends all other logins and all tokens of the user; answers nothing';

CREATE FUNCTION whalefall_api.auth_refresh() RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_auth_refresh';
COMMENT ON FUNCTION whalefall_api.auth_refresh()
	IS 'a new access token for the refresh token in the header Authorization';

CREATE FUNCTION whalefall_api.auth_me() RETURNS json
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
	AS 'MODULE_PATHNAME', 'wf_auth_me';
COMMENT ON FUNCTION whalefall_api.auth_me()
	IS 'the user who asks, with his permissions';
