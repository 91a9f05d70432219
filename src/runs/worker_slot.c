/*
 * worker_slot.c - a worker's slot: taken at start, given back at every kind of ordinary exit.
 *
 * A worker that is killed gives nothing back: the server then restarts with new shared memory, and its
 * claims die with the old `boot`.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/proc.h"

#include "base/compat.h"
#include "base/settings.h"
#include "runs/worker_slot.h"

static WfClaim mine = {0, -1, 0};

static WfWorkerSlot *
my_slot(void)
{
	if (mine.slot < 0)
		elog(ERROR, "this process is not a whalefall worker");
	return &wf_shared->workers[mine.slot];
}

/* The slot is free; the launcher hears of it, to sweep what an unclean end left behind. */
static void
give_back(int code, Datum arg)
{
	WfWorkerSlot *slot = my_slot();
	int launcher;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	if (slot->generation == mine.generation)
	{
		if (slot->clean)
			slot->state = WF_WORKER_FREE;
		slot->procno = -1;
		slot->pid = 0;
		slot->cancel = slot->on_queue = false;
	}
	launcher = wf_shared->launcher_procno;
	LWLockRelease(wf_shared->lock);
	wf_shared_set_latch(launcher);
}

void
wf_worker_slot_attach(int index, int64 generation)
{
	WfWorkerSlot *slot = &wf_shared->workers[index];
	bool taken = false;

	mine.boot = wf_shared->boot;
	mine.slot = index;
	mine.generation = generation;
	before_shmem_exit(give_back, (Datum) 0);
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	if (slot->generation == generation && slot->state == WF_WORKER_STARTING)
	{
		slot->state = WF_WORKER_BUSY;
		slot->pid = MyProcPid;
		slot->procno = WF_MY_PROCNO;
		taken = true;
	}
	LWLockRelease(wf_shared->lock);
	if (!taken)
		elog(ERROR, "worker slot %d was given to somebody else", index);
}

const WfClaim *
wf_worker_slot_claim(void)
{
	(void) my_slot();
	return &mine;
}

void
wf_worker_slot_set_busy(const pg_uuid_t *run_id)
{
	WfWorkerSlot *slot = my_slot();

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	slot->state = WF_WORKER_BUSY;
	slot->cancel = false;
	if (run_id != NULL)
		slot->run_id = *run_id;
	else
		memset(&slot->run_id, 0, sizeof(slot->run_id));
	LWLockRelease(wf_shared->lock);
	/* A cancel is sent under the lock: one that came for the item before must not hit the next one. */
	QueryCancelPending = false;
}

/* Is there something the launcher could give to an idle worker? Lock held. */
static bool
work_waits(void)
{
	for (int i = 0; i < WF_REQUEST_SLOTS; i++)
		if (wf_shared->requests[i].state == WF_REQUEST_NEW && wf_shared->requests[i].worker < 0)
			return true;
	return wf_shared->work_pending;
}

void
wf_worker_slot_set_idle(void)
{
	WfWorkerSlot *slot = my_slot();
	int launcher = -1;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	slot->state = WF_WORKER_IDLE;
	slot->cancel = false;
	memset(&slot->run_id, 0, sizeof(slot->run_id));
	if (work_waits())
		launcher = wf_shared->launcher_procno;
	LWLockRelease(wf_shared->lock);
	wf_shared_set_latch(launcher);
}

bool
wf_worker_slot_cancelled(void)
{
	return mine.slot >= 0 && my_slot()->cancel;
}

int
wf_worker_slot_count_queue(void)
{
	int count = 0;

	for (int i = 0; i < WF_WORKER_SLOTS; i++)
		if (wf_shared->workers[i].state != WF_WORKER_FREE && wf_shared->workers[i].on_queue)
			count++;
	return count;
}

bool
wf_worker_slot_enter_queue(void)
{
	WfWorkerSlot *slot = my_slot();
	bool entered;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	if (!slot->on_queue && wf_worker_slot_count_queue() < wf_setting_max_workers)
		slot->on_queue = true;
	entered = slot->on_queue;
	LWLockRelease(wf_shared->lock);
	return entered;
}

void
wf_worker_slot_leave_queue(void)
{
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	my_slot()->on_queue = false;
	LWLockRelease(wf_shared->lock);
}

bool
wf_worker_slot_is_idle(void)
{
	return my_slot()->state == WF_WORKER_IDLE;
}

bool
wf_worker_slot_leave_idle(void)
{
	WfWorkerSlot *slot = my_slot();
	bool woken;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	woken = slot->state != WF_WORKER_IDLE;
	slot->state = WF_WORKER_BUSY;
	LWLockRelease(wf_shared->lock);
	return woken;
}

void
wf_worker_slot_set_clean(void)
{
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	my_slot()->clean = true;
	LWLockRelease(wf_shared->lock);
}

int
wf_worker_slot_take_request(void)
{
	WfWorkerSlot *slot = my_slot();
	int request;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	request = slot->request;
	slot->request = -1;
	LWLockRelease(wf_shared->lock);
	return request;
}
