/*
 * rotate.c - CALL whalefall.rotate_key(): a new master key, and every secret sealed anew under it.
 *
 * The new key is in the file before anything is sealed with it, and an old one leaves the file only when no
 * row needs it: whenever this ends, by whatever, every secret opens. A call that finds secrets under older keys
 * finishes the rotation that was interrupted instead of beginning another.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/crypto.h"
#include "base/errors.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/keyring.h"
#include "base/spi.h"
#include "base/testpoint.h"
#include "inventory/credential.h"
#include "logs/log.h"
#include "whalefall.h"

#define BATCH		 100
#define LOCK_TIMEOUT "30s"

/* Advisory lock of whoever rotates. */
#define ROTATION_LOCK 0x77660072

/*
 * At the start of each transaction: names mean what they say, no lock is waited for without end, and nobody
 * else rotates meanwhile. (Between two transactions somebody may; he then works for the same key, or adds one
 * and is noticed in drop_old_keys.)
 */
static void
pin_transaction(void)
{
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	(void) set_config_option("lock_timeout", LOCK_TIMEOUT, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	if (!DatumGetBool(
			DirectFunctionCall1(pg_try_advisory_xact_lock_int8, Int64GetDatum(ROTATION_LOCK))))
		wf_raise(WF_ERR_CONSTRAINT_VIOLATION, "Another session is rotating keys.",
				 "Wait until it has finished.");
}

/* End the transaction and begin the next one. */
static void
commit(void)
{
	SPI_commit();
	pin_transaction();
}

/* How many secrets are not sealed with this key. */
static int64
count_others(int key)
{
	static WfQuery count =
		WF_QUERY("select count(*) from whalefall.credentials where secret is not null and "
				 "get_byte(secret, 0) * 256 + get_byte(secret, 1) <> $1",
				 INT4OID);
	WfArg args[] = {WF_ARG_INT32(key)};

	wf_spi_run(&count, SPI_OK_SELECT, args);
	return wf_spi_int64(0, 1);
}

static int
newest_key(void)
{
	WfKey key;

	wf_keyring_newest(&key);
	explicit_bzero(key.bytes, sizeof(key.bytes));
	return key.id;
}

/*
 * Until the end of the transaction nobody writes a credential. Everybody who read the key file before has
 * finished then: writers take their lock on the table before they read it.
 */
static void
lock_out_writers(void)
{
	LockRelationOid(get_relname_relid("credentials", get_namespace_oid(WF_SCHEMA, false)),
					ShareLock);
}

/* Seal one batch anew, all rows in one statement; gives how many, and moves *after to the last id. */
static uint64
seal_batch(int key, int64 *after)
{
	static WfQuery next = WF_QUERY(
		"select id, secret from whalefall.credentials where id > $1 and secret is not null and "
		"get_byte(secret, 0) * 256 + get_byte(secret, 1) <> $2 order by id limit 100 for update",
		INT8OID, INT4OID);
	static WfQuery store = WF_QUERY("update whalefall.credentials c set secret = n.secret "
									"from unnest($1, $2) n (id, secret) where c.id = n.id",
									INT8ARRAYOID, BYTEAARRAYOID);
	WfArg args[] = {WF_ARG_INT64(*after), WF_ARG_INT32(key)};
	uint64 n = wf_spi_run(&next, SPI_OK_SELECT, args);
	Datum *ids = palloc(n * sizeof(Datum));
	Datum *secrets = palloc(n * sizeof(Datum));

	for (uint64 i = 0; i < n; i++)
	{
		int64 id = wf_spi_int64(i, 1);
		bytea *sealed = (bytea *) wf_spi_copy_varlena(i, 2, CurrentMemoryContext);
		char *plain;

		CHECK_FOR_INTERRUPTS();
		plain = wf_crypto_open(WF_CREDENTIAL_PURPOSE, id, sealed);
		ids[i] = Int64GetDatum(id);
		secrets[i] = PointerGetDatum(wf_crypto_seal(WF_CREDENTIAL_PURPOSE, id, plain));
		wf_crypto_wipe(plain);
		*after = id;
	}
	if (n > 0)
	{
		args[0] = WF_ARG(PointerGetDatum(
			construct_array(ids, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
		args[1] =
			WF_ARG(PointerGetDatum(construct_array(secrets, n, BYTEAOID, -1, false, TYPALIGN_INT)));
		wf_spi_run(&store, SPI_OK_UPDATE, args);
	}
	return n;
}

/* All batches, a commit after each. */
static int64
seal_all(int key, int64 total)
{
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "whalefall key rotation",
												ALLOCSET_DEFAULT_SIZES);
	int64 after = 0;
	int64 done = 0;
	uint64 n;

	do
	{
		MemoryContext old = MemoryContextSwitchTo(batch);

		n = seal_batch(key, &after);
		MemoryContextSwitchTo(old);
		MemoryContextReset(batch);
		wf_testpoint("rotate_batch");
		commit();
		done += n;
		if (n > 0)
			ereport(NOTICE, (errmsg("%lld of %lld secrets sealed with key %d", (long long) done,
									(long long) total, key)));
	} while (n == BATCH);
	return done;
}

/* Old keys leave the file while nobody can write a secret under one of them. */
static int
drop_old_keys(void)
{
	int64 others;

	lock_out_writers();
	/* The file's newest key is the one that stays, whoever added it. */
	others = count_others(newest_key());
	if (others > 0)
		wf_raise(WF_ERR_CONSTRAINT_VIOLATION,
				 psprintf(INT64_FORMAT " secrets are still sealed with an old key.", others),
				 "Run CALL whalefall.rotate_key(drop_retired => true); again.");
	return wf_keyring_drop_old();
}

static void
log_rotation(int key, int64 sealed, int dropped)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "action", "rotate_key");
	wf_json_add_int(&json, "key_id", key);
	wf_json_add_int(&json, "sealed", sealed);
	wf_json_add_int(&json, "dropped_keys", dropped);
	wf_log_write(WF_LOG_INFO, "credentials", "key rotated", wf_json_end(&json), NULL);
}

/* Which key to seal with: the newest of the file when a rotation was interrupted, else a new one. */
static int
choose_key(void)
{
	int key = newest_key();
	int64 others = count_others(key);

	if (others > 0)
	{
		ereport(NOTICE, (errmsg("finishing the rotation to key %d that was interrupted", key)));
		return key;
	}
	key = wf_keyring_add();
	ereport(NOTICE, (errmsg("key %d added to the key file", key)));
	return key;
}

WF_FUNCTION(wf_inventory_rotate_key);

/* whalefall.rotate_key(drop_retired boolean): a procedure that commits per batch. */
Datum
wf_inventory_rotate_key(PG_FUNCTION_ARGS)
{
	bool drop_retired = !PG_ARGISNULL(0) && PG_GETARG_BOOL(0);
	int dropped = 0;
	int64 sealed;
	int key;

	if (!superuser())
		wf_raise(WF_ERR_PERMISSION_REQUIRED, "rotate_key() writes the key file.",
				 "Run it as a superuser.");
	if (!IsA(fcinfo->context, CallContext) || castNode(CallContext, fcinfo->context)->atomic)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
			 errmsg("rotate_key() commits after each batch and cannot run inside a transaction"),
			 errhint("Run CALL whalefall.rotate_key(); on its own.")));
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	pin_transaction();
	wf_guard_require_ready();
	key = choose_key();
	wf_testpoint("rotate_key_added");
	/* Everybody who sealed with an older key has committed after this. */
	lock_out_writers();
	commit();
	sealed = seal_all(key, count_others(key));
	if (drop_retired)
		dropped = drop_old_keys();
	log_rotation(key, sealed, dropped);
	if (dropped > 0)
		ereport(NOTICE, (errmsg("%d old keys dropped from the key file", dropped)));
	SPI_finish();
	PG_RETURN_VOID();
}
