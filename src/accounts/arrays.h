/*
 * arrays.h - arrays as statement parameters.
 */
#ifndef WF_ACCOUNTS_ARRAYS_H
#define WF_ACCOUNTS_ARRAYS_H

#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

/*
 * A one-dimensional array of bool, int4, int8, text or jsonb values, palloc'd. nulls may be NULL.
 */
static inline Datum
wf_array_of(Datum *values, bool *nulls, int count, Oid element)
{
	int dims[1] = {count};
	int lower[1] = {1};
	int length = element == BOOLOID ? 1 : element == INT4OID ? 4 : element == INT8OID ? 8 : -1;
	bool by_value = length > 0 && (length <= 4 || FLOAT8PASSBYVAL);
	char align = length == 1 ? TYPALIGN_CHAR : length == 8 ? TYPALIGN_DOUBLE : TYPALIGN_INT;

	return PointerGetDatum(construct_md_array(values, nulls, count > 0 ? 1 : 0, dims, lower,
											  element, length, by_value, align));
}

#endif
