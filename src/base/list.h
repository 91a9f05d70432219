/*
 * list.h - paged lists from one description each.
 *
 *     static WfList credentials = {
 *         .columns = "c.id, c.name",
 *         .from = "whalefall_api.credentials c",
 *         .id = "c.id",
 *         .filters = {{"c.name ilike $1", TEXTOID}, {"c.db_type = $2", TEXTOID}},
 *         .costly = WF_LIST_FILTER(1),
 *         .sorts = {{"name", "c.name"}, {"created_at", "c.created_at"}},
 *         .default_sort = "created_at", .default_descending = true,
 *         .default_limit = 20, .max_limit = 200};
 *
 * Filter n (from 1) may use the parameter $n and is left out when its argument is null; no filter should be true of
 * all rows for some value ("$1 or ..."), for plans are kept and do not know values. All texts are constants
 * of the program: what a caller types becomes a parameter, or picks an entry of the sort list.
 */
#ifndef WF_BASE_LIST_H
#define WF_BASE_LIST_H

#include "postgres.h"

#include "base/spi.h"

#define WF_LIST_MAX_FILTERS 12
#define WF_LIST_MAX_SORTS	16

/* Filter n, from 1, as a bit. */
#define WF_LIST_FILTER(n) ((uint32) 1 << ((n) -1))

typedef struct WfListFilter
{
	const char *condition;
	Oid type; /* of its parameter */
} WfListFilter;

typedef struct WfListSort
{
	const char *name;		/* lower case */
	const char *expression; /* may use what from and joins give */
} WfListSort;

struct WfListPlan;

typedef struct WfList
{
	const char *columns; /* select list of an item; names become keys, in this order */
	const char *from;	 /* decides which rows there are; counted */
	const char *joins;	 /* more sources for columns and sorts, one row each; or NULL */
	const char *where;	 /* always holds, or NULL */
	const char *with; /* CTEs for columns, read once for a page; may use page (hit_id); or NULL */
	const char *id;	  /* breaks ties, in the direction of the sort */
	WfListFilter filters[WF_LIST_MAX_FILTERS];
	uint32 costly; /* bit n: filter n + 1 looks at every row (a search): rows are found once */

	/*
	 * When just the filters counted_given take part, the rows are those of this table of schema whalefall whose column
	 * counted_null is null: then they are counted without SQL. NULL: always by SQL.
	 */
	const char *counted_table;
	const char *counted_null;
	uint32 counted_given;
	WfListSort sorts[WF_LIST_MAX_SORTS];
	const char *default_sort; /* a name of sorts */
	bool default_descending;
	bool clamp; /* profile K: bad paging is bent to the bounds; else S: VALIDATION_ERROR */
	int default_limit;
	int max_limit;
	struct WfListPlan *plans; /* kept for the session; starts NULL */
} WfList;

/* Paging as the SQL function got it. page and page_size are integers. */
typedef struct WfListPaging
{
	WfArg page;
	WfArg page_size;
	const char *sort;		/* NULL or blank: default */
	const char *sort_order; /* NULL or blank: default */
} WfListPaging;

/*
 * Run the list; filters has one entry per filter of the description. Gives the text of the JSON object
 * {items, total, page, pages, limit}, palloc'd in the caller's context. SPI must not be connected. Raises
 * VALIDATION_ERROR on bad paging (profile S).
 */
extern char *wf_list_run(WfList *list, const WfListPaging *paging, const WfArg *filters);

/*
 * Text to search for as a pattern for ILIKE: %, _ and \ are literal. Palloc'd; NULL when there is nothing to
 * search for.
 */
extern char *wf_list_search_pattern(const char *search);

/* An exact filter: trimmed; blank and "all" mean no filter (NULL). Palloc'd. */
extern char *wf_list_exact(const char *value);

#endif
