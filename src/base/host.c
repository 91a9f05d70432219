/*
 * host.c - load, memory and disk of the machine.
 *
 * The kernel counts processor time since boot; a share is the difference of two readings. The last reading lies in
 * shared memory, so that every session sees the same history, however requests are spread over them.
 */
#include "postgres.h"

#include <sys/statvfs.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "base/host.h"

#define CPU_LINE_FIELDS	 8
#define CPU_REUSE_MS	 1000  /* a share this young is given again: readings need some distance */
#define CPU_FORGET_MS	 60000 /* a reading this old says nothing about now */
#define CPU_SAMPLE_MS	 200   /* distance of two readings made for one answer */
#define MAX_MEMINFO_LINE 200   /* lines looked at */

/* One reading of /proc/stat, in ticks of all processors together, and the share it gave. */
typedef struct CpuReading
{
	TimestampTz at; /* 0: none yet */
	int64 busy;
	int64 total;
	double percent;
} CpuReading;

typedef struct HostShared
{
	slock_t lock;
	CpuReading cpu;
	uint64 probe;
	uint64 cache_generation;
} HostShared;

/* Of this process alone when the library is not preloaded. */
static CpuReading own_cpu;
static HostShared *shared = NULL;
static shmem_request_hook_type previous_request_hook;
static shmem_startup_hook_type previous_startup_hook;

static void
request_shmem(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(HostShared)));
}

static void
startup_shmem(void)
{
	bool found;

	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("whalefall host", sizeof(HostShared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(HostShared));
		SpinLockInit(&shared->lock);
	}
	LWLockRelease(AddinShmemInitLock);
}

void
wf_host_init(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}

/* "cpu  user nice system idle iowait irq softirq steal": waiting for a disk is not being busy. */
static bool
read_cpu(CpuReading *reading)
{
	FILE *file = AllocateFile("/proc/stat", "r");
	char line[256];
	char *at = line;
	int64 ticks[CPU_LINE_FIELDS] = {0};
	bool ok;

	memset(reading, 0, sizeof(*reading));
	if (file == NULL)
		return false;
	ok = fgets(line, sizeof(line), file) != NULL && strncmp(line, "cpu ", 4) == 0;
	FreeFile(file);
	if (!ok)
		return false;
	at += strlen("cpu ");
	for (int i = 0; i < CPU_LINE_FIELDS; i++)
		ticks[i] = strtoll(at, &at, 10);
	for (int i = 0; i < CPU_LINE_FIELDS; i++)
		reading->total += ticks[i];
	reading->busy = reading->total - ticks[3] - ticks[4];
	reading->at = GetCurrentTimestamp();
	return reading->total > 0;
}

/* Sleep, but let the session be cancelled. */
static void
wait_interruptibly(long milliseconds)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);

	for (;;)
	{
		long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);

		if (left <= 0)
			return;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static CpuReading
last_cpu(void)
{
	CpuReading reading = own_cpu;

	if (shared != NULL)
	{
		SpinLockAcquire(&shared->lock);
		reading = shared->cpu;
		SpinLockRelease(&shared->lock);
	}
	return reading;
}

static void
keep_cpu(const CpuReading *reading)
{
	own_cpu = *reading;
	if (shared != NULL)
	{
		SpinLockAcquire(&shared->lock);
		shared->cpu = *reading;
		SpinLockRelease(&shared->lock);
	}
}

/* Busy share since the last reading, or over a moment when that one is missing or old. */
static bool
cpu_percent(double *percent)
{
	CpuReading before = last_cpu();
	CpuReading now;
	int64 age;

	if (!read_cpu(&now))
		return false;
	age = (now.at - before.at) / 1000;
	if (before.at != 0 && age >= 0 && age < CPU_REUSE_MS)
	{
		*percent = before.percent;
		return true;
	}
	if (before.at == 0 || age < 0 || age > CPU_FORGET_MS)
	{
		before = now;
		wait_interruptibly(CPU_SAMPLE_MS);
		if (!read_cpu(&now))
			return false;
	}
	/* The kernel's counters of idle time may go back a little. */
	now.percent = 0;
	if (now.total > before.total && now.busy > before.busy)
		now.percent = Min(100.0, 100.0 * (double) (now.busy - before.busy) /
									 (double) (now.total - before.total));
	keep_cpu(&now);
	*percent = now.percent;
	return true;
}

/* MemAvailable is the kernel's own estimate of what a new program could have. */
static bool
read_memory(WfHost *host)
{
	FILE *file = AllocateFile("/proc/meminfo", "r");
	char line[256];
	int64 total = 0;
	int64 available = -1;

	if (file == NULL)
		return false;
	for (int i = 0; i < MAX_MEMINFO_LINE && fgets(line, sizeof(line), file) != NULL; i++)
	{
		if (strncmp(line, "MemTotal:", 9) == 0)
			total = strtoll(line + 9, NULL, 10);
		else if (strncmp(line, "MemAvailable:", 13) == 0)
			available = strtoll(line + 13, NULL, 10);
	}
	FreeFile(file);
	if (total <= 0 || available < 0 || available > total)
		return false;
	host->memory_total = total * 1024;
	host->memory_used = (total - available) * 1024;
	host->memory_percent = 100.0 * (double) (total - available) / (double) total;
	return true;
}

/* Blocks that only root may fill count neither as used nor as free. */
static bool
read_disk(WfHost *host)
{
	struct statvfs fs;
	int64 used;

	if (statvfs(DataDir, &fs) != 0 || fs.f_blocks == 0)
		return false;
	used = (int64) (fs.f_blocks - fs.f_bfree);
	if (used + (int64) fs.f_bavail <= 0)
		return false;
	host->disk_total = (int64) fs.f_blocks * (int64) fs.f_frsize;
	host->disk_used = used * (int64) fs.f_frsize;
	host->disk_percent = 100.0 * (double) used / (double) (used + (int64) fs.f_bavail);
	return true;
}

bool
wf_host_read(WfHost *host)
{
	memset(host, 0, sizeof(*host));
	return read_memory(host) && read_disk(host) && cpu_percent(&host->cpu_percent);
}

bool
wf_host_memory_works(void)
{
	uint64 written;
	uint64 found;

	if (shared == NULL || !pg_strong_random(&written, sizeof(written)))
		return false;
	SpinLockAcquire(&shared->lock);
	shared->probe = written;
	found = *(volatile uint64 *) &shared->probe;
	SpinLockRelease(&shared->lock);
	return found == written;
}

uint64
wf_host_cache_generation(void)
{
	uint64 generation = 0;

	if (shared != NULL)
	{
		SpinLockAcquire(&shared->lock);
		generation = shared->cache_generation;
		SpinLockRelease(&shared->lock);
	}
	return generation;
}

bool
wf_host_forget_caches(void)
{
	if (shared == NULL)
		return false;
	SpinLockAcquire(&shared->lock);
	shared->cache_generation++;
	SpinLockRelease(&shared->lock);
	return true;
}
