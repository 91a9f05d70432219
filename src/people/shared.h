/*
 * shared.h - what logins share between sessions: counted attempts, and how many passwords are being hashed.
 */
#ifndef WF_PEOPLE_SHARED_H
#define WF_PEOPLE_SHARED_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"

/* 65536 windows, 2 MiB: an attempt costs its sender next to nothing, so there must be room for a flood of names. */
#define WF_WINDOW_SETS		4096
#define WF_WINDOW_WAYS		16
#define WF_WINDOW_KEY_BYTES 16
#define WF_SEED_BYTES		32

/*
 * bcrypt at once in the whole server, how many others may wait for their turn, and how long. Together with those
 * that wait for a worker (max_waiting) they must leave some of the front's connections to everybody else.
 */
#define WF_HASHES_AT_ONCE 2
#define WF_HASHES_WAITING 2
#define WF_HASH_WAIT_MS	  2000

/* Attempts of one kind by one name (and address) since the first of them. */
typedef struct WfWindow
{
	uint8 key[WF_WINDOW_KEY_BYTES];
	TimestampTz start;
	int32 length; /* s; 0: nothing is counted here */
	int32 count;
} WfWindow;

typedef struct WfPeopleShared
{
	LWLock *lock;				/* over windows and hashing */
	uint8 seed[WF_SEED_BYTES];	/* random per start of the server: nobody can aim at a set */
	int hashing;				/* sessions that run bcrypt right now */
	int waiting;				/* sessions that wait to */
	ConditionVariable hash_end; /* one of them is done */
	WfWindow windows[WF_WINDOW_SETS][WF_WINDOW_WAYS];
} WfPeopleShared;

/* NULL when the library is not preloaded. */
extern WfPeopleShared *wf_people_shared;

/* To be called from _PG_init while shared_preload_libraries is processed. */
extern void wf_people_shared_init(void);

/* Raise WORKERS_UNAVAILABLE when there is no shared memory: nobody may guess passwords uncounted. */
extern void wf_people_require_shared(void);

/*
 * Take one of the turns to run bcrypt; waits up to WF_HASH_WAIT_MS, interruptibly, then raises RATE_LIMIT with
 * Retry-After; at once when WF_HASHES_WAITING others wait. Without shared memory there is no queue. A turn ends with wf_people_end_hash, which must also be
 * called after an error (PG_FINALLY); the end of the session ends it by itself.
 */
extern void wf_people_begin_hash(void);
extern void wf_people_end_hash(void);

#endif
