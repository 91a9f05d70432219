/*
 * The PostgreSQL driver: one connection, opened, read and closed for one request. Within this
 * folder only.
 */
#ifndef WF_REMOTE_POSTGRESQL_DRIVER_H
#define WF_REMOTE_POSTGRESQL_DRIVER_H

#include <stdint.h>

#include <libpq-fe.h>
#include <stdbool.h>

#include "remote/common/output.h"
#include "remote/common/request.h"
#include "remote/common/resolve.h"

/* Versions as PQserverVersion numbers them. */
#define WF_PG_OLDEST 100000 /* older servers are refused */
#define WF_PG_14	 140000
#define WF_PG_16	 160000

/* Above this many pairs of role and database only what is written in the ACLs is read. */
#define WF_PG_PRIVILEGE_PAIRS_MAX "200000"
/* Above this many inherited memberships they are not read. */
#define WF_PG_EFFECTIVE_ROLES_MAX 1000000

typedef struct WfPgSession
{
	PGconn *conn;
	WfOutput *out;
	WfDeadline deadline; /* of the phase */
	int version;		 /* PQserverVersion */
	const WfRequest *request;
	int64_t effective; /* rows of inherited memberships so far */
	WfFailure failure; /* why the whole request failed; type NULL: it has not */
} WfPgSession;

/*
 * One statement of a pipeline and what becomes of its rows. Each has a synchronisation point of
 * its own, so that its failure is not the failure of the others.
 */
typedef struct WfPgPart
{
	const char *sql;
	int nparams;
	const char *params[2];
	int ncolumns; /* what the statement must answer with */
	/* Takes one row; NULL values are null pointers. Not called for a part without rows. */
	void (*row)(WfPgSession *session, const char *const *values);
	/*
	 * What a failure of this part makes unreadable, up to the first NULL: each becomes a warning.
	 * None: the whole request fails.
	 */
	const char *categories[3];
	bool optional; /* a failure does not matter at all */
} WfPgPart;

#define WF_PG_PARTS_MAX	  16
#define WF_PG_COLUMNS_MAX 16

/* Resolves, connects, pins nothing yet; false with session->failure set. Wipes the password. */
extern bool wf_pg_connect(WfPgSession *session, WfRequest *request);

/* Closes the connection, whatever state it is in. */
extern void wf_pg_close(WfPgSession *session);

/*
 * Sends all parts at once and reads their answers: one round trip. False with session->failure
 * set when a part that matters failed, the connection broke or the deadline passed.
 */
extern bool wf_pg_run(WfPgSession *session, const WfPgPart *parts, int nparts);

/* Adds the statements of a read to a list; gives the new length of the list. */
extern int wf_pg_session_parts(WfPgSession *session, WfPgPart *parts, int nparts);
extern int wf_pg_account_parts(WfPgSession *session, WfPgPart *parts, int nparts);
extern int wf_pg_database_parts(WfPgSession *session, WfPgPart *parts, int nparts);
extern int wf_pg_table_parts(WfPgSession *session, WfPgPart *parts, int nparts);
extern int wf_pg_permission_parts(WfPgSession *session, WfPgPart *parts, int nparts);

/* Classifies why a connection attempt failed, from libpq's text and the state it was in. */
extern void wf_pg_connect_failure(WfFailure *failure, const char *text, ConnStatusType last_status);

/* Takes over what the server said about a failed statement. */
extern void wf_pg_result_failure(WfFailure *failure, const PGconn *conn, const PGresult *result);

/* Sets the failure of a connection that broke while reading. */
extern void wf_pg_broken_failure(WfFailure *failure, const PGconn *conn);

#endif
