/*
 * json.c - building and reading jsonb values.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "base/json.h"

static void
begin(WfJson *json, bool array)
{
	memset(json, 0, sizeof(*json));
	json->is_array[0] = array;
	pushJsonbValue(&json->state, array ? WJB_BEGIN_ARRAY : WJB_BEGIN_OBJECT, NULL);
}

void
wf_json_begin(WfJson *json)
{
	begin(json, false);
}

void
wf_json_begin_array(WfJson *json)
{
	begin(json, true);
}

/* Close the outermost container and serialize. */
Jsonb *
wf_json_end(WfJson *json)
{
	Assert(json->depth == 0);
	json->result =
		pushJsonbValue(&json->state, json->is_array[0] ? WJB_END_ARRAY : WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(json->result);
}

static void
push_key(WfJson *json, const char *key)
{
	JsonbValue value;

	Assert(json->is_array[json->depth] == (key == NULL));
	if (key == NULL)
		return;
	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	pushJsonbValue(&json->state, WJB_KEY, &value);
}

static void
push_value(WfJson *json, const char *key, JsonbValue *value)
{
	push_key(json, key);
	pushJsonbValue(&json->state, json->is_array[json->depth] ? WJB_ELEM : WJB_VALUE, value);
}

static void
open_container(WfJson *json, const char *key, bool array)
{
	push_key(json, key);
	if (json->depth + 1 >= WF_JSON_MAX_DEPTH)
		elog(ERROR, "JSON value is nested too deeply");
	json->is_array[++json->depth] = array;
	pushJsonbValue(&json->state, array ? WJB_BEGIN_ARRAY : WJB_BEGIN_OBJECT, NULL);
}

void
wf_json_open_object(WfJson *json, const char *key)
{
	open_container(json, key, false);
}

void
wf_json_open_array(WfJson *json, const char *key)
{
	open_container(json, key, true);
}

void
wf_json_close(WfJson *json)
{
	bool array = json->is_array[json->depth--];

	Assert(json->depth >= 0);
	pushJsonbValue(&json->state, array ? WJB_END_ARRAY : WJB_END_OBJECT, NULL);
}

void
wf_json_add_text_len(WfJson *json, const char *key, const char *text, int length)
{
	JsonbValue value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = length;
	push_value(json, key, &value);
}

void
wf_json_add_text(WfJson *json, const char *key, const char *text)
{
	if (text == NULL)
		wf_json_add_null(json, key);
	else
		wf_json_add_text_len(json, key, text, strlen(text));
}

void
wf_json_add_int(WfJson *json, const char *key, int64 number)
{
	JsonbValue value;

	value.type = jbvNumeric;
	value.val.numeric = int64_to_numeric(number);
	push_value(json, key, &value);
}

/* A number given as decimal text; raises the usual error when it is none. */
void
wf_json_add_numeric_text(WfJson *json, const char *key, const char *digits)
{
	JsonbValue value;

	value.type = jbvNumeric;
	value.val.numeric = DatumGetNumeric(DirectFunctionCall3(
		numeric_in, CStringGetDatum(digits), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	push_value(json, key, &value);
}

void
wf_json_add_bool(WfJson *json, const char *key, bool truth)
{
	JsonbValue value;

	value.type = jbvBool;
	value.val.boolean = truth;
	push_value(json, key, &value);
}

void
wf_json_add_null(WfJson *json, const char *key)
{
	JsonbValue value;

	value.type = jbvNull;
	push_value(json, key, &value);
}

void
wf_json_add_time(WfJson *json, const char *key, TimestampTz instant)
{
	char buffer[MAXDATELEN + 1];
	int utc = 0;

	JsonEncodeDateTime(buffer, TimestampTzGetDatum(instant), TIMESTAMPTZOID, &utc);
	/* The text is read when the value is finished: a buffer of this frame would be gone by then. */
	wf_json_add_text(json, key, pstrdup(buffer));
}

/* Insert a finished value: containers are walked, scalars unwrapped. */
void
wf_json_add_jsonb(WfJson *json, const char *key, Jsonb *jsonb)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue value;
	bool scalar;

	if (jsonb == NULL)
	{
		wf_json_add_null(json, key);
		return;
	}
	scalar = JB_ROOT_IS_SCALAR(jsonb);
	if (!scalar)
		push_key(json, key);
	it = JsonbIteratorInit(&jsonb->root);
	while ((token = JsonbIteratorNext(&it, &value, false)) != WJB_DONE)
	{
		if (scalar)
		{
			if (token == WJB_ELEM)
				push_value(json, key, &value);
		}
		else
			pushJsonbValue(&json->state, token,
						   token == WJB_KEY || token == WJB_VALUE || token == WJB_ELEM ? &value
																					   : NULL);
	}
}

char *
wf_json_text(Jsonb *value)
{
	return JsonbToCString(NULL, &value->root, VARSIZE(value));
}

static JsonbValue *
find(Jsonb *object, const char *key)
{
	JsonbValue *value;

	if (object == NULL || !JB_ROOT_IS_OBJECT(object))
		return NULL;
	value = getKeyJsonValueFromContainer(&object->root, key, strlen(key), NULL);
	return value != NULL && value->type != jbvNull ? value : NULL;
}

Jsonb *
wf_json_get(Jsonb *object, const char *key)
{
	JsonbValue *value = find(object, key);

	return value != NULL ? JsonbValueToJsonb(value) : NULL;
}

char *
wf_json_get_text(Jsonb *object, const char *key)
{
	JsonbValue *value = find(object, key);

	if (value == NULL || value->type != jbvString)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

bool
wf_json_get_bool(Jsonb *object, const char *key, bool missing)
{
	JsonbValue *value = find(object, key);

	return value != NULL && value->type == jbvBool ? value->val.boolean : missing;
}

int64
wf_json_get_int(Jsonb *object, const char *key, int64 missing)
{
	JsonbValue *value = find(object, key);

	if (value == NULL || value->type != jbvNumeric)
		return missing;
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(value->val.numeric)));
}
