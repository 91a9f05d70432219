/*
 * whalefall-remote-postgresql: reads PostgreSQL servers for the workers of whalefall. The only
 * program of the project that links libpq.
 */
#include "remote/common/program.h"
#include "remote/postgresql/driver.h"

#include <stdio.h>
#include <string.h>

/* Names libpq and its version. */
static const char *
client(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "libpq %d.%d", PQlibVersion() / 10000, PQlibVersion() % 10000);
	return text;
}

/* Collects the statements that answer the request and runs them, all in one round trip. */
static bool
read_all(WfPgSession *session)
{
	WfPgPart parts[WF_PG_PARTS_MAX];
	unsigned reads = session->request->reads;
	int nparts = 0;

	memset(parts, 0, sizeof(parts));
	nparts = wf_pg_session_parts(session, parts, nparts);
	if ((reads & WF_READ_ACCOUNTS) != 0)
		nparts = wf_pg_account_parts(session, parts, nparts);
	if ((reads & WF_READ_DATABASES) != 0)
		nparts = wf_pg_database_parts(session, parts, nparts);
	if ((reads & WF_READ_TABLES) != 0)
		nparts = wf_pg_table_parts(session, parts, nparts);
	if ((reads & WF_READ_PERMISSIONS) != 0)
		nparts = wf_pg_permission_parts(session, parts, nparts);
	return wf_pg_run(session, parts, nparts);
}

/* Serves one request: connect, read, close. */
static void
serve(WfRequest *request, WfOutput *out)
{
	static WfPgSession session;
	bool served;

	memset(&session, 0, sizeof(session));
	session.out = out;
	session.request = request;
	served = wf_pg_connect(&session, request);
	if (served)
	{
		session.deadline = wf_deadline_after(request->statement_timeout_ms);
		wf_output_phase(out, WF_PHASE_READING, session.deadline);
		served = read_all(&session);
	}
	wf_pg_close(&session);
	if (served)
		wf_output_done(out);
	else
		wf_output_error(out, &session.failure);
}

int
main(int argc, char **argv)
{
	static const WfEngine engine = {
		.db_type = "postgresql",
		.title = "PostgreSQL",
		.default_port = 5432,
		.default_dbname = "postgres",
		.reads = WF_READ_VERSION | WF_READ_ACCOUNTS | WF_READ_DATABASES | WF_READ_TABLES |
				 WF_READ_PERMISSIONS,
		.client = client,
		.serve = serve,
	};

	return wf_program_main(&engine, argc, argv);
}
