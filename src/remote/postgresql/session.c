/*
 * What every request begins with: the session is pinned, so that nothing an administrator set for
 * the role or the database changes an answer, and the server tells its version.
 */
#include "remote/postgresql/driver.h"

#include <stdio.h>

/* Longest wait for a lock of the remote server, in milliseconds. */
#define LOCK_TIMEOUT_MS 5000

/* The values of the settings; text, because they travel as parameters. */
static char statement_timeout[16];
static char lock_timeout[16];

static const char pin_sql[] =
	"SELECT pg_catalog.set_config('search_path', 'pg_catalog', false),"
	" pg_catalog.set_config('default_transaction_read_only', 'on', false),"
	" pg_catalog.set_config('statement_timeout', $1::pg_catalog.text, false),"
	" pg_catalog.set_config('lock_timeout', $2::pg_catalog.text, false),"
	" pg_catalog.set_config('datestyle', 'ISO, YMD', false),"
	" pg_catalog.set_config('timezone', 'UTC', false)";

/* Ends a statement on the server soon after this program is gone; not on every platform. */
static const char watch_client_sql[] =
	"SELECT pg_catalog.set_config('client_connection_check_interval', '5s', false)";

static const char version_sql[] = "SELECT pg_catalog.version()";

/* Emits the server's version. */
static void
version_row(WfPgSession *session, const char *const *values)
{
	wf_output_version(session->out, values[0], session->version);
}

int
wf_pg_session_parts(WfPgSession *session, WfPgPart *parts, int nparts)
{
	int timeout = session->request->statement_timeout_ms;

	snprintf(statement_timeout, sizeof(statement_timeout), "%d", timeout);
	snprintf(lock_timeout, sizeof(lock_timeout), "%d",
			 timeout < LOCK_TIMEOUT_MS ? timeout : LOCK_TIMEOUT_MS);
	parts[nparts++] = (WfPgPart){
		.sql = pin_sql, .nparams = 2, .params = {statement_timeout, lock_timeout}, .ncolumns = 6};
	if (session->version >= WF_PG_14)
		parts[nparts++] = (WfPgPart){.sql = watch_client_sql, .ncolumns = 1, .optional = true};
	parts[nparts++] = (WfPgPart){.sql = version_sql, .ncolumns = 1, .row = version_row};
	return nparts;
}
