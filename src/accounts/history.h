/*
 * history.h - what whalefall.setup() makes for this room: the change log of accounts, and the view of it.
 *
 * History is not part of the extension, so it is made here, repeatably. The table has no foreign keys and no
 * identity, so that it can be sharded by instance_id; nothing of it depends on an object of the extension.
 */
#ifndef WF_ACCOUNTS_HISTORY_H
#define WF_ACCOUNTS_HISTORY_H

#define WF_ACCOUNTS_CHANGE_LOG_DDL                                                      \
	"create sequence if not exists whalefall_data.account_change_log_id_seq as bigint;" \
	"create table if not exists whalefall_data.account_change_log ("                    \
	" instance_id bigint not null,"                                                     \
	" id bigint not null default nextval('whalefall_data.account_change_log_id_seq'),"  \
	" account_id bigint,"                                                               \
	" db_type text not null,"                                                           \
	" username text collate pg_catalog.\"C\" not null,"                                 \
	" change_type text not null,"                                                       \
	" change_time timestamptz not null,"                                                \
	" session_id uuid,"                                                                 \
	" status text not null default 'success',"                                          \
	" message text,"                                                                    \
	" privilege_diff jsonb,"                                                            \
	" other_diff jsonb,"                                                                \
	" primary key (instance_id, change_time, id)"                                       \
	") partition by range (change_time);"                                               \
	"create index if not exists account_change_log_id_idx"                              \
	" on whalefall_data.account_change_log (id);"                                       \
	"create index if not exists account_change_log_change_time_id_idx"                  \
	" on whalefall_data.account_change_log (change_time, id);"                          \
	"create index if not exists account_change_log_account_id_change_time_idx"          \
	" on whalefall_data.account_change_log (account_id, change_time);"                  \
	"comment on table whalefall_data.account_change_log is"                             \
	" 'what account syncs found changed, one row per account and sync';"                \
	"alter sequence whalefall_data.account_change_log_id_seq owner to whalefall_owner;" \
	"alter table whalefall_data.account_change_log owner to whalefall_owner;"

#define WF_ACCOUNTS_CHANGES_VIEW_DDL                                                             \
	"create or replace view whalefall_api.account_changes as"                                    \
	" select c.id, c.instance_id, i.name as instance_name, c.account_id, c.db_type, c.username," \
	" c.change_type, c.change_time, c.session_id, c.status, c.message, c.privilege_diff,"        \
	" c.other_diff"                                                                              \
	" from whalefall_data.account_change_log c"                                                  \
	" left join whalefall.instances i on i.id = c.instance_id;"                                  \
	"comment on view whalefall_api.account_changes is"                                           \
	" 'change log of accounts, newest by change_time and id';"                                   \
	"comment on column whalefall_api.account_changes.id is 'id of the log row';"                 \
	"comment on column whalefall_api.account_changes.instance_id is 'id of the instance';"       \
	"comment on column whalefall_api.account_changes.instance_name is"                           \
	" 'name of the instance; null when it was removed for good';"                                \
	"comment on column whalefall_api.account_changes.account_id is 'id of the account';"         \
	"comment on column whalefall_api.account_changes.db_type is"                                 \
	" 'mysql, postgresql, sqlserver, oracle';"                                                   \
	"comment on column whalefall_api.account_changes.username is 'name of the account';"         \
	"comment on column whalefall_api.account_changes.change_type is"                             \
	" 'add, modify_privilege, modify_other, delete, restore';"                                   \
	"comment on column whalefall_api.account_changes.change_time is 'when the sync found it';"   \
	"comment on column whalefall_api.account_changes.session_id is"                              \
	" 'sync session; null when merged by hand';"                                                 \
	"comment on column whalefall_api.account_changes.status is 'success or failed';"             \
	"comment on column whalefall_api.account_changes.message is 'one sentence for people';"      \
	"comment on column whalefall_api.account_changes.privilege_diff is"                          \
	" '{version, entries}: granted and revoked privileges; empty for add, delete, restore';"     \
	"comment on column whalefall_api.account_changes.other_diff is"                              \
	" '{version, entries}: other changed attributes; empty for add, delete, restore';"           \
	"alter view whalefall_api.account_changes owner to whalefall_owner;"                         \
	"revoke all on whalefall_api.account_changes from public;"                                   \
	"grant select on whalefall_api.account_changes to whalefall_viewer;"

/* Everything above, in order; may be run again at any time. */
#define WF_ACCOUNTS_HISTORY_DDL WF_ACCOUNTS_CHANGE_LOG_DDL WF_ACCOUNTS_CHANGES_VIEW_DDL

#endif
