/*
 * history.h - what whalefall.setup() makes for this room: the history of sizes, and the views that read it.
 *
 * History is not part of the extension (a member partitioned parent breaks restores, and DROP EXTENSION
 * would drop it), so it is made here, repeatably, and owned by whalefall_owner like everything else.
 * The tables have no foreign keys and no identity, so that they can be sharded by instance_id; nothing of
 * them depends on an object of the extension. Removing an instance removes its rows in batches.
 */
#ifndef WF_CAPACITY_HISTORY_H
#define WF_CAPACITY_HISTORY_H

#define WF_CAPACITY_HISTORY_TABLES_DDL                                               \
	"create table if not exists whalefall_data.database_size_stats ("                \
	" instance_id bigint not null,"                                                  \
	" database_name text collate pg_catalog.\"C\" not null,"                         \
	" collected_date date not null,"                                                 \
	" size_mb bigint not null,"                                                      \
	" data_size_mb bigint,"                                                          \
	" log_size_mb bigint,"                                                           \
	" collected_at timestamptz not null,"                                            \
	" created_at timestamptz not null default now(),"                                \
	" updated_at timestamptz not null default now(),"                                \
	" primary key (instance_id, database_name, collected_date)"                      \
	") partition by range (collected_date);"                                         \
	"create index if not exists database_size_stats_collected_date_idx"              \
	" on whalefall_data.database_size_stats (collected_date);"                       \
	"comment on table whalefall_data.database_size_stats is"                         \
	" 'size of every followed database, one row per business day; MiB, rounded up';" \
	"create table if not exists whalefall_data.instance_size_stats ("                \
	" instance_id bigint not null,"                                                  \
	" collected_date date not null,"                                                 \
	" total_size_mb bigint not null default 0,"                                      \
	" database_count integer not null default 0,"                                    \
	" collected_at timestamptz not null,"                                            \
	" created_at timestamptz not null default now(),"                                \
	" updated_at timestamptz not null default now(),"                                \
	" primary key (instance_id, collected_date)"                                     \
	") partition by range (collected_date);"                                         \
	"create index if not exists instance_size_stats_collected_date_idx"              \
	" on whalefall_data.instance_size_stats (collected_date);"                       \
	"comment on table whalefall_data.instance_size_stats is"                         \
	" 'sum of the database sizes of an instance, one row per business day; MiB';"    \
	"alter table whalefall_data.database_size_stats owner to whalefall_owner;"       \
	"alter table whalefall_data.instance_size_stats owner to whalefall_owner;"

#define WF_CAPACITY_DATABASE_SIZES_DDL                                                                  \
	"create or replace view whalefall_api.database_sizes as"                                            \
	" select s.instance_id, i.name as instance_name, i.db_type, s.database_name, s.collected_date,"     \
	" s.size_mb, s.data_size_mb, s.log_size_mb, s.collected_at"                                         \
	" from whalefall_data.database_size_stats s join whalefall.instances i on i.id = s.instance_id"     \
	" where i.deleted_at is null;"                                                                      \
	"comment on view whalefall_api.database_sizes is"                                                   \
	" 'history of database sizes: one row per database and business day';"                              \
	"comment on column whalefall_api.database_sizes.instance_id is 'id of the instance';"               \
	"comment on column whalefall_api.database_sizes.instance_name is 'name of the instance';"           \
	"comment on column whalefall_api.database_sizes.db_type is 'mysql, postgresql, sqlserver, oracle';" \
	"comment on column whalefall_api.database_sizes.database_name is 'name of the database';"           \
	"comment on column whalefall_api.database_sizes.collected_date is"                                  \
	" 'business day of the sample, in whalefall.timezone';"                                             \
	"comment on column whalefall_api.database_sizes.size_mb is 'size in MiB, rounded up';"              \
	"comment on column whalefall_api.database_sizes.data_size_mb is"                                    \
	" 'size of the data in MiB; null = the engine does not tell';"                                      \
	"comment on column whalefall_api.database_sizes.log_size_mb is"                                     \
	" 'size of the transaction log in MiB; null = the engine does not tell';"                           \
	"comment on column whalefall_api.database_sizes.collected_at is"                                    \
	" 'instant of the last sample of that day';"

#define WF_CAPACITY_INSTANCE_SIZES_DDL                                                                  \
	"create or replace view whalefall_api.instance_sizes as"                                            \
	" select s.instance_id, i.name as instance_name, i.db_type, s.collected_date, s.total_size_mb,"     \
	" s.database_count, s.collected_at"                                                                 \
	" from whalefall_data.instance_size_stats s join whalefall.instances i on i.id = s.instance_id"     \
	" where i.deleted_at is null;"                                                                      \
	"comment on view whalefall_api.instance_sizes is"                                                   \
	" 'history of instance sizes: one row per instance and business day';"                              \
	"comment on column whalefall_api.instance_sizes.instance_id is 'id of the instance';"               \
	"comment on column whalefall_api.instance_sizes.instance_name is 'name of the instance';"           \
	"comment on column whalefall_api.instance_sizes.db_type is 'mysql, postgresql, sqlserver, oracle';" \
	"comment on column whalefall_api.instance_sizes.collected_date is"                                  \
	" 'business day of the sample, in whalefall.timezone';"                                             \
	"comment on column whalefall_api.instance_sizes.total_size_mb is"                                   \
	" 'sum of the sizes of the followed databases in MiB';"                                             \
	"comment on column whalefall_api.instance_sizes.database_count is"                                  \
	" 'number of databases in the sum';"                                                                \
	"comment on column whalefall_api.instance_sizes.collected_at is"                                    \
	" 'instant of the last sample of that day';"

/* The latest size is one index descent per database: the partitions are ordered by date. */
#define WF_CAPACITY_DATABASES_DDL                                                                    \
	"create or replace view whalefall_api.databases as"                                              \
	" select d.id, d.instance_id, i.name as instance_name, i.db_type, d.database_name, d.is_active," \
	" d.first_seen_date, d.last_seen_date, d.deleted_at, s.size_mb, s.data_size_mb, s.log_size_mb,"  \
	" s.collected_date, s.collected_at"                                                              \
	" from whalefall.instance_databases d join whalefall.instances i on i.id = d.instance_id"        \
	" left join lateral (select z.size_mb, z.data_size_mb, z.log_size_mb, z.collected_date,"         \
	" z.collected_at from whalefall_data.database_size_stats z"                                      \
	" where z.instance_id = d.instance_id and z.database_name = d.database_name"                     \
	" order by z.collected_date desc limit 1) s on true"                                             \
	" where i.deleted_at is null;"                                                                   \
	"comment on view whalefall_api.databases is"                                                     \
	" 'databases of the fleet with their latest size; inactive ones vanished or are filtered';"      \
	"comment on column whalefall_api.databases.id is 'id of the database';"                          \
	"comment on column whalefall_api.databases.instance_id is 'id of the instance';"                 \
	"comment on column whalefall_api.databases.instance_name is 'name of the instance';"             \
	"comment on column whalefall_api.databases.db_type is 'mysql, postgresql, sqlserver, oracle';"   \
	"comment on column whalefall_api.databases.database_name is 'name of the database';"             \
	"comment on column whalefall_api.databases.is_active is"                                         \
	" 'false: no longer listed by the instance, or excluded by a filter';"                           \
	"comment on column whalefall_api.databases.first_seen_date is"                                   \
	" 'business day of the first sync that listed it';"                                              \
	"comment on column whalefall_api.databases.last_seen_date is"                                    \
	" 'business day of the last sync that listed it';"                                               \
	"comment on column whalefall_api.databases.deleted_at is"                                        \
	" 'when it was found missing; null while active';"                                               \
	"comment on column whalefall_api.databases.size_mb is"                                           \
	" 'latest size in MiB, rounded up; null = never collected';"                                     \
	"comment on column whalefall_api.databases.data_size_mb is 'latest size of the data in MiB';"    \
	"comment on column whalefall_api.databases.log_size_mb is"                                       \
	" 'latest size of the transaction log in MiB; null = the engine does not tell';"                 \
	"comment on column whalefall_api.databases.collected_date is"                                    \
	" 'business day of the latest size';"                                                            \
	"comment on column whalefall_api.databases.collected_at is 'instant of the latest size';"

#define WF_CAPACITY_VIEW_RIGHTS_DDL(view)                         \
	"alter view whalefall_api." view " owner to whalefall_owner;" \
	"revoke all on whalefall_api." view " from public;"           \
	"grant select on whalefall_api." view " to whalefall_viewer;"

/* Everything above, in order; may be run again at any time. */
#define WF_CAPACITY_HISTORY_DDL                                                                  \
	WF_CAPACITY_HISTORY_TABLES_DDL WF_CAPACITY_DATABASE_SIZES_DDL WF_CAPACITY_INSTANCE_SIZES_DDL \
		WF_CAPACITY_DATABASES_DDL WF_CAPACITY_VIEW_RIGHTS_DDL("database_sizes")                  \
			WF_CAPACITY_VIEW_RIGHTS_DDL("instance_sizes") WF_CAPACITY_VIEW_RIGHTS_DDL("databases")

#endif
