# Checks every object of the extension in the live catalog: search_path, comments, owners, rights of
# PUBLIC. Then plants one bad object per rule and sees it found, so no rule is blind.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Cluster;

my $NAMESPACES = "n.nspname in ('whalefall', 'whalefall_api', 'whalefall_http', 'whalefall_data')";
my $FUNCTION = "p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
	join pg_language l on l.oid = p.prolang where $NAMESPACES";
my $RELATION = "c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace where $NAMESPACES";

# Rule, what it means, query for the objects that break it, a bad object for the proof.
my @rules = (
	[ search_path => 'C and SECURITY DEFINER functions pin search_path',
		"select $FUNCTION and (p.prosecdef or l.lanname = 'c')
		and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false)",
		'create function whalefall.planted() returns int language sql security definer begin atomic select 1; end' ],
	[ language => 'functions are C or SQL', "select $FUNCTION and l.lanname not in ('c', 'sql', 'internal')",
		'create function whalefall.planted() returns int language plpgsql as $$ begin return 1; end $$' ],
	[ atomic => 'SQL functions are BEGIN ATOMIC', "select $FUNCTION and l.lanname = 'sql' and p.prosqlbody is null",
		q(create function whalefall.planted() returns int language sql as 'select 1') ],
	[ function_comment => 'functions have a comment',
		"select $FUNCTION and obj_description(p.oid, 'pg_proc') is null",
		'create function whalefall.planted() returns int language sql begin atomic select 1; end' ],
	[ public_execute => 'PUBLIC executes nothing',
		"select $FUNCTION and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
		where a.grantee = 0)",
		'create function whalefall.planted() returns int language sql begin atomic select 1; end' ],
	[ public_relation => 'PUBLIC has no right on a table, view or sequence',
		"select $RELATION and exists (select from aclexplode(c.relacl) a where a.grantee = 0)",
		'create table whalefall.planted(a int); grant select on whalefall.planted to public' ],
	[ public_schema => 'PUBLIC cannot create in a schema',
		"select n.nspname from pg_namespace n where $NAMESPACES
		and exists (select from aclexplode(n.nspacl) a where a.grantee = 0 and a.privilege_type = 'CREATE')",
		'grant create on schema whalefall to public' ],
	[ owner => 'everything belongs to whalefall_owner',
		"select $FUNCTION and pg_get_userbyid(p.proowner) <> 'whalefall_owner'
		union all select $RELATION and c.relkind in ('r', 'p', 'v', 'm', 'S') and pg_get_userbyid(c.relowner) <> 'whalefall_owner'
		union all select n.nspname from pg_namespace n where $NAMESPACES and pg_get_userbyid(n.nspowner) <> 'whalefall_owner'",
		'create table whalefall.planted(a int)' ],
	[ relation_comment => 'tables and views have a comment',
		"select $RELATION and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
		and obj_description(c.oid, 'pg_class') is null",
		'create view whalefall_api.planted as select 1 as a' ],
	[ column_comment => 'columns of the read model have a comment',
		"select c.oid::regclass::text || '.' || a.attname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		where n.nspname = 'whalefall_api' and c.relkind in ('r', 'v', 'm') and col_description(c.oid, a.attnum) is null",
		'create view whalefall_api.planted as select 1 as a' ],
	[ schema_comment => 'schemas have a comment',
		"select n.nspname from pg_namespace n where $NAMESPACES and obj_description(n.oid, 'pg_namespace') is null",
		'comment on schema whalefall is null' ],
	[ dump => 'rows of ordinary tables are dumped',
		"select $RELATION and c.relkind = 'r' and n.nspname <> 'whalefall_data'
		and exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
		and not exists (select from pg_extension e where e.extname = 'whalefall' and c.oid = any (e.extconfig))",
		'create table whalefall.planted(a int); alter extension whalefall add table whalefall.planted' ],
);

# What was reviewed and may break a rule, with the reason.
sub reviewed
{
	my %list;

	open my $in, '<', "$FindBin::Bin/reviewed.tsv" or die "reviewed.tsv: $!";
	while (<$in>)
	{
		chomp;
		$list{$1}{$2} = $3 if /^(\w+)\t([^\t]+)\t(.+)/;
	}
	return \%list;
}

my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });
$c->create_extension;
my $list = reviewed();
my %used;
for my $rule (@rules)
{
	my ($name, $text, $sql, $planted) = @$rule;
	my @bad;

	for my $object (split /\n/, $c->query($sql, database => 'whalefall'))
	{
		(my $short = $object) =~ s/\(.*//;
		my ($match) = grep { exists $list->{$name}{$_} } $object, $short;
		if (defined $match) { $used{"$name $match"} = 1 }
		else { push @bad, $object }
	}
	is(join("\n", @bad), '', $text);
	my $found = $c->query("begin; $planted; $sql; rollback", database => 'whalefall');
	my $expected = $name =~ /schema/ ? 'whalefall' : 'planted';
	like($found, qr/$expected/, "and a planted offence is found ($name)");
}
my @stale = grep { !$used{$_} } map { my $rule = $_; map { "$rule $_" } keys %{ $list->{$rule} } } keys %$list;
is(join("\n", sort @stale), '', 'every reviewed exception is still needed');
cmp_ok($c->value("select count(*) $FUNCTION" =~ s/p\.oid::regprocedure::text//r, database => 'whalefall'), '>', 0, 'there was something to check');
done_testing;
