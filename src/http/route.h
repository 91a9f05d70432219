/*
 * route.h - which operation serves a path, and what is known about it.
 *
 * The table is the view whalefall_http.routes. Every session keeps it as a tree by path segments, and makes it anew
 * after anything it was made of has changed: the view, the registry, a function, a schema, a role. A route whose
 * function does not exist is not in the tree.
 */
#ifndef WF_HTTP_ROUTE_H
#define WF_HTTP_ROUTE_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "http/handler.h"
#include "http/request.h"

typedef struct WfRoute
{
	WfMethod method;
	const char *path; /* pattern: /api/v1/users/{user_id} */
	const char *operation;
	const char *permission; /* word of the table: anon, login, view, ... */
	bool anonymous;			/* permission anon */
	bool csrf;
	bool raw;	 /* json without envelope */
	bool upload; /* takes multipart/form-data */
	int success_status;
	int time_limit; /* ms */
	const char *module;
	const char *action;
	const char *message_zh; /* NULL = the usual message */
	const char *message_en;
	const char *rate_limit; /* NULL = none */
	Oid function;
	int param_count; /* of the path, in its order */
	int param_segments[WF_REQUEST_MAX_SEGMENTS];
	const char *param_names[WF_REQUEST_MAX_SEGMENTS];
	WfHandler *handler; /* NULL until wf_route_handler */
} WfRoute;

/*
 * Make sure that this session's table is the present one. To be called as the owner, SPI not connected, before
 * wf_route_find; routes found earlier are gone when it makes the table anew.
 */
extern void wf_route_refresh(void);

/*
 * The route of a request, or NULL. Then *allowed has bit (1 << method) for every method that the path has; 0 = no
 * such path. The route lives until the next wf_route_refresh.
 */
extern WfRoute *wf_route_find(const WfHttpRequest *request, uint32 *allowed);

/* The path's parameters as a list of WfParam, palloc'd. */
extern List *wf_route_params(const WfRoute *route, const WfHttpRequest *request);

/* The function of a route. Raises an internal error when it is none that can answer. */
extern WfHandler *wf_route_handler(WfRoute *route);

#endif
