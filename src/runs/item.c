/*
 * item.c - what the code that does an item's work calls: reading the instance, completing, failing.
 */
#include "postgres.h"

#include "access/xact.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/settings.h"
#include "base/spi.h"
#include "base/testpoint.h"
#include "logs/log.h"
#include "runs/item.h"
#include "runs/queue.h"
#include "runs/worker_slot.h"

/* Wraps the reader's callback, to mark the first row for tests. */
typedef struct ReadState
{
	WfRemoteRow row;
	void *arg;
	bool seen;
} ReadState;

/* The context that was current before the bracket; committing would leave us in TopMemoryContext. */
static MemoryContext outer_context;

void
wf_item_begin(const char *activity)
{
	outer_context = CurrentMemoryContext;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	wf_spi_begin();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, activity);
}

void
wf_item_commit(void)
{
	wf_spi_end();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(outer_context);
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

bool
wf_item_is_cancelled(void *item)
{
	return wf_worker_slot_cancelled();
}

static void
count_row(void *arg, const char *dataset, int nfields, const char *const *values)
{
	ReadState *state = arg;

	if (!state->seen)
		wf_testpoint("fetching");
	state->seen = true;
	state->row(state->arg, dataset, nfields, values);
}

/* Load the instance and open its login, in a short transaction of its own. */
static void
load_target(WfItem *item, const char *database, WfRemoteTarget *target, WfLogin *login)
{
	MemoryContext old;

	wf_item_begin("loading instance");
	old = MemoryContextSwitchTo(item->context);
	item->instance = wf_inventory_instance_find(item->instance_id);
	if (item->instance == NULL || item->instance->is_deleted)
		wf_raise(WF_ERR_NOT_FOUND,
				 psprintf("Instance " INT64_FORMAT " no longer exists.", item->instance_id), NULL);
	wf_inventory_login_open(item->instance->credential_id, login);
	MemoryContextSwitchTo(old);
	wf_item_commit();

	memset(target, 0, sizeof(*target));
	target->db_type = item->instance->db_type;
	target->host = item->instance->host;
	target->port = item->instance->port;
	target->dbname = database != NULL ? database : item->instance->database_name;
	target->user = login->username;
	target->password = login->password;
	target->tls_mode = item->instance->tls_mode;
	target->tls_ca = item->instance->tls_ca;
	target->server_public_key = item->instance->server_public_key;
	target->allow_cleartext_key = item->instance->allow_cleartext_key;
	target->connect_timeout_ms =
		(item->waited ? wf_setting_test_connect_timeout : wf_setting_connect_timeout) * 1000;
	target->statement_timeout_ms = wf_setting_remote_statement_timeout * 1000;
}

/* What the connection attempt says about the instance; stored when the item ends. */
static void
note_outcome(WfItem *item, const WfRemoteResult *result)
{
	MemoryContext old = MemoryContextSwitchTo(item->context);
	char *main_version;
	char *detailed_version;

	item->attempted = strcmp(result->error_type, "cancelled") != 0;
	item->outcome.ok = result->ok || strcmp(result->phase, "reading") == 0;
	item->error_type = result->ok ? NULL : pstrdup(result->error_type);
	item->outcome.error_type = item->outcome.ok ? NULL : item->error_type;
	if (item->outcome.ok && result->server_version != NULL)
	{
		wf_inventory_parse_version(item->instance->db_type, result->server_version,
								   result->server_version_num, &main_version, &detailed_version);
		item->outcome.banner = pstrdup(result->server_version);
		item->outcome.main_version = main_version;
		item->outcome.detailed_version = detailed_version;
	}
	MemoryContextSwitchTo(old);
}

/* The remote error as ours: the word first, then the server's own text. */
static void
raise_remote_error(WfItem *item, const WfRemoteResult *result)
{
	char *detail;

	if (strcmp(result->error_type, "cancelled") == 0)
		ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("the item was cancelled")));
	detail = psprintf(
		"%s: %s%s%s", result->error_type, result->message != NULL ? result->message : "no message",
		result->detail != NULL ? " " : "", result->detail != NULL ? result->detail : "");
	wf_raise(item->outcome.ok ? WF_ERR_SYNC_DATA : WF_ERR_CONNECTION_FAILED, detail, result->hint);
}

void
wf_item_read_instance(WfItem *item, const char *reads, const char *database, WfRemoteRow row,
					  void *arg, WfRemoteResult *result)
{
	WfRemoteTarget target;
	WfLogin login;
	ReadState state = {row, arg, false};

	load_target(item, database, &target, &login);
	wf_testpoint("connecting");
	pgstat_report_activity(STATE_IDLE, "reading instance");
	PG_TRY();
	{
		wf_helper_read(item->helper, &target, reads, count_row, &state, wf_item_is_cancelled, item,
					   result);
	}
	PG_FINALLY();
	{
		wf_crypto_wipe(login.password);
	}
	PG_END_TRY();
	note_outcome(item, result);
	if (!result->ok)
		raise_remote_error(item, result);
	wf_testpoint("before_write");
}

/*
 * Move the item from running to a terminal state, but only while the claim is still this worker's. false: it
 * was cancelled, or given to somebody else, and what this transaction wrote must not stay.
 */
static bool
end_item(WfItem *item, const char *status, const WfItemCounts *counts, Jsonb *metrics,
		 Jsonb *details, const char *error_code, const char *message)
{
	static WfQuery update = WF_QUERY(
		"UPDATE whalefall.task_run_items SET status = $5, completed_at = $6, items_synced = $7,"
		" items_created = $8, items_updated = $9, items_deleted = $10, metrics_json = $11,"
		" details_json = $12, error_code = $13, error_type = $14, error_message = $15"
		" WHERE id = $1 AND status = 'running' AND claim_boot = $2 AND claim_slot = $3"
		" AND claim_generation = $4",
		INT8OID, INT8OID, INT4OID, INT8OID, TEXTOID, TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID,
		INT4OID, JSONBOID, JSONBOID, TEXTOID, TEXTOID, TEXTOID);
	const WfClaim *claim = wf_worker_slot_claim();
	bool failed = error_code != NULL;
	WfArg args[] = {WF_ARG_INT64(item->id),		   WF_ARG_INT64(claim->boot),
					WF_ARG_INT32(claim->slot),	   WF_ARG_INT64(claim->generation),
					wf_arg_text(status),		   WF_ARG_TIME(wf_clock_now()),
					WF_ARG_INT32(counts->synced),  WF_ARG_INT32(counts->created),
					WF_ARG_INT32(counts->updated), WF_ARG_INT32(counts->deleted),
					WF_ARG_JSONB(metrics),		   WF_ARG_JSONB(details),
					wf_arg_text(error_code),	   wf_arg_text(failed ? item->error_type : NULL),
					wf_arg_text(message)};

	if (wf_spi_run(&update, SPI_OK_UPDATE, args) == 0)
		return false;
	if (item->attempted)
		wf_inventory_record_connect(item->instance_id, &item->outcome);
	wf_queue_item_ended(&item->run_id, failed);
	return true;
}

static void
require_ours(bool ended)
{
	if (!ended)
		ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("the item was cancelled"),
						errdetail("It is no longer this worker's; its results were discarded.")));
}

void
wf_item_complete(WfItem *item, const WfItemCounts *counts, Jsonb *metrics, Jsonb *details)
{
	wf_testpoint("mid_write");
	require_ours(end_item(item, "completed", counts, metrics, details, NULL, NULL));
	wf_testpoint("before_commit");
}

/* The log row of a failure; its context names the item, never a secret. */
static void
log_failure(WfItem *item, const char *error_code, const char *message)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "run_id",
					 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&item->run_id))));
	wf_json_add_int(&json, "instance_id", item->instance_id);
	wf_json_add_text(&json, "instance_name", item->name);
	wf_json_add_text(&json, "task_key", item->task->key);
	wf_json_add_text(&json, "error_code", error_code);
	wf_json_add_text(&json, "error_type", item->error_type);
	wf_json_add_int(&json, "attempt", item->attempt);
	wf_log_write(WF_LOG_ERROR, item->task->module, "instance failed", wf_json_end(&json), message);
}

void
wf_item_fail(WfItem *item, const char *error_code, const char *message)
{
	WfItemCounts none = {0};

	if (end_item(item, "failed", &none, NULL, NULL, error_code, message))
		log_failure(item, error_code, message);
}

void
wf_item_skip(WfItem *item, const char *reason)
{
	WfItemCounts none = {0};
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_int(&json, "version", 1);
	wf_json_add_text(&json, "skipped", reason);
	require_ours(end_item(item, "completed", &none, NULL, wf_json_end(&json), NULL, NULL));
}
