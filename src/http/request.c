/*
 * request.c - a request as the front describes it.
 *
 * The front sends what it knows of the client's request as headers X-WF-*, each checked by a map of its own;
 * PostgREST hands all headers over as one JSON object in the setting request.headers. Split first, decode
 * afterwards: an escaped slash in a segment is no separator.
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "base/compat.h"
#include "http/args.h"
#include "http/request.h"

#define MAX_REQUEST_ID 128

/* The facts as they come; NULL = not sent. */
typedef struct Facts
{
	const char *method;
	const char *uri;
	const char *content_type;
	const char *authorization;
	const char *session;
	const char *csrf;
	const char *client;
	const char *agent;
	const char *request_id;
	const char *language;
	const char *scheme;
	const char *host;
} Facts;

/* While the object is read: where the value of the field at hand goes. */
typedef struct Reader
{
	Facts facts;
	int depth;
	const char **target;
} Reader;

static const struct
{
	const char *name; /* after x-wf- */
	size_t offset;
} fields[] = {
	{"agent", offsetof(Facts, agent)},
	{"authorization", offsetof(Facts, authorization)},
	{"client", offsetof(Facts, client)},
	{"content-type", offsetof(Facts, content_type)},
	{"csrf", offsetof(Facts, csrf)},
	{"host", offsetof(Facts, host)},
	{"language", offsetof(Facts, language)},
	{"method", offsetof(Facts, method)},
	{"request-id", offsetof(Facts, request_id)},
	{"scheme", offsetof(Facts, scheme)},
	{"session", offsetof(Facts, session)},
	{"uri", offsetof(Facts, uri)},
};

static WF_JSON_RESULT
enter_object(void *state)
{
	((Reader *) state)->depth++;
	WF_JSON_RETURN;
}

static WF_JSON_RESULT
leave_object(void *state)
{
	((Reader *) state)->depth--;
	WF_JSON_RETURN;
}

static WF_JSON_RESULT
enter_field(void *state, char *name, bool isnull)
{
	Reader *reader = state;

	reader->target = NULL;
	if (reader->depth == 1 && strncmp(name, "x-wf-", 5) == 0)
		for (size_t i = 0; i < lengthof(fields); i++)
			if (strcmp(name + 5, fields[i].name) == 0)
				reader->target = (const char **) ((char *) &reader->facts + fields[i].offset);
	WF_JSON_RETURN;
}

static WF_JSON_RESULT
take_value(void *state, char *token, JsonTokenType type)
{
	Reader *reader = state;

	if (reader->depth == 1 && reader->target != NULL && type == JSON_TOKEN_STRING)
		*reader->target = token;
	reader->target = NULL;
	WF_JSON_RETURN;
}

static void
read_facts(Reader *reader)
{
	const char *headers = GetConfigOption("request.headers", true, false);
	JsonSemAction actions = {.semstate = reader,
							 .object_start = enter_object,
							 .object_end = leave_object,
							 .object_field_start = enter_field,
							 .scalar = take_value};

	if (headers == NULL || headers[0] == '\0')
		elog(ERROR, "the setting request.headers is empty");
	if (pg_parse_json(WF_JSON_LEXER(headers, strlen(headers)), &actions) != JSON_SUCCESS)
		elog(ERROR, "the setting request.headers is no JSON object");
}

/* ^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$ */
static bool
is_request_id(const char *text)
{
	size_t length =
		strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-");

	return length > 0 && length <= MAX_REQUEST_ID && text[length] == '\0' &&
		   strchr("_.:-", text[0]) == NULL;
}

void
wf_request_new_id(char *id)
{
	char bytes[(WF_ID_SIZE - 1) / 2];

	if (!pg_strong_random(bytes, sizeof(bytes)))
		elog(ERROR, "there are no random bytes to be had");
	id[hex_encode(bytes, sizeof(bytes), id)] = '\0';
}

/* The front gives every request an id; who calls without one gets one here. */
static const char *
request_id_of(const char *given)
{
	char id[WF_ID_SIZE];

	if (given != NULL && is_request_id(given))
		return given;
	wf_request_new_id(id);
	return psprintf("req_%s", id);
}

static const char *
or_empty(const char *text)
{
	return text != NULL ? text : "";
}

static void
fill_exchange(WfExchange *exchange, const Facts *facts)
{
	exchange->over_http = true;
	exchange->method = or_empty(facts->method);
	exchange->scheme =
		facts->scheme != NULL && strcmp(facts->scheme, "https") == 0 ? "https" : "http";
	exchange->host = or_empty(facts->host);
	exchange->address = or_empty(facts->client);
	exchange->agent = or_empty(facts->agent);
	exchange->request_id = request_id_of(facts->request_id);
	exchange->authorization = or_empty(facts->authorization);
	exchange->cookie = or_empty(facts->session);
	exchange->csrf = or_empty(facts->csrf);
	if (facts->language != NULL && strcmp(facts->language, "en") == 0)
		exchange->language = WF_LANGUAGE_EN;
	else if (facts->language != NULL && strcmp(facts->language, "zh") == 0)
		exchange->language = WF_LANGUAGE_ZH;
}

/* A segment without escapes is most of them: it is only copied. NULL when it cannot be decoded. */
static const char *
decode_segment(const char *text, size_t length)
{
	bool invalid;
	char *decoded;

	if (memchr(text, '%', length) == NULL)
		return pnstrdup(text, length);
	decoded = wf_args_decode(text, length, false, &invalid);
	return invalid ? NULL : decoded;
}

/* The segments below the base. "/api/v1/" itself has one, the empty text. */
static void
split_path(WfHttpRequest *request, const char *path)
{
	const char *at = path + strlen(WF_REQUEST_BASE);

	request->segment_count = -1;
	if (strncmp(path, WF_REQUEST_BASE, strlen(WF_REQUEST_BASE)) != 0)
		return;
	for (int n = 0; n < WF_REQUEST_MAX_SEGMENTS; n++)
	{
		const char *end = strchrnul(at, '/');

		request->segments[n] = decode_segment(at, end - at);
		if (request->segments[n] == NULL)
			return;
		if (*end == '\0')
		{
			request->segment_count = n + 1;
			return;
		}
		at = end + 1;
	}
}

WfMethod
wf_request_method(const char *word)
{
	static const char *const words[WF_METHODS] = {
		[WF_METHOD_GET] = "GET",
		[WF_METHOD_POST] = "POST",
		[WF_METHOD_PUT] = "PUT",
		[WF_METHOD_DELETE] = "DELETE",
	};

	for (int i = 0; i < WF_METHODS; i++)
		if (strcmp(word, words[i]) == 0)
			return (WfMethod) i;
	return strcmp(word, "HEAD") == 0 ? WF_METHOD_GET : WF_METHOD_OTHER;
}

void
wf_request_read(WfExchange *exchange, WfHttpRequest *request)
{
	MemoryContext caller = MemoryContextSwitchTo(wf_exchange_context());
	Reader reader = {0};
	const char *uri;
	const char *query;

	read_facts(&reader);
	fill_exchange(exchange, &reader.facts);
	uri = or_empty(reader.facts.uri);
	query = strchr(uri, '?');
	exchange->path = query != NULL ? pnstrdup(uri, query - uri) : uri;
	request->method = wf_request_method(exchange->method);
	request->query = query != NULL ? query + 1 : NULL;
	request->content_type = or_empty(reader.facts.content_type);
	split_path(request, exchange->path);
	MemoryContextSwitchTo(caller);
}
