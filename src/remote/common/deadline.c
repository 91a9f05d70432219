/*
 * Deadlines and the watchdog timer: see deadline.h.
 */
#include "remote/common/deadline.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* How long after the deadline the timer acts: the ordinary checks come first. */
#define WATCHDOG_GRACE_MS 500

/* What the signal handler needs; written only while the timer is off. */
static struct
{
	int fd;
	int status;
	const char *bytes;
	size_t len;
} watchdog;

static volatile sig_atomic_t writing_output;

int64_t
wf_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

WfDeadline
wf_deadline_after(int ms)
{
	return wf_clock_ms() + ms;
}

int
wf_deadline_left(WfDeadline deadline)
{
	int64_t left = deadline - wf_clock_ms();

	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int) left;
}

/* Sends the prepared answer and ends the process; calls only what a handler may call. */
static void
watchdog_handler(int signo)
{
	size_t sent = 0;

	(void) signo;
	while (!writing_output && sent < watchdog.len)
	{
		ssize_t n = write(watchdog.fd, watchdog.bytes + sent, watchdog.len - sent);

		if (n > 0)
			sent += (size_t) n;
		else if (n < 0 && errno != EINTR)
			break;
	}
	_exit(watchdog.status);
}

void
wf_watchdog_arm(WfDeadline deadline, int fd, const char *bytes, size_t len, int status)
{
	int ms = wf_deadline_left(deadline);
	struct sigaction action;
	struct itimerval timer;

	wf_watchdog_disarm();
	watchdog.fd = fd;
	watchdog.bytes = bytes;
	watchdog.len = len;
	watchdog.status = status;

	memset(&action, 0, sizeof(action));
	action.sa_handler = watchdog_handler;
	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);

	memset(&timer, 0, sizeof(timer));
	timer.it_value.tv_sec = ms / 1000 + (ms % 1000 + WATCHDOG_GRACE_MS) / 1000;
	timer.it_value.tv_usec = (ms % 1000 + WATCHDOG_GRACE_MS) % 1000 * 1000;
	setitimer(ITIMER_REAL, &timer, NULL);
}

void
wf_watchdog_disarm(void)
{
	struct itimerval off;

	memset(&off, 0, sizeof(off));
	setitimer(ITIMER_REAL, &off, NULL);
}

void
wf_watchdog_writing(int writing)
{
	writing_output = writing;
}
