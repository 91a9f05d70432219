/*
 * What a helper program gives up before it reads its first byte from outside.
 */
#ifndef WF_REMOTE_HARDEN_H
#define WF_REMOTE_HARDEN_H

#include <sys/types.h>

/* Address space of a helper program, in bytes. */
#define WF_HELPER_ADDRESS_SPACE (512L * 1024 * 1024)

/* Limits, no core file, no ptrace by others, no new privileges, SIGPIPE ignored; never fails. */
extern void wf_harden_process(void);

/*
 * Replaces the environment by LC_ALL=C, PATH and a HOME that does not exist, so that no variable
 * or file of the caller changes what a client library does.
 */
extern void wf_harden_environment(void);

/* Ties the life of this process to its parent's; ends it when the parent is gone already. */
extern void wf_harden_follow_parent(pid_t parent);

#endif
