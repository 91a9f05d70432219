/*
 * Fuzzing what reads tokens: base64url and the reader of flat JSON objects. Two ways to use it:
 *
 *     clang -fsanitize=fuzzer,address -DWF_LIBFUZZER ...    libFuzzer drives it
 *     token_fuzz SEED RUNS                                  its own generator does, repeatably
 *
 * test/server/people_parts.t runs the second way with a fixed seed, under the sanitizers.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "people/base64url.h"
#include "people/flat_json.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What has been seen, so that a run can show that it got anywhere. */
static unsigned long decoded_seen;
static unsigned long read_seen;
static unsigned long texts_seen;
static unsigned long numbers_seen;
static unsigned long refused_seen;

/* What decodes must be the one spelling of its bytes, and every text must come back. */
static void
check_base64url(const uint8_t *data, size_t size)
{
	unsigned char *bytes = malloc(size + 1);
	char *text = malloc(WF_BASE64URL_CHARS(size) + 1);
	size_t length;

	if (bytes == NULL || text == NULL)
		abort();
	if (wf_base64url_decode((const char *) data, size, bytes, size, &length))
	{
		decoded_seen++;
		wf_base64url_encode(bytes, length, text);
		if (strlen(text) != size || memcmp(text, data, size) != 0)
			abort();
		/* One byte of room less is not enough. */
		if (length > 0 &&
			wf_base64url_decode((const char *) data, size, bytes, length - 1, &length))
			abort();
	}
	wf_base64url_encode(data, size, text);
	if (strlen(text) != WF_BASE64URL_CHARS(size) ||
		!wf_base64url_decode(text, strlen(text), bytes, size, &length) || length != size ||
		memcmp(bytes, data, size) != 0)
		abort();
	free(bytes);
	free(text);
}

/* What is read must be as its description promises. */
static void
check_flat_json(const uint8_t *data, size_t size)
{
	char sub[8];
	char sid[37];
	int64_t exp = -1;
	int64_t epoch = -1;
	WfMember members[] = {{.name = "sub", .text = sub, .size = sizeof(sub)},
						  {.name = "sid", .text = sid, .size = sizeof(sid)},
						  {.name = "exp", .number = &exp},
						  {.name = "epoch", .number = &epoch},
						  {.name = "crit", .forbidden = true}};

	if (!wf_flat_json_read((const char *) data, size, members, 5))
	{
		refused_seen++;
		return;
	}
	read_seen++;
	if (members[4].found)
		abort();
	for (int i = 0; i < 2; i++)
		for (const char *c = members[i].found ? members[i].text : ""; *c != '\0'; c++)
			if (*c < 0x20 || *c > 0x7e || *c == '\\' || *c == '"' ||
				(size_t) (c - members[i].text) >= members[i].size - 1)
				abort();
	for (int i = 2; i < 4; i++)
		if (members[i].found && (*members[i].number < 0 || *members[i].number > 999999999999999))
			abort();
	texts_seen += (unsigned long) (members[0].found + members[1].found);
	numbers_seen += (unsigned long) (members[2].found + members[3].found);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_base64url(data, size);
	check_flat_json(data, size);
	return 0;
}

#ifndef WF_LIBFUZZER

static uint64_t state;

/* A random number below n (xorshift64). */
static uint32_t
below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t) ((state >> 32) % n);
}

/* An object that is right or nearly so; gives its length. */
static size_t
generate(char *out, size_t size)
{
	static const char *const words[] = {"\"sub\"",	  "\"sid\"",	 "\"exp\"",
										"\"epoch\"",  "\"crit\"",	 "\"\\u0073ub\"",
										"\"x\"",	  "\"a\\\"b\"",	 "\"4711\"",
										"0",		  "17",			 "999999999999999",
										"1e5",		  "-1",			 "01",
										"1.5",		  "true",		 "null",
										"[1,[2,{}]]", "{\"sub\":1}", "\"\xe9\xb2\xb8\"",
										"{",		  "}",			 "[",
										"]",		  ",",			 ":",
										" "};
	size_t length = 0;
	uint32_t members = below(5);

	length += (size_t) snprintf(out, size, "{");
	for (uint32_t i = 0; i < members; i++)
		length +=
			(size_t) snprintf(out + length, size - length, "%s%s:%s", i > 0 ? "," : "",
							  words[below(4) == 0 ? below(8) : below(4)], words[8 + below(13)]);
	length += (size_t) snprintf(out + length, size - length, "}");
	if (below(3) == 0)
		length += (size_t) snprintf(out + length, size - length, "%s", words[below(28)]);
	for (uint32_t i = below(3) == 0 ? 1 + below(3) : 0; i > 0; i--)
		out[below((uint32_t) length)] = (char) below(256);
	return below(8) == 0 ? below((uint32_t) length + 1) : length;
}

int
main(int argc, char **argv)
{
	unsigned long runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 100000;

	state = argc > 1 ? strtoull(argv[1], NULL, 10) | 1 : 1;
	for (unsigned long run = 0; run < runs; run++)
	{
		static const char alphabet[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+=";
		char out[1024];
		size_t length = generate(out, sizeof(out));
		uint8_t *exact;

		/* Half of them are texts of base64url, or nearly so. */
		if (below(2) == 0)
		{
			length = below(12);
			for (size_t i = 0; i < length; i++)
				out[i] = alphabet[below(below(8) == 0 ? 66 : 64)];
		}
		/* Of exactly that size, so that a read beyond it is noticed. */
		exact = malloc(length > 0 ? length : 1);
		if (exact == NULL)
			abort();
		memcpy(exact, out, length);
		LLVMFuzzerTestOneInput(exact, length);
		free(exact);
	}
	printf("runs %lu decoded %lu read %lu texts %lu numbers %lu refused %lu\n", runs, decoded_seen,
		   read_seen, texts_seen, numbers_seen, refused_seen);
	return 0;
}

#endif
