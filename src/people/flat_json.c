/*
 * flat_json.c - known members of a flat JSON object.
 */
#include <string.h>

#include "people/flat_json.h"

#define MAX_DEPTH  16
#define MAX_DIGITS 15

typedef struct Reader
{
	const char *at;
	const char *end;
} Reader;

static void
skip_blanks(Reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
		r->at++;
}

/* Take one expected character, after blanks. */
static bool
take(Reader *r, char c)
{
	skip_blanks(r);
	if (r->at >= r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

/*
 * Skip a string; its inside lies from *start for *length bytes, escapes as they were written. *plain tells
 * whether it is printable ASCII without escapes.
 */
static bool
skip_string(Reader *r, const char **start, size_t *length, bool *plain)
{
	if (!take(r, '"'))
		return false;
	*start = r->at;
	*plain = true;
	for (; r->at < r->end && *r->at != '"'; r->at++)
	{
		unsigned char c = (unsigned char) *r->at;

		if (c < 0x20)
			return false;
		if (c > 0x7e || c == '\\')
			*plain = false;
		if (c == '\\' && ++r->at >= r->end)
			return false;
	}
	if (r->at >= r->end)
		return false;
	*length = (size_t) (r->at++ - *start);
	return true;
}

/* A number, true, false, null: everything up to what ends a value. At least one character. */
static bool
skip_word(Reader *r)
{
	const char *start;

	skip_blanks(r);
	start = r->at;
	while (r->at < r->end && strchr("+-.0123456789abcdefghijklmnopqrstuvwxyzE", *r->at) != NULL &&
		   *r->at != '\0')
		r->at++;
	return r->at > start;
}

/* One value of any kind, nested at most so deep; without recursion, by the brackets that are open. */
static bool
skip_value(Reader *r)
{
	char open[MAX_DEPTH];
	int depth = 0;

	do
	{
		const char *start;
		size_t length;
		bool plain;

		skip_blanks(r);
		if (r->at >= r->end)
			return false;
		switch (*r->at)
		{
			case '{':
			case '[':
				if (depth >= MAX_DEPTH)
					return false;
				open[depth++] = *r->at++ == '{' ? '}' : ']';
				break;
			case '}':
			case ']':
				if (depth == 0 || open[--depth] != *r->at++)
					return false;
				break;
			case '"':
				if (!skip_string(r, &start, &length, &plain))
					return false;
				break;
			case ',':
			case ':':
				if (depth == 0)
					return false;
				r->at++;
				break;
			default:
				if (!skip_word(r))
					return false;
		}
	} while (depth > 0);
	return true;
}

static bool
read_text(Reader *r, WfMember *member)
{
	const char *start;
	size_t length;
	bool plain;

	if (!skip_string(r, &start, &length, &plain) || !plain || length >= member->size)
		return false;
	memcpy(member->text, start, length);
	member->text[length] = '\0';
	return true;
}

static bool
read_number(Reader *r, WfMember *member)
{
	const char *start;
	int64_t number = 0;

	skip_blanks(r);
	for (start = r->at; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
	{
		if (r->at - start >= MAX_DIGITS)
			return false;
		number = number * 10 + (*r->at - '0');
	}
	/* No digit, a leading zero, or something that goes on: a fraction, an exponent. */
	if (r->at == start || (*start == '0' && r->at - start > 1) ||
		(r->at < r->end && strchr("+-.eE", *r->at) != NULL && *r->at != '\0'))
		return false;
	*member->number = number;
	return true;
}

/* The member of that name, or NULL. */
static WfMember *
find(WfMember *members, int count, const char *name, size_t length)
{
	for (int i = 0; i < count; i++)
		if (strlen(members[i].name) == length && memcmp(members[i].name, name, length) == 0)
			return &members[i];
	return NULL;
}

/* One name and its value. */
static bool
read_member(Reader *r, WfMember *members, int count)
{
	WfMember *member;
	const char *name;
	size_t length;
	bool plain;

	/* An escape in a name could spell a known one: a reader that decodes it would see two of them. */
	if (!skip_string(r, &name, &length, &plain) || !plain || !take(r, ':'))
		return false;
	member = find(members, count, name, length);
	if (member == NULL)
		return skip_value(r);
	if (member->found || member->forbidden)
		return false;
	member->found = true;
	return member->text != NULL ? read_text(r, member) : read_number(r, member);
}

bool
wf_flat_json_read(const char *json, size_t length, WfMember *members, int count)
{
	Reader r = {json, json + length};

	for (int i = 0; i < count; i++)
		members[i].found = false;
	if (!take(&r, '{'))
		return false;
	if (!take(&r, '}'))
	{
		do
			if (!read_member(&r, members, count))
				return false;
		while (take(&r, ','));
		if (!take(&r, '}'))
			return false;
	}
	skip_blanks(&r);
	return r.at == r.end;
}
