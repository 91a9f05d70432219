/*
 * capability.h - capabilities of an account, by a table of rules (domain 3.8).
 */
#ifndef WF_ACCOUNTS_CAPABILITY_H
#define WF_ACCOUNTS_CAPABILITY_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

/* The parts of a snapshot that rules look at; NULL where the snapshot has none. */
typedef struct WfSnapshotParts
{
	const char *db_type;
	const char *username;
	JsonbContainer *categories;
	JsonbContainer *type_specific; /* of db_type */
	JsonbContainer *extra;
} WfSnapshotParts;

typedef struct WfCapability
{
	const char *name;
	int name_length;
	const char *reason; /* path=value */
} WfCapability;

extern void wf_capability_parts(const char *db_type, const char *username, Jsonb *snapshot,
								WfSnapshotParts *parts);

/*
 * The capabilities that hold at an instant, one entry per reason, sorted by name (bytes), then in the
 * order of the rules. Palloc'd; names may point into the snapshot.
 */
extern int wf_capability_find(const WfSnapshotParts *parts, TimestampTz now,
							  WfCapability **capabilities);

/* The end of validity of a PostgreSQL role; false when it has none, or one that is no ISO instant. */
extern bool wf_capability_valid_until(const WfSnapshotParts *parts, TimestampTz *until);

/* Parse an ISO 8601 instant (date, time, optional fraction, zone); false when it is none. */
extern bool wf_parse_iso_instant(const char *text, int length, TimestampTz *instant);

#endif
