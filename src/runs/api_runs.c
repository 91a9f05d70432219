/*
 * api_runs.c - operations on task runs and sync sessions that are not lists.
 *
 * A sync session is a run seen by its session id; both ids lead to the same rows.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "base/caller.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/spi.h"
#include "logs/log.h"
#include "runs/queue.h"
#include "whalefall.h"

WF_FUNCTION(wf_runs_get);
WF_FUNCTION(wf_runs_error_logs);
WF_FUNCTION(wf_runs_cancel);
WF_FUNCTION(wf_sessions_get);
WF_FUNCTION(wf_sessions_error_logs);
WF_FUNCTION(wf_sessions_cancel);
WF_FUNCTION(wf_sessions_statistics);

/* A uuid given as text; what is no uuid finds no row. */
#define UUID_OR_NULL \
	"CASE WHEN $1 ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN $1::uuid END"

/* Columns of the contract's Run, RunItem, Session and Record (api part 2, sections 11 and 14). */
#define RUN_JSON                                                                                    \
	"(SELECT row_to_json(x) FROM (SELECT r.id, r.run_id, r.task_key, r.task_name, r.task_category," \
	" r.trigger_source, r.status, r.started_at, r.completed_at, r.progress_total,"                  \
	" r.progress_completed, r.progress_failed, r.created_by, r.summary_json, r.result_url,"         \
	" r.error_message, r.created_at, r.updated_at) x)"
#define ITEM_JSON                                                                               \
	"(SELECT row_to_json(x) FROM (SELECT i.id, i.run_id, i.item_type, i.item_key, i.item_name," \
	" i.instance_id, i.status, i.started_at, i.completed_at, i.metrics_json, i.details_json,"   \
	" i.error_code, i.error_type, i.error_message, i.created_at, i.updated_at) x)"
#define SESSION_COLUMNS                                                                           \
	"s.id, s.session_id, s.sync_type, s.sync_category, s.status, s.started_at, s.completed_at,"   \
	" s.total_instances, s.successful_instances, s.failed_instances, s.created_by, s.created_at," \
	" s.updated_at"
#define RECORD_JSON                                                                           \
	"(SELECT row_to_json(x) FROM (SELECT i.id, s.session_id, i.instance_id,"                  \
	" i.item_name AS instance_name, s.sync_category, i.status, i.started_at, i.completed_at," \
	" i.items_synced, i.items_created, i.items_updated, i.items_deleted, i.error_message,"    \
	" i.details_json AS sync_details, i.created_at) x)"

/* The id the operation was called with; a null is an error, not a silent nothing. */
static char *
id_argument(FunctionCallInfo fcinfo, const char *what)
{
	if (PG_ARGISNULL(0))
		wf_raise(WF_ERR_VALIDATION, psprintf("%s id is missing.", what), NULL);
	return text_to_cstring(PG_GETARG_TEXT_PP(0));
}

/*
 * One row, one json column, found by a uuid given as text; what is not a uuid, or not there, is a 404 (decision
 * 10). Returns the json as text datum.
 */
static Datum
json_by_uuid(FunctionCallInfo fcinfo, WfQuery *query, const char *what)
{
	MemoryContext outer = CurrentMemoryContext;
	char *id = id_argument(fcinfo, what);
	WfArg args[] = {wf_arg_text(id)};
	char *result = NULL;

	wf_spi_begin();
	if (wf_spi_run(query, SPI_OK_SELECT, args) == 1)
		result = wf_spi_copy_text(0, 1, outer);
	wf_spi_end();
	if (result == NULL)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("%s \"%.64s\" does not exist.", what, id), NULL);
	return CStringGetTextDatum(result);
}

Datum
wf_runs_get(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY("SELECT json_build_object('run', " RUN_JSON ", 'items',"
								   " (SELECT coalesce(json_agg(" ITEM_JSON " ORDER BY i.id), '[]')"
								   "  FROM whalefall.task_run_items i WHERE i.run_id = r.run_id))"
								   " FROM whalefall.task_runs r WHERE r.run_id = " UUID_OR_NULL,
								   TEXTOID);

	return json_by_uuid(fcinfo, &find, "Run");
}

Datum
wf_runs_error_logs(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY(
		"SELECT json_build_object('run', " RUN_JSON ", 'items', coalesce(f.items, '[]'),"
		" 'error_count', f.n)"
		" FROM whalefall.task_runs r CROSS JOIN LATERAL"
		" (SELECT json_agg(" ITEM_JSON " ORDER BY i.id) AS items, count(*) AS n"
		"  FROM whalefall.task_run_items i WHERE i.run_id = r.run_id AND i.status = 'failed') f"
		" WHERE r.run_id = " UUID_OR_NULL,
		TEXTOID);

	return json_by_uuid(fcinfo, &find, "Run");
}

Datum
wf_sessions_get(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY(
		"SELECT json_build_object('session', (SELECT row_to_json(x) FROM (SELECT " SESSION_COLUMNS
		", (SELECT coalesce(json_agg(" RECORD_JSON " ORDER BY i.created_at, i.id), '[]')"
		"   FROM whalefall.task_run_items i WHERE i.run_id = s.run_id) AS instance_records,"
		"  s.progress_percentage) x))"
		" FROM whalefall_api.sync_sessions s"
		" WHERE s.session_id = " UUID_OR_NULL,
		TEXTOID);

	return json_by_uuid(fcinfo, &find, "Session");
}

Datum
wf_sessions_error_logs(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY(
		"SELECT json_build_object('session', (SELECT row_to_json(x) FROM (SELECT " SESSION_COLUMNS
		") x),"
		" 'error_records', coalesce(f.items, '[]'), 'error_count', f.n)"
		" FROM whalefall_api.sync_sessions s CROSS JOIN LATERAL"
		" (SELECT json_agg(" RECORD_JSON " ORDER BY i.created_at, i.id) AS items, count(*) AS n"
		"  FROM whalefall.task_run_items i WHERE i.run_id = s.run_id AND i.status = 'failed') f"
		" WHERE s.session_id = " UUID_OR_NULL,
		TEXTOID);

	return json_by_uuid(fcinfo, &find, "Session");
}

/* Cancel the run that a query finds by text id; gone, or over, is a 404 as the contract wants it. */
static void
cancel_found(FunctionCallInfo fcinfo, WfQuery *find, const char *what, const char *action)
{
	char *id = id_argument(fcinfo, what);
	WfArg args[] = {wf_arg_text(id)};
	pg_uuid_t run_id;
	WfJson json;
	bool isnull;

	wf_spi_begin();
	if (wf_spi_run(find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("%s \"%.64s\" does not exist.", what, id), NULL);
	run_id = *DatumGetUUIDP(wf_spi_datum(0, 1, &isnull));
	if (!wf_queue_cancel(&run_id))
		wf_raise(WF_ERR_NOT_FOUND, psprintf("%s %s is not pending or running.", what, id),
				 "Only work that is not over can be cancelled.");
	wf_json_begin(&json);
	wf_json_add_text(&json, "action", action);
	wf_json_add_text(&json, "run_id",
					 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&run_id))));
	wf_log_write(WF_LOG_INFO, "sync_session", "run cancelled", wf_json_end(&json), NULL);
	wf_spi_end();
}

/* task_runs_cancel: stops a pending or running run; workers hear of it at commit. */
Datum
wf_runs_cancel(PG_FUNCTION_ARGS)
{
	static WfQuery find =
		WF_QUERY("SELECT run_id FROM whalefall.task_runs WHERE run_id = " UUID_OR_NULL, TEXTOID);

	cancel_found(fcinfo, &find, "Run", "task_runs_cancel");
	PG_RETURN_NULL();
}

/* sync_sessions_cancel: the same, named by the session. */
Datum
wf_sessions_cancel(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY(
		"SELECT run_id FROM whalefall.task_runs WHERE session_id = " UUID_OR_NULL, TEXTOID);

	cancel_found(fcinfo, &find, "Session", "sync_sessions_cancel");
	PG_RETURN_NULL();
}

/* sync_sessions_statistics: counters, over everything or the last hours. */
Datum
wf_sessions_statistics(PG_FUNCTION_ARGS)
{
	static WfQuery find =
		WF_QUERY("SELECT json_build_object('total_sessions', count(*),"
				 " 'running_sessions', count(*) FILTER (WHERE status = 'running'),"
				 " 'completed_sessions', count(*) FILTER (WHERE status = 'completed'),"
				 " 'failed_sessions', count(*) FILTER (WHERE status = 'failed'),"
				 " 'cancelled_sessions', count(*) FILTER (WHERE status = 'cancelled'),"
				 " 'scheduled_sessions', count(*) FILTER (WHERE sync_type = 'scheduled_task'),"
				 " 'manual_sessions', count(*) FILTER (WHERE sync_type LIKE 'manual%'),"
				 " 'by_category', json_build_object("
				 "  'account', count(*) FILTER (WHERE sync_category = 'account'),"
				 "  'capacity', count(*) FILTER (WHERE sync_category = 'capacity'),"
				 "  'config', count(*) FILTER (WHERE sync_category = 'config'),"
				 "  'aggregation', count(*) FILTER (WHERE sync_category = 'aggregation'),"
				 "  'other', count(*) FILTER (WHERE sync_category NOT IN"
				 "    ('account', 'capacity', 'config', 'aggregation'))))"
				 " FROM whalefall_api.sync_sessions"
				 " WHERE $1 IS NULL OR created_at >= now() - make_interval(hours => $1)",
				 INT4OID);
	MemoryContext outer = CurrentMemoryContext;
	WfArg args[] = {PG_ARGISNULL(0) ? WF_NULL : WF_ARG_INT32(PG_GETARG_INT32(0))};
	char *result;

	if (!PG_ARGISNULL(0) && (PG_GETARG_INT32(0) < 1 || PG_GETARG_INT32(0) > 2160))
		wf_raise(WF_ERR_VALIDATION, psprintf("hours is %d.", PG_GETARG_INT32(0)),
				 "hours is a number from 1 to 2160.");
	wf_spi_begin();
	wf_spi_run(&find, SPI_OK_SELECT, args);
	result = wf_spi_copy_text(0, 1, outer);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(result));
}
