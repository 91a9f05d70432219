/*
 * Checking and repairing text of remote servers: see text.h.
 */
#include "remote/common/text.h"

#include <stdint.h>
#include <string.h>

/* Length of the valid UTF-8 character at text, 0 when there is none. */
static size_t
utf8_length(const unsigned char *text, size_t len)
{
	unsigned char lead = text[0];
	unsigned char low = 0x80;
	unsigned char high = 0xBF;
	size_t need;

	if (lead < 0x80)
		return lead == 0 ? 0 : 1;
	if (lead >= 0xC2 && lead <= 0xDF)
		need = 2;
	else if (lead >= 0xE0 && lead <= 0xEF)
		need = 3;
	else if (lead >= 0xF0 && lead <= 0xF4)
		need = 4;
	else
		return 0;
	if (need > len)
		return 0;

	/* The second byte's range rules out long forms, surrogates and what lies above U+10FFFF. */
	if (lead == 0xE0)
		low = 0xA0;
	else if (lead == 0xED)
		high = 0x9F;
	else if (lead == 0xF0)
		low = 0x90;
	else if (lead == 0xF4)
		high = 0x8F;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
	{
		if ((text[i] & 0xC0) != 0x80)
			return 0;
	}
	return need;
}

bool
wf_text_is_utf8(const char *text, size_t len)
{
	const unsigned char *bytes = (const unsigned char *) text;
	size_t pos = 0;

	while (pos < len)
	{
		size_t n = utf8_length(bytes + pos, len - pos);

		if (n == 0)
			return false;
		pos += n;
	}
	return true;
}

void
wf_text_clean(char *to, size_t size, const char *text)
{
	const unsigned char *from = (const unsigned char *) text;
	size_t left = text == NULL ? 0 : strnlen(text, size + 4);
	size_t out = 0;

	while (left > 0)
	{
		size_t n = utf8_length(from, left);
		size_t step = n == 0 ? 1 : n;

		if (out + step + 1 > size)
			break;
		if (n == 0)
			to[out] = '?';
		else if (n == 1 && (*from < 0x20 || *from == 0x7F) && *from != '\n')
			to[out] = ' ';
		else
			memcpy(to + out, from, n);
		out += step;
		from += step;
		left -= step;
	}
	while (out > 0 && (to[out - 1] == ' ' || to[out - 1] == '\n'))
		out--;
	to[out] = '\0';
}

bool
wf_text_to_number(const char *text, long max, long *number)
{
	long value = 0;

	if (text == NULL || *text == '\0')
		return false;
	for (; *text != '\0'; text++)
	{
		int digit = *text - '0';

		if (digit < 0 || digit > 9 || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*number = value;
	return true;
}
