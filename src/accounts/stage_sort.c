/*
 * stage_sort.c - the end of collecting: everything in one canonical order.
 *
 * Order makes snapshots comparable byte by byte, and lets an account's rows be a sorted list of
 * numbers. Atoms are renumbered by their order, so that sorting rows compares integers only.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "accounts/stage_impl.h"

int
wf_atom_compare(const WfPool *pool, const WfAtom *a, const WfAtom *b)
{
	int shared = Min(a->nparts, b->nparts);

	for (int i = 0; i < shared; i++)
		if (a->part[i] != b->part[i])
			return strcmp(wf_pool_text(pool, a->part[i]), wf_pool_text(pool, b->part[i]));
	if (a->nparts != b->nparts)
		return a->nparts < b->nparts ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->text == b->text ? 0
							  : strcmp(wf_pool_text(pool, a->text), wf_pool_text(pool, b->text));
}

static int
compare_atom_numbers(const void *a, const void *b, void *arg)
{
	const WfAccountStage *stage = arg;

	return wf_atom_compare(&stage->pool, &stage->atoms[*(const uint32 *) a],
						   &stage->atoms[*(const uint32 *) b]);
}

static int
compare_atoms(const void *a, const void *b, void *arg)
{
	return wf_atom_compare(arg, a, b);
}

static int
compare_accounts(const void *a, const void *b, void *arg)
{
	const WfPool *pool = arg;
	const WfStagedAccount *left = a, *right = b;

	/* The first rows decide between two of one name, so that always the same one stays. */
	if (left->name == right->name)
		return left->first < right->first ? -1 : left->first > right->first ? 1 : 0;
	return strcmp(wf_pool_text(pool, left->name), wf_pool_text(pool, right->name));
}

static int
compare_numbers(const void *a, const void *b)
{
	uint32 left = *(const uint32 *) a, right = *(const uint32 *) b;

	return left < right ? -1 : left > right ? 1 : 0;
}

static WfAtomSection
section_of(const char *category)
{
	if (strcmp(category, "type_specific") == 0)
		return WF_SECTION_TYPE_SPECIFIC;
	if (strcmp(category, "extra") == 0 || strncmp(category, "extra.", 6) == 0)
		return WF_SECTION_EXTRA;
	return WF_SECTION_CATEGORIES;
}

static bool
is_unread(const WfAccountStage *stage, const char *category)
{
	ListCell *cell;

	foreach (cell, stage->unread)
		if (strcmp(lfirst(cell), category) == 0)
			return true;
	return false;
}

/* Bring the atoms into order and let the rows follow. */
static void
sort_atoms(WfAccountStage *stage)
{
	uint32 *order = MemoryContextAllocHuge(stage->context, (stage->natoms + 1) * sizeof(uint32));
	uint32 *rank = MemoryContextAllocHuge(stage->context, (stage->natoms + 1) * sizeof(uint32));
	WfAtom *sorted = MemoryContextAllocHuge(stage->context, (stage->natoms + 1) * sizeof(WfAtom));

	for (uint32 i = 0; i < stage->natoms; i++)
		order[i] = i;
	qsort_arg(order, stage->natoms, sizeof(uint32), compare_atom_numbers, stage);
	for (uint32 i = 0; i < stage->natoms; i++)
	{
		const char *category;

		rank[order[i]] = i;
		sorted[i] = stage->atoms[order[i]];
		category = wf_pool_text(&stage->pool, sorted[i].part[0]);
		sorted[i].section = section_of(category);
		sorted[i].unread = is_unread(stage, category);
	}
	for (uint32 i = 0; i < stage->nrows; i++)
		stage->rows[i].atom = rank[stage->rows[i].atom];
	if (stage->atoms != NULL)
		pfree(stage->atoms);
	if (stage->atom_slots.slots != NULL)
		pfree(stage->atom_slots.slots);
	memset(&stage->atom_slots, 0, sizeof(stage->atom_slots));
	pfree(order);
	pfree(rank);
	stage->atoms = sorted;
}

/* Sort an account's rows and drop doubles. */
static void
sort_rows_of(WfAccountStage *stage, WfStagedAccount *account)
{
	uint32 *rows = stage->sorted_rows + account->first;
	uint32 count = account->last - account->first;
	uint32 kept = 0;

	qsort(rows, count, sizeof(uint32), compare_numbers);
	for (uint32 i = 0; i < count; i++)
		if (kept == 0 || rows[kept - 1] != rows[i])
			rows[kept++] = rows[i];
	account->last = account->first + kept;
}

/* Group the rows by account: count, place, sort each group. */
static void
group_rows(WfAccountStage *stage)
{
	uint32 total = 0;

	stage->sorted_rows =
		MemoryContextAllocHuge(stage->context, (stage->nrows + 1) * sizeof(uint32));
	for (uint32 i = 0; i < stage->nrows; i++)
		stage->accounts[stage->rows[i].account].last++;
	for (uint32 i = 0; i < stage->naccounts; i++)
	{
		uint32 count = stage->accounts[i].last;

		stage->accounts[i].first = stage->accounts[i].last = total;
		total += count;
	}
	for (uint32 i = 0; i < stage->nrows; i++)
		stage->sorted_rows[stage->accounts[stage->rows[i].account].last++] = stage->rows[i].atom;
	if (stage->rows != NULL)
		pfree(stage->rows);
	stage->rows = NULL;
	for (uint32 i = 0; i < stage->naccounts; i++)
	{
		CHECK_FOR_INTERRUPTS();
		sort_rows_of(stage, &stage->accounts[i]);
	}
}

/*
 * Sort accounts by name. Two accounts may share one name (MySQL: 'a'@'b@c' and 'a@b'@'c'); the first
 * one stays, as the table can hold only one.
 */
static void
sort_accounts(WfAccountStage *stage)
{
	uint32 kept = 0;

	if (stage->naccounts == 0)
		return;
	qsort_arg(stage->accounts, stage->naccounts, sizeof(WfStagedAccount), compare_accounts,
			  &stage->pool);
	for (uint32 i = 0; i < stage->naccounts; i++)
	{
		if (kept > 0 && stage->accounts[kept - 1].name == stage->accounts[i].name)
		{
			wf_stage_complain(stage, psprintf("two accounts are named %s; only one is followed",
											  wf_pool_text(&stage->pool, stage->accounts[i].name)));
			continue;
		}
		stage->accounts[kept++] = stage->accounts[i];
	}
	stage->naccounts = kept;
}

/* Does PUBLIC hold anything in this category, as far as the rows say? */
static bool
is_public_category(const WfAccountStage *stage, uint32 npublics, uint32 category)
{
	for (uint32 i = 0; i < npublics; i++)
		if (stage->publics[i].part[0] == category)
			return true;
	return false;
}

/*
 * Objects where PUBLIC holds nothing, but some account does, exist too: they join the list with no name.
 * Without them, taking everything from PUBLIC would look like dropping the object.
 */
static void
add_known_objects(WfAccountStage *stage)
{
	uint32 npublics = stage->npublics;
	uint32 category = PG_UINT32_MAX;
	bool is_public = false;

	for (uint32 i = 0; i < stage->natoms && npublics > 0; i++)
	{
		const WfAtom *atom = &stage->atoms[i];
		WfAtom object = {.kind = WF_ATOM_ITEM, .nparts = 2};

		if (atom->part[0] != category)
		{
			category = atom->part[0];
			is_public = is_public_category(stage, npublics, category);
		}
		if (!is_public || atom->kind != WF_ATOM_ITEM || atom->nparts != 3)
			continue;
		if (i > 0 && atom[-1].part[0] == category && atom[-1].nparts == 3 &&
			atom[-1].part[1] == atom->part[1])
			continue;
		object.part[0] = category;
		object.part[1] = atom->part[1];
		stage->publics = wf_grow(stage->context, stage->publics, &stage->publics_capacity,
								 stage->npublics + 1, sizeof(WfAtom));
		stage->publics[stage->npublics++] = object;
	}
}

void
wf_stage_finish(WfAccountStage *stage)
{
	Assert(!stage->finished);
	sort_atoms(stage);
	add_known_objects(stage);
	group_rows(stage);
	sort_accounts(stage);
	if (stage->npublics > 0)
		qsort_arg(stage->publics, stage->npublics, sizeof(WfAtom), compare_atoms, &stage->pool);
	if (stage->nmetas > 0)
		qsort_arg(stage->metas, stage->nmetas, sizeof(WfAtom), compare_atoms, &stage->pool);
	if (stage->account_of != NULL)
		pfree(stage->account_of);
	stage->account_of = NULL;
	stage->finished = true;
}
