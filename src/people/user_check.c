/*
 * user_check.c - what the fields of a user may be (api part 1, section 3.3).
 */
#include "postgres.h"

#include "base/errors.h"
#include "base/text.h"
#include "people/password.h"
#include "people/user_check.h"

#define NAME_MIN	  3
#define NAME_MAX	  20
#define EMAIL_CHARS	  255
#define NAME_ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

static char *
check_username(const char *given)
{
	char *name = wf_text_trim(given);
	size_t length = strlen(name);

	if (length == 0)
		wf_raise(WF_ERR_VALIDATION, "username must not be blank.", NULL);
	if (strspn(name, NAME_ALPHABET) != length || length < NAME_MIN || length > NAME_MAX)
		wf_raise(WF_ERR_VALIDATION, "username must be 3 to 20 letters, digits or _.", NULL);
	return name;
}

char *
wf_user_role_word(const char *given)
{
	char *word = wf_text_trim(given);

	return word != NULL && strcmp(word, "guest") == 0 ? pstrdup("viewer") : word;
}

static char *
check_role(const char *given)
{
	char *role = wf_user_role_word(given);

	if (strcmp(role, "admin") != 0 && strcmp(role, "user") != 0 && strcmp(role, "viewer") != 0)
		wf_raise(WF_ERR_VALIDATION, "role must be admin, user or viewer.", NULL);
	return role;
}

/* One @ with text on both sides, no blanks, no control characters. Blank means none. */
static char *
check_email(const char *given)
{
	char *email = wf_text_trim(given);
	const char *at = strchr(email, '@');

	if (email[0] == '\0')
		return email;
	if (wf_text_length(email) > EMAIL_CHARS)
		wf_raise(WF_ERR_VALIDATION, "email is longer than 255 characters.", NULL);
	for (const char *c = email; *c != '\0'; c++)
		if ((unsigned char) *c <= 0x20 || *c == 0x7f)
			wf_raise(WF_ERR_VALIDATION, "email must not hold blanks or control characters.", NULL);
	if (at == NULL || at == email || at[1] == '\0' || strchr(at + 1, '@') != NULL)
		wf_raise(WF_ERR_VALIDATION, "email must have one @ with text on both sides.", NULL);
	return email;
}

static const char *
check_password(const char *given)
{
	wf_password_require_length(given, WF_ERR_VALIDATION);
	wf_password_require_letters(given, WF_ERR_VALIDATION);
	return given;
}

WfUserChecked
wf_user_check(const WfUserInput *input)
{
	WfUserChecked checked = {0};

	if (input->username != NULL)
		checked.username = check_username(input->username);
	if (input->role != NULL)
		checked.role = check_role(input->role);
	if (input->password != NULL && input->password[0] != '\0')
		checked.password = check_password(input->password);
	if (input->email != NULL)
		checked.email = check_email(input->email);
	else if (input->clears_email)
		checked.email = "";
	return checked;
}
