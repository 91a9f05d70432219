-- What the API says of itself: health, cache, version. Values, bounds, refusals, log rows.
\set ECHO none
begin;
select plan(80);

-- Runs a statement; gives "SQLSTATE message: detail" of its error, or NULL.
create function pg_temp.fails(sql text) returns text language plpgsql as $$
declare d text;
begin
	execute sql;
	return null;
exception when others then
	get stacked diagnostics d = pg_exception_detail;
	return sqlstate || ' ' || sqlerrm || ': ' || d;
end $$;
create function pg_temp.keys(jsonb) returns text language sql as
	$$ select string_agg(k, ' ' order by k collate "C") from jsonb_object_keys($1) k $$;

-- Health -------------------------------------------------------------------------------------------------
select is(whalefall_api.health_ping()::jsonb, '{"status": "ok"}', 'ping');
set local whalefall.test_now = '2026-03-10 02:00:00.25+00';
select is(whalefall_api.health_basic()::jsonb - 'version', '{"status": "healthy", "timestamp": 1773108000.250000}',
	'basic: epoch seconds with their fraction');
select is(whalefall_api.health_basic() ->> 'version', (select extversion from pg_extension where extname = 'whalefall'), 'and the version');
select is(whalefall_api.health_check()::jsonb - 'uptime', '{"status": "healthy", "database": "connected", "redis": "connected",
	"timestamp": "2026-03-10T02:00:00.25+00:00"}', 'health');
select is(whalefall_api.health_check() ->> 'uptime', whalefall_api.health_check() ->> 'uptime', 'the uptime stands with the clock');
create function pg_temp.uptime(since interval) returns text language sql as $$
	select set_config('whalefall.test_now', (pg_postmaster_start_time() + since)::text, true);
	select whalefall_api.health_check() ->> 'uptime';
$$;
select is(pg_temp.uptime(given::interval), expected, 'uptime after ' || given) from (values
	('0 s', '0天 0小时 0分钟'), ('59.999 s', '0天 0小时 0分钟'), ('60 s', '0天 0小时 1分钟'), ('59 min 59 s', '0天 0小时 59分钟'),
	('1 h', '0天 1小时 0分钟'), ('23 h 59 min', '0天 23小时 59分钟'), ('24 h', '1天 0小时 0分钟'), ('400 days 5 h 7 min', '400天 5小时 7分钟'),
	('-1 h', '0天 0小时 0分钟')) x(given, expected);
set local whalefall.test_now = '';
select ok(abs((whalefall_api.health_basic() ->> 'timestamp')::numeric - extract(epoch from clock_timestamp())) < 5, 'the clock is ours');
select is(whalefall_api.health_cache()::jsonb, '{"healthy": true, "status": "connected"}', 'cache');

create temp table seen as select whalefall_api.health_detailed()::jsonb as d;
select is(pg_temp.keys(d), 'anonymous_failures components database redis status timestamp version', 'detailed: its fields') from seen;
select is(pg_temp.keys(d -> 'components'), 'cache database system', 'its components') from seen;
select is(d #> '{components,database}', '{"healthy": true, "status": "connected"}', 'database') from seen;
select is(d #> '{components,cache}', '{"healthy": true, "status": "connected"}', 'cache') from seen;
select is(pg_temp.keys(d #> '{components,system}'), 'cpu_percent disk_percent healthy memory_percent status', 'system') from seen;
select matches(d #>> array['components', 'system', n], '^\d{1,3}\.\d\d$', n || ' has two decimals')
	from seen, unnest('{cpu_percent,memory_percent,disk_percent}'::text[]) n;
select ok((d #>> array['components', 'system', n])::numeric between 0 and 100, n || ' is a share')
	from seen, unnest('{cpu_percent,memory_percent,disk_percent}'::text[]) n;
select ok((d #>> array['components', 'system', n])::numeric > 0, n || ' of a machine that runs this is not 0')
	from seen, unnest('{memory_percent,disk_percent}'::text[]) n;
select is(d #>> '{components,system,status}', case when greatest((d #>> '{components,system,cpu_percent}')::numeric,
	(d #>> '{components,system,memory_percent}')::numeric, (d #>> '{components,system,disk_percent}')::numeric) < 90 then 'healthy' else 'warning' end,
	'warning from 90 on') from seen;
select is((d #>> '{components,system,healthy}')::boolean, d #>> '{components,system,status}' = 'healthy', 'and then not healthy') from seen;
select is(d ->> 'status', case when (d #>> '{components,system,healthy}')::boolean then 'healthy' else 'unhealthy' end, 'the whole follows') from seen;
select is(d ->> 'database', 'connected', 'flat copy') from seen;
select is(d ->> 'redis', 'connected', 'flat copy') from seen;
select matches(d ->> 'timestamp', '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$', 'UTC') from seen;
-- The memory share against the same file, read by another way.
create temp table meminfo (line text);
copy meminfo from '/proc/meminfo' with (delimiter E'\x01');
select ok(abs((d #>> '{components,system,memory_percent}')::numeric - (select 100 - 100 * a / t from
	(select (select substring(line from '\d+')::numeric from meminfo where line like 'MemAvailable:%') as a,
	(select substring(line from '\d+')::numeric from meminfo where line like 'MemTotal:%') as t) m)) < 10, 'the kernel says so too') from seen;
-- A share is given again for a second: what asks often cannot make it jump.
select is(whalefall_api.health_detailed() #>> '{components,system,cpu_percent}', whalefall_api.health_detailed() #>> '{components,system,cpu_percent}',
	'the load is measured at most once a second');

-- A busy second is seen: the load of one process over what the machine has.
select pg_sleep(1.1) \g /dev/null
select whalefall_api.health_detailed() \g /dev/null
do $$ declare stop timestamptz := clock_timestamp() + interval '1500 ms'; n bigint := 0;
begin while clock_timestamp() < stop loop n := n + 1; end loop; end $$;
select ok((whalefall_api.health_detailed() #>> '{components,system,cpu_percent}')::numeric >= 4, 'a busy process shows in the load');

-- Who may ask, and in what transaction.
savepoint s;
set local role whalefall_anon;
select lives_ok(format('select whalefall_api.%I()', f), 'anybody calls ' || f)
	from unnest('{app_info,health_ping,health_basic,health_check,health_detailed}'::text[]) f;
select matches(pg_temp.fails(format('select whalefall_api.%I()', f)), '^42501 permission denied', 'nobody unknown calls ' || f)
	from unnest('{health_cache,cache_stats,cache_classification_stats,cache_clear_classification,cache_clear_all}'::text[]) f;
rollback to s;
select is(whalefall_api.app_info()::jsonb, jsonb_build_object('app_name', current_setting('whalefall.app_name'), 'app_version',
	(select extversion from pg_extension where extname = 'whalefall')), 'name and version');

-- Cache --------------------------------------------------------------------------------------------------
select is(pg_temp.keys(whalefall_api.cache_stats()::jsonb -> 'stats'), 'info status', 'cache statistics');
select is(whalefall_api.cache_stats() #>> '{stats,status}', 'connected', 'it is there');
select is((whalefall_api.cache_stats() #> '{stats,info}')::jsonb - 'bytes' - 'since' - 'generation' - 'workers', '{"kind": "shared memory of the extension",
	"worker_slots": 128, "request_slots": 64, "requests": 0, "waiting": 0}', 'its use');
select cmp_ok((whalefall_api.cache_stats() #>> '{stats,info,bytes}')::int, '>', 100000, 'its size');
select is(whalefall_api.cache_classification_stats()::jsonb #- '{cache_stats,info}', '{"cache_stats": {"status": "connected"}, "cache_enabled": true,
	"db_type_stats": {"mysql": {"rules_cached": true, "rules_count": 0}, "postgresql": {"rules_cached": true, "rules_count": 0},
	"sqlserver": {"rules_cached": true, "rules_count": 0}, "oracle": {"rules_cached": true, "rules_count": 0}}}', 'rules by type');

create function pg_temp.generation() returns int language sql as
	$$ select (whalefall_api.cache_stats() #>> '{stats,info,generation}')::int $$;
create function pg_temp.logged() returns jsonb language sql as $$
	select context - 'current_user_id' - 'current_username' - 'current_user_role' - 'is_admin' || jsonb_build_object('level', level, 'message', message)
	from whalefall_api.logs where module = 'cache' order by id desc limit 1 $$;
insert into whalefall.instances (name, db_type, host, port, is_active, deleted_at) values ('on', 'mysql', 'h', 1, true, null),
	('off', 'mysql', 'h', 1, false, null), ('gone', 'mysql', 'h', 1, true, now());
create function pg_temp.instance(text) returns bigint language sql as 'select id from whalefall.instances where name = $1';

create temp table before as select pg_temp.generation() as g;
select is(whalefall_api.cache_clear_classification()::text, null, 'no data');
select is(pg_temp.logged(), '{"action": "clear_classification_cache", "level": "INFO", "message": "classification cache cleared"}', 'logged');
select is(whalefall_api.cache_clear_classification(' PostgreSQL ')::text, null, 'one type, any case');
select is(pg_temp.logged() ->> 'db_type', 'postgresql', 'which is logged');
select is(whalefall_api.cache_clear_classification(E' \t')::text, null, 'blank is all');
select is(pg_temp.fails(format('select whalefall_api.cache_clear_classification(%L)', w)), format('PT400 invalid input: db_type "%s" is not known.', w),
	'not a type: ' || w) from unnest('{pg,mssql,db2,"mysql; --"}'::text[]) w;
select is(whalefall_api.cache_clear_user(pg_temp.instance('on'), ' root@% ')::text, null, 'an account');
select is(pg_temp.logged(), jsonb_build_object('action', 'clear_user_cache', 'level', 'INFO', 'message', 'user cache cleared', 'instance_id',
	pg_temp.instance('on'), 'instance_name', 'on', 'account', 'root@%'), 'logged with its names');
select is(pg_temp.fails(sql), expected, sql) from (values
	('select whalefall_api.cache_clear_user()', 'PT400 invalid input: Missing: instance_id, username.'),
	('select whalefall_api.cache_clear_user(1)', 'PT400 invalid input: Missing: username.'),
	('select whalefall_api.cache_clear_user(username => ''a'')', 'PT400 invalid input: Missing: instance_id.'),
	('select whalefall_api.cache_clear_user(1, '' '')', 'PT400 invalid input: username must not be blank.'),
	('select whalefall_api.cache_clear_user(999999, ''a'')', 'PT404 resource not found: Instance 999999 does not exist.'),
	('select whalefall_api.cache_clear_instance()', 'PT400 invalid input: Missing: instance_id.'),
	('select whalefall_api.cache_clear_instance(-1)', 'PT404 resource not found: Instance -1 does not exist.')) x(sql, expected);
select is(pg_temp.fails(format('select whalefall_api.cache_clear_user(1, %L)', repeat('长', 513))),
	'PT400 invalid input: username is longer than 512 characters.', 'too long a name');
select is(pg_temp.fails(format('select whalefall_api.cache_clear_instance(%s)', pg_temp.instance('gone'))),
	format('PT404 resource not found: Instance %s does not exist.', pg_temp.instance('gone')), 'a deleted instance is none');
select is(whalefall_api.cache_clear_instance(pg_temp.instance('off'))::text, null, 'an instance');
select is(pg_temp.logged() ->> 'instance_name', 'off', 'logged');
select is(whalefall_api.cache_clear_all()::jsonb, '{"cleared_count": 1}', 'all: active instances count');
select is(pg_temp.logged(), '{"action": "clear_all_cache", "level": "INFO", "message": "all caches cleared", "cleared_count": 1}', 'logged');
select is(pg_temp.generation() - g, 6, 'each of these made sessions forget, the refused ones did not') from before;
select is((select count(*)::int from whalefall_api.logs where module = 'cache'), 6, 'and left one row each');

select * from finish();
rollback;
