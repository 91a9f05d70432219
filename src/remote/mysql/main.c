/*
 * whalefall-remote-mysql: reads MySQL and MariaDB servers for the workers of whalefall. The only
 * program of the project that links their client library, whichever of the two was found.
 */
#include "remote/common/program.h"
#include "remote/mysql/driver.h"

#include <stdio.h>
#include <string.h>

/* Names the client library and its version. */
static const char *
client(void)
{
	static char text[64];

#ifdef MARIADB_PACKAGE_VERSION_ID
	snprintf(text, sizeof(text), "MariaDB Connector/C %s", mysql_get_client_info());
#else
	snprintf(text, sizeof(text), "libmysqlclient %s", mysql_get_client_info());
#endif
	return text;
}

/* The second round trip: settings by version, what the third depends on, and sizes. */
static bool
read_first(WfMySession *session)
{
	WfMyPart parts[WF_MY_PARTS_MAX];
	unsigned reads = session->request->reads;
	int nparts;

	memset(parts, 0, sizeof(parts));
	nparts = wf_my_session_parts(session, parts, 0);
	if ((reads & WF_READ_ACCOUNTS) != 0)
		nparts = wf_my_column_parts(session, parts, nparts);
	if ((reads & WF_READ_DATABASES) != 0)
		nparts = wf_my_database_parts(session, parts, nparts);
	if ((reads & WF_READ_TABLES) != 0)
		nparts = wf_my_table_parts(session, parts, nparts);
	if ((reads & WF_READ_PERMISSIONS) != 0)
		nparts = wf_my_permission_parts(session, parts, nparts);
	/* Settings alone would be for nothing. */
	if ((reads & ~WF_READ_VERSION) == 0)
		return true;
	if (!wf_my_run(session, parts, nparts))
		return false;
	if ((reads & WF_READ_DATABASES) != 0)
		wf_my_databases_finish(session);
	if ((reads & WF_READ_PERMISSIONS) != 0)
		wf_my_permissions_finish(session);
	return true;
}

/* The third round trip: accounts, roles and privileges. */
static bool
read_accounts(WfMySession *session)
{
	WfMyPart parts[WF_MY_PARTS_MAX];
	int nparts;

	memset(parts, 0, sizeof(parts));
	nparts = wf_my_account_parts(session, parts, 0);
	nparts = wf_my_role_parts(session, parts, nparts);
	nparts = wf_my_privilege_parts(session, parts, nparts);
	if (!wf_my_run(session, parts, nparts))
		return false;
	wf_my_roles_finish(session);
	wf_my_accounts_finish(session);
	wf_my_privileges_finish(session);
	return session->failure.type == NULL;
}

/* Serves one request: connect, read, close. */
static void
serve(WfRequest *request, WfOutput *out)
{
	static WfMySession session;
	bool served;

	memset(&session, 0, sizeof(session));
	session.out = out;
	session.request = request;
	served = wf_my_connect(&session, request);
	if (served)
	{
		session.deadline = wf_deadline_after(request->statement_timeout_ms);
		wf_output_phase(out, WF_PHASE_READING, session.deadline);
		served = wf_my_session_begin(&session) && read_first(&session) &&
				 ((request->reads & WF_READ_ACCOUNTS) == 0 || read_accounts(&session));
	}
	wf_my_close(&session);
	wf_my_accounts_free(&session.accounts);
	wf_my_sizes_free(&session);
	if (served)
		wf_output_done(out);
	else
		wf_output_error(out, &session.failure);
}

int
main(int argc, char **argv)
{
	static const WfEngine engine = {
		.db_type = "mysql",
		.title = "MySQL or MariaDB",
		.default_port = 3306,
		.default_dbname = "mysql",
		.reads = WF_READ_VERSION | WF_READ_ACCOUNTS | WF_READ_DATABASES | WF_READ_TABLES |
				 WF_READ_PERMISSIONS,
		.server_keys = true,
		.client = client,
		.serve = serve,
	};

	return wf_program_main(&engine, argc, argv);
}
