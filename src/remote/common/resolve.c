/*
 * Resolving host names: see resolve.h.
 */
#include "remote/common/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Tells whether an IPv4 address, given in network order, is in 169.254.0.0/16. */
static bool
is_link_local4(const unsigned char *address)
{
	return address[0] == 169 && address[1] == 254;
}

/* Tells whether an IPv6 address is link-local, in itself or as an IPv4 address in disguise. */
static bool
is_link_local6(const unsigned char *address)
{
	static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
	static const unsigned char compatible[12] = {0};
	static const unsigned char nat64[12] = {0, 0x64, 0xFF, 0x9B};
	/* The metadata service of one cloud has an address of its own. */
	static const unsigned char metadata[16] = {0xFD, 0x00, 0x0E, 0xC2, 0, 0, 0, 0,
											   0,	 0,	   0,	 0,	   0, 0, 2, 0x54};

	if (address[0] == 0xFE && (address[1] & 0xC0) == 0x80)
		return true;
	if (memcmp(address, metadata, sizeof(metadata)) == 0)
		return true;
	return (memcmp(address, mapped, 12) == 0 || memcmp(address, compatible, 12) == 0 ||
			memcmp(address, nat64, 12) == 0) &&
		   is_link_local4(address + 12);
}

/* Writes an address as text and tells whether it may be connected to. */
static bool
address_text(const struct addrinfo *info, char *text, size_t size)
{
	if (info->ai_family == AF_INET)
	{
		const struct sockaddr_in *in = (const void *) info->ai_addr;

		inet_ntop(AF_INET, &in->sin_addr, text, (socklen_t) size);
		return !is_link_local4((const unsigned char *) &in->sin_addr);
	}
	else
	{
		const struct sockaddr_in6 *in6 = (const void *) info->ai_addr;

		inet_ntop(AF_INET6, &in6->sin6_addr, text, (socklen_t) size);
		return !is_link_local6((const unsigned char *) &in6->sin6_addr);
	}
}

/* Adds an address unless it is in the list or the list is full. */
static void
add_address(WfAddressList *list, const char *text)
{
	for (int i = 0; i < list->n; i++)
	{
		if (strcmp(list->text[i], text) == 0)
			return;
	}
	if (list->n < WF_ADDRESSES_MAX)
		snprintf(list->text[list->n++], sizeof(list->text[0]), "%s", text);
}

bool
wf_resolve(const char *host, WfAddressList *list, WfFailure *failure)
{
	struct addrinfo hints;
	struct addrinfo *found = NULL;
	int rc;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	list->n = 0;

	rc = getaddrinfo(host, NULL, &hints, &found);
	if (rc != 0)
	{
		wf_failure_set(failure, WF_ERROR_DNS, "could not resolve host name \"%s\": %s", host,
					   gai_strerror(rc));
		return false;
	}
	for (struct addrinfo *info = found; info != NULL; info = info->ai_next)
	{
		char text[INET6_ADDRSTRLEN + 1];

		if (info->ai_family != AF_INET && info->ai_family != AF_INET6)
			continue;
		if (!address_text(info, text, sizeof(text)))
		{
			wf_failure_set(failure, WF_ERROR_OTHER, "host \"%s\" has the link-local address %s",
						   host, text);
			wf_failure_hint(failure, "Link-local addresses (169.254.0.0/16, fe80::/10) are not "
									 "connected to; use a routable address.");
			freeaddrinfo(found);
			return false;
		}
		add_address(list, text);
	}
	freeaddrinfo(found);
	if (list->n == 0)
	{
		wf_failure_set(failure, WF_ERROR_DNS, "host name \"%s\" has no IPv4 or IPv6 address", host);
		return false;
	}
	return true;
}
