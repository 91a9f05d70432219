/*
 * errors.h - the one table of conditions, and how to raise them.
 *
 * Every error of the product is a row of the table in errors.c: a message code, an SQLSTATE PTnnn
 * whose digits are the HTTP status, a fixed English message and its Chinese rendering. Values go to
 * DETAIL, advice to HINT, and machine-readable values to `extra`, which waits in backend memory for
 * whoever renders the error (wf_error_last).
 */
#ifndef WF_BASE_ERRORS_H
#define WF_BASE_ERRORS_H

#include "postgres.h"

typedef enum WfErrorCode
{
	WF_ERR_NONE,
	WF_ERR_VALIDATION,
	WF_ERR_REQUEST_DATA_EMPTY,
	WF_ERR_NAME_EXISTS,
	WF_ERR_PASSWORD_MISMATCH,
	WF_ERR_PASSWORD_DUPLICATED,
	WF_ERR_PASSWORD_INVALID,
	WF_ERR_LAST_ADMIN_REQUIRED,
	WF_ERR_AUTHENTICATION_REQUIRED,
	WF_ERR_TOKEN_EXPIRED,
	WF_ERR_TOKEN_INVALID,
	WF_ERR_INVALID_CREDENTIALS,
	WF_ERR_INVALID_OLD_PASSWORD,
	WF_ERR_ACCOUNT_DISABLED,
	WF_ERR_CSRF_MISSING,
	WF_ERR_CSRF_INVALID,
	WF_ERR_PERMISSION_REQUIRED,
	WF_ERR_NOT_FOUND,
	WF_ERR_CONSTRAINT_VIOLATION,
	WF_ERR_USERNAME_EXISTS,
	WF_ERR_TAG_IN_USE,
	WF_ERR_CREDENTIAL_INVALID,
	WF_ERR_CREDENTIAL_DECRYPT_FAILED,
	WF_ERR_CONNECTION_FAILED,
	WF_ERR_SYNC_DATA,
	WF_ERR_ACCOUNT_SYNC_FAILED,
	WF_ERR_INVENTORY_SUSPICIOUS,
	WF_ERR_RATE_LIMIT,
	WF_ERR_NO_ROUTE,
	WF_ERR_METHOD_NOT_ALLOWED,
	WF_ERR_PAYLOAD_TOO_LARGE,
	WF_ERR_DATABASE_QUERY,
	WF_ERR_TIMEOUT,
	WF_ERR_NOT_SET_UP,
	WF_ERR_RESTORED_COPY,
	WF_ERR_WORKERS_UNAVAILABLE,
	WF_ERR_INTERNAL
} WfErrorCode;

typedef struct WfErrorRow
{
	WfErrorCode code;
	const char *message_code; /* what clients compare */
	int status;				  /* HTTP status, and the digits of SQLSTATE PTnnn */
	const char *category;
	const char *severity;
	const char *message_en; /* ASCII: it may end in a protocol's status line */
	const char *message_zh;
} WfErrorRow;

/* The error that was raised last in this backend through wf_raise. */
typedef struct WfErrorLast
{
	WfErrorCode code;
	char *extra; /* JSON object text in TopMemoryContext, or NULL */
} WfErrorLast;

extern const WfErrorRow *wf_error_row(WfErrorCode code);

/* The row whose message_code is given, or NULL; for errors that were stored as text. */
extern const WfErrorRow *wf_error_row_by_name(const char *message_code);

/*
 * Raise a condition of the table. detail: one sentence with the values, or NULL; hint: what to do, or
 * NULL. Neither may hold a secret. Does not return.
 */
extern void wf_raise(WfErrorCode code, const char *detail, const char *hint)
	__attribute__((noreturn));

/* The same with machine-readable values: extra is the text of a JSON object, copied. */
extern void wf_raise_extra(WfErrorCode code, const char *extra, const char *detail,
						   const char *hint) __attribute__((noreturn));

/* Code of an error caught as ErrorData: a row of the table, or WF_ERR_INTERNAL. */
extern WfErrorCode wf_error_code_of(const ErrorData *error);

/* Forget what wf_raise left behind: a new request begins, and an older error must not be taken for one of its own. */
extern void wf_error_forget(void);

/* What wf_raise left behind; valid until the next wf_raise. */
extern const WfErrorLast *wf_error_last(void);

#endif
