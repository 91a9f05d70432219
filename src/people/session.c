/*
 * session.c - rows of whalefall.login_sessions.
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

WfRole
wf_session_role(const char *name)
{
	for (WfRole role = WF_ROLE_VIEWER; role <= WF_ROLE_ADMIN; role++)
		if (strcmp(name, wf_caller_role_name(role)) == 0)
			return role;
	return WF_ROLE_NONE;
}

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

/* The row of either query below: user columns, then those of the session, which may be null. */
static void
read_row(WfSession *session)
{
	char *sid;

	session->user_found = true;
	session->user_id = wf_spi_int64(0, 1);
	session->name = wf_spi_copy_text(0, 2, wf_exchange_context());
	session->role = wf_session_role(wf_spi_text(0, 3));
	session->user_active = wf_spi_bool(0, 4);
	session->epoch = wf_spi_int32(0, 5);
	sid = wf_spi_text(0, 6);
	if (sid == NULL)
		return;
	strlcpy(session->sid, sid, sizeof(session->sid));
	session->csrf_secret = wf_spi_copy_text(0, 7, wf_exchange_context());
	session->alive = wf_spi_bool(0, 8);
}

void
wf_session_find(int64 user_id, const char *sid, WfSession *session)
{
	static WfQuery find =
		WF_QUERY("select u.id, u.username, u.role, u.is_active, u.token_epoch, s.sid, "
				 "s.csrf_secret, s.revoked_at is null and s.expires_at > $3 "
				 "from whalefall.users u left join whalefall.login_sessions s "
				 "on s.sid = $2 and s.user_id = u.id where u.id = $1",
				 INT8OID, UUIDOID, TIMESTAMPTZOID);
	WfArg args[] = {WF_ARG_INT64(user_id), WF_ARG(uuid_datum(sid)), WF_ARG_TIME(wf_clock_now())};

	*session = (WfSession){0};
	if (wf_spi_run(&find, SPI_OK_SELECT, args) > 0)
		read_row(session);
}

void
wf_session_find_by_cookie(const uint8 *hash, WfSession *session)
{
	static WfQuery find =
		WF_QUERY("select u.id, u.username, u.role, u.is_active, u.token_epoch, s.sid, "
				 "s.csrf_secret, s.revoked_at is null and s.cookie_expires_at > $2 "
				 "from whalefall.login_sessions s join whalefall.users u on u.id = s.user_id "
				 "where s.cookie_hash = $1",
				 BYTEAOID, TIMESTAMPTZOID);
	WfArg args[] = {WF_ARG(PointerGetDatum(hash_datum(hash))), WF_ARG_TIME(wf_clock_now())};

	*session = (WfSession){0};
	if (wf_spi_run(&find, SPI_OK_SELECT, args) > 0)
		read_row(session);
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
