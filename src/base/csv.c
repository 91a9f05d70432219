/*
 * csv.c - writing and reading CSV (RFC 4180).
 */
#include "postgres.h"

#include "base/csv.h"
#include "base/errors.h"

#define BOM "\xEF\xBB\xBF"

/* Blanks that spreadsheet programs skip at the beginning of a cell, beside the ASCII ones. */
static const char *const wide_blanks[] = {"\xC2\xA0", "\xE3\x80\x80", BOM};

static bool
needs_quotes(const char *text, int length)
{
	for (int i = 0; i < length; i++)
		if (text[i] == ',' || text[i] == '"' || text[i] == '\r' || text[i] == '\n')
			return true;
	return false;
}

/* A quoted cell, a quote inside written twice; prefix stands before the text. */
static void
add_quoted(StringInfo out, const char *prefix, const char *text, int length)
{
	appendStringInfoChar(out, '"');
	appendStringInfoString(out, prefix);
	for (int from = 0; from < length;)
	{
		const char *quote = memchr(text + from, '"', length - from);
		int until = quote != NULL ? (int) (quote - text) + 1 : length;

		appendBinaryStringInfo(out, text + from, until - from);
		if (quote != NULL)
			appendStringInfoChar(out, '"');
		from = until;
	}
	appendStringInfoChar(out, '"');
}

void
wf_csv_add(StringInfo out, bool first, const char *text, int length)
{
	if (!first)
		appendStringInfoChar(out, ',');
	if (needs_quotes(text, length))
		add_quoted(out, "", text, length);
	else
		appendBinaryStringInfo(out, text, length);
}

/* Bytes of a blank at the beginning of the text; 0 when it begins with something else. */
static int
blank_length(const char *text, int length)
{
	if (length > 0 && strchr(" \t\n\r\f\v", text[0]) != NULL)
		return 1;
	for (size_t i = 0; i < lengthof(wide_blanks); i++)
	{
		int bytes = strlen(wide_blanks[i]);

		if (length >= bytes && memcmp(text, wide_blanks[i], bytes) == 0)
			return bytes;
	}
	return 0;
}

/* Could a spreadsheet program take this for a formula? */
static bool
is_formula(const char *text, int length)
{
	int at = 0;
	int blank;

	if (length > 0 && (text[0] == '\t' || text[0] == '\r'))
		return true;
	while ((blank = blank_length(text + at, length - at)) > 0)
		at += blank;
	return at < length && strchr("=+-@", text[at]) != NULL;
}

void
wf_csv_add_guarded(StringInfo out, bool first, const char *text, int length)
{
	if (!is_formula(text, length))
	{
		wf_csv_add(out, first, text, length);
		return;
	}
	if (!first)
		appendStringInfoChar(out, ',');
	if (needs_quotes(text, length))
		add_quoted(out, "'", text, length);
	else
	{
		appendStringInfoChar(out, '\'');
		appendBinaryStringInfo(out, text, length);
	}
}

void
wf_csv_end_line(StringInfo out)
{
	appendBinaryStringInfo(out, "\r\n", 2);
}

void
wf_csv_open(WfCsvReader *reader, const char *text)
{
	reader->next = strncmp(text, BOM, strlen(BOM)) == 0 ? text + strlen(BOM) : text;
	reader->line = 1;
}

/* Step over a line end, if there is one. */
static bool
skip_line_end(WfCsvReader *reader)
{
	if (*reader->next != '\r' && *reader->next != '\n')
		return false;
	reader->next += reader->next[0] == '\r' && reader->next[1] == '\n' ? 2 : 1;
	reader->line++;
	return true;
}

/* The cell after an opening quote; steps over the closing one. */
static char *
read_quoted(WfCsvReader *reader)
{
	int began = reader->line;
	StringInfoData cell;

	initStringInfo(&cell);
	for (;;)
	{
		size_t length = strcspn(reader->next, "\"\n");

		appendBinaryStringInfo(&cell, reader->next, length);
		reader->next += length;
		if (*reader->next == '\0')
			wf_raise(WF_ERR_VALIDATION,
					 psprintf("The quote opened in line %d of the file is not closed.", began),
					 NULL);
		if (*reader->next == '\n')
			reader->line++;
		else if (reader->next[1] == '"')
			reader->next++; /* two quotes stand for one */
		else
			break;
		appendStringInfoChar(&cell, *reader->next++);
	}
	reader->next++;
	if (*reader->next != '\0' && strchr(",\r\n", *reader->next) == NULL)
		wf_raise(WF_ERR_VALIDATION,
				 psprintf("Line %d of the file has text after a closing quote.", reader->line),
				 NULL);
	return cell.data;
}

static char *
read_plain(WfCsvReader *reader)
{
	size_t length = strcspn(reader->next, ",\r\n");
	char *cell = pnstrdup(reader->next, length);

	reader->next += length;
	return cell;
}

char **
wf_csv_read(WfCsvReader *reader, int *count)
{
	int room = 16;
	char **cells;

	*count = 0;
	if (*reader->next == '\0')
		return NULL;
	cells = palloc(room * sizeof(char *));
	for (;;)
	{
		if (*count == room)
			cells = repalloc(cells, (room *= 2) * sizeof(char *));
		if (*reader->next == '"')
		{
			reader->next++;
			cells[(*count)++] = read_quoted(reader);
		}
		else
			cells[(*count)++] = read_plain(reader);
		if (*reader->next == ',')
			reader->next++;
		else
		{
			(void) skip_line_end(reader);
			return cells;
		}
	}
}
