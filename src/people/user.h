/*
 * user.h - rules of users, and writing them. SPI connected everywhere; every write leaves its row in the log.
 */
#ifndef WF_PEOPLE_USER_H
#define WF_PEOPLE_USER_H

#include "postgres.h"

/* Select list of a user as the API shows it, from whalefall_api.users u. */
#define WF_USER_COLUMNS                                                                          \
	"u.id, u.username, u.email, u.role, (u.created_at at time zone 'UTC')::date as created_at, " \
	"(u.created_at at time zone current_setting('whalefall.timezone'))::date "                   \
	"as created_at_display, u.last_login, u.is_active"

/* What a caller sent; NULL = absent. */
typedef struct WfUserInput
{
	const char *username;
	const char *role; /* admin, user, viewer, guest (= viewer) */
	const char *password;
	const char *email;
	bool clears_email;
	bool has_is_active;
	bool is_active;
} WfUserInput;

/* Role as it is stored: guest becomes viewer; trimmed, palloc'd. Unknown words stay what they are. */
extern char *wf_user_role_word(const char *given);

/* Make a user; gives the id. Raises VALIDATION, USERNAME_EXISTS. */
extern int64 wf_user_create(const WfUserInput *input);

/*
 * Change what is given. A new password, and being disabled, end the user's sessions (not the one that asks for
 * it). Raises NOT_FOUND, VALIDATION, USERNAME_EXISTS, LAST_ADMIN_REQUIRED.
 */
extern void wf_user_update(int64 id, const WfUserInput *input);

/* Raises NOT_FOUND, VALIDATION (one's own account), LAST_ADMIN_REQUIRED. */
extern void wf_user_delete(int64 id);

/* The same; gives whether the user is active now. */
extern bool wf_user_toggle(int64 id);

#endif
