/*
 * attempt.h - trying one part of a batch without losing the rest.
 */
#ifndef WF_INVENTORY_ATTEMPT_H
#define WF_INVENTORY_ATTEMPT_H

#include "postgres.h"

/*
 * Run body(arg) in a subtransaction. NULL when it worked; else its writes are undone and the error is given,
 * palloc'd in the current context. Cancelling and shutting down are not caught. SPI connected; what the body
 * reads by SPI it must use up before it returns.
 */
extern ErrorData *wf_attempt(void (*body)(void *arg), void *arg);

#endif
