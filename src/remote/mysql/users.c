/*
 * Reading who exists: mysql.user in whatever form the server has it, and on MariaDB what its view
 * of that name lacks. A password hash never leaves the server; only whether there is one does.
 */
#include "remote/mysql/driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CATEGORY_GLOBAL		   "mysql_global_privileges"
#define CATEGORY_TYPE_SPECIFIC "type_specific"

/* Columns that not every server has, and what is selected where it is there. */
static const struct
{
	const char *name;
	const char *sql;
} optional[] = {
	{"Super_priv", "Super_priv"},
	{"Grant_priv", "Grant_priv"},
	{"plugin", "plugin"},
	{"account_locked", "account_locked"},
	{"password_expired", "password_expired"},
	{"password_last_changed", "DATE_FORMAT(password_last_changed, '%Y-%m-%dT%H:%i:%s+00:00')"},
	{"password_lifetime", "password_lifetime"},
	{"authentication_string", "authentication_string = ''"},
	{"is_role", "is_role"},
	{"default_role", "default_role"},
};

#define NOPTIONAL ((int) (sizeof(optional) / sizeof(optional[0])))

/* Places in a row: user and host, then the optional ones, then the privileges. */
enum
{
	COLUMN_USER,
	COLUMN_HOST,
	COLUMN_SUPER,
	COLUMN_GRANT,
	COLUMN_PLUGIN,
	COLUMN_LOCKED,
	COLUMN_EXPIRED,
	COLUMN_CHANGED,
	COLUMN_LIFETIME,
	COLUMN_NO_PASSWORD,
	COLUMN_IS_ROLE,
	COLUMN_DEFAULT_ROLE,
	COLUMN_PRIVILEGES
};

/* Columns whose names are not the privileges' in capitals and with blanks. */
static const struct
{
	const char *column;
	const char *privilege;
} odd_names[] = {
	{"Show_db", "SHOW DATABASES"},		 {"Create_tmp_table", "CREATE TEMPORARY TABLES"},
	{"Repl_slave", "REPLICATION SLAVE"}, {"Repl_client", "REPLICATION CLIENT"},
	{"Grant", "GRANT OPTION"},			 {"Delete_history", "DELETE HISTORY"},
};

/*
 * Privileges of MariaDB that have no column: bits of "access" in mysql.global_priv, from the 30th
 * on. The view shows those of users; roles are not in it.
 */
static const char *const access_names[] = {
	"SET USER",
	"FEDERATED ADMIN",
	"CONNECTION ADMIN",
	"READ_ONLY ADMIN",
	"REPLICATION SLAVE ADMIN",
	"REPLICATION MASTER ADMIN",
	"BINLOG ADMIN",
	"BINLOG REPLAY",
	"SLAVE MONITOR",
	"SHOW CREATE ROUTINE",
};

#define FIRST_ACCESS_BIT 30

#define PRIVILEGES_MAX 64
#define NAME_MAX_BYTES 64

/* What SHOW COLUMNS said; one request at a time is served. */
static bool present[NOPTIONAL];
static char privilege_columns[PRIVILEGES_MAX][NAME_MAX_BYTES];
static int nprivileges;
static char users_sql[PRIVILEGES_MAX * NAME_MAX_BYTES + 1024];

/* Tells whether a name can be put into a statement as it is, and is the column of a privilege. */
static bool
is_privilege_column(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && len < NAME_MAX_BYTES && strcmp(name + len - 5, "_priv") == 0 &&
		   strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") == len;
}

/* Notes one column of mysql.user. */
static void
column_row(WfMySession *session, const char *const *values)
{
	const char *name = values[0] == NULL ? "" : values[0];

	for (int i = 0; i < NOPTIONAL; i++)
	{
		if (strcmp(optional[i].name, name) == 0)
			present[i] = true;
	}
	/* Users' privileges come from a view; that of MariaDB leaves roles out. */
	if (session->mariadb && is_privilege_column(name) && nprivileges < PRIVILEGES_MAX)
		snprintf(privilege_columns[nprivileges++], NAME_MAX_BYTES, "%s", name);
}

int
wf_my_column_parts(WfMySession *session, WfMyPart *parts, int nparts)
{
	(void) session;
	memset(present, 0, sizeof(present));
	nprivileges = 0;
	parts[nparts++] =
		(WfMyPart){.sql = "SHOW COLUMNS FROM mysql.user", .ncolumns = 6, .row = column_row};
	return nparts;
}

/* Reads a flag as the servers write it: Y and N in columns, 1 and 0 in JSON. */
static WfMyFlag
flag_of(const char *value)
{
	if (value == NULL)
		return WF_MY_UNKNOWN;
	return value[0] == 'Y' || value[0] == 'y' || value[0] == '1' ? WF_MY_YES : WF_MY_NO;
}

/* The privilege a column stands for; on recent MariaDB some have other names than on MySQL. */
static const char *
privilege_of_column(const WfMySession *session, const char *column)
{
	static char name[NAME_MAX_BYTES];
	size_t len = strlen(column) - 5;

	for (size_t i = 0; i < sizeof(odd_names) / sizeof(odd_names[0]); i++)
	{
		if (strlen(odd_names[i].column) == len && strncmp(odd_names[i].column, column, len) == 0)
		{
			/* Since 10.5 every view of the server calls it so. */
			if (strcmp(odd_names[i].column, "Repl_client") == 0 && session->version >= 100502)
				return "BINLOG MONITOR";
			return odd_names[i].privilege;
		}
	}
	for (size_t i = 0; i < len; i++)
	{
		char byte = column[i];

		name[i] = byte == '_' ? ' ' : (char) (byte >= 'a' && byte <= 'z' ? byte - 'a' + 'A' : byte);
	}
	name[len] = '\0';
	return name;
}

void
wf_my_emit_item(WfMySession *session, const WfMyAccount *account, const char *category,
				const char *const *path, int npath, const char *name)
{
	const char *values[8];
	char key[16];
	int n = 0;

	snprintf(key, sizeof(key), "%d", wf_my_accounts_number(&session->accounts, account));
	values[n++] = key;
	values[n++] = category;
	for (int i = 0; i < npath; i++)
		values[n++] = path[i];
	values[n++] = name;
	wf_output_row(session->out, &wf_dataset_item, n, values);
}

/* Takes what one row says of its account. */
static void
fill_account(WfMySession *session, WfMyAccount *account, const char *const *values)
{
	WfMyAccounts *accounts = &session->accounts;
	const char *role = values[COLUMN_DEFAULT_ROLE];

	account->listed = true;
	account->super_priv = flag_of(values[COLUMN_SUPER]) == WF_MY_YES;
	account->grant_priv = flag_of(values[COLUMN_GRANT]) == WF_MY_YES;
	account->locked = flag_of(values[COLUMN_LOCKED]);
	account->expired = flag_of(values[COLUMN_EXPIRED]);
	account->no_password = flag_of(values[COLUMN_NO_PASSWORD]) == WF_MY_YES;
	account->is_role = flag_of(values[COLUMN_IS_ROLE]) == WF_MY_YES;
	account->plugin = wf_my_accounts_text(accounts, values[COLUMN_PLUGIN]);
	account->changed = wf_my_accounts_text(accounts, values[COLUMN_CHANGED]);
	account->lifetime = wf_my_accounts_text(accounts, values[COLUMN_LIFETIME]);
	if (role != NULL && role[0] != '\0')
		account->default_role = wf_my_accounts_text(accounts, role);
	/* What CREATE ROLE leaves; MySQL has no other mark for a role that nobody holds. */
	if (!session->mariadb && session->version >= WF_MY_8 && account->locked == WF_MY_YES &&
		account->expired == WF_MY_YES && account->no_password)
		account->is_role = true;
}

/* Emits one account, and what its own row says of a role's privileges. */
static void
user_row(WfMySession *session, const char *const *values)
{
	WfMyAccount *account;
	const char *row[2];
	char key[16];

	if (values[COLUMN_USER] == NULL || values[COLUMN_HOST] == NULL)
	{
		wf_output_unfit(session->out, "the server sent NULL where its catalog has none");
		return;
	}
	account = wf_my_accounts_enter(&session->accounts, values[COLUMN_USER], values[COLUMN_HOST]);
	if (account == NULL)
		return;
	if (account->listed)
	{
		wf_output_unfit(session->out, "the server lists an account twice");
		return;
	}
	fill_account(session, account, values);
	snprintf(key, sizeof(key), "%d", wf_my_accounts_number(&session->accounts, account));
	row[0] = key;
	row[1] = account->name;
	wf_output_row(session->out, &wf_dataset_account, 2, row);
	for (int i = 0; account->is_role && i < nprivileges; i++)
	{
		if (flag_of(values[COLUMN_PRIVILEGES + i]) == WF_MY_YES)
			wf_my_emit_item(session, account, CATEGORY_GLOBAL, NULL, 0,
							privilege_of_column(session, privilege_columns[i]));
	}
}

/* Writes an instant, given in seconds, into an account; 0 is how an expired password is marked. */
static void
set_changed(WfMySession *session, WfMyAccount *account, const char *seconds)
{
	char text[32];
	struct tm utc;
	time_t instant = (time_t) strtoll(seconds, NULL, 10);

	/* Up to the year 9999: later ones are no dates but damage. */
	if (instant <= 0 || instant >= 253402300800LL || gmtime_r(&instant, &utc) == NULL)
		return;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S+00:00", &utc);
	account->changed = wf_my_accounts_text(&session->accounts, text);
}

/* Completes an account of MariaDB. */
static void
global_priv_row(WfMySession *session, const char *const *values)
{
	WfMyAccount *account;
	unsigned long long access;

	if (values[0] == NULL || values[1] == NULL)
		return;
	account = wf_my_accounts_enter(&session->accounts, values[0], values[1]);
	if (account == NULL || !account->listed)
		return;
	account->locked = flag_of(values[2]) == WF_MY_YES ? WF_MY_YES : WF_MY_NO;
	if (values[3] != NULL)
		set_changed(session, account, values[3]);
	/* -1 stands for the server's default. */
	account->lifetime = values[4] != NULL && values[4][0] != '-'
							? wf_my_accounts_text(&session->accounts, values[4])
							: NULL;
	if (!account->is_role || values[5] == NULL || session->version < 100502)
		return;
	access = strtoull(values[5], NULL, 10) >> FIRST_ACCESS_BIT;
	for (size_t i = 0; i < sizeof(access_names) / sizeof(access_names[0]); i++)
	{
		if ((access >> i & 1) != 0)
			wf_my_emit_item(session, account, CATEGORY_GLOBAL, NULL, 0, access_names[i]);
	}
}

/* Builds the statement from the columns that are there. */
static void
build_users_sql(void)
{
	size_t len = (size_t) snprintf(users_sql, sizeof(users_sql), "SELECT User, Host");

	for (int i = 0; i < NOPTIONAL; i++)
		len += (size_t) snprintf(users_sql + len, sizeof(users_sql) - len, ", %s",
								 present[i] ? optional[i].sql : "NULL");
	for (int i = 0; i < nprivileges; i++)
		len += (size_t) snprintf(users_sql + len, sizeof(users_sql) - len, ", %s",
								 privilege_columns[i]);
	snprintf(users_sql + len, sizeof(users_sql) - len, " FROM mysql.user WHERE User <> ''");
}

int
wf_my_account_parts(WfMySession *session, WfMyPart *parts, int nparts)
{
	build_users_sql();
	parts[nparts++] =
		(WfMyPart){.sql = users_sql, .ncolumns = COLUMN_PRIVILEGES + nprivileges, .row = user_row};
	if (session->mariadb && session->version >= WF_MARIA_GLOBAL_PRIV)
		parts[nparts++] = (WfMyPart){
			.sql = "SELECT User, Host, JSON_VALUE(Priv, '$.account_locked'),"
				   " JSON_VALUE(Priv, '$.password_last_changed'),"
				   " JSON_VALUE(Priv, '$.password_lifetime'),"
				   " JSON_VALUE(Priv, '$.access') FROM mysql.global_priv WHERE User <> ''",
			.ncolumns = 6,
			.row = global_priv_row,
			.categories = {CATEGORY_TYPE_SPECIFIC, CATEGORY_GLOBAL}};
	return nparts;
}

/* Emits a value of the attributes of an account; text NULL is null. */
static void
emit_value(WfMySession *session, const char *key, const char *name, const char *kind,
		   const char *text)
{
	const char *values[] = {key, CATEGORY_TYPE_SPECIFIC, name, kind, text};

	wf_output_row(session->out, &wf_dataset_value, 5, values);
}

static const char *
flag_text(WfMyFlag flag)
{
	return flag == WF_MY_UNKNOWN ? NULL : flag == WF_MY_YES ? "true" : "false";
}

void
wf_my_accounts_finish(WfMySession *session)
{
	for (int i = 0; i < session->accounts.n; i++)
	{
		const WfMyAccount *account = &session->accounts.list[i];
		char key[16];

		if (!account->listed)
			continue;
		snprintf(key, sizeof(key), "%d", i);
		emit_value(session, key, "host", "s", account->host);
		emit_value(session, key, "original_username", "s", account->user);
		emit_value(session, key, "super_priv", "b", account->super_priv ? "true" : "false");
		emit_value(session, key, "grant_priv", "b", account->grant_priv ? "true" : "false");
		emit_value(session, key, "account_locked", "b", flag_text(account->locked));
		emit_value(session, key, "account_kind", "s", account->is_role ? "role" : "user");
		emit_value(session, key, "plugin", "s", account->plugin);
		emit_value(session, key, "password_last_changed", "s", account->changed);
		emit_value(session, key, "password_expired", "b", flag_text(account->expired));
		emit_value(session, key, "password_lifetime", "n", account->lifetime);
	}
}
