/*
 * partition.c - monthly partitions of the history in whalefall_data.
 *
 * There is no default partition (it would block later ones), so whoever writes history makes sure of
 * the month first. Names are generated, never taken from data.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"

#include "base/caller.h"
#include "base/clock.h"
#include "base/partition.h"
#include "base/settings.h"
#include "base/spi.h"
#include "whalefall.h"

/* A day outside this window is a mistake of somebody's clock or input, not a month to keep. */
#define FIRST_YEAR		   2000
#define MONTHS_AHEAD_LIMIT 24

static const char *const parents[] = {"unified_logs", "account_change_log", "database_size_stats",
									  "instance_size_stats"};

/* Bounds of a partition to be made, lower inclusive, in the type of the parent's key. */
typedef struct Range
{
	Oid type; /* DATEOID or TIMESTAMPTZOID */
	int64 lower;
	int64 upper;
} Range;

/* First instant of a month in the business zone. */
static TimestampTz
month_begins(int year, int month)
{
	struct pg_tm tm = {.tm_year = year, .tm_mon = month, .tm_mday = 1};
	pg_tz *zone = pg_tzset(wf_setting_timezone);
	TimestampTz instant;
	int offset;

	if (zone == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the business time zone is not known"),
						errhint("Check the setting whalefall.timezone.")));
	offset = DetermineTimeZoneOffset(&tm, zone);
	if (tm2timestamp(&tm, 0, &offset, &instant) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("month %04d-%02d is out of range", year, month)));
	return instant;
}

static int64
month_bound(Oid type, int year, int month)
{
	if (type == DATEOID)
		return date2j(year, month, 1) - POSTGRES_EPOCH_JDATE;
	return month_begins(year, month);
}

static int64
datum_to_int64(Oid type, Datum datum)
{
	return type == DATEOID ? (int64) DatumGetDateADT(datum) : DatumGetTimestampTz(datum);
}

/*
 * Fit a range between the partitions that exist. Bounds of months shift when whalefall.timezone is changed;
 * without this the new month would overlap its neighbour, or leave hours between them that no partition takes.
 * Leaves an empty range when everything is covered.
 */
static void
fit_between_neighbours(Relation parent, Range *range)
{
	PartitionBoundInfo bounds = RelationGetPartitionDesc(parent, true)->boundinfo;
	int64 day = range->type == DATEOID ? 1 : USECS_PER_DAY;
	int64 before = PG_INT64_MIN;

	if (bounds == NULL)
		return;
	/* Segment i lies below datum i; indexes[i] tells whether a partition covers it. */
	for (int i = 0; i < bounds->ndatums; i++)
	{
		int64 datum;

		if (bounds->kind[i][0] != PARTITION_RANGE_DATUM_VALUE)
			continue;
		datum = datum_to_int64(range->type, bounds->datums[i][0]);
		if (bounds->indexes[i] >= 0)
		{
			if (before <= range->lower && range->lower < datum)
				range->lower = datum;
			if (before < range->upper && range->upper <= datum)
				range->upper = before;
		}
		else
		{
			if (before != PG_INT64_MIN && before < range->lower && range->lower < datum &&
				range->lower - before <= day)
				range->lower = before;
			if (range->upper < datum && datum - range->upper <= day)
				range->upper = datum;
		}
		before = datum;
	}
	if (before != PG_INT64_MIN && before < range->lower && range->lower - before <= day)
		range->lower = before;
}

/* A bound as a literal that no session setting can change. */
static char *
bound_literal(Oid type, int64 bound)
{
	struct pg_tm tm;
	fsec_t fsec;

	if (type == DATEOID)
	{
		int year;
		int month;
		int day;

		j2date((int) bound + POSTGRES_EPOCH_JDATE, &year, &month, &day);
		return psprintf("'%04d-%02d-%02d'", year, month, day);
	}
	if (timestamp2tm(bound, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "partition bound is out of range");
	return psprintf("'%04d-%02d-%02d %02d:%02d:%02d+00'", tm.tm_year, tm.tm_mon, tm.tm_mday,
					tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void
check_month(int year, int month)
{
	int now_year;
	int now_month;

	wf_clock_month_of(wf_clock_today(), &now_year, &now_month);
	if (year < FIRST_YEAR || (year - now_year) * 12 + month - now_month > MONTHS_AHEAD_LIMIT)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("history has no place for month %04d-%02d", year, month),
						errdetail("Months from %d on and up to %d months ahead are kept.",
								  FIRST_YEAR, MONTHS_AHEAD_LIMIT)));
}

/*
 * Create the table, then attach it: creating it as a partition at once would lock the parent against all
 * readers. The table belongs to whoever owns the parent.
 */
static void
create_partition(const char *parent, const char *partition, const Range *range)
{
	WfIdentity saved;

	wf_caller_become_owner(&saved);
	wf_spi_utility(psprintf("CREATE TABLE " WF_SCHEMA_DATA ".%s (LIKE " WF_SCHEMA_DATA
							".%s INCLUDING ALL EXCLUDING IDENTITY)",
							quote_identifier(partition), quote_identifier(parent)));
	wf_spi_utility(psprintf("ALTER TABLE " WF_SCHEMA_DATA ".%s ATTACH PARTITION " WF_SCHEMA_DATA
							".%s FOR VALUES FROM (%s) TO (%s)",
							quote_identifier(parent), quote_identifier(partition),
							bound_literal(range->type, range->lower),
							bound_literal(range->type, range->upper)));
	wf_caller_restore(&saved);
}

static bool
exists(const char *name, Oid *oid)
{
	Oid schema = get_namespace_oid(WF_SCHEMA_DATA, true);

	*oid = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
	return OidIsValid(*oid);
}

void
wf_partition_ensure(const char *parent, DateADT day)
{
	char partition[NAMEDATALEN];
	Oid oid;
	Relation relation;
	PartitionKey key;
	Range range;
	int year;
	int month;

	wf_clock_month_of(day, &year, &month);
	snprintf(partition, sizeof(partition), "%s_%04d_%02d", parent, year, month);
	if (exists(partition, &oid))
		return;
	check_month(year, month);
	if (!exists(parent, &oid))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("history table \"%s\" does not exist", parent),
						errhint("Run SELECT whalefall.setup(); as a superuser.")));

	/* The lock that attaching takes anyway; taken early, a concurrent twin waits and then finds ours. */
	LockRelationOid(oid, ShareUpdateExclusiveLock);
	if (exists(partition, &range.type))
		return;
	relation = table_open(oid, NoLock);
	key = RelationGetPartitionKey(relation);
	if (key == NULL || key->strategy != PARTITION_STRATEGY_RANGE || key->partnatts != 1 ||
		(key->parttypid[0] != DATEOID && key->parttypid[0] != TIMESTAMPTZOID))
		elog(ERROR, "history table \"%s\" is not partitioned by time", parent);
	range.type = key->parttypid[0];
	range.lower = month_bound(range.type, year, month);
	range.upper = month_bound(range.type, month == 12 ? year + 1 : year, month % 12 + 1);
	fit_between_neighbours(relation, &range);
	table_close(relation, NoLock);
	if (range.lower < range.upper)
		create_partition(parent, partition, &range);
}

/*
 * Nothing is remembered but the catalog cache itself: a memory of our own would survive the rollback of the
 * transaction that made the partition.
 */
void
wf_partition_ensure_current(void)
{
	DateADT today = wf_clock_today();
	Oid oid;

	if (XactReadOnly || RecoveryInProgress())
		return;
	/* Tomorrow's month as well: what is being read now may be written after midnight. */
	for (size_t i = 0; i < lengthof(parents); i++)
		if (exists(parents[i], &oid))
		{
			wf_partition_ensure(parents[i], today);
			wf_partition_ensure(parents[i], today + 1);
		}
}

void
wf_partition_ensure_ahead(int ahead)
{
	int year;
	int month;
	Oid oid;

	wf_clock_month_of(wf_clock_today(), &year, &month);
	for (int i = 0; i <= ahead; i++)
	{
		DateADT first = date2j(year, month, 1) - POSTGRES_EPOCH_JDATE;

		for (size_t p = 0; p < lengthof(parents); p++)
			if (exists(parents[p], &oid))
				wf_partition_ensure(parents[p], first);
		year += month == 12;
		month = month % 12 + 1;
	}
}

size_t
wf_partition_parents(const char *const **names)
{
	*names = parents;
	return lengthof(parents);
}
