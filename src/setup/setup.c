/*
 * setup.c - whalefall.setup(): everything CREATE EXTENSION cannot or must not do.
 *
 * To be run after CREATE EXTENSION and after every ALTER EXTENSION UPDATE, as often as one likes.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/namespace.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "base/errors.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/partition.h"
#include "base/settings.h"
#include "base/spi.h"
#include "logs/log.h"
#include "people/admin.h"
#include "runs/shared.h"
#include "setup/steps.h"
#include "whalefall.h"

#define MONTHS_AHEAD 3

/* Worker slots that are not ours: our launcher's and the one of logical replication's launcher. */
#define OTHER_WORKERS 2

typedef enum HistoryChoice
{
	HISTORY_ASK,
	HISTORY_ARCHIVE,
	HISTORY_ADOPT
} HistoryChoice;

void
wf_setup_warn(WfSetup *setup, const char *message, const char *hint)
{
	if (setup->warning_count >= (int) lengthof(setup->warnings))
		elog(ERROR, "too many warnings");
	setup->warnings[setup->warning_count++] = psprintf("%s", message);
	ereport(WARNING, (errmsg("%s", message), hint != NULL ? errhint("%s", hint) : 0));
}

static HistoryChoice
parse_history(const char *word)
{
	if (word == NULL)
		return HISTORY_ASK;
	if (pg_strcasecmp(word, "archive") == 0)
		return HISTORY_ARCHIVE;
	if (pg_strcasecmp(word, "adopt") == 0)
		return HISTORY_ADOPT;
	wf_raise(WF_ERR_VALIDATION, "The argument history must be 'archive' or 'adopt'.", NULL);
}

/* Two setups at once would take the same steps; readers of the row are not disturbed. */
static void
lock_control_plane(void)
{
	LockRelationOid(get_relname_relid("control_plane", get_namespace_oid(WF_SCHEMA, false)),
					ShareRowExclusiveLock);
}

/*
 * Which steps are done: 0 for a new control plane. A control plane of another cluster or database is refused,
 * or taken over.
 */
static int
version_done(WfSetup *setup, bool take_over, bool *is_new)
{
	static WfQuery find = WF_QUERY0("select system_identifier, database_oid::bigint, setup_version "
									"from whalefall.control_plane");
	static WfQuery move = WF_QUERY("update whalefall.control_plane set system_identifier = $1, "
								   "database_oid = $2",
								   INT8OID, OIDOID);
	int version;

	*is_new = wf_spi_run(&find, SPI_OK_SELECT, NULL) == 0;
	if (*is_new)
		return 0;
	version = wf_spi_int32(0, 3);
	if ((uint64) wf_spi_int64(0, 1) != GetSystemIdentifier() ||
		(Oid) wf_spi_int64(0, 2) != MyDatabaseId)
	{
		WfArg args[] = {WF_ARG_INT64((int64) GetSystemIdentifier()),
						WF_ARG(ObjectIdGetDatum(MyDatabaseId))};

		if (!take_over)
			wf_raise(
				WF_ERR_RESTORED_COPY,
				"It was set up in another cluster or database, so it must not log in to the fleet.",
				"If the original is gone and this copy shall be the control plane from now on, run "
				"SELECT whalefall.setup(take_over => true);");
		wf_spi_run(&move, SPI_OK_UPDATE, args);
		wf_json_add_text(setup->steps, NULL, "taken over");
	}
	return version;
}

/* Old history is put aside or kept, as told; without a word setup() stops. */
static void
settle_history(WfSetup *setup, HistoryChoice choice)
{
	if (!wf_setup_history_exists())
		return;
	if (choice == HISTORY_ASK)
		wf_raise(
			WF_ERR_CONSTRAINT_VIOLATION,
			"Schema " WF_SCHEMA_DATA " holds history, but there are no instances it belongs to.",
			"SELECT whalefall.setup(history => 'archive'); renames the schema and begins anew. "
			"SELECT whalefall.setup(history => 'adopt'); keeps it and gives out ids above those it uses.");
	if (choice == HISTORY_ARCHIVE)
	{
		WfIdentity owner;

		/* Renaming a schema takes a right on the database. */
		wf_caller_restore(&setup->superuser);
		wf_json_add_text(setup->steps, NULL,
						 psprintf("history archived as %s", wf_setup_history_archive()));
		wf_caller_become_owner(&owner);
	}
	else
		wf_json_add_text(setup->steps, NULL, "history adopted");
}

static void
store_version(bool is_new, int version)
{
	static WfQuery insert = WF_QUERY(
		"insert into whalefall.control_plane (system_identifier, database_oid, setup_version) "
		"values ($1, $2, $3)",
		INT8OID, OIDOID, INT4OID);
	static WfQuery update =
		WF_QUERY("update whalefall.control_plane set setup_version = $1, set_up_at = now() "
				 "where setup_version < $1",
				 INT4OID);

	if (is_new)
	{
		WfArg args[] = {WF_ARG_INT64((int64) GetSystemIdentifier()),
						WF_ARG(ObjectIdGetDatum(MyDatabaseId)), WF_ARG_INT32(version)};

		wf_spi_run(&insert, SPI_OK_INSERT, args);
	}
	else
	{
		WfArg args[] = {WF_ARG_INT32(version)};

		wf_spi_run(&update, SPI_OK_UPDATE, args);
	}
}

static bool
is_preloaded(void)
{
	const char *setting = GetConfigOption("shared_preload_libraries", true, false);
	List *libraries = NIL;
	ListCell *cell;

	if (setting == NULL || !SplitDirectoriesString(pstrdup(setting), ',', &libraries))
		return false;
	foreach (cell, libraries)
	{
		const char *name = last_dir_separator(lfirst(cell));

		name = name != NULL ? name + 1 : lfirst(cell);
		if (strcmp(name, "whalefall") == 0 || strcmp(name, "whalefall.so") == 0)
			return true;
	}
	return false;
}

/* What setup() cannot repair, but somebody has to know. */
static void
check_server(WfSetup *setup)
{
	if (!is_preloaded())
		wf_setup_warn(setup,
					  "the library whalefall is not preloaded, so no background work can run",
					  "Add whalefall to shared_preload_libraries and restart the server.");
	if (max_worker_processes < wf_setting_max_workers + OTHER_WORKERS)
		wf_setup_warn(
			setup,
			psprintf("max_worker_processes is %d, too small for whalefall.max_workers = %d",
					 max_worker_processes, wf_setting_max_workers),
			psprintf("Set max_worker_processes to at least %d and restart the server.",
					 wf_setting_max_workers + OTHER_WORKERS));
	if (strcmp(wf_setting_database, get_database_name(MyDatabaseId)) != 0)
		wf_setup_warn(
			setup,
			psprintf(
				"whalefall.database is \"%s\", so no background work is done for this database",
				wf_setting_database),
			"Name this database in whalefall.database and restart the server, unless this is meant.");
}

/* All parts in their order; the caller's transaction keeps them together. */
static void
run(WfSetup *setup, bool take_over, HistoryChoice choice)
{
	bool is_new;
	int version;

	lock_control_plane();
	version = version_done(setup, take_over, &is_new);
	wf_setup_history_check_owner();
	if (is_new)
		settle_history(setup, choice);
	version = wf_setup_take_steps(setup, version);
	if (is_new && choice == HISTORY_ADOPT)
		wf_setup_history_adopt();
	wf_partition_ensure_ahead(MONTHS_AHEAD);
	store_version(is_new, version);
	wf_setup_apply_seeds(setup);
	wf_setup_ensure_key_files(setup);
	setup->admin_password_file = wf_people_first_admin();
	if (setup->admin_password_file != NULL)
		wf_json_add_text(setup->steps, NULL, "first administrator");
	check_server(setup);
}

static Jsonb *
finish(WfSetup *setup, WfJson *json)
{
	wf_json_close(json);
	wf_json_add_text(json, "admin_password_file", setup->admin_password_file);
	wf_json_open_array(json, "warnings");
	for (int i = 0; i < setup->warning_count; i++)
		wf_json_add_text(json, NULL, setup->warnings[i]);
	wf_json_close(json);
	return wf_json_end(json);
}

WF_FUNCTION(wf_setup_run);

/* whalefall.setup(take_over boolean, history text) returns jsonb: see docs/security.md. */
Datum
wf_setup_run(PG_FUNCTION_ARGS)
{
	bool take_over = !PG_ARGISNULL(0) && PG_GETARG_BOOL(0);
	char *history = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	WfSetup setup = {0};
	WfJson json;
	Jsonb *result;

	if (!superuser())
		wf_raise(WF_ERR_PERMISSION_REQUIRED, "setup() creates files and schemas.",
				 "Run it as a superuser.");
	wf_json_begin(&json);
	wf_json_add_int(&json, "version", WF_SETUP_VERSION);
	wf_json_open_array(&json, "steps");
	setup.steps = &json;
	/* Work that waited for this to be set up, taken over or updated goes on. */
	wf_shared_wake_at_commit();
	wf_spi_begin();
	/* Whoever could write the owner's tables must not get at a superuser through a trigger there. */
	wf_caller_become_owner(&setup.superuser);
	run(&setup, take_over, parse_history(history));
	wf_caller_restore(&setup.superuser);
	wf_spi_end();
	result = finish(&setup, &json);
	wf_log_write(WF_LOG_INFO, "setup", "setup finished", result, NULL);
	PG_RETURN_JSONB_P(result);
}
