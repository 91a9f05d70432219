/*
 * args.h - moved to base/args.h; here until every room includes it from there.
 */
#ifndef WF_INVENTORY_ARGS_H
#define WF_INVENTORY_ARGS_H

#include "base/args.h"

#endif
