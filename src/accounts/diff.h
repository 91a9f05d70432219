/*
 * diff.h - what changed between two permission states (domain 3.11).
 */
#ifndef WF_ACCOUNTS_DIFF_H
#define WF_ACCOUNTS_DIFF_H

#include "postgres.h"

#include "utils/jsonb.h"

/* One permission state; snapshot NULL = the account did not exist. */
typedef struct WfState
{
	Jsonb *snapshot;
	bool is_superuser;
	bool is_locked;
	Jsonb *public_privileges; /* of the instance at that time; NULL = unknown */
} WfState;

typedef struct WfDiff
{
	Jsonb *privilege_diff; /* {version: 1, entries: [...]} */
	Jsonb *other_diff;	   /* likewise */
	int privilege_entries;
	int other_entries;
	int granted; /* permissions over all GRANT entries */
	int revoked;
	char *descriptions; /* of the other entries, joined by "; "; "" when none */
} WfDiff;

/* Compare two states; everything palloc'd. */
extern void wf_diff_build(const char *db_type, const WfState *old, const WfState *new,
						  WfDiff *diff);

/* modify_privilege, modify_other, or NULL when nothing worth a log entry changed. */
extern const char *wf_diff_change_type(const WfDiff *diff);

/* The sentence of the change log for modify_* (diff given), or add. Palloc'd. */
extern char *wf_diff_message_modified(const char *username, const WfDiff *diff);
extern char *wf_diff_message_added(const char *username, const WfDiff *diff);

/* {version: 1, entries: []}, palloc'd. */
extern Jsonb *wf_diff_empty(void);

#endif
