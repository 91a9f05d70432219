/*
 * Waiting for a server without ever passing the deadline. MariaDB's library can be driven by
 * events; MySQL's blocks, and there the watchdog of the phase is what ends a wait.
 */
#include "remote/mysql/driver.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#ifdef MARIADB_PACKAGE_VERSION_ID
#define DRIVEN_BY_EVENTS
#endif

/* Sets the failure of a deadline that has passed. */
static void
set_late(WfMySession *session)
{
	bool reading = strcmp(session->out->phase, WF_PHASE_READING) == 0;

	wf_failure_set(&session->failure, WF_ERROR_TIMEOUT, "timeout expired while %s after %d ms",
				   session->out->phase,
				   reading ? session->request->statement_timeout_ms
						   : session->request->connect_timeout_ms);
}

/* Also when data is there already: a server may send slowly, or for ever. */
static bool
in_time(WfMySession *session)
{
	if (session->failure.type != NULL)
		return false;
	if (wf_deadline_left(session->deadline) > 0)
		return true;
	set_late(session);
	return false;
}

#ifdef DRIVEN_BY_EVENTS

/* Waits until the library can go on; gives its word for why, 0 with a failure set. */
static int
wait_for_events(WfMySession *session, int status)
{
	struct pollfd wait = {mysql_get_socket(session->mysql), 0, 0};

	if ((status & MYSQL_WAIT_READ) != 0)
		wait.events |= POLLIN;
	if ((status & MYSQL_WAIT_WRITE) != 0)
		wait.events |= POLLOUT;
	if ((status & MYSQL_WAIT_EXCEPT) != 0)
		wait.events |= POLLPRI;
	while (in_time(session))
	{
		int n = poll(&wait, 1, wf_deadline_left(session->deadline));
		int ready = 0;

		if (n < 0 && errno != EINTR)
			break;
		if (n <= 0)
			continue;
		if ((wait.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
			ready |= MYSQL_WAIT_READ;
		if ((wait.revents & (POLLOUT | POLLHUP | POLLERR)) != 0)
			ready |= MYSQL_WAIT_WRITE;
		if ((wait.revents & POLLPRI) != 0)
			ready |= MYSQL_WAIT_EXCEPT;
		return ready & status;
	}
	if (session->failure.type == NULL)
		wf_failure_set(&session->failure, WF_ERROR_OTHER, "could not wait for the server: %s",
					   strerror(errno));
	return 0;
}

/* Drives a call: status is what its start gave, more is its continuation. */
#define DRIVE(session, status, more)                 \
	while ((status) != 0)                            \
	{                                                \
		(status) = wait_for_events(session, status); \
		if ((status) == 0)                           \
			break;                                   \
		(status) = (more);                           \
	}

bool
wf_my_wait_connect(WfMySession *session, const char *host, const char *password, const char *dbname,
				   unsigned long flags)
{
	MYSQL *connected = NULL;
	int status =
		mysql_real_connect_start(&connected, session->mysql, host, session->request->user, password,
								 dbname, (unsigned) session->request->port, NULL, flags);

	DRIVE(session, status, mysql_real_connect_cont(&connected, session->mysql, status));
	return session->failure.type == NULL && connected != NULL;
}

bool
wf_my_wait_query(WfMySession *session, const char *sql, size_t len)
{
	int failed = 1;
	int status = mysql_real_query_start(&failed, session->mysql, sql, len);

	DRIVE(session, status, mysql_real_query_cont(&failed, session->mysql, status));
	return session->failure.type == NULL && failed == 0;
}

int
wf_my_wait_next(WfMySession *session)
{
	int next = 1;
	int status;

	if (!in_time(session))
		return 1;
	status = mysql_next_result_start(&next, session->mysql);
	DRIVE(session, status, mysql_next_result_cont(&next, session->mysql, status));
	return session->failure.type == NULL ? next : 1;
}

MYSQL_ROW
wf_my_wait_row(WfMySession *session, MYSQL_RES *result)
{
	MYSQL_ROW row = NULL;
	int status;

	if (!in_time(session))
		return NULL;
	status = mysql_fetch_row_start(&row, result);
	DRIVE(session, status, mysql_fetch_row_cont(&row, result, status));
	return session->failure.type == NULL ? row : NULL;
}

#else

/*
 * Tells a failure for what it is. The library's own timeouts are those of the phase: when it gives up a server
 * that is silent, it speaks of a lost connection.
 */
static bool
unless_late(WfMySession *session, bool done)
{
	if (!done && session->failure.type == NULL && wf_deadline_left(session->deadline) <= 0)
		set_late(session);
	return done;
}

bool
wf_my_wait_connect(WfMySession *session, const char *host, const char *password, const char *dbname,
				   unsigned long flags)
{
	return unless_late(
		session, mysql_real_connect(session->mysql, host, session->request->user, password, dbname,
									(unsigned) session->request->port, NULL, flags) != NULL);
}

bool
wf_my_wait_query(WfMySession *session, const char *sql, size_t len)
{
	return in_time(session) &&
		   unless_late(session, mysql_real_query(session->mysql, sql, len) == 0);
}

int
wf_my_wait_next(WfMySession *session)
{
	int next = in_time(session) ? mysql_next_result(session->mysql) : 1;

	return unless_late(session, next <= 0) ? next : 1;
}

MYSQL_ROW
wf_my_wait_row(WfMySession *session, MYSQL_RES *result)
{
	MYSQL_ROW row = in_time(session) ? mysql_fetch_row(result) : NULL;

	unless_late(session, row != NULL || mysql_errno(session->mysql) == 0);
	return row;
}

#endif
