/*
 * json_text.c - writing JSON text member by member.
 */
#include "postgres.h"

#include "utils/json.h"

#include "http/json_text.h"

static void
open_container(WfJsonText *json, char opener, char closer)
{
	if (json->depth + 1 >= WF_JSON_TEXT_DEPTH)
		elog(ERROR, "JSON text is nested too deeply");
	appendStringInfoChar(&json->text, opener);
	json->depth++;
	json->has_members[json->depth] = false;
	json->closers[json->depth] = closer;
}

/* The comma and the key before a value. */
static void
before_value(WfJsonText *json, const char *key)
{
	Assert((json->closers[json->depth] == ']') == (key == NULL));
	if (json->has_members[json->depth])
		appendStringInfoChar(&json->text, ',');
	json->has_members[json->depth] = true;
	if (key == NULL)
		return;
	escape_json(&json->text, key);
	appendStringInfoChar(&json->text, ':');
}

void
wf_json_text_begin(WfJsonText *json)
{
	memset(json, 0, sizeof(*json));
	initStringInfo(&json->text);
	open_container(json, '{', '}');
}

char *
wf_json_text_end(WfJsonText *json)
{
	Assert(json->depth == 1);
	appendStringInfoChar(&json->text, '}');
	return json->text.data;
}

void
wf_json_text_object(WfJsonText *json, const char *key)
{
	before_value(json, key);
	open_container(json, '{', '}');
}

void
wf_json_text_array(WfJsonText *json, const char *key)
{
	before_value(json, key);
	open_container(json, '[', ']');
}

void
wf_json_text_close(WfJsonText *json)
{
	Assert(json->depth > 1);
	appendStringInfoChar(&json->text, json->closers[json->depth--]);
}

void
wf_json_text_string(WfJsonText *json, const char *key, const char *value)
{
	before_value(json, key);
	escape_json(&json->text, value);
}

void
wf_json_text_int(WfJsonText *json, const char *key, int64 value)
{
	before_value(json, key);
	appendStringInfo(&json->text, INT64_FORMAT, value);
}

void
wf_json_text_bool(WfJsonText *json, const char *key, bool value)
{
	before_value(json, key);
	appendStringInfoString(&json->text, value ? "true" : "false");
}

void
wf_json_text_raw(WfJsonText *json, const char *key, const char *value)
{
	before_value(json, key);
	appendStringInfoString(&json->text, value);
}
