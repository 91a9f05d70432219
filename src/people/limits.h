/*
 * limits.h - how often a password may be tried.
 */
#ifndef WF_PEOPLE_LIMITS_H
#define WF_PEOPLE_LIMITS_H

#include "postgres.h"

/*
 * Count an attempt of a rate-limited operation: "auth_login" (name: trimmed user name, or "anonymous") or
 * "auth_change_password" (name: id of the user). Every call counts, whatever comes of it. Gives 0, or for how many
 * seconds this name will be refused. Marks the exchange, so that the operation does not count once more. Raises
 * WORKERS_UNAVAILABLE when the library is not preloaded.
 */
extern int wf_limits_take(const char *operation, const char *name, const char *address);

/*
 * For the operations themselves: count unless the dispatcher did, and raise RATE_LIMIT with Retry-After when it
 * is one too many.
 */
extern void wf_limits_require(const char *operation, const char *name);

#endif
