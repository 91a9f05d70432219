/*
 * whalefall.h - what every file of the server module may rely on.
 *
 * Only definitions without behaviour stand here: schema and role names, the export macro, the
 * version. WF_VERSION comes from whalefall.control by the Makefile.
 */
#ifndef WHALEFALL_H
#define WHALEFALL_H

#include "fmgr.h"

#define WF_SCHEMA	   "whalefall"
#define WF_SCHEMA_API  "whalefall_api"
#define WF_SCHEMA_DATA "whalefall_data"
#define WF_OWNER	   "whalefall_owner"

/* A function that SQL calls: exported although everything else is hidden. */
#define WF_FUNCTION(name)                            \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)

#endif
