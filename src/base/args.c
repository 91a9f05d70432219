/*
 * args.c - reading the arguments of operations.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "base/args.h"
#include "base/errors.h"
#include "base/text.h"

char *
wf_arg_get_text(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

WfArg
wf_arg_get(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? WF_NULL : WF_ARG(PG_GETARG_DATUM(n));
}

int64
wf_arg_get_id(FunctionCallInfo fcinfo, int n, const char *what)
{
	if (PG_ARGISNULL(n))
		wf_raise(WF_ERR_NOT_FOUND, psprintf("%s null does not exist.", what), NULL);
	return PG_GETARG_INT64(n);
}

WfListPaging
wf_arg_get_paging(FunctionCallInfo fcinfo, int n)
{
	WfListPaging paging;

	paging.page = wf_arg_get(fcinfo, n);
	paging.page_size = wf_arg_get(fcinfo, n + 1);
	paging.sort = wf_arg_get_text(fcinfo, n + 2);
	paging.sort_order = wf_arg_get_text(fcinfo, n + 3);
	return paging;
}

bool
wf_arg_clears(FunctionCallInfo fcinfo, int n, const char *const *allowed, const char *field)
{
	Datum *elements;
	bool *nulls;
	int count;
	bool found = false;

	if (PG_ARGISNULL(n))
		return false;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls,
					  &count);
	for (int i = 0; i < count; i++)
	{
		char *name = nulls[i] ? "" : TextDatumGetCString(elements[i]);
		bool known = false;

		for (int a = 0; allowed[a] != NULL && !known; a++)
			known = strcmp(name, allowed[a]) == 0;
		if (!known)
			wf_raise(WF_ERR_VALIDATION,
					 psprintf("Field \"%s\" cannot be cleared.", wf_text_clip(name, 64)), NULL);
		found = found || strcmp(name, field) == 0;
	}
	return found;
}

WfArg
wf_arg_get_status(FunctionCallInfo fcinfo, int n)
{
	char *word = wf_text_trim(wf_arg_get_text(fcinfo, n));

	if (word != NULL && pg_strcasecmp(word, "active") == 0)
		return WF_ARG_BOOL(true);
	if (word != NULL && pg_strcasecmp(word, "inactive") == 0)
		return WF_ARG_BOOL(false);
	return WF_NULL;
}

/* Add the codes of a list with commas to an array under construction. */
static ArrayBuildState *
add_codes(ArrayBuildState *state, const char *list)
{
	const char *from = list;

	for (;;)
	{
		size_t length = strcspn(from, ",");
		char *code = wf_text_trim(pnstrdup(from, length));

		if (code[0] != '\0')
			state = accumArrayResult(state, CStringGetTextDatum(code), false, TEXTOID,
									 CurrentMemoryContext);
		if (from[length] == '\0')
			return state;
		from += length + 1;
	}
}

ArrayType *
wf_arg_get_codes(FunctionCallInfo fcinfo, int n)
{
	ArrayBuildState *state = NULL;
	Datum *elements;
	bool *nulls;
	int count;

	if (n >= PG_NARGS() || PG_ARGISNULL(n))
		return NULL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls,
					  &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			state = add_codes(state, TextDatumGetCString(elements[i]));
	if (state == NULL)
		return construct_empty_array(TEXTOID);
	return DatumGetArrayTypeP(makeArrayResult(state, CurrentMemoryContext));
}

WfArg
wf_arg_get_codes_filter(FunctionCallInfo fcinfo, int n)
{
	ArrayType *codes = wf_arg_get_codes(fcinfo, n);

	return codes != NULL && ARR_NDIM(codes) > 0 ? WF_ARG(PointerGetDatum(codes)) : WF_NULL;
}

WfIds
wf_arg_get_ids(FunctionCallInfo fcinfo, int n, const char *field)
{
	WfIds ids = {0};
	Datum *elements;
	bool *nulls;

	if (!PG_ARGISNULL(n))
	{
		ids.array = PG_GETARG_ARRAYTYPE_P(n);
		deconstruct_array(ids.array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
						  &elements, &nulls, &ids.count);
	}
	if (ids.count == 0)
		wf_raise(WF_ERR_VALIDATION, psprintf("%s must not be empty.", field), NULL);
	ids.ids = palloc(ids.count * sizeof(int64));
	for (int i = 0; i < ids.count; i++)
	{
		if (nulls[i] || DatumGetInt64(elements[i]) < 1)
			wf_raise(WF_ERR_VALIDATION, psprintf("%s must hold ids, which are above 0.", field),
					 NULL);
		ids.ids[i] = DatumGetInt64(elements[i]);
	}
	return ids;
}

char *
wf_ids_json(const int64 *ids, int count)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (int i = 0; i < count; i++)
		appendStringInfo(&json, "%s" INT64_FORMAT, i > 0 ? "," : "", ids[i]);
	appendStringInfoChar(&json, ']');
	return json.data;
}

Datum
wf_answer_query(WfQuery *query, const WfArg *args)
{
	MemoryContext context = CurrentMemoryContext;
	char *json;

	wf_spi_begin();
	if (wf_spi_run(query, SPI_OK_SELECT, args) != 1)
		elog(ERROR, "query of an operation gave no row");
	json = wf_spi_copy_text(0, 1, context);
	wf_spi_end();
	return PointerGetDatum(cstring_to_text(json));
}
