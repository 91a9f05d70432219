-- Data of the benchmark merge.pl: staged arrays of every instance in two states, and the floor's table.
-- Variables: instances, accounts.
\set QUIET 1
\set ON_ERROR_STOP 1
set client_min_messages = warning;
create schema bench;

-- One account as PostgreSQL's driver shows it: 8 attributes, 2 roles, 3 databases. state 1 differs from state 0
-- in one privilege.
create function bench.snapshot(account int, state int) returns jsonb language sql immutable as $$
	select jsonb_build_object('version', 4,
		'categories', jsonb_build_object(
			'postgresql_role_attributes', jsonb_build_object('can_super', false, 'can_create_role', account % 50 = 0,
				'can_create_db', account % 20 = 0, 'can_replicate', false, 'can_bypass_rls', false,
				'can_inherit', true, 'can_login', true, 'connection_limit', -1),
			'postgresql_predefined_roles', jsonb_build_array('team_' || lpad((account % 40)::text, 2, '0'),
				'zone_' || (account % 5)),
			'postgresql_database_privileges', jsonb_build_object('app' || account % 30, '["CONNECT", "TEMP"]'::jsonb,
				'crm', case state when 0 then '["CONNECT", "TEMP"]' else '["CONNECT", "CREATE", "TEMP"]' end::jsonb,
				'postgres', '["CONNECT", "TEMP"]'::jsonb)),
		'type_specific', '{"postgresql": {"valid_until": "2031-01-01T00:00:00+00:00"}}'::jsonb,
		'extra', jsonb_build_object('effective_roles', jsonb_build_array('pg_monitor',
			'team_' || lpad((account % 40)::text, 2, '0'), 'zone_' || (account % 5))),
		'errors', '[]'::jsonb, 'meta', '{}'::jsonb)
$$;

insert into whalefall.instances (name, db_type, host, port)
	select 'bench_' || n, 'postgresql', '127.0.0.1', 5432 from generate_series(1, :instances) n;

-- What both sides read; uncompressed, so that reading costs little.
create table bench.staged (instance_id bigint, state int, usernames text[], snapshots jsonb[],
	ids bigint[], facts jsonb[], fact_ids int[], first int[], last int[], primary key (instance_id, state));
alter table bench.staged alter usernames set storage external, alter snapshots set storage external,
	alter ids set storage external, alter facts set storage external, alter fact_ids set storage external,
	alter first set storage external, alter last set storage external;
insert into bench.staged (instance_id, state, usernames, snapshots)
	select i.id, s, array_agg('app_' || lpad(n::text, 6, '0') order by n), array_agg(bench.snapshot(n, s) order by n)
	from whalefall.instances i, generate_series(0, 1) s, generate_series(1, :accounts) n group by i.id, s;

-- Both states once: fills the tables and gives the floor the rows it writes.
create function bench.keep(state int) returns void language sql as $$
	update bench.staged b set ids = r.ids, facts = r.facts, fact_ids = r.flat, first = r.first, last = r.last
	from (select instance_id, array_agg(id order by id) as ids, array_agg(permission_facts order by id) as facts,
			array_agg(first order by id) as first, array_agg(last order by id) as last,
			(select array_agg(f order by p.id, f) from whalefall.account_permission p, unnest(p.fact_ids) f
				where p.instance_id = q.instance_id) as flat
		from (select *, (sum(cardinality(fact_ids)) over w - cardinality(fact_ids) + 1)::int as first,
				(sum(cardinality(fact_ids)) over w)::int as last
			from whalefall.account_permission window w as (partition by instance_id order by id)) q
		group by instance_id) r
	where b.instance_id = r.instance_id and b.state = keep.state
$$;
select count(whalefall.accounts_merge(instance_id, usernames, snapshots)) as merged from bench.staged where state = 1 \gset
select bench.keep(1) \gset
select count(whalefall.accounts_merge(instance_id, usernames, snapshots)) as merged from bench.staged where state = 0 \gset
select bench.keep(0) \gset

-- The floor: the same rows, already parsed and derived, by one upsert an instance.
create table bench.floor (like whalefall.account_permission including all);
-- Concatenation detoasts the array once; else every slice of it would.
create function bench.staged_in_memory(instance bigint, new_state int, out instance_id bigint, out ids bigint[],
	out snapshots jsonb[], out facts jsonb[], out fact_ids int[], out first int[], out last int[])
	language sql stable as $$
	select instance_id, ids, snapshots, facts, fact_ids || '{}'::int[], first, last
	from bench.staged b where b.instance_id = instance and b.state = new_state
$$;
create procedure bench.upsert(instance bigint, new_state int, only_changed boolean) language plpgsql as $$
begin
	if only_changed then
		insert into bench.floor as t (instance_id, id, permission_snapshot, permission_facts, fact_ids,
				last_change_type, last_change_time)
			select b.instance_id, c.id, c.snapshot, c.facts, b.fact_ids[c.first:c.last], 'modify_privilege', now()
			from bench.staged_in_memory(instance, new_state) b,
				unnest(b.ids, b.snapshots, b.facts, b.first, b.last) c (id, snapshot, facts, first, last)
			on conflict (instance_id, id) do update set permission_snapshot = excluded.permission_snapshot,
				permission_facts = excluded.permission_facts, fact_ids = excluded.fact_ids,
				last_change_type = excluded.last_change_type, last_change_time = excluded.last_change_time
			where t.permission_snapshot is distinct from excluded.permission_snapshot;
	else
		insert into bench.floor as t (instance_id, id, permission_snapshot, permission_facts, fact_ids,
				last_change_type, last_change_time)
			select b.instance_id, c.id, c.snapshot, c.facts, b.fact_ids[c.first:c.last], 'modify_privilege', now()
			from bench.staged_in_memory(instance, new_state) b,
				unnest(b.ids, b.snapshots, b.facts, b.first, b.last) c (id, snapshot, facts, first, last)
			on conflict (instance_id, id) do update set permission_snapshot = excluded.permission_snapshot,
				permission_facts = excluded.permission_facts, fact_ids = excluded.fact_ids,
				last_change_type = excluded.last_change_type, last_change_time = excluded.last_change_time;
	end if;
end $$;
insert into bench.floor (instance_id, id, permission_snapshot, permission_facts, fact_ids)
	select instance_id, id, permission_snapshot, permission_facts, fact_ids from whalefall.account_permission;
vacuum analyze;
