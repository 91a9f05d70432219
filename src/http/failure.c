/*
 * failure.c - what a caught error means to the client.
 *
 * No error text of the server reaches a client unless it speaks of what the client has sent: names of tables, SQL
 * and values of other people stand in such texts. What stays inside goes to the server's log and to the unified log
 * under the error's id.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "base/text.h"
#include "http/failure.h"
#include "whalefall.h"

/* Texts of errors that are not ours are cut here. */
#define MAX_TEXT_BYTES 2000

#define CLASS(a, b) MAKE_SQLSTATE(a, b, '0', '0', '0')

/* Unique constraints whose violation has a code of its own. */
static const struct
{
	const char *constraint;
	WfErrorCode code;
} unique_names[] = {
	{"credentials_name_key", WF_ERR_NAME_EXISTS},
	{"tags_name_key", WF_ERR_NAME_EXISTS},
	{"users_username_key", WF_ERR_USERNAME_EXISTS},
};

/*
 * Some conditions say why a remote action or a background task could not work; they are words of logs and results,
 * not of the contract over HTTP (decisions 3 and 7).
 */
static WfErrorCode
public_code(WfErrorCode code)
{
	switch (code)
	{
		case WF_ERR_CREDENTIAL_DECRYPT_FAILED:
			return WF_ERR_CREDENTIAL_INVALID;
		case WF_ERR_INVENTORY_SUSPICIOUS:
			return WF_ERR_SYNC_DATA;
		case WF_ERR_RESTORED_COPY:
			return WF_ERR_CONSTRAINT_VIOLATION;
		case WF_ERR_NOT_SET_UP:
		case WF_ERR_WORKERS_UNAVAILABLE:
			return WF_ERR_INTERNAL;
		default:
			return code;
	}
}

static WfErrorCode
code_of_unique(const ErrorData *error)
{
	if (error->constraint_name != NULL && error->schema_name != NULL &&
		strcmp(error->schema_name, WF_SCHEMA) == 0)
		for (size_t i = 0; i < lengthof(unique_names); i++)
			if (strcmp(error->constraint_name, unique_names[i].constraint) == 0)
				return unique_names[i].code;
	return WF_ERR_CONSTRAINT_VIOLATION;
}

/* PTnnn that is not of our table: raised by a companion's function. Others than the contract's statuses are 500. */
static WfErrorCode
code_of_status(int sqlstate)
{
	switch (sqlstate)
	{
		case MAKE_SQLSTATE('P', 'T', '4', '0', '0'):
			return WF_ERR_VALIDATION;
		case MAKE_SQLSTATE('P', 'T', '4', '0', '1'):
			return WF_ERR_AUTHENTICATION_REQUIRED;
		case MAKE_SQLSTATE('P', 'T', '4', '0', '3'):
			return WF_ERR_PERMISSION_REQUIRED;
		case MAKE_SQLSTATE('P', 'T', '4', '0', '4'):
			return WF_ERR_NOT_FOUND;
		case MAKE_SQLSTATE('P', 'T', '4', '0', '9'):
			return WF_ERR_CONSTRAINT_VIOLATION;
		case MAKE_SQLSTATE('P', 'T', '4', '2', '9'):
			return WF_ERR_RATE_LIMIT;
		case MAKE_SQLSTATE('P', 'T', '5', '0', '4'):
			return WF_ERR_TIMEOUT;
		default:
			return WF_ERR_INTERNAL;
	}
}

static WfErrorCode
code_of_sqlstate(const ErrorData *error)
{
	switch (error->sqlerrcode)
	{
		case ERRCODE_UNIQUE_VIOLATION:
			return code_of_unique(error);
		case ERRCODE_FOREIGN_KEY_VIOLATION:
		case ERRCODE_EXCLUSION_VIOLATION:
		case ERRCODE_LOCK_NOT_AVAILABLE:
			return WF_ERR_CONSTRAINT_VIOLATION;
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			return WF_ERR_PERMISSION_REQUIRED;
		case ERRCODE_RAISE_EXCEPTION:
			return WF_ERR_VALIDATION;
		case ERRCODE_NO_DATA_FOUND:
			return WF_ERR_NOT_FOUND;
		case ERRCODE_QUERY_CANCELED:
			return WF_ERR_TIMEOUT;
		default:
			break;
	}
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case CLASS('P', 'T'):
			return code_of_status(error->sqlerrcode);
		case CLASS('4', '0'):
			return WF_ERR_CONSTRAINT_VIOLATION;
		case CLASS('2', '2'):
		case CLASS('2', '3'):
			return WF_ERR_VALIDATION;
		case CLASS('X', 'X'):
			return WF_ERR_INTERNAL;
		default:
			return WF_ERR_DATABASE_QUERY;
	}
}

/*
 * What of an error that is not ours may be told. Class 22 speaks of a value, PT and P0 were written for the caller;
 * the rest speaks of our tables.
 */
static const char *
tellable(const ErrorData *error, const WfErrorRow *row)
{
	int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	if (row->status >= 500 || error->message == NULL)
		return NULL;
	if (category == CLASS('2', '2') || category == CLASS('P', 'T') ||
		error->sqlerrcode == ERRCODE_RAISE_EXCEPTION || error->sqlerrcode == ERRCODE_NO_DATA_FOUND)
		return wf_text_clip(error->message, MAX_TEXT_BYTES);
	if (error->sqlerrcode == ERRCODE_NOT_NULL_VIOLATION && error->column_name != NULL)
		return psprintf("The field \"%s\" is required.", error->column_name);
	return NULL;
}

/* Everything in one line. Classes 22 and 23 quote values in their DETAIL: it is left out. */
static const char *
full_text(const ErrorData *error)
{
	int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s: %s", unpack_sql_state(error->sqlerrcode),
					 error->message != NULL ? wf_text_clip(error->message, MAX_TEXT_BYTES) : "");
	if (error->detail != NULL && category != CLASS('2', '2') && category != CLASS('2', '3'))
		appendStringInfo(&text, "; %s", wf_text_clip(error->detail, MAX_TEXT_BYTES));
	if (error->constraint_name != NULL)
		appendStringInfo(&text, "; constraint %s", error->constraint_name);
	return text.data;
}

void
wf_failure_read(const ErrorData *error, WfFailure *failure)
{
	WfErrorCode code = wf_error_code_of(error);
	bool ours = code != WF_ERR_INTERNAL;
	const char *extra = wf_error_last()->extra;

	failure->row = wf_error_row(ours ? public_code(code) : code_of_sqlstate(error));
	failure->detail = NULL;
	failure->extra = NULL;
	if (!ours)
		failure->detail = tellable(error, failure->row);
	else if (failure->row->status < 500)
	{
		failure->detail = error->detail != NULL ? pstrdup(error->detail) : NULL;
		failure->extra = extra != NULL ? pstrdup(extra) : NULL;
	}
	failure->type =
		ours ? wf_error_row(code)->message_code : pstrdup(unpack_sql_state(error->sqlerrcode));
	failure->text = full_text(error);
	wf_request_new_id(failure->error_id);
}

bool
wf_failure_is_unexpected(const WfFailure *failure)
{
	return failure->row->status >= 500;
}

void
wf_failure_report(const ErrorData *error, const WfFailure *failure)
{
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("request failed with error_id %s: %s", failure->error_id, failure->text),
			 error->context != NULL ? errcontext("%s", error->context) : 0, errhidestmt(true)));
}
