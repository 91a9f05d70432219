-- The unified log: masking, cutting, levels, who acted.
\set ECHO none
begin;
select plan(36);

-- Writes a row and gives it back.
create function pg_temp.log(level text, message text, context jsonb default null, error text default null)
	returns setof whalefall_data.unified_logs language plpgsql as $$
begin
	perform whalefall.log_write(level, 'test', message, context, error);
	return query select * from whalefall_data.unified_logs order by id desc limit 1;
end $$;
-- What of a context is stored, without the block of the user.
create function pg_temp.stored(context jsonb) returns jsonb language sql as $$
	select (l.context - 'current_user_id' - 'current_username' - 'current_user_role' - 'is_admin') from pg_temp.log('info', 'x', $1) l $$;

-- Masking by key: at any depth, in any case, whatever the value is.
select is(pg_temp.stored(jsonb_build_object(k, 'hidden')), jsonb_build_object(k, '***'), 'key ' || k) from unnest(array['password', 'PassWord', 'token', 'api_key',
	'secret', 'private_key', 'pwd', 'conninfo', 'x-csrf-token', 'access_token', 'authentication_string', 'set-cookie']) k;
select is(pg_temp.stored('{"passwords": 1, "my_password": "a", "keys": ["b"]}'), '{"passwords": 1, "my_password": "a", "keys": ["b"]}'::jsonb, 'other keys are not touched');
select is(pg_temp.stored('{"a": [{"b": {"password": "hidden", "c": 1}}, 2]}'), '{"a": [{"b": {"password": "***", "c": 1}}, 2]}'::jsonb, 'deep inside');
select is(pg_temp.stored('{"password": {"deep": ["hidden"]}, "token": ["hidden", 1], "secret": null, "key": 7}'),
	'{"password": "***", "token": "***", "secret": "***", "key": "***"}'::jsonb, 'values of any kind');
select is(pg_temp.stored('{"a": null, "b": 1}'), '{"b": 1}'::jsonb, 'null members are left out');
select is(pg_temp.stored('[1, 2]'), '{}'::jsonb, 'only objects have members');
select is(pg_temp.stored('"postgres://u:hidden@h"'), '{}'::jsonb, 'a scalar has none');

-- Masking in texts.
select is((select l.message from pg_temp.log('info', t) l), m, t) from (values
	('postgres://u:hidden@h/db', 'postgres://u:***@h/db'), ('a mysql://u:p@ss:w@rd@h b', 'a mysql://u:***@h b'), ('http://h:80/path', 'http://h:80/path'),
	('http://u@h/', 'http://u@h/'), ('password=hidden', 'password=***'), ('PASSWORD = ''hid den'' x', 'PASSWORD = *** x'), ('host=h pwd=hidden;x=1', 'host=h pwd=***;x=1'),
	('password hidden', 'password hidden'), ('://', '://'), ('', '')) x(t, m);
select is((select l.traceback from pg_temp.log('error', 'x', null, 'failed: postgres://u:hidden@h') l), 'failed: postgres://u:***@h', 'in the text of an error');
select is(pg_temp.stored('{"url": "see postgres://u:hidden@h/ and password=hidden"}'), '{"url": "see postgres://u:***@h/ and password=***"}'::jsonb, 'in the context');

-- Cutting, at a character's border.
select is((select octet_length(l.message) || right(l.message, 2) from pg_temp.log('info', repeat('鲸', 3000)) l), '8190鲸…', 'a long message is cut');
select is((select octet_length(l.message) from pg_temp.log('info', repeat('x', 8192)) l), 8192, '8 kB are not');

-- Levels.
select is((select string_agg((select l.level from pg_temp.log(w, w) l), ' ') from unnest(array['info', 'Warning', 'ERROR', 'critical']) w), 'INFO WARNING ERROR CRITICAL', 'four levels');
select is((select l.level from pg_temp.log('debug', 'x') l), 'CRITICAL', 'debug is not stored: the last row is the one before');

-- Who acted.
select is((select l.context from pg_temp.log('info', 'x', '{"current_username": "told"}') l) ->> 'current_username', 'told', 'what the event says of the actor wins');
select is((select l.context from pg_temp.log('info', 'x') l), jsonb_build_object('current_user_id', null, 'current_username', current_user, 'current_user_role', 'admin', 'is_admin', true),
	'else the caller');

select * from finish();
rollback;
