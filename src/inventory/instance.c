/*
 * instance.c - what other rooms need of an instance: its address, its login, the outcome of a connection.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/errors.h"
#include "base/spi.h"
#include "inventory/credential.h"
#include "inventory/instance.h"
#include "inventory/server_key.h"

static const struct
{
	const char *db_type;
	const char *database;
} default_databases[] = {
	{"postgresql", "postgres"},
	{"mysql", "mysql"},
	{"sqlserver", "master"},
	{"oracle", "ORCL"},
};

const char *
wf_inventory_default_database(const char *db_type)
{
	for (size_t i = 0; i < lengthof(default_databases); i++)
		if (strcmp(default_databases[i].db_type, db_type) == 0)
			return default_databases[i].database;
	elog(ERROR, "unknown database type");
}

WfInstance *
wf_inventory_instance_find(int64 id)
{
	static WfQuery find =
		WF_QUERY("select name, db_type, host, port, database_name, tls_mode, tls_ca, is_active, "
				 "deleted_at is not null, coalesce(credential_id, 0), " WF_SERVER_KEY
				 ", " WF_CLEARTEXT_KEY " from whalefall.instances i where id = $1",
				 INT8OID);
	MemoryContext context = CurrentMemoryContext;
	WfArg args[] = {WF_ARG_INT64(id)};
	WfInstance *instance;

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		return NULL;
	instance = MemoryContextAllocZero(context, sizeof(WfInstance));
	instance->id = id;
	instance->name = wf_spi_copy_text(0, 1, context);
	instance->db_type = wf_spi_copy_text(0, 2, context);
	instance->host = wf_spi_copy_text(0, 3, context);
	instance->port = wf_spi_int32(0, 4);
	instance->database_name = wf_spi_copy_text(0, 5, context);
	if (instance->database_name == NULL)
		instance->database_name =
			MemoryContextStrdup(context, wf_inventory_default_database(instance->db_type));
	instance->tls_mode = wf_spi_copy_text(0, 6, context);
	instance->tls_ca = wf_spi_copy_text(0, 7, context);
	instance->is_active = wf_spi_bool(0, 8);
	instance->is_deleted = wf_spi_bool(0, 9);
	instance->credential_id = wf_spi_int64(0, 10);
	instance->server_public_key = wf_spi_copy_text(0, 11, context);
	instance->allow_cleartext_key = wf_spi_bool(0, 12);
	return instance;
}

void
wf_inventory_login_open(int64 credential_id, WfLogin *login)
{
	static WfQuery find = WF_QUERY(
		"select username, secret, is_active from whalefall.credentials where id = $1", INT8OID);
	MemoryContext context = CurrentMemoryContext;
	WfArg args[] = {WF_ARG_INT64(credential_id)};
	bytea *sealed;

	if (credential_id == 0 || wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_CREDENTIAL_INVALID, "No credential is stored with the instance.",
				 "Store one with whalefall_api.instances_update(..., credential_id => ...).");
	if (!wf_spi_bool(0, 3))
		wf_raise(WF_ERR_CREDENTIAL_INVALID,
				 psprintf("Credential " INT64_FORMAT " is disabled.", credential_id), NULL);
	sealed = (bytea *) wf_spi_copy_varlena(0, 2, context);
	if (sealed == NULL)
		wf_raise(WF_ERR_CREDENTIAL_INVALID,
				 psprintf("Credential " INT64_FORMAT " has no password.", credential_id),
				 "Store one through the view whalefall_api.credential_input.");
	login->username = wf_spi_copy_text(0, 1, context);
	login->password = wf_crypto_open(WF_CREDENTIAL_PURPOSE, credential_id, sealed);
	pfree(sealed);
}

void
wf_inventory_record_connect(int64 instance_id, const WfConnectOutcome *outcome)
{
	static WfQuery worked =
		WF_QUERY("update whalefall.instances set last_connected = $2, last_connect_attempt = $2, "
				 "last_connect_ok = true, last_connect_error = null, database_version = $3, "
				 "main_version = $4, detailed_version = $5 where id = $1",
				 INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID);
	static WfQuery failed = WF_QUERY(
		"update whalefall.instances set last_connect_attempt = $2, last_connect_ok = false, "
		"last_connect_error = $3 where id = $1",
		INT8OID, TIMESTAMPTZOID, TEXTOID);
	WfArg args[5];

	args[0] = WF_ARG_INT64(instance_id);
	args[1] = WF_ARG_TIME(wf_clock_now());
	if (!outcome->ok)
	{
		args[2] = wf_arg_text(outcome->error_type);
		wf_spi_run(&failed, SPI_OK_UPDATE, args);
		return;
	}
	args[2] = wf_arg_text(outcome->banner);
	args[3] = wf_arg_text(outcome->main_version);
	args[4] = wf_arg_text(outcome->detailed_version);
	wf_spi_run(&worked, SPI_OK_UPDATE, args);
}
