/*
 * Taking in and checking a request: see request.h.
 */
#include "remote/common/request.h"

#include <stdlib.h>
#include <string.h>

#include "remote/common/text.h"

/* Longest host name, database name and user name taken. */
#define HOST_MAX	   255
#define NAME_MAX_BYTES 1024

/* The keys of a request and where their values go. */
static const struct
{
	const char *name;
	size_t offset;
} keys[] = {
	{"protocol", offsetof(WfRequest, protocol)},
	{"db_type", offsetof(WfRequest, db_type)},
	{"host", offsetof(WfRequest, host)},
	{"port", offsetof(WfRequest, port_text)},
	{"dbname", offsetof(WfRequest, dbname)},
	{"user", offsetof(WfRequest, user)},
	{"password", offsetof(WfRequest, password)},
	{"tls_mode", offsetof(WfRequest, tls_mode)},
	{"tls_ca", offsetof(WfRequest, tls_ca)},
	{"server_public_key", offsetof(WfRequest, server_public_key)},
	{"allow_cleartext_key", offsetof(WfRequest, allow_cleartext_key)},
	{"connect_timeout_ms", offsetof(WfRequest, connect_timeout_text)},
	{"statement_timeout_ms", offsetof(WfRequest, statement_timeout_text)},
	{"reads", offsetof(WfRequest, reads_text)},
};

#define NKEYS (sizeof(keys) / sizeof(keys[0]))

/* The words of a list of reads. */
static const struct
{
	const char *name;
	unsigned flag;
} read_words[] = {
	{"version", WF_READ_VERSION},		  {"accounts", WF_READ_ACCOUNTS},
	{"databases", WF_READ_DATABASES},	  {"tables", WF_READ_TABLES},
	{"permissions", WF_READ_PERMISSIONS},
};

#define NREADS (sizeof(read_words) / sizeof(read_words[0]))

static const char *const tls_modes[] = {"disable", "prefer", "require", "verify-ca", "verify-full"};

#define NTLS_MODES (sizeof(tls_modes) / sizeof(tls_modes[0]))

/* The place of a key's value in a request. */
static char **
value_slot(WfRequest *request, size_t key)
{
	return (char **) ((char *) request + keys[key].offset);
}

/* Overwrites and frees one value. */
static void
free_value(char **slot)
{
	if (*slot != NULL)
		explicit_bzero(*slot, strlen(*slot));
	free(*slot);
	*slot = NULL;
}

bool
wf_request_set(WfRequest *request, const char *key, const char *value, size_t len,
			   WfFailure *failure)
{
	size_t i = 0;
	char **slot;

	while (i < NKEYS && strcmp(keys[i].name, key) != 0)
		i++;
	if (i == NKEYS)
	{
		wf_failure_set(failure, WF_ERROR_PROTOCOL, "the request has the unknown key \"%.64s\"",
					   key);
		return false;
	}
	slot = value_slot(request, i);
	if (*slot != NULL)
	{
		wf_failure_set(failure, WF_ERROR_PROTOCOL, "the request gives \"%s\" twice", key);
		return false;
	}
	if (len > 0 && memchr(value, '\0', len) != NULL)
	{
		wf_failure_set(failure, WF_ERROR_PROTOCOL, "the request's \"%s\" contains a NUL byte", key);
		return false;
	}
	*slot = malloc(len + 1);
	if (*slot == NULL)
	{
		wf_failure_set(failure, WF_ERROR_OTHER, "out of memory");
		return false;
	}
	if (len > 0)
		memcpy(*slot, value, len);
	(*slot)[len] = '\0';
	return true;
}

bool
wf_request_decode(WfRequest *request, const char *payload, size_t len, WfFailure *failure)
{
	WfFrameCursor cursor;
	WfField key;
	WfField value;
	int nfields;

	wf_frame_open(&cursor, payload, len);
	nfields = wf_frame_count(&cursor);
	if (nfields < 0 || nfields % 2 != 0 || nfields > 2 * (int) NKEYS)
	{
		wf_failure_set(failure, WF_ERROR_PROTOCOL, "the request is not a list of keys and values");
		return false;
	}
	while (wf_frame_field(&cursor, &key) && wf_frame_field(&cursor, &value))
	{
		char name[32];

		if (key.is_null || key.len >= sizeof(name) || memchr(key.data, '\0', key.len) != NULL)
		{
			wf_failure_set(failure, WF_ERROR_PROTOCOL, "the request has an unknown key");
			return false;
		}
		memcpy(name, key.data, key.len);
		name[key.len] = '\0';
		if (!value.is_null && !wf_request_set(request, name, value.data, value.len, failure))
			return false;
	}
	return true;
}

/* Reads the comma list of what to read into flags. */
static bool
check_reads(WfRequest *request, WfFailure *failure)
{
	const char *word = request->reads_text;

	request->reads = 0;
	while (word != NULL && *word != '\0')
	{
		size_t len = strcspn(word, ",");
		size_t i = 0;

		while (i < NREADS &&
			   !(strlen(read_words[i].name) == len && strncmp(read_words[i].name, word, len) == 0))
			i++;
		if (i == NREADS)
		{
			wf_failure_set(failure, WF_ERROR_OTHER, "cannot read \"%.*s\"",
						   (int) (len > 64 ? 64 : len), word);
			wf_failure_hint(failure, "What can be read is version, accounts, databases, tables.");
			return false;
		}
		request->reads |= read_words[i].flag;
		word += len;
		if (*word == ',')
			word++;
	}
	if (request->reads == 0)
	{
		wf_failure_set(failure, WF_ERROR_OTHER, "the request does not say what to read");
		return false;
	}
	return true;
}

/* Reads a number of the request, or takes the default where the request gives none. */
static bool
check_number(const char *name, const char *text, long min, long max, int fallback, int *number,
			 WfFailure *failure)
{
	long value = fallback;

	if (text != NULL && !wf_text_to_number(text, max, &value))
		value = min - 1;
	if (value < min || value > max)
	{
		wf_failure_set(failure, WF_ERROR_OTHER, "%s must be a number from %ld to %ld", name, min,
					   max);
		return false;
	}
	*number = (int) value;
	return true;
}

/*
 * Refuses what is not a host name or an address. Client libraries give a path, a leading "@" and
 * a comma meanings of their own.
 */
static bool
check_host(const char *host, WfFailure *failure)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
								  "0123456789._-:%";
	size_t len = host == NULL ? 0 : strlen(host);

	if (len > 0 && len <= HOST_MAX && strspn(host, allowed) == len && host[0] != '-' &&
		host[0] != '%')
		return true;
	wf_failure_set(failure, WF_ERROR_OTHER, "the host is not a host name or an IP address");
	wf_failure_hint(failure, "Letters, digits, dots, hyphens, underscores and colons are taken; "
							 "files and abstract sockets are not.");
	return false;
}

/* Refuses an empty or overlong name. */
static bool
check_name(const char *what, const char *name, WfFailure *failure)
{
	size_t len = name == NULL ? 0 : strlen(name);

	if (len > 0 && len <= NAME_MAX_BYTES && wf_text_is_utf8(name, len))
		return true;
	wf_failure_set(failure, WF_ERROR_OTHER, "the %s must have 1 to %d bytes of UTF-8", what,
				   NAME_MAX_BYTES);
	return false;
}

/* Refuses a TLS mode that nobody knows; the default is prefer. */
static bool
check_tls_mode(WfRequest *request, WfFailure *failure)
{
	const char *mode = request->tls_mode;
	size_t i = 0;

	if (mode == NULL)
		return wf_request_set(request, "tls_mode", "prefer", 6, failure);
	while (i < NTLS_MODES && strcmp(tls_modes[i], mode) != 0)
		i++;
	if (i < NTLS_MODES)
		return true;
	wf_failure_set(failure, WF_ERROR_OTHER, "unknown TLS mode \"%.64s\"", mode);
	wf_failure_hint(failure, "The modes are disable, prefer, require, verify-ca, verify-full.");
	return false;
}

/* Reads whether a key may be fetched, and refuses a key that is none. */
static bool
check_server_key(WfRequest *request, WfFailure *failure)
{
	const char *word = request->allow_cleartext_key;
	const char *pem = request->server_public_key;

	request->may_fetch_key = word != NULL && strcmp(word, "true") == 0;
	if (word != NULL && !request->may_fetch_key && strcmp(word, "false") != 0)
	{
		wf_failure_set(failure, WF_ERROR_OTHER, "allow_cleartext_key must be true or false");
		return false;
	}
	if (pem == NULL || strstr(pem, "-----BEGIN PUBLIC KEY-----") != NULL)
		return true;
	wf_failure_set(failure, WF_ERROR_OTHER, "the server's public key is no public key in PEM form");
	wf_failure_hint(failure, "It begins with -----BEGIN PUBLIC KEY-----.");
	return false;
}

bool
wf_request_check(WfRequest *request, const char *db_type, int default_port,
				 const char *default_dbname, WfFailure *failure)
{
	if (request->protocol == NULL || strcmp(request->protocol, WF_REMOTE_PROTOCOL) != 0)
	{
		wf_failure_set(failure, WF_ERROR_PROTOCOL,
					   "the helper program speaks protocol " WF_REMOTE_PROTOCOL
					   ", the request another one");
		wf_failure_hint(failure, "Install the programs and the extension of the same version.");
		return false;
	}
	if (request->db_type == NULL || strcmp(request->db_type, db_type) != 0)
	{
		wf_failure_set(failure, WF_ERROR_OTHER, "this program reads %s servers only", db_type);
		return false;
	}
	if (request->dbname == NULL &&
		!wf_request_set(request, "dbname", default_dbname, strlen(default_dbname), failure))
		return false;
	return check_host(request->host, failure) && check_name("user name", request->user, failure) &&
		   check_name("database name", request->dbname, failure) &&
		   check_number("the port", request->port_text, 1, 65535, default_port, &request->port,
						failure) &&
		   check_number("the connect timeout", request->connect_timeout_text, WF_REMOTE_TIMEOUT_MIN,
						WF_REMOTE_TIMEOUT_MAX, 20000, &request->connect_timeout_ms, failure) &&
		   check_number("the statement timeout", request->statement_timeout_text,
						WF_REMOTE_TIMEOUT_MIN, WF_REMOTE_TIMEOUT_MAX, 300000,
						&request->statement_timeout_ms, failure) &&
		   check_tls_mode(request, failure) && check_server_key(request, failure) &&
		   check_reads(request, failure);
}

void
wf_request_wipe_password(WfRequest *request)
{
	free_value(&request->password);
}

void
wf_request_free(WfRequest *request)
{
	for (size_t i = 0; i < NKEYS; i++)
		free_value(value_slot(request, i));
	memset(request, 0, sizeof(*request));
}
