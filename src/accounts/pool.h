/*
 * pool.h - byte strings kept once each and named by small numbers.
 *
 * Account data repeats itself: the same privilege, database and attribute names come back for every
 * account. Staged rows and the cache of facts therefore hold numbers of a pool, not texts.
 */
#ifndef WF_ACCOUNTS_POOL_H
#define WF_ACCOUNTS_POOL_H

#include "postgres.h"

/* Open addressing over entries that live in an array of their own: slots hold number + 1. */
typedef struct WfSlots
{
	uint32 *slots;
	uint32 mask;
	uint32 used;
} WfSlots;

typedef struct WfPoolEntry
{
	char *bytes; /* followed by a NUL that is not counted */
	uint32 length;
	uint32 hash;
} WfPoolEntry;

typedef struct WfPool
{
	MemoryContext context;
	WfPoolEntry *entries;
	uint32 count;
	uint32 capacity;
	WfSlots slots;
	char *chunk; /* free part of the current chunk */
	size_t chunk_left;
	size_t bytes; /* of all entries together */
} WfPool;

/* Start an empty pool whose memory comes from a context, and is freed with it. */
extern void wf_pool_init(WfPool *pool, MemoryContext context);

/* Number of a byte string (which may hold NULs), entered when it is new. */
extern uint32 wf_pool_intern(WfPool *pool, const char *bytes, size_t length);

/* The text of a number; valid as long as the pool. */
static inline const char *
wf_pool_text(const WfPool *pool, uint32 number)
{
	Assert(number < pool->count);
	return pool->entries[number].bytes;
}

/* Make room for one more entry and forget nothing; hash_of tells the hash of an entry already there. */
extern void wf_slots_reserve(WfSlots *slots, MemoryContext context,
							 uint32 (*hash_of)(const void *owner, uint32 number),
							 const void *owner);

/* Enlarge an array so that it holds at least `wanted` elements; amortized doubling. */
extern void *wf_grow(MemoryContext context, void *array, uint32 *capacity, uint32 wanted,
					 size_t element);

#endif
