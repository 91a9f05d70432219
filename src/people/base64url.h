/*
 * base64url.h - base64 with - and _, without padding, as tokens and cookies use it (RFC 4648, section 5).
 *
 * No header of the server: test/fuzz drives these functions alone.
 */
#ifndef WF_PEOPLE_BASE64URL_H
#define WF_PEOPLE_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

/* Characters that so many bytes become, without the ending NUL. */
#define WF_BASE64URL_CHARS(bytes) (((bytes) *4 + 2) / 3)

/* Encode length bytes; text must hold WF_BASE64URL_CHARS(length) + 1 characters and gets a NUL. */
extern void wf_base64url_encode(const unsigned char *bytes, size_t length, char *text);

/*
 * Decode length characters into at most size bytes; *decoded gets how many. False for any other character,
 * an impossible length, bits behind the last byte (each text has one spelling only), or too little room.
 */
extern bool wf_base64url_decode(const char *text, size_t length, unsigned char *bytes, size_t size,
								size_t *decoded);

#endif
