/*
 * The part every engine's program has in common: arguments, worker mode, the command line. An
 * engine fills a WfEngine and calls wf_program_main; its serve function does the rest.
 */
#ifndef WF_REMOTE_PROGRAM_H
#define WF_REMOTE_PROGRAM_H

#include "remote/common/output.h"
#include "remote/common/request.h"

typedef struct WfEngine
{
	const char *db_type; /* as in a request, and the end of the program's name */
	const char *title;	 /* as people write it */
	int default_port;
	const char *default_dbname; /* where to connect when the request names no database */
	unsigned reads;				/* WF_READ_... it can serve */
	bool server_keys;			/* its logins may use a public key of the server */
	/* Names the client library and its version; the text is static. */
	const char *(*client)(void);
	/* Serves a checked request; ends the answer with wf_output_error or wf_output_done. */
	void (*serve)(WfRequest *request, WfOutput *out);
} WfEngine;

/* Exit statuses of the command line. */
#define WF_EXIT_OK	   0
#define WF_EXIT_REMOTE 1
#define WF_EXIT_USAGE  2

/* The main function of an engine's program; gives the exit status. */
extern int wf_program_main(const WfEngine *engine, int argc, char **argv);

/* Checks a request and serves it; the answer is ended in every case. */
extern void wf_program_serve(const WfEngine *engine, WfRequest *request, WfOutput *out);

/* Worker mode: serves request frames on file descriptor 0 until its end; gives the exit status. */
extern int wf_worker_main(const WfEngine *engine);

/* What the command line asked for. */
typedef struct WfArguments
{
	bool help;
	bool version;
	long worker_parent; /* process id after --worker, 0: not worker mode */
	WfRequest request;
} WfArguments;

/*
 * Reads the command line. False after it has told what is wrong on standard error. Secrets and
 * files are read here, before the environment is cleared.
 */
extern bool wf_arguments_read(const WfEngine *engine, int argc, char **argv,
							  WfArguments *arguments);

/* Prints what --help prints. */
extern void wf_arguments_help(const WfEngine *engine);

#endif
