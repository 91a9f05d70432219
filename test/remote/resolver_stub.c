/*
 * A getaddrinfo for tests, loaded before the C library's: gives the addresses of the variable
 * FAKE_ADDRESSES (a comma list), or sleeps when that is "sleep". The variable is read when the
 * library is loaded, because the programs clear their environment.
 */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dlfcn.h>

static char addresses[256];

__attribute__((constructor)) static void
remember(void)
{
	const char *value = getenv("FAKE_ADDRESSES");

	strncpy(addresses, value == NULL ? "" : value, sizeof(addresses) - 1);
}

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **found)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
		(int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **)) dlsym(
			RTLD_NEXT, "getaddrinfo");
	char copy[sizeof(addresses)];
	struct addrinfo **end = found;
	char *rest = copy;
	char *address;

	*found = NULL;
	/* What the client library asks for by number is none of our business. */
	if (strcmp(node, "fake.example") != 0)
		return real(node, service, hints, found);
	if (strcmp(addresses, "sleep") == 0)
		sleep(60);
	strcpy(copy, addresses);
	while ((address = strsep(&rest, ",")) != NULL)
	{
		int rc = real(address, service, hints, end);

		if (rc != 0)
			return rc;
		while (*end != NULL)
			end = &(*end)->ai_next;
	}
	return 0;
}
