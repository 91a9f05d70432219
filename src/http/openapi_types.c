/*
 * openapi_types.c - JSON schemas of result types and of the types of SQL.
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "http/openapi.h"

/* How a type of SQL looks in JSON. */
static const struct
{
	Oid oid;
	const char *name; /* in shapes */
	const char *type; /* NULL: any value */
	const char *format;
} sql_types[] = {
	{BOOLOID, "boolean", "boolean", NULL},
	{INT2OID, "smallint", "integer", "int32"},
	{INT4OID, "integer", "integer", "int32"},
	{INT8OID, "bigint", "integer", "int64"},
	{NUMERICOID, "numeric", "number", NULL},
	{FLOAT4OID, "real", "number", NULL},
	{FLOAT8OID, "double", "number", NULL},
	{TEXTOID, "text", "string", NULL},
	{DATEOID, "date", "string", "date"},
	{TIMESTAMPTZOID, "timestamptz", "string", "date-time"},
	{UUIDOID, "uuid", "string", "uuid"},
	{JSONOID, "json", NULL, NULL},
	{JSONBOID, "jsonb", NULL, NULL},
};

static WfDocType *
find_type(WfDocModel *model, Oid oid)
{
	ListCell *cell;

	foreach (cell, model->types)
		if (((WfDocType *) lfirst(cell))->oid == oid)
			return lfirst(cell);
	return NULL;
}

/* "type": name, or with null beside it. */
static void
write_type_name(WfJsonText *json, const char *name, bool nullable)
{
	if (!nullable)
	{
		wf_json_text_string(json, "type", name);
		return;
	}
	wf_json_text_array(json, "type");
	wf_json_text_string(json, NULL, name);
	wf_json_text_string(json, NULL, "null");
	wf_json_text_close(json);
}

/* What is used by others is used itself, and so on. The types have no cycle: SQL does not allow one. */
static void
mark_used(WfDocModel *model, Oid oid)
{
	Oid element = get_element_type(oid);
	WfDocType *type = find_type(model, OidIsValid(element) ? element : oid);
	ListCell *cell;

	if (type == NULL || type->used)
		return;
	type->used = true;
	foreach (cell, type->fields)
		mark_used(model, ((WfDocField *) lfirst(cell))->type);
}

/* A reference to a result type; null is an alternative to it. */
static void
write_reference(WfJsonText *json, WfDocModel *model, const WfDocType *type, bool nullable)
{
	char *target = psprintf("#/components/schemas/%s", type->name);

	mark_used(model, type->oid);
	if (!nullable)
	{
		wf_json_text_string(json, "$ref", target);
		return;
	}
	wf_json_text_array(json, "anyOf");
	wf_json_text_object(json, NULL);
	wf_json_text_string(json, "$ref", target);
	wf_json_text_close(json);
	wf_json_text_object(json, NULL);
	wf_json_text_string(json, "type", "null");
	wf_json_text_close(json);
	wf_json_text_close(json);
}

void
wf_openapi_open_type(WfJsonText *json, WfDocModel *model, const char *key, Oid type, bool nullable)
{
	Oid element = get_element_type(type);
	const WfDocType *ours = find_type(model, type);

	wf_json_text_object(json, key);
	if (OidIsValid(element))
	{
		write_type_name(json, "array", nullable);
		wf_openapi_open_type(json, model, "items", element, false);
		wf_json_text_close(json);
		return;
	}
	if (ours != NULL)
	{
		write_reference(json, model, ours, nullable);
		return;
	}
	for (size_t i = 0; i < lengthof(sql_types); i++)
	{
		if (sql_types[i].oid != type || sql_types[i].type == NULL)
			continue;
		write_type_name(json, sql_types[i].type, nullable);
		if (sql_types[i].format != NULL)
			wf_json_text_string(json, "format", sql_types[i].format);
	}
}

/* The whole schema of a member. */
static void
write_member(WfJsonText *json, WfDocModel *model, const char *key, Oid type, bool nullable,
			 const char *description)
{
	wf_openapi_open_type(json, model, key, type, nullable);
	if (description != NULL)
		wf_json_text_string(json, "description", description);
	wf_json_text_close(json);
}

/* The type of a name in a shape; InvalidOid when there is none. */
static Oid
type_of_name(WfDocModel *model, const char *name)
{
	ListCell *cell;

	foreach (cell, model->types)
		if (strcmp(((WfDocType *) lfirst(cell))->name, name) == 0)
			return ((WfDocType *) lfirst(cell))->oid;
	for (size_t i = 0; i < lengthof(sql_types); i++)
		if (strcmp(sql_types[i].name, name) == 0)
			return sql_types[i].oid;
	return InvalidOid;
}

/* The next name; what follows it is where *at points then. */
static char *
take_name(const char **at)
{
	size_t length = 0;

	while (isalnum((unsigned char) (*at)[length]) || (*at)[length] == '_' || (*at)[length] == '.')
		length++;
	*at += length;
	return pnstrdup(*at - length, length);
}

/* name or name[] */
static const char *
open_named(WfJsonText *json, WfDocModel *model, const char *key, const char *at)
{
	Oid type = type_of_name(model, take_name(&at));

	if (strncmp(at, "[]", 2) != 0)
	{
		wf_openapi_open_type(json, model, key, type, false);
		return at;
	}
	wf_json_text_object(json, key);
	write_type_name(json, "array", false);
	write_member(json, model, "items", type, false, NULL);
	return at + 2;
}

/* Start a strict object and its properties; end these, all of them being required. */
static void
open_object(WfJsonText *json, const char *key)
{
	wf_json_text_object(json, key);
	write_type_name(json, "object", false);
	wf_json_text_object(json, "properties");
}

static void
close_properties(WfJsonText *json, const char *required)
{
	wf_json_text_close(json);
	wf_json_text_raw(json, "required", required);
	wf_json_text_bool(json, "additionalProperties", false);
}

/* What every paged list answers (api part 1, 1.13). */
static const char *
open_page(WfJsonText *json, WfDocModel *model, const char *key, const char *at)
{
	Oid type = type_of_name(model, take_name(&at));

	open_object(json, key);
	wf_json_text_object(json, "items");
	write_type_name(json, "array", false);
	write_member(json, model, "items", type, false, NULL);
	wf_json_text_string(json, "description", "entries of this page");
	wf_json_text_close(json);
	write_member(json, model, "total", INT8OID, false, "entries over all pages");
	write_member(json, model, "page", INT4OID, false, "number of this page, from 1");
	write_member(json, model, "pages", INT8OID, false, "number of pages");
	write_member(json, model, "limit", INT4OID, false, "entries on a page");
	close_properties(json, "[\"items\",\"total\",\"page\",\"pages\",\"limit\"]");
	return at;
}

/* {key: shape} */
static const char *
open_wrapped(WfJsonText *json, WfDocModel *model, const char *key, const char *at)
{
	char *member = take_name(&at);

	open_object(json, key);
	at = wf_openapi_open_shape(json, model, member, at + strspn(at, ": "));
	wf_json_text_close(json);
	close_properties(json, psprintf("[\"%s\"]", member));
	return at + strspn(at, "}");
}

const char *
wf_openapi_open_shape(WfJsonText *json, WfDocModel *model, const char *key, const char *shape)
{
	static const char page[] = "page of ";

	if (*shape == '{')
		return open_wrapped(json, model, key, shape + 1);
	if (strncmp(shape, page, strlen(page)) == 0)
		return open_page(json, model, key, shape + strlen(page));
	return open_named(json, model, key, shape);
}

/* A composite type: a strict object. */
static void
write_composite(WfJsonText *json, WfDocModel *model, const WfDocType *type)
{
	ListCell *cell;

	wf_json_text_string(json, "type", "object");
	wf_json_text_object(json, "properties");
	foreach (cell, type->fields)
	{
		const WfDocField *field = lfirst(cell);

		write_member(json, model, field->name, field->type, field->nullable, field->comment);
	}
	wf_json_text_close(json);
	wf_json_text_array(json, "required");
	foreach (cell, type->fields)
		if (!((WfDocField *) lfirst(cell))->absent)
			wf_json_text_string(json, NULL, ((WfDocField *) lfirst(cell))->name);
	wf_json_text_close(json);
	wf_json_text_bool(json, "additionalProperties", false);
}

void
wf_openapi_write_types(WfJsonText *json, WfDocModel *model)
{
	ListCell *cell;

	foreach (cell, model->types)
	{
		const WfDocType *type = lfirst(cell);

		if (!type->used)
			continue;
		wf_json_text_object(json, type->name);
		if (type->comment != NULL)
			wf_json_text_string(json, "description", type->comment);
		if (type->labels != NULL)
		{
			wf_json_text_string(json, "type", "string");
			wf_json_text_raw(json, "enum", type->labels);
		}
		else
			write_composite(json, model, type);
		wf_json_text_close(json);
	}
}
