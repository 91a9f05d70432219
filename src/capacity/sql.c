/*
 * sql.c - the merge as a private SQL function, so that it can be tested without a remote server.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/partition.h"
#include "base/spi.h"
#include "capacity/merge.h"
#include "whalefall.h"

WF_FUNCTION(wf_capacity_merge);
WF_FUNCTION(wf_capacity_merge_table_sizes);

/* Elements of an array argument as texts in the remote form; NULL elements stay NULL. */
static char **
texts_of(ArrayType *array, Oid type, int *count)
{
	Datum *values;
	bool *nulls;
	int16 length;
	bool by_value;
	char align;
	char **texts;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(array, type, length, by_value, align, &values, &nulls, count);
	texts = palloc0(Max(*count, 1) * sizeof(char *));
	for (int i = 0; i < *count; i++)
		if (!nulls[i])
			texts[i] = type == INT8OID	 ? psprintf(INT64_FORMAT, DatumGetInt64(values[i]))
					   : type == BOOLOID ? pstrdup(DatumGetBool(values[i]) ? "t" : "f")
										 : TextDatumGetCString(values[i]);
	return texts;
}

/* An array argument that must have as many elements as the names; NULL argument = all NULL. */
static char **
column_of(FunctionCallInfo fcinfo, int argument, Oid type, int expected)
{
	int count;
	char **texts;

	if (PG_ARGISNULL(argument))
		return palloc0(Max(expected, 1) * sizeof(char *));
	texts = texts_of(PG_GETARG_ARRAYTYPE_P(argument), type, &count);
	if (count != expected)
		wf_raise(WF_ERR_VALIDATION, "The arrays differ in length.", NULL);
	return texts;
}

/*
 * whalefall.capacity_merge(instance_id, names, sizes, is_system, force): merge a list of databases with
 * sizes in bytes (NULL = could not be read) as a capacity sync would. Gives the sync's result.
 */
Datum
wf_capacity_merge(PG_FUNCTION_ARGS)
{
	WfCapacityStage stage;
	WfCapacityOutcome outcome;
	Jsonb *result;
	int count;
	char **names;
	char **sizes;
	char **system;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		wf_raise(WF_ERR_VALIDATION, "Instance and names are required.", NULL);
	names = texts_of(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, &count);
	sizes = column_of(fcinfo, 2, INT8OID, count);
	system = column_of(fcinfo, 3, BOOLOID, count);
	wf_capacity_stage_begin(&stage, CurrentMemoryContext);
	for (int i = 0; i < count; i++)
		wf_capacity_stage_database(&stage, names[i], system[i], "t", sizes[i], NULL);
	wf_capacity_stage_finish(&stage);

	wf_spi_begin();
	wf_partition_ensure("database_size_stats", wf_clock_today());
	wf_partition_ensure("instance_size_stats", wf_clock_today());
	wf_capacity_merge_databases(PG_GETARG_INT64(0), &stage, !PG_ARGISNULL(4) && PG_GETARG_BOOL(4),
								&outcome);
	wf_spi_end();
	result = wf_capacity_outcome_json(&outcome, &stage, 0);
	PG_RETURN_JSONB_P(result);
}

/*
 * whalefall.capacity_merge_tables(instance_id, database, schemas, names, totals, data, indexes, rows): replace
 * the table sizes of a database as a refresh would. Gives {saved_count, deleted_count, errors}.
 */
Datum
wf_capacity_merge_table_sizes(PG_FUNCTION_ARGS)
{
	WfCapacityStage stage;
	WfCapacityTablesOutcome outcome;
	WfJson json;
	int count;
	char **schemas;
	char **columns[5];

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		wf_raise(WF_ERR_VALIDATION, "Instance, database and schemas are required.", NULL);
	schemas = texts_of(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, &count);
	columns[0] = column_of(fcinfo, 3, TEXTOID, count);
	for (int i = 1; i < 5; i++)
		columns[i] = column_of(fcinfo, 3 + i, INT8OID, count);
	wf_capacity_stage_begin(&stage, CurrentMemoryContext);
	for (int i = 0; i < count; i++)
		wf_capacity_stage_table(&stage, schemas[i], columns[0][i], columns[1][i], columns[2][i],
								columns[3][i], columns[4][i]);
	wf_capacity_stage_finish(&stage);

	wf_spi_begin();
	wf_capacity_merge_tables(PG_GETARG_INT64(0), text_to_cstring(PG_GETARG_TEXT_PP(1)), &stage,
							 &outcome);
	wf_spi_end();
	wf_json_begin(&json);
	wf_json_add_int(&json, "saved_count", outcome.saved);
	wf_json_add_int(&json, "deleted_count", outcome.deleted);
	wf_capacity_errors_json(&json, "errors", &stage.errors);
	PG_RETURN_JSONB_P(wf_json_end(&json));
}
