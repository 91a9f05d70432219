-- The ground: error table, triggers, rights that every function has, the log's bounds, who calls.
\set ECHO none
begin;
select plan(24);

-- Errors.
select is((select count(*) - count(distinct (message_code, http_status)) from whalefall.error_table())::int, 0, 'every code once per status');
select is((select string_agg(message_code, ',') from whalefall.error_table() where sqlstate <> 'PT' || http_status or message_en ~ '[^ -~]' or message_en ~ '^[A-Z]|\.$'), null,
	'SQLSTATE says the status; messages are ASCII, in PostgreSQL''s form');

-- updated_at.
insert into whalefall.credentials (name, credential_type, username, updated_at) values ('t', 'api', 'u', '2020-01-01');
set local whalefall.test_now = '2026-05-05 05:05:05+00';
update whalefall.credentials set description = 'x' where name = 't';
select is((select updated_at from whalefall.credentials where name = 't'), '2026-05-05 05:05:05+00'::timestamptz, 'an update keeps updated_at');
update whalefall.credentials set updated_at = '2030-01-01' where name = 't';
select is((select updated_at from whalefall.credentials where name = 't'), '2026-05-05 05:05:05+00'::timestamptz, 'whatever it says');
create table pg_temp.bare (a int);
create trigger t before update on pg_temp.bare for each row execute function whalefall.touch_updated_at();
insert into pg_temp.bare values (1);
select throws_ok('update pg_temp.bare set a = 2', '42703', 'relation "bare" has no column updated_at', 'on another table it raises');
create table pg_temp.other (updated_at timestamptz);
create trigger t after update on pg_temp.other for each row execute function whalefall.touch_updated_at();
insert into pg_temp.other values (now());
select throws_ok('update pg_temp.other set updated_at = null', '39P01', 'touch_updated_at must be fired BEFORE UPDATE FOR EACH ROW', 'and so it does after');

-- The tables' own rules, whoever writes.
select throws_ok($$insert into whalefall.credentials (name, credential_type, username) values ('t', 'api', 'u')$$, '23505', null, 'names of credentials are unique');
select throws_ok($$insert into whalefall.instances (name, db_type, host, port) values ('x', 'db2', 'h', 1)$$, '23514', null, 'a database type is known');
select throws_ok($$insert into whalefall.instances (name, db_type, host, port) values ('x', 'mysql', 'h', 0)$$, '23514', null, 'a port is one');
select throws_ok($$insert into whalefall.control_plane values (false, 1, 1, 1)$$, '23514', null, 'there is one control plane');

-- The log.
set local whalefall.test_now = '2026-05-31 15:59:59+00';
select lives_ok($$select whalefall_api.instances_create('logged', 'pg', 'h', 1)$$, 'something to log');
select is((select level || ' ' || module || ' ' || message || ' ' || "timestamp" from whalefall_api.logs where context ->> 'instance_name' = 'logged'),
	'INFO instances instance created ' || '2026-05-31 15:59:59+00'::timestamptz, 'its row');
select is((select context ->> 'current_username' || '/' || (context ->> 'current_user_role') || '/' || (context ->> 'is_admin') from whalefall_api.logs
	where context ->> 'instance_name' = 'logged'), current_user || '/admin/true', 'names who acted');
select is((select tableoid::regclass::text from whalefall_data.unified_logs where context ->> 'instance_name' = 'logged'), 'whalefall_data.unified_logs_2026_05',
	'in the month of the business zone');
set local whalefall.test_now = '2026-05-31 16:00:00+00';
select lives_ok($$select whalefall_api.instances_create('next', 'pg', 'h', 1)$$, 'a second later');
select is((select tableoid::regclass::text from whalefall_data.unified_logs where context ->> 'instance_name' = 'next'), 'whalefall_data.unified_logs_2026_06', 'it is June in Shanghai');
select throws_ok($$insert into whalefall_data.unified_logs ("timestamp", level, module, message) values (now(), 'NOTICE', 'm', 'm')$$, '23514', null, 'levels are the five');

-- The guard.
update whalefall.control_plane set system_identifier = system_identifier + 1;
select throws_ok($$select whalefall_api.instances_delete(1)$$, 'PT409', 'this database is a copy of another control plane', 'another cluster');
update whalefall.control_plane set system_identifier = system_identifier - 1, database_oid = 1;
select throws_ok($$select whalefall_api.credentials_delete(1)$$, 'PT409', 'this database is a copy of another control plane', 'another database');
delete from whalefall.control_plane;
select throws_ok($$select whalefall_api.credentials_create('x', 'api', 'u', '123456')$$, 'PT500', 'whalefall is not set up', 'no setup');
select throws_ok($$select whalefall_api.instances_create('x', 'pg', 'h', 1)$$, 'PT500', 'whalefall is not set up', 'for nobody');
select throws_ok($$select whalefall.setup()$$, 'PT409', 'conflicting state', 'a new life finds the history of the old one');
select throws_ok($$select whalefall.setup(history => 'x')$$, 'PT400', 'invalid input', 'and takes two answers');

-- Documents: docs/errors.md is checked by test/server/docs.t.
select is((select count(*)::int from whalefall.error_table() where message_zh = '' or message_zh !~ '[一-龥]'), 0, 'every error has a Chinese text');

select * from finish();
rollback;
