/*
 * csv.h - writing and reading CSV (RFC 4180).
 *
 * The server has a reader and a writer of its own, but COPY cannot be called from here for what we need: its
 * writer gives rows to a callback only from PostgreSQL 16 on, ends lines with LF and guards no formulas; its
 * reader needs a relation, stops silently at a line "\.", refuses mixed line ends and quotes the line in errors.
 */
#ifndef WF_BASE_CSV_H
#define WF_BASE_CSV_H

#include "postgres.h"

#include "lib/stringinfo.h"

/* Append a cell to a line, with the comma before it unless it is the first; quoted where it must be. */
extern void wf_csv_add(StringInfo out, bool first, const char *text, int length);

/*
 * The same for texts that people or managed servers have given: a spreadsheet program must not take them for a
 * formula, so an apostrophe goes before = + - or @ (also after blanks), and before a leading TAB or CR.
 */
extern void wf_csv_add_guarded(StringInfo out, bool first, const char *text, int length);

extern void wf_csv_end_line(StringInfo out);

/* Reading position in a text, which must outlive it. */
typedef struct WfCsvReader
{
	const char *next;
	int line; /* of the next record, from 1 */
} WfCsvReader;

/* Start at the beginning; a byte order mark is skipped. */
extern void wf_csv_open(WfCsvReader *reader, const char *text);

/*
 * The cells of the next record, palloc'd; NULL at the end. Lines end with CRLF, LF or CR; an empty line is a
 * record of one empty cell. Raises VALIDATION_ERROR with the line for a quote that is not closed, or for text
 * after a closing quote.
 */
extern char **wf_csv_read(WfCsvReader *reader, int *count);

#endif
