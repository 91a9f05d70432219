/*
 * The answer to a request: the same calls write frames for a worker or JSON lines for a person.
 * An answer ends with exactly one error or done; after that everything else is ignored.
 */
#ifndef WF_REMOTE_OUTPUT_H
#define WF_REMOTE_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "remote/common/dataset.h"
#include "remote/common/deadline.h"
#include "remote/common/failure.h"
#include "remote/common/frame.h"

/* Rows of one dataset and width that wait to be sent. */
typedef struct WfRowsSlot
{
	const WfDataset *dataset;
	int nvalues;
	WfBuffer rows; /* fields only, without a frame header */
	uint32_t nfields;
} WfRowsSlot;

#define WF_OUTPUT_SLOTS 12

typedef enum WfOutputMode
{
	WF_OUTPUT_FRAMES,
	WF_OUTPUT_JSON
} WfOutputMode;

/* Filled by wf_output_init; nobody else looks inside but output_*.c. */
typedef struct WfOutput
{
	WfOutputMode mode;
	int fd;
	const char *phase;
	bool ended;
	bool failed;
	int round_trips;
	int64_t rows;
	int64_t started;
	WfBuffer pending;	  /* bytes for fd */
	WfBuffer last_answer; /* what the watchdog would send */
	WfRowsSlot slots[WF_OUTPUT_SLOTS];
	int nslots;
} WfOutput;

/* Prepares an output to a file descriptor. */
extern void wf_output_init(WfOutput *out, WfOutputMode mode, int fd);

/* Starts the answer to a request: counters and clock begin anew. */
extern void wf_output_start(WfOutput *out);

/* Tells which phase begins and by when it must have ended; the watchdog sees to it. */
extern void wf_output_phase(WfOutput *out, const char *phase, WfDeadline deadline);

/* Tells the server's own banner and its version as the client library's number. */
extern void wf_output_version(WfOutput *out, const char *banner, int number);

/*
 * Adds a row; a NULL value is the SQL NULL. False when the answer has ended: a value was not
 * valid UTF-8 or too large (then the answer is an error of type protocol).
 */
extern bool wf_output_row(WfOutput *out, const WfDataset *dataset, int nvalues,
						  const char *const *values);

/* Tells that the items of a category could not be read; rows already sent of it are void. */
extern void wf_output_warning(WfOutput *out, const char *category, const WfFailure *failure);

/* Ends the answer with an error. */
extern void wf_output_error(WfOutput *out, const WfFailure *failure);

/* Ends the answer well. */
extern void wf_output_done(WfOutput *out);

/* For output_*.c: writes what is pending; ends the process when nobody reads any more. */
extern void wf_output_flush(WfOutput *out);

/* For output_*.c: reports an answer that cannot be put into a frame or a line. */
extern void wf_output_unfit(WfOutput *out, const char *what);

/* The two ways of writing. */
extern void wf_output_frame_phase(WfOutput *out);
extern void wf_output_frame_version(WfOutput *out, const char *banner, int number);
extern bool wf_output_frame_row(WfOutput *out, const WfDataset *dataset, int nvalues,
								const char *const *values);
extern void wf_output_frame_rows_flush(WfOutput *out);
extern void wf_output_frame_warning(WfOutput *out, const char *category, const WfFailure *failure);
extern bool wf_output_frame_error(WfOutput *out, WfBuffer *to, const WfFailure *failure);
extern void wf_output_frame_done(WfOutput *out);

extern void wf_output_json_version(WfOutput *out, const char *banner, int number);
extern bool wf_output_json_row(WfOutput *out, const WfDataset *dataset, int nvalues,
							   const char *const *values);
extern void wf_output_json_warning(WfOutput *out, const char *category, const WfFailure *failure);
extern bool wf_output_json_error(WfOutput *out, WfBuffer *to, const WfFailure *failure);
extern void wf_output_json_done(WfOutput *out);

#endif
