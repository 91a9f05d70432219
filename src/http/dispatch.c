/*
 * dispatch.c - the one function behind /api/v1: from the front's facts to a complete answer.
 *
 *     whalefall_http.dispatch(body bytea)
 *
 * The operation runs in a subtransaction. Whatever goes wrong in it rolls that back and becomes an answer; rows of
 * the log, written afterwards in the transaction itself, stay. No error leaves this function: PostgREST would answer
 * in its own form, and would repeat the request for ever after a serialization failure.
 *
 * Nothing is written before the operation: one that waits for a worker refuses a transaction that has written.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "commands/trigger.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "base/caller.h"
#include "base/compat.h"
#include "base/errors.h"
#include "base/exchange.h"
#include "http/answer.h"
#include "http/args.h"
#include "http/failure.h"
#include "http/gate.h"
#include "http/handler.h"
#include "http/multipart.h"
#include "http/request.h"
#include "http/request_log.h"
#include "http/route.h"
#include "whalefall.h"

#define MAX_BODY_BYTES (16 * 1024 * 1024)

/* One request on its way. */
typedef struct Dispatch
{
	MemoryContext context; /* everything but the answer; gone at the end */
	MemoryContext result;  /* the caller's, for the answer */
	Datum argument;		   /* the body as SQL hands it over; 0 = null */
	TimestampTz started;
	WfExchange *exchange;
	WfHttpRequest request;
	WfRoute *route; /* NULL until one matches */
	int64 user_id;	/* 0 until somebody is authenticated */
	Oid role;		/* database role of the caller, once it may call */
	bool binding;	/* body and arguments are being read */
	const bytea *raw;
	WfBody body;
	bool has_body; /* body has been read */
	ErrorData *error;
	WfFailure failure;
	WfAnswer answer;
} Dispatch;

/* A request at a time: the exchange and the caller are those of the session. */
static bool running;

static TimeoutId timer;
static bool timer_registered;
static bool timer_started;
static volatile sig_atomic_t timer_fired;

/* The time of the request is up: as a cancel of the statement would, but we know that it was us. */
static void
on_timer(void)
{
	timer_fired = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

static void
start_timer(int milliseconds)
{
	if (!timer_registered)
	{
		timer = RegisterTimeout(USER_TIMEOUT, on_timer);
		timer_registered = true;
	}
	timer_fired = false;
	timer_started = true;
	enable_timeout_after(timer, milliseconds);
}

/* A cancel that came too late must not hit what follows the operation. */
static void
stop_timer(void)
{
	if (!timer_started)
		return;
	disable_timeout(timer, false);
	if (timer_fired)
		QueryCancelPending = false;
	timer_fired = false;
	timer_started = false;
}

/* What methods the path has: the header of a 405. */
static void
tell_allowed(uint32 allowed)
{
	static const char *const words[WF_METHODS] = {
		[WF_METHOD_GET] = "GET, HEAD",
		[WF_METHOD_POST] = "POST",
		[WF_METHOD_PUT] = "PUT",
		[WF_METHOD_DELETE] = "DELETE",
	};
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < WF_METHODS; i++)
		if (allowed & ((uint32) 1 << i))
			appendStringInfo(&list, "%s, ", words[i]);
	appendStringInfoString(&list, "OPTIONS");
	wf_exchange_add_header("Allow", list.data);
}

static void
find_route(Dispatch *d)
{
	uint32 allowed;

	wf_route_refresh();
	d->route = wf_route_find(&d->request, &allowed);
	if (d->route != NULL)
		return;
	if (allowed == 0)
		wf_raise(WF_ERR_NO_ROUTE, NULL, NULL);
	tell_allowed(allowed);
	wf_raise(WF_ERR_METHOD_NOT_ALLOWED, NULL, NULL);
}

/* Checks the size before the body is unpacked. GET has no body, whatever was sent. */
static void
take_body(Dispatch *d)
{
	if (d->argument == (Datum) 0)
		d->raw = (bytea *) cstring_to_text("");
	else if (toast_raw_datum_size(d->argument) - VARHDRSZ > MAX_BODY_BYTES)
		wf_raise(WF_ERR_PAYLOAD_TOO_LARGE, "A request may have 16 MiB.", NULL);
	else
		d->raw = DatumGetByteaPP(d->argument);
}

static void
read_body(Dispatch *d)
{
	if (d->has_body || d->request.method == WF_METHOD_GET)
		return;
	if (d->route->upload)
		wf_multipart_bind(wf_route_handler(d->route)->function, d->raw, d->request.content_type,
						  &d->body);
	else
		wf_args_parse_body(d->raw, d->request.content_type, &d->body);
	d->has_body = true;
}

/*
 * Run a piece of work in a subtransaction. Gives NULL, or the error that it ended with and that has been rolled back.
 * Work that changes the current user changes it back.
 */
static ErrorData *
contain(Dispatch *d, void (*work)(Dispatch *d))
{
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(d->context);
	PG_TRY();
	{
		work(d);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(d->context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(d->context);
	CurrentResourceOwner = owner;
	return error;
}

/* The name in a login's body is needed before it is time to refuse the body: then it is read once more. */
static void
peek_at_body(Dispatch *d)
{
	if (d->route->rate_limit != NULL && d->route->anonymous && contain(d, read_body) != NULL)
		d->has_body = false;
}

/*
 * The texts that the operation makes for people follow the request's language. Gives the nest level of the setting,
 * to be left after the call; 0 when it stands right already.
 */
static int
set_language(const WfExchange *exchange)
{
	int nest;

	if ((int) exchange->language == wf_setting_language)
		return 0;
	nest = NewGUCNestLevel();
	(void) set_config_option("whalefall.language",
							 exchange->language == WF_LANGUAGE_EN ? "en" : "zh", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return nest;
}

/* A deferred constraint must fail here, not when the answer is on its way. */
static void
check_deferred(void)
{
	ConstraintsSetStmt *all = makeNode(ConstraintsSetStmt);

	all->deferred = false;
	AfterTriggerSetState(all);
}

/*
 * The parameters of the query string. Operations whose attempts are counted take a password: it has no business in
 * an address, and what counts as the name is that of the body. Nor may another site's form log somebody in.
 */
static List *
query_of(const Dispatch *d)
{
	return d->route->rate_limit == NULL ? wf_args_split_query(d->request.query) : NIL;
}

/* Bind the arguments and call the operation as a database role that has the caller's rights. */
static WfResult
call_operation(Dispatch *d)
{
	WfHandler *handler = wf_route_handler(d->route);
	int nest;
	WfIdentity owner;
	WfBound bound;
	WfResult result;

	GetUserIdAndSecContext(&owner.user, &owner.security_context);
	SetUserIdAndSecContext(d->role, owner.security_context | SECURITY_LOCAL_USERID_CHANGE);
	nest = set_language(d->exchange);
	d->binding = true;
	read_body(d);
	wf_args_bind(handler->function, wf_route_params(d->route, &d->request), query_of(d),
				 d->has_body ? &d->body : NULL, &bound);
	d->binding = false;
	if (d->request.method == WF_METHOD_GET)
		XactReadOnly = true; /* until the subtransaction ends */
	result = wf_handler_call(handler, &bound);
	if (d->request.method != WF_METHOD_GET)
		check_deferred();
	if (nest != 0)
		AtEOXact_GUC(true, nest);
	wf_caller_restore(&owner);
	return result;
}

/* The whole request, as far as it may fail. */
static void
serve(Dispatch *d)
{
	WfIdentity saved;
	WfResult result;

	wf_request_read(d->exchange, &d->request);
	wf_caller_become_owner(&saved);
	find_route(d);
	start_timer(d->route->time_limit);
	take_body(d);
	peek_at_body(d);
	d->role = wf_gate_pass(d->route, &d->request, d->exchange, d->has_body ? &d->body : NULL,
						   &d->user_id);
	result = call_operation(d);
	MemoryContextSwitchTo(d->result);
	wf_answer_success(&d->answer, d->exchange, d->route, &result);
	wf_caller_restore(&saved);
}

/*
 * What would a GET of the same path say? A row that is not there comes before a body that cannot be read (part 1 of
 * the contract, section 1.5), but only the operation knows its row, and without arguments it cannot be called.
 */
static void
look_for_row(Dispatch *d)
{
	WfHttpRequest get = d->request;
	WfIdentity saved;
	WfRoute *route;
	WfBound bound;
	uint32 allowed;

	get.method = WF_METHOD_GET;
	wf_caller_become_owner(&saved);
	route = wf_route_find(&get, &allowed);
	if (route != NULL && route->param_count > 0 && WF_MAY_EXECUTE(route->function, d->role))
	{
		SetUserIdAndSecContext(d->role, saved.security_context | SECURITY_LOCAL_USERID_CHANGE);
		wf_args_bind(wf_route_handler(route)->function, wf_route_params(route, &get), NIL, NULL,
					 &bound);
		XactReadOnly = true;
		(void) wf_handler_call(wf_route_handler(route), &bound);
	}
	wf_caller_restore(&saved);
}

/* Did a change of one row fail for what it was sent, before its operation could look for the row? */
static bool
is_unread_change(const Dispatch *d)
{
	return d->error != NULL && d->binding &&
		   (d->request.method == WF_METHOD_PUT || d->request.method == WF_METHOD_DELETE);
}

/* What went wrong, as an answer. */
static void
explain(Dispatch *d)
{
	wf_failure_read(d->error, &d->failure);
	MemoryContextSwitchTo(d->result);
	wf_answer_failure(&d->answer, d->exchange, &d->failure, d->user_id);
}

static WfFinished
finished(const Dispatch *d)
{
	return (WfFinished){.exchange = d->exchange,
						.route = d->route,
						.failure = d->failure.row != NULL ? &d->failure : NULL,
						.user_id = d->user_id,
						.status = d->answer.status,
						.duration = GetCurrentTimestamp() - d->started};
}

static void
write_log(Dispatch *d)
{
	WfFinished done = finished(d);

	wf_request_log_write(&done);
}

/* A log that cannot be written must not take the answer away. */
static void
log_request(Dispatch *d)
{
	WfFinished done = finished(d);
	ErrorData *error;

	if (!wf_request_log_wants(&done))
		return;
	error = contain(d, write_log);
	if (error != NULL)
		ereport(LOG, (errcode(error->sqlerrcode),
					  errmsg("cannot log request \"%s\": %s", d->exchange->request_id,
							 error->message != NULL ? error->message : ""),
					  errhidestmt(true)));
}

static void
run(Dispatch *d)
{
	wf_error_forget();
	d->exchange = wf_exchange_begin();
	wf_caller_set(0, "anonymous", WF_ROLE_NONE);
	d->error = contain(d, serve);
	if (is_unread_change(d))
	{
		ErrorData *no_row = contain(d, look_for_row);

		if (no_row != NULL)
			d->error = no_row;
	}
	stop_timer();
	if (d->error != NULL)
	{
		ErrorData *second = contain(d, explain);

		if (d->failure.error_id[0] == '\0')
			memset(d->failure.error_id, '0', WF_ID_SIZE - 1);
		if (second != NULL)
			wf_answer_last_resort(&d->answer, d->failure.error_id);
		if (d->answer.status >= 500)
			wf_failure_report(second != NULL ? second : d->error, &d->failure);
	}
	log_request(d);
	wf_answer_send(&d->answer, d->exchange);
}

WF_FUNCTION(wf_http_dispatch);

/* whalefall_http.dispatch(body) and dispatch_read(body): see the head of this file. */
Datum
wf_http_dispatch(PG_FUNCTION_ARGS)
{
	Dispatch d = {.result = CurrentMemoryContext, .started = GetCurrentTimestamp()};

	if (running)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE), errmsg("a request cannot dispatch another one")));
	if (!PG_ARGISNULL(0))
		d.argument = PG_GETARG_DATUM(0);
	d.context =
		AllocSetContextCreate(CurrentMemoryContext, "whalefall request", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(d.context);
	running = true;
	PG_TRY();
	{
		run(&d);
	}
	PG_FINALLY();
	{
		running = false;
		wf_caller_forget();
		wf_exchange_end();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(d.result);
	MemoryContextDelete(d.context);
	PG_RETURN_BYTEA_P(d.answer.body);
}
