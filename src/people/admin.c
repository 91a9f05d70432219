/*
 * admin.c - the first administrator, and bcrypt by pgcrypto.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "miscadmin.h"

#include "catalog/pg_collation.h"
#include "utils/builtins.h"

#include "base/keyring.h"
#include "base/settings.h"
#include "base/spi.h"
#include "people/admin.h"

#define PASSWORD_LENGTH 20
#define BCRYPT_LENGTH	60
#define MAX_DRAWS		1000

/* No 0, O, 1, l, I: somebody will type this. */
static const char alphabet[] = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

static bool
keeps_policy(const char *password)
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
		if (keeps_policy(password))
			return;
	}
	elog(ERROR, "could not draw a password");
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

/* bcrypt hash as $2b$; pgcrypto writes the same algorithm as $2a$, and answers DES for a salt it misreads. */
static char *
bcrypt(const char *password)
{
	Datum salt;
	text *plain = cstring_to_text(password);
	char *hash;

	salt =
		OidFunctionCall2Coll(pgcrypto_function("gen_salt", "text, integer"), DEFAULT_COLLATION_OID,
							 CStringGetTextDatum("bf"), Int32GetDatum(wf_setting_bcrypt_cost));
	hash = TextDatumGetCString(OidFunctionCall2Coll(pgcrypto_function("crypt", "text, text"),
													DEFAULT_COLLATION_OID, PointerGetDatum(plain),
													salt));
	explicit_bzero(VARDATA(plain), VARSIZE(plain) - VARHDRSZ);
	if (strlen(hash) != BCRYPT_LENGTH || strncmp(hash, "$2a$", 4) != 0)
		ereport(ERROR, (errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
						errmsg("pgcrypto gave no bcrypt hash")));
	hash[2] = 'b';
	return hash;
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
		args[0] = wf_arg_text(bcrypt(password));
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
