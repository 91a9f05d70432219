/*
 * shared.c - shared memory of the background work, and waking up at commit.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "base/errors.h"
#include "base/settings.h"
#include "runs/shared.h"

WfShared *wf_shared = NULL;

static shmem_request_hook_type previous_request_hook;
static shmem_startup_hook_type previous_startup_hook;

/* A run that is to be stopped when the transaction commits, unless its subtransaction is rolled back. */
typedef struct CancelPromise
{
	pg_uuid_t run_id;
	SubTransactionId subtransaction;
} CancelPromise;

/* What the current transaction promised to do when it commits. */
static bool wake_promised;
static List *cancels_promised; /* of CancelPromise *, in TopTransactionContext */
static bool callback_registered;

static void
request_shmem(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(WfShared)));
	RequestNamedLWLockTranche("whalefall", 1);
}

/* Runs at server start and again after every crash restart, with fresh memory. */
static void
startup_shmem(void)
{
	bool found;

	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	wf_shared = ShmemInitStruct("whalefall", sizeof(WfShared), &found);
	if (!found)
	{
		memset(wf_shared, 0, sizeof(WfShared));
		wf_shared->lock = &GetNamedLWLockTranche("whalefall")->lock;
		wf_shared->boot = GetCurrentTimestamp();
		wf_shared->launcher_procno = -1;
		wf_shared->next_due = DT_NOEND;
		for (int i = 0; i < WF_WORKER_SLOTS; i++)
			wf_shared->workers[i].procno = wf_shared->workers[i].request = -1;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
wf_shared_init(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}

void
wf_shared_require_workers(void)
{
	const char *here = get_database_name(MyDatabaseId);

	if (wf_shared == NULL)
		wf_raise(WF_ERR_WORKERS_UNAVAILABLE, "The library is not preloaded.",
				 "Add whalefall to shared_preload_libraries and restart the server.");
	if (here == NULL || strcmp(here, wf_setting_database) != 0)
		wf_raise(WF_ERR_WORKERS_UNAVAILABLE,
				 psprintf("The workers of this server serve database \"%s\".", wf_setting_database),
				 "Set whalefall.database to this database and restart the server.");
}

void
wf_shared_set_latch(int procno)
{
	if (procno >= 0)
		SetLatch(&GetPGProcByNumber(procno)->procLatch);
}

/* The launcher's latch, after noting that the queue has work if so. */
static void
wake_launcher(bool queue_has_work)
{
	int procno;

	if (wf_shared == NULL)
		return;
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	if (queue_has_work)
		wf_shared->work_pending = true;
	procno = wf_shared->launcher_procno;
	LWLockRelease(wf_shared->lock);
	wf_shared_set_latch(procno);
}

void
wf_shared_wake_launcher(void)
{
	wake_launcher(true);
}

void
wf_shared_poke_launcher(void)
{
	wake_launcher(false);
}

/* Stop the workers that are busy with a run. */
static void
cancel_now(const pg_uuid_t *run_id)
{
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < WF_WORKER_SLOTS; i++)
	{
		WfWorkerSlot *slot = &wf_shared->workers[i];

		if (slot->state != WF_WORKER_BUSY || memcmp(&slot->run_id, run_id, sizeof(pg_uuid_t)) != 0)
			continue;
		slot->cancel = true;
		wf_shared_set_latch(slot->procno);
		/* It may be waiting for a lock, or in a long statement. */
		if (slot->pid > 0)
			kill(slot->pid, SIGINT);
	}
	LWLockRelease(wf_shared->lock);
}

/* Keep the promises after commit, forget them after abort. May raise before a commit is prepared only. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	ListCell *cell;

	if (event == XACT_EVENT_PRE_PREPARE && (wake_promised || cancels_promised != NIL))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has queued or cancelled work")));
	if (event == XACT_EVENT_COMMIT)
	{
		foreach (cell, cancels_promised)
			cancel_now(&((CancelPromise *) lfirst(cell))->run_id);
		if (wake_promised)
			wf_shared_wake_launcher();
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		wake_promised = false;
		cancels_promised = NIL;
	}
}

/* A promise goes with its subtransaction: to the parent at its end, or away. A needless wake does no harm. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	ListCell *cell;

	foreach (cell, cancels_promised)
	{
		CancelPromise *promise = lfirst(cell);

		if (promise->subtransaction != mine)
			continue;
		if (event == SUBXACT_EVENT_ABORT_SUB)
			cancels_promised = foreach_delete_current(cancels_promised, cell);
		else if (event == SUBXACT_EVENT_COMMIT_SUB)
			promise->subtransaction = parent;
	}
}

static void
register_callback(void)
{
	if (callback_registered)
		return;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	callback_registered = true;
}

void
wf_shared_wake_at_commit(void)
{
	register_callback();
	wake_promised = true;
}

void
wf_shared_cancel_at_commit(const pg_uuid_t *run_id)
{
	MemoryContext old;
	CancelPromise *promise;

	if (wf_shared == NULL)
		return;
	register_callback();
	old = MemoryContextSwitchTo(TopTransactionContext);
	promise = palloc(sizeof(CancelPromise));
	promise->run_id = *run_id;
	promise->subtransaction = GetCurrentSubTransactionId();
	cancels_promised = lappend(cancels_promised, promise);
	MemoryContextSwitchTo(old);
}

bool
wf_shared_claim_is_alive(const WfClaim *claim)
{
	WfWorkerSlot *slot;
	bool alive;

	if (wf_shared == NULL || claim->boot != wf_shared->boot || claim->slot < 0 ||
		claim->slot >= WF_WORKER_SLOTS)
		return false;
	slot = &wf_shared->workers[claim->slot];
	LWLockAcquire(wf_shared->lock, LW_SHARED);
	alive = slot->state != WF_WORKER_FREE && slot->generation == claim->generation;
	LWLockRelease(wf_shared->lock);
	return alive;
}
