/*
 * api_auth.c - the operations auth_* but the change of a password (api part 1, section 3.2).
 *
 * What the front was given (cookie, Authorization, address) comes by the exchange; from psql it is blank, so that
 * a login there gives tokens, and what needs a session answers AUTHENTICATION_REQUIRED.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "base/args.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/exchange.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/settings.h"
#include "base/spi.h"
#include "base/text.h"
#include "logs/log.h"
#include "people/cookie.h"
#include "people/limits.h"
#include "people/login_parts.h"
#include "people/password.h"
#include "people/shared.h"
#include "whalefall.h"

WF_FUNCTION(wf_auth_csrf_token);
WF_FUNCTION(wf_auth_login);
WF_FUNCTION(wf_auth_logout);
WF_FUNCTION(wf_auth_refresh);
WF_FUNCTION(wf_auth_me);

/* Whose attempts a login without a name counts for. */
#define ANONYMOUS "anonymous"

/*
 * What CSRF tokens of this exchange's cookie are signed over, palloc'd; NULL when there is no cookie, or one
 * that is worth nothing any more. SPI connected.
 */
static char *
known_nonce(const WfExchange *exchange)
{
	char *nonce = wf_cookie_nonce(exchange->cookie);
	WfSession session;

	if (nonce == NULL && wf_login_find_cookie(exchange, &session) && session.alive &&
		session.user_active)
		nonce = session.csrf_secret;
	return nonce;
}

/* auth_csrf_token(): a token for the caller's cookie, and a cookie for who has none. */
Datum
wf_auth_csrf_token(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	char *nonce;
	char *token;

	wf_spi_begin();
	nonce = known_nonce(wf_exchange());
	if (nonce == NULL)
	{
		nonce = wf_cookie_new_nonce();
		wf_cookie_send_nonce(nonce);
	}
	token = MemoryContextStrdup(context, wf_csrf_make(nonce));
	wf_spi_end();
	wf_cookie_forbid_caching();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("{\"csrf_token\":\"%s\"}", token)));
}

/* A user as a login needs him; texts live until SPI ends. */
typedef struct Account
{
	int64 id;
	char *username;
	char *hash; /* NULL: there is no such user */
	bool is_active;
	WfRole role;
	int32 epoch;
} Account;

static Account
find_account(const char *username)
{
	static WfQuery find = WF_QUERY(
		"select id, username, password, is_active from whalefall.users where username = $1",
		TEXTOID);
	WfArg args[] = {wf_arg_text(username)};
	Account account = {0};

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		return account;
	account.id = wf_spi_int64(0, 1);
	account.username = wf_spi_text(0, 2);
	account.hash = wf_spi_text(0, 3);
	account.is_active = wf_spi_bool(0, 4);
	return account;
}

/*
 * Note the login at the user, and take over his role and epoch. The row is locked from here on: if somebody
 * disabled him or changed his password since he was found, this login does not count.
 */
static void
note_login(Account *account, const char *new_hash)
{
	static WfQuery update =
		WF_QUERY("update whalefall.users set last_login = $3, password = coalesce($4, password) "
				 "where id = $1 and password = $2 and is_active returning role, token_epoch",
				 INT8OID, TEXTOID, TIMESTAMPTZOID, TEXTOID);
	WfArg args[] = {WF_ARG_INT64(account->id), wf_arg_text(account->hash),
					WF_ARG_TIME(wf_clock_now()), wf_arg_text(new_hash)};

	if (wf_spi_run(&update, SPI_OK_UPDATE_RETURNING, args) == 0)
		wf_raise(WF_ERR_INVALID_CREDENTIALS, NULL, NULL);
	account->role = wf_session_role(wf_spi_text(0, 1));
	account->epoch = wf_spi_int32(0, 2);
}

/* The user of a name and password; raises INVALID_CREDENTIALS, ACCOUNT_DISABLED. */
static Account
authenticate(const char *username, const char *password)
{
	Account account = find_account(username);
	char *new_hash = NULL;

	/* Without a user, too: the answer must not come sooner. */
	if (!wf_password_verify(password, account.hash))
		wf_raise(WF_ERR_INVALID_CREDENTIALS, NULL, NULL);
	if (!account.is_active)
		wf_raise(WF_ERR_ACCOUNT_DISABLED, NULL, NULL);
	if (wf_password_is_dated(account.hash))
		new_hash = wf_password_hash(password);
	note_login(&account, new_hash);
	return account;
}

static void
log_login(const Account *account)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "action", "login");
	wf_json_add_int(&json, "current_user_id", account->id);
	wf_json_add_text(&json, "current_username", account->username);
	wf_json_add_text(&json, "current_user_role", wf_caller_role_name(account->role));
	wf_json_add_bool(&json, "is_admin", account->role == WF_ROLE_ADMIN);
	wf_json_add_text(&json, "ip_address", wf_exchange()->address);
	wf_log_write(WF_LOG_INFO, "auth", "user logged in", wf_json_end(&json), NULL);
}

/* The answer of a login: tokens of the session, and who it is of. */
static char *
login_json(const Account *account, const char *sid, const char *csrf_token)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(
		&json, "{\"access_token\":\"%s\",\"refresh_token\":\"%s\",",
		wf_token_make(WF_TOKEN_ACCESS, account->id, sid, account->role, account->epoch),
		wf_token_make(WF_TOKEN_REFRESH, account->id, sid, account->role, account->epoch));
	appendStringInfo(&json, "\"user\":{\"id\":" INT64_FORMAT ",\"username\":", account->id);
	escape_json(&json, account->username);
	appendStringInfo(&json,
					 ",\"role\":\"%s\",\"is_active\":true},\"token_type\":\"Bearer\","
					 "\"expires_in\":%d,\"csrf_token\":\"%s\"}",
					 wf_caller_role_name(account->role), wf_setting_access_token_life, csrf_token);
	return json.data;
}

/* Log in; SPI connected. The answer lives until SPI ends. */
static char *
log_in(const char *username, const char *password)
{
	uint8 cookie_hash[WF_COOKIE_BYTES];
	Account account = authenticate(username, password);
	char *nonce = known_nonce(wf_exchange());
	char *cookie = wf_cookie_new_login(cookie_hash);
	char sid[37];

	/* The nonce stays: a form that was open before the login can still be sent. */
	if (nonce == NULL)
		nonce = wf_cookie_new_nonce();
	wf_session_create(account.id, cookie_hash, nonce, sid);
	wf_session_remove_old();
	log_login(&account);
	wf_cookie_send_login(cookie);
	return login_json(&account, sid, wf_csrf_make(nonce));
}

/* auth_login(username, password): a session cookie and a pair of tokens. */
Datum
wf_auth_login(PG_FUNCTION_ARGS)
{
	char *username = wf_text_trim(wf_arg_get_text(fcinfo, 0));
	char *password = wf_arg_get_text(fcinfo, 1);
	bool named = username != NULL && username[0] != '\0';
	MemoryContext context = CurrentMemoryContext;
	char *json;

	/* First of all: what is wrong with an attempt does not keep it from being counted. */
	wf_people_require_shared();
	wf_limits_require("auth_login", named ? username : ANONYMOUS);
	if (!named || password == NULL || password[0] == '\0')
		wf_raise(WF_ERR_VALIDATION, "username and password must not be blank.", NULL);
	wf_spi_begin();
	wf_guard_require_ready();
	json = MemoryContextStrdup(context, log_in(username, password));
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* auth_logout(): ends the session, and with it the cookie and both tokens. Answers nothing. */
Datum
wf_auth_logout(PG_FUNCTION_ARGS)
{
	const char *sid = wf_exchange()->sid;
	WfJson json;

	if (sid[0] == '\0')
		wf_raise(WF_ERR_AUTHENTICATION_REQUIRED, "There is no login session to end.", NULL);
	wf_spi_begin();
	wf_session_revoke(sid);
	wf_json_begin(&json);
	wf_json_add_text(&json, "action", "logout");
	wf_log_write(WF_LOG_INFO, "auth", "user logged out", wf_json_end(&json), NULL);
	wf_spi_end();
	wf_cookie_send_expired();
	PG_RETURN_NULL();
}

/* auth_refresh(): a new access token for the refresh token in the Authorization header. */
Datum
wf_auth_refresh(PG_FUNCTION_ARGS)
{
	const char *authorization = wf_exchange()->authorization;
	const char *token = wf_login_bearer(authorization);
	WfSession session;
	WfErrorCode code;
	WfClaims claims;

	if (authorization[0] == '\0')
		wf_raise(WF_ERR_AUTHENTICATION_REQUIRED, NULL, NULL);
	code = token == NULL ? WF_ERR_TOKEN_INVALID : wf_token_read(token, WF_TOKEN_REFRESH, &claims);
	if (code != WF_ERR_NONE)
		wf_raise(code, NULL, NULL);
	wf_spi_begin();
	wf_session_find(claims.user_id, claims.sid, &session);
	wf_spi_end();
	if (session.user_found && !session.user_active)
		wf_raise(WF_ERR_ACCOUNT_DISABLED, NULL, NULL);
	if (!session.alive || session.epoch != claims.epoch)
		wf_raise(WF_ERR_TOKEN_INVALID, NULL, NULL);
	wf_cookie_forbid_caching();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf(
		"{\"access_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":%d}",
		wf_token_make(WF_TOKEN_ACCESS, session.user_id, session.sid, session.role, session.epoch),
		wf_setting_access_token_life)));
}

/* auth_me(): the user who asks, and what he may do. */
Datum
wf_auth_me(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY(
		"select json_build_object('id', id, 'username', username, 'email', email, 'role', role, "
		"'is_active', is_active, 'created_at', created_at, 'last_login', last_login, "
		"'permissions', case role "
		"when 'admin' then json_build_array('view', 'create', 'update', 'delete', 'admin', "
		"'scheduler_view', 'scheduler_manage') "
		"when 'user' then json_build_array('view', 'update', 'scheduler_view') "
		"else json_build_array('view', 'scheduler_view') end) "
		"from whalefall.users where id = $1",
		INT8OID);
	int64 id = wf_caller()->user_id;
	WfArg args[] = {WF_ARG_INT64(id)};
	MemoryContext context = CurrentMemoryContext;
	char *json;

	if (id == 0)
		wf_raise(WF_ERR_AUTHENTICATION_REQUIRED, "A database role is no user.", NULL);
	wf_spi_begin();
	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("User " INT64_FORMAT " does not exist.", id), NULL);
	json = wf_spi_copy_text(0, 1, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}
