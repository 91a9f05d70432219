/*
 * answer.c - turning frames of a helper program into a WfRemoteResult. The program has talked to
 * a server of somebody else's: every length, count, word and byte is checked here once more.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "remote/answer.h"

/* Longest text taken of a field that is not a row's value. */
#define TEXT_MAX (2 * WF_REMOTE_TEXT_MAX)

static const char *const error_types[] = {
	WF_ERROR_DNS, WF_ERROR_REFUSED,	 WF_ERROR_TIMEOUT, WF_ERROR_AUTH, WF_ERROR_UNKNOWN_DATABASE,
	WF_ERROR_TLS, WF_ERROR_PROTOCOL, WF_ERROR_OTHER};

/* In the order in which a program passes through them. */
static const char *const phases[] = {WF_PHASE_RESOLVING, WF_PHASE_CONNECTING, WF_PHASE_READING};

/* The number of a word in a list, -1 when it is not there. */
static int
word_number(const char *const *words, int nwords, const char *word)
{
	for (int i = 0; word != NULL && i < nwords; i++)
	{
		if (strcmp(words[i], word) == 0)
			return i;
	}
	return -1;
}

void
wf_answer_begin(WfAnswer *answer, WfRemoteResult *result, WfRemoteRow row, void *arg,
				MemoryContext parent)
{
	memset(result, 0, sizeof(*result));
	strlcpy(result->phase, WF_PHASE_RESOLVING, sizeof(result->phase));
	memset(answer, 0, sizeof(*answer));
	answer->result = result;
	answer->row = row;
	answer->arg = arg;
	answer->caller = CurrentMemoryContext;
	answer->frame = AllocSetContextCreate(parent, "whalefall helper frame", ALLOCSET_DEFAULT_SIZES);
}

void
wf_answer_end(WfAnswer *answer)
{
	MemoryContextDelete(answer->frame);
	answer->frame = NULL;
}

/* Formats a text that is then the caller's. */
static char *__attribute__((format(printf, 2, 0)))
format_text(WfAnswer *answer, const char *format, va_list args)
{
	char text[1024];
	int len = vsnprintf(text, sizeof(text), format, args);

	/* A cut must not leave half a character behind. */
	if (len >= (int) sizeof(text))
		text[pg_encoding_mbcliplen(PG_UTF8, text, strlen(text), sizeof(text) - 8)] = '\0';
	return MemoryContextStrdup(answer->caller, text);
}

void
wf_answer_fail(WfAnswer *answer, const char *error_type, const char *format, ...)
{
	WfRemoteResult *result = answer->result;
	va_list args;

	answer->ended = true;
	answer->by_program = false;
	result->ok = false;
	result->sqlstate[0] = '\0';
	result->detail = NULL;
	result->hint = NULL;
	result->rows = answer->rows;
	strlcpy(result->error_type, error_type, sizeof(result->error_type));
	va_start(args, format);
	result->message = format_text(answer, format, args);
	va_end(args);
}

void
wf_answer_hint(WfAnswer *answer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	answer->result->hint = format_text(answer, format, args);
	va_end(args);
}

/*
 * Copies the next field as a C string into a memory context, NULL for a NULL field. False when
 * there is no field, or it is longer than max, not UTF-8, or has a NUL byte.
 */
static bool
take_text(WfFrameCursor *cursor, MemoryContext context, size_t max, char **text)
{
	WfField field;

	*text = NULL;
	if (!wf_frame_field(cursor, &field) || field.len > max)
		return false;
	if (field.is_null)
		return true;
	if (memchr(field.data, '\0', field.len) != NULL ||
		!pg_verify_mbstr(PG_UTF8, field.data, (int) field.len, true))
		return false;
	*text = MemoryContextAlloc(context, field.len + 1);
	memcpy(*text, field.data, field.len);
	(*text)[field.len] = '\0';
	return true;
}

/* Reads the next field as a number of digits alone, at most max; NULL leaves the number as it is. */
static bool
take_number(WfAnswer *answer, WfFrameCursor *cursor, int64 max, int64 *number)
{
	char *text;
	int64 value = 0;

	if (!take_text(cursor, answer->frame, 20, &text))
		return false;
	if (text == NULL)
		return true;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
	{
		int digit = *text - '0';

		if (digit < 0 || digit > 9 || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*number = value;
	return true;
}

/* Takes P: which phase has begun. There is no way back to an earlier one. */
static bool
take_phase(WfAnswer *answer, WfFrameCursor *cursor)
{
	char *word;
	int phase;

	if (!take_text(cursor, answer->frame, TEXT_MAX, &word))
		return false;
	phase = word_number(phases, lengthof(phases), word);
	if (phase < 0 || phase < word_number(phases, lengthof(phases), answer->result->phase))
		return false;
	/* NOLINTNEXTLINE(clang-analyzer-unix.cstring.NullArg): set by wf_answer_begin, read just above */
	strlcpy(answer->result->phase, phases[phase], sizeof(answer->result->phase));
	return true;
}

/* Takes V: the server's banner and version number. */
static bool
take_version(WfAnswer *answer, WfFrameCursor *cursor)
{
	WfRemoteResult *result = answer->result;
	int64 number = 0;

	if (result->server_version != NULL ||
		!take_text(cursor, answer->caller, TEXT_MAX, &result->server_version) ||
		!take_number(answer, cursor, PG_INT32_MAX, &number))
		return false;
	result->server_version_num = (int) number;
	return true;
}

/* Takes R: rows of one dataset, all of the same width. */
static bool
take_rows(WfAnswer *answer, WfFrameCursor *cursor, int nfields)
{
	char *values[WF_REMOTE_COLUMNS_MAX];
	char *dataset;
	int64 width = 0;
	int nrows;

	if (!take_text(cursor, answer->frame, 64, &dataset) || dataset == NULL ||
		!take_number(answer, cursor, WF_REMOTE_COLUMNS_MAX, &width) || width == 0 ||
		(nfields - 2) % width != 0)
		return false;
	nrows = (nfields - 2) / (int) width;
	for (int i = 0; i < nrows; i++)
	{
		for (int column = 0; column < width; column++)
		{
			if (!take_text(cursor, answer->frame, WF_FRAME_MAX, &values[column]))
				return false;
		}
		answer->rows++;
		if (answer->row != NULL)
			answer->row(answer->arg, dataset, (int) width, (const char *const *) values);
	}
	return true;
}

/* Takes W: a part that could not be read. No program has more parts than the limit: more make no sense. */
static bool
take_warning(WfAnswer *answer, WfFrameCursor *cursor)
{
	WfRemoteResult *result = answer->result;
	WfRemoteWarning *warning = MemoryContextAllocZero(answer->caller, sizeof(WfRemoteWarning));
	MemoryContext before;

	if (!take_text(cursor, answer->caller, 64, &warning->category) || warning->category == NULL ||
		!take_text(cursor, answer->caller, 5, &warning->sqlstate) ||
		!take_text(cursor, answer->caller, TEXT_MAX, &warning->message) ||
		warning->message == NULL || list_length(result->warnings) >= WF_REMOTE_WARNINGS_MAX)
		return false;
	before = MemoryContextSwitchTo(answer->caller);
	result->warnings = lappend(result->warnings, warning);
	MemoryContextSwitchTo(before);
	return true;
}

/* Takes the counters at the end of E and D. */
static bool
take_counters(WfAnswer *answer, WfFrameCursor *cursor)
{
	int64 round_trips = 0;
	int64 rows = answer->rows;
	int64 elapsed = 0;

	if (!take_number(answer, cursor, PG_INT32_MAX, &round_trips) ||
		!take_number(answer, cursor, PG_INT64_MAX, &rows) ||
		!take_number(answer, cursor, PG_INT64_MAX, &elapsed))
		return false;
	answer->result->round_trips = (int) round_trips;
	answer->result->rows = answer->rows;
	return true;
}

/* Takes E: why the read has failed. */
static bool
take_error(WfAnswer *answer, WfFrameCursor *cursor)
{
	WfRemoteResult *result = answer->result;
	char *type;
	char *phase;
	char *sqlstate;
	char *message;

	if (!take_text(cursor, answer->frame, TEXT_MAX, &type) || type == NULL ||
		word_number(error_types, lengthof(error_types), type) < 0 ||
		!take_text(cursor, answer->frame, TEXT_MAX, &phase) || phase == NULL ||
		word_number(phases, lengthof(phases), phase) < 0 ||
		!take_text(cursor, answer->frame, 5, &sqlstate) ||
		!take_text(cursor, answer->caller, TEXT_MAX, &message) || message == NULL ||
		!take_text(cursor, answer->caller, TEXT_MAX, &result->detail) ||
		!take_text(cursor, answer->caller, TEXT_MAX, &result->hint) ||
		!take_counters(answer, cursor))
		return false;
	result->message = message;
	strlcpy(result->error_type, type, sizeof(result->error_type));
	strlcpy(result->phase, phase, sizeof(result->phase));
	strlcpy(result->sqlstate, sqlstate == NULL ? "" : sqlstate, sizeof(result->sqlstate));
	answer->ended = true;
	answer->by_program = true;
	return true;
}

/* Takes D: everything was read. All rows must have come, and the version before them. */
static bool
take_done(WfAnswer *answer, WfFrameCursor *cursor)
{
	int64 round_trips = 0;
	int64 rows = -1;
	int64 elapsed = 0;

	if (!take_number(answer, cursor, PG_INT32_MAX, &round_trips) ||
		!take_number(answer, cursor, PG_INT64_MAX, &rows) ||
		!take_number(answer, cursor, PG_INT64_MAX, &elapsed) || rows != answer->rows ||
		answer->result->server_version == NULL)
		return false;
	answer->result->round_trips = (int) round_trips;
	answer->result->rows = rows;
	answer->result->ok = true;
	answer->ended = true;
	answer->by_program = true;
	return true;
}

/* Takes a frame by its type; false when it makes no sense. */
static bool
take_frame(WfAnswer *answer, char type, WfFrameCursor *cursor, int nfields)
{
	switch (type)
	{
		case WF_FRAME_PHASE:
			return nfields == 1 && take_phase(answer, cursor);
		case WF_FRAME_VERSION:
			return nfields == 2 && take_version(answer, cursor);
		case WF_FRAME_ROWS:
			return nfields > 2 && take_rows(answer, cursor, nfields);
		case WF_FRAME_WARNING:
			return nfields == 3 && take_warning(answer, cursor);
		case WF_FRAME_ERROR:
			return nfields == WF_FRAME_ERROR_FIELDS && take_error(answer, cursor);
		case WF_FRAME_DONE:
			return nfields == WF_FRAME_DONE_FIELDS && take_done(answer, cursor);
		default:
			return false;
	}
}

void
wf_answer_frame(WfAnswer *answer, char type, const char *payload, size_t len)
{
	WfFrameCursor cursor;
	int nfields;

	answer->bytes += len;
	if (answer->bytes > WF_REMOTE_ANSWER_MAX)
	{
		wf_answer_fail(answer, WF_ERROR_PROTOCOL, "the answer is larger than %d MiB",
					   WF_REMOTE_ANSWER_MAX / (1024 * 1024));
		return;
	}
	wf_frame_open(&cursor, payload, len);
	nfields = wf_frame_count(&cursor);
	if (nfields < 0 || !take_frame(answer, type, &cursor, nfields))
		wf_answer_fail(answer, WF_ERROR_PROTOCOL,
					   "the helper program sent a frame that makes no sense (type 0x%02x)",
					   (unsigned char) type);
	MemoryContextReset(answer->frame);
}
