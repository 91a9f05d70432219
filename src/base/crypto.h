/*
 * crypto.h - sealing secrets: AES-256-GCM under the keys of whalefall.key_file.
 *
 * Sealed form: key id (2 bytes, big-endian), nonce (12), ciphertext, tag (16). The associated data is
 * "<purpose>:<row id>", so a ciphertext moved to another row does not open.
 */
#ifndef WF_BASE_CRYPTO_H
#define WF_BASE_CRYPTO_H

#include "postgres.h"

#define WF_CRYPTO_ID_BYTES 2

/* Seal a text for a row. Palloc'd; raises CREDENTIAL_INVALID when the key file is unusable. */
extern bytea *wf_crypto_seal(const char *purpose, int64 row_id, const char *plain);

/*
 * Open a sealed text. NUL-terminated, palloc'd in the current context: the caller wipes it. Raises
 * CREDENTIAL_INVALID (key file unusable) or CREDENTIAL_DECRYPT_FAILED (wrong key, row or bytes).
 */
extern char *wf_crypto_open(const char *purpose, int64 row_id, const bytea *sealed);

/* Number of the key a text was sealed with; 0 when the bytes are too short to be sealed. */
extern int wf_crypto_key_id(const bytea *sealed);

/* Overwrite a text before its memory is given back; NULL is fine. */
extern void wf_crypto_wipe(char *text);

#endif
