# A real PostgREST client on the views and functions below /rest, as viewer, as administrator and as nobody.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use IPC::Run qw(run);
use JSON::PP qw(decode_json);
use Test::More;
use Whalefall::Cluster;
use Whalefall::Front;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
binmode $_, ':utf8' for map { Test::More->builder->$_ } qw(output failure_output);
my $clients = "$FindBin::Bin/clients";
my ($place, $why) = ('', '');
run [ "$clients/fetch", 'postgrest-js' ], '>', \$place, '2>', \$why
  or plan skip_all => "the client cannot be fetched: $why";
chomp $place;

my $c = Whalefall::Cluster->new;
$c->create_extension;
my $front = Whalefall::Front->start($c);
my $db = 'whalefall';
$c->query($_, database => $db) for
  "select whalefall_api.users_create(username => 'vera', password => 'Viewer-pass1', role => 'viewer')",
  "select whalefall_api.users_create(username => 'anna', password => 'Admin-pass12', role => 'admin')",
  "select whalefall_api.tags_create(name => 'blue', display_name => 'Blue', category => 'colour')",
  map { "select whalefall_api.instances_create(name => '$_->[0]', db_type => 'mysql', host => 'db.invalid', port => $_->[1])" }
  [ 'one', 5001 ], [ 'two', 5002 ], [ 'three', 5003 ];
my @tokens = map { $front->login(@$_)->{data}{access_token} } [ 'vera', 'Viewer-pass1' ], [ 'anna', 'Admin-pass12' ];
my $in = join("\n", @tokens) . "\n";
local $ENV{NODE_PATH} = "$place/node_modules";
my ($out, $err) = ('', '');
run([ 'node', "$clients/postgrest.js", $front->url ], '<', \$in, '>', \$out, '2>', \$err) or diag $err;
my $all = decode_json($out);

for my $who ('viewer', 'admin')
{
	my $got = $all->{$who};
	my $one = $got->{one}{data}[0];

	is_deeply([ $got->{one}{status}, scalar @{ $got->{one}{data} }, @{$one}{qw(name port)} ], [ 200, 1, 'one', 5001 ], "$who: a filter, and columns");
	is_deeply([ $got->{page}{status}, $got->{page}{count}, map { $_->{name} } @{ $got->{page}{data} } ], [ 206, 3, 'three', 'one' ], "$who: order and page, counted");
	is_deeply([ map { $_->{name} } @{ $got->{filtered}{data} } ], [ 'three', 'two' ], "$who: two filters");
	is_deeply($got->{tagged}{data}, [ { name => 'blue', display_name => 'Blue' } ], "$who: a list of values");
	is_deeply($got->{single}{data}, { name => 'blue' }, "$who: one row as an object");
	is_deeply([ @{ $got->{head} }{qw(status count data)} ], [ 200, 3, undef ], "$who: the count alone");
	is_deeply([ $got->{rpc}{status}, $got->{rpc}{data}{total}, $got->{rpc}{data}{limit}, $got->{rpc}{data}{items}[0]{name} ], [ 200, 1, 5, 'three' ], "$who: a function");
	is($got->{rpcGet}{data}{items}[0]{name}, 'three', "$who: the same by GET");
	is_deeply([ @{ $got->{bad} }{qw(status data)} ], [ 404, undef ], "$who: what is not there");
	is($got->{users}{data}[-1]{username}, 'vera', "$who: the users");
	is($got->{$_}{data}, undef, "$who: no $_") for qw(secret dispatch);
	like($got->{$_}{status}, qr/^40[1345]$/, "$who: no $_") for qw(secret insert remove dispatch);
}
is($all->{viewer}{create}{status}, 403, 'viewer: may not create');
is_deeply([ $all->{admin}{create}{status}, $all->{admin}{create}{data}{tag}{display_name} ], [ 200, '新' ], 'admin: may');
is($all->{viewer}{logs}{status}, 403, 'viewer: no log');
is_deeply([ $all->{admin}{logs}{status}, scalar @{ $all->{admin}{logs}{data} } ], [ 200, 1 ], 'admin: the log');
for my $what (sort keys %{ $all->{nobody} })
{
	my $got = $all->{nobody}{$what};

	like($got->{status}, qr/^40[15]$/, "nobody: $what is refused");
	is($got->{data}, undef, "nobody: and gets nothing of $what");
}
is($c->value("select string_agg(name, ' ' order by name) from whalefall_api.tags", database => $db), 'blue made', 'what was written, and no more');
is($c->value('select count(*) from whalefall_api.instances', database => $db), '3', 'nothing was removed');

# A logout counts here too.
$front->request('POST', '/api/v1/auth/logout', { headers => { Authorization => "Bearer $tokens[0]" } });
my $answer = $front->request('GET', '/rest/instances', { headers => { Authorization => "Bearer $tokens[0]" } });
is($answer->{status}, 401, 'a token that was logged out of');
is_deeply([ @{ $answer->{json} }{qw(code message)} ], [ 'PT401', 'the token is not valid' ], "is told so, in PostgREST's form");
done_testing;
