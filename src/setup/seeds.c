/*
 * seeds.c - data every new control plane begins with.
 *
 * A seed is applied once per version, so what people edit or delete stays edited or deleted. A higher version
 * adds what is new and touches nothing that is there. (Rows in the install script would collide with the
 * dumped ones at every restore.)
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "utils/lsyscache.h"

#include "base/spi.h"
#include "setup/steps.h"
#include "whalefall.h"

typedef struct Seed
{
	const char *name;
	int version;
	const char *table; /* may be missing until ALTER EXTENSION whalefall UPDATE has run */
	const char *sql;
} Seed;

/* System accounts (domain specification 3.1); in a like pattern only % is a wildcard. */
#define ACCOUNT_FILTERS                                                                                \
	"insert into whalefall.account_filters (db_type, kind, pattern) "                                  \
	"select f.db_type, f.kind, p.pattern from (values "                                                \
	"('mysql', 'exact', array['mariadb.sys']), "                                                       \
	"('mysql', 'like', array['mysql.%']), "                                                            \
	"('postgresql', 'exact', array['rdsadmin', 'rds_superuser']), "                                    \
	"('postgresql', 'like', array['pg_%']), "                                                          \
	"('sqlserver', 'exact', array['public', 'guest', 'dbo']), "                                        \
	"('sqlserver', 'like', array['##%', 'NT SERVICE\\%', 'NT AUTHORITY\\%', 'BUILTIN\\%', 'NT %']), "  \
	"('oracle', 'exact', array['SCOTT', 'CTXSYS', 'EXFSYS', 'MDDATA', 'APPQOSSYS', 'OUTLN', 'DIP', "   \
	"'TSMSYS', 'WMSYS', 'XDB', 'ANONYMOUS', 'ORDPLUGINS', 'ORDSYS', 'SI_INFORMTN_SCHEMA', 'MDSYS', "   \
	"'OLAPSYS', 'SPATIAL_CSW_ADMIN_USR', 'SPATIAL_WFS_ADMIN_USR', 'APEX_PUBLIC_USER', 'APEX_030200', " \
	"'FLOWS_FILES', 'HR', 'OE', 'PM', 'IX', 'SH', 'BI', 'DEMO', 'ADMIN', 'AUDSYS', "                   \
	"'GSMADMIN_INTERNAL', 'GSMCATUSER', 'GSMUSER', 'LBACSYS', 'OJVMSYS', 'ORACLE_OCM', 'ORDDATA', "    \
	"'ORDS_METADATA', 'ORDS_PUBLIC_USER', 'PDBADMIN', 'RDSADMIN', 'REMOTE_SCHEDULER_AGENT', "          \
	"'SYSBACKUP', 'SYSDG', 'SYSKM', 'SYSRAC', 'SYS$UMF', 'XS$NULL', 'OWBSYS', 'OWBSYS_AUDIT']), "      \
	"('oracle', 'like', array['SYS$%', 'GSM%', 'XDB%', 'APEX%', 'ORD%', 'SPATIAL_%']) "                \
	") f (db_type, kind, patterns), unnest(f.patterns) p (pattern) on conflict do nothing"

/* System databases (domain specification 5.2). */
#define DATABASE_FILTERS                                                                      \
	"insert into whalefall.database_filters (db_type, kind, pattern) "                        \
	"select f.db_type, f.kind, p.pattern from (values "                                       \
	"('mysql', 'exact', array['information_schema', 'performance_schema', 'mysql', 'sys']), " \
	"('mysql', 'like', array['tmp_%', 'temp_%', '#sql%']), "                                  \
	"('postgresql', 'exact', array['template0', 'template1', 'postgres']), "                  \
	"('postgresql', 'like', array['pg_%']), "                                                 \
	"('sqlserver', 'exact', array['master', 'model', 'msdb', 'tempdb']), "                    \
	"('sqlserver', 'like', array['ReportServer%']), "                                         \
	"('oracle', 'exact', array['SYSTEM', 'SYSAUX', 'USERS']), "                               \
	"('oracle', 'like', array['SYS%', 'SYSTEM%']) "                                           \
	") f (db_type, kind, patterns), unnest(f.patterns) p (pattern) on conflict do nothing"

/* Database types (api part 1, section 2.6). No timeout of their own: whalefall.test_connect_timeout holds. */
#define DATABASE_TYPES                                                                        \
	"insert into whalefall.database_type_configs (name, display_name, driver, default_port, " \
	"default_schema, icon, color, features, is_system, sort_order) values "                   \
	"('mysql', 'MySQL', 'libmariadb', 3306, 'mysql', 'fa-database', 'primary', "              \
	"'[\"accounts\", \"capacity\", \"table_sizes\"]', true, 1), "                             \
	"('postgresql', 'PostgreSQL', 'libpq', 5432, 'postgres', 'fa-database', 'info', "         \
	"'[\"accounts\", \"capacity\", \"table_sizes\"]', true, 2), "                             \
	"('sqlserver', 'SQL Server', 'freetds', 1433, 'master', 'fa-server', 'warning', "         \
	"'[\"accounts\", \"capacity\", \"table_sizes\"]', true, 3), "                             \
	"('oracle', 'Oracle Database', 'oci', 1521, 'ORCL', 'fa-database', 'danger', "            \
	"'[\"accounts\", \"capacity\", \"table_sizes\"]', true, 4) on conflict do nothing"

static const Seed seeds[] = {
	{"account_filters", 1, "account_filters", ACCOUNT_FILTERS},
	{"database_filters", 1, "database_filters", DATABASE_FILTERS},
	{"database_types", 1, "database_type_configs", DATABASE_TYPES},
};

void
wf_setup_apply_seeds(WfSetup *setup)
{
	static WfQuery claim =
		WF_QUERY("insert into whalefall.seeds as s (name, version) values ($1, $2) "
				 "on conflict (name) do update set version = excluded.version, applied_at = now() "
				 "where s.version < excluded.version",
				 TEXTOID, INT4OID);

	for (size_t i = 0; i < lengthof(seeds); i++)
	{
		WfArg args[] = {wf_arg_text(seeds[i].name), WF_ARG_INT32(seeds[i].version)};

		if (!OidIsValid(get_relname_relid(seeds[i].table, get_namespace_oid(WF_SCHEMA, false))) ||
			wf_spi_run(&claim, SPI_OK_INSERT, args) == 0)
			continue;
		wf_spi_utility(seeds[i].sql);
		wf_json_add_text(setup->steps, NULL,
						 psprintf("seed %s %d", seeds[i].name, seeds[i].version));
	}
}
