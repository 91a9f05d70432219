/*
 * grants.c - a category of a snapshot as a flat, sorted list of (object, name).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "accounts/grants.h"

typedef struct Flattening
{
	WfGrant *grants;
	int count;
	int capacity;
	bool sqlserver;
} Flattening;

/* A place in the category: its path and what SQL Server calls this level. */
typedef struct Place
{
	const char *path;
	int length;
	int depth;
	const char *scope;
} Place;

static int
compare_bytes(const char *a, int a_length, const char *b, int b_length)
{
	int order = memcmp(a, b, Min(a_length, b_length));

	return order != 0 ? order : a_length - b_length;
}

int
wf_grant_compare_objects(const WfGrant *a, const WfGrant *b)
{
	return compare_bytes(a->object, a->object_length, b->object, b->object_length);
}

int
wf_grant_compare(const WfGrant *a, const WfGrant *b)
{
	int order = wf_grant_compare_objects(a, b);

	return order != 0 ? order : compare_bytes(a->name, a->name_length, b->name, b->name_length);
}

static int
compare_grants(const void *a, const void *b)
{
	return wf_grant_compare(a, b);
}

static void
add(Flattening *flat, const Place *place, const char *name, int length, bool is_flag)
{
	WfGrant *grant;

	if (flat->count == flat->capacity)
	{
		flat->capacity *= 2;
		flat->grants = repalloc(flat->grants, flat->capacity * sizeof(WfGrant));
	}
	grant = &flat->grants[flat->count++];
	grant->object = place->path;
	grant->object_length = place->length;
	grant->name = name;
	grant->name_length = length;
	grant->scope = place->scope;
	grant->is_flag = is_flag;
}

/* A scalar member: true flags, and other values as one-element sets. */
static void
add_scalar(Flattening *flat, const Place *place, const JsonbValue *value)
{
	char *digits;

	switch (value->type)
	{
		case jbvBool:
			if (value->val.boolean)
				add(flat, place, place->path, place->length, true);
			break;
		case jbvString:
			add(flat, place, value->val.string.val, value->val.string.len, false);
			break;
		case jbvNumeric:
			digits = numeric_normalize(value->val.numeric);
			add(flat, place, digits, strlen(digits), false);
			break;
		default:
			break;
	}
}

/* The place of a member. SQL Server's level names (domain 3.4) become scopes, not path parts. */
static Place
place_of_member(const Flattening *flat, const Place *parent, const JsonbValue *key)
{
	static const struct
	{
		const char *level;
		const char *scope;
	} levels[] = {
		{"database", "database"}, {"schema", "schema"}, {"table", "object"}, {"column", "column"}};
	Place place = {.depth = parent->depth + 1, .scope = parent->scope};

	place.path = key->val.string.val;
	place.length = key->val.string.len;
	if (flat->sqlserver && parent->depth == 1)
		for (size_t i = 0; i < lengthof(levels); i++)
			if (place.length == (int) strlen(levels[i].level) &&
				memcmp(place.path, levels[i].level, place.length) == 0)
			{
				place.path = parent->path;
				place.length = parent->length;
				place.scope = levels[i].scope;
				return place;
			}
	if (parent->depth > 0)
	{
		char *joined = palloc(parent->length + 1 + key->val.string.len);

		memcpy(joined, parent->path, parent->length);
		joined[parent->length] = '/';
		memcpy(joined + parent->length + 1, key->val.string.val, key->val.string.len);
		place.path = joined;
		place.length = parent->length + 1 + key->val.string.len;
	}
	return place;
}

/* Walk an array or object. */
static void
flatten(Flattening *flat, JsonbContainer *container, const Place *place)
{
	JsonbIterator *it = JsonbIteratorInit(container);
	JsonbIteratorToken token;
	JsonbValue value;
	Place member = *place;

	check_stack_depth();
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			member = place_of_member(flat, place, &value);
		else if (token == WJB_VALUE || token == WJB_ELEM)
		{
			const Place *at = token == WJB_ELEM ? place : &member;

			if (value.type == jbvBinary)
				flatten(flat, value.val.binary.data, at);
			else if (token == WJB_ELEM && value.type != jbvString)
				continue;
			else
				add_scalar(flat, at, &value);
		}
	}
}

int
wf_grants_of(JsonbContainer *category, bool sqlserver_permissions, WfGrant **grants)
{
	Flattening flat = {.capacity = 16, .sqlserver = sqlserver_permissions};
	Place root = {.path = ""};
	int kept = 0;

	*grants = NULL;
	if (category == NULL)
		return 0;
	flat.grants = palloc(flat.capacity * sizeof(WfGrant));
	flatten(&flat, category, &root);
	qsort(flat.grants, flat.count, sizeof(WfGrant), compare_grants);
	for (int i = 0; i < flat.count; i++)
		if (kept == 0 || wf_grant_compare(&flat.grants[kept - 1], &flat.grants[i]) != 0)
			flat.grants[kept++] = flat.grants[i];
	*grants = flat.grants;
	return kept;
}

bool
wf_grants_have(const WfGrant *grants, int count, const WfGrant *wanted)
{
	return count > 0 && bsearch(wanted, grants, count, sizeof(WfGrant), compare_grants) != NULL;
}
