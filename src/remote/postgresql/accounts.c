/*
 * Reading accounts: roles, memberships, what they may do with databases and tablespaces. A
 * constant number of statements, however many roles there are; oids are the keys, names are data.
 */
#include "remote/postgresql/driver.h"

#include <stdio.h>
#include <string.h>

#define CATEGORY_ATTRIBUTES			"postgresql_role_attributes"
#define CATEGORY_ROLES				"postgresql_predefined_roles"
#define CATEGORY_MEMBERSHIP_OPTIONS "postgresql_role_membership_options"
#define CATEGORY_DATABASES			"postgresql_database_privileges"
#define CATEGORY_TABLESPACES		"postgresql_tablespace_privileges"
#define CATEGORY_TYPE_SPECIFIC		"type_specific"
#define CATEGORY_EFFECTIVE_ROLES	"extra.effective_roles"

/*
 * An infinite end of validity is none. Instants before year 1 are written as its first day: ISO
 * 8601 has no notation that everybody reads the same way.
 */
static const char roles_sql[] =
	"SELECT r.oid, r.rolname, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication,"
	" r.rolbypassrls, r.rolinherit, r.rolcanlogin, r.rolconnlimit,"
	" CASE WHEN isfinite(v.until) THEN to_char(v.until, 'YYYY-MM-DD\"T\"HH24:MI:SS')"
	"  || CASE WHEN date_part('microseconds', v.until)::int % 1000000 = 0 THEN ''"
	"     ELSE to_char(v.until, '.US') END || '+00:00' END"
	" FROM pg_roles r CROSS JOIN LATERAL"
	" (SELECT CASE WHEN r.rolvaliduntil > '-infinity' THEN"
	"   greatest(r.rolvaliduntil, '0001-01-01 00:00:00+00'::timestamptz)"
	"   ELSE r.rolvaliduntil END AT TIME ZONE 'UTC' AS until) v"
	" ORDER BY r.rolname";

/* From 16 on a membership may be granted several times, by several roles: options add up. */
static const char members_sql[] =
	"SELECT m.member, g.rolname, bool_or(m.admin_option), NULL::bool, NULL::bool"
	" FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid"
	" GROUP BY m.member, g.rolname ORDER BY g.rolname";

static const char members_16_sql[] =
	"SELECT m.member, g.rolname, bool_or(m.admin_option), bool_or(m.inherit_option),"
	" bool_or(m.set_option)"
	" FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid"
	" GROUP BY m.member, g.rolname ORDER BY g.rolname";

#define TEXT_OF(number)	   #number
#define VALUE_TEXT(number) TEXT_OF(number)

/* One row above the limit makes the excess visible to effective_row. */
static const char effective_sql[] =
	"WITH RECURSIVE up(member, roleid) AS ("
	"SELECT m.member, m.roleid FROM pg_auth_members m"
	" UNION"
	" SELECT up.member, m.roleid FROM up JOIN pg_auth_members m ON m.member = up.roleid)"
	" SELECT up.member, g.rolname FROM up JOIN pg_roles g ON g.oid = up.roleid"
	" LIMIT " VALUE_TEXT(WF_PG_EFFECTIVE_ROLES_MAX) " + 1";

/*
 * What each role may do with each database, memberships and PUBLIC included. Above the limit of
 * pairs only what the ACLs name. The first row tells which of the two it is. By oid: names would
 * be looked up for every pair. A database that vanishes meanwhile gives NULL. Role by role: the
 * server keeps the memberships of the last role it was asked about.
 */
static const char databases_sql[] =
	"WITH size AS MATERIALIZED (SELECT (SELECT count(*) FROM pg_roles) *"
	" (SELECT count(*) FROM pg_database WHERE datallowconn) > $1::bigint AS large)"
	" SELECT NULL::oid, NULL::name, large, NULL::bool, NULL::bool FROM size"
	" UNION ALL"
	" SELECT r.oid, p.datname, p.con, p.cre, p.tmp FROM size CROSS JOIN pg_roles r"
	" CROSS JOIN LATERAL (SELECT d.datname, has_database_privilege(r.oid, d.oid, 'CONNECT') AS con,"
	" has_database_privilege(r.oid, d.oid, 'CREATE') AS cre,"
	" has_database_privilege(r.oid, d.oid, 'TEMP') AS tmp"
	" FROM pg_database d WHERE d.datallowconn OFFSET 0) p"
	" WHERE NOT size.large AND (p.con OR p.cre OR p.tmp)"
	" UNION ALL"
	" SELECT a.grantee, d.datname, bool_or(a.privilege_type = 'CONNECT'),"
	" bool_or(a.privilege_type = 'CREATE'), bool_or(a.privilege_type = 'TEMPORARY')"
	" FROM size CROSS JOIN pg_database d"
	" CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a"
	" WHERE size.large AND d.datallowconn AND a.grantee <> 0"
	" GROUP BY a.grantee, d.oid, d.datname";

static const char public_sql[] =
	"SELECT DISTINCT d.datname, a.privilege_type FROM pg_database d"
	" CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a"
	" WHERE d.datallowconn AND a.grantee = 0 ORDER BY 1, 2";

/*
 * Superusers may do everything everywhere; nobody creates in pg_global. Tablespaces in which only
 * superusers without members may create are passed over first: asking for each role costs the
 * server a look at all its memberships, and the usual answer is known.
 */
static const char tablespaces_sql[] =
	"WITH open AS MATERIALIZED (SELECT t.oid, t.spcname FROM pg_tablespace t"
	" WHERE t.spcname <> 'pg_global' AND EXISTS (SELECT FROM"
	" aclexplode(coalesce(t.spcacl, acldefault('t', t.spcowner))) a"
	" LEFT JOIN pg_roles g ON g.oid = a.grantee WHERE a.privilege_type = 'CREATE'"
	" AND (a.grantee = 0 OR NOT g.rolsuper"
	"  OR EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = a.grantee))))"
	" SELECT r.oid, p.spcname FROM pg_roles r CROSS JOIN LATERAL"
	" (SELECT o.spcname, has_tablespace_privilege(r.oid, o.oid, 'CREATE') AS cre FROM open o"
	"  OFFSET 0) p WHERE p.cre AND NOT r.rolsuper";

/* Emits name as an item of a category that is a plain list. */
static void
emit_listed(WfPgSession *session, const char *key, const char *category, const char *name)
{
	const char *values[] = {key, category, name};

	wf_output_row(session->out, &wf_dataset_item, 3, values);
}

/* Emits name as an item of a category that keeps a list for each object. */
static void
emit_granted(WfPgSession *session, const char *key, const char *category, const char *object,
			 const char *name)
{
	const char *values[] = {key, category, object, name};

	wf_output_row(session->out, &wf_dataset_item, 4, values);
}

/* Emits a value; kind is b, n or s. */
static void
emit_value(WfPgSession *session, const char *key, const char *category, const char *name,
		   const char *kind, const char *text)
{
	const char *values[] = {key, category, name, kind, text};

	wf_output_row(session->out, &wf_dataset_value, 5, values);
}

/* Tells whether a boolean of the server is true; a missing one is not. */
static bool
is_true(const char *value)
{
	return value != NULL && value[0] == 't';
}

/* Ends the request: a column that cannot be NULL is. */
static bool
complete(WfPgSession *session, const char *const *values, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (values[i] == NULL)
		{
			wf_output_unfit(session->out, "the server sent NULL where its catalog has none");
			return false;
		}
	}
	return true;
}

/* Emits one role with its attributes. */
static void
role_row(WfPgSession *session, const char *const *values)
{
	static const char *const attributes[] = {"can_super",	  "can_create_role", "can_create_db",
											 "can_replicate", "can_bypass_rls",	 "can_inherit",
											 "can_login"};
	const char *key = values[0];

	if (!complete(session, values, 10))
		return;
	wf_output_row(session->out, &wf_dataset_account, 2, values);
	for (int i = 0; i < 7; i++)
		emit_value(session, key, CATEGORY_ATTRIBUTES, attributes[i], "b",
				   is_true(values[2 + i]) ? "true" : "false");
	emit_value(session, key, CATEGORY_ATTRIBUTES, "connection_limit", "n", values[9]);
	if (values[10] != NULL)
		emit_value(session, key, CATEGORY_TYPE_SPECIFIC, "valid_until", "s", values[10]);
}

/* Emits one direct membership and its options. */
static void
member_row(WfPgSession *session, const char *const *values)
{
	static const char *const options[] = {"ADMIN", "INHERIT", "SET"};

	if (!complete(session, values, 2))
		return;
	emit_listed(session, values[0], CATEGORY_ROLES, values[1]);
	for (int i = 0; i < 3; i++)
	{
		if (is_true(values[2 + i]))
			emit_granted(session, values[0], CATEGORY_MEMBERSHIP_OPTIONS, values[1], options[i]);
	}
}

/* Emits one membership, direct or inherited; beyond the limit the whole part counts as unread. */
static void
effective_row(WfPgSession *session, const char *const *values)
{
	if (++session->effective > WF_PG_EFFECTIVE_ROLES_MAX)
	{
		WfFailure failure;

		wf_failure_set(&failure, WF_ERROR_OTHER, "more than %d inherited memberships",
					   WF_PG_EFFECTIVE_ROLES_MAX);
		wf_output_warning(session->out, CATEGORY_EFFECTIVE_ROLES, &failure);
		return;
	}
	if (complete(session, values, 2))
		emit_listed(session, values[0], CATEGORY_EFFECTIVE_ROLES, values[1]);
}

/* Emits what one role may do with one database; the row without a role tells how it was read. */
static void
database_row(WfPgSession *session, const char *const *values)
{
	static const char *const privileges[] = {"CONNECT", "CREATE", "TEMP"};

	if (values[0] == NULL)
	{
		const char *const meta[] = {"pg_database_privileges", "explicit"};

		if (is_true(values[2]))
			wf_output_row(session->out, &wf_dataset_meta, 2, meta);
		return;
	}
	if (!complete(session, values, 2))
		return;
	for (int i = 0; i < 3; i++)
	{
		if (is_true(values[2 + i]))
			emit_granted(session, values[0], CATEGORY_DATABASES, values[1], privileges[i]);
	}
}

/* Emits one privilege of PUBLIC. */
static void
public_row(WfPgSession *session, const char *const *values)
{
	const char *row[3] = {CATEGORY_DATABASES, values[0], values[1]};

	if (!complete(session, values, 2))
		return;
	if (strcmp(row[2], "TEMPORARY") == 0)
		row[2] = "TEMP";
	wf_output_row(session->out, &wf_dataset_public, 3, row);
}

/* Emits that a role may create in a tablespace. */
static void
tablespace_row(WfPgSession *session, const char *const *values)
{
	if (complete(session, values, 2))
		emit_granted(session, values[0], CATEGORY_TABLESPACES, values[1], "CREATE");
}

int
wf_pg_account_parts(WfPgSession *session, WfPgPart *parts, int nparts)
{
	const char *members = session->version >= WF_PG_16 ? members_16_sql : members_sql;

	parts[nparts++] = (WfPgPart){.sql = roles_sql, .ncolumns = 11, .row = role_row};
	parts[nparts++] = (WfPgPart){.sql = members,
								 .ncolumns = 5,
								 .row = member_row,
								 .categories = {CATEGORY_ROLES, CATEGORY_MEMBERSHIP_OPTIONS}};
	parts[nparts++] = (WfPgPart){.sql = effective_sql,
								 .ncolumns = 2,
								 .row = effective_row,
								 .categories = {CATEGORY_EFFECTIVE_ROLES}};
	parts[nparts++] = (WfPgPart){.sql = databases_sql,
								 .nparams = 1,
								 .params = {WF_PG_PRIVILEGE_PAIRS_MAX},
								 .ncolumns = 5,
								 .row = database_row,
								 .categories = {CATEGORY_DATABASES}};
	parts[nparts++] = (WfPgPart){
		.sql = public_sql, .ncolumns = 2, .row = public_row, .categories = {CATEGORY_DATABASES}};
	parts[nparts++] = (WfPgPart){.sql = tablespaces_sql,
								 .ncolumns = 2,
								 .row = tablespace_row,
								 .categories = {CATEGORY_TABLESPACES}};
	return nparts;
}
