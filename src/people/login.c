/*
 * login.c - who sends a request?
 *
 * Nothing is remembered between requests: a session that was revoked, a user that was disabled and a new role count
 * from the next request on.
 */
#include "postgres.h"

#include "people/cookie.h"
#include "people/login.h"
#include "people/login_parts.h"

/* Here a deleted user learns that he is gone (contract, part 1, section 1.6). */
#define PATH_OF_ME "/api/v1/auth/me"

#define BEARER "Bearer "

const char *
wf_login_bearer(const char *authorization)
{
	const char *token = authorization + strlen(BEARER);

	if (pg_strncasecmp(authorization, BEARER, strlen(BEARER)) != 0)
		return NULL;
	return token + strspn(token, " ");
}

bool
wf_login_find_cookie(const WfExchange *exchange, WfSession *session)
{
	uint8 hash[WF_COOKIE_BYTES];

	if (!wf_cookie_is_login(exchange->cookie, hash))
		return false;
	wf_session_find_by_cookie(hash, session);
	return session->user_found;
}

static void
fill(WfLogin *login, const WfSession *session, bool by_cookie)
{
	login->user_id = session->user_id;
	login->name = session->name;
	login->role = session->role;
	memcpy(login->sid, session->sid, sizeof(login->sid));
	login->csrf_secret = session->csrf_secret;
	login->by_cookie = by_cookie;
}

static WfErrorCode
check_cookie(const WfExchange *exchange, WfLogin *login)
{
	WfSession session;
	bool found;

	found = wf_login_find_cookie(exchange, &session);
	if (!found || !session.alive || !session.user_active)
		return WF_ERR_AUTHENTICATION_REQUIRED;
	fill(login, &session, true);
	return WF_ERR_NONE;
}

WfErrorCode
wf_login_check_claims(const WfExchange *exchange, const WfClaims *claims, WfLogin *login)
{
	WfSession session;

	wf_session_find(claims->user_id, claims->sid, &session);
	if (!session.user_found)
		return strcmp(exchange->path, PATH_OF_ME) == 0 ? WF_ERR_NOT_FOUND
													   : WF_ERR_AUTHENTICATION_REQUIRED;
	if (!session.user_active)
		return WF_ERR_AUTHENTICATION_REQUIRED;
	if (!session.alive || session.epoch != claims->epoch)
		return WF_ERR_TOKEN_INVALID;
	fill(login, &session, false);
	return WF_ERR_NONE;
}

WfErrorCode
wf_login_check(WfExchange *exchange, WfLogin *login)
{
	WfErrorCode code;
	WfClaims claims;
	const char *token;

	*login = (WfLogin){0};
	if (exchange->authorization[0] == '\0')
		return check_cookie(exchange, login);
	token = wf_login_bearer(exchange->authorization);
	if (token == NULL)
		return WF_ERR_TOKEN_INVALID;
	code = wf_token_read(token, WF_TOKEN_ACCESS, &claims);
	return code == WF_ERR_NONE ? wf_login_check_claims(exchange, &claims, login) : code;
}

/* What the tokens of this exchange's cookie are signed over, palloc'd; NULL when the cookie is worth nothing. */
static char *
nonce_of(const WfExchange *exchange, const WfLogin *login)
{
	WfSession session;
	char *nonce;
	bool found;

	if (login != NULL && login->by_cookie)
		return login->csrf_secret;
	nonce = wf_cookie_nonce(exchange->cookie);
	if (nonce != NULL)
		return nonce;
	found = wf_login_find_cookie(exchange, &session);
	return found && session.alive ? session.csrf_secret : NULL;
}

WfErrorCode
wf_login_check_csrf(WfExchange *exchange, const WfLogin *login)
{
	char *nonce;

	if (exchange->cookie[0] == '\0' || exchange->authorization[0] != '\0')
		return WF_ERR_NONE;
	if (exchange->csrf[0] == '\0')
		return WF_ERR_CSRF_MISSING;
	nonce = nonce_of(exchange, login);
	return nonce != NULL ? wf_csrf_check(exchange->csrf, nonce) : WF_ERR_CSRF_INVALID;
}
