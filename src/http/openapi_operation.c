/*
 * openapi_operation.c - one operation of the OpenAPI document: arguments, body, answers.
 */
#include "postgres.h"

#include <ctype.h>
#include <limits.h>

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "http/openapi.h"

/* Which answers an operation has beside its success, by what the route tells of it. */
typedef enum Applies
{
	ALWAYS,
	WITH_INPUT,
	WITH_LOGIN,
	WITH_PERMISSION,
	WITH_ID,
	WITH_WRITE,
	WITH_BODY,
	WITH_LIMIT
} Applies;

static const struct
{
	int status;
	Applies applies;
	const char *name; /* of the component */
	const char *description;
} failures[] = {
	{400, WITH_INPUT, "invalid",
	 "the request does not fit, or a rule of the operation speaks against it"},
	{401, WITH_LOGIN, "unauthenticated", "no login, or one that is over"},
	{403, WITH_PERMISSION, "forbidden",
	 "the role may not do this, or the CSRF token is missing or wrong"},
	{404, WITH_ID, "not_found", "there is no such row"},
	{409, WITH_WRITE, "conflict",
	 "it conflicts with what is there, or a remote server did not do it"},
	{413, WITH_BODY, "too_large", "the body is larger than 16 MiB"},
	{429, WITH_LIMIT, "too_many", "too many attempts; Retry-After tells the seconds to wait"},
	{500, ALWAYS, "failed", "a fault of the program, which its log explains under error_id"},
	{504, ALWAYS, "timed_out", "it took too long"},
};

static bool
is_write(const WfDocRoute *route)
{
	return strcmp(route->method, "get") != 0;
}

static bool
has_body(const WfDocRoute *route)
{
	return strcmp(route->method, "post") == 0 || strcmp(route->method, "put") == 0;
}

/* An argument that is sent in the body. */
static bool
in_body(const WfDocRoute *route, const WfDocArg *arg)
{
	return has_body(route) && !arg->in_path && !arg->part_of_upload;
}

/* Does the name say that it is an id, or ids? */
static bool
names_row(const WfDocArg *arg)
{
	size_t length = strlen(arg->name);

	return arg->in_path || (length > 3 && strcmp(arg->name + length - 3, "_id") == 0) ||
		   (length > 4 && strcmp(arg->name + length - 4, "_ids") == 0);
}

static bool
takes_id(const WfDocRoute *route)
{
	ListCell *cell;

	foreach (cell, route->args)
		if (names_row(lfirst(cell)))
			return true;
	return false;
}

static bool
applies(Applies kind, const WfDocRoute *route)
{
	bool anonymous = strcmp(route->permission, "anon") == 0;

	switch (kind)
	{
		case WITH_INPUT:
			return route->args != NIL || is_write(route);
		case WITH_LOGIN:
			/* Anonymous operations that write deal with logins. */
			return !anonymous || is_write(route);
		case WITH_PERMISSION:
			return route->csrf || (!anonymous && strcmp(route->permission, "login") != 0);
		case WITH_ID:
			return takes_id(route);
		case WITH_WRITE:
			return is_write(route) && !anonymous;
		case WITH_BODY:
			return has_body(route);
		case WITH_LIMIT:
			return route->limited;
		case ALWAYS:
			return true;
	}
	return true;
}

/* Bounds of a number, a text's length or a list's, as its schema names them. */
static void
write_bounds(WfJsonText *json, const WfDocArg *arg)
{
	bool list = arg->type == JSONBOID || OidIsValid(get_element_type(arg->type));
	bool text = arg->type == TEXTOID;

	if (arg->minimum != INT_MIN)
		wf_json_text_int(json, list ? "minItems" : text ? "minLength" : "minimum", arg->minimum);
	if (arg->maximum != INT_MAX)
		wf_json_text_int(json, list ? "maxItems" : text ? "maxLength" : "maximum", arg->maximum);
}

/* The schema of an argument: its type, and what more is known. */
static void
write_arg_schema(WfJsonText *json, WfDocModel *model, const char *key, const WfDocArg *arg,
				 bool with_description)
{
	if (arg->shape != NULL)
		(void) wf_openapi_open_shape(json, model, key, arg->shape);
	else
		wf_openapi_open_type(json, model, key, arg->type, arg->nullable);
	write_bounds(json, arg);
	if (arg->words != NULL)
		wf_json_text_raw(json, "enum", arg->words);
	if (arg->value != NULL)
		wf_json_text_raw(json, "default", arg->value);
	if (strstr(arg->name, "password") != NULL)
		wf_json_text_string(json, "format", "password");
	if (with_description && arg->about != NULL)
		wf_json_text_string(json, "description", arg->about);
	wf_json_text_close(json);
}

/* Arguments of the path and of the query string. */
static void
write_parameters(WfJsonText *json, WfDocModel *model, const WfDocRoute *route)
{
	bool opened = false;
	ListCell *cell;

	foreach (cell, route->args)
	{
		const WfDocArg *arg = lfirst(cell);

		if (in_body(route, arg) || arg->part_of_upload)
			continue;
		if (!opened)
			wf_json_text_array(json, "parameters");
		opened = true;
		wf_json_text_object(json, NULL);
		wf_json_text_string(json, "name", arg->name);
		wf_json_text_string(json, "in", arg->in_path ? "path" : "query");
		wf_json_text_bool(json, "required", arg->in_path || arg->required);
		if (arg->about != NULL)
			wf_json_text_string(json, "description", arg->about);
		write_arg_schema(json, model, "schema", arg, false);
		wf_json_text_close(json);
	}
	if (opened)
		wf_json_text_close(json);
}

/* The members of a body; gives how many are required. */
static int
write_body_schema(WfJsonText *json, WfDocModel *model, const WfDocRoute *route)
{
	int required = 0;
	ListCell *cell;

	wf_json_text_object(json, "schema");
	wf_json_text_string(json, "type", "object");
	wf_json_text_object(json, "properties");
	foreach (cell, route->args)
	{
		const WfDocArg *arg = lfirst(cell);

		if (in_body(route, arg))
			write_arg_schema(json, model, arg->name, arg, true);
	}
	wf_json_text_close(json);
	foreach (cell, route->args)
	{
		const WfDocArg *arg = lfirst(cell);

		if (!in_body(route, arg) || !arg->required)
			continue;
		if (required++ == 0)
			wf_json_text_array(json, "required");
		wf_json_text_string(json, NULL, arg->name);
	}
	if (required > 0)
		wf_json_text_close(json);
	wf_json_text_close(json);
	return required;
}

/* An upload is a form with one part "file". */
static void
write_upload(WfJsonText *json)
{
	wf_json_text_object(json, "multipart/form-data");
	wf_json_text_raw(json, "schema",
					 "{\"type\":\"object\",\"properties\":{\"file\":{\"type\":\"string\","
					 "\"contentMediaType\":\"text/csv\",\"description\":\"CSV file in UTF-8, "
					 "its name ending in .csv\"}},\"required\":[\"file\"]}");
	wf_json_text_close(json);
}

static void
write_body(WfJsonText *json, WfDocModel *model, const WfDocRoute *route)
{
	bool any = false;
	int required;
	ListCell *cell;

	foreach (cell, route->args)
		any = any || in_body(route, lfirst(cell));
	if (!any)
		return;
	wf_json_text_object(json, "requestBody");
	wf_json_text_object(json, "content");
	if (route->upload)
		write_upload(json);
	wf_json_text_object(json, "application/json");
	required = write_body_schema(json, model, route);
	wf_json_text_close(json);
	wf_json_text_close(json);
	wf_json_text_bool(json, "required", required > 0 || route->upload);
	wf_json_text_close(json);
}

/* The envelope around data; shape NULL: without data. Gives where the shape ends. */
static const char *
write_envelope(WfJsonText *json, WfDocModel *model, const char *shape)
{
	wf_json_text_object(json, "schema");
	wf_json_text_string(json, "type", "object");
	wf_json_text_object(json, "properties");
	wf_json_text_raw(json, "success", "{\"const\":true}");
	wf_json_text_raw(json, "error", "{\"const\":false}");
	wf_json_text_raw(json, "message", "{\"type\":\"string\"}");
	wf_json_text_raw(json, "timestamp", "{\"type\":\"string\",\"format\":\"date-time\"}");
	if (shape != NULL)
	{
		shape = wf_openapi_open_shape(json, model, "data", shape);
		wf_json_text_close(json);
	}
	wf_json_text_close(json);
	wf_json_text_array(json, "required");
	wf_json_text_string(json, NULL, "success");
	wf_json_text_string(json, NULL, "error");
	wf_json_text_string(json, NULL, "message");
	wf_json_text_string(json, NULL, "timestamp");
	if (shape != NULL)
		wf_json_text_string(json, NULL, "data");
	wf_json_text_close(json);
	wf_json_text_bool(json, "additionalProperties", false);
	wf_json_text_close(json);
	return shape;
}

/* One answer that is a success; gives where its shape ends. */
static const char *
write_success(WfJsonText *json, WfDocModel *model, const WfDocRoute *route, int status,
			  const char *shape, const char *description)
{
	wf_json_text_object(json, psprintf("%d", status));
	wf_json_text_string(json, "description", description);
	wf_json_text_object(json, "content");
	if (route->is_file)
	{
		wf_json_text_object(json, "text/csv");
		wf_json_text_raw(json, "schema", "{\"type\":\"string\"}");
	}
	else
	{
		wf_json_text_object(json, "application/json");
		if (route->raw)
			wf_json_text_raw(json, "schema", "{\"type\":\"object\"}");
		else
			shape = write_envelope(json, model, shape);
	}
	wf_json_text_close(json);
	wf_json_text_close(json);
	wf_json_text_close(json);
	return shape;
}

/* "shape or 202 shape": another status, with another shape or the same. */
static void
write_successes(WfJsonText *json, WfDocModel *model, const WfDocRoute *route)
{
	static const char or [] = " or ";
	const char *rest = write_success(json, model, route, route->status, route->result, "done");
	char *end;
	long status;

	if (rest == NULL || strncmp(rest, or, strlen(or)) != 0)
		return;
	status = strtol(rest + strlen(or), &end, 10);
	(void) write_success(json, model, route, (int) status, *end == ' ' ? end + 1 : route->result,
						 status == 202 ? "not done yet; it goes on" : "done in part");
}

static void
write_answers(WfJsonText *json, WfDocModel *model, const WfDocRoute *route)
{
	wf_json_text_object(json, "responses");
	write_successes(json, model, route);
	for (size_t i = 0; i < lengthof(failures); i++)
	{
		if (!applies(failures[i].applies, route))
			continue;
		wf_json_text_object(json, psprintf("%d", failures[i].status));
		wf_json_text_string(json, "$ref", psprintf("#/components/responses/%s", failures[i].name));
		wf_json_text_close(json);
	}
	wf_json_text_close(json);
}

void
wf_openapi_write_responses(WfJsonText *json)
{
	for (size_t i = 0; i < lengthof(failures); i++)
	{
		wf_json_text_object(json, failures[i].name);
		wf_json_text_string(json, "description", failures[i].description);
		if (failures[i].applies == WITH_LIMIT)
			wf_json_text_raw(json, "headers",
							 "{\"Retry-After\":{\"description\":\"seconds\","
							 "\"schema\":{\"type\":\"integer\"}}}");
		wf_json_text_raw(json, "content",
						 "{\"application/json\":{\"schema\":"
						 "{\"$ref\":\"#/components/schemas/error\"}}}");
		wf_json_text_close(json);
	}
}

/* What a caller must send: a token, or the cookie, with the CSRF token when something is changed. */
static const char *
security_of(const WfDocRoute *route)
{
	bool anonymous = strcmp(route->permission, "anon") == 0;

	/* The only operation whose token is another one. */
	if (strcmp(route->operation, "auth_refresh") == 0)
		return "[{\"refresh\":[]}]";
	if (anonymous)
		return route->csrf ? "[{},{\"csrf\":[]}]" : "[]";
	return route->csrf ? "[{\"bearer\":[]},{\"session\":[],\"csrf\":[]}]"
					   : "[{\"bearer\":[]},{\"session\":[]}]";
}

void
wf_openapi_write_security(WfJsonText *json)
{
	wf_json_text_raw(json, "bearer",
					 "{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\","
					 "\"description\":\"access token of auth_login\"}");
	wf_json_text_raw(json, "refresh",
					 "{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\","
					 "\"description\":\"refresh token of auth_login\"}");
	wf_json_text_raw(json, "session",
					 "{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"whalefall_session\","
					 "\"description\":\"cookie of auth_login\"}");
	wf_json_text_raw(json, "csrf",
					 "{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-CSRFToken\","
					 "\"description\":\"token of auth_csrf_token; needed with the cookie\"}");
}

/* The comment without what it says of the argument clear, which HTTP does not have. */
static char *
comment_for_http(const char *comment)
{
	const char *from = strstr(comment, "; clear names");
	const char *to = from != NULL ? strchr(from, ')') : NULL;

	if (to == NULL)
		return pstrdup(comment);
	return psprintf("%.*s%s", (int) (from - comment), comment, to + 1);
}

/* Comments begin with what people need first; the rest follows a semicolon or is another sentence. */
static void
write_texts(WfJsonText *json, const WfDocRoute *route)
{
	char *comment;
	size_t end;

	if (route->comment == NULL)
		return;
	comment = comment_for_http(route->comment);
	for (end = 0; comment[end] != '\0' && comment[end] != ';' &&
				  !(comment[end] == '.' && comment[end + 1] == ' ' &&
					isupper((unsigned char) comment[end + 2]));
		 end++)
		;
	wf_json_text_string(json, "summary", pnstrdup(comment, end));
	if (comment[end] != '\0')
		wf_json_text_string(json, "description", comment);
}

void
wf_openapi_write_operation(WfJsonText *json, WfDocModel *model, const WfDocRoute *route)
{
	wf_json_text_object(json, route->method);
	wf_json_text_array(json, "tags");
	wf_json_text_string(json, NULL, route->module);
	wf_json_text_close(json);
	wf_json_text_string(json, "operationId",
						route->alias_of != NULL ? psprintf("%s_alias", route->operation)
												: route->operation);
	write_texts(json, route);
	if (route->alias_of != NULL)
	{
		wf_json_text_bool(json, "deprecated", true);
		wf_json_text_string(json, "x-alias-of", route->alias_of);
	}
	wf_json_text_string(json, "x-permission", route->permission);
	wf_json_text_raw(json, "security", security_of(route));
	write_parameters(json, model, route);
	write_body(json, model, route);
	write_answers(json, model, route);
	wf_json_text_close(json);
}
