# Capacity sync and table sizes against real servers: what is read, what is stored, what survives trouble.
use strict;
use warnings;
use lib 'test/lib';
use JSON::PP qw(decode_json);
use Test::More;
use Whalefall::Cluster;
use Whalefall::Fleet;
use Whalefall::Servers;
use Whalefall::Tree;

my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 }, settings => { 'whalefall.language' => 'en' });
$c->create_extension;

sub sql { return $c->query($_[0], database => 'whalefall'); }
sub try { return $c->psql($_[0], database => 'whalefall', timeout => 90); }
sub sync { return decode_json(sql("select whalefall_api.instances_sync_capacity($_[0])"))->{result}; }
# psql prints bytes; so do the names below.
sub bytes { my ($text) = @_; utf8::encode($text); return $text; }

for my $major (13, 18)
{
	my $bindir = Whalefall::Servers::bindir($major);
	SKIP: {
		skip "PostgreSQL $major could not be fetched", 1 if !$bindir;
		# 13 makes md5 secrets of its own accord.
		server($major, Whalefall::Cluster->new(bindir => $bindir, settings => { password_encryption => 'scram-sha-256' }));
	}
}
# The version we are built for needs no download.
server('own', Whalefall::Cluster->new(bindir => Whalefall::Tree::bindir()));
done_testing;

# All of it against one server.
sub server
{
	my ($version, $t) = @_;
	my $app = bytes("\x{dc}n\x{ef} \"x\" 'y' \x{1f40b}");
	(my $quoted = $app) =~ s/"/""/g;

	Whalefall::Fleet::make_monitor($t);
	my $id = Whalefall::Fleet::register($c, name => "server$version", port => $t->port);
	$t->query("create database \"$quoted\"");
	$t->query('create database closed allow_connections false');
	$t->query('create database pgbouncer');
	first_sync($version, $t, $id, $app);
	unread_sizes($version, $t, $id, $app);
	table_sizes($version, $t, $id, $app);
	vanished($version, $t, $id, $app);
	$t->remove;
	return;
}

sub first_sync
{
	my ($version, $t, $id, $app) = @_;
	my $result = sync($id);

	is_deeply([ @{ $result->{inventory} }{qw(created refreshed reactivated deactivated)} ], [ 2, 0, 0, 0 ],
		"$version: two databases are new");
	is_deeply([ map { bytes($_) } @{ $result->{inventory}{active_databases} } ], [ 'pgbouncer', $app ],
		"$version: the others are the server's own, or take no connections");
	is(join(',', @{ $result->{inventory}{filtered_databases} }), 'closed,postgres,template0,template1',
		"$version: those are named");
	is($result->{database_count}, 2, "$version: both have a size");
	# Right after its creation nothing else writes there: the server itself tells the same size.
	my $bytes = $t->value("select pg_database_size('pgbouncer')");
	is($result->{databases}[0]{size_mb}, int(($bytes + 1048575) / 1048576), "$version: in MiB, rounded up");
	is(sql("select total_size_mb || '/' || database_count from whalefall_api.instance_sizes where instance_id = $id"),
		"$result->{total_size_mb}/2", "$version: the instance's total");
	is(sql("select last_capacity_sync_at is not null and main_version is not null from whalefall.instances where id = $id"),
		't', "$version: the instance knows of it");
	is(sql("select items_synced, items_created, items_updated, items_deleted, metrics_json ->> 'round_trips'"
		  . " from whalefall.task_run_items where instance_id = $id order by id desc limit 1"), '2|2|0|0|1',
		"$version: counters and metrics of the item");

	my $rows = sql("select string_agg(ctid::text || xmin::text, ',' order by id) from whalefall.instance_databases");
	$result = sync($id);
	is($result->{inventory}{refreshed}, 2, "$version: again");
	is(sql("select string_agg(ctid::text || xmin::text, ',' order by id) from whalefall.instance_databases"), $rows,
		"$version: the inventory was not written");
	return;
}

# A database the login may not see keeps its place; the others keep their sizes.
sub unread_sizes
{
	my ($version, $t, $id, $app) = @_;

	$t->query('revoke connect on database pgbouncer from public; revoke pg_monitor from monitor');
	my $result = sync($id);
	is($result->{saved_count}, 1, "$version: without CONNECT on one of two: one size");
	like($result->{errors}[0], qr/"pgbouncer" could not be read: no CONNECT/, "$version: the other is reported");
	is($result->{inventory}{deactivated}, 0, "$version: and stays");
	is(sql("select level from whalefall_api.logs where module = 'capacity_sync' order by id desc limit 1"), 'WARNING',
		"$version: the log warns");

	(my $quoted = $app) =~ s/"/""/g;
	$t->query("revoke connect on database \"$quoted\" from public");
	my $failed = try("select whalefall_api.instances_sync_capacity($id)");
	like($failed->{stderr}, qr/the instance gave no usable data/, "$version: no size at all is an error");
	is(sql("select count(*) from whalefall.instance_databases where instance_id = $id and is_active"), '2',
		"$version: which changes nothing");
	$t->query("grant pg_monitor to monitor; grant connect on database pgbouncer, \"$quoted\" to public");
	return;
}

sub table_sizes
{
	my ($version, $t, $id, $app) = @_;
	my @in_app = (database => $app);

	$t->query('create schema "s "" q"; create table "s "" q".big (i int primary key);'
		  . ' insert into "s "" q".big select generate_series(1, 50000); analyze "s "" q".big;'
		  . ' create table tiny (); create materialized view seen as select 1 as one;'
		  . ' create table parent (i int) partition by list (i); create view v as select 1 as one', @in_app);
	my $database = sql("select id from whalefall_api.databases where instance_id = $id and database_name <> 'pgbouncer'");
	my $refresh = "select whalefall_api.databases_table_sizes_refresh($database)";
	my $result = decode_json(sql($refresh));
	is_deeply([ @{$result}{qw(saved_count deleted_count)} ], [ 3, 0 ], "$version: tables and materialized views, no parents");
	my $bytes = $t->value("select pg_total_relation_size('\"s \"\" q\".big')", @in_app);
	is(join('|', @{ $result->{tables}[0] }{qw(schema_name table_name size_mb row_count)}),
		join('|', 's " q', 'big', int(($bytes + 1048575) / 1048576), 50000), "$version: size and rows of the largest");

	my $locker = $t->session(@in_app);
	$locker->query('begin; lock table tiny in access exclusive mode');
	$t->query('drop table "s "" q".big; create table fresh ()', @in_app);
	$result = decode_json(sql($refresh));
	is_deeply([ @{$result}{qw(saved_count deleted_count)} ], [ 2, 1 ], "$version: one new, one dropped, one locked");
	is(join(',', sort map { $_->{table_name} } @{ $result->{tables} }), 'fresh,seen,tiny',
		"$version: the locked one keeps its size, and nobody waits for it");
	$locker->query('rollback');
	$locker->quit;
	return;
}

sub vanished
{
	my ($version, $t, $id, $app) = @_;
	my $database = sql("select id from whalefall_api.databases where instance_id = $id and database_name = 'pgbouncer'");

	$t->query('drop database pgbouncer');
	my $failed = try("select whalefall_api.databases_table_sizes_refresh($database)");
	like($failed->{stderr}, qr/cannot connect to the instance/, "$version: tables of a database that is gone");
	my $result = sync($id);
	is($result->{inventory}{deactivated}, 1, "$version: the next sync sees it");
	is(sql("select is_active, deleted_at is not null, size_mb > 0 from whalefall_api.databases where id = $database"),
		'f|t|t', "$version: it stays, inactive, with its last size");

	(my $quoted = $app) =~ s/"/""/g;
	$t->query("drop database \"$quoted\"");
	$failed = try("select whalefall_api.instances_sync_capacity($id)");
	like($failed->{stderr}, qr/1 databases are active, the instance now lists 0.*force => true/s,
		"$version: an empty list is suspicious");
	$result = decode_json(sql("select whalefall_api.instances_sync_capacity($id, force => true)"))->{result};
	is($result->{inventory}{deactivated}, 1, "$version: unless it is forced");
	is($result->{message}, 'no database to collect sizes of', "$version: and says that nothing is left");
	return;
}
