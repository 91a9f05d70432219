/*
 * args_value.c - one value of a request as a value of an SQL type.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/errors.h"
#include "base/settings.h"
#include "base/text.h"
#include "http/args.h"
#include "http/args_text.h"
#include "http/args_value.h"

/* What a JSON text may cost: 250,000 values can take 110 MB while they are parsed. */
#define MAX_DEPTH	 256
#define MAX_VALUES	 250000
#define MAX_DIGITS	 64
#define UUID_EXAMPLE "00000000-0000-0000-0000-000000000000"
#define DATE_EXAMPLE "0000-00-00"
#define BLANKS		 " \t\n\r\f\v"
#define DATE_WORDS	 "%s must be a date in the form YYYY-MM-DD."
#define TIME_WORDS	 "%s must be a time in ISO 8601 form."

void
wf_args_refuse(const WfField *field, const char *format)
{
	const char *name =
		field->in_list ? psprintf("%s[%d]", field->name, field->position) : field->name;

	wf_raise(field->in_path ? WF_ERR_NOT_FOUND : WF_ERR_VALIDATION, psprintf(format, name), NULL);
}

bool
wf_args_is_blank(const char *text)
{
	return text[strspn(text, BLANKS)] == '\0';
}

/*
 * A whole number of at most bytes * 8 bits out of a text: blanks around, an optional sign, decimal digits.
 * False when it has none of the digits.
 */
static int64
parse_integer(const WfField *field, const char *given, int bytes)
{
	const char *text = wf_text_trim(given);
	bool negative = *text == '-';
	uint64 limit = ((uint64) 1 << (bytes * 8 - 1)) - (negative ? 0 : 1);
	uint64 number = 0;

	if (*text == '-' || *text == '+')
		text++;
	if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
		wf_args_refuse(field, "%s must be a whole number.");
	for (; *text != '\0'; text++)
	{
		uint64 digit = (uint64) (*text - '0');

		if (number > (limit - digit) / 10)
			wf_args_refuse(field, "%s is out of range.");
		number = number * 10 + digit;
	}
	/* In unsigned arithmetic, since the smallest number has no positive counterpart. */
	return (int64) (negative ? -number : number);
}

static Datum
integer_datum(const WfField *field, const char *text)
{
	if (field->type == INT2OID)
		return Int16GetDatum((int16) parse_integer(field, text, 2));
	if (field->type == INT4OID)
		return Int32GetDatum((int32) parse_integer(field, text, 4));
	return Int64GetDatum(parse_integer(field, text, 8));
}

/* One of the eight words, or 0 and 1, which are among them. */
static Datum
boolean_datum(const WfField *field, const char *given)
{
	static const char *const words[2][4] = {{"false", "0", "no", "off"},
											{"true", "1", "yes", "on"}};
	const char *text = wf_text_trim(given);

	for (int truth = 0; truth < 2; truth++)
		for (int i = 0; i < 4; i++)
			if (pg_strcasecmp(text, words[truth][i]) == 0)
				return BoolGetDatum(truth != 0);
	wf_args_refuse(field, "%s must be true or false.");
}

/* Does the beginning of the text have the form of the example, digits standing where it has a 0? */
static bool
has_form(const char *text, const char *example, bool hexadecimal)
{
	for (; *example != '\0'; text++, example++)
	{
		unsigned char c = (unsigned char) *text;
		bool is_digit = (c >= '0' && c <= '9') ||
						(hexadecimal && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));

		if (*example == '0' ? !is_digit : c != (unsigned char) *example)
			return false;
	}
	return true;
}

/*
 * Call an input function on a text of the right form. What it raises about the value (31st of February) becomes the
 * refusal of the field: nothing is swallowed, so no subtransaction is needed.
 */
static Datum
call_input(const WfField *field, PGFunction input, const char *text, const char *words)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorData *volatile error = NULL;
	volatile Datum value = (Datum) 0;

	PG_TRY();
	{
		value = DirectFunctionCall3(input, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
									Int32GetDatum(-1));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	if (error == NULL)
		return value;
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
		ReThrowError(error);
	wf_args_refuse(field, words);
}

static Datum
date_datum(const WfField *field, const char *given)
{
	const char *text = wf_text_trim(given);

	if (!has_form(text, DATE_EXAMPLE, false) || strlen(text) != strlen(DATE_EXAMPLE))
		wf_args_refuse(field, DATE_WORDS);
	return call_input(field, date_in, text, DATE_WORDS);
}

/* How many bytes the time of day takes that starts here (HH:MM, HH:MM:SS, HH:MM:SS.f); 0 = there is none. */
static size_t
time_of_day_length(const char *text)
{
	size_t fraction;

	if (!has_form(text, "00:00", false))
		return 0;
	if (!has_form(text, "00:00:00", false))
		return strlen("00:00");
	if (text[strlen("00:00:00")] != '.')
		return strlen("00:00:00");
	fraction = strspn(text + strlen("00:00:00."), "0123456789");
	return fraction > 0 && fraction <= 9 ? strlen("00:00:00.") + fraction : 0;
}

/*
 * The zone that a time ends with, as the input function takes it; NULL when it is none. A blank stands for the plus
 * that a query string turns into one.
 */
static const char *
read_zone(const char *text)
{
	const char *digits = text + 1;

	if (*text == '\0')
		return wf_setting_timezone;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return "+00:00";
	if (strchr("+- ", *text) == NULL)
		return NULL;
	if (!((has_form(digits, "00:00", false) && strlen(digits) == 5) ||
		  (has_form(digits, "0000", false) && strlen(digits) == 4) ||
		  (has_form(digits, "00", false) && strlen(digits) == 2)))
		return NULL;
	return psprintf("%c%s", *text == '-' ? '-' : '+', digits);
}

static Datum
timestamptz_datum(const WfField *field, const char *given)
{
	const char *text = wf_text_trim(given);
	size_t day = strlen(DATE_EXAMPLE);
	const char *rest;
	const char *zone;
	size_t length = 0;

	if (!has_form(text, DATE_EXAMPLE, false))
		wf_args_refuse(field, TIME_WORDS);
	rest = text + day;
	if (*rest == 'T' || *rest == 't' || *rest == ' ')
	{
		length = time_of_day_length(++rest);
		if (length == 0)
			wf_args_refuse(field, TIME_WORDS);
	}
	zone = *rest == '\0' || length > 0 ? read_zone(rest + length) : NULL;
	if (zone == NULL)
		wf_args_refuse(field, TIME_WORDS);
	return call_input(field, timestamptz_in,
					  psprintf("%.*s %s %s", (int) day, text,
							   length > 0 ? pnstrdup(rest, length) : "00:00", zone),
					  TIME_WORDS);
}

static Datum
uuid_datum(const WfField *field, const char *given)
{
	const char *text = wf_text_trim(given);

	if (!has_form(text, UUID_EXAMPLE, true) || strlen(text) != strlen(UUID_EXAMPLE))
		wf_args_refuse(field, "%s must be a UUID.");
	return DirectFunctionCall1(uuid_in, CStringGetDatum(text));
}

/* Is blank input of this type no value at all? */
static bool
blank_is_null(Oid type)
{
	return type != TEXTOID && type != BOOLOID;
}

/* A text as a value of a scalar type but json; false for null. */
static bool
scalar_of_text(const WfField *field, const char *text, Datum *value)
{
	if (blank_is_null(field->type) && wf_args_is_blank(text))
		return false;
	switch (field->type)
	{
		case TEXTOID:
			*value = CStringGetTextDatum(text);
			return true;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			*value = integer_datum(field, text);
			return true;
		case BOOLOID:
			*value = boolean_datum(field, text);
			return true;
		case DATEOID:
			*value = date_datum(field, text);
			return true;
		case TIMESTAMPTZOID:
			*value = timestamptz_datum(field, text);
			return true;
		case UUIDOID:
			*value = uuid_datum(field, text);
			return true;
		default:
			elog(ERROR, "arguments of type %u are not supported", field->type);
	}
}

/* What a value must be, for a JSON value of another kind. */
static const char *
kind_words(Oid type)
{
	switch (type)
	{
		case TEXTOID:
			return "%s must be a text.";
		case BOOLOID:
			return "%s must be true or false.";
		case DATEOID:
			return DATE_WORDS;
		case TIMESTAMPTZOID:
			return TIME_WORDS;
		case UUIDOID:
			return "%s must be a UUID.";
		default:
			return "%s must be a whole number.";
	}
}

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
		return scalar_of_text(field, pnstrdup(json->val.string.val, json->val.string.len), value);
	if (json->type == jbvBool && field->type == BOOLOID)
	{
		*value = BoolGetDatum(json->val.boolean);
		return true;
	}
	/* 5.0 has a point in its text, too, so that it is refused. */
	if (json->type == jbvNumeric && takes_number)
		return scalar_of_text(
			field,
			DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(json->val.numeric))),
			value);
	if (json->type == jbvBinary && JsonContainerIsArray(json->val.binary.data))
		wf_args_refuse(field, "%s must be one value, not a list.");
	wf_args_refuse(field, kind_words(field->type));
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
		wf_args_refuse(field, kind_words(field->type));
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
			if (*item != '\0' && scalar_of_text(element, item, &datum))
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
	return scalar_of_text(field, first, value);
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
