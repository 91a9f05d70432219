/*
 * testing.c - requests without a front, for the tests.
 *
 * No SQL declares these functions: the tests do. In a server that was not started for tests they refuse.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/json.h"

#include "base/args.h"
#include "base/settings.h"
#include "people/limits.h"
#include "people/login.h"
#include "whalefall.h"

WF_FUNCTION(wf_people_test_request);
WF_FUNCTION(wf_people_test_login);
WF_FUNCTION(wf_people_test_csrf);
WF_FUNCTION(wf_people_test_answer);
WF_FUNCTION(wf_people_test_limit);

static void
require_testing(void)
{
	if (!wf_setting_testing)
		elog(ERROR, "this server was not started for tests");
}

/* Text argument n in the exchange's memory; null is "". */
static char *
fact(FunctionCallInfo fcinfo, int n)
{
	char *text = wf_arg_get_text(fcinfo, n);

	return MemoryContextStrdup(wf_exchange_context(), text != NULL ? text : "");
}

/* request(authorization, cookie, csrf, address, scheme, path): begin one, of nobody so far. */
Datum
wf_people_test_request(PG_FUNCTION_ARGS)
{
	WfExchange *exchange;

	require_testing();
	exchange = wf_exchange_begin();
	exchange->over_http = true;
	exchange->authorization = fact(fcinfo, 0);
	exchange->cookie = fact(fcinfo, 1);
	exchange->csrf = fact(fcinfo, 2);
	exchange->address = fact(fcinfo, 3);
	exchange->scheme = fact(fcinfo, 4);
	exchange->path = fact(fcinfo, 5);
	wf_caller_set(0, "anonymous", WF_ROLE_NONE);
	PG_RETURN_VOID();
}

/* login(): who sends the request, who is the caller from then on; or the code of the refusal. */
Datum
wf_people_test_login(PG_FUNCTION_ARGS)
{
	WfExchange *exchange = wf_exchange();
	WfErrorCode code;
	WfLogin login;

	require_testing();
	code = wf_login_check(exchange, &login);
	if (code != WF_ERR_NONE)
		PG_RETURN_TEXT_P(cstring_to_text(wf_error_row(code)->message_code));
	exchange->sid = MemoryContextStrdup(wf_exchange_context(), login.sid);
	wf_caller_set(login.user_id, login.name, login.role);
	PG_RETURN_TEXT_P(
		cstring_to_text(psprintf("%s %s by %s", login.name, wf_caller_role_name(login.role),
								 login.by_cookie ? "cookie" : "token")));
}

/* csrf(anonymous): "ok" or the code; anonymous: as on a route that asks for no login. */
Datum
wf_people_test_csrf(PG_FUNCTION_ARGS)
{
	WfErrorCode code = WF_ERR_NONE;
	WfLogin login;

	require_testing();
	if (!PG_GETARG_BOOL(0))
		code = wf_login_check(wf_exchange(), &login);
	if (code == WF_ERR_NONE)
		code = wf_login_check_csrf(wf_exchange(), PG_GETARG_BOOL(0) ? NULL : &login);
	PG_RETURN_TEXT_P(
		cstring_to_text(code == WF_ERR_NONE ? "ok" : wf_error_row(code)->message_code));
}

/* answer(): message and headers of the answer so far, as a JSON object of header names in lower case. */
Datum
wf_people_test_answer(PG_FUNCTION_ARGS)
{
	const WfExchange *exchange = wf_exchange();
	StringInfoData json;
	ListCell *cell;

	require_testing();
	initStringInfo(&json);
	appendStringInfoString(&json, "{\"message\":");
	escape_json(&json, exchange->message_en != NULL ? exchange->message_en : "");
	foreach (cell, exchange->headers)
	{
		const WfHeader *header = lfirst(cell);

		appendStringInfoString(&json, ",");
		escape_json(&json, asc_tolower(header->name, strlen(header->name)));
		appendStringInfoString(&json, ":");
		escape_json(&json, header->value);
	}
	appendStringInfoChar(&json, '}');
	PG_RETURN_TEXT_P(cstring_to_text(json.data));
}

/* limit(operation, name, address): what wf_limits_take gives. */
Datum
wf_people_test_limit(PG_FUNCTION_ARGS)
{
	int wait;

	require_testing();
	wait = wf_limits_take(fact(fcinfo, 0), fact(fcinfo, 1), fact(fcinfo, 2));
	wf_exchange()->attempt = NULL;
	PG_RETURN_INT32(wait);
}
