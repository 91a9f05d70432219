/*
 * args.c - reading the arguments of operations.
 */
#include "postgres.h"

#include "utils/array.h"
#include "utils/builtins.h"

#include "base/errors.h"
#include "base/text.h"
#include "inventory/args.h"

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
