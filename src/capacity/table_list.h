/*
 * table_list.h - the page of table sizes that databases_table_sizes_refresh answers.
 */
#ifndef WF_CAPACITY_TABLE_LIST_H
#define WF_CAPACITY_TABLE_LIST_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/jsonb.h"

/*
 * Both read the operation's arguments: database_id, schema_name, table_name, page, page_size. The first raises
 * VALIDATION for a page or page size out of bounds (strict, default 200, at most 2000), before any remote
 * work is done; the second answers the page as json text, with the figures of the refresh.
 */
extern void wf_capacity_table_list_check(FunctionCallInfo fcinfo);
extern Datum wf_capacity_table_list(FunctionCallInfo fcinfo, int64 instance_id,
									const char *database, Jsonb *refresh);

#endif
