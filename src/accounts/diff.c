/*
 * diff.c - what changed between two permission states (domain 3.11).
 *
 * Categories are flattened to sorted (object, name) lists and merged; a run of one object gives at most
 * one GRANT and one REVOKE entry. What PUBLIC holds on a database that just appeared, or held on one
 * that vanished, is no change of the account.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "accounts/diff.h"
#include "accounts/grants.h"
#include "accounts/jb.h"
#include "accounts/labels.h"

#define MAX_CATEGORIES 64

/* State of one comparison. */
typedef struct Compare
{
	const char *db_type;
	const WfState *old;
	const WfState *new;
	WfDiff *diff;
	WfJson json;
	StringInfoData descriptions;
} Compare;

/* A category of both states. */
typedef struct Category
{
	const char *name;
	const char *label;
	WfGrant *old, *new;
	int nold, nnew;
} Category;

/* Part of a sorted list that speaks of one object. */
typedef struct Run
{
	const WfGrant *grants;
	int count;
} Run;

static JsonbContainer *
categories_of(const WfState *state)
{
	return state->snapshot != NULL ? wf_jb_container(&state->snapshot->root, "categories") : NULL;
}

/* Collect the keys of an object into a list of texts, without doubles. */
static List *
add_keys(List *keys, JsonbContainer *object)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue value;

	if (object == NULL || !JsonContainerIsObject(object))
		return keys;
	it = JsonbIteratorInit(object);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		ListCell *cell;
		bool known = false;

		if (token != WJB_KEY)
			continue;
		foreach (cell, keys)
			known =
				known || (strlen(lfirst(cell)) == (size_t) value.val.string.len &&
						  memcmp(lfirst(cell), value.val.string.val, value.val.string.len) == 0);
		if (!known && list_length(keys) < MAX_CATEGORIES)
			keys = lappend(keys, pnstrdup(value.val.string.val, value.val.string.len));
	}
	return keys;
}

static int
compare_texts(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* Grants of one run that the other run lacks. */
static int
missing_from(const Run *run, const Run *other, const WfGrant **missing)
{
	int count = 0;

	for (int i = 0; i < run->count; i++)
		if (!wf_grants_have(other->grants, other->count, &run->grants[i]))
			missing[count++] = &run->grants[i];
	return count;
}

/* The names PUBLIC holds on an object, or NULL when that object was not there. */
static JsonbContainer *
public_names(const WfState *state, const char *category, const WfGrant *object)
{
	JsonbContainer *objects;
	JsonbValue value;

	if (state->public_privileges == NULL)
		return NULL;
	objects = wf_jb_container(&state->public_privileges->root, category);
	if (objects == NULL || !JsonContainerIsObject(objects) ||
		getKeyJsonValueFromContainer(objects, object->object, object->object_length, &value) ==
			NULL ||
		value.type != jbvBinary)
		return NULL;
	return value.val.binary.data;
}

/*
 * Did the object only appear in (or vanish from) the instance, with nothing but PUBLIC's privileges?
 * with: the state that has the object; without: the one that must know of objects but not of this.
 */
static bool
is_public_only(const Category *category, const WfState *with, const WfState *without,
			   const WfGrant **names, int count)
{
	JsonbContainer *held;

	if (count == 0 || without->public_privileges == NULL ||
		wf_jb_container(&without->public_privileges->root, category->name) == NULL ||
		public_names(without, category->name, names[0]) != NULL)
		return false;
	held = public_names(with, category->name, names[0]);
	if (held == NULL)
		return false;
	for (int i = 0; i < count; i++)
		if (!wf_jb_array_has(held, pnstrdup(names[i]->name, names[i]->name_length)))
			return false;
	return true;
}

static void
add_privilege_entry(Compare *compare, const Category *category, const char *action,
					const WfGrant **names, int count)
{
	WfJson *json = &compare->json;
	const WfGrant *first = names[0];

	wf_json_open_object(json, NULL);
	wf_json_add_text(json, "field", category->name);
	wf_json_add_text(json, "label", category->label);
	if (first->object_length == 0 || first->is_flag)
		wf_json_add_text(json, "object", category->label);
	else
		wf_json_add_text(json, "object",
						 psprintf("%s:%.*s", category->label, first->object_length, first->object));
	wf_json_add_text(json, "action", action);
	wf_json_open_array(json, "permissions");
	for (int i = 0; i < count; i++)
		wf_json_add_text_len(json, NULL, names[i]->name, names[i]->name_length);
	wf_json_close(json);
	wf_json_close(json);
	compare->diff->privilege_entries++;
}

/* Entries of one object: GRANT first, then REVOKE. */
static void
compare_object(Compare *compare, const Category *category, const Run *old, const Run *new,
			   const WfGrant **scratch)
{
	int gained = missing_from(new, old, scratch);
	int lost;

	if (gained > 0 &&
		!(old->count == 0 && is_public_only(category, compare->new, compare->old, scratch, gained)))
	{
		add_privilege_entry(compare, category, "GRANT", scratch, gained);
		compare->diff->granted += gained;
	}
	lost = missing_from(old, new, scratch);
	if (lost > 0 &&
		!(new->count == 0 && is_public_only(category, compare->old, compare->new, scratch, lost)))
	{
		add_privilege_entry(compare, category, "REVOKE", scratch, lost);
		compare->diff->revoked += lost;
	}
}

/* The grants of one object at the head of a list. */
static Run
head_run(const WfGrant *grants, int count)
{
	Run run = {.grants = grants};

	while (run.count < count && wf_grant_compare_objects(&grants[run.count], grants) == 0)
		run.count++;
	return run;
}

/* Merge both lists object by object. */
static void
compare_category(Compare *compare, const Category *category)
{
	const WfGrant **scratch = palloc((category->nold + category->nnew + 1) * sizeof(WfGrant *));
	int o = 0, n = 0;

	while (o < category->nold || n < category->nnew)
	{
		Run old = {.grants = category->old + o}, new = {.grants = category->new + n};
		int order;

		if (o == category->nold)
			order = 1;
		else if (n == category->nnew)
			order = -1;
		else
			order = wf_grant_compare_objects(&category->old[o], &category->new[n]);
		if (order <= 0)
			old = head_run(category->old + o, category->nold - o);
		if (order >= 0)
			new = head_run(category->new + n, category->nnew - n);
		compare_object(compare, category, &old, &new, scratch);
		o += old.count;
		n += new.count;
	}
}

/* Is the member the same in both objects, byte by byte? Then nothing in it needs a closer look. */
static bool
is_same_member(JsonbContainer *old, JsonbContainer *new, const char *key)
{
	JsonbValue before, after;

	return wf_jb_member(old, key, &before) && wf_jb_member(new, key, &after) &&
		   before.type == jbvBinary && after.type == jbvBinary &&
		   before.val.binary.len == after.val.binary.len &&
		   memcmp(before.val.binary.data, after.val.binary.data, before.val.binary.len) == 0;
}

static void
compare_privileges(Compare *compare)
{
	JsonbContainer *old = categories_of(compare->old), *new = categories_of(compare->new);
	List *names = add_keys(add_keys(NIL, old), new);
	ListCell *cell;

	list_sort(names, compare_texts);
	foreach (cell, names)
	{
		Category category = {.name = lfirst(cell)};
		bool sqlserver = strcmp(category.name, "sqlserver_database_permissions") == 0;

		if (is_same_member(old, new, category.name))
			continue;
		category.label = wf_label(category.name);
		category.nold = wf_grants_of(wf_jb_container(old, category.name), sqlserver, &category.old);
		category.nnew = wf_grants_of(wf_jb_container(new, category.name), sqlserver, &category.new);
		compare_category(compare, &category);
	}
}

static void append_value(StringInfo text, const JsonbValue *value);

/* A list joined by ", ", an object as "k:v; k:v" in the order of jsonb. */
static void
append_container(StringInfo text, JsonbContainer *container)
{
	JsonbIterator *it = JsonbIteratorInit(container);
	JsonbIteratorToken token;
	JsonbValue value;
	bool first = true;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			appendStringInfo(text, "%s%.*s:", first ? "" : "; ", value.val.string.len,
							 value.val.string.val);
		else if (token == WJB_VALUE)
			append_value(text, &value);
		else if (token == WJB_ELEM)
		{
			appendStringInfoString(text, first ? "" : ", ");
			append_value(text, &value);
		}
		else
			continue;
		first = false;
	}
}

/* A value as people read it: null is empty, booleans are words. */
static void
append_value(StringInfo text, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvBool:
			appendStringInfoString(text,
								   wf_phrase(value->val.boolean ? WF_PHRASE_YES : WF_PHRASE_NO));
			break;
		case jbvString:
			appendBinaryStringInfo(text, value->val.string.val, value->val.string.len);
			break;
		case jbvNumeric:
			appendStringInfoString(text, numeric_normalize(value->val.numeric));
			break;
		case jbvBinary:
			append_container(text, value->val.binary.data);
			break;
		default:
			break;
	}
}

static char *
member_text(JsonbContainer *object, const char *key)
{
	StringInfoData text;
	JsonbValue value;

	initStringInfo(&text);
	if (wf_jb_member(object, key, &value))
		append_value(&text, &value);
	return text.data;
}

static char *
describe(const char *label, const char *before, const char *after)
{
	if (before[0] != '\0' && after[0] != '\0')
		return psprintf(wf_phrase(WF_PHRASE_FROM_TO), label, before, after);
	if (after[0] != '\0')
		return psprintf(wf_phrase(WF_PHRASE_SET), label, after);
	if (before[0] != '\0')
		return psprintf(wf_phrase(WF_PHRASE_CLEARED), label);
	return psprintf(wf_phrase(WF_PHRASE_UPDATED), label);
}

static void
add_other_entry(Compare *compare, const char *field, const char *before, const char *after)
{
	const char *label = wf_label(field);
	char *description = describe(label, before, after);
	WfJson *json = &compare->json;

	wf_json_open_object(json, NULL);
	wf_json_add_text(json, "field", field);
	wf_json_add_text(json, "label", label);
	wf_json_add_text(json, "before", before);
	wf_json_add_text(json, "after", after);
	wf_json_add_text(json, "description", description);
	wf_json_close(json);
	appendStringInfo(&compare->descriptions, "%s%s", compare->descriptions.len > 0 ? "; " : "",
					 description);
	compare->diff->other_entries++;
}

/* is_superuser or is_locked: an account that did not exist was neither. */
static void
compare_flag(Compare *compare, const char *field, bool old, bool new)
{
	if (old == new)
		return;
	if (compare->old->snapshot == NULL)
		add_other_entry(compare, field, "", wf_phrase(WF_PHRASE_YES));
	else
		add_other_entry(compare, field, wf_phrase(old ? WF_PHRASE_YES : WF_PHRASE_NO),
						wf_phrase(new ? WF_PHRASE_YES : WF_PHRASE_NO));
}

static JsonbContainer *
type_specific_of(const Compare *compare, const WfState *state)
{
	if (state->snapshot == NULL)
		return NULL;
	return wf_jb_container(wf_jb_container(&state->snapshot->root, "type_specific"),
						   compare->db_type);
}

/* Changed keys of type_specific, each an entry; the format version is none of them. */
static void
compare_type_specific(Compare *compare)
{
	JsonbContainer *old = type_specific_of(compare, compare->old);
	JsonbContainer *new = type_specific_of(compare, compare->new);
	List *keys;
	ListCell *cell;

	if (is_same_member(wf_jb_container(&compare->old->snapshot->root, "type_specific"),
					   wf_jb_container(&compare->new->snapshot->root, "type_specific"),
					   compare->db_type))
		return;
	keys = add_keys(add_keys(NIL, old), new);
	list_sort(keys, compare_texts);
	foreach (cell, keys)
	{
		const char *key = lfirst(cell);
		char *before = member_text(old, key);
		char *after = member_text(new, key);

		if (strcmp(key, "version") != 0 && strcmp(before, after) != 0)
			add_other_entry(compare, psprintf("type_specific.%s", key), before, after);
	}
}

static void
begin_entries(WfJson *json)
{
	wf_json_begin(json);
	wf_json_add_int(json, "version", 1);
	wf_json_open_array(json, "entries");
}

static Jsonb *
end_entries(WfJson *json)
{
	wf_json_close(json);
	return wf_json_end(json);
}

void
wf_diff_build(const char *db_type, const WfState *old, const WfState *new, WfDiff *diff)
{
	Compare compare = {.db_type = db_type, .old = old, .new = new, .diff = diff};

	memset(diff, 0, sizeof(*diff));
	initStringInfo(&compare.descriptions);
	begin_entries(&compare.json);
	compare_privileges(&compare);
	diff->privilege_diff = end_entries(&compare.json);
	begin_entries(&compare.json);
	compare_flag(&compare, "is_superuser", old->is_superuser, new->is_superuser);
	compare_flag(&compare, "is_locked", old->is_locked, new->is_locked);
	if (old->snapshot != NULL)
		compare_type_specific(&compare);
	diff->other_diff = end_entries(&compare.json);
	diff->descriptions = compare.descriptions.data;
}

const char *
wf_diff_change_type(const WfDiff *diff)
{
	if (diff->privilege_entries > 0)
		return "modify_privilege";
	return diff->other_entries > 0 ? "modify_other" : NULL;
}

char *
wf_diff_message_modified(const char *username, const WfDiff *diff)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, wf_phrase(WF_PHRASE_ACCOUNT), username);
	if (diff->privilege_entries > 0)
		appendStringInfo(&text, wf_phrase(WF_PHRASE_PRIVILEGES), diff->granted, diff->revoked);
	if (diff->privilege_entries > 0 && diff->other_entries > 0)
		appendStringInfoString(&text, "; ");
	appendStringInfoString(&text, diff->descriptions);
	return text.data;
}

char *
wf_diff_message_added(const char *username, const WfDiff *diff)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, wf_phrase(WF_PHRASE_ACCOUNT), username);
	if (diff->granted > 0)
		appendStringInfo(&text, wf_phrase(WF_PHRASE_NEW_GRANTED), diff->granted);
	else
		appendStringInfoString(&text, wf_phrase(WF_PHRASE_NEW));
	if (diff->other_entries > 0)
		appendStringInfo(&text, "; %s", diff->descriptions);
	return text.data;
}

Jsonb *
wf_diff_empty(void)
{
	WfJson json;

	begin_entries(&json);
	return end_entries(&json);
}
