/*
 * api_instance_files.c - the operations instances_export and instances_import_template (domain 13).
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/args.h"
#include "base/csv.h"
#include "base/list.h"
#include "base/settings.h"
#include "base/spi.h"
#include "inventory/file_answer.h"
#include "inventory/tag.h"
#include "whalefall.h"

/* Rows fetched at once: enough to make the fetching cheap, few enough to stay small. */
#define BATCH 1000

#define LOCAL_TIME(column) "to_char(" column " at time zone $6, 'YYYY-MM-DD HH24:MI:SS')"

#define TEMPLATE_HEADER "name,db_type,host,port,database_name,description,credential_id\r\n"
#define TEMPLATE_SAMPLE "demo-mysql-01,mysql,10.10.10.10,3306,inventory,示例实例,123\r\n"

/* One row of text per instance; a null is an empty cell. */
#define EXPORT_SQL                                                                                            \
	"select i.id::text, i.name, i.db_type, i.host, i.port::text, i.database_name, "                           \
	"(select string_agg(t.display_name, ', ' order by " WF_TAG_ORDER                                          \
	") from whalefall.instance_tags l "                                                                       \
	"join whalefall.tags t on t.id = l.tag_id where l.instance_id = i.id), "                                  \
	"case when i.is_active then '启用' else '停用' end, i.description, i.credential_id::text, "           \
	"i.sync_count::text, " LOCAL_TIME("i.last_connected") ", " LOCAL_TIME("i.created_at") ", " LOCAL_TIME(    \
		"i.updated_at") " from whalefall.instances i "                                                        \
						"where ($1 is null or i.name ilike $1 or i.host ilike $1 or i.description ilike $1) " \
						"and ($2 is null or i.db_type = $2) and ($3 is null or i.is_active = $3) "            \
						"and ($4 is null or " WF_INSTANCE_HAS_TAG(                                            \
							"i.id", "$4") ") "                                                                \
										  "and ($5 or i.deleted_at is null) order by i.id"

/* Header texts, and which cells hold words that somebody has typed. */
static const struct
{
	const char *title;
	bool typed;
} columns[] = {
	{"ID", false},		 {"实例名称", true},  {"数据库类型", true}, {"主机地址", true},
	{"端口", false},	 {"数据库名", true},  {"标签", true},		{"状态", true},
	{"描述", true},		 {"凭据ID", false},	  {"同步次数", false},	{"最后连接时间", false},
	{"创建时间", false}, {"更新时间", false},
};

WF_FUNCTION(wf_instances_export);
WF_FUNCTION(wf_instances_import_template);

static SPIPlanPtr
export_plan(void)
{
	static SPIPlanPtr plan = NULL;
	Oid types[] = {TEXTOID, TEXTOID, BOOLOID, TEXTARRAYOID, BOOLOID, TEXTOID};

	if (plan != NULL)
		return plan;
	plan = SPI_prepare(EXPORT_SQL, lengthof(types), types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	return plan;
}

/* One line of the file from a row whose columns are all text. */
static void
add_line(StringInfo out, HeapTuple tuple, TupleDesc desc)
{
	Datum values[lengthof(columns)];
	bool nulls[lengthof(columns)];

	heap_deform_tuple(tuple, desc, values, nulls);
	for (size_t i = 0; i < lengthof(columns); i++)
	{
		text *cell = nulls[i] ? NULL : DatumGetTextPP(values[i]);
		const char *data = cell != NULL ? VARDATA_ANY(cell) : "";
		int length = cell != NULL ? (int) VARSIZE_ANY_EXHDR(cell) : 0;

		if (columns[i].typed)
			wf_csv_add_guarded(out, i == 0, data, length);
		else
			wf_csv_add(out, i == 0, data, length);
	}
	wf_csv_end_line(out);
}

/* All lines; the text lies in the context of out. */
static void
add_lines(StringInfo out, Datum *values, const char *nulls)
{
	Portal portal = SPI_cursor_open(NULL, export_plan(), values, nulls, true);

	for (;;)
	{
		SPI_cursor_fetch(portal, true, BATCH);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
			add_line(out, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
}

/* instances_export(search, db_type, status, tags, include_deleted) */
Datum
wf_instances_export(PG_FUNCTION_ARGS)
{
	WfArg args[] = {wf_arg_text(wf_list_search_pattern(wf_arg_get_text(fcinfo, 0))),
					wf_arg_text(wf_list_exact(wf_arg_get_text(fcinfo, 1))),
					wf_arg_get_status(fcinfo, 2),
					wf_arg_get_codes_filter(fcinfo, 3),
					WF_ARG_BOOL(!PG_ARGISNULL(4) && PG_GETARG_BOOL(4)),
					wf_arg_text(wf_setting_timezone)};
	Datum values[lengthof(args)];
	char nulls[lengthof(args)];
	StringInfoData out;

	initStringInfo(&out);
	for (size_t i = 0; i < lengthof(columns); i++)
		wf_csv_add(&out, i == 0, columns[i].title, strlen(columns[i].title));
	wf_csv_end_line(&out);
	for (size_t i = 0; i < lengthof(args); i++)
	{
		values[i] = args[i].value;
		nulls[i] = args[i].isnull ? 'n' : ' ';
	}
	wf_spi_begin();
	add_lines(&out, values, nulls);
	wf_spi_end();
	return wf_file_answer_csv(fcinfo, wf_file_answer_name("instances_export"), &out);
}

/* instances_import_template() */
Datum
wf_instances_import_template(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, TEMPLATE_HEADER TEMPLATE_SAMPLE);
	return wf_file_answer_csv(fcinfo, "instances_import_template.csv", &out);
}
