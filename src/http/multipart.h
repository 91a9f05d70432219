/*
 * multipart.h - uploads: a multipart/form-data body as arguments.
 */
#ifndef WF_HTTP_MULTIPART_H
#define WF_HTTP_MULTIPART_H

#include "postgres.h"

#include "http/args.h"

/*
 * Read the body of an operation that takes a file (an argument `csv`, and perhaps `filename`). A body of type
 * multipart/form-data becomes an object: the part `file`, which must be there once with a file name and be UTF-8,
 * gives csv and filename, the fields beside it their texts. A body of another type is read by
 * wf_args_parse_body(), so that the same operation takes JSON. raw must not be toasted; raw and content_type must
 * outlive body. VALIDATION_ERROR when the body is not what RFC 7578 says, or has more than 16 parts.
 */
extern void wf_multipart_bind(const WfFunction *function, const bytea *raw,
							  const char *content_type, WfBody *body);

#endif
