/*
 * user_check.h - what the fields of a user may be.
 */
#ifndef WF_PEOPLE_USER_CHECK_H
#define WF_PEOPLE_USER_CHECK_H

#include "postgres.h"

#include "people/user.h"

/* Checked values; NULL = absent. email "" = to be cleared. */
typedef struct WfUserChecked
{
	char *username;
	char *role;
	char *email;
	const char *password;
} WfUserChecked;

/* Raises VALIDATION_ERROR naming the first field that breaks its rule. A blank password counts as absent. */
extern WfUserChecked wf_user_check(const WfUserInput *input);

#endif
