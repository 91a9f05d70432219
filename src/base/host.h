/*
 * host.h - the machine the server runs on, and the small shared memory that proves it works.
 *
 * Numbers come from /proc and from the file system of the data directory; a server on a system without them says
 * that it does not know. In a container they are the host's where the kernel shows those.
 */
#ifndef WF_BASE_HOST_H
#define WF_BASE_HOST_H

#include "postgres.h"

typedef struct WfHost
{
	double cpu_percent; /* busy share of all processors since the last look, 0 to 100 */
	int64 memory_total; /* bytes */
	int64 memory_used;	/* bytes that no program could have now */
	double memory_percent;
	int64 disk_total; /* bytes of the file system that holds the data directory */
	int64 disk_used;
	double disk_percent; /* of what an unprivileged user may fill */
} WfHost;

/* To be called from _PG_init while shared_preload_libraries is processed. */
extern void wf_host_init(void);

/*
 * Read all numbers; false when one cannot be had. Waits up to 200 ms (interruptible) when nobody has looked for a
 * minute: the processors' share needs two readings. Raises nothing of its own.
 */
extern bool wf_host_read(WfHost *host);

/* Write a random value to shared memory and read it back; false when it is not there (library not preloaded). */
extern bool wf_host_memory_works(void);

/*
 * The number that everything a session caches about operations was made under. A cache made under another number
 * is to be thrown away; wf_host_forget_caches makes a new one, and is false without shared memory.
 */
extern uint64 wf_host_cache_generation(void);
extern bool wf_host_forget_caches(void);

#endif
