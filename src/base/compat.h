/*
 * compat.h - what differs between PostgreSQL 15 and 18, in one place.
 */
#ifndef WF_BASE_COMPAT_H
#define WF_BASE_COMPAT_H

#include "postgres.h"

#include "catalog/pg_type.h"

#if PG_VERSION_NUM < 150000
#error "whalefall needs PostgreSQL 15 or later"
#endif

#endif
