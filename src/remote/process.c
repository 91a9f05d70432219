/*
 * process.c - starting, watching and ending the child process of a helper.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "remote/process.h"

/* A killed process is gone at once; this is for a machine that is out of breath. */
#define REAP_MS 5000

/*
 * The child between fork and exec. Nothing of the server may run here: signals are blocked until
 * their handlers are gone, and only what is safe after fork is called.
 */
static void
run_program(int sock, char *const argv[], char *const envp[])
{
	struct sigaction action;
	sigset_t none;

	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_DFL;
	for (int signo = 1; signo < NSIG; signo++)
		sigaction(signo, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	/* Away from the numbers it is to get: dup2 onto itself would keep it close-on-exec. */
	if (sock <= STDERR_FILENO)
		sock = fcntl(sock, F_DUPFD, STDERR_FILENO + 1);
	if (dup2(sock, STDIN_FILENO) < 0 || dup2(sock, STDOUT_FILENO) < 0)
		_exit(127);
	closefrom(STDERR_FILENO + 1);
	execve(argv[0], argv, envp);
	_exit(127);
}

/* Makes the pair of sockets; ours does not block, neither outlives an exec by accident. */
static bool
make_sockets(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0)
		return true;
	close(pair[0]);
	close(pair[1]);
	return false;
}

bool
wf_process_start(WfProcess *process, const char *path)
{
	char parent[16];
	char *argv[] = {unconstify(char *, path), "--worker", parent, NULL};
	char *envp[] = {"LC_ALL=C", "PATH=/usr/bin:/bin", NULL};
	sigset_t all;
	sigset_t before;
	int pair[2];
	pid_t pid;
	int save_errno;

	snprintf(parent, sizeof(parent), "%d", MyProcPid);
	/* Counted, so that the server's own files do not use up the limit. */
	if (!AcquireExternalFD())
		return false;
	if (!make_sockets(pair))
	{
		save_errno = errno;
		ReleaseExternalFD();
		errno = save_errno;
		return false;
	}

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		run_program(pair[1], argv, envp);
	save_errno = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(pair[1]);
	if (pid < 0)
	{
		close(pair[0]);
		ReleaseExternalFD();
		errno = save_errno;
		return false;
	}
	process->pid = pid;
	process->sock = pair[0];
	return true;
}

/* Waits for the end of the process, at most that many milliseconds; true when it has ended. */
static bool
reap(pid_t pid, int ms, int *status)
{
	for (;;)
	{
		pid_t rc = waitpid(pid, status, WNOHANG);

		if (rc == pid)
			return true;
		if (rc < 0 && errno != EINTR)
		{
			/* Somebody else has taken it. */
			*status = -1;
			return true;
		}
		if (ms-- <= 0)
			return false;
		pg_usleep(1000L);
	}
}

int
wf_process_end(WfProcess *process, int patience)
{
	int status = -1;

	if (process->pid == 0)
		return status;
	if (!reap(process->pid, patience, &status))
	{
		kill(process->pid, SIGKILL);
		if (!reap(process->pid, REAP_MS, &status))
			status = -1;
	}
	close(process->sock);
	ReleaseExternalFD();
	process->pid = 0;
	process->sock = -1;
	return status;
}

bool
wf_process_idle(const WfProcess *process)
{
	char byte;

	if (process->pid == 0)
		return false;
	/* Nothing to read is the only good news: an end of file or a byte is not. */
	return recv(process->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
		   (errno == EAGAIN || errno == EWOULDBLOCK);
}
