/*
 * The command line of a helper program. A password comes from a variable, a file or the terminal,
 * never from an argument: arguments are public.
 */
#include "remote/common/program.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "remote/common/text.h"

/* The variable a password may come from. */
#define PASSWORD_VARIABLE "WHALEFALL_PASSWORD"
/* Most bytes of a password or of a CA file. */
#define PASSWORD_MAX 1024
#define CA_FILE_MAX	 (512 * 1024)

enum
{
	OPT_HOST = 256,
	OPT_PORT,
	OPT_USER,
	OPT_DBNAME,
	OPT_TLS_MODE,
	OPT_TLS_CA,
	OPT_SERVER_PUBLIC_KEY,
	OPT_ALLOW_CLEARTEXT_KEY,
	OPT_CONNECT_TIMEOUT,
	OPT_STATEMENT_TIMEOUT,
	OPT_READ,
	OPT_PASSWORD_FILE,
	OPT_NO_PASSWORD,
	OPT_PASSWORD,
	OPT_WORKER,
	OPT_HELP,
	OPT_VERSION
};

static const struct option options[] = {
	{"host", required_argument, NULL, OPT_HOST},
	{"port", required_argument, NULL, OPT_PORT},
	{"user", required_argument, NULL, OPT_USER},
	{"dbname", required_argument, NULL, OPT_DBNAME},
	{"tls-mode", required_argument, NULL, OPT_TLS_MODE},
	{"tls-ca", required_argument, NULL, OPT_TLS_CA},
	{"server-public-key", required_argument, NULL, OPT_SERVER_PUBLIC_KEY},
	{"allow-cleartext-key", no_argument, NULL, OPT_ALLOW_CLEARTEXT_KEY},
	{"connect-timeout", required_argument, NULL, OPT_CONNECT_TIMEOUT},
	{"statement-timeout", required_argument, NULL, OPT_STATEMENT_TIMEOUT},
	{"read", required_argument, NULL, OPT_READ},
	{"password-file", required_argument, NULL, OPT_PASSWORD_FILE},
	{"no-password", no_argument, NULL, OPT_NO_PASSWORD},
	/* Refused by name: getopt would take it for the beginning of --password-file. */
	{"password", required_argument, NULL, OPT_PASSWORD},
	{"worker", required_argument, NULL, OPT_WORKER},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

void
wf_arguments_help(const WfEngine *engine)
{
	printf("Usage: " WF_REMOTE_PROGRAM "%s --host HOST --user USER --read WHAT [OPTION]...\n\n"
		   "Reads accounts, privileges and sizes of a %s server and prints one JSON object a\n"
		   "line; the last line tells whether it went well. The database server starts this\n"
		   "program by itself; run it by hand to see what the server would see.\n\n",
		   engine->db_type, engine->title);
	printf("  --host HOST              host name or IP address\n"
		   "  --port PORT              default %d\n"
		   "  --user USER              login name\n"
		   "  --dbname NAME            database to connect to, default %s\n"
		   "  --read WHAT              comma list of version, accounts, databases, tables,\n"
		   "                           permissions\n",
		   engine->default_port, engine->default_dbname);
	printf("  --tls-mode MODE          disable, prefer (default), require, verify-ca, verify-full\n"
		   "  --tls-ca FILE            certificates (PEM) of the authorities to trust\n");
	if (engine->server_keys)
		printf(
			"  --server-public-key FILE  the server's public key (PEM), for logins without TLS\n"
			"  --allow-cleartext-key    fetch that key from whoever answers: anybody in between\n"
			"                           can then read the password\n");
	printf("  --connect-timeout SEC    resolving and connecting together, default 20\n"
		   "  --statement-timeout SEC  all reading together, default 300\n"
		   "  --password-file FILE     first line is the password; only its owner may read it\n"
		   "  --no-password            the server asks for none\n"
		   "  --worker PID             serve the worker PID on standard input (not for people)\n"
		   "  --help, --version\n\n");
	printf("The password comes from --password-file, else from the variable " PASSWORD_VARIABLE
		   ",\nelse it is asked for on the terminal. Exit status: 0 read, 1 the server could not\n"
		   "be read, 2 wrong usage.\n");
}

/* Tells on standard error what is wrong. */
static bool
complain(const WfEngine *engine, const char *what, const char *name)
{
	fprintf(stderr, WF_REMOTE_PROGRAM "%s: %s%s%s\nTry --help.\n", engine->db_type, what,
			name == NULL ? "" : ": ", name == NULL ? "" : name);
	return false;
}

/* Puts a value into the request; a repeated option is an error. */
static bool
take_value(const WfEngine *engine, WfRequest *request, const char *key, const char *value)
{
	WfFailure failure;

	if (wf_request_set(request, key, value, strlen(value), &failure))
		return true;
	return complain(engine, failure.message, NULL);
}

/* Puts a number of seconds, possibly with decimals, into the request as milliseconds. */
static bool
take_seconds(const WfEngine *engine, WfRequest *request, const char *key, const char *value)
{
	char *end;
	double seconds = strtod(value, &end);
	char text[32];

	if (*value == '\0' || *end != '\0' || !(seconds >= WF_REMOTE_TIMEOUT_MIN / 1000.0) ||
		!(seconds <= WF_REMOTE_TIMEOUT_MAX / 1000.0))
		return complain(engine, "a timeout must be 0.1 to 86400 seconds", value);
	snprintf(text, sizeof(text), "%d", (int) (seconds * 1000));
	return take_value(engine, request, key, text);
}

/* Reads a file of at most max bytes; a secret one must belong to its owner alone. */
static char *
read_file(const WfEngine *engine, const char *path, size_t max, bool secret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat info;
	char *text = malloc(max + 1);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0 || text == NULL || fstat(fd, &info) < 0)
	{
		complain(engine, strerror(errno), path);
		goto failed;
	}
	if (secret && S_ISREG(info.st_mode) && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
	{
		complain(engine, "others than its owner may read the file (chmod 600)", path);
		goto failed;
	}
	while (len <= max && (n = read(fd, text + len, max + 1 - len)) > 0)
		len += (size_t) n;
	if (n < 0 || len > max)
	{
		complain(engine, n < 0 ? strerror(errno) : "the file is too large", path);
		goto failed;
	}
	text[len] = '\0';
	close(fd);
	return text;

failed:
	if (fd >= 0)
		close(fd);
	if (text != NULL)
		explicit_bzero(text, max + 1);
	free(text);
	return NULL;
}

/* Asks for a password on the terminal, without echo; false when there is no terminal. */
static bool
ask_password(char *password, size_t size)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	struct termios before;
	struct termios silent;
	size_t len = 0;
	char byte;

	if (tty < 0 || tcgetattr(tty, &before) < 0)
	{
		if (tty >= 0)
			close(tty);
		return false;
	}
	silent = before;
	silent.c_lflag &= ~(tcflag_t) ECHO;
	tcsetattr(tty, TCSAFLUSH, &silent);
	if (write(tty, "Password: ", 10) == 10)
	{
		while (read(tty, &byte, 1) == 1 && byte != '\n' && byte != '\r')
		{
			if (len < size - 1)
				password[len++] = byte;
		}
	}
	password[len] = '\0';
	tcsetattr(tty, TCSAFLUSH, &before);
	if (write(tty, "\n", 1) != 1)
	{
		/* Only the look of the terminal suffers. */
	}
	close(tty);
	return true;
}

/* Finds the password: file, variable, terminal, in this order; wipes the variable. */
static bool
take_password(const WfEngine *engine, WfRequest *request, const char *file, bool none)
{
	char *variable = getenv(PASSWORD_VARIABLE);
	char asked[PASSWORD_MAX + 1] = "";
	bool taken;

	if (none)
		taken = take_value(engine, request, "password", "");
	else if (file != NULL)
	{
		char *text = read_file(engine, file, PASSWORD_MAX, true);

		if (text == NULL)
			return false;
		text[strcspn(text, "\r\n")] = '\0';
		taken = take_value(engine, request, "password", text);
		explicit_bzero(text, PASSWORD_MAX + 1);
		free(text);
	}
	else if (variable != NULL)
		taken = take_value(engine, request, "password", variable);
	else if (ask_password(asked, sizeof(asked)))
		taken = take_value(engine, request, "password", asked);
	else
		taken = complain(engine,
						 "no password: use --password-file, " PASSWORD_VARIABLE " or --no-password",
						 NULL);
	if (variable != NULL)
		explicit_bzero(variable, strlen(variable));
	explicit_bzero(asked, sizeof(asked));
	return taken;
}

/* Reads a file of certificates or keys, which are no secrets, into the request. */
static bool
take_pem(const WfEngine *engine, WfRequest *request, const char *key, const char *path)
{
	char *pem = read_file(engine, path, CA_FILE_MAX, false);
	bool taken = pem != NULL && take_value(engine, request, key, pem);

	free(pem);
	return taken;
}

/* Takes one option of the command line. */
static bool
take_option(const WfEngine *engine, WfArguments *arguments, int option, const char *value)
{
	WfRequest *request = &arguments->request;

	switch (option)
	{
		case OPT_HOST:
			return take_value(engine, request, "host", value);
		case OPT_PORT:
			return take_value(engine, request, "port", value);
		case OPT_USER:
			return take_value(engine, request, "user", value);
		case OPT_DBNAME:
			return take_value(engine, request, "dbname", value);
		case OPT_TLS_MODE:
			return take_value(engine, request, "tls_mode", value);
		case OPT_TLS_CA:
			return take_pem(engine, request, "tls_ca", value);
		case OPT_SERVER_PUBLIC_KEY:
			return take_pem(engine, request, "server_public_key", value);
		case OPT_ALLOW_CLEARTEXT_KEY:
			return take_value(engine, request, "allow_cleartext_key", "true");
		case OPT_CONNECT_TIMEOUT:
			return take_seconds(engine, request, "connect_timeout_ms", value);
		case OPT_STATEMENT_TIMEOUT:
			return take_seconds(engine, request, "statement_timeout_ms", value);
		case OPT_READ:
			return take_value(engine, request, "reads", value);
		case OPT_WORKER:
			if (!wf_text_to_number(value, INT_MAX, &arguments->worker_parent) ||
				arguments->worker_parent == 0)
				return complain(engine, "--worker takes the process id of the worker", NULL);
			return true;
		case OPT_PASSWORD:
			return complain(engine, "an argument is public, a password is not taken as one", NULL);
		case OPT_HELP:
			arguments->help = true;
			return true;
		case OPT_VERSION:
			arguments->version = true;
			return true;
		default:
			/* getopt has said what is wrong. */
			return complain(engine, "wrong usage", NULL);
	}
}

bool
wf_arguments_read(const WfEngine *engine, int argc, char **argv, WfArguments *arguments)
{
	static WfRequest copy;
	static WfFailure failure;
	WfRequest *request = &arguments->request;
	const char *password_file = NULL;
	bool no_password = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
	{
		if (option == OPT_PASSWORD_FILE)
			password_file = optarg;
		else if (option == OPT_NO_PASSWORD)
			no_password = true;
		else if (!take_option(engine, arguments, option, optarg))
			return false;
	}
	if (optind < argc)
		return complain(engine, "unexpected argument", argv[optind]);
	if (arguments->help || arguments->version || arguments->worker_parent != 0)
		return true;
	if (request->host == NULL || request->user == NULL || request->reads_text == NULL)
		return complain(engine, "--host, --user and --read are needed", NULL);
	if (!take_value(engine, request, "protocol", WF_REMOTE_PROTOCOL) ||
		!take_value(engine, request, "db_type", engine->db_type))
		return false;

	/* A wrong value is wrong usage, and is told before a password is asked for. */
	copy = *request;
	if (!wf_request_check(&copy, engine->db_type, engine->default_port, engine->default_dbname,
						  &failure))
	{
		complain(engine, failure.message, NULL);
		return false;
	}
	/* The check has filled in defaults, which the request now owns. */
	*request = copy;
	return take_password(engine, request, password_file, no_password);
}
