/*
 * Connecting to a MySQL or MariaDB server: no file and no variable decides anything, addresses
 * are resolved and checked before the library sees them, one deadline over the whole of it.
 */
#include "remote/mysql/driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "remote/common/trust.h"
#include "remote/mysql/guard.h"

/* Largest packet taken: catalog rows are small, and a hostile server shall not fill the memory. */
#define PACKET_MAX (16UL * 1024 * 1024)

/* What a file must hold so that it can be read but never used as a key. */
#define NO_KEY "no key\n"

/* Number of both libraries for what is wrong with TLS. */
#define SSL_ERROR 2026

/*
 * Ways to prove the password that do not send it, or only under a key. The other sends it as it
 * is, which is right in a connection that is demanded to be encrypted. Never "dialog": it asks
 * what the server wants to know, on a terminal.
 */
#define SAFE_LOGINS \
	"mysql_native_password,caching_sha2_password,sha256_password,client_ed25519,parsec"
#define CLEAR_LOGINS ",mysql_clear_password"

/* What one attempt to connect is made with. */
typedef struct Attempt
{
	const WfRequest *request;
	const char *host;	 /* for the library: the name only where it is verified */
	const char *address; /* where that is */
	WfTextFile ca;
	WfTextFile key;
	bool tls;
	int left_ms; /* its share of the time */
} Attempt;

/* True when the request demands an encrypted connection. */
static bool
is_tls_demanded(const WfRequest *request)
{
	return strcmp(request->tls_mode, "disable") != 0 && strcmp(request->tls_mode, "prefer") != 0;
}

#ifdef MARIADB_PACKAGE_VERSION_ID

/*
 * From 3.4 on this library verifies everything or nothing: where certificates are to be verified
 * the name is too.
 */
static bool
verifies_all_or_nothing(void)
{
	char *end;
	long major = strtol(mysql_get_client_info(), &end, 10);
	long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;

	return major * 100 + minor >= 304;
}

/* Sets what MariaDB's library calls by names of its own. */
static void
set_own_options(MYSQL *mysql, const Attempt *attempt)
{
	bool name_counts = strcmp(attempt->request->tls_mode, "verify-full") == 0 ||
					   (attempt->ca.path[0] != '\0' && verifies_all_or_nothing());
	my_bool enforce = attempt->tls;
	my_bool verify = attempt->tls && name_counts;
	char logins[sizeof(SAFE_LOGINS CLEAR_LOGINS)];

	snprintf(logins, sizeof(logins), "%s%s", SAFE_LOGINS,
			 is_tls_demanded(attempt->request) ? CLEAR_LOGINS : "");
	mysql_options(mysql, MYSQL_OPT_NONBLOCK, 0);
	mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
	mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
	mysql_options(mysql, MARIADB_OPT_RESTRICTED_AUTH, logins);
	/* Without a file this library asks the server for its key, whoever that is. */
	if (attempt->key.path[0] != '\0')
		mysql_options(mysql, MYSQL_SERVER_PUBLIC_KEY, attempt->key.path);
}

#else

/* Sets what MySQL's library calls by names of its own. */
static void
set_own_options(MYSQL *mysql, const Attempt *attempt)
{
	const char *mode = attempt->request->tls_mode;
	unsigned ssl_mode = !attempt->tls					   ? SSL_MODE_DISABLED
						: strcmp(mode, "prefer") == 0	   ? SSL_MODE_PREFERRED
						: strcmp(mode, "verify-full") == 0 ? SSL_MODE_VERIFY_IDENTITY
						: attempt->ca.path[0] != '\0'	   ? SSL_MODE_VERIFY_CA
														   : SSL_MODE_REQUIRED;
	bool fetch = attempt->request->may_fetch_key && attempt->key.path[0] == '\0';
	bool clear = is_tls_demanded(attempt->request);
	unsigned seconds = (unsigned) (attempt->left_ms + 999) / 1000;
	unsigned reading = (unsigned) (attempt->request->statement_timeout_ms + 999) / 1000;

	mysql_options(mysql, MYSQL_OPT_SSL_MODE, &ssl_mode);
	mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
	mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &reading);
	mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &reading);
	mysql_options(mysql, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &fetch);
	mysql_options(mysql, MYSQL_ENABLE_CLEARTEXT_PLUGIN, &clear);
	if (attempt->request->server_public_key != NULL)
		mysql_options(mysql, MYSQL_SERVER_PUBLIC_KEY, attempt->key.path);
}

#endif

/* A server that asks for a file gets none. */
static int
refuse_file(void **state, const char *name, void *arg)
{
	(void) state;
	(void) name;
	(void) arg;
	return 1;
}

static int
refuse_read(void *state, char *buffer, unsigned size)
{
	(void) state;
	(void) buffer;
	(void) size;
	return -1;
}

static void
refuse_end(void *state)
{
	(void) state;
}

static int
refuse_error(void *state, char *text, unsigned size)
{
	(void) state;
	snprintf(text, size, "files are not sent");
	return 1;
}

/* Sets the options that both libraries know. */
static void
set_options(MYSQL *mysql, const Attempt *attempt)
{
	unsigned protocol = MYSQL_PROTOCOL_TCP;
	unsigned no_file = 0;
	unsigned long packet = PACKET_MAX;

	mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &no_file);
	mysql_set_local_infile_handler(mysql, refuse_file, refuse_read, refuse_end, refuse_error, NULL);
	mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
	mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options4(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "whalefall");
	if (attempt->tls && attempt->ca.path[0] != '\0')
		mysql_options(mysql, MYSQL_OPT_SSL_CA, attempt->ca.path);
	set_own_options(mysql, attempt);
}

/* Where the library finds the server's key: the request's, or where it must not ask for one, none. */
static bool
choose_key(Attempt *attempt, WfFailure *failure)
{
	const WfRequest *request = attempt->request;

	attempt->key.fd = -1;
	if (request->server_public_key != NULL)
		return wf_text_file_open(&attempt->key, "server's public key", request->server_public_key,
								 failure);
	return request->may_fetch_key ||
		   wf_text_file_open(&attempt->key, "server's public key", NO_KEY, failure);
}

/*
 * The database to connect to. Everybody may log in without one, but not everybody with "mysql",
 * which no statement needs.
 */
static const char *
database_of(const WfRequest *request)
{
	bool needed = (request->reads & WF_READ_TABLES) != 0 || strcmp(request->dbname, "mysql") != 0;

	return needed ? request->dbname : NULL;
}

/*
 * True when an attempt ended because the server has no TLS, which was demanded: the library tried to go on without,
 * or has found it out before it sent anything.
 */
static bool
lacks_tls(const WfMySession *session)
{
	return wf_guard_tls_missing() ||
		   (wf_guard_tls_pending() && mysql_errno(session->mysql) == SSL_ERROR);
}

/* Watches over the library during an attempt. */
static void
put_on_guard(const Attempt *attempt)
{
	wf_guard_pin(strcmp(attempt->host, attempt->address) == 0 ? NULL : attempt->host,
				 attempt->address);
	wf_guard_demand_tls(attempt->tls);
	wf_guard_forbid_key_request(!attempt->request->may_fetch_key ||
								attempt->request->server_public_key != NULL);
	wf_guard_expect_greeting();
}

/* Makes one attempt; true when it is connected, otherwise the failure may be set already. */
static bool
try_once(WfMySession *session, const Attempt *attempt)
{
	const WfRequest *request = attempt->request;
	const char *password = request->password == NULL ? "" : request->password;
	bool connected;

	wf_my_close(session);
	session->mysql = mysql_init(NULL);
	if (session->mysql == NULL)
	{
		wf_failure_set(&session->failure, WF_ERROR_OTHER, "out of memory");
		return false;
	}
	set_options(session->mysql, attempt);
	put_on_guard(attempt);
	connected = wf_my_wait_connect(session, attempt->host, password, database_of(request),
								   CLIENT_MULTI_STATEMENTS | CLIENT_MULTI_RESULTS);
	session->encrypted = attempt->tls;
	if (connected && (!wf_guard_pin_used() || wf_guard_tls_pending()))
	{
		wf_failure_set(&session->failure, WF_ERROR_OTHER,
					   "this program cannot watch over its client library");
		wf_failure_hint(&session->failure, "Build it against the library it runs with.");
		connected = false;
	}
	if (!connected && session->failure.type == NULL && wf_guard_alien())
		wf_failure_set(&session->failure, WF_ERROR_PROTOCOL,
					   "what answers there is not a MySQL or MariaDB server");
	if (!connected && session->failure.type == NULL && !lacks_tls(session))
		wf_my_connect_failure(session);
	wf_guard_demand_tls(false);
	wf_guard_forbid_key_request(false);
	wf_guard_pin(NULL, NULL);
	return connected;
}

/* Connects to one address; under "prefer" a second time when there is no TLS. */
static bool
try_address(WfMySession *session, Attempt *attempt)
{
	bool missing;

	attempt->tls = strcmp(attempt->request->tls_mode, "disable") != 0;
	if (try_once(session, attempt))
		return true;
	missing = session->failure.type == NULL;
	if (!missing)
		return false;
	if (!is_tls_demanded(attempt->request))
	{
		attempt->tls = false;
		return try_once(session, attempt);
	}
	wf_failure_set(&session->failure, WF_ERROR_TLS, "the server does not support TLS");
	wf_failure_hint(&session->failure, "Let the server offer TLS, or choose the TLS mode prefer.");
	return false;
}

/*
 * Tries one address after the other as long as nobody answers there. Each gets an equal share of
 * the time that is left: one that swallows packets must not use up all of it.
 */
static bool
try_addresses(WfMySession *session, Attempt *attempt, const WfAddressList *list)
{
	bool by_name =
		strcmp(attempt->request->tls_mode, "verify-full") == 0 || attempt->ca.path[0] != '\0';
	WfDeadline deadline = session->deadline;

	for (int i = 0; i < list->n; i++)
	{
		attempt->left_ms = wf_deadline_left(deadline) / (list->n - i);
		session->deadline = wf_deadline_after(attempt->left_ms);
		session->failure.type = NULL;
		attempt->address = list->text[i];
		attempt->host = by_name ? attempt->request->host : attempt->address;
		if (try_address(session, attempt))
			return true;
		if (session->failure.type == NULL ||
			(strcmp(session->failure.type, WF_ERROR_REFUSED) != 0 &&
			 strcmp(session->failure.type, WF_ERROR_TIMEOUT) != 0))
			break;
	}
	return false;
}

bool
wf_my_connect(WfMySession *session, WfRequest *request)
{
	Attempt attempt;
	WfAddressList list;
	bool connected = false;

	memset(&attempt, 0, sizeof(attempt));
	attempt.request = request;
	session->deadline = wf_deadline_after(request->connect_timeout_ms);
	wf_output_phase(session->out, WF_PHASE_RESOLVING, session->deadline);
	if (!wf_resolve(request->host, &list, &session->failure))
		return false;

	wf_output_phase(session->out, WF_PHASE_CONNECTING, session->deadline);
	if (wf_trust_choose(&attempt.ca, request, &session->failure))
	{
		if (choose_key(&attempt, &session->failure))
			connected = try_addresses(session, &attempt, &list);
		wf_text_file_close(&attempt.key);
		wf_text_file_close(&attempt.ca);
	}
	wf_request_wipe_password(request);
	return connected;
}

void
wf_my_close(WfMySession *session)
{
	if (session->mysql == NULL)
		return;
	/* A library that says goodbye waits for the server: not for one that has been given up. */
	if (session->failure.type != NULL && wf_my_socket(session->mysql) >= 0)
		shutdown(wf_my_socket(session->mysql), SHUT_RDWR);
#ifdef MARIADB_PACKAGE_VERSION_ID
	/* This library forgets to free it. */
	mysql_options(session->mysql, MYSQL_SERVER_PUBLIC_KEY, NULL);
#endif
	mysql_close(session->mysql);
	session->mysql = NULL;
}
