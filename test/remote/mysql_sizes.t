# Sizes of databases and tables of MariaDB and MySQL: engines, odd names, missing privileges.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Find ();
use Test::More;
use Whalefall::MySQL;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

# Names whose files are called otherwise.
my @odd = ('ü', 'î', 'a#b', 'q"q', q{q'q}, 'd.dot', 'sl/ash', '库存', 'with space', 'UpPer', 'at@x', 'doll$ar', 'b`tick', 'under_score',
	'under%cent', 'm' x 64, 'sl');

sub ident { my ($name) = @_; $name =~ s/`/``/g; return "`$name`"; }

sub populate
{
	my ($server) = @_;
	my $sql = '';

	for my $i (0 .. $#odd)
	{
		my $name = ident($odd[$i]);
		# A different size each, so that no two can be taken for each other.
		my $rows = 40 + 60 * $i;
		$sql .= "create database $name; create table $name.`t/1 ü`(a int auto_increment primary key, b varchar(4000)) engine=innodb;"
		  . "insert into $name.`t/1 ü`(b) values " . join(',', ("(repeat('x', 4000))") x $rows) . ";\n";
	}
	$sql .= q{create database vacant;
		create database engines; create table engines.i(a int primary key, b longtext) engine=innodb; insert into engines.i values (1, repeat('y', 100000));
		create table engines.m(a int, b longtext, key(a)) engine=myisam; insert into engines.m values (1, repeat('z', 300000));
		create table engines.c(a int not null) engine=csv; create table engines.h(a int) engine=memory;
		create table engines.p(a int primary key) engine=innodb partition by hash(a) partitions 4;
		create view engines.v as select 1;
		create database onlymyisam; create table onlymyisam.m(b longtext) engine=myisam; insert into onlymyisam.m values (repeat('z', 50000));};
	$sql .= q{create table engines.a(b longtext) engine=aria; insert into engines.a values (repeat('w', 200000));
		create sequence engines.s; create table engines.sv(a int primary key) with system versioning;} if !$server->is_mysql;
	$sql .= 'analyze table engines.i, engines.p;';
	$server->query($sql);
	return;
}

# Bytes of the files of a database, as the operating system has them: the .ibd files of InnoDB.
sub bytes_of_files
{
	my ($server, $name) = @_;
	my $quoted = "'" . ($name =~ s/'/''/gr) . "'";
	my ($encoded) = split /\n/, $server->query($server->is_mysql
		? "select substring_index(substring_index(cast(f.path as char), '/', -2), '/', 1) from information_schema.innodb_datafiles f
			join information_schema.innodb_tablespaces t on t.space = f.space where t.name in (concat($quoted, '/t/1 ü'), concat($quoted, '/i'))"
		: "select cast(convert($quoted using filename) as binary)");
	my $dir = $server->data . "/$encoded";
	my $sum = 0;

	for my $file (glob('"' . ($dir =~ s/([\\"])/\\$1/gr) . '"/*.ibd')) { $sum += -s $file }
	return $sum;
}

sub check_databases
{
	my ($server) = @_;
	my $answer = read_mysql($server, 'databases');
	my %of = map { $_->{name} => $_ } rows($answer, 'database');

	is($answer->{rc}, 0, 'databases are read') or diag $answer->{out};
	is($answer->{last}{round_trips}, 2, 'in two round trips');
	is_deeply([ sort keys %of ], [ sort split /\n/, $server->query('show databases') ], 'all of them');
	is_deeply([ sort grep { $of{$_}{is_system} } keys %of ], [qw(information_schema mysql performance_schema sys)], 'those of the server are marked');
	is_deeply([ grep { defined $of{$_}{note} || !$of{$_}{allow_connections} } keys %of ], [], 'nothing else to say');
	for my $name (@odd)
	{
		my $bytes = bytes_of_files($server, $name);
		cmp_ok($bytes, '>', 100000, "there are files of $name");
		is($of{$name}{size_bytes}, $bytes, "size of $name");
	}
	is($of{vacant}{size_bytes}, 0, 'an empty one');
	my $files = bytes_of_files($server, 'engines');
	my $others = $server->query(q{select sum(data_length + index_length) from information_schema.tables
		where table_schema = 'engines' and engine in ('MyISAM', 'Aria', 'CSV', 'MEMORY')});
	cmp_ok($others, '>', $server->is_mysql ? 300000 : 500000, 'other engines have something');
	is($of{engines}{size_bytes}, $files + $others, 'all engines together');
	cmp_ok($of{onlymyisam}{size_bytes}, '>=', 50000, 'MyISAM alone');
	cmp_ok($of{mysql}{size_bytes}, '>', 1000000, "the server's own");
	return;
}

sub check_tables
{
	my ($server) = @_;
	my $answer = read_mysql($server, 'tables', dbname => 'engines');
	my %of = map { ("$_->{schema}.$_->{name}" => $_) } rows($answer, 'table');
	my @more = $server->is_mysql ? () : qw(engines.a engines.sv);

	is($answer->{rc}, 0, 'tables are read') or diag $answer->{out};
	is_deeply([ sort keys %of ], [ sort map({ "engines.$_" } qw(i m c h p)), @more ], 'tables of every engine, no views and sequences');
	for my $name (sort keys %of)
	{
		my (undef, $table) = split /\./, $name;
		my @expected = split /\t/, $server->query("select data_length + index_length, data_length, index_length from information_schema.tables
			where table_schema = 'engines' and table_name = '$table'");
		is_deeply([ @{ $of{$name} }{qw(total_bytes data_bytes index_bytes)} ], \@expected, "sizes of $name");
	}
	is($of{'engines.m'}{row_estimate}, 1, 'rows');
	$answer = read_mysql($server, 'tables', dbname => 'sl/ash');
	is_deeply([ map { "$_->{schema} $_->{name}" } rows($answer, 'table') ], ['sl/ash t/1 ü'], 'a table with an odd name in such a database');
	$answer = read_mysql($server, 'tables', dbname => 'nowhere');
	is($answer->{last}{error_type}, 'unknown_database', 'a database that is none');
	is(scalar(rows(read_mysql($server, 'tables', dbname => "vacant"), 'table')), 0, 'one without tables');
	return;
}

# What a login without the privileges of the manual is told.
sub check_missing_grants
{
	my ($server) = @_;
	my $read = sub {
		my $answer = read_mysql($server, 'databases', user => 'few', password => 'P-1');
		is($answer->{rc}, 0, 'is read') or diag $answer->{out};
		is_deeply(warnings_of($answer), {}, 'without warnings: each database says it for itself');
		return { map { $_->{name} => $_ } rows($answer, 'database') };
	};

	$server->query(q{create user few@'%' identified by 'P-1'; grant show databases on *.* to few@'%'; grant select on engines.* to few@'%'});
	my $of = $read->();
	is($of->{'ü'}{size_bytes}, undef, 'without PROCESS and SELECT: not known');
	like($of->{'ü'}{note}, qr/^the files of InnoDB could not be read: .*PROCESS/, 'and why');
	cmp_ok($of->{engines}{size_bytes}, '>', 300000, 'with SELECT on the tables: an estimate');
	like($of->{engines}{note}, qr/^estimated, .*PROCESS/, 'which is told');

	$server->query(q{grant process on *.* to few@'%'});
	$of = $read->();
	is($of->{'ü'}{size_bytes}, bytes_of_files($server, 'ü'), 'with PROCESS: InnoDB');
	like($of->{'ü'}{note}, qr/^without engines other than InnoDB/, 'and what is not in it');
	is($of->{engines}{note}, undef, 'with both there is nothing to say');

	$server->query(q{grant select on *.* to few@'%'});
	$of = $read->();
	is_deeply([ grep { defined $_->{note} && $_->{name} ne 'performance_schema' } values %$of ], [], 'with SELECT on everything neither');
	return;
}

for my $kind (mysql_servers())
{
	subtest $kind => sub {
		my $server = mysql_server($kind) or plan skip_all => "$kind could not be had";
		$server->monitor;
		populate($server);
		subtest databases => sub { check_databases($server) };
		subtest tables => sub { check_tables($server) };
		subtest 'missing grants' => sub { check_missing_grants($server) };
		my $answer = read_mysql($server, 'version,accounts,databases,tables', dbname => 'engines');
		is($answer->{last}{round_trips}, 3, 'everything at once is three round trips');
		my %seen = map { ($_->{dataset} // $_->{type}) => 1 } @{ $answer->{lines} };
		is_deeply([ sort keys %seen ], [qw(account database done item table value version)], 'with all datasets');
		$server->remove;
	};
}

done_testing();
