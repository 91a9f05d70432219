/*
 * sql.c - the merge as SQL functions, for tests, benchmarks and repairs. Nobody but the owner may call them.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "accounts/merge.h"
#include "accounts/stage.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/guard.h"
#include "base/partition.h"
#include "base/spi.h"
#include "whalefall.h"

WF_FUNCTION(wf_accounts_merge_snapshots);
WF_FUNCTION(wf_accounts_merge_rows);

/* Longest row of whalefall.accounts_merge_rows: key, category, path, name. */
#define MAX_FIELDS 16

/* The engine of an instance; raises RESOURCE_NOT_FOUND. Palloc'd in the context given. */
static char *
engine_of(int64 instance_id, MemoryContext context)
{
	static WfQuery find =
		WF_QUERY("select db_type from whalefall.instances where id = $1", INT8OID);
	WfArg args[] = {WF_ARG_INT64(instance_id)};

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("There is no instance " INT64_FORMAT ".", instance_id),
				 NULL);
	return wf_spi_copy_text(0, 1, context);
}

static void
require_ready(void)
{
	wf_spi_begin();
	wf_guard_require_ready();
}

/* Merge a finished stage and answer as a sync would. Ends what require_ready began. */
static Datum
merge_stage(int64 instance_id, WfAccountStage *stage, bool force, MemoryContext context)
{
	WfAccountMerge options = {.force = force, .now = wf_clock_now()};
	WfAccountOutcome out;
	MemoryContext old;
	WfJson json;

	wf_partition_ensure("account_change_log", wf_clock_day_of(options.now));
	old = MemoryContextSwitchTo(context);
	wf_accounts_merge(instance_id, stage, &options, &out);
	MemoryContextSwitchTo(old);
	wf_spi_end();
	wf_json_begin(&json);
	wf_accounts_outcome_json(&json, stage, &out, 0);
	return JsonbPGetDatum(wf_json_end(&json));
}

static bool
flag_argument(FunctionCallInfo fcinfo, int argument)
{
	return !PG_ARGISNULL(argument) && PG_GETARG_BOOL(argument);
}

static void
require_arguments(FunctionCallInfo fcinfo, int count)
{
	for (int i = 0; i < count; i++)
		if (PG_ARGISNULL(i))
			wf_raise(WF_ERR_VALIDATION, "A required argument is null.", NULL);
}

/* A snapshot must at least be an object, or nothing can be read from it. */
static Jsonb *
snapshot_of(Datum value, bool isnull)
{
	Jsonb *snapshot = isnull ? NULL : DatumGetJsonbP(value);

	if (snapshot == NULL || !JB_ROOT_IS_OBJECT(snapshot))
		wf_raise(WF_ERR_VALIDATION, "Every snapshot must be a JSON object.", NULL);
	return snapshot;
}

/*
 * whalefall.accounts_merge(instance_id, usernames, snapshots, public_privileges, force): merge ready
 * snapshots. Gives {inventory, collection}.
 */
Datum
wf_accounts_merge_snapshots(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	Datum *names, *values;
	bool *name_nulls, *value_nulls;
	int nnames, nvalues;
	char **usernames;
	Jsonb **snapshots;
	WfAccountStage *stage;
	char *db_type;

	require_arguments(fcinfo, 3);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &names,
					  &name_nulls, &nnames);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), JSONBOID, -1, false, TYPALIGN_INT, &values,
					  &value_nulls, &nvalues);
	if (nnames != nvalues)
		wf_raise(WF_ERR_VALIDATION, "The arrays differ in length.", NULL);
	usernames = palloc(Max(nnames, 1) * sizeof(char *));
	snapshots = palloc(Max(nnames, 1) * sizeof(Jsonb *));
	for (int i = 0; i < nnames; i++)
	{
		usernames[i] = name_nulls[i] ? NULL : TextDatumGetCString(names[i]);
		snapshots[i] = snapshot_of(values[i], value_nulls[i]);
	}
	require_ready();
	db_type = engine_of(PG_GETARG_INT64(0), context);
	stage = wf_stage_of_snapshots(context, db_type, wf_account_filter_load(db_type, context),
								  nnames, usernames, snapshots,
								  PG_ARGISNULL(3) ? NULL : snapshot_of(PG_GETARG_DATUM(3), false));
	wf_stage_finish(stage);
	return merge_stage(PG_GETARG_INT64(0), stage, flag_argument(fcinfo, 4), context);
}

/* One row as a driver would emit it: [dataset, field, ...], fields strings or null. */
static void
stage_row(WfAccountStage *stage, JsonbContainer *row)
{
	const char *fields[MAX_FIELDS];
	const char *dataset = NULL;
	JsonbIterator *it = JsonbIteratorInit(row);
	JsonbIteratorToken token;
	JsonbValue value;
	int count = -1;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		char *text;

		if (token != WJB_ELEM)
			continue;
		if (value.type != jbvString && value.type != jbvNull)
			wf_raise(WF_ERR_VALIDATION, "Fields must be strings or null.", NULL);
		if (count == MAX_FIELDS)
			wf_raise(WF_ERR_VALIDATION, "A row has too many fields.", NULL);
		text = value.type == jbvNull ? NULL : pnstrdup(value.val.string.val, value.val.string.len);
		if (count < 0)
			dataset = text;
		else
			fields[count] = text;
		count++;
	}
	if (dataset == NULL)
		wf_raise(WF_ERR_VALIDATION, "A row must begin with its data set.", NULL);
	wf_stage_add(stage, dataset, count, fields);
}

static void
stage_rows(WfAccountStage *stage, Jsonb *rows)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue value;

	if (!JB_ROOT_IS_ARRAY(rows) || JB_ROOT_IS_SCALAR(rows))
		wf_raise(WF_ERR_VALIDATION, "Rows must be an array.", NULL);
	it = JsonbIteratorInit(&rows->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (token != WJB_ELEM)
			continue;
		if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data))
			wf_raise(WF_ERR_VALIDATION, "Every row must be an array.", NULL);
		stage_row(stage, value.val.binary.data);
	}
}

static void
set_unread(WfAccountStage *stage, ArrayType *categories)
{
	Datum *values;
	bool *nulls;
	int count;

	deconstruct_array(categories, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			wf_stage_set_unread(stage, TextDatumGetCString(values[i]));
}

/*
 * whalefall.accounts_merge_rows(instance_id, rows, unread, force): merge rows as a driver emits them.
 * Gives {inventory, collection}.
 */
Datum
wf_accounts_merge_rows(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	WfAccountStage *stage;
	char *db_type;

	require_arguments(fcinfo, 2);
	require_ready();
	db_type = engine_of(PG_GETARG_INT64(0), context);
	stage = wf_stage_create(context, db_type, wf_account_filter_load(db_type, context));
	stage_rows(stage, PG_GETARG_JSONB_P(1));
	if (!PG_ARGISNULL(2))
		set_unread(stage, PG_GETARG_ARRAYTYPE_P(2));
	wf_stage_finish(stage);
	return merge_stage(PG_GETARG_INT64(0), stage, flag_argument(fcinfo, 3), context);
}
