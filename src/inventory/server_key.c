/*
 * server_key.c - checking and storing the public key of a MySQL server.
 */
#include "postgres.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/errors.h"
#include "base/spi.h"
#include "base/text.h"
#include "inventory/server_key.h"

/* What is read at all; a key needs far less. */
#define GIVEN_BYTES 16384
/* Shorter keys can be factored, and a password under one of them be read. */
#define BITS_MIN 2048

#define HINT                                                              \
	"Ask the server, over a way you trust: SHOW STATUS LIKE "             \
	"'Caching_sha2_password_rsa_public_key'; or take public_key.pem out " \
	"of its data directory."

/* The key in the first block of a PEM text; NULL when that is no public key. The caller frees it. */
static EVP_PKEY *
parse_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	char *name = NULL;
	char *header = NULL;
	unsigned char *data = NULL;
	long length = 0;
	EVP_PKEY *key = NULL;

	/* Not PEM_read_bio_PUBKEY: that one asks the terminal for the password of an encrypted block. */
	if (bio != NULL && PEM_read_bio(bio, &name, &header, &data, &length) == 1 &&
		strcmp(name, PEM_STRING_PUBLIC) == 0 && header[0] == '\0')
	{
		const unsigned char *end = data;

		key = d2i_PUBKEY(NULL, &end, length);
		if (key != NULL && end != data + length)
		{
			EVP_PKEY_free(key);
			key = NULL;
		}
	}
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	BIO_free(bio);
	ERR_clear_error();
	return key;
}

/* Writes a key in PEM form, without the last line's end; false when there is no room for it. */
static bool
write_key(EVP_PKEY *key, char *buffer)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int length = 0;

	if (bio != NULL && PEM_write_bio_PUBKEY(bio, key) == 1 && BIO_pending(bio) < WF_SERVER_KEY_SIZE)
		length = BIO_read(bio, buffer, WF_SERVER_KEY_SIZE - 1);
	BIO_free(bio);
	ERR_clear_error();
	if (length <= 0)
		return false;
	buffer[length] = '\0';
	if (buffer[length - 1] == '\n')
		buffer[length - 1] = '\0';
	return true;
}

/*
 * What is wrong with a text as a key, and what to do then; NULL when buffer has got the key. Raises nothing, so
 * that OpenSSL's memory is given back.
 */
static const char *
rewrite_key(const char *pem, char *buffer, const char **hint)
{
	const char *problem = NULL;
	EVP_PKEY *key;

	*hint = HINT;
	if (strstr(pem, "PRIVATE KEY") != NULL)
		return "server_public_key holds a private key.";
	key = parse_key(pem);
	if (key == NULL || strstr(strstr(pem, "-----BEGIN") + 1, "-----BEGIN") != NULL)
		problem = "server_public_key is not one public key in PEM form.";
	else if (EVP_PKEY_base_id(key) != EVP_PKEY_RSA)
		problem = "server_public_key is not an RSA key.";
	else if (EVP_PKEY_bits(key) < BITS_MIN)
	{
		problem = "server_public_key has fewer than " CppAsString2(BITS_MIN) " bits.";
		*hint = "So short a key can be broken: let the server make a longer one, or use TLS.";
	}
	else if (!write_key(key, buffer))
		problem = "server_public_key is too large.";
	EVP_PKEY_free(key);
	return problem;
}

char *
wf_server_key_check(const char *given)
{
	char *pem = wf_text_trim(given);
	char buffer[WF_SERVER_KEY_SIZE];
	const char *problem;
	const char *hint;

	if (pem == NULL || pem[0] == '\0')
		return NULL;
	if (strlen(pem) > GIVEN_BYTES)
		wf_raise(WF_ERR_VALIDATION,
				 "server_public_key is longer than " CppAsString2(GIVEN_BYTES) " bytes.", HINT);
	problem = rewrite_key(pem, buffer, &hint);
	if (problem != NULL)
		wf_raise(WF_ERR_VALIDATION, problem, hint);
	return pstrdup(buffer);
}

void
wf_server_key_require_mysql(const char *db_type, const char *key, bool may_fetch)
{
	if (strcmp(db_type, "mysql") == 0 || (key == NULL && !may_fetch))
		return;
	wf_raise(WF_ERR_VALIDATION,
			 psprintf("%s is for instances of db_type mysql only.",
					  key != NULL ? "server_public_key" : "allow_cleartext_key"),
			 "Logins of other engines use no such key.");
}

void
wf_server_key_store(int64 id, const WfInstanceInput *input, const char *key)
{
	static WfQuery update = WF_QUERY(
		"update whalefall.instances set "
		"server_public_key = case when $2 then null else coalesce($3, server_public_key) end, "
		"allow_cleartext_key = coalesce($4, allow_cleartext_key) where id = $1",
		INT8OID, BOOLOID, TEXTOID, BOOLOID);
	bool given = input->server_public_key != NULL;
	WfArg args[] = {
		WF_ARG_INT64(id),
		/* A blank text that was given clears, as null does. */
		WF_ARG_BOOL(input->clears_server_public_key || (given && key == NULL)), wf_arg_text(key),
		input->has_allow_cleartext_key ? WF_ARG_BOOL(input->allow_cleartext_key) : WF_NULL};

	if (given || input->clears_server_public_key || input->has_allow_cleartext_key)
		wf_spi_run(&update, SPI_OK_UPDATE, args);
}

void
wf_server_key_require_stored_mysql(int64 id)
{
	static WfQuery find = WF_QUERY("select i.db_type, " WF_SERVER_KEY ", " WF_CLEARTEXT_KEY
								   " from whalefall.instances i where i.id = $1",
								   INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};

	wf_spi_run(&find, SPI_OK_SELECT, args);
	wf_server_key_require_mysql(wf_spi_text(0, 1), wf_spi_text(0, 2), wf_spi_bool(0, 3));
}
