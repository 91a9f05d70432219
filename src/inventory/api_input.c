/*
 * api_input.c - the view credential_input: the way in for secrets from psql.
 *
 * Rows arrive by COPY, which no statement log shows. The trigger encrypts before anything is written.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/elog.h"
#include "utils/guc.h"
#include "utils/rel.h"

#include "base/caller.h"
#include "base/crypto.h"
#include "base/spi.h"
#include "inventory/credential.h"
#include "inventory/input.h"
#include "whalefall.h"

WF_FUNCTION(wf_inventory_input_row);
WF_FUNCTION(wf_inventory_input_begin);

static char *
column(TriggerData *data, const char *name)
{
	int number = SPI_fnumber(data->tg_relation->rd_att, name);

	return SPI_getvalue(data->tg_trigtuple, data->tg_relation->rd_att, number);
}

/* One row: a new name creates, a known one changes the given fields. */
static void
store(TriggerData *data)
{
	WfCredentialInput input = {0};
	int64 id;

	wf_spi_begin();
	input.name = column(data, "name");
	input.credential_type = column(data, "credential_type");
	input.db_type = column(data, "db_type");
	input.username = column(data, "username");
	input.password = column(data, "password");
	input.description = column(data, "description");
	id = input.name != NULL ? wf_credential_find(input.name) : 0;
	if (id == 0)
		wf_credential_create(&input);
	else
		wf_credential_update(id, &input);
	wf_crypto_wipe(input.password);
	wf_spi_end();
}

/* INSTEAD OF INSERT FOR EACH ROW on credential_input. */
Datum
wf_inventory_input_row(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	ErrorContextCallback *contexts = error_context_stack;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_INSTEAD(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) || !TRIGGER_FIRED_BY_INSERT(data->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this function must be fired INSTEAD OF INSERT FOR EACH ROW")));
	wf_caller_require(WF_ROLE_ADMIN);
	/* COPY would add the input line, password included, to whatever is raised below. */
	error_context_stack = NULL;
	store(data);
	error_context_stack = contexts;
	return PointerGetDatum(data->tg_trigtuple);
}

/*
 * BEFORE INSERT FOR EACH STATEMENT: fires before COPY reads its first line, so that the filter of contexts is
 * there for malformed lines although the library may not be preloaded. The filter sees only what is logged, so
 * errors are logged until the transaction ends, whatever log_min_messages says.
 */
Datum
wf_inventory_input_begin(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this function must be fired as a trigger")));
	wf_inventory_init();
	/* As a threshold LOG stands above ERROR. */
	if (log_min_messages > ERROR || log_min_messages == LOG)
		(void) set_config_option("log_min_messages", "error", PGC_SUSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	return PointerGetDatum(NULL);
}
