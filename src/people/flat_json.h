/*
 * flat_json.h - known members of a flat JSON object, read without building a tree.
 *
 * For the header and the claims of tokens, which every request brings. Strict where it matters: a known
 * member that appears twice, has the wrong kind, an escape or too many characters makes the whole object
 * unusable, because two readers might understand it differently. No header of the server: test/fuzz drives it.
 */
#ifndef WF_PEOPLE_FLAT_JSON_H
#define WF_PEOPLE_FLAT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct WfMember
{
	const char *name;
	char *text;	 /* a string: gets its characters, printable ASCII, with a NUL; or NULL */
	size_t size; /* of text */
	int64_t *
		number; /* an integer from 0 to 10^15 - 1, written without sign, fraction or exponent; or NULL */
	bool forbidden; /* must not appear at all */
	bool found;		/* the result */
} WfMember;

/*
 * Read the members out of a JSON object of length bytes. Members that are not named are skipped, whatever they
 * hold. False when the text is not an object, goes deeper than 16, or a named member is not as described.
 */
extern bool wf_flat_json_read(const char *json, size_t length, WfMember *members, int count);

#endif
