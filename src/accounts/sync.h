/*
 * sync.h - the task of this room.
 */
#ifndef WF_ACCOUNTS_SYNC_H
#define WF_ACCOUNTS_SYNC_H

#include "runs/item.h"

/* Account sync of the item's instance: read, merge, complete. Raises what reading and merging raise. */
extern void wf_accounts_sync(WfItem *item);

#endif
