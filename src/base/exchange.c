/*
 * exchange.c - one HTTP exchange as the rooms below src/http see it.
 *
 * It lives in a context of its own below TopTransactionContext: a handler's subtransaction may be rolled back, its
 * headers (an expired cookie, Retry-After) must not be lost.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/exchange.h"

static WfExchange *current;
static LocalTransactionId current_in = InvalidLocalTransactionId;
static MemoryContext context; /* of the transaction context_in; afterwards a dangling pointer */
static LocalTransactionId context_in = InvalidLocalTransactionId;

MemoryContext
wf_exchange_context(void)
{
	if (context_in == InvalidLocalTransactionId || context_in != WF_LOCAL_XID)
	{
		context = AllocSetContextCreate(TopTransactionContext, "whalefall exchange",
										ALLOCSET_DEFAULT_SIZES);
		context_in = WF_LOCAL_XID;
	}
	return context;
}

WfExchange *
wf_exchange_begin(void)
{
	WfExchange *exchange;

	MemoryContextReset(wf_exchange_context());
	exchange = MemoryContextAllocZero(context, sizeof(WfExchange));
	exchange->method = exchange->path = exchange->scheme = exchange->host = "";
	exchange->address = exchange->agent = exchange->request_id = "";
	exchange->authorization = exchange->cookie = exchange->csrf = exchange->sid = "";
	exchange->language = (WfLanguage) wf_setting_language;
	current = exchange;
	current_in = WF_LOCAL_XID;
	return exchange;
}

WfExchange *
wf_exchange(void)
{
	if (current_in != InvalidLocalTransactionId && current_in == WF_LOCAL_XID)
		return current;
	return wf_exchange_begin();
}

void
wf_exchange_end(void)
{
	current_in = InvalidLocalTransactionId;
}

void
wf_exchange_set_status(int status)
{
	Assert(status >= 200 && status <= 299);
	wf_exchange()->status = status;
}

void
wf_exchange_set_message(const char *zh, const char *en)
{
	WfExchange *exchange = wf_exchange();

	exchange->message_zh = MemoryContextStrdup(wf_exchange_context(), zh);
	exchange->message_en = MemoryContextStrdup(wf_exchange_context(), en);
}

/* A line break in a header would let its rest be read as further headers. */
static void
require_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x20 || *text > 0x7e)
			elog(ERROR, "a header of the answer is not printable ASCII");
}

void
wf_exchange_add_header(const char *name, const char *value)
{
	WfExchange *exchange = wf_exchange();
	MemoryContext caller = MemoryContextSwitchTo(wf_exchange_context());
	WfHeader *header = palloc(sizeof(WfHeader));

	require_printable(name);
	require_printable(value);
	header->name = pstrdup(name);
	header->value = pstrdup(value);
	exchange->headers = lappend(exchange->headers, header);
	MemoryContextSwitchTo(caller);
}
