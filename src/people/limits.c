/*
 * limits.c - counting attempts: fixed windows from the first attempt on, in shared memory.
 *
 * The table is bounded and set-associative: a keyed hash of what is counted picks a set, inside which a finished
 * window, else the oldest one, makes room. Whoever floods it with names cannot choose whose window he drives out.
 */
#include "postgres.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/exchange.h"
#include "base/settings.h"
#include "people/limits.h"
#include "people/shared.h"

#define LOGINS_PER_NAME		  50
#define LOGINS_PER_NAME_S	  3600
#define PASSWORD_CHANGES	  3
#define PASSWORD_CHANGES_S	  3600
#define MAX_RULES_OF_ONE_KIND 2

typedef struct Rule
{
	char kind; /* part of the key: rules do not share windows */
	bool by_address;
	int limit;
	int length; /* s */
} Rule;

/* The rules of an operation; gives how many. */
static int
rules_of(const char *operation, Rule *rules)
{
	if (strcmp(operation, "auth_login") == 0)
	{
		rules[0] = (Rule){'l', true, wf_setting_login_rate_limit, wf_setting_login_rate_window};
		/* Many addresses together must not get far with one name either. */
		rules[1] = (Rule){'n', false, LOGINS_PER_NAME, LOGINS_PER_NAME_S};
		return 2;
	}
	if (strcmp(operation, "auth_change_password") == 0)
	{
		rules[0] = (Rule){'p', true, PASSWORD_CHANGES, PASSWORD_CHANGES_S};
		return 1;
	}
	elog(ERROR, "operation \"%s\" has no rate limit", operation);
}

/* The key of a window. Names are never stored, and their length does not matter. */
static void
make_key(const Rule *rule, const char *name, const char *address, uint8 *key)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	StringInfoData text;

	initStringInfo(&text);
	appendBinaryStringInfo(&text, (const char *) &MyDatabaseId, sizeof(MyDatabaseId));
	appendStringInfoChar(&text, rule->kind);
	appendBinaryStringInfo(&text, name, strlen(name) + 1);
	if (rule->by_address)
		appendStringInfoString(&text, address);
	if (HMAC(EVP_sha256(), wf_people_shared->seed, WF_SEED_BYTES, (unsigned char *) text.data,
			 text.len, digest, NULL) == NULL)
		elog(ERROR, "could not compute a hash");
	memcpy(key, digest, WF_WINDOW_KEY_BYTES);
	pfree(text.data);
}

static TimestampTz
end_of(const WfWindow *window)
{
	return TimestampTzPlusMilliseconds(window->start, (int64) window->length * 1000);
}

/* A clock that was set back must not lock anybody out until it gets there again. */
static bool
is_over(const WfWindow *window, TimestampTz now)
{
	return window->length == 0 || now < window->start || now >= end_of(window);
}

/* Should a rather make room than b? What is over first, then the oldest. */
static bool
goes_before(const WfWindow *a, const WfWindow *b, TimestampTz now)
{
	bool a_over = is_over(a, now);

	return a_over != is_over(b, now) ? a_over : a->start < b->start;
}

/* The window of a key, new if need be. The lock is held. */
static WfWindow *
window_of(const uint8 *key, int length, TimestampTz now)
{
	WfWindow *set = wf_people_shared->windows[(key[0] << 8 | key[1]) % WF_WINDOW_SETS];
	WfWindow *victim = &set[0];
	WfWindow *found = NULL;

	for (int i = 0; i < WF_WINDOW_WAYS && found == NULL; i++)
	{
		if (set[i].length != 0 && memcmp(set[i].key, key, WF_WINDOW_KEY_BYTES) == 0)
			found = &set[i];
		else if (goes_before(&set[i], victim, now))
			victim = &set[i];
	}
	if (found != NULL && !is_over(found, now))
		return found;
	if (found == NULL)
		found = victim;
	memcpy(found->key, key, WF_WINDOW_KEY_BYTES);
	found->start = now;
	found->length = length;
	found->count = 0;
	return found;
}

/* Count by one rule; 0 or the seconds to wait. */
static int
take(const Rule *rule, const char *name, const char *address, TimestampTz now)
{
	uint8 key[WF_WINDOW_KEY_BYTES];
	WfWindow *window;
	int64 left = 0;

	make_key(rule, name, address, key);
	LWLockAcquire(wf_people_shared->lock, LW_EXCLUSIVE);
	window = window_of(key, rule->length, now);
	if (window->count < INT_MAX)
		window->count++;
	if (window->count > rule->limit)
		left = end_of(window) - now;
	LWLockRelease(wf_people_shared->lock);
	return left > 0 ? (int) ((left + USECS_PER_SEC - 1) / USECS_PER_SEC) : 0;
}

/* What an attempt is remembered as; palloc'd in the exchange's memory. */
static char *
attempt_of(const char *operation, const char *name)
{
	return MemoryContextStrdup(wf_exchange_context(), psprintf("%s %s", operation, name));
}

int
wf_limits_take(const char *operation, const char *name, const char *address)
{
	Rule rules[MAX_RULES_OF_ONE_KIND];
	TimestampTz now = wf_clock_now();
	int count = rules_of(operation, rules);
	int wait = 0;

	wf_people_require_shared();
	/* By every rule, also when the first one has refused already. */
	for (int i = 0; i < count; i++)
	{
		int left = take(&rules[i], name, address, now);

		wait = Max(wait, left);
	}
	wf_exchange()->attempt = attempt_of(operation, name);
	return wait;
}

void
wf_limits_require(const char *operation, const char *name)
{
	WfExchange *exchange = wf_exchange();
	int wait = 0;

	/*
	 * Counted for another name is not counted. The mark is used up: a second attempt in the same transaction, from
	 * psql, counts again.
	 */
	if (exchange->attempt == NULL || strcmp(exchange->attempt, attempt_of(operation, name)) != 0)
		wait = wf_limits_take(operation, name, exchange->address);
	exchange->attempt = NULL;
	if (wait == 0)
		return;
	wf_exchange_add_header("Retry-After", psprintf("%d", wait));
	wf_raise(WF_ERR_RATE_LIMIT, psprintf("Try again in %d seconds.", wait), NULL);
}
