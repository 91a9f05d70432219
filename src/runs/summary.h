/*
 * summary.h - how a run ends: final status and summary_json (domain 8.3).
 */
#ifndef WF_RUNS_SUMMARY_H
#define WF_RUNS_SUMMARY_H

#include "postgres.h"

#include "utils/uuid.h"

/* End a running run whose items are all terminal. SPI connected. */
extern void wf_summary_finish_run(const pg_uuid_t *run_id);

#endif
