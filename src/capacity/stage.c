/*
 * stage.c - bounded copies of remote rows.
 *
 * Names are checked here once (length, encoding, blank), so that no later statement can fail on one of
 * them: an entry that cannot be stored is left out and reported, it does not spoil the others.
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "base/errors.h"
#include "capacity/stage.h"

#define FIRST_SPACE		256
#define MAX_ERROR_BYTES 2048

void
wf_capacity_stage_begin(WfCapacityStage *stage, MemoryContext context)
{
	memset(stage, 0, sizeof(*stage));
	stage->context = context;
}

/* Printable ASCII form of a hostile name, shortened: for error sentences only. */
static void
escape_name(const char *name, char *out, size_t size)
{
	size_t used = 0;

	for (; *name != '\0' && used + sizeof("\\x00...") < size; name++)
	{
		unsigned char c = (unsigned char) *name;

		if (c < 0x20 || c >= 0x7f)
			used += snprintf(out + used, size - used, "\\x%02x", c);
		else
			out[used++] = (char) c;
	}
	snprintf(out + used, size - used, "%s", *name != '\0' ? "..." : "");
}

void
wf_capacity_stage_error(WfCapacityStage *stage, const char *format, ...)
{
	WfCapacityErrors *errors = &stage->errors;
	char buffer[MAX_ERROR_BYTES];
	va_list args;

	if (errors->count >= WF_CAPACITY_MAX_ERRORS)
	{
		errors->omitted++;
		return;
	}
	va_start(args, format);
	vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);
	/* A cut may have split a character. */
	buffer[pg_mbcliplen(buffer, (int) strlen(buffer), sizeof(buffer) - 8)] = '\0';
	errors->texts[errors->count++] = MemoryContextStrdup(stage->context, buffer);
}

/* Can a name be stored and indexed? If not, the reason is remembered. Blank names are skipped silently. */
static bool
name_is_usable(WfCapacityStage *stage, const char *what, const char *name)
{
	char escaped[96];
	const char *reason;
	size_t length;

	if (name == NULL)
		return false;
	length = strlen(name);
	if (strspn(name, " \t\r\n") == length)
		return false;
	if (length > WF_CAPACITY_MAX_NAME_BYTES)
		reason = "is too long";
	else if (!pg_verify_mbstr(GetDatabaseEncoding(), name, (int) length, true))
		reason = "is not valid text";
	else
		return true;
	escape_name(name, escaped, sizeof(escaped));
	wf_capacity_stage_error(stage, "name of %s \"%s\" %s; it was left out", what, escaped, reason);
	return false;
}

/* Copy a text into the stage; false when that would exceed its bounds. */
static bool
keep(WfCapacityStage *stage, const char *text, const char **copy)
{
	size_t length = strlen(text) + 1;

	if (stage->overflow || stage->bytes + length > WF_CAPACITY_MAX_STAGE_BYTES)
	{
		stage->overflow = true;
		return false;
	}
	stage->bytes += length;
	*copy = MemoryContextStrdup(stage->context, text);
	return true;
}

/* Room for one more element, doubling up to max. False, and overflow set, beyond max. */
static bool
grow(WfCapacityStage *stage, void **array, int *space, int used, int max, size_t size)
{
	int wanted;

	if (used < *space)
		return true;
	if (used >= max)
	{
		stage->overflow = true;
		return false;
	}
	wanted = *space == 0 ? FIRST_SPACE : Min(*space * 2, max);
	*array = *space == 0 ? MemoryContextAllocHuge(stage->context, wanted * size)
						 : repalloc_huge(*array, wanted * size);
	*space = wanted;
	return true;
}

/* A count of the remote side: nothing but digits, fitting 63 bits; everything else is -1. */
static int64
parse_count(const char *text)
{
	int64 value = 0;

	if (text == NULL || !isdigit((unsigned char) text[0]))
		return -1;
	for (; isdigit((unsigned char) *text); text++)
	{
		int digit = *text - '0';

		if (value > (PG_INT64_MAX - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	return *text == '\0' ? value : -1;
}

static bool
is_true(const char *text)
{
	return text != NULL && text[0] == 't';
}

void
wf_capacity_stage_database(WfCapacityStage *stage, const char *name, const char *is_system,
						   const char *allow_connections, const char *size_bytes, const char *note)
{
	WfCapacityDatabase database = {.is_system = is_true(is_system),
								   .allow_connections = is_true(allow_connections),
								   .size_bytes = parse_count(size_bytes)};

	if (!name_is_usable(stage, "database", name) || !keep(stage, name, &database.name))
		return;
	if (note != NULL && pg_verify_mbstr(GetDatabaseEncoding(), note, (int) strlen(note), true) &&
		!keep(stage, note, &database.note))
		return;
	if (!grow(stage, (void **) &stage->databases, &stage->databases_space, stage->ndatabases,
			  WF_CAPACITY_MAX_DATABASES, sizeof(database)))
		return;
	stage->databases[stage->ndatabases++] = database;
}

void
wf_capacity_stage_table(WfCapacityStage *stage, const char *schema, const char *name,
						const char *total_bytes, const char *data_bytes, const char *index_bytes,
						const char *row_estimate)
{
	WfCapacityTable table = {.total_bytes = parse_count(total_bytes),
							 .data_bytes = parse_count(data_bytes),
							 .index_bytes = parse_count(index_bytes),
							 .row_estimate = parse_count(row_estimate)};

	if (!name_is_usable(stage, "schema", schema) || !name_is_usable(stage, "table", name))
		return;
	if (table.total_bytes < 0)
		wf_capacity_stage_error(
			stage, "size of table %s.%s could not be read: it is locked, or was dropped", schema,
			name);
	if (!keep(stage, schema, &table.schema) || !keep(stage, name, &table.name))
		return;
	if (!grow(stage, (void **) &stage->tables, &stage->tables_space, stage->ntables,
			  WF_CAPACITY_MAX_TABLES, sizeof(table)))
		return;
	stage->tables[stage->ntables++] = table;
}

static int
compare_databases(const void *a, const void *b)
{
	return strcmp(((const WfCapacityDatabase *) a)->name, ((const WfCapacityDatabase *) b)->name);
}

static int
compare_tables(const void *a, const void *b)
{
	const WfCapacityTable *left = a;
	const WfCapacityTable *right = b;
	int order = strcmp(left->schema, right->schema);

	return order != 0 ? order : strcmp(left->name, right->name);
}

/* Sort, and keep one of equal neighbours: no honest server repeats a name, and a statement cannot. */
static int
sort_unique(void *array, int count, size_t size, int (*compare)(const void *, const void *))
{
	char *elements = array;
	int kept = 0;

	if (count == 0)
		return 0;
	pg_qsort(array, count, size, compare);
	for (int i = 1; i < count; i++)
		if (compare(elements + kept * size, elements + i * size) != 0 && ++kept != i)
			memcpy(elements + kept * size, elements + i * size, size);
	return kept + 1;
}

void
wf_capacity_stage_finish(WfCapacityStage *stage)
{
	if (stage->overflow)
		wf_raise(
			WF_ERR_SYNC_DATA,
			psprintf("The instance lists more than %d databases, %d tables or %d MiB of names.",
					 WF_CAPACITY_MAX_DATABASES, WF_CAPACITY_MAX_TABLES,
					 WF_CAPACITY_MAX_STAGE_BYTES / (1024 * 1024)),
			NULL);
	stage->ndatabases = sort_unique(stage->databases, stage->ndatabases, sizeof(WfCapacityDatabase),
									compare_databases);
	stage->ntables =
		sort_unique(stage->tables, stage->ntables, sizeof(WfCapacityTable), compare_tables);
}

int64
wf_capacity_mebibytes(int64 bytes)
{
	return bytes / (1024 * 1024) + (bytes % (1024 * 1024) != 0 ? 1 : 0);
}
