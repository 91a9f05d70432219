/*
 * item.h - one unit of work, as the code that does it sees it.
 *
 * A worker claims an item, calls the task's function with it, and the function
 *   1. reads the instance (wf_item_read_instance): no transaction is open meanwhile,
 *   2. starts one transaction, merges, and in that same transaction calls wf_item_complete.
 * An error raised anywhere fails the item with the error's code and text; nothing is half-written.
 */
#ifndef WF_RUNS_ITEM_H
#define WF_RUNS_ITEM_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "inventory/instance.h"
#include "remote/remote.h"

typedef struct WfItem
{
	int64 id;
	pg_uuid_t run_id;
	bool has_session;
	pg_uuid_t session_id;
	const struct WfTask *task;
	int64 instance_id; /* 0 when the item is not about an instance */
	const char *name;  /* of the item, for people */
	Jsonb *options;	   /* of the run; never NULL */
	int attempt;
	bool waited;			  /* a caller waits: longer connect timeout */
	MemoryContext context;	  /* lives until the item ends */
	WfHelper *helper;		  /* of the worker, reused for its items */
	WfInstance *instance;	  /* set by wf_item_read_instance */
	WfConnectOutcome outcome; /* of the last read; stored by complete and fail */
	bool attempted;			  /* outcome is filled */
	const char *error_type;	  /* word of the last remote error, or NULL */
} WfItem;

typedef struct WfItemCounts
{
	int synced;
	int created;
	int updated;
	int deleted;
} WfItemCounts;

/*
 * Read from the item's instance. No transaction may be open; short ones are used to load the instance and to
 * open its login. database: connect to this one instead of the instance's, or NULL. row is called for every
 * row and must only copy. When the remote side fails this raises CONNECTION_FAILED (could not connect) or
 * SYNC_DATA (could not read) with the remote text in the detail; *result then has the error_type. Returns
 * with *result filled when all went well (parts that could not be read are in result->warnings).
 */
extern void wf_item_read_instance(WfItem *item, const char *reads, const char *database,
								  WfRemoteRow row, void *arg, WfRemoteResult *result);

/*
 * Complete the item inside the transaction that wrote its results (SPI connected). Raises when the item is no
 * longer this worker's, or was cancelled: the transaction then rolls back and nothing was written.
 */
extern void wf_item_complete(WfItem *item, const WfItemCounts *counts, Jsonb *metrics,
							 Jsonb *details);

/* Transaction bracket of workers: statement time, transaction, SPI, snapshot; and back. */
extern void wf_item_begin(const char *activity);
extern void wf_item_commit(void);

/* Has somebody cancelled this item? Cheap, for loops. */
extern bool wf_item_is_cancelled(void *item);

/*
 * For the worker: the item failed with this error, unless it is terminal already (cancelled). In a transaction of
 * its own (SPI connected).
 */
extern void wf_item_fail(WfItem *item, const char *error_code, const char *message);

/* For the worker: the item was not done because another worker does the same work on the instance. */
extern void wf_item_skip(WfItem *item, const char *reason);

#endif
