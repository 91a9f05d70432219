/*
 * testpoint.h - places where a test may stop or kill a worker.
 */
#ifndef WF_BASE_TESTPOINT_H
#define WF_BASE_TESTPOINT_H

#include "postgres.h"

/*
 * In a server started for testing: when the file <data directory>/whalefall.test_point holds the word of
 * this place, remove it and do what its second word says: "kill" (SIGKILL to oneself) or "wait" (until
 * the file whalefall.test_go appears, at most a minute). Elsewhere this does nothing.
 */
extern void wf_testpoint(const char *place);

#endif
