/*
 * seal.c - the end of every install and update script: owner and PUBLIC's rights.
 *
 * Everything the extension made belongs to whalefall_owner, and nobody may execute a function unless a GRANT
 * in the next piece says so. The owner is changed before any right is, so that the initial privileges which
 * pg_dump compares with are those of the right owner.
 */
#include "postgres.h"

#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/spi.h"
#include "whalefall.h"

static void
run_statements(WfQuery *query)
{
	WfArg args[] = {WF_ARG(ObjectIdGetDatum(get_extension_oid("whalefall", false)))};
	uint64 n = wf_spi_run(query, SPI_OK_SELECT, args);
	char **statements = palloc(n * sizeof(char *));

	for (uint64 i = 0; i < n; i++)
		statements[i] = wf_spi_text(i, 1);
	for (uint64 i = 0; i < n; i++)
		wf_spi_utility(statements[i]);
}

WF_FUNCTION(wf_setup_seal);

/* whalefall.seal(): gives every member to whalefall_owner and revokes EXECUTE from PUBLIC. */
Datum
wf_setup_seal(PG_FUNCTION_ARGS)
{
	/* Identity sequences follow their table; they cannot be given away alone. */
	static WfQuery owners = WF_QUERY(
		"select pg_catalog.format('ALTER %s %s OWNER TO " WF_OWNER "', "
		"case when o.type in ('function', 'procedure') then 'ROUTINE' else o.type end, o.identity) "
		"from pg_catalog.pg_depend d, "
		"pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) o "
		"where d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.refobjid = $1 "
		"and d.deptype = 'e' and o.type in ('schema', 'table', 'view', 'sequence', 'function', "
		"'procedure', 'type') "
		"and not exists (select from pg_catalog.pg_depend i where i.classid = d.classid "
		"and i.objid = d.objid and i.deptype = 'i' and d.classid = "
		"'pg_catalog.pg_class'::pg_catalog.regclass)",
		OIDOID);
	static WfQuery revokes = WF_QUERY(
		"select pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', "
		"d.objid::pg_catalog.regprocedure) from pg_catalog.pg_depend d "
		"where d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.refobjid = $1 "
		"and d.deptype = 'e' and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass",
		OIDOID);

	if (!superuser())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("only a superuser can seal the extension")));
	wf_spi_begin();
	run_statements(&owners);
	run_statements(&revokes);
	wf_spi_end();
	PG_RETURN_VOID();
}
