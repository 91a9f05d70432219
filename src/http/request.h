/*
 * request.h - a request as the front describes it.
 */
#ifndef WF_HTTP_REQUEST_H
#define WF_HTTP_REQUEST_H

#include "postgres.h"

#include "base/exchange.h"

/* More than any route has; a longer path matches none. */
#define WF_REQUEST_MAX_SEGMENTS 16

/* What every path of the API begins with. */
#define WF_REQUEST_BASE "/api/v1/"

typedef enum WfMethod
{
	WF_METHOD_GET, /* and HEAD */
	WF_METHOD_POST,
	WF_METHOD_PUT,
	WF_METHOD_DELETE,
	WF_METHOD_OTHER /* one that no route has */
} WfMethod;

#define WF_METHODS WF_METHOD_OTHER

typedef struct WfHttpRequest
{
	WfMethod method;
	const char *query;		  /* without "?"; NULL = none */
	const char *content_type; /* "" = not told */
	int segment_count;		  /* below the base; -1 = the path cannot match any route */
	const char *segments[WF_REQUEST_MAX_SEGMENTS]; /* decoded */
} WfHttpRequest;

/* 32 hexadecimal digits and the terminator. */
#define WF_ID_SIZE 33

/* A new random id: 32 lower-case hexadecimal digits. */
extern void wf_request_new_id(char *id);

/* WF_METHOD_OTHER for a word that is none of the routes' methods. */
extern WfMethod wf_request_method(const char *word);

/*
 * Read the setting request.headers, as PostgREST leaves it, into the exchange (a blank one) and the request. The
 * facts are those of the front, which has checked them; who may execute the dispatcher is believed. Texts live in
 * wf_exchange_context(). Raises an internal error when there are none, or they are no JSON object.
 */
extern void wf_request_read(WfExchange *exchange, WfHttpRequest *request);

#endif
