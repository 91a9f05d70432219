/*
 * openapi.c - the operation openapi_json: this API as an OpenAPI 3.1 document.
 *
 * A session keeps what it has made, and makes it anew when anything it is made of has changed. A comment alone is the
 * exception: the catalog tells nobody of it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/host.h"
#include "base/settings.h"
#include "http/openapi.h"
#include "whalefall.h"

WF_FUNCTION(wf_openapi_json);

/* The document this session has made, which anybody may ask for without a login. Lives in CacheMemoryContext. */
static struct
{
	char *document;	   /* NULL: none yet */
	char *title;	   /* name of the application in it */
	uint64 generation; /* of caches, as an administrator may end it */
	uint64 changes;	   /* of the catalog, seen so far; the document was made when it was made_at */
	uint64 made_at;
} kept;

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

/* The document of the declarations as they are now, palloc'd. */
static char *
make_document(void)
{
	WfDocModel *model = wf_openapi_load();
	WfJsonText json;

	wf_json_text_begin(&json);
	wf_json_text_string(&json, "openapi", "3.1.0");
	write_info(&json);
	write_tags(&json, model);
	write_paths(&json, model);
	write_components(&json, model);
	return wf_json_text_end(&json);
}

static void
catalog_changed(Datum argument, int cache, uint32 hash)
{
	kept.changes++;
}

static void
relation_changed(Datum argument, Oid relation)
{
	kept.changes++;
}

/* Functions, types, views and the registry of routes: what the document is made of. */
static void
watch_catalog(void)
{
	static bool watching = false;

	if (watching)
		return;
	CacheRegisterSyscacheCallback(PROCOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, catalog_changed, (Datum) 0);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	watching = true;
}

static bool
is_current(void)
{
	return kept.document != NULL && kept.made_at == kept.changes &&
		   kept.generation == wf_host_cache_generation() &&
		   strcmp(kept.title, wf_setting_app_name) == 0;
}

/* Keep a document that was begun when so many changes had been seen. */
static void
keep(const char *document, uint64 seen)
{
	char *copy = MemoryContextStrdup(CacheMemoryContext, document);
	char *title = MemoryContextStrdup(CacheMemoryContext, wf_setting_app_name);

	if (kept.document != NULL)
	{
		pfree(kept.document);
		pfree(kept.title);
	}
	kept.document = copy;
	kept.title = title;
	kept.generation = wf_host_cache_generation();
	kept.made_at = seen;
}

/* openapi_json(): the same declarations give the same text. */
Datum
wf_openapi_json(PG_FUNCTION_ARGS)
{
	watch_catalog();
	if (!is_current())
	{
		/* What changes while it is made has it made again by the next call. */
		uint64 seen = kept.changes;

		keep(make_document(), seen);
	}
	PG_RETURN_TEXT_P(cstring_to_text(kept.document));
}
