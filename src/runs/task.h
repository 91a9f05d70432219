/*
 * task.h - the registry of tasks: what a run of each is called and how it is shown.
 */
#ifndef WF_RUNS_TASK_H
#define WF_RUNS_TASK_H

#include "postgres.h"

typedef struct WfTask
{
	const char *key;
	const char *name; /* shown to people */
	const char *category;
	const char *result_url;
	const char *work;	/* kind of work: one at a time per instance, whichever task asks for it */
	const char *module; /* of its log rows */
	bool is_fleet;		/* over all active instances; else over one */
} WfTask;

/* The task of a key; raises an internal error when there is none. */
extern const WfTask *wf_task_find(const char *key);

#endif
