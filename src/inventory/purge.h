/*
 * purge.h - removing instances for good, with everything known of them.
 */
#ifndef WF_INVENTORY_PURGE_H
#define WF_INVENTORY_PURGE_H

#include "postgres.h"

#include "base/json.h"

/*
 * Remove these instances (ids that exist, without doubles) and all their rows, history too; all or nothing. Adds
 * a number per kind of rows to the open object json. Raises CONSTRAINT_VIOLATION with the run's id while work on
 * one of them is not finished. SPI connected; the rows of the instances are locked.
 */
extern void wf_instance_purge(const int64 *ids, int count, WfJson *json);

/* The same numbers, all 0. */
extern void wf_instance_purge_nothing(WfJson *json);

#endif
