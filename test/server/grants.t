# The scripts of grant_script: as the manual shows them, with names meant to break out of their quotes, and run
# on real servers, where what they grant is enough to read everything.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Encode qw(decode_utf8 encode_utf8);
use Test::More;
use Whalefall::Cluster;
use Whalefall::MySQL;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my $db = 'whalefall';
my $root = "$FindBin::Bin/../..";
my $c = Whalefall::Cluster->new(settings => { 'whalefall.database' => $db }, env => { WHALEFALL_TESTING => 1 });
$c->create_extension;

# A text as a literal of our own server.
sub literal { my ($text) = @_; return "'" . ($text =~ s/'/''/gr) . "'"; }

sub script
{
	my ($type, $name) = @_;

	return decode_utf8($c->value(encode_utf8('select whalefall_api.grant_script(' . literal($type) . ', ' . literal($name) . ')'), database => $db));
}

sub refusal
{
	my ($arguments) = @_;

	return decode_utf8($c->psql("\\set VERBOSITY verbose\nselect whalefall_api.grant_script(" . encode_utf8($arguments) . ')', database => $db)->{stderr});
}

# The manual -----------------------------------------------------------------------------------------------
open my $in, '<:encoding(UTF-8)', "$root/docs/grants.md" or die "docs/grants.md: $!";
my $manual = do { local $/ = undef; <$in> };
my %shown = $manual =~ /^## (\w[\w ]*)\n.*?^```sql\n(.*?)^```$/msg;
my %title = (postgresql => 'PostgreSQL', mysql => 'MySQL', mariadb => 'MariaDB', sqlserver => 'SQL Server', oracle => 'Oracle');
for my $type (sort keys %title)
{
	is($shown{ $title{$type} }, script($type, 'whalefall_monitor'), "docs/grants.md shows the script for $type");
	unlike(script($type, 'm'), qr/identified by '(?!\.\.\.)|password *= *N?'(?!\$\()/i, 'without a password');
}
is(script(' PG ', 'm'), script('postgresql', 'm'), 'aliases are understood');
is(script('mssql', 'm'), script('sqlserver', 'm'), 'of each type');
is(script('MariaDB', 'm'), script('mariadb', 'm'), 'in any case');

# Names ----------------------------------------------------------------------------------------------------
like(script('mysql', 'a`b\\'), qr/^GRANT SELECT ON `mysql`\.\* TO `a``b\\`\@`%`;$/m, 'MySQL: backticks doubled, backslashes as they are');
like(script('sqlserver', q{a]b'c}), qr/^GRANT CONNECT SQL TO \[a\]\]b'c\];$/m, 'SQL Server: brackets doubled');
like(script('sqlserver', q{a]b'c}), qr/SUSER_ID\(N'a\]b''c'\)/, 'in a literal the quotes');
like(script('sqlserver', q{a]b'c}), qr/EXEC \(N'GRANT CONNECT ANY DATABASE TO \[a\]\]b''c\]'\);/, 'in a name within a literal both');
like(script('postgresql', q{a"b}), qr/^GRANT pg_monitor TO "a""b";$/m, 'PostgreSQL: quotes doubled');
like(script('postgresql', q{a\\'b}), qr/set_config\('monitor\.account', E'a\\\\''b', false\)/, 'and a literal that no setting turns');
like(script('oracle', 'mon$1'), qr/^GRANT CREATE SESSION TO "MON\$1";$/m, 'Oracle: a plain name is in capitals');
like(script('oracle', 'Mon x'), qr/^GRANT CREATE SESSION TO "Mon x";$/m, 'another as it is');
like(script('postgresql', '{literal}{name}'), qr/^GRANT pg_monitor TO "\{literal\}\{name\}";$/m, 'a name is not taken for a mark');
like(script('mysql', ' 监控 '), qr/TO `监控`@/, 'blanks around a name go');
for my $case ([ q('db2', 'm'), 'PT400.*db_type "db2" is not known' ], [ q(null, null), 'PT400.*Missing: db_type, username' ],
	[ q('mysql', null), 'PT400.*Missing: username' ], [ q('mysql', '  '), 'must not be blank' ], [ q('mysql', E'a\nb'), 'control character' ],
	[ q('oracle', E'a\x7fb'), 'control character' ], [ q('pg', E'a\u0085b'), 'control character' ], [ q('pg', E'a\u2028b'), 'control character' ],
	[ q('pg', E'a\u202eb'), 'control character' ], [ q('oracle', 'a"b'), 'holds "' ], [ q('sqlserver', 'a$(x)b'), 'holds \$\(' ],
	[ q('pg', repeat('é', 32)), 'longer than 63 bytes' ], [ q('pg', repeat('a', 64)), 'longer than 63' ], [ q('mysql', repeat('a', 33)), 'longer than 32' ],
	[ q('sqlserver', repeat('a', 129)), 'longer than 128' ])
{
	my ($arguments, $expected) = @$case;
	like(refusal($arguments), qr/$expected/s, "refused: $arguments");
}

# Stores a credential and an instance, syncs it, and gives the id.
sub manage
{
	my ($type, $port, $name, $password) = @_;

	$c->query(encode_utf8("select whalefall_api.credentials_create('c$port', 'database', " . literal($name) . ", '$password')"), database => $db);
	my $credential = $c->value("select id from whalefall_api.credentials where name = 'c$port'", database => $db);
	$c->query("select whalefall_api.instances_create('i$port', '$type', '127.0.0.1', $port, credential_id => $credential)", database => $db);
	my $id = $c->value("select id from whalefall_api.instances where name = 'i$port'", database => $db);
	for my $kind (qw(accounts capacity))
	{
		my $said = $c->psql("select whalefall_api.instances_sync_$kind($id)", database => $db, timeout => 100);
		is($said->{rc}, 0, "$type: sync of $kind") or diag $said->{stderr};
	}
	is($c->value("select string_agg(distinct status, ',') from whalefall_api.task_run_items where instance_id = $id", database => $db), 'completed',
		"$type: nothing was left unread");
	is($c->value("select count(*) from whalefall_api.logs where level in ('WARNING', 'ERROR') and (context ->> 'instance_id')::bigint = $id", database => $db), '0',
		"$type: nothing to complain of");
	return $id;
}

# PostgreSQL -----------------------------------------------------------------------------------------------
my $weird = q{we"ird'\\ $$ {name}; drop};
my $target = Whalefall::Cluster->new;
$target->query(q(create database "clo""sed"; revoke connect on database "clo""sed" from public; create role somebody));
$target->query(encode_utf8(script('postgresql', $weird)));
my $ident = '"' . ($weird =~ s/"/""/gr) . '"';
is($target->value('select count(*) from pg_roles where rolname = ' . literal($weird) . ' and rolcanlogin and not (rolsuper or rolcreaterole or rolcreatedb)'), '1',
	'the role is there, under its whole name');
is($target->value('select rolpassword is null from pg_authid where rolname = ' . literal($weird)), 't', 'without a password');
is($target->value(q(select count(*) from pg_roles where rolname !~ '^pg_')), '3', 'and nothing else was made');
is($target->value('select string_agg(g.rolname, $x$,$x$) from pg_auth_members m join pg_roles g on g.oid = m.roleid join pg_roles r on r.oid = m.member where r.rolname = '
		. literal($weird)), 'pg_monitor', 'it has one role');
is($target->value('select has_database_privilege(' . literal($weird) . q[, 'clo"sed', 'connect')]), 't', 'CONNECT where PUBLIC has it not');
$target->query(qq{alter role $ident password 'Mon-12345'});
my $id = manage('postgresql', $target->port, $weird, 'Mon-12345');
is($c->value("select count(*) from whalefall_api.accounts where instance_id = $id and username in ('somebody', 'postgres')", database => $db), '2', 'postgresql: accounts are read');
is($c->value("select count(*) from whalefall_api.databases where instance_id = $id and database_name = 'clo\"sed'", database => $db), '1', 'postgresql: and databases');

# MySQL and MariaDB ----------------------------------------------------------------------------------------
for my $kind (mysql_servers())
{
	my $server = mysql_server($kind);
	my $type = $kind eq 'mysql9' ? 'mysql' : 'mariadb';
	my $name = q{we`ird'"\\ mon};

SKIP:
	{
		skip "$kind could not be had", 1 if !$server;
		$server->query(q{create database shop; create table shop.i(a int primary key, secret text) engine=innodb; insert into shop.i values (1, 'x');
			create table shop.m(a int, b text) engine=myisam; insert into shop.m values (1, repeat('z', 5000));
			create user other@'%' identified by 'Oth-1'; grant select on shop.* to other@'%'; create role staff; grant staff to other@'%'});
		$server->query(script($type, $name));
		my $grants = $server->query(q{show grants for `we``ird'"\\ mon`@`%`});
		unlike($grants, qr/GRANT (?:ALL|SELECT|INSERT)[^\n]* ON \*\.\*/, "$kind: no row of the business can be read") or diag $grants;
		$server->query(q{alter user `we``ird'"\\ mon`@`%` identified by 'Mon-12345' account unlock});
		my %login = (user => $name, password => 'Mon-12345', args => [ '--allow-cleartext-key' ]);
		my $answer = read_mysql($server, 'version,accounts,databases', %login);
		is($answer->{last}{type}, 'done', "$kind: everything is read") or diag $answer->{out}, $answer->{err};
		is_deeply(warnings_of($answer), {}, "$kind: without a warning");
		my $accounts = by_account($answer);
		is_deeply($accounts->{'other@%'}{mysql_database_privileges}{shop}, ['SELECT'], "$kind: the privileges of others");
		is_deeply($accounts->{'other@%'}{mysql_granted_roles}{direct}, [ $kind eq 'mysql9' ? 'staff@%' : 'staff@' ], "$kind: their roles") or diag explain $accounts->{'other@%'};
		my ($shop) = grep { $_->{name} eq 'shop' } rows($answer, 'database');
		cmp_ok($shop->{size_bytes}, '>', 5000 + 16384, "$kind: sizes of all engines");
		is_deeply([ grep { defined $_->{note} } rows($answer, 'database') ], [], "$kind: nothing to note");
		my $tables = read_mysql($server, 'tables', %login, dbname => 'shop');
		is(join(' ', sort map { $_->{name} } rows($tables, 'table')), 'i m', "$kind: sizes of tables");
		my $managed = manage('mysql', $server->port, $name, 'Mon-12345');
		is($c->value("select count(*) from whalefall_api.accounts where instance_id = $managed and username = 'other@%'", database => $db), '1',
			"$kind: accounts arrive in the control plane");
		is($c->value("select count(*) from whalefall_api.databases where instance_id = $managed and database_name = 'shop'", database => $db), '1',
			"$kind: and databases");
	}
	$server->remove if $server;
}

done_testing;
