/*
 * steps.c - the versioned steps of setup(): what is not part of the extension.
 *
 * A step is never edited once released; a change of history is a new step. Each runs once per life of the
 * extension, and must bear finding its objects (history that was adopted, a restored dump).
 */
#include "postgres.h"

#include "miscadmin.h"

#include "accounts/history.h"
#include "base/caller.h"
#include "base/guard.h"
#include "base/partition.h"
#include "base/spi.h"
#include "capacity/history.h"
#include "logs/history.h"
#include "setup/steps.h"
#include "whalefall.h"

typedef struct Step
{
	const char *name;
	bool as_superuser; /* else as whalefall_owner */
	const char *sql;
} Step;

/* Step n is entry n - 1. */
static const Step steps[] = {
	{"schema for history", true,
	 "CREATE SCHEMA IF NOT EXISTS " WF_SCHEMA_DATA " AUTHORIZATION " WF_OWNER ";"
	 "COMMENT ON SCHEMA " WF_SCHEMA_DATA
	 " IS 'whalefall: history by month; not part of the extension, so that dropping it keeps history'"},
	{"unified log", false, WF_LOGS_HISTORY_DDL},
	{"history of accounts", false, WF_ACCOUNTS_HISTORY_DDL},
	{"history of sizes", false, WF_CAPACITY_HISTORY_DDL},
};

StaticAssertDecl(lengthof(steps) == WF_SETUP_VERSION, "WF_SETUP_VERSION must be the newest step");

static void
record(int version, const char *name)
{
	static WfQuery insert =
		WF_QUERY("insert into whalefall.setup_history (step, name, extension_version, ran_by) "
				 "values ($1, $2, $3, $4)",
				 INT4OID, TEXTOID, TEXTOID, TEXTOID);
	WfArg args[] = {WF_ARG_INT32(version), wf_arg_text(name), wf_arg_text(WF_VERSION),
					wf_arg_text(GetUserNameFromId(GetOuterUserId(), false))};

	wf_spi_run(&insert, SPI_OK_INSERT, args);
}

int
wf_setup_take_steps(WfSetup *setup, int done_version)
{
	for (int i = Max(done_version, 0); i < (int) lengthof(steps); i++)
	{
		WfIdentity owner;

		if (steps[i].as_superuser)
			wf_caller_restore(&setup->superuser);
		wf_spi_utility(steps[i].sql);
		if (steps[i].as_superuser)
			wf_caller_become_owner(&owner);
		record(i + 1, steps[i].name);
		wf_json_add_text(setup->steps, NULL, steps[i].name);
	}
	return Max(done_version, (int) lengthof(steps));
}
