/*
 * purge.c - removing instances for good, with everything known of them.
 *
 * Rows are deleted table by table and a few instances at a time, so that they can be counted and that no
 * statement grows with the fleet. History has no foreign keys: nothing else would remove it.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "base/errors.h"
#include "base/spi.h"
#include "inventory/purge.h"
#include "whalefall.h"

/* Instances per round. */
#define BATCH 20

#define DELETE_FROM(table) \
	WF_QUERY("delete from " table " where instance_id = any ($1)", INT8ARRAYOID)

/* One kind of rows; children before what they refer to. */
typedef struct Part
{
	const char *counter; /* key in the answer; NULL = not told */
	const char *schema;
	const char *table; /* may be missing: history is made by setup(), some of it by later steps */
	WfQuery query;
} Part;

static Part parts[] = {
	{"deleted_assignments", WF_SCHEMA, "account_classification_assignments",
	 DELETE_FROM("whalefall.account_classification_assignments")},
	{"deleted_account_permissions", WF_SCHEMA, "account_permission",
	 DELETE_FROM("whalefall.account_permission")},
	{"deleted_sync_records", WF_SCHEMA, "task_run_items",
	 /* An item that is not finished belongs to a run that counts on it. */
	 WF_QUERY("delete from whalefall.task_run_items where instance_id = any ($1) "
			  "and status in ('completed', 'failed', 'cancelled')",
			  INT8ARRAYOID)},
	{"deleted_change_logs", WF_SCHEMA_DATA, "account_change_log",
	 DELETE_FROM("whalefall_data.account_change_log")},
	{"deleted_instance_accounts", WF_SCHEMA, "instance_accounts",
	 DELETE_FROM("whalefall.instance_accounts")},
	{NULL, WF_SCHEMA, "account_sync_state", DELETE_FROM("whalefall.account_sync_state")},
	{NULL, WF_SCHEMA, "database_table_size_stats",
	 DELETE_FROM("whalefall.database_table_size_stats")},
	{"deleted_instance_databases", WF_SCHEMA, "instance_databases",
	 DELETE_FROM("whalefall.instance_databases")},
	{"deleted_instance_size_stats", WF_SCHEMA_DATA, "instance_size_stats",
	 DELETE_FROM("whalefall_data.instance_size_stats")},
	{"deleted_instance_size_aggregations", WF_SCHEMA_DATA, "instance_size_aggregations",
	 DELETE_FROM("whalefall_data.instance_size_aggregations")},
	{"deleted_database_size_stats", WF_SCHEMA_DATA, "database_size_stats",
	 DELETE_FROM("whalefall_data.database_size_stats")},
	{"deleted_database_size_aggregations", WF_SCHEMA_DATA, "database_size_aggregations",
	 DELETE_FROM("whalefall_data.database_size_aggregations")},
	{"deleted_tag_links", WF_SCHEMA, "instance_tags", DELETE_FROM("whalefall.instance_tags")},
};

static bool
exists(const Part *part)
{
	Oid schema = get_namespace_oid(part->schema, true);

	return OidIsValid(schema) && OidIsValid(get_relname_relid(part->table, schema));
}

/* A worker that is at it, or will be, must not find half an instance. */
static void
require_idle(const WfArg *ids)
{
	static WfQuery find = WF_QUERY(
		"select run_id::text, item_name from whalefall.task_run_items where instance_id = any ($1) "
		"and status in ('pending', 'running') order by id limit 1",
		INT8ARRAYOID);

	if (wf_spi_run(&find, SPI_OK_SELECT, ids) == 0)
		return;
	wf_raise_extra(WF_ERR_CONSTRAINT_VIOLATION, psprintf("{\"run_id\":\"%s\"}", wf_spi_text(0, 1)),
				   psprintf("Work on instance \"%s\" is not finished (run %s).",
							wf_spi_text(0, 2) != NULL ? wf_spi_text(0, 2) : "?", wf_spi_text(0, 1)),
				   "Wait for the run, or cancel it.");
}

static void
add_numbers(WfJson *json, const uint64 *numbers)
{
	for (size_t p = 0; p < lengthof(parts); p++)
	{
		if (parts[p].counter == NULL)
			continue;
		wf_json_add_int(json, parts[p].counter, numbers[p]);
		/* An older name of the same number. */
		if (strcmp(parts[p].table, "account_permission") == 0)
			wf_json_add_int(json, "deleted_sync_data", numbers[p]);
	}
}

/* One round: all rows of a few instances, then the instances. */
static void
purge_batch(const int64 *ids, int count, uint64 *numbers)
{
	static WfQuery remove =
		WF_QUERY("delete from whalefall.instances where id = any ($1)", INT8ARRAYOID);
	Datum *elements = palloc(count * sizeof(Datum));
	WfArg args[1];

	for (int i = 0; i < count; i++)
		elements[i] = Int64GetDatum(ids[i]);
	args[0] = WF_ARG(PointerGetDatum(construct_array(elements, count, INT8OID, sizeof(int64),
													 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
	require_idle(args);
	for (size_t p = 0; p < lengthof(parts); p++)
	{
		CHECK_FOR_INTERRUPTS();
		if (exists(&parts[p]))
			numbers[p] += wf_spi_run(&parts[p].query, SPI_OK_DELETE, args);
	}
	wf_spi_run(&remove, SPI_OK_DELETE, args);
}

void
wf_instance_purge(const int64 *ids, int count, WfJson *json)
{
	uint64 numbers[lengthof(parts)] = {0};

	for (int from = 0; from < count; from += BATCH)
		purge_batch(ids + from, Min(count - from, BATCH), numbers);
	add_numbers(json, numbers);
}

void
wf_instance_purge_nothing(WfJson *json)
{
	uint64 numbers[lengthof(parts)] = {0};

	add_numbers(json, numbers);
}
