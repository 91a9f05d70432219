/*
 * request.h - waiting for remote work inside a statement.
 *
 * A caller cannot queue a row in its own uncommitted transaction and wait for it: no worker would see it. It
 * fills a slot of shared memory instead; a worker makes the rows, commits, works and wakes the caller, who
 * reads the result with a new snapshot.
 *
 *     if (wf_request_enter())                     at most whalefall.max_waiting callers wait at once
 *         PG_TRY: wf_request_submit(...); while (!wf_request_poll(...)) wf_request_wait(...);
 *         PG_FINALLY: wf_request_leave();         whatever is unanswered goes on without us
 */
#ifndef WF_RUNS_REQUEST_H
#define WF_RUNS_REQUEST_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "runs/shared.h"
#include "runs/task.h"

typedef struct WfTicket
{
	int slot; /* -1: none */
	int64 generation;
} WfTicket;

/* May this session wait? false: too many do already. Balanced by wf_request_leave. */
extern bool wf_request_enter(void);
extern void wf_request_leave(void);

/*
 * Put a request into a free slot and wake the launcher. The request's generation must be set by
 * wf_request_new. false when no slot is free.
 */
extern bool wf_request_submit(const WfRequest *request, WfTicket *ticket);

/* A blank request of the current caller, with a fresh generation. */
extern void wf_request_new(WfRequest *request, WfRequestVerb verb);

/* Answered? Then *answer is a copy and the slot is free again. */
extern bool wf_request_poll(WfTicket *ticket, WfRequest *answer);

/* Sleep until something may have happened, at most ms; answers interrupts. */
extern void wf_request_wait(long ms);

/* Give up waiting. true when a worker has it (run_id then names its run once it has one). */
extern bool wf_request_abandon(WfTicket *ticket, WfRequest *seen);

/*
 * Raise unless a worker's commit can be seen from here and cannot be blocked from here: not in REPEATABLE READ,
 * and not after this transaction has written something.
 */
extern void wf_request_require_clean_transaction(void);

/* How one waiting call ended. */
typedef enum WfWaitResult
{
	WF_WAIT_DONE,	 /* the run's item is terminal */
	WF_WAIT_RUNNING, /* the work goes on: answer with the run */
} WfWaitResult;

/*
 * Run a task on one instance and wait for it, at most whalefall.sync_wait. run_id always gets the run.
 * Too many callers wait already, or no worker took it in time: the run is queued and WF_WAIT_RUNNING comes
 * back. Raises CONSTRAINT_VIOLATION with extra {run_id} when the same work is in progress there.
 */
extern WfWaitResult wf_request_run_task(const WfTask *task, int64 instance_id, int64 database_id,
										bool force, pg_uuid_t *run_id);

/* The answer of a call whose work goes on: {run_id, session_id, status: "running"}, SPI connected. */
extern Jsonb *wf_request_running_answer(const pg_uuid_t *run_id);

/* Options of a run as jsonb, from a request's fields. */
extern Jsonb *wf_request_options(int64 database_id, bool force);

#endif
