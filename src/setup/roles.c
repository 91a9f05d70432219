/*
 * roles.c - the roles of the product, made or adopted at the head of the install script.
 *
 * Roles belong to the cluster, not to the extension: a second database, a restored dump and a re-created
 * extension find them. A role of our name with other attributes may be a trap (an owner that is a superuser, an
 * administrator that can log in), so the install stops there.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/spi.h"
#include "whalefall.h"

typedef struct WfRoleSpec
{
	const char *name;
	bool can_login;
	bool inherits;
} WfRoleSpec;

static const WfRoleSpec role_specs[] = {
	{WF_OWNER, false, true},
	{"whalefall_authenticator", true, false},
	{"whalefall_gateway", false, true},
	{"whalefall_anon", false, true},
	{"whalefall_viewer", false, true},
	{"whalefall_user", false, true},
	{"whalefall_admin", false, true},
};

/* member gets the rights of role (the authenticator only after SET ROLE). */
static const struct
{
	const char *role;
	const char *member;
} memberships[] = {
	{"whalefall_anon", "whalefall_viewer"},		   {"whalefall_viewer", "whalefall_user"},
	{"whalefall_user", "whalefall_admin"},		   {"whalefall_gateway", "whalefall_authenticator"},
	{"whalefall_anon", "whalefall_authenticator"}, {"whalefall_viewer", "whalefall_authenticator"},
	{"whalefall_user", "whalefall_authenticator"}, {"whalefall_admin", "whalefall_authenticator"},
};

/* The roles that PostgREST becomes to serve a request. */
static const char *const served_roles[] = {"whalefall_gateway", "whalefall_anon",
										   "whalefall_viewer", "whalefall_user", "whalefall_admin"};

static void
create_role(const WfRoleSpec *spec)
{
	wf_spi_utility(psprintf("CREATE ROLE %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION "
							"NOBYPASSRLS %s %s",
							spec->name, spec->can_login ? "LOGIN" : "NOLOGIN",
							spec->inherits ? "INHERIT" : "NOINHERIT"));
}

/* Raise when an existing role differs from what we would have made. */
static void
check_role(const WfRoleSpec *spec)
{
	static const char *const names[] = {"SUPERUSER", "CREATEDB", "CREATEROLE", "REPLICATION",
										"BYPASSRLS", "LOGIN",	 "INHERIT"};
	StringInfoData wrong;

	initStringInfo(&wrong);
	for (int i = 0; i < (int) lengthof(names); i++)
	{
		bool wanted = i == 5 ? spec->can_login : i == 6 ? spec->inherits : false;

		if (wf_spi_bool(0, i + 1) != wanted)
			appendStringInfo(&wrong, "%s%s%s", wrong.len > 0 ? ", " : "", wanted ? "NO" : "",
							 names[i]);
	}
	if (wrong.len > 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("role \"%s\" exists with other attributes than whalefall needs", spec->name),
			 errdetail("Unexpected: %s.", wrong.data),
			 errhint(
				 "Find out who made this role. Drop or rename it, or correct it with ALTER ROLE, "
				 "then create the extension again.")));
}

static void
ensure_role(const WfRoleSpec *spec)
{
	static WfQuery find =
		WF_QUERY("select rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, "
				 "rolcanlogin, rolinherit from pg_catalog.pg_authid where rolname = $1::name",
				 TEXTOID);
	WfArg args[] = {wf_arg_text(spec->name)};

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		create_role(spec);
	else
		check_role(spec);
}

static void
ensure_membership(const char *role, const char *member)
{
	static WfQuery find = WF_QUERY("select 1 from pg_catalog.pg_auth_members m "
								   "join pg_catalog.pg_authid r on r.oid = m.roleid "
								   "join pg_catalog.pg_authid u on u.oid = m.member "
								   "where r.rolname = $1::name and u.rolname = $2::name",
								   TEXTOID, TEXTOID);
	WfArg args[] = {wf_arg_text(role), wf_arg_text(member)};
	bool sets_role = strcmp(member, "whalefall_authenticator") == 0;

	/* From 16 on the options of an existing membership are corrected as well. */
	if (PG_VERSION_NUM >= 160000 || wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_spi_utility(psprintf("GRANT %s TO %s%s", role, member,
								sets_role ? WF_GRANT_NOT_INHERITING : WF_GRANT_INHERITING));
}

/*
 * Members that we did not make: usually people who were granted a role, after a restore or in the second
 * database of a cluster; but whoever installs shall see them. Also roles that ours were granted.
 */
static void
warn_of_foreign_members(void)
{
	static WfQuery find = WF_QUERY0(
		"select u.rolname || ' in ' || r.rolname from pg_catalog.pg_auth_members m "
		"join pg_catalog.pg_authid r on r.oid = m.roleid "
		"join pg_catalog.pg_authid u on u.oid = m.member "
		"where r.rolname ~ '^whalefall_(owner|authenticator|gateway|anon|viewer|user|admin)$' "
		"<> (u.rolname ~ '^whalefall_(owner|authenticator|gateway|anon|viewer|user|admin)$') "
		"or (r.rolname = 'whalefall_owner' or u.rolname = 'whalefall_owner') order by 1");
	uint64 n = wf_spi_run(&find, SPI_OK_SELECT, NULL);
	StringInfoData list;

	if (n == 0)
		return;
	initStringInfo(&list);
	for (uint64 i = 0; i < n; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", wf_spi_text(i, 1));
	ereport(WARNING,
			(errmsg("roles of whalefall have memberships it did not make"),
			 errdetail("Memberships: %s.", list.data), errhint("Revoke those that nobody meant.")));
}

WF_FUNCTION(wf_setup_ensure_roles);

/* whalefall.ensure_roles(): called once, at the head of the install script. */
Datum
wf_setup_ensure_roles(PG_FUNCTION_ARGS)
{
	if (!superuser())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("only a superuser can prepare the roles of whalefall")));
	if (GetDatabaseEncoding() != PG_UTF8)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("whalefall needs a database with encoding UTF8"),
						errdetail("This database has encoding %s.", GetDatabaseEncodingName()),
						errhint("Create a database with ENCODING 'UTF8' TEMPLATE template0.")));
	wf_spi_begin();
	for (size_t i = 0; i < lengthof(role_specs); i++)
		ensure_role(&role_specs[i]);
	for (size_t i = 0; i < lengthof(memberships); i++)
		ensure_membership(memberships[i].role, memberships[i].member);
	/* PostgREST binds request bodies as parameters; they must not reach the server log. */
	wf_spi_utility("ALTER ROLE whalefall_authenticator SET log_parameter_max_length = 0");
	wf_spi_utility("ALTER ROLE whalefall_authenticator SET log_parameter_max_length_on_error = 0");
	/*
	 * PostgREST takes the settings of the role it becomes (db-config). The dispatcher ends its operations sooner;
	 * this ends what escapes it, and what a client that went away has left behind. A person who was granted one of
	 * these roles is not touched: only a login takes a role's settings, and none of these can log in.
	 */
	for (size_t i = 0; i < lengthof(served_roles); i++)
		wf_spi_utility(psprintf("ALTER ROLE %s SET statement_timeout = '70s'", served_roles[i]));
	warn_of_foreign_members();
	wf_spi_end();
	PG_RETURN_VOID();
}
