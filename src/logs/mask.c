/*
 * mask.c - hiding secrets before anything is stored in the log (domain specification 10.3).
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/jsonb.h"

#include "logs/log.h"
#include "logs/mask.h"

#define MASK		"***"
#define LONGEST_KEY 32

/* Values of these keys are hidden; compared in lower case, exactly. Sorted for the search. */
static const char *const secret_keys[] = {
	"access_token",
	"api_key",
	"authentication_string",
	"authorization",
	"cache_redis_url",
	"confirm_password",
	"conninfo",
	"cookie",
	"csrf_token",
	"current_password",
	"database_url",
	"dsn",
	"env_var",
	"jwt_secret_key",
	"key",
	"new_password",
	"old_password",
	"passwd",
	"password",
	"password_encryption_key",
	"postgres_password",
	"private_key",
	"pwd",
	"redis_password",
	"refresh_token",
	"secret",
	"secret_key",
	"set-cookie",
	"set_cookie",
	"token",
	"x-csrf-token",
};

/* Words before "=" whose value is hidden in running text. */
static const char *const secret_words[] = {"password", "passwd", "pwd"};

static int
compare_keys(const void *a, const void *b)
{
	return strcmp((const char *) a, *(const char *const *) b);
}

static bool
is_secret_key(const char *key, int length)
{
	char folded[LONGEST_KEY + 1];

	if (length > LONGEST_KEY)
		return false;
	for (int i = 0; i < length; i++)
		folded[i] = pg_ascii_tolower((unsigned char) key[i]);
	folded[length] = '\0';
	return bsearch(folded, secret_keys, lengthof(secret_keys), sizeof(char *), compare_keys) !=
		   NULL;
}

static bool
ends_token(char c)
{
	return isspace((unsigned char) c) || c == '"' || c == '\'' || c == '<' || c == '>';
}

/*
 * After "://": is there user:secret@ before the end of the token? Gives the offsets of the secret's first byte
 * and of the @. The last @ counts, so that an unescaped @ inside a secret hides too much, never too little.
 */
static bool
find_url_secret(const char *text, size_t length, size_t *from, size_t *to)
{
	size_t colon = length;
	size_t at = length;

	for (size_t i = 0; i < length && !ends_token(text[i]); i++)
	{
		if (text[i] == ':' && colon == length)
			colon = i;
		if (text[i] == '@')
			at = i;
	}
	if (colon == length || at == length || at < colon)
		return false;
	*from = colon + 1;
	*to = at;
	return true;
}

/* Does a secret word and "=" begin here? Gives the length up to the value, or 0. */
static size_t
match_secret_word(const char *text, size_t length)
{
	for (size_t w = 0; w < lengthof(secret_words); w++)
	{
		size_t n = strlen(secret_words[w]);

		if (length <= n || pg_strncasecmp(text, secret_words[w], n) != 0)
			continue;
		while (n < length && text[n] == ' ')
			n++;
		if (n >= length || text[n] != '=')
			continue;
		do
			n++;
		while (n < length && text[n] == ' ');
		return n;
	}
	return 0;
}

/* Length of the value after password=: a quoted text, or up to a blank or a separator. */
static size_t
value_length(const char *text, size_t length)
{
	size_t i = 0;

	if (length > 0 && (text[0] == '\'' || text[0] == '"'))
	{
		for (i = 1; i < length && text[i] != text[0]; i++)
			if (text[i] == '\\' && i + 1 < length)
				i++;
		return Min(i + 1, length);
	}
	while (i < length && !isspace((unsigned char) text[i]) && text[i] != ';' && text[i] != '&')
		i++;
	return i;
}

char *
wf_log_mask_text(const char *text, size_t length)
{
	StringInfoData out;
	size_t i = 0;

	initStringInfo(&out);
	while (i < length)
	{
		size_t from;
		size_t to;
		size_t word;

		if (i + 3 <= length && memcmp(text + i, "://", 3) == 0)
		{
			appendBinaryStringInfo(&out, text + i, 3);
			i += 3;
			if (find_url_secret(text + i, length - i, &from, &to))
			{
				appendBinaryStringInfo(&out, text + i, from);
				appendStringInfoString(&out, MASK);
				i += to;
			}
		}
		else if ((word = match_secret_word(text + i, length - i)) > 0)
		{
			appendBinaryStringInfo(&out, text + i, word);
			appendStringInfoString(&out, MASK);
			i += word;
			i += value_length(text + i, length - i);
		}
		else
			appendStringInfoChar(&out, text[i++]);
	}
	return out.data;
}

/* Push one value; strings are cleaned. */
static JsonbValue *
push_clean(JsonbParseState **state, JsonbIteratorToken token, JsonbValue *value)
{
	if (token != WJB_KEY && value->type == jbvString)
	{
		value->val.string.val = wf_log_mask_text(value->val.string.val, value->val.string.len);
		value->val.string.len = strlen(value->val.string.val);
	}
	return pushJsonbValue(state, token, value);
}

Jsonb *
wf_log_mask(Jsonb *context)
{
	JsonbIterator *it = JsonbIteratorInit(&context->root);
	JsonbParseState *state = NULL;
	JsonbValue *result = NULL;
	JsonbIteratorToken token;
	JsonbValue value;

	while ((token = JsonbIteratorNext(&it, &value, false)) != WJB_DONE)
	{
		bool hides = token == WJB_KEY && is_secret_key(value.val.string.val, value.val.string.len);

		CHECK_FOR_INTERRUPTS();
		if (token == WJB_KEY || token == WJB_VALUE || token == WJB_ELEM)
			result = push_clean(&state, token, &value);
		else
			result = pushJsonbValue(&state, token,
									token == WJB_BEGIN_ARRAY && value.val.array.rawScalar ? &value
																						  : NULL);
		if (hides)
		{
			/* The value, however deep, goes in one step. */
			(void) JsonbIteratorNext(&it, &value, true);
			value.type = jbvString;
			value.val.string.val = pstrdup(MASK);
			value.val.string.len = strlen(MASK);
			result = pushJsonbValue(&state, WJB_VALUE, &value);
		}
	}
	return JsonbValueToJsonb(result);
}
