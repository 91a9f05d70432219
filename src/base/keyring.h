/*
 * keyring.h - the file of master keys: lines "<id> <64 hex digits>", the highest id is in use.
 *
 * Named keyring because it is read as one and replaced as one. Only crypto.c, setup and the key rotation
 * need it. A WfKey is to be wiped by whoever got it.
 */
#ifndef WF_BASE_KEYRING_H
#define WF_BASE_KEYRING_H

#include "postgres.h"

#define WF_KEY_BYTES  32
#define WF_KEY_MAX_ID 65535

typedef struct WfKey
{
	int id; /* 1..WF_KEY_MAX_ID */
	unsigned char bytes[WF_KEY_BYTES];
} WfKey;

/*
 * The key in use; a key by its id. Raise CREDENTIAL_INVALID when the file is missing, readable by others,
 * owned by somebody else or not in the form; wf_keyring_find is false when the file has no such id.
 */
extern void wf_keyring_newest(WfKey *key);
extern bool wf_keyring_find(int id, WfKey *key);

/* Is there a file at all? Raises when that cannot be told. */
extern bool wf_keyring_exists(void);

/* Make the file with one random key; raises when it exists. */
extern void wf_keyring_create(void);

/* Add a random key with the next id, in one atomic replacement of the file; gives the id. */
extern int wf_keyring_add(void);

/* Keep only the newest key, in one atomic replacement of the file; gives how many went. */
extern int wf_keyring_drop_old(void);

/*
 * Make a secret file that must not exist yet, with this mode, so that it appears complete or not at all.
 * Raises a file access error naming the path, never the contents.
 */
extern void wf_keyring_write_new(const char *path, const char *contents, mode_t mode);

/* The same, replacing what is there. */
extern void wf_keyring_write_over(const char *path, const char *contents, mode_t mode);

#endif
