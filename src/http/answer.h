/*
 * answer.h - answers: envelopes, files, status and headers.
 */
#ifndef WF_HTTP_ANSWER_H
#define WF_HTTP_ANSWER_H

#include "postgres.h"

#include "base/exchange.h"
#include "http/failure.h"
#include "http/handler.h"
#include "http/route.h"

typedef struct WfAnswer
{
	int status;
	bytea *body;
	const char *content_type;
	const char *disposition; /* Content-Disposition, or NULL */
} WfAnswer;

/*
 * The answer to a request whose operation gave a result: an envelope around JSON, or a file. Palloc'd in the
 * current context. What the operation left in the exchange (status, message) counts before the route's.
 */
extern void wf_answer_success(WfAnswer *answer, const WfExchange *exchange, const WfRoute *route,
							  const WfResult *result);

/* The answer to a request that failed. user_id 0 = nobody was authenticated. */
extern void wf_answer_failure(WfAnswer *answer, const WfExchange *exchange,
							  const WfFailure *failure, int64 user_id);

/* The answer when even that one could not be built: nothing of the request stands in it. */
extern void wf_answer_last_resort(WfAnswer *answer, const char *error_id);

/* Hand status and headers over to PostgREST: settings that last as long as the transaction. */
extern void wf_answer_send(const WfAnswer *answer, const WfExchange *exchange);

#endif
