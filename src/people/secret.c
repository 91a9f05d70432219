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
#include <openssl/hmac.h>
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

typedef struct Keys
{
	bool loaded;
	TimestampTz seen; /* the file was looked at */
	struct stat file; /* as it was when it was read */
	int length;
	uint8 token[SECRET_MAX];
	uint8 csrf[WF_MAC_BYTES];
	uint8 cookie[WF_MAC_BYTES];
} Keys;

static Keys keys;

static void
fail(const char *path, const char *what)
{
	explicit_bzero(&keys, sizeof(keys));
	wf_raise(
		WF_ERR_NOT_SET_UP, psprintf("The file \"%s\" with the secret of tokens %s.", path, what),
		"SELECT whalefall.setup(); makes the file named by whalefall.jwt_file: at least 32 bytes, "
		"mode 0640 or less.");
}

static void
hmac(const uint8 *key, int key_length, const char *data, size_t length, uint8 *mac)
{
	if (HMAC(EVP_sha256(), key, key_length, (const unsigned char *) data, length, mac, NULL) ==
		NULL)
		elog(ERROR, "could not compute a signature");
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
		   a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
		   a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
		   a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Read the file into keys.token; keys.length is its size. */
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
		size = read(fd, keys.token, SECRET_MAX);
	while (size < 0 && errno == EINTR);
	CloseTransientFile(fd);
	if (size != keys.file.st_size)
		fail(path, "could not be read whole");
	keys.length = (int) size;
	if (size > 0 && keys.token[size - 1] == '\n')
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
		explicit_bzero(&keys, sizeof(keys));
		read_file(path);
		hmac(keys.token, keys.length, CSRF_LABEL, strlen(CSRF_LABEL), keys.csrf);
		hmac(keys.token, keys.length, COOKIE_LABEL, strlen(COOKIE_LABEL), keys.cookie);
		keys.loaded = true;
	}
	keys.seen = time;
	pfree(path);
}

void
wf_secret_mac(WfMacPurpose purpose, const char *data, size_t length, uint8 *mac)
{
	load();
	if (purpose == WF_MAC_TOKEN)
		hmac(keys.token, keys.length, data, length, mac);
	else
		hmac(purpose == WF_MAC_CSRF ? keys.csrf : keys.cookie, WF_MAC_BYTES, data, length, mac);
}

bool
wf_secret_equal(const uint8 *a, const uint8 *b)
{
	return CRYPTO_memcmp(a, b, WF_MAC_BYTES) == 0;
}
