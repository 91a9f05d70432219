/*
 * clock.h - the only source of "now" and "today".
 */
#ifndef WF_BASE_CLOCK_H
#define WF_BASE_CLOCK_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/date.h"

/* The present instant; tests replace it by whalefall.test_now. */
extern TimestampTz wf_clock_now(void);

/* The calendar day of an instant in the business zone (whalefall.timezone). */
extern DateADT wf_clock_day_of(TimestampTz instant);

/* Today in the business zone. */
extern DateADT wf_clock_today(void);

/* Year and month (1..12) of a day. */
extern void wf_clock_month_of(DateADT day, int *year, int *month);

#endif
