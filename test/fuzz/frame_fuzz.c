/*
 * Fuzzing the decoder of frames and requests. Two ways to use it:
 *
 *     clang -fsanitize=fuzzer,address -DWF_LIBFUZZER ...    libFuzzer drives it
 *     frame_fuzz SEED RUNS                                  its own generator does, repeatably
 *
 * test/remote/frame.t runs the second way with a fixed seed, under the sanitizers.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote/common/frame.h"
#include "remote/common/request.h"
#include "remote/common/text.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What has been seen, so that a run can show that it got anywhere. */
static unsigned long frames_seen;
static unsigned long fields_seen;
static unsigned long requests_seen;
static unsigned long refused_seen;

/* Walks over a complete frame the way both sides do. */
static void
walk(const WfFrameReader *reader)
{
	static WfFailure failure;
	WfFrameCursor cursor;
	WfField field;
	WfRequest request;
	int n = 0;
	int expected;

	wf_frame_open(&cursor, reader->payload.data, reader->payload.len);
	expected = wf_frame_count(&cursor);
	while (wf_frame_field(&cursor, &field))
	{
		n++;
		fields_seen++;
		if (!field.is_null)
			(void) wf_text_is_utf8(field.data, field.len);
	}
	/* What counting accepted, walking must find, and the other way round. */
	if (expected >= 0 && (n != expected || cursor.pos != cursor.len))
		abort();

	memset(&request, 0, sizeof(request));
	if (wf_request_decode(&request, reader->payload.data, reader->payload.len, &failure) &&
		wf_request_check(&request, "postgresql", 5432, "postgres", &failure))
		requests_seen++;
	wf_request_free(&request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WfFrameReader reader = {0};
	size_t pos = 1;
	size_t piece;

	if (size < 2)
		return 0;
	/* The first byte chooses the size of the pieces. */
	piece = 1 + data[0];
	while (pos < size)
	{
		size_t n = size - pos < piece ? size - pos : piece;
		size_t used;
		WfFrameStatus status = wf_frame_feed(&reader, data + pos, n, &used);

		if (used > n || reader.payload.cap > 2 * WF_FRAME_MAX)
			abort();
		pos += used;
		if (status == WF_FRAME_READY)
		{
			frames_seen++;
			walk(&reader);
			wf_frame_next(&reader);
		}
		else if (status != WF_FRAME_MORE)
		{
			refused_seen++;
			break;
		}
	}
	wf_frame_reader_free(&reader);
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

/* Appends a frame that is right or nearly so. */
static void
generate(WfBuffer *out)
{
	static const char *const words[] = {"protocol", "1",		  "db_type",  "postgresql",
										"host",		"db.example", "port",	  "5432",
										"user",		"u",		  "reads",	  "version,accounts",
										"password", "",			  "tls_ca",	  "connect_timeout_ms",
										"20000",	"dbname",	  "x",		  "/tmp",
										"99999",	"\xff\xfe",	  "tls_mode", "require"};
	WfFrameWriter writer;
	uint32_t nfields = below(16);
	size_t start = out->len;

	wf_frame_begin(&writer, out, "QPVRWED?"[below(8)]);
	if (below(4) == 0)
	{
		/* The six pairs that make a request, in order. */
		for (uint32_t i = 0; i < 12; i++)
			wf_frame_put_text(&writer, words[i]);
	}
	for (uint32_t i = 0; i < nfields && below(3) != 0; i++)
		wf_frame_put_text(&writer, below(20) == 0 ? NULL : words[below(24)]);
	wf_frame_end(&writer);
	for (uint32_t i = below(3) == 0 ? 1 + below(4) : 0; i > 0; i--)
		out->data[start + below((uint32_t) (out->len - start))] = (char) below(256);
}

int
main(int argc, char **argv)
{
	unsigned long runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 100000;

	state = argc > 1 ? strtoull(argv[1], NULL, 10) | 1 : 1;
	for (unsigned long run = 0; run < runs; run++)
	{
		WfBuffer out = {0};
		char piece = (char) below(256);
		uint32_t nframes = 1 + below(4);
		uint8_t *exact;

		wf_buffer_append(&out, &piece, 1);
		for (uint32_t i = 0; i < nframes; i++)
			generate(&out);
		if (below(4) == 0)
			out.len = 1 + below((uint32_t) out.len);
		exact = malloc(out.len);
		if (exact == NULL)
			abort();
		memcpy(exact, out.data, out.len);
		LLVMFuzzerTestOneInput(exact, out.len);
		free(exact);
		wf_buffer_free(&out);
	}
	printf("runs %lu frames %lu fields %lu requests %lu refused %lu\n", runs, frames_seen,
		   fields_seen, requests_seen, refused_seen);
	return 0;
}

#endif
