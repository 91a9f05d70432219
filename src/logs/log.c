/*
 * log.c - writing rows of the unified log.
 *
 * A row belongs to the transaction that writes it: what rolls back is not logged. Failures that must be
 * remembered are written by whoever caught them, in the transaction that lives on.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "mb/pg_wchar.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/caller.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/exchange.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/partition.h"
#include "base/settings.h"
#include "base/spi.h"
#include "logs/log.h"
#include "logs/mask.h"
#include "whalefall.h"

#define MAX_TEXT_BYTES 8192
#define MODULE_CHARS   100
#define ELLIPSIS	   "…"

static const char *const level_names[] = {
	[WF_LOG_DEBUG] = "DEBUG", [WF_LOG_INFO] = "INFO",		  [WF_LOG_WARNING] = "WARNING",
	[WF_LOG_ERROR] = "ERROR", [WF_LOG_CRITICAL] = "CRITICAL",
};

/* Does the log's table exist? It is history and so not made by CREATE EXTENSION. */
static bool
is_set_up(void)
{
	Oid schema = get_namespace_oid(WF_SCHEMA_DATA, true);

	return OidIsValid(schema) && OidIsValid(get_relname_relid("unified_logs", schema));
}

/*
 * There is no log yet between CREATE EXTENSION and setup(). Later its absence is a loss, and what cannot be logged
 * must not happen.
 */
static void
refuse_if_lost(void)
{
	WfIdentity saved;
	bool is_lost;

	wf_spi_begin();
	wf_caller_become_owner(&saved);
	is_lost = wf_guard_is_ready(NULL);
	wf_caller_restore(&saved);
	wf_spi_end();
	if (is_lost)
		wf_raise(WF_ERR_NOT_SET_UP, "The unified log does not exist.",
				 "Run SELECT whalefall.setup(); as a superuser.");
}

/* Masked and cut to 8 kB at a character's border; NULL stays NULL. */
static char *
bounded_text(const char *text)
{
	char *masked;
	int length;

	if (text == NULL)
		return NULL;
	masked = wf_log_mask_text(text, strlen(text));
	length = strlen(masked);
	if (length <= MAX_TEXT_BYTES)
		return masked;
	length = pg_mbcliplen(masked, length, MAX_TEXT_BYTES - (int) strlen(ELLIPSIS));
	return psprintf("%.*s" ELLIPSIS, length, masked);
}

static void
add_given(WfJson *json, const char *key, const char *text)
{
	if (text[0] != '\0')
		wf_json_add_text(json, key, text);
}

/* The request that the event happened in, so that its rows are found by the request's id. */
static void
add_request(WfJson *json, const WfCaller *caller)
{
	const WfExchange *exchange = wf_exchange();

	if (!exchange->over_http)
		return;
	if (caller->user_id != 0)
		wf_json_add_int(json, "user_id", caller->user_id);
	add_given(json, "request_id", exchange->request_id);
	add_given(json, "url", exchange->path);
	add_given(json, "method", exchange->method);
	add_given(json, "ip_address", exchange->address);
	add_given(json, "user_agent", exchange->agent);
}

/* The request and who acts, then the event's own keys; what the event says wins. */
static Jsonb *
with_caller(Jsonb *context)
{
	const WfCaller *caller = wf_caller();
	JsonbIterator *it;
	JsonbValue value;
	WfJson json;

	wf_json_begin(&json);
	add_request(&json, caller);
	if (caller->user_id != 0)
		wf_json_add_int(&json, "current_user_id", caller->user_id);
	else
		wf_json_add_null(&json, "current_user_id");
	wf_json_add_text(&json, "current_username", caller->name);
	wf_json_add_text(&json, "current_user_role", wf_caller_role_name(caller->role));
	wf_json_add_bool(&json, "is_admin", caller->role == WF_ROLE_ADMIN);
	if (context != NULL && JB_ROOT_IS_OBJECT(context))
	{
		/* Keys pushed later replace earlier ones when the object is closed. */
		it = JsonbIteratorInit(&context->root);
		(void) JsonbIteratorNext(&it, &value, true);
		while (JsonbIteratorNext(&it, &value, true) == WJB_KEY)
		{
			char *key = pnstrdup(value.val.string.val, value.val.string.len);

			(void) JsonbIteratorNext(&it, &value, true);
			if (value.type != jbvNull)
				wf_json_add_jsonb(&json, key, JsonbValueToJsonb(&value));
		}
	}
	return wf_json_end(&json);
}

void
wf_log_write(WfLogLevel level, const char *module, const char *message, Jsonb *context,
			 const char *error)
{
	static WfQuery insert = WF_QUERY("insert into whalefall_data.unified_logs "
									 "(\"timestamp\", level, module, message, traceback, context) "
									 "values ($1, $2, $3, $4, $5, $6)",
									 TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID);
	WfArg args[6];
	WfIdentity saved;

	if ((int) level < wf_setting_log_min_level || XactReadOnly || RecoveryInProgress())
		return;
	if (!is_set_up())
	{
		refuse_if_lost();
		return;
	}
	args[0] = WF_ARG_TIME(wf_clock_now());
	args[1] = wf_arg_text(level_names[level]);
	args[2] = wf_arg_text(pnstrdup(module, pg_mbcharcliplen(module, strlen(module), MODULE_CHARS)));
	args[3] = wf_arg_text(bounded_text(message));
	args[4] = wf_arg_text(bounded_text(error));
	args[5] = WF_ARG_JSONB(with_caller(context != NULL ? wf_log_mask(context) : NULL));

	wf_spi_begin();
	wf_partition_ensure_current();
	wf_caller_become_owner(&saved);
	wf_spi_run(&insert, SPI_OK_INSERT, args);
	wf_caller_restore(&saved);
	wf_spi_end();
}
