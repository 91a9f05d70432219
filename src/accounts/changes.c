/*
 * changes.c - rows of whalefall_data.account_change_log, written many at a time.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "accounts/arrays.h"
#include "accounts/diff.h"
#include "accounts/merge_impl.h"
#include "base/spi.h"

enum
{
	COLUMN_ACCOUNT,
	COLUMN_USERNAME,
	COLUMN_TYPE,
	COLUMN_MESSAGE,
	COLUMN_PRIVILEGE_DIFF,
	COLUMN_OTHER_DIFF
};

void
wf_changes_init(WfChanges *changes, int capacity)
{
	changes->count = 0;
	changes->capacity = capacity;
	for (size_t i = 0; i < lengthof(changes->columns); i++)
		changes->columns[i] = palloc(Max(capacity, 1) * sizeof(Datum));
}

Jsonb *
wf_copy_jsonb(const Jsonb *value)
{
	Jsonb *copy = palloc(VARSIZE(value));

	memcpy(copy, value, VARSIZE(value));
	return copy;
}

void
wf_changes_add(WfChanges *changes, int64 account_id, const char *username, const char *type,
			   const char *message, const Jsonb *privilege_diff, const Jsonb *other_diff)
{
	Datum **columns = changes->columns;
	int row = changes->count++;

	Assert(row < changes->capacity);
	columns[COLUMN_ACCOUNT][row] = Int64GetDatum(account_id);
	columns[COLUMN_USERNAME][row] = CStringGetTextDatum(username);
	columns[COLUMN_TYPE][row] = CStringGetTextDatum(type);
	columns[COLUMN_MESSAGE][row] = CStringGetTextDatum(message);
	columns[COLUMN_PRIVILEGE_DIFF][row] =
		JsonbPGetDatum(privilege_diff != NULL ? wf_copy_jsonb(privilege_diff) : wf_diff_empty());
	columns[COLUMN_OTHER_DIFF][row] =
		JsonbPGetDatum(other_diff != NULL ? wf_copy_jsonb(other_diff) : wf_diff_empty());
}

void
wf_changes_flush(WfMerge *merge, WfChanges *changes)
{
	static WfQuery insert = WF_QUERY(
		"insert into whalefall_data.account_change_log (instance_id, account_id, db_type, "
		"username, change_type, change_time, session_id, message, privilege_diff, other_diff) "
		"select $1, unnest($2), $3, unnest($4), unnest($5), $6, $7, unnest($8), unnest($9), "
		"unnest($10)",
		INT8OID, INT8ARRAYOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID, UUIDOID,
		TEXTARRAYOID, JSONBARRAYOID, JSONBARRAYOID);
	Datum **columns = changes->columns;
	int count = changes->count;
	WfArg args[] = {
		WF_ARG_INT64(merge->instance_id),
		WF_ARG(wf_array_of(columns[COLUMN_ACCOUNT], NULL, count, INT8OID)),
		wf_arg_text(wf_stage_db_type(merge->stage)),
		WF_ARG(wf_array_of(columns[COLUMN_USERNAME], NULL, count, TEXTOID)),
		WF_ARG(wf_array_of(columns[COLUMN_TYPE], NULL, count, TEXTOID)),
		WF_ARG_TIME(merge->options->now),
		merge->options->session_id != NULL ? WF_ARG_UUID(merge->options->session_id) : WF_NULL,
		WF_ARG(wf_array_of(columns[COLUMN_MESSAGE], NULL, count, TEXTOID)),
		WF_ARG(wf_array_of(columns[COLUMN_PRIVILEGE_DIFF], NULL, count, JSONBOID)),
		WF_ARG(wf_array_of(columns[COLUMN_OTHER_DIFF], NULL, count, JSONBOID)),
	};

	if (count > 0)
		wf_spi_run(&insert, SPI_OK_INSERT, args);
	changes->count = 0;
}
