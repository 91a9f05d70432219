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

/* Value of a character, plus 1; 0 for those that encode nothing. */
static const unsigned char values[256] = {
	['A'] = 1,	['B'] = 2,	['C'] = 3,	['D'] = 4,	['E'] = 5,	['F'] = 6,	['G'] = 7,	['H'] = 8,
	['I'] = 9,	['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
	['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
	['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64};

/* The value of the next character; false when it encodes nothing. */
static inline bool
take(const char *text, unsigned int *bits)
{
	unsigned int value = values[(unsigned char) *text];

	*bits = *bits << 6 | (value - 1);
	return value != 0;
}

bool
wf_base64url_decode(const char *text, size_t length, unsigned char *bytes, size_t size,
					size_t *decoded)
{
	unsigned int bits = 0;
	int count = 0;
	size_t n = 0;
	size_t i = 0;

	/* Four characters are three bytes. */
	for (; i + 4 <= length && n + 3 <= size; i += 4)
	{
		bits = 0;
		if (!take(text + i, &bits) || !take(text + i + 1, &bits) || !take(text + i + 2, &bits) ||
			!take(text + i + 3, &bits))
			return false;
		bytes[n++] = (unsigned char) (bits >> 16);
		bytes[n++] = (unsigned char) (bits >> 8);
		bytes[n++] = (unsigned char) bits;
	}
	bits = 0;
	for (; i < length; i++)
	{
		if (!take(text + i, &bits))
			return false;
		bits &= 0xffff;
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
