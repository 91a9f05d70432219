# A hostile user who may create in public plants twins of every function and operator of pg_catalog that has a
# name of its own type, and types. Then owner, administrator and superuser call everything with public first in
# their search_path: nothing of his may run.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Cluster;

my $db = 'whalefall';
my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });
$c->query("create database $db template template0");
$c->query('create role hostile login; grant create, usage on schema public to hostile', database => $db);

# pgcrypto lies in the schema he may write, as it does by default; his twins lie beside its functions.
$c->query('create extension pgcrypto', database => $db);

# Twins of functions and operators: each raises. Pseudo-types cannot be arguments of these languages; the
# polymorphic ones can.
my $plant = <<'SQL';
set check_function_bodies = off;
set client_min_messages = error;
do $plant$
declare
	r record;
	n int := 0;
begin
	for r in select p.proname, pg_get_function_identity_arguments(p.oid) args, p.prorettype::regtype::text result,
			p.proretset, p.provariadic from pg_proc p
		where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind in ('f', 'a', 'w') and p.pronargs <= 4
		and p.proargmodes is null
		and not exists (select from unnest(p.proargtypes) a join pg_type t on t.oid = a
			where t.typtype = 'p' and t.typname not like 'any%' and t.typname not like '\_record' or t.typname = 'any')
		and not exists (select from pg_type t where t.oid = p.prorettype and t.typtype = 'p'
			and t.typname not in ('void', 'record', 'anyelement', 'anyarray', 'anynonarray'))
	loop
		begin
			execute format('create function public.%I(%s) returns %s%s language plpgsql as %L', r.proname, r.args,
				case when r.proretset then 'setof ' else '' end, r.result,
				format('begin raise exception ''PLANTED function %s as %%'', current_user; end', r.proname));
			n := n + 1;
		exception when others then null;
		end;
	end loop;
	raise log 'planted % functions', n;
	perform set_config('plant.functions', n::text, false);
	n := 0;
	for r in select distinct o.oprname, o.oprleft::regtype::text l, o.oprright::regtype::text r, o.oprresult::regtype::text result
		from pg_operator o where o.oprnamespace = 'pg_catalog'::regnamespace and o.oprleft <> 0 and o.oprright <> 0
	loop
		begin
			execute format('create function public.trap_%s(%s, %s) returns %s language plpgsql as %L', n, r.l, r.r, r.result,
				format('begin raise exception ''PLANTED operator %s as %%'', current_user; end', r.oprname));
			execute format('create operator public.%s (leftarg = %s, rightarg = %s, function = public.trap_%s)', r.oprname, r.l, r.r, n);
			n := n + 1;
		exception when others then null;
		end;
	end loop;
	perform set_config('plant.operators', n::text, false);
end $plant$;
create function public.crypt(varchar, varchar) returns pg_catalog.text language plpgsql as
	'begin raise exception ''PLANTED function crypt''; end';
create function public.gen_salt(varchar, bigint) returns pg_catalog.text language plpgsql as
	'begin raise exception ''PLANTED function gen_salt''; end';
-- Types with our names: a domain that takes nothing.
create domain public.text as pg_catalog.text check (false);
create domain public.json as pg_catalog.json check (false);
create domain public.jsonb as pg_catalog.jsonb check (false);
create domain public.regclass as pg_catalog.regclass check (false);
create domain public.oid as pg_catalog.oid check (false);
create domain public.name as pg_catalog.name check (false);
create domain public.uuid as pg_catalog.uuid check (false);
create domain public.timestamptz as pg_catalog.timestamptz check (false);
-- Relations with our names, and with those of the catalog.
create table public.instances (id int);
create table public.credentials (id int);
create table public.unified_logs (id int);
create table public.control_plane (id int);
create view public.pg_extension as select 1 as planted;
create view public.pg_authid as select 1 as planted;
create view public.pg_proc as select 1 as planted;
select current_setting('plant.functions'), current_setting('plant.operators');
SQL
my ($functions, $operators) = split /\|/, $c->query($plant, database => $db, user => 'hostile', timeout => 300);
cmp_ok($functions, '>', 1500, "planted $functions functions");
cmp_ok($operators, '>', 500, "and $operators operators");

# The traps work.
my $first = 'set search_path = public, pg_catalog;';
like($c->psql("$first select now()", database => $db)->{stderr}, qr/PLANTED function now as postgres/, 'a function is caught');
like($c->psql("$first select 1 where 'a'::pg_catalog.text = 'b'::pg_catalog.text", database => $db)->{stderr},
	qr/PLANTED operator = as postgres/, 'an operator is caught');
like($c->psql("$first select 'x'::text", database => $db)->{stderr}, qr/violates check constraint/, 'a type is caught');
is($c->value("$first select planted from pg_extension", database => $db), '1', 'a relation is caught');

# Installing with all of that in the path.
for my $sql ('create extension whalefall', 'select whalefall.setup()', 'select whalefall.setup()')
{
	my $said = $c->psql("$first $sql", database => $db);

	is($said->{rc}, 0, $sql) or diag $said->{stderr};
	unlike($said->{stderr}, qr/PLANTED|violates check/, 'calls nothing of his');
}
is($c->value('select count(*) from pg_depend d join pg_extension e on e.oid = d.refobjid where e.extname = \'whalefall\'
	and d.deptype = \'e\' and d.classid = \'pg_proc\'::regclass and d.objid in (select oid from pg_proc where proowner = \'hostile\'::regrole)',
	database => $db), '0', 'nothing of his became a member');
is($c->value(q(select count(*) from pg_depend d where d.refobjid in
	(select oid from pg_proc where proowner = 'hostile'::regrole union select oid from pg_operator where oprowner = 'hostile'::regrole
	union select oid from pg_type where typowner = 'hostile'::regrole and typtype = 'd')
	and d.objid in (select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname like 'whalefall%'
	union select r.oid from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace where n.nspname like 'whalefall%'
	union select a.oid from pg_attrdef a join pg_class c on c.oid = a.adrelid join pg_namespace n on n.oid = c.relnamespace where n.nspname like 'whalefall%'
	union select k.oid from pg_constraint k join pg_namespace n on n.oid = k.connamespace where n.nspname like 'whalefall%')),
	database => $db), '0', 'no view, default or constraint of ours depends on anything of his');

# Everything that can be called, by its name, with arguments that lead into it. The statement itself uses nothing
# that could be caught.
$c->query('create role alice login; grant whalefall_admin to alice', database => $db);
$c->query("insert into whalefall_data.database_size_stats (instance_id, database_name, collected_date, size_mb, collected_at) values (1, 'a', current_date, 1, now())",
	database => $db);
my @calls = (
	q(whalefall_api.credentials_create('c1', 'database', 'u', 'a good secret', 'pg', 'd')),
	q(whalefall_api.credentials_create('c1', 'database', 'u', 'a good secret', 'pg', 'd')),
	q(whalefall_api.credentials_update(1, description => 'e', clear => '{db_type}')),
	q(whalefall_api.credentials_list(search => 'c', credential_type => 'database', db_type => 'pg', status => 'active', sort => 'instance_count')),
	q(whalefall_api.credentials_get(1)),
	q(whalefall_api.instances_create('i1', 'pg', '127.0.0.1', 1, credential_id => 1)),
	q(whalefall_api.instances_update(1, host => '127.0.0.2')),
	q(whalefall_api.instances_list(search => 'i', db_type => 'postgresql', status => 'active', include_deleted => true, sort => 'last_sync_time')),
	q(whalefall_api.instances_get(1)),
	q(whalefall_api.instances_connection_status(1)),
	q(whalefall_api.instances_validate_connection_params('pg', 5432, 1)),
	q(whalefall_api.instances_test_connection(1)),
	q(whalefall_api.grant_script('postgresql', 'm')),
	q(whalefall_api.instances_batch_test_connections('{1}')),
	q(whalefall_api.instances_sync_accounts(1)),
	q(whalefall_api.instances_sync_capacity(1)),
	q(whalefall_api.instances_sync_accounts_all()),
	q(whalefall_api.databases_ledgers_sync_all()),
	q(whalefall_api.databases_table_sizes_refresh(1)),
	q(whalefall_api.task_runs_list()),
	q(whalefall_api.task_runs_get('00000000-0000-0000-0000-000000000000')),
	q(whalefall_api.task_runs_error_logs('00000000-0000-0000-0000-000000000000')),
	q(whalefall_api.task_runs_cancel('00000000-0000-0000-0000-000000000000')),
	q(whalefall_api.sync_sessions_list()),
	q(whalefall_api.sync_sessions_get('00000000-0000-0000-0000-000000000000')),
	q(whalefall_api.sync_sessions_error_logs('00000000-0000-0000-0000-000000000000')),
	q(whalefall_api.sync_sessions_cancel('00000000-0000-0000-0000-000000000000')),
	q(whalefall_api.sync_sessions_statistics()),
	q(whalefall_api.database_types_list()),
	q(whalefall_api.database_types_active()),
	q(whalefall_api.database_types_form_options()),
	q(whalefall_api.database_types_options()),
	q(whalefall_api.tags_create('t1', 'T', 'c')),
	q(whalefall_api.tags_list(search => 't')),
	q(whalefall_api.tags_options(category => 'c')),
	q(whalefall_api.tags_categories()),
	q(whalefall_api.tags_get(1)),
	q(whalefall_api.tags_get_by_name('t1')),
	q(whalefall_api.tags_update(1, display_name => 'U')),
	q(whalefall_api.tags_bulk_instances()),
	q(whalefall_api.tags_bulk_tags()),
	q(whalefall_api.tags_bulk_assign('{1}', '{1}')),
	q(whalefall_api.tags_bulk_instance_tags('{1}')),
	q(whalefall_api.instances_list(tags => '{t1}', search => 'i')),
	q(whalefall_api.credentials_list(tags => '{t1}')),
	q(whalefall_api.tags_bulk_remove('{1}', '{1}')),
	q(whalefall_api.tags_bulk_remove_all('{1}')),
	q(whalefall_api.tags_delete(1)),
	q(whalefall_api.tags_batch_delete('[1, 2]')),
	q(whalefall_api.instances_options()),
	q(whalefall_api.instances_statistics()),
	q(whalefall_api.instances_export(search => 'i')),
	q(whalefall_api.instances_import_template()),
	q(whalefall_api.instances_batch_create(csv => E'name,db_type,host,port\nx1,pg,127.0.0.1,1\n', filename => 'a.csv')),
	q(whalefall_api.api_root()),
	q(whalefall_api.openapi_json()),
	q(whalefall_api.app_info()),
	q(whalefall_api.health_ping()),
	q(whalefall_api.health_basic()),
	q(whalefall_api.health_check()),
	q(whalefall_api.health_cache()),
	q(whalefall_api.health_detailed()),
	q(whalefall_api.cache_stats()),
	q(whalefall_api.cache_classification_stats()),
	q(whalefall_api.cache_clear_classification('mysql')),
	q(whalefall_api.cache_clear_user(1, 'root')),
	q(whalefall_api.cache_clear_instance(1)),
	q(whalefall_api.cache_clear_all()),
	q(whalefall_api.instances_delete(1)),
	q(whalefall_api.instances_restore(1)),
	q(whalefall_api.instances_batch_delete('{1}', 'hard')),
	q(whalefall_api.credentials_delete(1)),
	q(whalefall_api.users_list(search => 'a', role => 'admin', status => 'active', sort => 'username')),
	q(whalefall_api.users_create('planted', 'viewer', 'A good secret 1', true, 'a@b')),
	q(whalefall_api.users_create('planted', 'viewer', 'A good secret 1')),
	q(whalefall_api.users_get(1)),
	q(whalefall_api.users_update(2, role => 'user', password => 'Another secret 1', clear => '{email}')),
	q(whalefall_api.auth_login('planted', 'Another secret 1')),
	q(whalefall_api.auth_login('planted', 'long long long long long long long long long long long long long long long long long long long long')),
	q(whalefall_api.auth_csrf_token()),
	q(whalefall_api.auth_refresh()),
	q(whalefall_api.auth_logout()),
	q(whalefall_api.auth_me()),
	q(whalefall_api.auth_change_password('a', 'b', 'b')),
	q(whalefall_api.users_stats()),
	q(whalefall_api.users_toggle_status(2)),
	q(whalefall_api.users_delete(2)),
);
my $covered = join ' ', @calls;
is(join(' ', grep { $covered !~ /\.$_\(/ } split /\n/, $c->query(q(select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
	where n.nspname = 'whalefall_api' order by 1), database => $db)), '', 'every operation is called below');
for my $user ('alice', 'postgres')
{
	for my $call (@calls)
	{
		my $said = $c->psql("$first select $call", database => $db, user => $user, timeout => 100);

		unlike($said->{stderr}, qr/PLANTED|violates check/, "$user: $call");
	}
}

# The function behind the front, with all that it looks up by itself; an error of his would become status 500.
for (['/api/v1/health/ping', 200], ['/api/v1/instances', 401], ['/api/v1/nowhere?a=b', 404], ['/api/v1/tags/by-name/%41', 401])
{
	my ($uri, $status) = @$_;
	my $said = $c->psql(<<"END", database => $db);
$first
begin;
select pg_catalog.set_config('request.headers', '{"x-wf-method":"GET","x-wf-uri":"$uri","x-wf-session":"s.${\ ('x' x 43)}"}', true) \\g /dev/null
set local role whalefall_gateway;
select whalefall_http.dispatch('') \\g /dev/null
select pg_catalog.current_setting('response.status');
commit;
END

	is("$said->{stdout}$said->{stderr}", $status, "dispatch $uri calls nothing of his");
}

# Views read with nothing of his either, by themselves.
for my $view (split /\n/, $c->query(q(select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace
	where n.nspname = 'whalefall_api' and c.relkind = 'v' order by 1), database => $db))
{
	is($c->psql("$first table $view", database => $db)->{stderr}, '', "view $view");
}

# COPY, key rotation and the rest of what a superuser calls.
for my $sql (q(insert into whalefall_api.credential_input (name, credential_type, username, password) values ('c2', 'api', 'u', 'a good secret')),
	'call whalefall.rotate_key()', 'call whalefall.rotate_key(drop_retired => true)', 'select whalefall.error_table()', 'select whalefall.seal()',
	'select whalefall.ensure_roles()')
{
	my $said = $c->psql("$first $sql", database => $db);

	is($said->{rc}, 0, $sql) or diag $said->{stderr};
}
unlike($c->log_contents, qr/whalefall worker.*PLANTED/, 'workers called nothing of his');
my @caught = grep { !/select now|pg_catalog\.text = |'x'::text|public\.probe/ } $c->log_contents =~ /PLANTED[^\n]*\n[^\n]*STATEMENT:  ([^\n]*)/g;
is(join("\n", @caught), '', 'the server log agrees');

# And it is the pinned search_path that keeps him out: without it he is called.
$c->query('alter function whalefall_api.credentials_get(bigint) reset search_path', database => $db);
like($c->psql("$first select whalefall_api.credentials_get(1)", database => $db, user => 'alice')->{stderr},
	qr/PLANTED operator \S+ as whalefall_owner|PLANTED function \w+ as whalefall_owner/, 'without a pinned search_path the traps would work');

done_testing;
