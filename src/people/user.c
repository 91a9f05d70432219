/*
 * user.c - writing users.
 *
 * An active administrator is always left. Whoever might take one away first locks the rows of all of them, in the
 * order of their ids: of two who disable each other the second waits, and then finds that he is the last.
 */
#include "postgres.h"

#include "base/caller.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/exchange.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/spi.h"
#include "logs/log.h"
#include "people/password.h"
#include "people/session.h"
#include "people/user.h"
#include "people/user_check.h"

/* The constraint that says that a name is taken. */
#define NAME_CONSTRAINT "users_username_key"

/* A user whose row is locked. */
typedef struct Locked
{
	char *username;
	bool is_admin;
	bool is_active;
	int other_admins; /* active ones */
} Locked;

static void
not_found(int64 id)
{
	wf_raise(WF_ERR_NOT_FOUND, psprintf("User " INT64_FORMAT " does not exist.", id), NULL);
}

/* Lock a user and all active administrators; raises NOT_FOUND. */
static Locked
lock(int64 id)
{
	static WfQuery find =
		WF_QUERY("select id, username, role = 'admin', is_active from whalefall.users "
				 "where id = $1 or (role = 'admin' and is_active) order by id for update",
				 INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};
	uint64 n = wf_spi_run(&find, SPI_OK_SELECT, args);
	Locked locked = {0};

	for (uint64 i = 0; i < n; i++)
		if (wf_spi_int64(i, 1) != id)
			locked.other_admins++;
		else
		{
			locked.username = wf_spi_text(i, 2);
			locked.is_admin = wf_spi_bool(i, 3);
			locked.is_active = wf_spi_bool(i, 4);
		}
	if (locked.username == NULL)
		not_found(id);
	return locked;
}

/* Raise when an active administrator is about to go who is the last one. */
static void
require_other_admin(const Locked *locked)
{
	if (locked->is_admin && locked->is_active && locked->other_admins == 0)
		wf_raise(WF_ERR_LAST_ADMIN_REQUIRED, NULL, "Make another user an administrator first.");
}

static void
refuse_own_account(int64 id)
{
	if (wf_caller()->user_id == id)
		wf_raise(WF_ERR_VALIDATION, "This cannot be done to one's own account.", NULL);
}

/* Run a write; the constraint alone decides whether a name is taken, so that two at once cannot both win. */
static void
run_naming(WfQuery *query, int expected, const WfArg *args)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		wf_spi_run(query, expected, args);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION || error->constraint_name == NULL ||
			strcmp(error->constraint_name, NAME_CONSTRAINT) != 0)
			PG_RE_THROW();
		/* Nothing goes on in this transaction: one error takes the place of the other. */
		FlushErrorState();
		wf_raise(WF_ERR_USERNAME_EXISTS, NULL, NULL);
	}
	PG_END_TRY();
}

static void
log_write(const char *message, const char *action, int64 id, const char *username,
		  const WfUserChecked *changed)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "action", action);
	wf_json_add_int(&json, "user_id", id);
	wf_json_add_text(&json, "username", username);
	if (changed != NULL && changed->role != NULL)
		wf_json_add_text(&json, "role", changed->role);
	if (changed != NULL && changed->password != NULL)
		wf_json_add_bool(&json, "password_changed", true);
	wf_log_write(WF_LOG_INFO, "users", message, wf_json_end(&json), NULL);
}

/* All missing fields in one message. */
static void
require_fields(const WfUserInput *input)
{
	const char *const names[] = {"username", "role", "password"};
	const char *const values[] = {
		input->username, input->role,
		input->password != NULL && input->password[0] != '\0' ? input->password : NULL};
	char *missing = "";

	for (size_t i = 0; i < lengthof(names); i++)
		if (values[i] == NULL)
			missing = psprintf("%s%s%s", missing, missing[0] != '\0' ? ", " : "", names[i]);
	if (missing[0] != '\0')
		wf_raise(WF_ERR_VALIDATION, psprintf("Missing: %s.", missing), NULL);
}

int64
wf_user_create(const WfUserInput *input)
{
	static WfQuery insert =
		WF_QUERY("insert into whalefall.users (username, role, password, email, is_active, "
				 "created_at, password_changed_at) values ($1, $2, $3, nullif($4, ''), $5, $6, $6) "
				 "returning id",
				 TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, TIMESTAMPTZOID);
	WfUserChecked checked;
	WfArg args[6];
	int64 id;

	wf_guard_require_ready();
	require_fields(input);
	checked = wf_user_check(input);
	args[0] = wf_arg_text(checked.username);
	args[1] = wf_arg_text(checked.role);
	args[2] = wf_arg_text(wf_password_hash(checked.password));
	args[3] = wf_arg_text(checked.email);
	args[4] = WF_ARG_BOOL(!input->has_is_active || input->is_active);
	args[5] = WF_ARG_TIME(wf_clock_now());
	run_naming(&insert, SPI_OK_INSERT_RETURNING, args);
	id = wf_spi_int64(0, 1);
	log_write("user created", "create_user", id, checked.username, &checked);
	return id;
}

/* Raise NOT_FOUND before anything else is said about the input. */
static void
require_user(int64 id)
{
	static WfQuery find = WF_QUERY("select 1 from whalefall.users where id = $1", INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		not_found(id);
}

/* Who changes his own password or state keeps the session that he does it with. */
static void
revoke_sessions(int64 id)
{
	wf_session_revoke_all(id, wf_caller()->user_id == id ? wf_exchange()->sid : "");
}

void
wf_user_update(int64 id, const WfUserInput *input)
{
	static WfQuery update =
		WF_QUERY("update whalefall.users set username = coalesce($2, username), "
				 "role = coalesce($3, role), is_active = coalesce($4, is_active), "
				 "email = case when $5 is null then email else nullif($5, '') end, "
				 "password = coalesce($6, password), "
				 "password_changed_at = case when $6 is null then password_changed_at else $7 end, "
				 "token_epoch = token_epoch + case when $6 is null then 0 else 1 end where id = $1",
				 INT8OID, TEXTOID, TEXTOID, BOOLOID, TEXTOID, TEXTOID, TIMESTAMPTZOID);
	WfUserChecked checked;
	WfArg args[7];
	Locked locked;
	bool disables;

	wf_guard_require_ready();
	require_user(id);
	checked = wf_user_check(input);
	args[0] = WF_ARG_INT64(id);
	args[1] = wf_arg_text(checked.username);
	args[2] = wf_arg_text(checked.role);
	args[3] = input->has_is_active ? WF_ARG_BOOL(input->is_active) : WF_NULL;
	args[4] = wf_arg_text(checked.email);
	/* bcrypt takes its time: before any row is locked. */
	args[5] = wf_arg_text(checked.password != NULL ? wf_password_hash(checked.password) : NULL);
	args[6] = WF_ARG_TIME(wf_clock_now());
	locked = lock(id);
	disables = input->has_is_active && !input->is_active;
	if (disables || (checked.role != NULL && strcmp(checked.role, "admin") != 0))
		require_other_admin(&locked);
	run_naming(&update, SPI_OK_UPDATE, args);
	if (disables || checked.password != NULL)
		revoke_sessions(id);
	log_write("user updated", "update_user", id,
			  checked.username != NULL ? checked.username : locked.username, &checked);
}

void
wf_user_delete(int64 id)
{
	static WfQuery remove = WF_QUERY("delete from whalefall.users where id = $1", INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};
	Locked locked;

	wf_guard_require_ready();
	locked = lock(id);
	refuse_own_account(id);
	require_other_admin(&locked);
	wf_spi_run(&remove, SPI_OK_DELETE, args);
	log_write("user deleted", "delete_user", id, locked.username, NULL);
}

bool
wf_user_toggle(int64 id)
{
	static WfQuery toggle =
		WF_QUERY("update whalefall.users set is_active = not is_active where id = $1", INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};
	Locked locked;

	wf_guard_require_ready();
	locked = lock(id);
	refuse_own_account(id);
	require_other_admin(&locked);
	wf_spi_run(&toggle, SPI_OK_UPDATE, args);
	if (locked.is_active)
		revoke_sessions(id);
	log_write(locked.is_active ? "user disabled" : "user enabled", "toggle_user_status", id,
			  locked.username, NULL);
	return !locked.is_active;
}
