# The route table against the contract (test/http/routes.tsv): every operation, its permission and EXECUTE rights; that
# exactly those with a function are served, and that each of these can be described and answers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Cluster;
use Whalefall::Dispatch;

my $db = 'whalefall';
my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });
$c->create_extension;

# The contract: "METHOD path" -> {column => value}.
my %contract;
open my $in, '<', "$FindBin::Bin/../http/routes.tsv" or die "routes.tsv: $!";
chomp(my $head = <$in>);
my @columns = split /\t/, $head;
while (my $line = <$in>)
{
	chomp $line;
	my %row;
	@row{@columns} = split /\t/, $line, -1;
	$contract{"$row{method} $row{path}"} = \%row;
}
cmp_ok(scalar keys %contract, '>=', 161, 'the contract is there');

# Other names of routes, by decision 18.
my %alias = ('GET /api/v1/swagger.json' => 'GET /api/v1/openapi.json',
	'POST /api/v1/users/{user_id}/actions/toggle-status' => 'POST /api/v1/users/{user_id}/toggle-status');

my %table;
for my $row ($c->rows("select method, path, operation, function, permission, csrf, success_status, time_limit_ms, module, action,
	coalesce(message_zh, ''), coalesce(message_en, ''), coalesce(alias_of, ''), raw, upload, coalesce(rate_limit, ''),
	(select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname || '.' || p.proname = r.function)
	from whalefall_http.routes r", database => $db))
{
	my %row;
	@row{qw(method path operation function permission csrf success_status time_limit_ms module action message_zh message_en alias_of raw upload
		rate_limit functions)} = @$row;
	is($table{"$row{method} $row{path}"}, undef, "twice: $row{method} $row{path}") if $table{"$row{method} $row{path}"};
	$table{"$row{method} $row{path}"} = \%row;
}
is_deeply([ sort keys %table ], [ sort keys %contract, keys %alias ], 'the same routes');
for my $route (sort keys %contract)
{
	my ($want, $have) = ($contract{$route}, $table{$route});

	is_deeply([ @$have{qw(permission csrf success_status operation function)} ],
		[ $want->{permission}, $want->{csrf} eq 'yes' ? 't' : 'f', $want->{success_status}, $want->{operation_id}, "whalefall_api.$want->{operation_id}" ], $route);
	is($have->{alias_of}, '', 'and is no alias') if $have->{alias_of} ne '';
}
for my $route (sort keys %alias)
{
	my ($have, $want) = ($table{$route}, $table{ $alias{$route} });

	is_deeply({ %$have, path => '', alias_of => '' }, { %$want, path => '' }, "$route is another name");
	is("$have->{method} $have->{alias_of}", $alias{$route}, 'and says of what');
}

# Log names of part 1, section 1.15.
my %modules = (auth => [qw(get_csrf_token get_me login logout refresh submit_change_password)],
	users => [qw(create_user delete_user get_user get_user_stats list_users toggle_user_status update_user)],
	health => [qw(get_health get_health_cache get_health_detailed health_check ping)],
	cache => [qw(clear_all_cache clear_classification_cache clear_instance_cache clear_user_cache get_cache_stats get_classification_cache_stats)],
	credentials => [qw(create_credential_rest delete_credential get_credential list_credentials update_credential_rest)],
	tags => [qw(batch_delete_tags create_tag delete_tag get_tag_by_id get_tag_by_name list_tag_categories list_tag_options list_tags update_tag)],
	tags_bulk => [qw(batch_assign_tags batch_remove_all_tags batch_remove_tags list_all_tags list_instance_tags list_taggable_instances)],
	instances => [qw(create_instance delete_instance download_instances_template export_instances get_instance_detail get_instance_options
		get_instance_statistics list_instances restore_instance update_instance_detail)],
	instances_batch => [qw(create_instances_batch delete_instances_batch)],
	connections => [qw(batch_test_connections get_connection_status test_connection validate_connection_params)],
	accounts_sync => [qw(sync_all_accounts sync_instance_accounts)]);
for my $module (sort keys %modules)
{
	my %actions = map { $_->{action} => 1 } grep { $_->{module} eq $module } values %table;

	is_deeply([ sort keys %actions ], $modules{$module}, "actions of module $module");
}
is_deeply([ sort grep { $table{$_}{time_limit_ms} != 30000 } keys %table ], [ sort map { "POST /api/v1/$_" } 'databases/{database_id}/tables/sizes/actions/refresh',
	'instances/actions/batch-test-connections', 'instances/actions/test-connection', 'instances/{instance_id}/actions/sync-accounts',
	'instances/{instance_id}/actions/sync-capacity' ], 'those that wait for a remote result have more time');
is_deeply([ map { "$_ $table{$_}{time_limit_ms}" } grep { $table{$_}{time_limit_ms} !~ /^(30000|65000)$/ } keys %table ], [], '65 s');
is_deeply([ sort grep { $table{$_}{upload} eq 't' } keys %table ], ['POST /api/v1/instances/actions/batch-create'], 'one takes a file');
is_deeply([ sort map { $_->{operation} } grep { $_->{rate_limit} ne '' } values %table ], [qw(auth_change_password auth_login)], 'two are limited');
is_deeply([ grep { ($_->{message_zh} eq '') != ($_->{message_en} eq '') } values %table ], [], 'messages come in both languages');

# Rights: the weakest role that may execute is the one of the permission (decision 31).
my %role = (anon => 'anon', login => 'viewer', view => 'viewer', scheduler_view => 'viewer', update => 'user', create => 'admin', delete => 'admin',
	admin => 'admin', scheduler_manage => 'admin');
my @roles = qw(anon viewer user admin);
my @served = grep { $table{$_}{functions} == 1 } sort keys %table;
cmp_ok(scalar @served, '>=', 60, scalar(@served) . ' routes have a function');
my %may;
push @{ $may{ $_->[0] } }, $_->[1]
  for $c->rows("select p.oid::regproc, r from pg_proc p, unnest('{anon,viewer,user,admin}'::text[]) with ordinality u(r, n)
	where p.pronamespace = 'whalefall_api'::regnamespace and has_function_privilege('whalefall_' || r, p.oid, 'execute') order by 1, n", database => $db);
for my $route (@served)
{
	my $row = $table{$route};
	my ($weakest) = grep { $roles[$_] eq $role{ $row->{permission} } } 0 .. $#roles;

	is_deeply($may{ $row->{function} }, [ @roles[ $weakest .. $#roles ] ], "$row->{operation} for $row->{permission}");
}
is($c->value("select string_agg(p.oid::regproc::text, ' ') from pg_proc p join pg_namespace n on n.oid = p.pronamespace
	where n.nspname = 'whalefall_api' and p.oid::regproc::text not in (select function from whalefall_http.routes)", database => $db),
	'whalefall_api.grant_script', 'every operation has a route, but for the one that is for psql');

# Served is what has a function. Ids stand for rows that are not there.
my $http = Whalefall::Dispatch->new($c);
my $admin = $http->login('ann', 'admin');
my %other = map { $_ => 1 } grep { $table{$_}{functions} == 0 } keys %table;
for my $route (sort keys %table)
{
	my ($method, $path) = split / /, $route;
	my $row = $table{$route};
	(my $uri = $path) =~ s/\{\w+\}/4711/g;
	my $answer = $http->request($method, $uri);
	my $code = $answer->{json}{message_code} // '';

	if ($other{$route})
	{
		# The same path may have another method that is served.
		like("$answer->{status} $code", qr/^40[45] INVALID_REQUEST$/, "$route is not served");
	}
	elsif ($row->{permission} ne 'anon')
	{
		is("$answer->{status} $code", '401 AUTHENTICATION_REQUIRED', "$route asks for a login");
	}
	next if $other{$route} || $method ne 'GET';
	$answer = $http->request($method, $uri, cookie => $admin);
	like($answer->{status}, qr/^(200|400|404)$/, "$route answers") or diag $answer->{body};
	like($code, qr/^(|VALIDATION_ERROR|RESOURCE_NOT_FOUND|AUTHENTICATION_REQUIRED)$/, 'by itself');
}
is($http->request($_, '/api/v1/instances', cookie => $admin)->{status}, $_ eq 'GET' || $_ eq 'HEAD' ? 200 : $_ eq 'POST' ? 403 : 405, "$_ /api/v1/instances")
	for qw(GET HEAD POST PUT DELETE PATCH OPTIONS);
$http->quit;
done_testing;
