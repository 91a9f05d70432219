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

/* What the names of the front's headers begin with; PostgREST gives names in lower case. */
#define PREFIX "x-wf-"

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

/* A JSON string where it stands, with its quotes. */
typedef struct Text
{
	const char *start;
	size_t length;
	bool escaped; /* has a backslash */
} Text;

static const char *
skip_blanks(const char *at)
{
	while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
		at++;
	return at;
}

/* The string that begins at *at, which moves behind it; false when there is none. */
static bool
take_text(const char **at, Text *text)
{
	const char *end = *at + 1;

	if (**at != '"')
		return false;
	text->start = *at;
	text->escaped = false;
	while (*(end += strcspn(end, "\"\\")) == '\\')
	{
		text->escaped = true;
		if (end[1] == '\0')
			return false;
		end += 2;
	}
	if (*end != '"')
		return false;
	*at = end + 1;
	text->length = *at - text->start;
	return true;
}

/* What a string says. The server's own reader decodes escapes, which are rare; NULL when it cannot. */
static const char *
decode_text(const Text *text)
{
	JsonLexContext *lexer;

	if (!text->escaped)
		return pnstrdup(text->start + 1, text->length - 2);
	lexer = WF_JSON_LEXER(text->start, text->length);
	return json_lex(lexer) == JSON_SUCCESS ? lexer->strval->data : NULL;
}

/* Where a fact belongs by the name of its header, or NULL. */
static const char **
fact_of(Facts *facts, const Text *name)
{
	const char *word = name->start + 1 + strlen(PREFIX);
	size_t length = name->length - 2 - strlen(PREFIX);

	if (name->length < 2 + strlen(PREFIX) || memcmp(name->start + 1, PREFIX, strlen(PREFIX)) != 0)
		return NULL;
	for (size_t i = 0; i < lengthof(fields); i++)
		if (strlen(fields[i].name) == length && memcmp(word, fields[i].name, length) == 0)
			return (const char **) ((char *) facts + fields[i].offset);
	return NULL;
}

/* One field of the object; false when it is not two strings with a colon between. */
static bool
take_field(const char **at, Facts *facts)
{
	const char **target;
	Text name;
	Text value;

	*at = skip_blanks(*at);
	if (!take_text(at, &name))
		return false;
	*at = skip_blanks(*at);
	if (*(*at)++ != ':')
		return false;
	*at = skip_blanks(*at);
	if (!take_text(at, &value))
		return false;
	*at = skip_blanks(*at);
	target = fact_of(facts, &name);
	if (target != NULL)
		*target = decode_text(&value);
	return target == NULL || *target != NULL;
}

/*
 * The object has strings only, most of them of no interest: going over it takes a fifth of the time that the
 * server's parser needs, and every request pays it.
 */
static bool
take_object(const char *at, Facts *facts)
{
	at = skip_blanks(at);
	if (*at != '{')
		return false;
	at = skip_blanks(at + 1);
	if (*at != '}')
	{
		do
		{
			if (!take_field(&at, facts))
				return false;
		} while (*at++ == ',');
		at--;
	}
	return *at == '}' && *skip_blanks(at + 1) == '\0';
}

static void
read_facts(Facts *facts)
{
	const char *headers = GetConfigOption("request.headers", true, false);

	if (headers == NULL || !take_object(headers, facts))
		elog(ERROR, "the setting request.headers is no JSON object of texts");
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
	Facts facts = {0};
	const char *uri;
	const char *query;

	read_facts(&facts);
	fill_exchange(exchange, &facts);
	uri = or_empty(facts.uri);
	query = strchr(uri, '?');
	exchange->path = query != NULL ? pnstrdup(uri, query - uri) : uri;
	request->method = wf_request_method(exchange->method);
	request->query = query != NULL ? query + 1 : NULL;
	request->content_type = or_empty(facts.content_type);
	split_path(request, exchange->path);
	MemoryContextSwitchTo(caller);
}
