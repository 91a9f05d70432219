/*
 * merge.c - bring the stored accounts of an instance to the staged state.
 *
 * Phase 1 settles who exists (known.c), phase 2 what they may do (collect.c); both in one transaction, so
 * a failed sync leaves nothing behind (decision 47).
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "accounts/intern.h"
#include "accounts/labels.h"
#include "accounts/merge_impl.h"
#include "base/spi.h"

/* First key of the advisory lock of a merge; the second is the instance. */
#define LOCK_CLASS 0x77666164

/* Two merges of one instance at once would both insert the same accounts. */
static void
lock_instance(int64 instance_id)
{
	DirectFunctionCall2(pg_advisory_xact_lock_int4, Int32GetDatum(LOCK_CLASS),
						Int32GetDatum((int32) instance_id));
}

/* What PUBLIC held at the last sync; NULL when there was none. */
static void
load_state(WfMerge *merge)
{
	static WfQuery find = WF_QUERY("select public_privileges from whalefall.account_sync_state "
								   "where instance_id = $1",
								   INT8OID);
	WfArg args[] = {WF_ARG_INT64(merge->instance_id)};

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 1)
		merge->old_public = (Jsonb *) wf_spi_copy_varlena(0, 1, merge->context);
	SPI_freetuptable(SPI_tuptable);
	merge->new_public = wf_stage_public_privileges(merge->stage, merge->old_public);
}

/* Remember what PUBLIC holds, when it differs from what we knew. */
static void
store_state(WfMerge *merge)
{
	static WfQuery upsert =
		WF_QUERY("insert into whalefall.account_sync_state (instance_id, public_privileges) "
				 "values ($1, $2) on conflict (instance_id) "
				 "do update set public_privileges = excluded.public_privileges",
				 INT8OID, JSONBOID);
	WfArg args[] = {WF_ARG_INT64(merge->instance_id), WF_ARG_JSONB(merge->new_public)};

	if (merge->old_public != NULL && VARSIZE(merge->old_public) == VARSIZE(merge->new_public) &&
		memcmp(merge->old_public, merge->new_public, VARSIZE(merge->new_public)) == 0)
		return;
	wf_spi_run(&upsert, SPI_OK_INSERT, args);
}

/* Copy texts into the caller's memory, and make the closing sentence. */
static void
finish_outcome(WfMerge *merge)
{
	WfAccountCollection *collection = &merge->out->collection;
	ListCell *cell;

	foreach (cell, wf_stage_errors(merge->stage))
		collection->errors = lappend(collection->errors, pstrdup(lfirst(cell)));
	if (collection->skipped_phase)
		collection->message = pstrdup(wf_phrase(WF_PHRASE_NO_ACCOUNTS));
	else
		collection->message = psprintf(wf_phrase(WF_PHRASE_COLLECTED), collection->created,
									   collection->updated, collection->skipped);
}

/*
 * Every statement here finds its rows by an index; a plan made while the tables were small would scan them,
 * and be kept. That includes the checks of foreign keys, which are planned at their first use. To be undone
 * with AtEOXact_GUC.
 */
static int
pin_planner(void)
{
	static const char *const settings[] = {"enable_seqscan", "jit"};
	int level = NewGUCNestLevel();

	for (size_t i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i], "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	return level;
}

void
wf_accounts_merge(int64 instance_id, WfAccountStage *stage, const WfAccountMerge *options,
				  WfAccountOutcome *out)
{
	MemoryContext caller = CurrentMemoryContext;
	int level = pin_planner();
	WfMerge merge = {.instance_id = instance_id, .stage = stage, .options = options, .out = out};

	memset(out, 0, sizeof(*out));
	merge.context =
		AllocSetContextCreate(caller, "whalefall account merge", ALLOCSET_DEFAULT_SIZES);
	merge.slice =
		AllocSetContextCreate(merge.context, "whalefall merge slice", ALLOCSET_DEFAULT_SIZES);
	/* Large enough that an ordinary account fits into the block that a reset keeps. */
	merge.account =
		AllocSetContextCreate(merge.context, "whalefall merge account", 0, 64 * 1024, 1024 * 1024);
	MemoryContextSwitchTo(merge.context);
	lock_instance(instance_id);
	wf_intern_begin(wf_stage_db_type(stage));
	load_state(&merge);
	MemoryContextSwitchTo(merge.slice);
	wf_merge_inventory(&merge);
	wf_merge_collect(&merge);
	store_state(&merge);
	MemoryContextSwitchTo(caller);
	finish_outcome(&merge);
	MemoryContextDelete(merge.context);
	AtEOXact_GUC(true, level);
}

static void
add_inventory(WfJson *json, const WfAccountStage *stage, const WfAccountInventory *inventory,
			  int max_names)
{
	int names = wf_stage_count(stage);

	if (max_names > 0)
		names = Min(names, max_names);
	wf_json_open_object(json, "inventory");
	wf_json_add_text(json, "status", "completed");
	wf_json_add_int(json, "created", inventory->created);
	wf_json_add_int(json, "refreshed", inventory->refreshed);
	wf_json_add_int(json, "reactivated", inventory->reactivated);
	wf_json_add_int(json, "deactivated", inventory->deactivated);
	wf_json_add_int(json, "processed_records",
					inventory->created + inventory->refreshed + inventory->reactivated);
	wf_json_add_int(json, "total_remote", inventory->total_remote);
	wf_json_add_int(json, "active_count", inventory->total_remote);
	wf_json_open_array(json, "active_accounts");
	for (int i = 0; i < names; i++)
		wf_json_add_text(json, NULL, wf_stage_username(stage, i));
	wf_json_close(json);
	wf_json_close(json);
}

void
wf_accounts_outcome_json(WfJson *json, const WfAccountStage *stage, const WfAccountOutcome *out,
						 int max_names)
{
	const WfAccountCollection *collection = &out->collection;
	ListCell *cell;

	add_inventory(json, stage, &out->inventory, max_names);
	wf_json_open_object(json, "collection");
	wf_json_add_text(json, "status", collection->skipped_phase ? "skipped" : "completed");
	wf_json_add_int(json, "created", collection->created);
	wf_json_add_int(json, "updated", collection->updated);
	wf_json_add_int(json, "skipped", collection->skipped);
	wf_json_add_int(json, "processed_records", collection->created + collection->updated);
	wf_json_open_array(json, "errors");
	foreach (cell, collection->errors)
		wf_json_add_text(json, NULL, lfirst(cell));
	wf_json_close(json);
	wf_json_add_text(json, "message", collection->message);
	wf_json_close(json);
}
