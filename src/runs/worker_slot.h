/*
 * worker_slot.h - this process's place among the workers; empty in ordinary sessions.
 */
#ifndef WF_RUNS_WORKER_SLOT_H
#define WF_RUNS_WORKER_SLOT_H

#include "postgres.h"

#include "runs/shared.h"

/* Take the slot the launcher prepared; it is given back when the process ends. */
extern void wf_worker_slot_attach(int index, int64 generation);

/* The claim of this worker; raises an internal error in another kind of process. */
extern const WfClaim *wf_worker_slot_claim(void);

/* Busy with an item of a run (NULL: with a request that has none), or idle. */
extern void wf_worker_slot_set_busy(const pg_uuid_t *run_id);
extern void wf_worker_slot_set_idle(void);

/* Was the item at hand cancelled? */
extern bool wf_worker_slot_cancelled(void);

/*
 * A place at the queue: at most whalefall.max_workers workers take items at once, however many serve requests.
 * enter: false when there is none. leave: when the queue has nothing more to do.
 */
extern bool wf_worker_slot_enter_queue(void);
extern void wf_worker_slot_leave_queue(void);

/* Workers at the queue, or about to be. Lock held. */
extern int wf_worker_slot_count_queue(void);

/* Still idle? */
extern bool wf_worker_slot_is_idle(void);

/* Idle no longer. false: nobody gave us work, and from now on nobody can (the slot is on its way out). */
extern bool wf_worker_slot_leave_idle(void);

/* This worker ends in good order, with nothing left to sweep. */
extern void wf_worker_slot_set_clean(void);

/* The request slot this worker was started or woken for, or -1; asking takes it. */
extern int wf_worker_slot_take_request(void);

#endif
