/*
 * Connecting to a PostgreSQL server: keyword arrays and never a connection string, addresses
 * resolved and checked before libpq sees them, one deadline over the whole of it.
 */
#include "remote/postgresql/driver.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "remote/common/trust.h"

/* Keywords given to libpq, and the NULL that ends them. */
#define NKEYWORDS 20

/* Starts the connection; everything that a file or variable could decide is said here. */
static PGconn *
start(const WfRequest *request, const char *address, const WfTextFile *ca)
{
	char port[8];
	const char *keywords[NKEYWORDS];
	const char *values[NKEYWORDS];
	int n = 0;

	snprintf(port, sizeof(port), "%d", request->port);

#define SAY(keyword, value) (keywords[n] = (keyword), values[n++] = (value))
	SAY("host", request->host);
	SAY("hostaddr", address);
	SAY("port", port);
	SAY("dbname", request->dbname);
	SAY("user", request->user);
	SAY("password", request->password == NULL ? "" : request->password);
	SAY("passfile", "/nonexistent/passfile"); /* libpq prints a warning about /dev/null */
	SAY("gssencmode", "disable");
	SAY("sslmode", request->tls_mode);
	SAY("sslrootcert", ca->path);
	SAY("sslcert", "");
	SAY("sslkey", "");
	SAY("sslcrl", "");
	SAY("client_encoding", "UTF8");
	SAY("application_name", "whalefall");
	SAY("fallback_application_name", "whalefall");
	SAY("options", "");
	keywords[n] = NULL;
	values[n] = NULL;
#undef SAY
	return PQconnectStartParams(keywords, values, 0);
}

/* Throws notices away; libpq would print them. */
static void
ignore_notice(void *arg, const PGresult *result)
{
	(void) arg;
	(void) result;
}

/* Waits until libpq can go on; false when the deadline has passed. */
static bool
wait_for(PGconn *conn, short events, WfDeadline deadline)
{
	for (;;)
	{
		struct pollfd wait = {PQsocket(conn), events, 0};
		int left = wf_deadline_left(deadline);
		int n;

		if (left == 0)
			return false;
		n = poll(&wait, 1, left);
		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

/* Drives the connection until it is made or has failed, or the deadline has passed. */
static void
drive(WfPgSession *session, const char *address, WfDeadline deadline)
{
	PGconn *conn = session->conn;
	PostgresPollingStatusType polling = PGRES_POLLING_WRITING;
	ConnStatusType last_status = PQstatus(conn);

	while (polling != PGRES_POLLING_OK && polling != PGRES_POLLING_FAILED)
	{
		if (!wait_for(conn, polling == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
		{
			wf_failure_set(&session->failure, WF_ERROR_TIMEOUT,
						   "timeout expired while connecting to %s, port %d", address,
						   session->request->port);
			return;
		}
		last_status = PQstatus(conn);
		polling = PQconnectPoll(conn);
	}
	if (polling == PGRES_POLLING_FAILED)
		wf_pg_connect_failure(&session->failure, PQerrorMessage(conn), last_status);
}

/* Tries one address up to a deadline of its own; false with session->failure set. */
static bool
try_address(WfPgSession *session, const char *address, const WfTextFile *ca, WfDeadline deadline)
{
	wf_pg_close(session);
	session->failure.type = NULL;
	session->conn = start(session->request, address, ca);
	if (session->conn == NULL)
		wf_failure_set(&session->failure, WF_ERROR_OTHER, "out of memory");
	else if (PQstatus(session->conn) == CONNECTION_BAD)
		wf_pg_connect_failure(&session->failure, PQerrorMessage(session->conn), CONNECTION_NEEDED);
	else
	{
		/* Makes the text of a refused login carry its SQLSTATE, in whatever language it is. */
		PQsetErrorVerbosity(session->conn, PQERRORS_VERBOSE);
		PQsetNoticeReceiver(session->conn, ignore_notice, NULL);
		drive(session, address, deadline);
	}
	return session->failure.type == NULL;
}

/*
 * Opens the connection to the first address that answers. Each gets an equal share of the time
 * that is left: libpq would let one that swallows packets use up all of it.
 */
static bool
open_connection(WfPgSession *session, const WfAddressList *list)
{
	WfTextFile ca;
	bool connected = false;

	if (wf_trust_choose(&ca, session->request, &session->failure))
	{
		for (int i = 0; i < list->n && !connected; i++)
		{
			int share = wf_deadline_left(session->deadline) / (list->n - i);

			connected = try_address(session, list->text[i], &ca, wf_deadline_after(share));
			/* Where somebody has answered, there is no better address. */
			if (!connected && strcmp(session->failure.type, WF_ERROR_REFUSED) != 0 &&
				strcmp(session->failure.type, WF_ERROR_TIMEOUT) != 0)
				break;
		}
	}
	wf_text_file_close(&ca);
	return connected;
}

bool
wf_pg_connect(WfPgSession *session, WfRequest *request)
{
	WfAddressList list;
	bool connected;

	session->deadline = wf_deadline_after(request->connect_timeout_ms);
	wf_output_phase(session->out, WF_PHASE_RESOLVING, session->deadline);
	if (!wf_resolve(request->host, &list, &session->failure))
		return false;

	wf_output_phase(session->out, WF_PHASE_CONNECTING, session->deadline);
	connected = open_connection(session, &list);
	wf_request_wipe_password(request);
	if (!connected)
		return false;

	session->version = PQserverVersion(session->conn);
	if (session->version < WF_PG_OLDEST)
	{
		wf_failure_set(&session->failure, WF_ERROR_OTHER,
					   "the server is PostgreSQL %d.%d, which is too old", session->version / 10000,
					   session->version / 100 % 100);
		wf_failure_hint(&session->failure, "PostgreSQL 10 and later can be read.");
		return false;
	}
	return true;
}

void
wf_pg_close(WfPgSession *session)
{
	PQfinish(session->conn);
	session->conn = NULL;
}
