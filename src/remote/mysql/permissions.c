/*
 * Reading what the account we log in with may do, as far as the other reads need it: out of SHOW
 * GRANTS, which everybody may ask of himself, and which counts the roles in force. MariaDB puts a
 * hash of the password into these lines, so they are only looked at, never handed on.
 */
#include "remote/mysql/driver.h"

#include <string.h>

/* Any of these on all tables makes all tables visible in information_schema. */
static const char *const table_privileges[] = {
	"ALL PRIVILEGES", "SELECT", "INSERT", "UPDATE",		 "DELETE",	  "CREATE", "DROP",
	"REFERENCES",	  "INDEX",	"ALTER",  "CREATE VIEW", "SHOW VIEW", "TRIGGER"};

/* What is looked for; one request at a time is served. */
static struct
{
	bool asked; /* a line has come */
	bool catalog;
	bool catalog_revoked;
	bool process;
	bool databases;
	bool tables;
} seen;

/* Tells whether a list of privileges, as SHOW GRANTS writes it, has one. */
static bool
has(const char *list, size_t len, const char *name)
{
	size_t wanted = strlen(name);

	while (len >= wanted)
	{
		const char *comma = memchr(list, ',', len);
		size_t word = comma == NULL ? len : (size_t) (comma - list);

		if (word == wanted && memcmp(list, name, wanted) == 0)
			return true;
		if (comma == NULL || len < word + 2)
			return false;
		list += word + 2;
		len -= word + 2;
	}
	return false;
}

/* Notes what a line grants on everything. */
static void
note_global(const char *list, size_t len)
{
	bool all = has(list, len, "ALL PRIVILEGES");

	seen.catalog |= all || has(list, len, "SELECT");
	seen.process |= all || has(list, len, "PROCESS");
	seen.databases |= all || has(list, len, "SHOW DATABASES");
	for (size_t i = 0; i < sizeof(table_privileges) / sizeof(table_privileges[0]); i++)
		seen.tables |= has(list, len, table_privileges[i]);
}

/*
 * Takes one line: GRANT or REVOKE, privileges, ON, object, TO or FROM. A line that grants a role
 * begins with a quoted name, which may hold anything: it is passed over.
 */
static void
grant_row(WfMySession *session, const char *const *values)
{
	const char *list = values[0];
	const char *object;
	bool revoke;
	size_t len;

	(void) session;
	seen.asked = true;
	revoke = list != NULL && strncmp(list, "REVOKE ", 7) == 0;
	if (list == NULL || (!revoke && strncmp(list, "GRANT ", 6) != 0))
		return;
	list += revoke ? 7 : 6;
	object = strstr(list, " ON ");
	if (*list < 'A' || *list > 'Z' || object == NULL)
		return;
	len = (size_t) (object - list);
	object += 4;
	if (!revoke && strncmp(object, "*.* TO ", 7) == 0)
		note_global(list, len);
	else if (strncmp(object, "`mysql`.* ", 10) == 0 &&
			 (has(list, len, "SELECT") || has(list, len, "ALL PRIVILEGES")))
	{
		seen.catalog |= !revoke;
		seen.catalog_revoked |= revoke;
	}
}

int
wf_my_permission_parts(WfMySession *session, WfMyPart *parts, int nparts)
{
	(void) session;
	memset(&seen, 0, sizeof(seen));
	parts[nparts++] =
		(WfMyPart){.sql = "SHOW GRANTS", .ncolumns = 1, .row = grant_row, .optional = true};
	return nparts;
}

/* Emits one permission. */
static void
emit(WfMySession *session, const char *name, const char *needed_for, bool granted, const char *hint)
{
	const char *values[] = {name, needed_for, granted ? "t" : "f", granted ? NULL : hint};

	wf_output_row(session->out, &wf_dataset_permission, 4, values);
}

void
wf_my_permissions_finish(WfMySession *session)
{
	if (!seen.asked)
		return;
	emit(session, "SELECT ON mysql.*", "accounts, roles, privileges of all accounts",
		 seen.catalog && !seen.catalog_revoked, "GRANT SELECT ON mysql.* TO this account");
	emit(session, "PROCESS", "sizes of the files of InnoDB", seen.process,
		 "GRANT PROCESS ON *.* TO this account");
	emit(session, "SHOW DATABASES", "the list of all databases", seen.databases,
		 "GRANT SHOW DATABASES ON *.* TO this account");
	emit(session, "REFERENCES ON *.*", "sizes of tables, and of engines other than InnoDB",
		 seen.tables,
		 "GRANT REFERENCES ON *.* TO this account; any other privilege on all tables will do");
}
