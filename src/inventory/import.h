/*
 * import.h - registering many instances from a CSV file or a JSON array (api part 1, 5.2; domain 13).
 */
#ifndef WF_INVENTORY_IMPORT_H
#define WF_INVENTORY_IMPORT_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "inventory/instance_write.h"

/* The columns that are read. */
enum
{
	WF_IMPORT_NAME,
	WF_IMPORT_DB_TYPE,
	WF_IMPORT_HOST,
	WF_IMPORT_PORT,
	WF_IMPORT_DATABASE_NAME,
	WF_IMPORT_DESCRIPTION,
	WF_IMPORT_CREDENTIAL_ID,
	WF_IMPORT_COLUMNS
};

/* One instance to be; rows without any value are not among them. */
typedef struct WfImportRow
{
	int number;						/* from 1, as people count them */
	char *cells[WF_IMPORT_COLUMNS]; /* trimmed; NULL = absent */
	const char *problem;			/* one sentence why it cannot be stored, or NULL */
	WfInstanceInput input;			/* checked, when there is no problem */
	bool is_duplicate;				/* another row has its name */
} WfImportRow;

typedef struct WfImport
{
	WfImportRow *rows;
	int count;
	int room;
} WfImport;

/*
 * Read the text of a CSV file, or a JSON array of objects. Raises VALIDATION_ERROR for what is no such file: bad
 * quoting, missing columns, no rows. What is wrong with a single row is noted in it.
 */
extern void wf_import_read_csv(WfImport *import, const char *text);
extern void wf_import_read_json(WfImport *import, Jsonb *list);

/*
 * Check all rows and store the good ones. Gives the answer of instances_batch_create; writes its log row. SPI
 * connected.
 */
extern Jsonb *wf_import_store(WfImport *import);

#endif
