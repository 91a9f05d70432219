/*
 * grants.h - a category of a snapshot as a flat, sorted list of (object, name).
 */
#ifndef WF_ACCOUNTS_GRANTS_H
#define WF_ACCOUNTS_GRANTS_H

#include "postgres.h"

#include "utils/jsonb.h"

/*
 * One privilege. Texts point into the snapshot, or are palloc'd where a path was joined.
 *   list category:      object "" and the element as name
 *   {db: [names]}:      object db
 *   deeper objects:     path joined by '/'; SQL Server's database permissions as db, db/schema,
 *                       db/schema.object, db/schema.object.column (domain 3.11)
 *   boolean attributes: object = name = the attribute, is_flag set; only true ones are listed
 *   other scalars:      object the key, name the value
 */
typedef struct WfGrant
{
	const char *object;
	const char *name;
	int object_length;
	int name_length;
	const char
		*scope; /* of SQL Server's permissions: database, schema, object, column; else NULL */
	bool is_flag;
} WfGrant;

/* List a category; NULL gives none. Sorted by object, then name, without doubles; palloc'd. */
extern int wf_grants_of(JsonbContainer *category, bool sqlserver_permissions, WfGrant **grants);

/* Order of two grants by object and name, as bytes. */
extern int wf_grant_compare(const WfGrant *a, const WfGrant *b);

extern int wf_grant_compare_objects(const WfGrant *a, const WfGrant *b);

/* Does the sorted list hold this object and name? */
extern bool wf_grants_have(const WfGrant *grants, int count, const WfGrant *wanted);

#endif
