/*
 * api_sync.c - the operations instances_sync_accounts and instances_sync_accounts_all.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/errors.h"
#include "base/exchange.h"
#include "base/json.h"
#include "base/settings.h"
#include "runs/operation.h"
#include "whalefall.h"

WF_FUNCTION(wf_accounts_sync_one);
WF_FUNCTION(wf_accounts_sync_all);

/* What a sync did, for people; also the message of the answer. */
static const char *
sync_message(int64 synced, int64 added, int64 modified, int64 removed)
{
	char *zh = psprintf("写入账户 %lld 个：新增 %lld，变更 %lld，消失 %lld", (long long) synced,
						(long long) added, (long long) modified, (long long) removed);
	char *en =
		psprintf("%lld accounts written, %lld added, %lld changed, %lld vanished",
				 (long long) synced, (long long) added, (long long) modified, (long long) removed);

	wf_exchange_set_message(zh, en);
	return wf_setting_language == WF_LANGUAGE_EN ? en : zh;
}

/* The contract's result object of a completed sync (api part 1, 5.4), inside an open object. */
static void
add_success(WfJson *json, Jsonb *details)
{
	Jsonb *inventory = wf_json_get(details, "inventory");
	Jsonb *collection = wf_json_get(details, "collection");
	int64 synced = wf_json_get_int(collection, "processed_records", 0);
	int64 added =
		wf_json_get_int(inventory, "created", 0) + wf_json_get_int(inventory, "reactivated", 0);
	int64 modified = wf_json_get_int(collection, "updated", 0);
	int64 removed = wf_json_get_int(inventory, "deactivated", 0);

	wf_json_add_text(json, "status", "completed");
	wf_json_add_bool(json, "success", true);
	wf_json_add_text(json, "message", sync_message(synced, added, modified, removed));
	wf_json_add_int(json, "synced_count", synced);
	wf_json_add_int(json, "added_count", added);
	wf_json_add_int(json, "modified_count", modified);
	wf_json_add_int(json, "removed_count", removed);
	wf_json_open_object(json, "details");
	wf_json_add_jsonb(json, "inventory", inventory);
	wf_json_add_jsonb(json, "collection", collection);
	wf_json_close(json);
}

/* The same of a failed one: zero counts, the error, and what it was. */
static Jsonb *
failure_extra(const WfEndedItem *ended, int64 instance_id)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_int(&json, "instance_id", instance_id);
	wf_json_open_object(&json, "result");
	wf_json_add_text(&json, "status", "failed");
	wf_json_add_bool(&json, "success", false);
	wf_json_add_text(&json, "message", ended->error_message);
	wf_json_add_text(&json, "error", ended->error_message);
	wf_json_add_text(&json, "error_code", ended->error_code);
	wf_json_add_text(&json, "error_type", ended->error_type);
	wf_json_add_int(&json, "synced_count", 0);
	wf_json_add_int(&json, "added_count", 0);
	wf_json_add_int(&json, "modified_count", 0);
	wf_json_add_int(&json, "removed_count", 0);
	wf_json_close(&json);
	return wf_json_end(&json);
}

static const char *
hint_for(const WfEndedItem *ended)
{
	if (strcmp(ended->error_code, "INVENTORY_SUSPICIOUS") == 0)
		return "Check the monitoring account's grants; if the accounts are really gone, call it with"
			   " force => true.";
	return psprintf("See whalefall_api.task_run_items where run_id = '%s'.", ended->run_id);
}

/* instances_sync_accounts: {result} when done, {run_id, session_id, status} when the work goes on. */
Datum
wf_accounts_sync_one(PG_FUNCTION_ARGS)
{
	int64 instance_id = wf_operation_instance_id(fcinfo);
	bool force = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	WfEndedItem ended;
	Jsonb *answer;
	WfJson json;

	if (!wf_operation_run_one("sync_instance_accounts", instance_id, 0, force, &ended, &answer))
		PG_RETURN_TEXT_P(cstring_to_text(wf_json_text(answer)));
	if (!ended.completed)
		wf_raise_extra(WF_ERR_ACCOUNT_SYNC_FAILED, wf_json_text(failure_extra(&ended, instance_id)),
					   ended.error_message, hint_for(&ended));
	if (ended.skipped)
		wf_raise(WF_ERR_CONSTRAINT_VIOLATION, "The same work is in progress on this instance.",
				 "Wait for it to end.");
	wf_json_begin(&json);
	wf_json_open_object(&json, "result");
	add_success(&json, ended.details);
	wf_json_close(&json);
	PG_RETURN_TEXT_P(cstring_to_text(wf_json_text(wf_json_end(&json))));
}

/* instances_sync_accounts_all: {run_id, session_id}. */
Datum
wf_accounts_sync_all(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(wf_json_text(wf_operation_start_fleet("sync_accounts"))));
}
