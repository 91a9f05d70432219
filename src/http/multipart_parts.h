/*
 * multipart_parts.h - the parts of a multipart/form-data body (RFC 7578, RFC 2046 section 5.1).
 *
 * Nothing here calls the server or allocates, so that it can be fuzzed as a program of its own (test/fuzz).
 */
#ifndef WF_HTTP_MULTIPART_PARTS_H
#define WF_HTTP_MULTIPART_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#define WF_MULTIPART_MAX_PARTS	  16
#define WF_MULTIPART_MAX_HEADER	  8192 /* bytes of the headers of one part */
#define WF_MULTIPART_MAX_BOUNDARY 70
#define WF_MULTIPART_MAX_NAME	  128
#define WF_MULTIPART_MAX_FILENAME 1024

/* One part; data points into the body. Names are as sent, which need not be UTF-8. */
typedef struct WfPart
{
	char name[WF_MULTIPART_MAX_NAME + 1];
	bool has_filename;
	char filename[WF_MULTIPART_MAX_FILENAME + 1];
	const char *data;
	size_t length;
} WfPart;

typedef enum WfMultipartStatus
{
	WF_MULTIPART_OK,
	WF_MULTIPART_UNTERMINATED, /* no delimiter where one must be, or the closing one is missing */
	WF_MULTIPART_TOO_MANY,	   /* more than WF_MULTIPART_MAX_PARTS */
	WF_MULTIPART_BAD_HEADER, /* not `Name: value` lines with CRLF, too long, or no usable Content-Disposition */
	WF_MULTIPART_ENCODED /* a Content-Transfer-Encoding that changes bytes */
} WfMultipartStatus;

/* Is it multipart/form-data, in any case and with any parameters? NULL is not. */
extern bool wf_multipart_is(const char *content_type);

/*
 * The boundary of a content type that is multipart/form-data. False when there is none or two, or one that RFC
 * 2046 does not allow.
 */
extern bool wf_multipart_boundary(const char *content_type,
								  char boundary[WF_MULTIPART_MAX_BOUNDARY + 1]);

/*
 * Split a body. parts has room for WF_MULTIPART_MAX_PARTS; *count is set when the result is WF_MULTIPART_OK. What
 * stands before the first delimiter and behind the closing one is ignored.
 */
extern WfMultipartStatus wf_multipart_split(const char *body, size_t length, const char *boundary,
											WfPart *parts, int *count);

#endif
