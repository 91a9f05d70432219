# Dumps and copies: pg_dump into an empty cluster, pg_dumpall, a copy that must not work, dropping the
# extension and what becomes of its history.
# slow
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Cluster;

my $db = 'whalefall';
my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });
my $secrets = $c->dir . '/secrets';
my $dir = $c->dir;

# Runs a client program of the cluster; gives exit status and what it said.
sub client
{
	my ($cluster, $database, @command) = @_;
	local %ENV = (%ENV, $cluster->connection_env($database));
	my $program = shift @command;
	my $said = '';

	IPC::Run::run([ "$c->{bindir}/$program", @command ], '<', \undef, '>&', \$said, IPC::Run::timeout(120));
	return ($? >> 8, $said);
}

# A cluster with the key files of the first one, as a move to another machine would bring.
sub other_cluster
{
	my ($with_keys) = @_;
	my $other = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });

	if ($with_keys)
	{
		system('cp', '-p', "$secrets/whalefall.key", "$secrets/whalefall.jwt", $other->dir . '/secrets/') == 0
		  or die 'cp failed';
	}
	return $other;
}

# What must be the same in the original and in its copy.
my $contents = <<'SQL';
select 'credentials', md5(string_agg(c::text, '|' order by id)) from whalefall.credentials c;
select 'instances', md5(string_agg(i::text, '|' order by id)) from whalefall.instances i;
select 'users', md5(string_agg(u::text, '|' order by id)) from whalefall.users u;
select 'filters', md5(string_agg(f::text, '|' order by f::text collate "C")) from whalefall.account_filters f;
select 'seeds', string_agg(name || version, ' ' order by name) from whalefall.seeds;
select 'log', count(*), md5(string_agg(l::text, '|' order by id)) from whalefall_data.unified_logs l;
select 'sizes', count(*), sum(size_mb) from whalefall_data.database_size_stats;
select 'sequence', s.seqrelid::regclass, pg_sequence_last_value(s.seqrelid) from pg_sequence s
	join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
	where n.nspname like 'whalefall%' order by s.seqrelid::regclass::text collate "C";
select 'partition', c.relname, pg_get_expr(c.relpartbound, c.oid), pg_get_userbyid(c.relowner) from pg_class c
	where c.relispartition and c.relkind = 'r' order by c.relname collate "C";
select 'index', i.indexrelid::regclass, i.indisvalid, h.inhparent::regclass from pg_index i
	join pg_class c on c.oid = i.indrelid left join pg_inherits h on h.inhrelid = i.indexrelid
	where c.relnamespace = 'whalefall_data'::regnamespace order by i.indexrelid::regclass::text collate "C";
SQL
open my $script, '<', "$FindBin::Bin/catalog.sql" or die "catalog.sql: $!";
my $catalog = do { local $/ = undef; <$script> };

sub difference
{
	my ($left, $right) = @_;
	my %left = map { $_ => 1 } split /\n/, $left;
	my %right = map { $_ => 1 } split /\n/, $right;

	return join "\n", (map { "- $_" } grep { !$right{$_} } sort keys %left), (map { "+ $_" } grep { !$left{$_} } sort keys %right);
}

# A control plane with something in it: edited and deleted seeds, a secret, an instance, history.
$c->create_extension;
$c->query(<<'SQL', database => $db);
select whalefall_api.credentials_create('monitor', 'database', 'mon', 'correct horse battery');
select whalefall_api.instances_create('生产-1', 'postgresql', '127.0.0.1', 5432, credential_id => 1);
select whalefall_api.instances_create('old', 'postgresql', '127.0.0.1', 5433);
select whalefall_api.instances_delete(2);
delete from whalefall.account_filters where pattern = 'HR';
insert into whalefall.account_filters values ('oracle', 'exact', 'MINE');
insert into whalefall_data.database_size_stats (instance_id, database_name, collected_date, size_mb, collected_at)
	select 1, 'app', current_date, 17, now();
SQL
my $before = $c->query($contents, database => $db);
my $objects = $c->query($catalog, database => $db);
is($c->value('select count(*) > 3 from whalefall_data.unified_logs', database => $db), 't', 'there is history to keep');
is($c->value(q(select count(*) from whalefall_data.unified_logs where context::text like '%horse%'), database => $db), '0',
	'without the secret');

# pg_dump into an empty cluster ----------------------------------------------------------------------------
my ($rc, $said) = client($c, $db, 'pg_dump', '-Fc', '-f', "$dir/db.dump", $db);
is($rc . $said, '0', 'pg_dump has nothing to say');
($rc, $said) = client($c, $db, 'pg_dump', '-f', "$dir/db.sql", $db);
is($rc . $said, '0', 'nor in plain form');
open my $plain, '<', "$dir/db.sql" or die $!;
my $text = do { local $/ = undef; <$plain> };
unlike($text, qr/^CREATE TABLE whalefall\.|^CREATE FUNCTION/m, 'members are not dumped, the extension is');
is(join('|', $text =~ /^((?:GRANT|REVOKE) .*(?:FUNCTION|PROCEDURE|SCHEMA|TABLE whalefall\.).*)$/mg), '',
	'rights of members are those of the install script: none is dumped');

# Not with parallel jobs: pg_dump writes no order between the data of an extension's tables into its archive, so
# jobs may load a table before the one it refers to.
for my $how ([ 'in many transactions' ], [ 'in one transaction', '--single-transaction' ])
{
	my ($name, @options) = @$how;
	my $copy = other_cluster(1);

	$copy->query("create database $db template template0");
	($rc, $said) = client($copy, $db, 'pg_restore', @options, '-d', $db, "$dir/db.dump");
	is($rc . $said, '0', "pg_restore $name: no error, no warning");
	is(difference($before, $copy->query($contents, database => $db)), '', 'rows, sequences, partitions, indexes are the same');
	is(difference($objects, $copy->query($catalog, database => $db)), '', 'and the catalog');
	if (!@options)
	{
		# The copy knows the whole fleet, so it must not work until somebody says so.
		my $refused = $copy->psql("select whalefall_api.instances_create('z', 'pg', 'h', 1)", database => $db);
		like($refused->{stderr}, qr/ERROR:  this database is a copy of another control plane\nDETAIL:  .*\nHINT:  .*take_over => true/,
			'a restored copy refuses work');
		like($copy->psql("\\set VERBOSITY verbose\nselect whalefall_api.credentials_delete(1)", database => $db)->{stderr}, qr/PT409/,
			'with its SQLSTATE');
		is($copy->value(q(select whalefall_api.instances_list() ->> 'total'), database => $db), '1', 'but it can be read');
		like($copy->psql('select whalefall.setup()', database => $db)->{stderr}, qr/ERROR:  this database is a copy.*take_over/s,
			'setup() does not take over by itself');
		is($copy->value(q(select whalefall.setup(take_over => true) -> 'steps'), database => $db), '["taken over"]', 'told to, it does');
		is($copy->value(q(select whalefall_api.instances_create('z', 'pg', 'h', 1) -> 'instance' ->> 'id'), database => $db), '3',
			'then the copy works, and ids go on');
		is($copy->query('call whalefall.rotate_key()', database => $db), '', 'and its secrets open with the key it brought');
		is($copy->value(q(select count(*) from whalefall.account_filters where pattern in ('HR', 'MINE')), database => $db), '1',
			'edits of the seeds are kept');
	}
	$copy->remove;
}

# Without the key file a copy cannot be taken over by making a new key.
my $bare = other_cluster(0);
$bare->query("create database $db template template0");
client($bare, $db, 'pg_restore', '-d', $db, "$dir/db.dump");
like($bare->psql('select whalefall.setup(take_over => true)', database => $db)->{stderr},
	qr/ERROR:  credential is not usable\nDETAIL:  The key file "[^"]*whalefall\.key" does not exist, but 1 stored passwords were sealed with it\.\nHINT:  Copy the key file/,
	'no new key while secrets need the old one');
ok(!-e $bare->dir . '/secrets/whalefall.key', 'and none was made');
$bare->query('update whalefall.credentials set secret = null', database => $db);
is($bare->value(q(select whalefall.setup(take_over => true) -> 'steps' ->> 0), database => $db), 'taken over', 'the hint helps');
$bare->remove;

# A copy inside the same cluster is a copy too.
$c->configure('whalefall.database' => 'nobody')->restart;
$c->query('create database twin template whalefall');
like($c->psql('select whalefall_api.instances_delete(1)', database => 'twin')->{stderr}, qr/copy of another control plane/,
	'CREATE DATABASE ... TEMPLATE makes a copy as well');
$c->query('alter database twin rename to zwilling; drop database zwilling; alter database whalefall rename to renamed');
is($c->value(q(select whalefall_api.instances_delete(2) ->> 'instance_id'), database => 'renamed'), '2', 'a renamed database is no copy');
$c->query('alter database renamed rename to whalefall');
$c->configure('whalefall.database' => $db)->restart;

# pg_dumpall into an empty cluster -------------------------------------------------------------------------
$c->query(q(create role alice login; grant whalefall_admin to alice; alter role whalefall_authenticator password 'x'));
($rc, $said) = client($c, $db, 'pg_dumpall', '-f', "$dir/all.sql");
is($rc . $said, '0', 'pg_dumpall');
my $whole = other_cluster(1);
($rc, $said) = client($whole, 'postgres', 'psql', '-Xq', '-o', '/dev/null', '-f', "$dir/all.sql");
$said =~ s/^.*role "postgres" already exists\n//mg;
unlike($said, qr/ERROR|FATAL/, 'restored without an error');
like($said, qr/WARNING:  roles of whalefall have memberships it did not make\n.*alice in whalefall_admin/, 'people with a role are listed');
is(difference($c->query($contents, database => $db), $whole->query($contents, database => $db)), '',
	'rows, sequences, partitions, indexes are the same');
is($whole->value(q(select string_agg(rolname, ' ' order by rolname) from pg_roles where pg_has_role('alice', oid, 'usage') and rolname like 'whalefall%')),
	'whalefall_admin whalefall_anon whalefall_user whalefall_viewer', 'and keep it');
$whole->remove;

# Dropping the extension -----------------------------------------------------------------------------------
my $kept = $c->value('select count(*) from whalefall_data.unified_logs', database => $db);
like($c->psql('drop extension whalefall', database => $db)->{stderr},
	qr/ERROR:  cannot drop extension whalefall because other objects depend on it\nDETAIL:  view whalefall_api\./,
	'a plain DROP EXTENSION is refused: views of the history depend on it');
$c->query('set client_min_messages = error; drop extension whalefall cascade', database => $db);
is($c->value('select count(*) from whalefall_data.unified_logs', database => $db), $kept, 'with CASCADE the history stays');
is($c->value(q(select count(*) from pg_namespace where nspname in ('whalefall', 'whalefall_api')), database => $db), '0', 'the rest is gone');

# Creating it again asks what to do with the history.
$c->query('create extension whalefall', database => $db);
like($c->psql('select whalefall.setup()', database => $db)->{stderr},
	qr/ERROR:  conflicting state\nDETAIL:  Schema whalefall_data holds history.*\nHINT:  .*'archive'.*'adopt'/, 'setup() asks');
like($c->psql(q(select whalefall.setup(history => 'forget')), database => $db)->{stderr}, qr/must be 'archive' or 'adopt'/, 'other words are refused');
is($c->value('select count(*) from whalefall.control_plane', database => $db), '0', 'a refused setup() leaves nothing');
is($c->value(q(select whalefall.setup(history => 'adopt') -> 'steps' ->> 0), database => $db), 'history adopted', 'adopted');
is($c->value('select count(*) from whalefall_data.unified_logs', database => $db), $kept + 1, 'the log goes on');
is($c->value('select count(*) from whalefall_api.logs', database => $db), $kept + 1, 'and is read through the new view');
is($c->value('select count(distinct id) = count(*) from whalefall_data.unified_logs', database => $db), 't', 'no id twice');
cmp_ok($c->value(q(select whalefall_api.instances_create('new', 'pg', 'h', 1) -> 'instance' ->> 'id'), database => $db), '>', 1,
	'a new instance does not get the id of one that has history');
is($c->value(q(select whalefall.setup() -> 'steps'), database => $db), '[]', 'after that setup() is a no-op');

# Archived instead.
$c->query('set client_min_messages = error; drop extension whalefall cascade; create extension whalefall', database => $db);
like($c->value(q(select whalefall.setup(history => 'archive') -> 'steps' ->> 0), database => $db),
	qr/^history archived as whalefall_data_archive_\d{14}$/, 'archived');
my $archive = $c->value(q(select nspname from pg_namespace where nspname like 'whalefall\_data\_archive%'), database => $db);
is($c->value("select count(*) from $archive.unified_logs", database => $db), $kept + 3, 'the archive has all of it');
is($c->value('select count(*) from whalefall_api.logs', database => $db), '1', 'the new log begins anew');
is($c->value(q(select whalefall_api.instances_create('new', 'pg', 'h', 1) -> 'instance' ->> 'id'), database => $db), '1', 'and so do the ids');

# A schema of that name that is somebody else's.
$c->query('create role eve; create database foreign_schema template template0');
$c->query('create schema whalefall_data authorization eve; create extension whalefall cascade', database => 'foreign_schema');
like($c->psql('select whalefall.setup()', database => 'foreign_schema')->{stderr},
	qr/ERROR:  schema "whalefall_data" belongs to somebody else\nDETAIL:  Its owner is "eve"\.\nHINT/, 'a foreign schema is refused');
like($c->psql('create schema whalefall; create extension whalefall cascade', database => 'postgres')->{stderr},
	qr/ERROR:  schema "whalefall" already exists/, 'a planted schema is not adopted');

done_testing;
