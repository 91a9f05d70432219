-- Paged lists: paging, sorting, ties, nulls, filters, literal search; and the views behind them.
\set ECHO none
begin;
select plan(87);

create function pg_temp.says(statement text) returns text language plpgsql as $$
declare
	detail text;
begin
	execute statement;
	return 'ok';
exception when others then
	get stacked diagnostics detail = pg_exception_detail;
	return sqlstate || ' ' || detail;
end $$;
-- One member of all items, as a list.
create function pg_temp.items(list json, member text default 'name') returns text language sql as $$
	select coalesce(string_agg(coalesce(i ->> member, '-'), ',' order by n), '') from json_array_elements(list -> 'items') with ordinality x(i, n) $$;

-- 25 instances over four types; every third is inactive, the last one is deleted.
insert into whalefall.instances (name, db_type, host, port, description, is_active, last_account_sync_at, last_capacity_sync_at, created_at)
	select 'i' || lpad(n::text, 2, '0'), (array['mysql', 'postgresql', 'sqlserver', 'oracle'])[n % 4 + 1], 'host' || n % 3, 1000 + n,
		case n when 7 then '50% of it' when 8 then 'snake_case' when 9 then 'back\slash' when 10 then 'MiXeD Übung' else '' end,
		n % 3 <> 0, case when n <= 5 then '2026-01-01'::timestamptz + n * interval '1 day' end,
		case when n = 1 then '2026-02-01'::timestamptz end, '2026-01-01'
	from generate_series(1, 25) n;
update whalefall.instances set deleted_at = '2026-03-01 12:00:00.5+00' where name = 'i25';

-- Paging ---------------------------------------------------------------------------------------------------
select is((whalefall_api.instances_list()::jsonb) - 'items', '{"total": 24, "page": 1, "pages": 2, "limit": 20}'::jsonb, 'defaults');
select is(array(select json_object_keys(whalefall_api.instances_list())), '{items,total,page,pages,limit}'::text[], 'keys in the order of the contract');
select is(array(select json_object_keys(whalefall_api.instances_list() -> 'items' -> 0)), '{id,name,db_type,host,port,description,is_active,deleted_at,status,main_version,active_db_count,active_account_count,last_sync_time,tags}'::text[],
	'keys of an item');
select is(pg_temp.items(whalefall_api.instances_list(page_size => 3)), 'i24,i23,i22', 'the newest id first');
select is(pg_temp.items(whalefall_api.instances_list(page => 8, page_size => 3)), 'i03,i02,i01', 'the last page');
select is(pg_temp.items(whalefall_api.instances_list(page => 5, page_size => 5)), 'i04,i03,i02,i01', 'the last page, not full');
select is((whalefall_api.instances_list(page => 9, page_size => 3)::jsonb), '{"items": [], "total": 24, "page": 9, "pages": 8, "limit": 3}'::jsonb, 'past the end: empty');
select is((whalefall_api.instances_list(page => 2147483647, page_size => 100)::jsonb) -> 'items', '[]', 'far past the end');
select is((whalefall_api.instances_list(search => 'nothing like it')::jsonb), '{"items": [], "total": 0, "page": 1, "pages": 0, "limit": 20}'::jsonb, 'no row: no page');
select is(pg_temp.says('select whalefall_api.instances_list(' || arguments || ')'), 'PT400 ' || answer, arguments) from (values
	('page => 0', 'page must be at least 1.'), ('page => -1', 'page must be at least 1.'), ('page_size => 0', 'page_size must be from 1 to 100.'),
	('page_size => 101', 'page_size must be from 1 to 100.'), ($$sort_order => 'up'$$, 'sort_order must be asc or desc.'),
	($$sort_order => 'asc; drop'$$, 'sort_order must be asc or desc.')) x(arguments, answer);
select is(pg_temp.says('select whalefall_api.credentials_list(page_size => 201)'), 'PT400 page_size must be from 1 to 200.', 'the bound of credentials');
select is((whalefall_api.instances_list(page_size => 100)::jsonb) ->> 'limit', '100', 'the largest page');

-- Sorting --------------------------------------------------------------------------------------------------
select is(pg_temp.items(whalefall_api.instances_list(page_size => 4, sort => 'name', sort_order => 'asc')), 'i01,i02,i03,i04', 'by name');
select is(pg_temp.items(whalefall_api.instances_list(page_size => 4, sort => ' NAME ', sort_order => ' DESC ')), 'i24,i23,i22,i21', 'in any case, with blanks');
select is(pg_temp.items(whalefall_api.instances_list(page_size => 4, sort => 'password')), 'i24,i23,i22,i21', 'an unknown sort is the default');
select is(pg_temp.items(whalefall_api.instances_list(page_size => 4, sort => '1; select pg_sleep(9)')), 'i24,i23,i22,i21', 'so is an injection');
select is(pg_temp.items(whalefall_api.instances_list(page_size => 4, sort => '', sort_order => '')), 'i24,i23,i22,i21', 'blank is the default');
select is(pg_temp.items(whalefall_api.instances_list(page_size => 9, sort => 'host', sort_order => 'asc')), 'i03,i06,i09,i12,i15,i18,i21,i24,i01', 'ties by id, upwards');
select is(pg_temp.items(whalefall_api.instances_list(page_size => 9, sort => 'host', sort_order => 'desc')), 'i23,i20,i17,i14,i11,i08,i05,i02,i22', 'and downwards');
select is(pg_temp.items(whalefall_api.instances_list(page_size => 7, sort => 'last_sync_time', sort_order => 'asc')), 'i02,i03,i04,i05,i01,i06,i07', 'nulls last, upwards');
select is(pg_temp.items(whalefall_api.instances_list(page_size => 7, sort => 'last_sync_time', sort_order => 'desc')), 'i01,i05,i04,i03,i02,i24,i23', 'and downwards');
select is(pg_temp.items(whalefall_api.instances_list(page_size => 2, sort => 'last_sync_time', sort_order => 'desc'), 'last_sync_time'),
	'2026-02-01T00:00:00+00:00,2026-01-06T00:00:00+00:00', 'the later of the two syncs, in UTC');
-- All pages together give every row once, whatever the sort.
select is((select count(distinct i ->> 'id') || '/' || count(*) from generate_series(1, 5) p,
	json_array_elements(whalefall_api.instances_list(page => p, page_size => 5, sort => s, sort_order => o) -> 'items') i), '24/24', s || ' ' || o)
	from unnest(array['id', 'name', 'db_type', 'host', 'last_sync_time']) s, unnest(array['asc', 'desc']) o;

-- Filters --------------------------------------------------------------------------------------------------
select is(pg_temp.items(whalefall_api.instances_list(search => s)), answer, 'search ' || s) from (values
	('%', 'i07'), ('_', 'i08'), ('\', 'i09'), ('0% of', 'i07'), ('e_c', 'i08'), ('k\s', 'i09'), ('mixed', 'i10'), ('ÜBUNG', 'i10'), ('I02', 'i02'), (' i03 ', 'i03'),
	('%%', ''), ('i0_', ''), ('''', ''), ('$1', '')) x(s, answer);
select is((whalefall_api.instances_list(search => '  ') ->> 'total'), '24', 'a blank search is none');
select is((whalefall_api.instances_list(search => 'HOST1') ->> 'total'), '8', 'search looks in hosts');
select is((whalefall_api.instances_list(db_type => d) ->> 'total'), n, 'db_type ' || d) from (values ('postgresql', '6'), ('all', '24'), ('ALL', '24'), ('', '24'), ('db2', '0')) x(d, n);
select is((whalefall_api.instances_list(status => s) ->> 'total'), n, 'status ' || s) from (values ('active', '16'), (' Inactive ', '8'), ('all', '24'), ('deleted', '24'), ('', '24')) x(s, n);
select is((whalefall_api.instances_list(include_deleted => true) ->> 'total'), '25', 'with the recycle bin');
select is((whalefall_api.instances_list(include_deleted => false) ->> 'total'), '24', 'without');
select is(pg_temp.items(whalefall_api.instances_list(include_deleted => true, page_size => 1), 'deleted_at'), '2026-03-01T12:00:00.5+00:00', 'when it was deleted');
select is(pg_temp.items(whalefall_api.instances_list(include_deleted => true, page_size => 3), 'status'), 'deleted,inactive,active', 'status');
select is(pg_temp.items(whalefall_api.instances_list('i0', 'mysql', 'active', true, 1, 20, 'id', 'asc')), 'i04,i08', 'all filters together');

-- More combinations than plans are kept, twice: all answer the same.
create temp table once as select s, o, f, d, whalefall_api.instances_list(search => f, db_type => d, sort => s, sort_order => o)::text as answer
	from unnest(array['id', 'name', 'db_type', 'host', 'last_sync_time']) s, unnest(array['asc', 'desc']) o, unnest(array['i', null]) f, unnest(array['mysql', null]) d;
select is((select count(*)::int from once), 40, '40 combinations');
select is((select count(*)::int from once where answer is distinct from whalefall_api.instances_list(search => f, db_type => d, sort => s, sort_order => o)::text), 0,
	'answer the same again');

-- Counts of databases and accounts.
insert into whalefall.instance_databases (instance_id, database_name, is_active, first_seen_date, last_seen_date, deleted_at)
	select id, d, d <> 'gone', '2026-01-01', '2026-01-01', case d when 'gone' then now() end from whalefall.instances, unnest(array['a', 'b', 'gone']) d where name = 'i01';
insert into whalefall.instance_accounts (instance_id, db_type, username, is_active, deleted_at)
	select id, db_type, u, u <> 'gone', case u when 'gone' then now() end from whalefall.instances, unnest(array['x', 'y', 'z', 'gone']) u where name = 'i01';
select is(pg_temp.items(whalefall_api.instances_list(search => 'i01'), 'active_db_count'), '2', 'active databases');
select is(pg_temp.items(whalefall_api.instances_list(search => 'i01'), 'active_account_count'), '3', 'active accounts');

-- Credentials.
select whalefall_api.credentials_create('c' || n, (array['database', 'api'])[n % 2 + 1], 'user' || n, 'password', case when n = 2 then 'mysql' end, case n when 3 then 'needle' end, n <> 4)
	from generate_series(1, 5) n \g /dev/null
update whalefall.instances set credential_id = (select id from whalefall.credentials where name = 'c5') where name in ('i01', 'i02', 'i25');
select is(pg_temp.items(whalefall_api.credentials_list(sort => 'instance_count')), 'c5,c4,c3,c2,c1', 'by use');
select is(pg_temp.items(whalefall_api.credentials_list(sort => 'instance_count'), 'instance_count'), '2,0,0,0,0', 'without deleted instances');
select is(pg_temp.items(whalefall_api.credentials_list(search => s)), answer, 'search ' || s) from (values ('NEEDLE', 'c3'), ('user2', 'c2'), ('C1', 'c1'), ('password', '')) x(s, answer);
select is(pg_temp.items(whalefall_api.credentials_list(credential_type => 'api', sort => 'name', sort_order => 'asc')), 'c1,c3,c5', 'by type');
select is(pg_temp.items(whalefall_api.credentials_list(db_type => 'mysql')), 'c2', 'by database type');
select is(pg_temp.items(whalefall_api.credentials_list(status => 'inactive')), 'c4', 'by status');
select is(pg_temp.items(whalefall_api.credentials_list(sort => 'db_type', sort_order => 'asc', page_size => 2)), 'c2,c1', 'nulls last');
select is((select count(*)::int from json_array_elements(whalefall_api.credentials_list() -> 'items') i where i ->> 'password' = '******'), 5, 'all passwords are stars');

-- The views.
select is((select string_agg(distinct password, '') from whalefall_api.credentials), '******', 'the view shows stars');
select is((select count(*)::int from pg_attribute where attrelid = 'whalefall_api.credentials'::regclass and attname = 'secret'), 0, 'and has no secret');
select is((select status from whalefall_api.instances where name = 'i25'), 'deleted', 'the view of instances shows deleted ones');
select is((select count(*)::int from whalefall_api.credential_input), 0, 'the input view is empty');

select * from finish();
rollback;
