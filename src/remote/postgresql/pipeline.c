/*
 * Running a list of statements in one round trip: all are sent, each with a synchronisation point
 * of its own, then the answers are taken row by row under the deadline of the phase.
 */
#include "remote/postgresql/driver.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* What became of one part. */
typedef struct PartOutcome
{
	bool failed;
	WfFailure failure;
} PartOutcome;

/* Waits for the socket, sending what is left to send; false when the deadline has passed. */
static bool
wait_for_server(WfPgSession *session)
{
	PGconn *conn = session->conn;

	for (;;)
	{
		struct pollfd wait = {PQsocket(conn), POLLIN, 0};
		int unsent = PQflush(conn);
		int left = wf_deadline_left(session->deadline);
		int n;

		if (left == 0)
			break;
		if (unsent < 0)
			return true; /* broken: the caller sees it when it reads */
		if (unsent > 0)
			wait.events |= POLLOUT;
		n = poll(&wait, 1, left);
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		if (n > 0 && (wait.revents & ~POLLOUT) != 0)
			return true;
	}
	wf_failure_set(&session->failure, WF_ERROR_TIMEOUT, "timeout expired while reading after %d ms",
				   session->request->statement_timeout_ms);
	return false;
}

/* Gets the next result without ever waiting past the deadline; false when it has passed. */
static bool
next_result(WfPgSession *session, PGresult **result)
{
	/* Also when data is there already: a server may send slowly, or for ever. */
	if (wf_deadline_left(session->deadline) == 0)
		return wait_for_server(session);
	while (PQisBusy(session->conn))
	{
		/* What came before the end has been taken already; nothing more will come. */
		if (PQstatus(session->conn) == CONNECTION_BAD)
		{
			wf_pg_broken_failure(&session->failure, session->conn);
			return false;
		}
		if (!wait_for_server(session))
			return false;
		/* When it fails the connection is broken, which the next round sees. */
		(void) PQconsumeInput(session->conn);
	}
	*result = PQgetResult(session->conn);
	return true;
}

/* Sends all statements; false when the connection is broken. */
static bool
send_parts(WfPgSession *session, const WfPgPart *parts, int nparts)
{
	PGconn *conn = session->conn;

	if (PQsetnonblocking(conn, 1) != 0 || PQenterPipelineMode(conn) != 1)
	{
		wf_pg_broken_failure(&session->failure, conn);
		return false;
	}
	for (int i = 0; i < nparts; i++)
	{
		if (PQsendQueryParams(conn, parts[i].sql, parts[i].nparams, NULL, parts[i].params, NULL,
							  NULL, 0) != 1 ||
			PQpipelineSync(conn) != 1)
		{
			wf_pg_broken_failure(&session->failure, conn);
			return false;
		}
	}
	session->out->round_trips++;
	return true;
}

/* Hands the rows of a result to the part; false when the answer has ended or makes no sense. */
static bool
take_rows(WfPgSession *session, const WfPgPart *part, const PGresult *result)
{
	const char *values[WF_PG_COLUMNS_MAX];

	if (PQnfields(result) != part->ncolumns || part->ncolumns > WF_PG_COLUMNS_MAX)
	{
		wf_failure_set(&session->failure, WF_ERROR_PROTOCOL,
					   "the server answered with %d columns where %d were asked for",
					   PQnfields(result), part->ncolumns);
		return false;
	}
	for (int row = 0; row < PQntuples(result); row++)
	{
		for (int column = 0; column < part->ncolumns; column++)
			values[column] =
				PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
		if (part->row != NULL)
			part->row(session, values);
		if (session->out->ended)
			return false;
	}
	return true;
}

/* Takes one result of a part; false when the request as a whole has failed. */
static bool
take_result(WfPgSession *session, const WfPgPart *part, const PGresult *result,
			PartOutcome *outcome)
{
	switch (PQresultStatus(result))
	{
		case PGRES_SINGLE_TUPLE:
		case PGRES_TUPLES_OK:
			return take_rows(session, part, result);
		case PGRES_COMMAND_OK:
		case PGRES_PIPELINE_ABORTED:
			return true;
		case PGRES_FATAL_ERROR:
			if (!outcome->failed)
				wf_pg_result_failure(&outcome->failure, session->conn, result);
			outcome->failed = true;
			/* Without a state it is libpq that is lost; class 57P ends the session. */
			if (outcome->failure.sqlstate[0] != '\0' &&
				strncmp(outcome->failure.sqlstate, "57P", 3) != 0 &&
				PQstatus(session->conn) != CONNECTION_BAD)
				return true;
			session->failure = outcome->failure;
			return false;
		default:
			wf_failure_set(&session->failure, WF_ERROR_PROTOCOL,
						   "the server gave an unexpected answer (%s)",
						   PQresStatus(PQresultStatus(result)));
			return false;
	}
}

/* Reads the results of one statement up to its end; false when the request has failed. */
static bool
read_part(WfPgSession *session, const WfPgPart *part, PartOutcome *outcome)
{
	PGresult *result = NULL;
	bool good = true;

	/* A failure here means whole results instead of rows: still right, only larger. */
	PQsetSingleRowMode(session->conn);
	while (good)
	{
		good = next_result(session, &result);
		if (!good || result == NULL)
			break;
		good = take_result(session, part, result, outcome);
		PQclear(result);
		result = NULL;
	}
	return good;
}

/* Reads the synchronisation point after a statement; false when something else comes. */
static bool
read_sync(WfPgSession *session)
{
	PGresult *result = NULL;
	bool good = next_result(session, &result);

	if (good && (result == NULL || PQresultStatus(result) != PGRES_PIPELINE_SYNC))
	{
		if (PQstatus(session->conn) == CONNECTION_BAD)
			wf_pg_broken_failure(&session->failure, session->conn);
		else
			wf_failure_set(&session->failure, WF_ERROR_PROTOCOL,
						   "the server did not end its answer as it should");
		good = false;
	}
	PQclear(result);
	return good;
}

/* Turns the failure of a part into warnings, or into the failure of the request. */
static bool
settle_part(WfPgSession *session, const WfPgPart *part, const PartOutcome *outcome)
{
	if (!outcome->failed || part->optional)
		return true;
	if (part->categories[0] == NULL)
	{
		session->failure = outcome->failure;
		return false;
	}
	for (int i = 0; part->categories[i] != NULL; i++)
		wf_output_warning(session->out, part->categories[i], &outcome->failure);
	return true;
}

bool
wf_pg_run(WfPgSession *session, const WfPgPart *parts, int nparts)
{
	static PartOutcome outcome;

	if (!send_parts(session, parts, nparts))
		return false;
	for (int i = 0; i < nparts; i++)
	{
		outcome.failed = false;
		if (!read_part(session, &parts[i], &outcome) || !read_sync(session) ||
			!settle_part(session, &parts[i], &outcome))
			return false;
	}
	return true;
}
