/*
 * answer.h - turning frames of a helper program into a WfRemoteResult. Within this room only.
 */
#ifndef WF_REMOTE_ANSWER_H
#define WF_REMOTE_ANSWER_H

#include "remote/common/frame.h"
#include "remote/common/protocol.h"
#include "remote/remote.h"

typedef struct WfAnswer
{
	WfRemoteResult *result;
	WfRemoteRow row;
	void *arg;
	MemoryContext caller; /* owns what the result points to */
	MemoryContext frame;  /* reset after each frame */
	bool ended;
	bool by_program; /* it ended with a frame, and not because we had enough */
	int64 rows;
	int64 bytes;
} WfAnswer;

/* Clears the result; its strings will be allocated in the context that is current now. */
extern void wf_answer_begin(WfAnswer *answer, WfRemoteResult *result, WfRemoteRow row, void *arg,
							MemoryContext parent);

/* Takes one frame. What makes no sense ends the answer as an error of type protocol. */
extern void wf_answer_frame(WfAnswer *answer, char type, const char *payload, size_t len);

/* Ends the answer as a failure that the worker itself has seen. */
extern void wf_answer_fail(WfAnswer *answer, const char *error_type, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds a hint to that failure. */
extern void wf_answer_hint(WfAnswer *answer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Frees what served the answer alone. */
extern void wf_answer_end(WfAnswer *answer);

#endif
