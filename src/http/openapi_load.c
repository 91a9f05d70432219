/*
 * openapi_load.c - reading what the OpenAPI document is made of: four queries, whatever the number of operations.
 */
#include "postgres.h"

#include <ctype.h>
#include <limits.h>

#include "utils/builtins.h"

#include "base/spi.h"
#include "http/openapi.h"

/* Schemas whose types are results: ours, and those of functions that a companion extension has registered. */
#define RESULT_SCHEMAS \
	"(select 'whalefall_http' union select split_part(function, '.', 1) from whalefall_http.routes)"

/* Ours go by their name, others by schema and name. */
#define TYPE_NAME                                                  \
	"case when n.nspname = 'whalefall_http' then t.typname::text " \
	"else n.nspname || '.' || t.typname end"

/* The one function of each route; a route without is not served. */
#define SERVED                                                                                   \
	"whalefall_http.routes r join pg_namespace n on n.nspname = split_part(r.function, '.', 1) " \
	"join pg_proc p on p.pronamespace = n.oid and p.proname = split_part(r.function, '.', 2) "   \
	"and not exists (select from pg_proc o where o.pronamespace = p.pronamespace "               \
	"and o.proname = p.proname and o.oid <> p.oid)"

static WfQuery find_routes = WF_QUERY0(
	"select r.path, lower(r.method), r.operation, r.permission, r.csrf, r.success_status, "
	"r.module, r.alias_of, r.raw, r.upload, r.rate_limit is not null, r.result, "
	"p.prorettype = 'whalefall_api.file_answer'::regtype, obj_description(p.oid, 'pg_proc') "
	"from " SERVED " order by r.path collate \"C\", r.method collate \"C\"");

/*
 * Arguments in the order of routes and declarations. Those that can be cleared are named by the function's comment; page_size
 * and sort_order have other names over HTTP. What has no default is required by its declaration.
 */
static WfQuery find_args = WF_QUERY0(
	"select r.path, lower(r.method), case a.name when 'page_size' then 'limit' when 'sort_order' "
	"then 'order' else a.name end, a.type, strpos(r.path, '{' || a.name || '}') > 0, "
	"coalesce(w.required, false) or a.n <= p.pronargs - p.pronargdefaults, "
	"p.proargnames @> '{clear}' and coalesce(a.name = any (regexp_split_to_array(substring("
	"obj_description(p.oid, 'pg_proc') from 'clear names[^(]*\\(([^)]*)\\)'), '\\s*,\\s*')), false), "
	"w.minimum, w.maximum, w.shape, array_to_json(w.words)::text, case "
	"when w.standard is null and a.type = 'boolean'::regtype and a.n > p.pronargs - p.pronargdefaults "
	"then nullif(pg_get_function_arg_default(p.oid, a.n::integer), 'NULL::boolean') "
	"when a.type = any ('{bigint,integer,boolean}'::regtype[]) then w.standard "
	"else to_json(w.standard)::text end, "
	"w.about, r.upload and a.name = any ('{csv,filename}') "
	"from " SERVED
	" cross join lateral unnest(p.proargnames, p.proargtypes::oid[]) with ordinality "
	"as a (name, type, n) left join lateral (select w.* from whalefall_http.arguments w "
	"where w.argument = a.name and w.operation in (r.operation, '*') "
	"order by w.operation = '*' limit 1) w on true where a.name <> 'clear' "
	"order by r.path collate \"C\", r.method collate \"C\", a.n");

static WfQuery find_fields = WF_QUERY0(
	"select t.oid, " TYPE_NAME ", obj_description(t.oid, 'pg_type'), a.attname, a.atttypid, "
	"col_description(c.oid, a.attnum) from pg_type t join pg_namespace n on n.oid = t.typnamespace "
	"join pg_class c on c.oid = t.typrelid and c.relkind = 'c' "
	"join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
	"where n.nspname in " RESULT_SCHEMAS " order by t.oid, a.attnum");

static WfQuery find_enums = WF_QUERY0(
	"select t.oid, " TYPE_NAME ", obj_description(t.oid, 'pg_type'), "
	"(select json_agg(e.enumlabel order by e.enumsortorder)::text from pg_enum e "
	"where e.enumtypid = t.oid) from pg_type t join pg_namespace n on n.oid = t.typnamespace "
	"where t.typtype = 'e' and n.nspname in " RESULT_SCHEMAS "");

static Oid
oid_at(uint64 row, int column)
{
	bool isnull;

	return DatumGetObjectId(wf_spi_datum(row, column, &isnull));
}

/* A bound, or what stands for none. */
static int
bound_at(uint64 row, int column, int none)
{
	bool isnull;
	Datum value = wf_spi_datum(row, column, &isnull);

	return isnull ? none : DatumGetInt32(value);
}

static void
load_routes(WfDocModel *model, MemoryContext context)
{
	uint64 count = wf_spi_run(&find_routes, SPI_OK_SELECT, NULL);

	for (uint64 n = 0; n < count; n++)
	{
		WfDocRoute *route = MemoryContextAllocZero(context, sizeof(WfDocRoute));
		MemoryContext spi = MemoryContextSwitchTo(context);

		route->path = wf_spi_copy_text(n, 1, context);
		route->method = wf_spi_copy_text(n, 2, context);
		route->operation = wf_spi_copy_text(n, 3, context);
		route->permission = wf_spi_copy_text(n, 4, context);
		route->csrf = wf_spi_bool(n, 5);
		route->status = wf_spi_int32(n, 6);
		route->module = wf_spi_copy_text(n, 7, context);
		route->alias_of = wf_spi_copy_text(n, 8, context);
		route->raw = wf_spi_bool(n, 9);
		route->upload = wf_spi_bool(n, 10);
		route->limited = wf_spi_bool(n, 11);
		route->result = wf_spi_copy_text(n, 12, context);
		route->is_file = wf_spi_bool(n, 13);
		route->comment = wf_spi_copy_text(n, 14, context);
		model->routes = lappend(model->routes, route);
		MemoryContextSwitchTo(spi);
	}
}

static WfDocArg *
arg_at(uint64 n, MemoryContext context)
{
	WfDocArg *arg = MemoryContextAllocZero(context, sizeof(WfDocArg));

	arg->name = wf_spi_copy_text(n, 3, context);
	arg->type = oid_at(n, 4);
	arg->in_path = wf_spi_bool(n, 5);
	arg->required = wf_spi_bool(n, 6);
	arg->nullable = wf_spi_bool(n, 7);
	arg->minimum = bound_at(n, 8, INT_MIN);
	arg->maximum = bound_at(n, 9, INT_MAX);
	arg->shape = wf_spi_copy_text(n, 10, context);
	arg->words = wf_spi_copy_text(n, 11, context);
	arg->value = wf_spi_copy_text(n, 12, context);
	arg->about = wf_spi_copy_text(n, 13, context);
	arg->part_of_upload = wf_spi_bool(n, 14);
	return arg;
}

/* Arguments come in the order of the routes: one pass over both. */
static void
load_args(WfDocModel *model, MemoryContext context)
{
	uint64 count = wf_spi_run(&find_args, SPI_OK_SELECT, NULL);
	int at = 0;

	for (uint64 n = 0; n < count; n++)
	{
		const char *path = wf_spi_text(n, 1);
		const char *method = wf_spi_text(n, 2);
		WfDocArg *arg = arg_at(n, context);
		WfDocRoute *route = list_nth(model->routes, at);
		MemoryContext spi;

		while (strcmp(route->path, path) != 0 || strcmp(route->method, method) != 0)
			route = list_nth(model->routes, ++at);
		spi = MemoryContextSwitchTo(context);
		route->args = lappend(route->args, arg);
		MemoryContextSwitchTo(spi);
	}
}

/* A word of its own in a comment: what the conventions of the result types look for. */
static bool
has_word(const char *comment, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = comment; at != NULL && (at = strstr(at, word)) != NULL; at += length)
		if ((at == comment || !isalnum((unsigned char) at[-1])) &&
			!isalnum((unsigned char) at[length]))
			return true;
	return false;
}

static WfDocField *
field_at(uint64 n, MemoryContext context)
{
	WfDocField *field = MemoryContextAllocZero(context, sizeof(WfDocField));

	field->name = wf_spi_copy_text(n, 4, context);
	field->type = oid_at(n, 5);
	field->comment = wf_spi_copy_text(n, 6, context);
	field->nullable = has_word(field->comment, "null");
	field->absent = has_word(field->comment, "absent");
	return field;
}

static WfDocType *
type_at(uint64 n, MemoryContext context)
{
	WfDocType *type = MemoryContextAllocZero(context, sizeof(WfDocType));

	type->oid = oid_at(n, 1);
	type->name = wf_spi_copy_text(n, 2, context);
	type->comment = wf_spi_copy_text(n, 3, context);
	return type;
}

static void
load_types(WfDocModel *model, MemoryContext context)
{
	uint64 count = wf_spi_run(&find_fields, SPI_OK_SELECT, NULL);
	WfDocType *type = NULL;

	for (uint64 n = 0; n < count; n++)
	{
		WfDocField *field = field_at(n, context);
		bool is_new = type == NULL || type->oid != oid_at(n, 1);
		MemoryContext spi;

		if (is_new)
			type = type_at(n, context);
		spi = MemoryContextSwitchTo(context);
		if (is_new)
			model->types = lappend(model->types, type);
		type->fields = lappend(type->fields, field);
		MemoryContextSwitchTo(spi);
	}
}

static void
load_enums(WfDocModel *model, MemoryContext context)
{
	uint64 count = wf_spi_run(&find_enums, SPI_OK_SELECT, NULL);

	for (uint64 n = 0; n < count; n++)
	{
		WfDocType *type = type_at(n, context);
		MemoryContext spi = MemoryContextSwitchTo(context);

		type->labels = wf_spi_copy_text(n, 4, context);
		model->types = lappend(model->types, type);
		MemoryContextSwitchTo(spi);
	}
}

static int
by_name(const ListCell *left, const ListCell *right)
{
	const WfDocType *a = lfirst(left);
	const WfDocType *b = lfirst(right);

	return strcmp(a->name, b->name);
}

WfDocModel *
wf_openapi_load(void)
{
	MemoryContext context = CurrentMemoryContext;
	WfDocModel *model = palloc0(sizeof(WfDocModel));

	wf_spi_begin();
	load_routes(model, context);
	load_args(model, context);
	load_types(model, context);
	load_enums(model, context);
	wf_spi_end();
	list_sort(model->types, by_name);
	return model;
}
