/*
 * Answers as JSON lines for a person or a script: one object for each row, a last one of type
 * "done" or "error". All JSON is made by jansson.
 */
#include "remote/common/output.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Exit status when memory is out. */
#define STATUS_NO_MEMORY 4

/* Appends what jansson prints to a buffer. */
static int
append_chunk(const char *text, size_t len, void *arg)
{
	return wf_buffer_append(arg, text, len) ? 0 : -1;
}

/* Appends an object and a line feed, and lets go of the object. */
static bool
append_line(WfBuffer *to, json_t *object)
{
	bool written = object != NULL &&
				   json_dump_callback(object, append_chunk, to, JSON_COMPACT) == 0 &&
				   wf_buffer_append(to, "\n", 1);

	json_decref(object);
	return written;
}

/* Writes an object to the output once enough has gathered. */
static void
write_line(WfOutput *out, json_t *object)
{
	if (!append_line(&out->pending, object))
		_Exit(STATUS_NO_MEMORY);
	if (out->pending.len >= WF_REMOTE_ROWS_BYTES)
		wf_output_flush(out);
}

/* A string, or null for the empty string: a server's text that is not there. */
static json_t *
text_or_null(const char *text)
{
	return text[0] == '\0' ? json_null() : json_string(text);
}

/* The JSON form of one value of a row. */
static json_t *
value_json(WfColumnKind kind, const char *value)
{
	if (value == NULL)
		return json_null();
	switch (kind)
	{
		case WF_COLUMN_NUMBER:
			return json_integer(strtoll(value, NULL, 10));
		case WF_COLUMN_BOOLEAN:
			return json_boolean(value[0] == 't');
		case WF_COLUMN_TEXT:
			break;
	}
	return json_string(value);
}

void
wf_output_json_version(WfOutput *out, const char *banner, int number)
{
	write_line(out,
			   json_pack("{s:s, s:s, s:i}", "type", "version", "banner", banner, "number", number));
}

bool
wf_output_json_row(WfOutput *out, const WfDataset *dataset, int nvalues, const char *const *values)
{
	json_t *object = json_object();
	int npath = nvalues - dataset->ncolumns;
	int value = 0;

	json_object_set_new(object, "dataset", json_string(dataset->name));
	for (int column = 0; column < dataset->ncolumns; column++)
	{
		json_object_set_new(object, dataset->columns[column].name,
							value_json(dataset->columns[column].kind, values[value++]));
		if (column == dataset->path)
		{
			json_t *path = json_array();

			for (int i = 0; i < npath; i++)
				json_array_append_new(path, value_json(WF_COLUMN_TEXT, values[value++]));
			json_object_set_new(object, "path", path);
		}
	}
	write_line(out, object);
	return true;
}

void
wf_output_json_warning(WfOutput *out, const char *category, const WfFailure *failure)
{
	write_line(out,
			   json_pack("{s:s, s:s, s:o, s:s}", "type", "warning", "category", category,
						 "sqlstate", text_or_null(failure->sqlstate), "message", failure->message));
}

/* Adds the three counters that end both an error and a done. */
static json_t *
with_counters(WfOutput *out, json_t *object)
{
	json_object_set_new(object, "round_trips", json_integer(out->round_trips));
	json_object_set_new(object, "rows", json_integer(out->rows));
	json_object_set_new(object, "elapsed_ms", json_integer(wf_clock_ms() - out->started));
	return object;
}

bool
wf_output_json_error(WfOutput *out, WfBuffer *to, const WfFailure *failure)
{
	json_t *object =
		json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:o}", "type", "error", "error_type",
				  failure->type, "phase", out->phase, "sqlstate", text_or_null(failure->sqlstate),
				  "message", failure->message, "detail", text_or_null(failure->detail), "hint",
				  text_or_null(failure->hint));

	return append_line(to, with_counters(out, object));
}

void
wf_output_json_done(WfOutput *out)
{
	write_line(out, with_counters(out, json_pack("{s:s}", "type", "done")));
}
