/*
 * text.c - text rules that several modules share.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "utils/formatting.h"

#include "base/text.h"

#define BLANKS " \t\n\r\f\v"

static const struct
{
	const char *alias;
	const char *db_type;
} db_types[] = {
	{"mysql", "mysql"},			 {"postgresql", "postgresql"}, {"postgres", "postgresql"},
	{"pg", "postgresql"},		 {"sqlserver", "sqlserver"},   {"mssql", "sqlserver"},
	{"sql server", "sqlserver"}, {"oracle", "oracle"},
};

char *
wf_text_trim(const char *text)
{
	size_t length;

	if (text == NULL)
		return NULL;
	text += strspn(text, BLANKS);
	length = strlen(text);
	while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL)
		length--;
	return pnstrdup(text, length);
}

int
wf_text_length(const char *text)
{
	return pg_mbstrlen(text);
}

char *
wf_text_clip(const char *text, int bytes)
{
	return pnstrdup(text, pg_mbcliplen(text, strlen(text), bytes));
}

/*
 * Match by bytes. Greedy with one point of return: after a failure only the last % can take more, so
 * the cost is bounded by the product of both lengths.
 */
static bool
matches(const char *text, const char *pattern)
{
	const char *after_wildcard = NULL;
	const char *resume = NULL;

	while (*text != '\0')
	{
		if (*pattern == '%')
		{
			after_wildcard = ++pattern;
			resume = text;
		}
		else if (*pattern != '\0' && *pattern == *text)
		{
			pattern++;
			text++;
		}
		else if (after_wildcard != NULL)
		{
			pattern = after_wildcard;
			text = ++resume;
		}
		else
			return false;
	}
	while (*pattern == '%')
		pattern++;
	return *pattern == '\0';
}

/* Letters are folded by the rules of the database's own collation. */
bool
wf_text_matches(const char *text, const char *pattern, bool ignore_case)
{
	char *folded_text;
	char *folded_pattern;
	bool result;

	if (!ignore_case)
		return matches(text, pattern);
	folded_text = str_tolower(text, strlen(text), DEFAULT_COLLATION_OID);
	folded_pattern = str_tolower(pattern, strlen(pattern), DEFAULT_COLLATION_OID);
	result = matches(folded_text, folded_pattern);
	pfree(folded_text);
	pfree(folded_pattern);
	return result;
}

const char *
wf_text_db_type(const char *text)
{
	char *trimmed = wf_text_trim(text);
	const char *found = NULL;

	if (trimmed == NULL)
		return NULL;
	for (size_t i = 0; i < lengthof(db_types) && found == NULL; i++)
		if (pg_strcasecmp(trimmed, db_types[i].alias) == 0)
			found = db_types[i].db_type;
	pfree(trimmed);
	return found;
}

void
wf_text_copy(char *buffer, size_t size, const char *text)
{
	int length = text != NULL ? pg_mbcliplen(text, strlen(text), size - 1) : 0;

	if (length > 0)
		memcpy(buffer, text, length);
	buffer[length] = '\0';
}
