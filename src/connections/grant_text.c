/*
 * grant_text.c - what a monitoring account needs on each engine, as scripts: see grant_text.h.
 *
 * Each grant stands here for a statement of the engine's helper program; docs/grants.md shows the scripts,
 * and tests run them and read everything with nothing else.
 */
#include "postgres.h"

#include "connections/grant_text.h"

static const char postgresql_script[] =
	"-- Monitoring account of whalefall on PostgreSQL 10 and later. Run it as superuser, in any database.\n"
	"CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS\n"
	"    CONNECTION LIMIT 20;\n"
	"\n"
	"-- Password: until it has one nobody can log in with it. In psql run\n"
	"--     \\password {name}\n"
	"-- which sends a verifier: the password itself reaches no log and no history.\n"
	"\n"
	"-- Sizes of databases it may not connect to (pg_read_all_stats, a part of pg_monitor, is enough).\n"
	"GRANT pg_monitor TO {name};\n"
	"\n"
	"-- Sizes of tables are read inside their database: CONNECT wherever PUBLIC has it no more.\n"
	"-- Roles, memberships, databases and tablespaces are in catalogs that everybody may read.\n"
	"SELECT pg_catalog.set_config('monitor.account', {literal}, false);\n"
	"DO $$\n"
	"DECLARE\n"
	"    account text := pg_catalog.current_setting('monitor.account');\n"
	"    db text;\n"
	"BEGIN\n"
	"    FOR db IN SELECT datname FROM pg_catalog.pg_database WHERE datallowconn\n"
	"        AND NOT pg_catalog.has_database_privilege(account, oid, 'CONNECT')\n"
	"    LOOP\n"
	"        EXECUTE pg_catalog.format('GRANT CONNECT ON DATABASE %I TO %I', db, account);\n"
	"    END LOOP;\n"
	"END\n"
	"$$;\n";

#define MYSQL_SCRIPT(title)                                                                          \
	"-- Monitoring account of whalefall on " title ". Run it as root.\n"                             \
	"-- In place of % put the address of the control plane. It is locked until it has a password.\n" \
	"CREATE USER {name}@`%` ACCOUNT LOCK;\n"                                                         \
	"\n"                                                                                             \
	"-- Password: in a client started with MYSQL_HISTFILE=/dev/null run\n"                           \
	"--     SET SESSION sql_log_off = 1;\n"                                                          \
	"--     ALTER USER {name}@`%` IDENTIFIED BY '...' ACCOUNT UNLOCK;\n"                             \
	"-- The general log is off for that session, and the binary log gets a hash.\n"                  \
	"\n"                                                                                             \
	"-- Accounts, roles, and the privileges of everybody in the views of information_schema.\n"      \
	"GRANT SELECT ON `mysql`.* TO {name}@`%`;\n"                                                     \
	"\n"                                                                                             \
	"-- PROCESS: sizes of the files of InnoDB. SHOW DATABASES: the list of all databases.\n"         \
	"-- REFERENCES: makes tables visible in information_schema, for their sizes, and reads no row\n" \
	"-- of them (SELECT would do the same, and read them all).\n"                                    \
	"GRANT PROCESS, SHOW DATABASES, REFERENCES ON *.* TO {name}@`%`;\n"

static const char mysql_script[] = MYSQL_SCRIPT("MySQL 5.7.6 and later");
static const char mariadb_script[] = MYSQL_SCRIPT("MariaDB 10.4.2 and later");

static const char sqlserver_script[] =
	"-- Monitoring account of whalefall on SQL Server 2012 and later. Run it as sysadmin.\n"
	"USE master;\n"
	"\n"
	"-- The login comes first. With the password in the environment variable MONITOR_PASSWORD, sqlcmd\n"
	"-- puts it in; the server itself blanks it in traces and in its log:\n"
	"--     CREATE LOGIN {name} WITH PASSWORD = N'$(MONITOR_PASSWORD)', CHECK_POLICY = ON;\n"
	"IF SUSER_ID({literal}) IS NULL\n"
	"    THROW 50000, N'create the login first, as the comment above says', 1;\n"
	"\n"
	"-- Logging in.\n"
	"GRANT CONNECT SQL TO {name};\n"
	"\n"
	"-- Logins, server roles and permissions of all, and the same in each database.\n"
	"GRANT VIEW ANY DEFINITION TO {name};\n"
	"\n"
	"-- The list of all databases and the sizes of their files.\n"
	"GRANT VIEW ANY DATABASE TO {name};\n"
	"GRANT VIEW SERVER STATE TO {name};\n"
	"\n"
	"-- Users, roles and tables inside the databases, without a user in each (2014 and later).\n"
	"IF CAST(PARSENAME(CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), 4) AS int) >= 12\n"
	"    EXEC (N'GRANT CONNECT ANY DATABASE TO {inner}');\n";

static const char oracle_script[] =
	"-- Monitoring account of whalefall on Oracle 12.2 and later. Run it as SYS, in the database or\n"
	"-- pluggable database that is to be read.\n"
	"SET DEFINE OFF\n"
	"\n"
	"-- Password: the account is locked until it has one. In SQL*Plus run\n"
	"--     PASSWORD {name}\n"
	"--     ALTER USER {name} ACCOUNT UNLOCK;\n"
	"-- PASSWORD asks for it: it is in no statement and no history. Before 18c NO AUTHENTICATION is\n"
	"-- not known: create the user IDENTIFIED EXTERNALLY.\n"
	"CREATE USER {name} NO AUTHENTICATION ACCOUNT LOCK;\n"
	"\n"
	"-- Logging in.\n"
	"GRANT CREATE SESSION TO {name};\n"
	"\n"
	"-- Accounts, roles, who holds them, system privileges and quotas.\n"
	"GRANT SELECT ON SYS.DBA_USERS TO {name};\n"
	"GRANT SELECT ON SYS.DBA_ROLES TO {name};\n"
	"GRANT SELECT ON SYS.DBA_ROLE_PRIVS TO {name};\n"
	"GRANT SELECT ON SYS.DBA_SYS_PRIVS TO {name};\n"
	"GRANT SELECT ON SYS.DBA_TS_QUOTAS TO {name};\n"
	"\n"
	"-- Sizes of tablespaces and tables.\n"
	"GRANT SELECT ON SYS.DBA_DATA_FILES TO {name};\n"
	"GRANT SELECT ON SYS.DBA_TABLESPACES TO {name};\n"
	"GRANT SELECT ON SYS.DBA_SEGMENTS TO {name};\n"
	"\n"
	"-- The version of the server.\n"
	"GRANT SELECT ON SYS.V_$VERSION TO {name};\n";

const WfGrantText wf_grant_texts[] = {
	{"postgresql", 63, NULL, NULL, postgresql_script},
	{"mysql", 32, NULL, NULL, mysql_script},
	{"mariadb", 80, NULL, NULL, mariadb_script},
	{"sqlserver", 128, "$(", "sqlcmd would put a variable in its place.", sqlserver_script},
	{"oracle", 128, "\"", "Oracle knows no way to write it in a name.", oracle_script},
	{NULL, 0, NULL, NULL, NULL}};
