/*
 * multipart.c - uploads: a multipart/form-data body as arguments.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "base/errors.h"
#include "base/json.h"
#include "http/multipart.h"
#include "http/multipart_parts.h"

/* The part that holds the file, and the arguments that take its contents and its name. */
#define FILE_PART	  "file"
#define FILE_ARGUMENT "csv"
#define NAME_ARGUMENT "filename"

static bool
is_utf8(const char *text, size_t length)
{
	return pg_verify_mbstr(PG_UTF8, text, (int) length, true);
}

/* Names come in headers: they must be text of one line. */
static void
check_name(const char *name)
{
	bool is_clean = is_utf8(name, strlen(name));

	for (; *name != '\0'; name++)
		is_clean = is_clean && (unsigned char) *name >= 0x20 && *name != 0x7f;
	if (!is_clean)
		wf_raise(WF_ERR_VALIDATION, "The name of a field or file is not a line of UTF-8 text.",
				 NULL);
}

static void
raise_malformed(WfMultipartStatus status)
{
	switch (status)
	{
		case WF_MULTIPART_OK:
			return;
		case WF_MULTIPART_UNTERMINATED:
			wf_raise(WF_ERR_VALIDATION, "The multipart body is incomplete: a boundary is missing.",
					 NULL);
		case WF_MULTIPART_TOO_MANY:
			wf_raise(WF_ERR_VALIDATION,
					 psprintf("The multipart body has more than %d parts.", WF_MULTIPART_MAX_PARTS),
					 NULL);
		case WF_MULTIPART_BAD_HEADER:
			wf_raise(WF_ERR_VALIDATION, "A part of the multipart body has malformed headers.",
					 NULL);
		case WF_MULTIPART_ENCODED:
			wf_raise(WF_ERR_VALIDATION, "A part of the multipart body is transfer-encoded.",
					 "Send it as it is.");
	}
}

/* The file's contents and name; a browser's full path is cut to its last piece. */
static void
add_file(WfJson *json, const WfPart *part)
{
	const char *name = part->filename;

	if (!part->has_filename)
		wf_raise(WF_ERR_VALIDATION, "The part \"file\" has no file name.", NULL);
	check_name(name);
	for (const char *c = name; *c != '\0'; c++)
		if (*c == '/' || *c == '\\')
			name = c + 1;
	if (!is_utf8(part->data, part->length))
		wf_raise(WF_ERR_VALIDATION, "The file is not UTF-8 text.", "Save it with encoding UTF-8.");
	wf_json_add_text(json, NAME_ARGUMENT, name);
	wf_json_add_text_len(json, FILE_ARGUMENT, part->data, (int) part->length);
}

/* A field beside the file; another file is not looked at, and no field stands in for the file. */
static void
add_field(WfJson *json, const WfPart *part)
{
	if (part->has_filename || strcmp(part->name, FILE_ARGUMENT) == 0 ||
		strcmp(part->name, NAME_ARGUMENT) == 0)
		return;
	check_name(part->name);
	if (!is_utf8(part->data, part->length))
		wf_raise(WF_ERR_VALIDATION, psprintf("%s is not valid UTF-8.", part->name), NULL);
	wf_json_add_text_len(json, part->name, part->data, (int) part->length);
}

/* The parts as an object. */
static Jsonb *
read_parts(const WfPart *parts, int count)
{
	int files = 0;
	WfJson json;

	wf_json_begin(&json);
	for (int i = 0; i < count; i++)
	{
		if (strcmp(parts[i].name, FILE_PART) != 0)
			add_field(&json, &parts[i]);
		else if (files++ == 0)
			add_file(&json, &parts[i]);
	}
	if (files == 0)
		wf_raise(WF_ERR_VALIDATION, psprintf("Missing: %s.", FILE_PART), NULL);
	if (files > 1)
		wf_raise(WF_ERR_VALIDATION, "The part \"file\" stands there more than once.", NULL);
	return wf_json_end(&json);
}

static void
require_argument(const WfFunction *function, const char *name)
{
	for (int i = 0; i < function->nargs; i++)
		if (strcmp(function->args[i].name, name) == 0)
			return;
	elog(ERROR, "function %u takes uploads but has no argument \"%s\"", function->oid, name);
}

void
wf_multipart_bind(const WfFunction *function, const bytea *raw, const char *content_type,
				  WfBody *body)
{
	char boundary[WF_MULTIPART_MAX_BOUNDARY + 1];
	WfPart *parts;
	int count;

	require_argument(function, FILE_ARGUMENT);
	if (!wf_multipart_is(content_type))
	{
		wf_args_parse_body(raw, content_type, body);
		return;
	}
	memset(body, 0, sizeof(*body));
	body->raw = raw;
	body->content_type = content_type;
	if (!wf_multipart_boundary(content_type, boundary))
		wf_raise(WF_ERR_VALIDATION, "The content type has no usable boundary.", NULL);
	parts = palloc(WF_MULTIPART_MAX_PARTS * sizeof(WfPart));
	raise_malformed(wf_multipart_split(raw != NULL ? VARDATA_ANY(raw) : "",
									   raw != NULL ? VARSIZE_ANY_EXHDR(raw) : 0, boundary, parts,
									   &count));
	body->json = read_parts(parts, count);
}
