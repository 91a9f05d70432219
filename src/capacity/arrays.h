/*
 * arrays.h - C arrays as arguments of set-based statements.
 */
#ifndef WF_CAPACITY_ARRAYS_H
#define WF_CAPACITY_ARRAYS_H

#include "postgres.h"

#include "base/spi.h"

/* text[] of count texts; a NULL pointer becomes a null element. Palloc'd in the current context. */
extern WfArg wf_capacity_text_array(const char *const *values, int count);

/* bigint[] of count numbers; negative ones become null elements. Palloc'd in the current context. */
extern WfArg wf_capacity_count_array(const int64 *values, int count);

#endif
