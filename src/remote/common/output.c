/*
 * The answer to a request, whichever way it is written: see output.h.
 */
#include "remote/common/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remote/common/text.h"

/* Exit status of a program that cannot answer any more. */
#define STATUS_UNHEARD 3

void
wf_output_init(WfOutput *out, WfOutputMode mode, int fd)
{
	memset(out, 0, sizeof(*out));
	out->mode = mode;
	out->fd = fd;
	wf_output_start(out);
}

void
wf_output_start(WfOutput *out)
{
	out->phase = WF_PHASE_RESOLVING;
	out->ended = false;
	out->failed = false;
	out->round_trips = 0;
	out->rows = 0;
	out->started = wf_clock_ms();
	out->pending.len = 0;
	for (int i = 0; i < out->nslots; i++)
	{
		out->slots[i].rows.len = 0;
		out->slots[i].nfields = 0;
	}
	/* The buffers stay; which dataset came first is a matter of each answer. */
	for (int i = 0; i < WF_OUTPUT_SLOTS; i++)
		out->slots[i].dataset = NULL;
	out->nslots = 0;
}

void
wf_output_flush(WfOutput *out)
{
	size_t sent = 0;

	wf_watchdog_writing(1);
	while (sent < out->pending.len)
	{
		ssize_t n = write(out->fd, out->pending.data + sent, out->pending.len - sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(STATUS_UNHEARD);
		sent += (size_t) n;
	}
	wf_watchdog_writing(0);
	out->pending.len = 0;
}

void
wf_output_phase(WfOutput *out, const char *phase, WfDeadline deadline)
{
	static WfFailure late;

	if (out->ended)
		return;
	wf_watchdog_disarm();
	out->phase = phase;
	if (out->mode == WF_OUTPUT_FRAMES)
		wf_output_frame_phase(out);
	wf_output_flush(out);

	wf_failure_set(&late, WF_ERROR_TIMEOUT, "timeout expired while %s", phase);
	out->last_answer.len = 0;
	if (out->mode == WF_OUTPUT_FRAMES)
		wf_output_frame_error(out, &out->last_answer, &late);
	else
		wf_output_json_error(out, &out->last_answer, &late);
	wf_watchdog_arm(deadline, out->fd, out->last_answer.data, out->last_answer.len, 1);
}

void
wf_output_version(WfOutput *out, const char *banner, int number)
{
	static char clean[WF_REMOTE_TEXT_MAX + 1];

	if (out->ended)
		return;
	wf_text_clean(clean, sizeof(clean), banner);
	if (out->mode == WF_OUTPUT_FRAMES)
		wf_output_frame_version(out, clean, number);
	else
		wf_output_json_version(out, clean, number);
}

void
wf_output_unfit(WfOutput *out, const char *what)
{
	static WfFailure failure;

	wf_failure_set(&failure, WF_ERROR_PROTOCOL, "%s", what);
	wf_output_error(out, &failure);
}

bool
wf_output_row(WfOutput *out, const WfDataset *dataset, int nvalues, const char *const *values)
{
	if (out->ended)
		return false;
	for (int i = 0; i < nvalues; i++)
	{
		if (values[i] != NULL && !wf_text_is_utf8(values[i], strlen(values[i])))
		{
			wf_output_unfit(out, "the server sent a name or value that is not valid UTF-8");
			return false;
		}
	}
	if (nvalues > WF_REMOTE_COLUMNS_MAX || nvalues < dataset->ncolumns ||
		(dataset->path < 0 && nvalues != dataset->ncolumns))
		abort();
	out->rows++;
	if (out->mode == WF_OUTPUT_FRAMES)
		return wf_output_frame_row(out, dataset, nvalues, values);
	return wf_output_json_row(out, dataset, nvalues, values);
}

void
wf_output_warning(WfOutput *out, const char *category, const WfFailure *failure)
{
	if (out->ended)
		return;
	if (out->mode == WF_OUTPUT_FRAMES)
		wf_output_frame_warning(out, category, failure);
	else
		wf_output_json_warning(out, category, failure);
}

void
wf_output_error(WfOutput *out, const WfFailure *failure)
{
	bool written;

	if (out->ended)
		return;
	wf_watchdog_disarm();
	out->ended = true;
	out->failed = true;
	if (out->mode == WF_OUTPUT_FRAMES)
	{
		wf_output_frame_rows_flush(out);
		written = wf_output_frame_error(out, &out->pending, failure);
	}
	else
		written = wf_output_json_error(out, &out->pending, failure);
	if (!written)
		_exit(STATUS_UNHEARD);
	wf_output_flush(out);
}

void
wf_output_done(WfOutput *out)
{
	if (out->ended)
		return;
	wf_watchdog_disarm();
	if (out->mode == WF_OUTPUT_FRAMES)
	{
		wf_output_frame_rows_flush(out);
		wf_output_frame_done(out);
	}
	else
		wf_output_json_done(out);
	out->ended = true;
	wf_output_flush(out);
}
