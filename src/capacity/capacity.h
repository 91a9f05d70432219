/*
 * capacity.h - databases of an instance, their sizes, and table sizes on demand.
 *
 * Both functions are tasks of the queue: they are called by a worker with a claimed item and no open
 * transaction, read the instance, and write everything in one transaction that also completes the item.
 */
#ifndef WF_CAPACITY_CAPACITY_H
#define WF_CAPACITY_CAPACITY_H

#include "postgres.h"

#include "runs/item.h"

/*
 * Capacity sync of the item's instance. Option of the run: force (boolean) overrides the inventory guard.
 * Raises what wf_item_read_instance raises, INVENTORY_SUSPICIOUS when too many databases vanished at once,
 * and SYNC_DATA when databases are followed but the size of none could be read.
 */
extern void wf_capacity_sync(WfItem *item);

/*
 * Refresh the table sizes of one database. Option of the run: database_id (whalefall.instance_databases.id),
 * which must belong to the item's instance, else NOT_FOUND.
 */
extern void wf_capacity_refresh_tables(WfItem *item);

#endif
