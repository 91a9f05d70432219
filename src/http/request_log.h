/*
 * request_log.h - what requests leave in the unified log, and the count of anonymous failures.
 */
#ifndef WF_HTTP_REQUEST_LOG_H
#define WF_HTTP_REQUEST_LOG_H

#include "postgres.h"

#include "http/failure.h"
#include "http/route.h"

/* To be called from _PG_init while shared_preload_libraries is processed. */
extern void wf_request_log_init(void);

/* A request that is answered, as the log sees it. */
typedef struct WfFinished
{
	const WfExchange *exchange;
	const WfRoute *route;	  /* NULL: none matched */
	const WfFailure *failure; /* NULL: it succeeded */
	int64 user_id;			  /* 0: nobody was authenticated */
	int status;
	int64 duration; /* us */
} WfFinished;

/* Is there anything to be done about it? Nothing, for most of those that succeed. */
extern bool wf_request_log_wants(const WfFinished *finished);

/*
 * Write the rows of a finished request (api part 1, 1.11 and 1.15; decision 17) in the current transaction, which
 * must not be the operation's own. Nothing on a standby or before setup(). Failures of anonymous requests are
 * counted, and written at most once a minute per code. May raise; the caller contains that.
 */
extern void wf_request_log_write(const WfFinished *finished);

/* Failures of anonymous requests since the server's start. */
typedef struct WfAnonymousCount
{
	const char *message_code;
	int status;
	uint64 count;
} WfAnonymousCount;

/* The codes that occurred, palloc'd; gives their number. 0 when the library is not preloaded. */
extern int wf_request_log_anonymous(WfAnonymousCount **counts);

#endif
