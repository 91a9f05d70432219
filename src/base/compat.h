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

/* Number of this process among the PGPROCs; needs storage/proc.h. */
#if PG_VERSION_NUM >= 170000
#define WF_MY_PROCNO MyProcNumber
#else
#define WF_MY_PROCNO (MyProc->pgprocno)
#endif

#endif
