/*
 * args_text.c - scanning what a client has sent, byte by byte.
 */
#include <string.h>

#include "http/args_text.h"

#define NUL_ESCAPE "\\u0000"

/* Value of a hexadecimal digit, or -1. */
static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

long
wf_args_unescape(const char *text, size_t length, bool plus_is_space, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++)
	{
		char c = text[i];

		if (c == '+' && plus_is_space)
			c = ' ';
		else if (c == '%')
		{
			int high = length - i > 2 ? hex_digit(text[i + 1]) : -1;
			int low = length - i > 2 ? hex_digit(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -1;
			c = (char) (high * 16 + low);
			i += 2;
		}
		if (c == '\0')
			return -1;
		out[n++] = c;
	}
	out[n] = '\0';
	return (long) n;
}

bool
wf_args_next_pair(const char **query, WfSpan *name, WfSpan *value)
{
	const char *pair = *query + strspn(*query, "&");
	size_t length = strcspn(pair, "&");
	const char *equals = memchr(pair, '=', length);

	*query = pair + length;
	if (length == 0)
		return false;
	name->data = pair;
	name->length = equals != NULL ? (size_t) (equals - pair) : length;
	value->data = equals != NULL ? equals + 1 : pair + length;
	value->length = (size_t) (pair + length - value->data);
	return true;
}

/* Where a string that opens before from ends: behind its closing quote, or at the end of the text. */
static size_t
skip_string(const char *text, size_t length, size_t from, bool *has_nul)
{
	for (size_t i = from; i < length; i++)
	{
		if (text[i] == '"')
			return i + 1;
		if (text[i] != '\\')
			continue;
		if (length - i >= strlen(NUL_ESCAPE) &&
			memcmp(text + i, NUL_ESCAPE, strlen(NUL_ESCAPE)) == 0)
			*has_nul = true;
		i++;
	}
	return length;
}

/* Where a number that starts at from ends. */
static size_t
skip_number(const char *text, size_t length, size_t from, WfJsonCost *cost)
{
	size_t i = from;

	for (; i < length && text[i] != '\0' && strchr("0123456789+-.eE", text[i]) != NULL; i++)
		if (text[i] == 'e' || text[i] == 'E')
			cost->has_exponent = true;
	if (i - from > cost->longest)
		cost->longest = i - from;
	return i;
}

WfJsonCost
wf_args_json_cost(const char *text, size_t length)
{
	WfJsonCost cost = {.values = 1};
	size_t depth = 0;
	size_t i = 0;

	while (i < length)
	{
		char c = text[i];

		if (c == '"')
			i = skip_string(text, length, i + 1, &cost.has_nul);
		else if (c == '-' || (c >= '0' && c <= '9'))
			i = skip_number(text, length, i, &cost);
		else
		{
			if (c == '[' || c == '{')
				depth++;
			else if ((c == ']' || c == '}') && depth > 0)
				depth--;
			if (c == '[' || c == '{' || c == ',')
				cost.values++;
			if (depth > cost.depth)
				cost.depth = depth;
			i++;
		}
	}
	return cost;
}

size_t
wf_args_drop_json_nuls(char *text, size_t length)
{
	bool in_string = false;
	size_t n = 0;
	size_t i = 0;

	while (i < length)
	{
		size_t step = 1;

		if (in_string && text[i] == '\\')
		{
			if (length - i >= strlen(NUL_ESCAPE) &&
				memcmp(text + i, NUL_ESCAPE, strlen(NUL_ESCAPE)) == 0)
			{
				i += strlen(NUL_ESCAPE);
				continue;
			}
			step = length - i > 1 ? 2 : 1;
		}
		else if (text[i] == '"')
			in_string = !in_string;
		memmove(text + n, text + i, step);
		n += step;
		i += step;
	}
	return n;
}
