/*
 * login_parts.h - the parts of wf_login_check that the operations of this room need one by one.
 */
#ifndef WF_PEOPLE_LOGIN_PARTS_H
#define WF_PEOPLE_LOGIN_PARTS_H

#include "postgres.h"

#include "people/login.h"
#include "people/session.h"
#include "people/token.h"

/* The token of an "Authorization: Bearer ..." header, or NULL when it is no such header. */
extern const char *wf_login_bearer(const char *authorization);

/* The session that an exchange's cookie is of, dead or alive; false when it is of none. SPI connected. */
extern bool wf_login_find_cookie(const WfExchange *exchange, WfSession *session);

/* wf_login_check for an access token whose form and times are good. SPI not connected. */
extern WfErrorCode wf_login_check_claims(const WfExchange *exchange, const WfClaims *claims,
										 WfLogin *login);

#endif
