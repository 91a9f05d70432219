/*
 * permissions.c - what a connection test learns about the rights of the monitoring account.
 *
 * The answer crosses shared memory, where a text has a fixed size: it is made to fit here.
 */
#include "postgres.h"

#include "base/json.h"
#include "connections/permissions.h"

/* A program says a handful; more than this is not kept. */
#define ENTRIES_MAX 64

typedef struct Entry
{
	char *name;
	char *needed_for;
	bool granted;
	char *hint; /* NULL: nothing to do */
} Entry;

static char *
copy(const char *text)
{
	return text == NULL ? NULL : pstrdup(text);
}

void
wf_permissions_take(void *arg, const char *dataset, int nfields, const char *const *values)
{
	WfPermissions *permissions = arg;
	MemoryContext before;
	Entry *entry;

	if (strcmp(dataset, "permission") != 0 || nfields != 4 || values[0] == NULL ||
		values[2] == NULL || list_length(permissions->list) >= ENTRIES_MAX)
		return;
	before = MemoryContextSwitchTo(permissions->context);
	entry = palloc(sizeof(Entry));
	entry->name = copy(values[0]);
	entry->needed_for = copy(values[1]);
	entry->granted = values[2][0] == 't';
	entry->hint = copy(values[3]);
	permissions->list = lappend(permissions->list, entry);
	MemoryContextSwitchTo(before);
}

/* The JSON text of the first entries. */
static char *
text_of(const WfPermissions *permissions, int count)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_open_array(&json, "permissions");
	for (int i = 0; i < count; i++)
	{
		const Entry *entry = list_nth(permissions->list, i);

		wf_json_open_object(&json, NULL);
		wf_json_add_text(&json, "name", entry->name);
		wf_json_add_text(&json, "needed_for", entry->needed_for);
		wf_json_add_bool(&json, "granted", entry->granted);
		wf_json_add_text(&json, "hint", entry->hint);
		wf_json_close(&json);
	}
	wf_json_close(&json);
	wf_json_open_array(&json, "missing_permissions");
	for (int i = 0; i < count; i++)
	{
		const Entry *entry = list_nth(permissions->list, i);

		if (!entry->granted)
			wf_json_add_text(&json, NULL, entry->name);
	}
	wf_json_close(&json);
	return wf_json_text(wf_json_end(&json));
}

void
wf_permissions_write(const WfPermissions *permissions, char *to, size_t size)
{
	to[0] = '\0';
	for (int count = list_length(permissions->list); count > 0; count--)
	{
		char *text = text_of(permissions, count);

		if (strlen(text) < size)
		{
			strlcpy(to, text, size);
			return;
		}
		pfree(text);
	}
}
