/*
 * launcher.c - starts workers when there is work, and does nothing else.
 *
 * It is connected to no database, so DROP DATABASE and CREATE DATABASE ... TEMPLATE never meet it, and it runs
 * no query while idle: it sleeps on its latch until somebody commits work, a request wants an answer, a
 * worker ends, or a back-off runs out.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/settings.h"
#include "bgworker/launcher.h"
#include "bgworker/worker.h"
#include "runs/shared.h"
#include "runs/worker_slot.h"
#include "whalefall.h"

#define MAX_BACKOFF_MS		 60000
#define REQUEST_MAX_ATTEMPTS 3

extern PGDLLEXPORT void wf_launcher_main(Datum arg);

static BackgroundWorkerHandle *handles[WF_WORKER_SLOTS];
static long backoff_ms;			  /* 0: none */
static TimestampTz backoff_until; /* no start before */
static TimestampTz last_warning;

void
wf_launcher_register(void)
{
	BackgroundWorker worker = {0};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished; /* never on a standby */
	worker.bgw_restart_time = 5;
	strlcpy(worker.bgw_library_name, "whalefall", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "wf_launcher_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "whalefall launcher", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "whalefall launcher", sizeof(worker.bgw_type));
	RegisterBackgroundWorker(&worker);
}

static void
leave(int code, Datum arg)
{
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	if (wf_shared->launcher_procno == WF_MY_PROCNO)
		wf_shared->launcher_procno = -1;
	LWLockRelease(wf_shared->lock);
}

/* Start again later, twice as late every time; one warning a minute says why. */
static void
back_off(const char *reason, const char *hint)
{
	TimestampTz now = GetCurrentTimestamp();

	backoff_ms = backoff_ms == 0 ? 1000 : Min(backoff_ms * 2, MAX_BACKOFF_MS);
	backoff_until = TimestampTzPlusMilliseconds(now, backoff_ms);
	if (last_warning != 0 && !TimestampDifferenceExceeds(last_warning, now, 60000))
		return;
	last_warning = now;
	ereport(WARNING, (errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("%s", reason),
					  hint != NULL ? errhint("%s", hint) : 0));
}

/*
 * A worker is gone: a request it had not taken waits for another one, a taken one is answered as lost (its
 * run goes on when it is claimed again), an abandoned one is nobody's. Lock held.
 */
static void
take_back_requests(int index)
{
	for (int i = 0; i < WF_REQUEST_SLOTS; i++)
	{
		WfRequest *request = &wf_shared->requests[i];

		if (request->worker != index)
			continue;
		request->worker = -1;
		if (request->state == WF_REQUEST_ABANDONED)
			request->state = WF_REQUEST_FREE;
		if (request->state != WF_REQUEST_TAKEN)
			continue;
		request->state = WF_REQUEST_DONE;
		request->ok = false;
		strlcpy(request->error_code, WF_REQUEST_LOST, sizeof(request->error_code));
		strlcpy(request->error_type, "other", sizeof(request->error_type));
		wf_shared_set_latch(request->procno);
	}
}

/* Take a slot back, with the request it was given. true: its worker ended in good order, or never ran. */
static bool
free_slot(int index)
{
	WfWorkerSlot *slot = &wf_shared->workers[index];
	bool clean;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	clean = slot->clean;
	slot->state = WF_WORKER_FREE;
	slot->procno = slot->request = -1;
	slot->pid = 0;
	slot->on_queue = false;
	take_back_requests(index);
	/* What it had claimed is found by the next worker's sweep. */
	if (!clean)
		wf_shared->work_pending = true;
	LWLockRelease(wf_shared->lock);
	return clean;
}

/* A worker ended: well, and the way is free again; or not, and the next one starts a little later. */
static void
end_worker(int index)
{
	if (!free_slot(index))
		back_off("a whalefall worker ended unexpectedly", "The server log says why.");
	else
	{
		backoff_ms = 0;
		backoff_until = 0;
	}
}

/* Find workers that ended: ours by their handle, those of an earlier launcher by their process. */
static void
reap(void)
{
	for (int i = 0; i < WF_WORKER_SLOTS; i++)
	{
		WfWorkerSlot *slot = &wf_shared->workers[i];
		pid_t pid;

		if (handles[i] != NULL)
		{
			if (GetBackgroundWorkerPid(handles[i], &pid) != BGWH_STOPPED)
				continue;
			pfree(handles[i]);
			handles[i] = NULL;
			end_worker(i);
		}
		else if (slot->state != WF_WORKER_FREE &&
				 (slot->pid == 0 || BackendPidGetProc(slot->pid) == NULL))
			end_worker(i);
	}
}

static int
count_active(void)
{
	int active = 0;

	for (int i = 0; i < WF_WORKER_SLOTS; i++)
		if (wf_shared->workers[i].state != WF_WORKER_FREE)
			active++;
	return active;
}

/* Wake an idle worker for a request (or for the queue: -1); false when none is idle. */
static bool
wake_idle(int request)
{
	int procno = -1;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < WF_WORKER_SLOTS && procno < 0; i++)
	{
		WfWorkerSlot *slot = &wf_shared->workers[i];

		if (slot->state != WF_WORKER_IDLE)
			continue;
		slot->state = WF_WORKER_BUSY;
		slot->request = request;
		slot->on_queue = request < 0;
		if (request >= 0)
			wf_shared->requests[request].worker = i;
		procno = slot->procno;
	}
	LWLockRelease(wf_shared->lock);
	wf_shared_set_latch(procno);
	return procno >= 0;
}

/* Prepare a free slot; its generation tells this use from every other. */
static int
prepare_slot(int request, int64 *generation)
{
	int found = -1;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < WF_WORKER_SLOTS && found < 0; i++)
		if (wf_shared->workers[i].state == WF_WORKER_FREE && handles[i] == NULL)
			found = i;
	if (found >= 0)
	{
		WfWorkerSlot *slot = &wf_shared->workers[found];

		*generation = ++slot->generation;
		slot->state = WF_WORKER_STARTING;
		slot->pid = 0;
		slot->procno = -1;
		slot->cancel = slot->clean = false;
		slot->request = request;
		slot->on_queue = request < 0;
		if (request >= 0)
			wf_shared->requests[request].worker = found;
	}
	LWLockRelease(wf_shared->lock);
	return found;
}

/* Start a worker for a request, or for the queue (-1); false after which we back off. */
static bool
start_worker(int request)
{
	BackgroundWorker worker = {0};
	MemoryContext old;
	int64 generation;
	int index = prepare_slot(request, &generation);
	bool started;

	if (index < 0)
		return false;
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = Int32GetDatum(index);
	worker.bgw_notify_pid = MyProcPid;
	memcpy(worker.bgw_extra, &generation, sizeof(generation));
	strlcpy(worker.bgw_library_name, "whalefall", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, WF_WORKER_MAIN, sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, WF_WORKER_TYPE, sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, WF_WORKER_TYPE, sizeof(worker.bgw_type));
	old = MemoryContextSwitchTo(TopMemoryContext);
	started = RegisterDynamicBackgroundWorker(&worker, &handles[index]);
	MemoryContextSwitchTo(old);
	if (started)
		return true;
	handles[index] = NULL;
	wf_shared->workers[index].clean = true; /* it never ran: nothing to sweep */
	(void) free_slot(index);
	back_off("no background worker slot is free for whalefall",
			 "Raise max_worker_processes and restart the server; the work waits in the queue.");
	return false;
}

/* Answer a request that no worker manages to take, so that its caller hears of it. */
static void
give_up_request(WfRequest *request)
{
	int procno = -1;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	if (request->state == WF_REQUEST_NEW && request->worker < 0)
	{
		request->state = WF_REQUEST_DONE;
		request->ok = request->has_run = false;
		strlcpy(request->error_code, "WORKERS_UNAVAILABLE", sizeof(request->error_code));
		procno = request->procno;
	}
	LWLockRelease(wf_shared->lock);
	wf_shared_set_latch(procno);
}

/* Give every new request to a worker. They come before the queue, with workers of their own. */
static void
serve_requests(void)
{
	for (int i = 0; i < WF_REQUEST_SLOTS; i++)
	{
		WfRequest *request = &wf_shared->requests[i];

		if (request->state != WF_REQUEST_NEW || request->worker >= 0)
			continue;
		if (++request->attempts > REQUEST_MAX_ATTEMPTS)
			give_up_request(request);
		else if (!wake_idle(i) &&
				 (count_active() >= wf_setting_max_workers + wf_setting_max_waiting ||
				  !start_worker(i)))
		{
			request->attempts--;
			return;
		}
	}
}

/*
 * Does the database we serve exist? A heap scan, as autovacuum's launcher does it: right after initdb the
 * indexes of shared catalogs cannot be opened without a database.
 */
static bool
database_exists(void)
{
	Relation catalog;
	TableScanDesc scan;
	HeapTuple tuple;
	bool exists = false;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	catalog = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(catalog, 0, NULL);
	while (!exists && (tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
		exists = strcmp(NameStr(((Form_pg_database) GETSTRUCT(tuple))->datname),
						wf_setting_database) == 0;
	table_endscan(scan);
	table_close(catalog, AccessShareLock);
	CommitTransactionCommand();
	return exists;
}

/* Is there work for the queue's workers? Asking clears the flag: whoever queues from here on sets it again. */
static bool
take_pending(void)
{
	bool pending;

	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	if (wf_shared->next_due != DT_NOEND && wf_shared->next_due <= wf_clock_now())
	{
		wf_shared->next_due = DT_NOEND;
		wf_shared->work_pending = true;
	}
	/* While all places are taken the flag stays: those who have them come back to the queue by themselves. */
	pending = wf_shared->work_pending && wf_worker_slot_count_queue() < wf_setting_max_workers;
	if (pending)
		wf_shared->work_pending = false;
	LWLockRelease(wf_shared->lock);
	return pending;
}

/* One more worker for the queue; it asks for the next one itself when it sees more work. */
static void
serve_queue(void)
{
	if (!take_pending())
		return;
	/* After a worker ended badly its database may be gone; work for nobody is no work. */
	if (backoff_ms > 0 && !database_exists())
		return;
	if (wake_idle(-1) || start_worker(-1))
		return;
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	wf_shared->work_pending = true;
	LWLockRelease(wf_shared->lock);
}

/* Milliseconds to sleep: for ever, to the end of a back-off, or to the next due item. */
static long
sleep_ms(TimestampTz now)
{
	long ms = -1;

	if (backoff_until > now)
		ms = TimestampDifferenceMilliseconds(now, backoff_until);
	if (wf_shared->next_due != DT_NOEND)
	{
		long due = Max(TimestampDifferenceMilliseconds(wf_clock_now(), wf_shared->next_due), 10);

		ms = ms < 0 ? due : Min(ms, due);
	}
	return ms;
}

static void
sleep_on_latch(void)
{
	long ms = sleep_ms(GetCurrentTimestamp());

	WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (ms >= 0 ? WL_TIMEOUT : 0), ms,
			  PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* Entry point; called by the server with a null argument. */
void
wf_launcher_main(Datum arg)
{
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	before_shmem_exit(leave, (Datum) 0);
	LWLockAcquire(wf_shared->lock, LW_EXCLUSIVE);
	wf_shared->launcher_procno = WF_MY_PROCNO;
	LWLockRelease(wf_shared->lock);

	/* What was left open by a crash or a shutdown is found by the first worker's sweep. */
	if (database_exists())
		wf_shared->work_pending = true;

	for (;;)
	{
		reap();
		if (backoff_until <= GetCurrentTimestamp())
		{
			serve_requests();
			serve_queue();
		}
		sleep_on_latch();
	}
}
