/*
 * failure.h - what a caught error means to the client.
 */
#ifndef WF_HTTP_FAILURE_H
#define WF_HTTP_FAILURE_H

#include "postgres.h"

#include "base/errors.h"
#include "http/request.h"

typedef struct WfFailure
{
	const WfErrorRow *row;	   /* status, code, category, severity, texts */
	const char *detail;		   /* sentence for the client; NULL = the row's text alone */
	const char *extra;		   /* text of a JSON object for the client; NULL = none */
	char error_id[WF_ID_SIZE]; /* of this one error: in the answer, the log and the server's log */
	const char *type;		   /* message code, or SQLSTATE of an error that is not ours */
	const char *text;		   /* everything that is known, for logs only */
} WfFailure;

/*
 * Translate an error (decisions 3 to 7): an error of our own table is its row; others go by SQLSTATE. Errors that
 * give status 500 keep their text to themselves. Texts are palloc'd in the current context.
 */
extern void wf_failure_read(const ErrorData *error, WfFailure *failure);

/* Is it a fault of the program or of the server, rather than of the request? */
extern bool wf_failure_is_unexpected(const WfFailure *failure);

/* Write an unexpected one to the server's log, with its id. */
extern void wf_failure_report(const ErrorData *error, const WfFailure *failure);

#endif
