/*
 * Reading sizes: of all databases, and of the tables of the one connected to.
 */
#include "remote/postgresql/driver.h"

/*
 * pg_database_size() raises for a database whose size the role may not see, and one such row
 * would lose them all: so it is asked for only where it answers. A database that vanishes
 * meanwhile (its privileges are NULL then) is left out.
 */
static const char databases_sql[] =
	"SELECT d.datname, d.datistemplate OR d.datname = 'postgres', d.datallowconn,"
	" CASE WHEN p.permitted THEN pg_database_size(d.oid) END,"
	" CASE WHEN NOT p.permitted THEN"
	"  'no CONNECT privilege and not a member of pg_read_all_stats' END"
	" FROM pg_database d CROSS JOIN LATERAL"
	" (SELECT has_database_privilege(d.oid, 'CONNECT')"
	"   OR pg_has_role('pg_read_all_stats', 'USAGE') AS permitted OFFSET 0) p"
	" WHERE has_database_privilege(d.oid, 'CONNECT') IS NOT NULL"
	" ORDER BY d.datname";

/*
 * A size function waits for a table that is locked exclusively, and the wait would end the whole
 * statement: such tables are listed without sizes. Temporary tables are their session's matter.
 * Before 14 a table never analysed has 0 rows on 0 pages, since then -1.
 */
static const char tables_sql[] =
	"SELECT n.nspname, c.relname,"
	" CASE WHEN l.relation IS NULL THEN pg_total_relation_size(c.oid) END,"
	" CASE WHEN l.relation IS NULL THEN pg_table_size(c.oid) END,"
	" CASE WHEN l.relation IS NULL THEN pg_indexes_size(c.oid) END,"
	" CASE WHEN c.reltuples > 0 OR (c.reltuples = 0 AND (c.relpages > 0 OR $1::int >= 140000))"
	"  THEN c.reltuples::bigint END"
	" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
	" LEFT JOIN (SELECT DISTINCT k.relation FROM pg_locks k WHERE k.mode = 'AccessExclusiveLock'"
	"  AND k.locktype = 'relation'"
	"  AND k.database = (SELECT b.oid FROM pg_database b WHERE b.datname = current_database())"
	" ) l ON l.relation = c.oid"
	" WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'"
	" AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'"
	" ORDER BY n.nspname, c.relname";

/* Emits one database; the columns are the statement's. */
static void
database_row(WfPgSession *session, const char *const *values)
{
	wf_output_row(session->out, &wf_dataset_database, 5, values);
}

/* Emits one table; the columns are the statement's. */
static void
table_row(WfPgSession *session, const char *const *values)
{
	wf_output_row(session->out, &wf_dataset_table, 6, values);
}

int
wf_pg_database_parts(WfPgSession *session, WfPgPart *parts, int nparts)
{
	(void) session;
	parts[nparts++] = (WfPgPart){.sql = databases_sql, .ncolumns = 5, .row = database_row};
	return nparts;
}

int
wf_pg_table_parts(WfPgSession *session, WfPgPart *parts, int nparts)
{
	/* The statement is one text for all versions; which it is goes in as a parameter. */
	static const char *const old = "130000";
	static const char *const recent = "140000";

	parts[nparts++] = (WfPgPart){.sql = tables_sql,
								 .nparams = 1,
								 .params = {session->version >= WF_PG_14 ? recent : old},
								 .ncolumns = 6,
								 .row = table_row};
	return nparts;
}
