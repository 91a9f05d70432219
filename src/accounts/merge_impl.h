/*
 * merge_impl.h - inside of a merge, shared by merge.c, known.c, collect.c and changes.c.
 */
#ifndef WF_ACCOUNTS_MERGE_IMPL_H
#define WF_ACCOUNTS_MERGE_IMPL_H

#include "postgres.h"

#include "accounts/merge.h"

/* Accounts per statement: few enough for small memory, many enough to hide a statement's cost. */
#define WF_MERGE_SLICE 1000

/* An account that exists at the source, with its id here. */
typedef struct WfActiveAccount
{
	int64 id;
	int staged;		 /* number in the stage */
	bool is_created; /* just now: it has no permission row */
} WfActiveAccount;

typedef struct WfMerge
{
	int64 instance_id;
	WfAccountStage *stage;
	const WfAccountMerge *options;
	WfAccountOutcome *out;
	MemoryContext context; /* lives as long as the merge */
	MemoryContext slice;   /* reset after every slice */
	MemoryContext account; /* reset after every account */
	WfActiveAccount *active;
	int nactive;
	Jsonb *old_public; /* NULL = never synced */
	Jsonb *new_public;
} WfMerge;

/* Rows of the change log that wait for one statement. */
typedef struct WfChanges
{
	int count;
	int capacity;
	Datum *columns[6]; /* account id, user name, type, message, both diffs */
} WfChanges;

/* Room for `capacity` rows in the current context. */
extern void wf_changes_init(WfChanges *changes, int capacity);

/* One row, copied into the current context; diffs NULL = empty. */
extern void wf_changes_add(WfChanges *changes, int64 account_id, const char *username,
						   const char *type, const char *message, const Jsonb *privilege_diff,
						   const Jsonb *other_diff);

/* A copy in the current context. */
extern Jsonb *wf_copy_jsonb(const Jsonb *value);

/* Write and forget the rows. */
extern void wf_changes_flush(WfMerge *merge, WfChanges *changes);

/* Phase 1: fills merge->active (ascending ids) and the inventory. */
extern void wf_merge_inventory(WfMerge *merge);

/* Phase 2. */
extern void wf_merge_collect(WfMerge *merge);

#endif
