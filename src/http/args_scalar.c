/*
 * args_scalar.c - one text of a request as a value of a scalar SQL type.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "base/errors.h"
#include "base/settings.h"
#include "base/text.h"
#include "http/args_value.h"

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

/* A whole number of bytes * 8 bits out of a text: blanks around, an optional sign, decimal digits; else it raises. */
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

bool
wf_args_scalar_of_text(const WfField *field, const char *text, Datum *value)
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

const char *
wf_args_kind_words(Oid type)
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
