/*
 * cookie.h - the cookie whalefall_session, and CSRF tokens.
 *
 * Before a login the cookie is a signed nonce and nobody keeps anything; after it, a random text whose hash
 * finds the login session. CSRF tokens are signed over the nonce, which a login carries into its session.
 */
#ifndef WF_PEOPLE_COOKIE_H
#define WF_PEOPLE_COOKIE_H

#include "postgres.h"

#include "base/errors.h"
#include "base/exchange.h"

#define WF_COOKIE_BYTES 32

/* Seconds that a CSRF token is valid. */
#define WF_CSRF_LIFE 3600

/* A new nonce, palloc'd: 22 characters, 128 random bits. */
extern char *wf_cookie_new_nonce(void);

/* The nonce of a cookie of somebody who has not logged in, palloc'd; NULL when it is not one of ours. */
extern char *wf_cookie_nonce(const char *cookie);

/* Is this the cookie of a login? Then hash (WF_COOKIE_BYTES) gets what finds its session. */
extern bool wf_cookie_is_login(const char *cookie, uint8 *hash);

/* A new cookie of a login, palloc'd, a secret; hash gets what is stored of it. */
extern char *wf_cookie_new_login(uint8 *hash);

/* Let the answer set the cookie: with a nonce; of a login; or take it away. No answer with it is cached. */
extern void wf_cookie_send_nonce(const char *nonce);
extern void wf_cookie_send_login(const char *cookie);
extern void wf_cookie_send_expired(void);

/* Answers with a token or a cookie in them must not stay in any cache. */
extern void wf_cookie_forbid_caching(void);

/* A CSRF token for a nonce, palloc'd, valid from now for WF_CSRF_LIFE. */
extern char *wf_csrf_make(const char *nonce);

/* WF_ERR_NONE or CSRF_INVALID: expired, forged, or of another nonce. */
extern WfErrorCode wf_csrf_check(const char *token, const char *nonce);

#endif
