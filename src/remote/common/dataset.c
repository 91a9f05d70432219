/*
 * The datasets' columns: see dataset.h.
 */
#include "remote/common/dataset.h"

const WfDataset wf_dataset_account = {
	"account", 2, -1, {{"key", WF_COLUMN_TEXT}, {"username", WF_COLUMN_TEXT}}};

const WfDataset wf_dataset_item = {
	"item",
	3,
	1,
	{{"key", WF_COLUMN_TEXT}, {"category", WF_COLUMN_TEXT}, {"name", WF_COLUMN_TEXT}}};

const WfDataset wf_dataset_value = {"value",
									5,
									-1,
									{{"key", WF_COLUMN_TEXT},
									 {"category", WF_COLUMN_TEXT},
									 {"name", WF_COLUMN_TEXT},
									 {"kind", WF_COLUMN_TEXT},
									 {"text", WF_COLUMN_TEXT}}};

const WfDataset wf_dataset_public = {
	"public",
	3,
	-1,
	{{"category", WF_COLUMN_TEXT}, {"object", WF_COLUMN_TEXT}, {"name", WF_COLUMN_TEXT}}};

const WfDataset wf_dataset_meta = {
	"meta", 2, -1, {{"name", WF_COLUMN_TEXT}, {"value", WF_COLUMN_TEXT}}};

const WfDataset wf_dataset_database = {"database",
									   5,
									   -1,
									   {{"name", WF_COLUMN_TEXT},
										{"is_system", WF_COLUMN_BOOLEAN},
										{"allow_connections", WF_COLUMN_BOOLEAN},
										{"size_bytes", WF_COLUMN_NUMBER},
										{"note", WF_COLUMN_TEXT}}};

const WfDataset wf_dataset_table = {"table",
									6,
									-1,
									{{"schema", WF_COLUMN_TEXT},
									 {"name", WF_COLUMN_TEXT},
									 {"total_bytes", WF_COLUMN_NUMBER},
									 {"data_bytes", WF_COLUMN_NUMBER},
									 {"index_bytes", WF_COLUMN_NUMBER},
									 {"row_estimate", WF_COLUMN_NUMBER}}};

const WfDataset wf_dataset_permission = {"permission",
										 4,
										 -1,
										 {{"name", WF_COLUMN_TEXT},
										  {"needed_for", WF_COLUMN_TEXT},
										  {"granted", WF_COLUMN_BOOLEAN},
										  {"hint", WF_COLUMN_TEXT}}};
