/*
 * crypto.c - sealing secrets with AES-256-GCM.
 *
 * The key file is read at every use and its contents are wiped at once: no key stays in memory that a core
 * dump, another session or an extension could read.
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "common/string.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/crypto.h"
#include "base/errors.h"
#include "base/keyring.h"

#define NONCE_BYTES 12
#define TAG_BYTES	16
#define OVERHEAD	(WF_CRYPTO_ID_BYTES + NONCE_BYTES + TAG_BYTES)

/* What binds a ciphertext to its row. */
static char *
associated_data(const char *purpose, int64 row_id)
{
	return psprintf("%s:" INT64_FORMAT, purpose, row_id);
}

/* Encrypt length bytes; false when OpenSSL refuses any step. */
static bool
encrypt(const unsigned char *key, const unsigned char *nonce, const char *aad, const char *plain,
		int length, unsigned char *out, unsigned char *tag)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int done = 0;
	bool ok;

	ok = context != NULL && EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
		 EVP_EncryptUpdate(context, NULL, &done, (const unsigned char *) aad, strlen(aad)) == 1 &&
		 EVP_EncryptUpdate(context, out, &done, (const unsigned char *) plain, length) == 1 &&
		 done == length && EVP_EncryptFinal_ex(context, out + done, &done) == 1 &&
		 EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1;
	EVP_CIPHER_CTX_free(context);
	return ok;
}

/* Decrypt length bytes; false when the tag does not fit key, nonce, row or bytes. */
static bool
decrypt(const unsigned char *key, const unsigned char *nonce, const char *aad,
		const unsigned char *cipher, int length, const unsigned char *tag, char *out)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int done = 0;
	bool ok;

	ok = context != NULL && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
		 EVP_DecryptUpdate(context, NULL, &done, (const unsigned char *) aad, strlen(aad)) == 1 &&
		 EVP_DecryptUpdate(context, (unsigned char *) out, &done, cipher, length) == 1 &&
		 done == length &&
		 EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_BYTES,
							 unconstify(unsigned char *, tag)) == 1 &&
		 EVP_DecryptFinal_ex(context, (unsigned char *) out + done, &done) == 1;
	EVP_CIPHER_CTX_free(context);
	return ok;
}

bytea *
wf_crypto_seal(const char *purpose, int64 row_id, const char *plain)
{
	size_t length = strlen(plain);
	char *aad = associated_data(purpose, row_id);
	bytea *sealed = palloc(VARHDRSZ + OVERHEAD + length);
	unsigned char *bytes = (unsigned char *) VARDATA(sealed);
	unsigned char *nonce = bytes + WF_CRYPTO_ID_BYTES;
	unsigned char *cipher = nonce + NONCE_BYTES;
	WfKey key;
	bool ok;

	SET_VARSIZE(sealed, VARHDRSZ + OVERHEAD + length);
	wf_keyring_newest(&key);
	bytes[0] = key.id >> 8;
	bytes[1] = key.id & 0xff;
	ok = pg_strong_random(nonce, NONCE_BYTES) &&
		 encrypt(key.bytes, nonce, aad, plain, length, cipher, cipher + length);
	explicit_bzero(&key, sizeof(key));
	if (!ok)
		elog(ERROR, "could not encrypt");
	pfree(aad);
	return sealed;
}

int
wf_crypto_key_id(const bytea *sealed)
{
	const unsigned char *bytes = (const unsigned char *) VARDATA_ANY(sealed);

	if (VARSIZE_ANY_EXHDR(sealed) < OVERHEAD)
		return 0;
	return bytes[0] << 8 | bytes[1];
}

static void
fail_decrypt(const char *purpose, int64 row_id)
{
	wf_raise(WF_ERR_CREDENTIAL_DECRYPT_FAILED,
			 psprintf("The stored secret of %s " INT64_FORMAT " does not open.", purpose, row_id),
			 "Check that whalefall.key_file holds the key it was stored with, or store it again.");
}

char *
wf_crypto_open(const char *purpose, int64 row_id, const bytea *sealed)
{
	const unsigned char *nonce = (const unsigned char *) VARDATA_ANY(sealed) + WF_CRYPTO_ID_BYTES;
	int length = (int) VARSIZE_ANY_EXHDR(sealed) - OVERHEAD;
	char *aad;
	char *plain;
	WfKey key;
	bool ok;

	if (length < 0 || !wf_keyring_find(wf_crypto_key_id(sealed), &key))
		fail_decrypt(purpose, row_id);
	aad = associated_data(purpose, row_id);
	plain = palloc0(length + 1);
	ok = decrypt(key.bytes, nonce, aad, nonce + NONCE_BYTES, length, nonce + NONCE_BYTES + length,
				 plain);
	explicit_bzero(&key, sizeof(key));
	if (!ok)
	{
		explicit_bzero(plain, length);
		fail_decrypt(purpose, row_id);
	}
	plain[length] = '\0';
	pfree(aad);
	return plain;
}

void
wf_crypto_wipe(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
}
