/*
 * probe.c - testing a connection (domain 2.3).
 *
 * The caller gets a word that says what is wrong, and an error id; host, user and the driver's text go to
 * the log row with that id.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"

#include "base/crypto.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/settings.h"
#include "base/text.h"
#include "connections/permissions.h"
#include "connections/probe.h"
#include "inventory/instance.h"
#include "logs/log.h"
#include "runs/item.h"

/* Where to connect to, from the stored instance or from the given parameters. */
static WfInstance *
find_target(const WfRequest *request)
{
	WfInstance *target;

	if (request->instance_id != 0)
	{
		target = wf_inventory_instance_find(request->instance_id);
		if (target == NULL)
			wf_raise(WF_ERR_NOT_FOUND,
					 psprintf("Instance " INT64_FORMAT " does not exist.", request->instance_id),
					 NULL);
		return target;
	}
	target = palloc0(sizeof(WfInstance));
	target->name = pstrdup(request->label);
	target->db_type = pstrdup(request->db_type);
	target->host = pstrdup(request->host);
	target->port = request->port;
	target->database_name =
		pstrdup(request->database[0] != '\0' ? request->database
											 : wf_inventory_default_database(request->db_type));
	target->tls_mode = "prefer";
	if (request->server_public_key[0] != '\0')
		target->server_public_key = pstrdup(request->server_public_key);
	target->allow_cleartext_key = request->allow_cleartext_key;
	target->credential_id = request->credential_id;
	return target;
}

/* The login: given ones arrive sealed, stored ones are opened here, in the worker. */
static void
open_login(const WfRequest *request, const WfInstance *target, WfLogin *login)
{
	bytea *sealed;

	if (request->secret_length == 0)
	{
		wf_inventory_login_open(target->credential_id, login);
		return;
	}
	sealed = palloc(VARHDRSZ + request->secret_length);
	SET_VARSIZE(sealed, VARHDRSZ + request->secret_length);
	memcpy(VARDATA(sealed), request->secret, request->secret_length);
	login->username = pstrdup(request->username);
	login->password = wf_crypto_open("request", request->generation, sealed);
}

static void
fill_target(const WfInstance *from, const WfLogin *login, bool bulk, WfRemoteTarget *target)
{
	int timeout = bulk ? wf_setting_connect_timeout : wf_setting_test_connect_timeout;

	memset(target, 0, sizeof(*target));
	target->db_type = from->db_type;
	target->host = from->host;
	target->port = from->port;
	target->dbname = from->database_name;
	target->user = login->username;
	target->password = login->password;
	target->tls_mode = from->tls_mode;
	target->tls_ca = from->tls_ca;
	target->server_public_key = from->server_public_key;
	target->allow_cleartext_key = from->allow_cleartext_key;
	target->connect_timeout_ms = timeout * 1000;
	target->statement_timeout_ms = timeout * 1000;
}

/* With less than this left a second try is not worth it. */
#define RETRY_MIN_MS 500

/* Without waiters the test is pointless: a caller who went away cancels it. */
static bool
is_abandoned(void *arg)
{
	const WfRequest *order = arg;

	for (int i = 0; i < WF_REQUEST_SLOTS; i++)
		if (wf_shared->requests[i].generation == order->generation)
			return wf_shared->requests[i].state == WF_REQUEST_ABANDONED;
	return true;
}

/*
 * Read the version and, in the same session, what the account may do. The test is about the version: should
 * the rest be in its way, which no server is known to do, the version is read once more, alone.
 */
static void
read_target(WfHelper *helper, WfRemoteTarget *target, WfRequest *request, MemoryContext context,
			WfRemoteResult *result)
{
	WfPermissions permissions = {.context = context};
	int64 left_ms = target->connect_timeout_ms;

	target->statement_timeout_ms = target->connect_timeout_ms / 2;
	wf_helper_read(helper, target, "version,permissions", wf_permissions_take, &permissions,
				   is_abandoned, request, result);
	if (result->ok)
	{
		wf_permissions_write(&permissions, request->permissions, sizeof(request->permissions));
		return;
	}
	left_ms -= result->elapsed_ms;
	if (strcmp(result->phase, "reading") != 0 || strcmp(result->error_type, "cancelled") == 0 ||
		left_ms < RETRY_MIN_MS)
		return;
	target->connect_timeout_ms = target->statement_timeout_ms = (int) left_ms;
	permissions.list = NIL;
	wf_helper_read(helper, target, "version", wf_permissions_take, &permissions, is_abandoned,
				   request, result);
}

static void
make_error_id(WfRequest *request)
{
	uint8 bytes[16];

	if (!pg_strong_random(bytes, sizeof(bytes)))
		elog(ERROR, "no random numbers available");
	hex_encode((char *) bytes, sizeof(bytes), request->error_id);
	request->error_id[32] = '\0';
}

/* Turn the driver's result into the answer and the outcome to be stored. */
static void
fill_answer(WfRequest *request, const WfInstance *target, const WfRemoteResult *result,
			WfConnectOutcome *outcome)
{
	char *main_version;
	char *detailed_version;

	memset(outcome, 0, sizeof(*outcome));
	request->ok = outcome->ok = result->ok;
	if (!result->ok)
	{
		bool connected = strcmp(result->phase, "reading") == 0;

		strlcpy(request->error_code, connected ? "CONNECTION_TEST_FAILED" : "CONNECTION_FAILED",
				sizeof(request->error_code));
		strlcpy(request->error_type, result->error_type, sizeof(request->error_type));
		outcome->error_type = request->error_type;
		make_error_id(request);
		return;
	}
	wf_inventory_parse_version(target->db_type, result->server_version, result->server_version_num,
							   &main_version, &detailed_version);
	outcome->banner = result->server_version;
	outcome->main_version = main_version;
	outcome->detailed_version = detailed_version;
	wf_text_copy(request->banner, sizeof(request->banner), result->server_version);
	wf_text_copy(request->main_version, sizeof(request->main_version), main_version);
	wf_text_copy(request->detailed_version, sizeof(request->detailed_version), detailed_version);
}

static void
log_test(const WfRequest *request, const WfInstance *target, const WfRemoteResult *result)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "instance_name", target->name);
	if (request->instance_id != 0)
		wf_json_add_int(&json, "instance_id", request->instance_id);
	wf_json_add_text(&json, "db_type", target->db_type);
	wf_json_add_text(&json, "host", target->host);
	wf_json_add_int(&json, "port", target->port);
	wf_json_add_int(&json, "duration_ms", result->elapsed_ms);
	wf_json_add_text(&json, "actor_name", request->user_name);
	if (request->ok)
		wf_json_add_text(&json, "version", request->detailed_version);
	else
	{
		wf_json_add_text(&json, "error_id", request->error_id);
		wf_json_add_text(&json, "error_type", request->error_type);
		wf_json_add_text(&json, "sqlstate", result->sqlstate);
		wf_json_add_text(&json, "driver_message", result->message);
	}
	wf_log_write(request->ok ? WF_LOG_INFO : WF_LOG_WARNING, "connections",
				 request->ok ? "connection test succeeded" : "connection test failed",
				 wf_json_end(&json), NULL);
}

/* A refusal before any connection: no credential, key file unusable, row gone. It is logged as well. */
static void
refuse(WfRequest *request, const ErrorData *error)
{
	WfJson json;

	request->ok = false;
	strlcpy(request->error_code, wf_error_row(wf_error_code_of(error))->message_code,
			sizeof(request->error_code));
	strlcpy(request->error_type, "other", sizeof(request->error_type));
	make_error_id(request);
	wf_item_begin("recording test");
	wf_json_begin(&json);
	if (request->instance_id != 0)
		wf_json_add_int(&json, "instance_id", request->instance_id);
	wf_json_add_text(&json, "error_id", request->error_id);
	wf_json_add_text(&json, "error_code", request->error_code);
	wf_json_add_text(&json, "error_message", error->message);
	wf_json_add_text(&json, "error_detail", error->detail);
	wf_json_add_text(&json, "actor_name", request->user_name);
	wf_log_write(WF_LOG_WARNING, "connections", "connection test refused", wf_json_end(&json),
				 NULL);
	wf_item_commit();
}

/* The login's clear text does not outlive the read, however it ends. */
static pg_noinline void
read_and_wipe(WfHelper *helper, WfRemoteTarget *target, WfLogin *login, WfRequest *request,
			  MemoryContext context, WfRemoteResult *result)
{
	PG_TRY();
	{
		read_target(helper, target, request, context, result);
	}
	PG_CATCH();
	{
		wf_crypto_wipe(login->password);
		PG_RE_THROW();
	}
	PG_END_TRY();
	wf_crypto_wipe(login->password);
}

static void
probe(WfRequest *request, WfHelper *helper, MemoryContext context)
{
	WfInstance *instance;
	WfLogin login;
	WfRemoteTarget target;
	WfRemoteResult result;
	WfConnectOutcome outcome;

	wf_item_begin("loading instance");
	MemoryContextSwitchTo(context);
	instance = find_target(request);
	open_login(request, instance, &login);
	wf_item_commit();
	MemoryContextSwitchTo(context);
	fill_target(instance, &login, request->bulk, &target);
	read_and_wipe(helper, &target, &login, request, context, &result);
	if (!result.ok && strcmp(result.error_type, "cancelled") == 0)
		return;
	fill_answer(request, instance, &result, &outcome);
	wf_item_begin("recording test");
	if (request->instance_id != 0)
		wf_inventory_record_connect(request->instance_id, &outcome);
	log_test(request, instance, &result);
	wf_item_commit();
}

void
wf_connections_probe(WfRequest *request, WfHelper *helper, MemoryContext context)
{
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		probe(request, helper, context);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (wf_error_code_of(error) == WF_ERR_INTERNAL)
			EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(context);
		refuse(request, error);
	}
	PG_END_TRY();
}
