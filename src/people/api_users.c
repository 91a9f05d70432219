/*
 * api_users.c - the operations users_* (api part 1, section 3.3).
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/args.h"
#include "base/errors.h"
#include "base/exchange.h"
#include "base/list.h"
#include "base/spi.h"
#include "people/user.h"
#include "whalefall.h"

WF_FUNCTION(wf_users_list);
WF_FUNCTION(wf_users_get);
WF_FUNCTION(wf_users_create);
WF_FUNCTION(wf_users_update);
WF_FUNCTION(wf_users_delete);
WF_FUNCTION(wf_users_toggle_status);
WF_FUNCTION(wf_users_stats);

/* users_list(search, role, status, page, page_size, sort, sort_order) */
Datum
wf_users_list(PG_FUNCTION_ARGS)
{
	static WfList list = {.columns = WF_USER_COLUMNS,
						  .from = "whalefall_api.users u",
						  .id = "u.id",
						  .filters = {{"u.username ilike $1", TEXTOID},
									  {"u.role = $2", TEXTOID},
									  {"u.is_active = $3", BOOLOID}},
						  .costly = WF_LIST_FILTER(1),
						  .sorts = {{"id", "u.id"},
									{"username", "u.username"},
									{"role", "u.role"},
									{"is_active", "u.is_active"},
									{"created_at", "u.created_at"}},
						  .default_sort = "created_at",
						  .default_descending = true,
						  .default_limit = 10,
						  .max_limit = 200};
	WfListPaging paging = wf_arg_get_paging(fcinfo, 3);
	WfArg filters[] = {wf_arg_text(wf_list_search_pattern(wf_arg_get_text(fcinfo, 0))),
					   wf_arg_text(wf_list_exact(wf_user_role_word(wf_arg_get_text(fcinfo, 1)))),
					   wf_arg_get_status(fcinfo, 2)};

	PG_RETURN_TEXT_P(cstring_to_text(wf_list_run(&list, &paging, filters)));
}

/* {"user": {...}} of an id as the answer; NOT_FOUND when there is none. SPI connected. */
static char *
user_json(int64 id, MemoryContext context)
{
	static WfQuery find =
		WF_QUERY("select json_build_object('user', row_to_json(item)) from (select " WF_USER_COLUMNS
				 " from whalefall_api.users u where u.id = $1) item",
				 INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("User " INT64_FORMAT " does not exist.", id), NULL);
	return wf_spi_copy_text(0, 1, context);
}

/* users_get(user_id) */
Datum
wf_users_get(PG_FUNCTION_ARGS)
{
	int64 id = wf_arg_get_id(fcinfo, 0, "User");
	MemoryContext context = CurrentMemoryContext;
	char *json;

	wf_spi_begin();
	json = user_json(id, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* Five arguments from n on: username, role, password, is_active, email. */
static WfUserInput
read_input(FunctionCallInfo fcinfo, int n)
{
	WfUserInput input = {0};

	input.username = wf_arg_get_text(fcinfo, n);
	input.role = wf_arg_get_text(fcinfo, n + 1);
	input.password = wf_arg_get_text(fcinfo, n + 2);
	input.has_is_active = !PG_ARGISNULL(n + 3);
	input.is_active = input.has_is_active && PG_GETARG_BOOL(n + 3);
	input.email = wf_arg_get_text(fcinfo, n + 4);
	return input;
}

/* users_create(username, role, password, is_active, email) */
Datum
wf_users_create(PG_FUNCTION_ARGS)
{
	WfUserInput input = read_input(fcinfo, 0);
	MemoryContext context = CurrentMemoryContext;
	char *json;

	wf_spi_begin();
	json = user_json(wf_user_create(&input), context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* users_update(user_id, username, role, password, is_active, email, clear) */
Datum
wf_users_update(PG_FUNCTION_ARGS)
{
	static const char *const clearable[] = {"email", NULL};
	int64 id = wf_arg_get_id(fcinfo, 0, "User");
	WfUserInput input = read_input(fcinfo, 1);
	MemoryContext context = CurrentMemoryContext;
	char *json;

	input.clears_email = wf_arg_clears(fcinfo, 6, clearable, "email");
	wf_spi_begin();
	wf_user_update(id, &input);
	json = user_json(id, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* users_delete(user_id): answers nothing. */
Datum
wf_users_delete(PG_FUNCTION_ARGS)
{
	int64 id = wf_arg_get_id(fcinfo, 0, "User");

	wf_spi_begin();
	wf_user_delete(id);
	wf_spi_end();
	PG_RETURN_NULL();
}

/* users_toggle_status(user_id) */
Datum
wf_users_toggle_status(PG_FUNCTION_ARGS)
{
	int64 id = wf_arg_get_id(fcinfo, 0, "User");
	MemoryContext context = CurrentMemoryContext;
	char *json;

	wf_spi_begin();
	if (wf_user_toggle(id))
		wf_exchange_set_message("用户已启用", "user enabled");
	else
		wf_exchange_set_message("用户已停用", "user disabled");
	json = user_json(id, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* users_stats(): how many users of which kind. */
Datum
wf_users_stats(PG_FUNCTION_ARGS)
{
	static WfQuery count = WF_QUERY0(
		"select json_build_object('total', count(*), 'active', count(*) filter (where is_active), "
		"'inactive', count(*) filter (where not is_active), "
		"'admin', count(*) filter (where role = 'admin'), "
		"'user', count(*) filter (where role = 'user'), "
		"'viewer', count(*) filter (where role = 'viewer')) from whalefall.users");

	return wf_answer_query(&count, NULL);
}
