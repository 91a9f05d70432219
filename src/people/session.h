/*
 * session.h - rows of whalefall.login_sessions, and the users they belong to. What writes needs SPI connected.
 */
#ifndef WF_PEOPLE_SESSION_H
#define WF_PEOPLE_SESSION_H

#include "postgres.h"

#include "base/caller.h"

/* A user and one of his sessions, as found for a request. */
typedef struct WfSession
{
	bool user_found;
	bool user_active;
	bool alive; /* the session is there, neither revoked nor at its end */
	int64 user_id;
	int32 epoch; /* users.token_epoch now */
	WfRole role;
	char *name; /* texts in wf_exchange_context */
	char *csrf_secret;
	char sid[37];
} WfSession;

/* By the id of a token; the session counts for its tokens. */
extern void wf_session_find(int64 user_id, const char *sid, WfSession *session);

/* By the hash of a cookie (WF_COOKIE_BYTES); the session counts for its cookie, whose life is shorter. */
extern void wf_session_find_by_cookie(const uint8 *hash, WfSession *session);

/* A new session of a user; sid (37 bytes) gets its id. */
extern void wf_session_create(int64 user_id, const uint8 *cookie_hash, const char *csrf_secret,
							  char *sid);

/* End one session, or all of a user's but one (sid "" = all). Repeating does nothing. */
extern void wf_session_revoke(const char *sid);
extern void wf_session_revoke_all(int64 user_id, const char *but_sid);

/* Remove some of the sessions that are past their end; few at a time, since somebody waits. */
extern void wf_session_remove_old(void);

/* "admin", "user", "viewer" as a role; WF_ROLE_NONE for anything else. */
extern WfRole wf_session_role(const char *name);

#endif
