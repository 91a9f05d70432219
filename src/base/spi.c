/*
 * spi.c - running SQL with kept plans and checked results.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/spi.h"

WfArg
wf_arg_text(const char *text)
{
	return text != NULL ? WF_ARG(CStringGetTextDatum(text)) : WF_NULL;
}

void
wf_spi_begin(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

void
wf_spi_end(void)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

static int
count_types(const WfQuery *query)
{
	int n = 0;

	while (n < WF_QUERY_MAX_ARGS && query->types[n] != InvalidOid)
		n++;
	return n;
}

/* Prepare at first use; the plan outlives SPI_finish and follows catalog changes by itself. */
static void
prepare(WfQuery *query, int nargs)
{
	if (query->plan != NULL)
		return;
	query->plan = SPI_prepare(query->sql, nargs, query->types);
	if (query->plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(query->plan);
}

static void
check_result(int code, int expected)
{
	if (code != expected)
		elog(ERROR, "unexpected SPI result %s", SPI_result_code_string(code));
}

static void
spread_args(const WfArg *args, int nargs, Datum *values, char *nulls)
{
	for (int i = 0; i < nargs; i++)
	{
		values[i] = args[i].value;
		nulls[i] = args[i].isnull ? 'n' : ' ';
	}
}

uint64
wf_spi_run_limit(WfQuery *query, int expected, const WfArg *args, long limit)
{
	Datum values[WF_QUERY_MAX_ARGS];
	char nulls[WF_QUERY_MAX_ARGS];
	int nargs = count_types(query);

	prepare(query, nargs);
	spread_args(args, nargs, values, nulls);
	check_result(SPI_execute_plan(query->plan, values, nulls, false, limit), expected);
	return SPI_processed;
}

uint64
wf_spi_run(WfQuery *query, int expected, const WfArg *args)
{
	return wf_spi_run_limit(query, expected, args, 0);
}

uint64
wf_spi_run_latest(WfQuery *query, int expected, const WfArg *args)
{
	Datum values[WF_QUERY_MAX_ARGS];
	char nulls[WF_QUERY_MAX_ARGS];
	int nargs = count_types(query);

	prepare(query, nargs);
	spread_args(args, nargs, values, nulls);
	check_result(SPI_execute_snapshot(query->plan, values, nulls, GetLatestSnapshot(),
									  InvalidSnapshot, true, false, 0),
				 expected);
	return SPI_processed;
}

void
wf_spi_utility(const char *sql)
{
	int code = SPI_execute(sql, false, 0);

	if (code < 0)
		elog(ERROR, "unexpected SPI result %s", SPI_result_code_string(code));
}

Datum
wf_spi_datum(uint64 row, int column, bool *isnull)
{
	Assert(row < SPI_processed);
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

static Datum
not_null(uint64 row, int column)
{
	bool isnull;
	Datum value = wf_spi_datum(row, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in column %d", column);
	return value;
}

int64
wf_spi_int64(uint64 row, int column)
{
	return DatumGetInt64(not_null(row, column));
}

int32
wf_spi_int32(uint64 row, int column)
{
	return DatumGetInt32(not_null(row, column));
}

bool
wf_spi_bool(uint64 row, int column)
{
	return DatumGetBool(not_null(row, column));
}

char *
wf_spi_text(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

struct varlena *
wf_spi_copy_varlena(uint64 row, int column, MemoryContext context)
{
	bool isnull;
	Datum value = wf_spi_datum(row, column, &isnull);
	MemoryContext old;
	struct varlena *copy;

	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(context);
	copy = PG_DETOAST_DATUM_COPY(value);
	MemoryContextSwitchTo(old);
	return copy;
}

char *
wf_spi_copy_text(uint64 row, int column, MemoryContext context)
{
	char *value = wf_spi_text(row, column);

	return value != NULL ? MemoryContextStrdup(context, value) : NULL;
}
