/*
 * cookie.c - the cookie whalefall_session, and CSRF tokens.
 *
 *     a.<nonce>.<signature>     nobody has logged in
 *     s.<256 random bits>       a login; stored as SHA-256
 *     <expiry>.<signature>      CSRF token; expiry in seconds since 1970
 */
#include "postgres.h"

#include <openssl/sha.h>

#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/settings.h"
#include "people/base64url.h"
#include "people/cookie.h"
#include "people/secret.h"

#define NAME			"whalefall_session"
#define NONCE_PREFIX	"a."
#define LOGIN_PREFIX	"s."
#define NONCE_BYTES		16
#define NONCE_CHARS		WF_BASE64URL_CHARS(NONCE_BYTES)
#define LOGIN_CHARS		WF_BASE64URL_CHARS(WF_COOKIE_BYTES)
#define MAC_CHARS		WF_BASE64URL_CHARS(WF_MAC_BYTES)
#define MAX_TIME_DIGITS 12

/* So many random bytes as text, palloc'd. */
static char *
random_text(size_t bytes)
{
	uint8 random[WF_COOKIE_BYTES];
	char *text = palloc(WF_BASE64URL_CHARS(bytes) + 1);

	Assert(bytes <= sizeof(random));
	if (!pg_strong_random(random, bytes))
		elog(ERROR, "could not generate random bytes");
	wf_base64url_encode(random, bytes, text);
	explicit_bzero(random, sizeof(random));
	return text;
}

/* Signature as text, palloc'd. */
static char *
sign(WfMacPurpose purpose, const char *text)
{
	uint8 mac[WF_MAC_BYTES];
	char *coded = palloc(MAC_CHARS + 1);

	wf_secret_mac(purpose, text, strlen(text), mac);
	wf_base64url_encode(mac, WF_MAC_BYTES, coded);
	return coded;
}

/* Is that the signature of a text? */
static bool
is_signed(WfMacPurpose purpose, const char *text, const char *coded)
{
	uint8 given[WF_MAC_BYTES];
	uint8 mac[WF_MAC_BYTES];
	size_t length;

	if (strnlen(coded, MAC_CHARS + 1) != MAC_CHARS ||
		!wf_base64url_decode(coded, MAC_CHARS, given, sizeof(given), &length) ||
		length != WF_MAC_BYTES)
		return false;
	wf_secret_mac(purpose, text, strlen(text), mac);
	return wf_secret_equal(mac, given);
}

char *
wf_cookie_new_nonce(void)
{
	return random_text(NONCE_BYTES);
}

char *
wf_cookie_nonce(const char *cookie)
{
	const char *nonce = cookie + strlen(NONCE_PREFIX);
	char *copy;

	if (strncmp(cookie, NONCE_PREFIX, strlen(NONCE_PREFIX)) != 0 ||
		strnlen(nonce, NONCE_CHARS + 1) != NONCE_CHARS + 1 || nonce[NONCE_CHARS] != '.')
		return NULL;
	copy = pnstrdup(nonce, NONCE_CHARS);
	return is_signed(WF_MAC_COOKIE, copy, nonce + NONCE_CHARS + 1) ? copy : NULL;
}

static void
hash_cookie(const char *cookie, uint8 *hash)
{
	SHA256((const unsigned char *) cookie, strlen(cookie), hash);
}

bool
wf_cookie_is_login(const char *cookie, uint8 *hash)
{
	size_t length = strlen(LOGIN_PREFIX) + LOGIN_CHARS;

	if (strnlen(cookie, length + 1) != length ||
		strncmp(cookie, LOGIN_PREFIX, strlen(LOGIN_PREFIX)) != 0)
		return false;
	hash_cookie(cookie, hash);
	return true;
}

char *
wf_cookie_new_login(uint8 *hash)
{
	char *cookie = psprintf(LOGIN_PREFIX "%s", random_text(WF_COOKIE_BYTES));

	hash_cookie(cookie, hash);
	return cookie;
}

/* SameSite=Lax: other sites' forms come without the cookie. */
static void
send_cookie(const char *value, int life)
{
	WfExchange *exchange = wf_exchange();
	bool secure = wf_setting_cookie_secure == WF_COOKIE_SECURE_ON ||
				  (wf_setting_cookie_secure == WF_COOKIE_SECURE_AUTO &&
				   strcmp(exchange->scheme, "https") == 0);

	wf_exchange_add_header("Set-Cookie",
						   psprintf(NAME "=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d%s", value,
									life, secure ? "; Secure" : ""));
	wf_cookie_forbid_caching();
}

void
wf_cookie_send_nonce(const char *nonce)
{
	send_cookie(psprintf(NONCE_PREFIX "%s.%s", nonce, sign(WF_MAC_COOKIE, nonce)),
				wf_setting_session_life);
}

void
wf_cookie_send_login(const char *cookie)
{
	send_cookie(cookie, wf_setting_session_life);
}

void
wf_cookie_send_expired(void)
{
	send_cookie("", 0);
}

void
wf_cookie_forbid_caching(void)
{
	ListCell *cell;

	foreach (cell, wf_exchange()->headers)
		if (strcmp(((WfHeader *) lfirst(cell))->name, "Cache-Control") == 0)
			return;
	wf_exchange_add_header("Cache-Control", "no-store");
}

/* Seconds since 1970. */
static int64
seconds_now(void)
{
	return timestamptz_to_time_t(wf_clock_now());
}

char *
wf_csrf_make(const char *nonce)
{
	int64 expiry = seconds_now() + WF_CSRF_LIFE;
	char *text = psprintf("%s." INT64_FORMAT, nonce, expiry);

	return psprintf(INT64_FORMAT ".%s", expiry, sign(WF_MAC_CSRF, text));
}

WfErrorCode
wf_csrf_check(const char *token, const char *nonce)
{
	size_t digits = strspn(token, "0123456789");
	char *text;

	if (digits < 1 || digits > MAX_TIME_DIGITS || token[digits] != '.')
		return WF_ERR_CSRF_INVALID;
	text = psprintf("%s.%.*s", nonce, (int) digits, token);
	if (!is_signed(WF_MAC_CSRF, text, token + digits + 1) ||
		strtoll(token, NULL, 10) <= seconds_now())
		return WF_ERR_CSRF_INVALID;
	return WF_ERR_NONE;
}
