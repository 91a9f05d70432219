/*
 * table_list.c - reading the stored table sizes of one database (api part 2, 7.6).
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/spi.h"
#include "capacity/table_list.h"

#define PAGE_SIZE	  200
#define PAGE_SIZE_MAX 2000

static int
int_arg(FunctionCallInfo fcinfo, int index, int missing)
{
	return PG_ARGISNULL(index) ? missing : PG_GETARG_INT32(index);
}

static WfArg
text_arg(FunctionCallInfo fcinfo, int index)
{
	return PG_ARGISNULL(index) ? WF_NULL : WF_ARG(PG_GETARG_DATUM(index));
}

void
wf_capacity_table_list_check(FunctionCallInfo fcinfo)
{
	int page = int_arg(fcinfo, 3, 1);
	int page_size = int_arg(fcinfo, 4, PAGE_SIZE);

	if (page < 1)
		wf_raise(WF_ERR_VALIDATION, psprintf("page is %d.", page), "Pages count from 1.");
	if (page_size < 1 || page_size > PAGE_SIZE_MAX)
		wf_raise(WF_ERR_VALIDATION, psprintf("page_size is %d.", page_size),
				 psprintf("page_size is a number from 1 to %d.", PAGE_SIZE_MAX));
}

Datum
wf_capacity_table_list(FunctionCallInfo fcinfo, int64 instance_id, const char *database,
					   Jsonb *refresh)
{
	static WfQuery find = WF_QUERY(
		"WITH hits AS MATERIALIZED (SELECT * FROM whalefall.database_table_size_stats"
		"  WHERE instance_id = $1 AND database_name = $2"
		"  AND (coalesce($3, '') = '' OR position(lower($3) IN lower(schema_name)) > 0)"
		"  AND (coalesce($4, '') = '' OR position(lower($4) IN lower(table_name)) > 0)),"
		" shown AS (SELECT schema_name, table_name, size_mb, data_size_mb, index_size_mb, row_count,"
		"  collected_at FROM hits ORDER BY size_mb DESC, schema_name, table_name"
		"  LIMIT $6 OFFSET ($5::bigint - 1) * $6)"
		" SELECT json_build_object('total', (SELECT count(*) FROM hits), 'limit', $6, 'page', $5,"
		" 'pages', (SELECT (count(*) + $6 - 1) / $6 FROM hits),"
		" 'collected_at', (SELECT max(collected_at) FROM hits),"
		" 'tables', (SELECT coalesce(json_agg(json_strip_nulls(row_to_json(shown))"
		"  ORDER BY size_mb DESC, schema_name, table_name), '[]') FROM shown),"
		" 'saved_count', $7::bigint, 'deleted_count', $8::bigint, 'elapsed_ms', $9::bigint)",
		INT8OID, TEXTOID, TEXTOID, TEXTOID, INT4OID, INT4OID, INT8OID, INT8OID, INT8OID);
	MemoryContext outer = CurrentMemoryContext;
	WfArg args[] = {WF_ARG_INT64(instance_id),
					wf_arg_text(database),
					text_arg(fcinfo, 1),
					text_arg(fcinfo, 2),
					WF_ARG_INT32(int_arg(fcinfo, 3, 1)),
					WF_ARG_INT32(int_arg(fcinfo, 4, PAGE_SIZE)),
					WF_ARG_INT64(wf_json_get_int(refresh, "saved_count", 0)),
					WF_ARG_INT64(wf_json_get_int(refresh, "deleted_count", 0)),
					WF_ARG_INT64(wf_json_get_int(refresh, "elapsed_ms", 0))};
	char *answer;

	wf_spi_begin();
	wf_spi_run_latest(&find, SPI_OK_SELECT, args);
	answer = wf_spi_copy_text(0, 1, outer);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(answer));
}
