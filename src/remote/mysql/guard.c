/*
 * Functions of libc that client libraries call, seen first by this program: see guard.h.
 */
#include "remote/mysql/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

/* What else is hidden must be found by the library here. */
#define SEEN __attribute__((visibility("default")))

/* Capability flag of the protocol: the client wants TLS. */
#define WANTS_TLS 0x0800u
/* Bytes of the packet that asks for TLS: header and payload. */
#define PACKET_HEADER	   4
#define TLS_REQUEST_LENGTH 32
/* Payloads that ask for the server's key: of sha256_password and of caching_sha2_password. */
#define KEY_REQUEST_SHA256	1
#define KEY_REQUEST_CACHING 2
/* Longest greeting that makes sense, and how its payload or that of an error begins. */
#define GREETING_MAX	  65535
#define GREETING_PROTOCOL 10
#define GREETING_ERROR	  255

typedef int (*ResolveFunction)(const char *, const char *, const struct addrinfo *,
							   struct addrinfo **);

static struct
{
	const char *host;
	const char *address;
	bool used;
} pin;

static struct
{
	bool demanded;
	bool sent;
	bool missing;
} tls;

static struct
{
	bool forbidden;
	bool missing;
} key;

static struct
{
	unsigned char head[5];
	size_t len;
	bool alien;
} greeting = {{0}, sizeof(greeting.head), false};

void
wf_guard_pin(const char *host, const char *address)
{
	pin.host = host;
	pin.address = address;
	pin.used = false;
}

bool
wf_guard_pin_used(void)
{
	return pin.host == NULL || pin.used;
}

void
wf_guard_demand_tls(bool demand)
{
	tls.demanded = demand;
	tls.sent = false;
	tls.missing = false;
}

bool
wf_guard_tls_missing(void)
{
	return tls.missing;
}

bool
wf_guard_tls_pending(void)
{
	return tls.demanded && !tls.sent;
}

void
wf_guard_forbid_key_request(bool forbid)
{
	key.forbidden = forbid;
	key.missing = false;
}

bool
wf_guard_key_missing(void)
{
	return key.missing;
}

void
wf_guard_expect_greeting(void)
{
	greeting.len = 0;
	greeting.alien = false;
}

bool
wf_guard_alien(void)
{
	return greeting.alien;
}

/* Resolves as libc does, but for the pinned name. */
SEEN int
getaddrinfo(const char *restrict node, const char *restrict service,
			const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
	static ResolveFunction real;
	struct addrinfo numeric;

	if (real == NULL)
	{
		void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");

		if (symbol == NULL)
			return EAI_FAIL;
		memcpy(&real, &symbol, sizeof(real));
	}
	if (node == NULL || pin.host == NULL || strcmp(node, pin.host) != 0)
		return real(node, service, hints, found);

	memset(&numeric, 0, sizeof(numeric));
	if (hints != NULL)
		numeric = *hints;
	numeric.ai_flags |= AI_NUMERICHOST;
	/* Some libraries ask for one family at a time; the address decides. */
	numeric.ai_family = AF_UNSPEC;
	pin.used = true;
	return real(pin.address, service, &numeric, found);
}

/* Tells whether the bytes are the one packet that asks for TLS, and nothing else. */
static bool
asks_for_tls(const unsigned char *bytes, size_t len)
{
	return len == PACKET_HEADER + TLS_REQUEST_LENGTH && bytes[0] == TLS_REQUEST_LENGTH &&
		   bytes[1] == 0 && bytes[2] == 0 && bytes[3] == 1 &&
		   ((unsigned) bytes[5] << 8 & WANTS_TLS) != 0;
}

/*
 * Tells whether the bytes are a packet that asks for the server's key. The packet that says goodbye looks
 * alike, but is the first of its sequence; in an encrypted connection all packets look otherwise.
 */
static bool
asks_for_key(const unsigned char *bytes, size_t len)
{
	return len == PACKET_HEADER + 1 && bytes[0] == 1 && bytes[1] == 0 && bytes[2] == 0 &&
		   bytes[3] != 0 && (bytes[4] == KEY_REQUEST_SHA256 || bytes[4] == KEY_REQUEST_CACHING);
}

/* Sends as libc does, but for what is not to leave: see guard.h. */
SEEN ssize_t
send(int sock, const void *bytes, size_t len, int flags)
{
	if (key.forbidden && asks_for_key(bytes, len))
	{
		key.missing = true;
		errno = EPROTO;
		return -1;
	}
	if (tls.demanded && !tls.sent)
	{
		if (!asks_for_tls(bytes, len))
		{
			tls.missing = true;
			errno = EPROTO;
			return -1;
		}
		tls.sent = true;
	}
	return sendto(sock, bytes, len, flags, NULL, 0);
}

/* Tells whether the first bytes are those of a greeting or an error, and of a sane length. */
static bool
is_greeting(const unsigned char *head)
{
	return head[3] == 0 && (head[0] | head[1] << 8 | head[2] << 16) <= GREETING_MAX &&
		   (head[4] == GREETING_PROTOCOL || head[4] == GREETING_ERROR);
}

/* Receives as libc does, and looks at the first bytes of a connection. */
SEEN ssize_t
recv(int sock, void *bytes, size_t len, int flags)
{
	ssize_t n = recvfrom(sock, bytes, len, flags, NULL, NULL);

	if (n > 0 && (flags & MSG_PEEK) == 0 && greeting.len < sizeof(greeting.head))
	{
		size_t wanted = sizeof(greeting.head) - greeting.len;

		if ((size_t) n < wanted)
			wanted = (size_t) n;
		memcpy(greeting.head + greeting.len, bytes, wanted);
		greeting.len += wanted;
		greeting.alien = greeting.len == sizeof(greeting.head) && !is_greeting(greeting.head);
	}
	if (!greeting.alien)
		return n;
	errno = EPROTO;
	return -1;
}
