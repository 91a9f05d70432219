/*
 * keyring.c - reading, making and replacing secret files.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_perm.h"
#include "miscadmin.h"
#include "storage/fd.h"

#include "base/errors.h"
#include "base/keyring.h"
#include "base/settings.h"

#define MAX_KEYS   1024
#define LINE_BYTES (5 + 1 + 2 * WF_KEY_BYTES + 1)
#define FILE_LIMIT (MAX_KEYS * LINE_BYTES)

typedef struct Keyring
{
	int count;
	WfKey keys[MAX_KEYS];
} Keyring;

/* Where the file lies is told to the server's log alone: clients of any role get this error. */
static void
fail(const char *path, const char *what)
{
	ereport(LOG_SERVER_ONLY,
			(errcode(ERRCODE_CONFIG_FILE_ERROR), errmsg("the key file \"%s\" %s", path, what)));
	wf_raise(
		WF_ERR_CREDENTIAL_INVALID, psprintf("The key file %s.", what),
		"Restore the file named by whalefall.key_file: mode 0600, owned by the server's user, "
		"lines of a number and 64 hexadecimal digits. SELECT whalefall.setup(); makes the first one.");
}

/* Refuse a file that anybody but the server could read or replace. */
static void
check_file(const char *path, int fd)
{
	struct stat state;

	if (fstat(fd, &state) != 0 || !S_ISREG(state.st_mode))
		fail(path, "is not a regular file");
	if (state.st_uid != geteuid())
		fail(path, "does not belong to the server's user");
	if ((state.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		fail(path, "can be read by others than its owner");
	if (state.st_size == 0 || state.st_size > FILE_LIMIT)
		fail(path, "has a size no key file has");
}

/* Contents of the key file, NUL-terminated, palloc'd; *length gets their size. The caller wipes them. */
static char *
read_file(const char *path, size_t *length)
{
	int fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	char *contents;
	size_t size = 0;

	if (fd < 0)
		fail(path, errno == ENOENT ? "does not exist" : "cannot be opened");
	check_file(path, fd);
	contents = palloc(FILE_LIMIT + 1);
	while (size < FILE_LIMIT)
	{
		ssize_t n = read(fd, contents + size, FILE_LIMIT - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		size += n;
	}
	CloseTransientFile(fd);
	contents[size] = '\0';
	*length = size;
	return contents;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One line up to its end; false when it is not of the form, or its number does not rise. */
static bool
parse_line(const char **at, int previous_id, WfKey *key)
{
	const char *p = *at;

	key->id = 0;
	for (int digits = 0; *p >= '0' && *p <= '9' && digits < 5; digits++)
		key->id = key->id * 10 + (*p++ - '0');
	if (key->id <= previous_id || key->id > WF_KEY_MAX_ID || *p++ != ' ')
		return false;
	for (int i = 0; i < WF_KEY_BYTES; i++)
	{
		int high = hex_value(p[0]);
		int low = high < 0 ? -1 : hex_value(p[1]);

		if (low < 0)
			return false;
		key->bytes[i] = high << 4 | low;
		p += 2;
	}
	if (*p != '\n' && *p != '\0')
		return false;
	*at = *p == '\n' ? p + 1 : p;
	return true;
}

/* Read the whole file; raises unless every line is a key. The caller frees with release(). */
static Keyring *
load(void)
{
	char *path = wf_settings_key_path();
	size_t length;
	char *contents = read_file(path, &length);
	Keyring *ring = palloc0(sizeof(Keyring));
	const char *at = contents;
	bool ok = true;

	while (ok && *at != '\0' && ring->count < MAX_KEYS)
	{
		int previous = ring->count > 0 ? ring->keys[ring->count - 1].id : 0;

		ok = parse_line(&at, previous, &ring->keys[ring->count]);
		ring->count += ok;
	}
	ok = ok && *at == '\0' && ring->count > 0 && at == contents + length;
	explicit_bzero(contents, length);
	pfree(contents);
	if (!ok)
	{
		explicit_bzero(ring, sizeof(Keyring));
		fail(path, "is not in the form of a key file");
	}
	pfree(path);
	return ring;
}

static void
release(Keyring *ring)
{
	explicit_bzero(ring, sizeof(Keyring));
	pfree(ring);
}

void
wf_keyring_newest(WfKey *key)
{
	Keyring *ring = load();

	*key = ring->keys[ring->count - 1];
	release(ring);
}

bool
wf_keyring_find(int id, WfKey *key)
{
	Keyring *ring = load();
	bool found = false;

	for (int i = 0; i < ring->count && !found; i++)
		if (ring->keys[i].id == id)
		{
			*key = ring->keys[i];
			found = true;
		}
	release(ring);
	return found;
}

bool
wf_keyring_exists(void)
{
	char *path = wf_settings_key_path();
	struct stat state;

	if (lstat(path, &state) == 0)
		return true;
	if (errno != ENOENT)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not stat file \"%s\": %m", path)));
	return false;
}

static void
file_error(const char *action, const char *path)
{
	ereport(
		ERROR,
		(errcode_for_file_access(), errmsg("could not %s file \"%s\": %m", action, path),
		 errhint(
			 "The settings whalefall.key_file and whalefall.jwt_file name files in a folder that"
			 " exists, belongs to the server's user and is closed to others (mode 0700).")));
}

/* Write a temporary twin of the file, with its final mode, and force it to disk. */
static char *
write_twin(const char *path, const char *contents, mode_t mode)
{
	char *twin = psprintf("%s.%d.tmp", path, MyProcPid);
	size_t length = strlen(contents);
	int fd;

	if (unlink(twin) != 0 && errno != ENOENT)
		file_error("remove", twin);
	fd = OpenTransientFilePerm(twin, O_CREAT | O_EXCL | O_WRONLY | PG_BINARY, S_IRUSR | S_IWUSR);
	if (fd < 0)
		file_error("create", twin);
	errno = 0;
	if (write(fd, contents, length) != (ssize_t) length || fchmod(fd, mode) != 0 ||
		pg_fsync(fd) != 0)
	{
		int code = errno != 0 ? errno : ENOSPC;

		CloseTransientFile(fd);
		(void) unlink(twin);
		errno = code;
		file_error("write", twin);
	}
	if (CloseTransientFile(fd) != 0)
		file_error("close", twin);
	return twin;
}

/* A directory's entries reach the disk only by a sync of the directory itself. */
static void
sync_folder_of(const char *path)
{
	char *folder = pstrdup(path);

	get_parent_directory(folder);
	fsync_fname(folder[0] != '\0' ? folder : ".", true);
	pfree(folder);
}

void
wf_keyring_write_new(const char *path, const char *contents, mode_t mode)
{
	char *twin = write_twin(path, contents, mode);

	/* link() refuses an existing name, rename() would replace it. */
	if (link(twin, path) != 0)
	{
		int code = errno;

		(void) unlink(twin);
		errno = code;
		file_error("create", path);
	}
	if (unlink(twin) != 0)
		file_error("remove", twin);
	sync_folder_of(path);
	pfree(twin);
}

void
wf_keyring_write_over(const char *path, const char *contents, mode_t mode)
{
	char *twin = write_twin(path, contents, mode);

	(void) durable_rename(twin, path, ERROR);
	pfree(twin);
}

/* The file's text for a set of keys, palloc'd; the caller wipes it. */
static char *
render(const Keyring *ring)
{
	char *text = palloc0((size_t) ring->count * LINE_BYTES + 1);
	char *at = text;

	for (int i = 0; i < ring->count; i++)
	{
		at += sprintf(at, "%d ", ring->keys[i].id);
		for (int b = 0; b < WF_KEY_BYTES; b++)
			at += sprintf(at, "%02x", ring->keys[i].bytes[b]);
		*at++ = '\n';
	}
	return text;
}

static void
store(Keyring *ring, bool must_be_new)
{
	char *path = wf_settings_key_path();
	char *text = render(ring);

	release(ring);
	PG_TRY();
	{
		if (must_be_new)
			wf_keyring_write_new(path, text, S_IRUSR | S_IWUSR);
		else
			wf_keyring_write_over(path, text, S_IRUSR | S_IWUSR);
	}
	PG_FINALLY();
	{
		explicit_bzero(text, strlen(text));
	}
	PG_END_TRY();
}

static int
append_random(Keyring *ring)
{
	WfKey *key = &ring->keys[ring->count];
	int newest = ring->count > 0 ? ring->keys[ring->count - 1].id : 0;

	if (ring->count >= MAX_KEYS || newest >= WF_KEY_MAX_ID)
		wf_raise(WF_ERR_CREDENTIAL_INVALID, "The key file has no room for another key.",
				 "Run CALL whalefall.rotate_key(drop_retired => true); first.");
	if (!pg_strong_random(key->bytes, WF_KEY_BYTES))
		elog(ERROR, "could not generate random bytes");
	key->id = newest + 1;
	ring->count++;
	return key->id;
}

void
wf_keyring_create(void)
{
	Keyring *ring = palloc0(sizeof(Keyring));

	append_random(ring);
	store(ring, true);
}

int
wf_keyring_add(void)
{
	Keyring *ring = load();
	int id = append_random(ring);

	store(ring, false);
	return id;
}

int
wf_keyring_drop_old(void)
{
	Keyring *ring = load();
	int dropped = ring->count - 1;

	if (dropped == 0)
	{
		release(ring);
		return 0;
	}
	ring->keys[0] = ring->keys[dropped];
	explicit_bzero(&ring->keys[1], dropped * sizeof(WfKey));
	ring->count = 1;
	store(ring, false);
	return dropped;
}
