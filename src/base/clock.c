/*
 * clock.c - now, and the business calendar.
 *
 * Instants are absolute; days belong to whalefall.timezone (domain specification, global
 * conventions), whatever zone a session has set.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/settings.h"

/*
 * The present instant. Outside tests this is the start of the current statement's wall clock, not of
 * the transaction: a worker's transactions are short, and its waits lie between them.
 */
TimestampTz
wf_clock_now(void)
{
	if (wf_setting_testing && wf_setting_test_now != NULL && wf_setting_test_now[0] != '\0')
		return DatumGetTimestampTz(
			DirectFunctionCall3(timestamptz_in, CStringGetDatum(wf_setting_test_now),
								ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	return GetCurrentTimestamp();
}

/* The business day an instant falls on. Raises if the zone setting became invalid. */
DateADT
wf_clock_day_of(TimestampTz instant)
{
	pg_tz *zone = pg_tzset(wf_setting_timezone);
	struct pg_tm tm;
	fsec_t fsec;
	int tz;
	const char *abbreviation;

	if (zone == NULL || timestamp2tm(instant, &tz, &tm, &fsec, &abbreviation, zone) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("timestamp out of range for the business calendar"),
						errhint("Check the setting whalefall.timezone.")));
	return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE;
}

DateADT
wf_clock_today(void)
{
	return wf_clock_day_of(wf_clock_now());
}

void
wf_clock_month_of(DateADT day, int *year, int *month)
{
	int day_of_month;

	j2date(day + POSTGRES_EPOCH_JDATE, year, month, &day_of_month);
}
