/*
 * api_health.c - the operations health_* (api part 1, section 3.4).
 *
 * All answer, also when something is down; the state is in the answer, the error's text never is. "redis" is the
 * name clients know the cache by: here it is the shared memory of the extension.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/host.h"
#include "base/json.h"
#include "base/spi.h"
#include "http/request_log.h"
#include "whalefall.h"

#define FULL_PERCENT	 90.0 /* from here on the machine is not healthy */
#define SECONDS_A_MINUTE 60
#define SECONDS_AN_HOUR	 3600
#define SECONDS_A_DAY	 86400

WF_FUNCTION(wf_health_ping);
WF_FUNCTION(wf_health_basic);
WF_FUNCTION(wf_health_check);
WF_FUNCTION(wf_health_cache);
WF_FUNCTION(wf_health_detailed);

/* Does this database run a statement? It would hardly have come here otherwise. */
static bool
database_works(void)
{
	static WfQuery probe = WF_QUERY0("select 1");
	bool works;

	wf_spi_begin();
	works = wf_spi_run(&probe, SPI_OK_SELECT, NULL) == 1;
	wf_spi_end();
	return works;
}

static const char *
connected(bool works)
{
	return works ? "connected" : "error";
}

static const char *
healthy(bool is_healthy)
{
	return is_healthy ? "healthy" : "unhealthy";
}

/* "<d>天 <h>小时 <m>分钟" since the server was started, palloc'd. */
static char *
uptime(void)
{
	int64 seconds = Max((wf_clock_now() - PgStartTime) / USECS_PER_SEC, 0);

	return psprintf(INT64_FORMAT "天 %d小时 %d分钟", seconds / SECONDS_A_DAY,
					(int) (seconds % SECONDS_A_DAY / SECONDS_AN_HOUR),
					(int) (seconds % SECONDS_AN_HOUR / SECONDS_A_MINUTE));
}

static Datum
answer(WfJson *json)
{
	return PointerGetDatum(cstring_to_text(wf_json_text(wf_json_end(json))));
}

/* health_ping(): touches nothing. */
Datum
wf_health_ping(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text("{\"status\": \"ok\"}"));
}

/* health_basic(): runs no SQL. */
Datum
wf_health_basic(PG_FUNCTION_ARGS)
{
	int64 since_1970 =
		wf_clock_now() + ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)) * USECS_PER_DAY;
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "status", "healthy");
	wf_json_add_numeric_text(&json, "timestamp",
							 psprintf(INT64_FORMAT ".%06d", since_1970 / USECS_PER_SEC,
									  (int) (since_1970 % USECS_PER_SEC)));
	wf_json_add_text(&json, "version", WF_VERSION);
	return answer(&json);
}

/* health_check(): for monitors outside. */
Datum
wf_health_check(PG_FUNCTION_ARGS)
{
	bool database = database_works();
	bool cache = wf_host_memory_works();
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "status", healthy(database && cache));
	wf_json_add_text(&json, "database", connected(database));
	wf_json_add_text(&json, "redis", connected(cache));
	wf_json_add_time(&json, "timestamp", wf_clock_now());
	wf_json_add_text(&json, "uptime", uptime());
	return answer(&json);
}

/* The members healthy and status of a component that either works or not. */
static void
add_component(WfJson *json, const char *name, bool works)
{
	wf_json_open_object(json, name);
	wf_json_add_bool(json, "healthy", works);
	wf_json_add_text(json, "status", connected(works));
	wf_json_close(json);
}

static void
add_percent(WfJson *json, const char *name, double percent)
{
	wf_json_add_numeric_text(json, name, psprintf("%.2f", percent));
}

/* The component "system"; is it healthy? */
static bool
add_system(WfJson *json)
{
	WfHost host;
	bool known = wf_host_read(&host);
	bool fine = known && host.cpu_percent < FULL_PERCENT && host.memory_percent < FULL_PERCENT &&
				host.disk_percent < FULL_PERCENT;

	wf_json_open_object(json, "system");
	wf_json_add_bool(json, "healthy", fine);
	wf_json_add_text(json, "status", !known ? "error" : fine ? "healthy" : "warning");
	if (known)
	{
		add_percent(json, "cpu_percent", host.cpu_percent);
		add_percent(json, "memory_percent", host.memory_percent);
		add_percent(json, "disk_percent", host.disk_percent);
	}
	wf_json_close(json);
	return fine;
}

/* Requests of nobody in particular that were refused: the unified log has only one of each code a minute. */
static void
add_anonymous_failures(WfJson *json)
{
	WfAnonymousCount *counts;
	int n = wf_request_log_anonymous(&counts);

	wf_json_open_array(json, "anonymous_failures");
	for (int i = 0; i < n; i++)
	{
		wf_json_open_object(json, NULL);
		wf_json_add_text(json, "message_code", counts[i].message_code);
		wf_json_add_int(json, "status", counts[i].status);
		wf_json_add_int(json, "count", (int64) counts[i].count);
		wf_json_close(json);
	}
	wf_json_close(json);
}

/* health_cache() */
Datum
wf_health_cache(PG_FUNCTION_ARGS)
{
	bool works = wf_host_memory_works();
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_bool(&json, "healthy", works);
	wf_json_add_text(&json, "status", connected(works));
	return answer(&json);
}

/* health_detailed(): every component. */
Datum
wf_health_detailed(PG_FUNCTION_ARGS)
{
	bool database = database_works();
	bool cache = wf_host_memory_works();
	bool system;
	WfJson json;

	wf_json_begin(&json);
	wf_json_open_object(&json, "components");
	add_component(&json, "database", database);
	add_component(&json, "cache", cache);
	system = add_system(&json);
	wf_json_close(&json);
	wf_json_add_text(&json, "status", healthy(database && cache && system));
	wf_json_add_time(&json, "timestamp", wf_clock_now());
	wf_json_add_text(&json, "version", WF_VERSION);
	wf_json_add_text(&json, "database", connected(database));
	wf_json_add_text(&json, "redis", connected(cache));
	add_anonymous_failures(&json);
	return answer(&json);
}
