/*
 * translate.h - the Chinese of DETAIL sentences.
 *
 * Errors are raised in English, with their values in DETAIL (errors.h). Whoever renders one for people turns the
 * sentence into Chinese here: it is matched against the catalogue in translations.c, and the values that stood in it
 * are put into the Chinese sentence. So nobody who raises an error has to know of languages.
 */
#ifndef WF_BASE_TRANSLATE_H
#define WF_BASE_TRANSLATE_H

#include "postgres.h"

#include "base/settings.h"

/*
 * A DETAIL sentence in the given language. detail may be NULL, which gives NULL. What the catalogue does not know is
 * given as it is. Palloc'd. The time it takes is bounded, whatever the values are.
 */
extern char *wf_translate_detail(const char *detail, WfLanguage language);

#endif
