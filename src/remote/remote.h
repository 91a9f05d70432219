/*
 * remote.h - reading remote servers, from a worker's point of view.
 *
 * Client libraries run in programs of their own (whalefall-remote-<engine>); a worker keeps one
 * WfHelper and lets it read one target after the other. It keeps one process for each engine it has
 * met. Whatever happens there - a crash, a stuck resolver, a server that never answers - ends as the
 * result of that one read.
 */
#ifndef WF_REMOTE_REMOTE_H
#define WF_REMOTE_REMOTE_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* Where and as whom to read. All strings are UTF-8; the caller owns them and wipes the password. */
typedef struct WfRemoteTarget
{
	const char *db_type;
	const char *host; /* host name or IP address */
	int port;
	const char *dbname; /* NULL: the engine's default */
	const char *user;
	const char *password;
	const char *tls_mode; /* disable, prefer, require, verify-ca, verify-full; NULL: prefer */
	const char *tls_ca;	  /* PEM text, or NULL */
	const char *server_public_key; /* PEM text, or NULL; for logins of MySQL without TLS */
	bool allow_cleartext_key;	   /* such a key may be fetched from whoever answers */
	int connect_timeout_ms;
	int statement_timeout_ms; /* for all reading together */
} WfRemoteTarget;

/*
 * Takes one row of a dataset (docs/remote.md lists them). Values are valid UTF-8, NUL-terminated,
 * NULL for the SQL null, and valid during the call only. May raise: the program is ended then.
 */
typedef void (*WfRemoteRow)(void *arg, const char *dataset, int nfields, const char *const *values);

/* A part that could not be read; rows already received of that category are void. */
typedef struct WfRemoteWarning
{
	char *category;
	char *sqlstate; /* NULL when there is none */
	char *message;
} WfRemoteWarning;

/* How a read went. Strings are palloc'd in the context that was current at the call. */
typedef struct WfRemoteResult
{
	bool ok; /* false: rows received are void */
	char
		error_type[24]; /* dns refused timeout auth unknown_database tls protocol other cancelled */
	char phase[16];		/* resolving connecting reading: where it stood at the end */
	char sqlstate[6];	/* empty when there is none */
	char *message;		/* never NULL when not ok; names the host: for logs, not for every caller */
	char *detail;		/* NULL when there is none, as the hint */
	char *hint;
	char *server_version;	/* banner; NULL when it was not reached */
	int server_version_num; /* the client library's number, 0 when not reached */
	List *warnings;			/* of WfRemoteWarning * */
	int round_trips;		/* after connecting */
	int64 rows;
	int64 elapsed_ms;
} WfRemoteResult;

typedef struct WfHelper WfHelper;

/*
 * Makes a helper; nothing is started before the first read. The directory holds the programs; NULL
 * stands for the one of the postgres program. The helper lives in owner and is ended with it, its
 * processes killed and reaped. Raises out of memory alone.
 */
extern WfHelper *wf_helper_create(MemoryContext owner, const char *directory);

/*
 * Reads a target: reads is a comma list of version, accounts, databases, tables, permissions. Remote
 * trouble fills the result and never raises; interrupts of the worker, and what row or cancelled raise, do,
 * after the program has been killed. cancelled (may be NULL) is asked when the worker's latch was
 * set and at least every 500 ms. The latch is reset here: look at your own flags after the call.
 * No transaction may be open.
 */
extern void wf_helper_read(WfHelper *helper, const WfRemoteTarget *target, const char *reads,
						   WfRemoteRow row, void *arg, bool (*cancelled)(void *), void *cancel_arg,
						   WfRemoteResult *result);

/* Ends all processes that run, and frees the helper. */
extern void wf_helper_close(WfHelper *helper);

#endif
