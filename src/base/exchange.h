/*
 * exchange.h - one HTTP exchange as the rooms below src/http see it.
 *
 * The dispatcher (or, for PostgREST's own RPC, the pre-request check) fills the request's part; operations may read
 * it, and say how their answer differs from the route's usual one. Called from psql an operation finds a blank
 * exchange, and what it says about the answer goes nowhere. So no operation asks who carries it.
 */
#ifndef WF_BASE_EXCHANGE_H
#define WF_BASE_EXCHANGE_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "base/settings.h"

/* A header of the answer. */
typedef struct WfHeader
{
	const char *name;
	const char *value;
} WfHeader;

typedef struct WfExchange
{
	/* Request. Texts are never NULL ("" = not given) and were checked by the front: printable, bounded. */
	bool over_http;
	const char *method;		   /* GET, HEAD, POST, PUT, DELETE */
	const char *path;		   /* as sent, percent-encoded, without the query string */
	const char *scheme;		   /* http, https */
	const char *host;		   /* of the Host header */
	const char *address;	   /* of the client */
	const char *agent;		   /* User-Agent */
	const char *request_id;	   /* X-Request-ID */
	const char *authorization; /* Authorization header; secret */
	const char *cookie;		   /* value of cookie whalefall_session; secret */
	const char *csrf;		   /* X-CSRFToken; secret */
	WfLanguage language;	   /* of messages for people */
	const char *attempt; /* operation and name whose rate limit was asked already; NULL = none */

	/* Who: filled after authentication; sid is the login session's id (uuid text) or "". */
	const char *sid;

	/* Answer. */
	int status;				/* 0: the route's usual status */
	const char *message_zh; /* NULL: the route's usual message */
	const char *message_en;
	List *headers; /* of WfHeader */
} WfExchange;

/*
 * The exchange of the current transaction; a blank one outside of HTTP. Never NULL; valid until the end of the
 * transaction (or the next wf_exchange_begin).
 */
extern WfExchange *wf_exchange(void);

/* Start a blank exchange for a request; its texts must live as long as the transaction. */
extern WfExchange *wf_exchange_begin(void);

/* The request is over: from now on operations find a blank exchange again. */
extern void wf_exchange_end(void);

/*
 * Memory for what is put into an exchange: lives until the transaction ends or the next exchange begins,
 * whatever is rolled back inside.
 */
extern MemoryContext wf_exchange_context(void);

/* The answer's status, when it is not the route's: 200 to 299. */
extern void wf_exchange_set_status(int status);

/* The answer's message in both languages; copied. */
extern void wf_exchange_set_message(const char *zh, const char *en);

/* Add a header to the answer; name and value are copied and must be printable ASCII. */
extern void wf_exchange_add_header(const char *name, const char *value);

#endif
