-- How often a password may be tried: windows, their keys, their end by the clock, a flood of names.
\set ECHO none
begin;
select plan(36);

create function pg_temp.fails(sql text) returns text language plpgsql as $$
declare d text;
begin
	execute sql;
	return null;
exception when others then
	get stacked diagnostics d = pg_exception_detail;
	return sqlstate || ' ' || sqlerrm || ': ' || d;
end $$;
create function pg_temp.request(authorization_header text default null, cookie text default null, csrf text default null,
	address text default null, scheme text default null, path text default null) returns void
	language c as '$libdir/whalefall', 'wf_people_test_request';
create function pg_temp.login() returns text language c as '$libdir/whalefall', 'wf_people_test_login';
create function pg_temp.answer() returns text language c as '$libdir/whalefall', 'wf_people_test_answer';
create function pg_temp.take(operation text, name text, address text) returns integer language c as '$libdir/whalefall', 'wf_people_test_limit';
-- Attempts one after the other; how many were let through, and what the last one was told to wait.
create function pg_temp.takes(n int, operation text, name text, address text) returns text language sql as
	$$select count(*) filter (where w = 0) || ' ' || (array_agg(w order by i))[n] from (select i, pg_temp.take(operation, name, address) as w from generate_series(1, n) i) t$$;
create function pg_temp.log_in(name text, password text, address text) returns text language plpgsql as $$
begin
	perform pg_temp.request(address => address);
	return pg_temp.fails(format('select whalefall_api.auth_login(%L, %L)', name, password));
end $$;

-- Names of this run: the server may have counted others before.
\set t '\'2026-03-10 08:00:00+00\''
set local whalefall.test_now = :t;
select is(pg_temp.takes(10, 'auth_login', 'n1', 'a1'), '10 0', 'ten logins by name and address');
select is(pg_temp.take('auth_login', 'n1', 'a1'), 60, 'the eleventh waits for the end of the window');
select is(pg_temp.take('auth_login', 'n1', 'a2'), 0, 'another address does not');
select is(pg_temp.take('auth_login', 'n2', 'a1'), 0, 'nor another name');
select is(pg_temp.take('auth_login', 'n', '1a1'), 0, 'name and address do not run together');
set local whalefall.test_now = '2026-03-10 08:00:30.2+00';
select is(pg_temp.take('auth_login', 'n1', 'a1'), 30, 'seconds are rounded up');
set local whalefall.test_now = '2026-03-10 08:00:59.999+00';
select is(pg_temp.take('auth_login', 'n1', 'a1'), 1, 'to the last one');
set local whalefall.test_now = '2026-03-10 08:01:00+00';
select is(pg_temp.takes(11, 'auth_login', 'n1', 'a1'), '10 60', 'then a new window begins, of its own length');
set local whalefall.test_now = '2026-03-10 08:00:00+00';
select is(pg_temp.take('auth_login', 'n1', 'a1'), 0, 'a clock that is set back locks nobody out');

-- By name alone, whatever the address.
set local whalefall.test_now = :t;
select is((select count(*) filter (where pg_temp.take('auth_login', 'spread', 'a' || i / 5) = 0) from generate_series(0, 48) i), 49::bigint, 'from many addresses');
select is(pg_temp.takes(2, 'auth_login', 'spread', 'b'), '1 3600', 'fifty in an hour by name');
set local whalefall.test_now = '2026-03-10 08:59:59+00';
select is(pg_temp.take('auth_login', 'spread', 'c'), 1, 'until the hour is over');
set local whalefall.test_now = '2026-03-10 09:00:00+00';
select is(pg_temp.take('auth_login', 'spread', 'c'), 0, 'and no longer');

-- Change of password.
set local whalefall.test_now = :t;
select is(pg_temp.takes(4, 'auth_change_password', '7', 'a1'), '3 3600', 'three in an hour');
select is(pg_temp.take('auth_change_password', '7', 'a2'), 0, 'by address too');
select is(pg_temp.take('auth_change_password', '8', 'a1'), 0, 'and user');
select is(pg_temp.take('auth_login', '7', 'a1'), 0, 'apart from logins');
select throws_ok($$select pg_temp.take('users_list', 'x', 'y')$$, 'operation "users_list" has no rate limit', 'others have none');

-- The operations themselves.
select is((select string_agg(distinct pg_temp.log_in('op', '', 'x1'), '|') from generate_series(1, 10)),
	'PT400 invalid input: username and password must not be blank.', 'invalid attempts are answered');
select is(pg_temp.log_in('op', '', 'x1'), 'PT429 too many attempts: Try again in 60 seconds.', 'and counted');
select is(pg_temp.answer()::json ->> 'retry-after', '60', 'the answer says when to come back');
select is(pg_temp.log_in(' op ', '', 'x1'), 'PT429 too many attempts: Try again in 60 seconds.', 'blanks around the name change nothing');
select is((select count(*)::int from generate_series(1, 10) where pg_temp.log_in(null, 'x', 'x2') like 'PT400%'), 10, 'without a name');
select is(pg_temp.log_in('', 'x', 'x2'), 'PT429 too many attempts: Try again in 60 seconds.', 'all count as one');
select is(pg_temp.log_in('anonymous', 'x', 'x2'), 'PT429 too many attempts: Try again in 60 seconds.', 'as anonymous');
-- Many attempts of one transaction, as psql can make them.
select pg_temp.request(address => 'x3');
select is((select count(*) filter (where pg_temp.fails('select whalefall_api.auth_login(''op3'', '''')') like 'PT400%') from generate_series(1, 20)), 10::bigint,
	'savepoints of one transaction do not help');
insert into whalefall.users (id, username, role, password) overriding system value values (990, 'limited', 'user', 'x');
insert into whalefall.login_sessions (sid, user_id, cookie_hash, csrf_secret, created_at, cookie_expires_at, expires_at)
	values (gen_random_uuid(), 990, sha256(('s.' || repeat('q', 43))::bytea), 'n', now(), '2027-01-01', '2027-01-01');
create function pg_temp.change() returns text language plpgsql as $$
begin
	perform pg_temp.request(cookie => 's.' || repeat('q', 43), address => 'x4');
	perform pg_temp.login();
	return pg_temp.fails('select whalefall_api.auth_change_password(''a'', ''b'', ''c'')');
end $$;
select is((select array_agg(pg_temp.change()) from generate_series(1, 4)), array['PT400 the two new passwords differ: ', 'PT400 the two new passwords differ: ',
	'PT400 the two new passwords differ: ', 'PT429 too many attempts: Try again in 3600 seconds.'], 'the fourth change of a password in an hour');
select is(pg_temp.answer()::json ->> 'retry-after', '3600', 'the answer says when to come back');

-- A rolled back attempt stays counted.
savepoint s;
select is(pg_temp.takes(3, 'auth_change_password', 'back', 'a'), '3 0', 'three');
rollback to s;
select isnt(pg_temp.take('auth_change_password', 'back', 'a'), 0, 'rolled back, and still counted');

-- A flood of names ends somewhere: the table is bounded, and what is over goes first.
select is(pg_temp.takes(2, 'auth_change_password', 'victim', 'a'), '2 0', 'two attempts');
set local whalefall.test_now = '2026-03-10 08:00:01+00';
select is((select count(*) from generate_series(1, 20000) i where pg_temp.take('auth_change_password', 'name' || i, 'a') = 0), 20000::bigint, 'thousands of other names');
select is(pg_temp.takes(2, 'auth_change_password', 'victim', 'a'), '1 3599', 'do not make it forget him');
select is((select count(*) from generate_series(1, 100000) i where pg_temp.take('auth_change_password', 'flood' || i, 'a') = 0), 100000::bigint, 'a flood is let through');
select is(pg_temp.takes(4, 'auth_change_password', 'after', 'a'), '3 3600', 'and counting goes on');
select is(pg_temp.take('auth_change_password', repeat('鲸', 300000), repeat('x', 100000)), 0, 'names may have any length');

select * from finish();
rollback;
