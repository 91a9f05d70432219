/*
 * credential.h - writing credentials, for the operations and for COPY into credential_input.
 */
#ifndef WF_INVENTORY_CREDENTIAL_H
#define WF_INVENTORY_CREDENTIAL_H

#include "postgres.h"

/* What a credential's ciphertext is bound to, with its id. */
#define WF_CREDENTIAL_PURPOSE "credential"

/* Input as it came: untrimmed; NULL = absent. password is never trimmed, logged or copied further. */
typedef struct WfCredentialInput
{
	char *name;
	char *credential_type;
	char *db_type;
	char *username;
	char *password;
	char *description;
	bool has_is_active;
	bool is_active;
	bool clears_db_type;
	bool clears_description;
} WfCredentialInput;

/*
 * Check and store a new credential; gives its id. Raises VALIDATION_ERROR, NAME_EXISTS, CREDENTIAL_INVALID (key
 * file). Writes its log row. SPI connected.
 */
extern int64 wf_credential_create(const WfCredentialInput *input);

/* Change the given fields of a credential. Raises also RESOURCE_NOT_FOUND. SPI connected. */
extern void wf_credential_update(int64 id, const WfCredentialInput *input);

/* Id of the credential with this (untrimmed) name, or 0. SPI connected. */
extern int64 wf_credential_find(const char *name);

/*
 * Wait until nobody else is writing a row of this name, until the end of the transaction: what is then
 * looked up stays true, and a taken name is told in our words. kind: 'c' credential, 'i' instance, 't' tag.
 */
extern void wf_inventory_lock_name(char kind, const char *name);

/* The same for all names of a kind at once: a lock per name of a long list would fill the lock table. */
extern void wf_inventory_lock_names(char kind);

#endif
