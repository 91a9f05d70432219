/*
 * login.h - who sends a request? The door of this room for the front.
 */
#ifndef WF_PEOPLE_LOGIN_H
#define WF_PEOPLE_LOGIN_H

#include "postgres.h"

#include "base/caller.h"
#include "base/errors.h"
#include "base/exchange.h"

/* Texts live in wf_exchange_context. */
typedef struct WfLogin
{
	int64 user_id;
	char *name;
	WfRole role;
	char sid[37];	   /* of the login session */
	char *csrf_secret; /* what CSRF tokens of the session are signed over */
	bool by_cookie;
} WfLogin;

/*
 * Who sends this exchange? A given Authorization header decides, however bad it is; else the cookie. SPI not
 * connected; the user is the owner or a definer's. Gives WF_ERR_NONE and fills login, or
 * AUTHENTICATION_REQUIRED (also: user disabled or deleted), TOKEN_EXPIRED, TOKEN_INVALID; for a good token
 * of a deleted user that asks for /api/v1/auth/me it is NOT_FOUND. Writes nothing. Raises NOT_SET_UP when the file
 * with the secret of tokens is unusable.
 */
extern WfErrorCode wf_login_check(WfExchange *exchange, WfLogin *login);

/*
 * CSRF of a write: WF_ERR_NONE, CSRF_MISSING or CSRF_INVALID. Only a request that comes with a cookie and without
 * Authorization needs a token. login: what wf_login_check gave, or NULL on a route that asks for no login. SPI not
 * connected.
 */
extern WfErrorCode wf_login_check_csrf(WfExchange *exchange, const WfLogin *login);

#endif
