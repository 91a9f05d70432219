-- The table at the end of `make up`, out of the views that everybody has. psql variable: seconds.
select i.name as instance, i.db_type as engine, i.main_version as version,
	(select count(*) from whalefall_api.accounts a where a.instance_id = i.id and a.is_active) as accounts,
	(select count(*) from whalefall_api.accounts a where a.instance_id = i.id and a.is_active and a.is_superuser) as superusers,
	(select count(*) from whalefall_api.databases d where d.instance_id = i.id and d.is_active) as databases,
	(select pg_size_pretty(sum(d.size_mb)::bigint * 1024 * 1024) from whalefall_api.databases d
		where d.instance_id = i.id and d.is_active) as "total size",
	:'seconds' as seconds
from whalefall_api.instances i where i.deleted_at is null order by i.name;
