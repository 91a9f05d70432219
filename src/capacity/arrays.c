/*
 * arrays.c - C arrays as arguments of set-based statements.
 */
#include "postgres.h"

#include "utils/array.h"
#include "utils/builtins.h"

#include "capacity/arrays.h"

/* One-dimensional array of a type; the pieces are released, the array is the caller's. */
static WfArg
build(Datum *values, bool *nulls, int count, Oid type, int16 length, bool by_value, char align)
{
	int lower = 1;
	ArrayType *array = construct_md_array(values, nulls, count == 0 ? 0 : 1, &count, &lower, type,
										  length, by_value, align);

	pfree(values);
	pfree(nulls);
	return WF_ARG(PointerGetDatum(array));
}

WfArg
wf_capacity_text_array(const char *const *values, int count)
{
	Datum *datums = palloc(Max(count, 1) * sizeof(Datum));
	bool *nulls = palloc(Max(count, 1) * sizeof(bool));

	for (int i = 0; i < count; i++)
	{
		nulls[i] = values[i] == NULL;
		datums[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(values[i]);
	}
	return build(datums, nulls, count, TEXTOID, -1, false, TYPALIGN_INT);
}

WfArg
wf_capacity_count_array(const int64 *values, int count)
{
	Datum *datums = palloc(Max(count, 1) * sizeof(Datum));
	bool *nulls = palloc(Max(count, 1) * sizeof(bool));

	for (int i = 0; i < count; i++)
	{
		nulls[i] = values[i] < 0;
		datums[i] = Int64GetDatum(values[i]);
	}
	return build(datums, nulls, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}
