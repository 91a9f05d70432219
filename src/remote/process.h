/*
 * process.h - the child process of a helper. Within this room only.
 */
#ifndef WF_REMOTE_PROCESS_H
#define WF_REMOTE_PROCESS_H

#include "postgres.h"

typedef struct WfProcess
{
	pid_t pid; /* 0: none */
	int sock;  /* our end, non-blocking */
} WfProcess;

/*
 * Starts a program in worker mode with a socket on its descriptors 0 and 1, nothing else open but
 * standard error, default signals, and an environment of LC_ALL and PATH. False with errno set.
 */
extern bool wf_process_start(WfProcess *process, const char *path);

/*
 * Ends the process and reaps it. Waits up to patience milliseconds for it to end by itself first,
 * then kills it. Gives the status of waitpid, -1 when it is not known.
 */
extern int wf_process_end(WfProcess *process, int patience);

/* Tells whether the process is there, says nothing unasked and has not closed its end. */
extern bool wf_process_idle(const WfProcess *process);

#endif
