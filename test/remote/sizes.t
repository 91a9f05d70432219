# Reading databases and tables: sizes as the server gives them, and what is left empty and why when
# the server does not give them.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Encode qw(encode_utf8);
use Test::More;
use Whalefall::Remote;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $NOTE = 'no CONNECT privilege and not a member of pg_read_all_stats';

sub test_databases
{
	my ($server) = @_;

	$server->query($_) for 'create database appdb', 'create database closed', encode_utf8('create database "数据 🐳"'),
	  'create database tpl is_template true', 'create role poor login password \'Poor-1\'',
	  'revoke connect on database closed from public';
	my $read = sub {
		my ($user, $password) = @_;
		my $answer = read_server($server, 'databases', user => $user, password => $password);
		is($answer->{rc}, 0, "read as $user") or diag $answer->{out};
		return { map { $_->{name} => $_ } rows($answer, 'database') };
	};

	my $of = $read->('mon', 'Mon-1');
	is_deeply([ sort keys %$of ], [ sort qw(appdb closed postgres template0 template1 tpl), '数据 🐳' ], 'all databases');
	my %size = map { $_->[0] => $_->[1] } $server->rows('select datname, pg_database_size(oid) from pg_database');
	$of->{$_}{size_bytes} == $size{$_} and pass("size of $_") or fail("size of $_: $of->{$_}{size_bytes} not $size{$_}")
	  for qw(appdb closed tpl template0);
	is_deeply([ map { $of->{$_}{is_system} ? 1 : 0 } qw(appdb closed postgres template0 template1 tpl) ],
		[ 0, 0, 1, 1, 1, 1 ], 'templates and postgres are system databases');
	is_deeply([ map { $of->{$_}{allow_connections} ? 1 : 0 } qw(appdb template0) ], [ 1, 0 ], 'connections allowed');
	is_deeply([ map { $of->{$_}{note} } sort keys %$of ], [ (undef) x 7 ], 'without notes');

	$of = $read->('poor', 'Poor-1');
	is_deeply([ $of->{closed}{size_bytes}, $of->{closed}{note} ], [ undef, $NOTE ], 'one closed database has no size');
	is($of->{appdb}{size_bytes}, $size{appdb}, 'and the others have');
	return;
}

sub test_tables
{
	my ($server, $version) = @_;
	my $app = sub { $server->query(encode_utf8($_[0]), database => 'appdb') };

	$app->(q{
		create table plain(a int primary key, b text); insert into plain select i, repeat('x', 100) from generate_series(1, 1000) i;
		create table "never analysed"();
		create schema "模式"; create table "模式"."表 🐳"(a text); insert into "模式"."表 🐳" values (repeat('y', 100000));
		create materialized view mv as select * from plain;
		create view v as select 1; create sequence s;
		create table parted(a int) partition by list (a); create table part1 partition of parted for values in (1);
		insert into parted values (1); create table empty(a int); create table locked(a int); insert into locked values (1);
		analyze plain; analyze locked;});
	# Not possible together with others, they make one transaction.
	$app->('vacuum analyze empty');
	my $session = $server->session(database => 'appdb');
	$session->query('create temp table temporary(a int)');
	my $read = sub {
		my $answer = read_server($server, 'tables', user => 'mon', password => 'Mon-1', dbname => 'appdb', @_);
		is($answer->{rc}, 0, 'tables are read') or diag $answer->{out};
		return { map { ("$_->{schema}.$_->{name}" => $_) } rows($answer, 'table') };
	};

	my $of = $read->();
	is_deeply([ sort keys %$of ],
		[ sort 'public.plain', 'public.never analysed', '模式.表 🐳', 'public.mv', 'public.part1', 'public.empty', 'public.locked' ],
		'tables, partitions and materialized views, no temporary ones');
	for my $name (qw(plain mv part1))
	{
		my ($row) = $server->rows("select pg_total_relation_size('$name'), pg_table_size('$name'), pg_indexes_size('$name')",
			database => 'appdb');
		is_deeply([ @{ $of->{"public.$name"} }{qw(total_bytes data_bytes index_bytes)} ], $row, "sizes of $name");
	}
	is($of->{'public.plain'}{row_estimate}, 1000, 'an estimate of the rows');
	is($of->{'public.never analysed'}{row_estimate}, undef, 'none for a table never analysed');
	is($of->{'public.empty'}{row_estimate}, $version >= 14 ? 0 : undef, 'an empty table, as far as it can be told');

	$session->query('begin; lock table locked in access exclusive mode');
	$of = $read->(timeout => 20);
	is_deeply([ @{ $of->{'public.locked'} }{qw(total_bytes data_bytes index_bytes row_estimate)} ], [ undef, undef, undef, 1 ],
		'a locked table has no sizes and holds nobody up');
	ok($of->{'public.plain'}{total_bytes} > 0, 'the others have theirs');
	$session->query('rollback');
	$session->quit;
	return;
}

for my $which (13, 'local', 18)
{
	subtest "PostgreSQL $which" => sub {
		my $server = remote_server($which) or plan skip_all => "PostgreSQL $which could not be had";
		my $version = int($server->value('show server_version_num') / 10000);
		subtest databases => \&test_databases, $server;
		subtest tables => \&test_tables, $server, $version;

		my $answer = read_server($server, 'version,accounts,databases,tables', dbname => 'appdb');
		is($answer->{last}{round_trips}, 1, 'everything at once is one round trip');
		my %seen = map { ($_->{dataset} // $_->{type}) => 1 } @{ $answer->{lines} };
		is_deeply([ sort keys %seen ], [qw(account database done item public table value version)], 'with all datasets');
	};
}

done_testing();
