# Health without shared memory, on a standby's terms, and under a cancel: what one session cannot show.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Time::HiRes qw(time);
use Whalefall::Cluster;

my $db = 'whalefall';
my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });
$c->create_extension;

# What GET may do: nothing is written.
my $read_only = 'begin transaction read only; select %s; commit';
for my $call (qw(health_ping() health_basic() health_check() health_cache() health_detailed() cache_stats() cache_classification_stats() app_info()))
{
	is($c->psql(sprintf($read_only, "whalefall_api.$call"), database => $db)->{rc}, 0, "$call in a read-only transaction");
}

# A fresh server has no earlier reading: the first answer takes the time of two, later ones take none.
$c->restart;
my $load = q(select whalefall_api.health_detailed() #>> '{components,system,cpu_percent}');
my $began = time;
like($c->value($load, database => $db), qr/^\d+\.\d\d$/, 'the first answer after a start has a load');
cmp_ok(time - $began, '>=', 0.2, 'measured over a moment');
my $first = $c->value($load, database => $db);
is($c->value($load, database => $db), $first, 'and sessions share it');

# That wait can be cancelled.
$c->restart;
like($c->psql("set statement_timeout = 50; $load", database => $db)->{stderr}, qr/canceling statement due to statement timeout/, 'the wait is interruptible');

# Clearing is heard by other sessions.
my $generation = q(select whalefall_api.cache_stats() #>> '{stats,info,generation}');
is($c->value($generation, database => $db), '0', 'nothing was cleared since the start');
$c->query('select whalefall_api.cache_clear_all()', database => $db);
is($c->value($generation, database => $db), '1', 'a clearing is seen by another session');

# Not preloaded: said, not failed.
$c->configure(shared_preload_libraries => undef);
$c->restart;
is($c->value(q(select x ->> 'status' || ' ' || (x ->> 'database') || ' ' || (x ->> 'redis') from whalefall_api.health_check() x), database => $db),
	'unhealthy connected error', 'health without shared memory');
is($c->value(q(select whalefall_api.health_cache()::jsonb), database => $db), '{"status": "error", "healthy": false}', 'the cache does not work');
is($c->value(q(select x #>> '{components,cache,healthy}' || ' ' || (x #>> '{components,database,healthy}') || ' ' || (x ->> 'status')
	from whalefall_api.health_detailed() x), database => $db), 'false true unhealthy', 'one component is down, and so the whole');
like($c->value($load, database => $db), qr/^\d+\.\d\d$/, 'the load is still known');
is($c->value(q(select whalefall_api.cache_stats()::jsonb), database => $db), '{"stats": {"error": "the library is not preloaded", "status": "error"}}', 'statistics say why');
like($c->psql("\\set VERBOSITY verbose\nselect whalefall_api.cache_clear_all()", database => $db)->{stderr}, qr/PT409.*not preloaded/s, 'clearing is refused');

done_testing;
