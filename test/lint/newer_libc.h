/*
 * newer_libc.h - functions that the C library of a newer Debian declares and ours may not.
 *
 * The configuration in the newer PostgreSQL's headers takes them for granted. Only test/lint/headers.t
 * includes this file, and it only checks syntax.
 */
#include <stddef.h>

extern size_t strlcpy(char *destination, const char *source, size_t size);
extern size_t strlcat(char *destination, const char *source, size_t size);
