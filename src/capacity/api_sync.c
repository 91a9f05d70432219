/*
 * api_sync.c - the operations that collect sizes: of one instance, of the fleet, of one database's tables.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/spi.h"
#include "capacity/table_list.h"
#include "runs/operation.h"
#include "whalefall.h"

WF_FUNCTION(wf_capacity_sync_one);
WF_FUNCTION(wf_capacity_sync_all);
WF_FUNCTION(wf_capacity_refresh_one);

/* A failed item as the error of the route: connection trouble, or data that cannot be used. */
static void
raise_failure(const WfEndedItem *ended, Jsonb *extra)
{
	const WfErrorRow *row = wf_error_row_by_name(ended->error_code);
	WfErrorCode code = WF_ERR_SYNC_DATA;
	const char *hint =
		psprintf("See whalefall_api.task_run_items where run_id = '%s'.", ended->run_id);

	if (row != NULL &&
		(row->code == WF_ERR_CONNECTION_FAILED || row->code == WF_ERR_CREDENTIAL_INVALID ||
		 row->code == WF_ERR_CREDENTIAL_DECRYPT_FAILED))
		code = WF_ERR_CONNECTION_FAILED;
	if (strcmp(ended->error_code, "INVENTORY_SUSPICIOUS") == 0)
		hint =
			"Check the monitoring account's grants; if the databases are really gone, call it with"
			" force => true.";
	wf_raise_extra(code, wf_json_text(extra), ended->error_message, hint);
}

static void
add_error(WfJson *json, const WfEndedItem *ended)
{
	wf_json_add_text(json, "error_code", ended->error_code);
	wf_json_add_text(json, "error_type", ended->error_type);
}

/* instances_sync_capacity: {result} when done, {run_id, session_id, status} when the work goes on. */
Datum
wf_capacity_sync_one(PG_FUNCTION_ARGS)
{
	int64 instance_id = wf_operation_instance_id(fcinfo);
	bool force = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	WfEndedItem ended;
	Jsonb *answer;
	WfJson json;

	if (!wf_operation_run_one("sync_instance_capacity", instance_id, 0, force, &ended, &answer))
		PG_RETURN_TEXT_P(cstring_to_text(wf_json_text(answer)));
	wf_json_begin(&json);
	if (!ended.completed)
	{
		wf_json_add_int(&json, "instance_id", instance_id);
		add_error(&json, &ended);
		raise_failure(&ended, wf_json_end(&json));
	}
	if (ended.skipped)
		wf_raise(WF_ERR_CONSTRAINT_VIOLATION, "The same work is in progress on this instance.",
				 "Wait for it to end.");
	wf_json_add_jsonb(&json, "result", ended.details);
	PG_RETURN_TEXT_P(cstring_to_text(wf_json_text(wf_json_end(&json))));
}

/* databases_ledgers_sync_all: {run_id, session_id}. */
Datum
wf_capacity_sync_all(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(wf_json_text(wf_operation_start_fleet("sync_databases"))));
}

/* Instance and name of a followed database; raises NOT_FOUND. */
static int64
find_database(int64 database_id, char **name)
{
	static WfQuery find = WF_QUERY("SELECT instance_id, database_name"
								   " FROM whalefall.instance_databases WHERE id = $1",
								   INT8OID);
	MemoryContext outer = CurrentMemoryContext;
	WfArg args[] = {WF_ARG_INT64(database_id)};
	int64 instance_id;

	wf_spi_begin();
	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND,
				 psprintf("Database " INT64_FORMAT " does not exist.", database_id),
				 "Database ids are those of whalefall_api.databases.");
	instance_id = wf_spi_int64(0, 1);
	*name = wf_spi_copy_text(0, 2, outer);
	wf_spi_end();
	return instance_id;
}

/* databases_table_sizes_refresh: the sizes as the list shows them, and what the refresh did. */
Datum
wf_capacity_refresh_one(PG_FUNCTION_ARGS)
{
	int64 database_id;
	int64 instance_id;
	char *name;
	WfEndedItem ended;
	Jsonb *answer;
	WfJson json;

	if (PG_ARGISNULL(0))
		wf_raise(WF_ERR_VALIDATION, "database_id is missing.", NULL);
	database_id = PG_GETARG_INT64(0);
	wf_capacity_table_list_check(fcinfo);
	instance_id = find_database(database_id, &name);
	if (!wf_operation_run_one("refresh_table_sizes", instance_id, database_id, false, &ended,
							  &answer))
		PG_RETURN_TEXT_P(cstring_to_text(wf_json_text(answer)));
	wf_json_begin(&json);
	if (!ended.completed)
	{
		wf_json_add_int(&json, "instance_id", instance_id);
		wf_json_add_text(&json, "database_name", name);
		add_error(&json, &ended);
		raise_failure(&ended, wf_json_end(&json));
	}
	if (ended.skipped)
		wf_raise(WF_ERR_CONSTRAINT_VIOLATION, "The same work is in progress on this instance.",
				 "Wait for it to end.");
	PG_RETURN_DATUM(wf_capacity_table_list(fcinfo, instance_id, name, ended.details));
}
