/*
 * Unit tests of the framing, of UTF-8 checking and of request parsing; prints TAP. Built by
 * frame.t with the address and undefined behaviour sanitizers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote/common/frame.h"
#include "remote/common/request.h"
#include "remote/common/text.h"

static int ntests;

/* Prints one TAP line. */
static void
ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++ntests, name);
}

/* Feeds bytes in pieces of one size and tells how the feeding ended and how much was taken. */
static WfFrameStatus
feed(WfFrameReader *reader, const char *bytes, size_t len, size_t piece, size_t *total)
{
	WfFrameStatus status = WF_FRAME_MORE;

	*total = 0;
	while (*total < len && status == WF_FRAME_MORE)
	{
		size_t n = len - *total < piece ? len - *total : piece;
		/* A copy of exact size, so that reading past it is seen by the sanitizer. */
		char *copy = malloc(n);
		size_t used;

		if (copy == NULL)
			abort();
		memcpy(copy, bytes + *total, n);
		status = wf_frame_feed(reader, copy, n, &used);
		free(copy);
		*total += used;
		if (used < n)
			break;
	}
	return status;
}

/* A frame written, fed in pieces of every size and read back is the same. */
static void
test_round_trip(void)
{
	WfBuffer out = {0};
	WfFrameWriter writer;
	bool same = true;

	wf_frame_begin(&writer, &out, 'R');
	wf_frame_put_text(&writer, "account");
	wf_frame_put_text(&writer, NULL);
	wf_frame_put(&writer, "a\0b", 3);
	wf_frame_put_text(&writer, "");
	ok(wf_frame_end(&writer) && out.len == 5 + 11 + 4 + 7 + 4, "a frame has the expected size");
	ok(memcmp(out.data, "\0\0\0\x1aR\0\0\0\7account\xff\xff\xff\xff\0\0\0\3a\0b\0\0\0\0",
			  out.len) == 0,
	   "a frame has the expected bytes");

	for (size_t piece = 1; piece <= out.len; piece++)
	{
		WfFrameReader reader = {0};
		WfFrameCursor cursor;
		WfField field[5];
		size_t total;

		same = same && feed(&reader, out.data, out.len, piece, &total) == WF_FRAME_READY &&
			   total == out.len && reader.type == 'R';
		wf_frame_open(&cursor, reader.payload.data, reader.payload.len);
		same = same && wf_frame_count(&cursor) == 4;
		for (int i = 0; same && i < 4; i++)
			same = wf_frame_field(&cursor, &field[i]);
		same = same && !wf_frame_field(&cursor, &field[4]) && field[0].len == 7 &&
			   memcmp(field[0].data, "account", 7) == 0 && field[1].is_null && !field[2].is_null &&
			   field[2].len == 3 && memcmp(field[2].data, "a\0b", 3) == 0 && !field[3].is_null &&
			   field[3].len == 0;
		wf_frame_reader_free(&reader);
	}
	ok(same, "fed in pieces of every size it is read back the same");
	wf_buffer_free(&out);
}

/* Two frames in one piece are taken one after the other. */
static void
test_two_frames(void)
{
	WfBuffer out = {0};
	WfFrameWriter writer;
	WfFrameReader reader = {0};
	size_t used;
	size_t first;

	wf_frame_begin(&writer, &out, 'P');
	wf_frame_put_text(&writer, "reading");
	wf_frame_end(&writer);
	first = out.len;
	wf_frame_begin(&writer, &out, 'D');
	wf_frame_end(&writer);
	ok(wf_frame_feed(&reader, out.data, out.len, &used) == WF_FRAME_READY && used == first,
	   "the first of two frames ends where the second begins");
	wf_frame_next(&reader);
	ok(wf_frame_feed(&reader, out.data + first, out.len - first, &used) == WF_FRAME_READY &&
		   used == 5 && reader.type == 'D' && reader.payload.len == 0,
	   "the second one, without fields, follows");
	wf_frame_reader_free(&reader);
	wf_buffer_free(&out);
}

/* The reader refuses a length before it allocates for it. */
static void
test_too_large(void)
{
	WfFrameReader reader = {0};
	size_t used;

	ok(wf_frame_feed(&reader, "\0\x10\0\1Q", 5, &used) == WF_FRAME_TOO_LARGE &&
		   reader.payload.cap == 0,
	   "a length of 1 MiB + 1 is refused, nothing is allocated");
	ok(wf_frame_feed(&reader, "xxxx", 4, &used) == WF_FRAME_TOO_LARGE && used == 0,
	   "and it stays refused");
	wf_frame_reader_free(&reader);
	ok(wf_frame_feed(&reader, "\xff\xff\xff\xffQ", 5, &used) == WF_FRAME_TOO_LARGE &&
		   reader.payload.cap == 0,
	   "a length of 4 GiB - 1 is refused");
	wf_frame_reader_free(&reader);
	ok(wf_frame_feed(&reader, "\0\x10\0\0Q", 5, &used) == WF_FRAME_MORE, "1 MiB is taken");
	wf_frame_reader_free(&reader);
}

/* The writer refuses what the reader would. */
static void
test_writer_limits(void)
{
	WfBuffer out = {0};
	WfFrameWriter writer;
	char *large = calloc(1, WF_FRAME_MAX);

	wf_buffer_append(&out, "before", 6);
	wf_frame_begin(&writer, &out, 'R');
	ok(wf_frame_put(&writer, large, WF_FRAME_MAX - 4) && wf_frame_end(&writer) &&
		   out.len == 6 + 5 + WF_FRAME_MAX,
	   "a field of 1 MiB - 4 bytes fills a frame");
	out.len = 6;
	wf_frame_begin(&writer, &out, 'R');
	ok(!wf_frame_put(&writer, large, WF_FRAME_MAX - 3) && writer.status == WF_FRAME_TOO_LARGE &&
		   !wf_frame_put_text(&writer, "x") && !wf_frame_end(&writer) && out.len == 6 &&
		   memcmp(out.data, "before", 6) == 0,
	   "one byte more is refused, and the buffer is as it was");
	wf_frame_begin(&writer, &out, 'R');
	ok(!wf_frame_put(&writer, large, (size_t) UINT32_MAX + 5) && !wf_frame_end(&writer),
	   "a length that does not fit 32 bits is refused, not cut");
	wf_frame_begin(&writer, &out, 'R');
	for (int i = 0; i < WF_FRAME_FIELDS_MAX; i++)
		wf_frame_put(&writer, NULL, 0);
	ok(writer.nfields == WF_FRAME_FIELDS_MAX && !wf_frame_put(&writer, NULL, 0) &&
		   writer.status == WF_FRAME_TOO_LARGE,
	   "the number of fields is bounded");
	wf_frame_end(&writer);
	free(large);
	wf_buffer_free(&out);
}

/* A malformed payload is never read past its end. */
static void
test_malformed(void)
{
	static const struct
	{
		const char *bytes;
		size_t len;
		int count;
		const char *name;
	} cases[] = {
		{"", 0, 0, "an empty payload has no fields"},
		{"\0\0\0", 3, -1, "half a length is malformed"},
		{"\0\0\0\1", 4, -1, "a field without its byte is malformed"},
		{"\0\0\0\5abcd", 8, -1, "a field that is too short is malformed"},
		{"\x7f\xff\xff\xff", 4, -1, "a huge field is malformed"},
		{"\xff\xff\xff\xfe", 4, -1, "the largest length that is not NULL is malformed"},
		{"\xff\xff\xff\xff", 4, 1, "NULL is one field"},
		{"\0\0\0\0\xff\xff\xff\xff\0", 9, -1, "a byte after the last field is malformed"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char *copy = malloc(cases[i].len + 1);
		WfFrameCursor cursor;

		memcpy(copy, cases[i].bytes, cases[i].len);
		copy = realloc(copy, cases[i].len == 0 ? 1 : cases[i].len);
		wf_frame_open(&cursor, copy, cases[i].len);
		ok(wf_frame_count(&cursor) == cases[i].count, cases[i].name);
		free(copy);
	}
}

/* UTF-8 is judged by the letter, and repaired when it is for people only. */
static void
test_text(void)
{
	static const char *const good[] = {
		"",			"plain",		"\xe9\xb2\xb8\xe8\x90\xbd", "\xf0\x9f\x90\xb3",
		"\xc2\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80",
									  "\xc0\xaf",
									  "\xc1\xbf",
									  "\xe0\x9f\xbf",
									  "\xed\xa0\x80",
									  "\xf0\x8f\xbf\xbf",
									  "\xf4\x90\x80\x80",
									  "\xf5\x80\x80\x80",
									  "\xe9\xb2",
									  "\xff"};
	bool all_good = true;
	bool all_bad = true;
	char text[16];
	long number = 7;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		all_good = all_good && wf_text_is_utf8(good[i], strlen(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		all_bad = all_bad && !wf_text_is_utf8(bad[i], strlen(bad[i]));
	ok(all_good, "valid UTF-8 is taken");
	ok(all_bad, "long forms, surrogates, cut and stray bytes are not");
	ok(!wf_text_is_utf8("a\0b", 3), "nor is U+0000");

	wf_text_clean(text, sizeof(text), "a\xff\tb\x01\nc \n");
	ok(strcmp(text, "a? b \nc") == 0, "a text for people is repaired");
	wf_text_clean(text, 6, "abc\xe9\xb2\xb8");
	ok(strcmp(text, "abc") == 0, "and cut before a character, not inside");
	wf_text_clean(text, sizeof(text), NULL);
	ok(strcmp(text, "") == 0, "no text is an empty one");

	ok(wf_text_to_number("65535", 65535, &number) && number == 65535, "a number is read");
	ok(!wf_text_to_number("65536", 65535, &number) && !wf_text_to_number("", 9, &number) &&
		   !wf_text_to_number("-1", 9, &number) && !wf_text_to_number("1 ", 9, &number) &&
		   !wf_text_to_number("99999999999999999999999", 9, &number) && number == 65535,
	   "what is none, or too large, is not");
}

/* Checks one request given as pairs; tells the type of the failure, "" for none. */
static const char *
check_request(const char *const *pairs)
{
	static WfFailure failure;
	WfBuffer out = {0};
	WfFrameWriter writer;
	WfRequest request;

	memset(&request, 0, sizeof(request));
	memset(&failure, 0, sizeof(failure));
	wf_frame_begin(&writer, &out, 'Q');
	for (int i = 0; pairs[i] != NULL; i++)
		wf_frame_put_text(&writer, pairs[i]);
	wf_frame_end(&writer);
	if (wf_request_decode(&request, out.data + 5, out.len - 5, &failure) &&
		wf_request_check(&request, "postgresql", 5432, "postgres", &failure) &&
		(request.port != 5432 || request.reads != (WF_READ_VERSION | WF_READ_TABLES) ||
		 strcmp(request.dbname, "postgres") != 0 || strcmp(request.tls_mode, "prefer") != 0))
		wf_failure_set(&failure, "defaults", "%s", "");
	wf_request_free(&request);
	wf_buffer_free(&out);
	return failure.type == NULL ? "" : failure.type;
}

/* Requests are taken or refused key by key. */
static void
test_request(void)
{
#define BASE "protocol", "1", "db_type", "postgresql", "user", "u", "reads", "version,tables"
	static const struct
	{
		const char *pairs[20];
		const char *type;
		const char *name;
	} cases[] = {
		{{BASE, "host", "db.example"}, "", "a request with defaults"},
		{{BASE, "host", "2001:db8::1"}, "", "an IPv6 address is a host"},
		{{BASE, "host", "db.example", "port"}, "protocol", "a key without value is refused"},
		{{BASE, "host", "a", "host", "b"}, "protocol", "a key given twice is refused"},
		{{BASE, "host", "a", "color", "b"}, "protocol", "an unknown key is refused"},
		{{BASE}, "other", "no host"},
		{{BASE, "host", "/tmp"}, "other", "a socket folder is no host"},
		{{BASE, "host", "@x"}, "other", "an abstract socket is no host"},
		{{BASE, "host", "a,b"}, "other", "a list is no host"},
		{{BASE, "host", "a b"}, "other", "a host has no blank"},
		{{BASE, "host", "host=x user=y"}, "other", "a connection string is no host"},
		{{BASE, "host", "a", "port", "0"}, "other", "port 0"},
		{{BASE, "host", "a", "port", "65536"}, "other", "port 65536"},
		{{BASE, "host", "a", "port", "54x"}, "other", "a port is a number"},
		{{BASE, "host", "a", "tls_mode", "allow"}, "other", "TLS mode allow is refused"},
		{{BASE, "host", "a", "connect_timeout_ms", "99"}, "other", "a timeout too short"},
		{{BASE, "host", "a", "statement_timeout_ms", "86400001"}, "other", "a timeout too long"},
		{{"protocol", "2", "db_type", "postgresql", "user", "u", "reads", "version", "host", "a"},
		 "protocol",
		 "another protocol is refused"},
		{{"protocol", "1", "db_type", "mysql", "user", "u", "reads", "version", "host", "a"},
		 "other",
		 "another engine is refused"},
		{{"protocol", "1", "db_type", "postgresql", "user", "", "reads", "version", "host", "a"},
		 "other",
		 "an empty user is refused"},
		{{"protocol", "1", "db_type", "postgresql", "user", "u", "reads", "grants", "host", "a"},
		 "other",
		 "an unknown read is refused"},
		{{"protocol", "1", "db_type", "postgresql", "user", "u", "reads", ",", "host", "a"},
		 "other",
		 "an empty list of reads is refused"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *type = check_request(cases[i].pairs);

		ok(strcmp(type, cases[i].type) == 0, cases[i].name);
		if (strcmp(type, cases[i].type) != 0)
			printf("# got %s\n", type);
	}
}

int
main(void)
{
	test_round_trip();
	test_two_frames();
	test_too_large();
	test_writer_limits();
	test_malformed();
	test_text();
	test_request();
	printf("1..%d\n", ntests);
	return 0;
}
