/*
 * instance_write.c - checking and storing instances.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/timestamp.h"

#include "base/caller.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/spi.h"
#include "base/text.h"
#include "inventory/credential.h"
#include "inventory/instance_write.h"
#include "inventory/server_key.h"
#include "inventory/validate.h"
#include "logs/log.h"

#define NAME_CHARS		  100
#define DESCRIPTION_CHARS 500
#define TLS_CA_BYTES	  65536

/* Chinese characters that a name may hold. */
#define CJK_FIRST 0x4E00
#define CJK_LAST  0x9FA5

static const char *const tls_modes[] = {"disable", "prefer", "require", "verify-ca", "verify-full"};

/* Checked values; NULL or false = absent. */
typedef struct Checked
{
	char *name;
	const char *db_type;
	char *host;
	char *database_name;
	char *description;
	const char *tls_mode;
	char *tls_ca;
	char *server_key;
} Checked;

/* Letters, digits, _, - and Chinese characters, at most 100. */
static char *
check_name(const char *given)
{
	char *name = wf_text_trim(given);
	int characters = 0;

	for (const unsigned char *c = (const unsigned char *) name; *c != '\0'; characters++)
	{
		pg_wchar code = utf8_to_unicode(c);

		if (!(code < 0x80 && (isalnum((int) code) || code == '_' || code == '-')) &&
			!(code >= CJK_FIRST && code <= CJK_LAST))
			wf_raise(WF_ERR_VALIDATION, "name holds a character that is not allowed.",
					 "Use letters, digits, _, - and Chinese characters.");
		c += pg_utf_mblen(c);
	}
	if (characters == 0 || characters > NAME_CHARS)
		wf_raise(WF_ERR_VALIDATION, psprintf("name must have 1 to %d characters.", NAME_CHARS),
				 NULL);
	return name;
}

static const char *
check_tls_mode(const char *given)
{
	char *word = wf_text_trim(given);

	for (size_t i = 0; i < lengthof(tls_modes); i++)
		if (pg_strcasecmp(word, tls_modes[i]) == 0)
			return tls_modes[i];
	wf_raise(WF_ERR_VALIDATION, "tls_mode is not known.",
			 "Use disable, prefer, require, verify-ca or verify-full.");
}

/* Certificates only: a private key pasted along would lie here in the clear. */
static char *
check_tls_ca(const char *given)
{
	char *pem = wf_text_trim(given);

	if (pem[0] == '\0')
		return NULL;
	if (strlen(pem) > TLS_CA_BYTES || strstr(pem, "-----BEGIN CERTIFICATE-----") == NULL ||
		strstr(pem, "-----END CERTIFICATE-----") == NULL)
		wf_raise(WF_ERR_VALIDATION, "tls_ca is not a certificate in PEM form, or too long.", NULL);
	if (strstr(pem, "PRIVATE KEY") != NULL)
		wf_raise(WF_ERR_VALIDATION, "tls_ca holds a private key.",
				 "Give the certificate of the authority alone.");
	return pem;
}

static void
check_credential(int64 id)
{
	static WfQuery find = WF_QUERY("select 1 from whalefall.credentials where id = $1", INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};

	if (id <= 0 || wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_VALIDATION, psprintf("credential_id " INT64_FORMAT " does not exist.", id),
				 NULL);
}

static char *
blank_to_null(const char *given)
{
	char *text = wf_text_trim(given);

	return text != NULL && text[0] != '\0' ? text : NULL;
}

static Checked
check(const WfInstanceInput *input)
{
	Checked checked = {0};

	if (input->name != NULL)
		checked.name = check_name(input->name);
	if (input->db_type != NULL)
		checked.db_type = wf_validate_db_type(input->db_type);
	if (input->host != NULL)
	{
		checked.host = wf_text_trim(input->host);
		wf_validate_host(checked.host);
	}
	if (input->has_port)
		wf_validate_port(input->port);
	checked.database_name = blank_to_null(input->database_name);
	wf_validate_database_name(checked.database_name);
	if (input->has_credential_id)
		check_credential(input->credential_id);
	checked.description = wf_text_trim(input->description);
	if (checked.description != NULL && wf_text_length(checked.description) > DESCRIPTION_CHARS)
		wf_raise(WF_ERR_VALIDATION,
				 psprintf("description is longer than %d characters.", DESCRIPTION_CHARS), NULL);
	if (blank_to_null(input->tls_mode) != NULL)
		checked.tls_mode = check_tls_mode(input->tls_mode);
	if (input->tls_ca != NULL)
		checked.tls_ca = check_tls_ca(input->tls_ca);
	checked.server_key = wf_server_key_check(input->server_public_key);
	return checked;
}

static void
require_fields(const WfInstanceInput *input)
{
	const char *const names[] = {"name", "db_type", "host"};
	const char *const values[] = {input->name, input->db_type, input->host};
	StringInfoData missing;

	initStringInfo(&missing);
	for (size_t i = 0; i < lengthof(names); i++)
		if (blank_to_null(values[i]) == NULL)
			appendStringInfo(&missing, "%s%s", missing.len > 0 ? ", " : "", names[i]);
	if (!input->has_port)
		appendStringInfo(&missing, "%sport", missing.len > 0 ? ", " : "");
	if (missing.len > 0)
		wf_raise(WF_ERR_VALIDATION, psprintf("Missing: %s.", missing.data), NULL);
}

/* Names stay taken while an instance lies in the recycle bin: it may come back. */
static void
require_free_name(const char *name, int64 own_id)
{
	static WfQuery find = WF_QUERY("select 1 from whalefall.instances where name = $1 and id <> $2",
								   TEXTOID, INT8OID);
	WfArg args[] = {wf_arg_text(name), WF_ARG_INT64(own_id)};

	wf_inventory_lock_name('i', name);
	if (wf_spi_run(&find, SPI_OK_SELECT, args) > 0)
		wf_raise(WF_ERR_CONSTRAINT_VIOLATION, psprintf("An instance named \"%s\" exists.", name),
				 "It may be in the recycle bin.");
}

/* A verified connection needs something to verify with. After the write, so that old and new fields count. */
static void
require_ca(int64 id)
{
	static WfQuery find =
		WF_QUERY("select 1 from whalefall.instances where id = $1 "
				 "and tls_mode in ('verify-ca', 'verify-full') and tls_ca is null",
				 INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};

	if (wf_spi_run(&find, SPI_OK_SELECT, args) > 0)
		wf_raise(WF_ERR_VALIDATION, "tls_mode verify-ca and verify-full need tls_ca.",
				 "Give the certificate of the authority in PEM form.");
}

static void
log_write(const char *message, const char *action, int64 id, const char *name)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "action", action);
	wf_json_add_int(&json, "instance_id", id);
	wf_json_add_text(&json, "instance_name", name);
	wf_log_write(WF_LOG_INFO, "instances", message, wf_json_end(&json), NULL);
}

void
wf_instance_check(WfInstanceInput *input)
{
	Checked checked;

	require_fields(input);
	checked = check(input);
	input->name = checked.name;
	input->db_type = pstrdup(checked.db_type);
	input->host = checked.host;
	input->database_name = checked.database_name;
	input->description = checked.description;
}

int64
wf_instance_create(const WfInstanceInput *input)
{
	static WfQuery insert = WF_QUERY(
		"insert into whalefall.instances (name, db_type, host, port, database_name, credential_id, "
		"description, is_active, tls_mode, tls_ca) values ($1, $2, $3, $4, $5, $6, "
		"coalesce($7, ''), $8, coalesce($9, 'prefer'), $10) returning id",
		TEXTOID, TEXTOID, TEXTOID, INT4OID, TEXTOID, INT8OID, TEXTOID, BOOLOID, TEXTOID, TEXTOID);
	Checked checked;
	WfArg args[10];
	int64 id;

	wf_guard_require_ready();
	require_fields(input);
	checked = check(input);
	wf_server_key_require_mysql(checked.db_type, checked.server_key, input->allow_cleartext_key);
	require_free_name(checked.name, 0);
	args[0] = wf_arg_text(checked.name);
	args[1] = wf_arg_text(checked.db_type);
	args[2] = wf_arg_text(checked.host);
	args[3] = WF_ARG_INT32(input->port);
	args[4] = wf_arg_text(checked.database_name);
	args[5] = input->has_credential_id ? WF_ARG_INT64(input->credential_id) : WF_NULL;
	args[6] = wf_arg_text(checked.description);
	args[7] = WF_ARG_BOOL(!input->has_is_active || input->is_active);
	args[8] = wf_arg_text(checked.tls_mode);
	args[9] = wf_arg_text(checked.tls_ca);
	wf_spi_run(&insert, SPI_OK_INSERT_RETURNING, args);
	id = wf_spi_int64(0, 1);
	wf_server_key_store(id, input, checked.server_key);
	require_ca(id);
	log_write("instance created", "create_instance", id, checked.name);
	return id;
}

/* Name of an instance that is not deleted, its row locked; NOT_FOUND else. */
static char *
lock_row(int64 id)
{
	static WfQuery find = WF_QUERY(
		"select name from whalefall.instances where id = $1 and deleted_at is null for update",
		INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("Instance " INT64_FORMAT " does not exist.", id), NULL);
	return wf_spi_text(0, 1);
}

/* Where and how the instance's login is sent, as one text, and whether it has a login at all. */
static char *
login_target(int64 id, bool *has_login)
{
	static WfQuery find =
		WF_QUERY("select (credential_id, host, port, tls_mode, tls_ca, " WF_SERVER_KEY
				 ", " WF_CLEARTEXT_KEY ")::text, credential_id is not null "
				 "from whalefall.instances i where id = $1",
				 INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};

	wf_spi_run(&find, SPI_OK_SELECT, args);
	*has_login = wf_spi_bool(0, 2);
	return wf_spi_text(0, 1);
}

/*
 * A server that is logged in to learns the login, if it asks for the password in clear. So only an administrator
 * decides which login goes where; anybody else would read stored passwords by pointing an instance at a listener
 * of his own.
 */
static void
require_same_target(int64 id, const char *before)
{
	bool has_login;
	char *after = login_target(id, &has_login);

	if (has_login && strcmp(before, after) != 0 && wf_caller()->role < WF_ROLE_ADMIN)
		wf_raise(WF_ERR_PERMISSION_REQUIRED,
				 "Only an administrator may change where a stored login is sent.",
				 "Ask a member of whalefall_admin to change credential_id, host, port, TLS or "
				 "the server's key.");
}

void
wf_instance_update(int64 id, const WfInstanceInput *input)
{
	static WfQuery update = WF_QUERY(
		"update whalefall.instances set name = coalesce($2, name), db_type = coalesce($3, db_type), "
		"host = coalesce($4, host), port = coalesce($5, port), "
		"database_name = case when $12 then null else coalesce($6, database_name) end, "
		"credential_id = case when $13 then null else coalesce($7, credential_id) end, "
		"description = case when $14 then '' else coalesce($8, description) end, "
		"is_active = coalesce($9, is_active), "
		"tls_mode = case when $15 then 'prefer' else coalesce($10, tls_mode) end, "
		"tls_ca = case when $16 then null else coalesce($11, tls_ca) end, updated_at = $17 "
		"where id = $1",
		INT8OID, TEXTOID, TEXTOID, TEXTOID, INT4OID, TEXTOID, INT8OID, TEXTOID, BOOLOID, TEXTOID,
		TEXTOID, BOOLOID, BOOLOID, BOOLOID, BOOLOID, BOOLOID, TIMESTAMPTZOID);
	Checked checked;
	WfArg args[17];
	char *name;
	char *target;
	bool has_login;

	wf_guard_require_ready();
	name = lock_row(id);
	target = login_target(id, &has_login);
	checked = check(input);
	if (checked.name != NULL)
		require_free_name(checked.name, id);
	args[0] = WF_ARG_INT64(id);
	args[1] = wf_arg_text(checked.name);
	args[2] = wf_arg_text(checked.db_type);
	args[3] = wf_arg_text(checked.host);
	args[4] = input->has_port ? WF_ARG_INT32(input->port) : WF_NULL;
	args[5] = wf_arg_text(checked.database_name);
	args[6] = input->has_credential_id ? WF_ARG_INT64(input->credential_id) : WF_NULL;
	args[7] = wf_arg_text(checked.description);
	args[8] = input->has_is_active ? WF_ARG_BOOL(input->is_active) : WF_NULL;
	args[9] = wf_arg_text(checked.tls_mode);
	args[10] = wf_arg_text(checked.tls_ca);
	/* A blank text that was given clears, as null does. */
	args[11] = WF_ARG_BOOL(input->clears_database_name ||
						   (input->database_name != NULL && checked.database_name == NULL));
	args[12] = WF_ARG_BOOL(input->clears_credential_id);
	args[13] = WF_ARG_BOOL(input->clears_description);
	args[14] = WF_ARG_BOOL(input->clears_tls_mode);
	args[15] =
		WF_ARG_BOOL(input->clears_tls_ca || (input->tls_ca != NULL && checked.tls_ca == NULL));
	args[16] = WF_ARG_TIME(wf_clock_now());
	wf_spi_run(&update, SPI_OK_UPDATE, args);
	wf_server_key_store(id, input, checked.server_key);
	wf_server_key_require_stored_mysql(id);
	require_same_target(id, target);
	require_ca(id);
	log_write("instance updated", "update_instance_detail", id,
			  checked.name != NULL ? checked.name : name);
}

void
wf_instance_delete(int64 id)
{
	static WfQuery remove =
		WF_QUERY("update whalefall.instances set deleted_at = $2, updated_at = $2 "
				 "where id = $1 and deleted_at is null returning name",
				 INT8OID, TIMESTAMPTZOID);
	static WfQuery find = WF_QUERY("select 1 from whalefall.instances where id = $1", INT8OID);
	WfArg args[] = {WF_ARG_INT64(id), WF_ARG_TIME(wf_clock_now())};

	wf_guard_require_ready();
	if (wf_spi_run(&remove, SPI_OK_UPDATE_RETURNING, args) > 0)
		log_write("instance deleted", "delete_instance", id, wf_spi_text(0, 1));
	else if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("Instance " INT64_FORMAT " does not exist.", id), NULL);
}

bool
wf_instance_restore(int64 id)
{
	static WfQuery restore =
		WF_QUERY("update whalefall.instances set deleted_at = null, updated_at = $2 "
				 "where id = $1 and deleted_at is not null returning name",
				 INT8OID, TIMESTAMPTZOID);
	WfArg args[] = {WF_ARG_INT64(id), WF_ARG_TIME(wf_clock_now())};

	wf_guard_require_ready();
	if (wf_spi_run(&restore, SPI_OK_UPDATE_RETURNING, args) == 0)
	{
		(void) lock_row(id);
		return false;
	}
	log_write("instance restored", "restore_instance", id, wf_spi_text(0, 1));
	return true;
}
