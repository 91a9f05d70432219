/*
 * table.h - counting the rows of a table of ours without SQL.
 */
#ifndef WF_BASE_TABLE_H
#define WF_BASE_TABLE_H

#include "postgres.h"

/*
 * How many rows of this table in schema whalefall have null in this column, as the active snapshot sees them. Nobody's
 * rights are asked: who calls acts for the owner of the tables. Raises an internal error when either does not exist.
 */
extern int64 wf_table_count_null(const char *table, const char *column);

#endif
