/*
 * api_connections.c - operations around connections: test, batch test, validate, status.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "base/args.h"
#include "base/caller.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/errors.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/settings.h"
#include "base/spi.h"
#include "base/text.h"
#include "inventory/instance.h"
#include "inventory/server_key.h"
#include "inventory/validate.h"
#include "runs/operation.h"
#include "runs/request.h"
#include "whalefall.h"

#define BATCH_MAX	   50
#define BATCH_TOTAL_MS 60000

WF_FUNCTION(wf_connections_test);
WF_FUNCTION(wf_connections_batch_test);
WF_FUNCTION(wf_connections_validate);
WF_FUNCTION(wf_connections_status);

static Datum
json_datum(WfJson *json)
{
	return CStringGetTextDatum(wf_json_text(wf_json_end(json)));
}

/* Shown version: main, or main (detailed), or the word for unknown (decision 40). */
static char *
shown_version(const WfRequest *answer)
{
	if (answer->main_version[0] == '\0')
		return pstrdup(answer->detailed_version[0] != '\0' ? answer->detailed_version : "未知");
	if (strcmp(answer->main_version, answer->detailed_version) == 0)
		return pstrdup(answer->main_version);
	return psprintf("%s (%s)", answer->main_version, answer->detailed_version);
}

static const char *
say(const char *chinese, const char *english)
{
	return wf_setting_language == WF_LANGUAGE_EN ? english : chinese;
}

/* What the account may do, and the names of what it lacks; null when the server did not say. */
static void
add_permissions(WfJson *json, const WfRequest *answer)
{
	static const char *const names[] = {"permissions", "missing_permissions"};
	Jsonb *known = NULL;

	if (answer->permissions[0] != '\0')
		known = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(answer->permissions)));
	for (size_t i = 0; i < lengthof(names); i++)
		wf_json_add_jsonb(json, names[i], wf_json_get(known, names[i]));
}

/*
 * Why a test failed: for administrators only (decision 42). The word tells an open port from a closed one, and a known
 * name from an unknown one, of hosts that a caller may name himself.
 */
static void
add_details(WfJson *json, const WfRequest *answer)
{
	if (wf_caller()->role < WF_ROLE_ADMIN)
		return;
	wf_json_open_object(json, "details");
	wf_json_add_text(json, "error_type", answer->error_type);
	wf_json_close(json);
}

/* The fields of ConnectionResult (api part 1, 2.7) inside an open object. */
static void
add_result(WfJson *json, const WfRequest *answer)
{
	wf_json_add_bool(json, "success", answer->ok);
	if (answer->ok)
	{
		char *version = shown_version(answer);

		wf_json_add_text(json, "message",
						 psprintf(say("连接成功，版本 %s", "connected, version %s"), version));
		wf_json_add_text(json, "version", version);
		wf_json_add_text(json, "database_version", answer->banner);
		wf_json_add_text(json, "main_version",
						 answer->main_version[0] != '\0' ? answer->main_version : NULL);
		wf_json_add_text(json, "detailed_version", answer->detailed_version);
		add_permissions(json, answer);
		return;
	}
	wf_json_add_text(json, "message", say("连接失败", "connection failed"));
	wf_json_add_text(json, "error_code", answer->error_code);
	wf_json_add_text(json, "error_id", answer->error_id);
	add_details(json, answer);
}

/* A failed test is an error with its id and word; the log row has the rest. */
static void
raise_failed_test(const WfRequest *answer)
{
	const WfErrorRow *row;
	const char *why;
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "connection_error_id", answer->error_id);
	wf_json_add_text(&json, "error_code", answer->error_code);
	add_details(&json, answer);
	row = wf_error_row_by_name(answer->error_code);
	why = row != NULL ? row->message_en : answer->error_type;
	wf_raise_extra(
		WF_ERR_CONNECTION_FAILED, wf_json_text(wf_json_end(&json)),
		wf_caller()->role < WF_ROLE_ADMIN && row == NULL
			? psprintf("%s (error id %s).", answer->error_code, answer->error_id)
			: psprintf("%s: %s (error id %s).", answer->error_code, why, answer->error_id),
		"An administrator finds the server's own message in whalefall_api.logs by the error id.");
}

static void
wait_for_test(WfRequest *request, WfRequest *answer)
{
	WfTicket ticket;
	int64 left_ms = (int64) wf_setting_test_connect_timeout * 1000 + 2000;
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), left_ms);

	if (!wf_request_submit(request, &ticket))
		wf_raise(WF_ERR_TIMEOUT, "Too many requests wait already.", "Try again in a moment.");
	while (!wf_request_poll(&ticket, answer))
	{
		left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
		if (left_ms <= 0)
			wf_raise(WF_ERR_TIMEOUT, "The connection test did not end in time.",
					 "See whether background workers are free: pg_stat_activity, backend_type"
					 " 'whalefall worker'.");
		wf_request_wait(left_ms);
	}
}

/* Submit one request and wait for it, within the bounds of this server. */
static void
run_test(WfRequest *request, WfRequest *answer)
{
	wf_shared_require_workers();
	wf_request_require_clean_transaction();
	if (!wf_request_enter())
		wf_raise(WF_ERR_TIMEOUT,
				 psprintf("%d sessions wait for a remote result already.", wf_setting_max_waiting),
				 "Try again in a moment, or raise whalefall.max_waiting.");
	PG_TRY();
	{
		wait_for_test(request, answer);
	}
	PG_FINALLY();
	{
		wf_request_leave();
	}
	PG_END_TRY();
}

static char *
text_arg(FunctionCallInfo fcinfo, int index)
{
	return PG_ARGISNULL(index) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(index));
}

static bool
is_blank(const char *text)
{
	return text == NULL || text[0] == '\0';
}

static void
require_field(StringInfo missing, bool absent, const char *name)
{
	if (absent)
		appendStringInfo(missing, "%s%s", missing->len > 0 ? ", " : "", name);
}

/* A login that was given: used and forgotten. Only its sealed form crosses shared memory. */
static void
seal_given_login(WfRequest *request, const char *username, char *password)
{
	bytea *sealed;

	if (strlen(username) >= sizeof(request->username))
		wf_raise(WF_ERR_VALIDATION, "username is too long.", NULL);
	sealed = wf_crypto_seal("request", request->generation, password);
	wf_crypto_wipe(password);
	if (VARSIZE_ANY_EXHDR(sealed) > sizeof(request->secret))
		wf_raise(WF_ERR_VALIDATION, "password is too long.", NULL);
	strlcpy(request->username, username, sizeof(request->username));
	request->secret_length = VARSIZE_ANY_EXHDR(sealed);
	memcpy(request->secret, VARDATA_ANY(sealed), request->secret_length);
}

/* The two arguments that 0.1.0 had not: server_public_key, allow_cleartext_key. */
static void
fill_server_key(FunctionCallInfo fcinfo, WfRequest *request)
{
	char *key;

	if (PG_NARGS() < 11)
		return;
	key = wf_server_key_check(text_arg(fcinfo, 9));
	request->allow_cleartext_key = !PG_ARGISNULL(10) && PG_GETARG_BOOL(10);
	wf_server_key_require_mysql(request->db_type, key, request->allow_cleartext_key);
	if (key != NULL)
		strlcpy(request->server_public_key, key, sizeof(request->server_public_key));
}

/*
 * The two arguments that 0.2.0 had not: database, and clear. An instance that was given as null, or blank, was meant
 * to be one: the other parameters must not be taken for what to test. Gives database.
 */
static char *
read_late_arguments(FunctionCallInfo fcinfo)
{
	static const char *const clearable[] = {"instance_id", NULL};

	if (PG_NARGS() < 13)
		return NULL;
	if (wf_arg_clears(fcinfo, 12, clearable, "instance_id") && PG_ARGISNULL(0))
		wf_raise(WF_ERR_VALIDATION, "instance_id is blank.", NULL);
	return text_arg(fcinfo, 11);
}

/* Mode B of the contract: parameters instead of a stored instance. */
static void
fill_adhoc(FunctionCallInfo fcinfo, WfRequest *request, char *other_database)
{
	StringInfoData missing;
	char *db_type = wf_text_trim(text_arg(fcinfo, 1));
	char *host = wf_text_trim(text_arg(fcinfo, 2));
	char *username = text_arg(fcinfo, 5);
	char *password = text_arg(fcinfo, 6);
	char *database = wf_text_trim(PG_ARGISNULL(7) ? other_database : text_arg(fcinfo, 7));
	char *label = wf_text_trim(text_arg(fcinfo, 8));
	bool has_login = !is_blank(username) && !is_blank(password);

	wf_caller_require(WF_ROLE_USER);
	initStringInfo(&missing);
	require_field(&missing, is_blank(db_type), "db_type");
	require_field(&missing, is_blank(host), "host");
	require_field(&missing, PG_ARGISNULL(3), "port");
	require_field(&missing, PG_ARGISNULL(4) && !has_login, "credential_id");
	if (missing.len > 0)
		wf_raise(WF_ERR_VALIDATION, psprintf("Missing: %s.", missing.data),
				 "Give instance_id, or db_type, host, port and credential_id.");
	strlcpy(request->db_type, wf_validate_db_type(db_type), sizeof(request->db_type));
	wf_validate_host(host);
	wf_validate_port(PG_GETARG_INT32(3));
	wf_validate_database_name(database);
	strlcpy(request->host, host, sizeof(request->host));
	request->port = PG_GETARG_INT32(3);
	strlcpy(request->database, database != NULL ? database : "", sizeof(request->database));
	wf_text_copy(request->label, sizeof(request->label), is_blank(label) ? "temp_test" : label);
	fill_server_key(fcinfo, request);
	if (has_login)
		seal_given_login(request, username, password);
	else if (wf_caller()->role < WF_ROLE_ADMIN)
		wf_raise(WF_ERR_PERMISSION_REQUIRED,
				 "Only an administrator may send a stored login to a given host.",
				 "Give username and password, or instance_id.");
	else
		request->credential_id = PG_GETARG_INT64(4);
}

static void
require_row(WfQuery *find, const char *what, int64 id)
{
	WfArg args[] = {WF_ARG_INT64(id)};

	if (wf_spi_run(find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("%s " INT64_FORMAT " does not exist.", what, id), NULL);
}

static void
require_credential(int64 id)
{
	static WfQuery find = WF_QUERY("SELECT 1 FROM whalefall.credentials WHERE id = $1", INT8OID);

	require_row(&find, "Credential", id);
}

/* instances_test_connection: a stored instance (viewer), or given parameters (user). */
Datum
wf_connections_test(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY("SELECT 1 FROM whalefall.instances WHERE id = $1", INT8OID);
	MemoryContext outer = CurrentMemoryContext;
	char *other_database = read_late_arguments(fcinfo);
	WfRequest request;
	WfRequest answer;
	WfJson json;

	wf_spi_begin();
	wf_guard_require_ready();
	MemoryContextSwitchTo(outer);
	wf_request_new(&request, WF_REQUEST_TEST);
	if (PG_ARGISNULL(0))
	{
		fill_adhoc(fcinfo, &request, other_database);
		if (request.secret_length == 0)
			require_credential(request.credential_id);
	}
	else
	{
		request.instance_id = PG_GETARG_INT64(0);
		require_row(&find, "Instance", request.instance_id);
	}
	wf_spi_end();
	run_test(&request, &answer);
	explicit_bzero(request.secret, sizeof(request.secret));
	if (!answer.ok)
		raise_failed_test(&answer);
	wf_json_begin(&json);
	add_result(&json, &answer);
	PG_RETURN_DATUM(json_datum(&json));
}

/* One entry of a batch test: what is being tested, and how it ended. */
typedef struct BatchEntry
{
	int64 instance_id;
	char *name; /* NULL: no such instance */
	WfTicket ticket;
	bool submitted;
	bool answered;
	WfRequest answer;
} BatchEntry;

static BatchEntry *
load_batch(ArrayType *ids, int *count)
{
	static WfQuery find = WF_QUERY("SELECT name FROM whalefall.instances WHERE id = $1", INT8OID);
	MemoryContext outer = CurrentMemoryContext;
	BatchEntry *entries;
	Datum *values;
	bool *nulls;

	deconstruct_array(ids, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values, &nulls, count);
	if (*count == 0 || *count > BATCH_MAX)
		wf_raise(WF_ERR_VALIDATION, psprintf("instance_ids has %d entries.", *count),
				 "Give 1 to 50 instance ids.");
	entries = palloc0(sizeof(BatchEntry) * *count);
	wf_spi_begin();
	wf_guard_require_ready();
	for (int i = 0; i < *count; i++)
	{
		WfArg args[] = {WF_ARG(values[i])};

		if (nulls[i])
			wf_raise(WF_ERR_VALIDATION, "instance_ids holds a null.", NULL);
		entries[i].instance_id = DatumGetInt64(values[i]);
		entries[i].ticket.slot = -1;
		if (wf_spi_run(&find, SPI_OK_SELECT, args) == 1)
			entries[i].name = wf_spi_copy_text(0, 1, outer);
	}
	wf_spi_end();
	return entries;
}

static void
submit_entry(BatchEntry *entry)
{
	WfRequest request;

	wf_request_new(&request, WF_REQUEST_TEST);
	request.instance_id = entry->instance_id;
	request.bulk = true;
	entry->submitted = wf_request_submit(&request, &entry->ticket);
}

/* Collect answers; returns how many tests are under way. */
static int
poll_entries(BatchEntry *entries, int count)
{
	int under_way = 0;

	for (int i = 0; i < count; i++)
	{
		BatchEntry *entry = &entries[i];

		if (entry->submitted && !entry->answered)
			entry->answered = wf_request_poll(&entry->ticket, &entry->answer);
		if (entry->submitted && !entry->answered)
			under_way++;
	}
	return under_way;
}

/* Start tests up to the number of workers; returns how many are not answered yet. */
static int
submit_entries(BatchEntry *entries, int count, int under_way)
{
	int open = 0;

	for (int i = 0; i < count; i++)
	{
		BatchEntry *entry = &entries[i];

		if (entry->name == NULL || entry->answered)
			continue;
		open++;
		if (!entry->submitted && under_way < wf_setting_max_workers)
		{
			submit_entry(entry);
			under_way += entry->submitted ? 1 : 0;
		}
	}
	return open;
}

/* Until all are answered or the time is over; what is unfinished then counts as failed. */
static void
run_batch(BatchEntry *entries, int count)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), BATCH_TOTAL_MS);

	for (;;)
	{
		int under_way = poll_entries(entries, count);
		long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);

		if (submit_entries(entries, count, under_way) == 0 || left <= 0)
			return;
		wf_request_wait(left);
	}
}

static void
add_batch_entry(WfJson *json, const BatchEntry *entry)
{
	wf_json_open_object(json, NULL);
	wf_json_add_int(json, "instance_id", entry->instance_id);
	if (entry->name == NULL)
	{
		wf_json_add_bool(json, "success", false);
		wf_json_add_text(json, "error", say("实例不存在", "no such instance"));
		wf_json_add_text(json, "message", say("实例不存在", "no such instance"));
	}
	else
	{
		WfRequest unfinished = {0};

		wf_json_add_text(json, "instance_name", entry->name);
		strlcpy(unfinished.error_code, "BATCH_TEST_FAILED", sizeof(unfinished.error_code));
		strlcpy(unfinished.error_type, "timeout", sizeof(unfinished.error_type));
		add_result(json, entry->answered ? &entry->answer : &unfinished);
	}
	wf_json_close(json);
}

/* The contract's answer: results in the order asked for, and a summary. */
static Datum
batch_answer(const BatchEntry *entries, int count)
{
	WfJson json;
	int good = 0;

	wf_json_begin(&json);
	wf_json_open_array(&json, "results");
	for (int i = 0; i < count; i++)
	{
		add_batch_entry(&json, &entries[i]);
		if (entries[i].answered && entries[i].answer.ok)
			good++;
	}
	wf_json_close(&json);
	wf_json_open_object(&json, "summary");
	wf_json_add_int(&json, "total", count);
	wf_json_add_int(&json, "success", good);
	wf_json_add_int(&json, "failed", count - good);
	wf_json_close(&json);
	return json_datum(&json);
}

/* instances_batch_test_connections: up to 50 stored instances in parallel, at most 60 s. */
Datum
wf_connections_batch_test(PG_FUNCTION_ARGS)
{
	int count;
	BatchEntry *entries;

	if (PG_ARGISNULL(0))
		wf_raise(WF_ERR_VALIDATION, "instance_ids is missing.", "Give 1 to 50 instance ids.");
	entries = load_batch(PG_GETARG_ARRAYTYPE_P(0), &count);
	wf_shared_require_workers();
	if (!wf_request_enter())
		wf_raise(WF_ERR_TIMEOUT,
				 psprintf("%d sessions wait for a remote result already.", wf_setting_max_waiting),
				 "Try again in a moment, or raise whalefall.max_waiting.");
	PG_TRY();
	{
		run_batch(entries, count);
	}
	PG_FINALLY();
	{
		wf_request_leave();
	}
	PG_END_TRY();
	return batch_answer(entries, count);
}

/* instances_validate_connection_params: checks, connects nowhere, answers nothing. */
Datum
wf_connections_validate(PG_FUNCTION_ARGS)
{
	char *db_type = wf_text_trim(text_arg(fcinfo, 0));

	if (is_blank(db_type) || PG_ARGISNULL(1))
		wf_raise(WF_ERR_VALIDATION, "Missing: db_type or port.", NULL);
	wf_validate_db_type(db_type);
	wf_validate_port(PG_GETARG_INT32(1));
	if (!PG_ARGISNULL(2))
	{
		wf_spi_begin();
		require_credential(PG_GETARG_INT64(2));
		wf_spi_end();
	}
	PG_RETURN_NULL();
}

/* instances_connection_status: freshness of the last successful contact (domain 2.5, decision 42). */
Datum
wf_connections_status(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY(
		"SELECT json_build_object('instance_id', id, 'instance_name', name, 'db_type', db_type,"
		" 'host', host, 'port', port, 'last_connected', last_connected, 'status', CASE"
		"  WHEN last_connect_ok IS FALSE THEN 'poor' WHEN last_connected IS NULL THEN 'unknown'"
		"  WHEN $2 - last_connected < interval '1 hour' THEN 'good'"
		"  WHEN $2 - last_connected < interval '24 hours' THEN 'warning' ELSE 'poor' END,"
		" 'is_active', is_active) FROM whalefall.instances WHERE id = $1",
		INT8OID, TIMESTAMPTZOID);
	MemoryContext outer = CurrentMemoryContext;
	int64 id = wf_operation_instance_id(fcinfo);
	WfArg args[] = {WF_ARG_INT64(id), WF_ARG_TIME(wf_clock_now())};
	char *result;

	wf_spi_begin();
	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("Instance " INT64_FORMAT " does not exist.", id), NULL);
	result = wf_spi_copy_text(0, 1, outer);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(result));
}
