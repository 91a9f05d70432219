/*
 * validate.h - input rules of the inventory (domain 11.6, api part 1 sections 4.1 and 5.2).
 *
 * Each function raises VALIDATION_ERROR naming the field when the value breaks its rule; NULL is allowed
 * where said. Texts are trimmed already.
 */
#ifndef WF_INVENTORY_VALIDATE_H
#define WF_INVENTORY_VALIDATE_H

/* A text for people: trimmed (palloc'd), not blank, at most max characters, no control characters. */
extern char *wf_validate_label(const char *field, const char *given, int max);

/* Canonical database type (aliases accepted); never NULL. */
extern const char *wf_validate_db_type(const char *db_type);

/* IPv4, IPv6 or host name; no path, no link-local address (it may be a metadata service). */
extern void wf_validate_host(const char *host);

extern void wf_validate_port(int port);

/* NULL or "" is allowed. */
extern void wf_validate_database_name(const char *name);

#endif
