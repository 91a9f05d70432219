/*
 * Reading sizes: of all databases, out of the files of InnoDB and what the other engines say of
 * their tables; and of the tables of the one connected to.
 */
#include "remote/mysql/driver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote/common/text.h"

#define DATABASES_MAX 1000000
#define NOTE_BYTES	  600
#define OBJECT_BYTES  1024

typedef struct Database
{
	char *name;
	int64_t files;	 /* of InnoDB */
	int64_t innodb;	 /* of its tables, as they say */
	int64_t others;	 /* of the other engines' tables */
	int64_t visible; /* tables that we see */
} Database;

typedef struct WfMySizes
{
	Database *list;
	int n;
	int space;
	bool sorted;
	bool no_files;	/* the files could not be read, why stands in files_note */
	bool no_tables; /* the same for the tables */
	char files_note[NOTE_BYTES];
	char tables_note[NOTE_BYTES];
} WfMySizes;

/* Names in the order of their bytes: the views' own order knows no case. */
#define AS_NAME(column) "CONVERT(" column " USING utf8mb4) COLLATE utf8mb4_bin"

static const char databases_sql[] = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA";

/*
 * From 8.0 on the names of tablespaces are written as people write them, also with a slash in the
 * name of the database.
 */
static const char files_8_sql[] = "SELECT " AS_NAME(
	"SUBSTRING_INDEX(NAME, '/', 1)") " AS db, SUM(FILE_SIZE)"
									 " FROM information_schema.INNODB_TABLESPACES WHERE NAME LIKE '%/%' OR NAME = 'mysql'"
									 " GROUP BY db UNION ALL"
									 " SELECT " AS_NAME(
										 "s.SCHEMA_NAME") " AS db, SUM(t.FILE_SIZE)"
														  " FROM information_schema.SCHEMATA s JOIN information_schema.INNODB_TABLESPACES t"
														  " ON " AS_NAME("LEFT(t.NAME, CHAR_LENGTH(s.SCHEMA_NAME) + 1)") " = " AS_NAME(
															  "CONCAT(s.SCHEMA_NAME, '/')") " WHERE s.SCHEMA_NAME LIKE '%/%' GROUP BY db";

/* Before, and on MariaDB, as the file is called: the server knows how to write a name that way. */
static const char files_sql[] =
	"SELECT s.SCHEMA_NAME, t.bytes FROM information_schema.SCHEMATA s JOIN ("
	"SELECT CAST(SUBSTRING_INDEX(NAME, '/', 1) AS BINARY) AS db, SUM(FILE_SIZE) AS bytes"
	" FROM information_schema.INNODB_SYS_TABLESPACES WHERE NAME LIKE '%/%' GROUP BY db) t"
	" ON t.db = CAST(CONVERT(s.SCHEMA_NAME USING filename) AS BINARY)";

#define IS_TABLE  "TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"
#define IS_INNODB "ENGINE IN ('InnoDB', 'InnoDBPart')"

static const char tables_sum_sql[] =
	"SELECT " AS_NAME("TABLE_SCHEMA") " AS db,"
									  " CAST(SUM(IF(" IS_INNODB
									  ", COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0), 0))"
									  " AS UNSIGNED),"
									  " CAST(SUM(IF(" IS_INNODB
									  ", 0, COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0)))"
									  " AS UNSIGNED), COUNT(*)"
									  " FROM information_schema.TABLES WHERE " IS_TABLE
									  " GROUP BY db";

static const char tables_sql[] =
	"SELECT TABLE_SCHEMA, TABLE_NAME, DATA_LENGTH + INDEX_LENGTH, DATA_LENGTH, INDEX_LENGTH,"
	" TABLE_ROWS FROM information_schema.TABLES"
	" WHERE TABLE_SCHEMA = DATABASE() AND " IS_TABLE;

static int
compare_databases(const void *a, const void *b)
{
	return strcmp(((const Database *) a)->name, ((const Database *) b)->name);
}

/* Finds a database of the list, NULL when it is not there. The list takes no more names then. */
static Database *
find_database(WfMySizes *sizes, const char *name)
{
	Database key;

	if (name == NULL || sizes->n == 0)
		return NULL;
	if (!sizes->sorted)
		qsort(sizes->list, (size_t) sizes->n, sizeof(Database), compare_databases);
	sizes->sorted = true;
	memset(&key, 0, sizeof(key));
	/* Only compared. */
	memcpy(&key.name, &name, sizeof(name));
	return bsearch(&key, sizes->list, (size_t) sizes->n, sizeof(Database), compare_databases);
}

/* Notes one database. */
static void
name_row(WfMySession *session, const char *const *values)
{
	WfMySizes *sizes = session->sizes;
	Database *database;

	if (values[0] == NULL)
		return;
	if (sizes->n == sizes->space)
	{
		int wanted = sizes->space == 0 ? 64 : sizes->space * 2;
		Database *larger = wanted > DATABASES_MAX
							   ? NULL
							   : realloc(sizes->list, (size_t) wanted * sizeof(Database));

		if (larger == NULL)
		{
			wf_failure_set(&session->failure, WF_ERROR_OTHER,
						   "the server lists more databases than can be kept");
			return;
		}
		sizes->list = larger;
		sizes->space = wanted;
	}
	database = &sizes->list[sizes->n];
	memset(database, 0, sizeof(*database));
	database->name = strdup(values[0]);
	if (database->name == NULL)
		wf_failure_set(&session->failure, WF_ERROR_OTHER, "out of memory");
	else
		sizes->n++;
}

/* Reads a number of bytes; what is none, or no sane one, counts nothing. */
static int64_t
bytes_of(const char *text)
{
	long number;

	/* So that sums of a few stay in range. */
	return wf_text_to_number(text, INT64_MAX / 8, &number) ? number : 0;
}

/* Counts files; those of "a/b" were counted for "a" too, where names are plain. */
static void
files_row(WfMySession *session, const char *const *values)
{
	Database *database = find_database(session->sizes, values[0]);
	int64_t bytes = bytes_of(values[1]);
	char first[OBJECT_BYTES];
	size_t len;

	if (database == NULL)
		return;
	database->files += bytes;
	len = strcspn(database->name, "/");
	if (database->name[len] == '\0' || len >= sizeof(first) || session->mariadb ||
		session->version < WF_MY_8)
		return;
	memcpy(first, database->name, len);
	first[len] = '\0';
	database = find_database(session->sizes, first);
	if (database != NULL)
		database->files -= bytes;
}

static void
files_failed(WfMySession *session, const WfFailure *failure)
{
	session->sizes->no_files = true;
	snprintf(session->sizes->files_note, NOTE_BYTES, "%.500s", failure->message);
}

static void
sum_row(WfMySession *session, const char *const *values)
{
	Database *database = find_database(session->sizes, values[0]);

	if (database == NULL)
		return;
	database->innodb = bytes_of(values[1]);
	database->others = bytes_of(values[2]);
	database->visible = bytes_of(values[3]);
}

static void
sum_failed(WfMySession *session, const WfFailure *failure)
{
	session->sizes->no_tables = true;
	snprintf(session->sizes->tables_note, NOTE_BYTES, "%.500s", failure->message);
}

int
wf_my_database_parts(WfMySession *session, WfMyPart *parts, int nparts)
{
	bool plain = !session->mariadb && session->version >= WF_MY_8;

	session->sizes = calloc(1, sizeof(WfMySizes));
	if (session->sizes == NULL)
		abort();
	parts[nparts++] = (WfMyPart){.sql = databases_sql, .ncolumns = 1, .row = name_row};
	parts[nparts++] = (WfMyPart){.sql = plain ? files_8_sql : files_sql,
								 .ncolumns = 2,
								 .row = files_row,
								 .failed = files_failed};
	parts[nparts++] =
		(WfMyPart){.sql = tables_sum_sql, .ncolumns = 4, .row = sum_row, .failed = sum_failed};
	return nparts;
}

/* The size of a database in bytes, -1 when it is not known, and what there is to say about it. */
static int64_t
size_of(const WfMySizes *sizes, const Database *database, char *note)
{
	note[0] = '\0';
	if (sizes->no_files)
	{
		bool known = !sizes->no_tables && database->visible > 0;

		snprintf(note, NOTE_BYTES, "%s: %.500s",
				 known ? "estimated, the files of InnoDB could not be read"
					   : "the files of InnoDB could not be read",
				 sizes->files_note);
		return known ? database->innodb + database->others : -1;
	}
	if (sizes->no_tables)
		snprintf(note, NOTE_BYTES, "without engines other than InnoDB: %.500s", sizes->tables_note);
	else if (database->files > 0 && database->visible == 0)
		snprintf(note, NOTE_BYTES, "without engines other than InnoDB: no privilege on the tables");
	return database->files + database->others;
}

/* Tells whether a database is the server's own. */
static bool
is_system(const char *name)
{
	return strcmp(name, "information_schema") == 0 || strcmp(name, "performance_schema") == 0 ||
		   strcmp(name, "mysql") == 0 || strcmp(name, "sys") == 0;
}

void
wf_my_databases_finish(WfMySession *session)
{
	WfMySizes *sizes = session->sizes;

	for (int i = 0; i < sizes->n; i++)
	{
		const Database *database = &sizes->list[i];
		char note[NOTE_BYTES];
		char clean[NOTE_BYTES];
		char bytes[24];
		int64_t size = size_of(sizes, database, note);
		const char *values[] = {database->name, is_system(database->name) ? "t" : "f", "t",
								size < 0 ? NULL : bytes, note[0] == '\0' ? NULL : clean};

		/* It was cut, perhaps within a character. */
		wf_text_clean(clean, sizeof(clean), note);
		snprintf(bytes, sizeof(bytes), "%" PRId64, size);
		wf_output_row(session->out, &wf_dataset_database, 5, values);
	}
}

void
wf_my_sizes_free(WfMySession *session)
{
	WfMySizes *sizes = session->sizes;

	if (sizes == NULL)
		return;
	for (int i = 0; i < sizes->n; i++)
		free(sizes->list[i].name);
	free(sizes->list);
	free(sizes);
	session->sizes = NULL;
}

/* Emits one table; the columns are the statement's. */
static void
table_row(WfMySession *session, const char *const *values)
{
	wf_output_row(session->out, &wf_dataset_table, 6, values);
}

int
wf_my_table_parts(WfMySession *session, WfMyPart *parts, int nparts)
{
	(void) session;
	parts[nparts++] = (WfMyPart){.sql = tables_sql, .ncolumns = 6, .row = table_row};
	return nparts;
}
