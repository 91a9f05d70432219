/*
 * settings.c - every setting of whalefall, in alphabetical order, those of the HTTP front apart.
 *
 * The two settings that name secret files can be read by superusers only, and come from the
 * configuration files alone, so that no session can point the program at another file.
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"

#include "base/settings.h"
#include "base/level.h"

int wf_setting_access_token_life;
bool wf_setting_api_docs;
char *wf_setting_app_name;
int wf_setting_bcrypt_cost;
int wf_setting_connect_timeout;
int wf_setting_cookie_secure;
char *wf_setting_database;
char *wf_setting_helper_directory;
int wf_setting_http_log_mode;
int wf_setting_http_log_slow_ms;
int wf_setting_inventory_guard_accounts;
int wf_setting_inventory_guard_percent;
char *wf_setting_jwt_file;
char *wf_setting_key_file;
int wf_setting_language;
int wf_setting_log_min_level;
int wf_setting_login_rate_limit;
int wf_setting_login_rate_window;
int wf_setting_max_waiting;
int wf_setting_max_workers;
int wf_setting_refresh_token_life;
int wf_setting_remote_statement_timeout;
int wf_setting_session_life;
int wf_setting_sync_wait;
int wf_setting_test_connect_timeout;
char *wf_setting_timezone;
bool wf_setting_testing;
char *wf_setting_test_now;
int wf_setting_test_retry_base = 30000;

static const struct config_enum_entry language_options[] = {
	{"zh", WF_LANGUAGE_ZH, false}, {"en", WF_LANGUAGE_EN, false}, {NULL, 0, false}};

static const struct config_enum_entry cookie_secure_options[] = {
	{"auto", WF_COOKIE_SECURE_AUTO, false},
	{"on", WF_COOKIE_SECURE_ON, false},
	{"off", WF_COOKIE_SECURE_OFF, false},
	{NULL, 0, false}};

static const struct config_enum_entry http_log_options[] = {
	{"all", WF_HTTP_LOG_ALL, false},
	{"slow_or_error", WF_HTTP_LOG_SLOW_OR_ERROR, false},
	{"errors_only", WF_HTTP_LOG_ERRORS_ONLY, false},
	{"off", WF_HTTP_LOG_OFF, false},
	{NULL, 0, false}};

static const struct config_enum_entry log_level_options[] = {
	{"debug", WF_LOG_DEBUG, false},		  {"info", WF_LOG_INFO, false},
	{"warning", WF_LOG_WARNING, false},	  {"error", WF_LOG_ERROR, false},
	{"critical", WF_LOG_CRITICAL, false}, {NULL, 0, false}};

static void
define_int(const char *name, const char *text, int *variable, int value, int min, int max,
		   GucContext context, int flags)
{
	DefineCustomIntVariable(name, text, NULL, variable, value, min, max, context, flags, NULL, NULL,
							NULL);
}

static void
define_string(const char *name, const char *text, char **variable, const char *value,
			  GucContext context, int flags)
{
	DefineCustomStringVariable(name, text, NULL, variable, value, context, flags, NULL, NULL, NULL);
}

/* A zone that PostgreSQL does not know would shift every business day: refuse it at once. */
static bool
check_timezone(char **newval, void **extra, GucSource source)
{
	if (pg_tzset(*newval) != NULL)
		return true;
	GUC_check_errdetail("Time zone \"%s\" is not known to this server.", *newval);
	return false;
}

/* Test settings stay undefined, and so unusable, in a server that was not started for tests. */
static void
define_testing(void)
{
	const char *mark = getenv("WHALEFALL_TESTING");

	wf_setting_testing = mark != NULL && strcmp(mark, "1") == 0;
	if (!wf_setting_testing)
		return;
	define_string("whalefall.test_now", "Instant that replaces the clock (tests only).",
				  &wf_setting_test_now, "", PGC_SUSET, 0);
	define_int("whalefall.test_retry_base", "First back-off of a lost item (tests only).",
			   &wf_setting_test_retry_base, 30000, 0, 3600000, PGC_SIGHUP, GUC_UNIT_MS);
}

static void
define_enum(const char *name, const char *text, int *variable, int value,
			const struct config_enum_entry *options, GucContext context)
{
	DefineCustomEnumVariable(name, text, NULL, variable, value, options, context, 0, NULL, NULL,
							 NULL);
}

/* What only the API over HTTP needs. */
static void
define_http(void)
{
	define_int("whalefall.access_token_life", "How long an access token is valid.",
			   &wf_setting_access_token_life, 3600, 60, 86400, PGC_SIGHUP, GUC_UNIT_S);
	DefineCustomBoolVariable("whalefall.api_docs", "Offer the interactive page of the API.", NULL,
							 &wf_setting_api_docs, true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	define_enum("whalefall.cookie_secure", "Whether cookies are marked Secure; auto: over https.",
				&wf_setting_cookie_secure, WF_COOKIE_SECURE_AUTO, cookie_secure_options,
				PGC_SIGHUP);
	define_enum("whalefall.http_log_mode", "Which finished requests get a row in the unified log.",
				&wf_setting_http_log_mode, WF_HTTP_LOG_SLOW_OR_ERROR, http_log_options, PGC_SIGHUP);
	define_int("whalefall.http_log_slow_ms", "From when on a request counts as slow.",
			   &wf_setting_http_log_slow_ms, 1000, 0, 3600000, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("whalefall.login_rate_limit", "Logins per window, by name and address.",
			   &wf_setting_login_rate_limit, 10, 1, 10000, PGC_SIGHUP, 0);
	define_int("whalefall.login_rate_window", "Length of the window that logins are counted in.",
			   &wf_setting_login_rate_window, 60, 1, 86400, PGC_SIGHUP, GUC_UNIT_S);
	define_int("whalefall.refresh_token_life", "How long a refresh token is valid.",
			   &wf_setting_refresh_token_life, 2592000, 60, 31536000, PGC_SIGHUP, GUC_UNIT_S);
	define_int("whalefall.session_life", "How long the cookie of a login is valid.",
			   &wf_setting_session_life, 604800, 60, 31536000, PGC_SIGHUP, GUC_UNIT_S);
}

/* Define all settings; called once from _PG_init. */
void
wf_settings_define(void)
{
	/* Fixed when preloaded; a session that loads the library later cannot define what is fixed at start. */
	GucContext at_start =
		process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;

	define_string("whalefall.app_name", "Name of the application shown to people.",
				  &wf_setting_app_name, "鲸落", PGC_SIGHUP, 0);
	define_int("whalefall.bcrypt_cost", "Cost of the users' password hashes.",
			   &wf_setting_bcrypt_cost, 12, 4, 14, PGC_SIGHUP, 0);
	define_int("whalefall.connect_timeout", "Longest connect to an instance in a fleet run.",
			   &wf_setting_connect_timeout, 5, 1, 300, PGC_SIGHUP, GUC_UNIT_S);
	define_string("whalefall.database", "The database whose queue the background workers serve.",
				  &wf_setting_database, "whalefall", at_start, 0);
	define_string("whalefall.helper_directory",
				  "Folder of the whalefall-remote-* programs; empty: beside the server's programs.",
				  &wf_setting_helper_directory, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY);
	define_int("whalefall.inventory_guard_accounts",
			   "More accounts than this must vanish before the inventory guard stops a sync.",
			   &wf_setting_inventory_guard_accounts, 20, 0, INT_MAX, PGC_SIGHUP, 0);
	define_int("whalefall.inventory_guard_percent",
			   "More than this share must vanish before the inventory guard stops a sync.",
			   &wf_setting_inventory_guard_percent, 50, 0, 100, PGC_SIGHUP, 0);
	define_string("whalefall.jwt_file", "File with the secret that signs tokens.",
				  &wf_setting_jwt_file, "", at_start, GUC_SUPERUSER_ONLY);
	define_string("whalefall.key_file", "File with the keys that encrypt credentials.",
				  &wf_setting_key_file, "", at_start, GUC_SUPERUSER_ONLY);
	DefineCustomEnumVariable("whalefall.language", "Language of messages for people.", NULL,
							 &wf_setting_language, WF_LANGUAGE_ZH, language_options, PGC_USERSET, 0,
							 NULL, NULL, NULL);
	DefineCustomEnumVariable("whalefall.log_min_level", "Lowest level kept in the unified log.",
							 NULL, &wf_setting_log_min_level, WF_LOG_INFO, log_level_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	define_int("whalefall.max_waiting", "Sessions that may wait for a remote result at once.",
			   &wf_setting_max_waiting, 4, 0, 64, PGC_SIGHUP, 0);
	define_int("whalefall.max_workers", "Background workers that may run at once.",
			   &wf_setting_max_workers, 4, 1, WF_MAX_WORKERS_LIMIT, PGC_SIGHUP, 0);
	define_int("whalefall.remote_statement_timeout", "Longest read from an instance.",
			   &wf_setting_remote_statement_timeout, 300, 1, 86400, PGC_SIGHUP, GUC_UNIT_S);
	define_int("whalefall.sync_wait", "How long a caller waits for the sync of one instance.",
			   &wf_setting_sync_wait, 60, 1, 3600, PGC_SIGHUP, GUC_UNIT_S);
	define_int("whalefall.test_connect_timeout", "Longest connect when one caller waits for it.",
			   &wf_setting_test_connect_timeout, 20, 1, 300, PGC_SIGHUP, GUC_UNIT_S);
	DefineCustomStringVariable("whalefall.timezone", "Zone of business days and schedules.", NULL,
							   &wf_setting_timezone, "Asia/Shanghai", PGC_SIGHUP, 0, check_timezone,
							   NULL, NULL);
	define_http();
	define_testing();
	MarkGUCPrefixReserved("whalefall");
}

/* The named file, or its default beside the data. */
static char *
path_or_default(const char *setting, const char *file)
{
	if (setting != NULL && setting[0] != '\0')
		return pstrdup(setting);
	return psprintf("%s/%s", DataDir, file);
}

char *
wf_settings_key_path(void)
{
	return path_or_default(wf_setting_key_file, "whalefall.key");
}

char *
wf_settings_jwt_path(void)
{
	return path_or_default(wf_setting_jwt_file, "whalefall.jwt");
}
