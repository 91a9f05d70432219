/*
 * shared.c - shared memory of the background work, and waking up at commit.
 */
#include "postgres.h"

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

/* What the current transaction promised to do when it commits. */
static bool wake_promised;
static List *cancels_promised; /* of pg_uuid_t *, in TopTransactionContext */
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

void
wf_shared_wake_launcher(void)
{
	int procno;

	if (wf_shared == NULL)
		return;
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	wf_shared->work_pending = true;
	procno = wf_shared->launcher_procno;
	LWLockRelease(wf_shared->lock);
	wf_shared_set_latch(procno);
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
	}
	LWLockRelease(wf_shared->lock);
}

/* Keep the promises after commit, forget them after abort. May not raise. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	ListCell *cell;

	if (event == XACT_EVENT_COMMIT)
	{
		foreach (cell, cancels_promised)
			cancel_now(lfirst(cell));
		if (wake_promised)
			wf_shared_wake_launcher();
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		wake_promised = false;
		cancels_promised = NIL;
	}
}

static void
register_callback(void)
{
	if (!callback_registered)
		RegisterXactCallback(at_transaction_end, NULL);
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
	pg_uuid_t *copy;

	if (wf_shared == NULL)
		return;
	register_callback();
	old = MemoryContextSwitchTo(TopTransactionContext);
	copy = palloc(sizeof(pg_uuid_t));
	*copy = *run_id;
	cancels_promised = lappend(cancels_promised, copy);
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
