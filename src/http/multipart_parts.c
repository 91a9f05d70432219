/*
 * multipart_parts.c - the parts of a multipart/form-data body.
 */
#include <string.h>
#include <strings.h>

#include "http/args_text.h"
#include "http/multipart_parts.h"

#define TYPE "multipart/form-data"

/* Reading position in some bytes. */
typedef struct Cursor
{
	const char *at;
	const char *end;
} Cursor;

static void
skip_blanks(Cursor *cursor)
{
	while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t'))
		cursor->at++;
}

static bool
take_char(Cursor *cursor, char c)
{
	if (cursor->at >= cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

/* Take a word in any case. */
static bool
take_word(Cursor *cursor, const char *word)
{
	size_t length = strlen(word);

	if ((size_t) (cursor->end - cursor->at) < length || strncasecmp(cursor->at, word, length) != 0)
		return false;
	cursor->at += length;
	return true;
}

static bool
is_blank_or_semicolon(char c)
{
	return c == ' ' || c == '\t' || c == ';';
}

/* A quoted text behind its opening quote; \" and \\ stand for one character, other backslashes for themselves. */
static bool
take_quoted(Cursor *cursor, char *out, size_t room)
{
	size_t n = 0;

	for (; cursor->at < cursor->end; cursor->at++)
	{
		char c = *cursor->at;

		if (c == '"')
		{
			cursor->at++;
			out[n] = '\0';
			return true;
		}
		if (c == '\\' && cursor->end - cursor->at > 1 &&
			(cursor->at[1] == '"' || cursor->at[1] == '\\'))
			c = *++cursor->at;
		if (n == room)
			return false;
		out[n++] = c;
	}
	return false;
}

/* A parameter's value, quoted or up to the next blank or semicolon, of at most room bytes; out has one more. */
static bool
take_value(Cursor *cursor, char *out, size_t room)
{
	size_t n = 0;

	if (take_char(cursor, '"'))
		return take_quoted(cursor, out, room);
	for (; cursor->at < cursor->end && !is_blank_or_semicolon(*cursor->at); cursor->at++)
	{
		if (*cursor->at == '"' || n == room)
			return false;
		out[n++] = *cursor->at;
	}
	out[n] = '\0';
	return n > 0;
}

/* What a parameter of a header is called; the cursor stands behind its "=" then. False at the end or on nonsense. */
static bool
take_parameter_name(Cursor *cursor, WfSpan *name)
{
	skip_blanks(cursor);
	if (!take_char(cursor, ';'))
		return false;
	skip_blanks(cursor);
	name->data = cursor->at;
	while (cursor->at < cursor->end && *cursor->at != '=' && *cursor->at != '"' &&
		   !is_blank_or_semicolon(*cursor->at))
		cursor->at++;
	name->length = (size_t) (cursor->at - name->data);
	return name->length > 0 && take_char(cursor, '=');
}

static bool
is_named(WfSpan name, const char *word)
{
	return name.length == strlen(word) && strncasecmp(name.data, word, name.length) == 0;
}

/* Is it all read, but for blanks and empty parameters? */
static bool
at_end(Cursor *cursor)
{
	while (cursor->at < cursor->end && is_blank_or_semicolon(*cursor->at))
		cursor->at++;
	return cursor->at == cursor->end;
}

/* The cursor behind the media type of a content type. */
static bool
open_content_type(const char *content_type, Cursor *cursor)
{
	if (content_type == NULL)
		return false;
	cursor->at = content_type;
	cursor->end = content_type + strlen(content_type);
	skip_blanks(cursor);
	return take_word(cursor, TYPE) &&
		   (cursor->at == cursor->end || is_blank_or_semicolon(*cursor->at));
}

bool
wf_multipart_is(const char *content_type)
{
	Cursor cursor;

	return open_content_type(content_type, &cursor);
}

/* May a boundary look like this? Bytes 0x21 to 0x7e that RFC 2046 lists, and blanks but not at the end. */
static bool
is_boundary(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && text[length - 1] != ' ' &&
		   strspn(text,
				  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'()+_,-./:=? ") ==
			   length;
}

bool
wf_multipart_boundary(const char *content_type, char boundary[WF_MULTIPART_MAX_BOUNDARY + 1])
{
	/* Other parameters may be longer than a boundary, but none needs to be this long. */
	char value[WF_MULTIPART_MAX_FILENAME + 1] = "";
	Cursor cursor;
	WfSpan name;
	bool found = false;

	if (!open_content_type(content_type, &cursor))
		return false;
	while (take_parameter_name(&cursor, &name))
	{
		if (!take_value(&cursor, value, sizeof(value) - 1))
			return false;
		if (!is_named(name, "boundary"))
			continue;
		if (found || strlen(value) > WF_MULTIPART_MAX_BOUNDARY)
			return false;
		memcpy(boundary, value, strlen(value) + 1);
		found = true;
	}
	return found && at_end(&cursor) && is_boundary(boundary);
}

/* The name that filename* gives: UTF-8'language'percent-encoded (RFC 5987). */
static bool
decode_extended(const char *given, char *out)
{
	const char *language;
	const char *text;

	if (strncasecmp(given, "UTF-8'", strlen("UTF-8'")) != 0)
		return false;
	language = given + strlen("UTF-8'");
	text = strchr(language, '\'');
	return text != NULL && wf_args_unescape(text + 1, strlen(text + 1), false, out) >= 0;
}

/* Content-Disposition: form-data; name="..."; filename="..."; filename*=... (which wins). */
static bool
read_disposition(Cursor *cursor, WfPart *part)
{
	char value[3 * WF_MULTIPART_MAX_FILENAME + 32];
	bool has_name = false;
	bool has_plain = false;
	bool has_extended = false;
	WfSpan name;

	if (!take_word(cursor, "form-data"))
		return false;
	while (take_parameter_name(cursor, &name))
	{
		bool *seen = is_named(name, "name")		   ? &has_name
					 : is_named(name, "filename")  ? &has_plain
					 : is_named(name, "filename*") ? &has_extended
												   : NULL;
		size_t room = seen == &has_name ? sizeof(part->name) : sizeof(part->filename);

		if ((seen != NULL && *seen) || !take_value(cursor, value, sizeof(value) - 1))
			return false;
		if (seen == NULL)
			continue;
		*seen = true;
		if ((seen == &has_extended && !decode_extended(value, value)) || strlen(value) >= room)
			return false;
		if (seen == &has_name)
			memcpy(part->name, value, strlen(value) + 1);
		else if (seen == &has_extended || !has_extended)
			memcpy(part->filename, value, strlen(value) + 1);
	}
	part->has_filename = has_plain || has_extended;
	return has_name && at_end(cursor);
}

/* Does this transfer encoding leave the bytes as they are? */
static bool
is_identity(Cursor *cursor)
{
	return (take_word(cursor, "7bit") || take_word(cursor, "8bit") ||
			take_word(cursor, "binary")) &&
		   at_end(cursor);
}

/* One header line without its CRLF. */
static WfMultipartStatus
read_header(Cursor line, WfPart *part, bool *has_disposition)
{
	WfSpan name = {.data = line.at};

	for (const char *c = line.at; c < line.end; c++)
		if (((unsigned char) *c < 0x20 && *c != '\t') || *c == 0x7f)
			return WF_MULTIPART_BAD_HEADER;
	while (line.at < line.end && *line.at != ':' && *line.at != ' ' && *line.at != '\t')
		line.at++;
	name.length = (size_t) (line.at - name.data);
	if (name.length == 0 || !take_char(&line, ':'))
		return WF_MULTIPART_BAD_HEADER;
	skip_blanks(&line);
	if (is_named(name, "Content-Transfer-Encoding"))
		return is_identity(&line) ? WF_MULTIPART_OK : WF_MULTIPART_ENCODED;
	if (!is_named(name, "Content-Disposition"))
		return WF_MULTIPART_OK;
	if (*has_disposition || !read_disposition(&line, part))
		return WF_MULTIPART_BAD_HEADER;
	*has_disposition = true;
	return WF_MULTIPART_OK;
}

/* The headers of a part, up to and with the empty line. */
static WfMultipartStatus
read_headers(Cursor *cursor, WfPart *part)
{
	size_t left = (size_t) (cursor->end - cursor->at);
	const char *limit =
		cursor->at + (left < WF_MULTIPART_MAX_HEADER ? left : WF_MULTIPART_MAX_HEADER);
	bool has_disposition = false;

	for (;;)
	{
		const char *eol = memmem(cursor->at, (size_t) (limit - cursor->at), "\r\n", 2);
		Cursor line = {cursor->at, eol};
		WfMultipartStatus status;

		if (eol == NULL)
			return WF_MULTIPART_BAD_HEADER;
		cursor->at = eol + 2;
		if (line.at == line.end)
			return has_disposition ? WF_MULTIPART_OK : WF_MULTIPART_BAD_HEADER;
		status = read_header(line, part, &has_disposition);
		if (status != WF_MULTIPART_OK)
			return status;
	}
}

/* A delimiter: where it begins (with the line end before it), where the next part begins, and is it the last? */
typedef struct Delimiter
{
	const char *begin;
	const char *after;
	bool is_closing;
} Delimiter;

/* Is what follows "--boundary" the end of a delimiter? */
static bool
ends_delimiter(Cursor cursor, Delimiter *found)
{
	found->is_closing = take_word(&cursor, "--");
	skip_blanks(&cursor);
	found->after = cursor.at;
	/* Nothing needs to follow the closing one. */
	if (found->is_closing && cursor.at == cursor.end)
		return true;
	if (!take_word(&cursor, "\r\n"))
		return false;
	found->after = cursor.at;
	return true;
}

/* The next delimiter from here on; at_start: it may begin here without a line end before it. */
static bool
find_delimiter(Cursor cursor, const char *dashed, bool at_start, Delimiter *found)
{
	size_t length = strlen(dashed);

	while ((size_t) (cursor.end - cursor.at) >= length)
	{
		const char *hit = memmem(cursor.at, (size_t) (cursor.end - cursor.at), dashed, length);
		bool begins_line;

		if (hit == NULL)
			return false;
		begins_line = (hit == cursor.at && at_start) ||
					  (hit - cursor.at >= 2 && hit[-2] == '\r' && hit[-1] == '\n');
		if (begins_line && ends_delimiter((Cursor){hit + length, cursor.end}, found))
		{
			found->begin = hit == cursor.at ? hit : hit - 2;
			return true;
		}
		at_start = false;
		/* A line end before the next hit cannot lie inside this one, which has none. */
		cursor.at = hit + 1;
	}
	return false;
}

WfMultipartStatus
wf_multipart_split(const char *body, size_t length, const char *boundary, WfPart *parts, int *count)
{
	char dashed[WF_MULTIPART_MAX_BOUNDARY + 3] = "--";
	Cursor cursor = {body, body + length};
	Delimiter delimiter;

	*count = 0;
	strncat(dashed, boundary, WF_MULTIPART_MAX_BOUNDARY);
	if (!find_delimiter(cursor, dashed, true, &delimiter))
		return WF_MULTIPART_UNTERMINATED;
	while (!delimiter.is_closing)
	{
		WfPart *part = &parts[*count];
		WfMultipartStatus status;

		if (*count == WF_MULTIPART_MAX_PARTS)
			return WF_MULTIPART_TOO_MANY;
		memset(part, 0, sizeof(*part));
		cursor.at = delimiter.after;
		status = read_headers(&cursor, part);
		if (status != WF_MULTIPART_OK)
			return status;
		/* The empty line behind the headers may be the line end before the delimiter: an empty part. */
		cursor.at -= 2;
		part->data = cursor.at + 2;
		if (!find_delimiter(cursor, dashed, false, &delimiter))
			return WF_MULTIPART_UNTERMINATED;
		part->length = delimiter.begin > part->data ? (size_t) (delimiter.begin - part->data) : 0;
		(*count)++;
	}
	return WF_MULTIPART_OK;
}
