/*
 * api_password.c - auth_change_password: one's own password (api part 1, section 3.2).
 */
#include "postgres.h"

#include "fmgr.h"

#include "base/args.h"
#include "base/caller.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/exchange.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/spi.h"
#include "logs/log.h"
#include "people/limits.h"
#include "people/password.h"
#include "people/session.h"
#include "people/shared.h"
#include "whalefall.h"

WF_FUNCTION(wf_auth_change_password);

/* What can be said without knowing the old password; the order is the contract's. */
static void
check_new(const char *old, const char *new, const char *confirm)
{
	if (old == NULL || old[0] == '\0' || new == NULL || new[0] == '\0' || confirm == NULL ||
		confirm[0] == '\0')
		wf_raise(WF_ERR_VALIDATION,
				 "old_password, new_password and confirm_password must not be blank.", NULL);
	if (strcmp(new, confirm) != 0)
		wf_raise(WF_ERR_PASSWORD_MISMATCH, NULL, NULL);
	if (strcmp(new, old) == 0)
		wf_raise(WF_ERR_PASSWORD_DUPLICATED, NULL, NULL);
	wf_password_require_length(new, WF_ERR_PASSWORD_INVALID);
}

/* The stored hash of a user; raises NOT_FOUND. */
static char *
stored_hash(int64 id)
{
	static WfQuery find = WF_QUERY("select password from whalefall.users where id = $1", INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("User " INT64_FORMAT " does not exist.", id), NULL);
	return wf_spi_text(0, 1);
}

/* Replace the hash, unless somebody else has replaced it meanwhile; older tokens end with it. */
static void
store(int64 id, const char *old_hash, const char *new_hash)
{
	static WfQuery update =
		WF_QUERY("update whalefall.users set password = $3, password_changed_at = $4, "
				 "token_epoch = token_epoch + 1 where id = $1 and password = $2",
				 INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID);
	WfArg args[] = {WF_ARG_INT64(id), wf_arg_text(old_hash), wf_arg_text(new_hash),
					WF_ARG_TIME(wf_clock_now())};

	wf_spi_run(&update, SPI_OK_UPDATE, args);
	if (SPI_processed == 0)
		wf_raise(WF_ERR_INVALID_OLD_PASSWORD, NULL, NULL);
}

static void
change(int64 id, const char *old, const char *new)
{
	char *hash = stored_hash(id);
	WfJson json;

	if (!wf_password_verify(old, hash))
		wf_raise(WF_ERR_INVALID_OLD_PASSWORD, NULL, NULL);
	wf_password_require_letters(new, WF_ERR_PASSWORD_INVALID);
	store(id, hash, wf_password_hash(new));
	/* The cookie that this came with stays good; everything else of this user ends. */
	wf_session_revoke_all(id, wf_exchange()->sid);
	wf_json_begin(&json);
	wf_json_add_text(&json, "action", "submit_change_password");
	wf_log_write(WF_LOG_INFO, "auth", "password changed", wf_json_end(&json), NULL);
}

/* auth_change_password(old_password, new_password, confirm_password): answers nothing. */
Datum
wf_auth_change_password(PG_FUNCTION_ARGS)
{
	char *old = wf_arg_get_text(fcinfo, 0);
	char *new = wf_arg_get_text(fcinfo, 1);
	char *confirm = wf_arg_get_text(fcinfo, 2);
	int64 id = wf_caller()->user_id;

	if (id == 0)
		wf_raise(WF_ERR_AUTHENTICATION_REQUIRED, "A database role is no user.", NULL);
	wf_people_require_shared();
	wf_limits_require("auth_change_password", psprintf(INT64_FORMAT, id));
	check_new(old, new, confirm);
	wf_spi_begin();
	wf_guard_require_ready();
	change(id, old, new);
	wf_spi_end();
	PG_RETURN_NULL();
}
