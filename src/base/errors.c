/*
 * errors.c - the table of conditions (decisions 1 to 7) and the way to raise one.
 *
 * docs/errors.md is checked against this table by the tests.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/errors.h"
#include "whalefall.h"

static const WfErrorRow rows[] = {
	{WF_ERR_VALIDATION, "VALIDATION_ERROR", 400, "validation", "low", "invalid input",
	 "输入不合法"},
	{WF_ERR_REQUEST_DATA_EMPTY, "REQUEST_DATA_EMPTY", 400, "validation", "low",
	 "request data is empty", "请求数据不能为空"},
	{WF_ERR_NAME_EXISTS, "NAME_EXISTS", 400, "validation", "low", "name is already in use",
	 "名称已存在"},
	{WF_ERR_PASSWORD_MISMATCH, "PASSWORD_MISMATCH", 400, "validation", "low",
	 "the two new passwords differ", "两次输入的新密码不一致"},
	{WF_ERR_PASSWORD_DUPLICATED, "PASSWORD_DUPLICATED", 400, "validation", "low",
	 "the new password equals the old one", "新密码不能与旧密码相同"},
	{WF_ERR_PASSWORD_INVALID, "PASSWORD_INVALID", 400, "validation", "low",
	 "the password breaks the policy", "密码不符合要求"},
	{WF_ERR_LAST_ADMIN_REQUIRED, "LAST_ADMIN_REQUIRED", 400, "validation", "low",
	 "no active administrator would be left", "至少需要保留一个启用的管理员"},
	{WF_ERR_AUTHENTICATION_REQUIRED, "AUTHENTICATION_REQUIRED", 401, "authentication", "medium",
	 "log in first", "请先登录"},
	{WF_ERR_TOKEN_EXPIRED, "TOKEN_EXPIRED", 401, "authentication", "medium",
	 "the token has expired", "令牌已过期"},
	{WF_ERR_TOKEN_INVALID, "TOKEN_INVALID", 401, "authentication", "medium",
	 "the token is not valid", "令牌无效"},
	{WF_ERR_INVALID_CREDENTIALS, "INVALID_CREDENTIALS", 401, "authentication", "medium",
	 "wrong user name or password", "用户名或密码错误"},
	{WF_ERR_INVALID_OLD_PASSWORD, "INVALID_OLD_PASSWORD", 401, "authentication", "medium",
	 "the old password is wrong", "旧密码错误"},
	{WF_ERR_ACCOUNT_DISABLED, "ACCOUNT_DISABLED", 403, "authorization", "medium",
	 "the account is disabled", "账户已停用"},
	{WF_ERR_CSRF_MISSING, "CSRF_MISSING", 403, "authorization", "medium",
	 "the CSRF token is missing", "缺少 CSRF 令牌"},
	{WF_ERR_CSRF_INVALID, "CSRF_INVALID", 403, "authorization", "medium",
	 "the CSRF token is not valid", "CSRF 令牌无效"},
	{WF_ERR_PERMISSION_REQUIRED, "PERMISSION_REQUIRED", 403, "authorization", "medium",
	 "permission required", "权限不足"},
	{WF_ERR_NOT_FOUND, "RESOURCE_NOT_FOUND", 404, "business", "low", "resource not found",
	 "资源不存在"},
	{WF_ERR_CONSTRAINT_VIOLATION, "CONSTRAINT_VIOLATION", 409, "business", "medium",
	 "conflicting state", "数据冲突"},
	{WF_ERR_USERNAME_EXISTS, "USERNAME_EXISTS", 409, "business", "medium", "user name is taken",
	 "用户名已存在"},
	{WF_ERR_TAG_IN_USE, "TAG_IN_USE", 409, "business", "medium", "tag is in use", "标签正在使用中"},
	{WF_ERR_CREDENTIAL_INVALID, "CREDENTIAL_INVALID", 409, "business", "medium",
	 "credential is not usable", "凭据不可用"},
	{WF_ERR_CREDENTIAL_DECRYPT_FAILED, "CREDENTIAL_DECRYPT_FAILED", 409, "business", "medium",
	 "credential cannot be decrypted", "凭据无法解密"},
	{WF_ERR_CONNECTION_FAILED, "DATABASE_CONNECTION_ERROR", 409, "system", "medium",
	 "cannot connect to the instance", "无法连接到实例"},
	{WF_ERR_SYNC_DATA, "SYNC_DATA_ERROR", 409, "system", "medium",
	 "the instance gave no usable data", "实例未返回可用数据"},
	{WF_ERR_ACCOUNT_SYNC_FAILED, "INVALID_REQUEST", 400, "system", "medium", "account sync failed",
	 "账户同步失败"},
	{WF_ERR_INVENTORY_SUSPICIOUS, "INVENTORY_SUSPICIOUS", 409, "system", "medium",
	 "the remote inventory looks wrong", "远端清单异常"},
	{WF_ERR_RATE_LIMIT, "RATE_LIMIT_EXCEEDED", 429, "security", "medium", "too many attempts",
	 "尝试次数过多，请稍后再试"},
	{WF_ERR_NO_ROUTE, "INVALID_REQUEST", 404, "business", "medium", "no such route", "接口不存在"},
	{WF_ERR_METHOD_NOT_ALLOWED, "INVALID_REQUEST", 405, "business", "medium", "method not allowed",
	 "请求方法不被允许"},
	{WF_ERR_PAYLOAD_TOO_LARGE, "INVALID_REQUEST", 413, "business", "medium",
	 "request body is too large", "请求体过大"},
	{WF_ERR_DATABASE_QUERY, "DATABASE_QUERY_ERROR", 500, "database", "high",
	 "a query of the control plane failed", "数据库查询失败"},
	{WF_ERR_TIMEOUT, "TIMEOUT", 504, "system", "high", "timed out", "请求超时"},
	{WF_ERR_NOT_SET_UP, "SERVICE_NOT_SET_UP", 500, "system", "high", "whalefall is not set up",
	 "系统尚未初始化"},
	{WF_ERR_RESTORED_COPY, "RESTORED_COPY", 409, "system", "high",
	 "this database is a copy of another control plane", "当前数据库是另一套控制面的副本"},
	{WF_ERR_WORKERS_UNAVAILABLE, "WORKERS_UNAVAILABLE", 500, "system", "high",
	 "background workers are not available", "后台进程不可用"},
	{WF_ERR_INTERNAL, "INTERNAL_ERROR", 500, "system", "high", "internal error", "内部错误"},
};

static WfErrorLast last;

/* The table's row of a code; the row of WF_ERR_INTERNAL for a code without one. */
const WfErrorRow *
wf_error_row(WfErrorCode code)
{
	for (size_t i = 0; i < lengthof(rows); i++)
		if (rows[i].code == code)
			return &rows[i];
	return &rows[lengthof(rows) - 1];
}

const WfErrorRow *
wf_error_row_by_name(const char *message_code)
{
	for (size_t i = 0; i < lengthof(rows); i++)
		if (strcmp(rows[i].message_code, message_code) == 0)
			return &rows[i];
	return NULL;
}

/* PTnnn, so that PostgREST and our dispatcher answer with status nnn. */
static int
sqlstate_of(const WfErrorRow *row)
{
	return MAKE_SQLSTATE('P', 'T', '0' + row->status / 100, '0' + row->status / 10 % 10,
						 '0' + row->status % 10);
}

/* Remember which row was raised, for the one who will render the error. */
static void
remember(WfErrorCode code, const char *extra)
{
	char *copy = extra != NULL ? MemoryContextStrdup(TopMemoryContext, extra) : NULL;

	if (last.extra != NULL)
		pfree(last.extra);
	last.code = code;
	last.extra = copy;
}

void
wf_raise_extra(WfErrorCode code, const char *extra, const char *detail, const char *hint)
{
	const WfErrorRow *row = wf_error_row(code);

	remember(code, extra);
	ereport(ERROR,
			(errcode(sqlstate_of(row)), errmsg("%s", row->message_en),
			 detail != NULL ? errdetail("%s", detail) : 0, hint != NULL ? errhint("%s", hint) : 0));
	pg_unreachable();
}

void
wf_raise(WfErrorCode code, const char *detail, const char *hint)
{
	wf_raise_extra(code, NULL, detail, hint);
}

/*
 * Which row a caught error came from: the remembered one if state and message agree, so that an
 * unrelated later error is never taken for it.
 */
WfErrorCode
wf_error_code_of(const ErrorData *error)
{
	const WfErrorRow *row = wf_error_row(last.code);

	if (last.code != WF_ERR_NONE && error->sqlerrcode == sqlstate_of(row) &&
		error->message != NULL && strcmp(error->message, row->message_en) == 0)
		return last.code;
	return WF_ERR_INTERNAL;
}

void
wf_error_forget(void)
{
	remember(WF_ERR_NONE, NULL);
}

const WfErrorLast *
wf_error_last(void)
{
	return &last;
}

WF_FUNCTION(wf_base_error_table);

/* whalefall.error_table(): the table as rows, for documents and tests. */
Datum
wf_base_error_table(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (size_t i = 0; i < lengthof(rows); i++)
	{
		Datum values[7];
		bool nulls[7] = {false};

		values[0] = CStringGetTextDatum(rows[i].message_code);
		values[1] = Int32GetDatum(rows[i].status);
		values[2] = CStringGetTextDatum(psprintf("PT%03d", rows[i].status));
		values[3] = CStringGetTextDatum(rows[i].category);
		values[4] = CStringGetTextDatum(rows[i].severity);
		values[5] = CStringGetTextDatum(rows[i].message_en);
		values[6] = CStringGetTextDatum(rows[i].message_zh);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
