/*
 * log.h - the unified log.
 */
#ifndef WF_LOGS_LOG_H
#define WF_LOGS_LOG_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "base/level.h"

/*
 * Write one row of the unified log in the current transaction (SPI need not be connected). context may be
 * NULL; it is masked (domain 10.3) and gets the caller's id, name and role. error: text of the failing
 * routine, or NULL. Levels below whalefall.log_min_level are dropped. Without whalefall.setup() nothing is
 * written.
 */
extern void wf_log_write(WfLogLevel level, const char *module, const char *message, Jsonb *context,
						 const char *error);

/* The masking alone: secrets by key name, and passwords inside URLs. Palloc'd. */
extern Jsonb *wf_log_mask(Jsonb *context);

#endif
