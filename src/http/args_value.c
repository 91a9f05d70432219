/*
 * args_value.c - one value of a request as a value of an SQL type.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "base/errors.h"
#include "base/text.h"
#include "http/args.h"
#include "http/args_text.h"
#include "http/args_value.h"

/* What a JSON text may cost: 250,000 values can take 110 MB while they are parsed. */
#define MAX_DEPTH  256
#define MAX_VALUES 250000
#define MAX_DIGITS 64

/* A JSON value as a value of a scalar type but json; false for null. */
static bool
scalar_of_json(const WfField *field, const JsonbValue *json, Datum *value)
{
	bool takes_number = field->type == INT2OID || field->type == INT4OID ||
						field->type == INT8OID || field->type == BOOLOID;

	if (json->type == jbvString && field->type == TEXTOID)
	{
		*value =
			PointerGetDatum(cstring_to_text_with_len(json->val.string.val, json->val.string.len));
		return true;
	}
	if (json->type == jbvString)
		return wf_args_scalar_of_text(field, pnstrdup(json->val.string.val, json->val.string.len),
									  value);
	if (json->type == jbvBool && field->type == BOOLOID)
	{
		*value = BoolGetDatum(json->val.boolean);
		return true;
	}
	/* 5.0 has a point in its text, too, so that it is refused. */
	if (json->type == jbvNumeric && takes_number)
		return wf_args_scalar_of_text(
			field,
			DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(json->val.numeric))),
			value);
	if (json->type == jbvBinary && JsonContainerIsArray(json->val.binary.data))
		wf_args_refuse(field, "%s must be one value, not a list.");
	wf_args_refuse(field, wf_args_kind_words(field->type));
}

/* Values of an array under construction. */
typedef struct Elements
{
	Datum *values;
	int count;
	int room;
} Elements;

static void
add_element(Elements *elements, Datum value)
{
	if (elements->count == elements->room)
	{
		elements->room = elements->room == 0 ? 16 : elements->room * 2;
		elements->values = elements->values == NULL
							   ? palloc(elements->room * sizeof(Datum))
							   : repalloc(elements->values, elements->room * sizeof(Datum));
	}
	elements->values[elements->count++] = value;
}

static Datum
array_datum(const Elements *elements, Oid type)
{
	int16 length;
	bool by_value;
	char alignment;

	if (elements->count == 0)
		return PointerGetDatum(construct_empty_array(type));
	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	return PointerGetDatum(
		construct_array(elements->values, elements->count, type, length, by_value, alignment));
}

/* An element that is there but null (or blank, where that is null) fits no list. */
static void
add_json_element(Elements *elements, WfField *field, const JsonbValue *json)
{
	Datum value;

	field->position = elements->count;
	if (json->type == jbvNull || json->type == jbvBinary || !scalar_of_json(field, json, &value))
		wf_args_refuse(field, wf_args_kind_words(field->type));
	add_element(elements, value);
}

/* A JSON array, or one value in place of it. */
static bool
array_of_json(WfField *element, const JsonbValue *json, Datum *value)
{
	Elements elements = {0};

	if (json->type == jbvBinary && JsonContainerIsArray(json->val.binary.data))
	{
		JsonbIterator *it = JsonbIteratorInit(json->val.binary.data);
		JsonbValue item;

		(void) JsonbIteratorNext(&it, &item, true);
		while (JsonbIteratorNext(&it, &item, true) == WJB_ELEM)
			add_json_element(&elements, element, &item);
	}
	else
	{
		Datum only;

		element->in_list = false;
		if (!scalar_of_json(element, json, &only))
			return false;
		add_element(&elements, only);
	}
	*value = array_datum(&elements, element->type);
	return true;
}

/* Repeated parameters, and values with commas between in each; blanks are dropped. */
static bool
array_of_texts(WfField *element, List *texts, Datum *value)
{
	Elements elements = {0};
	ListCell *cell;

	foreach (cell, texts)
	{
		const char *from = lfirst(cell);

		for (;;)
		{
			size_t length = strcspn(from, ",");
			const char *item = wf_text_trim(pnstrdup(from, length));
			Datum datum;

			element->position = elements.count;
			if (*item != '\0' && wf_args_scalar_of_text(element, item, &datum))
				add_element(&elements, datum);
			if (from[length] == '\0')
				break;
			from += length + 1;
		}
	}
	*value = array_datum(&elements, element->type);
	return elements.count > 0;
}

/* jsonb_in without the input in what it raises: the text may hold secrets. */
static Jsonb *
parse_jsonb(const char *what, const char *text)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorData *volatile error = NULL;
	volatile Datum value = (Datum) 0;

	PG_TRY();
	{
		value = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	if (error == NULL)
		return DatumGetJsonbP(value);
	/* Besides the syntax: limits on keys, texts, numbers and nesting. */
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
		ReThrowError(error);
	wf_raise(WF_ERR_VALIDATION, psprintf("%s is not valid JSON.", what), NULL);
}

Jsonb *
wf_args_parse_json(const char *what, const char *text, size_t length, bool *had_nul)
{
	WfJsonCost cost = wf_args_json_cost(text, length);
	char *copy;

	if (cost.depth > MAX_DEPTH || cost.values > MAX_VALUES)
		wf_raise(WF_ERR_VALIDATION,
				 psprintf("%s is too large: at most %d values, nested at most %d deep.", what,
						  MAX_VALUES, MAX_DEPTH),
				 NULL);
	if (cost.has_exponent || cost.longest > MAX_DIGITS)
		wf_raise(WF_ERR_VALIDATION,
				 psprintf("%s has a number with an exponent or of more than %d digits.", what,
						  MAX_DIGITS),
				 NULL);
	copy = pnstrdup(text, length);
	if (cost.has_nul)
		copy[wf_args_drop_json_nuls(copy, length)] = '\0';
	*had_nul = cost.has_nul;
	return parse_jsonb(what, copy);
}

/* A value of argument type json from a jsonb. */
static Datum
json_datum(Oid type, Jsonb *jsonb)
{
	if (type == JSONBOID)
		return JsonbPGetDatum(jsonb);
	return CStringGetTextDatum(JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb)));
}

/* The same field as one of its elements. */
static WfField
element_of(const WfField *field)
{
	WfField element = *field;

	element.type = get_element_type(field->type);
	element.in_list = true;
	return element;
}

static bool
is_json(Oid type)
{
	return type == JSONOID || type == JSONBOID;
}

bool
wf_args_type_is_known(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case BOOLOID:
		case DATEOID:
		case TIMESTAMPTZOID:
		case UUIDOID:
		case JSONOID:
		case JSONBOID:
		case TEXTARRAYOID:
		case INT2ARRAYOID:
		case INT4ARRAYOID:
		case INT8ARRAYOID:
		case UUIDARRAYOID:
			return true;
		default:
			return false;
	}
}

bool
wf_args_of_text(const WfField *field, const char *text, Datum *value)
{
	return wf_args_of_query(field, list_make1(unconstify(char *, text)), value);
}

bool
wf_args_of_query(const WfField *field, List *texts, Datum *value)
{
	const char *first = linitial(texts);
	bool had_nul;

	if (type_is_array(field->type))
	{
		WfField element = element_of(field);

		return array_of_texts(&element, texts, value);
	}
	if (is_json(field->type))
	{
		if (wf_args_is_blank(first))
			return false;
		*value = json_datum(field->type,
							wf_args_parse_json(field->name, first, strlen(first), &had_nul));
		return true;
	}
	return wf_args_scalar_of_text(field, first, value);
}

bool
wf_args_of_json(const WfField *field, const JsonbValue *json, Datum *value)
{
	if (is_json(field->type))
	{
		*value = json_datum(field->type, JsonbValueToJsonb(unconstify(JsonbValue *, json)));
		return true;
	}
	if (type_is_array(field->type))
	{
		WfField element = element_of(field);

		return array_of_json(&element, json, value);
	}
	return scalar_of_json(field, json, value);
}
