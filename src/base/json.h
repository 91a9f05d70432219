/*
 * json.h - building jsonb values in C without holding the parse state by hand.
 *
 *     WfJson json;
 *     wf_json_begin(&json);                      an object
 *     wf_json_add_int(&json, "created", 3);
 *     wf_json_open_array(&json, "names"); wf_json_add_text(&json, NULL, "a"); wf_json_close(&json);
 *     Jsonb *value = wf_json_end(&json);
 *
 * A key is given inside objects and NULL inside arrays. Everything is palloc'd in the context that was
 * current at wf_json_begin; a NULL text becomes JSON null.
 */
#ifndef WF_BASE_JSON_H
#define WF_BASE_JSON_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"

#define WF_JSON_MAX_DEPTH 16

typedef struct WfJson
{
	JsonbParseState *state;
	JsonbValue *result;
	int depth;
	bool is_array[WF_JSON_MAX_DEPTH];
} WfJson;

extern void wf_json_begin(WfJson *json);
extern void wf_json_begin_array(WfJson *json);
extern Jsonb *wf_json_end(WfJson *json);

extern void wf_json_open_object(WfJson *json, const char *key);
extern void wf_json_open_array(WfJson *json, const char *key);
extern void wf_json_close(WfJson *json);

extern void wf_json_add_text(WfJson *json, const char *key, const char *value);
extern void wf_json_add_text_len(WfJson *json, const char *key, const char *value, int length);
extern void wf_json_add_int(WfJson *json, const char *key, int64 value);
extern void wf_json_add_numeric_text(WfJson *json, const char *key, const char *digits);
extern void wf_json_add_bool(WfJson *json, const char *key, bool value);
extern void wf_json_add_null(WfJson *json, const char *key);
extern void wf_json_add_time(WfJson *json, const char *key, TimestampTz value); /* ISO 8601, UTC */
extern void wf_json_add_jsonb(WfJson *json, const char *key, Jsonb *value);		/* NULL = null */

/* Text of a jsonb, palloc'd. */
extern char *wf_json_text(Jsonb *value);

/* Member of an object as jsonb / text / int / bool; NULL or the default when absent or null. */
extern Jsonb *wf_json_get(Jsonb *object, const char *key);
extern char *wf_json_get_text(Jsonb *object, const char *key);
extern bool wf_json_get_bool(Jsonb *object, const char *key, bool missing);
extern int64 wf_json_get_int(Jsonb *object, const char *key, int64 missing);

#endif
