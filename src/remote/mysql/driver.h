/*
 * The MySQL and MariaDB driver: one connection, opened, read and closed for one request. Within
 * this folder only.
 */
#ifndef WF_REMOTE_MYSQL_DRIVER_H
#define WF_REMOTE_MYSQL_DRIVER_H

#include <mysql.h>
#include <stdbool.h>

#include "remote/common/output.h"
#include "remote/common/request.h"
#include "remote/common/resolve.h"
#include "remote/mysql/accounts.h"

/* Versions as major * 10000 + minor * 100 + patch. */
#define WF_MY_OLDEST		 50600 /* older servers are refused */
#define WF_MY_TIMED_SELECT	 50708 /* max_execution_time */
#define WF_MY_8				 80000 /* roles, plain names of tablespaces */
#define WF_MY_PARTIAL_REVOKE 80016
#define WF_MARIA_TIMED		 100101 /* max_statement_time */
#define WF_MARIA_GLOBAL_PRIV 100400

/* Round trips after connecting, however many accounts there are and whatever fails. */
#define WF_MY_ROUND_TRIPS_MAX 8

typedef struct WfMySession
{
	MYSQL *mysql;
	WfOutput *out;
	WfDeadline deadline; /* of the phase */
	const WfRequest *request;
	bool mariadb;
	int version;
	bool encrypted;
	WfFailure failure; /* why the whole request failed; type NULL: it has not */
	WfMyAccounts accounts;
	struct WfMySizes *sizes;
} WfMySession;

/*
 * One statement and what becomes of its rows. Several are sent at once; the one that fails ends
 * its batch, and the rest is sent again.
 */
typedef struct WfMyPart
{
	const char *sql;
	int ncolumns; /* what the statement must answer with; 0: no rows */
	/* Takes one row; NULL values are null pointers. */
	void (*row)(WfMySession *session, const char *const *values);
	/*
	 * What a failure of this part makes unreadable, up to the first NULL: each becomes a warning.
	 * None: the whole request fails.
	 */
	const char *categories[6];
	bool optional; /* a failure does not matter at all */
	/* Instead of categories: takes the failure. */
	void (*failed)(WfMySession *session, const WfFailure *failure);
} WfMyPart;

/* The socket of a connection, -1 when there is none. */
#ifdef MARIADB_PACKAGE_VERSION_ID
#define wf_my_socket(mysql) ((int) mysql_get_socket(mysql))
#else
#define wf_my_socket(mysql) ((int) (mysql)->net.fd)
#endif

#define WF_MY_PARTS_MAX	  24
#define WF_MY_COLUMNS_MAX 96

/* Resolves and connects; false with session->failure set. Wipes the password. */
extern bool wf_my_connect(WfMySession *session, WfRequest *request);

/* Closes the connection, whatever state it is in. */
extern void wf_my_close(WfMySession *session);

/* Runs all parts; false with session->failure set when a part that matters failed. */
extern bool wf_my_run(WfMySession *session, const WfMyPart *parts, int nparts);

/* Pins the session and learns the version: the first round trip. */
extern bool wf_my_session_begin(WfMySession *session);

/* Adds the settings that depend on the version; gives the new length of the list. */
extern int wf_my_session_parts(WfMySession *session, WfMyPart *parts, int nparts);

/* Adds the statements of a read to a list; gives the new length of the list. */
extern int wf_my_column_parts(WfMySession *session, WfMyPart *parts, int nparts);
extern int wf_my_account_parts(WfMySession *session, WfMyPart *parts, int nparts);
extern int wf_my_role_parts(WfMySession *session, WfMyPart *parts, int nparts);
extern int wf_my_privilege_parts(WfMySession *session, WfMyPart *parts, int nparts);
extern int wf_my_database_parts(WfMySession *session, WfMyPart *parts, int nparts);
extern int wf_my_table_parts(WfMySession *session, WfMyPart *parts, int nparts);
extern int wf_my_permission_parts(WfMySession *session, WfMyPart *parts, int nparts);

/* Emits an item of an account: the category, where it stands below it, and what it is. */
extern void wf_my_emit_item(WfMySession *session, const WfMyAccount *account, const char *category,
							const char *const *path, int npath, const char *name);

/* Emits what only all rows together tell. */
extern void wf_my_accounts_finish(WfMySession *session);
extern void wf_my_roles_finish(WfMySession *session);
extern void wf_my_privileges_finish(WfMySession *session);
extern void wf_my_databases_finish(WfMySession *session);
extern void wf_my_permissions_finish(WfMySession *session);

/* Frees what a read of databases has gathered. */
extern void wf_my_sizes_free(WfMySession *session);

/*
 * The blocking calls of the library under the deadline of the phase. wf_my_wait_connect is false
 * when no connection came about, wf_my_wait_query and wf_my_wait_next when the statement failed;
 * the session's failure is set only when the deadline passed, everything else stands in
 * mysql_errno().
 */
extern bool wf_my_wait_connect(WfMySession *session, const char *host, const char *password,
							   const char *dbname, unsigned long flags);
extern bool wf_my_wait_query(WfMySession *session, const char *sql, size_t len);

/* 0: there is a next result; -1: there is none; 1: it is an error. */
extern int wf_my_wait_next(WfMySession *session);

/* The next row of a result, NULL at its end and at an error. */
extern MYSQL_ROW wf_my_wait_row(WfMySession *session, MYSQL_RES *result);

/* Classifies why a connection attempt failed. */
extern void wf_my_connect_failure(WfMySession *session);

/* Takes over what was said about a failed statement; false when the connection is of no more use. */
extern bool wf_my_statement_failure(const WfMySession *session, WfFailure *failure);

#endif
