/*
 * compat.h - what differs between PostgreSQL 15 and 18, in one place.
 */
#ifndef WF_BASE_COMPAT_H
#define WF_BASE_COMPAT_H

#include "postgres.h"

#include "catalog/pg_type.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#include "storage/proc.h"

#if PG_VERSION_NUM < 150000
#error "whalefall needs PostgreSQL 15 or later"
#endif

/* Number of this process among the PGPROCs; needs storage/proc.h. */
#if PG_VERSION_NUM >= 170000
#define WF_MY_PROCNO MyProcNumber
#else
#define WF_MY_PROCNO (MyProc->pgprocno)
#endif

/* Number of this backend's transaction. */
#if PG_VERSION_NUM >= 170000
#define WF_LOCAL_XID (MyProc->vxid.lxid)
#else
#define WF_LOCAL_XID (MyProc->lxid)
#endif

/* Since 16 a membership has options of its own; before, the member's INHERIT attribute decides. */
#if PG_VERSION_NUM >= 160000
#define WF_GRANT_INHERITING		" WITH INHERIT TRUE, SET TRUE"
#define WF_GRANT_NOT_INHERITING " WITH INHERIT FALSE, SET TRUE"
#else
#define WF_GRANT_INHERITING		""
#define WF_GRANT_NOT_INHERITING ""
#endif

/* May a role execute a function? Needs utils/acl.h and catalog/pg_proc.h. */
#if PG_VERSION_NUM >= 160000
#define WF_MAY_EXECUTE(function, role) \
	(object_aclcheck(ProcedureRelationId, (function), (role), ACL_EXECUTE) == ACLCHECK_OK)
#else
#define WF_MAY_EXECUTE(function, role) \
	(pg_proc_aclcheck((function), (role), ACL_EXECUTE) == ACLCHECK_OK)
#endif

/* A reader of JSON that decodes escapes; needs common/jsonapi.h and mb/pg_wchar.h. */
#if PG_VERSION_NUM >= 170000
#define WF_JSON_LEXER(text, length) \
	makeJsonLexContextCstringLen(NULL, (text), (length), PG_UTF8, true)
#else
#define WF_JSON_LEXER(text, length) \
	makeJsonLexContextCstringLen(unconstify(char *, (text)), (length), PG_UTF8, true)
#endif

#endif
