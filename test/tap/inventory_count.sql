-- The number of instances, which is counted without SQL: it follows what this transaction does to the table.
\set ECHO none
begin;
select plan(12);

create function pg_temp.total(include_deleted boolean default false) returns text language sql as
	$$select whalefall_api.instances_list(include_deleted => $1)::jsonb ->> 'total'$$;
create function pg_temp.counted() returns text language sql as
	$$select count(*)::text from whalefall.instances where deleted_at is null$$;

select is(pg_temp.total(), '0', 'no rows');
insert into whalefall.instances (name, db_type, host, port) select 'n' || n, 'mysql', 'h' || n, 3306 from generate_series(1, 500) n;
select is(pg_temp.total(), '500', 'rows of this transaction');
update whalefall.instances set deleted_at = now() where id % 5 = 0;
select is(pg_temp.total(), '400', 'those in the recycle bin are not counted');
select is(pg_temp.total(true), '500', 'unless they are asked for');
select is(whalefall_api.instances_list(status => 'active')::jsonb ->> 'total', '400', 'with another filter SQL counts the same');
select is(whalefall_api.instances_list(page => 21, page_size => 20)::jsonb, '{"items": [], "total": 400, "page": 21, "pages": 20, "limit": 20}',
	'past the end');

delete from whalefall.instances where id % 2 = 0;
alter table whalefall.instances add note text;
update whalefall.instances set note = 'x' where id % 3 = 0;
select is(pg_temp.total(), pg_temp.counted(), 'rows of two shapes, dead ones between');
cluster whalefall.instances using instances_pkey;
select is(pg_temp.total(), pg_temp.counted(), 'in a new file');

savepoint before;
update whalefall.instances set deleted_at = now();
select is(pg_temp.total(), '0', 'all of them deleted');
rollback to before;
select is(pg_temp.total(), pg_temp.counted(), 'and back');
alter table whalefall.instances rename deleted_at to gone_at;
select throws_ok('select whalefall_api.instances_list()', 'XX000', 'table "instances" has no column "deleted_at"', 'a table that has changed under the program');
rollback to before;
select is(pg_temp.total(), pg_temp.counted(), 'and back again');

select * from finish();
rollback;
