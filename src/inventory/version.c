/*
 * version.c - splitting server versions (domain specification 2.2, decision 41).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "inventory/instance.h"
#include "whalefall.h"

#define SHOWN_CHARACTERS 50

/* Length of digits(.digits){min-1,max-1} at the start of a text, or 0. */
static int
match_parts(const char *text, int min, int max)
{
	int length = 0;
	int parts = 0;

	while (parts < max)
	{
		int at = parts == 0 ? 0 : length + 1;
		int digits = 0;

		if (parts > 0 && text[length] != '.')
			break;
		while (isdigit((unsigned char) text[at + digits]))
			digits++;
		if (digits == 0)
			break;
		length = at + digits;
		parts++;
	}
	return parts >= min ? length : 0;
}

/* First version of so many parts in a text, palloc'd, or NULL. */
static char *
find_parts(const char *text, int min, int max)
{
	for (const char *at = text; *at != '\0'; at++)
	{
		int length;

		/* Not in the middle of a number. */
		if (at > text && isdigit((unsigned char) at[-1]))
			continue;
		length = match_parts(at, min, max);
		if (length > 0)
			return pnstrdup(at, length);
	}
	return NULL;
}

/* The rest of a text after a word, ignoring case; NULL when the word is not there. */
static const char *
after(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (; *text != '\0'; text++)
		if (pg_strncasecmp(text, word, length) == 0)
			return text + length;
	return NULL;
}

static char *
parse_mysql(const char *banner)
{
	char *found = find_parts(banner, 3, 3);

	return found != NULL ? found : find_parts(banner, 2, 2);
}

/* The build's compiler has a version too: only what follows the product's name counts. */
static char *
parse_postgresql(const char *banner, int number)
{
	const char *rest;

	if (number >= 100000)
		return psprintf("%d.%d", number / 10000, number % 10000);
	if (number > 0)
		return psprintf("%d.%d.%d", number / 10000, number / 100 % 100, number % 100);
	rest = after(banner, "PostgreSQL ");
	return rest != NULL && match_parts(rest, 2, 3) > 0 ? pnstrdup(rest, match_parts(rest, 2, 3))
													   : NULL;
}

static char *
parse_sqlserver(const char *banner)
{
	const char *rest = after(banner, " - ");
	char *found = rest != NULL ? find_parts(rest, 4, 4) : NULL;

	return found != NULL ? found : find_parts(banner, 4, 4);
}

static char *
parse_oracle(const char *banner)
{
	const char *rest = after(banner, "Release");

	return rest != NULL ? find_parts(rest, 3, 6) : NULL;
}

/* Up to the second dot. */
static char *
first_two_parts(const char *version)
{
	const char *dot = strchr(version, '.');
	const char *second = dot != NULL ? strchr(dot + 1, '.') : NULL;

	return second != NULL ? pnstrdup(version, second - version) : pstrdup(version);
}

/* What is shown of a banner without a version in it. */
static char *
shorten(const char *banner)
{
	int length = strlen(banner);
	int shown = pg_mbcharcliplen(banner, length, SHOWN_CHARACTERS);

	return shown < length ? psprintf("%.*s...", shown, banner) : pstrdup(banner);
}

void
wf_inventory_parse_version(const char *db_type, const char *banner, int version_num,
						   char **main_version, char **detailed_version)
{
	char *found = NULL;

	if (banner == NULL)
		banner = "";
	if (strcmp(db_type, "mysql") == 0)
		found = parse_mysql(banner);
	else if (strcmp(db_type, "postgresql") == 0)
		found = parse_postgresql(banner, version_num);
	else if (strcmp(db_type, "sqlserver") == 0)
		found = parse_sqlserver(banner);
	else if (strcmp(db_type, "oracle") == 0)
		found = parse_oracle(banner);
	*main_version = found != NULL ? first_two_parts(found) : NULL;
	*detailed_version = found != NULL ? found : shorten(banner);
}

WF_FUNCTION(wf_inventory_parse_version_sql);

/* whalefall.parse_version(db_type, banner, version_num): private, what a sync makes of a server's banner. */
Datum
wf_inventory_parse_version_sql(PG_FUNCTION_ARGS)
{
	TupleDesc shape;
	Datum values[2];
	bool nulls[2];
	char *main_version;
	char *detailed;

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	wf_inventory_parse_version(text_to_cstring(PG_GETARG_TEXT_PP(0)),
							   text_to_cstring(PG_GETARG_TEXT_PP(1)), PG_GETARG_INT32(2),
							   &main_version, &detailed);
	nulls[0] = main_version == NULL;
	nulls[1] = detailed == NULL;
	values[0] = nulls[0] ? (Datum) 0 : CStringGetTextDatum(main_version);
	values[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(detailed);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls)));
}
