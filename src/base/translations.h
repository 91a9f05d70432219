/*
 * translations.h - the catalogue behind translate.h.
 */
#ifndef WF_BASE_TRANSLATIONS_H
#define WF_BASE_TRANSLATIONS_H

#include "postgres.h"

/* Values a sentence may have at most. */
#define WF_TRANSLATION_MAX_VALUES 4

/*
 * A sentence. In the English pattern %d stands for a decimal number, %w for a word of wf_words or a message of the
 * error table, which is translated too, and %s for any text; two of them never touch. In the Chinese one %1$s to
 * %4$s stand for their values, in any order.
 */
typedef struct WfTranslation
{
	const char *english;
	const char *chinese;
} WfTranslation;

extern const WfTranslation wf_translations[];
extern const int wf_translations_count;

/* Words that take part in sentences; here the texts have no values. */
extern const WfTranslation wf_words[];
extern const int wf_words_count;

#endif
