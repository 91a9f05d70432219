/*
 * Deadlines on the monotonic clock, and a last resort for calls that cannot be interrupted
 * (getaddrinfo, a key derivation whose cost the remote server chose): a timer that sends a
 * prepared last answer and ends the process.
 */
#ifndef WF_REMOTE_DEADLINE_H
#define WF_REMOTE_DEADLINE_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds of the monotonic clock at which something must have ended. */
typedef int64_t WfDeadline;

/* The monotonic clock, in milliseconds. */
extern int64_t wf_clock_ms(void);

/* The moment that many milliseconds from now. */
extern WfDeadline wf_deadline_after(int ms);

/* Milliseconds left, 0 when it has passed; fit for poll(). */
extern int wf_deadline_left(WfDeadline deadline);

/*
 * Arms the timer: that long after the deadline the bytes, which the caller keeps until disarming,
 * are written to fd and the process ends with the given status.
 */
extern void wf_watchdog_arm(WfDeadline deadline, int fd, const char *bytes, size_t len, int status);

/* Disarms the timer. */
extern void wf_watchdog_disarm(void);

/*
 * Tells the timer that output is being written (1) or not (0): in the middle of a frame it must
 * end the process without writing anything.
 */
extern void wf_watchdog_writing(int writing);

#endif
