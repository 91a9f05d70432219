/*
 * token.c - access and refresh tokens.
 *
 * The signature is checked before anything of a token is looked into, and always as HS256: what a token says about
 * its algorithm can only make it invalid.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/clock.h"
#include "base/settings.h"
#include "people/base64url.h"
#include "people/flat_json.h"
#include "people/secret.h"
#include "people/token.h"

#define AUDIENCE	 "whalefall"
#define HEADER_CODED "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" /* {"alg":"HS256","typ":"JWT"} */
#define MAC_CHARS	 WF_BASE64URL_CHARS(WF_MAC_BYTES)

static const char *const type_names[] = {
	[WF_TOKEN_ACCESS] = "access", [WF_TOKEN_REFRESH] = "refresh"};

/* Seconds since 1970. */
static int64
epoch_now(void)
{
	return timestamptz_to_time_t(wf_clock_now());
}

static void
append_coded(StringInfo text, const void *bytes, size_t length)
{
	enlargeStringInfo(text, (int) WF_BASE64URL_CHARS(length) + 1);
	wf_base64url_encode(bytes, length, text->data + text->len);
	text->len += (int) strlen(text->data + text->len);
}

char *
wf_token_make(WfTokenType type, int64 user_id, const char *sid, WfRole role, int32 epoch)
{
	int64 now = epoch_now();
	int life =
		type == WF_TOKEN_ACCESS ? wf_setting_access_token_life : wf_setting_refresh_token_life;
	char *jti = DatumGetCString(
		DirectFunctionCall1(uuid_out, DirectFunctionCall1(gen_random_uuid, (Datum) 0)));
	const char *role_name = wf_caller_role_name(role);
	uint8 mac[WF_MAC_BYTES];
	StringInfoData claims;
	StringInfoData token;

	initStringInfo(&claims);
	appendStringInfo(&claims,
					 "{\"sub\":\"" INT64_FORMAT "\",\"type\":\"%s\",\"sid\":\"%s\",\"role\":\"%s\","
					 "\"epoch\":%d,\"jti\":\"%s\",\"iat\":" INT64_FORMAT ",\"nbf\":" INT64_FORMAT
					 ",\"exp\":" INT64_FORMAT ",\"aud\":\"" AUDIENCE "\"",
					 user_id, type_names[type], sid, role_name, epoch, jti, now, now, now + life);
	/* Without a database role PostgREST takes a refresh token for nobody. */
	if (type == WF_TOKEN_ACCESS)
		appendStringInfo(&claims, ",\"pg_role\":\"whalefall_%s\"", role_name);
	appendStringInfoChar(&claims, '}');
	initStringInfo(&token);
	appendStringInfoString(&token, HEADER_CODED ".");
	append_coded(&token, claims.data, claims.len);
	wf_secret_mac(WF_MAC_TOKEN, token.data, token.len, mac);
	appendStringInfoChar(&token, '.');
	append_coded(&token, mac, WF_MAC_BYTES);
	return token.data;
}

/* The part from start up to end, decoded; palloc'd. NULL when it is not base64url. */
static char *
decode_part(const char *start, const char *end, size_t *length)
{
	size_t size = end - start;
	unsigned char *bytes = palloc(size + 1);

	if (wf_base64url_decode(start, size, bytes, size, length))
		return (char *) bytes;
	return NULL;
}

/* Is the header one of HS256? Ours is recognized as it stands. */
static bool
check_header(const char *start, const char *end)
{
	char alg[8] = "";
	char typ[8] = "";
	WfMember members[] = {{.name = "alg", .text = alg, .size = sizeof(alg)},
						  {.name = "typ", .text = typ, .size = sizeof(typ)},
						  {.name = "crit", .forbidden = true}};
	size_t length;
	char *json;

	if (end - start == (ptrdiff_t) strlen(HEADER_CODED) &&
		memcmp(start, HEADER_CODED, strlen(HEADER_CODED)) == 0)
		return true;
	json = decode_part(start, end, &length);
	return json != NULL && wf_flat_json_read(json, length, members, lengthof(members)) &&
		   members[0].found && strcmp(alg, "HS256") == 0 &&
		   (!members[1].found || strcmp(typ, "JWT") == 0);
}

/* A uuid as we write them: a token's spelling of an id must not be free. */
static bool
is_uuid(const char *text)
{
	for (int i = 0; i < 36; i++)
	{
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : text[i] == '\0' || strchr("0123456789abcdef", text[i]) == NULL)
			return false;
	}
	return text[36] == '\0';
}

/* A user id in decimal digits, without sign or leading zero; 0 when it is none. */
static int64
user_id_of(const char *text)
{
	size_t length = strlen(text);

	if (length < 1 || length > 18 || text[0] == '0' || strspn(text, "0123456789") != length)
		return 0;
	return strtoll(text, NULL, 10);
}

WfErrorCode
wf_token_read_claims(const char *json, size_t length, WfTokenType type, WfClaims *claims)
{
	char sub[24] = "";
	char type_name[16] = "";
	char audience[16] = "";
	int64_t epoch = 0;
	int64_t issued = 0;
	int64_t not_before = 0;
	int64_t expires = 0;
	WfMember members[] = {
		{.name = "sub", .text = sub, .size = sizeof(sub)},
		{.name = "type", .text = type_name, .size = sizeof(type_name)},
		{.name = "sid", .text = claims->sid, .size = sizeof(claims->sid)},
		{.name = "aud", .text = audience, .size = sizeof(audience)},
		{.name = "epoch", .number = &epoch},
		{.name = "iat", .number = &issued},
		{.name = "nbf", .number = &not_before},
		{.name = "exp", .number = &expires},
		{.name = "pg_role", .text = claims->pg_role, .size = sizeof(claims->pg_role)}};
	int required = lengthof(members) - 1;
	int64 now = epoch_now();

	if (!wf_flat_json_read(json, length, members, lengthof(members)))
		return WF_ERR_TOKEN_INVALID;
	for (int i = 0; i < required; i++)
		if (!members[i].found)
			return WF_ERR_TOKEN_INVALID;
	if (!members[required].found)
		claims->pg_role[0] = '\0';
	claims->user_id = user_id_of(sub);
	claims->epoch = epoch;
	if (claims->user_id == 0 || !is_uuid(claims->sid) || strcmp(type_name, type_names[type]) != 0 ||
		strcmp(audience, AUDIENCE) != 0 || issued > now || not_before > now)
		return WF_ERR_TOKEN_INVALID;
	return expires > now ? WF_ERR_NONE : WF_ERR_TOKEN_EXPIRED;
}

WfErrorCode
wf_token_read(const char *token, WfTokenType type, WfClaims *claims)
{
	uint8 given[WF_MAC_BYTES];
	uint8 mac[WF_MAC_BYTES];
	const char *claims_at;
	const char *mac_at;
	size_t length;
	char *json;

	if (strnlen(token, WF_TOKEN_MAX + 1) > WF_TOKEN_MAX)
		return WF_ERR_TOKEN_INVALID;
	claims_at = strchr(token, '.');
	mac_at = claims_at != NULL ? strchr(claims_at + 1, '.') : NULL;
	if (mac_at == NULL || strlen(mac_at + 1) != MAC_CHARS ||
		!wf_base64url_decode(mac_at + 1, MAC_CHARS, given, sizeof(given), &length) ||
		length != WF_MAC_BYTES)
		return WF_ERR_TOKEN_INVALID;
	wf_secret_mac(WF_MAC_TOKEN, token, mac_at - token, mac);
	if (!wf_secret_equal(mac, given) || !check_header(token, claims_at))
		return WF_ERR_TOKEN_INVALID;
	json = decode_part(claims_at + 1, mac_at, &length);
	if (json == NULL)
		return WF_ERR_TOKEN_INVALID;
	return wf_token_read_claims(json, length, type, claims);
}
