/*
 * Hardening of a helper program: see harden.h.
 */
#include "remote/common/harden.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* When memory runs out, the kernel shall take a helper and not the database server. */
static void
volunteer_for_oom(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "500", 3) != 3)
	{
		/* Only a preference: nothing to do where the kernel declines it. */
	}
	close(fd);
}

void
wf_harden_process(void)
{
	struct rlimit none = {0, 0};

	/* Before PR_SET_DUMPABLE, which gives the files in /proc to root. */
	volunteer_for_oom();
	setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__
	{
		struct rlimit space = {WF_HELPER_ADDRESS_SPACE, WF_HELPER_ADDRESS_SPACE};

		setrlimit(RLIMIT_AS, &space);
	}
#endif
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
}

void
wf_harden_environment(void)
{
	clearenv();
	setenv("LC_ALL", "C", 1);
	setenv("PATH", "/usr/bin:/bin", 1);
	setenv("HOME", "/nonexistent", 1);
}

void
wf_harden_follow_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* The parent may have ended before the line above. */
	if (getppid() != parent)
		_exit(0);
}
