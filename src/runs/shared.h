/*
 * shared.h - what launcher, workers and waiting sessions share.
 *
 * Numbers and short texts only: no pointers, no clear-text secret. `boot` changes whenever the memory is
 * made anew (server start, and every crash restart, in which the postmaster lives on): a claim stores (boot,
 * slot, generation), and is alive exactly while the slot is in use with that generation.
 */
#ifndef WF_RUNS_SHARED_H
#define WF_RUNS_SHARED_H

#include "postgres.h"

#include "storage/lwlock.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/settings.h"
#include "inventory/server_key.h"

#define WF_REQUEST_SLOTS 64
/* Workers of the queue, and one more for every session that may wait at once. */
#define WF_WORKER_SLOTS (WF_MAX_WORKERS_LIMIT + WF_REQUEST_SLOTS)

typedef struct WfClaim
{
	int64 boot;
	int32 slot;
	int64 generation;
} WfClaim;

typedef enum WfWorkerState
{
	WF_WORKER_FREE,
	WF_WORKER_STARTING,
	WF_WORKER_BUSY,
	WF_WORKER_IDLE /* waits a few seconds for more work before it ends */
} WfWorkerState;

typedef struct WfWorkerSlot
{
	WfWorkerState state;
	int64 generation;
	int pid;
	int procno;		  /* whose latch wakes it; -1 before it runs */
	int request;	  /* request slot it was started for, or -1 */
	bool cancel;	  /* stop the item at hand */
	bool clean;		  /* ended in good order: nothing to sweep */
	bool on_queue;	  /* takes items of the queue: at most whalefall.max_workers do */
	pg_uuid_t run_id; /* of the item at hand */
} WfWorkerSlot;

typedef enum WfRequestState
{
	WF_REQUEST_FREE,
	WF_REQUEST_NEW,
	WF_REQUEST_TAKEN,
	WF_REQUEST_DONE,
	WF_REQUEST_ABANDONED /* taken, but nobody waits any more: the worker frees it */
} WfRequestState;

typedef enum WfRequestVerb
{
	WF_REQUEST_TASK, /* run a task on one instance: makes run and item rows */
	WF_REQUEST_TEST	 /* connection test: leaves only a log row */
} WfRequestVerb;

/* error_code of a request whose worker ended under it. */
#define WF_REQUEST_LOST "WORKER_LOST"

typedef struct WfRequest
{
	WfRequestState state;
	int64 generation; /* random; tells a slot's next use from this one */
	int procno;		  /* who waits */
	int worker;		  /* slot of the worker it was given to, or -1 */
	int attempts;	  /* workers that ended before they took it */
	WfRequestVerb verb;
	bool bulk; /* many wait together: short connect timeout */
	int64 user_id;
	char user_name[NAMEDATALEN];
	/* what to work on */
	char task_key[64];
	int64 instance_id; /* 0 for a test with given parameters */
	int64 database_id;
	bool force;
	/* a test with given parameters */
	char db_type[16];
	char host[256];
	int port;
	char database[65];
	char label[128];
	char server_public_key[WF_SERVER_KEY_SIZE]; /* empty: none */
	bool allow_cleartext_key;
	int64 credential_id;
	char username[512];
	int secret_length;
	uint8 secret[1024]; /* sealed for ("request", generation) */
	/* the answer */
	pg_uuid_t run_id;
	bool has_run;
	bool ok;
	char error_code[32];
	char error_type[24];
	char error_id[33];
	char version[64];
	char main_version[32];
	char detailed_version[64];
	char banner[1024];
	/*
	 * What the monitoring account may do: the text of a JSON object with permissions and
	 * missing_permissions; what does not fit was left out. Empty: it could not be asked.
	 */
	char permissions[4096];
} WfRequest;

typedef struct WfShared
{
	LWLock *lock;
	int64 boot;
	int launcher_procno; /* -1 while there is none */
	bool work_pending;	 /* somebody queued work, or a worker saw more than it can do */
	bool version_warned;
	TimestampTz next_due; /* earliest back-off that ends; DT_NOEND for none */
	int waiting;		  /* sessions that wait for a request */
	WfWorkerSlot workers[WF_WORKER_SLOTS];
	WfRequest requests[WF_REQUEST_SLOTS];
} WfShared;

/* NULL when the library is not preloaded. */
extern WfShared *wf_shared;

/* To be called from _PG_init while shared_preload_libraries is processed. */
extern void wf_shared_init(void);

/* Raise WORKERS_UNAVAILABLE unless this database's queue is served by this server. */
extern void wf_shared_require_workers(void);

/* Wake the launcher now: the queue has work; or: look at the requests. */
extern void wf_shared_wake_launcher(void);
extern void wf_shared_poke_launcher(void);

/* Wake the launcher when the current transaction commits. */
extern void wf_shared_wake_at_commit(void);

/* When the current transaction commits, tell the workers of a run to stop. */
extern void wf_shared_cancel_at_commit(const pg_uuid_t *run_id);

/* Is the worker that made a claim still there? */
extern bool wf_shared_claim_is_alive(const WfClaim *claim);

/* Set the latch of a process by its number; -1 is nobody. */
extern void wf_shared_set_latch(int procno);

#endif
