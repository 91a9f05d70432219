/*
 * Reading roles: who holds which, by default or when asked for, who their members are, and what
 * follows from roles that hold roles.
 */
#include "remote/mysql/driver.h"

#include <stdlib.h>
#include <string.h>

#define CATEGORY_ROLES	   "mysql_granted_roles"
#define CATEGORY_MEMBERS   "mysql_role_members"
#define CATEGORY_EFFECTIVE "extra.effective_roles"
#define CATEGORY_GRANTABLE "extra.grantable"

/* Above this many inherited memberships, or steps to find them, they are not told. */
#define EFFECTIVE_MAX 1000000
#define STEPS_MAX	  50000000

/* MariaDB: roles since 10.0.5. */
#define WF_MARIA_ROLES 100005

/* Enters one edge; the role's name makes it a role where nothing else does. */
static void
connect_row(WfMySession *session, const char *const *names, const char *admin, bool is_default)
{
	WfMyAccounts *accounts = &session->accounts;
	WfMyAccount *account;
	int member;
	int role;

	for (int i = 0; i < 4; i++)
	{
		if (names[i] == NULL)
		{
			wf_output_unfit(session->out, "the server sent NULL where its catalog has none");
			return;
		}
	}
	account = wf_my_accounts_enter(accounts, names[0], names[1]);
	if (account == NULL)
		return;
	member = wf_my_accounts_number(accounts, account);
	account = wf_my_accounts_enter(accounts, names[2], names[3]);
	if (account == NULL)
		return;
	role = wf_my_accounts_number(accounts, account);
	account->is_role = true;
	wf_my_accounts_connect(accounts, member, role, admin != NULL && admin[0] == 'Y', is_default);
}

static void
edge_row(WfMySession *session, const char *const *values)
{
	connect_row(session, values, values[4], false);
}

static void
default_row(WfMySession *session, const char *const *values)
{
	connect_row(session, values, NULL, true);
}

/* MariaDB's roles have no host. */
static void
mapping_row(WfMySession *session, const char *const *values)
{
	const char *const names[] = {values[0], values[1], values[2], ""};

	connect_row(session, names, values[3], false);
}

int
wf_my_role_parts(WfMySession *session, WfMyPart *parts, int nparts)
{
	if (session->mariadb && session->version >= WF_MARIA_ROLES)
		parts[nparts++] =
			(WfMyPart){.sql = "SELECT User, Host, Role, Admin_option FROM mysql.roles_mapping",
					   .ncolumns = 4,
					   .row = mapping_row,
					   .categories = {CATEGORY_ROLES, CATEGORY_MEMBERS, CATEGORY_EFFECTIVE,
									  CATEGORY_GRANTABLE}};
	if (session->mariadb || session->version < WF_MY_8)
		return nparts;
	parts[nparts++] = (WfMyPart){
		.sql = "SELECT TO_USER, TO_HOST, FROM_USER, FROM_HOST, WITH_ADMIN_OPTION"
			   " FROM mysql.role_edges",
		.ncolumns = 5,
		.row = edge_row,
		.categories = {CATEGORY_ROLES, CATEGORY_MEMBERS, CATEGORY_EFFECTIVE, CATEGORY_GRANTABLE}};
	parts[nparts++] = (WfMyPart){
		.sql = "SELECT USER, HOST, DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles",
		.ncolumns = 4,
		.row = default_row,
		.categories = {CATEGORY_ROLES, CATEGORY_MEMBERS}};
	return nparts;
}

/* Emits one edge from both of its ends. */
static void
emit_edge(WfMySession *session, const WfMyEdge *edge)
{
	const WfMyAccount *member = &session->accounts.list[edge->member];
	const WfMyAccount *role = &session->accounts.list[edge->role];
	const char *how = edge->is_default ? "default" : "direct";
	const char *const grantable[] = {CATEGORY_ROLES, how};

	if (member->listed)
		wf_my_emit_item(session, member, CATEGORY_ROLES, &how, 1, role->name);
	if (member->listed && edge->admin)
		wf_my_emit_item(session, member, CATEGORY_GRANTABLE, grantable, 2, role->name);
	if (role->listed && member->listed && !member->is_role)
		wf_my_emit_item(session, role, CATEGORY_MEMBERS, &how, 1, member->name);
}

/* What the search for inherited roles keeps. */
typedef struct Search
{
	int *queue;
	int *reached; /* by account: number of the last search that reached it */
	long steps;
	long found;
} Search;

/* Emits every role that an account holds, however far away; false when there are too many. */
static bool
emit_effective(WfMySession *session, Search *search, int account)
{
	WfMyAccounts *accounts = &session->accounts;
	int head = 0;
	int tail = 0;

	search->reached[account] = account + 1;
	search->queue[tail++] = account;
	while (head < tail)
	{
		int at = search->queue[head++];

		for (int e = accounts->list[at].edges; e >= 0; e = accounts->edges[e].next)
		{
			int role = accounts->edges[e].role;

			if (++search->steps > STEPS_MAX)
				return false;
			if (search->reached[role] == account + 1)
				continue;
			if (++search->found > EFFECTIVE_MAX)
				return false;
			search->reached[role] = account + 1;
			search->queue[tail++] = role;
			wf_my_emit_item(session, &accounts->list[account], CATEGORY_EFFECTIVE, NULL, 0,
							accounts->list[role].name);
		}
	}
	return true;
}

/* Emits all inherited roles, or that they cannot be told. */
static void
finish_effective(WfMySession *session)
{
	static WfFailure failure;
	WfMyAccounts *accounts = &session->accounts;
	Search search = {NULL, NULL, 0, 0};
	size_t n = (size_t) accounts->n + 1;
	bool told;

	search.queue = malloc(n * sizeof(int));
	search.reached = calloc(n, sizeof(int));
	told = search.queue != NULL && search.reached != NULL;
	for (int i = 0; told && i < accounts->n; i++)
	{
		if (accounts->list[i].listed && accounts->list[i].edges >= 0)
			told = emit_effective(session, &search, i);
	}
	free(search.queue);
	free(search.reached);
	if (told)
		return;
	wf_failure_set(&failure, WF_ERROR_OTHER, "there are too many inherited roles to be told");
	wf_output_warning(session->out, CATEGORY_EFFECTIVE, &failure);
}

void
wf_my_roles_finish(WfMySession *session)
{
	WfMyAccounts *accounts = &session->accounts;
	int listed = accounts->n;

	/* MariaDB keeps the default role with its account, by name. */
	for (int i = 0; session->mariadb && i < listed; i++)
	{
		const char *const names[] = {accounts->list[i].user, accounts->list[i].host,
									 accounts->list[i].default_role, ""};

		if (names[2] != NULL && strcmp(names[2], "NONE") != 0)
			connect_row(session, names, NULL, true);
	}
	if (accounts->full)
	{
		wf_failure_set(&session->failure, WF_ERROR_OTHER,
					   "the server lists more accounts and roles than can be kept");
		return;
	}
	for (int i = 0; i < accounts->nedges; i++)
		emit_edge(session, &accounts->edges[i]);
	finish_effective(session);
}
