/*
 * api_lists.c - the lists of runs and sessions.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/list.h"
#include "whalefall.h"

WF_FUNCTION(wf_runs_list);
WF_FUNCTION(wf_sessions_list);

static WfList run_list = {
	.columns =
		"r.id, r.run_id, r.task_key, r.task_name, r.task_category, r.trigger_source, r.status,"
		" r.started_at, r.completed_at, r.progress_total, r.progress_completed,"
		" r.progress_failed, r.created_by, r.summary_json, r.result_url, r.error_message,"
		" r.created_at, r.updated_at",
	.from = "whalefall_api.task_runs r",
	.id = "r.id",
	.filters = {{"r.task_key = $1", TEXTOID},
				{"r.task_category = $2", TEXTOID},
				{"r.trigger_source = $3", TEXTOID},
				{"r.status = $4", TEXTOID}},
	.sorts = {{"started_at", "r.started_at"},
			  {"completed_at", "r.completed_at"},
			  {"status", "r.status"}},
	.default_sort = "started_at",
	.default_descending = true,
	.clamp = true,
	.default_limit = 20,
	.max_limit = 100,
};

static WfList session_list = {
	.columns = "s.id, s.session_id, s.sync_type, s.sync_category, s.status, s.started_at,"
			   " s.completed_at, s.total_instances, s.successful_instances, s.failed_instances,"
			   " s.created_by, s.created_at, s.updated_at",
	.from = "whalefall_api.sync_sessions s",
	.id = "s.id",
	.filters = {{"s.sync_type = $1", TEXTOID},
				{"s.sync_category = $2", TEXTOID},
				{"s.status = $3", TEXTOID}},
	.sorts = {{"started_at", "s.started_at"},
			  {"completed_at", "s.completed_at"},
			  {"status", "s.status"}},
	.default_sort = "started_at",
	.default_descending = true,
	.default_limit = 20,
	.max_limit = 100,
};

static char *
text_or_null(FunctionCallInfo fcinfo, int index)
{
	return PG_ARGISNULL(index) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(index));
}

static WfArg
int_or_null(FunctionCallInfo fcinfo, int index)
{
	return PG_ARGISNULL(index) ? WF_NULL : WF_ARG_INT32(PG_GETARG_INT32(index));
}

/* Exact filters come first, then page, page_size, sort, sort_order: both functions are declared so. */
static Datum
run_filtered(FunctionCallInfo fcinfo, WfList *list, int filter_count)
{
	WfArg filters[WF_LIST_MAX_FILTERS];
	WfListPaging paging = {.page = int_or_null(fcinfo, filter_count),
						   .page_size = int_or_null(fcinfo, filter_count + 1),
						   .sort = text_or_null(fcinfo, filter_count + 2),
						   .sort_order = text_or_null(fcinfo, filter_count + 3)};

	for (int i = 0; i < filter_count; i++)
		filters[i] = wf_arg_text(wf_list_exact(text_or_null(fcinfo, i)));
	return CStringGetTextDatum(wf_list_run(list, &paging, filters));
}

/* task_runs_list: clamping profile, newest first. */
Datum
wf_runs_list(PG_FUNCTION_ARGS)
{
	return run_filtered(fcinfo, &run_list, 4);
}

/* sync_sessions_list: strict profile, newest first. */
Datum
wf_sessions_list(PG_FUNCTION_ARGS)
{
	return run_filtered(fcinfo, &session_list, 3);
}
