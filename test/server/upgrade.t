# Updates: every released version, brought to the present one, must be what a fresh install is.
#
# A released install script lies in sql/released/ and is never edited. The catalogs of both ways are compared
# (catalog.sql): columns, constraints, functions, rights, comments, what is dumped. Every version is updated in
# one go and step by step, and compared after each step. While the present version is itself the released one,
# the frozen script must give what the pieces give.
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
my %updates = map { basename($_) => $_ } glob "$root/build/updates/whalefall--*--*.sql";
ok(scalar(keys %released), 'there is a release to come from');
$released{$present} //= "$root/sql/whalefall--$present.sql";
my @versions = map { join '.', @$_ } sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] || $a->[2] <=> $b->[2] } map { [ split /\./ ] } keys %released;
is($versions[-1], $present, 'the present version is the newest');
is(join(' ', sort keys %updates), join(' ', sort map { "whalefall--$versions[$_ - 1]--$versions[$_].sql" } 1 .. $#versions),
	'there is one update from each version to the next');

# A database with the extension in a version, set up.
sub install
{
	my ($cluster, $name, $version) = @_;

	$cluster->query("create database $name template template0");
	$cluster->query("create extension whalefall version '$version' cascade", database => $name);
	my $setup = $cluster->psql('select whalefall.setup()', database => $name);
	is($setup->{rc}, 0, "version $version is set up") or diag $setup->{stderr};
	return;
}

# Each version as a fresh install, without any update script in reach.
my %expected = ($present => $expected);
{
	my $cluster = cluster_with(map { ("whalefall--$_.sql" => $released{$_}) } @versions);
	for my $i (0 .. $#versions - 1)
	{
		install($cluster, "fresh$i", $versions[$i]);
		$expected{ $versions[$i] } = $cluster->query($catalog, database => "fresh$i");
		like($expected{ $versions[$i] }, qr/^extension\twhalefall\t\Q$versions[$i]\E\t/m, "$versions[$i] is installed");
	}
	$cluster->remove;
}

# A control plane that was in use, as an update script has to respect it, and what must be left of it.
sub use_it
{
	my ($cluster, $name) = @_;

	$cluster->query(q(select whalefall_api.credentials_create('kept', 'database', 'u', 'a secret to keep'), whalefall_api.instances_create('kept', 'pg', 'h', 1)),
		database => $name);
	return;
}

sub check_use
{
	my ($cluster, $name) = @_;

	is($cluster->value('select (whalefall_api.credentials_get(1) -> \'credential\' ->> \'name\') || (whalefall_api.instances_get(1) -> \'instance\' ->> \'name\')',
		database => $name), 'keptkept', 'its rows are kept');
	is($cluster->query('call whalefall.rotate_key()', database => $name), '', 'and its secrets open');
	return;
}

# Brings a database to a version; it must then be what a fresh install of that version is.
sub update_to
{
	my ($cluster, $name, $from, $to) = @_;
	my $updated = $cluster->psql("alter extension whalefall update to '$to'", database => $name);

	is($updated->{rc}, 0, "$from, updated to $to") or diag $updated->{stderr};
	$cluster->query('select whalefall.setup()', database => $name);
	is(difference($expected{$to}, $cluster->query($catalog, database => $name)), '', "is what a fresh $to is");
	return;
}

for my $i (0 .. $#versions)
{
	my $from = $versions[$i];
	my $cluster = cluster_with("whalefall--$from.sql" => $released{$from}, %updates);

	install($cluster, $db, $from);
	use_it($cluster, $db);
	update_to($cluster, $db, $from, $present);
	check_use($cluster, $db);
	$cluster->remove;
	next if $i >= $#versions - 1;

	# Through every version in between, as somebody does who never skips one.
	$cluster = cluster_with("whalefall--$from.sql" => $released{$from}, %updates);
	install($cluster, $db, $from);
	use_it($cluster, $db);
	update_to($cluster, $db, $versions[ $_ - 1 ], $versions[$_]) for $i + 1 .. $#versions;
	check_use($cluster, $db);
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
