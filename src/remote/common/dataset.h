/*
 * The datasets every engine's program emits. They name no engine: what a privilege is called and
 * in which category it stands is data, so the merge on the server's side knows no driver.
 * docs/remote.md describes each column.
 */
#ifndef WF_REMOTE_DATASET_H
#define WF_REMOTE_DATASET_H

#include <stddef.h>

/* How a column is shown in JSON; in frames everything is text. */
typedef enum WfColumnKind
{
	WF_COLUMN_TEXT,
	WF_COLUMN_NUMBER, /* decimal integer */
	WF_COLUMN_BOOLEAN /* "t" or "f" */
} WfColumnKind;

typedef struct WfColumn
{
	const char *name;
	WfColumnKind kind;
} WfColumn;

#define WF_DATASET_COLUMNS 8

/*
 * A dataset: its columns in order. Where path is not negative, any number of values may stand
 * between the column of that number and the last one; they make the column "path".
 */
typedef struct WfDataset
{
	const char *name;
	int ncolumns;
	int path;
	WfColumn columns[WF_DATASET_COLUMNS];
} WfDataset;

extern const WfDataset wf_dataset_account;	  /* key, username */
extern const WfDataset wf_dataset_item;		  /* key, category, path..., name */
extern const WfDataset wf_dataset_value;	  /* key, category, name, kind, text */
extern const WfDataset wf_dataset_public;	  /* category, object, name */
extern const WfDataset wf_dataset_meta;		  /* name, value */
extern const WfDataset wf_dataset_database;	  /* name, is_system, ..., size_bytes, note */
extern const WfDataset wf_dataset_table;	  /* schema, name, sizes, row_estimate */
extern const WfDataset wf_dataset_permission; /* name, needed_for, granted, hint */

#endif
