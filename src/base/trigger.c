/*
 * trigger.c - the trigger that keeps updated_at.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "whalefall.h"

WF_FUNCTION(wf_base_touch_updated_at);

/* whalefall.touch_updated_at(): BEFORE UPDATE FOR EACH ROW, sets updated_at to now. */
Datum
wf_base_touch_updated_at(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	int column;
	Datum now;
	bool null = false;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) || !TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("touch_updated_at must be fired BEFORE UPDATE FOR EACH ROW")));
	column = SPI_fnumber(data->tg_relation->rd_att, "updated_at");
	if (column <= 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("relation \"%s\" has no column updated_at",
							   RelationGetRelationName(data->tg_relation))));
	now = TimestampTzGetDatum(wf_clock_now());
	return PointerGetDatum(heap_modify_tuple_by_cols(data->tg_newtuple, data->tg_relation->rd_att,
													 1, &column, &now, &null));
}
