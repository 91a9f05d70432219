/*
 * history.h - what whalefall.setup() makes for the unified log: its table, and the view that reads it.
 *
 * History is not part of the extension, and nothing of it depends on an object of the extension.
 */
#ifndef WF_LOGS_HISTORY_H
#define WF_LOGS_HISTORY_H

/* The partial index answers what is looked for most often, and stays small. */
#define WF_LOGS_HISTORY_DDL                                                                      \
	"create sequence if not exists whalefall_data.unified_logs_id_seq;"                          \
	"create table if not exists whalefall_data.unified_logs ("                                   \
	" id bigint not null default nextval('whalefall_data.unified_logs_id_seq'),"                 \
	" \"timestamp\" timestamptz not null,"                                                       \
	" level text not null"                                                                       \
	"  check (level in ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')),"                      \
	" module text not null check (length(module) <= 100),"                                       \
	" message text not null,"                                                                    \
	" traceback text,"                                                                           \
	" context jsonb not null default '{}',"                                                      \
	" created_at timestamptz not null default now(),"                                            \
	" primary key (\"timestamp\", id)"                                                           \
	") partition by range (\"timestamp\");"                                                      \
	"alter sequence whalefall_data.unified_logs_id_seq owned by whalefall_data.unified_logs.id;" \
	"create index if not exists unified_logs_id_idx on whalefall_data.unified_logs (id);"        \
	"create index if not exists unified_logs_module_idx"                                         \
	" on whalefall_data.unified_logs (module, \"timestamp\");"                                   \
	"create index if not exists unified_logs_trouble_idx"                                        \
	" on whalefall_data.unified_logs (\"timestamp\")"                                            \
	" where level in ('WARNING', 'ERROR', 'CRITICAL');"                                          \
	"comment on table whalefall_data.unified_logs is"                                            \
	" 'events of the product, by month; secrets are masked before they are stored';"             \
	"create or replace view whalefall_api.logs as"                                               \
	" select l.id, l.\"timestamp\", l.level, l.module, l.message, l.traceback, l.context,"       \
	" l.created_at from whalefall_data.unified_logs l;"                                          \
	"comment on view whalefall_api.logs is 'unified log: one row per event';"                    \
	"comment on column whalefall_api.logs.id is 'id of the event';"                              \
	"comment on column whalefall_api.logs.\"timestamp\" is 'when it happened';"                  \
	"comment on column whalefall_api.logs.level is 'DEBUG, INFO, WARNING, ERROR, CRITICAL';"     \
	"comment on column whalefall_api.logs.module is 'part of the product that tells';"           \
	"comment on column whalefall_api.logs.message is 'event name or sentence, at most 8 kB';"    \
	"comment on column whalefall_api.logs.traceback is 'text of the error; null = none';"        \
	"comment on column whalefall_api.logs.context is"                                            \
	" 'actor and further values as JSON; secrets read ***';"                                     \
	"comment on column whalefall_api.logs.created_at is 'when the row was written';"             \
	"revoke all on whalefall_api.logs from public;"                                              \
	"grant select on whalefall_api.logs to whalefall_admin;"

#endif
