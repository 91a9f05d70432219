/*
 * args.h - reading the arguments of the operations of this room.
 */
#ifndef WF_INVENTORY_ARGS_H
#define WF_INVENTORY_ARGS_H

#include "postgres.h"

#include "fmgr.h"

#include "base/list.h"

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

#endif
