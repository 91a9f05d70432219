/*
 * check_request.c - whalefall_http.check_request(), PostgREST's db-pre-request.
 *
 * On /rest a request goes to a view or function directly. PostgREST has checked the token's signature and taken
 * over the database role that stands in it; what it cannot know is whether the login still holds. Here the same
 * check is made that dispatch makes, and the caller becomes known by name.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "base/json.h"
#include "people/login_parts.h"
#include "people/stuck.h"
#include "whalefall.h"

#define AUTHENTICATOR "whalefall_authenticator"
#define GATEWAY		  "whalefall_gateway"

/* A setting that PostgREST makes for the transaction; "" when there is none. */
static const char *
request_setting(const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	return value != NULL ? value : "";
}

/* A header in the exchange's memory, "" when it did not come. */
static char *
header(Jsonb *headers, const char *name)
{
	char *value = wf_json_get_text(headers, name);

	return MemoryContextStrdup(wf_exchange_context(), value != NULL ? value : "");
}

/* What the front said about the request. */
static WfExchange *
begin_exchange(void)
{
	const char *text = request_setting("request.headers");
	WfExchange *exchange = wf_exchange_begin();
	Jsonb *headers;
	char *language;

	exchange->over_http = true;
	exchange->method =
		MemoryContextStrdup(wf_exchange_context(), request_setting("request.method"));
	exchange->path = MemoryContextStrdup(wf_exchange_context(), request_setting("request.path"));
	if (text[0] == '\0')
		return exchange;
	headers = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	exchange->address = header(headers, "x-wf-client");
	exchange->agent = header(headers, "x-wf-agent");
	exchange->request_id = header(headers, "x-wf-request-id");
	exchange->scheme = header(headers, "x-wf-scheme");
	exchange->host = header(headers, "x-wf-host");
	language = header(headers, "x-wf-language");
	if (strcmp(language, "zh") == 0 || strcmp(language, "en") == 0)
		exchange->language = language[0] == 'z' ? WF_LANGUAGE_ZH : WF_LANGUAGE_EN;
	return exchange;
}

/* Does the login hold, and does the user still have the role that PostgREST took over? */
static WfErrorCode
check(const WfExchange *exchange, Oid outer, WfLogin *login)
{
	const char *text = request_setting("request.jwt.claims");
	WfErrorCode code;
	WfClaims claims;

	/* PostgREST gives {"role": ...} to those who come without a token. */
	if (strstr(text, "\"sub\"") == NULL)
		return WF_ERR_AUTHENTICATION_REQUIRED;
	code = wf_token_read_claims(text, strlen(text), WF_TOKEN_ACCESS, &claims);
	if (code == WF_ERR_NONE)
		code = wf_login_check_claims(exchange, &claims, login);
	if (code != WF_ERR_NONE)
		return code;
	/* A token from before a change of role: a new one is to be had by auth_refresh. */
	if (get_role_oid(psprintf("whalefall_%s", wf_caller_role_name(login->role)), true) != outer)
		return WF_ERR_TOKEN_INVALID;
	return WF_ERR_NONE;
}

WF_FUNCTION(wf_http_check_request);

/* whalefall_http.check_request(): raises unless the request's login holds; else wf_caller() is its user. */
Datum
wf_http_check_request(PG_FUNCTION_ARGS)
{
	Oid outer = GetOuterUserId();
	WfExchange *exchange;
	WfErrorCode code;
	WfLogin login;

	/* People in psql are their database role. */
	if (GetSessionUserId() != get_role_oid(AUTHENTICATOR, true))
		PG_RETURN_VOID();
	wf_stuck_watch();
	/* Dispatch checks for itself. */
	if (outer == get_role_oid(GATEWAY, true))
		PG_RETURN_VOID();
	exchange = begin_exchange();
	code = check(exchange, outer, &login);
	if (code != WF_ERR_NONE)
		wf_raise(code, NULL, NULL);
	exchange->sid = MemoryContextStrdup(wf_exchange_context(), login.sid);
	wf_caller_set(login.user_id, login.name, login.role);
	PG_RETURN_VOID();
}
