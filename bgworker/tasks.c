/*
 * tasks.c - ties the registry of tasks to the rooms that do the work.
 */
#include "postgres.h"

#include "accounts/sync.h"
#include "bgworker/tasks.h"
#include "capacity/capacity.h"

static const struct
{
	const char *work;
	WfItemFunction function;
} functions[] = {
	{"accounts", wf_accounts_sync},
	{"capacity", wf_capacity_sync},
	{"tables", wf_capacity_refresh_tables},
};

WfItemFunction
wf_tasks_function(const char *work)
{
	for (size_t i = 0; i < lengthof(functions); i++)
		if (strcmp(functions[i].work, work) == 0)
			return functions[i].function;
	elog(ERROR, "no function does work \"%s\"", work);
}
