/*
 * tasks.h - which function does the items of which task.
 */
#ifndef WF_BGWORKER_TASKS_H
#define WF_BGWORKER_TASKS_H

#include "runs/item.h"

typedef void (*WfItemFunction)(WfItem *item);

/* The function of a kind of work; raises an internal error when there is none. */
extern WfItemFunction wf_tasks_function(const char *work);

#endif
