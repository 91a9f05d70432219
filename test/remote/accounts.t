# Reading accounts of PostgreSQL 13 to 18: names of every kind, attributes, memberships and their
# options, effective privileges, and what happens when parts of the catalog are closed.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Encode qw(encode_utf8 decode_utf8);
use Test::More;
use Whalefall::Remote;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

# Names that break careless code; 63 bytes is the longest there is.
my $long = '鲸' x 20 . 'abc';
my @names = (
	'鲸落', 'emoji 🐳', 'Quoted "Name"', "it's", $long, '$$; drop role mon; --', 'a,b=c{}', 'back\\slash',
	"tab\there", "line\nfeed", ' blank ', '%s%n', 'pgbouncer', '{"json":1}');

# SQL text of an identifier.
sub ident { my ($name) = @_; $name =~ s/"/""/g; return qq{"$name"}; }

# Creates what the tests look for.
sub populate
{
	my ($server, $version) = @_;
	my $sql = join '', map { 'create role ' . ident($_) . ' login;' } @names;

	$sql .= q{
		create role attributes superuser createrole createdb replication bypassrls noinherit login
			connection limit 7 valid until '2026-01-01 08:00:00+08';
		create role plain;
		create role forever login valid until 'infinity';
		create role micro login valid until '2031-02-03 04:05:06.789+00';
		create role never login valid until '-infinity';
		create role ancient login valid until '0044-03-15 00:00:00+00 BC';
		create role top; create role middle; create role low; create role leaf login;
		grant top to middle; grant middle to low; grant low to leaf with admin option;
		create role under_super login; grant postgres to under_super;
		create role owner_role; grant owner_role to leaf;
		create role monitor_member login; grant pg_monitor to monitor_member;};
	$sql .= q{
		create role optioned login;
		grant plain to optioned with admin true, inherit false, set true;
		create role silent login;
		grant plain to silent with inherit false, set false;} if $version >= 16;
	$server->query(encode_utf8($sql));
	$server->query($_) for 'create database appdb owner owner_role', 'create database closed',
	  encode_utf8('create database "库存 ""x"""'), 'create database unconnectable',
	  q{update pg_database set datallowconn = false where datname = 'unconnectable'},
	  'revoke all on database closed from public', 'revoke temp on database appdb from public',
	  'grant create on database closed to plain', 'grant connect on database closed to top';
	# An absolute path the server can write: its own folder.
	mkdir $server->dir . '/space';
	if ($< == 0)
	{
		my (undef, undef, $uid, $gid) = getpwnam(Whalefall::Servers::user());
		chown $uid, $gid, $server->dir . '/space';
	}
	$server->query(q{create tablespace fast location '} . $server->dir . q{/space'});
	$server->query('grant create on tablespace fast to top');
	return;
}

sub test_version
{
	my ($which) = @_;
	my $server = remote_server($which);

	if (!$server)
	{
		# Not having a server is a failure of the test bed, and is told.
		plan skip_all => "PostgreSQL $which could not be had";
		return;
	}
	my $version = $server->value('show server_version_num') / 10000;
	populate($server, $version);

	for my $user ([ 'postgres', 'Super-1' ], [ 'mon', 'Mon-1' ])
	{
		my $answer = read_server($server, 'accounts', user => $user->[0], password => $user->[1]);
		subtest "as $user->[0]" => sub { check_accounts($server, $version, $answer) };
	}
	return $server;
}

sub check_accounts
{
	my ($server, $version, $answer) = @_;
	my $of = categories($answer);

	is($answer->{rc}, 0, 'exit status 0') or diag $answer->{out}, $answer->{err};
	is($answer->{err}, '', 'nothing on standard error');
	is($answer->{last}{type}, 'done', 'read to the end');
	is($answer->{last}{round_trips}, 1, 'in one round trip');
	is($answer->{last}{rows}, scalar(grep { $_->{dataset} } @{ $answer->{lines} }), 'all rows are counted');
	is($answer->{lines}[0]{type}, 'version', 'the version comes first');
	is($answer->{lines}[0]{banner}, $server->value('select version()'), 'its banner');
	is($answer->{lines}[0]{number}, $server->value('show server_version_num'), 'its number');
	is_deeply([ grep { ($_->{type} // '') eq 'warning' } @{ $answer->{lines} } ], [], 'without warnings');

	my %expected = map { $_->[0] => $_->[1] } $server->rows('select oid, rolname from pg_roles');
	is_deeply({ map { $_->{key} => $_->{username} } rows($answer, 'account') },
		{ map { $_ => decode_utf8($expected{$_}) } keys %expected }, 'every role, keyed by its oid');
	ok(exists $of->{$_}, "role $_") for @names;

	my %attributes = (can_super => 0, can_create_role => 0, can_create_db => 0, can_replicate => 0,
		can_bypass_rls => 0, can_inherit => 1, can_login => 0, connection_limit => -1);
	is_deeply($of->{plain}{postgresql_role_attributes}, \%attributes, 'attributes of a plain role');
	is_deeply($of->{attributes}{postgresql_role_attributes},
		{ map({ $_ => 1 } grep { /^can/ } keys %attributes), can_inherit => 0, connection_limit => 7 },
		'attributes of a role that has them all');
	is_deeply({ map { $_ => $of->{$_}{type_specific} } qw(attributes forever never plain micro ancient) },
		{ attributes => { valid_until => '2026-01-01T00:00:00+00:00' }, forever => undef, never => undef, plain => undef,
			micro => { valid_until => '2031-02-03T04:05:06.789000+00:00' },
			ancient => { valid_until => '0001-01-01T00:00:00+00:00' } },
		'end of validity: UTC, absent when there is none or it is infinite');

	check_memberships($version, $of);
	check_privileges($answer, $of);
	return;
}

sub check_memberships
{
	my ($version, $of) = @_;
	my @inherited = $version >= 16 ? qw(INHERIT SET) : ();

	is_deeply($of->{leaf}{postgresql_predefined_roles}, [qw(low owner_role)], 'direct parents only');
	is_deeply($of->{leaf}{"extra.effective_roles"}, [qw(low middle owner_role top)], "all parents, each once");
	is_deeply($of->{top}{'extra.effective_roles'}, undef, 'a role is not its own parent');
	is_deeply($of->{monitor_member}{postgresql_predefined_roles}, ['pg_monitor'], 'member of a predefined role');
	is_deeply($of->{monitor_member}{'extra.effective_roles'},
		[qw(pg_monitor pg_read_all_settings pg_read_all_stats pg_stat_scan_tables)], 'and of those behind it');
	is_deeply($of->{leaf}{postgresql_role_membership_options},
		{ low => [ 'ADMIN', @inherited ], @inherited ? (owner_role => \@inherited) : () }, 'options of a membership');
	if ($version >= 16)
	{
		is_deeply($of->{optioned}{postgresql_role_membership_options}, { plain => [qw(ADMIN SET)] }, 'admin and set');
		is_deeply($of->{silent}{postgresql_role_membership_options}, undef, 'no option at all');
		is_deeply($of->{silent}{postgresql_predefined_roles}, ['plain'], 'is a membership still');
	}
	return;
}

sub check_privileges
{
	my ($answer, $of) = @_;
	my $of_role = sub { $of->{ $_[0] }{postgresql_database_privileges} };

	is_deeply($of_role->('plain'), {
			appdb => ['CONNECT'], closed => ['CREATE'], postgres => [qw(CONNECT TEMP)], template1 => ['CONNECT'],
			'库存 "x"' => [qw(CONNECT TEMP)] }, 'database privileges, those of PUBLIC included');
	is_deeply($of_role->('leaf')->{appdb}, [qw(CONNECT CREATE TEMP)], 'by membership in the owner');
	is_deeply($of_role->('leaf')->{closed}, ['CONNECT'], 'by membership three steps away');
	is_deeply($of_role->('attributes')->{closed}, [qw(CONNECT CREATE TEMP)], 'a superuser has them all');
	ok(!exists $of_role->('postgres')->{unconnectable}, 'a database that takes no connections is left out');

	my %public;
	push @{ $public{ $_->{category} }{ $_->{object} } }, $_->{name} for rows($answer, 'public');
	is_deeply(\%public, { postgresql_database_privileges => {
				appdb => ['CONNECT'], postgres => [qw(CONNECT TEMP)], template1 => ['CONNECT'],
				'库存 "x"' => [qw(CONNECT TEMP)] } }, 'what PUBLIC holds');
	is_deeply([ rows($answer, 'meta') ], [], 'privileges are effective ones');

	is_deeply($of->{$_}{postgresql_tablespace_privileges}, { fast => ['CREATE'] }, "tablespace privilege of $_")
	  for qw(top middle low leaf);
	is_deeply($of->{under_super}{postgresql_tablespace_privileges}, { fast => ['CREATE'], pg_default => ['CREATE'] },
		'by membership in a superuser');
	is_deeply($of->{$_}{postgresql_tablespace_privileges}, undef, "none for $_") for qw(plain attributes postgres);
	return;
}

subtest "PostgreSQL $_" => \&test_version, $_ for 13, 'local', 18;

# What a catalog without rights does: the role list is all, a part is a part.
subtest 'revoked catalog access' => sub {
	my $server = remote_server('local');
	my $read = sub { read_server($server, 'accounts', user => 'mon', password => 'Mon-1') };
	my $warnings = sub {
		return { map { $_->{category} => $_->{sqlstate} } grep { ($_->{type} // '') eq 'warning' } @{ $_[0]{lines} } };
	};
	my %denied = (
		pg_auth_members => [qw(postgresql_predefined_roles postgresql_role_membership_options extra.effective_roles
			postgresql_tablespace_privileges)],
		pg_database => ['postgresql_database_privileges'],
		pg_tablespace => ['postgresql_tablespace_privileges']);

	for my $catalog (sort keys %denied)
	{
		$server->query("revoke select on $catalog from public");
		my $answer = $read->();
		is($answer->{rc}, 0, "without $catalog the rest is read");
		is_deeply($warnings->($answer), { map { $_ => '42501' } @{ $denied{$catalog} } }, 'and the part is named');
		my %categories = map { $_->{category} => 1 } grep { $_->{category} && $_->{dataset} } @{ $answer->{lines} };
		ok(!exists $categories{$_}, "no rows of $_") for @{ $denied{$catalog} };
		ok(exists $categories{postgresql_role_attributes}, 'but those of the others');
		$server->query("grant select on $catalog to public");
	}

	$server->query('revoke select on pg_roles from public');
	my $answer = $read->();
	is($answer->{rc}, 1, 'without pg_roles there is nothing');
	my ($type, $phase, $state, $message) = @{ $answer->{last} }{qw(error_type phase sqlstate message)};
	is_deeply([ $type, $phase, $state ], [ 'other', 'reading', '42501' ], 'and the error says why');
	is($message, 'permission denied for view pg_roles', 'in the words of the server');
};

# Settings of the role must not change what is read or how.
subtest 'a hostile session' => sub {
	my $server = remote_server('local');

	$server->query(q{
		create schema trap; grant usage on schema trap to public;
		create view trap.pg_roles as select 1 as oid, 'trapped'::name as rolname;
		create function trap.has_database_privilege(oid, oid, text) returns bool language sql as 'select true';
		alter role mon set search_path = trap, pg_catalog;
		alter role mon set datestyle = 'German, DMY';
		alter role mon set timezone = 'Asia/Shanghai';
		alter role mon set statement_timeout = '30ms'; -- less, and a busy machine cannot even say that it is too little
		alter role mon set client_min_messages = 'debug5';
		alter role mon set client_encoding = 'GBK';
		alter role mon set bytea_output = 'escape';
		alter role mon set lock_timeout = '1ms';
		create role dated valid until '2026-01-01 08:00:00+08'});
	my $answer = read_server($server, 'accounts,version', user => 'mon', password => 'Mon-1');
	my $of = categories($answer);

	is($answer->{rc}, 0, 'is read') or diag $answer->{out};
	ok(!exists $of->{trapped} && exists $of->{mon}, 'from the catalog');
	is($of->{dated}{type_specific}{valid_until}, '2026-01-01T00:00:00+00:00', 'with the same dates');
	is($answer->{err}, '', 'and nothing is printed');
};

done_testing();
