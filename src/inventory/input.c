/*
 * input.c - keeping passwords that arrive by COPY out of every message.
 *
 * The way in for secrets from psql is
 *     \copy whalefall_api.credential_input (name, credential_type, username, password) from stdin
 * PostgreSQL adds the input line to the CONTEXT of every error raised while it reads one, password included.
 * Two things prevent that: the trigger works without a context (api_input.c), and for lines that never reach it
 * (a column too many) the filter here cuts the context before anybody sees it.
 */
#include "postgres.h"

#include "utils/elog.h"

#include "inventory/input.h"

#define MARK "COPY credential_input"

static emit_log_hook_type previous_hook;
static bool installed;

/* Does a line of a context show input of the view? Any language: the two words are not translated. */
static bool
shows_input(const char *line)
{
	return strncmp(line, MARK, strlen(MARK)) == 0;
}

/*
 * Cut the context from the first line that shows input. What follows is cut too: a value may hold line ends,
 * and nothing tells where it stops.
 */
static void
cut_context(char *context)
{
	char *line = context;

	while (line != NULL && *line != '\0')
	{
		char *next = strchr(line, '\n');

		if (shows_input(line))
		{
			explicit_bzero(line, strlen(line));
			if (line > context)
				line[-1] = '\0';
			return;
		}
		line = next != NULL ? next + 1 : NULL;
	}
}

/* Runs before the message goes to the log and to the client. */
static void
filter(ErrorData *error)
{
	if (error->context != NULL)
	{
		cut_context(error->context);
		if (error->context[0] == '\0')
			error->context = NULL;
	}
	if (previous_hook != NULL)
		previous_hook(error);
}

void
wf_inventory_init(void)
{
	if (installed)
		return;
	previous_hook = emit_log_hook;
	emit_log_hook = filter;
	installed = true;
}
