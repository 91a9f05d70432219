/*
 * jb.h - reading jsonb containers without copying, and pushing found values into new ones.
 */
#ifndef WF_ACCOUNTS_JB_H
#define WF_ACCOUNTS_JB_H

#include "postgres.h"

#include "base/json.h"

/* Member of an object; false when absent, null, or the container is no object. */
static inline bool
wf_jb_member(JsonbContainer *container, const char *key, JsonbValue *value)
{
	return container != NULL && JsonContainerIsObject(container) &&
		   getKeyJsonValueFromContainer(container, key, strlen(key), value) != NULL &&
		   value->type != jbvNull;
}

/* Member that is itself an object or array, else NULL. */
static inline JsonbContainer *
wf_jb_container(JsonbContainer *container, const char *key)
{
	JsonbValue value;

	if (!wf_jb_member(container, key, &value) || value.type != jbvBinary)
		return NULL;
	return value.val.binary.data;
}

/* Is the member the boolean given? */
static inline bool
wf_jb_is_bool(JsonbContainer *container, const char *key, bool truth)
{
	JsonbValue value;

	return wf_jb_member(container, key, &value) && value.type == jbvBool &&
		   value.val.boolean == truth;
}

/* Is the member the string given? */
static inline bool
wf_jb_is_text(JsonbContainer *container, const char *key, const char *text)
{
	JsonbValue value;

	return wf_jb_member(container, key, &value) && value.type == jbvString &&
		   value.val.string.len == (int) strlen(text) &&
		   memcmp(value.val.string.val, text, strlen(text)) == 0;
}

/* Does an array hold the string given? A NULL array holds nothing. */
static inline bool
wf_jb_array_has(JsonbContainer *array, const char *text)
{
	JsonbValue wanted;

	if (array == NULL || !JsonContainerIsArray(array))
		return false;
	wanted.type = jbvString;
	wanted.val.string.val = unconstify(char *, text);
	wanted.val.string.len = strlen(text);
	return findJsonbValueFromContainer(array, JB_FARRAY, &wanted) != NULL;
}

static inline void
wf_jb_push_key(WfJson *json, const char *key, int length)
{
	JsonbValue value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = length;
	pushJsonbValue(&json->state, WJB_KEY, &value);
}

/* Add a found value under a key; containers are copied. */
static inline void
wf_jb_add(WfJson *json, const char *key, JsonbValue *value)
{
	wf_jb_push_key(json, key, strlen(key));
	pushJsonbValue(&json->state, WJB_VALUE, value);
}

#endif
