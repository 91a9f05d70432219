/*
 * stage.h - what one instance said about its accounts, in compact form.
 *
 * A driver emits engine-neutral rows; they are collected here without any transaction. The merge then
 * asks for one account's snapshot at a time. A stage can also be made of ready snapshots.
 *
 *     dataset   fields
 *     account   key, username
 *     item      key, category, path..., name             an element of a list
 *     value     key, category, name, kind (b n s), text  a member of an object; text NULL = null
 *     public    category, object, name                   what PUBLIC holds; name NULL or "" = nothing
 *     meta      name, value
 *
 * Category "type_specific" goes to type_specific[db_type], "extra" and "extra.<x>" to extra, everything
 * else to categories.
 */
#ifndef WF_ACCOUNTS_STAGE_H
#define WF_ACCOUNTS_STAGE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "accounts/filter.h"

#define WF_STAGE_MAX_ACCOUNTS 1000000
#define WF_STAGE_MAX_ROWS	  16000000
#define WF_STAGE_MAX_TEXTS	  4000000 /* distinct ones, and distinct rows */
#define WF_STAGE_MAX_BYTES	  (64 * 1024 * 1024)
#define WF_STAGE_MAX_ERRORS	  100
#define WF_STAGE_MAX_NAME	  1024 /* bytes of a user name or of one part of a path */

typedef struct WfAccountStage WfAccountStage;

/* An empty stage in a context of its own below `parent`. filter may be NULL. */
extern WfAccountStage *wf_stage_create(MemoryContext parent, const char *db_type,
									   const WfAccountFilter *filter);

/*
 * Add a row of a driver; NULL fields are null. The texts are copied. Rows of accounts that are unknown,
 * blank or filtered are ignored. Raises SYNC_DATA when the bounds are passed or a row is malformed.
 */
extern void wf_stage_add(WfAccountStage *stage, const char *dataset, int nfields,
						 const char *const *fields);

/* A category the driver could not read: known accounts keep what they had. */
extern void wf_stage_set_unread(WfAccountStage *stage, const char *category);

/*
 * A stage of ready snapshots (objects, not copied: they must live as long as the stage).
 * public_privileges: {category: {object: [names]}}, or NULL.
 */
extern WfAccountStage *wf_stage_of_snapshots(MemoryContext parent, const char *db_type,
											 const WfAccountFilter *filter, int count,
											 char **usernames, Jsonb **snapshots,
											 Jsonb *public_privileges);

/* End of collecting: sorts. Must be called once before the functions below. */
extern void wf_stage_finish(WfAccountStage *stage);

extern const char *wf_stage_db_type(const WfAccountStage *stage);
extern int wf_stage_count(const WfAccountStage *stage);

/* Accounts are numbered in the byte order of their names. */
extern const char *wf_stage_username(const WfAccountStage *stage, int account);

/* Number of the account of a name, or -1. */
extern int wf_stage_find(const WfAccountStage *stage, const char *username);

/*
 * Snapshot of an account (domain 3.6), palloc'd in the current context or borrowed from the stage; old
 * is the stored one or NULL. The same state always gives the same bytes.
 */
extern Jsonb *wf_stage_snapshot(const WfAccountStage *stage, int account, Jsonb *old);

/* What PUBLIC holds: {category: {object: [names]}}. old: the stored one, for unread categories. */
extern Jsonb *wf_stage_public_privileges(const WfAccountStage *stage, Jsonb *old);

/* Sentences about accounts that had to be left out; strings. */
extern List *wf_stage_errors(const WfAccountStage *stage);

/* Free the stage and all it holds. */
extern void wf_stage_free(WfAccountStage *stage);

#endif
