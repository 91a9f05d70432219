/*
 * Reading what the account we log in with may do, as far as the other reads need it. Each statement
 * may fail: what cannot be asked is left out, and nothing else suffers.
 */
#include "remote/postgresql/driver.h"

static const char monitor_sql[] =
	"SELECT 'pg_monitor', 'sizes of databases without CONNECT', p.granted,"
	" CASE WHEN NOT p.granted THEN"
	"  'GRANT pg_monitor TO this role; pg_read_all_stats is enough, and must be inherited' END"
	" FROM (SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS granted) p";

/* Everybody may read these, unless somebody has revoked it. */
static const char catalogs_sql[] =
	"SELECT 'SELECT ON ' || c.name, c.needed_for, p.granted,"
	" CASE WHEN NOT p.granted THEN 'GRANT SELECT ON pg_catalog.' || c.name || ' TO this role' END"
	" FROM (VALUES ('pg_roles', 'accounts'), ('pg_auth_members', 'roles of accounts'),"
	"  ('pg_database', 'databases, and privileges on them'),"
	"  ('pg_tablespace', 'privileges on tablespaces')) c(name, needed_for)"
	" CROSS JOIN LATERAL"
	" (SELECT has_table_privilege('pg_catalog.' || c.name, 'SELECT') AS granted) p";

/* A database that vanishes meanwhile gives NULL and counts as one we may connect to. */
static const char connect_sql[] =
	"SELECT 'CONNECT ON DATABASE', 'sizes of tables', p.missing = 0,"
	" CASE WHEN p.missing > 0 THEN format("
	"  'missing in %s of %s databases: GRANT CONNECT ON DATABASE ... TO this role',"
	"  p.missing, p.databases) END"
	" FROM (SELECT count(*) AS databases, count(*) FILTER"
	"  (WHERE NOT has_database_privilege(d.oid, 'CONNECT')) AS missing"
	"  FROM pg_database d WHERE d.datallowconn) p";

/* Emits one permission; the columns are the statement's. */
static void
permission_row(WfPgSession *session, const char *const *values)
{
	wf_output_row(session->out, &wf_dataset_permission, 4, values);
}

int
wf_pg_permission_parts(WfPgSession *session, WfPgPart *parts, int nparts)
{
	static const char *const statements[] = {monitor_sql, catalogs_sql, connect_sql};

	(void) session;
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		parts[nparts++] = (WfPgPart){
			.sql = statements[i], .ncolumns = 4, .row = permission_row, .optional = true};
	return nparts;
}
