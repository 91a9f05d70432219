/*
 * api_database_types.c - the operations database_types_* (api part 1, section 4.2).
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/args.h"
#include "base/errors.h"
#include "base/settings.h"
#include "base/spi.h"
#include "whalefall.h"

WF_FUNCTION(wf_database_types_list);
WF_FUNCTION(wf_database_types_active);
WF_FUNCTION(wf_database_types_options);

/* The catalogue comes from setup(); an empty one is no answer. */
static void
require_seed(void)
{
	static WfQuery find = WF_QUERY0("select 1 from whalefall.seeds where name = 'database_types'");

	wf_spi_begin();
	if (wf_spi_run(&find, SPI_OK_SELECT, NULL) == 0)
		wf_raise(WF_ERR_NOT_SET_UP, "The catalogue of database types is not there yet.",
				 "Run SELECT whalefall.setup();");
	wf_spi_end();
}

/* {"database_types": [...]}, all or the active ones. */
static Datum
answer_types(bool active_only)
{
	static WfQuery find = WF_QUERY(
		"select json_build_object('database_types', coalesce(json_agg(row_to_json(x)), '[]')) from ("
		"select d.id, d.name, d.display_name, d.driver, d.default_port, d.default_schema, "
		"coalesce(d.connection_timeout, $2) as connection_timeout, d.description, d.icon, d.color, "
		"d.features, d.is_active, d.is_system, d.sort_order, d.created_at, d.updated_at "
		"from whalefall_api.database_types d where d.is_active or not $1 "
		"order by d.sort_order, d.name) x",
		BOOLOID, INT4OID);
	WfArg args[] = {WF_ARG_BOOL(active_only), WF_ARG_INT32(wf_setting_test_connect_timeout)};

	require_seed();
	return wf_answer_query(&find, args);
}

/* database_types_list() */
Datum
wf_database_types_list(PG_FUNCTION_ARGS)
{
	return answer_types(false);
}

/* database_types_active() */
Datum
wf_database_types_active(PG_FUNCTION_ARGS)
{
	return answer_types(true);
}

/* database_types_options() and database_types_form_options(), which answer the same. */
Datum
wf_database_types_options(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY0(
		"select json_build_object('options', coalesce(json_agg(row_to_json(x)), '[]')) from ("
		"select d.name as value, d.display_name as text, d.icon, d.color "
		"from whalefall.database_type_configs d where d.is_active order by d.sort_order, d.name) x");

	require_seed();
	return wf_answer_query(&find, NULL);
}
