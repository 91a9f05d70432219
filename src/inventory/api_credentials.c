/*
 * api_credentials.c - the operations credentials_* (api part 1, section 4.1). No operation gives a password back.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/args.h"
#include "base/crypto.h"
#include "base/errors.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/list.h"
#include "base/spi.h"
#include "inventory/credential.h"
#include "logs/log.h"
#include "whalefall.h"

/* The contract's Credential (2.2), from the view. */
#define COLUMNS                                                                                           \
	"c.id, c.name, c.credential_type, c.db_type, c.username, c.category_id, c.created_at, c.updated_at, " \
	"c.password, c.description, c.is_active, c.instance_count, "                                          \
	"pg_catalog.to_char(c.created_at at time zone pg_catalog.current_setting('whalefall.timezone'), "     \
	"'YYYY-MM-DD HH24:MI:SS') as created_at_display"

WF_FUNCTION(wf_credentials_list);
WF_FUNCTION(wf_credentials_get);
WF_FUNCTION(wf_credentials_create);
WF_FUNCTION(wf_credentials_update);
WF_FUNCTION(wf_credentials_delete);

/* credentials_list(search, credential_type, db_type, status, page, page_size, sort, sort_order, tags) */
Datum
wf_credentials_list(PG_FUNCTION_ARGS)
{
	static WfList list = {
		.columns = COLUMNS,
		.from = "whalefall_api.credentials c",
		.id = "c.id",
		.filters = {{"c.name ilike $1 or c.username ilike $1 or c.description ilike $1", TEXTOID},
					{"c.credential_type = $2", TEXTOID},
					{"c.db_type = $3", TEXTOID},
					{"c.is_active = $4", BOOLOID},
					{"exists (select from whalefall.instances i join whalefall.instance_tags l "
					 "on l.instance_id = i.id join whalefall.tags t on t.id = l.tag_id "
					 "where i.credential_id = c.id and i.deleted_at is null and t.name = any ($5))",
					 TEXTARRAYOID}},
		.costly = WF_LIST_FILTER(1) | WF_LIST_FILTER(5),
		.sorts = {{"id", "c.id"},
				  {"name", "c.name"},
				  {"credential_type", "c.credential_type"},
				  {"db_type", "c.db_type"},
				  {"username", "c.username"},
				  {"created_at", "c.created_at"},
				  {"instance_count", "c.instance_count"},
				  {"is_active", "c.is_active"}},
		.default_sort = "created_at",
		.default_descending = true,
		.default_limit = 20,
		.max_limit = 200};
	WfListPaging paging = wf_arg_get_paging(fcinfo, 4);
	WfArg filters[] = {wf_arg_text(wf_list_search_pattern(wf_arg_get_text(fcinfo, 0))),
					   wf_arg_text(wf_list_exact(wf_arg_get_text(fcinfo, 1))),
					   wf_arg_text(wf_list_exact(wf_arg_get_text(fcinfo, 2))),
					   wf_arg_get_status(fcinfo, 3), wf_arg_get_codes_filter(fcinfo, 8)};

	PG_RETURN_TEXT_P(cstring_to_text(wf_list_run(&list, &paging, filters)));
}

/* {"credential": {...}} of an id; NOT_FOUND when there is none. SPI connected. */
static char *
credential_json(int64 id, MemoryContext context)
{
	static WfQuery find =
		WF_QUERY("select json_build_object('credential', row_to_json(item)) from (select " COLUMNS
				 " from whalefall_api.credentials c where c.id = $1) item",
				 INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("Credential " INT64_FORMAT " does not exist.", id),
				 NULL);
	return wf_spi_copy_text(0, 1, context);
}

/* credentials_get(credential_id) */
Datum
wf_credentials_get(PG_FUNCTION_ARGS)
{
	int64 id = wf_arg_get_id(fcinfo, 0, "Credential");
	MemoryContext context = CurrentMemoryContext;
	char *json;

	wf_spi_begin();
	json = credential_json(id, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* Seven arguments from n on: name, credential_type, username, password, db_type, description, is_active. */
static WfCredentialInput
read_input(FunctionCallInfo fcinfo, int n)
{
	WfCredentialInput input = {0};

	input.name = wf_arg_get_text(fcinfo, n);
	input.credential_type = wf_arg_get_text(fcinfo, n + 1);
	input.username = wf_arg_get_text(fcinfo, n + 2);
	input.password = wf_arg_get_text(fcinfo, n + 3);
	input.db_type = wf_arg_get_text(fcinfo, n + 4);
	input.description = wf_arg_get_text(fcinfo, n + 5);
	input.has_is_active = !PG_ARGISNULL(n + 6);
	input.is_active = input.has_is_active && PG_GETARG_BOOL(n + 6);
	return input;
}

/* credentials_create(name, credential_type, username, password, db_type, description, is_active) */
Datum
wf_credentials_create(PG_FUNCTION_ARGS)
{
	WfCredentialInput input = read_input(fcinfo, 0);
	MemoryContext context = CurrentMemoryContext;
	char *json;
	int64 id;

	wf_spi_begin();
	id = wf_credential_create(&input);
	wf_crypto_wipe(input.password);
	json = credential_json(id, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/*
 * credentials_update(credential_id, name, credential_type, username, password, db_type, description, is_active,
 * clear)
 */
Datum
wf_credentials_update(PG_FUNCTION_ARGS)
{
	static const char *const clearable[] = {"db_type", "description", NULL};
	int64 id = wf_arg_get_id(fcinfo, 0, "Credential");
	WfCredentialInput input = read_input(fcinfo, 1);
	MemoryContext context = CurrentMemoryContext;
	char *json;

	input.clears_db_type = wf_arg_clears(fcinfo, 8, clearable, "db_type");
	input.clears_description = wf_arg_clears(fcinfo, 8, clearable, "description");
	wf_spi_begin();
	wf_credential_update(id, &input);
	wf_crypto_wipe(input.password);
	json = credential_json(id, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* credentials_delete(credential_id): physical; instances that used it have none afterwards. */
Datum
wf_credentials_delete(PG_FUNCTION_ARGS)
{
	static WfQuery detach = WF_QUERY(
		"update whalefall.instances set credential_id = null where credential_id = $1", INT8OID);
	static WfQuery remove =
		WF_QUERY("delete from whalefall.credentials where id = $1 returning name", INT8OID);
	int64 id = wf_arg_get_id(fcinfo, 0, "Credential");
	WfArg args[] = {WF_ARG_INT64(id)};
	uint64 detached;
	WfJson json;

	wf_spi_begin();
	wf_guard_require_ready();
	detached = wf_spi_run(&detach, SPI_OK_UPDATE, args);
	if (wf_spi_run(&remove, SPI_OK_DELETE_RETURNING, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("Credential " INT64_FORMAT " does not exist.", id),
				 NULL);
	wf_json_begin(&json);
	wf_json_add_text(&json, "action", "delete_credential");
	wf_json_add_int(&json, "credential_id", id);
	wf_json_add_text(&json, "credential_name", wf_spi_text(0, 1));
	wf_json_add_int(&json, "detached_instance_count", detached);
	wf_log_write(WF_LOG_INFO, "credentials", "credential deleted", wf_json_end(&json), NULL);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("{\"credential_id\":" INT64_FORMAT
											  ",\"detached_instance_count\":" UINT64_FORMAT "}",
											  id, detached)));
}
