# Paging, sorting and filtering of every list: each row of lists.tsv against the same bad and good values, each sort
# against the order that the database itself gives.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";
use Encode qw(encode_utf8);
use Test::More;
use Contract;

binmode $_, ':utf8' for Test::More->builder->output, Test::More->builder->failure_output;
my $t = Contract->start;
my @lists = Contract->table('lists.tsv');

# Rows with ties, NULLs and different orders by each column.
$t->sql(q(
	insert into whalefall.users (username, role, password, is_active, created_at)
		select 'person_' || lpad((n * 7 % 23)::text, 2, '0'), (array['admin', 'user', 'viewer'])[n % 3 + 1], 'x', n % 4 > 0,
			'2026-01-01'::timestamptz + (n * 5 % 9) * interval '1 day' from generate_series(1, 23) n;
	insert into whalefall.credentials (name, credential_type, db_type, username, is_active, created_at)
		select 'credential ' || (n * 7 % 23), (array['database', 'ssh', 'api'])[n % 3 + 1], (array['mysql', null, 'oracle', 'postgresql'])[n % 4 + 1],
			'login' || n % 5, n % 4 > 0, '2026-01-01'::timestamptz + (n * 5 % 9) * interval '1 day' from generate_series(1, 23) n;
	insert into whalefall.tags (name, display_name, category, color, is_active)
		select 'tag' || n, 'Tag ' || (n * 7 % 23), 'category ' || n % 3, 'info', n % 4 > 0 from generate_series(1, 23) n;
	insert into whalefall.instances (name, db_type, host, port, credential_id, is_active, deleted_at, last_account_sync_at, last_capacity_sync_at)
		select 'instance' || (n * 7 % 23), (array['mysql', 'oracle', 'postgresql', 'sqlserver'])[n % 4 + 1], 'host' || n % 6, 1000 + n,
			case when n % 3 > 0 then (select min(id) from whalefall.credentials) + n % 7 end, n % 5 > 0,
			case when n > 20 then now() end,
			case when n % 4 = 1 then '2026-01-01'::timestamptz + n % 9 * interval '1 day' end,
			case when n % 3 = 1 then '2026-01-01'::timestamptz + n % 7 * interval '1 day' end from generate_series(1, 23) n;
	insert into whalefall.instance_tags (instance_id, tag_id)
		select i.id, t.id from whalefall.instances i join whalefall.tags t on t.id % 5 = i.id % 5;
	insert into whalefall.task_runs (session_id, task_key, task_name, task_category, trigger_source, sync_type, is_fleet, status, started_at, completed_at)
		select gen_random_uuid(), 'sync_accounts', 'n', (array['account', 'capacity'])[n % 2 + 1], 'manual', (array['manual_task', 'scheduled_task'])[n % 2 + 1],
			false, (array['completed', 'failed', 'cancelled'])[n % 3 + 1],
			case when n % 5 > 0 then '2026-01-01'::timestamptz + (n * 5 % 9) * interval '1 hour' end,
			case when n % 4 > 0 then '2026-01-02'::timestamptz + (n * 7 % 11) * interval '1 hour' end from generate_series(1, 23) n;
));

# What a list answers, asserted as a whole.
sub page
{
	my ($path, $query, $name) = @_;
	my $answer = $t->call('viewer', 'GET', $path . ($query eq '' ? '' : "?$query"));

	return $t->good($answer, 200, $name, { items => ['any'], total => 'int', page => 'int', pages => 'int', limit => 'int',
		$path eq '/tags' ? (stats => { total => 'int', active => 'int', inactive => 'int', category_count => 'int' }) : () });
}

sub ids { return join ' ', map { $_->{id} } @{ $_[0]{items} }; }

for my $list (@lists)
{
	my ($path, $max, $default) = @$list{qw(path max limit)};
	my $strict = $list->{kind} eq 'strict';
	my $where = $path eq '/instances' ? 'where u.deleted_at is null' : '';
	my $total = $t->sql("select count(*) from $list->{from} $where");
	my $sql_ids = sub { my ($order) = @_; return join ' ', split /\n/, $t->sql("select u.id from $list->{from} $where order by $order"); };

	# Nothing given, and all that counts as nothing.
	for my $query ('', 'page=&limit=&sort=&order=', 'page=%20&limit=%20', 'nonsense=1&offset=5&select=id&and=x')
	{
		my $got = page($path, $query, "$path?$query: the defaults");
		is("$got->{page} $got->{limit} $got->{total}", "1 $default $total", "$path?$query: page, limit and total");
		is($got->{pages}, int(($total + $default - 1) / $default), 'pages');
		is(scalar @{ $got->{items} }, $default < $total ? $default : $total, 'items');
	}

	# Numbers that are none, on any list.
	for my $bad (qw(abc 1.5 1e3 0x10 true 1,2 1%00 %FF 99999999999999999999 -99999999999999999999), '1 2', '１')
	{
		(my $sent = encode_utf8($bad)) =~ s/([^!-~])/sprintf '%%%02X', ord $1/ge;
		$t->bad($t->call('viewer', 'GET', "$path?$_=$sent"), 400, 'VALIDATION_ERROR', "$path?$_=$sent is no number", message => qr/\b$_\b|page_size/)
		  for qw(page limit);
	}
	for my $case ([ 'page', 0, 1 ], [ 'page', -1, 1 ], [ 'limit', 0, 1 ], [ 'limit', -1, 1 ], [ 'limit', $max + 1, $max ], [ 'limit', 2147483647, $max ])
	{
		my ($name, $value, $bound) = @$case;
		if ($strict)
		{
			$t->bad($t->call('viewer', 'GET', "$path?$name=$value"), 400, 'VALIDATION_ERROR', "$path?$name=$value is out of bounds");
		}
		else
		{
			is(page($path, "$name=$value", "$path?$name=$value is clamped")->{$name}, $bound, "to $bound");
		}
	}
	is(page($path, "limit=$max", "$path: the highest page size")->{limit}, $max, 'is taken');
	is(page($path, 'page=%201%20&limit=%205%20', "$path: blanks around a number")->{limit}, 5, 'do not matter');

	# Beyond the end, and the names of the page size.
	my $beyond = page($path, 'page=4000&limit=7', "$path: a page past the end");
	is(ids($beyond), '', 'is empty');
	is("$beyond->{page} $beyond->{limit} $beyond->{total} $beyond->{pages}", "4000 7 $total " . int(($total + 6) / 7), 'and tells the true numbers');
	is(page($path, 'page=2147483647&limit=100', "$path: the last page there can be")->{total}, $total, 'does not overflow');
	for my $query ('limit=3', 'per_page=3', 'page_size=3', 'limit=3&per_page=4&page_size=5', 'per_page=3&page_size=5')
	{
		my $got = page($path, $query, "$path?$query");
		is("$got->{limit} " . @{ $got->{items} }, '3 3', 'gives three');
	}

	# Pages follow each other without a gap or a double.
	my @seen = map { split / /, ids(page($path, "page=$_&limit=5", "$path: page $_ of five")) } 1 .. int(($total + 4) / 5);
	my ($key, $direction) = $list->{default} =~ /^(\w+) (asc|desc)$/;
	my %sorts = map { /^(\w+)=(.*)$/s ? ($1 => $2) : () } split /\|/, $list->{sorts};
	my $default_order = $key ? "$sorts{$key} $direction nulls last, u.id $direction" : "$list->{default}, u.id";
	is("@seen", $sql_ids->($default_order), "$path: the pages are the whole list in its own order");

	# Sorts.
	for my $sort (sort keys %sorts)
	{
		for my $way (qw(asc desc))
		{
			my $expected = $sql_ids->("$sorts{$sort} $way nulls last, u.id $way");

			is(ids(page($path, "sort=$sort&order=$way&limit=$max", "$path by $sort $way")), $expected, 'is in that order');
			is(ids(page($path, 'sort=' . uc($sort) . '&sort_order=' . uc($way) . "&limit=$max", "$path by \U$sort $way")), $expected, 'so written too');
		}
		my $way = $direction;
		is(ids(page($path, "sort=$sort&limit=$max", "$path by $sort")), $sql_ids->("$sorts{$sort} $way nulls last, u.id $way"), "goes $way");
	}
	for my $sort ('weird', 'password', 'id;drop table users', '1', 'created_at desc')
	{
		(my $sent = $sort) =~ s/([^A-Za-z0-9_])/sprintf '%%%02X', ord $1/ge;
		is(ids(page($path, "sort=$sent&limit=$max", "$path?sort=$sent is no sort")), $sql_ids->($default_order), 'and so the default');
	}
	for my $order (qw(weird ascending 1))
	{
		if (%sorts && $strict)
		{
			$t->bad($t->call('viewer', 'GET', "$path?order=$order"), 400, 'VALIDATION_ERROR', "$path?order=$order");
			$t->bad($t->call('viewer', 'GET', "$path?sort_order=$order"), 400, 'VALIDATION_ERROR', "$path?sort_order=$order");
		}
		else
		{
			is(ids(page($path, "order=$order&limit=$max", "$path?order=$order")), $sql_ids->($default_order), 'is the default');
		}
	}
}

# Filters. Each: path, query, SQL of the rows that it leaves.
my @filters = (
	[ '/users', 'search=PERSON_1', "username ilike '%person\\_1%'" ],
	[ '/users', 'search=%20person_1%20', "username ilike '%person\\_1%'" ],
	[ '/users', 'search=%25', 'false' ], [ '/users', 'search=_', "username like '%\\_%'" ], [ '/users', 'search=%5C', 'false' ],
	[ '/users', "search='", 'false' ], [ '/users', 'search=', 'true' ],
	[ '/users', 'role=admin', "role = 'admin'" ], [ '/users', 'role=all', 'true' ], [ '/users', 'role=nobody', 'false' ], [ '/users', 'role=', 'true' ],
	[ '/users', 'status=active', 'is_active' ], [ '/users', 'status=inactive', 'not is_active' ],
	[ '/users', 'status=all', 'true' ], [ '/users', 'status=weird', 'true' ], [ '/users', 'status=', 'true' ],
	[ '/users', 'role=user&status=inactive&search=person', "role = 'user' and not is_active and username like 'person%'" ],
	[ '/credentials', 'search=CREDENTIAL%201', "name ilike 'credential 1%'" ], [ '/credentials', 'search=login3', "username = 'login3'" ],
	[ '/credentials', 'credential_type=ssh', "credential_type = 'ssh'" ], [ '/credentials', 'credential_type=all', 'true' ],
	[ '/credentials', 'db_type=mysql', "db_type = 'mysql'" ], [ '/credentials', 'db_type=all', 'true' ], [ '/credentials', 'db_type=', 'true' ],
	[ '/credentials', 'status=inactive', 'not is_active' ],
	[ '/credentials', 'tags=tag1', q(exists (select from whalefall.instances i join whalefall.instance_tags l on l.instance_id = i.id join whalefall.tags t on t.id = l.tag_id where i.credential_id = u.id and i.deleted_at is null and t.name = 'tag1')) ],
	[ '/instances', 'search=HOST3', "deleted_at is null and host ilike 'host3'" ],
	[ '/instances', 'search=instance1', "deleted_at is null and name like 'instance1%'" ],
	[ '/instances', 'search=instance_', 'false' ],
	[ '/instances', 'db_type=oracle', "deleted_at is null and db_type = 'oracle'" ], [ '/instances', 'db_type=all', 'deleted_at is null' ],
	[ '/instances', 'status=active', 'deleted_at is null and is_active' ], [ '/instances', 'status=inactive', 'deleted_at is null and not is_active' ],
	(map { [ '/instances', "include_deleted=$_", 'true' ] } qw(true TRUE 1 yes on On)),
	(map { [ '/instances', "include_deleted=$_", 'deleted_at is null' ] } qw(false 0 no OFF), ''),
	[ '/instances', 'tags=tag1', q(deleted_at is null and exists (select from whalefall.instance_tags l join whalefall.tags t on t.id = l.tag_id where l.instance_id = u.id and t.name = 'tag1')) ],
	(map { [ '/instances', $_, q(deleted_at is null and exists (select from whalefall.instance_tags l join whalefall.tags t on t.id = l.tag_id where l.instance_id = u.id and t.name in ('tag1', 'tag2'))) ] }
		'tags=tag1&tags=tag2', 'tags=tag1,tag2', 'tags=%20tag1%20,,tag2&tags=', 'tags=tag1&tags=tag6&tags=tag2', 'tags=tag1,no-such-tag&tags=tag2'),
	[ '/instances', 'tags=no-such-tag', 'false' ], [ '/instances', 'tags=', 'deleted_at is null' ], [ '/instances', 'tags=,', 'deleted_at is null' ],
	[ '/tags', 'search=TAG%201', "display_name ilike '%tag 1%'" ], [ '/tags', 'search=category%202', "category = 'category 2'" ],
	[ '/tags', 'category=category%201', "category = 'category 1'" ], [ '/tags', 'category=category', 'false' ],
	[ '/tags', 'status=active', 'is_active' ], [ '/tags', 'status=inactive', 'not is_active' ], [ '/tags', 'status=all', 'true' ],
	[ '/sync-sessions', 'sync_type=manual_task', "sync_type = 'manual_task'" ], [ '/sync-sessions', 'sync_category=account', "task_category = 'account'" ],
	[ '/sync-sessions', 'status=failed', "status = 'failed'" ], [ '/sync-sessions', 'status=weird', 'false' ], [ '/sync-sessions', 'sync_type=weird', 'false' ],
	[ '/task-runs', 'task_key=sync_accounts', 'true' ], [ '/task-runs', 'task_key=sync', 'false' ], [ '/task-runs', 'task_category=capacity', "task_category = 'capacity'" ],
	[ '/task-runs', 'trigger_source=scheduled', 'false' ], [ '/task-runs', 'status=completed', "status = 'completed'" ]);
my %from = map { $_->{path} => $_->{from} } @lists;
my %max = map { $_->{path} => $_->{max} } @lists;
for my $filter (@filters)
{
	my ($path, $query, $where) = @$filter;
	my $expected = join ' ', split /\n/, $t->sql("select u.id from $from{$path} where $where order by u.id");
	my $got = page($path, "$query&limit=$max{$path}", "$path?$query");

	is(join(' ', sort { $a <=> $b } map { $_->{id} } @{ $got->{items} }), $expected, 'gives the right rows');
	is($got->{total}, scalar(split / /, $expected), 'and counts each once');
	is($got->{pages}, 0, 'no row, no page') if $expected eq '';
}
$t->bad($t->call('viewer', 'GET', '/instances?include_deleted=maybe'), 400, 'VALIDATION_ERROR', 'a truth value is one of the eight words', message => qr/include_deleted/);
is_deeply(page('/tags', 'status=inactive&limit=1', 'numbers of all tags')->{stats},
	{ total => 23, active => $t->sql('select count(*) from whalefall.tags where is_active') + 0,
		inactive => $t->sql('select count(*) from whalefall.tags where not is_active') + 0, category_count => 3 }, 'whatever the filter');

# Without a row there is no page.
$t->sql('delete from whalefall.instance_tags; delete from whalefall.tags; delete from whalefall.instances; delete from whalefall.credentials; delete from whalefall.task_runs');
for my $list (grep { $_->{path} ne '/users' } @lists)
{
	my $got = page($list->{path}, '', "$list->{path}: nothing there");
	is("$got->{total} $got->{pages} $got->{page} $got->{limit} " . @{ $got->{items} }, "0 0 1 $list->{limit} 0", 'total 0, pages 0');
}

done_testing;
