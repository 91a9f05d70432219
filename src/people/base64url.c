/*
 * base64url.c - base64 with - and _, without padding.
 */
#include "people/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
wf_base64url_encode(const unsigned char *bytes, size_t length, char *text)
{
	unsigned int bits = 0;
	int count = 0;

	for (size_t i = 0; i < length; i++)
	{
		bits = (bits << 8 | bytes[i]) & 0xffff;
		for (count += 8; count >= 6; count -= 6)
			*text++ = alphabet[bits >> (count - 6) & 63];
	}
	if (count > 0)
		*text++ = alphabet[bits << (6 - count) & 63];
	*text = '\0';
}

/* Value of a character, or -1. */
static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool
wf_base64url_decode(const char *text, size_t length, unsigned char *bytes, size_t size,
					size_t *decoded)
{
	unsigned int bits = 0;
	int count = 0;
	size_t n = 0;

	for (size_t i = 0; i < length; i++)
	{
		int value = value_of(text[i]);

		if (value < 0)
			return false;
		bits = (bits << 6 | (unsigned int) value) & 0xffff;
		count += 6;
		if (count >= 8)
		{
			if (n >= size)
				return false;
			count -= 8;
			bytes[n++] = (unsigned char) (bits >> count & 0xff);
		}
	}
	*decoded = n;
	/* One character alone encodes nothing, and what is left of the last one must be zero. */
	return count < 6 && (bits & ((1u << count) - 1)) == 0;
}
