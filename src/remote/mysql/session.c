/*
 * What every request begins with: the session is pinned, so that nothing an administrator set for
 * the server or for new sessions changes an answer, and the server tells its version.
 */
#include "remote/mysql/driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Longest wait for a lock of the remote server, in seconds. */
#define LOCK_TIMEOUT_S 5

/* The longest texts of a version and its comment that are kept. */
static char banner[256];

/* Texts of settings; one request at a time is served. */
static char pin_sql[512];
static char limit_sql[96];

/* Emits the server's version, and keeps what the statements depend on. */
static void
version_row(WfMySession *session, const char *const *values)
{
	const char *version = values[0] == NULL ? "" : values[0];
	const char *comment = values[1] == NULL ? "" : values[1];
	long part[3] = {0, 0, 0};
	const char *at = version;

	for (int i = 0; i < 3; i++)
	{
		char *end;

		part[i] = strtol(at, &end, 10);
		if (end == at || part[i] < 0 || part[i] > 9999)
			part[i] = 0;
		if (*end != '.')
			break;
		at = end + 1;
	}
	session->version = (int) (part[0] * 10000 + part[1] % 100 * 100 + part[2] % 100);
	session->mariadb =
		strcasestr(version, "mariadb") != NULL || strcasestr(comment, "mariadb") != NULL;
	/* The inventory tells the two apart by the banner; a build may call itself anything. */
	snprintf(banner, sizeof(banner), "%s%s", version,
			 session->mariadb && strcasestr(version, "mariadb") == NULL ? "-MariaDB" : "");
	wf_output_version(session->out, banner, session->version);
}

bool
wf_my_session_begin(WfMySession *session)
{
	const char *const settings[] = {
		pin_sql,
		"SET SESSION TRANSACTION READ ONLY",
		/* A limit of rows, or of the work of a join, would be taken for the whole answer. */
		"SET SESSION sql_select_limit = 18446744073709551615, sql_big_selects = 1",
	};
	WfMyPart parts[4];
	int n = 0;

	memset(parts, 0, sizeof(parts));
	snprintf(pin_sql, sizeof(pin_sql),
			 "SET NAMES utf8mb4 COLLATE utf8mb4_bin,"
			 " SESSION sql_mode = 'TRADITIONAL', SESSION time_zone = '+00:00',"
			 " SESSION autocommit = 1, SESSION lock_wait_timeout = %d,"
			 " SESSION net_write_timeout = %d",
			 LOCK_TIMEOUT_S, session->request->statement_timeout_ms / 1000 + 1);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		parts[n++].sql = settings[i];
	parts[n++] =
		(WfMyPart){.sql = "SELECT VERSION(), @@version_comment", .ncolumns = 2, .row = version_row};
	if (!wf_my_run(session, parts, n))
		return false;
	if (session->version >= WF_MY_OLDEST)
		return true;
	wf_failure_set(&session->failure, WF_ERROR_OTHER, "the server is MySQL %d.%d, which is too old",
				   session->version / 10000, session->version / 100 % 100);
	wf_failure_hint(&session->failure, "MySQL 5.6 and MariaDB 10.0, and later ones, can be read.");
	return false;
}

int
wf_my_session_parts(WfMySession *session, WfMyPart *parts, int nparts)
{
	int ms = session->request->statement_timeout_ms;

	limit_sql[0] = '\0';
	if (session->mariadb && session->version >= WF_MARIA_TIMED)
		snprintf(limit_sql, sizeof(limit_sql), "SET SESSION max_statement_time = %d.%03d",
				 ms / 1000, ms % 1000);
	else if (!session->mariadb && session->version >= WF_MY_TIMED_SELECT)
		snprintf(limit_sql, sizeof(limit_sql), "SET SESSION max_execution_time = %d", ms);
	if (limit_sql[0] != '\0')
		parts[nparts++] = (WfMyPart){.sql = limit_sql, .optional = true};
	/* Sizes of today, not those of the last ANALYZE. */
	if (!session->mariadb && session->version >= WF_MY_8)
		parts[nparts++] =
			(WfMyPart){.sql = "SET SESSION information_schema_stats_expiry = 0", .optional = true};
	return nparts;
}
