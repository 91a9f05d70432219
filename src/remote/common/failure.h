/*
 * Why a request failed, in the words of protocol.h and with what the remote server said.
 */
#ifndef WF_REMOTE_FAILURE_H
#define WF_REMOTE_FAILURE_H

#include "remote/common/protocol.h"

/* Fixed buffers: filled while memory may be out, always terminated, always valid UTF-8. */
typedef struct WfFailure
{
	const char *type; /* one of WF_ERROR_..., a constant; NULL: nothing failed */
	char sqlstate[6]; /* empty when the server sent none */
	char message[WF_REMOTE_TEXT_MAX + 1];
	char detail[WF_REMOTE_TEXT_MAX + 1];
	char hint[WF_REMOTE_TEXT_MAX + 1];
} WfFailure;

/* Sets type and message (a printf format), and clears the rest. */
extern void wf_failure_set(WfFailure *failure, const char *type, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds what to do about it. */
extern void wf_failure_hint(WfFailure *failure, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
