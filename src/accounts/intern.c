/*
 * intern.c - the per-process cache of facts, and how missing ones come into the table.
 *
 * Only ids of committed rows are remembered beyond a merge: a row that this transaction inserted (now or
 * in an earlier merge of it) may be rolled back, and its id would then name nothing.
 *
 * Inserting takes one advisory lock first and holds it to the end of the transaction. Two transactions
 * that insert overlapping sets of facts in several steps would otherwise wait for each other's unique
 * keys in a circle. New facts are rare, so the lock is almost never taken.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "accounts/arrays.h"
#include "accounts/intern.h"
#include "accounts/pool.h"
#include "base/spi.h"
#include "whalefall.h"

/* Forget everything rather than let a long-lived worker grow. */
#define MAX_CACHED 50000

/* First key of our advisory lock; the second is free. */
#define LOCK_CLASS 0x77666163

typedef struct CachedFact
{
	int32 id;	  /* 0 = unknown */
	uint32 epoch; /* 0 = committed; else known to this merge only */
} CachedFact;

static struct
{
	MemoryContext context;
	WfPool keys; /* db_type, scope, object, name, grantable, separated by NUL */
	CachedFact *facts;
	uint32 capacity;
	Oid relation;
	uint32 epoch;
	bool stale;
	const char *db_type;
} cache;

/* The table changed under us (dropped, truncated, restored): ids may mean something else. */
static void
on_invalidation(Datum arg, Oid relation)
{
	if (relation == InvalidOid || relation == cache.relation)
		cache.stale = true;
}

static void
reset(void)
{
	if (cache.context != NULL)
		MemoryContextDelete(cache.context);
	cache.context = NULL;
	cache.facts = NULL;
	cache.capacity = 0;
	cache.context =
		AllocSetContextCreate(CacheMemoryContext, "whalefall facts", ALLOCSET_DEFAULT_SIZES);
	wf_pool_init(&cache.keys, cache.context);
	cache.stale = false;
}

void
wf_intern_begin(const char *db_type)
{
	static bool registered = false;
	Oid relation = get_relname_relid("facts", get_namespace_oid(WF_SCHEMA, false));

	if (!registered)
	{
		CacheRegisterRelcacheCallback(on_invalidation, (Datum) 0);
		registered = true;
	}
	if (cache.context == NULL || cache.stale || cache.relation != relation ||
		cache.keys.count > MAX_CACHED)
		reset();
	cache.relation = relation;
	if (++cache.epoch == 0)
		cache.epoch = 1;
	cache.db_type =
		wf_pool_text(&cache.keys, wf_pool_intern(&cache.keys, db_type, strlen(db_type)));
}

/* Append a field and its separator. */
static char *
append_field(char *to, const char *bytes, size_t length)
{
	memcpy(to, bytes, length);
	to[length] = '\0';
	return to + length + 1;
}

bool
wf_intern_handle(const char *scope, const char *object, int object_length, const char *name,
				 int name_length, bool grantable, uint32 *handle)
{
	char key[WF_FACT_MAX_BYTES + 128];
	char *end = key;
	uint32 before = cache.capacity;

	if (object_length + name_length > WF_FACT_MAX_BYTES)
		return false;
	end = append_field(end, cache.db_type, strlen(cache.db_type));
	end = append_field(end, scope, strlen(scope));
	end = append_field(end, object, object_length);
	end = append_field(end, name, name_length);
	*end++ = grantable ? 't' : 'f';
	*handle = wf_pool_intern(&cache.keys, key, end - key);
	cache.facts =
		wf_grow(cache.context, cache.facts, &cache.capacity, cache.keys.count, sizeof(CachedFact));
	if (cache.capacity > before)
		memset(cache.facts + before, 0, (cache.capacity - before) * sizeof(CachedFact));
	return true;
}

static bool
is_known(uint32 handle)
{
	const CachedFact *fact = &cache.facts[handle];

	return fact->id != 0 && (fact->epoch == 0 || fact->epoch == cache.epoch);
}

/* Byte order of keys: every process inserts in the same order. */
static int
compare_handles(const void *a, const void *b)
{
	const WfPoolEntry *left = &cache.keys.entries[*(const uint32 *) a];
	const WfPoolEntry *right = &cache.keys.entries[*(const uint32 *) b];
	int order = memcmp(left->bytes, right->bytes, Min(left->length, right->length));

	if (order != 0 || left->length == right->length)
		return order;
	return left->length < right->length ? -1 : 1;
}

/* Keep the handles without id, sorted and distinct; gives their number. */
static int
select_missing(uint32 *handles, int count)
{
	int kept = 0, distinct = 0;

	for (int i = 0; i < count; i++)
		if (!is_known(handles[i]))
			handles[kept++] = handles[i];
	qsort(handles, kept, sizeof(uint32), compare_handles);
	for (int i = 0; i < kept; i++)
		if (distinct == 0 || handles[distinct - 1] != handles[i])
			handles[distinct++] = handles[i];
	return distinct;
}

/* The fields of facts as arrays: scope, object, name, grantable; and the engine. */
static void
fill_args(const uint32 *handles, int count, WfArg args[5])
{
	Datum *fields[3];
	Datum *grantable = palloc(count * sizeof(Datum));

	for (int f = 0; f < 3; f++)
		fields[f] = palloc(count * sizeof(Datum));
	for (int i = 0; i < count; i++)
	{
		const char *at = cache.keys.entries[handles[i]].bytes;

		for (int f = 0; f < 3; f++)
		{
			at += strlen(at) + 1;
			fields[f][i] = CStringGetTextDatum(at);
		}
		at += strlen(at) + 1;
		grantable[i] = BoolGetDatum(*at == 't');
	}
	args[0] = wf_arg_text(cache.db_type);
	for (int f = 0; f < 3; f++)
		args[f + 1] = WF_ARG(wf_array_of(fields[f], NULL, count, TEXTOID));
	args[4] = WF_ARG(wf_array_of(grantable, NULL, count, BOOLOID));
}

/* Read the ids of facts that are in the table; what is committed is remembered for good. */
static void
look_up(const uint32 *handles, int count)
{
	static WfQuery find = WF_QUERY(
		"select k.position, f.id, f.xmin "
		"from (select unnest($2) as scope, unnest($3) as object, unnest($4) as name, "
		"unnest($5) as grantable, generate_series(1, cardinality($2)) as position) k "
		"join whalefall.facts f on f.name = k.name and f.db_type = $1 and f.scope = k.scope "
		"and f.object = k.object and f.grantable = k.grantable",
		TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BOOLARRAYOID);
	WfArg args[5];
	uint64 found;

	fill_args(handles, count, args);
	found = wf_spi_run(&find, SPI_OK_SELECT, args);
	for (uint64 i = 0; i < found; i++)
	{
		CachedFact *fact = &cache.facts[handles[wf_spi_int32(i, 1) - 1]];
		bool isnull;
		TransactionId inserter = DatumGetTransactionId(wf_spi_datum(i, 3, &isnull));

		fact->id = wf_spi_int32(i, 2);
		fact->epoch = TransactionIdIsCurrentTransactionId(inserter) ? cache.epoch : 0;
	}
	SPI_freetuptable(SPI_tuptable);
}

static void
insert_missing(const uint32 *handles, int count)
{
	static WfQuery insert =
		WF_QUERY("insert into whalefall.facts (db_type, scope, object, name, grantable) "
				 "select $1, unnest($2), unnest($3), unnest($4), unnest($5) on conflict do nothing",
				 TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BOOLARRAYOID);
	WfArg args[5];

	DirectFunctionCall2(pg_advisory_xact_lock_int4, Int32GetDatum(LOCK_CLASS), Int32GetDatum(0));
	fill_args(handles, count, args);
	wf_spi_run(&insert, SPI_OK_INSERT, args);
}

void
wf_intern_resolve(const uint32 *handles, int count)
{
	uint32 *missing = palloc(Max(count, 1) * sizeof(uint32));
	int left;

	memcpy(missing, handles, count * sizeof(uint32));
	left = select_missing(missing, count);
	if (left > 0)
	{
		look_up(missing, left);
		left = select_missing(missing, left);
	}
	if (left > 0)
	{
		insert_missing(missing, left);
		look_up(missing, left);
		if (select_missing(missing, left) > 0)
			elog(ERROR, "facts could not be interned");
	}
	pfree(missing);
}

int32
wf_intern_id(uint32 handle)
{
	Assert(is_known(handle));
	return cache.facts[handle].id;
}
