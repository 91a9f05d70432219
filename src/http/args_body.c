/*
 * args_body.c - the query string and the body of a request, before anybody asks for values.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "base/errors.h"
#include "http/args.h"
#include "http/args_text.h"
#include "http/args_value.h"

#define MAX_PARAMS 1000
#define BOM		   "\xEF\xBB\xBF"

char *
wf_args_decode(const char *text, size_t length, bool plus_is_space, bool *invalid)
{
	char *out = palloc(length + 1);
	long decoded = wf_args_unescape(text, length, plus_is_space, out);

	*invalid = decoded < 0 || !pg_verify_mbstr(PG_UTF8, out, (int) decoded, true);
	if (*invalid)
		out[0] = '\0';
	return out;
}

List *
wf_args_split_query(const char *query)
{
	List *params = NIL;
	WfSpan name;
	WfSpan value;

	if (query == NULL)
		return NIL;
	while (wf_args_next_pair(&query, &name, &value))
	{
		WfParam *param = palloc(sizeof(WfParam));
		bool bad_name;
		bool bad_value;

		if (list_length(params) == MAX_PARAMS)
			wf_raise(WF_ERR_VALIDATION,
					 psprintf("The query string has more than %d parameters.", MAX_PARAMS), NULL);
		param->name = wf_args_decode(name.data, name.length, true, &bad_name);
		param->value = wf_args_decode(value.data, value.length, true, &bad_value);
		param->invalid = bad_name || bad_value;
		params = lappend(params, param);
	}
	return params;
}

/* Is it application/json, in any case and with any parameters? */
static bool
is_json(const char *content_type)
{
	static const char json[] = "application/json";
	const char *rest;

	if (content_type == NULL)
		return false;
	content_type += strspn(content_type, " \t");
	if (pg_strncasecmp(content_type, json, strlen(json)) != 0)
		return false;
	rest = content_type + strlen(json);
	rest += strspn(rest, " \t");
	return *rest == '\0' || *rest == ';';
}

void
wf_args_parse_body(const bytea *raw, const char *content_type, WfBody *body)
{
	const char *text = raw != NULL ? VARDATA_ANY(raw) : NULL;
	size_t length = raw != NULL ? VARSIZE_ANY_EXHDR(raw) : 0;

	memset(body, 0, sizeof(*body));
	body->raw = raw;
	body->content_type = content_type;
	if (length == 0 || !is_json(content_type))
		return;
	if (!pg_verify_mbstr(PG_UTF8, text, (int) length, true))
		wf_raise(WF_ERR_VALIDATION, "The body is not valid UTF-8.", NULL);
	if (length >= strlen(BOM) && memcmp(text, BOM, strlen(BOM)) == 0)
	{
		text += strlen(BOM);
		length -= strlen(BOM);
	}
	body->json = wf_args_parse_json("The body", text, length, &body->had_nul);
	if (!JB_ROOT_IS_OBJECT(body->json))
		wf_raise(WF_ERR_VALIDATION, "The body is not a JSON object.", NULL);
}
