/*
 * stage.h - what an instance told, copied row by row and bounded, before anything is merged.
 *
 * The values come from outside. Adding a row never raises but for lack of memory, because it happens inside
 * the reader's callback; what is wrong is remembered and judged afterwards. Everything lives in the
 * context given at the beginning.
 */
#ifndef WF_CAPACITY_STAGE_H
#define WF_CAPACITY_STAGE_H

#include "postgres.h"

#define WF_CAPACITY_MAX_DATABASES	100000
#define WF_CAPACITY_MAX_TABLES		1000000
#define WF_CAPACITY_MAX_STAGE_BYTES (256 * 1024 * 1024) /* of names, per read */
#define WF_CAPACITY_MAX_NAME_BYTES	512					/* three names must fit one index entry */
#define WF_CAPACITY_MAX_UNREAD		10000				/* tables whose earlier size is kept */
#define WF_CAPACITY_MAX_ERRORS		100 /* sentences kept; further ones are counted */

/* Sizes are bytes; -1 = could not be read (total) or is not told. Row estimate: -1 = not known. */
typedef struct WfCapacityDatabase
{
	const char *name;
	const char *note; /* why the size could not be read, or NULL */
	int64 size_bytes;
	bool is_system;
	bool allow_connections;
} WfCapacityDatabase;

typedef struct WfCapacityTable
{
	const char *schema;
	const char *name;
	int64 total_bytes;
	int64 data_bytes;
	int64 index_bytes;
	int64 row_estimate;
} WfCapacityTable;

typedef struct WfCapacityErrors
{
	int count; /* of those kept */
	int64 omitted;
	const char *texts[WF_CAPACITY_MAX_ERRORS];
} WfCapacityErrors;

typedef struct WfCapacityStage
{
	MemoryContext context;
	WfCapacityDatabase *databases;
	int ndatabases;
	int databases_space;
	WfCapacityTable *tables;
	int ntables;
	int tables_space;
	size_t bytes;
	bool overflow; /* more than the bounds above: nothing of it may be used */
	WfCapacityErrors errors;
} WfCapacityStage;

extern void wf_capacity_stage_begin(WfCapacityStage *stage, MemoryContext context);

/* Add one database. Values are the remote texts, NULL = null; booleans are 't' or 'f'. */
extern void wf_capacity_stage_database(WfCapacityStage *stage, const char *name,
									   const char *is_system, const char *allow_connections,
									   const char *size_bytes, const char *note);

/* Add one table. Values are the remote texts, NULL = null. */
extern void wf_capacity_stage_table(WfCapacityStage *stage, const char *schema, const char *name,
									const char *total_bytes, const char *data_bytes,
									const char *index_bytes, const char *row_estimate);

/*
 * After the last row: sort by name (bytewise) and drop repeated names. Raises SYNC_DATA when the instance
 * gave more than the bounds allow.
 */
extern void wf_capacity_stage_finish(WfCapacityStage *stage);

/* Remember a sentence about something that could not be read; beyond a bound they are only counted. */
extern void wf_capacity_stage_error(WfCapacityStage *stage, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Mebibytes of a number of bytes, rounded up: 0 only for 0. */
extern int64 wf_capacity_mebibytes(int64 bytes);

#endif
