/*
 * import.c - checking and storing the rows of an import.
 *
 * A row that breaks a rule is told and left out; all others are stored by one statement.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/settings.h"
#include "base/spi.h"
#include "base/text.h"
#include "base/translate.h"
#include "inventory/attempt.h"
#include "inventory/credential.h"
#include "inventory/import.h"
#include "logs/log.h"

/* Names that a summary or a log row holds; the lists of the answer hold all. */
#define SHOWN_NAMES	 20
#define LOGGED_NAMES 100

/* Sorted names, without doubles. */
typedef struct Names
{
	const char **names;
	int count;
} Names;

/* What came of the import. */
typedef struct Outcome
{
	Names duplicates;
	Names existing;
	Names created;
	ArrayBuildState *created_ids;
} Outcome;

/* A sentence in the language of people. */
static const char *
say(const char *zh, const char *en)
{
	return wf_setting_language == WF_LANGUAGE_ZH ? zh : en;
}

/* Digits, perhaps with a sign, as a number; notes the problem and gives 0 else. */
static int64
read_number(WfImportRow *row, const char *field, const char *cell)
{
	const char *digits = cell[0] == '-' ? cell + 1 : cell;
	size_t length = strlen(digits);

	if (length >= 1 && length <= 18 && strspn(digits, "0123456789") == length)
		return strtoll(cell, NULL, 10);
	row->problem = psprintf("%s \"%s\" is not a whole number.", field, wf_text_clip(cell, 64));
	return 0;
}

/* The cells as input of an instance. */
static void
fill_input(WfImportRow *row)
{
	WfInstanceInput *input = &row->input;
	const char *port = row->cells[WF_IMPORT_PORT];
	const char *credential = row->cells[WF_IMPORT_CREDENTIAL_ID];
	int64 number;

	input->name = row->cells[WF_IMPORT_NAME];
	input->db_type = row->cells[WF_IMPORT_DB_TYPE];
	input->host = row->cells[WF_IMPORT_HOST];
	input->database_name = row->cells[WF_IMPORT_DATABASE_NAME];
	input->description = row->cells[WF_IMPORT_DESCRIPTION];
	if (port != NULL)
	{
		number = read_number(row, "port", port);
		input->has_port = true;
		/* What is no int breaks the rule for ports just as its neighbours do. */
		input->port = number < 0 ? 0 : (int) Min(number, PG_INT32_MAX);
	}
	if (credential != NULL)
	{
		input->has_credential_id = true;
		input->credential_id = read_number(row, "credential_id", credential);
	}
}

static void
check_input(void *arg)
{
	wf_instance_check(arg);
}

/* The rules of instances_create for one row; a broken one is noted. */
static void
check_row(WfImportRow *row)
{
	ErrorData *error;

	if (row->problem == NULL)
		fill_input(row);
	if (row->problem != NULL)
		return;
	error = wf_attempt(check_input, &row->input);
	if (error == NULL)
		return;
	if (wf_error_code_of(error) != WF_ERR_VALIDATION)
		ReThrowError(error);
	row->problem = error->detail != NULL ? error->detail : error->message;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int
compare_rows(const void *a, const void *b)
{
	const WfImportRow *const *left = a;
	const WfImportRow *const *right = b;

	return strcmp((*left)->cells[WF_IMPORT_NAME], (*right)->cells[WF_IMPORT_NAME]);
}

static void
add_name(Names *names, int room, const char *name)
{
	if (names->names == NULL)
		names->names = palloc_extended((Size) room * sizeof(char *), MCXT_ALLOC_HUGE);
	names->names[names->count++] = name;
}

/* Mark all rows whose name stands more than once, also beside a bad row: which one was meant is unknown. */
static void
find_duplicates(WfImport *import, Names *duplicates)
{
	WfImportRow **sorted =
		palloc_extended((Size) import->count * sizeof(WfImportRow *), MCXT_ALLOC_HUGE);
	int named = 0;

	for (int i = 0; i < import->count; i++)
		if (import->rows[i].cells[WF_IMPORT_NAME] != NULL)
			sorted[named++] = &import->rows[i];
	qsort(sorted, named, sizeof(WfImportRow *), compare_rows);
	for (int i = 1; i < named; i++)
	{
		if (compare_rows(&sorted[i - 1], &sorted[i]) != 0)
			continue;
		if (!sorted[i - 1]->is_duplicate)
			add_name(duplicates, import->count, sorted[i]->cells[WF_IMPORT_NAME]);
		sorted[i - 1]->is_duplicate = sorted[i]->is_duplicate = true;
	}
}

static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL;
	return text != NULL ? CStringGetTextDatum(text) : (Datum) 0;
}

/* The good rows as seven arrays, one per column; gives how many rows. */
static int
gather(const WfImport *import, WfArg *args)
{
	static const Oid types[] = {TEXTOID, TEXTOID, TEXTOID, INT4OID, TEXTOID, INT8OID, TEXTOID};
	ArrayBuildState *states[lengthof(types)];
	int count = 0;

	for (size_t c = 0; c < lengthof(types); c++)
		states[c] = initArrayResult(types[c], CurrentMemoryContext, false);
	for (int i = 0; i < import->count; i++)
	{
		const WfInstanceInput *input = &import->rows[i].input;
		bool nulls[lengthof(types)] = {false};
		Datum values[lengthof(types)];

		if (import->rows[i].problem != NULL || import->rows[i].is_duplicate)
			continue;
		values[0] = CStringGetTextDatum(input->name);
		values[1] = CStringGetTextDatum(input->db_type);
		values[2] = CStringGetTextDatum(input->host);
		values[3] = Int32GetDatum(input->port);
		values[4] = text_or_null(input->database_name, &nulls[4]);
		values[5] = Int64GetDatum(input->credential_id);
		nulls[5] = !input->has_credential_id;
		values[6] = text_or_null(input->description, &nulls[6]);
		for (size_t c = 0; c < lengthof(types); c++)
			(void) accumArrayResult(states[c], values[c], nulls[c], types[c], CurrentMemoryContext);
		count++;
	}
	for (size_t c = 0; c < lengthof(types); c++)
		args[c] = WF_ARG(makeArrayResult(states[c], CurrentMemoryContext));
	return count;
}

/* Store the good rows. Those whose name is taken, by a deleted instance too, are told. */
static void
store_rows(const WfImport *import, Outcome *outcome)
{
	static WfQuery insert = WF_QUERY(
		"with u as (select * from unnest($1, $2, $3, $4, $5, $6, $7) with ordinality "
		"as u (name, db_type, host, port, database_name, credential_id, description, n)), "
		"stored as (insert into whalefall.instances "
		"(name, db_type, host, port, database_name, credential_id, description) "
		"select u.name, u.db_type, u.host, u.port, u.database_name, u.credential_id, "
		"coalesce(u.description, '') from u where not exists (select from whalefall.instances i "
		"where i.name = u.name) order by u.n on conflict (name) do nothing returning id, name) "
		"select u.name, s.id from u left join stored s on s.name = u.name order by u.n",
		TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID, INT8ARRAYOID,
		TEXTARRAYOID);
	WfArg args[7];
	uint64 count;

	wf_inventory_lock_names('i');
	if (gather(import, args) == 0)
		return;
	count = wf_spi_run(&insert, SPI_OK_SELECT, args);
	for (uint64 i = 0; i < count; i++)
	{
		bool is_taken;
		Datum id = wf_spi_datum(i, 2, &is_taken);

		add_name(is_taken ? &outcome->existing : &outcome->created, import->count,
				 wf_spi_text(i, 1));
		if (!is_taken)
			outcome->created_ids =
				accumArrayResult(outcome->created_ids, id, false, INT8OID, CurrentMemoryContext);
	}
	if (outcome->existing.count > 0)
		qsort(outcome->existing.names, outcome->existing.count, sizeof(char *), compare_names);
}

/* "2 names stand more than once: a, b" */
static void
add_summary(WfJson *json, const char *format, const Names *names)
{
	StringInfoData list;

	if (names->count == 0)
		return;
	initStringInfo(&list);
	for (int i = 0; i < Min(names->count, SHOWN_NAMES); i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", wf_text_clip(names->names[i], 64));
	if (names->count > SHOWN_NAMES)
		appendStringInfoString(&list, ", …");
	wf_json_add_text(json, NULL, psprintf(format, names->count, list.data));
}

static void
add_errors(WfJson *json, const WfImport *import, const Outcome *outcome)
{
	wf_json_open_array(json, "errors");
	for (int i = 0; i < import->count; i++)
	{
		const WfImportRow *row = &import->rows[i];
		const char *name = row->cells[WF_IMPORT_NAME];

		const char *problem;

		if (row->problem == NULL)
			continue;
		problem = wf_translate_detail(row->problem, (WfLanguage) wf_setting_language);
		if (name != NULL)
			wf_json_add_text(json, NULL,
							 psprintf(say("第 %d 行（%s）：%s", "row %d (%s): %s"), row->number,
									  wf_text_clip(name, 64), problem));
		else
			wf_json_add_text(json, NULL,
							 psprintf(say("第 %d 行：%s", "row %d: %s"), row->number, problem));
	}
	add_summary(json, say("%d 个名称重复出现，已跳过：%s", "%d names stand more than once: %s"),
				&outcome->duplicates);
	add_summary(json, say("%d 个名称已存在，已跳过：%s", "%d names exist already: %s"),
				&outcome->existing);
	wf_json_close(json);
}

static void
add_names(WfJson *json, const char *key, const Names *names, int limit)
{
	wf_json_open_array(json, key);
	for (int i = 0; i < Min(names->count, limit); i++)
		wf_json_add_text(json, NULL, names->names[i]);
	wf_json_close(json);
}

static void
log_outcome(const Outcome *outcome)
{
	ArrayBuildState *ids = outcome->created_ids;
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "action", "create_instances_batch");
	wf_json_add_int(&json, "created_count", outcome->created.count);
	wf_json_open_array(&json, "instance_ids");
	for (int i = 0; ids != NULL && i < Min(ids->nelems, LOGGED_NAMES); i++)
		wf_json_add_int(&json, NULL, DatumGetInt64(ids->dvalues[i]));
	wf_json_close(&json);
	add_names(&json, "instance_names", &outcome->created, LOGGED_NAMES);
	wf_json_add_int(&json, "duplicate_count", outcome->duplicates.count);
	wf_json_add_int(&json, "skipped_existing_count", outcome->existing.count);
	wf_log_write(WF_LOG_INFO, "instances_batch", "instances created", wf_json_end(&json), NULL);
}

Jsonb *
wf_import_store(WfImport *import)
{
	Outcome outcome = {0};
	WfJson json;

	for (int i = 0; i < import->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		check_row(&import->rows[i]);
	}
	find_duplicates(import, &outcome.duplicates);
	store_rows(import, &outcome);
	log_outcome(&outcome);
	wf_json_begin(&json);
	wf_json_add_int(&json, "created_count", outcome.created.count);
	add_errors(&json, import, &outcome);
	add_names(&json, "duplicate_names", &outcome.duplicates, INT_MAX);
	add_names(&json, "skipped_existing_names", &outcome.existing, INT_MAX);
	return wf_json_end(&json);
}
