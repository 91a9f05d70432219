/*
 * worker.c - a worker: sweep what was lost, serve the request it was started for, then the queue.
 *
 * Each item runs in a memory context of its own; an error ends the item, never the worker. Between the
 * claim and the write no transaction is open.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "common/hashfn.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/guard.h"
#include "base/partition.h"
#include "base/settings.h"
#include "base/spi.h"
#include "base/testpoint.h"
#include "bgworker/tasks.h"
#include "bgworker/worker.h"
#include "connections/probe.h"
#include "runs/queue.h"
#include "runs/request.h"
#include "runs/worker_slot.h"
#include "whalefall.h"

/* An idle worker stays this long: the next request finds it warm, with its helper program running. */
#define LINGER_MS 3000

/* A row that somebody else keeps locked fails the item; it does not keep a worker for ever. */
#define LOCK_TIMEOUT "30s"

extern PGDLLEXPORT void wf_worker_main(Datum arg);

static WfHelper *helper;
static MemoryContext item_context;

/* A failure could not be written down: the next worker's sweep has to find the item. */
static bool left_open;

/* From here on this process is whalefall_owner with a pinned path, whatever login it began as. */
static void
pin_session(void)
{
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION);
	SetConfigOption("timezone", "UTC", PGC_USERSET, PGC_S_SESSION);
	SetConfigOption("role", WF_OWNER, PGC_USERSET, PGC_S_SESSION);
	/* What ALTER DATABASE or ALTER ROLE may have set must not stop background work. */
	SetConfigOption("default_transaction_read_only", "off", PGC_USERSET, PGC_S_SESSION);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET, PGC_S_SESSION);
	SetConfigOption("statement_timeout", "0", PGC_USERSET, PGC_S_SESSION);
	SetConfigOption("lock_timeout", LOCK_TIMEOUT, PGC_USERSET, PGC_S_SESSION);
#if PG_VERSION_NUM >= 170000
	SetConfigOption("transaction_timeout", "0", PGC_USERSET, PGC_S_SESSION);
#endif
	SetConfigOption("idle_in_transaction_session_timeout", "0", PGC_USERSET, PGC_S_SESSION);
}

/* Say once per server start why nothing happens. */
static void
log_idle_once(const char *reason, const char *hint)
{
	bool warned;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	warned = wf_shared->version_warned;
	wf_shared->version_warned = true;
	LWLockRelease(wf_shared->lock);
	if (!warned)
		ereport(LOG,
				(errmsg("whalefall does no background work: %s", reason), errhint("%s", hint)));
}

/* The version of the installed extension, or NULL. SPI connected, session pinned. */
static char *
installed_version(void)
{
	static WfQuery find = WF_QUERY("SELECT extversion FROM pg_catalog.pg_extension"
								   " WHERE extname = 'whalefall'",
								   InvalidOid);

	return wf_spi_run(&find, SPI_OK_SELECT, NULL) == 1 ? wf_spi_text(0, 1) : NULL;
}

/*
 * May this process work? Extension there, of our version, set up, and not a restored copy. It begins as the
 * bootstrap superuser, with whatever settings the database's owner gave it: no SQL runs before the session is
 * pinned, and the owner's search_path gone with it.
 */
static bool
check_ready(void)
{
	const char *reason = NULL;
	MemoryContext outer = CurrentMemoryContext;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!OidIsValid(get_extension_oid("whalefall", true)))
		reason = "the extension is not installed in its database";
	else
	{
		char *version;

		pin_session();
		wf_spi_begin();
		PushActiveSnapshot(GetTransactionSnapshot());
		version = installed_version();
		if (version == NULL || strcmp(version, WF_VERSION) != 0)
			reason = "library and extension differ in version";
		else if (wf_guard_is_ready(&reason))
			reason = NULL;
		wf_spi_end();
		PopActiveSnapshot();
	}
	CommitTransactionCommand();
	/* A commit leaves us in the memory that lives as long as the process. */
	MemoryContextSwitchTo(outer);
	if (reason != NULL)
		log_idle_once(reason, "Run CREATE EXTENSION or ALTER EXTENSION whalefall UPDATE, then"
							  " SELECT whalefall.setup().");
	return reason == NULL;
}

static void
prepare_database(void)
{
	wf_item_begin("preparing");
	wf_partition_ensure_current();
	wf_item_commit();
	wf_item_begin("looking for lost items");
	wf_queue_sweep();
	wf_item_commit();
}

/* One worker at a time does a kind of work on an instance: a session lock, freed even by a crash. */
static bool
lock_work(const WfItem *item, LOCKTAG *tag)
{
	uint64 key = hash_combine64(
		hash_bytes_extended((const unsigned char *) item->task->work, strlen(item->task->work), 0),
		(uint64) item->instance_id);

	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, 3);
	return LockAcquire(tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* The error's code word and text for the item; texts are palloc'd in the item's context. */
static void
describe_error(ErrorData *error, const char **code, char **message)
{
	WfErrorCode known = wf_error_code_of(error);

	*code = wf_error_row(known)->message_code;
	*message =
		psprintf("%s%s%s", error->message != NULL ? error->message : "error",
				 error->detail != NULL ? ": " : "", error->detail != NULL ? error->detail : "");
}

/* Write down why the item failed; one that was cancelled is terminal already and stays as it is. */
static void
record_failure(WfItem *item, ErrorData *error)
{
	const char *code;
	char *message;

	describe_error(error, &code, &message);
	PG_TRY();
	{
		wf_item_begin("recording failure");
		wf_item_fail(item, code, message);
		wf_item_commit();
	}
	PG_CATCH();
	{
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		left_open = true;
	}
	PG_END_TRY();
}

/* Do a claimed item: skip it, or run its function; an error fails the item. */
static void
run_item(WfItem *item)
{
	LOCKTAG tag;
	volatile bool locked = false;

	item->context = item_context;
	item->helper = helper;
	PG_TRY();
	{
		locked = lock_work(item, &tag);
		if (locked)
			wf_tasks_function(item->task->work)(item);
		else
		{
			wf_item_begin("skipping");
			wf_item_skip(item, "the same work is in progress on this instance");
			wf_item_commit();
		}
		wf_testpoint("after_commit");
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(item_context);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(item_context);
		record_failure(item, error);
	}
	PG_END_TRY();
	if (locked)
		LockRelease(&tag, ExclusiveLock, true);
}

static bool
claim_item(WfItem *item)
{
	bool claimed;

	memset(item, 0, sizeof(*item));
	item->context = item_context;
	wf_testpoint("before_claim");
	wf_item_begin("claiming");
	claimed = wf_queue_claim(wf_worker_slot_claim(), item);
	/* Before the commit: a cancel that follows it must find the run in our slot. */
	if (claimed)
		wf_worker_slot_set_busy(&item->run_id);
	wf_item_commit();
	if (claimed)
		wf_testpoint("after_claim");
	return claimed;
}

/*
 * Does the queue hold more than we can do now? Then the launcher hears of it. After a claim that found nothing,
 * what is due all the same is locked by somebody: look again in a second, instead of at once and for ever.
 */
static void
report_backlog(bool found_nothing)
{
	bool due;
	TimestampTz next;

	wf_item_begin("looking ahead");
	next = wf_queue_next_due(&due);
	wf_item_commit();
	if (due && found_nothing)
	{
		next = TimestampTzPlusMilliseconds(wf_clock_now(), 1000);
		due = false;
	}
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	wf_shared->next_due = Min(wf_shared->next_due, next);
	LWLockRelease(wf_shared->lock);
	if (due)
		wf_shared_wake_launcher();
	else if (next != DT_NOEND)
		wf_shared_poke_launcher();
}

static void
serve_queue(void)
{
	WfItem item;
	bool more = claim_item(&item);

	while (more)
	{
		report_backlog(false);
		run_item(&item);
		MemoryContextReset(item_context);
		CHECK_FOR_INTERRUPTS();
		more = claim_item(&item);
	}
	report_backlog(true);
}

/* Make run and item, committed and claimed, for a caller who waits; then do it. */
static void
serve_task_request(WfRequest *request, const WfRequest *order)
{
	WfRunRequest run_request = {.task = wf_task_find(order->task_key),
								.trigger = "manual",
								.sync_type = "manual_single",
								.user_id = order->user_id,
								.user_name = order->user_name};
	WfRun run;
	WfItem item = {0};
	int64 item_id;

	item.context = item_context;
	wf_item_begin("starting a run");
	run_request.options = wf_request_options(order->database_id, order->force);
	wf_queue_add_single(&run_request, order->instance_id, wf_worker_slot_claim(), &run, &item_id);
	wf_queue_load(item_id, &item);
	wf_worker_slot_set_busy(&run.run_id);
	wf_item_commit();
	item.waited = true;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	if (request->generation == order->generation)
	{
		request->run_id = run.run_id;
		request->has_run = true;
	}
	LWLockRelease(wf_shared->lock);
	run_item(&item);
}

/* Hand the answer over, or free the slot when nobody waits any more. */
static void
finish_request(WfRequest *request, const WfRequest *answer)
{
	int procno = -1;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	/* The slot may be somebody else's by now: then it is none of ours. */
	if (request->generation != answer->generation)
		procno = -1;
	else if (request->state == WF_REQUEST_ABANDONED)
		request->state = WF_REQUEST_FREE;
	else if (request->state == WF_REQUEST_TAKEN)
	{
		pg_uuid_t run_id = request->run_id;
		bool has_run = request->has_run;

		procno = request->procno;
		*request = *answer;
		request->procno = procno;
		request->run_id = run_id;
		request->has_run = has_run;
		request->state = WF_REQUEST_DONE;
		explicit_bzero(request->secret, sizeof(request->secret));
	}
	LWLockRelease(wf_shared->lock);
	wf_shared_set_latch(procno);
}

static void
serve_request(int index)
{
	WfRequest *request = &wf_shared->requests[index];
	WfRequest order;
	bool taken;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	/* A caller may have gone and another one come into the slot, who has a worker of his own. */
	taken = request->state == WF_REQUEST_NEW && request->worker == wf_worker_slot_claim()->slot;
	if (taken)
		request->state = WF_REQUEST_TAKEN;
	order = *request;
	LWLockRelease(wf_shared->lock);
	if (!taken)
		return;
	PG_TRY();
	{
		if (order.verb == WF_REQUEST_TASK)
			serve_task_request(request, &order);
		else
			wf_connections_probe(&order, helper, item_context);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(TopMemoryContext);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		order.ok = false;
		strlcpy(order.error_code, "INTERNAL_ERROR", sizeof(order.error_code));
	}
	PG_END_TRY();
	finish_request(request, &order);
	explicit_bzero(order.secret, sizeof(order.secret));
	MemoryContextSwitchTo(item_context);
	MemoryContextReset(item_context);
}

/* Wait for more work; false when none came and nobody gave us any in the last moment. */
static bool
linger(void)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LINGER_MS);
	long left = LINGER_MS;

	wf_worker_slot_set_idle();
	while (left > 0 && wf_worker_slot_is_idle())
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
	}
	return wf_worker_slot_leave_idle();
}

static void
work(void)
{
	do
	{
		int request = wf_worker_slot_take_request();

		wf_worker_slot_set_busy(NULL);
		if (request >= 0)
			serve_request(request);
		if (wf_worker_slot_enter_queue())
			serve_queue();
		wf_worker_slot_leave_queue();
	} while (linger() && check_ready()); /* the extension may have been changed meanwhile */
}

/* Entry point: the argument is the slot, bgw_extra holds its generation. */
void
wf_worker_main(Datum arg)
{
	int64 generation;

	pqsignal(SIGINT, StatementCancelHandler);
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	memcpy(&generation, MyBgworkerEntry->bgw_extra, sizeof(generation));
	wf_worker_slot_attach(DatumGetInt32(arg), generation);
	BackgroundWorkerInitializeConnection(wf_setting_database, NULL, 0);

	if (check_ready())
	{
		item_context =
			AllocSetContextCreate(TopMemoryContext, "whalefall item", ALLOCSET_DEFAULT_SIZES);
		helper = wf_helper_create(TopMemoryContext, wf_setting_helper_directory[0] != '\0'
														? wf_setting_helper_directory
														: NULL);
		MemoryContextSwitchTo(item_context);
		prepare_database();
		work();
		wf_helper_close(helper);
	}
	if (!left_open)
		wf_worker_slot_set_clean();
	proc_exit(0);
}
