/*
 * route.c - the session's copy of the route table: a tree by path segments.
 *
 * A literal segment wins over a parameter; where the literal leads nowhere, the parameter is tried. Among parameters
 * of one place those that take digits only come first. So the cost of a match depends on the length of the path, not
 * on the number of routes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/host.h"
#include "base/spi.h"
#include "http/route.h"
#include "whalefall.h"

/* A place in a path. Children with a literal name, sorted by it; then at most one per kind of parameter. */
typedef struct Place
{
	int child_count;
	struct Child *children;
	struct Place *digits; /* a parameter that takes digits only */
	struct Place *any;	  /* a parameter that takes any segment but the empty one */
	WfRoute *routes[WF_METHODS];
} Place;

typedef struct Child
{
	const char *name;
	Place *node;
} Child;

typedef struct Table
{
	MemoryContext context;
	Place *root;
	Oid view; /* the relations it was read from */
	Oid registry;
} Table;

static Table table;
static bool callbacks_registered;
/* Counts the changes seen; the table was read when `changes` was `read_at`. */
static uint64 changes = 1;
static uint64 read_at;
static uint64 generation; /* of caches, as an administrator may end it */

/* Columns of the query below, from 1. */
enum
{
	COL_METHOD = 1,
	COL_PATH,
	COL_OPERATION,
	COL_FUNCTION,
	COL_PERMISSION,
	COL_CSRF,
	COL_STATUS,
	COL_TIME_LIMIT,
	COL_MODULE,
	COL_ACTION,
	COL_MESSAGE_ZH,
	COL_MESSAGE_EN,
	COL_RAW,
	COL_UPLOAD,
	COL_RATE_LIMIT
};

static WfQuery read_routes =
	WF_QUERY0("select method, path, operation, function, permission, csrf, success_status, "
			  "time_limit_ms, module, action, message_zh, message_en, raw, upload, rate_limit "
			  "from whalefall_http.routes");

static void
relation_changed(Datum argument, Oid relation)
{
	if (relation == InvalidOid || relation == table.view || relation == table.registry)
		changes++;
}

static void
catalog_changed(Datum argument, int cache, uint32 hash)
{
	changes++;
}

static void
register_callbacks(void)
{
	if (callbacks_registered)
		return;
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, catalog_changed, (Datum) 0);
	callbacks_registered = true;
}

/*
 * The one function of that name; InvalidOid when there is none, or several: an operation has one declaration.
 * name is "schema.function".
 */
static Oid
find_function(const char *name)
{
	const char *dot = strchr(name, '.');
	Oid schema = dot != NULL ? get_namespace_oid(pnstrdup(name, dot - name), true) : InvalidOid;
	Oid found = InvalidOid;
	CatCList *list;

	if (!OidIsValid(schema))
		return InvalidOid;
	list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(dot + 1));
	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		if (proc->pronamespace != schema)
			continue;
		if (OidIsValid(found))
		{
			found = InvalidOid;
			break;
		}
		found = proc->oid;
	}
	ReleaseCatCacheList(list);
	return found;
}

/*
 * Ids in a path are digits, but for those of runs, sessions and batches (UUIDs) and of jobs (words): these match any
 * segment, so that a wrong one is "no such row" and not "no such route".
 */
static bool
takes_digits(const char *name)
{
	static const char *const others[] = {"batch_id", "job_id", "run_id", "session_id"};
	size_t length = strlen(name);

	if (length < 3 || strcmp(name + length - 3, "_id") != 0)
		return false;
	for (size_t i = 0; i < lengthof(others); i++)
		if (strcmp(name, others[i]) == 0)
			return false;
	return true;
}

static bool
is_digits(const char *text)
{
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* The child of a literal name, made when it is missing. Sorted insertion: paths are few. */
static Place *
literal_child(Place *node, const char *name)
{
	int at = 0;

	while (at < node->child_count && strcmp(node->children[at].name, name) < 0)
		at++;
	if (at < node->child_count && strcmp(node->children[at].name, name) == 0)
		return node->children[at].node;
	node->children = node->children == NULL
						 ? palloc(sizeof(Child))
						 : repalloc(node->children, (node->child_count + 1) * sizeof(Child));
	memmove(&node->children[at + 1], &node->children[at], (node->child_count - at) * sizeof(Child));
	node->child_count++;
	node->children[at].name = name;
	node->children[at].node = palloc0(sizeof(Place));
	return node->children[at].node;
}

static Place *
param_child(Place *node, const char *name)
{
	Place **child = takes_digits(name) ? &node->digits : &node->any;

	if (*child == NULL)
		*child = palloc0(sizeof(Place));
	return *child;
}

/* Walk a route's pattern, making the nodes it needs and noting its parameters; NULL when it is malformed. */
static Place *
walk(Place *root, WfRoute *route)
{
	char *at;
	Place *node = root;
	int segment = 0;

	if (strncmp(route->path, WF_REQUEST_BASE, strlen(WF_REQUEST_BASE)) != 0)
		return NULL;
	at = pstrdup(route->path + strlen(WF_REQUEST_BASE));
	for (; segment < WF_REQUEST_MAX_SEGMENTS; segment++)
	{
		char *end = strchrnul(at, '/');
		bool last = *end == '\0';

		*end = '\0';
		if (*at == '{' && end[-1] == '}')
		{
			end[-1] = '\0';
			route->param_names[route->param_count] = at + 1;
			route->param_segments[route->param_count++] = segment;
			node = param_child(node, at + 1);
		}
		else
			node = literal_child(node, at);
		if (last)
			return node;
		at = end + 1;
	}
	return NULL;
}

/* One row of the view as a route, in the memory of the table. */
static WfRoute *
read_route(uint64 row, MemoryContext context)
{
	WfRoute *route = MemoryContextAllocZero(context, sizeof(WfRoute));

	route->method = wf_request_method(wf_spi_text(row, COL_METHOD));
	route->path = wf_spi_copy_text(row, COL_PATH, context);
	route->operation = wf_spi_copy_text(row, COL_OPERATION, context);
	route->permission = wf_spi_copy_text(row, COL_PERMISSION, context);
	route->anonymous = strcmp(route->permission, "anon") == 0;
	route->csrf = wf_spi_bool(row, COL_CSRF);
	route->success_status = wf_spi_int32(row, COL_STATUS);
	route->time_limit = wf_spi_int32(row, COL_TIME_LIMIT);
	route->module = wf_spi_copy_text(row, COL_MODULE, context);
	route->action = wf_spi_copy_text(row, COL_ACTION, context);
	route->message_zh = wf_spi_copy_text(row, COL_MESSAGE_ZH, context);
	route->message_en = wf_spi_copy_text(row, COL_MESSAGE_EN, context);
	route->raw = wf_spi_bool(row, COL_RAW);
	route->upload = wf_spi_bool(row, COL_UPLOAD);
	route->rate_limit = wf_spi_copy_text(row, COL_RATE_LIMIT, context);
	return route;
}

/* Put a route into the tree. The first one with a method and path stays: the product's come before others'. */
static void
add_route(Table *fresh, uint64 row)
{
	Oid function = find_function(wf_spi_text(row, COL_FUNCTION));
	MemoryContext caller;
	WfRoute *route;
	Place *node;

	if (!OidIsValid(function))
		return;
	route = read_route(row, fresh->context);
	route->function = function;
	caller = MemoryContextSwitchTo(fresh->context);
	node = route->method != WF_METHOD_OTHER ? walk(fresh->root, route) : NULL;
	MemoryContextSwitchTo(caller);
	if (node == NULL || node->routes[route->method] != NULL)
		ereport(LOG, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					  errmsg("route \"%s\" of operation \"%s\" is %s and not served", route->path,
							 route->operation, node == NULL ? "malformed" : "taken")));
	else
		node->routes[route->method] = route;
}

static Table
read_table(void)
{
	Oid schema = get_namespace_oid("whalefall_http", false);
	Table fresh;
	uint64 n;

	fresh.view = get_relname_relid("routes", schema);
	fresh.registry = get_relname_relid("extra_routes", schema);
	/* Below the request's memory until it is complete: an error on the way frees it. */
	fresh.context =
		AllocSetContextCreate(CurrentMemoryContext, "whalefall routes", ALLOCSET_DEFAULT_SIZES);
	fresh.root = MemoryContextAllocZero(fresh.context, sizeof(Place));
	wf_spi_begin();
	n = wf_spi_run(&read_routes, SPI_OK_SELECT, NULL);
	for (uint64 i = 0; i < n; i++)
		add_route(&fresh, i);
	wf_spi_end();
	return fresh;
}

void
wf_route_refresh(void)
{
	uint64 seen;
	Table fresh;

	register_callbacks();
	if (generation != wf_host_cache_generation())
	{
		generation = wf_host_cache_generation();
		changes++;
	}
	if (table.context != NULL && read_at == changes)
		return;
	/* What changes while the table is read makes it be read again by the next request. */
	seen = changes;
	fresh = read_table();
	MemoryContextSetParent(fresh.context, CacheMemoryContext);
	if (table.context != NULL)
		MemoryContextDelete(table.context);
	table = fresh;
	read_at = seen;
}

static Place *
find_literal(const Place *node, const char *name)
{
	int low = 0;
	int high = node->child_count;

	while (low < high)
	{
		int middle = (low + high) / 2;
		int order = strcmp(node->children[middle].name, name);

		if (order == 0)
			return node->children[middle].node;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Depth first; bounded by the number of segments, with at most three ways at each. */
static WfRoute *
search(const Place *node, const WfHttpRequest *request, int depth, uint32 *allowed)
{
	const char *segment;
	const Place *ways[3];

	if (depth == request->segment_count)
	{
		for (int i = 0; i < WF_METHODS; i++)
			if (node->routes[i] != NULL)
				*allowed |= (uint32) 1 << i;
		return request->method < WF_METHODS ? node->routes[request->method] : NULL;
	}
	segment = request->segments[depth];
	ways[0] = find_literal(node, segment);
	ways[1] = node->digits != NULL && is_digits(segment) ? node->digits : NULL;
	ways[2] = segment[0] != '\0' ? node->any : NULL;
	for (size_t i = 0; i < lengthof(ways); i++)
	{
		WfRoute *found = ways[i] != NULL ? search(ways[i], request, depth + 1, allowed) : NULL;

		if (found != NULL)
			return found;
	}
	return NULL;
}

WfRoute *
wf_route_find(const WfHttpRequest *request, uint32 *allowed)
{
	*allowed = 0;
	if (request->segment_count < 0)
		return NULL;
	return search(table.root, request, 0, allowed);
}

List *
wf_route_params(const WfRoute *route, const WfHttpRequest *request)
{
	List *params = NIL;

	for (int i = 0; i < route->param_count; i++)
	{
		WfParam *param = palloc0(sizeof(WfParam));

		param->name = route->param_names[i];
		param->value = request->segments[route->param_segments[i]];
		params = lappend(params, param);
	}
	return params;
}

WfHandler *
wf_route_handler(WfRoute *route)
{
	if (route->handler == NULL)
		route->handler = wf_handler_describe(route->function, table.context);
	return route->handler;
}

WF_FUNCTION(wf_http_routes_changed);

/* Trigger of whalefall_http.extra_routes: every session reads the table again. */
Datum
wf_http_routes_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "not called as a trigger");
	CacheInvalidateRelcacheByRelid(
		RelationGetRelid(((TriggerData *) fcinfo->context)->tg_relation));
	return PointerGetDatum(NULL);
}
