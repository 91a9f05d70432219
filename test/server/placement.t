# Where background work happens, and where it must not: not preloaded, another database, another version, a
# standby and its promotion.
use strict;
use warnings;
use lib 'test/lib';
use Test::More;
use Whalefall::Cluster;
use Whalefall::Fleet;

sub failure
{
	my ($c, $sql, $database) = @_;
	return $c->psql("\\set VERBOSITY verbose\n$sql", database => $database // 'whalefall')->{stderr};
}

# Not preloaded: the inventory works, work does not, and says why.
my $bare = Whalefall::Cluster->new(settings => { shared_preload_libraries => '' });
$bare->create_extension;
my $id = Whalefall::Fleet::register($bare, name => 'one', port => 5432);
like($id, qr/^\d+$/, 'without preloading an instance can be registered');
like(failure($bare, "select whalefall_api.instances_sync_accounts_all()"), qr/PT500.*not preloaded.*shared_preload_libraries/s,
	'a fleet run is refused with a hint');
like(failure($bare, "select whalefall_api.instances_sync_accounts($id)"), qr/not preloaded/, 'so is a sync that waits');
like(failure($bare, "select whalefall_api.instances_test_connection($id)"), qr/not preloaded/, 'and a test');
like(failure($bare, "select whalefall_api.instances_batch_test_connections(array[$id])"), qr/not preloaded/, 'and a batch of tests');
is($bare->value("select count(*) from whalefall_api.task_runs", database => 'whalefall'), '0', 'nothing is left behind');
$bare->remove;

# A second database of the cluster has its own inventory but not the workers.
my $c = Whalefall::Cluster->new(settings => { 'whalefall.language' => 'en' });
$c->create_extension;
$c->create_extension(database => 'second');
like(failure($c, "select whalefall_api.instances_sync_accounts_all()", 'second'), qr/serve database "whalefall"/,
	'a second database is told whom the workers serve');

# Library and extension of different versions: idle, with a hint, once.
Whalefall::Fleet::make_monitor($c);
$id = Whalefall::Fleet::register($c, name => 'one', port => $c->port);
my $version = $c->value("select extversion from pg_extension where extname = 'whalefall'", database => 'whalefall');
$c->query("update pg_extension set extversion = '0.0.1' where extname = 'whalefall'", database => 'whalefall');
my $from = -s $c->log_file;
my $run = $c->value("select whalefall_api.instances_sync_accounts_all() ->> 'run_id'", database => 'whalefall');
ok($c->wait_for_log(qr/library and extension differ in version/, $from, 15), 'a version mismatch is told in the server log');
like($c->log_contents($from), qr/ALTER EXTENSION whalefall UPDATE/, 'with a hint');
is($c->value("select status from whalefall_api.task_runs where run_id = '$run'", database => 'whalefall'), 'pending',
	'the run waits');
$c->query("update pg_extension set extversion = '$version' where extname = 'whalefall'", database => 'whalefall');
$c->restart;
ok($c->wait_for("select status from whalefall_api.task_runs where run_id = '$run'", 'completed', 20, database => 'whalefall'),
	'and is done when they agree again');

# A standby does nothing; promoted, it works.
my $copy = Whalefall::Cluster->new(start => 0, settings => { 'whalefall.language' => 'en',
	'whalefall.key_file' => $c->dir . '/secrets/whalefall.key', 'whalefall.jwt_file' => $c->dir . '/secrets/whalefall.jwt' });
$c->stop;
is(system('rm', '-rf', $copy->data), 0, 'make room');
is(system('cp', '-a', $c->data, $copy->data), 0, 'copy the stopped server');
is(system('cp', '-p', $copy->data . '/PG_VERSION', $copy->data . '/standby.signal'), 0, 'as a standby');
$copy->start;
is($copy->value("select pg_is_in_recovery()"), 't', 'the standby follows');
is($copy->value("select count(*) from pg_stat_activity where backend_type like 'whalefall%'"), '0', 'and runs no worker');
is($copy->value("select count(*) from whalefall_api.accounts where username = 'postgres'", database => 'whalefall'), '1', 'its views read');
$copy->query('select pg_promote()');
ok($copy->wait_for("select count(*) from pg_stat_activity where backend_type = 'whalefall launcher'", '1', 30), 'promotion starts the launcher');
$id = $copy->value("select whalefall_api.instances_create(name => 'promoted', db_type => 'postgresql', host => '127.0.0.1', port => "
	  . $copy->port . ", credential_id => 1) #>> '{instance,id}'", database => 'whalefall');
like($copy->psql("select whalefall_api.instances_sync_accounts($id)", database => 'whalefall')->{stdout}, qr/completed/,
	'and the promoted server syncs');

done_testing;
