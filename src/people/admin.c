/*
 * admin.c - the first administrator.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "miscadmin.h"

#include "base/keyring.h"
#include "base/settings.h"
#include "base/spi.h"
#include "people/admin.h"
#include "people/password.h"

#define PASSWORD_LENGTH 20
#define MAX_DRAWS		1000

/* No 0, O, 1, l, I: somebody will type this. */
static const char alphabet[] = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/* One unbiased character: bytes above the largest multiple of the alphabet are thrown away. */
static char
draw(void)
{
	const int size = sizeof(alphabet) - 1;

	for (int i = 0; i < MAX_DRAWS; i++)
	{
		uint8 byte;

		if (!pg_strong_random(&byte, 1))
			break;
		if (byte < 256 / size * size)
			return alphabet[byte % size];
	}
	elog(ERROR, "could not generate random bytes");
}

static void
make_password(char *password)
{
	for (int i = 0; i < MAX_DRAWS; i++)
	{
		for (int c = 0; c < PASSWORD_LENGTH; c++)
			password[c] = draw();
		password[PASSWORD_LENGTH] = '\0';
		if (wf_password_has_letters(password))
			return;
	}
	elog(ERROR, "could not draw a password");
}

/*
 * whalefall.admin_password, beside the key file. Another database of the server may have left its own there,
 * unread: ours then gets this database's oid at the end of its name.
 */
static pg_noinline char *
password_path(void)
{
	char *folder = wf_settings_key_path();
	struct stat state;
	char *path;

	get_parent_directory(folder);
	path = psprintf("%s/whalefall.admin_password", folder[0] != '\0' ? folder : ".");
	return lstat(path, &state) == 0 ? psprintf("%s.%u", path, MyDatabaseId) : path;
}

char *
wf_people_first_admin(void)
{
	static WfQuery any_user = WF_QUERY0("select exists (select from whalefall.users)");
	static WfQuery insert =
		WF_QUERY("insert into whalefall.users (username, password, role, password_changed_at) "
				 "values ('admin', $1, 'admin', now())",
				 TEXTOID);
	char password[PASSWORD_LENGTH + 2];
	WfArg args[1];
	char *path;

	wf_spi_run(&any_user, SPI_OK_SELECT, NULL);
	if (wf_spi_bool(0, 1))
		return NULL;
	path = password_path();
	make_password(password);
	PG_TRY();
	{
		args[0] = wf_arg_text(wf_password_hash(password));
		wf_spi_run(&insert, SPI_OK_INSERT, args);
		/* Written before the commit: a file without its user is harmless, a user without it is not. */
		strlcat(password, "\n", sizeof(password));
		wf_keyring_write_over(path, password, S_IRUSR | S_IWUSR);
	}
	PG_FINALLY();
	{
		explicit_bzero(password, sizeof(password));
	}
	PG_END_TRY();
	return path;
}
