/*
 * Filling a failure: see failure.h.
 */
#include "remote/common/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "remote/common/text.h"

/* Formats, then repairs: an argument may be text of the remote server. */
static void __attribute__((format(printf, 3, 0)))
format_clean(char *to, size_t size, const char *format, va_list args)
{
	char text[WF_REMOTE_TEXT_MAX + 64];

	vsnprintf(text, sizeof(text), format, args);
	wf_text_clean(to, size, text);
}

void
wf_failure_set(WfFailure *failure, const char *type, const char *format, ...)
{
	va_list args;

	failure->type = type;
	failure->sqlstate[0] = '\0';
	failure->detail[0] = '\0';
	failure->hint[0] = '\0';
	va_start(args, format);
	format_clean(failure->message, sizeof(failure->message), format, args);
	va_end(args);
}

void
wf_failure_hint(WfFailure *failure, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_clean(failure->hint, sizeof(failure->hint), format, args);
	va_end(args);
}
