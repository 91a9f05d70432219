/*
 * history.c - history that outlived its extension.
 *
 * DROP EXTENSION keeps whalefall_data. A new life of the extension would give out ids from 1 again and so attach
 * old history to new instances; therefore setup() asks what to do with it.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/partition.h"
#include "base/spi.h"
#include "setup/steps.h"
#include "whalefall.h"

static bool
has_column(const char *parent, const char *column)
{
	Oid schema = get_namespace_oid(WF_SCHEMA_DATA, true);
	Oid table = OidIsValid(schema) ? get_relname_relid(parent, schema) : InvalidOid;

	return OidIsValid(table) && get_attnum(table, column) != InvalidAttrNumber;
}

/* First value of a query made at run time from constant names. */
static Datum
ask(const char *sql, bool *isnull)
{
	if (SPI_execute(sql, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "unexpected result while looking at history");
	return wf_spi_datum(0, 1, isnull);
}

void
wf_setup_history_check_owner(void)
{
	Oid schema = get_namespace_oid(WF_SCHEMA_DATA, true);
	HeapTuple tuple;
	Oid owner;

	if (!OidIsValid(schema))
		return;
	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema %u", schema);
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	if (owner != get_role_oid(WF_OWNER, false))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("schema \"" WF_SCHEMA_DATA "\" belongs to somebody else"),
						errdetail("Its owner is \"%s\".", GetUserNameFromId(owner, false)),
						errhint("Rename or drop that schema, then run setup() again.")));
}

bool
wf_setup_history_exists(void)
{
	const char *const *parents;
	size_t n = wf_partition_parents(&parents);

	for (size_t i = 0; i < n; i++)
	{
		bool isnull;

		/* instance_id or timestamp: every parent has one of them, and a planner needs no more. */
		if ((has_column(parents[i], "instance_id") || has_column(parents[i], "timestamp")) &&
			DatumGetBool(ask(psprintf("select exists (select from " WF_SCHEMA_DATA ".%s)",
									  quote_identifier(parents[i])),
							 &isnull)))
			return true;
	}
	return false;
}

char *
wf_setup_history_archive(void)
{
	pg_time_t now = timestamptz_to_time_t(wf_clock_now());
	char *name = palloc(NAMEDATALEN);

	pg_strftime(name, NAMEDATALEN, WF_SCHEMA_DATA "_archive_%Y%m%d%H%M%S", pg_gmtime(&now));
	wf_spi_utility(
		psprintf("ALTER SCHEMA " WF_SCHEMA_DATA " RENAME TO %s", quote_identifier(name)));
	return name;
}

/* Move a sequence past the largest value of a column of history; it is never moved back. */
static void
move_past(const char *sequence, const char *parent, const char *column)
{
	bool isnull;
	int64 largest;

	if (!has_column(parent, column))
		return;
	largest = DatumGetInt64(ask(psprintf("select max(%s)::bigint from " WF_SCHEMA_DATA ".%s",
										 quote_identifier(column), quote_identifier(parent)),
								&isnull));
	if (isnull || largest < 1)
		return;
	(void) ask(psprintf("select pg_catalog.setval('%s'::regclass, greatest(" INT64_FORMAT
						", last_value)) from %s",
						sequence, largest, sequence),
			   &isnull);
}

void
wf_setup_history_adopt(void)
{
	const char *const *parents;
	size_t n = wf_partition_parents(&parents);

	for (size_t i = 0; i < n; i++)
		move_past("whalefall.instances_id_seq", parents[i], "instance_id");
	move_past("whalefall.instance_accounts_id_seq", "account_change_log", "account_id");
	move_past("whalefall_data.account_change_log_id_seq", "account_change_log", "id");
	move_past("whalefall_data.unified_logs_id_seq", "unified_logs", "id");
}
