/*
 * handler.h - the SQL function behind a route: what it takes, what it gives, and its call.
 */
#ifndef WF_HTTP_HANDLER_H
#define WF_HTTP_HANDLER_H

#include "postgres.h"

#include "fmgr.h"

#include "base/settings.h"
#include "http/args.h"

/* What a function gives, and so what the answer's body is made of. */
typedef enum WfResultKind
{
	WF_RESULT_NONE, /* void */
	WF_RESULT_JSON,
	WF_RESULT_JSONB,
	WF_RESULT_TEXT,
	WF_RESULT_FILE /* whalefall_api.file_answer */
} WfResultKind;

typedef struct WfHandler
{
	const WfFunction *function; /* its arguments, for binding */
	WfResultKind kind;
	bool keep; /* call may be used again: C functions only */
	FmgrInfo call;
} WfHandler;

/* What a function gave. value is null for a void function and for one that gave null. */
typedef struct WfResult
{
	WfResultKind kind;
	bool null;
	Datum value;
} WfResult;

/*
 * Describe a function; everything lives as long as parent. Raises an internal error when it cannot be an operation: it
 * gives a set or another type than those above, has an unnamed or an output argument, one of a type that cannot be
 * bound, or a default that is no constant.
 */
extern WfHandler *wf_handler_describe(Oid function, MemoryContext parent);

/*
 * Call it with bound arguments as the current user. What it gives is palloc'd in the current context. Raises what
 * the function raises.
 */
extern WfResult wf_handler_call(WfHandler *handler, WfBound *bound);

#endif
