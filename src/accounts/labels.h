/*
 * labels.h - words of the change log, in Chinese and English (domain 3.11).
 */
#ifndef WF_ACCOUNTS_LABELS_H
#define WF_ACCOUNTS_LABELS_H

#include "postgres.h"

typedef enum WfPhrase
{
	WF_PHRASE_ACCOUNT,	   /* %s username */
	WF_PHRASE_NEW,		   /* - */
	WF_PHRASE_NEW_GRANTED, /* %d privileges */
	WF_PHRASE_PRIVILEGES,  /* %d granted, %d revoked */
	WF_PHRASE_DELETED,	   /* - */
	WF_PHRASE_RESTORED,	   /* - */
	WF_PHRASE_FROM_TO,	   /* %s label, %s before, %s after */
	WF_PHRASE_SET,		   /* %s label, %s after */
	WF_PHRASE_CLEARED,	   /* %s label */
	WF_PHRASE_UPDATED,	   /* %s label */
	WF_PHRASE_COLLECTED,   /* %d created, %d updated, %d skipped */
	WF_PHRASE_NO_ACCOUNTS, /* - */
	WF_PHRASE_YES,
	WF_PHRASE_NO
} WfPhrase;

/* A format (or word) in the language of whalefall.language; constant. */
extern const char *wf_phrase(WfPhrase phrase);

/* What people call a field of the change log: a category, is_superuser, ...; palloc'd or constant. */
extern const char *wf_label(const char *field);

#endif
