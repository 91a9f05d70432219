/*
 * openapi.c - the operation openapi_json: this API as an OpenAPI 3.1 document.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/settings.h"
#include "http/openapi.h"
#include "whalefall.h"

WF_FUNCTION(wf_openapi_json);

/* Every error has these eleven members, and extra where an operation says so (api part 1, 1.3). */
static const char error_schema[] =
	"{\"description\":\"an error; message_code is what programs compare\",\"type\":\"object\","
	"\"properties\":{\"success\":{\"const\":false},\"error\":{\"const\":true},"
	"\"error_id\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{32}$\","
	"\"description\":\"finds the row of the unified log\"},"
	"\"category\":{\"type\":\"string\",\"enum\":[\"validation\",\"business\",\"authentication\","
	"\"authorization\",\"security\",\"database\",\"external\",\"network\",\"system\",\"unknown\"]},"
	"\"severity\":{\"type\":\"string\",\"enum\":[\"low\",\"medium\",\"high\",\"critical\"]},"
	"\"message_code\":{\"type\":\"string\",\"pattern\":\"^[A-Z][A-Z0-9_]*$\"},"
	"\"message\":{\"type\":\"string\",\"description\":\"for people\"},"
	"\"timestamp\":{\"type\":\"string\",\"format\":\"date-time\"},"
	"\"recoverable\":{\"type\":\"boolean\"},"
	"\"suggestions\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
	"\"minItems\":2,\"maxItems\":2},"
	"\"context\":{\"type\":\"object\",\"properties\":{\"request_id\":{\"type\":\"string\"},"
	"\"user_id\":{\"type\":[\"integer\",\"null\"]},\"url\":{\"type\":\"string\"},"
	"\"method\":{\"type\":\"string\"},\"meta\":{\"type\":\"object\",\"properties\":"
	"{\"ip_address\":{\"type\":\"string\"},\"user_agent\":{\"type\":\"string\"}},"
	"\"additionalProperties\":false}},"
	"\"required\":[\"request_id\",\"user_id\",\"url\",\"method\",\"meta\"],"
	"\"additionalProperties\":false},"
	"\"extra\":{\"type\":\"object\",\"description\":\"values of the error, for programs\"}},"
	"\"required\":[\"success\",\"error\",\"error_id\",\"category\",\"severity\",\"message_code\","
	"\"message\",\"timestamp\",\"recoverable\",\"suggestions\",\"context\"],"
	"\"additionalProperties\":false}";

static void
write_info(WfJsonText *json)
{
	wf_json_text_object(json, "info");
	wf_json_text_string(json, "title", wf_setting_app_name);
	wf_json_text_string(json, "version", WF_VERSION);
	wf_json_text_string(json, "description",
						"Control plane of a database fleet. Every operation is an SQL function of "
						"the same name, and may be called as one.");
	wf_json_text_close(json);
	wf_json_text_raw(json, "servers", "[{\"url\":\"/\"}]");
}

static int
by_text(const ListCell *left, const ListCell *right)
{
	return strcmp(lfirst(left), lfirst(right));
}

/* One tag per module. */
static void
write_tags(WfJsonText *json, WfDocModel *model)
{
	List *names = NIL;
	const char *last = NULL;
	ListCell *cell;

	foreach (cell, model->routes)
		names = lappend(names, unconstify(char *, ((WfDocRoute *) lfirst(cell))->module));
	list_sort(names, by_text);
	wf_json_text_array(json, "tags");
	foreach (cell, names)
	{
		if (last != NULL && strcmp(last, lfirst(cell)) == 0)
			continue;
		last = lfirst(cell);
		wf_json_text_object(json, NULL);
		wf_json_text_string(json, "name", last);
		wf_json_text_close(json);
	}
	wf_json_text_close(json);
}

/* Routes come by path: the methods of one stand together. */
static void
write_paths(WfJsonText *json, WfDocModel *model)
{
	const char *open = NULL;
	ListCell *cell;

	wf_json_text_object(json, "paths");
	foreach (cell, model->routes)
	{
		const WfDocRoute *route = lfirst(cell);

		if (open == NULL || strcmp(open, route->path) != 0)
		{
			if (open != NULL)
				wf_json_text_close(json);
			wf_json_text_object(json, route->path);
			open = route->path;
		}
		wf_openapi_write_operation(json, model, route);
	}
	if (open != NULL)
		wf_json_text_close(json);
	wf_json_text_close(json);
}

/* After the paths, which say what types are used. */
static void
write_components(WfJsonText *json, WfDocModel *model)
{
	wf_json_text_object(json, "components");
	wf_json_text_object(json, "schemas");
	wf_json_text_raw(json, "error", error_schema);
	wf_openapi_write_types(json, model);
	wf_json_text_close(json);
	wf_json_text_object(json, "responses");
	wf_openapi_write_responses(json);
	wf_json_text_close(json);
	wf_json_text_object(json, "securitySchemes");
	wf_openapi_write_security(json);
	wf_json_text_close(json);
	wf_json_text_close(json);
}

/* openapi_json(): the same declarations give the same text. */
Datum
wf_openapi_json(PG_FUNCTION_ARGS)
{
	WfDocModel *model = wf_openapi_load();
	WfJsonText json;

	wf_json_text_begin(&json);
	wf_json_text_string(&json, "openapi", "3.1.0");
	write_info(&json);
	write_tags(&json, model);
	write_paths(&json, model);
	write_components(&json, model);
	PG_RETURN_TEXT_P(cstring_to_text(wf_json_text_end(&json)));
}
