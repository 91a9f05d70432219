/*
 * sync.c - the two tasks of this room: capacity sync of an instance, table sizes of one database.
 *
 * Read first, with no transaction open; then one transaction for everything that is stored, the item's
 * end included.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/partition.h"
#include "base/spi.h"
#include "capacity/capacity.h"
#include "capacity/merge.h"
#include "logs/log.h"
#include "runs/task.h"

/* Entries of each list that a result keeps when nobody waits for it: runs are kept for months. */
#define KEPT_NAMES 200

static WfQuery find_database = WF_QUERY("select d.database_name from whalefall.instance_databases d"
										" where d.id = $1 and d.instance_id = $2",
										INT8OID, INT8OID);

/* Rows of the dataset "database" go to the stage. */
static void
take_database(void *arg, const char *dataset, int nfields, const char *const *values)
{
	if (strcmp(dataset, "database") == 0 && nfields == 5)
		wf_capacity_stage_database(arg, values[0], values[1], values[2], values[3], values[4]);
}

/* Rows of the dataset "table" go to the stage. */
static void
take_table(void *arg, const char *dataset, int nfields, const char *const *values)
{
	if (strcmp(dataset, "table") == 0 && nfields == 6)
		wf_capacity_stage_table(arg, values[0], values[1], values[2], values[3], values[4],
								values[5]);
}

/*
 * Read into the stage. A part that failed is an error here: a list with holes would deactivate databases
 * or delete table sizes that exist.
 */
static void
read_stage(WfItem *item, const char *reads, const char *database, WfRemoteRow row,
		   WfCapacityStage *stage, WfRemoteResult *result)
{
	wf_capacity_stage_begin(stage, item->context);
	wf_item_read_instance(item, reads, database, row, stage, result);
	if (result->warnings != NIL)
	{
		WfRemoteWarning *warning = linitial(result->warnings);

		wf_raise(WF_ERR_SYNC_DATA,
				 psprintf("Reading %s failed: %s", warning->category, warning->message), NULL);
	}
	wf_capacity_stage_finish(stage);
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

/* How the remote side was read, for metrics. */
static void
add_remote(WfJson *json, const WfRemoteResult *result)
{
	wf_json_add_int(json, "remote_ms", result->elapsed_ms);
	wf_json_add_int(json, "round_trips", result->round_trips);
	wf_json_add_int(json, "rows", result->rows);
}

static void
log_inventory(const WfItem *item, const WfCapacityOutcome *outcome)
{
	WfJson json;

	if (outcome->created + outcome->reactivated + outcome->deactivated == 0)
		return;
	wf_json_begin(&json);
	add_item(&json, item);
	wf_json_add_int(&json, "created", outcome->created);
	wf_json_add_int(&json, "refreshed", outcome->refreshed);
	wf_json_add_int(&json, "reactivated", outcome->reactivated);
	wf_json_add_int(&json, "deactivated", outcome->deactivated);
	wf_json_add_int(&json, "filtered", outcome->nfiltered);
	wf_log_write(WF_LOG_INFO, "database_sync", "database inventory changed", wf_json_end(&json),
				 NULL);
}

static void
log_sizes(const WfItem *item, const WfCapacityStage *stage, const WfCapacityOutcome *outcome)
{
	WfJson json;

	wf_json_begin(&json);
	add_item(&json, item);
	wf_json_add_int(&json, "database_count", outcome->saved);
	wf_json_add_int(&json, "total_size_mb", outcome->total_mb);
	if (stage->errors.count > 0)
	{
		wf_json_add_int(&json, "unread", outcome->unread);
		wf_capacity_errors_json(&json, "errors", &stage->errors);
		wf_log_write(WF_LOG_WARNING, "capacity_sync",
					 "capacity sync completed, but not everything could be read",
					 wf_json_end(&json), NULL);
		return;
	}
	wf_log_write(WF_LOG_INFO, "capacity_sync", "capacity sync completed", wf_json_end(&json), NULL);
}

void
wf_capacity_sync(WfItem *item)
{
	WfCapacityStage stage;
	WfCapacityOutcome outcome;
	WfRemoteResult result;
	WfItemCounts counts;
	WfJson metrics;
	MemoryContext old;
	Jsonb *details;

	read_stage(item, "databases", NULL, take_database, &stage, &result);

	wf_item_begin("capacity sync: partitions");
	wf_partition_ensure_current();
	wf_item_commit();

	wf_item_begin("capacity sync: merge");
	wf_capacity_merge_databases(item->instance_id, &stage,
								wf_json_get_bool(item->options, "force", false), &outcome);
	old = MemoryContextSwitchTo(item->context);
	details = wf_capacity_outcome_json(&outcome, &stage, item->waited ? 0 : KEPT_NAMES);
	wf_json_begin(&metrics);
	add_remote(&metrics, &result);
	wf_json_add_int(&metrics, "databases_listed", stage.ndatabases);
	wf_json_add_int(&metrics, "databases_unread", outcome.unread);
	wf_json_add_int(&metrics, "total_size_mb", outcome.total_mb);
	log_inventory(item, &outcome);
	log_sizes(item, &stage, &outcome);
	counts.synced = outcome.saved;
	counts.created = outcome.created;
	counts.updated = outcome.refreshed + outcome.reactivated;
	counts.deleted = outcome.deactivated;
	wf_item_complete(item, &counts, wf_json_end(&metrics), details);
	MemoryContextSwitchTo(old);
	wf_item_commit();
}

/* Name of the database that the run's options point at, in the item's context. */
static char *
database_of(WfItem *item)
{
	int64 id = wf_json_get_int(item->options, "database_id", 0);
	WfArg args[] = {WF_ARG_INT64(id), WF_ARG_INT64(item->instance_id)};
	char *name;

	wf_item_begin("table sizes: look up");
	if (wf_spi_run(&find_database, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND,
				 psprintf("Instance " INT64_FORMAT " has no database " INT64_FORMAT ".",
						  item->instance_id, id),
				 NULL);
	name = wf_spi_copy_text(0, 1, item->context);
	wf_item_commit();
	return name;
}

/* What a refresh answers: counts, time, the snapshot's instant. */
static Jsonb *
tables_details(const char *database, const WfCapacityStage *stage,
			   const WfCapacityTablesOutcome *outcome, int64 elapsed_ms)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_int(&json, "version", 1);
	wf_json_add_text(&json, "database_name", database);
	wf_json_add_int(&json, "saved_count", outcome->saved);
	wf_json_add_int(&json, "deleted_count", outcome->deleted);
	wf_json_add_int(&json, "elapsed_ms", elapsed_ms);
	wf_json_add_time(&json, "collected_at", outcome->collected_at);
	wf_capacity_errors_json(&json, "errors", &stage->errors);
	return wf_json_end(&json);
}

static void
log_tables(const WfItem *item, const char *database, const WfCapacityTablesOutcome *outcome)
{
	WfJson json;

	wf_json_begin(&json);
	add_item(&json, item);
	wf_json_add_text(&json, "database_name", database);
	wf_json_add_int(&json, "saved_count", outcome->saved);
	wf_json_add_int(&json, "deleted_count", outcome->deleted);
	wf_log_write(WF_LOG_INFO, "capacity_sync", "table sizes refreshed", wf_json_end(&json), NULL);
}

void
wf_capacity_refresh_tables(WfItem *item)
{
	TimestampTz began = GetCurrentTimestamp(); /* a duration, not a date: the real clock */
	char *database = database_of(item);
	WfCapacityStage stage;
	WfCapacityTablesOutcome outcome;
	WfRemoteResult result;
	WfItemCounts counts = {0};
	WfJson metrics;
	MemoryContext old;
	int64 elapsed_ms;

	read_stage(item, "tables", database, take_table, &stage, &result);

	wf_item_begin("table sizes: merge");
	wf_capacity_merge_tables(item->instance_id, database, &stage, &outcome);
	elapsed_ms = TimestampDifferenceMilliseconds(began, GetCurrentTimestamp());
	old = MemoryContextSwitchTo(item->context);
	log_tables(item, database, &outcome);
	wf_json_begin(&metrics);
	add_remote(&metrics, &result);
	wf_json_add_int(&metrics, "elapsed_ms", elapsed_ms);
	counts.synced = (int) outcome.saved;
	counts.deleted = (int) outcome.deleted;
	wf_item_complete(item, &counts, wf_json_end(&metrics),
					 tables_details(database, &stage, &outcome, elapsed_ms));
	MemoryContextSwitchTo(old);
	wf_item_commit();
}
