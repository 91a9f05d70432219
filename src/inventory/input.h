/*
 * input.h - keeping passwords that arrive by COPY out of every message.
 */
#ifndef WF_INVENTORY_INPUT_H
#define WF_INVENTORY_INPUT_H

/* Install the filter of error contexts; called from _PG_init in every process. */
extern void wf_inventory_init(void);

#endif
