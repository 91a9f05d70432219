/*
 * Reading privileges, all at once and from views that name the grantee as one text: that text is
 * built for each account and looked up, never taken apart, because names may contain quotes and @.
 */
#include "remote/mysql/driver.h"

#include <stdio.h>
#include <string.h>

#define CATEGORY_GLOBAL	   "mysql_global_privileges"
#define CATEGORY_DATABASES "mysql_database_privileges"
#define CATEGORY_TABLES	   "extra.mysql_table_privileges"
#define CATEGORY_COLUMNS   "extra.mysql_column_privileges"
#define CATEGORY_REVOKES   "extra.mysql_partial_revokes"

/* More rows than this of grants on tables, on columns, and of partial revokes are not kept. */
#define ROWS_MAX	  5000
#define ROWS_MAX_PLUS "5001"
#define OBJECT_BYTES  1024
#define GRANT_OPTION  "GRANT OPTION"
#define NO_PRIVILEGE  "USAGE"

/* What the rows of one request have in common; one at a time is served. */
static struct
{
	bool failed; /* the list of global privileges could not be read */
	int tables;
	int columns;
	int revokes;
	/* The object for which GRANT OPTION was emitted last: rows of one object stand together. */
	int option_account;
	char option_object[2 * OBJECT_BYTES + 2];
} seen;

/* Emits a warning for each category. */
static void
warn(WfMySession *session, const char *const *categories, int n, const WfFailure *failure)
{
	for (int i = 0; i < n; i++)
		wf_output_warning(session->out, categories[i], failure);
}

/* Takes one global privilege. */
static void
global_row(WfMySession *session, const char *const *values)
{
	WfMyAccount *account =
		values[0] == NULL ? NULL : wf_my_accounts_find(&session->accounts, values[0]);

	if (account == NULL || values[1] == NULL)
		return;
	account->seen = true;
	if (values[2] != NULL && values[2][0] == 'Y')
		account->grantable = true;
	if (strcmp(values[1], NO_PRIVILEGE) != 0)
		wf_my_emit_item(session, account, CATEGORY_GLOBAL, NULL, 0, values[1]);
}

static void
global_failed(WfMySession *session, const WfFailure *failure)
{
	static const char *const category = CATEGORY_GLOBAL;

	seen.failed = true;
	warn(session, &category, 1, failure);
}

/* Undoes the escapes of a pattern that was meant as a name. */
static void
unescape(char *to, const char *from, size_t size)
{
	size_t len = 0;

	for (; *from != '\0' && len + 1 < size; from++)
	{
		if (*from == '\\' && (from[1] == '_' || from[1] == '%'))
			from++;
		to[len++] = *from;
	}
	to[len] = '\0';
}

/* Emits a privilege on an object, and once for each object that it may be passed on. */
static void
emit_on_object(WfMySession *session, const char *grantee, const char *category,
			   const char *const *path, int npath, const char *privilege, const char *grantable)
{
	WfMyAccount *account = wf_my_accounts_find(&session->accounts, grantee);
	char object[2 * OBJECT_BYTES + 2];
	int number;

	if (account == NULL)
		return;
	if (strcmp(privilege, NO_PRIVILEGE) != 0)
		wf_my_emit_item(session, account, category, path, npath, privilege);
	if (grantable == NULL || grantable[0] != 'Y')
		return;
	number = wf_my_accounts_number(&session->accounts, account);
	snprintf(object, sizeof(object), "%s\n%s", path[0], npath > 1 ? path[1] : "");
	if (number == seen.option_account && strcmp(object, seen.option_object) == 0)
		return;
	seen.option_account = number;
	memcpy(seen.option_object, object, sizeof(object));
	wf_my_emit_item(session, account, category, path, npath, GRANT_OPTION);
}

/* Tells whether none of the values is NULL. */
static bool
complete(const char *const *values, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (values[i] == NULL)
			return false;
	}
	return true;
}

/* Takes one privilege on a database, or on those that a pattern matches. */
static void
database_row(WfMySession *session, const char *const *values)
{
	char name[OBJECT_BYTES];
	const char *path = name;

	if (!complete(values, 3))
		return;
	unescape(name, values[1], sizeof(name));
	emit_on_object(session, values[0], CATEGORY_DATABASES, &path, 1, values[2], values[3]);
}

/* Takes one privilege on a table. */
static void
table_row(WfMySession *session, const char *const *values)
{
	if (++seen.tables <= ROWS_MAX && complete(values, 4))
		emit_on_object(session, values[0], CATEGORY_TABLES, values + 1, 2, values[3], values[4]);
}

/* Takes one privilege on a column. */
static void
column_row(WfMySession *session, const char *const *values)
{
	if (++seen.columns <= ROWS_MAX && complete(values, 5))
		emit_on_object(session, values[0], CATEGORY_COLUMNS, values + 1, 3, values[4], NULL);
}

/* Takes one privilege that does not hold in one database. */
static void
revoke_row(WfMySession *session, const char *const *values)
{
	WfMyAccount *account;

	if (++seen.revokes > ROWS_MAX || !complete(values, 4))
		return;
	account = wf_my_accounts_enter(&session->accounts, values[0], values[1]);
	if (account != NULL && account->listed)
		wf_my_emit_item(session, account, CATEGORY_REVOKES, values + 2, 1, values[3]);
}

int
wf_my_privilege_parts(WfMySession *session, WfMyPart *parts, int nparts)
{
	memset(&seen, 0, sizeof(seen));
	seen.option_account = -1;
	parts[nparts++] = (WfMyPart){.sql = "SELECT GRANTEE, PRIVILEGE_TYPE, IS_GRANTABLE"
										" FROM information_schema.USER_PRIVILEGES",
								 .ncolumns = 3,
								 .row = global_row,
								 .failed = global_failed};
	parts[nparts++] = (WfMyPart){.sql = "SELECT GRANTEE, TABLE_SCHEMA, PRIVILEGE_TYPE, IS_GRANTABLE"
										" FROM information_schema.SCHEMA_PRIVILEGES",
								 .ncolumns = 4,
								 .row = database_row,
								 .categories = {CATEGORY_DATABASES}};
	parts[nparts++] =
		(WfMyPart){.sql = "SELECT GRANTEE, TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE, IS_GRANTABLE"
						  " FROM information_schema.TABLE_PRIVILEGES LIMIT " ROWS_MAX_PLUS,
				   .ncolumns = 5,
				   .row = table_row,
				   .categories = {CATEGORY_TABLES}};
	parts[nparts++] =
		(WfMyPart){.sql = "SELECT GRANTEE, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, PRIVILEGE_TYPE"
						  " FROM information_schema.COLUMN_PRIVILEGES LIMIT " ROWS_MAX_PLUS,
				   .ncolumns = 5,
				   .row = column_row,
				   .categories = {CATEGORY_COLUMNS}};
	/* The rest of that document may hold a second password's hash: only the restrictions leave. */
	if (!session->mariadb && session->version >= WF_MY_PARTIAL_REVOKE)
		parts[nparts++] = (WfMyPart){
			.sql = "SELECT u.User, u.Host, r.db, r.privilege FROM mysql.user u"
				   " JOIN JSON_TABLE(u.User_attributes, '$.Restrictions[*]' COLUMNS ("
				   "db VARCHAR(256) PATH '$.Database',"
				   " NESTED PATH '$.Privileges[*]' COLUMNS (privilege VARCHAR(64) PATH '$'))) r"
				   " WHERE u.User <> '' LIMIT " ROWS_MAX_PLUS,
			.ncolumns = 4,
			.row = revoke_row,
			.categories = {CATEGORY_REVOKES}};
	return nparts;
}

/*
 * Who may not read the schema mysql sees nobody's privileges but his own in these views, and no
 * error tells so. But each account has a row there, if only to say that it has no privilege.
 */
static void
check_visibility(WfMySession *session)
{
	static const char *const categories[] = {CATEGORY_GLOBAL, CATEGORY_DATABASES, CATEGORY_TABLES,
											 CATEGORY_COLUMNS};
	static WfFailure failure;
	int expected = 0;
	int found = 0;

	for (int i = 0; i < session->accounts.n; i++)
	{
		const WfMyAccount *account = &session->accounts.list[i];

		/* Roles of MariaDB are in none of these rows. */
		if (!account->listed || (session->mariadb && account->is_role))
			continue;
		expected++;
		found += account->seen ? 1 : 0;
	}
	if (seen.failed || expected < 2 || found > 1)
		return;
	wf_failure_set(
		&failure, WF_ERROR_OTHER,
		"the server shows the login its own privileges only: grant it SELECT on mysql.*");
	warn(session, categories, 4, &failure);
}

/* Tells that a category has more rows than are kept. */
static void
check_limit(WfMySession *session, int rows, const char *category)
{
	static WfFailure failure;

	if (rows <= ROWS_MAX)
		return;
	wf_failure_set(&failure, WF_ERROR_OTHER, "the server has more than %d such grants", ROWS_MAX);
	wf_output_warning(session->out, category, &failure);
}

void
wf_my_privileges_finish(WfMySession *session)
{
	for (int i = 0; i < session->accounts.n; i++)
	{
		if (session->accounts.list[i].grantable)
			wf_my_emit_item(session, &session->accounts.list[i], CATEGORY_GLOBAL, NULL, 0,
							GRANT_OPTION);
	}
	check_visibility(session);
	check_limit(session, seen.tables, CATEGORY_TABLES);
	check_limit(session, seen.columns, CATEGORY_COLUMNS);
	check_limit(session, seen.revokes, CATEGORY_REVOKES);
}
