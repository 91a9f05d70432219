/*
 * A server module that lets SQL drive the workers' side of the helper programs; built and loaded
 * by helper.t. Not part of the extension.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "remote/remote.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(helper_read);
PG_FUNCTION_INFO_V1(helper_close);

/* The helper that lives from call to call. */
static WfHelper *kept;

/* What one call counts and when it has had enough. */
typedef struct Watch
{
	int64 rows;
	int64 bytes;
	int raise_at; /* raise an error at this row; 0: never */
	int asked;
	int cancel_at; /* say "cancelled" from this question on; 0: never */
} Watch;

/* Counts a row, and raises when told to. */
static void
count_row(void *arg, const char *dataset, int nfields, const char *const *values)
{
	Watch *watch = arg;

	watch->rows++;
	for (int i = 0; i < nfields; i++)
		watch->bytes += values[i] == NULL ? 0 : strlen(values[i]);
	if (watch->rows == watch->raise_at)
		ereport(ERROR, errcode(ERRCODE_RAISE_EXCEPTION), errmsg("raised at a row of %s", dataset));
}

/* Answers the question whether the read is cancelled. */
static bool
is_cancelled(void *arg)
{
	Watch *watch = arg;

	watch->asked++;
	return watch->cancel_at > 0 && watch->asked >= watch->cancel_at;
}

/* Adds a text to an array under construction; a null pointer is NULL. */
static void
add_text(ArrayBuildState **array, const char *text)
{
	*array = accumArrayResult(*array, text == NULL ? (Datum) 0 : CStringGetTextDatum(text),
							  text == NULL, TEXTOID, CurrentMemoryContext);
}

/* Adds a number to an array under construction. */
static void
add_number(ArrayBuildState **array, int64 number)
{
	add_text(array, psprintf(INT64_FORMAT, number));
}

/* The text of an argument, NULL for NULL. */
static char *
text_argument(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/*
 * helper_read(directory, db_type, host, port, "user", password, tls_mode, reads, connect_ms,
 * statement_ms, cancel_at, raise_at, keep) returns text[].
 */
Datum
helper_read(PG_FUNCTION_ARGS)
{
	char *directory = text_argument(fcinfo, 0);
	WfRemoteTarget target = {
		.db_type = text_argument(fcinfo, 1),
		.host = text_argument(fcinfo, 2),
		.port = PG_GETARG_INT32(3),
		.user = text_argument(fcinfo, 4),
		.password = text_argument(fcinfo, 5),
		.tls_mode = text_argument(fcinfo, 6),
		.connect_timeout_ms = PG_GETARG_INT32(8),
		.statement_timeout_ms = PG_GETARG_INT32(9),
	};
	Watch watch = {.cancel_at = PG_GETARG_INT32(10), .raise_at = PG_GETARG_INT32(11)};
	bool keep = PG_GETARG_BOOL(12);
	WfHelper *helper;
	WfRemoteResult result;
	ArrayBuildState *array = NULL;
	char *categories = "";

	if (keep && kept == NULL)
		kept = wf_helper_create(TopMemoryContext, directory);
	helper = keep ? kept : wf_helper_create(CurrentMemoryContext, directory);
	wf_helper_read(helper, &target, text_argument(fcinfo, 7), count_row, &watch, is_cancelled,
				   &watch, &result);
	if (!keep)
		wf_helper_close(helper);

	for (int i = 0; i < list_length(result.warnings); i++)
		categories = psprintf("%s%s%s", categories, i == 0 ? "" : " ",
							  ((WfRemoteWarning *) list_nth(result.warnings, i))->category);
	add_text(&array, result.ok ? "ok" : result.error_type);
	add_text(&array, result.phase);
	add_text(&array, result.sqlstate);
	add_text(&array, result.message);
	add_text(&array, result.detail);
	add_text(&array, result.hint);
	add_number(&array, result.server_version_num);
	add_text(&array, categories);
	add_number(&array, result.rows);
	add_number(&array, watch.rows);
	add_number(&array, result.round_trips);
	add_number(&array, result.elapsed_ms);
	PG_RETURN_DATUM(makeArrayResult(array, CurrentMemoryContext));
}

/* helper_close() returns void: ends the helper that is kept. */
Datum
helper_close(PG_FUNCTION_ARGS)
{
	if (kept != NULL)
		wf_helper_close(kept);
	kept = NULL;
	PG_RETURN_VOID();
}
