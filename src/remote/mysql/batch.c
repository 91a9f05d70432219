/*
 * Running a list of statements in as few round trips as there can be: all are sent as one text,
 * and the answers are taken one after the other. A statement that fails ends its batch on the
 * server; what follows it is sent once more.
 */
#include "remote/mysql/driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What became of one part. */
typedef enum PartEnd
{
	PART_DONE,
	PART_FAILED, /* the statement: the connection lives */
	PART_FATAL	 /* session->failure is set, or the answer has ended */
} PartEnd;

/* Sets the failure of an answer that is not what was asked for. */
static PartEnd
misfit(WfMySession *session, int columns, int wanted)
{
	wf_failure_set(&session->failure, WF_ERROR_PROTOCOL,
				   "the server answered with %d columns where %d were asked for", columns, wanted);
	return PART_FATAL;
}

/* Takes the failure of the library's last call. */
static PartEnd
take_failure(WfMySession *session, WfFailure *failure)
{
	/* A deadline has been told already. */
	if (session->failure.type != NULL)
		return PART_FATAL;
	if (wf_my_statement_failure(session, failure))
		return PART_FAILED;
	session->failure = *failure;
	return PART_FATAL;
}

/* Hands one row to the part; false when nothing more is to be read. */
static bool
take_row(WfMySession *session, const WfMyPart *part, MYSQL_RES *result, MYSQL_ROW row)
{
	const unsigned long *lengths = mysql_fetch_lengths(result);
	const char *values[WF_MY_COLUMNS_MAX];

	for (int i = 0; i < part->ncolumns; i++)
	{
		values[i] = row[i];
		if (row[i] != NULL && strlen(row[i]) != lengths[i])
		{
			wf_output_unfit(session->out, "the server sent a value that contains a NUL byte");
			return false;
		}
	}
	if (part->row != NULL)
		part->row(session, values);
	if (session->accounts.full && session->failure.type == NULL)
		wf_failure_set(&session->failure, WF_ERROR_OTHER,
					   "the server lists more accounts and roles than can be kept");
	return !session->out->ended && session->failure.type == NULL;
}

/* Takes the rows of one part up to their end. */
static PartEnd
take_rows(WfMySession *session, const WfMyPart *part, WfFailure *failure)
{
	MYSQL_RES *result;
	MYSQL_ROW row;

	if ((int) mysql_field_count(session->mysql) != part->ncolumns)
		return misfit(session, (int) mysql_field_count(session->mysql), part->ncolumns);
	if (part->ncolumns == 0)
		return PART_DONE;
	result = mysql_use_result(session->mysql);
	if (result == NULL)
		return take_failure(session, failure);
	while ((row = wf_my_wait_row(session, result)) != NULL)
	{
		if (!take_row(session, part, result, row))
		{
			/* Freeing the result would read the rest of it. */
			shutdown(wf_my_socket(session->mysql), SHUT_RDWR);
			mysql_free_result(result);
			return PART_FATAL;
		}
	}
	if (session->failure.type != NULL)
		shutdown(wf_my_socket(session->mysql), SHUT_RDWR);
	/* No rows may also be an error that came after the columns. */
	if (session->failure.type != NULL || mysql_errno(session->mysql) != 0)
	{
		PartEnd end = take_failure(session, failure);

		mysql_free_result(result);
		return end;
	}
	mysql_free_result(result);
	return PART_DONE;
}

/* Turns the failure of a part into what the part says, or into the failure of the request. */
static bool
settle(WfMySession *session, const WfMyPart *part, const WfFailure *failure)
{
	if (part->optional)
		return true;
	if (part->failed != NULL)
	{
		part->failed(session, failure);
		return true;
	}
	if (part->categories[0] == NULL)
	{
		session->failure = *failure;
		return false;
	}
	for (int i = 0; i < 6 && part->categories[i] != NULL; i++)
		wf_output_warning(session->out, part->categories[i], failure);
	return true;
}

/* Joins the statements; NULL when memory is out. */
static char *
join(const WfMyPart *parts, int nparts)
{
	size_t len = 1;
	size_t used = 0;
	char *sql;

	for (int i = 0; i < nparts; i++)
		len += strlen(parts[i].sql) + 2;
	sql = malloc(len);
	for (int i = 0; sql != NULL && i < nparts; i++)
		used += (size_t) snprintf(sql + used, len - used, "%s%s", i > 0 ? ";\n" : "", parts[i].sql);
	return sql;
}

/*
 * Sends parts and takes their answers up to the first that fails; gives how it ended and in taken
 * how many are done. The text of the statements lives until the end: the library may be sending.
 */
static PartEnd
run_batch(WfMySession *session, const WfMyPart *parts, int nparts, int *taken, WfFailure *failure)
{
	char *sql = join(parts, nparts);
	PartEnd end = PART_DONE;

	*taken = 0;
	if (sql == NULL)
	{
		wf_failure_set(&session->failure, WF_ERROR_OTHER, "out of memory");
		return PART_FATAL;
	}
	session->out->round_trips++;
	if (!wf_my_wait_query(session, sql, strlen(sql)))
		end = take_failure(session, failure);
	while (end == PART_DONE)
	{
		int next;

		end = take_rows(session, &parts[*taken], failure);
		if (end != PART_DONE)
			break;
		(*taken)++;
		next = wf_my_wait_next(session);
		/* A connection that breaks here may look like the end of the answers. */
		if (next > 0 || session->failure.type != NULL || mysql_errno(session->mysql) != 0)
		{
			end = take_failure(session, failure);
			break;
		}
		if (next < 0 && *taken == nparts)
			break;
		if ((next == 0) != (*taken < nparts))
		{
			wf_failure_set(&session->failure, WF_ERROR_PROTOCOL,
						   "the server gave more or fewer answers than there were statements");
			end = PART_FATAL;
		}
	}
	free(sql);
	return end;
}

bool
wf_my_run(WfMySession *session, const WfMyPart *parts, int nparts)
{
	static WfFailure failure;

	while (nparts > 0)
	{
		int taken = 0;
		PartEnd end = PART_FAILED;

		/* What is left after so many failures fails with the last of them. */
		if (session->out->round_trips < WF_MY_ROUND_TRIPS_MAX)
			end = run_batch(session, parts, nparts, &taken, &failure);
		if (end == PART_FATAL)
			return false;
		parts += taken;
		nparts -= taken;
		if (end == PART_FAILED)
		{
			if (!settle(session, parts, &failure))
				return false;
			parts++;
			nparts--;
		}
	}
	return true;
}
