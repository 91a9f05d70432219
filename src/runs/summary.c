/*
 * summary.c - the summary of a finished run.
 *
 * The envelope is {version, common{inputs, scope, metrics, highlights, flags}, ext{type, version, data}};
 * what a task counts follows from its kind of work.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/date.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/settings.h"
#include "base/spi.h"
#include "logs/log.h"
#include "runs/summary.h"
#include "runs/task.h"

typedef struct Totals
{
	int64 total;
	int64 successful;
	int64 failed;
	int64 synced;
	int64 created;
	int64 updated;
	int64 deleted;
	int64 size_mb;
	int64 skipped;
} Totals;

static void
load_totals(const pg_uuid_t *run_id, Totals *totals)
{
	static WfQuery find =
		WF_QUERY("SELECT count(*), count(*) FILTER (WHERE status = 'completed'),"
				 " count(*) FILTER (WHERE status IN ('failed', 'cancelled')),"
				 " coalesce(sum(items_synced), 0), coalesce(sum(items_created), 0),"
				 " coalesce(sum(items_updated), 0), coalesce(sum(items_deleted), 0),"
				 " coalesce(sum((metrics_json ->> 'total_size_mb')::bigint), 0)::bigint,"
				 " count(*) FILTER (WHERE details_json ? 'skipped')"
				 " FROM whalefall.task_run_items WHERE run_id = $1",
				 UUIDOID);
	WfArg args[] = {WF_ARG_UUID(run_id)};
	int64 *fields[] = {&totals->total,	 &totals->successful, &totals->failed,
					   &totals->synced,	 &totals->created,	  &totals->updated,
					   &totals->deleted, &totals->size_mb,	  &totals->skipped};

	wf_spi_run(&find, SPI_OK_SELECT, args);
	for (size_t i = 0; i < lengthof(fields); i++)
		*fields[i] = wf_spi_int64(0, i + 1);
}

static void
add_metric(WfJson *json, const char *key, const char *label, int64 value, const char *unit,
		   const char *tone)
{
	wf_json_open_object(json, NULL);
	wf_json_add_text(json, "key", key);
	wf_json_add_text(json, "label", label);
	wf_json_add_int(json, "value", value);
	wf_json_add_text(json, "unit", unit);
	wf_json_add_text(json, "tone", tone);
	wf_json_close(json);
}

static void
add_metrics(WfJson *json, const WfTask *task, const Totals *totals)
{
	wf_json_open_array(json, "metrics");
	add_metric(json, "instances_total", "实例总数", totals->total, NULL, "info");
	add_metric(json, "instances_successful", "成功实例", totals->successful, NULL, "success");
	add_metric(json, "instances_failed", "失败实例", totals->failed, NULL,
			   totals->failed > 0 ? "danger" : "info");
	if (strcmp(task->work, "accounts") == 0)
	{
		add_metric(json, "accounts_synced", "同步账户", totals->synced, NULL, "info");
		add_metric(json, "accounts_created", "新增账户", totals->created, NULL, "info");
		add_metric(json, "accounts_updated", "变更账户", totals->updated, NULL, "info");
		add_metric(json, "accounts_deactivated", "消失账户", totals->deleted, NULL,
				   totals->deleted > 0 ? "warning" : "info");
	}
	else if (strcmp(task->work, "capacity") == 0)
		add_metric(json, "total_size_mb", "总容量", totals->size_mb, "MB", "info");
	wf_json_close(json);
}

static void
add_scope(WfJson *json)
{
	wf_json_open_object(json, "scope");
	wf_json_open_object(json, "time");
	wf_json_add_text(json, "type", "date");
	wf_json_add_text(json, "timezone", wf_setting_timezone);
	wf_json_add_text(
		json, "date",
		DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(wf_clock_today()))));
	wf_json_close(json);
	wf_json_open_object(json, "target");
	wf_json_close(json);
	wf_json_close(json);
}

static void
add_common(WfJson *json, const WfTask *task, const Totals *totals, Jsonb *options)
{
	bool all_skipped = totals->total > 0 && totals->skipped == totals->total;

	wf_json_open_object(json, "common");
	wf_json_add_jsonb(json, "inputs", options);
	add_scope(json);
	add_metrics(json, task, totals);
	wf_json_open_array(json, "highlights");
	wf_json_close(json);
	wf_json_open_object(json, "flags");
	wf_json_add_bool(json, "skipped", all_skipped);
	wf_json_add_text(json, "skip_reason", all_skipped ? "work was already in progress" : NULL);
	wf_json_close(json);
	wf_json_close(json);
}

static void
add_ext(WfJson *json, const WfTask *task, const Totals *totals, const char *session_id)
{
	wf_json_open_object(json, "ext");
	wf_json_add_text(json, "type", task->key);
	wf_json_add_int(json, "version", 1);
	wf_json_open_object(json, "data");
	wf_json_open_object(json, "instances");
	wf_json_add_int(json, "total", totals->total);
	wf_json_add_int(json, "successful", totals->successful);
	wf_json_add_int(json, "failed", totals->failed);
	wf_json_close(json);
	if (strcmp(task->work, "accounts") == 0)
	{
		wf_json_open_object(json, "accounts");
		wf_json_add_int(json, "synced", totals->synced);
		wf_json_add_int(json, "created", totals->created);
		wf_json_add_int(json, "updated", totals->updated);
		wf_json_add_int(json, "deactivated", totals->deleted);
		wf_json_close(json);
	}
	else if (strcmp(task->work, "capacity") == 0)
		wf_json_add_int(json, "total_size_mb", totals->size_mb);
	wf_json_add_text(json, "session_id", session_id);
	wf_json_close(json);
	wf_json_close(json);
}

static Jsonb *
build_summary(const WfTask *task, const Totals *totals, Jsonb *options, const char *session_id)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_int(&json, "version", 1);
	add_common(&json, task, totals, options);
	add_ext(&json, task, totals, session_id);
	return wf_json_end(&json);
}

/* The end of a run is an event of its own, told with its totals. */
static void
log_end(const WfTask *task, const pg_uuid_t *run_id, const Totals *totals)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "run_id",
					 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(run_id))));
	wf_json_add_text(&json, "task_key", task->key);
	wf_json_add_int(&json, "items_total", totals->total);
	wf_json_add_int(&json, "items_failed", totals->failed);
	wf_log_write(totals->failed > 0 ? WF_LOG_WARNING : WF_LOG_INFO, "sync_session",
				 totals->failed > 0 ? "run failed" : "run completed", wf_json_end(&json), NULL);
}

/* Any failed or cancelled item makes the run failed; cancelled runs never come here. */
void
wf_summary_finish_run(const pg_uuid_t *run_id)
{
	static WfQuery find = WF_QUERY("SELECT task_key, options, session_id::text"
								   " FROM whalefall.task_runs WHERE run_id = $1",
								   UUIDOID);
	static WfQuery finish = WF_QUERY(
		"UPDATE whalefall.task_runs SET status = CASE WHEN $2 THEN 'failed' ELSE 'completed' END,"
		" completed_at = $3, summary_json = $4, error_message = $5"
		" WHERE run_id = $1 AND status = 'running'",
		UUIDOID, BOOLOID, TIMESTAMPTZOID, JSONBOID, TEXTOID);
	WfArg key[] = {WF_ARG_UUID(run_id)};
	Totals totals;
	const WfTask *task;
	Jsonb *summary;
	Jsonb *options;
	char *session_id;

	wf_spi_run(&find, SPI_OK_SELECT, key);
	task = wf_task_find(wf_spi_text(0, 1));
	options = (Jsonb *) wf_spi_copy_varlena(0, 2, CurrentMemoryContext);
	session_id = wf_spi_text(0, 3);
	load_totals(run_id, &totals);
	summary = build_summary(task, &totals, options, session_id);
	{
		WfArg args[] = {WF_ARG_UUID(run_id), WF_ARG_BOOL(totals.failed > 0),
						WF_ARG_TIME(wf_clock_now()), WF_ARG_JSONB(summary),
						totals.failed > 0
							? wf_arg_text(psprintf(INT64_FORMAT " of " INT64_FORMAT " items failed",
												   totals.failed, totals.total))
							: WF_NULL};

		wf_spi_run(&finish, SPI_OK_UPDATE, args);
	}
	log_end(task, run_id, &totals);
}
