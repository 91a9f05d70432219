/*
 * module.c - what happens when the server loads the library.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "base/host.h"
#include "base/settings.h"
#include "bgworker/launcher.h"
#include "http/request_log.h"
#include "inventory/input.h"
#include "people/shared.h"
#include "runs/shared.h"
#include "whalefall.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/*
 * In every process: settings and the filter that keeps credentials out of error contexts. In the
 * postmaster, when preloaded: shared memory and the launcher. A binary upgrade gets none of the latter.
 */
void
_PG_init(void)
{
	wf_settings_define();
	wf_inventory_init();
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	wf_shared_init();
	wf_host_init();
	wf_people_shared_init();
	wf_request_log_init();
	wf_launcher_register();
}
