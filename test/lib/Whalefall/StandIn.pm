# A dispatcher for tests of the front alone: it says what reached it, and does on demand what a test needs.
package Whalefall::StandIn;

use strict;
use warnings;
use Whalefall::Cluster;

# A server without the extension.
sub cluster
{
	my (%opt) = @_;

	return Whalefall::Cluster->new(%opt, settings => { (map { $_ => undef } 'shared_preload_libraries', 'whalefall.database',
		'whalefall.key_file', 'whalefall.jwt_file'), %{ $opt{settings} // {} } });
}

# Makes roles, schemas and functions of the real ones' names in a database without the extension, and the secret of
# tokens. The query string tells dispatch what to do:
#   status=404          answer with that status          unmarked     without the mark of our answers
#   sleep=1.5           seconds                          raise=42501  an error that escapes
#   bytes=100           so many bytes as text/csv        cookies      two cookies and further headers
sub install
{
	my ($cluster, $database) = @_;

	$cluster->query("create database \"$database\" template template0");
	$cluster->query($_, database => $database) for _sql();
	my $path = $cluster->dir . '/secrets/whalefall.jwt';
	open my $file, '>', $path or die "$path: $!";
	print $file '0123456789abcdef' x 4;
	close $file;
	chown +(stat $cluster->dir)[ 4, 5 ], $path if $< == 0;
	chmod 0640, $path;
	return;
}

sub _sql
{
	return <<'SQL', <<'SQL';
do $$ begin
	if not exists (select from pg_roles where rolname = 'whalefall_gateway') then
		create role whalefall_authenticator login noinherit;
		create role whalefall_gateway;
		create role whalefall_viewer;
		grant whalefall_gateway, whalefall_viewer to whalefall_authenticator;
		alter role whalefall_gateway set statement_timeout = '3s';
	end if;
end $$;
create schema whalefall_http;
create schema whalefall_api;
grant usage on schema whalefall_http to whalefall_gateway, whalefall_viewer;
grant usage on schema whalefall_api to whalefall_viewer;
create domain whalefall_http."*/*" as bytea;
create table whalefall_api.things(id int primary key, name text, made timestamptz default '2026-01-01 00:00:00+00');
insert into whalefall_api.things select i, 'thing ' || i from generate_series(1, 1500) i;
grant select on whalefall_api.things to whalefall_viewer;
create table whalefall_api.hidden(id int);
SQL
create function whalefall_http.check_request() returns void language plpgsql as $$
begin
	if current_user <> 'whalefall_gateway' and current_setting('request.jwt.claims', true)::json ->> 'sid' = 'revoked' then
		raise sqlstate 'PT401' using message = 'the token is not valid', detail = 'It was revoked.', hint = 'Log in.';
	end if;
end $$;
create function whalefall_http.dispatch(bytea) returns whalefall_http."*/*" language plpgsql as $$
declare
	facts json := current_setting('request.headers', true)::json;
	query text := coalesce(split_part(facts ->> 'x-wf-uri', '?', 2), '');
	wish jsonb := coalesce((select jsonb_object_agg(split_part(p, '=', 1), split_part(p, '=', 2))
		from regexp_split_to_table(query, '&') p where p <> ''), '{}');
	status int := coalesce(wish ->> 'status', '200')::int;
	headers jsonb := '[{"Content-Type": "application/json"}]';
begin
	if wish ? 'sleep' then perform pg_sleep((wish ->> 'sleep')::float); end if;
	if wish ? 'raise' then raise exception using errcode = wish ->> 'raise', message = 'secret text', hint = 'perhaps you meant x'; end if;
	if not wish ? 'unmarked' then headers := headers || '[{"X-WF-Answer": "1"}]'; end if;
	if wish ? 'cookies' then headers := headers || '[{"Set-Cookie": "a=1"}, {"Set-Cookie": "b=2"}, {"Retry-After": "7"}, {"Allow": "GET"},
		{"X-Request-ID": "other"}, {"Content-Disposition": "attachment; filename=x.csv"}, {"Cache-Control": "max-age=5"}]'; end if;
	if wish ? 'bytes' then headers := jsonb_set(headers, '{0}', '{"Content-Type": "text/csv; charset=utf-8"}'); end if;
	perform set_config('response.status', status::text, true), set_config('response.headers', headers::text, true);
	if wish ? 'bytes' then return convert_to(repeat('0123456789', (wish ->> 'bytes')::int / 10), 'UTF8'); end if;
	return convert_to(json_build_object('success', status < 400, 'facts', facts, 'length', length($1), 'md5', md5($1),
		'role', current_user, 'who', '鲸落')::text, 'UTF8');
end $$;
create function whalefall_http.dispatch_read(bytea) returns whalefall_http."*/*" language plpgsql stable as $$
begin
	perform set_config('response.headers', '[{"Content-Type": "application/json"}, {"X-WF-Answer": "1"}]', true);
	return convert_to(json_build_object('read', true, 'method', current_setting('request.headers')::json ->> 'x-wf-method')::text, 'UTF8');
end $$;
create function whalefall_api.echo(value text default 'none', n int default 1) returns json language sql
	begin atomic select json_build_object('value', value, 'n', n, 'role', current_user, 'headers', current_setting('request.headers')::json); end;
create function whalefall_api.forbidden() returns int language sql begin atomic select 1; end;
create function whalefall_api.refuse(code text) returns int language plpgsql as $$
begin
	raise exception using errcode = code, message = 'invalid input', detail = 'Field x.', hint = 'Correct it.';
end $$;
revoke execute on all functions in schema whalefall_api, whalefall_http from public;
grant execute on function whalefall_http.dispatch, whalefall_http.dispatch_read to whalefall_gateway;
grant execute on function whalefall_http.check_request to whalefall_gateway, whalefall_viewer;
grant execute on function whalefall_api.echo, whalefall_api.refuse to whalefall_viewer;
SQL
}

1;
