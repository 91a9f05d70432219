/*
 * api_tags.c - the operations tags_* but the bulk ones (api part 1, section 4.3).
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "base/args.h"
#include "base/errors.h"
#include "base/exchange.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/list.h"
#include "base/settings.h"
#include "base/spi.h"
#include "base/text.h"
#include "inventory/attempt.h"
#include "inventory/tag.h"
#include "logs/log.h"
#include "whalefall.h"

WF_FUNCTION(wf_tags_list);
WF_FUNCTION(wf_tags_create);
WF_FUNCTION(wf_tags_options);
WF_FUNCTION(wf_tags_categories);
WF_FUNCTION(wf_tags_get_by_name);
WF_FUNCTION(wf_tags_get);
WF_FUNCTION(wf_tags_update);
WF_FUNCTION(wf_tags_delete);
WF_FUNCTION(wf_tags_batch_delete);

/* Text argument, trimmed; blank is null. */
static char *
get_word(FunctionCallInfo fcinfo, int n)
{
	char *word = wf_text_trim(wf_arg_get_text(fcinfo, n));

	return word != NULL && word[0] != '\0' ? word : NULL;
}

/* tags_list(search, category, status, page, page_size): the list, and numbers of all tags. */
Datum
wf_tags_list(PG_FUNCTION_ARGS)
{
	static WfList list = {
		.columns = WF_TAG_COLUMNS ", t.instance_count",
		.from = "whalefall_api.tags t",
		.id = "t.id",
		.filters = {{"t.name ilike $1 or t.display_name ilike $1 or t.category ilike $1", TEXTOID},
					{"t.category = $2", TEXTOID},
					{"t.is_active = $3", BOOLOID}},
		/* One order and always ascending: all columns as one row. */
		.costly = WF_LIST_FILTER(1),
		.sorts = {{"order", "(" WF_TAG_ORDER ")"}},
		.default_sort = "order",
		.clamp = true,
		.default_limit = 20,
		.max_limit = 200};
	static WfQuery stats = WF_QUERY0(
		"select json_build_object('total', count(*), 'active', count(*) filter (where is_active), "
		"'inactive', count(*) filter (where not is_active), "
		"'category_count', count(distinct category)) from whalefall.tags");
	WfListPaging paging = {wf_arg_get(fcinfo, 3), wf_arg_get(fcinfo, 4), NULL, NULL};
	WfArg filters[] = {wf_arg_text(wf_list_search_pattern(wf_arg_get_text(fcinfo, 0))),
					   wf_arg_text(get_word(fcinfo, 1)), wf_arg_get_status(fcinfo, 2)};
	char *json = wf_list_run(&list, &paging, filters);
	char *numbers = TextDatumGetCString(wf_answer_query(&stats, NULL));

	/* The list is an object: the numbers become its last member. */
	json[strlen(json) - 1] = '\0';
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s,\"stats\":%s}", json, numbers)));
}

/* {"tag": {...}} of an id; NOT_FOUND when there is none. SPI connected. */
static char *
tag_json(int64 id, MemoryContext context)
{
	static WfQuery find =
		WF_QUERY("select json_build_object('tag', row_to_json(item)) from (select " WF_TAG_COLUMNS
				 " from whalefall_api.tags t where t.id = $1) item",
				 INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("Tag " INT64_FORMAT " does not exist.", id), NULL);
	return wf_spi_copy_text(0, 1, context);
}

/* Five arguments from n on: name, display_name, category, color, is_active. */
static WfTagInput
read_input(FunctionCallInfo fcinfo, int n)
{
	WfTagInput input = {0};

	input.name = wf_arg_get_text(fcinfo, n);
	input.display_name = wf_arg_get_text(fcinfo, n + 1);
	input.category = wf_arg_get_text(fcinfo, n + 2);
	input.color = wf_arg_get_text(fcinfo, n + 3);
	input.has_is_active = !PG_ARGISNULL(n + 4);
	input.is_active = input.has_is_active && PG_GETARG_BOOL(n + 4);
	return input;
}

/* tags_create(name, display_name, category, color, is_active) */
Datum
wf_tags_create(PG_FUNCTION_ARGS)
{
	WfTagInput input = read_input(fcinfo, 0);
	MemoryContext context = CurrentMemoryContext;
	char *json;

	wf_spi_begin();
	json = tag_json(wf_tag_create(&input), context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* tags_options(category): what to offer; the filter is told back. */
Datum
wf_tags_options(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY(
		"select json_build_object('tags', (select coalesce(json_agg(row_to_json(item)), '[]') "
		"from (select " WF_TAG_COLUMNS " from whalefall_api.tags t where t.is_active "
		"and ($1 is null or t.category = $1) order by " WF_TAG_ORDER ") item), 'category', $1)",
		TEXTOID);
	WfArg args[] = {wf_arg_text(get_word(fcinfo, 0))};

	return wf_answer_query(&find, args);
}

/* tags_categories() */
Datum
wf_tags_categories(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY0(
		"select json_build_object('categories', coalesce(json_agg(category "
		"order by category), '[]')) from (select distinct category from whalefall.tags) c");

	return wf_answer_query(&find, NULL);
}

/* tags_get_by_name(tag_name): exact. */
Datum
wf_tags_get_by_name(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY("select id from whalefall.tags where name = $1", TEXTOID);
	WfArg args[] = {wf_arg_get(fcinfo, 0)};
	MemoryContext context = CurrentMemoryContext;
	char *json;

	wf_spi_begin();
	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, "No tag has this name.", NULL);
	json = tag_json(wf_spi_int64(0, 1), context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* tags_get(tag_id) */
Datum
wf_tags_get(PG_FUNCTION_ARGS)
{
	int64 id = wf_arg_get_id(fcinfo, 0, "Tag");
	MemoryContext context = CurrentMemoryContext;
	char *json;

	wf_spi_begin();
	json = tag_json(id, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* tags_update(tag_id, name, display_name, category, color, is_active) */
Datum
wf_tags_update(PG_FUNCTION_ARGS)
{
	int64 id = wf_arg_get_id(fcinfo, 0, "Tag");
	WfTagInput input = read_input(fcinfo, 1);
	MemoryContext context = CurrentMemoryContext;
	char *json;

	wf_spi_begin();
	wf_tag_update(id, &input);
	json = tag_json(id, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* tags_delete(tag_id): refused while any instance, a deleted one too, has it. */
Datum
wf_tags_delete(PG_FUNCTION_ARGS)
{
	int64 id = wf_arg_get_id(fcinfo, 0, "Tag");
	WfTagRemoval removal;
	WfJson json;

	wf_spi_begin();
	wf_guard_require_ready();
	removal = wf_tag_remove(id);
	if (!removal.found)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("Tag " INT64_FORMAT " does not exist.", id), NULL);
	if (removal.instance_count > 0)
		wf_raise(WF_ERR_TAG_IN_USE,
				 psprintf("Tag \"%s\" is on " INT64_FORMAT " instances, deleted ones included.",
						  removal.display_name, removal.instance_count),
				 "Remove it from them first.");
	wf_json_begin(&json);
	wf_json_add_text(&json, "action", "delete_tag");
	wf_json_add_int(&json, "tag_id", id);
	wf_json_add_text(&json, "tag_name", removal.name);
	wf_log_write(WF_LOG_INFO, "tags", "tag deleted", wf_json_end(&json), NULL);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("{\"tag_id\":" INT64_FORMAT "}", id)));
}

/* One id of the list: a JSON integer above 0. */
static int64
tag_id_of(const JsonbValue *value)
{
	char *digits;
	int64 id = 0;

	if (value->type == jbvNumeric)
	{
		digits =
			DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		/* An id has at most 19 digits; a fraction, a sign or an overflow leaves 0. */
		if (strspn(digits, "0123456789") == strlen(digits) && strlen(digits) <= 19)
			id = strtoll(digits, NULL, 10);
	}
	if (id < 1)
		wf_raise(WF_ERR_VALIDATION, "tag_ids must be a list of integers above 0.", NULL);
	return id;
}

/* The ids of a JSON array, or of one integer; gives how many. */
static int
read_tag_ids(Jsonb *list, int64 **ids)
{
	JsonbIterator *it = JsonbIteratorInit(&list->root);
	JsonbValue value;
	int count = 0;

	/* A scalar is stored as an array of one element, so that both are read the same way. */
	if (JsonbIteratorNext(&it, &value, true) != WJB_BEGIN_ARRAY)
		wf_raise(WF_ERR_VALIDATION, "tag_ids must be a list of integers above 0.", NULL);
	*ids = palloc((JB_ROOT_COUNT(list) + 1) * sizeof(int64));
	while (JsonbIteratorNext(&it, &value, true) == WJB_ELEM)
		(*ids)[count++] = tag_id_of(&value);
	if (count == 0)
		wf_raise(WF_ERR_VALIDATION, "tag_ids must not be empty.", NULL);
	return count;
}

typedef struct Attempt
{
	int64 id;
	WfTagRemoval removal;
} Attempt;

static void
attempt_removal(void *arg)
{
	Attempt *attempt = arg;

	attempt->removal = wf_tag_remove(attempt->id);
}

/* One entry of the results; true when the tag is gone. */
static bool
remove_one(WfJson *json, int64 id)
{
	Attempt attempt = {.id = id};
	ErrorData *error = wf_attempt(attempt_removal, &attempt);
	bool deleted = error == NULL && attempt.removal.found && attempt.removal.instance_count == 0;

	wf_json_open_object(json, NULL);
	wf_json_add_int(json, "tag_id", id);
	wf_json_add_text(json, "status",
					 error != NULL			  ? "error"
					 : !attempt.removal.found ? "not_found"
					 : deleted				  ? "deleted"
											  : "in_use");
	if (error == NULL && attempt.removal.instance_count > 0)
		wf_json_add_int(json, "instance_count", attempt.removal.instance_count);
	if (error != NULL)
	{
		/* Our own words: what the server said stays in its log. */
		const WfErrorRow *row = wf_error_row(wf_error_code_of(error));

		ereport(LOG, (errmsg("tag " INT64_FORMAT " could not be deleted: %s", id, error->message)));
		wf_json_add_text(json, "message",
						 wf_setting_language == WF_LANGUAGE_ZH ? row->message_zh : row->message_en);
	}
	wf_json_close(json);
	return deleted;
}

/* tags_batch_delete(tag_ids): each on its own; {"results": [...]} in the order of the list. */
Datum
wf_tags_batch_delete(PG_FUNCTION_ARGS)
{
	MemoryContext outer = CurrentMemoryContext;
	int64 *ids;
	int count;
	int deleted = 0;
	char *answer;
	WfJson json;
	WfJson context;

	if (PG_ARGISNULL(0))
		wf_raise(WF_ERR_VALIDATION, "Missing: tag_ids.", NULL);
	count = read_tag_ids(PG_GETARG_JSONB_P(0), &ids);
	wf_spi_begin();
	wf_guard_require_ready();
	wf_json_begin(&json);
	wf_json_open_array(&json, "results");
	wf_json_begin(&context);
	wf_json_add_text(&context, "action", "batch_delete_tags");
	wf_json_open_array(&context, "deleted_tag_ids");
	for (int i = 0; i < count; i++)
		if (remove_one(&json, ids[i]))
		{
			wf_json_add_int(&context, NULL, ids[i]);
			deleted++;
		}
	wf_json_close(&json);
	wf_json_close(&context);
	wf_json_add_int(&context, "deleted_count", deleted);
	wf_log_write(WF_LOG_INFO, "tags", "tags deleted", wf_json_end(&context), NULL);
	answer = MemoryContextStrdup(outer, wf_json_text(wf_json_end(&json)));
	wf_spi_end();
	if (deleted < count)
	{
		wf_exchange_set_status(207);
		wf_exchange_set_message(psprintf("%d 个标签中已删除 %d 个", count, deleted),
								psprintf("%d of %d tags deleted", deleted, count));
	}
	PG_RETURN_TEXT_P(cstring_to_text(answer));
}
