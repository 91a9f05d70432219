/*
 * args_value.h - one value of a request as a value of an SQL type.
 */
#ifndef WF_HTTP_ARGS_VALUE_H
#define WF_HTTP_ARGS_VALUE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* The field that is read. */
typedef struct WfField
{
	const char *name; /* for messages */
	Oid type;
	bool in_path; /* what does not fit is RESOURCE_NOT_FOUND */
	bool in_list; /* it is one value of a list, */
	int position; /* this one, from 0 */
} WfField;

/*
 * The three forms in which a value comes: a text of the path, the texts of the query string (at least one), and a
 * JSON value that is not null. Each gives true and the value, palloc'd, or false when it counts as null, and raises
 * what args.h says.
 */
extern bool wf_args_of_text(const WfField *field, const char *text, Datum *value);
extern bool wf_args_of_query(const WfField *field, List *texts, Datum *value);
extern bool wf_args_of_json(const WfField *field, const JsonbValue *json, Datum *value);

/* Text as jsonb under the limits of args.h; what names it in messages. VALIDATION_ERROR. */
extern Jsonb *wf_args_parse_json(const char *what, const char *text, size_t length, bool *had_nul);

/* Is the text empty, or made of blanks alone? */
extern bool wf_args_is_blank(const char *text);

/* A text as a value of a scalar type but json; false for null. */
extern bool wf_args_scalar_of_text(const WfField *field, const char *text, Datum *value);

/* What a value of a scalar type must be, as a sentence with one %s for the field. */
extern const char *wf_args_kind_words(Oid type);

/* Raise that a value does not fit; format is a sentence with one %s for the field. */
extern void wf_args_refuse(const WfField *field, const char *format) __attribute__((noreturn));

#endif
