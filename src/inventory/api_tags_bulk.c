/*
 * api_tags_bulk.c - the operations tags_bulk_*: tags of many instances at once (api part 1, section 4.4).
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/args.h"
#include "base/errors.h"
#include "base/exchange.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/spi.h"
#include "inventory/tag.h"
#include "logs/log.h"
#include "whalefall.h"

/* Ids of a log row; the count tells how many there were. */
#define LOGGED_IDS 100

/* Members "tags" and "category_names" of an answer, over the subquery x with the columns of a tag. */
#define TAGS_AND_CATEGORIES                                                                            \
	"'tags', (select coalesce(json_agg(row_to_json(x)), '[]') from x), "                               \
	"'category_names', (select coalesce(json_object_agg(c.category, c.category order by c.category), " \
	"'{}') from (select distinct category from x) c)"

WF_FUNCTION(wf_tags_bulk_instances);
WF_FUNCTION(wf_tags_bulk_tags);
WF_FUNCTION(wf_tags_bulk_instance_tags);
WF_FUNCTION(wf_tags_bulk_assign);
WF_FUNCTION(wf_tags_bulk_remove);
WF_FUNCTION(wf_tags_bulk_remove_all);

/* tags_bulk_instances(): what can be tagged in forms; deleted ones are not offered. */
Datum
wf_tags_bulk_instances(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY0(
		"select json_build_object('instances', coalesce(json_agg(row_to_json(x)), '[]')) from ("
		"select i.id, i.name, i.host, i.port, i.db_type from whalefall.instances i "
		"where i.deleted_at is null order by i.name) x");

	return wf_answer_query(&find, NULL);
}

/* tags_bulk_tags() */
Datum
wf_tags_bulk_tags(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY0("with x as (select " WF_TAG_COLUMNS
									" from whalefall_api.tags t order by " WF_TAG_ORDER
									") select json_build_object(" TAGS_AND_CATEGORIES ")");

	return wf_answer_query(&find, NULL);
}

/* At least one of the ids must be there. SPI connected. */
static void
require_some(WfQuery *query, const WfIds *ids, const char *what)
{
	WfArg args[] = {WF_ARG(PointerGetDatum(ids->array))};

	if (wf_spi_run_limit(query, SPI_OK_SELECT, args, 1) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("None of the %s exists.", what), NULL);
}

static void
require_instances(const WfIds *ids)
{
	static WfQuery find =
		WF_QUERY("select 1 from whalefall.instances where id = any ($1)", INT8ARRAYOID);

	require_some(&find, ids, "instances");
}

static void
require_tags(const WfIds *ids)
{
	static WfQuery find =
		WF_QUERY("select 1 from whalefall.tags where id = any ($1)", INT8ARRAYOID);

	require_some(&find, ids, "tags");
}

/* A call without any argument is an empty body. */
static void
require_body(FunctionCallInfo fcinfo)
{
	for (int i = 0; i < PG_NARGS(); i++)
		if (!PG_ARGISNULL(i))
			return;
	wf_raise(WF_ERR_REQUEST_DATA_EMPTY, NULL, NULL);
}

/* tags_bulk_instance_tags(instance_ids): the union; unknown ids are ignored and told back all the same. */
Datum
wf_tags_bulk_instance_tags(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY(
		"with x as (select " WF_TAG_COLUMNS " from whalefall_api.tags t where exists (select "
		"from whalefall.instance_tags l where l.tag_id = t.id and l.instance_id = any ($1)) "
		"order by " WF_TAG_ORDER ") select json_build_object(" TAGS_AND_CATEGORIES
		", 'instance_ids', array_to_json($1))",
		INT8ARRAYOID);
	MemoryContext context = CurrentMemoryContext;
	WfArg args[1];
	WfIds ids;
	char *json;

	require_body(fcinfo);
	ids = wf_arg_get_ids(fcinfo, 0, "instance_ids");
	args[0] = WF_ARG(PointerGetDatum(ids.array));
	wf_spi_begin();
	require_instances(&ids);
	wf_spi_run(&find, SPI_OK_SELECT, args);
	json = wf_spi_copy_text(0, 1, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

static void
add_ids(WfJson *json, const char *key, const WfIds *ids)
{
	wf_json_open_array(json, key);
	for (int i = 0; i < Min(ids->count, LOGGED_IDS); i++)
		wf_json_add_int(json, NULL, ids->ids[i]);
	wf_json_close(json);
}

/* tags may be NULL. */
static void
log_write(const char *message, const char *action, const WfIds *instances, const WfIds *tags,
		  uint64 changed)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "action", action);
	add_ids(&json, "instance_ids", instances);
	wf_json_add_int(&json, "instance_count", instances->count);
	if (tags != NULL)
		add_ids(&json, "tag_ids", tags);
	wf_json_add_int(&json, "changed_count", changed);
	wf_log_write(WF_LOG_INFO, "tags_bulk", message, wf_json_end(&json), NULL);
}

/* How many links were changed, for people; each text takes the number. */
static void
tell_count(const char *zh, const char *en, uint64 changed)
{
	wf_exchange_set_message(psprintf(zh, (unsigned long long) changed),
							psprintf(en, (unsigned long long) changed));
}

/* What assign and remove share: both lists checked, one statement over them, its count told under a key. */
static Datum
change_links(FunctionCallInfo fcinfo, WfQuery *query, int expected, const char *key,
			 const char *message, const char *action, uint64 *changed_links)
{
	WfIds instances;
	WfIds tags;
	WfArg args[2];
	uint64 changed;

	require_body(fcinfo);
	instances = wf_arg_get_ids(fcinfo, 0, "instance_ids");
	tags = wf_arg_get_ids(fcinfo, 1, "tag_ids");
	args[0] = WF_ARG(PointerGetDatum(instances.array));
	args[1] = WF_ARG(PointerGetDatum(tags.array));
	wf_spi_begin();
	wf_guard_require_ready();
	require_instances(&instances);
	require_tags(&tags);
	changed = wf_spi_run(query, expected, args);
	log_write(message, action, &instances, &tags, changed);
	wf_spi_end();
	*changed_links = changed;
	return PointerGetDatum(cstring_to_text(
		psprintf("{\"%s\":" UINT64_FORMAT ",\"instance_ids\":%s,\"tag_ids\":%s}", key, changed,
				 wf_ids_json(instances.ids, instances.count), wf_ids_json(tags.ids, tags.count))));
}

/* tags_bulk_assign(instance_ids, tag_ids): counts the links that were not there. */
Datum
wf_tags_bulk_assign(PG_FUNCTION_ARGS)
{
	/* The rows are locked in one order by everybody, and cannot go before their links are there. */
	static WfQuery add = WF_QUERY(
		"with i as (select id from whalefall.instances where id = any ($1) order by id for key share), "
		"t as (select id from whalefall.tags where id = any ($2) order by id for key share) "
		"insert into whalefall.instance_tags (instance_id, tag_id) "
		"select i.id, t.id from i cross join t on conflict do nothing",
		INT8ARRAYOID, INT8ARRAYOID);
	uint64 changed;
	Datum answer = change_links(fcinfo, &add, SPI_OK_INSERT, "assigned_count", "tags assigned",
								"batch_assign_tags", &changed);

	tell_count("已分配 %llu 个标签关联", "%llu tag links added", changed);
	return answer;
}

/* tags_bulk_remove(instance_ids, tag_ids): counts the links that were there. */
Datum
wf_tags_bulk_remove(PG_FUNCTION_ARGS)
{
	static WfQuery remove = WF_QUERY(
		"delete from whalefall.instance_tags where instance_id = any ($1) and tag_id = any ($2)",
		INT8ARRAYOID, INT8ARRAYOID);
	uint64 changed;
	Datum answer = change_links(fcinfo, &remove, SPI_OK_DELETE, "removed_count", "tags removed",
								"batch_remove_tags", &changed);

	tell_count("已移除 %llu 个标签关联", "%llu tag links removed", changed);
	return answer;
}

/* tags_bulk_remove_all(instance_ids) */
Datum
wf_tags_bulk_remove_all(PG_FUNCTION_ARGS)
{
	static WfQuery remove =
		WF_QUERY("delete from whalefall.instance_tags where instance_id = any ($1)", INT8ARRAYOID);
	WfIds ids;
	WfArg args[1];
	uint64 removed;

	require_body(fcinfo);
	ids = wf_arg_get_ids(fcinfo, 0, "instance_ids");
	args[0] = WF_ARG(PointerGetDatum(ids.array));
	wf_spi_begin();
	wf_guard_require_ready();
	require_instances(&ids);
	removed = wf_spi_run(&remove, SPI_OK_DELETE, args);
	log_write("all tags removed", "batch_remove_all_tags", &ids, NULL, removed);
	wf_spi_end();
	tell_count("已移除 %llu 个标签关联", "%llu tag links removed", removed);
	PG_RETURN_TEXT_P(
		cstring_to_text(psprintf("{\"removed_count\":" UINT64_FORMAT ",\"instance_ids\":%s}",
								 removed, wf_ids_json(ids.ids, ids.count))));
}
