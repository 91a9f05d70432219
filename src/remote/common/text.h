/*
 * Text that comes from remote servers: checked or repaired before it goes anywhere.
 */
#ifndef WF_REMOTE_TEXT_H
#define WF_REMOTE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Tells whether the bytes are valid UTF-8 (shortest forms only, no surrogates, no U+0000). */
extern bool wf_text_is_utf8(const char *text, size_t len);

/*
 * Copies a text of the server's choosing into a buffer of size bytes: cut at a character
 * boundary, bytes that are not UTF-8 replaced by "?", control characters but line feed by a
 * blank, blanks at the end dropped. NULL becomes the empty string.
 */
extern void wf_text_clean(char *to, size_t size, const char *text);

/* Reads a decimal number of digits alone; false when it is anything else or above max. */
extern bool wf_text_to_number(const char *text, long max, long *number);

#endif
