/*
 * gate.h - may this request go on to its operation?
 */
#ifndef WF_HTTP_GATE_H
#define WF_HTTP_GATE_H

#include "postgres.h"

#include "base/exchange.h"
#include "http/args.h"
#include "http/route.h"

/*
 * Ask, in this order, for login, permission, rate limit and CSRF token (api part 1, section 1.5), and raise what is
 * wrong. Sets the caller (wf_caller) and exchange->sid. *user_id gets the user as soon as he is known, also when
 * something else is wrong afterwards. body is needed by routes with a rate limit, and may be NULL. Current user: the
 * owner; SPI not connected. Writes nothing. Gives the database role that the operation is to be called as.
 */
extern Oid wf_gate_pass(const WfRoute *route, const WfHttpRequest *request, WfExchange *exchange,
						const WfBody *body, int64 *user_id);

#endif
