/*
 * keyfiles.c - the two secret files: made once, never overwritten.
 */
#include "postgres.h"

#include <limits.h>
#include <sys/stat.h>

#include "miscadmin.h"

#include "base/errors.h"
#include "base/keyring.h"
#include "base/settings.h"
#include "base/spi.h"
#include "setup/steps.h"

#define JWT_SECRET_BYTES 32

/* A new key would make every stored password unreadable for good, and nobody would notice until the next sync. */
static void
refuse_while_ciphertext_exists(const char *path)
{
	static WfQuery count =
		WF_QUERY0("select count(*) from whalefall.credentials where secret is not null");

	wf_spi_run(&count, SPI_OK_SELECT, NULL);
	if (wf_spi_int64(0, 1) == 0)
		return;
	wf_raise(
		WF_ERR_CREDENTIAL_INVALID,
		psprintf("The key file \"%s\" does not exist, but " INT64_FORMAT
				 " stored passwords were sealed with it.",
				 path, wf_spi_int64(0, 1)),
		"Copy the key file from where this database came from (setting whalefall.key_file). If it is lost "
		"for good: UPDATE whalefall.credentials SET secret = NULL; run setup() again, and store the "
		"passwords anew.");
}

/* Secret that signs tokens: hexadecimal digits without a line end, as PostgREST reads the whole file. */
static void
create_jwt_file(const char *path)
{
	unsigned char bytes[JWT_SECRET_BYTES];
	char text[2 * JWT_SECRET_BYTES + 1];

	if (!pg_strong_random(bytes, sizeof(bytes)))
		elog(ERROR, "could not generate random bytes");
	for (int i = 0; i < JWT_SECRET_BYTES; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	explicit_bzero(bytes, sizeof(bytes));
	PG_TRY();
	{
		wf_keyring_write_new(path, text, S_IRUSR | S_IWUSR | S_IRGRP);
	}
	PG_FINALLY();
	{
		explicit_bzero(text, sizeof(text));
	}
	PG_END_TRY();
}

/* Base backups and copies of the data directory would carry the file. */
static void
warn_if_in_data_directory(WfSetup *setup, const char *path, const char *setting)
{
	char file[PATH_MAX];
	char data[PATH_MAX];
	size_t length;

	if (realpath(path, file) == NULL || realpath(DataDir, data) == NULL)
		return;
	length = strlen(data);
	if (strncmp(file, data, length) == 0 && file[length] == '/')
		wf_setup_warn(
			setup,
			psprintf("secret file \"%s\" lies in the data directory, so base backups carry it",
					 path),
			psprintf("Move it to a folder that only the server's user can read and set %s.",
					 setting));
}

static bool
file_exists(const char *path)
{
	struct stat state;

	if (lstat(path, &state) == 0)
		return true;
	if (errno != ENOENT)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not stat file \"%s\": %m", path)));
	return false;
}

static void
check_jwt_file(const char *path)
{
	struct stat state;

	if (stat(path, &state) != 0 || !S_ISREG(state.st_mode) || (state.st_mode & S_IRWXO) != 0 ||
		(state.st_mode & (S_IWGRP | S_IXGRP)) != 0 || state.st_size < JWT_SECRET_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("file \"%s\" is not usable as the secret of tokens", path),
				 errhint("It must be a regular file of at least %d bytes with mode 0640 or less.",
						 JWT_SECRET_BYTES)));
}

void
wf_setup_ensure_key_files(WfSetup *setup)
{
	char *key_path = wf_settings_key_path();
	char *jwt_path = wf_settings_jwt_path();
	WfKey key;

	if (wf_keyring_exists())
	{
		wf_keyring_newest(&key);
		explicit_bzero(&key, sizeof(key));
	}
	else
	{
		refuse_while_ciphertext_exists(key_path);
		wf_keyring_create();
		wf_json_add_text(setup->steps, NULL, "key file");
	}
	if (file_exists(jwt_path))
		check_jwt_file(jwt_path);
	else
	{
		create_jwt_file(jwt_path);
		wf_json_add_text(setup->steps, NULL, "token secret file");
	}
	warn_if_in_data_directory(setup, key_path, "whalefall.key_file");
	warn_if_in_data_directory(setup, jwt_path, "whalefall.jwt_file");
}
