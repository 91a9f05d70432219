/*
 * fleet_floor - what reading a fleet costs at the least: processes that take one target after the
 * other, connect to it by its client library, send the statements of a sync and throw the rows away.
 *
 *     fleet_floor PROCESSES STATEMENTS TARGETS
 *
 * STATEMENTS is a file with what the helper programs sent, as test/bench/lib/Bench/Talk.pm wrote it: blocks of
 * a line "p", "a" or "m" and a length, and so many bytes. "p" is a statement for PostgreSQL, each with a
 * synchronisation point of its own, all in one pipeline; "a" is a parameter of the statement before
 * it; "m" is a text for MariaDB, each waits for the answers of the one before. TARGETS has lines
 * "p PORT" and "m PORT", all on loopback, in the order they are taken. FLOOR_PASSWORD is the password of
 * the login "monitor" everywhere.
 *
 * Prints one line: seconds, seconds until the last target that answers was read, targets read, targets
 * that did not answer in time, rows. A target that fails in another way, or answers a statement with
 * an error, makes the exit status 1.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <mysql.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_STATEMENTS 64
#define MAX_PARAMS	   4
#define MAX_TARGETS	   10000
#define MAX_PROCESSES  256
#define CONNECT_MS	   5000
#define LOGIN		   "monitor"

typedef struct Statement
{
	char *text;
	int nparams;
	const char *params[MAX_PARAMS];
} Statement;

typedef struct Target
{
	char engine;
	int port;
} Target;

/* What all processes count together. */
typedef struct Shared
{
	atomic_int next;
	atomic_int read;
	atomic_int silent;
	atomic_long rows;
	atomic_long last_read; /* milliseconds from the start to the end of the last target read */
} Shared;

static Statement for_pg[MAX_STATEMENTS];
static Statement for_maria[MAX_STATEMENTS];
static int n_pg;
static int n_maria;
static Target targets[MAX_TARGETS];
static int ntargets;
static const char *password;
static Shared *shared;
static long began;

static void
give_up(const char *what, const char *why)
{
	fprintf(stderr, "fleet_floor: %s: %s\n", what, why);
	exit(1);
}

static long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

/* Reads one block of the file of statements; false at its end. The text is malloc'd. */
static bool
read_block(FILE *file, char *kind, char **text)
{
	size_t length;

	if (fscanf(file, " %c %zu", kind, &length) != 2)
		return false;
	if (length > 1024 * 1024 || fgetc(file) != '\n')
		give_up("statements", "malformed");
	*text = malloc(length + 1);
	if (*text == NULL || fread(*text, 1, length, file) != length)
		give_up("statements", "cut off");
	(*text)[length] = '\0';
	return true;
}

static void
load_statements(const char *path)
{
	FILE *file = fopen(path, "rb");
	char kind;
	char *text;

	if (file == NULL)
		give_up(path, strerror(errno));
	while (read_block(file, &kind, &text))
	{
		if (kind == 'p' && n_pg < MAX_STATEMENTS)
			for_pg[n_pg++].text = text;
		else if (kind == 'm' && n_maria < MAX_STATEMENTS)
			for_maria[n_maria++].text = text;
		else if (kind == 'a' && n_pg > 0 && for_pg[n_pg - 1].nparams < MAX_PARAMS)
			for_pg[n_pg - 1].params[for_pg[n_pg - 1].nparams++] = text;
		else
			give_up("statements", "too many, or of an unknown kind");
	}
	fclose(file);
}

static void
load_targets(const char *path)
{
	FILE *file = fopen(path, "r");
	Target target;

	if (file == NULL)
		give_up(path, strerror(errno));
	while (ntargets < MAX_TARGETS && fscanf(file, " %c %d", &target.engine, &target.port) == 2)
		targets[ntargets++] = target;
	fclose(file);
}

/* Connects within the time a target has; NULL when it did not answer. */
static PGconn *
connect_pg(int port)
{
	char text[8];
	const char *keywords[] = {"host",
							  "hostaddr",
							  "port",
							  "dbname",
							  "user",
							  "password",
							  "passfile",
							  "gssencmode",
							  "sslmode",
							  "client_encoding",
							  "application_name",
							  "options",
							  NULL};
	const char *values[] = {
		"127.0.0.1", "127.0.0.1", text,	  "postgres",  LOGIN, password, "/nonexistent/passfile",
		"disable",	 "disable",	  "UTF8", "whalefall", "",	  NULL};
	long end = now_ms() + CONNECT_MS;
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	PGconn *conn;

	snprintf(text, sizeof(text), "%d", port);
	conn = PQconnectStartParams(keywords, values, 0);
	while (state != PGRES_POLLING_OK)
	{
		struct pollfd wait = {PQsocket(conn), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0};
		long left = end - now_ms();

		if (left <= 0 || poll(&wait, 1, (int) left) == 0)
		{
			PQfinish(conn);
			return NULL;
		}
		state = PQconnectPoll(conn);
		if (state == PGRES_POLLING_FAILED)
			give_up("connecting to PostgreSQL", PQerrorMessage(conn));
	}
	return conn;
}

/* Reads everything up to the synchronisation point of one statement, row by row; gives the rows. */
static long
discard_pg(PGconn *conn)
{
	long rows = 0;
	PGresult *result;

	PQsetSingleRowMode(conn);
	while ((result = PQgetResult(conn)) != NULL)
	{
		ExecStatusType status = PQresultStatus(result);

		if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
			give_up("reading from PostgreSQL", PQerrorMessage(conn));
		rows += PQntuples(result);
		PQclear(result);
	}
	result = PQgetResult(conn);
	if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
		give_up("reading from PostgreSQL", "no synchronisation point");
	PQclear(result);
	return rows;
}

/* Reads one PostgreSQL server; false when it is silent. */
static bool
read_pg(int port)
{
	PGconn *conn = connect_pg(port);
	long rows = 0;

	if (conn == NULL)
		return false;
	if (PQsetnonblocking(conn, 1) != 0 || PQenterPipelineMode(conn) != 1)
		give_up("pipeline", PQerrorMessage(conn));
	for (int i = 0; i < n_pg; i++)
	{
		if (PQsendQueryParams(conn, for_pg[i].text, for_pg[i].nparams, NULL, for_pg[i].params, NULL,
							  NULL, 0) != 1 ||
			PQpipelineSync(conn) != 1)
			give_up("sending", PQerrorMessage(conn));
	}
	for (int i = 0; i < n_pg; i++)
		rows += discard_pg(conn);
	PQfinish(conn);
	atomic_fetch_add(&shared->rows, rows);
	return true;
}

/* Connects within the time a target has; NULL when it did not answer. */
static MYSQL *
connect_maria(int port)
{
	MYSQL *mysql = mysql_init(NULL);
	unsigned protocol = MYSQL_PROTOCOL_TCP;
	unsigned seconds = CONNECT_MS / 1000;
	long end = now_ms() + CONNECT_MS - 100;

	mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
	mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options4(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "whalefall");
	if (mysql_real_connect(mysql, "127.0.0.1", LOGIN, password, NULL, (unsigned) port, NULL,
						   CLIENT_MULTI_STATEMENTS | CLIENT_MULTI_RESULTS) != NULL)
		return mysql;
	if (now_ms() < end)
		give_up("connecting to MariaDB", mysql_error(mysql));
	mysql_close(mysql);
	return NULL;
}

/* Reads the answers to one text, row by row; gives the rows. */
static long
discard_maria(MYSQL *mysql)
{
	long rows = 0;
	int next = 0;

	while (next == 0)
	{
		MYSQL_RES *result = mysql_use_result(mysql);

		while (result != NULL && mysql_fetch_row(result) != NULL)
			rows++;
		if (mysql_errno(mysql) != 0)
			give_up("reading from MariaDB", mysql_error(mysql));
		mysql_free_result(result);
		next = mysql_next_result(mysql);
	}
	if (next > 0)
		give_up("reading from MariaDB", mysql_error(mysql));
	return rows;
}

/* Reads one MariaDB server; false when it is silent. */
static bool
read_maria(int port)
{
	MYSQL *mysql = connect_maria(port);
	long rows = 0;

	if (mysql == NULL)
		return false;
	for (int i = 0; i < n_maria; i++)
	{
		if (mysql_real_query(mysql, for_maria[i].text, strlen(for_maria[i].text)) != 0)
			give_up("sending to MariaDB", mysql_error(mysql));
		rows += discard_maria(mysql);
	}
	mysql_close(mysql);
	atomic_fetch_add(&shared->rows, rows);
	return true;
}

/* Counts a target that was read, and when. */
static void
note_read(void)
{
	long ms = now_ms() - began;
	long last = atomic_load(&shared->last_read);

	atomic_fetch_add(&shared->read, 1);
	while (ms > last && !atomic_compare_exchange_weak(&shared->last_read, &last, ms))
		;
}

/* What each process does: one target after the other, until all are taken. */
static void
work(void)
{
	int i;

	while ((i = atomic_fetch_add(&shared->next, 1)) < ntargets)
	{
		if (targets[i].engine == 'p' ? read_pg(targets[i].port) : read_maria(targets[i].port))
			note_read();
		else
			atomic_fetch_add(&shared->silent, 1);
	}
}

int
main(int argc, char **argv)
{
	int processes = argc == 4 ? atoi(argv[1]) : 0;
	bool good = true;

	password = getenv("FLOOR_PASSWORD");
	if (processes < 1 || processes > MAX_PROCESSES || password == NULL)
		give_up("usage", "fleet_floor PROCESSES STATEMENTS TARGETS, and FLOOR_PASSWORD");
	load_statements(argv[2]);
	load_targets(argv[3]);
	shared = mmap(NULL, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		give_up("memory", strerror(errno));

	began = now_ms();
	for (int i = 0; i < processes; i++)
	{
		pid_t pid = fork();

		if (pid < 0)
			give_up("fork", strerror(errno));
		if (pid == 0)
		{
			work();
			exit(0);
		}
	}
	for (int i = 0; i < processes; i++)
	{
		int status;

		good = wait(&status) > 0 && status == 0 && good;
	}
	printf("%.3f %.3f %d %d %ld\n", (double) (now_ms() - began) / 1000,
		   (double) atomic_load(&shared->last_read) / 1000, atomic_load(&shared->read),
		   atomic_load(&shared->silent), atomic_load(&shared->rows));
	return good ? 0 : 1;
}
