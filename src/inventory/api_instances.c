/*
 * api_instances.c - the operations instances_list, _get, _create, _update, _delete, _restore (api part 1, section 5).
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/args.h"
#include "base/errors.h"
#include "base/exchange.h"
#include "base/list.h"
#include "base/spi.h"
#include "inventory/instance_write.h"
#include "inventory/tag.h"
#include "whalefall.h"

/* The contract's Instance (2.5), from the view. */
#define DETAIL(tags, keys)                                                                             \
	"i.id, i.name, i.db_type, i.host, i.port, i.database_name, i.database_version, i.main_version, "   \
	"i.detailed_version, i.credential_id, i.description, " tags " as tags, i.is_active, "              \
	"i.last_connected, i.created_at, i.updated_at, i.status, (select row_to_json(x) from ("            \
	"select c.id, c.name, c.username, c.password, c.credential_type from whalefall_api.credentials c " \
	"where c.id = i.credential_id) x) as credential, i.deleted_at, i.sync_count, i.tls_mode, i.tls_ca" keys

/* What 0.2.0 added, as it added tags. */
#define SERVER_KEYS ", i.server_public_key, i.allow_cleartext_key"

/* Tags of an instance: whole ones for the detail, three fields for the list (out of TAGGED), and none. */
#define WHOLE_TAGS                                                                  \
	"(select coalesce(json_agg(row_to_json(x)), '[]') from (select " WF_TAG_COLUMNS \
	" from whalefall.instance_tags l join whalefall_api.tags t on t.id = l.tag_id " \
	"where l.instance_id = i.id order by " WF_TAG_ORDER ") x)"
#define SHORT_TAGS "coalesce((select g.tags from tagged g where g.instance_id = i.id), '[]')"
#define NO_TAGS	   "'[]'::json"

/* The tags of a page of the list, read and sorted once for all its instances. */
#define TAGGED                                                                     \
	"tagged as materialized (select x.instance_id, json_agg(x.tag) as tags from (" \
	"select l.instance_id, row_to_json(n) as tag from whalefall.instance_tags l "  \
	"join whalefall.tags t on t.id = l.tag_id "                                    \
	"cross join lateral (select t.name, t.display_name, t.color) n "               \
	"where l.instance_id = any (array(select hit_id from page)) "                  \
	"order by l.instance_id, " WF_TAG_ORDER ") x group by x.instance_id)"

#define FIND(tags, keys)                                                                            \
	WF_QUERY(                                                                                       \
		"select json_build_object('instance', row_to_json(item)) from (select " DETAIL(             \
			tags,                                                                                   \
			keys) " from whalefall_api.instances i where i.id = $1 and i.deleted_at is null) item", \
		INT8OID)

#define LIST(tags, more)                                                                        \
	{                                                                                           \
		.columns = "i.id, i.name, i.db_type, i.host, i.port, i.description, i.is_active, "      \
				   "i.deleted_at, i.status, i.main_version, i.active_db_count, "                \
				   "i.active_account_count, i.last_sync_time, " tags " as tags",                \
		.from = "whalefall_api.instances i", .with = more, .id = "i.id",                        \
		.filters = {{"i.name ilike $1 or i.host ilike $1 or i.description ilike $1", TEXTOID},  \
					{"i.db_type = $2", TEXTOID},                                                \
					{"i.is_active = $3", BOOLOID},                                              \
					{"i.deleted_at is null", BOOLOID},                                          \
					{WF_INSTANCE_HAS_TAG("i.id", "$5"), TEXTARRAYOID}},                         \
		.costly = WF_LIST_FILTER(1) | WF_LIST_FILTER(5), .counted_table = "instances",          \
		.counted_null = "deleted_at", .counted_given = WF_LIST_FILTER(4),                       \
		.sorts = {{"id", "i.id"},                                                               \
				  {"name", "i.name"},                                                           \
				  {"db_type", "i.db_type"},                                                     \
				  {"host", "i.host"},                                                           \
				  {"last_sync_time", "i.last_sync_time"}},                                      \
		.default_sort = "id", .default_descending = true, .default_limit = 20, .max_limit = 100 \
	}

WF_FUNCTION(wf_instances_list);
WF_FUNCTION(wf_instances_get);
WF_FUNCTION(wf_instances_create);
WF_FUNCTION(wf_instances_update);
WF_FUNCTION(wf_instances_delete);
WF_FUNCTION(wf_instances_restore);

/* instances_list(search, db_type, status, include_deleted, page, page_size, sort, sort_order, tags) */
Datum
wf_instances_list(PG_FUNCTION_ARGS)
{
	static WfList list = LIST(SHORT_TAGS, TAGGED);
	static WfList list_without_tags = LIST(NO_TAGS, NULL);
	WfListPaging paging = wf_arg_get_paging(fcinfo, 4);
	WfArg filters[] = {wf_arg_text(wf_list_search_pattern(wf_arg_get_text(fcinfo, 0))),
					   wf_arg_text(wf_list_exact(wf_arg_get_text(fcinfo, 1))),
					   wf_arg_get_status(fcinfo, 2),
					   !PG_ARGISNULL(3) && PG_GETARG_BOOL(3) ? WF_NULL : WF_ARG_BOOL(true),
					   wf_arg_get_codes_filter(fcinfo, 8)};

	PG_RETURN_TEXT_P(cstring_to_text(
		wf_list_run(wf_tag_tables_exist() ? &list : &list_without_tags, &paging, filters)));
}

/* {"instance": {...}} of an id that is not deleted; NOT_FOUND when there is none. SPI connected. */
static char *
instance_json(int64 id, MemoryContext context)
{
	static WfQuery find = FIND(WHOLE_TAGS, SERVER_KEYS);
	static WfQuery find_without_tags = FIND(NO_TAGS, "");
	WfArg args[] = {WF_ARG_INT64(id)};

	if (wf_spi_run(wf_tag_tables_exist() ? &find : &find_without_tags, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("Instance " INT64_FORMAT " does not exist.", id), NULL);
	return wf_spi_copy_text(0, 1, context);
}

/* instances_get(instance_id) */
Datum
wf_instances_get(PG_FUNCTION_ARGS)
{
	int64 id = wf_arg_get_id(fcinfo, 0, "Instance");
	MemoryContext context = CurrentMemoryContext;
	char *json;

	wf_spi_begin();
	json = instance_json(id, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/*
 * Ten arguments from n on: name, db_type, host, port, database_name, credential_id, description, is_active,
 * tls_mode, tls_ca.
 */
static WfInstanceInput
read_input(FunctionCallInfo fcinfo, int n)
{
	WfInstanceInput input = {0};

	input.name = wf_arg_get_text(fcinfo, n);
	input.db_type = wf_arg_get_text(fcinfo, n + 1);
	input.host = wf_arg_get_text(fcinfo, n + 2);
	input.has_port = !PG_ARGISNULL(n + 3);
	input.port = input.has_port ? PG_GETARG_INT32(n + 3) : 0;
	input.database_name = wf_arg_get_text(fcinfo, n + 4);
	input.has_credential_id = !PG_ARGISNULL(n + 5);
	input.credential_id = input.has_credential_id ? PG_GETARG_INT64(n + 5) : 0;
	input.description = wf_arg_get_text(fcinfo, n + 6);
	input.has_is_active = !PG_ARGISNULL(n + 7);
	input.is_active = input.has_is_active && PG_GETARG_BOOL(n + 7);
	input.tls_mode = wf_arg_get_text(fcinfo, n + 8);
	input.tls_ca = wf_arg_get_text(fcinfo, n + 9);
	return input;
}

/* Two more, from n on, which a function declared by 0.1.0 has not: server_public_key, allow_cleartext_key. */
static void
read_server_key(FunctionCallInfo fcinfo, int n, WfInstanceInput *input)
{
	if (n + 1 >= PG_NARGS())
		return;
	input->server_public_key = wf_arg_get_text(fcinfo, n);
	input->has_allow_cleartext_key = !PG_ARGISNULL(n + 1);
	input->allow_cleartext_key = input->has_allow_cleartext_key && PG_GETARG_BOOL(n + 1);
}

/*
 * instances_create(name, db_type, host, port, database_name, credential_id, description, is_active, tls_mode,
 * tls_ca, tag_names, server_public_key, allow_cleartext_key)
 */
Datum
wf_instances_create(PG_FUNCTION_ARGS)
{
	WfInstanceInput input = read_input(fcinfo, 0);
	ArrayType *tags = wf_arg_get_codes(fcinfo, 10);
	MemoryContext context = CurrentMemoryContext;
	int64 id;
	char *json;

	read_server_key(fcinfo, 11, &input);
	wf_spi_begin();
	id = wf_instance_create(&input);
	if (tags != NULL)
		wf_tag_replace_links(id, tags);
	json = instance_json(id, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/*
 * instances_update(instance_id, the ten fields of instances_create, clear, tag_names, server_public_key,
 * allow_cleartext_key)
 */
Datum
wf_instances_update(PG_FUNCTION_ARGS)
{
	static const char *const clearable[] = {
		"database_name", "credential_id", "description",	   "tls_mode",
		"tls_ca",		 "tag_names",	  "server_public_key", NULL};
	int64 id = wf_arg_get_id(fcinfo, 0, "Instance");
	WfInstanceInput input = read_input(fcinfo, 1);
	ArrayType *tags = wf_arg_get_codes(fcinfo, 12);
	MemoryContext context = CurrentMemoryContext;
	char *json;

	input.clears_database_name = wf_arg_clears(fcinfo, 11, clearable, "database_name");
	input.clears_credential_id = wf_arg_clears(fcinfo, 11, clearable, "credential_id");
	input.clears_description = wf_arg_clears(fcinfo, 11, clearable, "description");
	input.clears_tls_mode = wf_arg_clears(fcinfo, 11, clearable, "tls_mode");
	input.clears_tls_ca = wf_arg_clears(fcinfo, 11, clearable, "tls_ca");
	input.clears_server_public_key = wf_arg_clears(fcinfo, 11, clearable, "server_public_key");
	read_server_key(fcinfo, 13, &input);
	if (wf_arg_clears(fcinfo, 11, clearable, "tag_names"))
		tags = construct_empty_array(TEXTOID);
	wf_spi_begin();
	wf_instance_update(id, &input);
	if (tags != NULL)
		wf_tag_replace_links(id, tags);
	json = instance_json(id, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* instances_delete(instance_id): soft; repeating answers the first deleted_at. */
Datum
wf_instances_delete(PG_FUNCTION_ARGS)
{
	static WfQuery answer =
		WF_QUERY("select json_build_object('instance_id', i.id, 'deleted_at', i.deleted_at, "
				 "'deletion_mode', 'soft') from whalefall.instances i where i.id = $1",
				 INT8OID);
	int64 id = wf_arg_get_id(fcinfo, 0, "Instance");
	WfArg args[] = {WF_ARG_INT64(id)};
	MemoryContext context = CurrentMemoryContext;
	char *json;

	wf_spi_begin();
	wf_instance_delete(id);
	wf_spi_run(&answer, SPI_OK_SELECT, args);
	json = wf_spi_copy_text(0, 1, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* instances_restore(instance_id): out of the recycle bin; one that is not there stays as it is. */
Datum
wf_instances_restore(PG_FUNCTION_ARGS)
{
	int64 id = wf_arg_get_id(fcinfo, 0, "Instance");
	MemoryContext context = CurrentMemoryContext;
	char *json;

	wf_spi_begin();
	if (!wf_instance_restore(id))
		wf_exchange_set_message("实例未被删除，无需恢复", "the instance is not deleted");
	json = instance_json(id, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}
