/*
 * admin.h - the first administrator.
 */
#ifndef WF_PEOPLE_ADMIN_H
#define WF_PEOPLE_ADMIN_H

#include "postgres.h"

/*
 * When there is no user at all: create "admin" with a random password and write the password to a file beside the
 * key file (0600). Gives the file's path (palloc'd), or NULL when users exist. SPI connected. The password is
 * in that file only; the table gets its bcrypt hash.
 */
extern char *wf_people_first_admin(void);

#endif
