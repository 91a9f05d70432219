/*
 * tables.c - merge of the table sizes of one database: the latest snapshot replaces the one before
 * (domain 5.5).
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/spi.h"
#include "capacity/arrays.h"
#include "capacity/merge.h"

/* Rows of one statement: bounds the memory of its arrays, not the work. */
#define BATCH 20000

static WfQuery lock_instance = WF_QUERY("select 1 from whalefall.instances"
										" where id = $1 and deleted_at is null for no key update",
										INT8OID);

/*
 * The instant of this snapshot is later than any before it, also when the clock was set back: rows not seen
 * now are those with an earlier one.
 */
static WfQuery next_instant =
	WF_QUERY("select greatest($3, max(collected_at) + interval '1 microsecond')"
			 " from whalefall.database_table_size_stats"
			 " where instance_id = $1 and database_name = $2",
			 INT8OID, TEXTOID, TIMESTAMPTZOID);

static WfQuery upsert =
	WF_QUERY("insert into whalefall.database_table_size_stats (instance_id, database_name,"
			 " schema_name, table_name, size_mb, data_size_mb, index_size_mb, row_count,"
			 " collected_at, created_at, updated_at)"
			 " select $1, $2, u.s, u.t, u.size_mb, u.data_mb, u.index_mb, u.rows, $9, $9, $9"
			 " from unnest($3, $4, $5, $6, $7, $8) as u(s, t, size_mb, data_mb, index_mb, rows)"
			 " on conflict (instance_id, database_name, schema_name, table_name) do update set"
			 " size_mb = excluded.size_mb, data_size_mb = excluded.data_size_mb,"
			 " index_size_mb = excluded.index_size_mb, row_count = excluded.row_count,"
			 " collected_at = excluded.collected_at, updated_at = excluded.updated_at",
			 INT8OID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
			 INT8ARRAYOID, TIMESTAMPTZOID);

/* A table that is there but could not be read ($4, $5) keeps its earlier size. */
static WfQuery delete_unseen =
	WF_QUERY("delete from whalefall.database_table_size_stats t"
			 " where t.instance_id = $1 and t.database_name = $2 and t.collected_at < $3"
			 " and not exists (select from unnest($4, $5) as u(s, t)"
			 "  where u.s = t.schema_name and u.t = t.table_name)",
			 INT8OID, TEXTOID, TIMESTAMPTZOID, TEXTARRAYOID, TEXTARRAYOID);

static int64
mebibytes_or_unknown(int64 bytes)
{
	return bytes < 0 ? -1 : wf_capacity_mebibytes(bytes);
}

/* Write those of count tables whose size was read; gives how many these are. */
static int
write_batch(const WfArg *key, const WfCapacityTable *tables, int count, TimestampTz instant)
{
	const char **schemas = palloc(count * sizeof(char *));
	const char **names = palloc(count * sizeof(char *));
	int64 *numbers = palloc(4 * count * sizeof(int64));
	WfArg args[9];
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		if (tables[i].total_bytes < 0)
			continue;
		schemas[n] = tables[i].schema;
		names[n] = tables[i].name;
		numbers[n] = wf_capacity_mebibytes(tables[i].total_bytes);
		numbers[count + n] = mebibytes_or_unknown(tables[i].data_bytes);
		numbers[2 * count + n] = mebibytes_or_unknown(tables[i].index_bytes);
		numbers[3 * count + n] = tables[i].row_estimate;
		n++;
	}
	args[0] = key[0];
	args[1] = key[1];
	args[2] = wf_capacity_text_array(schemas, n);
	args[3] = wf_capacity_text_array(names, n);
	for (int i = 0; i < 4; i++)
		args[4 + i] = wf_capacity_count_array(numbers + i * count, n);
	args[8] = WF_ARG_TIME(instant);
	wf_spi_run(&upsert, SPI_OK_INSERT, args);
	return n;
}

/* Delete what the snapshot does not have. */
static int64
delete_others(const WfArg *key, const WfCapacityStage *stage, TimestampTz instant)
{
	const char **schemas = palloc(WF_CAPACITY_MAX_UNREAD * sizeof(char *));
	const char **names = palloc(WF_CAPACITY_MAX_UNREAD * sizeof(char *));
	WfArg args[5] = {key[0], key[1], WF_ARG_TIME(instant)};
	int n = 0;

	for (int i = 0; i < stage->ntables; i++)
	{
		if (stage->tables[i].total_bytes >= 0)
			continue;
		if (n >= WF_CAPACITY_MAX_UNREAD)
			wf_raise(WF_ERR_SYNC_DATA,
					 psprintf("The sizes of more than %d tables could not be read.", n), NULL);
		schemas[n] = stage->tables[i].schema;
		names[n++] = stage->tables[i].name;
	}
	args[3] = wf_capacity_text_array(schemas, n);
	args[4] = wf_capacity_text_array(names, n);
	return (int64) wf_spi_run(&delete_unseen, SPI_OK_DELETE, args);
}

void
wf_capacity_merge_tables(int64 instance_id, const char *database, const WfCapacityStage *stage,
						 WfCapacityTablesOutcome *outcome)
{
	WfArg args[3] = {WF_ARG_INT64(instance_id), wf_arg_text(database), WF_ARG_TIME(wf_clock_now())};
	MemoryContext batch;
	bool isnull;

	memset(outcome, 0, sizeof(*outcome));
	if (wf_spi_run(&lock_instance, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("There is no instance " INT64_FORMAT ".", instance_id),
				 NULL);
	wf_spi_run(&next_instant, SPI_OK_SELECT, args);
	outcome->collected_at = DatumGetTimestampTz(wf_spi_datum(0, 1, &isnull));
	batch = AllocSetContextCreate(CurrentMemoryContext, "whalefall table sizes",
								  ALLOCSET_DEFAULT_SIZES);
	for (int first = 0; first < stage->ntables; first += BATCH)
	{
		MemoryContext old = MemoryContextSwitchTo(batch);

		outcome->saved += write_batch(args, stage->tables + first,
									  Min(BATCH, stage->ntables - first), outcome->collected_at);
		MemoryContextSwitchTo(old);
		MemoryContextReset(batch);
	}
	MemoryContextDelete(batch);
	outcome->deleted = delete_others(args, stage, outcome->collected_at);
}
