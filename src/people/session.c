/*
 * session.c - making and ending rows of whalefall.login_sessions. session_find.c reads them.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/clock.h"
#include "base/exchange.h"
#include "base/settings.h"
#include "base/spi.h"
#include "people/cookie.h"
#include "people/session.h"

/* Longest User-Agent that is kept. */
#define AGENT_BYTES 256

/* A uuid; the text was checked before, or comes from us. */
static Datum
uuid_datum(const char *text)
{
	return DirectFunctionCall1(uuid_in, CStringGetDatum(text));
}

static bytea *
hash_datum(const uint8 *hash)
{
	bytea *value = palloc(VARHDRSZ + WF_COOKIE_BYTES);

	SET_VARSIZE(value, VARHDRSZ + WF_COOKIE_BYTES);
	memcpy(VARDATA(value), hash, WF_COOKIE_BYTES);
	return value;
}

void
wf_session_create(int64 user_id, const uint8 *cookie_hash, const char *csrf_secret, char *sid)
{
	static WfQuery insert =
		WF_QUERY("insert into whalefall.login_sessions (sid, user_id, cookie_hash, csrf_secret, "
				 "created_at, cookie_expires_at, expires_at, address, agent) "
				 "values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
				 UUIDOID, INT8OID, BYTEAOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
				 TIMESTAMPTZOID, TEXTOID, TEXTOID);
	WfExchange *exchange = wf_exchange();
	TimestampTz now = wf_clock_now();
	TimestampTz cookie_end =
		TimestampTzPlusMilliseconds(now, (int64) wf_setting_session_life * 1000);
	TimestampTz token_end =
		TimestampTzPlusMilliseconds(now, (int64) wf_setting_refresh_token_life * 1000);
	Datum id = DirectFunctionCall1(gen_random_uuid, (Datum) 0);
	WfArg args[] = {WF_ARG(id),
					WF_ARG_INT64(user_id),
					WF_ARG(PointerGetDatum(hash_datum(cookie_hash))),
					wf_arg_text(csrf_secret),
					WF_ARG_TIME(now),
					WF_ARG_TIME(cookie_end),
					WF_ARG_TIME(Max(cookie_end, token_end)),
					wf_arg_text(exchange->address),
					wf_arg_text(pnstrdup(exchange->agent, AGENT_BYTES))};

	wf_spi_run(&insert, SPI_OK_INSERT, args);
	strlcpy(sid, DatumGetCString(DirectFunctionCall1(uuid_out, id)), 37);
}

void
wf_session_revoke(const char *sid)
{
	static WfQuery revoke = WF_QUERY("update whalefall.login_sessions set revoked_at = $2 "
									 "where sid = $1 and revoked_at is null",
									 UUIDOID, TIMESTAMPTZOID);
	WfArg args[] = {WF_ARG(uuid_datum(sid)), WF_ARG_TIME(wf_clock_now())};

	wf_spi_run(&revoke, SPI_OK_UPDATE, args);
}

void
wf_session_revoke_all(int64 user_id, const char *but_sid)
{
	static WfQuery revoke =
		WF_QUERY("update whalefall.login_sessions set revoked_at = $2 "
				 "where user_id = $1 and revoked_at is null and sid is distinct from $3",
				 INT8OID, TIMESTAMPTZOID, UUIDOID);
	WfArg args[] = {WF_ARG_INT64(user_id), WF_ARG_TIME(wf_clock_now()),
					but_sid[0] != '\0' ? WF_ARG(uuid_datum(but_sid)) : WF_NULL};

	wf_spi_run(&revoke, SPI_OK_UPDATE, args);
}

void
wf_session_remove_old(void)
{
	static WfQuery remove =
		WF_QUERY("delete from whalefall.login_sessions where sid in (select sid "
				 "from whalefall.login_sessions where expires_at <= $1 order by expires_at "
				 "limit 100 for update skip locked)",
				 TIMESTAMPTZOID);
	WfArg args[] = {WF_ARG_TIME(wf_clock_now())};

	wf_spi_run(&remove, SPI_OK_DELETE, args);
}
