/*
 * args_text.h - scanning what a client has sent, byte by byte.
 *
 * Nothing here calls the server, so that it can be fuzzed as a program of its own (test/fuzz).
 */
#ifndef WF_HTTP_ARGS_TEXT_H
#define WF_HTTP_ARGS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Some bytes of a text that lives elsewhere; not terminated. */
typedef struct WfSpan
{
	const char *data;
	size_t length;
} WfSpan;

/*
 * Decode percent escapes into out, which has room for length + 1 bytes (it may be text itself) and gets a NUL at
 * its end. Gives the number of bytes, or -1 when an escape is malformed or a NUL byte would come out.
 */
extern long wf_args_unescape(const char *text, size_t length, bool plus_is_space, char *out);

/*
 * The next pair of a query string: moves *query on, and gives false at the end. Empty pairs are skipped; a pair
 * without "=" has an empty value. Nothing is decoded.
 */
extern bool wf_args_next_pair(const char **query, WfSpan *name, WfSpan *value);

/* What a JSON text would cost to parse. Lawful or not: the parser decides that. */
typedef struct WfJsonCost
{
	size_t depth;	   /* deepest nesting */
	size_t values;	   /* at least as many values as it has */
	size_t longest;	   /* characters of its longest number */
	bool has_exponent; /* some number has one */
	bool has_nul;	   /* \u0000 stands in a string */
} WfJsonCost;

extern WfJsonCost wf_args_json_cost(const char *text, size_t length);

/* Take every \u0000 out of the strings of a JSON text, in place; gives the new length. */
extern size_t wf_args_drop_json_nuls(char *text, size_t length);

#endif
