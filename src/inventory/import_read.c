/*
 * import_read.c - rows of an import from CSV and from JSON.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "base/csv.h"
#include "base/errors.h"
#include "base/text.h"
#include "inventory/import.h"

static const char *const column_names[] = {
	[WF_IMPORT_NAME] = "name",
	[WF_IMPORT_DB_TYPE] = "db_type",
	[WF_IMPORT_HOST] = "host",
	[WF_IMPORT_PORT] = "port",
	[WF_IMPORT_DATABASE_NAME] = "database_name",
	[WF_IMPORT_DESCRIPTION] = "description",
	[WF_IMPORT_CREDENTIAL_ID] = "credential_id",
};

/* What a file must have, in the order in which missing ones are told. */
static const int required[] = {WF_IMPORT_DB_TYPE, WF_IMPORT_HOST, WF_IMPORT_NAME, WF_IMPORT_PORT};

/* Trimmed; blank is absent. */
static char *
cell_value(const char *given)
{
	char *text = wf_text_trim(given);

	return text != NULL && text[0] != '\0' ? text : NULL;
}

/* Take a row in, unless it has nothing to say. */
static void
add_row(WfImport *import, WfImportRow *row)
{
	bool is_empty = row->problem == NULL;

	for (int i = 0; i < WF_IMPORT_COLUMNS; i++)
		is_empty = is_empty && row->cells[i] == NULL;
	if (is_empty)
		return;
	if (import->rows == NULL)
		import->rows = palloc((import->room = 64) * sizeof(WfImportRow));
	else if (import->count == import->room)
	{
		import->room *= 2;
		import->rows = repalloc_huge(import->rows, (Size) import->room * sizeof(WfImportRow));
	}
	row->number = import->count + 1;
	import->rows[import->count++] = *row;
}

static void
require_rows(const WfImport *import)
{
	if (import->count == 0)
		wf_raise(WF_ERR_VALIDATION, "There is no instance to create.", NULL);
}

/* Which column each cell of the header names: an array of WF_IMPORT_..., -1 for what is not read. */
static int *
read_header(WfCsvReader *reader, int *count)
{
	char **cells = wf_csv_read(reader, count);
	int *columns = palloc((*count + 1) * sizeof(int));
	bool found[WF_IMPORT_COLUMNS] = {false};
	StringInfoData missing;

	for (int i = 0; i < *count; i++)
	{
		char *name = wf_text_trim(cells[i]);

		columns[i] = -1;
		for (int c = 0; c < WF_IMPORT_COLUMNS; c++)
			if (pg_strcasecmp(name, column_names[c]) == 0)
				columns[i] = c;
		if (columns[i] < 0)
			continue;
		if (found[columns[i]])
			wf_raise(WF_ERR_VALIDATION,
					 psprintf("Column %s stands twice in the file.", column_names[columns[i]]),
					 NULL);
		found[columns[i]] = true;
	}
	initStringInfo(&missing);
	for (size_t i = 0; i < lengthof(required); i++)
		if (!found[required[i]])
			appendStringInfo(&missing, "%s%s", missing.len > 0 ? ", " : "",
							 column_names[required[i]]);
	if (missing.len > 0)
		wf_raise(WF_ERR_VALIDATION, psprintf("Missing columns: %s.", missing.data),
				 "Take the file of instances_import_template().");
	return columns;
}

void
wf_import_read_csv(WfImport *import, const char *text)
{
	WfCsvReader reader;
	int *columns;
	char **cells;
	int width;
	int count;

	wf_csv_open(&reader, text);
	columns = read_header(&reader, &width);
	while ((cells = wf_csv_read(&reader, &count)) != NULL)
	{
		WfImportRow row = {0};

		for (int i = 0; i < Min(count, width); i++)
			if (columns[i] >= 0)
				row.cells[columns[i]] = cell_value(cells[i]);
		add_row(import, &row);
		for (int i = 0; i < count; i++)
			pfree(cells[i]);
		pfree(cells);
	}
	require_rows(import);
}

/* A member of an object as cell; notes a value of a wrong kind. */
static void
read_member(WfImportRow *row, int column, const JsonbValue *value)
{
	bool is_number = column == WF_IMPORT_PORT || column == WF_IMPORT_CREDENTIAL_ID;

	if (value->type == jbvString)
		row->cells[column] = cell_value(pnstrdup(value->val.string.val, value->val.string.len));
	else if (value->type == jbvNumeric && is_number)
		row->cells[column] =
			DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
	else if (value->type != jbvNull && row->problem == NULL)
		row->problem =
			psprintf("%s must be a %s.", column_names[column], is_number ? "whole number" : "text");
}

static void
read_object(WfImportRow *row, const JsonbValue *object)
{
	for (int c = 0; c < WF_IMPORT_COLUMNS; c++)
	{
		JsonbValue *value = getKeyJsonValueFromContainer(object->val.binary.data, column_names[c],
														 strlen(column_names[c]), NULL);

		if (value != NULL)
			read_member(row, c, value);
	}
}

void
wf_import_read_json(WfImport *import, Jsonb *list)
{
	JsonbIterator *it = JsonbIteratorInit(&list->root);
	JsonbValue value;

	if (!JB_ROOT_IS_ARRAY(list) || JB_ROOT_IS_SCALAR(list))
		wf_raise(WF_ERR_VALIDATION, "instances must be a list of objects.", NULL);
	(void) JsonbIteratorNext(&it, &value, true);
	while (JsonbIteratorNext(&it, &value, true) == WJB_ELEM)
	{
		WfImportRow row = {0};

		if (value.type == jbvBinary && JsonContainerIsObject(value.val.binary.data))
			read_object(&row, &value);
		else
			row.problem = "An instance must be an object.";
		add_row(import, &row);
	}
	require_rows(import);
}
