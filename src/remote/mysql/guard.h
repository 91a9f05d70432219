/*
 * What the client libraries leave open, closed from outside. The functions they call for it,
 * getaddrinfo(), send() and recv(), are defined in this program and so come before those of libc.
 *
 * Addresses: a library that verifies a certificate's name must be told the name, and would
 * resolve it once more - perhaps to an address that was not checked. A pinned name resolves to
 * the one address that was.
 *
 * TLS: MariaDB's library asks for TLS only where the server offers it. Where it does not, it goes
 * on in the clear (up to 3.3 even with a password that it takes to be protected). While TLS is
 * demanded, nothing leaves the process but the packet that asks for it.
 *
 * Key: without TLS a password goes under a public key of the server. MySQL's library asks for it by
 * itself for accounts of the method sha256_password, and so gives the password to whoever answers.
 * While that is not allowed, the packet that asks does not leave.
 *
 * Greeting: what is none would be reported as a lost connection, or waited for.
 */
#ifndef WF_REMOTE_MYSQL_GUARD_H
#define WF_REMOTE_MYSQL_GUARD_H

#include <stdbool.h>

/* Makes a host name stand for an address; both stay the caller's. NULL: no name does. */
extern void wf_guard_pin(const char *host, const char *address);

/* True when the library has asked for the pinned name, or none is pinned. */
extern bool wf_guard_pin_used(void);

/* From now on, or no more, the first bytes sent must ask for TLS. */
extern void wf_guard_demand_tls(bool demand);

/* True when something else was to be sent, which was prevented. */
extern bool wf_guard_tls_missing(void);

/* True while TLS is demanded and nothing has been sent. */
extern bool wf_guard_tls_pending(void);

/* From now on, or no more, the server's key may not be asked for. */
extern void wf_guard_forbid_key_request(bool forbid);

/* True when it was to be asked for, which was prevented. */
extern bool wf_guard_key_missing(void);

/* From now on the first bytes received must be those of a greeting, or of an error. */
extern void wf_guard_expect_greeting(void);

/* True when they were not; nothing more is received then. */
extern bool wf_guard_alien(void);

#endif
