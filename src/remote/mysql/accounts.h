/*
 * The accounts of one server in memory: found by the text that stands for them in the catalog's
 * views, with the roles that connect them. Bounded, whatever a server sends.
 */
#ifndef WF_REMOTE_MYSQL_ACCOUNTS_H
#define WF_REMOTE_MYSQL_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Accounts, and edges between accounts and roles, of one server. */
#define WF_MY_ACCOUNTS_MAX 1000000
#define WF_MY_EDGES_MAX	   1000000
/* Bytes of all their texts. */
#define WF_MY_TEXT_MAX (128 * 1024 * 1024)

/* What is known, and what not (a NULL of the server, or a part that could not be read). */
typedef enum WfMyFlag
{
	WF_MY_UNKNOWN,
	WF_MY_NO,
	WF_MY_YES
} WfMyFlag;

typedef struct WfMyAccount
{
	const char *user;
	const char *host;
	const char *name;	 /* user@host */
	const char *grantee; /* 'user'@'host' */
	const char *plugin;
	const char *changed;	  /* when the password was changed, ISO 8601 */
	const char *lifetime;	  /* days, a number */
	const char *default_role; /* MariaDB: a role's name */
	uint32_t hash;
	int edges; /* its last edge, -1: none */
	WfMyFlag locked;
	WfMyFlag expired;
	bool super_priv;
	bool grant_priv;
	bool no_password;
	bool is_role;
	bool listed;	/* it stood in the list of accounts, not only in one of roles */
	bool seen;		/* it stood in the list of global privileges */
	bool grantable; /* one of its global privileges may be passed on */
} WfMyAccount;

typedef struct WfMyEdge
{
	int member;
	int role;
	bool admin;
	bool is_default;
	int next; /* an earlier one of the same member, or -1 */
} WfMyEdge;

/* All zeroes is an empty set. */
typedef struct WfMyAccounts
{
	WfMyAccount *list;
	int n;
	int space;
	uint32_t *slots; /* 1 + index into list, 0: free */
	uint32_t nslots;
	WfMyEdge *edges;
	int nedges;
	int edges_space;
	struct WfMyChunk *chunks; /* memory of the texts */
	size_t text;
	bool full; /* a bound was passed, or memory is out: what is here is not all */
} WfMyAccounts;

/* Keeps a copy of a text as long as the set lives; NULL for NULL, and when the set is full. */
extern const char *wf_my_accounts_text(WfMyAccounts *accounts, const char *text);

/*
 * Finds an account, or enters it without any attribute; NULL when the set is full. Pointers are
 * good until the next one is entered.
 */
extern WfMyAccount *wf_my_accounts_enter(WfMyAccounts *accounts, const char *user,
										 const char *host);

/* Finds an account by its text in the views; NULL when there is none. */
extern WfMyAccount *wf_my_accounts_find(WfMyAccounts *accounts, const char *grantee);

/* Enters that the member holds the role. */
extern void wf_my_accounts_connect(WfMyAccounts *accounts, int member, int role, bool admin,
								   bool is_default);

/* The number of an account of the set. */
extern int wf_my_accounts_number(const WfMyAccounts *accounts, const WfMyAccount *account);

/* Frees everything; the set is an empty one afterwards. */
extern void wf_my_accounts_free(WfMyAccounts *accounts);

#endif
