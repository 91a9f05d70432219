/*
 * operation.h - what the sync operations of every room have in common.
 */
#ifndef WF_RUNS_OPERATION_H
#define WF_RUNS_OPERATION_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

/* The terminal item of a single-instance run. */
typedef struct WfEndedItem
{
	bool completed;
	bool skipped;		 /* completed without work: somebody else did the same */
	Jsonb *details;		 /* of a completed item, or NULL */
	char *error_code;	 /* of a failed one */
	char *error_type;	 /* may be NULL */
	char *error_message; /* never NULL when failed */
	char *run_id;
} WfEndedItem;

/*
 * Run a task on one instance and wait. Checks first that the control plane is ready and that the instance exists
 * (404), is not deleted (404) and active (400). Returns true with *ended filled (palloc'd in the caller's
 * context), or false with *running = {run_id, session_id, status} when the work goes on (202 over HTTP). SPI not
 * connected.
 */
extern bool wf_operation_run_one(const char *task_key, int64 instance_id, int64 database_id,
								 bool force, WfEndedItem *ended, Jsonb **running);

/* The first argument of an operation as an instance id; VALIDATION_ERROR when it is null. */
extern int64 wf_operation_instance_id(FunctionCallInfo fcinfo);

/* Start a task over the fleet: {run_id, session_id}. SPI not connected. */
extern Jsonb *wf_operation_start_fleet(const char *task_key);

#endif
