/*
 * sync.c - account sync of one instance, as a worker does it.
 *
 * Read first, with no transaction open; then one transaction for everything that is stored, the item's
 * end included.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "accounts/merge.h"
#include "accounts/stage.h"
#include "accounts/sync.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/partition.h"
#include "base/spi.h"
#include "logs/log.h"
#include "runs/task.h"

/* Names of active accounts kept in a result when nobody waits for it: runs are kept for months. */
#define KEPT_NAMES 200

/* Rows go to the stage; it ignores nothing silently but what belongs to left-out accounts. */
static void
take_row(void *arg, const char *dataset, int nfields, const char *const *values)
{
	wf_stage_add(arg, dataset, nfields, values);
}

/* The filters of the instance's engine, and the engine itself; a short transaction. */
static WfAccountStage *
open_stage(WfItem *item)
{
	static WfQuery find =
		WF_QUERY("select db_type from whalefall.instances where id = $1", INT8OID);
	WfArg args[] = {WF_ARG_INT64(item->instance_id)};
	WfAccountFilter *filter;
	WfAccountStage *stage;
	char *db_type;

	wf_item_begin("account sync: prepare");
	wf_partition_ensure_current();
	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND,
				 psprintf("There is no instance " INT64_FORMAT ".", item->instance_id), NULL);
	db_type = wf_spi_copy_text(0, 1, item->context);
	filter = wf_account_filter_load(db_type, item->context);
	stage = wf_stage_create(item->context, db_type, filter);
	wf_item_commit();
	return stage;
}

/* Instance, run and session: what every log row of an item says. */
static void
add_item(WfJson *json, const WfItem *item)
{
	wf_json_add_int(json, "instance_id", item->instance_id);
	wf_json_add_text(json, "instance_name", item->name);
	wf_json_add_text(json, "task_key", item->task->key);
	wf_json_add_int(json, "item_id", item->id);
}

/* A part that could not be read: known accounts keep what they had. The text is palloc'd. */
static char *
take_warning(WfAccountStage *stage, const WfRemoteWarning *warning)
{
	wf_stage_set_unread(stage, warning->category);
	return psprintf("%s: %s", warning->category, warning->message);
}

static void
log_result(const WfItem *item, const WfAccountOutcome *out)
{
	bool complete = out->collection.errors == NIL;
	ListCell *cell;
	WfJson json;

	wf_json_begin(&json);
	add_item(&json, item);
	wf_json_add_int(&json, "total_remote", out->inventory.total_remote);
	wf_json_add_int(&json, "accounts_created", out->inventory.created);
	wf_json_add_int(&json, "accounts_reactivated", out->inventory.reactivated);
	wf_json_add_int(&json, "accounts_deactivated", out->inventory.deactivated);
	wf_json_add_int(&json, "permissions_created", out->collection.created);
	wf_json_add_int(&json, "permissions_updated", out->collection.updated);
	wf_json_add_int(&json, "permissions_skipped", out->collection.skipped);
	if (!complete)
	{
		wf_json_open_array(&json, "errors");
		foreach (cell, out->collection.errors)
			wf_json_add_text(&json, NULL, lfirst(cell));
		wf_json_close(&json);
	}
	wf_log_write(complete ? WF_LOG_INFO : WF_LOG_WARNING, "accounts_sync",
				 complete ? "account sync completed"
						  : "account sync completed, but not everything could be read",
				 wf_json_end(&json), NULL);
}

/* When the instance was synced, and how often somebody asked for it. */
static void
mark_instance(const WfItem *item, TimestampTz now)
{
	static WfQuery update =
		WF_QUERY("update whalefall.instances set last_account_sync_at = $2, "
				 "sync_count = sync_count + case when $3 then 1 else 0 end where id = $1",
				 INT8OID, TIMESTAMPTZOID, BOOLOID);
	WfArg args[] = {WF_ARG_INT64(item->instance_id), WF_ARG_TIME(now), WF_ARG_BOOL(item->waited)};

	wf_spi_run(&update, SPI_OK_UPDATE, args);
}

static Jsonb *
build_metrics(const WfRemoteResult *result, const WfAccountOutcome *out)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_int(&json, "remote_ms", result->elapsed_ms);
	wf_json_add_int(&json, "round_trips", result->round_trips);
	wf_json_add_int(&json, "rows", result->rows);
	wf_json_add_int(&json, "accounts_remote", out->inventory.total_remote);
	wf_json_add_int(&json, "accounts_skipped", out->collection.skipped);
	return wf_json_end(&json);
}

static Jsonb *
build_details(const WfItem *item, const WfAccountStage *stage, const WfAccountOutcome *out)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_int(&json, "version", 1);
	wf_accounts_outcome_json(&json, stage, out, item->waited ? 0 : KEPT_NAMES);
	return wf_json_end(&json);
}

/* The transaction that stores everything. errors: texts about unread parts. */
static void
merge_and_complete(WfItem *item, WfAccountStage *stage, const WfRemoteResult *result, List *errors)
{
	WfAccountMerge options = {.force = wf_json_get_bool(item->options, "force", false),
							  .session_id = item->has_session ? &item->session_id : NULL,
							  .now = wf_clock_now()};
	WfAccountOutcome out;
	WfItemCounts counts;
	MemoryContext old;

	wf_item_begin("account sync: merge");
	wf_accounts_merge(item->instance_id, stage, &options, &out);
	mark_instance(item, options.now);
	old = MemoryContextSwitchTo(item->context);
	out.collection.errors = list_concat(list_copy(errors), out.collection.errors);
	log_result(item, &out);
	counts.synced = out.collection.created + out.collection.updated;
	counts.created = out.inventory.created;
	counts.updated = out.collection.updated;
	counts.deleted = out.inventory.deactivated;
	wf_item_complete(item, &counts, build_metrics(result, &out), build_details(item, stage, &out));
	MemoryContextSwitchTo(old);
	wf_item_commit();
}

void
wf_accounts_sync(WfItem *item)
{
	WfAccountStage *stage = open_stage(item);
	List *errors = NIL;
	WfRemoteResult result;
	MemoryContext old;
	ListCell *cell;

	wf_item_read_instance(item, "accounts", NULL, take_row, stage, &result);
	old = MemoryContextSwitchTo(item->context);
	foreach (cell, result.warnings)
		errors = lappend(errors, take_warning(stage, lfirst(cell)));
	wf_stage_finish(stage);
	MemoryContextSwitchTo(old);
	merge_and_complete(item, stage, &result, errors);
	wf_stage_free(stage);
}
