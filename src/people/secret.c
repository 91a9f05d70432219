/*
 * secret.c - the file of whalefall.jwt_file, and signatures made with it.
 *
 * Every request is signed or checked with it, so a session keeps the keys; a look at the file's metadata, at most once
 * a second, tells when it was replaced. Its content is read as PostgREST reads "@file": all bytes, without one newline
 * at the end.
 */
#include "postgres.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/fd.h"
#include "utils/timestamp.h"

#include "base/errors.h"
#include "base/settings.h"
#include "people/secret.h"

#define SECRET_MIN 32
#define SECRET_MAX 1024

/* Microseconds that a look at the file is good for. */
#define SEEN_FOR USECS_PER_SEC

/* What the keys of the other purposes are derived by. */
#define CSRF_LABEL	 "whalefall csrf token"
#define COOKIE_LABEL "whalefall cookie"

#define BLOCK_BYTES 64 /* of SHA-256 */

/*
 * HMAC with a key that stays: SHA-256 after the first block of either pass, which depends on the key alone. Every
 * signature begins with copies of them; OpenSSL's HMAC() would look for its algorithm each time.
 */
typedef struct Signer
{
	EVP_MD_CTX *inner;
	EVP_MD_CTX *outer;
} Signer;

typedef struct Keys
{
	bool loaded;
	TimestampTz seen; /* the file was looked at */
	struct stat file; /* as it was when it was read */
	int length;
	uint8 secret[SECRET_MAX]; /* only while it is read */
	Signer signers[WF_MAC_COOKIE + 1];
	EVP_MD_CTX *work;
} Keys;

static Keys keys;

static void
require(bool done)
{
	if (!done)
		elog(ERROR, "could not compute a signature");
}

/* Forget everything that was made of the file. */
static void
forget(void)
{
	for (int i = 0; i < (int) lengthof(keys.signers); i++)
	{
		/* Freeing clears them, and takes NULL. */
		EVP_MD_CTX_free(keys.signers[i].inner);
		EVP_MD_CTX_free(keys.signers[i].outer);
	}
	EVP_MD_CTX_free(keys.work);
	explicit_bzero(&keys, sizeof(keys));
}

static void
fail(const char *path, const char *what)
{
	forget();
	wf_raise(
		WF_ERR_NOT_SET_UP, psprintf("The file \"%s\" with the secret of tokens %s.", path, what),
		"SELECT whalefall.setup(); makes the file named by whalefall.jwt_file: at least 32 bytes, "
		"mode 0640 or less.");
}

/* One pass: the key, filled up to a block, each byte changed by pad. */
static EVP_MD_CTX *
begin_pass(const uint8 *block, uint8 pad)
{
	EVP_MD_CTX *pass = EVP_MD_CTX_new();
	uint8 changed[BLOCK_BYTES];

	for (int i = 0; i < BLOCK_BYTES; i++)
		changed[i] = block[i] ^ pad;
	if (pass != NULL && (EVP_DigestInit_ex(pass, EVP_sha256(), NULL) != 1 ||
						 EVP_DigestUpdate(pass, changed, BLOCK_BYTES) != 1))
	{
		EVP_MD_CTX_free(pass);
		pass = NULL;
	}
	explicit_bzero(changed, sizeof(changed));
	return pass;
}

/* RFC 2104: a key that is longer than a block is hashed first. */
static void
begin_signer(Signer *signer, const uint8 *key, int length)
{
	uint8 block[BLOCK_BYTES] = {0};

	if (length <= BLOCK_BYTES)
		memcpy(block, key, length);
	else
		require(EVP_Digest(key, length, block, NULL, EVP_sha256(), NULL) == 1);
	signer->inner = begin_pass(block, 0x36);
	signer->outer = begin_pass(block, 0x5c);
	explicit_bzero(block, sizeof(block));
	require(signer->inner != NULL && signer->outer != NULL);
}

static void
sign(const Signer *signer, const char *data, size_t length, uint8 *mac)
{
	uint8 hash[WF_MAC_BYTES];

	require(EVP_MD_CTX_copy_ex(keys.work, signer->inner) == 1 &&
			EVP_DigestUpdate(keys.work, data, length) == 1 &&
			EVP_DigestFinal_ex(keys.work, hash, NULL) == 1 &&
			EVP_MD_CTX_copy_ex(keys.work, signer->outer) == 1 &&
			EVP_DigestUpdate(keys.work, hash, WF_MAC_BYTES) == 1 &&
			EVP_DigestFinal_ex(keys.work, mac, NULL) == 1);
}

/* The key of another purpose is the signature of its label. */
static void
derive_signer(WfMacPurpose purpose, const char *label)
{
	uint8 key[WF_MAC_BYTES];

	sign(&keys.signers[WF_MAC_TOKEN], label, strlen(label), key);
	begin_signer(&keys.signers[purpose], key, WF_MAC_BYTES);
	explicit_bzero(key, sizeof(key));
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
		   a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
		   a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
		   a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Read the file into keys.secret; keys.length is its size. */
static void
read_file(const char *path)
{
	int fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	ssize_t size;

	if (fd < 0)
		fail(path, errno == ENOENT ? "does not exist" : "cannot be opened");
	if (fstat(fd, &keys.file) != 0 || !S_ISREG(keys.file.st_mode))
		fail(path, "is not a regular file");
	if ((keys.file.st_mode & S_IRWXO) != 0)
		fail(path, "is open to everybody");
	if (keys.file.st_size > SECRET_MAX)
		fail(path, "is too large");
	do
		size = read(fd, keys.secret, SECRET_MAX);
	while (size < 0 && errno == EINTR);
	CloseTransientFile(fd);
	if (size != keys.file.st_size)
		fail(path, "could not be read whole");
	keys.length = (int) size;
	if (size > 0 && keys.secret[size - 1] == '\n')
		keys.length--;
	if (keys.length < SECRET_MIN)
		fail(path, "holds less than 32 bytes");
}

/* Have the keys of the file as it is now, or was a second ago: even a look takes longer than a signature. */
static void
load(void)
{
	TimestampTz time = GetCurrentTimestamp();
	char *path;
	struct stat now;

	if (keys.loaded && time >= keys.seen && time < keys.seen + SEEN_FOR)
		return;
	path = wf_settings_jwt_path();
	if (!keys.loaded || stat(path, &now) != 0 || !is_same_file(&now, &keys.file))
	{
		forget();
		read_file(path);
		keys.work = EVP_MD_CTX_new();
		require(keys.work != NULL);
		begin_signer(&keys.signers[WF_MAC_TOKEN], keys.secret, keys.length);
		explicit_bzero(keys.secret, sizeof(keys.secret));
		derive_signer(WF_MAC_CSRF, CSRF_LABEL);
		derive_signer(WF_MAC_COOKIE, COOKIE_LABEL);
		keys.loaded = true;
	}
	keys.seen = time;
	pfree(path);
}

void
wf_secret_mac(WfMacPurpose purpose, const char *data, size_t length, uint8 *mac)
{
	load();
	sign(&keys.signers[purpose], data, length, mac);
}

bool
wf_secret_equal(const uint8 *a, const uint8 *b)
{
	return CRYPTO_memcmp(a, b, WF_MAC_BYTES) == 0;
}
