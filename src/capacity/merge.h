/*
 * merge.h - staged databases and tables become rows. Inside the room only.
 *
 * Both merges run in the caller's transaction with SPI connected; they lock the instance's row, so two of
 * them never interleave. They know no driver.
 */
#ifndef WF_CAPACITY_MERGE_H
#define WF_CAPACITY_MERGE_H

#include "postgres.h"

#include "utils/date.h"
#include "utils/timestamp.h"

#include "base/json.h"
#include "capacity/stage.h"

typedef struct WfCapacityOutcome
{
	TimestampTz now;
	DateADT day;						 /* business day of now */
	const WfCapacityDatabase **followed; /* sorted by name */
	int nfollowed;
	const char **filtered; /* sorted */
	int nfiltered;
	int created;
	int refreshed;
	int reactivated;
	int deactivated;
	int saved;			/* sizes written */
	int unread;			/* followed databases without a size */
	int64 total_mb;		/* of the sizes written */
	bool instance_stat; /* the instance's total of the day was written */
} WfCapacityOutcome;

/*
 * Inventory and sizes of one instance. force overrides the guard. Memory of *outcome is the stage's context's.
 * Raises NOT_FOUND (no such instance, or deleted), INVENTORY_SUSPICIOUS, SYNC_DATA.
 */
extern void wf_capacity_merge_databases(int64 instance_id, WfCapacityStage *stage, bool force,
										WfCapacityOutcome *outcome);

/*
 * The result of a capacity sync as clients see it, with "version": 1. Lists of databases longer than
 * max_names are cut there and "truncated": true is added; 0 = no limit.
 */
extern Jsonb *wf_capacity_outcome_json(const WfCapacityOutcome *outcome,
									   const WfCapacityStage *stage, int max_names);

typedef struct WfCapacityTablesOutcome
{
	TimestampTz collected_at;
	int64 saved;
	int64 deleted;
} WfCapacityTablesOutcome;

/* Replace the table sizes of one database by the stage. Raises NOT_FOUND as above. */
extern void wf_capacity_merge_tables(int64 instance_id, const char *database,
									 const WfCapacityStage *stage,
									 WfCapacityTablesOutcome *outcome);

/* What could not be read, as an array of sentences under a key. */
extern void wf_capacity_errors_json(WfJson *json, const char *key, const WfCapacityErrors *errors);

#endif
