/*
 * api_root.c - the entry of the API: what there is, and which program answers.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/json.h"
#include "base/settings.h"
#include "base/spi.h"
#include "whalefall.h"

WF_FUNCTION(wf_api_root);
WF_FUNCTION(wf_app_info);

/* api_root(): links, and the operations that are served. */
Datum
wf_api_root(PG_FUNCTION_ARGS)
{
	/* A route whose function does not exist is not served, and so not told. */
	static WfQuery find = WF_QUERY(
		"select json_build_object('docs_url', $1, 'openapi_url', '/api/v1/openapi.json', "
		"'swagger_url', '/api/v1/swagger.json', 'health_ping_url', '/api/v1/health/ping', "
		"'operations', coalesce(json_agg(json_build_object('method', r.method, 'path', r.path, "
		"'operation_id', r.operation, 'summary', "
		"pg_catalog.obj_description(p.oid, 'pg_proc')) "
		"order by r.path collate \"C\", r.method collate \"C\"), '[]')) "
		"from whalefall_http.routes r join pg_catalog.pg_proc p on p.proname = r.operation "
		"and p.pronamespace = 'whalefall_api'::pg_catalog.regnamespace",
		TEXTOID);
	WfArg args[] = {wf_arg_text(wf_setting_api_docs ? "/api/v1/docs" : NULL)};
	MemoryContext context = CurrentMemoryContext;
	char *json;

	wf_spi_begin();
	wf_spi_run(&find, SPI_OK_SELECT, args);
	json = wf_spi_copy_text(0, 1, context);
	wf_spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* app_info() */
Datum
wf_app_info(PG_FUNCTION_ARGS)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "app_name", wf_setting_app_name);
	wf_json_add_text(&json, "app_version", WF_VERSION);
	PG_RETURN_TEXT_P(cstring_to_text(wf_json_text(wf_json_end(&json))));
}
