/*
 * request.c - the waiting session's side of the request slots.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/caller.h"
#include "base/compat.h"
#include "base/errors.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/settings.h"
#include "base/spi.h"
#include "base/text.h"
#include "runs/queue.h"
#include "runs/request.h"

/* What this session holds in shared memory, so that an error or its end gives it back. */
static bool entered;
static WfTicket held[WF_REQUEST_SLOTS];
static int held_count;

/* Free an answered or untaken slot; a taken one is left to its worker. Lock held. */
static bool
release_slot(const WfTicket *ticket)
{
	WfRequest *slot = &wf_shared->requests[ticket->slot];

	if (slot->generation != ticket->generation || slot->state == WF_REQUEST_FREE)
		return false;
	if (slot->state == WF_REQUEST_TAKEN)
	{
		slot->state = WF_REQUEST_ABANDONED;
		slot->procno = -1;
		return true;
	}
	explicit_bzero(slot->secret, sizeof(slot->secret));
	slot->state = WF_REQUEST_FREE;
	return false;
}

static void
forget(const WfTicket *ticket)
{
	for (int i = 0; i < held_count; i++)
		if (held[i].slot == ticket->slot)
			held[i--] = held[--held_count];
}

void
wf_request_leave(void)
{
	if (!entered)
		return;
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < held_count; i++)
		release_slot(&held[i]);
	wf_shared->waiting--;
	LWLockRelease(wf_shared->lock);
	held_count = 0;
	entered = false;
}

static void
leave_at_exit(int code, Datum arg)
{
	wf_request_leave();
}

bool
wf_request_enter(void)
{
	static bool registered;

	if (!registered)
		before_shmem_exit(leave_at_exit, (Datum) 0);
	registered = true;
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	entered = wf_shared->waiting < wf_setting_max_waiting;
	if (entered)
		wf_shared->waiting++;
	LWLockRelease(wf_shared->lock);
	return entered;
}

void
wf_request_new(WfRequest *request, WfRequestVerb verb)
{
	const WfCaller *caller = wf_caller();

	memset(request, 0, sizeof(*request));
	request->verb = verb;
	request->state = WF_REQUEST_NEW;
	request->procno = WF_MY_PROCNO;
	request->worker = -1;
	request->user_id = caller->user_id;
	wf_text_copy(request->user_name, sizeof(request->user_name), caller->name);
	if (!pg_strong_random(&request->generation, sizeof(request->generation)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("no random numbers available")));
}

bool
wf_request_submit(const WfRequest *request, WfTicket *ticket)
{
	ticket->slot = -1;
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < WF_REQUEST_SLOTS && ticket->slot < 0; i++)
	{
		if (wf_shared->requests[i].state != WF_REQUEST_FREE)
			continue;
		wf_shared->requests[i] = *request;
		ticket->slot = i;
		ticket->generation = request->generation;
		held[held_count++] = *ticket;
	}
	LWLockRelease(wf_shared->lock);
	if (ticket->slot < 0)
		return false;
	wf_shared_poke_launcher();
	return true;
}

bool
wf_request_poll(WfTicket *ticket, WfRequest *answer)
{
	WfRequest *slot = &wf_shared->requests[ticket->slot];
	bool done;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	done = slot->state == WF_REQUEST_DONE && slot->generation == ticket->generation;
	if (done)
	{
		*answer = *slot;
		release_slot(ticket);
	}
	LWLockRelease(wf_shared->lock);
	if (done)
		forget(ticket);
	return done;
}

bool
wf_request_abandon(WfTicket *ticket, WfRequest *seen)
{
	bool taken;

	memset(seen, 0, sizeof(*seen));
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	if (wf_shared->requests[ticket->slot].generation == ticket->generation)
		*seen = wf_shared->requests[ticket->slot];
	taken = release_slot(ticket);
	LWLockRelease(wf_shared->lock);
	forget(ticket);
	return taken;
}

void
wf_request_wait(long ms)
{
	int events =
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);

	if (events & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

Jsonb *
wf_request_options(int64 database_id, bool force)
{
	WfJson json;

	wf_json_begin(&json);
	if (database_id != 0)
		wf_json_add_int(&json, "database_id", database_id);
	if (force)
		wf_json_add_bool(&json, "force", true);
	return wf_json_end(&json);
}

/* Nobody may wait, or nobody answered: an ordinary run in the queue does the work later. */
static void
queue_instead(const WfTask *task, int64 instance_id, int64 database_id, bool force,
			  pg_uuid_t *run_id)
{
	const WfCaller *caller = wf_caller();
	WfRunRequest request = {.task = task,
							.trigger = "manual",
							.sync_type = "manual_single",
							.options = wf_request_options(database_id, force),
							.user_id = caller->user_id,
							.user_name = caller->name};
	WfRun run;

	wf_queue_add_single(&request, instance_id, NULL, &run, NULL);
	*run_id = run.run_id;
}

static void
refuse_busy(const WfTask *task, int64 instance_id)
{
	pg_uuid_t busy;
	char *text;

	if (!wf_queue_find_busy(task->work, instance_id, &busy))
		return;
	text = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&busy)));
	wf_raise_extra(WF_ERR_CONSTRAINT_VIOLATION, psprintf("{\"run_id\": \"%s\"}", text),
				   psprintf("The same work is in progress on this instance, run %s.", text),
				   "Wait for that run, or cancel it with whalefall_api.task_runs_cancel().");
}

/* Wait until the answer comes or the time is over. */
static bool
wait_for_answer(WfTicket *ticket, WfRequest *answer)
{
	TimestampTz end =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), (int64) wf_setting_sync_wait * 1000);

	while (!wf_request_poll(ticket, answer))
	{
		long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);

		if (left <= 0)
			return false;
		wf_request_wait(left);
	}
	return true;
}

void
wf_request_require_clean_transaction(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("cannot wait for a remote result in this transaction"),
				 errhint("Call it outside of REPEATABLE READ and SERIALIZABLE transactions.")));
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("cannot wait for a remote result in a transaction that has written"),
				 errdetail("A worker does not see what is not committed, and waits for the rows"
						   " that are locked here."),
				 errhint("COMMIT first.")));
}

WfWaitResult
wf_request_run_task(const WfTask *task, int64 instance_id, int64 database_id, bool force,
					pg_uuid_t *run_id)
{
	WfRequest request;
	WfRequest answer;
	WfTicket ticket;
	volatile bool answered = false;
	volatile bool has_run = false;

	wf_shared_require_workers();
	wf_request_require_clean_transaction();
	refuse_busy(task, instance_id);
	if (!wf_request_enter())
	{
		queue_instead(task, instance_id, database_id, force, run_id);
		return WF_WAIT_RUNNING;
	}
	wf_request_new(&request, WF_REQUEST_TASK);
	strlcpy(request.task_key, task->key, sizeof(request.task_key));
	request.instance_id = instance_id;
	request.database_id = database_id;
	request.force = force;
	PG_TRY();
	{
		if (wf_request_submit(&request, &ticket))
		{
			answered = wait_for_answer(&ticket, &answer);
			if (!answered)
				wf_request_abandon(&ticket, &answer);
			has_run = answer.has_run;
		}
	}
	PG_FINALLY();
	{
		wf_request_leave();
	}
	PG_END_TRY();
	if (answered && strcmp(answer.error_code, WF_REQUEST_LOST) == 0)
		answered = false; /* another worker will take the run up, or has to begin it */
	if (answered && !has_run)
		wf_raise(WF_ERR_WORKERS_UNAVAILABLE, "The worker could not start the run.",
				 "The server log says why.");
	if (has_run)
		*run_id = answer.run_id;
	else
		queue_instead(task, instance_id, database_id, force, run_id);
	return answered ? WF_WAIT_DONE : WF_WAIT_RUNNING;
}

Jsonb *
wf_request_running_answer(const pg_uuid_t *run_id)
{
	static WfQuery find = WF_QUERY("SELECT run_id::text, session_id::text FROM whalefall.task_runs"
								   " WHERE run_id = $1",
								   UUIDOID);
	WfArg args[] = {WF_ARG_UUID(run_id)};
	WfJson json;

	wf_spi_run_latest(&find, SPI_OK_SELECT, args);
	wf_json_begin(&json);
	wf_json_add_text(&json, "run_id", wf_spi_text(0, 1));
	wf_json_add_text(&json, "session_id", wf_spi_text(0, 2));
	wf_json_add_text(&json, "status", "running");
	return wf_json_end(&json);
}
