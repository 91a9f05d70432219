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
 */
extern void wf_partition_ensure(const char *parent, DateADT day);

/* The current business month of every history parent; remembered per session, so usually free. */
extern void wf_partition_ensure_current(void);

#endif
