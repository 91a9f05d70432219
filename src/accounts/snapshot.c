/*
 * snapshot.c - the permission snapshot of one staged account (domain 3.6, 3.7).
 *
 * The staged rows are sorted, so every list comes out sorted and distinct, and equal states give equal
 * bytes. What the driver could not read is taken over from the stored snapshot: a partial read revokes
 * nothing.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "accounts/grants.h"
#include "accounts/jb.h"
#include "accounts/stage_impl.h"

#define FORBIDDEN_FIELD "TYPE_SPECIFIC_FORBIDDEN_FIELD:"
#define WRONG_SHAPE		"CATEGORY_SHAPE:"

/* Decisions about an account that only facts may hold (domain 3.7). */
static const char *const forbidden[] = {"is_locked", "is_superuser", "privileges", "roles"};

/* State of building one snapshot. */
typedef struct Build
{
	const WfAccountStage *stage;
	const WfAtom *atoms; /* of the stage */
	const uint32 *rows;	 /* of the account */
	int count;
	JsonbContainer *old; /* stored snapshot, or NULL */
	WfJson json;
	List *errors;
} Build;

static const WfAtom *
atom_at(const Build *build, int row)
{
	return &build->atoms[build->rows[row]];
}

static const char *
part_text(const Build *build, const WfAtom *atom, int part)
{
	return wf_pool_text(&build->stage->pool, atom->part[part]);
}

/* Add the value of an atom: with its key inside objects, alone inside lists. */
static void
add_scalar(WfJson *json, const char *key, const WfAtom *atom, const char *text)
{
	switch ((WfAtomKind) atom->kind)
	{
		case WF_ATOM_BOOL:
			wf_json_add_bool(json, key, strcmp(text, "true") == 0);
			break;
		case WF_ATOM_NUMBER:
			wf_json_add_numeric_text(json, key, text);
			break;
		case WF_ATOM_NULL:
			wf_json_add_null(json, key);
			break;
		case WF_ATOM_ITEM:
		case WF_ATOM_STRING:
			wf_json_add_text(json, key, text);
			break;
	}
}

/* Rows from `from` on that share the first depth + 1 parts; gives the end. */
static int
end_of_group(const Build *build, int from, int to, int depth)
{
	uint32 part = atom_at(build, from)->part[depth];
	int end = from + 1;

	while (end < to && atom_at(build, end)->nparts > depth &&
		   atom_at(build, end)->part[depth] == part)
		end++;
	return end;
}

/* Does this row end at a depth: an element of a list there, or a scalar member? */
static bool
ends_at(const WfAtom *atom, int depth)
{
	return atom->nparts == depth + 1;
}

/* A list and an object cannot stand in one place: say so instead of storing half of it silently. */
static void
complain_shape(Build *build, const WfAtom *atom)
{
	char *error = psprintf(WRONG_SHAPE "%s", part_text(build, atom, 0));
	ListCell *cell;

	foreach (cell, build->errors)
		if (strcmp(lfirst(cell), error) == 0)
			return;
	build->errors = lappend(build->errors, error);
}

static void build_members(Build *build, int from, int to, int depth);

/* A list of the names that end at this depth. */
static void
build_list(Build *build, const char *key, int from, int to, int depth)
{
	wf_json_open_array(&build->json, key);
	for (int i = from; i < to; i++)
	{
		const WfAtom *atom = atom_at(build, i);

		if (ends_at(atom, depth) && atom->kind == WF_ATOM_ITEM)
			wf_json_add_text(&build->json, NULL, part_text(build, atom, depth));
		else
			complain_shape(build, atom);
	}
	wf_json_close(&build->json);
}

/* One member: a scalar, a list or an object, as its first row says. */
static void
build_member(Build *build, const char *key, int from, int to, int depth)
{
	const WfAtom *first = atom_at(build, from);

	check_stack_depth();
	if (ends_at(first, depth) && first->kind == WF_ATOM_ITEM)
		build_list(build, key, from, to, depth);
	else
	{
		wf_json_open_object(&build->json, key);
		build_members(build, from, to, depth);
		wf_json_close(&build->json);
	}
}

/* The members of an object whose rows share `depth` parts. */
static void
build_members(Build *build, int from, int to, int depth)
{
	for (int i = from; i < to;)
	{
		const WfAtom *atom = atom_at(build, i);
		int end;

		if (atom->nparts <= depth)
		{
			complain_shape(build, atom);
			i++;
			continue;
		}
		end = end_of_group(build, i, to, depth);
		if (!ends_at(atom, depth))
			build_member(build, part_text(build, atom, depth), i, end, depth + 1);
		else if (atom->kind == WF_ATOM_ITEM)
			complain_shape(build, atom);
		else
			add_scalar(&build->json, part_text(build, atom, depth), atom,
					   wf_pool_text(&build->stage->pool, atom->text));
		i = end;
	}
}

/* Take an unread member over from the stored snapshot, if it has one. */
static void
carry_forward(Build *build, JsonbContainer *old_section, const char *key)
{
	JsonbValue value;

	if (wf_jb_member(old_section, key, &value))
		wf_jb_add(&build->json, key, &value);
}

/* Categories, or members of `extra`: the first `prefix` bytes of a staged category are not its key. */
static void
build_section(Build *build, WfAtomSection section, const char *name, int prefix)
{
	JsonbContainer *old_section = wf_jb_container(build->old, name);
	ListCell *cell;

	wf_json_open_object(&build->json, name);
	for (int i = 0; i < build->count;)
	{
		const WfAtom *atom = atom_at(build, i);
		int end = end_of_group(build, i, build->count, 0);
		const char *category = part_text(build, atom, 0);

		/* Rows of a category that was not read completely are void. */
		if (atom->section == section && !atom->unread)
		{
			if (strlen(category) > (size_t) prefix)
				build_member(build, category + prefix, i, end, 1);
			else
				build_members(build, i, end, 1);
		}
		i = end;
	}
	foreach (cell, build->old != NULL ? build->stage->unread : NIL)
	{
		const char *category = lfirst(cell);
		bool is_extra = strncmp(category, "extra.", 6) == 0;

		if (is_extra == (section == WF_SECTION_EXTRA) && strcmp(category, "type_specific") != 0)
			carry_forward(build, old_section, category + (is_extra ? 6 : 0));
	}
	wf_json_close(&build->json);
}

static bool
is_forbidden(const char *key)
{
	for (size_t i = 0; i < lengthof(forbidden); i++)
		if (strcmp(key, forbidden[i]) == 0)
			return true;
	return false;
}

static bool
category_is_unread(const WfAccountStage *stage, const char *category)
{
	ListCell *cell;

	foreach (cell, stage->unread)
		if (strcmp(lfirst(cell), category) == 0)
			return true;
	return false;
}

/* The engine's own attributes, without what only facts may decide. */
static void
build_type_specific(Build *build)
{
	const char *db_type = build->stage->db_type;

	wf_json_open_object(&build->json, "type_specific");
	if (build->old != NULL && category_is_unread(build->stage, "type_specific"))
		carry_forward(build, wf_jb_container(build->old, "type_specific"), db_type);
	else
	{
		wf_json_open_object(&build->json, db_type);
		for (int i = 0; i < build->count; i++)
		{
			const WfAtom *atom = atom_at(build, i);
			const char *key;

			if (atom->section != WF_SECTION_TYPE_SPECIFIC || atom->kind == WF_ATOM_ITEM ||
				atom->unread)
				continue;
			key = part_text(build, atom, 1);
			if (is_forbidden(key))
				build->errors = lappend(build->errors, psprintf(FORBIDDEN_FIELD "%s", key));
			else
				add_scalar(&build->json, key, atom, wf_pool_text(&build->stage->pool, atom->text));
		}
		wf_json_close(&build->json);
	}
	wf_json_close(&build->json);
}

/* Errors about a part that could not be read this time stand as long as the part itself. */
static void
carry_errors(Build *build)
{
	JsonbContainer *errors = wf_jb_container(build->old, "errors");
	WfGrant *texts;
	int count = build->stage->unread != NIL ? wf_grants_of(errors, false, &texts) : 0;

	for (int i = 0; i < count; i++)
	{
		char *error = pnstrdup(texts[i].name, texts[i].name_length);
		bool of_type = strncmp(error, FORBIDDEN_FIELD, strlen(FORBIDDEN_FIELD)) == 0;
		bool of_shape = strncmp(error, WRONG_SHAPE, strlen(WRONG_SHAPE)) == 0;

		if ((of_type && category_is_unread(build->stage, "type_specific")) ||
			(of_shape && category_is_unread(build->stage, error + strlen(WRONG_SHAPE))))
			build->errors = lappend(build->errors, error);
	}
}

static int
compare_errors(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

static void
build_errors(Build *build)
{
	ListCell *cell;

	carry_errors(build);
	list_sort(build->errors, compare_errors);
	wf_json_open_array(&build->json, "errors");
	foreach (cell, build->errors)
		wf_json_add_text(&build->json, NULL, lfirst(cell));
	wf_json_close(&build->json);
}

static void
build_meta(Build *build)
{
	const WfAccountStage *stage = build->stage;

	wf_json_open_object(&build->json, "meta");
	for (uint32 i = 0; i < stage->nmetas; i++)
		add_scalar(&build->json, wf_pool_text(&stage->pool, stage->metas[i].part[0]),
				   &stage->metas[i], wf_pool_text(&stage->pool, stage->metas[i].text));
	wf_json_close(&build->json);
}

Jsonb *
wf_stage_snapshot(const WfAccountStage *stage, int account, Jsonb *old)
{
	const WfStagedAccount *staged = &stage->accounts[account];
	Build build = {.stage = stage, .atoms = stage->atoms};

	Assert(stage->finished);
	if (staged->ready != NULL)
		return staged->ready;
	build.rows = stage->sorted_rows + staged->first;
	build.count = (int) (staged->last - staged->first);
	build.old = old != NULL && JB_ROOT_IS_OBJECT(old) ? &old->root : NULL;
	wf_json_begin(&build.json);
	build_section(&build, WF_SECTION_CATEGORIES, "categories", 0);
	build_type_specific(&build);
	build_section(&build, WF_SECTION_EXTRA, "extra", strlen("extra."));
	build_errors(&build);
	build_meta(&build);
	wf_json_add_int(&build.json, "version", 4);
	return wf_json_end(&build.json);
}

/* One object of a category with the sorted names that PUBLIC holds; gives the end of its rows. */
static uint32
build_public_object(const WfAccountStage *stage, WfJson *json, uint32 from)
{
	const WfAtom *first = &stage->publics[from];
	uint32 previous = PG_UINT32_MAX;
	uint32 i;

	wf_json_open_array(json, wf_pool_text(&stage->pool, first->part[1]));
	for (i = from; i < stage->npublics; i++)
	{
		const WfAtom *atom = &stage->publics[i];

		if (atom->part[0] != first->part[0] || atom->part[1] != first->part[1])
			break;
		if (atom->nparts == 3 && atom->part[2] != previous)
			wf_json_add_text(json, NULL, wf_pool_text(&stage->pool, atom->part[2]));
		previous = atom->nparts == 3 ? atom->part[2] : PG_UINT32_MAX;
	}
	wf_json_close(json);
	return i;
}

/* All objects of one category; gives the end of its rows. */
static uint32
build_public_category(const WfAccountStage *stage, WfJson *json, uint32 from)
{
	uint32 category = stage->publics[from].part[0];
	const char *name = wf_pool_text(&stage->pool, category);
	bool skip = category_is_unread(stage, name);
	uint32 i = from;

	if (!skip)
		wf_json_open_object(json, name);
	while (i < stage->npublics && stage->publics[i].part[0] == category)
		i = skip ? i + 1 : build_public_object(stage, json, i);
	if (!skip)
		wf_json_close(json);
	return i;
}

Jsonb *
wf_stage_public_privileges(const WfAccountStage *stage, Jsonb *old)
{
	WfJson json;
	ListCell *cell;

	Assert(stage->finished);
	if (stage->ready_publics != NULL)
		return stage->ready_publics;
	wf_json_begin(&json);
	for (uint32 i = 0; i < stage->npublics;)
		i = build_public_category(stage, &json, i);
	foreach (cell, old != NULL && JB_ROOT_IS_OBJECT(old) ? stage->unread : NIL)
	{
		JsonbValue value;

		if (wf_jb_member(&old->root, lfirst(cell), &value))
			wf_jb_add(&json, lfirst(cell), &value);
	}
	return wf_json_end(&json);
}
