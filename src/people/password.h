/*
 * password.h - passwords of users: rules, hashing, checking.
 */
#ifndef WF_PEOPLE_PASSWORD_H
#define WF_PEOPLE_PASSWORD_H

#include "postgres.h"

#include "base/errors.h"

/*
 * Raise, with this code, unless a password has 8 to 128 characters and is not blank; and unless it has an upper-case
 * letter, a lower-case letter (of ASCII) and a digit.
 */
extern void wf_password_require_length(const char *password, WfErrorCode code);
extern void wf_password_require_letters(const char *password, WfErrorCode code);

/* The second rule as a question. */
extern bool wf_password_has_letters(const char *password);

/*
 * bcrypt hash "$2b$..." of a password at the cost of whalefall.bcrypt_cost, palloc'd. SPI connected. Raises
 * RATE_LIMIT when too many others are hashing.
 */
extern char *wf_password_hash(const char *password);

/*
 * Is this the password of a hash? hash NULL: nobody's, which takes as long and is false. SPI connected. Raises
 * RATE_LIMIT when too many others are hashing.
 */
extern bool wf_password_verify(const char *password, const char *hash);

/* Was the hash made at another cost than whalefall.bcrypt_cost? */
extern bool wf_password_is_dated(const char *hash);

#endif
