/*
 * session_find.c - the login session behind a request.
 *
 * Every request asks, so the two rows are read by their indexes without an executor, whose start alone takes longer
 * than everything else the dispatcher does.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/clock.h"
#include "base/exchange.h"
#include "people/cookie.h"
#include "people/session.h"
#include "whalefall.h"

/* A table, and the row of it that was found. */
typedef struct Found
{
	Relation table;
	HeapTuple row;
} Found;

WfRole
wf_session_role(const char *name)
{
	for (WfRole role = WF_ROLE_VIEWER; role <= WF_ROLE_ADMIN; role++)
		if (strcmp(name, wf_caller_role_name(role)) == 0)
			return role;
	return WF_ROLE_NONE;
}

/* Open a table and find the row whose column equals a value by the index on it. Gives false when there is none. */
static bool
find_row(Found *found, const char *table, const char *index, const char *column,
		 RegProcedure equals, Datum value)
{
	Oid schema = get_namespace_oid(WF_SCHEMA, false);
	ScanKeyData key;
	SysScanDesc scan;

	found->table = table_open(get_relname_relid(table, schema), AccessShareLock);
	ScanKeyInit(&key, SPI_fnumber(RelationGetDescr(found->table), column), BTEqualStrategyNumber,
				equals, value);
	scan = systable_beginscan(found->table, get_relname_relid(index, schema), true,
							  GetActiveSnapshot(), 1, &key);
	found->row = heap_copytuple(systable_getnext(scan));
	systable_endscan(scan);
	return HeapTupleIsValid(found->row);
}

static void
close_table(Found *found)
{
	table_close(found->table, AccessShareLock);
}

static Datum
column_of(const Found *found, const char *name, bool *null)
{
	TupleDesc columns = RelationGetDescr(found->table);

	return heap_getattr(found->row, SPI_fnumber(columns, name), columns, null);
}

/* A column that is never null. */
static Datum
value_of(const Found *found, const char *name)
{
	bool null;
	Datum value = column_of(found, name, &null);

	if (null)
		elog(ERROR, "unexpected null in column \"%s\"", name);
	return value;
}

static char *
text_of(const Found *found, const char *name)
{
	return MemoryContextStrdup(wf_exchange_context(), TextDatumGetCString(value_of(found, name)));
}

static void
read_user(WfSession *session, int64 id)
{
	Found user;

	session->user_found = find_row(&user, "users", "users_pkey", "id", F_INT8EQ, Int64GetDatum(id));
	if (session->user_found)
	{
		session->user_id = id;
		session->name = text_of(&user, "username");
		session->role = wf_session_role(TextDatumGetCString(value_of(&user, "role")));
		session->user_active = DatumGetBool(value_of(&user, "is_active"));
		session->epoch = DatumGetInt32(value_of(&user, "token_epoch"));
	}
	close_table(&user);
}

/* end: the column with the instant until which the session counts. */
static void
read_session(WfSession *session, const Found *row, const char *end)
{
	Datum sid = DirectFunctionCall1(uuid_out, value_of(row, "sid"));
	bool not_revoked;

	(void) column_of(row, "revoked_at", &not_revoked);
	strlcpy(session->sid, DatumGetCString(sid), sizeof(session->sid));
	session->csrf_secret = text_of(row, "csrf_secret");
	session->alive = not_revoked && DatumGetTimestampTz(value_of(row, end)) > wf_clock_now();
}

void
wf_session_find(int64 user_id, const char *sid, WfSession *session)
{
	/* The text was checked before. */
	Datum id = DirectFunctionCall1(uuid_in, CStringGetDatum(sid));
	Found row;

	*session = (WfSession){0};
	read_user(session, user_id);
	if (!session->user_found)
		return;
	if (find_row(&row, "login_sessions", "login_sessions_pkey", "sid", F_UUID_EQ, id) &&
		DatumGetInt64(value_of(&row, "user_id")) == user_id)
		read_session(session, &row, "expires_at");
	close_table(&row);
}

void
wf_session_find_by_cookie(const uint8 *hash, WfSession *session)
{
	bytea *value = palloc(VARHDRSZ + WF_COOKIE_BYTES);
	Found row;

	SET_VARSIZE(value, VARHDRSZ + WF_COOKIE_BYTES);
	memcpy(VARDATA(value), hash, WF_COOKIE_BYTES);
	*session = (WfSession){0};
	if (find_row(&row, "login_sessions", "login_sessions_cookie_hash_key", "cookie_hash", F_BYTEAEQ,
				 PointerGetDatum(value)))
	{
		read_session(session, &row, "cookie_expires_at");
		read_user(session, DatumGetInt64(value_of(&row, "user_id")));
	}
	close_table(&row);
}
