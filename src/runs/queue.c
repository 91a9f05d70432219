/*
 * queue.c - runs and items: adding, claiming, losing, cancelling.
 *
 * A row says what to do by task key and ids, never by SQL text. A claim is the triple (boot, slot,
 * generation) of shared.h: no lease, no heartbeat, no polling.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/settings.h"
#include "base/spi.h"
#include "runs/queue.h"
#include "runs/summary.h"

#define MAX_ATTEMPTS 3

static char *
uuid_text(const pg_uuid_t *uuid)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(uuid)));
}

static pg_uuid_t
uuid_at(uint64 row, int column, bool *isnull)
{
	pg_uuid_t uuid = {0};
	Datum value = wf_spi_datum(row, column, isnull);

	if (!*isnull)
		uuid = *DatumGetUUIDP(value);
	return uuid;
}

/* The open fleet run of a task, if any, is named in the conflict. */
static void
refuse_second_fleet_run(const WfTask *task)
{
	static WfQuery find = WF_QUERY("SELECT run_id FROM whalefall.task_runs"
								   " WHERE task_key = $1 AND is_fleet"
								   " AND status IN ('pending', 'running')",
								   TEXTOID);
	WfArg args[] = {wf_arg_text(task->key)};
	bool isnull;
	pg_uuid_t run_id;

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		return;
	run_id = uuid_at(0, 1, &isnull);
	/* Should it lie still for a reason that is over by now, this moves it. */
	wf_shared_wake_launcher();
	wf_raise_extra(WF_ERR_CONSTRAINT_VIOLATION,
				   psprintf("{\"run_id\": \"%s\"}", uuid_text(&run_id)),
				   psprintf("Task %s is still open as run %s.", task->key, uuid_text(&run_id)),
				   "Wait for that run, or cancel it with whalefall_api.task_runs_cancel().");
}

/* Insert the run's row; ON CONFLICT covers two sessions that start the same fleet task at once. */
static void
insert_run(const WfRunRequest *request, bool born_running, WfRun *run)
{
	static WfQuery insert = WF_QUERY(
		"INSERT INTO whalefall.task_runs (session_id, task_key, task_name, task_category,"
		" trigger_source, sync_type, is_fleet, options, created_by, created_by_name, result_url,"
		" status, started_at, created_at)"
		" VALUES (CASE WHEN $5::text IS NOT NULL THEN gen_random_uuid() END, $1, $2, $3, $4, $5, $6,"
		" coalesce($7, '{}'), nullif($8, 0), $9, $10, $11, $12, $13)"
		" ON CONFLICT (task_key) WHERE is_fleet AND status IN ('pending', 'running') DO NOTHING"
		" RETURNING run_id, session_id",
		TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, JSONBOID, INT8OID, TEXTOID, TEXTOID,
		TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID);
	const WfTask *task = request->task;
	TimestampTz now = wf_clock_now();
	bool isnull;
	WfArg args[] = {wf_arg_text(task->key),
					wf_arg_text(task->name),
					wf_arg_text(task->category),
					wf_arg_text(request->trigger),
					wf_arg_text(request->sync_type),
					WF_ARG_BOOL(task->is_fleet),
					WF_ARG_JSONB(request->options),
					WF_ARG_INT64(request->user_id),
					wf_arg_text(request->user_name),
					wf_arg_text(task->result_url),
					wf_arg_text(born_running ? "running" : "pending"),
					born_running ? WF_ARG_TIME(now) : WF_NULL,
					WF_ARG_TIME(now)};

	if (wf_spi_run(&insert, SPI_OK_INSERT_RETURNING, args) == 0)
	{
		refuse_second_fleet_run(task);
		wf_raise(WF_ERR_CONSTRAINT_VIOLATION,
				 psprintf("Task %s was started by somebody else a moment ago.", task->key),
				 "Try again.");
	}
	run->run_id = uuid_at(0, 1, &isnull);
	run->session_id = uuid_at(0, 2, &isnull);
	run->has_session = !isnull;
	run->items = 0;
}

static void
set_total(WfRun *run, int items)
{
	static WfQuery update = WF_QUERY("UPDATE whalefall.task_runs SET progress_total = $2"
									 " WHERE run_id = $1",
									 UUIDOID, INT4OID);
	WfArg args[] = {WF_ARG_UUID(&run->run_id), WF_ARG_INT32(items)};

	wf_spi_run(&update, SPI_OK_UPDATE, args);
	run->items = items;
}

void
wf_queue_add_fleet(const WfRunRequest *request, WfRun *run)
{
	static WfQuery insert = WF_QUERY(
		"INSERT INTO whalefall.task_run_items (run_id, work, item_type, item_key, item_name,"
		" instance_id, created_at)"
		" SELECT $1, $2, 'instance', i.id::text, i.name, i.id, $3 FROM whalefall.instances i"
		" WHERE i.is_active AND i.deleted_at IS NULL ORDER BY i.id",
		UUIDOID, TEXTOID, TIMESTAMPTZOID);
	uint64 items;

	wf_shared_require_workers();
	refuse_second_fleet_run(request->task);
	insert_run(request, false, run);
	{
		WfArg args[] = {WF_ARG_UUID(&run->run_id), wf_arg_text(request->task->work),
						WF_ARG_TIME(wf_clock_now())};

		items = wf_spi_run(&insert, SPI_OK_INSERT, args);
	}
	if (items == 0)
		wf_raise(WF_ERR_VALIDATION, "There is no active instance.",
				 "Register one with whalefall_api.instances_create().");
	set_total(run, items);
	wf_shared_wake_at_commit();
}

void
wf_queue_add_single(const WfRunRequest *request, int64 instance_id, const WfClaim *claim,
					WfRun *run, int64 *item_id)
{
	static WfQuery insert = WF_QUERY(
		"INSERT INTO whalefall.task_run_items (run_id, work, item_type, item_key, item_name,"
		" instance_id, created_at, status, attempt, claim_boot, claim_slot, claim_generation, started_at)"
		" SELECT $1, $2, 'instance', id::text, name, id, $4,"
		" CASE WHEN $5::bigint IS NULL THEN 'pending' ELSE 'running' END,"
		" CASE WHEN $5::bigint IS NULL THEN 0 ELSE 1 END, $5, $6, $7,"
		" CASE WHEN $5::bigint IS NOT NULL THEN $4 END"
		" FROM whalefall.instances WHERE id = $3 RETURNING id",
		UUIDOID, TEXTOID, INT8OID, TIMESTAMPTZOID, INT8OID, INT4OID, INT8OID);

	insert_run(request, claim != NULL, run);
	{
		WfArg args[] = {WF_ARG_UUID(&run->run_id),
						wf_arg_text(request->task->work),
						WF_ARG_INT64(instance_id),
						WF_ARG_TIME(wf_clock_now()),
						claim ? WF_ARG_INT64(claim->boot) : WF_NULL,
						claim ? WF_ARG_INT32(claim->slot) : WF_NULL,
						claim ? WF_ARG_INT64(claim->generation) : WF_NULL};

		if (wf_spi_run(&insert, SPI_OK_INSERT_RETURNING, args) == 0)
			wf_raise(WF_ERR_NOT_FOUND,
					 psprintf("Instance " INT64_FORMAT " does not exist.", instance_id), NULL);
	}
	if (item_id != NULL)
		*item_id = wf_spi_int64(0, 1);
	set_total(run, 1);
	if (claim == NULL)
		wf_shared_wake_at_commit();
}

bool
wf_queue_find_busy(const char *work, int64 instance_id, pg_uuid_t *run_id)
{
	static WfQuery find = WF_QUERY("SELECT run_id FROM whalefall.task_run_items"
								   " WHERE instance_id = $1 AND work = $2 AND status = 'running'"
								   " LIMIT 1",
								   INT8OID, TEXTOID);
	WfArg args[] = {WF_ARG_INT64(instance_id), wf_arg_text(work)};
	bool isnull;

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		return false;
	*run_id = uuid_at(0, 1, &isnull);
	return true;
}

/* A run becomes running with its first claim. */
static void
start_run(const pg_uuid_t *run_id)
{
	static WfQuery update = WF_QUERY("UPDATE whalefall.task_runs SET status = 'running',"
									 " started_at = $2 WHERE run_id = $1 AND status = 'pending'",
									 UUIDOID, TIMESTAMPTZOID);
	WfArg args[] = {WF_ARG_UUID(run_id), WF_ARG_TIME(wf_clock_now())};

	wf_spi_run(&update, SPI_OK_UPDATE, args);
}

void
wf_queue_load(int64 item_id, WfItem *item)
{
	static WfQuery find = WF_QUERY(
		"SELECT i.id, i.run_id, r.session_id, r.task_key, coalesce(i.instance_id, 0), i.item_name,"
		" r.options, i.attempt"
		" FROM whalefall.task_run_items i JOIN whalefall.task_runs r USING (run_id) WHERE i.id = $1",
		INT8OID);
	WfArg args[] = {WF_ARG_INT64(item_id)};
	bool isnull;

	if (wf_spi_run(&find, SPI_OK_SELECT, args) != 1)
		elog(ERROR, "item " INT64_FORMAT " has vanished", item_id);
	item->id = wf_spi_int64(0, 1);
	item->run_id = uuid_at(0, 2, &isnull);
	item->session_id = uuid_at(0, 3, &isnull);
	item->has_session = !isnull;
	item->task = wf_task_find(wf_spi_text(0, 4));
	item->instance_id = wf_spi_int64(0, 5);
	item->name = wf_spi_copy_text(0, 6, item->context);
	item->options = (Jsonb *) wf_spi_copy_varlena(0, 7, item->context);
	item->attempt = wf_spi_int32(0, 8);
}

bool
wf_queue_claim(const WfClaim *claim, WfItem *item)
{
	static WfQuery update =
		WF_QUERY("UPDATE whalefall.task_run_items SET status = 'running', attempt = attempt + 1,"
				 " claim_boot = $1, claim_slot = $2, claim_generation = $3, not_before = NULL,"
				 " started_at = coalesce(started_at, $4)"
				 " WHERE id = (SELECT id FROM whalefall.task_run_items"
				 "  WHERE status = 'pending' AND (not_before IS NULL OR not_before <= $4)"
				 "  ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"
				 " RETURNING id",
				 INT8OID, INT4OID, INT8OID, TIMESTAMPTZOID);
	WfArg args[] = {WF_ARG_INT64(claim->boot), WF_ARG_INT32(claim->slot),
					WF_ARG_INT64(claim->generation), WF_ARG_TIME(wf_clock_now())};

	if (wf_spi_run(&update, SPI_OK_UPDATE_RETURNING, args) == 0)
		return false;
	wf_queue_load(wf_spi_int64(0, 1), item);
	start_run(&item->run_id);
	return true;
}

/* Two questions, so that a long queue is not read to its end after every item. */
TimestampTz
wf_queue_next_due(bool *due)
{
	static WfQuery find_due =
		WF_QUERY("SELECT 1 FROM whalefall.task_run_items WHERE status = 'pending'"
				 " AND (not_before IS NULL OR not_before <= $1) LIMIT 1",
				 TIMESTAMPTZOID);
	static WfQuery find_next = WF_QUERY("SELECT min(not_before) FROM whalefall.task_run_items"
										" WHERE status = 'pending'",
										InvalidOid);
	WfArg args[] = {WF_ARG_TIME(wf_clock_now())};
	bool isnull;
	TimestampTz next;

	*due = wf_spi_run(&find_due, SPI_OK_SELECT, args) == 1;
	if (*due)
		return DT_NOEND;
	wf_spi_run(&find_next, SPI_OK_SELECT, NULL);
	next = DatumGetTimestampTz(wf_spi_datum(0, 1, &isnull));
	return isnull ? DT_NOEND : next;
}

/*
 * Give one lost item back with a back-off of base x 4^(attempt-1), or fail it after the last attempt
 * (decision 72). The claim is compared again: its worker may have ended it meanwhile.
 */
static bool
lose(int64 item_id, const pg_uuid_t *run_id, const WfClaim *claim, int attempt)
{
	static WfQuery update =
		WF_QUERY("UPDATE whalefall.task_run_items SET"
				 " status = CASE WHEN $5 THEN 'failed' ELSE 'pending' END,"
				 " not_before = $6, completed_at = CASE WHEN $5 THEN $7 END,"
				 " error_code = CASE WHEN $5 THEN 'WORKER_LOST' END,"
				 " error_message = CASE WHEN $5 THEN 'worker lost' END,"
				 " claim_boot = NULL, claim_slot = NULL, claim_generation = NULL"
				 " WHERE id = $1 AND status = 'running' AND claim_boot = $2 AND claim_slot = $3"
				 " AND claim_generation = $4",
				 INT8OID, INT8OID, INT4OID, INT8OID, BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID);
	bool last = attempt >= MAX_ATTEMPTS;
	TimestampTz now = wf_clock_now();
	int64 delay = (int64) wf_setting_test_retry_base << (2 * Max(attempt - 1, 0));
	WfArg args[] = {WF_ARG_INT64(item_id),	   WF_ARG_INT64(claim->boot),
					WF_ARG_INT32(claim->slot), WF_ARG_INT64(claim->generation),
					WF_ARG_BOOL(last),		   last ? WF_NULL : WF_ARG_TIME(now + delay * 1000),
					WF_ARG_TIME(now)};

	if (wf_spi_run(&update, SPI_OK_UPDATE, args) == 0)
		return false;
	if (last)
		wf_queue_item_ended(run_id, true);
	return true;
}

/*
 * The rows are read before the slots are looked at: a claim seen here was alive when it was written, so
 * if it is not alive now its worker is gone.
 */
int
wf_queue_sweep(void)
{
	static WfQuery find =
		WF_QUERY("SELECT id, run_id, claim_boot, claim_slot, claim_generation, attempt"
				 " FROM whalefall.task_run_items WHERE status = 'running' ORDER BY id",
				 InvalidOid);
	uint64 rows = wf_spi_run(&find, SPI_OK_SELECT, NULL);
	SPITupleTable *table = SPI_tuptable;
	int lost = 0;

	for (uint64 i = 0; i < rows; i++)
	{
		bool isnull;
		WfClaim claim;
		pg_uuid_t run_id;

		SPI_tuptable = table;
		SPI_processed = rows;
		run_id = uuid_at(i, 2, &isnull);
		claim.boot = DatumGetInt64(wf_spi_datum(i, 3, &isnull));
		claim.slot = DatumGetInt32(wf_spi_datum(i, 4, &isnull));
		claim.generation = DatumGetInt64(wf_spi_datum(i, 5, &isnull));
		if (wf_shared_claim_is_alive(&claim))
			continue;
		if (lose(wf_spi_int64(i, 1), &run_id, &claim, wf_spi_int32(i, 6)))
			lost++;
	}
	return lost;
}

/*
 * Counters move by one under the run's row lock. A terminal run keeps its status; the last item of a
 * running one ends it with its summary.
 */
void
wf_queue_item_ended(const pg_uuid_t *run_id, bool failed)
{
	static WfQuery update = WF_QUERY(
		"UPDATE whalefall.task_runs SET progress_completed = progress_completed + $2,"
		" progress_failed = progress_failed + $3 WHERE run_id = $1"
		" RETURNING status = 'running' AND progress_completed + progress_failed >= progress_total",
		UUIDOID, INT4OID, INT4OID);
	WfArg args[] = {WF_ARG_UUID(run_id), WF_ARG_INT32(failed ? 0 : 1),
					WF_ARG_INT32(failed ? 1 : 0)};

	if (wf_spi_run(&update, SPI_OK_UPDATE_RETURNING, args) == 1 && wf_spi_bool(0, 1))
		wf_summary_finish_run(run_id);
}

/*
 * Items before the run: workers lock in that order too (item, then the run's counters), so neither waits for
 * the other in a circle.
 */
bool
wf_queue_cancel(const pg_uuid_t *run_id)
{
	static WfQuery stop_items = WF_QUERY("UPDATE whalefall.task_run_items SET status = 'cancelled',"
										 " completed_at = $2"
										 " WHERE run_id = $1 AND status IN ('pending', 'running')",
										 UUIDOID, TIMESTAMPTZOID);
	static WfQuery stop_run = WF_QUERY("UPDATE whalefall.task_runs SET status = 'cancelled',"
									   " completed_at = $2, progress_failed = progress_failed + $3"
									   " WHERE run_id = $1 AND status IN ('pending', 'running')",
									   UUIDOID, TIMESTAMPTZOID, INT4OID);
	WfArg args[] = {WF_ARG_UUID(run_id), WF_ARG_TIME(wf_clock_now()), WF_NULL};

	args[2] = WF_ARG_INT32((int32) wf_spi_run(&stop_items, SPI_OK_UPDATE, args));
	if (wf_spi_run(&stop_run, SPI_OK_UPDATE, args) == 0)
		return false;
	wf_shared_cancel_at_commit(run_id);
	return true;
}
