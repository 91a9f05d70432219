/*
 * known.c - phase 1 of a merge: which accounts exist (domain 3.9), and the guard before it.
 *
 * A monitoring login that lost its catalog grants sees an empty or short list. The guard stops the merge
 * then, before anything is written.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "accounts/arrays.h"
#include "accounts/labels.h"
#include "accounts/merge_impl.h"
#include "base/errors.h"
#include "base/settings.h"
#include "base/spi.h"

/* Rows of instance_accounts read at a time. */
#define READ_SLICE 5000

typedef struct Named
{
	int64 id;
	const char *username;
} Named;

/* What phase 1 finds out before it writes. */
typedef struct Inventory
{
	WfMerge *merge;
	bool *is_known; /* by staged number */
	int active_before;
	Named *vanished; /* active here, gone there */
	uint32 nvanished, vanished_capacity;
	Named *returned; /* inactive here, back there */
	uint32 nreturned, returned_capacity;
} Inventory;

static void
append_named(WfMerge *merge, Named **list, uint32 *count, uint32 *capacity, int64 id,
			 const char *username)
{
	if (*count == *capacity)
	{
		*capacity = Max(64, *capacity * 2);
		*list = *list == NULL ? MemoryContextAllocHuge(merge->context, *capacity * sizeof(Named))
							  : repalloc_huge(*list, (Size) *capacity * sizeof(Named));
	}
	(*list)[*count].id = id;
	(*list)[(*count)++].username = username;
}

static void
add_active(WfMerge *merge, int64 id, int staged, bool is_created)
{
	WfActiveAccount *active = &merge->active[merge->nactive++];

	active->id = id;
	active->staged = staged;
	active->is_created = is_created;
}

/* One stored account. Accounts of another engine (the instance's type was changed) are absent. */
static void
classify(Inventory *inventory, int64 id, const char *username, bool is_active, bool same_type)
{
	WfMerge *merge = inventory->merge;
	int staged = same_type ? wf_stage_find(merge->stage, username) : -1;

	inventory->active_before += is_active ? 1 : 0;
	if (staged >= 0)
	{
		inventory->is_known[staged] = true;
		add_active(merge, id, staged, false);
		if (is_active)
			merge->out->inventory.refreshed++;
		else
			append_named(merge, &inventory->returned, &inventory->nreturned,
						 &inventory->returned_capacity, id,
						 wf_stage_username(merge->stage, staged));
	}
	else if (is_active)
		append_named(merge, &inventory->vanished, &inventory->nvanished,
					 &inventory->vanished_capacity, id,
					 MemoryContextStrdup(merge->context, username));
}

/* Read all stored accounts of the instance, by ascending id. */
static void
read_known(Inventory *inventory)
{
	static WfQuery read =
		WF_QUERY("select id, username, is_active, db_type = $2 from whalefall.instance_accounts "
				 "where instance_id = $1 and id > $3 order by id limit $4",
				 INT8OID, TEXTOID, INT8OID, INT8OID);
	WfMerge *merge = inventory->merge;
	int64 last = PG_INT64_MIN;
	uint64 count;

	do
	{
		WfArg args[] = {WF_ARG_INT64(merge->instance_id),
						wf_arg_text(wf_stage_db_type(merge->stage)), WF_ARG_INT64(last),
						WF_ARG_INT64(READ_SLICE)};

		CHECK_FOR_INTERRUPTS();
		count = wf_spi_run(&read, SPI_OK_SELECT, args);
		for (uint64 i = 0; i < count; i++)
		{
			last = wf_spi_int64(i, 1);
			classify(inventory, last, wf_spi_text(i, 2), wf_spi_bool(i, 3), wf_spi_bool(i, 4));
		}
		SPI_freetuptable(SPI_tuptable);
		MemoryContextReset(merge->slice);
	} while (count == READ_SLICE);
}

/* Raise INVENTORY_SUSPICIOUS when more would vanish than the settings allow. */
static void
guard(const Inventory *inventory)
{
	WfMerge *merge = inventory->merge;
	int remote = merge->out->inventory.total_remote;
	int64 vanishing = inventory->nvanished;
	int active = inventory->active_before;
	bool empty = remote == 0 && active > 0;
	bool shrunk = vanishing > wf_setting_inventory_guard_accounts &&
				  vanishing * 100 > (int64) active * wf_setting_inventory_guard_percent;

	if (merge->options->force || (!empty && !shrunk))
		return;
	wf_raise_extra(
		WF_ERR_INVENTORY_SUSPICIOUS,
		psprintf("{\"remote_count\": %d, \"active_count\": %d, \"vanishing_count\": " INT64_FORMAT
				 "}",
				 remote, active, vanishing),
		psprintf("The instance reports %d accounts; " INT64_FORMAT
				 " of %d active accounts would vanish.",
				 remote, vanishing, active),
		"Check the privileges of the login; if the accounts are really gone, sync with force.");
}

/* Ids of a slice as an array parameter. */
static WfArg
ids_of(const Named *list, int count)
{
	Datum *ids = palloc(count * sizeof(Datum));

	for (int i = 0; i < count; i++)
		ids[i] = Int64GetDatum(list[i].id);
	return WF_ARG(wf_array_of(ids, NULL, count, INT8OID));
}

/* Switch a slice of accounts off or on, mark their permission rows, log. */
static void
switch_slice(WfMerge *merge, const Named *list, int count, bool on)
{
	static WfQuery accounts = WF_QUERY(
		"update whalefall.instance_accounts set is_active = $3, updated_at = $4, "
		"deleted_at = case when $3 then null else $4 end where instance_id = $1 and id = any ($2)",
		INT8OID, INT8ARRAYOID, BOOLOID, TIMESTAMPTZOID);
	static WfQuery permissions = WF_QUERY(
		"update whalefall.account_permission set last_change_type = $3, last_change_time = $4 "
		"where instance_id = $1 and id = any ($2)",
		INT8OID, INT8ARRAYOID, TEXTOID, TIMESTAMPTZOID);
	const char *type = on ? "restore" : "delete";
	const char *phrase = wf_phrase(on ? WF_PHRASE_RESTORED : WF_PHRASE_DELETED);
	WfArg args[] = {WF_ARG_INT64(merge->instance_id), ids_of(list, count), WF_ARG_BOOL(on),
					WF_ARG_TIME(merge->options->now)};
	WfChanges changes;

	wf_spi_run(&accounts, SPI_OK_UPDATE, args);
	args[2] = wf_arg_text(type);
	wf_spi_run(&permissions, SPI_OK_UPDATE, args);
	wf_changes_init(&changes, count);
	for (int i = 0; i < count; i++)
		wf_changes_add(
			&changes, list[i].id, list[i].username, type,
			psprintf("%s%s", psprintf(wf_phrase(WF_PHRASE_ACCOUNT), list[i].username), phrase),
			NULL, NULL);
	wf_changes_flush(merge, &changes);
}

static void
switch_all(WfMerge *merge, const Named *list, uint32 count, bool on)
{
	for (uint32 from = 0; from < count; from += WF_MERGE_SLICE)
	{
		CHECK_FOR_INTERRUPTS();
		switch_slice(merge, list + from, Min(count - from, WF_MERGE_SLICE), on);
		MemoryContextReset(merge->slice);
	}
}

/* Insert a slice of new accounts; their ids come back by name. */
static void
create_slice(WfMerge *merge, const int *staged, int count)
{
	static WfQuery insert =
		WF_QUERY("insert into whalefall.instance_accounts (instance_id, db_type, username, "
				 "created_at, updated_at) select $1, $2, unnest($3), $4, $4 returning id, username",
				 INT8OID, TEXTOID, TEXTARRAYOID, TIMESTAMPTZOID);
	Datum *names = palloc(count * sizeof(Datum));
	WfArg args[4];

	for (int i = 0; i < count; i++)
		names[i] = CStringGetTextDatum(wf_stage_username(merge->stage, staged[i]));
	args[0] = WF_ARG_INT64(merge->instance_id);
	args[1] = wf_arg_text(wf_stage_db_type(merge->stage));
	args[2] = WF_ARG(wf_array_of(names, NULL, count, TEXTOID));
	args[3] = WF_ARG_TIME(merge->options->now);
	wf_spi_run(&insert, SPI_OK_INSERT_RETURNING, args);
	for (int i = 0; i < count; i++)
		add_active(merge, wf_spi_int64(i, 1), wf_stage_find(merge->stage, wf_spi_text(i, 2)), true);
	SPI_freetuptable(SPI_tuptable);
	merge->out->inventory.created += count;
}

static void
create_new(Inventory *inventory)
{
	WfMerge *merge = inventory->merge;
	int total = merge->out->inventory.total_remote;
	int slice[WF_MERGE_SLICE];
	int count = 0;

	for (int i = 0; i < total; i++)
	{
		if (!inventory->is_known[i])
			slice[count++] = i;
		if (count == WF_MERGE_SLICE || (i == total - 1 && count > 0))
		{
			CHECK_FOR_INTERRUPTS();
			create_slice(merge, slice, count);
			MemoryContextReset(merge->slice);
			count = 0;
		}
	}
}

static int
compare_active(const void *a, const void *b)
{
	int64 left = ((const WfActiveAccount *) a)->id, right = ((const WfActiveAccount *) b)->id;

	return left < right ? -1 : left > right ? 1 : 0;
}

void
wf_merge_inventory(WfMerge *merge)
{
	WfAccountInventory *counts = &merge->out->inventory;
	Inventory inventory = {.merge = merge};

	counts->total_remote = wf_stage_count(merge->stage);
	merge->active = MemoryContextAllocHuge(merge->context,
										   (counts->total_remote + 1) * sizeof(WfActiveAccount));
	inventory.is_known = MemoryContextAllocZero(merge->context, counts->total_remote + 1);
	read_known(&inventory);
	guard(&inventory);
	switch_all(merge, inventory.vanished, inventory.nvanished, false);
	switch_all(merge, inventory.returned, inventory.nreturned, true);
	counts->deactivated = (int) inventory.nvanished;
	counts->reactivated = (int) inventory.nreturned;
	create_new(&inventory);
	if (merge->nactive > 0)
		qsort(merge->active, merge->nactive, sizeof(WfActiveAccount), compare_active);
}
