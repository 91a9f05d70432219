# Reading accounts of MariaDB 10.11, MariaDB 11.8 and MySQL 9: names of every kind, roles, locks,
# privileges of every level, and what happens when parts of the catalog are closed.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::MySQL;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

# user, host: names that break careless code.
my @names = (
	[ '鲸落', '10.%' ], [ q{it's}, '%' ], [ 'quo"te', 'host.example' ], [ 'a@b', '10.%' ], [ 'back\\slash', '%' ],
	[ 'masked', '192.168.1.0/255.255.255.0' ], [ 'six', '::1' ], [ ' blank', '%' ], [ 'Case', '%' ], [ 'case', '%' ],
	[ 'per%cent_', '%' ], [ "tab\tx", '%' ], [ '; drop table x; --', '%' ], [ '{"json":1}', '%' ], [ 'with space', 'h_%' ],
	[ q{x'@'y}, '%' ], [ 'mysqlbackup', '%' ]);

# SQL text of an account.
sub account
{
	my ($user, $host) = @_;

	return join '@', map { my $text = $_; $text =~ s/([\\'])/\\$1/g; "'$text'" } $user, $host;
}

# Privileges of MariaDB that have no column in its tables of users.
sub bits
{
	my ($server) = @_;

	return ('BINLOG ADMIN', 'BINLOG REPLAY', 'CONNECTION ADMIN', 'FEDERATED ADMIN', 'READ_ONLY ADMIN', 'REPLICATION MASTER ADMIN',
		'REPLICATION SLAVE ADMIN', 'SET USER', $server->kind eq 'mariadb11' ? ('SHOW CREATE ROUTINE') : (), 'SLAVE MONITOR');
}

# Makes what the tests look for; gives the account with the longest name.
sub populate
{
	my ($server) = @_;
	my $password = q{identified by 'P-1'};
	my $long = $server->is_mysql ? 'z' x 32 : 'z' x 80;
	my $sql = join '', map { 'create user ' . account(@$_) . " $password;\n" } @names, [ $long, '%' ];

	$sql .= qq{
		create user ''\@'anonymous.example' $password;
		create user root2\@'%' $password; grant all on *.* to root2\@'%' with grant option;
		create user plain\@'%' $password;
		create user locked\@'%' $password account lock;
		create user expired\@'%' $password password expire;
		create user rotating\@'%' $password password expire interval 90 day;
		create user forever\@'%' $password password expire never;
		create user app\@'%' $password; create user holder\@'10.%' $password; create user deep\@'%' $password;
		create role base, mid, top, alone, other;
		grant base to mid; grant mid to top; grant top to app\@'%' with admin option; grant other to app\@'%';
		grant base to holder\@'10.%'; grant top to deep\@'%'; grant top to 'a\@b'\@'10.%';
		create database crm; create database `under_score`; create database `库存`; create table crm.t(a int, b int, c int);
		create table `库存`.`表`(`列` int);
		grant select, process on *.* to app\@'%';
		grant select, insert on crm.* to app\@'%';
		grant update on `under\\_score`.* to app\@'%' with grant option;
		grant delete on `wild%`.* to app\@'%';
		grant select on `库存`.* to '鲸落'\@'10.%';
		grant update, delete on crm.t to holder\@'10.%' with grant option;
		grant select(a), insert(a, b) on crm.t to deep\@'%';
		grant select(`列`) on `库存`.`表` to 'a\@b'\@'10.%';
		grant all on crm.* to 'it''s'\@'%';
		grant select, replication client on *.* to base; grant insert on crm.* to mid; grant create on *.* to top with grant option;};
	$sql .= $server->is_mysql ? qq{
			set default role top to app\@'%';
			grant backup_admin on *.* to app\@'%'; grant system_variables_admin on *.* to deep\@'%' with grant option;
			create user nopassword\@'%';
			create role 'visiting'\@'10.%'; grant 'visiting'\@'10.%' to deep\@'%'; set default role 'visiting'\@'10.%' to deep\@'%';
			set global partial_revokes = on;
			create user restricted\@'%' $password; grant select, insert on *.* to restricted\@'%';
			revoke select, insert on crm.* from restricted\@'%'; revoke insert on `库存`.* from restricted\@'%';
			alter user app\@'%' identified by 'P-2' retain current password;} : qq{
			set default role top for app\@'%';
			grant delete history on *.* to top;
			grant binlog admin, connection admin on *.* to app\@'%';
			grant } . join(', ', bits($server)) . q{ on *.* to other;};
	$server->query($sql);
	return "$long\@%";
}

sub check_answer
{
	my ($server, $answer) = @_;

	is($answer->{rc}, 0, 'exit status 0') or diag $answer->{out}, $answer->{err};
	is($answer->{err}, '', 'nothing on standard error');
	is($answer->{last}{type}, 'done', 'read to the end');
	is($answer->{last}{round_trips}, 3, 'in three round trips');
	is($answer->{last}{rows}, scalar(grep { $_->{dataset} } @{ $answer->{lines} }), 'all rows are counted');
	is($answer->{lines}[0]{banner}, $server->query('select version()'), 'the banner of the server comes first');
	my ($major, $minor, $patch) = $answer->{lines}[0]{banner} =~ /^(\d+)\.(\d+)\.(\d+)/;
	is($answer->{lines}[0]{number}, $major * 10000 + $minor * 100 + $patch, 'and its number');
	is_deeply(warnings_of($answer), {}, 'no warning');
	my $hashes = $server->is_mysql ? q{select hex(authentication_string) from mysql.user where authentication_string <> ''}
	  : q{select hex(json_value(priv, '$.authentication_string')) from mysql.global_priv where json_value(priv, '$.authentication_string') <> ''};
	my @hashes = split /\n/, $server->query($hashes);
	cmp_ok(scalar @hashes, '>', 10, 'there are password hashes');
	is(scalar(grep { index($answer->{out}, pack 'H*', $_) >= 0 } @hashes), 0, 'and none is told');
	unlike($answer->{out}, qr/additional_password|authentication_string/, 'nor where one would be');
	return;
}

sub check_names
{
	my ($server, $of, $long) = @_;
	my %there = map { $_ => 1 } split /\n/, $server->query(q{select concat(user, '@', host) from mysql.user where user <> ''});

	is_deeply([ sort keys %$of ], [ sort keys %there ], 'every account but the nameless one');
	# MySQL drops blanks around a name.
	my @expected = grep { !$server->is_mysql || $_->[0] !~ /^ / } @names;
	ok(exists $of->{"$_->[0]\@$_->[1]"}, "account $_->[0] at $_->[1]") for @expected;
	ok(exists $of->{$long}, 'a name of the longest length');
	is_deeply([ @{ $of->{'a@b@10.%'}{type_specific} }{qw(original_username host)} ], [ 'a@b', '10.%' ], 'a name with @ in its parts');
	return;
}

sub check_attributes
{
	my ($server, $of) = @_;
	my $type = sub { $of->{ $_[0] }{type_specific} };
	my %plain = (host => '%', original_username => 'plain', super_priv => 0, grant_priv => 0, account_locked => 0,
		account_kind => 'user', plugin => $server->is_mysql ? 'caching_sha2_password' : 'mysql_native_password',
		password_expired => 0, password_lifetime => undef);
	my %found = %{ $type->('plain@%') };

	like(delete $found{password_last_changed}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/, 'when the password was changed, in UTC');
	is_deeply(\%found, \%plain, 'attributes of a plain account');
	is_deeply([ @{ $type->('root2@%') }{qw(super_priv grant_priv)} ], [ 1, 1 ], 'of one that may do everything');
	is_deeply([ map { $type->("$_@%")->{account_locked} } qw(locked expired app) ], [ 1, 0, 0 ], 'locked');
	is_deeply([ map { $type->("$_@%")->{password_expired} } qw(locked expired app) ], [ 0, 1, 0 ], 'expired');
	is_deeply([ map { $type->("$_@%")->{password_lifetime} } qw(rotating forever app) ], [ 90, 0, undef ], 'lifetime');
	my $at = $server->is_mysql ? '@%' : '@';
	is_deeply([ map { $type->("$_$at")->{account_kind} } qw(base mid top alone other) ], [ ('role') x 5 ], 'roles, also one that nobody holds');
	is($type->('nopassword@%')->{account_kind}, 'user', 'an account without a password is no role') if $server->is_mysql;
	is($type->('locked@%')->{account_kind}, 'user', 'nor is a locked one');
	return;
}

sub check_roles
{
	my ($server, $of) = @_;
	my $at = $server->is_mysql ? '@%' : '@';
	my ($base, $mid, $top, $other, $alone) = map { "$_$at" } qw(base mid top other alone);
	my $roles = sub { $of->{ $_[0] }{mysql_granted_roles} };
	# The creator of a role on MariaDB holds it.
	my @creator = $server->is_mysql ? () : ('root@localhost');
	my @visiting = $server->is_mysql ? ('visiting@10.%') : ();

	is_deeply($roles->('app@%'), { direct => [ $other, $top ], default => [$top] }, 'direct and default roles');
	is_deeply($roles->('deep@%'), { direct => [ $top, @visiting ], @visiting ? (default => \@visiting) : () }, 'direct ones alone');
	is_deeply($roles->($top), { direct => [$mid] }, 'a role that holds one');
	is_deeply($roles->('plain@%'), undef, 'none');
	is_deeply($of->{$top}{mysql_role_members}, { direct => [ sort 'app@%', 'deep@%', 'a@b@10.%', @creator ], default => ['app@%'] },
		'members of a role, accounts only');
	is_deeply($of->{$base}{mysql_role_members}, { direct => [ sort 'holder@10.%', @creator ] }, 'without the roles that hold it');
	is_deeply($of->{'app@%'}{mysql_role_members}, undef, 'an account has none');
	is_deeply($of->{'app@%'}{'extra.effective_roles'}, [ sort $base, $mid, $top, $other ], 'roles held through roles');
	is_deeply($of->{$top}{'extra.effective_roles'}, [ sort $base, $mid ], 'of a role, not itself');
	is_deeply($of->{$alone}{'extra.effective_roles'}, undef, 'of one without any');
	is_deeply($of->{'app@%'}{'extra.grantable'}, { 'mysql_granted_roles/direct' => [$top] }, 'a role that may be passed on');
	is_deeply($of->{'deep@%'}{'extra.grantable'}, undef, 'and one that may not');
	return;
}

sub check_privileges
{
	my ($server, $of) = @_;
	my $at = $server->is_mysql ? '@%' : '@';
	my $my = $server->is_mysql;
	my $global = sub { $of->{ $_[0] }{mysql_global_privileges} };

	is_deeply($global->('plain@%'), undef, 'no privilege is none, not USAGE');
	is_deeply($global->('app@%'), $my ? [qw(BACKUP_ADMIN PROCESS SELECT)] : [ 'BINLOG ADMIN', 'CONNECTION ADMIN', 'PROCESS', 'SELECT' ],
		'global privileges, dynamic ones included');
	is_deeply($global->('deep@%'), $my ? [ 'GRANT OPTION', 'SYSTEM_VARIABLES_ADMIN' ] : undef, 'a dynamic one that may be passed on');
	my %all = map { $_ => 1 } @{ $global->('root2@%') };
	ok($all{$_}, "all of them: $_") for 'GRANT OPTION', 'SUPER', 'SHOW DATABASES', 'CREATE TEMPORARY TABLES', 'CREATE USER', 'LOCK TABLES',
	  'CREATE TABLESPACE', 'REPLICATION SLAVE', $my ? ('CREATE ROLE', 'XA_RECOVER_ADMIN') : ('DELETE HISTORY', 'SLAVE MONITOR');
	is_deeply($global->("base$at"), [ $my ? 'REPLICATION CLIENT' : 'BINLOG MONITOR', 'SELECT' ], 'privileges of a role');
	is_deeply($global->("top$at"), [ 'CREATE', $my ? () : 'DELETE HISTORY', 'GRANT OPTION' ], 'of one that may pass them on');
	is_deeply($global->("other$at"), [ bits($server) ], 'that have no column') if !$my;

	is_deeply($of->{'app@%'}{mysql_database_privileges}, { crm => [qw(INSERT SELECT)], under_score => [ 'GRANT OPTION', 'UPDATE' ],
			'wild%' => ['DELETE'] }, 'privileges on databases');
	is_deeply($of->{'鲸落@10.%'}{mysql_database_privileges}, { '库存' => ['SELECT'] }, 'with other letters');
	is_deeply($of->{"mid$at"}{mysql_database_privileges}, { crm => ['INSERT'] }, 'of a role');
	cmp_ok(scalar @{ $of->{q{it's@%}}{mysql_database_privileges}{crm} }, '>=', 17, 'all of them, of an account with a quote');
	is_deeply($of->{'holder@10.%'}{'extra.mysql_table_privileges'}, { 'crm/t' => [ 'DELETE', 'GRANT OPTION', 'UPDATE' ] }, 'on a table');
	is_deeply($of->{'deep@%'}{'extra.mysql_column_privileges'}, { 'crm/t/a' => [qw(INSERT SELECT)], 'crm/t/b' => ['INSERT'] }, 'on columns');
	is_deeply($of->{'a@b@10.%'}{'extra.mysql_column_privileges'}, { '库存/表/列' => ['SELECT'] }, 'with other letters');
	is_deeply($of->{'restricted@%'}{'extra.mysql_partial_revokes'}, { crm => [qw(INSERT SELECT)], '库存' => ['INSERT'] },
		'what does not hold in one database') if $my;
	return;
}

# What a login with few rights is told, and what not.
sub check_missing_grants
{
	my ($server) = @_;
	my $my = $server->is_mysql;
	my @roles = qw(extra.effective_roles extra.grantable mysql_granted_roles mysql_role_members);
	my @privileges = qw(extra.mysql_column_privileges extra.mysql_table_privileges mysql_database_privileges mysql_global_privileges);
	my $read = sub { read_mysql($server, 'accounts', user => 'few', password => 'P-1') };

	$server->query(q{create user few@'%' identified by 'P-1'});
	my $answer = $read->();
	is_deeply([ $answer->{rc}, @{ $answer->{last} }{qw(error_type phase sqlstate)} ], [ 1, 'other', 'reading', '42000' ],
		'without mysql.user there is nothing');
	like($answer->{last}{message}, qr/command denied to user 'few'/, 'in the words of the server');

	$server->query(q{grant select on mysql.user to few@'%'});
	$answer = $read->();
	is($answer->{rc}, 0, 'with it alone accounts are read') or diag $answer->{out};
	is_deeply([ sort keys %{ warnings_of($answer) } ], [ sort @privileges, @roles, $my ? () : 'type_specific' ], 'and what is missing is named');
	cmp_ok($answer->{last}{round_trips}, '<=', 8, "in at most 8 round trips: $answer->{last}{round_trips}");
	like(warnings_of($answer)->{mysql_database_privileges}, qr/its own privileges only/, 'also what the server hides without a word');
	is(by_account($answer)->{'root2@%'}{type_specific}{super_priv}, 1, 'attributes are there');

	$server->query($my ? q{grant select on mysql.role_edges to few@'%'; grant select on mysql.default_roles to few@'%'}
		: q{grant select on mysql.roles_mapping to few@'%'; grant select on mysql.global_priv to few@'%'});
	$answer = $read->();
	is_deeply([ sort keys %{ warnings_of($answer) } ], \@privileges, 'with roles, only privileges are missing');
	is_deeply(by_account($answer)->{'app@%'}{mysql_granted_roles}{default}, [ 'top' . ($my ? '@%' : '@') ], 'roles are there');

	$server->query(q{grant select on mysql.* to few@'%'});
	is_deeply(warnings_of($read->()), {}, 'with the whole schema nothing is');
	return;
}

# Settings of the server must not change what is read or how.
sub check_hostile_settings
{
	my ($server) = @_;
	my $before = by_account(read_mysql($server, 'accounts'));
	my $databases = $server->query('select count(*) from information_schema.schemata');

	$server->query(q{
		set global init_connect = 'set sql_select_limit = 2, sql_mode = "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT", autocommit = 0, character_set_results = latin1, time_zone = "+08:00"';
		set global sql_select_limit = 3; set global time_zone = '+09:00'; set global lc_messages = 'de_DE';
		set global sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'});
	my $answer = read_mysql($server, 'accounts,databases');
	is($answer->{rc}, 0, 'is read') or diag $answer->{out};
	is_deeply(by_account($answer), $before, 'and nothing is different');
	is(scalar(rows($answer, 'database')), $databases, 'nor cut off');
	return;
}

for my $kind (mysql_servers())
{
	subtest $kind => sub {
		my $server = mysql_server($kind) or plan skip_all => "$kind could not be had";
		diag "$kind is " . $server->query('select version()');
		$server->monitor;
		my $long = populate($server);
		my $answer = read_mysql($server, 'accounts');
		check_answer($server, $answer);
		my $of = by_account($answer);
		subtest names => sub { check_names($server, $of, $long) };
		subtest attributes => sub { check_attributes($server, $of) };
		subtest roles => sub { check_roles($server, $of) };
		subtest privileges => sub { check_privileges($server, $of) };
		subtest 'missing grants' => sub { check_missing_grants($server) };
		subtest 'hostile settings' => sub { check_hostile_settings($server) };
		$server->remove;
	};
}

done_testing();
