# One request inside the server: route among 200, envelope, call, subtransaction, and who is asking; beside the cheapest
# thing SQL does with a kept plan, one row by its primary key. Without HTTP, which costs ten times as much.
use strict;
use warnings;
use Bench qw(row control_plane);

my $ROUTES = 200;
my $ROUNDS = 200;
my $CALLS = 200;    # a round
my $MOST = 6;
my $control = control_plane();

sub sql { return $control->value($_[0], database => 'whalefall', timeout => 600); }

# Routes of a companion beside those of the product; one of them asks for a login and does nothing else.
sql(<<'END');
insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action)
	values ('GET', '/api/v1/bench/ping', 'bench_ping', 'whalefall_api.health_ping', 'view', false, 'bench', 'ping');
insert into whalefall.users (username, password, role) values ('bench', 'x', 'viewer');
insert into whalefall.login_sessions (sid, user_id, cookie_hash, csrf_secret, created_at, cookie_expires_at, expires_at)
	select gen_random_uuid(), id, sha256(convert_to('s.' || repeat('v', 43), 'UTF8')), 'x', now(), now() + '1 day', now() + '1 day'
	from whalefall.users where username = 'bench';
create function public.read_by_key(calls int) returns void language plpgsql as $$
declare found text; key bigint := 1;
begin
	for i in 1 .. calls loop select username into found from whalefall.users where id = key; end loop;
end $$;
vacuum analyze;
END
my $served = sql("select count(*) from whalefall_http.routes where to_regproc(function) is not null");
sql(<<"END") if $served < $ROUTES;
insert into whalefall_http.extra_routes (method, path, operation, function, permission, csrf, module, action)
	select 'GET', '/api/v1/bench/' || case n % 3 when 0 then '{bench_id}/' else '' end || 'part' || n, 'bench_' || n,
		'whalefall_api.health_ping', 'view', false, 'bench', 'ping' from generate_series(1, $ROUTES - $served) n
END
$served = sql("select count(*) from whalefall_http.routes where to_regproc(function) is not null");

# The headers of a request as PostgREST hands them over.
sub headers
{
	my ($uri, $cookie) = @_;

	return '{"accept":"*/*","content-profile":"whalefall_http","content-type":"application/octet-stream","host":"wf.example",'
	  . qq("x-wf-agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","x-wf-authorization":"","x-wf-client":"192.0.2.7",)
	  . qq("x-wf-content-type":"","x-wf-csrf":"","x-wf-host":"wf.example","x-wf-language":"zh","x-wf-method":"GET",)
	  . qq("x-wf-request-id":"req_0123456789abcdef0123456789abcdef","x-wf-scheme":"https","x-wf-session":"$cookie","x-wf-uri":"$uri"});
}

my %work = (
	floor => "perform public.read_by_key($CALLS);",
	anonymous => request(headers('/api/v1/health/ping', '')),
	login => request(headers('/api/v1/bench/ping', 's.' . 'v' x 43)),
	refused => request(headers('/api/v1/nope', '')),
);

sub request
{
	my ($headers) = @_;

	return "perform set_config('request.headers', '$headers', true);"
	  . " perform sum(length(whalefall_http.dispatch(''))) from generate_series(1, $CALLS);";
}

# All kinds in turn, in short rounds, so that what else the machine does meets each alike. Microseconds a call: the lower
# quartile, for a round in which the process had to wait says nothing about the work.
my @kinds = sort keys %work;
my $body = join "\n", map { "began = clock_timestamp(); $work{$_}"
	  . " raise info '$_ %', extract(epoch from clock_timestamp() - began) * 1e6 / $CALLS;" } @kinds;
my $said = $control->psql(<<"END", database => 'whalefall', timeout => 600);
set client_min_messages = info;
do \$\$ declare began timestamptz;
begin
	for i in 0 .. $ROUNDS loop
$body
	end loop;
end \$\$;
END
my %taken;
push @{ $taken{$1} }, $2 while $said->{stderr} =~ /INFO:\s+(\w+) ([\d.]+)/g;
die $said->{stderr} if $said->{rc} != 0 || grep { @{ $taken{$_} // [] } != $ROUNDS + 1 } @kinds;
my %us = map { $_ => (sort { $a <=> $b } @{ $taken{$_} })[ $ROUNDS / 4 ] } @kinds;

row(figure => 'routes that are served', measured => $served, floor => $ROUTES, ratio => '1', must => ">= $ROUTES", ok => $served >= $ROUTES);
my %text = (login => 'request with a login, by cookie, us', anonymous => 'request without a login, us', refused => 'request that is refused (404), us');
for my $kind (qw(login anonymous refused))
{
	my $ratio = $us{$kind} / $us{floor};
	row(figure => $text{$kind}, measured => sprintf('%.1f', $us{$kind}), floor => sprintf('%.1f', $us{floor}),
		ratio => sprintf('%.1f', $ratio), must => $kind eq 'refused' ? '-' : "<= $MOST", ok => $kind eq 'refused' || $ratio <= $MOST);
}
