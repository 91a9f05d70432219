/*
 * credential.c - checking and storing credentials.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "storage/lmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "base/crypto.h"
#include "base/errors.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/spi.h"
#include "base/text.h"
#include "inventory/credential.h"
#include "inventory/validate.h"
#include "logs/log.h"
#include "whalefall.h"

#define NAME_CHARS		   255
#define USERNAME_CHARS	   128
#define PASSWORD_MIN_CHARS 6
#define PASSWORD_MAX_CHARS 128

/* First keys of the advisory locks on names. */
#define ONE_NAME  0x77660000
#define ALL_NAMES 0x77670000

static const char *const credential_types[] = {"database", "ssh", "windows", "api", "ldap"};

/* Checked values; NULL = absent. password points into the input. */
typedef struct Checked
{
	char *name;
	const char *credential_type;
	const char *db_type;
	char *username;
	const char *password;
	char *description;
} Checked;

static const char *
check_type(const char *given)
{
	char *word = wf_text_trim(given);

	for (size_t i = 0; i < lengthof(credential_types); i++)
		if (pg_strcasecmp(word, credential_types[i]) == 0)
			return credential_types[i];
	wf_raise(WF_ERR_VALIDATION, "credential_type is not known.",
			 "Use database, ssh, windows, api or ldap.");
}

/* Nothing of the password may stand in a message. */
static void
check_password(const char *password)
{
	int length = wf_text_length(password);

	if (strspn(password, " \t\r\n\f\v") == strlen(password))
		wf_raise(WF_ERR_VALIDATION, "password must not be blank.", NULL);
	if (length < PASSWORD_MIN_CHARS || length > PASSWORD_MAX_CHARS)
		wf_raise(WF_ERR_VALIDATION,
				 psprintf("password must have %d to %d characters.", PASSWORD_MIN_CHARS,
						  PASSWORD_MAX_CHARS),
				 NULL);
}

static char *
blank_to_null(const char *given)
{
	char *text = wf_text_trim(given);

	return text != NULL && text[0] != '\0' ? text : NULL;
}

static Checked
check(const WfCredentialInput *input)
{
	Checked checked = {0};
	char *db_type = blank_to_null(input->db_type);

	if (input->name != NULL)
		checked.name = wf_validate_label("name", input->name, NAME_CHARS);
	if (input->credential_type != NULL)
		checked.credential_type = check_type(input->credential_type);
	if (input->username != NULL)
		checked.username = wf_validate_label("username", input->username, USERNAME_CHARS);
	if (input->password != NULL && input->password[0] != '\0')
	{
		check_password(input->password);
		checked.password = input->password;
	}
	if (db_type != NULL)
		checked.db_type = wf_validate_db_type(db_type);
	checked.description = blank_to_null(input->description);
	return checked;
}

/* All missing fields in one message. */
static void
require_fields(const WfCredentialInput *input)
{
	const char *const names[] = {"name", "credential_type", "username", "password"};
	const char *const values[] = {input->name, input->credential_type, input->username,
								  input->password};
	StringInfoData missing;

	initStringInfo(&missing);
	for (size_t i = 0; i < lengthof(names); i++)
		if (values[i] == NULL || values[i][0] == '\0')
			appendStringInfo(&missing, "%s%s", missing.len > 0 ? ", " : "", names[i]);
	if (missing.len > 0)
		wf_raise(WF_ERR_VALIDATION, psprintf("Missing: %s.", missing.data), NULL);
}

void
wf_inventory_lock_name(char kind, const char *name)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a missing name was refused before */
	uint32 hash = hash_bytes((const unsigned char *) name, strlen(name));

	/* Many names at once are locked by one lock, which this one respects. */
	DirectFunctionCall2(pg_advisory_xact_lock_shared_int4, Int32GetDatum(ALL_NAMES),
						Int32GetDatum((unsigned char) kind));
	DirectFunctionCall2(pg_advisory_xact_lock_int4, Int32GetDatum(ONE_NAME | (unsigned char) kind),
						Int32GetDatum((int32) hash));
}

void
wf_inventory_lock_names(char kind)
{
	DirectFunctionCall2(pg_advisory_xact_lock_int4, Int32GetDatum(ALL_NAMES),
						Int32GetDatum((unsigned char) kind));
}

int64
wf_credential_find(const char *name)
{
	static WfQuery find = WF_QUERY("select id from whalefall.credentials where name = $1", TEXTOID);
	WfArg args[] = {wf_arg_text(wf_text_trim(name))};

	return wf_spi_run(&find, SPI_OK_SELECT, args) == 1 ? wf_spi_int64(0, 1) : 0;
}

/* Raise when another credential has the name. */
static void
require_free_name(const char *name, int64 own_id)
{
	int64 other;

	wf_inventory_lock_name('c', name);
	other = wf_credential_find(name);
	if (other != 0 && other != own_id)
		wf_raise(WF_ERR_NAME_EXISTS, psprintf("A credential named \"%s\" exists.", name), NULL);
}

/*
 * Encrypt for a row. The lock is the one the write takes anyway; taken before the key is read, it lets the key
 * rotation wait for everybody who may still hold an old key.
 */
static WfArg
seal(int64 id, const char *password)
{
	if (password == NULL)
		return WF_NULL;
	LockRelationOid(get_relname_relid("credentials", get_namespace_oid(WF_SCHEMA, false)),
					RowExclusiveLock);
	return WF_ARG(PointerGetDatum(wf_crypto_seal(WF_CREDENTIAL_PURPOSE, id, password)));
}

static void
log_write(const char *message, const char *action, int64 id, const char *name)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "action", action);
	wf_json_add_int(&json, "credential_id", id);
	wf_json_add_text(&json, "credential_name", name);
	wf_log_write(WF_LOG_INFO, "credentials", message, wf_json_end(&json), NULL);
}

int64
wf_credential_create(const WfCredentialInput *input)
{
	static WfQuery next =
		WF_QUERY0("select pg_catalog.nextval('whalefall.credentials_id_seq'::regclass)");
	static WfQuery insert = WF_QUERY(
		"insert into whalefall.credentials (id, name, credential_type, db_type, username, secret, "
		"description, is_active) overriding system value values ($1, $2, $3, $4, $5, $6, $7, $8)",
		INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID, TEXTOID, BOOLOID);
	Checked checked;
	WfArg args[8];
	int64 id;

	wf_guard_require_ready();
	require_fields(input);
	checked = check(input);
	require_free_name(checked.name, 0);
	wf_spi_run(&next, SPI_OK_SELECT, NULL);
	id = wf_spi_int64(0, 1);
	args[0] = WF_ARG_INT64(id);
	args[1] = wf_arg_text(checked.name);
	args[2] = wf_arg_text(checked.credential_type);
	args[3] = wf_arg_text(checked.db_type);
	args[4] = wf_arg_text(checked.username);
	args[5] = seal(id, checked.password);
	args[6] = wf_arg_text(checked.description);
	args[7] = WF_ARG_BOOL(!input->has_is_active || input->is_active);
	wf_spi_run(&insert, SPI_OK_INSERT, args);
	log_write("credential created", "create_credential_rest", id, checked.name);
	return id;
}

void
wf_credential_update(int64 id, const WfCredentialInput *input)
{
	static WfQuery find =
		WF_QUERY("select name from whalefall.credentials where id = $1 for update", INT8OID);
	static WfQuery update = WF_QUERY(
		"update whalefall.credentials set name = coalesce($2, name), "
		"credential_type = coalesce($3, credential_type), "
		"db_type = case when $9 then null else coalesce($4, db_type) end, "
		"username = coalesce($5, username), secret = coalesce($6, secret), "
		"description = case when $10 then null else coalesce($7, description) end, "
		"is_active = coalesce($8, is_active) where id = $1",
		INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID, TEXTOID, BOOLOID, BOOLOID, BOOLOID);
	WfArg key[] = {WF_ARG_INT64(id)};
	Checked checked;
	WfArg args[10];
	char *name;

	wf_guard_require_ready();
	if (wf_spi_run(&find, SPI_OK_SELECT, key) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("Credential " INT64_FORMAT " does not exist.", id),
				 NULL);
	name = wf_spi_text(0, 1);
	checked = check(input);
	if (checked.name != NULL)
		require_free_name(checked.name, id);
	args[0] = WF_ARG_INT64(id);
	args[1] = wf_arg_text(checked.name);
	args[2] = wf_arg_text(checked.credential_type);
	args[3] = wf_arg_text(checked.db_type);
	args[4] = wf_arg_text(checked.username);
	args[5] = seal(id, checked.password);
	args[6] = wf_arg_text(checked.description);
	args[7] = input->has_is_active ? WF_ARG_BOOL(input->is_active) : WF_NULL;
	/* A blank text that was given clears, as null does. */
	args[8] =
		WF_ARG_BOOL(input->clears_db_type || (input->db_type != NULL && checked.db_type == NULL));
	args[9] = WF_ARG_BOOL(input->clears_description ||
						  (input->description != NULL && checked.description == NULL));
	wf_spi_run(&update, SPI_OK_UPDATE, args);
	log_write("credential updated", "update_credential_rest", id,
			  checked.name != NULL ? checked.name : name);
}
