/*
 * mask.h - hiding secrets in texts, for the log and for whoever stores remote error texts.
 */
#ifndef WF_LOGS_MASK_H
#define WF_LOGS_MASK_H

#include "postgres.h"

/*
 * Copy of a text in which the secret part of URLs (scheme://user:secret@) and the value of password=... pairs
 * read ***. Palloc'd.
 */
extern char *wf_log_mask_text(const char *text, size_t length);

#endif
