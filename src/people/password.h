/*
 * password.h - passwords of users: rules, hashing, checking.
 */
#ifndef WF_PEOPLE_PASSWORD_H
#define WF_PEOPLE_PASSWORD_H

#include "postgres.h"

#define WF_PASSWORD_MIN 8
#define WF_PASSWORD_MAX 128

/*
 * What is wrong with the length (8 to 128 characters, not only blanks), or with the letters (one upper-case, one
 * lower-case letter of ASCII, one digit) of a password: a constant sentence, or NULL when nothing is.
 */
extern const char *wf_password_length_fault(const char *password);
extern const char *wf_password_letters_fault(const char *password);

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
