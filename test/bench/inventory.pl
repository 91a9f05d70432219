# The inventory as people use it: a page of instances with tags, search and sort, and the whole fleet as CSV.
#
# Floors, on the same rows and server. The page: one prepared statement that gives the same JSON object, as one
# would write it by hand, with its plan kept; medians of many, in turns. The file: psql's \copy of the query that gives
# the same cells, as CSV to a file; medians of several, in turns. Both answers are compared before anything is timed.
use strict;
use warnings;
use Bench qw(row control_plane median);
use Time::HiRes qw(time);

my $PAGED = $ENV{WHALEFALL_BENCH_INSTANCES} || 10_000;
my $EXPORTED = $ENV{WHALEFALL_BENCH_EXPORTED} || 100_000;
my $CALLS = $ENV{WHALEFALL_BENCH_CALLS} || 60;
my $FILES = $ENV{WHALEFALL_BENCH_EXPORTS} || 7;
my $PAGE_MUST = 2;
my $FILE_MUST = 0.6;

my $control = control_plane(shared_buffers => '512MB', autovacuum => 'off');
my $session = $control->session(database => 'whalefall', timeout => 600);

sub ask
{
	my ($sql) = @_;
	my $answer = $session->query($sql, 600);

	die $session->error if $session->error;
	return $answer;
}

# Milliseconds of one statement, and its answer.
sub timed
{
	my ($sql) = @_;
	my $began = time;
	my $answer = ask($sql);

	return ((time - $began) * 1000, $answer);
}

# Instances number $from to $to, three tags each, and every tenth with accounts and databases.
sub fill
{
	my ($from, $to) = @_;

	ask(qq{insert into whalefall.instances (name, db_type, host, port, database_name, description, last_connected, last_account_sync_at)
		select (array['prod', 'test', 'dev'])[n % 3 + 1] || '-db-' || n, (array['mysql', 'postgresql', 'oracle'])[n % 3 + 1],
			'db' || n || '.example.org', 5432, 'app' || n % 7, 'instance number ' || n || ', of team ' || n % 40,
			now() - n * interval '1 minute', now() - (n * 7919 % 10007) * interval '1 second' from generate_series($from, $to) n});
	ask(qq{insert into whalefall.instance_tags select i.id, t.id from whalefall.instances i, whalefall.tags t
		where substring(i.name from '[0-9]+')::int between $from and $to and t.id % 20 = i.id % 20});
	ask(qq{insert into whalefall.instance_accounts (instance_id, db_type, username) select i.id, i.db_type, 'u' || n
		from whalefall.instances i, generate_series(1, 10) n
		where i.id % 10 = 0 and substring(i.name from '[0-9]+')::int between $from and $to});
	ask('vacuum analyze');
	return;
}

ask(q{insert into whalefall.tags (name, display_name, category) select 'tag-' || n, 'Tag ' || n, 'c' || n % 5 from generate_series(1, 60) n});
fill(1, $PAGED);

# The page --------------------------------------------------------------------------------------------------
my $ours = q{select whalefall_api.instances_list(search => 'prod', tags => '{tag-3,tag-4,tag-25,tag-46,tag-7}', sort => 'last_sync_time',
	sort_order => 'asc', page => 2, page_size => 20)};
ask(q{prepare page(text, text[], bigint, bigint) as
	select json_build_object('items', (select coalesce(json_agg(row_to_json(x)), '[]') from (
		select i.id, i.name, i.db_type, i.host, i.port, i.description, i.is_active, i.deleted_at,
			case when i.deleted_at is not null then 'deleted' when i.is_active then 'active' else 'inactive' end as status, i.main_version,
			(select count(*) from whalefall.instance_databases d where d.instance_id = i.id and d.is_active) as active_db_count,
			(select count(*) from whalefall.instance_accounts a where a.instance_id = i.id and a.is_active) as active_account_count,
			greatest(i.last_account_sync_at, i.last_capacity_sync_at) as last_sync_time,
			(select coalesce(json_agg(json_build_object('name', t.name, 'display_name', t.display_name, 'color', t.color)
				order by t.category, t.display_name, t.name), '[]') from whalefall.instance_tags l join whalefall.tags t on t.id = l.tag_id
				where l.instance_id = i.id) as tags
		from whalefall.instances i where (i.name ilike $1 or i.host ilike $1 or i.description ilike $1) and i.deleted_at is null
			and exists (select from whalefall.instance_tags l join whalefall.tags t on t.id = l.tag_id where l.instance_id = i.id and t.name = any ($2))
		order by greatest(i.last_account_sync_at, i.last_capacity_sync_at) nulls last, i.id limit $3 offset $4) x),
	'total', (select count(*) from whalefall.instances i
		where (i.name ilike $1 or i.host ilike $1 or i.description ilike $1) and i.deleted_at is null
			and exists (select from whalefall.instance_tags l join whalefall.tags t on t.id = l.tag_id where l.instance_id = i.id and t.name = any ($2))))});
my $bare = q{execute page('%prod%', '{tag-3,tag-4,tag-25,tag-46,tag-7}', 20, 20)};
ask(q{set timezone = 'UTC'});
my ($one, $other) = map { my $s = $_; $s =~ s/\s+//g; $s } ask($ours), ask($bare);
$one =~ s/,"page":.*//;
$other =~ s/"items":/"items":/;
$other =~ s/\}$//;
$other =~ s/"(\w+)":/"$1":/g;
die "the page and its floor differ:\n$one\n$other\n" if $one ne $other;
die "nothing was found: $one" if $one !~ /"name":"prod-db-/;

my %time;
for (1 .. $CALLS)
{
	push @{ $time{page} }, (timed($ours))[0];
	push @{ $time{page_floor} }, (timed($bare))[0];
}
my ($page, $page_floor) = map { median(@{ $time{$_} }) } qw(page page_floor);
row(figure => "page of 20 out of $PAGED instances: tags, search, sort", measured => sprintf('%.1f ms', $page),
	floor => sprintf('%.1f ms', $page_floor), ratio => sprintf('%.2f', $page / $page_floor), must => "<= $PAGE_MUST x",
	ok => $page <= $PAGE_MUST * $page_floor);

# The file --------------------------------------------------------------------------------------------------
fill($PAGED + 1, $EXPORTED) if $EXPORTED > $PAGED;
my $dir = $control->dir;
my $query = q{select i.id, i.name, i.db_type, i.host, i.port, i.database_name, }
  . q{(select string_agg(t.display_name, ', ' order by t.category, t.display_name, t.name) from whalefall.instance_tags l }
  . q{join whalefall.tags t on t.id = l.tag_id where l.instance_id = i.id), case when i.is_active then '启用' else '停用' end, }
  . q{i.description, i.credential_id, i.sync_count, }
  . join(', ', map { "to_char(i.$_ at time zone 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI:SS')" } qw(last_connected created_at updated_at))
  . q{ from whalefall.instances i where i.deleted_at is null order by i.id};
my $export = qq{\\copy (select body from whalefall_api.instances_export()) to '$dir/ours.csv'};
my $copy = qq{\\copy ($query) to '$dir/floor.csv' with (format csv)};

# \copy of our one value writes its line ends as \r\n in text form: undone here, then both are the same lines.
ask($export);
ask($copy);
for my $file ("$dir/ours.csv", "$dir/floor.csv")
{
	open my $in, '<', $file or die "$file: $!";
	my $text = do { local $/ = undef; <$in> };
	$text =~ s/\\r\\n/\n/g;
	$text =~ s/^ID,[^\n]*\n//;
	$text =~ s/\n+\z//;
	$time{$file} = $text;
}
die "the file and its floor differ\n" if $time{"$dir/ours.csv"} ne $time{"$dir/floor.csv"};
my $lines = () = $time{"$dir/floor.csv"} =~ /^/mg;
die "$lines lines and not $EXPORTED\n" if $lines != $EXPORTED;

for (1 .. $FILES)
{
	push @{ $time{file} }, (timed($export))[0];
	push @{ $time{file_floor} }, (timed($copy))[0];
}
$session->quit;
my ($file, $file_floor) = map { median(@{ $time{$_} }) } qw(file file_floor);
row(figure => "CSV of $EXPORTED instances", measured => sprintf('%.0f ms', $file), floor => sprintf('%.0f ms', $file_floor),
	ratio => sprintf('%.2f', $file_floor / $file), must => "floor / measured >= $FILE_MUST", ok => $file_floor / $file >= $FILE_MUST);
