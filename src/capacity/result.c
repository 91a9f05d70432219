/*
 * result.c - the result of a capacity sync as JSON: what a waiting caller gets and what the item keeps.
 */
#include "postgres.h"

#include "utils/date.h"
#include "utils/fmgrprotos.h"

#include "base/json.h"
#include "base/settings.h"
#include "capacity/merge.h"

#define RESULT_VERSION 1

static char *
date_text(DateADT day)
{
	return DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(day)));
}

/* How many of a list's entries are shown. */
static int
shown(int count, int max_names)
{
	return max_names > 0 ? Min(count, max_names) : count;
}

/* Databases whose size was read, by name. */
static void
add_databases(WfJson *json, const WfCapacityOutcome *outcome, int max_names)
{
	char *day = date_text(outcome->day);
	int n = shown(outcome->nfollowed, max_names);

	wf_json_open_array(json, "databases");
	for (int i = 0; i < n; i++)
	{
		const WfCapacityDatabase *database = outcome->followed[i];
		int64 size;

		if (database->size_bytes < 0)
			continue;
		size = wf_capacity_mebibytes(database->size_bytes);
		wf_json_open_object(json, NULL);
		wf_json_add_text(json, "database_name", database->name);
		wf_json_add_int(json, "size_mb", size);
		wf_json_add_int(json, "data_size_mb", size);
		wf_json_add_null(json, "log_size_mb");
		wf_json_add_text(json, "collected_date", day);
		wf_json_add_time(json, "collected_at", outcome->now);
		wf_json_add_bool(json, "is_system", database->is_system);
		wf_json_close(json);
	}
	wf_json_close(json);
}

static void
add_followed_names(WfJson *json, const char *key, const WfCapacityOutcome *outcome, int max_names)
{
	int n = shown(outcome->nfollowed, max_names);

	wf_json_open_array(json, key);
	for (int i = 0; i < n; i++)
		wf_json_add_text(json, NULL, outcome->followed[i]->name);
	wf_json_close(json);
}

static void
add_inventory(WfJson *json, const WfCapacityOutcome *outcome, int max_names)
{
	int n = shown(outcome->nfiltered, max_names);

	wf_json_open_object(json, "inventory");
	wf_json_add_int(json, "created", outcome->created);
	wf_json_add_int(json, "refreshed", outcome->refreshed);
	wf_json_add_int(json, "reactivated", outcome->reactivated);
	wf_json_add_int(json, "deactivated", outcome->deactivated);
	add_followed_names(json, "active_databases", outcome, max_names);
	wf_json_open_array(json, "filtered_databases");
	for (int i = 0; i < n; i++)
		wf_json_add_text(json, NULL, outcome->filtered[i]);
	wf_json_close(json);
	/* Whatever is followed is active after the merge: the contract has both lists. */
	add_followed_names(json, "synchronized_databases", outcome, max_names);
	wf_json_close(json);
}

void
wf_capacity_errors_json(WfJson *json, const char *key, const WfCapacityErrors *errors)
{
	wf_json_open_array(json, key);
	for (int i = 0; i < errors->count; i++)
		wf_json_add_text(json, NULL, errors->texts[i]);
	if (errors->omitted > 0)
		wf_json_add_text(json, NULL, psprintf("and " INT64_FORMAT " more", errors->omitted));
	wf_json_close(json);
}

static const char *
message_of(const WfCapacityOutcome *outcome)
{
	bool zh = wf_setting_language == WF_LANGUAGE_ZH;

	if (outcome->nfollowed == 0)
		return zh ? "没有需要采集容量的数据库" : "no database to collect sizes of";
	if (outcome->unread > 0)
		return psprintf(zh ? "容量同步完成，%d 个数据库的大小未能读取"
						   : "capacity sync completed; the size of %d databases could not be read",
						outcome->unread);
	return zh ? "容量同步完成" : "capacity sync completed";
}

Jsonb *
wf_capacity_outcome_json(const WfCapacityOutcome *outcome, const WfCapacityStage *stage,
						 int max_names)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_int(&json, "version", RESULT_VERSION);
	wf_json_add_text(&json, "status", "completed");
	add_databases(&json, outcome, max_names);
	wf_json_add_int(&json, "database_count", outcome->saved);
	wf_json_add_int(&json, "total_size_mb", outcome->total_mb);
	wf_json_add_int(&json, "saved_count", outcome->saved);
	wf_json_add_bool(&json, "instance_stat_updated", outcome->instance_stat);
	add_inventory(&json, outcome, max_names);
	wf_json_add_text(&json, "message", message_of(outcome));
	wf_capacity_errors_json(&json, "errors", &stage->errors);
	if (max_names > 0 && Max(outcome->nfollowed, outcome->nfiltered) > max_names)
		wf_json_add_bool(&json, "truncated", true);
	return wf_json_end(&json);
}
