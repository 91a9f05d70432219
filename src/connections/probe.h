/*
 * probe.h - the worker's side of a connection test.
 */
#ifndef WF_CONNECTIONS_PROBE_H
#define WF_CONNECTIONS_PROBE_H

#include "remote/remote.h"
#include "runs/shared.h"

/*
 * Connect, ask for the version and what the account may do, disconnect; fill the request's answer. A stored instance gets the outcome
 * recorded; every test leaves one log row. No transaction may be open. Never raises for remote trouble.
 */
extern void wf_connections_probe(WfRequest *request, WfHelper *helper, MemoryContext context);

#endif
