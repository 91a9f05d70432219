/*
 * translate.c - the Chinese of DETAIL sentences.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "base/errors.h"
#include "base/translate.h"
#include "base/translations.h"

/* Longer sentences stay English, as do those whose values make a pattern match in too many ways. */
#define MAX_DETAIL 4096
#define MAX_STEPS  2000

/* What stands for the values of a pattern. */
typedef struct Match
{
	const char *values[WF_TRANSLATION_MAX_VALUES];
	int lengths[WF_TRANSLATION_MAX_VALUES];
	int count;
	int steps; /* left */
} Match;

static bool match(const char *pattern, const char *text, Match *found);

/* Take so many bytes of the text as a value and go on behind it. The value may be rendered as another text. */
static bool
match_value(const char *pattern, const char *text, size_t length, const char *shown, Match *found)
{
	int n = found->count;

	if (n == WF_TRANSLATION_MAX_VALUES || found->steps-- <= 0)
		return false;
	found->values[n] = shown != NULL ? shown : text;
	found->lengths[n] = shown != NULL ? (int) strlen(shown) : (int) length;
	found->count = n + 1;
	if (match(pattern, text + length, found))
		return true;
	found->count = n;
	return false;
}

/* A number: all its digits, so that there is one way only. */
static bool
match_number(const char *pattern, const char *text, Match *found)
{
	size_t sign = *text == '-' ? 1 : 0;
	size_t digits = strspn(text + sign, "0123456789");

	return digits > 0 && match_value(pattern, text, sign + digits, NULL, found);
}

/* A word that has a translation of its own. */
static bool
match_word(const char *pattern, const char *text, Match *found)
{
	for (int i = 0; i < wf_words_count; i++)
	{
		size_t length = strlen(wf_words[i].english);

		if (strncmp(text, wf_words[i].english, length) == 0 &&
			match_value(pattern, text, length, wf_words[i].chinese, found))
			return true;
	}
	for (int code = WF_ERR_NONE + 1; code <= WF_ERR_INTERNAL; code++)
	{
		const WfErrorRow *row = wf_error_row(code);
		size_t length = strlen(row->message_en);

		if (strncmp(text, row->message_en, length) == 0 &&
			match_value(pattern, text, length, row->message_zh, found))
			return true;
	}
	return false;
}

/* Any text, up to where what follows in the pattern begins; the shortest that lets the rest match. */
static bool
match_text(const char *pattern, const char *text, Match *found)
{
	size_t literal = strcspn(pattern, "%");
	const char *end = text;

	if (literal == 0)
		return *pattern == '\0' && match_value(pattern, text, strlen(text), NULL, found);
	for (; *end != '\0'; end++)
		if (strncmp(end, pattern, literal) == 0 &&
			match_value(pattern, text, (size_t) (end - text), NULL, found))
			return true;
	return false;
}

/* Does the whole text match the pattern? Both are at the same place of the sentence. */
static bool
match(const char *pattern, const char *text, Match *found)
{
	size_t literal = strcspn(pattern, "%");

	if (strncmp(pattern, text, literal) != 0)
		return false;
	pattern += literal;
	text += literal;
	if (*pattern == '\0')
		return *text == '\0';
	switch (pattern[1])
	{
		case 'd':
			return match_number(pattern + 2, text, found);
		case 'w':
			return match_word(pattern + 2, text, found);
		default:
			return match_text(pattern + 2, text, found);
	}
}

/* Bytes of a pattern that are no values. */
static int
count_literals(const char *pattern)
{
	int n = 0;

	for (; *pattern != '\0'; pattern++)
	{
		if (*pattern == '%')
			pattern++;
		else
			n++;
	}
	return n;
}

/* Does the pattern say more than the other: the longer beginning, or else more bytes, without values? */
static bool
is_more_specific(const char *pattern, const char *other)
{
	size_t prefix = strcspn(pattern, "%");
	size_t other_prefix = strcspn(other, "%");

	if (prefix != other_prefix)
		return prefix > other_prefix;
	return count_literals(pattern) > count_literals(other);
}

/* The most specific pattern that matches; NULL when none does. */
static const WfTranslation *
find(const char *detail, Match *best)
{
	const WfTranslation *chosen = NULL;

	if (strlen(detail) > MAX_DETAIL)
		return NULL;
	for (int i = 0; i < wf_translations_count; i++)
	{
		const WfTranslation *candidate = &wf_translations[i];
		Match found = {.steps = MAX_STEPS};

		if ((chosen != NULL && !is_more_specific(candidate->english, chosen->english)) ||
			!match(candidate->english, detail, &found))
			continue;
		chosen = candidate;
		*best = found;
	}
	return chosen;
}

/* The Chinese sentence with its values. */
static char *
render(const char *chinese, const Match *found)
{
	StringInfoData out;

	initStringInfo(&out);
	while (*chinese != '\0')
	{
		size_t literal = strcspn(chinese, "%");

		appendBinaryStringInfo(&out, chinese, (int) literal);
		chinese += literal;
		if (*chinese == '\0')
			break;
		/* %n$s */
		appendBinaryStringInfo(&out, found->values[chinese[1] - '1'],
							   found->lengths[chinese[1] - '1']);
		chinese += 4;
	}
	return out.data;
}

/*
 * A text that begins with the message of the error table, as items of runs store it: "<message>" or
 * "<message>: <detail>". NULL when it does not.
 */
static char *
translate_stored(const char *text)
{
	for (int code = WF_ERR_NONE + 1; code <= WF_ERR_INTERNAL; code++)
	{
		const WfErrorRow *row = wf_error_row(code);
		size_t length = strlen(row->message_en);
		Match found;
		const WfTranslation *rest;

		if (strncmp(text, row->message_en, length) != 0)
			continue;
		if (text[length] == '\0')
			return psprintf("%s。", row->message_zh);
		if (strncmp(text + length, ": ", 2) != 0)
			continue;
		rest = find(text + length + 2, &found);
		return psprintf("%s：%s", row->message_zh,
						rest != NULL ? render(rest->chinese, &found) : text + length + 2);
	}
	return NULL;
}

char *
wf_translate_detail(const char *detail, WfLanguage language)
{
	const WfTranslation *sentence;
	Match found;
	char *stored;

	if (detail == NULL)
		return NULL;
	if (language != WF_LANGUAGE_ZH)
		return pstrdup(detail);
	sentence = find(detail, &found);
	if (sentence != NULL)
		return render(sentence->chinese, &found);
	stored = translate_stored(detail);
	return stored != NULL ? stored : pstrdup(detail);
}
