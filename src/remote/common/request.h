/*
 * What a program is asked to do, whether it came in a frame or on the command line.
 */
#ifndef WF_REMOTE_REQUEST_H
#define WF_REMOTE_REQUEST_H

#include <stdbool.h>

#include "remote/common/failure.h"
#include "remote/common/frame.h"

/* What can be read; a request names at least one. */
#define WF_READ_VERSION		0x01u
#define WF_READ_ACCOUNTS	0x02u
#define WF_READ_DATABASES	0x04u
#define WF_READ_TABLES		0x08u
#define WF_READ_PERMISSIONS 0x10u

/* All strings are malloc'd; NULL where the request did not say. */
typedef struct WfRequest
{
	char *protocol;
	char *db_type;
	char *host;
	char *dbname;
	char *user;
	char *password;
	char *tls_mode;
	char *tls_ca;			   /* PEM text */
	char *server_public_key;   /* PEM text, where the engine's logins use one */
	char *allow_cleartext_key; /* "true": such a key may be fetched unprotected */
	char *reads_text;
	char *port_text;
	char *connect_timeout_text;
	char *statement_timeout_text;
	/* Set by wf_request_check. */
	int port;
	int connect_timeout_ms;
	int statement_timeout_ms;
	bool may_fetch_key;
	unsigned reads;
} WfRequest;

/* Keeps a copy of one value; false and a failure for an unknown or repeated key or a NUL byte. */
extern bool wf_request_set(WfRequest *request, const char *key, const char *value, size_t len,
						   WfFailure *failure);

/* Reads key and value fields of a frame; false and a failure when they are not in order. */
extern bool wf_request_decode(WfRequest *request, const char *payload, size_t len,
							  WfFailure *failure);

/*
 * Checks that everything needed is there and in range for a program of this database type, and
 * fills in defaults. False and a failure of type other when it is not.
 */
extern bool wf_request_check(WfRequest *request, const char *db_type, int default_port,
							 const char *default_dbname, WfFailure *failure);

/* Overwrites the password as soon as nobody needs it any more. */
extern void wf_request_wipe_password(WfRequest *request);

/* Wipes and frees everything; the request is an empty one afterwards. */
extern void wf_request_free(WfRequest *request);

#endif
