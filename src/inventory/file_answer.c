/*
 * file_answer.c - answers that are files.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/settings.h"
#include "inventory/file_answer.h"

Datum
wf_file_answer_csv(FunctionCallInfo fcinfo, const char *filename, StringInfo body)
{
	TupleDesc desc;
	Datum values[3];
	bool nulls[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != 3)
		elog(ERROR, "the function does not return file_answer");
	values[0] = CStringGetTextDatum("text/csv; charset=utf-8");
	values[1] = CStringGetTextDatum(filename);
	values[2] = PointerGetDatum(cstring_to_text_with_len(body->data, body->len));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

char *
wf_file_answer_name(const char *base)
{
	pg_time_t now = timestamptz_to_time_t(wf_clock_now());
	char stamp[32];

	pg_strftime(stamp, sizeof(stamp), "%Y%m%d_%H%M%S",
				pg_localtime(&now, pg_tzset(wf_setting_timezone)));
	return psprintf("%s_%s.csv", base, stamp);
}
