/*
 * Framing between a worker and a helper program: see frame.h.
 */
#include "remote/common/frame.h"

#include <stdlib.h>
#include <string.h>

/* Overwrites bytes that may hold a secret; a null pointer is fine when there are none. */
static void
wipe(char *data, size_t len)
{
	if (len > 0)
		explicit_bzero(data, len);
}

bool
wf_buffer_reserve(WfBuffer *buffer, size_t extra)
{
	size_t need = buffer->len + extra;
	size_t cap = buffer->cap == 0 ? 256 : buffer->cap;
	char *grown;

	if (need < extra)
		return false;
	if (need <= buffer->cap)
		return true;
	while (cap < need)
	{
		if (cap > SIZE_MAX / 2)
			return false;
		cap *= 2;
	}
	/* Not realloc: it may leave a copy of a password in freed memory. */
	grown = malloc(cap);
	if (grown == NULL)
		return false;
	if (buffer->len > 0)
		memcpy(grown, buffer->data, buffer->len);
	wipe(buffer->data, buffer->cap);
	free(buffer->data);
	buffer->data = grown;
	buffer->cap = cap;
	return true;
}

bool
wf_buffer_append(WfBuffer *buffer, const void *data, size_t len)
{
	if (len == 0)
		return true;
	if (!wf_buffer_reserve(buffer, len))
		return false;
	memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
	return true;
}

void
wf_buffer_wipe(WfBuffer *buffer)
{
	wipe(buffer->data, buffer->cap);
	buffer->len = 0;
}

void
wf_buffer_free(WfBuffer *buffer)
{
	wf_buffer_wipe(buffer);
	free(buffer->data);
	buffer->data = NULL;
	buffer->cap = 0;
}

/* Writes a 32-bit number in network order. */
static void
put_u32(unsigned char *to, uint32_t value)
{
	to[0] = (unsigned char) (value >> 24);
	to[1] = (unsigned char) (value >> 16);
	to[2] = (unsigned char) (value >> 8);
	to[3] = (unsigned char) value;
}

/* Reads a 32-bit number in network order. */
static uint32_t
get_u32(const unsigned char *from)
{
	return ((uint32_t) from[0] << 24) | ((uint32_t) from[1] << 16) | ((uint32_t) from[2] << 8) |
		   (uint32_t) from[3];
}

void
wf_frame_begin(WfFrameWriter *writer, WfBuffer *out, char type)
{
	unsigned char header[WF_FRAME_HEADER] = {0, 0, 0, 0, (unsigned char) type};

	writer->out = out;
	writer->start = out->len;
	writer->nfields = 0;
	writer->status = WF_FRAME_MORE;
	if (!wf_buffer_append(out, header, sizeof(header)))
		writer->status = WF_FRAME_NO_MEMORY;
}

/* Adds the length word of a field and its bytes, unless the frame cannot take them. */
static bool
put_field(WfFrameWriter *writer, uint32_t word, const void *data, size_t len)
{
	unsigned char prefix[4];
	size_t payload;

	if (writer->status != WF_FRAME_MORE)
		return false;
	payload = writer->out->len - writer->start - WF_FRAME_HEADER;
	if (len > WF_FRAME_MAX || payload + sizeof(prefix) + len > WF_FRAME_MAX ||
		writer->nfields >= WF_FRAME_FIELDS_MAX)
	{
		writer->status = WF_FRAME_TOO_LARGE;
		return false;
	}
	put_u32(prefix, word);
	if (!wf_buffer_append(writer->out, prefix, sizeof(prefix)) ||
		!wf_buffer_append(writer->out, data, len))
	{
		writer->status = WF_FRAME_NO_MEMORY;
		return false;
	}
	writer->nfields++;
	return true;
}

bool
wf_frame_put(WfFrameWriter *writer, const void *data, size_t len)
{
	/* A length that does not fit is refused by its size, not cut to 32 bits. */
	return put_field(writer, len > WF_FRAME_MAX ? 0 : (uint32_t) len, data, len);
}

bool
wf_frame_put_text(WfFrameWriter *writer, const char *text)
{
	if (text == NULL)
		return put_field(writer, WF_FRAME_NULL, NULL, 0);
	return wf_frame_put(writer, text, strlen(text));
}

bool
wf_frame_end(WfFrameWriter *writer)
{
	WfBuffer *out = writer->out;

	if (writer->status != WF_FRAME_MORE)
	{
		wipe(out->data + writer->start, out->len - writer->start);
		out->len = writer->start;
		return false;
	}
	put_u32((unsigned char *) out->data + writer->start,
			(uint32_t) (out->len - writer->start - WF_FRAME_HEADER));
	writer->status = WF_FRAME_READY;
	return true;
}

/* Takes header bytes; once all are there, checks the length and makes room for the payload. */
static WfFrameStatus
feed_header(WfFrameReader *reader, const char *data, size_t len, size_t *used)
{
	size_t take = WF_FRAME_HEADER - reader->header_len;

	if (take > len)
		take = len;
	if (take > 0)
		memcpy(reader->header + reader->header_len, data, take);
	reader->header_len += take;
	*used = take;
	if (reader->header_len < WF_FRAME_HEADER)
		return WF_FRAME_MORE;

	reader->wanted = get_u32(reader->header);
	reader->type = (char) reader->header[4];
	if (reader->wanted > WF_FRAME_MAX)
		return WF_FRAME_TOO_LARGE;
	if (!wf_buffer_reserve(&reader->payload, reader->wanted))
		return WF_FRAME_NO_MEMORY;
	return WF_FRAME_READY;
}

WfFrameStatus
wf_frame_feed(WfFrameReader *reader, const void *data, size_t len, size_t *used)
{
	const char *bytes = data;
	size_t take;

	*used = 0;
	if (reader->header_len < WF_FRAME_HEADER)
	{
		WfFrameStatus status = feed_header(reader, bytes, len, used);

		if (status != WF_FRAME_READY)
			return status;
	}
	else if (reader->wanted > WF_FRAME_MAX)
		return WF_FRAME_TOO_LARGE;

	take = reader->wanted - reader->payload.len;
	if (take > len - *used)
		take = len - *used;
	if (take > 0 && !wf_buffer_append(&reader->payload, bytes + *used, take))
		return WF_FRAME_NO_MEMORY;
	*used += take;
	return reader->payload.len == reader->wanted ? WF_FRAME_READY : WF_FRAME_MORE;
}

void
wf_frame_next(WfFrameReader *reader)
{
	wipe(reader->payload.data, reader->payload.len);
	reader->payload.len = 0;
	reader->header_len = 0;
	reader->wanted = 0;
}

void
wf_frame_reader_free(WfFrameReader *reader)
{
	wf_buffer_free(&reader->payload);
	reader->header_len = 0;
	reader->wanted = 0;
}

void
wf_frame_open(WfFrameCursor *cursor, const char *payload, size_t len)
{
	cursor->data = payload;
	cursor->len = len;
	cursor->pos = 0;
}

bool
wf_frame_field(WfFrameCursor *cursor, WfField *field)
{
	size_t left = cursor->len - cursor->pos;
	uint32_t word;

	if (left < 4)
		return false;
	word = get_u32((const unsigned char *) cursor->data + cursor->pos);
	field->is_null = word == WF_FRAME_NULL;
	field->len = field->is_null ? 0 : word;
	if (field->len > left - 4)
		return false;
	field->data = cursor->data + cursor->pos + 4;
	cursor->pos += 4 + field->len;
	return true;
}

int
wf_frame_count(const WfFrameCursor *cursor)
{
	WfFrameCursor walk = *cursor;
	WfField field;
	int n = 0;

	while (walk.pos < walk.len)
	{
		if (n >= WF_FRAME_FIELDS_MAX || !wf_frame_field(&walk, &field))
			return -1;
		n++;
	}
	return n;
}
