/*
 * pool.c - byte strings kept once each and named by small numbers.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "accounts/pool.h"

#define CHUNK_SIZE	  (64 * 1024)
#define INITIAL_SLOTS 256

void *
wf_grow(MemoryContext context, void *array, uint32 *capacity, uint32 wanted, size_t element)
{
	uint64 larger = *capacity == 0 ? 64 : *capacity;

	if (wanted <= *capacity)
		return array;
	while (larger < wanted)
		larger *= 2;
	if (larger > PG_UINT32_MAX)
		elog(ERROR, "staging array is too large");
	*capacity = (uint32) larger;
	if (array == NULL)
		return MemoryContextAllocHuge(context, larger * element);
	return repalloc_huge(array, larger * element);
}

/* Put a number into the first free slot of its probe sequence. */
static void
place(WfSlots *slots, uint32 hash, uint32 number)
{
	uint32 at = hash & slots->mask;

	while (slots->slots[at] != 0)
		at = (at + 1) & slots->mask;
	slots->slots[at] = number + 1;
}

/* Half full at most: probe sequences stay short. */
void
wf_slots_reserve(WfSlots *slots, MemoryContext context,
				 uint32 (*hash_of)(const void *owner, uint32 number), const void *owner)
{
	uint32 size = slots->slots == NULL ? 0 : slots->mask + 1;
	uint32 larger = size == 0 ? INITIAL_SLOTS : size * 2;

	if (size > 0 && slots->used + 1 <= size / 2)
		return;
	if (slots->slots != NULL)
		pfree(slots->slots);
	slots->slots = MemoryContextAllocExtended(context, (Size) larger * sizeof(uint32),
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	slots->mask = larger - 1;
	for (uint32 i = 0; i < slots->used; i++)
		place(slots, hash_of(owner, i), i);
}

static uint32
entry_hash(const void *owner, uint32 number)
{
	return ((const WfPool *) owner)->entries[number].hash;
}

void
wf_pool_init(WfPool *pool, MemoryContext context)
{
	memset(pool, 0, sizeof(*pool));
	pool->context = context;
}

/* Copy bytes into the current chunk; long ones get a chunk of their own. */
static char *
keep_bytes(WfPool *pool, const char *bytes, size_t length)
{
	char *copy;

	if (length + 1 > CHUNK_SIZE / 4)
		copy = MemoryContextAllocHuge(pool->context, length + 1);
	else
	{
		if (length + 1 > pool->chunk_left)
		{
			pool->chunk = MemoryContextAlloc(pool->context, CHUNK_SIZE);
			pool->chunk_left = CHUNK_SIZE;
		}
		copy = pool->chunk;
		pool->chunk += length + 1;
		pool->chunk_left -= length + 1;
	}
	memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

uint32
wf_pool_intern(WfPool *pool, const char *bytes, size_t length)
{
	uint32 hash = hash_bytes((const unsigned char *) bytes, (int) length);
	WfPoolEntry *entry;
	uint32 at;

	if (length > MaxAllocSize - 1)
		elog(ERROR, "staged text is too long");
	wf_slots_reserve(&pool->slots, pool->context, entry_hash, pool);
	for (at = hash & pool->slots.mask; pool->slots.slots[at] != 0; at = (at + 1) & pool->slots.mask)
	{
		entry = &pool->entries[pool->slots.slots[at] - 1];
		if (entry->hash == hash && entry->length == length &&
			memcmp(entry->bytes, bytes, length) == 0)
			return pool->slots.slots[at] - 1;
	}
	pool->entries = wf_grow(pool->context, pool->entries, &pool->capacity, pool->count + 1,
							sizeof(WfPoolEntry));
	entry = &pool->entries[pool->count];
	entry->bytes = keep_bytes(pool, bytes, length);
	entry->length = (uint32) length;
	entry->hash = hash;
	pool->bytes += length + 1;
	pool->slots.slots[at] = pool->count + 1;
	pool->slots.used++;
	return pool->count++;
}
