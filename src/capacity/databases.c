/*
 * databases.c - merge of the database inventory and of the day's sizes (domain 5.2 to 5.4).
 *
 * Remote list and inventory are both sorted by name, so one pass over the two tells what is new, known,
 * back or gone; the guard is asked before anything is written. Each kind of change is then one statement
 * over arrays, and no change is no statement: a database that is still there writes one row a day.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/settings.h"
#include "base/spi.h"
#include "base/text.h"
#include "capacity/arrays.h"
#include "capacity/merge.h"

/* Vanished databases that are never suspicious, whatever their share. */
#define GUARD_DATABASES 5

static WfQuery lock_instance = WF_QUERY("update whalefall.instances set last_capacity_sync_at = $2"
										" where id = $1 and deleted_at is null returning db_type",
										INT8OID, TIMESTAMPTZOID);

static WfQuery load_filters = WF_QUERY(
	"select kind = 'like', pattern from whalefall.database_filters where db_type = $1", TEXTOID);

static WfQuery load_inventory =
	WF_QUERY("select id, database_name, is_active, last_seen_date"
			 " from whalefall.instance_databases where instance_id = $1 order by database_name",
			 INT8OID);

static WfQuery insert_new = WF_QUERY(
	"insert into whalefall.instance_databases"
	" (instance_id, database_name, first_seen_date, last_seen_date, created_at, updated_at)"
	" select $1, u.name, $3, $3, $4, $4 from unnest($2) as u(name)",
	INT8OID, TEXTARRAYOID, DATEOID, TIMESTAMPTZOID);

static WfQuery update_seen =
	WF_QUERY("update whalefall.instance_databases d set is_active = true, deleted_at = null,"
			 " last_seen_date = greatest(d.last_seen_date, $3), updated_at = $4"
			 " from unnest($2) as u(id) where d.instance_id = $1 and d.id = u.id",
			 INT8OID, INT8ARRAYOID, DATEOID, TIMESTAMPTZOID);

static WfQuery update_gone =
	WF_QUERY("update whalefall.instance_databases d set is_active = false, deleted_at = $3,"
			 " updated_at = $3 from unnest($2) as u(id) where d.instance_id = $1 and d.id = u.id",
			 INT8OID, INT8ARRAYOID, TIMESTAMPTZOID);

/*
 * Sizes of the day, and the instance's total of the day in the same statement. The total also counts a
 * followed database that could not be read now but was read earlier the same day ($6). Inventory rows
 * are never removed while their instance exists, so no other row of the day can belong to the total.
 */
static WfQuery save_sizes = WF_QUERY(
	"with saved as ("
	" insert into whalefall_data.database_size_stats as s (instance_id, database_name,"
	" collected_date, size_mb, data_size_mb, log_size_mb, collected_at, created_at, updated_at)"
	" select $1, u.name, $4, u.size_mb, u.size_mb, null, $5, $5, $5"
	" from unnest($2, $3) as u(name, size_mb)"
	" on conflict (instance_id, database_name, collected_date) do update set"
	" size_mb = excluded.size_mb, data_size_mb = excluded.data_size_mb,"
	" log_size_mb = excluded.log_size_mb, collected_at = excluded.collected_at,"
	" updated_at = excluded.updated_at returning s.size_mb),"
	" earlier as ("
	" select s.size_mb from unnest($6) as u(name) join whalefall_data.database_size_stats s"
	" on s.instance_id = $1 and s.database_name = u.name and s.collected_date = $4),"
	" total as ("
	" select sum(t.size_mb)::bigint as size_mb, count(*)::integer as databases"
	" from (select size_mb from saved union all select size_mb from earlier) t),"
	" stored as ("
	" insert into whalefall_data.instance_size_stats as s (instance_id, collected_date,"
	" total_size_mb, database_count, collected_at, created_at, updated_at)"
	" select $1, $4, t.size_mb, t.databases, $5, $5, $5 from total t where t.databases > 0"
	" on conflict (instance_id, collected_date) do update set"
	" total_size_mb = excluded.total_size_mb, database_count = excluded.database_count,"
	" collected_at = excluded.collected_at, updated_at = excluded.updated_at returning 1)"
	" select (select count(*) from saved), (select count(*) from stored)",
	INT8OID, TEXTARRAYOID, INT8ARRAYOID, DATEOID, TIMESTAMPTZOID, TEXTARRAYOID);

typedef struct Filter
{
	bool is_pattern;
	char *text;
} Filter;

/* What the pass over remote list and inventory found. */
typedef struct Difference
{
	const char **created;
	int64 *seen; /* ids to be written: back again, or first time seen today */
	int nseen;
	int64 *gone;
	int ngone;
	int active_before;
} Difference;

/* Does one of the type's filters name this database? Compared without case; only % is a wildcard. */
static bool
is_filtered(const char *name, const Filter *filters, int nfilters)
{
	for (int i = 0; i < nfilters; i++)
		if (filters[i].is_pattern ? wf_text_matches(name, filters[i].text, true)
								  : pg_strcasecmp(name, filters[i].text) == 0)
			return true;
	return false;
}

/* A MySQL server's own databases are known by the filters alone; elsewhere the server's flag decides too. */
static bool
is_followed(const WfCapacityDatabase *database, const char *db_type, const Filter *filters,
			int nfilters)
{
	if (!database->allow_connections)
		return false;
	if (database->is_system && strcmp(db_type, "mysql") != 0)
		return false;
	return !is_filtered(database->name, filters, nfilters);
}

/* Split the staged databases into followed and filtered ones. */
static void
apply_filters(const WfCapacityStage *stage, const char *db_type, WfCapacityOutcome *outcome)
{
	WfArg args[] = {wf_arg_text(db_type)};
	int nfilters = (int) wf_spi_run(&load_filters, SPI_OK_SELECT, args);
	Filter *filters = palloc(Max(nfilters, 1) * sizeof(Filter));

	for (int i = 0; i < nfilters; i++)
	{
		filters[i].is_pattern = wf_spi_bool(i, 1);
		filters[i].text = wf_spi_text(i, 2);
	}
	outcome->followed = MemoryContextAllocHuge(stage->context, Max(stage->ndatabases, 1) *
																   sizeof(WfCapacityDatabase *));
	outcome->filtered =
		MemoryContextAllocHuge(stage->context, Max(stage->ndatabases, 1) * sizeof(char *));
	for (int i = 0; i < stage->ndatabases; i++)
	{
		const WfCapacityDatabase *database = &stage->databases[i];

		if (is_followed(database, db_type, filters, nfilters))
			outcome->followed[outcome->nfollowed++] = database;
		else
			outcome->filtered[outcome->nfiltered++] = database->name;
	}
}

/* Compare the followed databases with the inventory (decision table, domain 3.9). */
static void
compare(int64 instance_id, WfCapacityOutcome *outcome, Difference *difference)
{
	WfArg args[] = {WF_ARG_INT64(instance_id)};
	uint64 nrows = wf_spi_run(&load_inventory, SPI_OK_SELECT, args);
	uint64 row = 0;
	int remote = 0;

	memset(difference, 0, sizeof(*difference));
	difference->created = palloc(Max(outcome->nfollowed, 1) * sizeof(char *));
	difference->seen = palloc(Max(nrows, 1) * sizeof(int64));
	difference->gone = palloc(Max(nrows, 1) * sizeof(int64));
	while (row < nrows || remote < outcome->nfollowed)
	{
		char *known = row < nrows ? wf_spi_text(row, 2) : NULL;
		int order = known == NULL				   ? 1
					: remote >= outcome->nfollowed ? -1
												   : strcmp(known, outcome->followed[remote]->name);
		bool active = known != NULL && wf_spi_bool(row, 3);

		if (order > 0)
		{
			/* known stays for the next round; the text is read again then */
			difference->created[outcome->created++] = outcome->followed[remote++]->name;
		}
		else if (order < 0)
		{
			difference->active_before += active ? 1 : 0;
			if (active)
				difference->gone[difference->ngone++] = wf_spi_int64(row, 1);
			row++;
		}
		else
		{
			bool isnull;
			DateADT last_seen = DatumGetDateADT(wf_spi_datum(row, 4, &isnull));

			difference->active_before += active ? 1 : 0;
			outcome->refreshed += active ? 1 : 0;
			outcome->reactivated += active ? 0 : 1;
			if (!active || last_seen < outcome->day)
				difference->seen[difference->nseen++] = wf_spi_int64(row, 1);
			row++;
			remote++;
		}
		if (known != NULL)
			pfree(known);
	}
	outcome->deactivated = difference->ngone;
}

/*
 * Refuse a list that would empty or decimate the inventory: more likely the login lost a right, or the
 * name now leads to another server, than that so many databases were dropped in one day.
 */
static void
guard(const Difference *difference, const WfCapacityOutcome *outcome)
{
	bool empty = outcome->nfollowed == 0 && difference->active_before > 0;
	bool decimated = difference->ngone > GUARD_DATABASES &&
					 (int64) difference->ngone * 100 >
						 (int64) difference->active_before * wf_setting_inventory_guard_percent;

	if (empty || decimated)
		wf_raise_extra(WF_ERR_INVENTORY_SUSPICIOUS,
					   psprintf("{\"active\": %d, \"listed\": %d, \"vanished\": %d}",
								difference->active_before, outcome->nfollowed, difference->ngone),
					   psprintf("%d databases are active, the instance now lists %d; %d would be "
								"deactivated.",
								difference->active_before, outcome->nfollowed, difference->ngone),
					   "Check the login and the address of the instance. If the list is right, "
					   "sync again with force => true.");
}

/* Write the difference to the inventory; what did not change is not touched. */
static void
write_inventory(int64 instance_id, const WfCapacityOutcome *outcome, const Difference *difference)
{
	WfArg day = WF_ARG(DateADTGetDatum(outcome->day));
	WfArg now = WF_ARG_TIME(outcome->now);

	if (outcome->created > 0)
	{
		WfArg args[] = {WF_ARG_INT64(instance_id),
						wf_capacity_text_array(difference->created, outcome->created), day, now};

		wf_spi_run(&insert_new, SPI_OK_INSERT, args);
	}
	if (difference->nseen > 0)
	{
		WfArg args[] = {WF_ARG_INT64(instance_id),
						wf_capacity_count_array(difference->seen, difference->nseen), day, now};

		wf_spi_run(&update_seen, SPI_OK_UPDATE, args);
	}
	if (difference->ngone > 0)
	{
		WfArg args[] = {WF_ARG_INT64(instance_id),
						wf_capacity_count_array(difference->gone, difference->ngone), now};

		wf_spi_run(&update_gone, SPI_OK_UPDATE, args);
	}
}

/* Write today's sizes and the instance's total; databases without a size are reported, not guessed. */
static void
write_sizes(int64 instance_id, WfCapacityStage *stage, WfCapacityOutcome *outcome)
{
	const char **names = palloc(Max(outcome->nfollowed, 1) * sizeof(char *));
	const char **unread = palloc(Max(outcome->nfollowed, 1) * sizeof(char *));
	int64 *sizes = palloc(Max(outcome->nfollowed, 1) * sizeof(int64));
	int nsizes = 0;

	for (int i = 0; i < outcome->nfollowed; i++)
	{
		const WfCapacityDatabase *database = outcome->followed[i];

		if (database->size_bytes < 0)
		{
			unread[outcome->unread++] = database->name;
			wf_capacity_stage_error(stage, "size of database \"%s\" could not be read: %s",
									database->name,
									database->note != NULL ? database->note : "no reason given");
			continue;
		}
		names[nsizes] = database->name;
		sizes[nsizes] = wf_capacity_mebibytes(database->size_bytes);
		outcome->total_mb += sizes[nsizes++];
	}
	if (nsizes == 0 && outcome->nfollowed > 0)
		wf_raise(WF_ERR_SYNC_DATA,
				 psprintf("%d databases are listed, but the size of none could be read; first: %s.",
						  outcome->nfollowed, stage->errors.texts[stage->errors.count - 1]),
				 "Grant the login CONNECT on the databases, or membership in pg_read_all_stats.");
	if (nsizes > 0)
	{
		WfArg args[] = {WF_ARG_INT64(instance_id),
						wf_capacity_text_array(names, nsizes),
						wf_capacity_count_array(sizes, nsizes),
						WF_ARG(DateADTGetDatum(outcome->day)),
						WF_ARG_TIME(outcome->now),
						wf_capacity_text_array(unread, outcome->unread)};

		wf_spi_run(&save_sizes, SPI_OK_SELECT, args);
		outcome->saved = (int) wf_spi_int64(0, 1);
		outcome->instance_stat = wf_spi_int64(0, 2) > 0;
	}
}

void
wf_capacity_merge_databases(int64 instance_id, WfCapacityStage *stage, bool force,
							WfCapacityOutcome *outcome)
{
	Difference difference;
	WfArg args[2];
	char *db_type;

	memset(outcome, 0, sizeof(*outcome));
	outcome->now = wf_clock_now();
	outcome->day = wf_clock_day_of(outcome->now);
	args[0] = WF_ARG_INT64(instance_id);
	args[1] = WF_ARG_TIME(outcome->now);
	if (wf_spi_run(&lock_instance, SPI_OK_UPDATE_RETURNING, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("There is no instance " INT64_FORMAT ".", instance_id),
				 NULL);
	db_type = wf_spi_text(0, 1);
	apply_filters(stage, db_type, outcome);
	compare(instance_id, outcome, &difference);
	if (!force)
		guard(&difference, outcome);
	write_inventory(instance_id, outcome, &difference);
	write_sizes(instance_id, stage, outcome);
}
