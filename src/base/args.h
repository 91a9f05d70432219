/*
 * args.h - reading the arguments of operations, and giving their answers.
 */
#ifndef WF_BASE_ARGS_H
#define WF_BASE_ARGS_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"

#include "base/list.h"
#include "base/spi.h"

/* Text argument n (from 0) as palloc'd string, or NULL. */
extern char *wf_arg_get_text(FunctionCallInfo fcinfo, int n);

/* Argument n as it is, for a query. */
extern WfArg wf_arg_get(FunctionCallInfo fcinfo, int n);

/* Bigint argument; a null is RESOURCE_NOT_FOUND, for ids. */
extern int64 wf_arg_get_id(FunctionCallInfo fcinfo, int n, const char *what);

/* Four arguments from n on: page, page_size, sort, sort_order. */
extern WfListPaging wf_arg_get_paging(FunctionCallInfo fcinfo, int n);

/*
 * Does the array argument n ("clear") name this field? Every element must be one of the allowed names, else
 * VALIDATION_ERROR. allowed ends with NULL.
 */
extern bool wf_arg_clears(FunctionCallInfo fcinfo, int n, const char *const *allowed,
						  const char *field);

/* status = 'active' / 'inactive' as a boolean; anything else is no filter. */
extern WfArg wf_arg_get_status(FunctionCallInfo fcinfo, int n);

/*
 * Codes of tags: an array of text whose elements may again be lists with commas; trimmed, blanks dropped.
 * Gives text[], palloc'd, perhaps empty; NULL when the argument is null, or when the function was declared by
 * a release that had no such argument.
 */
extern ArrayType *wf_arg_get_codes(FunctionCallInfo fcinfo, int n);

/* The same as a filter: nothing to look for is no filter. */
extern WfArg wf_arg_get_codes_filter(FunctionCallInfo fcinfo, int n);

/* A list of ids as it was sent; the array lives as long as the argument. */
typedef struct WfIds
{
	ArrayType *array; /* bigint[] */
	int64 *ids;
	int count;
} WfIds;

/* Argument bigint[] that must hold at least one id, all above 0; else VALIDATION_ERROR naming the field. */
extern WfIds wf_arg_get_ids(FunctionCallInfo fcinfo, int n, const char *field);

/* "[1,2]" - a list of ids as JSON text, palloc'd. */
extern char *wf_ids_json(const int64 *ids, int count);

/*
 * The answer of an operation that is one query: the text in the first column of its only row. SPI must not
 * be connected.
 */
extern Datum wf_answer_query(WfQuery *query, const WfArg *args);

#endif
