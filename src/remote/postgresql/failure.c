/*
 * From libpq's errors to the words of protocol.h. The program runs in the C locale, so libpq's
 * own texts are English; what a server says may be in any language, so there only the SQLSTATE
 * counts.
 */
#include "remote/postgresql/driver.h"

#include <string.h>

#include "remote/common/text.h"

/* Parts of libpq's texts and what they mean; the first that occurs decides. */
static const struct
{
	const char *part;
	const char *type;
} texts[] = {
	{"invalid response to SSL negotiation", WF_ERROR_PROTOCOL},
	{"expected authentication request", WF_ERROR_PROTOCOL},
	{"lost synchronization", WF_ERROR_PROTOCOL},
	{"message contents do not agree", WF_ERROR_PROTOCOL},
	{"unexpected message", WF_ERROR_PROTOCOL},
	{"unexpected response", WF_ERROR_PROTOCOL},
	{"unexpected asyncStatus", WF_ERROR_PROTOCOL},
	{"protocol error", WF_ERROR_PROTOCOL},
	{"unsupported frontend protocol", WF_ERROR_PROTOCOL},
	{"protocol version", WF_ERROR_PROTOCOL},
	{"insufficient data in", WF_ERROR_PROTOCOL},
	{"extraneous data in", WF_ERROR_PROTOCOL},
	{"invalid SCRAM response", WF_ERROR_PROTOCOL},
	{"malformed SCRAM message", WF_ERROR_PROTOCOL},
	{"no password supplied", WF_ERROR_AUTH},
	{"authentication method", WF_ERROR_AUTH},
	{"authentication not supported", WF_ERROR_AUTH},
	{"SASL", WF_ERROR_AUTH},
	{"SCRAM", WF_ERROR_AUTH},
	{"incorrect server signature", WF_ERROR_AUTH},
	{"SSL", WF_ERROR_TLS},
	{"certificate", WF_ERROR_TLS},
	{"Connection refused", WF_ERROR_REFUSED},
	{"No route to host", WF_ERROR_REFUSED},
	{"Network is unreachable", WF_ERROR_REFUSED},
	{"Network is down", WF_ERROR_REFUSED},
	{"Host is down", WF_ERROR_REFUSED},
	{"Connection timed out", WF_ERROR_TIMEOUT},
	{"timeout expired", WF_ERROR_TIMEOUT},
};

/* The type for a text of libpq, NULL when the text says nothing known. */
static const char *
type_of_text(const char *text)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		if (strstr(text, texts[i].part) != NULL)
			return texts[i].type;
	}
	return NULL;
}

/* The type for a SQLSTATE (five characters, more may follow) that ended a connection attempt. */
static const char *
type_of_login_state(const char *state)
{
	if (strncmp(state, "28", 2) == 0 || strncmp(state, "42501", 5) == 0)
		return WF_ERROR_AUTH;
	if (strncmp(state, "3D000", 5) == 0)
		return WF_ERROR_UNKNOWN_DATABASE;
	if (strncmp(state, "08", 2) == 0)
		return WF_ERROR_PROTOCOL;
	return WF_ERROR_OTHER;
}

/*
 * Finds the SQLSTATE that verbose errors carry after the severity ("FATAL:  28P01: text"); NULL
 * when the text is libpq's own. The last one counts: it ended the last attempt.
 */
static const char *
find_sqlstate(const char *text)
{
	static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const char *found = NULL;

	while ((text = strstr(text, ":  ")) != NULL)
	{
		text += 3;
		if (strspn(text, alphabet) == 5 && text[5] == ':' && text[6] == ' ')
			found = text;
	}
	return found;
}

/* Appends bytes to a text that is kept within its size. */
static void
append_bytes(char *to, size_t size, const char *bytes, size_t len)
{
	size_t used = strlen(to);

	if (len > size - 1 - used)
		len = size - 1 - used;
	memcpy(to + used, bytes, len);
	to[used + len] = '\0';
}

/*
 * Splits libpq's verbose text into message, detail and hint and drops the lines that name the
 * server's source files. The labels are libpq's, in the C locale.
 */
static void
split_text(WfFailure *failure, const char *text, const char *sqlstate)
{
	static char parts[3][WF_REMOTE_TEXT_MAX + 1];
	char *part = parts[0];

	memset(parts, 0, sizeof(parts));
	for (const char *line = text; *line != '\0';)
	{
		const char *end = line + strcspn(line, "\n");
		const char *next = *end == '\n' ? end + 1 : end;

		if (strncmp(line, "connection to server", 20) == 0)
			part = parts[0];
		else if (strncmp(line, "DETAIL:  ", 9) == 0)
			part = parts[1], line += 9;
		else if (strncmp(line, "HINT:  ", 7) == 0)
			part = parts[2], line += 7;

		if (strncmp(line, "LOCATION:  ", 11) == 0)
			part = parts[0];
		else
		{
			if (part[0] != '\0')
				append_bytes(part, sizeof(parts[0]), "\n", 1);
			/* The state has a field of its own: leave it out of the message. */
			if (sqlstate != NULL && sqlstate > line && sqlstate < end)
			{
				append_bytes(part, sizeof(parts[0]), line, (size_t) (sqlstate - line));
				line = sqlstate + 7;
			}
			append_bytes(part, sizeof(parts[0]), line, (size_t) (end - line));
		}
		line = next;
	}
	wf_text_clean(failure->message, sizeof(failure->message), parts[0]);
	wf_text_clean(failure->detail, sizeof(failure->detail), parts[1]);
	wf_text_clean(failure->hint, sizeof(failure->hint), parts[2]);
}

void
wf_pg_connect_failure(WfFailure *failure, const char *text, ConnStatusType last_status)
{
	const char *sqlstate = find_sqlstate(text);
	const char *type = sqlstate != NULL ? type_of_login_state(sqlstate) : type_of_text(text);

	if (type == NULL)
	{
		/* A connection that ends without a word, perhaps in the middle of the TLS handshake. */
		type = last_status == CONNECTION_SSL_STARTUP && strstr(text, "closed") == NULL
				   ? WF_ERROR_TLS
				   : WF_ERROR_OTHER;
	}
	wf_failure_set(failure, type, "%s", "");
	if (sqlstate != NULL)
	{
		memcpy(failure->sqlstate, sqlstate, 5);
		failure->sqlstate[5] = '\0';
	}
	split_text(failure, text, sqlstate);
}

/* The type for a SQLSTATE (five characters, more may follow) that ended a statement. */
static const char *
type_of_statement_state(const char *state)
{
	if (strncmp(state, "57014", 5) == 0 || strncmp(state, "55P03", 5) == 0)
		return WF_ERROR_TIMEOUT;
	if (strncmp(state, "08", 2) == 0)
		return WF_ERROR_PROTOCOL;
	return WF_ERROR_OTHER;
}

void
wf_pg_result_failure(WfFailure *failure, const PGconn *conn, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (state == NULL || strlen(state) != 5)
	{
		/* Not an error of the server but one libpq met: the connection is of no more use. */
		wf_pg_broken_failure(failure, conn);
		return;
	}
	wf_failure_set(failure, type_of_statement_state(state), "%s", "");
	wf_text_clean(failure->sqlstate, sizeof(failure->sqlstate), state);
	wf_text_clean(failure->message, sizeof(failure->message), message);
	wf_text_clean(failure->detail, sizeof(failure->detail),
				  PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
	wf_text_clean(failure->hint, sizeof(failure->hint),
				  PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
	if (failure->message[0] == '\0')
		wf_text_clean(failure->message, sizeof(failure->message),
					  "the server sent an error without a message");
}

void
wf_pg_broken_failure(WfFailure *failure, const PGconn *conn)
{
	const char *text = PQerrorMessage(conn);
	const char *sqlstate = find_sqlstate(text);
	const char *type = sqlstate != NULL ? type_of_statement_state(sqlstate) : type_of_text(text);

	/* An encrypted connection that breaks is a broken connection, not a TLS set-up problem. */
	if (type == NULL || strcmp(type, WF_ERROR_TLS) == 0)
		type = WF_ERROR_OTHER;
	wf_failure_set(failure, type, "%s", "");
	if (sqlstate != NULL)
	{
		memcpy(failure->sqlstate, sqlstate, 5);
		failure->sqlstate[5] = '\0';
	}
	split_text(failure, text[0] == '\0' ? "the connection to the server was lost" : text, sqlstate);
}
