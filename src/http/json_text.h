/*
 * json_text.h - writing JSON text member by member, in the order of the calls.
 *
 * Unlike base/json.h, whose objects sort their keys by length, this is for documents that people read. A key is given
 * inside objects and NULL inside arrays.
 */
#ifndef WF_HTTP_JSON_TEXT_H
#define WF_HTTP_JSON_TEXT_H

#include "postgres.h"

#include "lib/stringinfo.h"

#define WF_JSON_TEXT_DEPTH 32

typedef struct WfJsonText
{
	StringInfoData text;
	int depth;
	bool has_members[WF_JSON_TEXT_DEPTH];
	char closers[WF_JSON_TEXT_DEPTH];
} WfJsonText;

extern void wf_json_text_begin(WfJsonText *json); /* an open object */
extern char *wf_json_text_end(WfJsonText *json);  /* the text, palloc'd */
extern void wf_json_text_object(WfJsonText *json, const char *key);
extern void wf_json_text_array(WfJsonText *json, const char *key);
extern void wf_json_text_close(WfJsonText *json);
extern void wf_json_text_string(WfJsonText *json, const char *key, const char *value);
extern void wf_json_text_int(WfJsonText *json, const char *key, int64 value);
extern void wf_json_text_bool(WfJsonText *json, const char *key, bool value);

/* A value that is JSON already. */
extern void wf_json_text_raw(WfJsonText *json, const char *key, const char *value);

#endif
