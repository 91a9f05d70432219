# Updates: every released version, brought to the present one, must be what a fresh install is.
#
# A released install script lies in sql/released/ and is never edited. The catalogs of both ways are compared
# (catalog.sql): columns, constraints, functions, rights, comments, what is dumped. While the present version is
# itself the released one, the frozen script must give what the pieces give.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Basename qw(basename);
use File::Copy qw(copy);
use Test::More;
use Whalefall::Cluster;

my $root = "$FindBin::Bin/../..";
my $db = 'whalefall';
open my $control, '<', "$root/whalefall.control" or die "whalefall.control: $!";
my ($present) = map { /^default_version = '(.*)'/ ? $1 : () } <$control>;
open my $script, '<', "$FindBin::Bin/catalog.sql" or die "catalog.sql: $!";
my $catalog = do { local $/ = undef; <$script> };

# The tree of the checkout, with other scripts: linked, so that it costs nothing, and replaced, not written to.
my $fresh = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });
my $prefix = Whalefall::Tree::dir();
my $bin = substr $fresh->{bindir}, length $prefix;
my $tree = $fresh->dir . '/tree';
system("cp -al '$prefix' '$tree' 2>/dev/null || { rm -rf '$tree'; cp -a '$prefix' '$tree'; }") == 0 or die 'cp failed';
my ($extensions) = split /\n/, `find '$tree' -name whalefall.control -printf '%h\n'`;

# A cluster of that tree that knows these scripts: name of the script => file.
sub cluster_with
{
	my (%scripts) = @_;

	unlink glob "$extensions/whalefall--*.sql";
	for my $name (keys %scripts)
	{
		copy($scripts{$name}, "$extensions/$name") or die "$scripts{$name}: $!";
		chmod 0644, "$extensions/$name";
	}
	my $cluster = Whalefall::Cluster->new(bindir => "$tree$bin", env => { WHALEFALL_TESTING => 1 }, start => 0);
	$cluster->configure(shared_preload_libraries => 'whalefall',
		'whalefall.key_file' => $cluster->dir . '/secrets/whalefall.key',
		'whalefall.jwt_file' => $cluster->dir . '/secrets/whalefall.jwt');
	return $cluster->start;
}

sub difference
{
	my ($left, $right) = @_;
	my %left = map { $_ => 1 } split /\n/, $left;
	my %right = map { $_ => 1 } split /\n/, $right;

	return join "\n", (map { "- $_" } grep { !$right{$_} } sort keys %left), (map { "+ $_" } grep { !$left{$_} } sort keys %right);
}

$fresh->create_extension;
my $expected = $fresh->query($catalog, database => $db);
cmp_ok(scalar(split /\n/, $expected), '>', 300, 'the catalog has something to compare');
like($expected, qr/^extension\twhalefall\t\Q$present\E\tpg_catalog/m, 'of the present version');
like($expected, qr/^config\twhalefall\.credentials\t/m, 'with what is dumped');
like($expected, qr/^function\twhalefall\.setup\(boolean,text\)\tf\t/m, 'with functions');
like($expected, qr/^column\twhalefall\.instances\t1\tid\tbigint\tt\ta\t/m, 'with columns');
like($expected, qr/^view\twhalefall_api\.logs\t/m, 'and with what setup() makes');

# The comparison sees a difference in each of these.
for my $change ('alter table whalefall.instances add column planted int', 'comment on table whalefall.users is null',
	'grant execute on function whalefall.setup(boolean, text) to whalefall_viewer', 'drop index whalefall.instances_credential_id_idx',
	'alter function whalefall.setup(boolean, text) reset search_path', 'revoke select on whalefall_api.logs from whalefall_admin',
	'alter table whalefall.users drop constraint users_role_check', 'alter table whalefall.seeds owner to postgres',
	q(update pg_extension set extconfig = extconfig[2:], extcondition = extcondition[2:] where extname = 'whalefall'))
{
	isnt(difference($expected, $fresh->query("begin;\n$change;\n$catalog\nrollback;", database => $db)), '', "seen: $change");
}

# Updating -------------------------------------------------------------------------------------------------
my %released = map { basename($_) =~ /^whalefall--(.+)\.sql$/ ? ($1 => $_) : () } glob "$root/sql/released/whalefall--*.sql";
my %updates = map { basename($_) => $_ } glob "$root/sql/updates/whalefall--*--*.sql";
ok(scalar(keys %released), 'there is a release to come from');
$released{$present} //= "$root/sql/whalefall--$present.sql";

for my $from (sort keys %released)
{
	my $cluster = cluster_with("whalefall--$from.sql" => $released{$from}, %updates);

	$cluster->query("create database $db template template0");
	$cluster->query("create extension whalefall version '$from' cascade", database => $db);
	# A control plane that was in use: what an update script would have to respect.
	my $setup = $cluster->psql('select whalefall.setup()', database => $db);
	is($setup->{rc}, 0, "version $from is set up") or diag $setup->{stderr};
	$cluster->query(q(select whalefall_api.credentials_create('kept', 'database', 'u', 'a secret to keep'), whalefall_api.instances_create('kept', 'pg', 'h', 1)),
		database => $db);
	my $updated = $cluster->psql("alter extension whalefall update to '$present'", database => $db);
	is($updated->{rc}, 0, "and updated to $present") or diag $updated->{stderr};
	$cluster->query('select whalefall.setup()', database => $db);
	is(difference($expected, $cluster->query($catalog, database => $db)), '', "$from, updated, is what a fresh $present is");
	is($cluster->value('select (whalefall_api.credentials_get(1) -> \'credential\' ->> \'name\') || (whalefall_api.instances_get(1) -> \'instance\' ->> \'name\')',
		database => $db), 'keptkept', 'its rows are kept');
	is($cluster->query('call whalefall.rotate_key()', database => $db), '', 'and its secrets open');
	$cluster->remove;
}

# A library that is newer or older than the objects: setup() has to run first.
$fresh->query('update whalefall.control_plane set setup_version = setup_version - 1', database => $db);
like($fresh->psql("select whalefall_api.instances_create('x', 'pg', 'h', 1)", database => $db)->{stderr},
	qr/ERROR:  whalefall is not set up\nDETAIL:  whalefall\.setup\(\) has not run since the extension was updated\.\nHINT:  Run SELECT whalefall\.setup\(\)/,
	'after an update that brings a new step, setup() is asked for');
is($fresh->value(q(select jsonb_array_length(whalefall.setup() -> 'steps')), database => $db), '1', 'it takes the step that is missing');
is($fresh->value('select setup_version = (select max(step) from whalefall.setup_history) from whalefall.control_plane', database => $db), 't', 'and remembers');
$fresh->query('update whalefall.control_plane set setup_version = setup_version + 1', database => $db);
like($fresh->psql("select whalefall_api.instances_create('x', 'pg', 'h', 1)", database => $db)->{stderr},
	qr/DETAIL:  This database was set up by a newer release than the loaded library\./, 'an older library refuses');

done_testing;
