/*
 * collect.c - phase 2 of a merge: what the accounts may do (domain 3.10).
 *
 * Slice by slice: read the stored snapshots, build the new ones, compare bytes. Only what differs gets
 * facts and a diff; a slice is then written by one insert, one update and one insert into the log.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "accounts/arrays.h"
#include "accounts/diff.h"
#include "accounts/facts.h"
#include "accounts/intern.h"
#include "accounts/labels.h"
#include "accounts/merge_impl.h"
#include "base/spi.h"

/* What the table holds for an account. */
typedef struct Stored
{
	int64 id;
	Datum snapshot; /* as it came: may be compressed */
	bool is_superuser;
	bool is_locked;
} Stored;

/* Permission rows that wait for one statement. */
typedef struct Rows
{
	int count;
	Datum *ids;
	Datum *snapshots;
	Datum *facts;
	Datum *types; /* change type of an update */
	bool *untyped;
	WfFacts *derived;
} Rows;

typedef struct Slice
{
	WfMerge *merge;
	const WfActiveAccount *accounts;
	int count;
	Stored *stored; /* ascending ids */
	int nstored;
	Rows adds;
	Rows updates;
	WfChanges changes;
} Slice;

static void
init_rows(Rows *rows, int capacity)
{
	rows->count = 0;
	rows->ids = palloc(capacity * sizeof(Datum));
	rows->snapshots = palloc(capacity * sizeof(Datum));
	rows->facts = palloc(capacity * sizeof(Datum));
	rows->types = palloc(capacity * sizeof(Datum));
	rows->untyped = palloc(capacity * sizeof(bool));
	rows->derived = palloc(capacity * sizeof(WfFacts));
}

/* Keep a row, copied into the current context. */
static void
add_row(Rows *rows, int64 id, const Jsonb *snapshot, const WfFacts *facts, const char *type)
{
	WfFacts *derived = &rows->derived[rows->count];
	int row = rows->count++;

	rows->ids[row] = Int64GetDatum(id);
	rows->snapshots[row] = JsonbPGetDatum(wf_copy_jsonb(snapshot));
	rows->facts[row] = JsonbPGetDatum(wf_copy_jsonb(facts->json));
	rows->untyped[row] = type == NULL;
	rows->types[row] = type != NULL ? CStringGetTextDatum(type) : (Datum) 0;
	*derived = *facts;
	derived->handles = palloc(Max(facts->count, 1) * sizeof(uint32));
	memcpy(derived->handles, facts->handles, facts->count * sizeof(uint32));
}

/*
 * Read the stored state of a slice; values stay in SPI's result until the slice ends. Ids are dense as a
 * rule, so a range is read; where many dead accounts lie between, they are named one by one.
 */
static void
read_stored(Slice *slice)
{
	static WfQuery by_range = WF_QUERY(
		"select id, permission_snapshot, is_superuser, is_locked from whalefall.account_permission "
		"where instance_id = $1 and id >= $2 and id <= $3 order by id",
		INT8OID, INT8OID, INT8OID);
	static WfQuery by_id = WF_QUERY(
		"select id, permission_snapshot, is_superuser, is_locked from whalefall.account_permission "
		"where instance_id = $1 and id = any ($2) order by id",
		INT8OID, INT8ARRAYOID);
	int64 first = slice->accounts[0].id, last = slice->accounts[slice->count - 1].id;
	WfArg args[3] = {WF_ARG_INT64(slice->merge->instance_id), WF_ARG_INT64(first),
					 WF_ARG_INT64(last)};

	if (last - first < (int64) slice->count * 4)
		slice->nstored = (int) wf_spi_run(&by_range, SPI_OK_SELECT, args);
	else
	{
		Datum *ids = palloc(slice->count * sizeof(Datum));

		for (int i = 0; i < slice->count; i++)
			ids[i] = Int64GetDatum(slice->accounts[i].id);
		args[1] = WF_ARG(wf_array_of(ids, NULL, slice->count, INT8OID));
		slice->nstored = (int) wf_spi_run(&by_id, SPI_OK_SELECT, args);
	}
	slice->stored = palloc(Max(slice->nstored, 1) * sizeof(Stored));
	for (int i = 0; i < slice->nstored; i++)
	{
		bool isnull;

		slice->stored[i].id = wf_spi_int64(i, 1);
		slice->stored[i].snapshot = wf_spi_datum(i, 2, &isnull);
		slice->stored[i].is_superuser = wf_spi_bool(i, 3);
		slice->stored[i].is_locked = wf_spi_bool(i, 4);
	}
}

/* Equal states have equal bytes: arrays are sorted by us, keys by jsonb. */
static bool
same_bytes(const Jsonb *a, const Jsonb *b)
{
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

/* A new account, or one whose permissions were never collected. */
static void
collect_new(Slice *slice, const WfActiveAccount *account, Jsonb *snapshot)
{
	WfMerge *merge = slice->merge;
	const char *db_type = wf_stage_db_type(merge->stage);
	const char *username = wf_stage_username(merge->stage, account->staged);
	WfState old = {0};
	WfState new = {.snapshot = snapshot};
	WfFacts facts;
	WfDiff diff;
	char *message;

	wf_facts_derive(db_type, username, snapshot, merge->options->now, &facts);
	new.is_superuser = facts.is_superuser;
	new.is_locked = facts.is_locked;
	wf_diff_build(db_type, &old, &new, &diff);
	message = wf_diff_message_added(username, &diff);
	MemoryContextSwitchTo(merge->slice);
	add_row(&slice->adds, account->id, snapshot, &facts, NULL);
	/* Decision 50: the entries of an added account stay empty, the sentence counts them. */
	wf_changes_add(&slice->changes, account->id, username, "add", message, NULL, NULL);
	merge->out->collection.created++;
}

/* An account whose snapshot or lock state is no longer what is stored. */
static void
collect_changed(Slice *slice, const WfActiveAccount *account, const Stored *stored,
				Jsonb *old_snapshot, Jsonb *snapshot)
{
	WfMerge *merge = slice->merge;
	WfAccountCollection *counts = &merge->out->collection;
	const char *db_type = wf_stage_db_type(merge->stage);
	const char *username = wf_stage_username(merge->stage, account->staged);
	WfState old = {old_snapshot, stored->is_superuser, stored->is_locked, merge->old_public};
	WfState new = {.snapshot = snapshot, .public_privileges = merge->new_public};
	WfFacts facts;
	WfDiff diff;
	const char *type;
	char *message;

	wf_facts_derive(db_type, username, snapshot, merge->options->now, &facts);
	new.is_superuser = facts.is_superuser;
	new.is_locked = facts.is_locked;
	wf_diff_build(db_type, &old, &new, &diff);
	type = wf_diff_change_type(&diff);
	message = wf_diff_message_modified(username, &diff);
	MemoryContextSwitchTo(merge->slice);
	add_row(&slice->updates, account->id, snapshot, &facts, type);
	if (type == NULL)
	{
		counts->skipped++;
		return;
	}
	wf_changes_add(&slice->changes, account->id, username, type, message, diff.privilege_diff,
				   diff.other_diff);
	counts->updated++;
}

/*
 * Compare one account with what is stored of it. Works in the account's own small context, from which only
 * results are copied: the garbage of building JSON would make a slice ten times as large.
 */
static void
collect_account(Slice *slice, const WfActiveAccount *account, const Stored *stored)
{
	WfMerge *merge = slice->merge;
	Jsonb *old, *snapshot;

	if (stored == NULL)
	{
		collect_new(slice, account, wf_stage_snapshot(merge->stage, account->staged, NULL));
		return;
	}
	old = DatumGetJsonbP(stored->snapshot);
	snapshot = wf_stage_snapshot(merge->stage, account->staged, old);
	if (same_bytes(old, snapshot) &&
		!wf_facts_lock_expired(wf_stage_db_type(merge->stage), snapshot, stored->is_locked,
							   merge->options->now))
		merge->out->collection.skipped++;
	else
		collect_changed(slice, account, stored, old, snapshot);
}

static int
compare_ids(const void *a, const void *b)
{
	int32 left = *(const int32 *) a, right = *(const int32 *) b;

	return left < right ? -1 : left > right ? 1 : 0;
}

/* Ids of an account's facts, sorted and distinct; gives their number. */
static int
sorted_ids(const WfFacts *facts, int32 *ids)
{
	int kept = 0;

	for (int i = 0; i < facts->count; i++)
		ids[i] = wf_intern_id(facts->handles[i]);
	qsort(ids, facts->count, sizeof(int32), compare_ids);
	for (int i = 0; i < facts->count; i++)
		if (kept == 0 || ids[kept - 1] != ids[i])
			ids[kept++] = ids[i];
	return kept;
}

/*
 * fact_ids of all rows: one long array, and where each row's part begins and ends. (Arrays of arrays
 * cannot be ragged; a slice of a fixed-length array costs its own length only.)
 */
static void
flatten_ids(const Rows *rows, WfArg args[3])
{
	Datum *from = palloc(rows->count * sizeof(Datum));
	Datum *to = palloc(rows->count * sizeof(Datum));
	Datum *values;
	int32 *ids;
	int total = 0, used = 0;

	for (int i = 0; i < rows->count; i++)
		total += rows->derived[i].count;
	ids = palloc(Max(total, 1) * sizeof(int32));
	for (int i = 0; i < rows->count; i++)
	{
		int count = sorted_ids(&rows->derived[i], ids + used);

		from[i] = Int32GetDatum(used + 1);
		used += count;
		to[i] = Int32GetDatum(used);
	}
	values = palloc(Max(used, 1) * sizeof(Datum));
	for (int i = 0; i < used; i++)
		values[i] = Int32GetDatum(ids[i]);
	args[0] = WF_ARG(wf_array_of(values, NULL, used, INT4OID));
	args[1] = WF_ARG(wf_array_of(from, NULL, rows->count, INT4OID));
	args[2] = WF_ARG(wf_array_of(to, NULL, rows->count, INT4OID));
}

/* Parameters that insert and update share: instance, time, ids, snapshots, facts, fact ids. */
static void
fill_args(const WfMerge *merge, const Rows *rows, WfArg args[8])
{
	args[0] = WF_ARG_INT64(merge->instance_id);
	args[1] = WF_ARG_TIME(merge->options->now);
	args[2] = WF_ARG(wf_array_of(rows->ids, NULL, rows->count, INT8OID));
	args[3] = WF_ARG(wf_array_of(rows->snapshots, NULL, rows->count, JSONBOID));
	args[4] = WF_ARG(wf_array_of(rows->facts, NULL, rows->count, JSONBOID));
	flatten_ids(rows, args + 5);
}

static void
write_adds(const WfMerge *merge, const Rows *rows)
{
	static WfQuery insert =
		WF_QUERY("insert into whalefall.account_permission (instance_id, id, permission_snapshot, "
				 "permission_facts, fact_ids, last_change_type, last_change_time) "
				 "select $1, c.id, c.snapshot, c.facts, $6[c.first:c.last], 'add', $2 "
				 "from (select unnest($3) as id, unnest($4) as snapshot, unnest($5) as facts, "
				 "unnest($7) as first, unnest($8) as last) c",
				 INT8OID, TIMESTAMPTZOID, INT8ARRAYOID, JSONBARRAYOID, JSONBARRAYOID, INT4ARRAYOID,
				 INT4ARRAYOID, INT4ARRAYOID);
	WfArg args[8];

	if (rows->count == 0)
		return;
	fill_args(merge, rows, args);
	wf_spi_run(&insert, SPI_OK_INSERT, args);
}

static void
write_updates(const WfMerge *merge, const Rows *rows)
{
	static WfQuery update =
		WF_QUERY("update whalefall.account_permission p set permission_snapshot = c.snapshot, "
				 "permission_facts = c.facts, fact_ids = $6[c.first:c.last], "
				 "last_change_type = coalesce(c.type, p.last_change_type), "
				 "last_change_time = case when c.type is null then p.last_change_time else $2 end "
				 "from (select unnest($3) as id, unnest($4) as snapshot, unnest($5) as facts, "
				 "unnest($7) as first, unnest($8) as last, unnest($9) as type) c "
				 "where p.instance_id = $1 and p.id = c.id",
				 INT8OID, TIMESTAMPTZOID, INT8ARRAYOID, JSONBARRAYOID, JSONBARRAYOID, INT4ARRAYOID,
				 INT4ARRAYOID, INT4ARRAYOID, TEXTARRAYOID);
	WfArg args[9];

	if (rows->count == 0)
		return;
	fill_args(merge, rows, args);
	args[8] = WF_ARG(wf_array_of(rows->types, rows->untyped, rows->count, TEXTOID));
	wf_spi_run(&update, SPI_OK_UPDATE, args);
}

/* One round of interning for the whole slice. */
static void
resolve_facts(const Slice *slice)
{
	const Rows *both[] = {&slice->adds, &slice->updates};
	uint32 *handles;
	int total = 0, used = 0;

	for (int b = 0; b < 2; b++)
		for (int i = 0; i < both[b]->count; i++)
			total += both[b]->derived[i].count;
	handles = palloc(Max(total, 1) * sizeof(uint32));
	for (int b = 0; b < 2; b++)
		for (int i = 0; i < both[b]->count; i++)
		{
			memcpy(handles + used, both[b]->derived[i].handles,
				   both[b]->derived[i].count * sizeof(uint32));
			used += both[b]->derived[i].count;
		}
	wf_intern_resolve(handles, used);
}

static void
collect_slice(WfMerge *merge, const WfActiveAccount *accounts, int count)
{
	Slice slice = {.merge = merge, .accounts = accounts, .count = count};
	SPITupleTable *table = NULL;
	bool all_created = true;
	int at = 0;

	for (int i = 0; i < count; i++)
		all_created = all_created && accounts[i].is_created;
	init_rows(&slice.adds, count);
	init_rows(&slice.updates, count);
	wf_changes_init(&slice.changes, count);
	if (!all_created)
	{
		read_stored(&slice);
		table = SPI_tuptable;
	}
	for (int i = 0; i < count; i++)
	{
		const Stored *stored = NULL;

		CHECK_FOR_INTERRUPTS();
		while (at < slice.nstored && slice.stored[at].id < accounts[i].id)
			at++;
		if (at < slice.nstored && slice.stored[at].id == accounts[i].id)
			stored = &slice.stored[at];
		MemoryContextSwitchTo(merge->account);
		collect_account(&slice, &accounts[i], stored);
		MemoryContextSwitchTo(merge->slice);
		MemoryContextReset(merge->account);
	}
	if (slice.adds.count > 0 || slice.updates.count > 0)
	{
		resolve_facts(&slice);
		write_adds(merge, &slice.adds);
		write_updates(merge, &slice.updates);
		wf_changes_flush(merge, &slice.changes);
	}
	if (table != NULL)
		SPI_freetuptable(table);
}

void
wf_merge_collect(WfMerge *merge)
{
	WfAccountCollection *counts = &merge->out->collection;

	counts->skipped_phase = merge->nactive == 0;
	for (int from = 0; from < merge->nactive; from += WF_MERGE_SLICE)
	{
		collect_slice(merge, merge->active + from, Min(merge->nactive - from, WF_MERGE_SLICE));
		MemoryContextReset(merge->slice);
	}
}
