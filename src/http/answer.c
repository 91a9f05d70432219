/*
 * answer.c - answers: envelopes, files, status and headers.
 *
 * An envelope is written as text around what the operation gave, which is JSON already and not read again.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "base/clock.h"
#include "base/translate.h"
#include "http/answer.h"

#define JSON_TYPE "application/json; charset=utf-8"

/* What to do about it, by category: two sentences, in both languages. */
static const struct
{
	const char *category;
	const char *zh[2];
	const char *en[2];
} suggestions[] = {
	{"validation",
	 {"请检查输入内容", "请按提示修改参数后重试"},
	 {"Check the input.", "Correct the parameters as the message says and try again."}},
	{"business",
	 {"请确认业务规则与数据状态", "如有疑问请联系管理员核对数据"},
	 {"Check the rule that the message names.", "Ask an administrator to check the data."}},
	{"authentication",
	 {"请重新登录", "请检查登录凭据"},
	 {"Log in again.", "Check the credentials."}},
	{"authorization",
	 {"请检查权限设置", "请联系管理员"},
	 {"Check the permissions of your role.", "Contact an administrator."}},
	{"security", {"请稍后重试", "请联系管理员"}, {"Try again later.", "Contact an administrator."}},
	{"database",
	 {"请检查数据库连接", "请联系数据库管理员"},
	 {"Check the connection to the database.", "Contact the database administrator."}},
	{"system",
	 {"请联系管理员", "请查看错误日志"},
	 {"Contact an administrator.", "Look at the error log."}},
};

/* Begin a text that will become a bytea: its first four bytes are for the length. */
static void
begin_body(StringInfo text)
{
	initStringInfo(text);
	appendStringInfoSpaces(text, VARHDRSZ);
}

static bytea *
finish_body(StringInfo text)
{
	SET_VARSIZE(text->data, text->len);
	return (bytea *) text->data;
}

/* YYYY-MM-DDTHH:MM:SS[.ffffff]+00:00 */
static void
append_time(StringInfo text, TimestampTz instant)
{
	struct pg_tm tm;
	fsec_t fraction;

	if (timestamp2tm(instant, NULL, &tm, &fraction, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	appendStringInfo(text, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year, tm.tm_mon, tm.tm_mday,
					 tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (fraction != 0)
		appendStringInfo(text, ".%06d", (int) fraction);
	appendStringInfoString(text, "+00:00");
}

static void
append_key(StringInfo text, const char *key)
{
	appendStringInfoString(text, ",\"");
	appendStringInfoString(text, key);
	appendStringInfoString(text, "\":");
}

static void
append_text(StringInfo text, const char *key, const char *value)
{
	append_key(text, key);
	escape_json(text, value);
}

static const char *
in_language(const WfExchange *exchange, const char *zh, const char *en)
{
	return exchange->language == WF_LANGUAGE_EN ? en : zh;
}

/* The operation's own message, else the route's, else the usual one. */
static const char *
success_message(const WfExchange *exchange, const WfRoute *route)
{
	const char *own = in_language(exchange, exchange->message_zh, exchange->message_en);
	const char *usual = in_language(exchange, route->message_zh, route->message_en);

	if (own != NULL)
		return own;
	return usual != NULL ? usual : in_language(exchange, "操作成功", "success");
}

static bool
is_json_null(const char *json, int length)
{
	while (length > 0 && isspace((unsigned char) *json))
	{
		json++;
		length--;
	}
	while (length > 0 && isspace((unsigned char) json[length - 1]))
		length--;
	return length == 4 && memcmp(json, "null", 4) == 0;
}

/* The result as JSON text; false when there is none, or it is the JSON null. */
static bool
append_result(StringInfo out, const char *key, const WfResult *result)
{
	const char *json;
	int length;

	if (result->null)
		return false;
	if (result->kind == WF_RESULT_JSONB)
	{
		Jsonb *jsonb = DatumGetJsonbP(result->value);

		json = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
		length = strlen(json);
	}
	else
	{
		text *value = DatumGetTextPP(result->value);

		json = VARDATA_ANY(value);
		length = VARSIZE_ANY_EXHDR(value);
	}
	if (result->kind != WF_RESULT_TEXT && is_json_null(json, length))
		return false;
	if (key != NULL)
		append_key(out, key);
	if (result->kind == WF_RESULT_TEXT)
		escape_json(out, pnstrdup(json, length));
	else
		appendBinaryStringInfo(out, json, length);
	return true;
}

static bytea *
success_envelope(const WfExchange *exchange, const WfRoute *route, const WfResult *result)
{
	StringInfoData text;

	begin_body(&text);
	appendStringInfoString(&text, "{\"success\":true,\"error\":false");
	append_text(&text, "message", success_message(exchange, route));
	appendStringInfoString(&text, ",\"timestamp\":\"");
	append_time(&text, wf_clock_now());
	appendStringInfoChar(&text, '"');
	(void) append_result(&text, "data", result);
	appendStringInfoChar(&text, '}');
	return finish_body(&text);
}

/* JSON without an envelope; nothing is the JSON null. */
static bytea *
raw_body(const WfResult *result)
{
	StringInfoData text;

	begin_body(&text);
	if (!append_result(&text, NULL, result))
		appendStringInfoString(&text, "null");
	return finish_body(&text);
}

/* A media type of ours that says no charset gets one; one that is no header value is replaced. */
static const char *
clean_type(const char *type)
{
	for (const char *c = type; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			return "application/octet-stream";
	if ((strncmp(type, "text/", 5) == 0 || strcmp(type, "application/json") == 0) &&
		strstr(type, "charset") == NULL)
		return psprintf("%s; charset=utf-8", type);
	return type[0] != '\0' ? type : "application/octet-stream";
}

/*
 * Content-Disposition by RFC 6266: a plain name in which whatever could end or escape the quoted text, or be taken
 * for a folder, is "_"; and, when the name is not ASCII, the name itself as RFC 5987 writes it.
 */
static const char *
disposition_of(const char *filename)
{
	StringInfoData text;
	bool ascii = true;

	initStringInfo(&text);
	appendStringInfoString(&text, "attachment; filename=\"");
	for (const unsigned char *c = (const unsigned char *) filename; *c != '\0'; c++)
	{
		if (*c >= 0x80)
			ascii = false;
		/* One mark per character: continuation bytes of UTF-8 give none. */
		if ((*c & 0xc0) != 0x80)
			appendStringInfoChar(
				&text, *c < 0x20 || *c > 0x7e || strchr("\"\\/:%", *c) != NULL ? '_' : *c);
	}
	appendStringInfoChar(&text, '"');
	if (!ascii)
	{
		appendStringInfoString(&text, "; filename*=UTF-8''");
		for (const unsigned char *c = (const unsigned char *) filename; *c != '\0'; c++)
		{
			if (*c < 0x20 || *c == 0x7f || *c == '/' || *c == '\\')
				appendStringInfoChar(&text, '_');
			else if (*c < 0x80 && (isalnum(*c) || strchr("!#$&+-.^_`|~", *c) != NULL))
				appendStringInfoChar(&text, *c);
			else
				appendStringInfo(&text, "%%%02X", *c);
		}
	}
	return text.data;
}

/* Text of a column of a row; "" when null. */
static const char *
column_text(HeapTuple tuple, TupleDesc desc, int column)
{
	bool null;
	Datum value = heap_getattr(tuple, column, desc, &null);

	return null ? "" : TextDatumGetCString(value);
}

static void
file_answer(WfAnswer *answer, Datum row)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	TupleDesc desc =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	const char *name;
	bool null;
	Datum body;

	answer->content_type = clean_type(column_text(&tuple, desc, 1));
	name = column_text(&tuple, desc, 2);
	if (name[0] != '\0')
		answer->disposition = disposition_of(name);
	body = heap_getattr(&tuple, 3, desc, &null);
	/* Text and bytea have the same form. */
	answer->body = null ? (bytea *) cstring_to_text("") : DatumGetByteaPCopy(body);
	ReleaseTupleDesc(desc);
}

void
wf_answer_success(WfAnswer *answer, const WfExchange *exchange, const WfRoute *route,
				  const WfResult *result)
{
	answer->status = exchange->status != 0 ? exchange->status : route->success_status;
	answer->content_type = JSON_TYPE;
	answer->disposition = NULL;
	if (result->kind == WF_RESULT_FILE && !result->null)
		file_answer(answer, result->value);
	else if (route->raw)
		answer->body = raw_body(result);
	else
		answer->body = success_envelope(exchange, route, result);
}

/* "text" or "text: detail", in the language of the request. */
static const char *
failure_message(const WfExchange *exchange, const WfFailure *failure)
{
	const char *text = in_language(exchange, failure->row->message_zh, failure->row->message_en);

	if (failure->detail == NULL)
		return text;
	return psprintf("%s%s%s", text, in_language(exchange, "：", ": "),
					wf_translate_detail(failure->detail, exchange->language));
}

static void
append_suggestions(StringInfo text, const WfExchange *exchange, const char *category)
{
	size_t row = lengthof(suggestions) - 1; /* "system" also serves what has no row */
	const char *const *two;

	for (size_t i = 0; i < lengthof(suggestions); i++)
		if (strcmp(suggestions[i].category, category) == 0)
			row = i;
	two = exchange->language == WF_LANGUAGE_EN ? suggestions[row].en : suggestions[row].zh;
	append_key(text, "suggestions");
	appendStringInfoChar(text, '[');
	escape_json(text, two[0]);
	appendStringInfoChar(text, ',');
	escape_json(text, two[1]);
	appendStringInfoChar(text, ']');
}

static void
append_context(StringInfo text, const WfExchange *exchange, int64 user_id)
{
	append_key(text, "context");
	appendStringInfoString(text, "{\"request_id\":");
	escape_json(text, exchange->request_id);
	append_key(text, "user_id");
	if (user_id != 0)
		appendStringInfo(text, INT64_FORMAT, user_id);
	else
		appendStringInfoString(text, "null");
	append_text(text, "url",
				exchange->host[0] != '\0'
					? psprintf("%s://%s%s", exchange->scheme, exchange->host, exchange->path)
					: exchange->path);
	append_text(text, "method", exchange->method);
	append_key(text, "meta");
	appendStringInfoChar(text, '{');
	if (exchange->address[0] != '\0')
	{
		appendStringInfoString(text, "\"ip_address\":");
		escape_json(text, exchange->address);
	}
	if (exchange->agent[0] != '\0')
	{
		appendStringInfoString(text, exchange->address[0] != '\0' ? ",\"user_agent\":"
																  : "\"user_agent\":");
		escape_json(text, exchange->agent);
	}
	appendStringInfoString(text, "}}");
}

void
wf_answer_failure(WfAnswer *answer, const WfExchange *exchange, const WfFailure *failure,
				  int64 user_id)
{
	const WfErrorRow *row = failure->row;
	bool recoverable = strcmp(row->severity, "low") == 0 || strcmp(row->severity, "medium") == 0;
	StringInfoData text;

	begin_body(&text);
	appendStringInfoString(&text, "{\"success\":false,\"error\":true");
	append_text(&text, "error_id", failure->error_id);
	append_text(&text, "category", row->category);
	append_text(&text, "severity", row->severity);
	append_text(&text, "message_code", row->message_code);
	append_text(&text, "message", failure_message(exchange, failure));
	appendStringInfoString(&text, ",\"timestamp\":\"");
	append_time(&text, wf_clock_now());
	appendStringInfoString(&text,
						   recoverable ? "\",\"recoverable\":true" : "\",\"recoverable\":false");
	append_suggestions(&text, exchange, row->category);
	append_context(&text, exchange, user_id);
	if (failure->extra != NULL)
	{
		append_key(&text, "extra");
		appendStringInfoString(&text, failure->extra);
	}
	appendStringInfoChar(&text, '}');
	answer->status = row->status;
	answer->body = finish_body(&text);
	answer->content_type = JSON_TYPE;
	answer->disposition = NULL;
}

void
wf_answer_last_resort(WfAnswer *answer, const char *error_id)
{
	StringInfoData text;

	begin_body(&text);
	appendStringInfo(
		&text,
		"{\"success\":false,\"error\":true,\"error_id\":\"%s\",\"category\":\"system\","
		"\"severity\":\"high\",\"message_code\":\"INTERNAL_ERROR\","
		"\"message\":\"内部错误\",\"timestamp\":\"",
		error_id);
	append_time(&text, wf_clock_now());
	appendStringInfoString(&text, "\",\"recoverable\":false,"
								  "\"suggestions\":[\"请联系管理员\",\"请查看错误日志\"],"
								  "\"context\":{\"request_id\":\"\",\"user_id\":null,\"url\":\"\","
								  "\"method\":\"\",\"meta\":{}}}");
	answer->status = 500;
	answer->body = finish_body(&text);
	answer->content_type = JSON_TYPE;
	answer->disposition = NULL;
}

static void
append_header(StringInfo list, const char *name, const char *value)
{
	appendStringInfoString(list, list->len > 1 ? ",{" : "{");
	escape_json(list, name);
	appendStringInfoChar(list, ':');
	escape_json(list, value);
	appendStringInfoChar(list, '}');
}

static void
set_for_transaction(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
							 false);
}

void
wf_answer_send(const WfAnswer *answer, const WfExchange *exchange)
{
	char status[16];
	StringInfoData list;
	ListCell *cell;

	/* PostgREST wants an array of objects with one key each, and answers 500 to anything else. */
	initStringInfo(&list);
	appendStringInfoChar(&list, '[');
	append_header(&list, "Content-Type", answer->content_type);
	/* Tells the front that this answer is complete; it replaces what lacks the mark. */
	append_header(&list, "X-WF-Answer", "1");
	if (answer->disposition != NULL)
		append_header(&list, "Content-Disposition", answer->disposition);
	foreach (cell, exchange->headers)
	{
		WfHeader *header = lfirst(cell);

		append_header(&list, header->name, header->value);
	}
	appendStringInfoChar(&list, ']');
	snprintf(status, sizeof(status), "%d", answer->status);
	set_for_transaction("response.status", status);
	set_for_transaction("response.headers", list.data);
}
