/*
 * filter.c - which accounts are the system's own and are not synced (domain 3.1).
 *
 * In a pattern only % is a wildcard. MySQL rules look at the user part of user@host; SQL Server
 * compares without case, the others with.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "accounts/filter.h"
#include "base/spi.h"
#include "base/text.h"

typedef struct FilterRule
{
	bool exact;
	char *pattern;
} FilterRule;

struct WfAccountFilter
{
	bool user_part;
	bool ignore_case;
	int count;
	FilterRule rules[FLEXIBLE_ARRAY_MEMBER];
};

WfAccountFilter *
wf_account_filter_load(const char *db_type, MemoryContext context)
{
	static WfQuery find = WF_QUERY("select kind = 'exact', pattern from whalefall.account_filters "
								   "where db_type = $1 order by kind, pattern",
								   TEXTOID);
	WfArg args[] = {wf_arg_text(db_type)};
	uint64 count = wf_spi_run(&find, SPI_OK_SELECT, args);
	WfAccountFilter *filter;

	filter = MemoryContextAllocZero(context,
									offsetof(WfAccountFilter, rules) + count * sizeof(FilterRule));
	filter->user_part = strcmp(db_type, "mysql") == 0;
	filter->ignore_case = strcmp(db_type, "sqlserver") == 0;
	filter->count = (int) count;
	for (uint64 i = 0; i < count; i++)
	{
		filter->rules[i].exact = wf_spi_bool(i, 1);
		filter->rules[i].pattern = wf_spi_copy_text(i, 2, context);
	}
	return filter;
}

static bool
rule_matches(const WfAccountFilter *filter, const FilterRule *rule, const char *name)
{
	if (!rule->exact)
		return wf_text_matches(name, rule->pattern, filter->ignore_case);
	return filter->ignore_case ? pg_strcasecmp(name, rule->pattern) == 0
							   : strcmp(name, rule->pattern) == 0;
}

bool
wf_account_filter_drops(const WfAccountFilter *filter, const char *username)
{
	const char *name = username;
	const char *at;
	bool drops = false;

	if (filter == NULL || filter->count == 0)
		return false;
	/* Split at the last @: user names may hold one, hosts may not. */
	if (filter->user_part && (at = strrchr(username, '@')) != NULL)
		name = pnstrdup(username, at - username);
	for (int i = 0; i < filter->count && !drops; i++)
		drops = rule_matches(filter, &filter->rules[i], name);
	if (name != username)
		pfree(unconstify(char *, name));
	return drops;
}
