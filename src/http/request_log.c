/*
 * request_log.c - what requests leave in the unified log, and the count of anonymous failures.
 *
 * Whoever has not logged in could fill the log at will: his failures are counted in shared memory, and of each code
 * one is written per minute, with the number of those that were not. Counters are atomics without a lock.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/settings.h"
#include "base/text.h"
#include "http/request_log.h"
#include "logs/log.h"

#define CODES (WF_ERR_INTERNAL + 1)
/* A path may have thousands of bytes; the log need not. */
#define MAX_PATH_BYTES 1024
#define QUIET_INTERVAL (60 * USECS_PER_SEC)

typedef struct Counter
{
	pg_atomic_uint64 count;		 /* since the server's start */
	pg_atomic_uint64 told;		 /* of them, how many the log knew of when a row was written last */
	pg_atomic_uint64 written_at; /* TimestampTz of that row; 0 = never */
} Counter;

/* By WfErrorCode; NULL when the library is not preloaded. */
static Counter *counters;

static shmem_request_hook_type previous_request_hook;
static shmem_startup_hook_type previous_startup_hook;

static void
request_shmem(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(Counter) * CODES));
}

static void
startup_shmem(void)
{
	bool found;

	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	counters = ShmemInitStruct("whalefall anonymous failures", sizeof(Counter) * CODES, &found);
	for (int i = 0; i < CODES && !found; i++)
	{
		pg_atomic_init_u64(&counters[i].count, 0);
		pg_atomic_init_u64(&counters[i].told, 0);
		pg_atomic_init_u64(&counters[i].written_at, 0);
	}
	LWLockRelease(AddinShmemInitLock);
}

void
wf_request_log_init(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}

int
wf_request_log_anonymous(WfAnonymousCount **counts)
{
	int n = 0;

	*counts = palloc(CODES * sizeof(WfAnonymousCount));
	for (int i = 0; i < CODES && counters != NULL; i++)
	{
		uint64 count = pg_atomic_read_u64(&counters[i].count);
		const WfErrorRow *row = wf_error_row((WfErrorCode) i);

		if (count > 0)
			(*counts)[n++] = (WfAnonymousCount){row->message_code, row->status, count};
	}
	return n;
}

/*
 * Count an anonymous failure. True when its row is to be written now (never unless it may be): then *unwritten is
 * the number of failures with this code that the log has not heard of, this one included. Without shared memory
 * every one is written.
 */
static bool
count_anonymous(WfErrorCode code, bool may_write, uint64 *unwritten)
{
	Counter *counter;
	TimestampTz now = wf_clock_now();
	uint64 last;
	uint64 count;

	*unwritten = 1;
	if (counters == NULL)
		return may_write;
	counter = &counters[code];
	count = pg_atomic_add_fetch_u64(&counter->count, 1);
	last = pg_atomic_read_u64(&counter->written_at);
	if (!may_write)
		return false;
	if (last != 0 && now >= (TimestampTz) last && now - (TimestampTz) last < QUIET_INTERVAL)
		return false;
	/* Of several that come at the same time one wins. */
	if (!pg_atomic_compare_exchange_u64(&counter->written_at, &last, (uint64) now))
		return false;
	*unwritten = count - pg_atomic_exchange_u64(&counter->told, count);
	return true;
}

/* The request, as every row of the log knows it. */
static void
begin_context(WfJson *json, const WfFinished *finished)
{
	const WfExchange *exchange = finished->exchange;

	wf_json_begin(json);
	wf_json_add_text(json, "request_id", exchange->request_id);
	if (finished->user_id != 0)
		wf_json_add_int(json, "user_id", finished->user_id);
	wf_json_add_text(json, "url", wf_text_clip(exchange->path, MAX_PATH_BYTES));
	wf_json_add_text(json, "method", exchange->method);
	wf_json_add_text(json, "host", exchange->host);
	wf_json_add_text(json, "ip_address", exchange->address);
	wf_json_add_text(json, "user_agent", exchange->agent);
	if (finished->route != NULL)
	{
		wf_json_add_text(json, "endpoint", finished->route->operation);
		wf_json_add_text(json, "route", finished->route->path);
	}
	if (finished->failure != NULL)
	{
		wf_json_add_text(json, "error_id", finished->failure->error_id);
		wf_json_add_text(json, "error_type", finished->failure->type);
	}
}

static const char *
full_message(const WfFailure *failure)
{
	if (failure->detail == NULL)
		return failure->row->message_en;
	return psprintf("%s: %s", failure->row->message_en, failure->detail);
}

static WfLogLevel
level_of(const WfErrorRow *row)
{
	if (strcmp(row->severity, "critical") == 0)
		return WF_LOG_CRITICAL;
	return strcmp(row->severity, "high") == 0 ? WF_LOG_ERROR : WF_LOG_WARNING;
}

/* The row of the error envelope. unwritten > 1: it stands for so many. */
static void
write_envelope(const WfFinished *finished, uint64 unwritten)
{
	const WfFailure *failure = finished->failure;
	WfJson json;

	begin_context(&json, finished);
	wf_json_add_text(&json, "message_code", failure->row->message_code);
	wf_json_add_text(&json, "category", failure->row->category);
	wf_json_add_text(&json, "severity", failure->row->severity);
	wf_json_add_int(&json, "status_code", failure->row->status);
	if (unwritten > 1)
		wf_json_add_int(&json, "occurrences", (int64) unwritten);
	wf_log_write(level_of(failure->row), "error_handler", full_message(failure), wf_json_end(&json),
				 wf_failure_is_unexpected(failure) ? failure->text : NULL);
}

/* The row of the operation that failed. */
static void
write_operation(const WfFinished *finished)
{
	const WfFailure *failure = finished->failure;
	bool unexpected = wf_failure_is_unexpected(failure);
	WfJson json;

	begin_context(&json, finished);
	wf_json_add_text(&json, "action", finished->route->action);
	if (finished->user_id != 0)
		wf_json_add_int(&json, "actor_id", finished->user_id);
	if (!unexpected)
		wf_json_add_text(&json, "error_message", full_message(failure));
	wf_log_write(unexpected ? WF_LOG_ERROR : WF_LOG_WARNING, finished->route->module,
				 psprintf("%s failed", finished->route->action), wf_json_end(&json), NULL);
}

/* The row of the finished request. */
static void
write_finished(const WfFinished *finished)
{
	WfJson json;

	begin_context(&json, finished);
	wf_json_add_text(&json, "action",
					 psprintf("%s %s", finished->exchange->method,
							  wf_text_clip(finished->exchange->path, MAX_PATH_BYTES)));
	wf_json_add_int(&json, "status_code", finished->status);
	wf_json_add_text(&json, "outcome", finished->status < 400 ? "success" : "error");
	wf_json_add_int(&json, "duration_ms", finished->duration / 1000);
	wf_log_write(WF_LOG_INFO, "http", "http_request_completed", wf_json_end(&json), NULL);
}

static bool
wants_finished(const WfFinished *finished)
{
	switch ((WfHttpLogMode) wf_setting_http_log_mode)
	{
		case WF_HTTP_LOG_ALL:
			return true;
		case WF_HTTP_LOG_SLOW_OR_ERROR:
			return finished->failure != NULL ||
				   finished->duration >= (int64) wf_setting_http_log_slow_ms * 1000;
		case WF_HTTP_LOG_ERRORS_ONLY:
			return finished->failure != NULL;
		case WF_HTTP_LOG_OFF:
			break;
	}
	return false;
}

bool
wf_request_log_wants(const WfFinished *finished)
{
	return finished->failure != NULL || wants_finished(finished);
}

void
wf_request_log_write(const WfFinished *finished)
{
	const WfFailure *failure = finished->failure;
	bool may_write = !XactReadOnly && !RecoveryInProgress();
	uint64 unwritten = 1;

	if (failure != NULL && finished->user_id == 0 &&
		!count_anonymous(failure->row->code, may_write, &unwritten))
		return;
	if (!may_write)
		return;
	if (failure != NULL)
	{
		write_envelope(finished, unwritten);
		if (finished->route != NULL)
			write_operation(finished);
	}
	if (wants_finished(finished))
		write_finished(finished);
}
