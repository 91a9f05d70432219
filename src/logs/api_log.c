/*
 * api_log.c - writing the unified log from SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "base/errors.h"
#include "logs/log.h"
#include "whalefall.h"

static const char *const words[] = {"debug", "info", "warning", "error", "critical"};

static WfLogLevel
parse_level(const char *word)
{
	for (size_t i = 0; i < lengthof(words); i++)
		if (pg_strcasecmp(word, words[i]) == 0)
			return (WfLogLevel) i;
	wf_raise(WF_ERR_VALIDATION, "The level is not known.",
			 "Use debug, info, warning, error or critical.");
}

WF_FUNCTION(wf_logs_write);

/* whalefall.log_write(level, module, message, context, error): private, for scripts of the DBA and for tests. */
Datum
wf_logs_write(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		wf_raise(WF_ERR_VALIDATION, "Level, module and message are required.", NULL);
	wf_log_write(parse_level(text_to_cstring(PG_GETARG_TEXT_PP(0))),
				 text_to_cstring(PG_GETARG_TEXT_PP(1)), text_to_cstring(PG_GETARG_TEXT_PP(2)),
				 PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3),
				 PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4)));
	PG_RETURN_VOID();
}
