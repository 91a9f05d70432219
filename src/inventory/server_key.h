/*
 * server_key.h - the public key of a MySQL server, under which a password travels where there is no TLS, and
 * the leave to fetch that key from whoever answers.
 */
#ifndef WF_INVENTORY_SERVER_KEY_H
#define WF_INVENTORY_SERVER_KEY_H

#include "postgres.h"

#include "inventory/instance_write.h"

/* Room for a key as it is stored, with its end. A key of 16384 bits, the largest OpenSSL takes, needs 2.9 kB. */
#define WF_SERVER_KEY_SIZE 4096

/*
 * Both fields of a row of whalefall.instances, called i in the query. Asked for in this way because the columns
 * are not there between the installation of this library over 0.1.0 and ALTER EXTENSION whalefall UPDATE.
 */
#define WF_SERVER_KEY	 "to_jsonb(i) ->> 'server_public_key'"
#define WF_CLEARTEXT_KEY "coalesce((to_jsonb(i) ->> 'allow_cleartext_key')::boolean, false)"

/*
 * Check a key: one RSA public key (SubjectPublicKeyInfo) in PEM form. Gives it written anew, so that nothing
 * that stood around it is kept and equal keys are equal texts; palloc'd, shorter than WF_SERVER_KEY_SIZE. NULL
 * for NULL and for a blank text. Raises VALIDATION_ERROR.
 */
extern char *wf_server_key_check(const char *given);

/* Raise VALIDATION_ERROR when one of both is given for an engine that has no such logins. */
extern void wf_server_key_require_mysql(const char *db_type, const char *key, bool may_fetch);

/*
 * Store what the input has of both with an instance; does nothing when it has nothing. key is the checked one.
 * SPI connected.
 */
extern void wf_server_key_store(int64 id, const WfInstanceInput *input, const char *key);

/* The same rule for the row as it is stored now, so that old and new fields count. SPI connected. */
extern void wf_server_key_require_stored_mysql(int64 id);

#endif
