/*
 * Fuzzing what reads a request byte by byte: percent escapes, query strings, the measuring of JSON, multipart
 * bodies. Two ways to use it:
 *
 *     clang -fsanitize=fuzzer,address -DWF_LIBFUZZER ...    libFuzzer drives it
 *     http_fuzz SEED RUNS                                   its own generator does, repeatably
 *
 * test/http/parts.t runs the second way with a fixed seed, under the sanitizers.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/args_text.h"
#include "http/multipart_parts.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What has been seen, so that a run can show that it got anywhere. */
static unsigned long decoded_seen;
static unsigned long malformed_seen;
static unsigned long pairs_seen;
static unsigned long nuls_seen;
static unsigned long parts_seen;
static unsigned long empty_seen;
static unsigned long statuses_seen[WF_MULTIPART_ENCODED + 1];

static void
require(int holds)
{
	if (!holds)
		abort();
}

/* A copy of exact size, so that reading past it is seen by the sanitizer. */
static char *
exact_copy(const void *data, size_t size, size_t more)
{
	char *copy = malloc(size + more + (size + more == 0));

	require(copy != NULL);
	memcpy(copy, data, size);
	if (more > 0)
		memset(copy + size, 0, more);
	return copy;
}

/* What was decoded, with every byte escaped, must decode to the same. */
static void
try_unescape(const uint8_t *data, size_t size, bool plus_is_space)
{
	char *text = exact_copy(data, size, 0);
	char *out = malloc(size + 1);
	long n = wf_args_unescape(text, size, plus_is_space, out);

	require(n >= -1 && n <= (long) size);
	if (n < 0)
		malformed_seen++;
	else
	{
		char *escaped = malloc((size_t) n * 3 + 1);

		decoded_seen++;
		require(strlen(out) == (size_t) n);
		for (long i = 0; i < n; i++)
			sprintf(escaped + i * 3, "%%%02x", (unsigned char) out[i]);
		/* In place, as the decoding of file names does it. */
		require(wf_args_unescape(escaped, (size_t) n * 3, plus_is_space, escaped) == n);
		require(memcmp(escaped, out, (size_t) n + 1) == 0);
		free(escaped);
	}
	free(out);
	free(text);
}

/* The pairs lie in order inside the text, and what lies between them is only & and =. */
static void
try_pairs(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size, 1);
	const char *next = text;
	const char *seen = text;
	WfSpan name;
	WfSpan value;

	while (wf_args_next_pair(&next, &name, &value))
	{
		pairs_seen++;
		require(strspn(seen, "&") == (size_t) (name.data - seen));
		require(memchr(name.data, '=', name.length) == NULL);
		require(value.data == name.data + name.length + (name.data[name.length] == '=' ? 1 : 0));
		require(memchr(value.data, '&', value.length) == NULL);
		require(next == value.data + value.length && next > seen);
		seen = next;
	}
	require(seen[strspn(seen, "&")] == '\0');
	free(text);
}

/* Taking NULs out leaves none, changes nothing else, and is not needed where none is reported. */
static void
try_json(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size, 0);
	WfJsonCost cost = wf_args_json_cost(text, size);
	WfJsonCost after;
	size_t n;

	require(cost.depth <= size && cost.values <= size + 1 && cost.longest <= size);
	n = wf_args_drop_json_nuls(text, size);
	require(n <= size && (size - n) % 6 == 0 && (size - n > 0) == cost.has_nul);
	require(cost.has_nul || memcmp(text, data, size) == 0);
	after = wf_args_json_cost(text, n);
	require(!after.has_nul && after.depth == cost.depth && after.values == cost.values);
	nuls_seen += cost.has_nul;
	free(text);
}

/* The parts lie in order inside the body and hold no delimiter; names end inside their buffers. */
static void
try_multipart(const uint8_t *data, size_t size, const char *boundary)
{
	char *body = exact_copy(data, size, 0);
	WfPart *parts = malloc(WF_MULTIPART_MAX_PARTS * sizeof(WfPart));
	const char *seen = body;
	int count;
	WfMultipartStatus status = wf_multipart_split(body, size, boundary, parts, &count);

	statuses_seen[status]++;
	require(count >= 0 && count <= WF_MULTIPART_MAX_PARTS);
	for (int i = 0; status == WF_MULTIPART_OK && i < count; i++)
	{
		parts_seen++;
		empty_seen += parts[i].length == 0;
		require(parts[i].data >= seen && parts[i].data + parts[i].length <= body + size);
		require(memchr(parts[i].name, '\0', sizeof(parts[i].name)) != NULL);
		require(memchr(parts[i].filename, '\0', sizeof(parts[i].filename)) != NULL);
		seen = parts[i].data + parts[i].length;
	}
	free(parts);
	free(body);
}

/* The first line is a content type as well as everything else; the rest is a body. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line_end = memchr(data, '\n', size);
	size_t line = line_end != NULL ? (size_t) (line_end - data) : 0;
	char *content_type = exact_copy(data, line, 1);
	char boundary[WF_MULTIPART_MAX_BOUNDARY + 1];

	try_unescape(data, size, true);
	try_unescape(data, size, false);
	try_pairs(data, size);
	try_json(data, size);
	if (wf_multipart_boundary(content_type, boundary))
	{
		require(wf_multipart_is(content_type) && strlen(boundary) > 0);
		try_multipart(data + line + 1, size - line - 1, boundary);
	}
	free(content_type);
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

/* A text under construction. */
typedef struct Text
{
	char data[65536];
	size_t length;
} Text;

static void
add(Text *text, const char *piece)
{
	size_t n = strlen(piece);

	if (text->length + n < sizeof(text->data))
	{
		memcpy(text->data + text->length, piece, n);
		text->length += n;
	}
}

static void
add_words(Text *text, const char *const *words, uint32_t nwords, uint32_t most)
{
	for (uint32_t i = below(most + 1); i > 0; i--)
		add(text, words[below(nwords)]);
}

static const char *const query_words[] = {"a",	 "limit", "=",	 "&",	"%", "%4",	"%41",
										  "%zz", "%00",	  "%e4", "%ff", "+", "&&=", "%25"};
static const char *const json_words[] = {
	"[",   "]",		  "{",	   "}",	   ",", ":",  "\"",	  "\\\"",		  "\\\\",		  "1e5",
	"-12", "\\u0000", "u0000", "true", " ", "\\", "12.5", "\"x\\u0000\"", "\"\\\\u0000\""};
static const char *const body_words[] = {"x",		"\r\n",		 "\r",		  "\n",
										 "--",		"--b",		 "--b-",	  "--bb",
										 "\r\n--b", "\r\n--b--", "name,host", "--b \r"};
static const char *const headers[] = {
	"Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n",
	"content-disposition:form-data;name=x\r\n",
	"Content-Disposition: form-data; name=\"a\\\"b\"; filename*=UTF-8''%e4%b8%ad.csv; filename=a\r\n",
	"Content-Type: text/csv; charset=utf-8\r\n",
	"Content-Transfer-Encoding: binary\r\n",
	"X: y\r\n"};
static const char *const bad_headers[] = {
	"Content-Disposition: form-data; name=\"x\r\n",
	"Content-Disposition: attachment; name=x\r\n",
	"Content-Disposition: form-data\r\n",
	"Content-Transfer-Encoding: base64\r\n",
	" folded\r\n",
	"no colon\r\n",
	"Content-Disposition: form-data; name=x; filename*=latin1''a\r\n"};
static const char *const types[] = {"multipart/form-data; boundary=b\n",
									"Multipart/Form-Data;charset=utf-8; boundary=\"b\"\n",
									"multipart/form-data; boundary=b b\n",
									"multipart/form-data; boundary=\n",
									"multipart/form-data\n",
									"application/json\n"};

/* A multipart body that is right or nearly so. */
static void
generate_multipart(Text *text)
{
	uint32_t many = below(12) == 0 ? 24 : 0;

	add(text, types[below(8) != 0 ? below(2) : below(6)]);
	if (below(10) == 0)
		add_words(text, body_words, 12, 4);
	add(text, below(4) == 0 ? "\r\n--b" : "--b");
	for (uint32_t i = many > 0 ? below(many) : below(5); i > 0; i--)
	{
		add(text, below(6) == 0 ? " \t\r\n" : "\r\n");
		add(text, headers[below(3)]);
		for (uint32_t more = below(3); more > 0; more--)
			add(text,
				below(many > 0 ? 500 : 30) == 0 ? bad_headers[below(7)] : headers[3 + below(3)]);
		add(text, below(many > 0 ? 500 : 20) == 0 ? "" : "\r\n");
		add_words(text, body_words, many > 0 ? 1 : 12, below(3) == 0 ? 0 : 8);
		add(text, "\r\n--b");
	}
	add(text, below(12) == 0 ? "" : "--");
	add(text, below(2) == 0 ? "\r\n" : "");
}

static void
generate(Text *text)
{
	text->length = 0;
	switch (below(3))
	{
		case 0:
			add_words(text, query_words, 14, 20);
			break;
		case 1:
			add_words(text, json_words, 19, 30);
			break;
		default:
			generate_multipart(text);
			break;
	}
	for (uint32_t i = below(4) == 0 && text->length > 0 ? 1 + below(4) : 0; i > 0; i--)
		text->data[below((uint32_t) text->length)] = (char) below(256);
	if (below(8) == 0 && text->length > 0)
		text->length = below((uint32_t) text->length);
}

int
main(int argc, char **argv)
{
	unsigned long runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 100000;
	static Text text;

	state = argc > 1 ? strtoull(argv[1], NULL, 10) | 1 : 1;
	for (unsigned long run = 0; run < runs; run++)
	{
		char *exact;

		generate(&text);
		exact = exact_copy(text.data, text.length, 0);
		LLVMFuzzerTestOneInput((const uint8_t *) exact, text.length);
		free(exact);
	}
	printf("decoded %lu\nmalformed %lu\npairs %lu\nnuls %lu\nparts %lu\nempty %lu\n", decoded_seen,
		   malformed_seen, pairs_seen, nuls_seen, parts_seen, empty_seen);
	for (int i = 0; i <= WF_MULTIPART_ENCODED; i++)
		printf("status%d %lu\n", i, statuses_seen[i]);
	return 0;
}

#endif
