/*
 * facts.h - what a permission snapshot means: capabilities, roles, privileges (domain 3.8).
 */
#ifndef WF_ACCOUNTS_FACTS_H
#define WF_ACCOUNTS_FACTS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

typedef struct WfFacts
{
	Jsonb *json;	 /* permission_facts */
	uint32 *handles; /* of intern.h; sorted by nothing, may repeat */
	int count;
	bool is_superuser;
	bool is_locked;
} WfFacts;

/*
 * Derive the facts of a snapshot as they are at an instant. Everything is palloc'd; the snapshot must
 * outlive the result. Between wf_intern_begin of the same engine and the next.
 */
extern void wf_facts_derive(const char *db_type, const char *username, Jsonb *snapshot,
							TimestampTz now, WfFacts *facts);

/*
 * Facts depend on time through valid_until alone. Does the stored lock state of an unchanged snapshot no
 * longer hold?
 */
extern bool wf_facts_lock_expired(const char *db_type, Jsonb *snapshot, bool stored_is_locked,
								  TimestampTz now);

#endif
