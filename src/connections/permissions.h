/*
 * permissions.h - what a connection test learns about the rights of the monitoring account.
 */
#ifndef WF_CONNECTIONS_PERMISSIONS_H
#define WF_CONNECTIONS_PERMISSIONS_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* What one read has told. */
typedef struct WfPermissions
{
	MemoryContext context; /* where it is kept */
	List *list;			   /* of entries private to permissions.c */
} WfPermissions;

/* A WfRemoteRow: arg is a WfPermissions; rows of other datasets are passed over. */
extern void wf_permissions_take(void *arg, const char *dataset, int nfields,
								const char *const *values);

/*
 * Write {"permissions": [{name, needed_for, granted, hint}], "missing_permissions": [name]} into size bytes.
 * Entries that do not fit are left out, the last ones first; an empty text when there is none.
 */
extern void wf_permissions_write(const WfPermissions *permissions, char *to, size_t size);

#endif
