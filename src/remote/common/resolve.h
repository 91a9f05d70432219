/*
 * Host names to addresses, done before the client library sees the name: so that the error says
 * which step failed, and so that addresses nobody may reach from here are refused.
 */
#ifndef WF_REMOTE_RESOLVE_H
#define WF_REMOTE_RESOLVE_H

#include <netinet/in.h>
#include <stdbool.h>

#include "remote/common/failure.h"

#define WF_ADDRESSES_MAX 8

typedef struct WfAddressList
{
	int n;
	char text[WF_ADDRESSES_MAX][INET6_ADDRSTRLEN + 1];
} WfAddressList;

/*
 * Resolves a host name or address. False and a failure of type dns when there is none, of type
 * other when one of its addresses is link-local (where clouds keep their metadata service).
 * Cannot be interrupted: the caller has armed the watchdog.
 */
extern bool wf_resolve(const char *host, WfAddressList *list, WfFailure *failure);

#endif
