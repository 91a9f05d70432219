# One good call of every operation that needs no remote server: status, message, whether there is data, and each of its
# keys by type; in both languages. The story runs from an empty control plane to an empty one.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";
use Encode qw(decode_utf8);
use Test::More;
use Contract;
use Shapes;

binmode $_, ':utf8' for Test::More->builder->output, Test::More->builder->failure_output;
my $t = Contract->start;
my %called;
my %path_of = map { my $row = $_; (my $path = $row->{path}) =~ s/\{\w+\}|999999999|00000000-0000-4000-8000-000000000000/[^\/]+/g;
	("$row->{method} $path" => $row->{operation}) } Contract->table('access.tsv');

# Calls as administrator and asserts a success; undef as shape: no data. Gives the data.
sub call
{
	my ($method, $path, $json, $status, $shape, $message, %opt) = @_;
	my ($plain) = $path =~ /^([^?]*)/;

	$called{ $path_of{$_} } = 1 for (grep { "$method $plain" eq $_ } keys %path_of)[0] // grep { "$method $plain" =~ /^$_$/ } keys %path_of;
	my $answer = $t->call($opt{as} // 'admin', $method, $path, $json, %opt);
	return $t->good($answer, $status, "$method $path", $shape, $message // qr/\p{Han}/);
}

my $DEFAULT = '操作成功';
my $version = $t->sql("select extversion from pg_extension where extname = 'whalefall'");

# Root, application, health, cache
call('GET', '/', undef, 200, { docs_url => \'/api/v1/docs', openapi_url => \'/api/v1/openapi.json', swagger_url => \'/api/v1/swagger.json',
	health_ping_url => \'/api/v1/health/ping', '*' => 'any' }, undef, as => 'anonymous');
for my $path ('/openapi.json', '/swagger.json')
{
	my $answer = $t->call('anonymous', 'GET', $path);
	is($answer->{status}, 200, $path);
	like($answer->json->{openapi} // '', qr/^3\./, 'is an OpenAPI document without an envelope');
	is($answer->json->{success}, undef, 'and has no key of an envelope');
}
$called{openapi_json} = 1;
call('GET', '/admin/app-info', undef, 200, { app_name => \'鲸落', app_version => \$version }, undef, as => 'anonymous');
call('GET', '/health/ping', undef, 200, { status => \'ok' }, undef, as => 'anonymous');
call('GET', '/health/basic', undef, 200, { status => \'healthy', timestamp => 'num', version => \$version }, '服务运行正常', as => 'anonymous');
call('GET', '/health', undef, 200, { status => \'healthy', database => \'connected', redis => \'connected', timestamp => 'ts',
	uptime => qr/^\d+天 \d+小时 \d+分钟$/, '*' => 'any' }, $DEFAULT, as => 'anonymous');
call('GET', '/health/cache', undef, 200, { healthy => \JSON::PP::true, status => \'connected' });
my $detailed = call('GET', '/health/detailed', undef, 200, { status => qr/^(?:un)?healthy$/, timestamp => 'ts', version => \$version,
	components => { database => { healthy => \JSON::PP::true, status => \'connected' }, cache => { healthy => \JSON::PP::true, status => \'connected' },
		system => { healthy => 'bool', status => qr/^(?:healthy|warning)$/, cpu_percent => 'num', memory_percent => 'num', disk_percent => 'num' } },
	database => \'connected', redis => \'connected', '*' => 'any' }, $DEFAULT, as => 'anonymous');
for my $percent (qw(cpu_percent memory_percent disk_percent))
{
	like($detailed->{components}{system}{$percent}, qr/^\d+(?:\.\d{1,2})?$/, "$percent has two decimals at most");
	cmp_ok($detailed->{components}{system}{$percent}, '<=', 100, 'and is a share');
}
my $stats = { status => \'connected', info => 'any' };
call('GET', '/cache/stats', undef, 200, { stats => $stats });
call('GET', '/cache/classification/stats', undef, 200, { cache_stats => $stats, cache_enabled => \JSON::PP::true,
	db_type_stats => { map { $_ => { rules_cached => \JSON::PP::true, rules_count => 'int' } } qw(mysql postgresql sqlserver oracle) } });
call('POST', '/cache/actions/clear-classification', {}, 200, undef);
call('POST', '/cache/actions/clear-classification', { db_type => 'MySQL' }, 200, undef, qr/mysql/i);
call('POST', '/cache/actions/clear-classification', { db_type => ' ' }, 200, undef);

# People
my $auth = $t->call('anonymous', 'POST', '/auth/login', { username => ' test_admin ', password => $Contract::PASSWORD });
my $tokens = $t->good($auth, 200, 'login', { access_token => qr/^[\w-]+\.[\w-]+\.[\w-]+$/, refresh_token => qr/^[\w-]+\.[\w-]+\.[\w-]+$/,
	user => { id => \($t->person('test_admin') + 0), username => \'test_admin', role => \'admin', is_active => \JSON::PP::true },
	token_type => \'Bearer', expires_in => \3600, csrf_token => 'str' }, '登录成功');
$called{auth_login} = 1;
call('GET', '/auth/csrf-token', undef, 200, { csrf_token => 'str' }, $DEFAULT, as => 'anonymous');
call('GET', '/auth/me', undef, 200, { id => \($t->person('test_user') + 0), username => \'test_user', email => 'null', role => \'user',
	is_active => \JSON::PP::true, created_at => 'ts', last_login => 'ts', permissions => ['str'] }, $DEFAULT, as => 'user');
my %permissions = (viewer => 'scheduler_view view', user => 'scheduler_view update view',
	admin => 'admin create delete scheduler_manage scheduler_view update view');
is(join(' ', sort @{ $t->call($_, 'GET', '/auth/me')->json->{data}{permissions} }), $permissions{$_}, "what a $_ may") for sort keys %permissions;
call('POST', '/auth/refresh', undef, 200, { access_token => 'str', token_type => \'Bearer', expires_in => \3600 }, $DEFAULT,
	as => { Authorization => "Bearer $tokens->{refresh_token}" });
call('POST', '/auth/change-password', { old_password => $Contract::PASSWORD, new_password => 'Another-Horse-8', confirm_password => 'Another-Horse-8' }, 200, undef, undef,
	as => { Authorization => "Bearer $tokens->{access_token}" });
$t->sql("update whalefall.users set password = (select password from whalefall.users where username = 'test_user') where username = 'test_admin'");
delete $t->{logins}{admin};
my $out = $t->log_in('test_admin');
my $gone = $t->call({ Cookie => "whalefall_session=$out->{cookie}", 'X-CSRFToken' => $out->{csrf} }, 'POST', '/auth/logout');
$t->good($gone, 200, 'logout', undef);
$called{auth_logout} = 1;
my ($empty, @attributes) = $gone->cookie('whalefall_session');
ok($empty eq '' && grep({ /^Max-Age=0$|^Expires=.*1970/i } @attributes), 'takes the cookie away') or diag "$empty; @attributes";

my $user = call('POST', '/users', { username => 'Made_1', role => 'viewer', password => 'Password123', email => 'a@example.org' }, 201, { user => $SHAPE{user} })->{user};
is_deeply({ %$user, created_at => 0, created_at_display => 0 }, { id => $user->{id}, username => 'Made_1', email => 'a@example.org', role => 'viewer', created_at => 0,
	created_at_display => 0, last_login => undef, is_active => JSON::PP::true }, 'a user as told');
call('GET', "/users/$user->{id}", undef, 200, { user => $SHAPE{user} });
call('PUT', "/users/$user->{id}", { username => 'made_2', role => 'user' }, 200, { user => { %{ $SHAPE{user} }, username => \'made_2', role => \'user', email => \'a@example.org', is_active => \JSON::PP::true } });
call('PUT', "/users/$user->{id}", { username => 'made_2', role => 'user', email => undef, is_active => JSON::PP::false }, 200, { user => { %{ $SHAPE{user} }, email => 'null', is_active => \JSON::PP::false } });
call('POST', "/users/$user->{id}/toggle-status", undef, 200, { user => { %{ $SHAPE{user} }, is_active => \JSON::PP::true } }, qr/启用/);
call('POST', "/users/$user->{id}/actions/toggle-status", undef, 200, { user => { %{ $SHAPE{user} }, is_active => \JSON::PP::false } }, qr/[停禁]用/);
call('GET', '/users?search=made', undef, 200, paged($SHAPE{user}));
my $counts = call('GET', '/users/stats', undef, 200, { total => 'int', active => 'int', inactive => 'int', admin => 'int', user => 'int', viewer => 'int' });
is_deeply($counts, { total => 5, active => 4, inactive => 1, admin => 2, user => 2, viewer => 1 }, 'users are counted: the one of setup, three of the tests, this one');
call('DELETE', "/users/$user->{id}", undef, 200, undef);
call('POST', '/users', { username => 'guest_1', role => 'guest', password => 'Password123', is_active => 'no' }, 201, { user => { %{ $SHAPE{user} }, role => \'viewer', is_active => \JSON::PP::false } });

# Credentials
my $credential = call('POST', '/credentials', { name => ' main ', credential_type => 'Database', username => 'monitor', password => 'Secr3t-of-it', db_type => 'PG', description => ' ' },
	201, { credential => $SHAPE{credential} })->{credential};
is_deeply({ map { $_ => $credential->{$_} } qw(name credential_type db_type username description is_active instance_count password) },
	{ name => 'main', credential_type => 'database', db_type => 'postgresql', username => 'monitor', description => undef, is_active => JSON::PP::true, instance_count => 0,
		password => '******' }, 'a credential as told');
call('GET', "/credentials/$credential->{id}", undef, 200, { credential => $SHAPE{credential} }, $DEFAULT);
call('PUT', "/credentials/$credential->{id}", { name => 'main', credential_type => 'database', username => 'c##admin', db_type => undef, description => 'd' }, 200,
	{ credential => { %{ $SHAPE{credential} }, db_type => 'null', username => \'c##admin', description => \'d' } });
call('GET', '/credentials', undef, 200, paged($SHAPE{credential}), $DEFAULT);

# Database types
my $types = call('GET', '/database-types', undef, 200, { database_types => [ $SHAPE{database_type} ] })->{database_types};
is(join(' ', map { "$_->{name}:$_->{display_name}:$_->{default_port}:$_->{default_schema}:$_->{icon}:$_->{color}:$_->{sort_order}" } @$types),
	'mysql:MySQL:3306:mysql:fa-database:primary:1 postgresql:PostgreSQL:5432:postgres:fa-database:info:2 sqlserver:SQL Server:1433:master:fa-server:warning:3 '
	  . 'oracle:Oracle Database:1521:ORCL:fa-database:danger:4', 'the four of them');
is($_->{connection_timeout}, 20, "$_->{name} is given 20 s") for @$types;
$t->sql("update whalefall.database_type_configs set is_active = false where name = 'oracle'");
is(scalar @{ call('GET', '/database-types/active', undef, 200, { database_types => [ $SHAPE{database_type} ] })->{database_types} }, 3, 'an inactive one is left out');
for my $path ('/database-types/form-options', '/database-types/options')
{
	is(join(' ', map { "$_->{value}=$_->{text}" } @{ call('GET', $path, undef, 200, { options => [ $SHAPE{option} ] })->{options} }),
		'mysql=MySQL postgresql=PostgreSQL sqlserver=SQL Server', 'options of the others');
}

# Tags
my $tag = call('POST', '/tags', { name => 'prod', display_name => '生产', category => '环境', color => 'danger' }, 201, { tag => $SHAPE{tag} })->{tag};
is_deeply({ map { $_ => $tag->{$_} } qw(name display_name category color color_value css_class is_active) },
	{ name => 'prod', display_name => '生产', category => '环境', color => 'danger', color_value => '#e74c3c', css_class => 'bg-danger', is_active => JSON::PP::true }, 'a tag as told');
call('GET', "/tags/$tag->{id}", undef, 200, { tag => $SHAPE{tag} });
call('GET', '/tags/by-name/prod', undef, 200, { tag => { %{ $SHAPE{tag} }, id => \$tag->{id} } });
call('PUT', "/tags/$tag->{id}", { name => 'prod', display_name => '生产环境', category => '环境', color => ' ', is_active => 0 }, 200,
	{ tag => { %{ $SHAPE{tag} }, display_name => \'生产环境', color => \'primary', color_value => \'#18bc9c', is_active => \JSON::PP::false } });
my $second = call('POST', '/tags', { name => 'test', display_name => 'T', category => 'kind' }, 201, { tag => { %{ $SHAPE{tag} }, color => \'primary' } })->{tag};
call('GET', '/tags?limit=1', undef, 200, paged($SHAPE{tag_item}, stats => { total => \2, active => \1, inactive => \1, category_count => \2 }), $DEFAULT);
is(scalar @{ call('GET', '/tags/options', undef, 200, { tags => [ $SHAPE{tag} ], category => 'null' }, $DEFAULT)->{tags} }, 1, 'only active ones are offered');
call('GET', '/tags/options?category=%20kind%20', undef, 200, { tags => [ $SHAPE{tag} ], category => \'kind' }, $DEFAULT);
is_deeply(call('GET', '/tags/categories', undef, 200, { categories => ['str'] }, $DEFAULT)->{categories}, [ 'kind', '环境' ], 'categories of all tags');

# Instances
my $instance = call('POST', '/instances', { name => '库-1', db_type => 'Postgres', host => 'db.example.org', port => '5432', credential_id => $credential->{id},
	description => undef, database_name => '', tag_names => [ 'prod', 'no-such' ] }, 201, { instance => $SHAPE{instance} })->{instance};
is_deeply({ map { $_ => $instance->{$_} } qw(name db_type host port database_name credential_id description status is_active sync_count) },
	{ name => '库-1', db_type => 'postgresql', host => 'db.example.org', port => 5432, database_name => undef, credential_id => $credential->{id}, description => '',
		status => 'active', is_active => JSON::PP::true, sync_count => 0 }, 'an instance as told');
is(join(' ', map { $_->{name} } @{ $instance->{tags} }), 'prod', 'known tags alone, inactive ones too');
is($instance->{credential}{name}, 'main', 'with its credential');
call('GET', "/instances/$instance->{id}", undef, 200, { instance => $SHAPE{instance} });
call('PUT', "/instances/$instance->{id}", { name => '库-1', db_type => 'mysql', host => '::1', port => 3306, credential_id => undef, description => 'x' }, 200,
	{ instance => { %{ $SHAPE{instance} }, credential_id => 'null', credential => 'null', host => \'::1', port => \3306, description => \'x', tags => sub { @{ $_[0] } == 1 } } });
call('GET', '/instances', undef, 200, paged($SHAPE{instance_item}));
is_deeply(call('GET', '/instances/options?db_type=MySQL', undef, 200, { instances => [ { id => 'int', name => 'str', db_type => 'str', display_name => 'str' } ] })->{instances},
	[ { id => $instance->{id}, name => '库-1', db_type => 'mysql', display_name => '库-1 (MYSQL)' } ], 'as an option');
call('GET', '/instances/statistics', undef, 200, { total_instances => \1, active_instances => \1, normal_instances => \1, disabled_instances => \0, deleted_instances => \0,
	inactive_instances => \0, db_types_count => \1, db_type_stats => [ { db_type => \'mysql', count => \1 } ], port_stats => [ { port => \3306, count => \1 } ],
	version_stats => [ { db_type => \'mysql', version => qr/^\p{Han}+$/, count => \1 } ] });
call('GET', "/instances/$instance->{id}/connection-status", undef, 200, { instance_id => \$instance->{id}, instance_name => \'库-1', db_type => \'mysql', host => \'::1',
	port => \3306, last_connected => 'null', status => \'unknown', is_active => \JSON::PP::true });
call('POST', '/instances/actions/validate-connection-params', { db_type => 'MYSQL', port => '3306', credential_id => $credential->{id} }, 200, undef);
call('POST', '/cache/actions/clear-user', { instance_id => $instance->{id}, username => 'root' }, 200, undef);
call('POST', '/cache/actions/clear-instance', { instance_id => "$instance->{id}" }, 200, undef);
call('POST', '/cache/actions/clear-all', undef, 200, { cleared_count => \1 });

# Tags of instances
call('GET', '/tags/bulk/instances', undef, 200, { instances => [ { id => \$instance->{id}, name => \'库-1', host => \'::1', port => \3306, db_type => \'mysql' } ] }, $DEFAULT);
call('GET', '/tags/bulk/tags', undef, 200, { tags => [ $SHAPE{tag} ], category_names => { '环境' => \'环境', kind => \'kind' } }, $DEFAULT);
my @unknown = (instance_ids => [ $instance->{id}, 999999999 ], tag_ids => [ $second->{id}, $tag->{id}, 999999999 ]);
my $echo = { instance_ids => sub { Shape::shown($_[0]) eq "[$instance->{id},999999999]" }, tag_ids => sub { Shape::shown($_[0]) eq "[$second->{id},$tag->{id},999999999]" } };
call('POST', '/tags/bulk/actions/assign', {@unknown}, 200, { assigned_count => \1, %$echo }, qr/1/);
call('POST', '/tags/bulk/instance-tags', { instance_ids => $instance->{id} }, 200, { tags => sub { @{ $_[0] } == 2 && !Shape::wrong($_[0], [ $SHAPE{tag} ]) },
	category_names => 'any', instance_ids => [ \$instance->{id} ] }, $DEFAULT);
call('POST', '/tags/bulk/actions/remove', {@unknown}, 200, { removed_count => \2, %$echo }, qr/2/);
call('POST', '/tags/bulk/actions/assign', { instance_ids => [ "$instance->{id}" ], tag_ids => [ $tag->{id} ] }, 200, { assigned_count => \1, instance_ids => ['int'], tag_ids => ['int'] });
call('POST', '/tags/bulk/actions/remove-all', { instance_ids => [ $instance->{id} ] }, 200, { removed_count => \1, instance_ids => [ \$instance->{id} ] }, qr/1/);

# Files are no envelopes
for my $file ([ '/instances/exports', qr/^instances_export_\d{8}_\d{6}\.csv$/ ], [ '/instances/imports/template', qr/^instances_import_template\.csv$/ ])
{
	my $answer = $t->call('viewer', 'GET', $file->[0]);
	is($answer->{status}, 200, "GET $file->[0]");
	is($answer->header('Content-Type'), 'text/csv; charset=utf-8', 'is CSV');
	my ($name) = ($answer->header('Content-Disposition') // '') =~ /^attachment; filename="?([^"]*)"?$/;
	like($name // '', $file->[1], 'to be saved under its name');
	$called{ $path_of{"GET $file->[0]"} } = 1;
}

# Batches
call('POST', '/instances/actions/batch-create', { instances => [ { name => 'b1', db_type => 'mysql', host => 'h', port => 1 }, { name => 'b2', db_type => 'none', host => 'h', port => 1 } ] }, 200,
	{ created_count => \1, errors => [qr/b2/], duplicate_names => ['str'], skipped_existing_names => ['str'] });
call('DELETE', "/instances/$instance->{id}", undef, 200, { instance_id => \$instance->{id}, deleted_at => 'ts', deletion_mode => \'soft' });
call('POST', "/instances/$instance->{id}/actions/restore", undef, 200, { instance => $SHAPE{instance} });
my $other = $t->sql("select id from whalefall.instances where name = 'b1'");
my %none = map { $_ => \0 } map { "deleted_$_" } qw(assignments account_permissions sync_records change_logs instance_accounts instance_databases instance_size_stats
	instance_size_aggregations database_size_stats database_size_aggregations tag_links sync_data);
call('POST', '/instances/actions/batch-delete', { instance_ids => [ $other, 999999999, $other ] }, 200,
	{ deleted_count => \1, missing_instance_ids => [ \999999999 ], deletion_mode => \'soft', instance_ids => [ \($other + 0) ], %none });
call('POST', '/instances/actions/batch-delete', { instance_ids => [ $other, $instance->{id} ], deletion_mode => 'hard' }, 200,
	{ deleted_count => \2, missing_instance_ids => sub { !@{ $_[0] } }, deletion_mode => \'hard', instance_ids => ['int'], %none });
my $results = call('POST', '/tags/batch-delete', { tag_ids => [ $tag->{id} ] }, 200, { results => [ { tag_id => 'int', status => 'str' } ] })->{results};
is_deeply($results, [ { tag_id => $tag->{id}, status => 'deleted' } ], 'all of them could be deleted');
call('DELETE', "/tags/$second->{id}", undef, 200, { tag_id => \$second->{id} });
call('DELETE', "/credentials/$credential->{id}", undef, 200, { credential_id => \$credential->{id}, detached_instance_count => \0 });

# Runs and sessions, as a worker would leave them
my ($run, $session) = split /\|/, $t->sql(q(
	insert into whalefall.task_runs (session_id, task_key, task_name, task_category, trigger_source, sync_type, is_fleet, status, started_at, progress_total)
		values (gen_random_uuid(), 'sync_accounts', 'n', 'account', 'manual', 'manual_task', true, 'running', now(), 2) returning run_id, session_id));
$t->sql(qq(insert into whalefall.task_run_items (run_id, work, item_type, item_key, item_name, instance_id, status, error_message, not_before)
	values ('$run', 'accounts', 'instance', '1', 'a', 1, 'failed', 'broken', null), ('$run', 'accounts', 'instance', '2', 'b', 2, 'pending', null, now() + interval '1 hour')));
call('GET', '/task-runs', undef, 200, paged($SHAPE{run}));
call('GET', "/task-runs/$run", undef, 200, { run => $SHAPE{run}, items => [ $SHAPE{run_item} ] });
call('GET', "/task-runs/$run/error-logs", undef, 200, { run => $SHAPE{run}, items => [ { %{ $SHAPE{run_item} }, status => \'failed' } ], error_count => \1 });
call('GET', '/sync-sessions', undef, 200, paged($SHAPE{session}));
call('GET', "/sync-sessions/$session", undef, 200, { session => { %{ $SHAPE{session} }, instance_records => [ $SHAPE{record} ], progress_percentage => 'num' } });
call('GET', "/sync-sessions/\U$session\E/error-logs", undef, 200, { session => $SHAPE{session}, error_records => [ { %{ $SHAPE{record} }, status => \'failed' } ], error_count => \1 });
call('GET', '/sync-sessions/statistics', undef, 200, { total_sessions => \1, running_sessions => \1, completed_sessions => \0, failed_sessions => \0, cancelled_sessions => \0,
	scheduled_sessions => \0, manual_sessions => \1, by_category => { account => \1, capacity => \0, config => \0, aggregation => \0, other => \0 } });
call('POST', "/sync-sessions/$session/actions/cancel", undef, 200, undef);
$t->bad($t->call('admin', 'POST', "/sync-sessions/$session/actions/cancel"), 404, 'RESOURCE_NOT_FOUND', 'a session is cancelled once');
$t->bad($t->call('admin', 'POST', "/task-runs/$run/actions/cancel"), 404, 'RESOURCE_NOT_FOUND', 'and its run with it');
is($t->sql(qq(select r.status || ' ' || string_agg(i.status, ' ' order by i.id) from whalefall.task_runs r join whalefall.task_run_items i using (run_id) where run_id = '$run' group by r.status)),
	'cancelled failed cancelled', 'with what had not ended');
my $again = $t->sql(q(insert into whalefall.task_runs (task_key, task_name, task_category, trigger_source, is_fleet, status)
	values ('x', 'n', 'other', 'manual', false, 'pending') returning run_id));
call('POST', "/task-runs/$again/actions/cancel", undef, 200, undef);
$t->bad($t->call('viewer', 'GET', "/sync-sessions/$_"), 404, 'RESOURCE_NOT_FOUND', "session $_ is none") for 'no-uuid', $run, '%E4%BC%9A';

# All but those that log in to servers were called; they are in contract_remote.t.
my %remote = map { $_ => 1 } qw(instances_test_connection instances_batch_test_connections instances_sync_accounts instances_sync_accounts_all
	instances_sync_capacity databases_ledgers_sync_all databases_table_sizes_refresh);
is(join(' ', grep { !$called{$_} && !$remote{$_} } do { my %all = map { $_ => 1 } values %path_of; sort keys %all }), '', 'every other operation was called');

# English
for my $case ([ 'GET', '/health/ping', undef, 'success' ], [ 'GET', '/users', undef, 'success' ])
{
	for my $language ('en', 'en-US,en;q=0.9,zh;q=0.5', 'EN')
	{
		my $answer = $t->call('viewer', $case->[0], $case->[1], $case->[2], headers => { 'Accept-Language' => $language });
		is($answer->json->{message}, $case->[3], "$case->[1] in $language");
	}
	for my $language ('zh', 'zh-CN,zh;q=0.9,en;q=0.8', 'fr', '*', '')
	{
		my $answer = $t->call('viewer', $case->[0], $case->[1], $case->[2], headers => { 'Accept-Language' => $language });
		is($answer->json->{message}, $DEFAULT, "$case->[1] in '$language' is Chinese");
	}
}
# Errors: each in one language whole, with values where there are any, and two hints that belong to the category.
my %hints;
for my $case ([ 'anonymous', 'GET', '/users', undef, 401, 'AUTHENTICATION_REQUIRED', 'log in first', '请先登录' ], [ 'viewer', 'POST', '/tags', {}, 403, 'PERMISSION_REQUIRED', qr/^permission required/, qr/^权限不足/ ],
	[ 'viewer', 'GET', '/tags/999999999', undef, 404, 'RESOURCE_NOT_FOUND', 'resource not found: Tag 999999999 does not exist.', '资源不存在：标签 999999999 不存在。' ],
	[ 'viewer', 'GET', '/users?page=0', undef, 400, 'VALIDATION_ERROR', 'invalid input: page must be at least 1.', '输入不合法：page 不能小于 1。' ],
	[ 'viewer', 'GET', '/nothing', undef, 404, 'INVALID_REQUEST', 'no such route', '接口不存在' ], [ 'viewer', 'DELETE', '/users', undef, 405, 'INVALID_REQUEST', 'method not allowed', '请求方法不被允许' ],
	[ 'admin', 'POST', '/tags', { name => 'a b', display_name => 'x', category => 'c' }, 400, 'VALIDATION_ERROR', 'invalid input: name holds a character that is not allowed.', '输入不合法：name 含有不允许的字符。' ])
{
	my ($who, $method, $path, $json, $status, $code, $english, $chinese) = @$case;

	for my $language ('en', 'zh')
	{
		my $error = $t->bad($t->call($who, $method, $path, $json, headers => { 'Accept-Language' => $language }), $status, $code, "$method $path in $language", message => $language eq 'en' ? $english : $chinese);
		my $text = join ' ', $error->{message} // '', @{ $error->{suggestions} // [] };

		$language eq 'en' ? unlike($text, qr/\P{ASCII}/, 'is English, hints too') : unlike($text =~ s/name|page|create//gr, qr/[A-Za-z]{2}/, 'is Chinese, hints too');
		$hints{$language}{ $error->{category} }{ join '|', @{ $error->{suggestions} // [] } } = 1;
	}
}
for my $language (qw(en zh))
{
	is(join(' ', map { "$_=" . keys %{ $hints{$language}{$_} } } sort keys %{ $hints{$language} }), 'authentication=1 authorization=1 business=1 validation=1', "hints by category in $language");
	is(scalar(keys %{ +{ map { %{ $hints{$language}{$_} } } keys %{ $hints{$language} } } }), 4, 'and each category its own');
}
my $english = $t->call('anonymous', 'POST', '/auth/login', { username => 'test_user', password => $Contract::PASSWORD }, headers => { 'Accept-Language' => 'en' });
unlike($english->json->{message}, qr/\P{ASCII}/, 'login answers in English');
my $made = $t->call('admin', 'POST', '/instances/actions/batch-create', { instances => [ { name => 'a b' } ] }, headers => { 'Accept-Language' => 'en' })->json->{data};
is($made->{errors}[0], 'row 1 (a b): Missing: db_type, host, port.', 'texts inside data follow the language');
$made = $t->call('admin', 'POST', '/instances/actions/batch-create', { instances => [ { name => 'a b' } ] })->json->{data};
like($made->{errors}[0], qr/^第 1 行/, 'and in Chinese again in the next call');

done_testing;
