/*
 * gate.c - may this request go on to its operation?
 *
 * Who may do what is not written here: it is the EXECUTE right of the operation's function for the database role of
 * the caller, the same that psql and PostgREST's own RPC ask for.
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "utils/acl.h"

#include "base/caller.h"
#include "base/compat.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/text.h"
#include "http/gate.h"
#include "people/limits.h"
#include "people/login.h"

#define ANONYMOUS "anonymous"

/* The database role that has the rights of a role of the product. */
static Oid
database_role(WfRole role)
{
	switch (role)
	{
		case WF_ROLE_ADMIN:
			return get_role_oid("whalefall_admin", false);
		case WF_ROLE_USER:
			return get_role_oid("whalefall_user", false);
		case WF_ROLE_VIEWER:
			return get_role_oid("whalefall_viewer", false);
		case WF_ROLE_NONE:
			break;
	}
	return get_role_oid("whalefall_anon", false);
}

/* Whose attempts are counted together: those of the user, or of the name that somebody wants to log in with. */
static const char *
limited_name(const WfBody *body, int64 user_id)
{
	JsonbValue *name;

	if (user_id != 0)
		return psprintf(INT64_FORMAT, user_id);
	if (body == NULL || body->json == NULL)
		return ANONYMOUS;
	name = getKeyJsonValueFromContainer(&body->json->root, "username", strlen("username"), NULL);
	if (name == NULL || name->type != jbvString)
		return ANONYMOUS;
	return wf_text_trim(pnstrdup(name->val.string.val, name->val.string.len));
}

static void
require_attempt(const WfRoute *route, WfExchange *exchange, const WfBody *body, int64 user_id)
{
	int seconds = wf_limits_take(route->rate_limit, limited_name(body, user_id), exchange->address);

	if (seconds == 0)
		return;
	wf_exchange_add_header("Retry-After", psprintf("%d", seconds));
	wf_raise(WF_ERR_RATE_LIMIT, NULL, NULL);
}

Oid
wf_gate_pass(const WfRoute *route, const WfHttpRequest *request, WfExchange *exchange,
			 const WfBody *body, int64 *user_id)
{
	WfLogin login = {.role = WF_ROLE_NONE};
	WfErrorCode code;
	Oid role;

	if (!route->anonymous)
	{
		code = wf_login_check(exchange, &login);
		if (code != WF_ERR_NONE)
			wf_raise(code, NULL, NULL);
		*user_id = login.user_id;
		exchange->sid = MemoryContextStrdup(wf_exchange_context(), login.sid);
		wf_caller_set(login.user_id, login.name, login.role);
	}
	role = database_role(login.role);
	if (!WF_MAY_EXECUTE(route->function, role))
		wf_raise(WF_ERR_PERMISSION_REQUIRED,
				 psprintf("This needs the permission \"%s\".", route->permission), NULL);
	if (route->rate_limit != NULL)
		require_attempt(route, exchange, body, login.user_id);
	if (route->csrf && request->method != WF_METHOD_GET)
	{
		code = wf_login_check_csrf(exchange, route->anonymous ? NULL : &login);
		if (code != WF_ERR_NONE)
			wf_raise(code, NULL, NULL);
	}
	return role;
}
