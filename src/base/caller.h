/*
 * caller.h - the only source of who calls, and the way to act as the owner.
 *
 * What the HTTP dispatcher authenticated; else the outer database role. session_user and current_user
 * decide nothing: the authenticator is in every role, and inside a definer function the user is the owner.
 */
#ifndef WF_BASE_CALLER_H
#define WF_BASE_CALLER_H

#include "postgres.h"

typedef enum WfRole
{
	WF_ROLE_NONE,
	WF_ROLE_VIEWER,
	WF_ROLE_USER,
	WF_ROLE_ADMIN
} WfRole;

typedef struct WfCaller
{
	int64 user_id;	  /* whalefall.users.id; 0 for a database role */
	const char *name; /* user name or database role */
	WfRole role;
	bool over_http;
} WfCaller;

/* Valid until the end of the transaction; never NULL. */
extern const WfCaller *wf_caller(void);

/* Raise PERMISSION_REQUIRED unless the caller has at least this role. */
extern void wf_caller_require(WfRole role);

/* "admin", "user", "viewer", or "none". */
extern const char *wf_caller_role_name(WfRole role);

/*
 * What the dispatcher authenticated: from now to the end of the transaction (or to the next call) this user
 * is the caller. name is copied. Only C calls this; no SQL function may.
 */
extern void wf_caller_set(int64 user_id, const char *name, WfRole role);

/* The request is over: the outer database role is the caller again. */
extern void wf_caller_forget(void);

/* The user id that was current before wf_caller_become_owner. */
typedef struct WfIdentity
{
	Oid user;
	int security_context;
} WfIdentity;

/*
 * Become whalefall_owner, so that what is created belongs to it and no superuser's right is used; and back.
 * An error in between needs no care: the abort of the (sub)transaction restores the user.
 */
extern void wf_caller_become_owner(WfIdentity *saved);
extern void wf_caller_restore(const WfIdentity *saved);

#endif
