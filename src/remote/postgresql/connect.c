/*
 * Connecting to a PostgreSQL server: keyword arrays and never a connection string, addresses
 * resolved and checked before libpq sees them, one deadline over the whole of it.
 */
#include "remote/postgresql/driver.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Keywords given to libpq, and the NULL that ends them. */
#define NKEYWORDS 20

/* Where distributions keep the certificates of public authorities. */
static const char *const system_ca_files[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",	  /* Fedora, RHEL */
	"/etc/ssl/ca-bundle.pem",			  /* SUSE */
};

/* Where libpq finds the certificates to trust: a name, and the descriptor it stands for. */
typedef struct TrustedCa
{
	char path[64];
	int fd;
} TrustedCa;

/* Puts PEM text into a file that exists in memory only; libpq takes certificates from files. */
static bool
ca_from_text(TrustedCa *ca, const char *pem)
{
	size_t len = strlen(pem);
	size_t done = 0;

	ca->fd = memfd_create("tls-ca", MFD_CLOEXEC);
	while (ca->fd >= 0 && done < len)
	{
		ssize_t n = write(ca->fd, pem + done, len - done);

		if (n <= 0 && errno != EINTR)
			return false;
		if (n > 0)
			done += (size_t) n;
	}
	snprintf(ca->path, sizeof(ca->path), "/proc/self/fd/%d", ca->fd);
	return ca->fd >= 0;
}

/*
 * Chooses the certificates to trust. Modes that verify nothing get none: libpq would verify, and
 * under "prefer" fall back to an open connection when that fails.
 */
static bool
choose_ca(TrustedCa *ca, const WfRequest *request, WfFailure *failure)
{
	const char *mode = request->tls_mode;

	ca->path[0] = '\0';
	ca->fd = -1;
	if (strcmp(mode, "disable") == 0 || strcmp(mode, "prefer") == 0)
		return true;
	if (request->tls_ca != NULL && request->tls_ca[0] != '\0')
	{
		if (ca_from_text(ca, request->tls_ca))
			return true;
		wf_failure_set(failure, WF_ERROR_OTHER, "could not store the TLS certificates: %s",
					   strerror(errno));
		return false;
	}
	if (strcmp(mode, "require") == 0)
		return true;
	/* A public authority vouches for names; without checking the name it vouches for nothing. */
	if (strcmp(mode, "verify-full") == 0)
	{
		for (size_t i = 0; i < sizeof(system_ca_files) / sizeof(system_ca_files[0]); i++)
		{
			if (access(system_ca_files[i], R_OK) == 0)
			{
				snprintf(ca->path, sizeof(ca->path), "%s", system_ca_files[i]);
				return true;
			}
		}
	}
	wf_failure_set(failure, WF_ERROR_TLS, "TLS mode %s needs the certificate of an authority",
				   mode);
	wf_failure_hint(failure, "Give the PEM text of the authority that signed the server's "
							 "certificate.");
	return false;
}

/* Starts the connection; everything that a file or variable could decide is said here. */
static PGconn *
start(const WfRequest *request, const char *address, const TrustedCa *ca)
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
try_address(WfPgSession *session, const char *address, const TrustedCa *ca, WfDeadline deadline)
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
	TrustedCa ca;
	bool connected = false;

	if (choose_ca(&ca, session->request, &session->failure))
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
	if (ca.fd >= 0)
		close(ca.fd);
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
