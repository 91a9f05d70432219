/*
 * api_instances_batch.c - the operations instances_batch_create and instances_batch_delete.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/args.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/spi.h"
#include "base/text.h"
#include "inventory/import.h"
#include "inventory/purge.h"
#include "logs/log.h"
#include "whalefall.h"

/* Instances that a log row names; its count tells how many there were. */
#define LOGGED 100

WF_FUNCTION(wf_instances_batch_create);
WF_FUNCTION(wf_instances_batch_delete);

/* The name of an uploaded file must say that it is CSV. */
static void
check_filename(const char *given)
{
	char *name = wf_text_trim(given);
	size_t length;

	if (name == NULL)
		return;
	length = strlen(name);
	if (length < 4 || pg_strcasecmp(name + length - 4, ".csv") != 0)
		wf_raise(WF_ERR_VALIDATION, "The name of the file does not end in .csv.", NULL);
}

/* instances_batch_create(csv, instances, filename): one of the first two. */
Datum
wf_instances_batch_create(PG_FUNCTION_ARGS)
{
	WfImport import = {0};
	MemoryContext context = CurrentMemoryContext;
	char *json;

	if (PG_ARGISNULL(0) == PG_ARGISNULL(1))
		wf_raise(WF_ERR_VALIDATION, "Either csv or instances must be given.", NULL);
	check_filename(wf_arg_get_text(fcinfo, 2));
	if (!PG_ARGISNULL(0))
		wf_import_read_csv(&import, wf_arg_get_text(fcinfo, 0));
	else
		wf_import_read_json(&import, PG_GETARG_JSONB_P(1));
	wf_spi_begin();
	wf_guard_require_ready();
	json = MemoryContextStrdup(context, wf_json_text(wf_import_store(&import)));
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* True for hard. */
static bool
read_mode(const char *given)
{
	char *word = wf_text_trim(given);

	if (word == NULL || word[0] == '\0' || pg_strcasecmp(word, "soft") == 0)
		return false;
	if (pg_strcasecmp(word, "hard") == 0)
		return true;
	wf_raise(WF_ERR_VALIDATION, "deletion_mode must be soft or hard.", NULL);
}

/* What was asked for: found and missing ids, both ascending and without doubles. */
typedef struct Asked
{
	int64 *found;
	int found_count;
	int64 *missing;
	int missing_count;
	WfJson names; /* open array in the object of the log row */
} Asked;

/* Lock the instances and tell which there are. SPI connected. */
static void
find_instances(const WfIds *ids, Asked *asked)
{
	static WfQuery find = WF_QUERY(
		"with a as (select distinct unnest($1) as id), "
		"i as (select id, name from whalefall.instances where id = any ($1) order by id for update) "
		"select a.id, i.name from a left join i on i.id = a.id order by a.id",
		INT8ARRAYOID);
	WfArg args[] = {WF_ARG(PointerGetDatum(ids->array))};
	uint64 count = wf_spi_run(&find, SPI_OK_SELECT, args);

	asked->found = palloc(count * sizeof(int64));
	asked->missing = palloc(count * sizeof(int64));
	for (uint64 n = 0; n < count; n++)
	{
		char *name = wf_spi_text(n, 2);

		if (name == NULL)
			asked->missing[asked->missing_count++] = wf_spi_int64(n, 1);
		else
			asked->found[asked->found_count++] = wf_spi_int64(n, 1);
		if (name != NULL && asked->found_count <= LOGGED)
			wf_json_add_text(&asked->names, NULL, name);
	}
}

/* Into the recycle bin; those that lie there keep their time. */
static void
delete_softly(const WfIds *ids)
{
	static WfQuery remove =
		WF_QUERY("update whalefall.instances set deleted_at = $2, updated_at = $2 "
				 "where id = any ($1) and deleted_at is null",
				 INT8ARRAYOID, TIMESTAMPTZOID);
	WfArg args[] = {WF_ARG(PointerGetDatum(ids->array)), WF_ARG_TIME(wf_clock_now())};

	wf_spi_run(&remove, SPI_OK_UPDATE, args);
}

static void
add_ids(WfJson *json, const char *key, const int64 *ids, int count)
{
	wf_json_open_array(json, key);
	for (int i = 0; i < count; i++)
		wf_json_add_int(json, NULL, ids[i]);
	wf_json_close(json);
}

static void
log_delete(Asked *asked, bool hard)
{
	wf_json_close(&asked->names);
	wf_json_add_text(&asked->names, "action", "delete_instances_batch");
	wf_json_add_text(&asked->names, "deletion_mode", hard ? "hard" : "soft");
	wf_json_add_int(&asked->names, "deleted_count", asked->found_count);
	add_ids(&asked->names, "instance_ids", asked->found, Min(asked->found_count, LOGGED));
	wf_log_write(WF_LOG_INFO, "instances_batch",
				 hard ? "instances removed for good" : "instances deleted",
				 wf_json_end(&asked->names), NULL);
}

/* instances_batch_delete(instance_ids, deletion_mode) */
Datum
wf_instances_batch_delete(PG_FUNCTION_ARGS)
{
	WfIds ids = wf_arg_get_ids(fcinfo, 0, "instance_ids");
	bool hard = read_mode(wf_arg_get_text(fcinfo, 1));
	Asked asked = {0};
	MemoryContext context = CurrentMemoryContext;
	WfJson json;
	char *answer;

	wf_spi_begin();
	wf_guard_require_ready();
	wf_json_begin(&json);
	wf_json_begin(&asked.names);
	wf_json_open_array(&asked.names, "instance_names");
	find_instances(&ids, &asked);
	wf_json_add_int(&json, "deleted_count", asked.found_count);
	add_ids(&json, "instance_ids", asked.found, asked.found_count);
	add_ids(&json, "missing_instance_ids", asked.missing, asked.missing_count);
	wf_json_add_text(&json, "deletion_mode", hard ? "hard" : "soft");
	if (hard)
		wf_instance_purge(asked.found, asked.found_count, &json);
	else
	{
		delete_softly(&ids);
		wf_instance_purge_nothing(&json);
	}
	log_delete(&asked, hard);
	answer = MemoryContextStrdup(context, wf_json_text(wf_json_end(&json)));
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(answer));
}
