/*
 * list.c - building and running paged lists.
 *
 * The statement depends on which filters are given, the sort and its direction; each combination gets a plan
 * that is kept, up to a bound.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/errors.h"
#include "base/list.h"
#include "base/table.h"
#include "base/text.h"

/* Plans per list. Sessions use few combinations; one that uses many plans anew. */
#define MAX_PLANS 32

typedef struct WfListPlan
{
	struct WfListPlan *next;
	uint32 given; /* bit n: filter n takes part */
	int sort;
	bool descending;
	SPIPlanPtr plan;
} WfListPlan;

/* What one call asks for, checked. */
typedef struct Choice
{
	uint32 given;
	int sort;
	bool descending;
	int page;
	int limit;
} Choice;

static int
count_filters(const WfList *list)
{
	int n = 0;

	while (n < WF_LIST_MAX_FILTERS && list->filters[n].condition != NULL)
		n++;
	return n;
}

/* Entry of the sort list with this name, or -1. */
static int
find_sort(const WfList *list, const char *name)
{
	for (int i = 0; i < WF_LIST_MAX_SORTS && list->sorts[i].name != NULL; i++)
		if (pg_strcasecmp(list->sorts[i].name, name) == 0)
			return i;
	return -1;
}

static void
choose_order(const WfList *list, const WfListPaging *paging, Choice *choice)
{
	char *sort = wf_text_trim(paging->sort);
	char *order = wf_text_trim(paging->sort_order);

	choice->sort = sort != NULL ? find_sort(list, sort) : -1;
	if (choice->sort < 0)
		choice->sort = find_sort(list, list->default_sort);
	choice->descending = list->default_descending;
	if (order == NULL || order[0] == '\0')
		return;
	if (pg_strcasecmp(order, "asc") == 0)
		choice->descending = false;
	else if (pg_strcasecmp(order, "desc") == 0)
		choice->descending = true;
	else if (!list->clamp)
		wf_raise(WF_ERR_VALIDATION, "sort_order must be asc or desc.", NULL);
}

/* One number of the paging inside its bounds. */
static int
bounded(const WfList *list, const char *field, WfArg arg, int missing, int max)
{
	int value = arg.isnull ? missing : DatumGetInt32(arg.value);

	if (value >= 1 && value <= max)
		return value;
	if (!list->clamp)
		wf_raise(WF_ERR_VALIDATION,
				 max == PG_INT32_MAX ? psprintf("%s must be at least 1.", field)
									 : psprintf("%s must be from 1 to %d.", field, max),
				 NULL);
	return value < 1 ? 1 : max;
}

static Choice
choose(const WfList *list, const WfListPaging *paging, const WfArg *filters)
{
	Choice choice = {0};
	int n = count_filters(list);

	for (int i = 0; i < n; i++)
		if (!filters[i].isnull)
			choice.given |= (uint32) 1 << i;
	choose_order(list, paging, &choice);
	choice.page = bounded(list, "page", paging->page, 1, PG_INT32_MAX);
	choice.limit =
		bounded(list, "page_size", paging->page_size, list->default_limit, list->max_limit);
	return choice;
}

static void
append_where(StringInfo sql, const WfList *list, uint32 given)
{
	const char *word = " where ";

	if (list->where != NULL)
	{
		appendStringInfo(sql, "%s(%s)", word, list->where);
		word = " and ";
	}
	for (int i = 0; i < WF_LIST_MAX_FILTERS; i++)
		if ((given & (uint32) 1 << i) != 0)
		{
			appendStringInfo(sql, "%s(%s)", word, list->filters[i].condition);
			word = " and ";
		}
}

/*
 * How the page is sorted. An id is never null: "nulls last" would only hide its index from the planner.
 */
static char *
order(const WfList *list, const Choice *choice, const char *key, const char *id)
{
	const char *direction = choice->descending ? "desc" : "asc";

	if (strcmp(list->sorts[choice->sort].expression, list->id) == 0)
		return psprintf("order by %s %s", id, direction);
	return psprintf("order by %s %s nulls last, %s %s", key, direction, id, direction);
}

/* Whether the rows are all of a table, but for those of one mark: then no statement is needed to count them. */
static bool
counts_table(const WfList *list, const Choice *choice)
{
	return list->counted_table != NULL && choice->given == list->counted_given;
}

/*
 * Two columns: the items of the page as JSON text, and how many rows there are (null: the table is counted).
 *
 * The page is cut out of ids and sort keys alone, and only its own rows are read with all columns: the planner would
 * compute them for the rows of all pages before this one, and cheap-looking ones for every row there is. "offset 0"
 * keeps it from reading the rows of the page in another way than one by one. With filters that look at every row
 * (costly) the rows are looked for once, for page and number.
 */
static char *
build(const WfList *list, const Choice *choice, int nfilters)
{
	const bool costly = (list->costly & choice->given) != 0;
	const char *joins = list->joins != NULL ? list->joins : "";
	const char *key = list->sorts[choice->sort].expression;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "with %s (select %s as hit_id, %s as hit_key from %s %s",
					 costly ? "hits as materialized" : "page as", list->id, key, list->from, joins);
	append_where(&sql, list, choice->given);
	if (costly)
		appendStringInfo(&sql, "), page as (select hit_id, hit_key from hits %s",
						 order(list, choice, "hit_key", "hit_id"));
	else
		appendStringInfo(&sql, " %s", order(list, choice, key, list->id));
	appendStringInfo(&sql, " limit $%d offset $%d)", nfilters + 1, nfilters + 2);
	if (list->with != NULL)
		appendStringInfo(&sql, ", %s", list->with);
	appendStringInfo(&sql,
					 " select (select coalesce(json_agg(row_to_json(item) %s), '[]') "
					 "from page cross join lateral (select %s from %s %s where %s = page.hit_id "
					 "offset 0) item)::text, ",
					 order(list, choice, "page.hit_key", "page.hit_id"), list->columns, list->from,
					 joins, list->id);
	if (counts_table(list, choice))
		appendStringInfoString(&sql, "null::bigint");
	else if (costly)
		appendStringInfoString(&sql, "(select count(*) from hits)");
	else
	{
		appendStringInfo(&sql, "(select count(*) from %s", list->from);
		append_where(&sql, list, choice->given);
		appendStringInfoChar(&sql, ')');
	}
	return sql.data;
}

/* Throw the oldest plan away when there are too many. */
static void
make_room(WfList *list)
{
	WfListPlan **at = &list->plans;
	int n = 0;

	while (*at != NULL && ++n < MAX_PLANS)
		at = &(*at)->next;
	if (*at != NULL)
	{
		SPI_freeplan((*at)->plan);
		pfree(*at);
		*at = NULL;
	}
}

static SPIPlanPtr
plan_for(WfList *list, const Choice *choice)
{
	Oid types[WF_LIST_MAX_FILTERS + 2];
	int nfilters = count_filters(list);
	WfListPlan *entry;
	SPIPlanPtr plan;

	for (entry = list->plans; entry != NULL; entry = entry->next)
		if (entry->given == choice->given && entry->sort == choice->sort &&
			entry->descending == choice->descending)
			return entry->plan;
	for (int i = 0; i < nfilters; i++)
		types[i] = list->filters[i].type;
	types[nfilters] = types[nfilters + 1] = INT8OID;
	/*
	 * A page and its length are parameters that change, and the planner would rather plan anew with each: it takes
	 * longer than the page itself.
	 */
	plan = SPI_prepare_cursor(build(list, choice, nfilters), nfilters + 2, types,
							  CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	make_room(list);
	entry = MemoryContextAlloc(TopMemoryContext, sizeof(WfListPlan));
	SPI_keepplan(plan);
	*entry = (WfListPlan){list->plans, choice->given, choice->sort, choice->descending, plan};
	list->plans = entry;
	return plan;
}

char *
wf_list_run(WfList *list, const WfListPaging *paging, const WfArg *filters)
{
	Choice choice = choose(list, paging, filters);
	int nfilters = count_filters(list);
	MemoryContext outer = CurrentMemoryContext;
	Datum values[WF_LIST_MAX_FILTERS + 2];
	char nulls[WF_LIST_MAX_FILTERS + 2];
	char *items;
	int64 total;

	for (int i = 0; i < nfilters; i++)
	{
		values[i] = filters[i].value;
		nulls[i] = filters[i].isnull ? 'n' : ' ';
	}
	values[nfilters] = Int64GetDatum(choice.limit);
	values[nfilters + 1] = Int64GetDatum((int64) (choice.page - 1) * choice.limit);
	nulls[nfilters] = nulls[nfilters + 1] = ' ';
	wf_spi_begin();
	if (SPI_execute_plan(plan_for(list, &choice), values, nulls, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "list query failed");
	items = wf_spi_copy_text(0, 1, outer);
	total = counts_table(list, &choice)
				? wf_table_count_null(list->counted_table, list->counted_null)
				: wf_spi_int64(0, 2);
	wf_spi_end();
	return psprintf("{\"items\":%s,\"total\":" INT64_FORMAT ",\"page\":%d,\"pages\":" INT64_FORMAT
					",\"limit\":%d}",
					items, total, choice.page, (total + choice.limit - 1) / choice.limit,
					choice.limit);
}

char *
wf_list_search_pattern(const char *search)
{
	char *trimmed = wf_text_trim(search);
	StringInfoData pattern;

	if (trimmed == NULL || trimmed[0] == '\0')
		return NULL;
	initStringInfo(&pattern);
	appendStringInfoChar(&pattern, '%');
	for (const char *c = trimmed; *c != '\0'; c++)
	{
		if (*c == '%' || *c == '_' || *c == '\\')
			appendStringInfoChar(&pattern, '\\');
		appendStringInfoChar(&pattern, *c);
	}
	appendStringInfoChar(&pattern, '%');
	pfree(trimmed);
	return pattern.data;
}

char *
wf_list_exact(const char *value)
{
	char *trimmed = wf_text_trim(value);

	if (trimmed == NULL || trimmed[0] == '\0' || pg_strcasecmp(trimmed, "all") == 0)
		return NULL;
	return trimmed;
}
