/*
 * guard.h - may this control plane work at all?
 */
#ifndef WF_BASE_GUARD_H
#define WF_BASE_GUARD_H

#include "postgres.h"

/* Number of the newest step of setup() (src/setup/steps.c checks it against its table). */
#define WF_SETUP_VERSION 4

/*
 * Raise NOT_SET_UP when setup() has not run (or an older one has), RESTORED_COPY when this database is a
 * restored copy that nobody took over. To be called with SPI connected by whatever writes or connects.
 */
extern void wf_guard_require_ready(void);

/* The same as a question; *reason (may be NULL) gets a constant sentence when the answer is no. */
extern bool wf_guard_is_ready(const char **reason);

#endif
