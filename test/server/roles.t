# Roles of the cluster: made, adopted, refused; a second database; who may do what.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Cluster;

my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });

# Creates a database and the extension in it; gives what psql said.
sub install
{
	my ($database, $options) = @_;

	$c->query("create database $database template template0 " . ($options // ''));
	return $c->psql('create extension whalefall cascade', database => $database);
}

sub roles
{
	return $c->value(q(select string_agg(rolname, ' ' order by rolname) from pg_roles where rolname like 'whalefall%'));
}

# What is refused ------------------------------------------------------------------------------------------
like(install('latin', q(encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'))->{stderr},
	qr/ERROR:  whalefall needs a database with encoding UTF8\nDETAIL:  This database has encoding LATIN1\.\nHINT/,
	'another encoding is refused');
is(roles(), '', 'a refused install leaves no role');

my %traps = (
	'whalefall_owner superuser' => 'SUPERUSER',
	'whalefall_owner login' => 'LOGIN',
	'whalefall_admin createrole' => 'CREATEROLE',
	'whalefall_viewer createdb' => 'CREATEDB',
	'whalefall_anon bypassrls' => 'BYPASSRLS',
	'whalefall_gateway replication' => 'REPLICATION',
	'whalefall_user noinherit' => 'NOINHERIT',
	'whalefall_authenticator nologin noinherit' => 'NOLOGIN',
	'whalefall_authenticator login inherit' => 'INHERIT',
);
$c->query('create database trap template template0');
for my $trap (sort keys %traps)
{
	my ($role) = split ' ', $trap;

	$c->query("create role $trap");
	my $said = $c->psql('create extension whalefall cascade', database => 'trap')->{stderr};
	like($said, qr/ERROR:  role "$role" exists with other attributes than whalefall needs\nDETAIL:  Unexpected: $traps{$trap}\.\nHINT/,
		"$trap is refused");
	is(roles(), $role, 'and nothing is left behind');
	$c->query("drop role $role");
}

# What is made ---------------------------------------------------------------------------------------------
$c->create_extension;
is(roles(), join(' ', map { "whalefall_$_" } qw(admin anon authenticator gateway owner user viewer)), 'seven roles');
is($c->value(q(select rolpassword is null from pg_authid where rolname = 'whalefall_authenticator')), 't',
	'the authenticator has no password until somebody sets one');

# A second database adopts them, silently.
my $second = install('second');
is($second->{rc}, 0, 'a second database of the cluster') or diag $second->{stderr};
unlike($second->{stderr}, qr/WARNING/, 'without a warning');
is($c->value('select whalefall.setup() ->> \'version\'', database => 'second'),
	$c->value('select setup_version from whalefall.control_plane', database => 'whalefall'), 'setup() there as well');

# Foreign members are told, not refused.
$c->query('create role alice login; create role mallory login; grant whalefall_admin to alice; grant whalefall_owner to mallory');
my $third = install('third');
is($third->{rc}, 0, 'foreign members do not stop the install');
like($third->{stderr}, qr/WARNING:  roles of whalefall have memberships it did not make\nDETAIL:  Memberships: alice in whalefall_admin, mallory in whalefall_owner\.\nHINT/,
	'but are listed');
$c->query('revoke whalefall_owner from mallory');

# Not for everybody.
$c->query('create extension pgcrypto', database => 'trap');
like($c->psql('create extension whalefall', database => 'trap', user => 'alice')->{stderr},
	qr/permission denied to create extension "whalefall"/, 'only a superuser installs');
like($c->psql('select whalefall.setup()', database => 'whalefall', user => 'alice')->{stderr},
	qr/permission denied for schema whalefall/, 'an administrator of the fleet cannot run setup()');

# Who may do what ------------------------------------------------------------------------------------------
open my $script, '<', "$FindBin::Bin/privileges.sql" or die "privileges.sql: $!";
my $sql = do { local $/ = undef; <$script> };
$c->query('drop role mallory; revoke whalefall_admin from alice');
my $found = $c->query($sql, database => 'whalefall') . "\n";
open my $reviewed, '<', "$FindBin::Bin/privileges.tsv" or die "privileges.tsv: $!";
my $expected = do { local $/ = undef; <$reviewed> };
my %found = map { $_ => 1 } split /\n/, $found;
my %expected = map { $_ => 1 } grep { !/^#/ } split /\n/, $expected;
is(join("\n", grep { !$expected{$_} } sort keys %found), '', 'nobody has a right that was not reviewed');
is(join("\n", grep { !$found{$_} } sort keys %expected), '', 'every reviewed right is there');

# The same from outside: nobody but the owner touches the private schema.
$c->query('create role bob login; grant whalefall_viewer to bob; grant whalefall_admin to alice');
for my $user (qw(bob alice))
{
	for my $table (qw(credentials users instances control_plane task_runs))
	{
		like($c->psql("select * from whalefall.$table", database => 'whalefall', user => $user)->{stderr},
			qr/permission denied for schema whalefall/, "$user cannot read whalefall.$table");
	}
}
like($c->psql('select * from whalefall_data.unified_logs', database => 'whalefall', user => 'alice')->{stderr},
	qr/permission denied for schema whalefall_data/, 'history is read through views');
like($c->psql('select * from whalefall_api.logs', database => 'whalefall', user => 'bob')->{stderr},
	qr/permission denied for view logs/, 'a viewer does not read the log');
is($c->psql('select count(*) > 0 from whalefall_api.logs', database => 'whalefall', user => 'alice')->{stdout}, 't',
	'an administrator does');
like($c->psql("select whalefall_api.instances_create('x', 'pg', 'h', 1)", database => 'whalefall', user => 'bob')->{stderr},
	qr/permission denied for function instances_create/, 'a viewer creates nothing');
is($c->psql(q(select whalefall_api.instances_create('x', 'pg', 'h', 1) -> 'instance' ->> 'name'), database => 'whalefall', user => 'alice')->{stdout},
	'x', 'an administrator does');
is($c->psql(q(select context ->> 'current_username', context ->> 'current_user_role' from whalefall_api.logs where module = 'instances'),
	database => 'whalefall', user => 'alice')->{stdout}, 'alice|admin', 'and the log names the person, not the owner');
is($c->psql(q(set role whalefall_admin; select whalefall_api.instances_create('y', 'pg', 'h', 1) -> 'instance' ->> 'name';
	select context ->> 'current_username' from whalefall_api.logs where context ->> 'instance_name' = 'y'),
	database => 'whalefall')->{stdout}, "y\nwhalefall_admin", 'SET ROLE counts');

done_testing;
