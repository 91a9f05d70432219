/*
 * task.c - the registry of tasks (domain 8.1, decision 46).
 *
 * What a task does stands in its own room; bgworker/tasks.c ties keys to functions.
 */
#include "postgres.h"

#include "runs/task.h"

static const WfTask tasks[] = {
	{"sync_accounts", "账户同步", "account", "/accounts/ledgers", "accounts", "accounts_sync",
	 true},
	{"sync_databases", "容量同步", "capacity", "/databases/ledgers", "capacity", "capacity_sync",
	 true},
	{"sync_instance_accounts", "单实例账户同步", "account", "/accounts/ledgers", "accounts",
	 "accounts_sync", false},
	{"sync_instance_capacity", "单实例容量同步", "capacity", "/databases/ledgers", "capacity",
	 "capacity_sync", false},
	{"refresh_table_sizes", "表容量采集", "capacity", "/databases/ledgers", "tables",
	 "capacity_sync", false},
};

const WfTask *
wf_task_find(const char *key)
{
	for (size_t i = 0; i < lengthof(tasks); i++)
		if (strcmp(tasks[i].key, key) == 0)
			return &tasks[i];
	elog(ERROR, "unknown task \"%s\"", key);
}
