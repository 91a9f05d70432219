/*
 * Answers as frames for a worker. Rows gather per dataset and width; when one of them has a
 * frame's worth all are sent, in the order in which they were first seen in the answer, so that
 * an account's own row never comes after its items and values.
 */
#include "remote/common/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exit status when memory is out: nothing sensible can be sent any more. */
#define STATUS_NO_MEMORY 4

/* Ends the frame, or the process when memory is out; false when the frame was too large. */
static bool
end_frame(WfFrameWriter *writer)
{
	if (wf_frame_end(writer))
		return true;
	if (writer->status == WF_FRAME_NO_MEMORY)
		_Exit(STATUS_NO_MEMORY);
	return false;
}

void
wf_output_frame_phase(WfOutput *out)
{
	WfFrameWriter writer;

	wf_frame_begin(&writer, &out->pending, WF_FRAME_PHASE);
	wf_frame_put_text(&writer, out->phase);
	end_frame(&writer);
}

void
wf_output_frame_version(WfOutput *out, const char *banner, int number)
{
	WfFrameWriter writer;
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	wf_frame_begin(&writer, &out->pending, WF_FRAME_VERSION);
	wf_frame_put_text(&writer, banner);
	wf_frame_put_text(&writer, text);
	end_frame(&writer);
}

/* Puts the waiting rows of one slot into a frame of their own. */
static void
send_slot(WfOutput *out, WfRowsSlot *slot)
{
	WfFrameWriter writer;
	char width[16];

	if (slot->nfields == 0)
		return;
	snprintf(width, sizeof(width), "%d", slot->nvalues);
	wf_frame_begin(&writer, &out->pending, WF_FRAME_ROWS);
	wf_frame_put_text(&writer, slot->dataset->name);
	wf_frame_put_text(&writer, width);
	/* The fields were encoded and counted when they came; the writer takes them as they are. */
	if (writer.status == WF_FRAME_MORE &&
		!wf_buffer_append(&out->pending, slot->rows.data, slot->rows.len))
		writer.status = WF_FRAME_NO_MEMORY;
	end_frame(&writer);
	slot->rows.len = 0;
	slot->nfields = 0;
}

void
wf_output_frame_rows_flush(WfOutput *out)
{
	for (int i = 0; i < out->nslots; i++)
	{
		send_slot(out, &out->slots[i]);
		wf_output_flush(out);
	}
}

/* Finds or opens the slot of a dataset and width; when all are taken, sends and starts over. */
static WfRowsSlot *
find_slot(WfOutput *out, const WfDataset *dataset, int nvalues)
{
	WfRowsSlot *slot;

	for (int i = 0; i < out->nslots; i++)
	{
		slot = &out->slots[i];
		if (slot->dataset == dataset && slot->nvalues == nvalues)
			return slot;
	}
	if (out->nslots == WF_OUTPUT_SLOTS)
	{
		wf_output_frame_rows_flush(out);
		out->nslots = 0;
	}
	slot = &out->slots[out->nslots++];
	slot->dataset = dataset;
	slot->nvalues = nvalues;
	slot->rows.len = 0;
	slot->nfields = 0;
	return slot;
}

/* Appends one encoded field; false when memory is out. */
static bool
encode_field(WfBuffer *rows, const char *value)
{
	size_t len = value == NULL ? 0 : strlen(value);
	uint32_t word = value == NULL ? WF_FRAME_NULL : (uint32_t) len;
	unsigned char prefix[4] = {(unsigned char) (word >> 24), (unsigned char) (word >> 16),
							   (unsigned char) (word >> 8), (unsigned char) word};

	return wf_buffer_append(rows, prefix, sizeof(prefix)) && wf_buffer_append(rows, value, len);
}

bool
wf_output_frame_row(WfOutput *out, const WfDataset *dataset, int nvalues, const char *const *values)
{
	WfRowsSlot *slot;
	size_t size = 0;

	for (int i = 0; i < nvalues; i++)
		size += 4 + (values[i] == NULL ? 0 : strlen(values[i]));
	/* One row alone must fit beside the name of its dataset and its width. */
	if (size > WF_FRAME_MAX - 128)
	{
		wf_output_unfit(out, "the server sent a row that is too large for a frame");
		return false;
	}
	slot = find_slot(out, dataset, nvalues);
	if (slot->rows.len + size > WF_REMOTE_ROWS_BYTES ||
		slot->nfields + (uint32_t) nvalues + 2 > WF_FRAME_FIELDS_MAX)
	{
		wf_output_frame_rows_flush(out);
		slot = find_slot(out, dataset, nvalues);
	}
	for (int i = 0; i < nvalues; i++)
	{
		if (!encode_field(&slot->rows, values[i]))
			_Exit(STATUS_NO_MEMORY);
	}
	slot->nfields += (uint32_t) nvalues;
	return true;
}

void
wf_output_frame_warning(WfOutput *out, const char *category, const WfFailure *failure)
{
	WfFrameWriter writer;

	wf_frame_begin(&writer, &out->pending, WF_FRAME_WARNING);
	wf_frame_put_text(&writer, category);
	wf_frame_put_text(&writer, failure->sqlstate[0] == '\0' ? NULL : failure->sqlstate);
	wf_frame_put_text(&writer, failure->message);
	end_frame(&writer);
}

/* Adds the three counters that end both an error and a done. */
static void
put_counters(WfOutput *out, WfFrameWriter *writer)
{
	char text[24];

	snprintf(text, sizeof(text), "%d", out->round_trips);
	wf_frame_put_text(writer, text);
	snprintf(text, sizeof(text), "%" PRId64, out->rows);
	wf_frame_put_text(writer, text);
	snprintf(text, sizeof(text), "%" PRId64, wf_clock_ms() - out->started);
	wf_frame_put_text(writer, text);
}

bool
wf_output_frame_error(WfOutput *out, WfBuffer *to, const WfFailure *failure)
{
	WfFrameWriter writer;

	wf_frame_begin(&writer, to, WF_FRAME_ERROR);
	wf_frame_put_text(&writer, failure->type);
	wf_frame_put_text(&writer, out->phase);
	wf_frame_put_text(&writer, failure->sqlstate[0] == '\0' ? NULL : failure->sqlstate);
	wf_frame_put_text(&writer, failure->message);
	wf_frame_put_text(&writer, failure->detail[0] == '\0' ? NULL : failure->detail);
	wf_frame_put_text(&writer, failure->hint[0] == '\0' ? NULL : failure->hint);
	put_counters(out, &writer);
	return wf_frame_end(&writer);
}

void
wf_output_frame_done(WfOutput *out)
{
	WfFrameWriter writer;

	wf_frame_begin(&writer, &out->pending, WF_FRAME_DONE);
	put_counters(out, &writer);
	end_frame(&writer);
}
