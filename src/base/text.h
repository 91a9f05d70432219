/*
 * text.h - text rules that several modules share.
 */
#ifndef WF_BASE_TEXT_H
#define WF_BASE_TEXT_H

#include "postgres.h"

/* Copy without surrounding blanks; NULL stays NULL, a blank text becomes "". Palloc'd. */
extern char *wf_text_trim(const char *text);

/* Number of characters (not bytes) of a text in the database encoding. */
extern int wf_text_length(const char *text);

/* Copy of at most so many bytes, cut at a character's border; for messages. Palloc'd. */
extern char *wf_text_clip(const char *text, int bytes);

/* Copy into a buffer of so many bytes, cut at a character's end; always terminated. NULL counts as "". */
extern void wf_text_copy(char *buffer, size_t size, const char *text);

/* Filter pattern: only % is a wildcard, everything else (also _) is literal. */
extern bool wf_text_matches(const char *text, const char *pattern, bool ignore_case);

/* Canonical database type of an input (trimmed, any case, aliases), or NULL when there is none. */
extern const char *wf_text_db_type(const char *text);

#endif
