/*
 * api_root.c - the entry of the API: what there is, and which program answers.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/json.h"
#include "base/settings.h"
#include "whalefall.h"

WF_FUNCTION(wf_app_info);

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
