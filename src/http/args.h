/*
 * args.h - from the parts of a request to the arguments of an operation.
 *
 * A value is looked for in the path, then in the query string, then in the JSON body; the type that the SQL
 * function declares decides what it may look like. Names that the function does not have are ignored. What does
 * not fit is VALIDATION_ERROR naming the field (in the path: RESOURCE_NOT_FOUND).
 *
 *   text           a JSON string; no number, boolean or object
 *   int2/4/8       a whole number, or a text of decimal digits with an optional sign; a blank text is null
 *   boolean        true, false, 0, 1, or the words true/1/yes/on, false/0/no/off in any case
 *   uuid, date     8-4-4-4-12 hexadecimal digits; YYYY-MM-DD; a blank text is null
 *   timestamptz    YYYY-MM-DD[THH:MM[:SS[.f]][Z|+HH:MM]]; without offset in whalefall.timezone; blank is null
 *   text[], int2/4/8[], uuid[]   a JSON array of those, or one of them; in the query string the name may be
 *                  repeated and values may hold several with commas between, blanks dropped
 *   json, jsonb    any JSON value as it is; in the query string JSON text
 *
 * A blank value of the query string counts as absent, as does JSON null, except for clearable arguments: an
 * explicit null (or, where blank is null, a blank text) of the body adds their name to the argument `clear`.
 * Of a name that stands several times in the query string the first value counts, in a JSON object the last.
 * An argument page_size is read from limit, per_page or page_size, sort_order from order or sort_order: the first
 * that is given, in this order.
 */
#ifndef WF_HTTP_ARGS_H
#define WF_HTTP_ARGS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* A parameter of the path or of the query string, decoded. */
typedef struct WfParam
{
	const char *name;
	const char *value;
	bool
		invalid; /* the value (or name, which is "" then) has a bad escape or a NUL, or is not UTF-8 */
} WfParam;

/* One argument of an operation, as the catalog has it. */
typedef struct WfFunctionArg
{
	const char *name;
	Oid type;
	bool has_default;
	bool default_null;
	Datum default_value;
	bool clearable; /* set by wf_args_mark_clearable */
} WfFunctionArg;

typedef struct WfFunction
{
	Oid oid;
	int nargs;
	int clear;						   /* number of the argument `clear text[]`, or -1 */
	WfFunctionArg args[FUNC_MAX_ARGS]; /* last: what is kept has memory for nargs only */
} WfFunction;

/* The body of a request. */
typedef struct WfBody
{
	Jsonb *json; /* an object; NULL = no body */
	const bytea *raw;
	const char *content_type;
	bool had_nul; /* NUL characters were taken out of json's texts */
} WfBody;

/* Arguments ready for the call. */
typedef struct WfBound
{
	Datum values[FUNC_MAX_ARGS];
	bool nulls[FUNC_MAX_ARGS];
} WfBound;

/*
 * Decode percent escapes of length bytes; plus_is_space for query strings. Palloc'd. *invalid becomes true, and
 * the result "", when an escape is malformed, a NUL comes out, or what comes out is not UTF-8; else false.
 */
extern char *wf_args_decode(const char *text, size_t length, bool plus_is_space, bool *invalid);

/*
 * The pairs of a query string ("a=b&c", without "?"; NULL = none) as a list of WfParam, palloc'd, in order. More
 * than 1000 are VALIDATION_ERROR.
 */
extern List *wf_args_split_query(const char *query);

/*
 * Read a body: content type application/json gives an object, any other type or an empty body gives none.
 * raw (never toasted) and content_type (may be NULL) must outlive body. VALIDATION_ERROR when the text is not
 * UTF-8, not JSON, not an object, nested deeper than 256, of more than 250,000 values, or has a number with an
 * exponent or of more than 64 characters. NUL characters in texts are dropped.
 */
extern void wf_args_parse_body(const bytea *raw, const char *content_type, WfBody *body);

/*
 * Tell which arguments an explicit JSON null clears: those that the function's comment lists in parentheses after
 * the words "clear names", if it has an argument `clear text[]`. Reads the catalog; to be called once, when a
 * function's description has been made.
 */
extern void wf_args_mark_clearable(WfFunction *function);

/* Can arguments of this type be bound? A function with others cannot be an operation. */
extern bool wf_args_type_is_known(Oid type);

/*
 * Bind: path and query are lists of WfParam, body may be NULL. Every argument of bound is set; values are palloc'd
 * or the function's own defaults. Raises VALIDATION_ERROR naming the field, or all missing fields at once;
 * RESOURCE_NOT_FOUND for a value of the path that does not fit.
 */
extern void wf_args_bind(const WfFunction *function, List *path, List *query, const WfBody *body,
						 WfBound *bound);

#endif
