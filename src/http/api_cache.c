/*
 * api_cache.c - the operations cache_* (api part 1, section 3.5).
 *
 * No option, dashboard or rule is cached: such answers are read from tables each time (decision: the routes stay, and
 * say what is true). What a session does keep between requests is what it knows of the operations themselves; every
 * clearing throws that away in all sessions. The cache that is reported is the shared memory of the extension.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/errors.h"
#include "base/exchange.h"
#include "base/host.h"
#include "base/json.h"
#include "base/spi.h"
#include "base/text.h"
#include "logs/log.h"
#include "runs/shared.h"
#include "whalefall.h"

#define MAX_USERNAME_CHARS 512

WF_FUNCTION(wf_cache_stats);
WF_FUNCTION(wf_cache_classification_stats);
WF_FUNCTION(wf_cache_clear_classification);
WF_FUNCTION(wf_cache_clear_user);
WF_FUNCTION(wf_cache_clear_instance);
WF_FUNCTION(wf_cache_clear_all);

static const char *const db_types[] = {"mysql", "postgresql", "sqlserver", "oracle"};

/* How full the shared memory is. */
typedef struct Usage
{
	int workers;
	int requests;
	int waiting;
} Usage;

static Usage
read_usage(void)
{
	Usage usage = {0};

	LWLockAcquire(wf_shared->lock, LW_SHARED);
	for (int i = 0; i < WF_WORKER_SLOTS; i++)
		if (wf_shared->workers[i].state != WF_WORKER_FREE)
			usage.workers++;
	for (int i = 0; i < WF_REQUEST_SLOTS; i++)
		if (wf_shared->requests[i].state != WF_REQUEST_FREE)
			usage.requests++;
	usage.waiting = wf_shared->waiting;
	LWLockRelease(wf_shared->lock);
	return usage;
}

static void
add_info(WfJson *json)
{
	Usage usage = read_usage();

	wf_json_open_object(json, "info");
	wf_json_add_text(json, "kind", "shared memory of the extension");
	wf_json_add_int(json, "bytes", sizeof(WfShared));
	wf_json_add_time(json, "since", wf_shared->boot);
	wf_json_add_int(json, "generation", (int64) wf_host_cache_generation());
	wf_json_add_int(json, "worker_slots", WF_WORKER_SLOTS);
	wf_json_add_int(json, "workers", usage.workers);
	wf_json_add_int(json, "request_slots", WF_REQUEST_SLOTS);
	wf_json_add_int(json, "requests", usage.requests);
	wf_json_add_int(json, "waiting", usage.waiting);
	wf_json_close(json);
}

/* The object {status, info} or {status, error} under a key. */
static void
add_stats(WfJson *json, const char *key)
{
	bool works = wf_host_memory_works() && wf_shared != NULL;

	wf_json_open_object(json, key);
	wf_json_add_text(json, "status", works ? "connected" : "error");
	if (works)
		add_info(json);
	else
		wf_json_add_text(json, "error", "the library is not preloaded");
	wf_json_close(json);
}

static Datum
answer(WfJson *json)
{
	return PointerGetDatum(cstring_to_text(wf_json_text(wf_json_end(json))));
}

/* cache_stats() */
Datum
wf_cache_stats(PG_FUNCTION_ARGS)
{
	WfJson json;

	wf_json_begin(&json);
	add_stats(&json, "stats");
	return answer(&json);
}

/* cache_classification_stats(): rules are always at hand, for they are read from their table. */
Datum
wf_cache_classification_stats(PG_FUNCTION_ARGS)
{
	WfJson json;

	wf_json_begin(&json);
	add_stats(&json, "cache_stats");
	wf_json_open_object(&json, "db_type_stats");
	for (size_t i = 0; i < lengthof(db_types); i++)
	{
		wf_json_open_object(&json, db_types[i]);
		wf_json_add_bool(&json, "rules_cached", true);
		/* This release has no classification rules. */
		wf_json_add_int(&json, "rules_count", 0);
		wf_json_close(&json);
	}
	wf_json_close(&json);
	wf_json_add_bool(&json, "cache_enabled", true);
	return answer(&json);
}

/* Throw away what sessions keep; a server without our shared memory cannot tell them. */
static void
forget(void)
{
	if (!wf_host_forget_caches())
		wf_raise(WF_ERR_CONSTRAINT_VIOLATION, "The library is not preloaded.",
				 "Add whalefall to shared_preload_libraries and restart the server.");
}

/* Start the context of the log row of an action. */
static void
begin_log(WfJson *json, const char *action)
{
	wf_json_begin(json);
	wf_json_add_text(json, "action", action);
}

/* cache_clear_classification(db_type): one type or, blank, all. */
Datum
wf_cache_clear_classification(PG_FUNCTION_ARGS)
{
	char *given = PG_ARGISNULL(0) ? "" : wf_text_trim(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	const char *db_type = wf_text_db_type(given);
	WfJson json;

	/* The names themselves; other routes know aliases, this one never did. */
	if (given[0] != '\0' && (db_type == NULL || pg_strcasecmp(given, db_type) != 0))
		wf_raise(WF_ERR_VALIDATION,
				 psprintf("db_type \"%s\" is not known.", wf_text_clip(given, 64)),
				 "Use mysql, postgresql, sqlserver or oracle.");
	forget();
	begin_log(&json, "clear_classification_cache");
	wf_json_add_text(&json, "db_type", db_type);
	wf_log_write(WF_LOG_INFO, "cache", "classification cache cleared", wf_json_end(&json), NULL);
	if (db_type != NULL)
		wf_exchange_set_message(psprintf("%s 的分类缓存已清除", db_type),
								psprintf("classification cache of %s cleared", db_type));
	PG_RETURN_NULL();
}

/* Name of an instance that is not deleted; palloc'd. Raises NOT_FOUND. */
static char *
find_instance(FunctionCallInfo fcinfo, int n)
{
	static WfQuery find = WF_QUERY(
		"select name from whalefall.instances where id = $1 and deleted_at is null", INT8OID);
	WfArg args[1];
	MemoryContext context = CurrentMemoryContext;
	char *name;

	if (PG_ARGISNULL(n))
		wf_raise(WF_ERR_VALIDATION, "Missing: instance_id.", NULL);
	args[0] = WF_ARG_INT64(PG_GETARG_INT64(n));
	wf_spi_begin();
	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND,
				 psprintf("Instance " INT64_FORMAT " does not exist.", PG_GETARG_INT64(n)), NULL);
	name = wf_spi_copy_text(0, 1, context);
	wf_spi_end();
	return name;
}

/* cache_clear_user(instance_id, username): of a database account, which need not be known. */
Datum
wf_cache_clear_user(PG_FUNCTION_ARGS)
{
	char *username;
	char *instance;
	WfJson json;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		wf_raise(WF_ERR_VALIDATION,
				 psprintf("Missing: %s.", !PG_ARGISNULL(0)	? "username"
										  : PG_ARGISNULL(1) ? "instance_id, username"
															: "instance_id"),
				 NULL);
	username = wf_text_trim(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (username[0] == '\0')
		wf_raise(WF_ERR_VALIDATION, "username must not be blank.", NULL);
	if (wf_text_length(username) > MAX_USERNAME_CHARS)
		wf_raise(WF_ERR_VALIDATION,
				 psprintf("username is longer than %d characters.", MAX_USERNAME_CHARS), NULL);
	instance = find_instance(fcinfo, 0);
	forget();
	begin_log(&json, "clear_user_cache");
	wf_json_add_int(&json, "instance_id", PG_GETARG_INT64(0));
	wf_json_add_text(&json, "instance_name", instance);
	wf_json_add_text(&json, "account", username);
	wf_log_write(WF_LOG_INFO, "cache", "user cache cleared", wf_json_end(&json), NULL);
	PG_RETURN_NULL();
}

/* cache_clear_instance(instance_id) */
Datum
wf_cache_clear_instance(PG_FUNCTION_ARGS)
{
	char *instance = find_instance(fcinfo, 0);
	WfJson json;

	forget();
	begin_log(&json, "clear_instance_cache");
	wf_json_add_int(&json, "instance_id", PG_GETARG_INT64(0));
	wf_json_add_text(&json, "instance_name", instance);
	wf_log_write(WF_LOG_INFO, "cache", "instance cache cleared", wf_json_end(&json), NULL);
	PG_RETURN_NULL();
}

/* cache_clear_all(): afterwards nothing is kept of any active instance, of which there are so many. */
Datum
wf_cache_clear_all(PG_FUNCTION_ARGS)
{
	static WfQuery count = WF_QUERY0(
		"select count(*) from whalefall.instances where is_active and deleted_at is null");
	int64 instances;
	WfJson json;

	wf_spi_begin();
	wf_spi_run(&count, SPI_OK_SELECT, NULL);
	instances = wf_spi_int64(0, 1);
	wf_spi_end();
	forget();
	begin_log(&json, "clear_all_cache");
	wf_json_add_int(&json, "cleared_count", instances);
	wf_log_write(WF_LOG_INFO, "cache", "all caches cleared", wf_json_end(&json), NULL);
	wf_json_begin(&json);
	wf_json_add_int(&json, "cleared_count", instances);
	return answer(&json);
}
