/*
 * caller.c - who calls.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#include "base/caller.h"
#include "base/compat.h"
#include "base/errors.h"
#include "base/exchange.h"
#include "whalefall.h"

/* Set by the dispatcher; valid while the transaction that set it runs. */
static WfCaller dispatched;
static LocalTransactionId dispatched_in = InvalidLocalTransactionId;

/* From strong to weak; the first one whose rights the outer role has counts. */
static const struct
{
	const char *database_role;
	WfRole role;
	const char *name;
} roles[] = {
	{"whalefall_admin", WF_ROLE_ADMIN, "admin"},
	{"whalefall_user", WF_ROLE_USER, "user"},
	{"whalefall_viewer", WF_ROLE_VIEWER, "viewer"},
};

/*
 * Role of a database role. Rights, not membership, are asked for: the authenticator is a member of every
 * role but inherits none, so it is nobody until it sets a role.
 */
static WfRole
role_of(Oid user)
{
	if (superuser_arg(user))
		return WF_ROLE_ADMIN;
	for (size_t i = 0; i < lengthof(roles); i++)
	{
		Oid role = get_role_oid(roles[i].database_role, true);

		if (OidIsValid(role) && has_privs_of_role(user, role))
			return roles[i].role;
	}
	return WF_ROLE_NONE;
}

const WfCaller *
wf_caller(void)
{
	WfCaller *caller;
	Oid outer;

	if (dispatched_in != InvalidLocalTransactionId && dispatched_in == WF_LOCAL_XID)
		return &dispatched;
	outer = GetOuterUserId();
	caller = MemoryContextAllocZero(TopTransactionContext, sizeof(WfCaller));
	caller->name = MemoryContextStrdup(TopTransactionContext, GetUserNameFromId(outer, false));
	caller->role = role_of(outer);
	return caller;
}

void
wf_caller_require(WfRole role)
{
	if (wf_caller()->role < role)
		wf_raise(WF_ERR_PERMISSION_REQUIRED,
				 psprintf("This needs the role \"%s\" or one above it.", wf_caller_role_name(role)),
				 NULL);
}

const char *
wf_caller_role_name(WfRole role)
{
	for (size_t i = 0; i < lengthof(roles); i++)
		if (roles[i].role == role)
			return roles[i].name;
	return "none";
}

void
wf_caller_set(int64 user_id, const char *name, WfRole role)
{
	/* The name lives with the exchange: one begun later would take it away. */
	(void) wf_exchange();
	dispatched.user_id = user_id;
	dispatched.name = MemoryContextStrdup(wf_exchange_context(), name);
	dispatched.role = role;
	dispatched.over_http = true;
	dispatched_in = WF_LOCAL_XID;
}

void
wf_caller_forget(void)
{
	dispatched_in = InvalidLocalTransactionId;
}

void
wf_caller_become_owner(WfIdentity *saved)
{
	Oid owner = get_role_oid(WF_OWNER, false);

	GetUserIdAndSecContext(&saved->user, &saved->security_context);
	SetUserIdAndSecContext(owner, saved->security_context | SECURITY_LOCAL_USERID_CHANGE);
}

void
wf_caller_restore(const WfIdentity *saved)
{
	SetUserIdAndSecContext(saved->user, saved->security_context);
}
