/*
 * validate.c - input rules shared by instances, credentials, tags and connection tests.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <ctype.h>

#include "base/errors.h"
#include "base/text.h"
#include "inventory/validate.h"

#define HOST_MAX	 255
#define LABEL_MAX	 63
#define DATABASE_MAX 64

char *
wf_validate_label(const char *field, const char *given, int max)
{
	char *text = wf_text_trim(given);

	if (text[0] == '\0')
		wf_raise(WF_ERR_VALIDATION, psprintf("%s must not be blank.", field), NULL);
	if (wf_text_length(text) > max)
		wf_raise(WF_ERR_VALIDATION, psprintf("%s is longer than %d characters.", field, max), NULL);
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char) *c < 0x20 || *c == 0x7f)
			wf_raise(WF_ERR_VALIDATION, psprintf("%s holds a control character.", field), NULL);
	return text;
}

const char *
wf_validate_db_type(const char *db_type)
{
	const char *canonical = wf_text_db_type(db_type);

	if (canonical == NULL)
		wf_raise(WF_ERR_VALIDATION,
				 psprintf("db_type \"%s\" is not known.", wf_text_clip(db_type, 64)),
				 "Use mysql, postgresql, sqlserver or oracle.");
	return canonical;
}

void
wf_validate_port(int port)
{
	if (port < 1 || port > 65535)
		wf_raise(WF_ERR_VALIDATION, psprintf("port %d is out of range.", port),
				 "A port is a number from 1 to 65535.");
}

static bool
is_link_local(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return (ntohl(v4.s_addr) >> 16) == 0xA9FE; /* 169.254.0.0/16 */
	if (inet_pton(AF_INET6, host, &v6) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&v6))
		return v6.s6_addr[12] == 169 && v6.s6_addr[13] == 254;
	return IN6_IS_ADDR_LINKLOCAL(&v6);
}

/*
 * Would a resolver take this for an IPv4 address written in another way (0xA9FEA9FE, 0251.0376.1)? Such forms
 * are refused: they would lead around the rule for link-local addresses.
 */
static bool
is_disguised_address(const char *host)
{
	struct in_addr v4;

	return inet_aton(host, &v4) != 0 && inet_pton(AF_INET, host, &v4) != 1;
}

static bool
is_address(const char *host)
{
	unsigned char buffer[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, buffer) == 1 || inet_pton(AF_INET6, host, buffer) == 1;
}

/* Labels joined by dots; letters, digits, underscore, inside also hyphens. Not all digits and dots. */
static bool
is_host_name(const char *host)
{
	bool letter = false;
	int label = 0;

	for (const char *c = host;; c++)
	{
		if (*c == '.' || *c == '\0')
		{
			if (label == 0 || label > LABEL_MAX || c[-1] == '-')
				return false;
			if (*c == '\0')
				return letter;
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char) *c) && *c != '_' && (*c != '-' || label == 0))
			return false;
		letter = letter || !isdigit((unsigned char) *c);
		label++;
	}
}

void
wf_validate_host(const char *host)
{
	if (strlen(host) > HOST_MAX || is_disguised_address(host) ||
		(!is_address(host) && !is_host_name(host)))
		wf_raise(WF_ERR_VALIDATION,
				 psprintf("host \"%s\" is not an address or host name.", wf_text_clip(host, 64)),
				 "Give an IPv4 or IPv6 address, or a host name; socket paths are not accepted.");
	if (is_link_local(host))
		wf_raise(WF_ERR_VALIDATION, psprintf("host %s is a link-local address.", host),
				 "Link-local addresses are refused: cloud metadata services live there.");
}

void
wf_validate_database_name(const char *name)
{
	if (name == NULL || name[0] == '\0')
		return;
	if (strlen(name) > DATABASE_MAX ||
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "abcdefghijklmnopqrstuvwxyz0123456789_.$-") != strlen(name))
		wf_raise(WF_ERR_VALIDATION,
				 psprintf("database_name \"%s\" is not valid.", wf_text_clip(name, 64)),
				 "Use up to 64 letters, digits, _ - . and $.");
}
