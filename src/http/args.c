/*
 * args.c - from the parts of a request to the arguments of an operation.
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/errors.h"
#include "http/args.h"
#include "http/args_value.h"

/* What clients call arguments whose names PostgREST keeps for itself, in the order in which they count. */
static const struct
{
	const char *argument;
	const char *names[4];
} aliases[] = {
	{"page_size", {"limit", "per_page", "page_size", NULL}},
	{"sort_order", {"order", "sort_order", NULL}},
};

/* What became of an argument. */
typedef enum Outcome
{
	ABSENT,
	CLEARED, /* given as null */
	GIVEN
} Outcome;

/* Everything a value may come from. */
typedef struct Sources
{
	List *path;
	List *query;
	const WfBody *body;
} Sources;

/* The names under which an argument is looked for; ends with NULL. own has room for two. */
static const char *const *
names_of(const char *argument, const char **own)
{
	for (size_t i = 0; i < lengthof(aliases); i++)
		if (strcmp(argument, aliases[i].argument) == 0)
			return aliases[i].names;
	own[0] = argument;
	own[1] = NULL;
	return own;
}

/* Values of a name among parameters, those that cannot be read included. */
static List *
find_params(List *params, const WfField *field)
{
	List *values = NIL;
	ListCell *cell;

	foreach (cell, params)
	{
		const WfParam *param = lfirst(cell);

		if (strcmp(param->name, field->name) != 0)
			continue;
		if (param->invalid)
			wf_args_refuse(field, "%s is not valid percent-encoded UTF-8.");
		values = lappend(values, unconstify(char *, param->value));
	}
	return values;
}

static bool
all_blank(List *values)
{
	ListCell *cell;

	foreach (cell, values)
		if (!wf_args_is_blank(lfirst(cell)))
			return false;
	return true;
}

/* The path's value of a field; whatever stands there counts, also blanks. */
static Outcome
take_from_path(const Sources *sources, WfField field, Datum *value)
{
	List *values;

	field.in_path = true;
	values = find_params(sources->path, &field);
	if (values == NIL)
		return ABSENT;
	if (!wf_args_of_text(&field, linitial(values), value))
		wf_args_refuse(&field, "%s is blank.");
	return GIVEN;
}

static Outcome
take_from_query(const Sources *sources, const WfField *field, Datum *value)
{
	List *values = find_params(sources->query, field);

	if (all_blank(values) || !wf_args_of_query(field, values, value))
		return ABSENT;
	return GIVEN;
}

/*
 * A secret goes on byte for byte or not at all; that the body had a NUL character somewhere is known, but not
 * where.
 */
static void
refuse_cut_secret(const WfField *field, const WfBody *body)
{
	if (body->had_nul && strstr(field->name, "password") != NULL)
		wf_args_refuse(field, "%s must not come in a body with NUL characters.");
}

static Outcome
take_from_body(const Sources *sources, const WfField *field, Datum *value)
{
	JsonbValue *json;

	if (sources->body == NULL || sources->body->json == NULL)
		return ABSENT;
	json = getKeyJsonValueFromContainer(&sources->body->json->root, field->name,
										(int) strlen(field->name), NULL);
	if (json == NULL)
		return ABSENT;
	refuse_cut_secret(field, sources->body);
	if (json->type == jbvNull || !wf_args_of_json(field, json, value))
		return CLEARED;
	return GIVEN;
}

/* One argument from the first source that has it. */
static Outcome
take(const Sources *sources, const WfFunctionArg *arg, Datum *value)
{
	const char *own[2];
	const char *const *names = names_of(arg->name, own);
	WfField field = {.name = arg->name, .type = arg->type};
	Outcome outcome = take_from_path(sources, field, value);

	for (int i = 0; outcome == ABSENT && names[i] != NULL; i++)
	{
		field.name = names[i];
		outcome = take_from_query(sources, &field, value);
	}
	for (int i = 0; outcome != GIVEN && names[i] != NULL; i++)
	{
		Outcome here;

		field.name = names[i];
		here = take_from_body(sources, &field, value);
		outcome = here != ABSENT ? here : outcome;
	}
	return outcome;
}

/* The array of clear with the names of arguments that came as null behind what it holds already. */
static Datum
add_cleared(Datum given, bool is_null, List *names)
{
	ArrayBuildState *state = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	Datum *elements = NULL;
	bool *nulls = NULL;
	int count = 0;
	ListCell *cell;

	if (!is_null)
		deconstruct_array(DatumGetArrayTypeP(given), TEXTOID, -1, false, TYPALIGN_INT, &elements,
						  &nulls, &count);
	for (int i = 0; i < count; i++)
		state = accumArrayResult(state, elements[i], nulls[i], TEXTOID, CurrentMemoryContext);
	foreach (cell, names)
		state = accumArrayResult(state, CStringGetTextDatum(lfirst(cell)), false, TEXTOID,
								 CurrentMemoryContext);
	return makeArrayResult(state, CurrentMemoryContext);
}

static void
use_default(const WfFunctionArg *arg, Datum *value, bool *is_null)
{
	*value = arg->default_value;
	*is_null = arg->default_null;
}

void
wf_args_bind(const WfFunction *function, List *path, List *query, const WfBody *body,
			 WfBound *bound)
{
	Sources sources = {path, query, body};
	List *cleared = NIL;
	StringInfoData missing;

	initStringInfo(&missing);
	for (int i = 0; i < function->nargs; i++)
	{
		const WfFunctionArg *arg = &function->args[i];
		Outcome outcome = take(&sources, arg, &bound->values[i]);

		bound->nulls[i] = outcome != GIVEN;
		if (outcome == GIVEN)
			continue;
		if (!arg->has_default)
			appendStringInfo(&missing, "%s%s", missing.len > 0 ? ", " : "", arg->name);
		else if (outcome == CLEARED && arg->clearable)
			cleared = lappend(cleared, unconstify(char *, arg->name));
		use_default(arg, &bound->values[i], &bound->nulls[i]);
	}
	if (missing.len > 0)
		wf_raise(WF_ERR_VALIDATION, psprintf("Missing: %s.", missing.data), NULL);
	if (cleared == NIL)
		return;
	Assert(function->clear >= 0);
	bound->values[function->clear] =
		add_cleared(bound->values[function->clear], bound->nulls[function->clear], cleared);
	bound->nulls[function->clear] = false;
}

/* Does a list of words with commas between hold this one? */
static bool
has_word(const char *list, size_t length, const char *word)
{
	for (const char *from = list; from < list + length;)
	{
		size_t rest = (size_t) (list + length - from);
		const char *comma = memchr(from, ',', rest);
		size_t here = comma != NULL ? (size_t) (comma - from) : rest;
		size_t blanks = strspn(from, " ");

		if (blanks < here && here - blanks == strlen(word) &&
			strncmp(from + blanks, word, here - blanks) == 0)
			return true;
		from += here + 1;
	}
	return false;
}

void
wf_args_mark_clearable(WfFunction *function)
{
	char *comment = GetComment(function->oid, ProcedureRelationId, 0);
	const char *list = comment != NULL ? strstr(comment, "clear names") : NULL;

	list = list != NULL ? strchr(list, '(') : NULL;
	for (int i = 0; i < function->nargs; i++)
	{
		WfFunctionArg *arg = &function->args[i];

		arg->clearable = function->clear >= 0 && list != NULL && arg->has_default &&
						 has_word(list + 1, strcspn(list + 1, ")"), arg->name);
	}
	if (comment != NULL)
		pfree(comment);
}
