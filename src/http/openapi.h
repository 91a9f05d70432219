/*
 * openapi.h - the OpenAPI document: what it is made of, and the parts that write it.
 *
 * Everything comes from declarations that are there anyway: the route table, the functions of the operations, their
 * comments, the result types, and whalefall_http.arguments. Nothing is written down twice.
 */
#ifndef WF_HTTP_OPENAPI_H
#define WF_HTTP_OPENAPI_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "http/json_text.h"

/* An attribute of a result type. */
typedef struct WfDocField
{
	const char *name;
	Oid type;
	const char *comment; /* may be NULL */
	bool nullable;
	bool absent; /* may be left out */
} WfDocField;

/* A result type: composite (fields) or enum (labels). */
typedef struct WfDocType
{
	Oid oid;
	const char *name;	 /* of the component */
	const char *comment; /* may be NULL */
	List *fields;		 /* of WfDocField *; NIL for an enum */
	const char *labels;	 /* JSON array of an enum's words; NULL for a composite */
	bool used;			 /* something in the document refers to it */
} WfDocType;

/* An argument of an operation, as HTTP shows it. */
typedef struct WfDocArg
{
	const char *name; /* over HTTP: limit, order */
	Oid type;
	bool in_path;
	bool required;
	bool nullable;		 /* an explicit null clears it */
	int minimum;		 /* INT_MIN: none */
	int maximum;		 /* INT_MAX: none */
	const char *shape;	 /* more than the type tells, or NULL */
	const char *words;	 /* JSON array of the values, or NULL */
	const char *value;	 /* default as JSON, or NULL */
	const char *about;	 /* may be NULL */
	bool part_of_upload; /* comes as the file of a multipart body */
} WfDocArg;

typedef struct WfDocRoute
{
	const char *method; /* lower case */
	const char *path;
	const char *operation;
	const char *permission;
	bool csrf;
	int status;
	const char *module;
	const char *alias_of; /* path of the usual route, or NULL */
	bool raw;
	bool upload;
	bool limited;		/* has a rate limit */
	const char *result; /* shape of data, or NULL */
	bool is_file;
	const char *comment; /* of the function; may be NULL */
	List *args;			 /* of WfDocArg * */
} WfDocRoute;

typedef struct WfDocModel
{
	List *routes; /* of WfDocRoute *, by path and method */
	List *types;  /* of WfDocType *, by name */
} WfDocModel;

/* Read all declarations; palloc'd in the current context. SPI not connected, user = owner. */
extern WfDocModel *wf_openapi_load(void);

/*
 * Start the schema of a type under a key (NULL in arrays): a reference for a result type. The object stays open, for
 * what more there is to say.
 */
extern void wf_openapi_open_type(WfJsonText *json, WfDocModel *model, const char *key, Oid type,
								 bool nullable);

/*
 * The same for a shape (column result of the route table):
 *
 *     name, name[]      a result type or a type of SQL, a list of it
 *     page of name      a page of a list
 *     {key: shape}      an object with this one member
 *
 * Gives where the shape ends in the text. A name that is not known takes any value.
 */
extern const char *wf_openapi_open_shape(WfJsonText *json, WfDocModel *model, const char *key,
										 const char *shape);

/* Write the result types that are used, as members of an open object. */
extern void wf_openapi_write_types(WfJsonText *json, WfDocModel *model);

/* Write the operation of a route, as member of an open path object. */
extern void wf_openapi_write_operation(WfJsonText *json, WfDocModel *model,
									   const WfDocRoute *route);

/* Write the members of components that are no result types: error, responses, security schemes. */
extern void wf_openapi_write_responses(WfJsonText *json);
extern void wf_openapi_write_security(WfJsonText *json);

#endif
