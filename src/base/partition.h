/*
 * partition.h - monthly partitions of the history in whalefall_data.
 */
#ifndef WF_BASE_PARTITION_H
#define WF_BASE_PARTITION_H

#include "postgres.h"

#include "utils/date.h"

/*
 * Make sure that the partition <parent>_YYYY_MM of a day exists; attaching takes only a SHARE UPDATE
 * EXCLUSIVE lock on the parent. Inside a transaction, with SPI connected. Safe against a concurrent twin.
 * Raises when the day lies before 2000 or more than 24 months ahead.
 */
extern void wf_partition_ensure(const char *parent, DateADT day);

/*
 * The current business month of every history parent that exists. A few lookups in the catalog cache when
 * all is there; does nothing in a read-only transaction.
 */
extern void wf_partition_ensure_current(void);

/* The current month and so many after it, of every history parent that exists. */
extern void wf_partition_ensure_ahead(int ahead);

/* Names of the history parents (constants); gives how many. */
extern size_t wf_partition_parents(const char *const **names);

#endif
