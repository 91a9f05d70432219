/*
 * password.c - bcrypt by pgcrypto, and the rules of passwords.
 *
 * bcrypt reads 72 bytes and stops: longer passwords are replaced by base64(SHA-256) first, so that all of their
 * characters count. Stored hashes begin with $2b$; pgcrypto calls the same algorithm $2a$, and answers with DES
 * when it does not understand a salt, so every result is looked at.
 */
#include "postgres.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "catalog/pg_collation.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "base/errors.h"
#include "base/settings.h"
#include "base/spi.h"
#include "base/testpoint.h"
#include "base/text.h"
#include "people/password.h"
#include "people/shared.h"

#define LENGTH_MIN	  8
#define LENGTH_MAX	  128
#define BCRYPT_LENGTH 60
#define BCRYPT_BYTES  72
#define MAX_LOOKUPS	  10

/* Salt for nobody's password: any 22 characters of bcrypt's alphabet. */
#define NOBODYS_SALT "whalefallwhalefallwhau"

/* pgcrypto's functions, looked up once a session; InvalidOid: look again. */
static Oid crypt_oid;
static Oid gen_salt_oid;

void
wf_password_require_length(const char *password, WfErrorCode code)
{
	int length = wf_text_length(password);

	if (strspn(password, " \t\n\r\f\v") == strlen(password))
		wf_raise(code, "The password must not be blank.", NULL);
	if (length < LENGTH_MIN)
		wf_raise(code, "The password is shorter than 8 characters.", NULL);
	if (length > LENGTH_MAX)
		wf_raise(code, "The password is longer than 128 characters.", NULL);
}

bool
wf_password_has_letters(const char *password)
{
	bool upper = false;
	bool lower = false;
	bool digit = false;

	for (; *password != '\0'; password++)
	{
		upper = upper || (*password >= 'A' && *password <= 'Z');
		lower = lower || (*password >= 'a' && *password <= 'z');
		digit = digit || (*password >= '0' && *password <= '9');
	}
	return upper && lower && digit;
}

void
wf_password_require_letters(const char *password, WfErrorCode code)
{
	if (!wf_password_has_letters(password))
		wf_raise(code, "The password needs an upper-case letter, a lower-case letter and a digit.",
				 NULL);
}

/*
 * A function of pgcrypto by its object id: a name would be looked up in a schema that others may be able to
 * write. Only a member of the extension is found, so a planted twin is not taken.
 */
static Oid
pgcrypto_function(const char *name, const char *arguments)
{
	static WfQuery find = WF_QUERY(
		"select p.oid::bigint from pg_catalog.pg_extension e join pg_catalog.pg_depend d "
		"on d.refclassid = 'pg_catalog.pg_extension'::regclass and d.refobjid = e.oid "
		"and d.classid = 'pg_catalog.pg_proc'::regclass and d.deptype = 'e' "
		"join pg_catalog.pg_proc p on p.oid = d.objid where e.extname = 'pgcrypto' "
		"and p.proname = $1::name and pg_catalog.pg_get_function_identity_arguments(p.oid) = $2",
		TEXTOID, TEXTOID);
	WfArg args[] = {wf_arg_text(name), wf_arg_text(arguments)};

	if (wf_spi_run(&find, SPI_OK_SELECT, args) != 1)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("extension pgcrypto has no function %s(%s)", name, arguments),
						errhint("Reinstall the extension pgcrypto.")));
	return (Oid) wf_spi_int64(0, 1);
}

/* Any change of a function may be one of these two: DROP EXTENSION ... CASCADE and CREATE give new ids. */
static void
forget_functions(Datum arg, int cache, uint32 hash)
{
	crypt_oid = gen_salt_oid = InvalidOid;
}

/* Make sure that both are known; what is asked for may be used until the next look at the catalog. */
static void
find_functions(void)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterSyscacheCallback(PROCOID, forget_functions, (Datum) 0);
		registered = true;
	}
	/* Looking one up may itself take notice of a change and forget the other. */
	for (int i = 0; i < MAX_LOOKUPS && !(OidIsValid(crypt_oid) && OidIsValid(gen_salt_oid)); i++)
	{
		crypt_oid = pgcrypto_function("crypt", "text, text");
		gen_salt_oid = pgcrypto_function("gen_salt", "text, integer");
	}
}

/* What bcrypt gets for a password: itself, or what stands for a long one. The caller wipes it. */
static text *
digestible(const char *password)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	unsigned char coded[(SHA256_DIGEST_LENGTH + 2) / 3 * 4 + 1];
	text *plain;
	int length;

	if (strlen(password) <= BCRYPT_BYTES)
		return cstring_to_text(password);
	SHA256((const unsigned char *) password, strlen(password), digest);
	length = EVP_EncodeBlock(coded, digest, sizeof(digest));
	plain = cstring_to_text_with_len((char *) coded, length);
	explicit_bzero(digest, sizeof(digest));
	explicit_bzero(coded, sizeof(coded));
	return plain;
}

/* crypt() of pgcrypto with a salt "$2a$..."; a result of another form is an error. */
static char *
run_bcrypt(const char *password, const char *salt)
{
	text *volatile plain = digestible(password);
	char *volatile hash = NULL;
	Oid function;

	find_functions();
	function = crypt_oid;
	wf_people_begin_hash();
	PG_TRY();
	{
		wf_testpoint("hashing");
		hash = TextDatumGetCString(OidFunctionCall2Coll(
			function, DEFAULT_COLLATION_OID, PointerGetDatum(plain), CStringGetTextDatum(salt)));
	}
	PG_FINALLY();
	{
		wf_people_end_hash();
		explicit_bzero(VARDATA(plain), VARSIZE(plain) - VARHDRSZ);
	}
	PG_END_TRY();
	if (hash == NULL || strlen(hash) != BCRYPT_LENGTH || strncmp(hash, "$2a$", 4) != 0)
		ereport(ERROR, (errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
						errmsg("pgcrypto gave no bcrypt hash")));
	return hash;
}

char *
wf_password_hash(const char *password)
{
	Datum salt;
	char *hash;

	find_functions();
	salt = OidFunctionCall2Coll(gen_salt_oid, DEFAULT_COLLATION_OID, CStringGetTextDatum("bf"),
								Int32GetDatum(wf_setting_bcrypt_cost));
	hash = run_bcrypt(password, TextDatumGetCString(salt));
	hash[2] = 'b';
	return hash;
}

bool
wf_password_verify(const char *password, const char *hash)
{
	bool known = hash != NULL && strlen(hash) == BCRYPT_LENGTH && strncmp(hash, "$2b$", 4) == 0;
	char *salt = known ? pstrdup(hash) : psprintf("$2a$%02d$" NOBODYS_SALT, wf_setting_bcrypt_cost);
	char *computed;

	salt[2] = 'a';
	computed = run_bcrypt(password, salt);
	/* All of both, whatever differs first; what nobody's password gave is thrown away. */
	return CRYPTO_memcmp(computed, salt, known ? BCRYPT_LENGTH : strlen(salt)) == 0 && known;
}

bool
wf_password_is_dated(const char *hash)
{
	return strlen(hash) == BCRYPT_LENGTH && strtol(hash + 4, NULL, 10) != wf_setting_bcrypt_cost;
}
