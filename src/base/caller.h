/*
 * caller.h - the only source of who calls.
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

#endif
