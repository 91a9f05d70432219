/*
 * filter.h - which accounts are the system's own and are not synced (domain 3.1).
 */
#ifndef WF_ACCOUNTS_FILTER_H
#define WF_ACCOUNTS_FILTER_H

#include "postgres.h"

typedef struct WfAccountFilter WfAccountFilter;

/* The rules of an engine from whalefall.account_filters, palloc'd in a context. SPI connected. */
extern WfAccountFilter *wf_account_filter_load(const char *db_type, MemoryContext context);

/* Is this account to be left out? A NULL filter leaves nothing out. */
extern bool wf_account_filter_drops(const WfAccountFilter *filter, const char *username);

#endif
