/*
 * Framing between a worker and a helper program. A frame is a 32-bit big-endian payload length,
 * one byte of type and the payload; a payload is a sequence of fields, each a 32-bit big-endian
 * length (0xFFFFFFFF stands for NULL) and its bytes. Pure C without global state: the same object
 * is linked into whalefall.so and into the programs. Neither side believes a length it has read:
 * it is compared with WF_FRAME_MAX before anything is allocated.
 */
#ifndef WF_REMOTE_FRAME_H
#define WF_REMOTE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WF_FRAME_MAX		(1024 * 1024) /* bytes of payload */
#define WF_FRAME_HEADER		5			  /* bytes before the payload */
#define WF_FRAME_FIELDS_MAX 65536		  /* fields of one frame */
#define WF_FRAME_NULL		0xFFFFFFFFu

/* A growable piece of malloc'd memory; all zeroes is a valid empty one. */
typedef struct WfBuffer
{
	char *data;
	size_t len;
	size_t cap;
} WfBuffer;

typedef enum WfFrameStatus
{
	WF_FRAME_MORE,		/* the frame is not complete */
	WF_FRAME_READY,		/* one whole frame */
	WF_FRAME_TOO_LARGE, /* payload above WF_FRAME_MAX, or too many fields */
	WF_FRAME_NO_MEMORY
} WfFrameStatus;

/* Builds one frame at the end of a buffer. */
typedef struct WfFrameWriter
{
	WfBuffer *out;
	size_t start;
	uint32_t nfields;
	WfFrameStatus status;
} WfFrameWriter;

/* Collects one frame from pieces of any size; all zeroes is a valid start. */
typedef struct WfFrameReader
{
	unsigned char header[WF_FRAME_HEADER];
	size_t header_len;
	size_t wanted;
	char type;
	WfBuffer payload;
} WfFrameReader;

/* Walks over the fields of one payload, which must outlive it. */
typedef struct WfFrameCursor
{
	const char *data;
	size_t len;
	size_t pos;
} WfFrameCursor;

/* One field: not NUL-terminated, points into the payload. */
typedef struct WfField
{
	const char *data;
	size_t len;
	bool is_null;
} WfField;

/* Makes room for that many more bytes; false when memory is out. Old copies are wiped. */
extern bool wf_buffer_reserve(WfBuffer *buffer, size_t extra);

/* Appends bytes; false when memory is out. */
extern bool wf_buffer_append(WfBuffer *buffer, const void *data, size_t len);

/* Overwrites the whole buffer and makes it empty; keeps the memory. */
extern void wf_buffer_wipe(WfBuffer *buffer);

/* Overwrites and frees the buffer; it is an empty one afterwards. */
extern void wf_buffer_free(WfBuffer *buffer);

/* Starts a frame of that type at the end of out, which the caller keeps. */
extern void wf_frame_begin(WfFrameWriter *writer, WfBuffer *out, char type);

/*
 * Adds a field; false when the frame would be too large, has too many fields or memory is out,
 * and from then on until wf_frame_end. writer->status tells which.
 */
extern bool wf_frame_put(WfFrameWriter *writer, const void *data, size_t len);

/* Adds a C string, or a NULL field for a null pointer. */
extern bool wf_frame_put_text(WfFrameWriter *writer, const char *text);

/* Ends the frame; false when a put has failed, and then the buffer is as it was at the start. */
extern bool wf_frame_end(WfFrameWriter *writer);

/*
 * Takes bytes up to the end of the current frame and tells in used how many. After WF_FRAME_READY
 * type and payload are valid until wf_frame_next; the two failures are final.
 */
extern WfFrameStatus wf_frame_feed(WfFrameReader *reader, const void *data, size_t len,
								   size_t *used);

/* Makes ready for the following frame; keeps the memory of the payload, wiped. */
extern void wf_frame_next(WfFrameReader *reader);

/* Wipes and frees what the reader holds. */
extern void wf_frame_reader_free(WfFrameReader *reader);

/* Points a cursor at the first field of a payload. */
extern void wf_frame_open(WfFrameCursor *cursor, const char *payload, size_t len);

/* Counts the fields from the cursor on; -1 when the payload is malformed or has too many. */
extern int wf_frame_count(const WfFrameCursor *cursor);

/* Gives the next field; false at the end and at anything malformed. */
extern bool wf_frame_field(WfFrameCursor *cursor, WfField *field);

#endif
