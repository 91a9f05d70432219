/*
 * queue.h - the queue: runs, their items, and the state machine between them (domain 8.3).
 *
 * All functions need SPI connected inside a transaction.
 */
#ifndef WF_RUNS_QUEUE_H
#define WF_RUNS_QUEUE_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "runs/item.h"
#include "runs/shared.h"
#include "runs/task.h"

typedef struct WfRunRequest
{
	const WfTask *task;
	const char *trigger;   /* scheduled, manual, api */
	const char *sync_type; /* NULL: no session */
	Jsonb *options;		   /* NULL: {} */
	int64 user_id;		   /* 0: a database role asked */
	const char *user_name;
} WfRunRequest;

typedef struct WfRun
{
	pg_uuid_t run_id;
	bool has_session;
	pg_uuid_t session_id;
	int items;
} WfRun;

/*
 * Queue a run over all active instances; wakes the launcher at commit. Raises CONSTRAINT_VIOLATION with
 * extra {run_id} when the same task is still open, VALIDATION when there is no active instance.
 */
extern void wf_queue_add_fleet(const WfRunRequest *request, WfRun *run);

/*
 * Queue a run over one instance. claim: the item is born claimed by this worker (and *item_id gets its id);
 * NULL: it waits, and the launcher is woken at commit.
 */
extern void wf_queue_add_single(const WfRunRequest *request, int64 instance_id,
								const WfClaim *claim, WfRun *run, int64 *item_id);

/* The run that does this work on the instance right now; false when none does. */
extern bool wf_queue_find_busy(const char *work, int64 instance_id, pg_uuid_t *run_id);

/* Claim the oldest due item; false when none is due. Fills item (palloc'd in item->context). */
extern bool wf_queue_claim(const WfClaim *claim, WfItem *item);

/* Load an item that was born claimed. */
extern void wf_queue_load(int64 item_id, WfItem *item);

/* When the next waiting item becomes due; DT_NOEND when none waits. *due: one is due already. */
extern TimestampTz wf_queue_next_due(bool *due);

/* Give back or fail the items whose worker is gone. Returns how many there were. */
extern int wf_queue_sweep(void);

/* One item of a run ended: move the run's counters, and end the run with its last item. */
extern void wf_queue_item_ended(const pg_uuid_t *run_id, bool failed);

/* Cancel a pending or running run with its open items; false when it is neither. */
extern bool wf_queue_cancel(const pg_uuid_t *run_id);

#endif
