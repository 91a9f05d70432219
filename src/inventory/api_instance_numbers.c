/*
 * api_instance_numbers.c - the operations instances_options and instances_statistics.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/args.h"
#include "base/spi.h"
#include "base/text.h"
#include "whalefall.h"

#define UNKNOWN_VERSION "未知版本"

/* A list of rows counted by some columns, without deleted instances, the largest number first. */
#define COUNTED(columns, group, order, rest)                                 \
	"(select coalesce(json_agg(row_to_json(x)), '[]') from (select " columns \
	", count(*) as count "                                                   \
	"from whalefall.instances where deleted_at is null group by " group      \
	" order by count(*) desc, " order rest ") x)"

WF_FUNCTION(wf_instances_options);
WF_FUNCTION(wf_instances_statistics);

/* instances_options(db_type): what syncs and tests can be started for. */
Datum
wf_instances_options(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY(
		"select json_build_object('instances', coalesce(json_agg(row_to_json(x)), '[]')) from ("
		"select i.id, i.name, i.db_type, i.name || ' (' || upper(i.db_type) || ')' as display_name "
		"from whalefall.instances i where i.is_active and i.deleted_at is null "
		"and ($1 = '' or i.db_type = lower($1)) order by i.name) x",
		TEXTOID);
	char *db_type = wf_text_trim(wf_arg_get_text(fcinfo, 0));
	WfArg args[] = {wf_arg_text(db_type != NULL ? db_type : "")};

	return wf_answer_query(&find, args);
}

/* instances_statistics() */
Datum
wf_instances_statistics(PG_FUNCTION_ARGS)
{
	static WfQuery find = WF_QUERY0(
		"select json_build_object('total_instances', n.total, 'active_instances', n.active, "
		"'normal_instances', n.active, 'disabled_instances', n.disabled, "
		"'deleted_instances', n.deleted, 'inactive_instances', n.disabled, "
		"'db_types_count', n.types, 'db_type_stats', " COUNTED("db_type", "db_type", "db_type", "") ", 'port_stats', " COUNTED(
			"port", "port", "port",
			" limit 10") ", "
						 "'version_stats', " COUNTED(
							 "db_type, coalesce(nullif(main_version, ''), '" UNKNOWN_VERSION
							 "') as version",
							 "1, 2", "1, 2",
							 "") ") from (select count(*) as total, "
								 "count(*) filter (where deleted_at is null and is_active) as active, "
								 "count(*) filter (where deleted_at is null and not is_active) as disabled, "
								 "count(*) filter (where deleted_at is not null) as deleted, "
								 "count(distinct db_type) filter (where deleted_at is null) as types "
								 "from whalefall.instances) n");

	return wf_answer_query(&find, NULL);
}
