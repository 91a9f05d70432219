/*
 * spi.h - the one way to run SQL: constant text, values as parameters, plans kept for the session.
 *
 *     static WfQuery find = WF_QUERY("select id from whalefall.instances where name = $1", TEXTOID);
 *
 *     wf_spi_begin();
 *     if (wf_spi_run(&find, SPI_OK_SELECT, args) == 1) id = wf_spi_int64(0, 1);
 *     wf_spi_end();
 *
 * Who calls pins search_path (SET clause of the SQL function, or wf_worker_pin in workers).
 */
#ifndef WF_BASE_SPI_H
#define WF_BASE_SPI_H

#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"

#define WF_QUERY_MAX_ARGS 24

typedef struct WfQuery
{
	const char *sql;
	Oid types[WF_QUERY_MAX_ARGS]; /* ends at the first InvalidOid */
	SPIPlanPtr plan;			  /* filled at first use, kept for the session */
} WfQuery;

#define WF_QUERY(text, ...)                                 \
	{                                                       \
		.sql = (text), .types = {__VA_ARGS__}, .plan = NULL \
	}
#define WF_QUERY0(text)                                    \
	{                                                      \
		.sql = (text), .types = {InvalidOid}, .plan = NULL \
	}

/* One argument: value and whether it is null. */
typedef struct WfArg
{
	Datum value;
	bool isnull;
} WfArg;

#define WF_ARG(datum)	((WfArg){(datum), false})
#define WF_NULL			((WfArg){(Datum) 0, true})
#define WF_ARG_INT64(n) WF_ARG(Int64GetDatum(n))
#define WF_ARG_INT32(n) WF_ARG(Int32GetDatum(n))
#define WF_ARG_BOOL(b)	WF_ARG(BoolGetDatum(b))
#define WF_ARG_TIME(t)	WF_ARG(TimestampTzGetDatum(t))
#define WF_ARG_JSONB(j) ((j) != NULL ? WF_ARG(JsonbPGetDatum(j)) : WF_NULL)
#define WF_ARG_UUID(u)	WF_ARG(UUIDPGetDatum(u))

/* Text argument; NULL becomes SQL null. Palloc'd in the current context. */
extern WfArg wf_arg_text(const char *text);

extern void wf_spi_begin(void);
extern void wf_spi_end(void);

/*
 * Run a query inside wf_spi_begin/end. args has as many entries as the query has types (NULL when none).
 * expected is the SPI_OK_... code that must come back, else an internal error is raised. Gives the number
 * of rows processed; the rows are in SPI_tuptable.
 */
extern uint64 wf_spi_run(WfQuery *query, int expected, const WfArg *args);

/* The same, keeping at most limit rows (0 = all). */
extern uint64 wf_spi_run_limit(WfQuery *query, int expected, const WfArg *args, long limit);

/* The same with a snapshot taken now, for readers who waited for somebody else's commit. */
extern uint64 wf_spi_run_latest(WfQuery *query, int expected, const WfArg *args);

/* Run SQL text made at run time (setup and partitions only; never with values in it). */
extern void wf_spi_utility(const char *sql);

/*
 * Value of row (from 0), column (from 1) of the last result. The ..._null variants tell null; the others
 * raise an internal error on null. Text is palloc'd in the SPI procedure's context unless copied.
 */
extern Datum wf_spi_datum(uint64 row, int column, bool *isnull);
extern int64 wf_spi_int64(uint64 row, int column);
extern int32 wf_spi_int32(uint64 row, int column);
extern bool wf_spi_bool(uint64 row, int column);
extern char *wf_spi_text(uint64 row, int column); /* NULL when null */

/* A by-reference value of the last result copied into the memory context given; NULL when null. */
extern struct varlena *wf_spi_copy_varlena(uint64 row, int column, MemoryContext context);
extern char *wf_spi_copy_text(uint64 row, int column, MemoryContext context);

#endif
