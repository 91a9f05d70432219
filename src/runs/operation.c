/*
 * operation.c - starting work for a caller, and reading how it ended.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/caller.h"
#include "base/errors.h"
#include "base/exchange.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/spi.h"
#include "inventory/instance.h"
#include "logs/log.h"
#include "runs/operation.h"
#include "runs/queue.h"
#include "runs/request.h"

static void
require_usable(int64 instance_id)
{
	WfInstance *instance = wf_inventory_instance_find(instance_id);

	if (instance == NULL || instance->is_deleted)
		wf_raise(WF_ERR_NOT_FOUND,
				 psprintf("Instance " INT64_FORMAT " does not exist.", instance_id), NULL);
	if (!instance->is_active)
		wf_raise(WF_ERR_VALIDATION, psprintf("Instance %s is not active.", instance->name),
				 "Set is_active with whalefall_api.instances_update() first.");
}

int64
wf_operation_instance_id(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		wf_raise(WF_ERR_VALIDATION, "instance_id is missing.",
				 "Ids are those of whalefall_api.instances.");
	return PG_GETARG_INT64(0);
}

/*
 * Read the only item of a run, as its worker committed it. False when it has not ended: its worker was lost before it
 * could say how, and another one will take it up.
 */
static bool
load_ended(const pg_uuid_t *run_id, MemoryContext context, WfEndedItem *ended)
{
	static WfQuery find = WF_QUERY(
		"SELECT status, details_json, coalesce(error_code, ''), error_type,"
		" coalesce(error_message, status), run_id::text, coalesce(details_json ? 'skipped', false),"
		" status IN ('pending', 'running')"
		" FROM whalefall.task_run_items WHERE run_id = $1",
		UUIDOID);
	WfArg args[] = {WF_ARG_UUID(run_id)};

	if (wf_spi_run_latest(&find, SPI_OK_SELECT, args) != 1)
		elog(ERROR, "a run has vanished");
	ended->completed = strcmp(wf_spi_text(0, 1), "completed") == 0;
	ended->details = (Jsonb *) wf_spi_copy_varlena(0, 2, context);
	ended->error_code = wf_spi_copy_text(0, 3, context);
	ended->error_type = wf_spi_copy_text(0, 4, context);
	ended->error_message = wf_spi_copy_text(0, 5, context);
	ended->run_id = wf_spi_copy_text(0, 6, context);
	ended->skipped = wf_spi_bool(0, 7);
	return !wf_spi_bool(0, 8);
}

bool
wf_operation_run_one(const char *task_key, int64 instance_id, int64 database_id, bool force,
					 WfEndedItem *ended, Jsonb **running)
{
	MemoryContext outer = CurrentMemoryContext;
	bool has_ended;
	pg_uuid_t run_id;

	wf_spi_begin();
	wf_guard_require_ready();
	require_usable(instance_id);
	has_ended = wf_request_run_task(wf_task_find(task_key), instance_id, database_id, force,
									&run_id) == WF_WAIT_DONE &&
				load_ended(&run_id, outer, ended);
	if (!has_ended)
	{
		Jsonb *answer = wf_request_running_answer(&run_id);

		*running = MemoryContextAlloc(outer, VARSIZE(answer));
		memcpy(*running, answer, VARSIZE(answer));
		wf_exchange_set_status(202);
		wf_exchange_set_message("任务仍在后台运行", "the work goes on in the background");
	}
	wf_spi_end();
	return has_ended;
}

Jsonb *
wf_operation_start_fleet(const char *task_key)
{
	MemoryContext outer = CurrentMemoryContext;
	const WfCaller *caller = wf_caller();
	WfRunRequest request = {.task = wf_task_find(task_key),
							.trigger = "manual",
							.sync_type = "manual_task",
							.user_id = caller->user_id,
							.user_name = caller->name};
	WfRun run;
	WfJson json;
	Jsonb *answer;

	wf_spi_begin();
	wf_guard_require_ready();
	wf_queue_add_fleet(&request, &run);
	wf_json_begin(&json);
	wf_json_add_text(&json, "run_id",
					 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&run.run_id))));
	wf_json_add_text(
		&json, "session_id",
		DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&run.session_id))));
	answer = wf_json_end(&json);
	wf_json_begin(&json);
	wf_json_add_text(&json, "action", psprintf("start_%s", task_key));
	wf_json_add_jsonb(&json, "run", answer);
	wf_log_write(WF_LOG_INFO, request.task->module, "fleet run queued", wf_json_end(&json), NULL);
	{
		Jsonb *copy = MemoryContextAlloc(outer, VARSIZE(answer));

		memcpy(copy, answer, VARSIZE(answer));
		answer = copy;
	}
	wf_spi_end();
	return answer;
}
