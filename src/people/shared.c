/*
 * shared.c - what logins share between sessions.
 *
 * Attempts are counted here and not in a table: they must survive the rollback of the attempt they count, and a
 * flood of them must not write.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/errors.h"
#include "base/exchange.h"
#include "people/shared.h"

#define TRANCHE "whalefall_people"

WfPeopleShared *wf_people_shared = NULL;

static shmem_request_hook_type previous_request_hook;
static shmem_startup_hook_type previous_startup_hook;

/* This session has one of the turns, or waits for one. */
static bool hashing;
static bool waiting;
static bool exit_registered;

static void
request_shmem(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(WfPeopleShared)));
	RequestNamedLWLockTranche(TRANCHE, 1);
}

/* Runs at server start and again after every crash restart, with fresh memory: turns cannot leak. */
static void
startup_shmem(void)
{
	bool found;

	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	wf_people_shared = ShmemInitStruct(TRANCHE, sizeof(WfPeopleShared), &found);
	if (!found)
	{
		memset(wf_people_shared, 0, sizeof(WfPeopleShared));
		wf_people_shared->lock = &GetNamedLWLockTranche(TRANCHE)->lock;
		ConditionVariableInit(&wf_people_shared->hash_end);
		if (!pg_strong_random(wf_people_shared->seed, WF_SEED_BYTES))
			elog(ERROR, "could not generate random bytes");
	}
	LWLockRelease(AddinShmemInitLock);
}

void
wf_people_shared_init(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}

void
wf_people_require_shared(void)
{
	if (wf_people_shared == NULL)
		wf_raise(
			WF_ERR_WORKERS_UNAVAILABLE,
			"Attempts to log in are counted in shared memory, and the library is not preloaded.",
			"Add whalefall to shared_preload_libraries and restart the server.");
}

void
wf_people_end_hash(void)
{
	if (!hashing)
		return;
	LWLockAcquire(wf_people_shared->lock, LW_EXCLUSIVE);
	wf_people_shared->hashing--;
	LWLockRelease(wf_people_shared->lock);
	hashing = false;
	ConditionVariableSignal(&wf_people_shared->hash_end);
}

static void
end_wait(void)
{
	if (!waiting)
		return;
	LWLockAcquire(wf_people_shared->lock, LW_EXCLUSIVE);
	wf_people_shared->waiting--;
	LWLockRelease(wf_people_shared->lock);
	waiting = false;
}

/* FATAL errors, pg_terminate_backend among them, leave without coming by PG_FINALLY. */
static void
end_at_exit(int code, Datum arg)
{
	end_wait();
	wf_people_end_hash();
}

static bool
try_begin(void)
{
	LWLockAcquire(wf_people_shared->lock, LW_EXCLUSIVE);
	if (wf_people_shared->hashing < WF_HASHES_AT_ONCE)
	{
		wf_people_shared->hashing++;
		hashing = true;
	}
	LWLockRelease(wf_people_shared->lock);
	return hashing;
}

/* A flood of logins must not take all connections of the front: beyond a few nobody waits. */
static bool
try_wait(void)
{
	LWLockAcquire(wf_people_shared->lock, LW_EXCLUSIVE);
	if (wf_people_shared->waiting < WF_HASHES_WAITING)
	{
		wf_people_shared->waiting++;
		waiting = true;
	}
	LWLockRelease(wf_people_shared->lock);
	return waiting;
}

/* Sleep until somebody is done; false when the time is over. */
static bool
wait_for_turn(TimestampTz since)
{
	long waited = TimestampDifferenceMilliseconds(since, GetCurrentTimestamp());

	if (waited >= WF_HASH_WAIT_MS)
		return false;
	(void) ConditionVariableTimedSleep(&wf_people_shared->hash_end, WF_HASH_WAIT_MS - waited,
									   PG_WAIT_EXTENSION);
	return true;
}

/* Wait for a turn; false when there is none within the time. */
static bool
wait_to_begin(void)
{
	TimestampTz since = GetCurrentTimestamp();
	volatile bool begun = false;

	PG_TRY();
	{
		while (!(begun = try_begin()) && wait_for_turn(since))
			;
	}
	PG_FINALLY();
	{
		ConditionVariableCancelSleep();
		end_wait();
	}
	PG_END_TRY();
	return begun;
}

void
wf_people_begin_hash(void)
{
	if (wf_people_shared == NULL)
		return;
	Assert(!hashing && !waiting);
	if (!exit_registered)
	{
		before_shmem_exit(end_at_exit, (Datum) 0);
		exit_registered = true;
	}
	if (try_begin() || (try_wait() && wait_to_begin()))
		return;
	wf_exchange_add_header("Retry-After", psprintf("%d", WF_HASH_WAIT_MS / 1000));
	wf_raise(WF_ERR_RATE_LIMIT, "Too many passwords are being checked right now.", NULL);
}
