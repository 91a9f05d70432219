/*
 * merge.h - bring the stored accounts of an instance to the staged state.
 */
#ifndef WF_ACCOUNTS_MERGE_H
#define WF_ACCOUNTS_MERGE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "accounts/stage.h"
#include "base/json.h"

typedef struct WfAccountMerge
{
	bool force;					 /* pass the inventory guard */
	const pg_uuid_t *session_id; /* of the change log; NULL = none */
	TimestampTz now;
} WfAccountMerge;

/* Phase 1: who exists (domain 3.9). */
typedef struct WfAccountInventory
{
	int created;
	int refreshed;
	int reactivated;
	int deactivated;
	int total_remote; /* after filtering; all of them are active now */
} WfAccountInventory;

/* Phase 2: what they may do (domain 3.10). */
typedef struct WfAccountCollection
{
	bool skipped_phase; /* there was no active account */
	int created;
	int updated;
	int skipped;
	List *errors;  /* texts */
	char *message; /* one sentence */
} WfAccountCollection;

typedef struct WfAccountOutcome
{
	WfAccountInventory inventory;
	WfAccountCollection collection;
} WfAccountOutcome;

/*
 * Merge a finished stage into the tables and the change log, in the current transaction, with SPI
 * connected; the partition of `now` must exist. Unchanged accounts are not written. *out is filled with
 * memory of the current context. Raises INVENTORY_SUSPICIOUS when too many accounts would vanish and
 * force is not set; nothing is written then.
 */
extern void wf_accounts_merge(int64 instance_id, WfAccountStage *stage,
							  const WfAccountMerge *options, WfAccountOutcome *out);

/*
 * Members inventory and collection of a result (API 5.4), into an open object. max_names: how many names
 * of active accounts to keep; 0 = all.
 */
extern void wf_accounts_outcome_json(WfJson *json, const WfAccountStage *stage,
									 const WfAccountOutcome *out, int max_names);

#endif
