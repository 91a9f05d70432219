/*
 * settings.h - the settings whalefall.*, read-only for everybody but settings.c.
 */
#ifndef WF_BASE_SETTINGS_H
#define WF_BASE_SETTINGS_H

#include "postgres.h"

#define WF_MAX_WORKERS_LIMIT 64

extern int wf_setting_access_token_life; /* s */
extern bool wf_setting_api_docs;
extern char *wf_setting_app_name;
extern int wf_setting_bcrypt_cost;
extern int wf_setting_connect_timeout; /* s, one connection of a fleet run */
extern int wf_setting_cookie_secure;   /* WfCookieSecure */
extern char *wf_setting_database;
extern char *wf_setting_helper_directory; /* "" = where the server's own programs lie */
extern int wf_setting_http_log_mode;	  /* WfHttpLogMode */
extern int wf_setting_http_log_slow_ms;	  /* ms */
extern int wf_setting_inventory_guard_accounts;
extern int wf_setting_inventory_guard_percent;
extern char *wf_setting_jwt_file;
extern char *wf_setting_key_file;
extern int wf_setting_language;		 /* WF_LANGUAGE_... */
extern int wf_setting_log_min_level; /* WfLogLevel */
extern int wf_setting_login_rate_limit;
extern int wf_setting_login_rate_window; /* s */
extern int wf_setting_max_waiting;
extern int wf_setting_max_workers;
extern int wf_setting_refresh_token_life;		/* s */
extern int wf_setting_remote_statement_timeout; /* s */
extern int wf_setting_session_life;				/* s */
extern int wf_setting_sync_wait;				/* s */
extern int wf_setting_test_connect_timeout;		/* s */
extern char *wf_setting_timezone;

/* These exist only in a server started with WHALEFALL_TESTING=1 in its environment. */
extern bool wf_setting_testing;
extern char *wf_setting_test_now;
extern int wf_setting_test_retry_base; /* ms */

typedef enum WfLanguage
{
	WF_LANGUAGE_ZH,
	WF_LANGUAGE_EN
} WfLanguage;

/* The Secure attribute of cookies. */
typedef enum WfCookieSecure
{
	WF_COOKIE_SECURE_AUTO, /* when the request came over https */
	WF_COOKIE_SECURE_ON,
	WF_COOKIE_SECURE_OFF
} WfCookieSecure;

/* Which finished requests leave a row in the unified log. */
typedef enum WfHttpLogMode
{
	WF_HTTP_LOG_ALL,
	WF_HTTP_LOG_SLOW_OR_ERROR,
	WF_HTTP_LOG_ERRORS_ONLY,
	WF_HTTP_LOG_OFF
} WfHttpLogMode;

extern void wf_settings_define(void);

/*
 * The file that holds the master keys; the setting, or <data directory>/whalefall.key. The result is
 * palloc'd. wf_settings_jwt_path is the same for the tokens' secret.
 */
extern char *wf_settings_key_path(void);
extern char *wf_settings_jwt_path(void);

#endif
