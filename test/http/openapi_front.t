# The OpenAPI document over HTTP, and as a client reads it: every operation is called by what the document says of it,
# and may answer nothing but what is described there: status, media type, body.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Time::HiRes qw(time);
use Whalefall::Cluster;
use Whalefall::Fleet;
use Whalefall::Front;
use Whalefall::Schema;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
my $db = 'whalefall';
my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 }, settings => { 'whalefall.bcrypt_cost' => 4 });
$c->create_extension;
Whalefall::Fleet::make_monitor($c);
my $front = Whalefall::Front->start($c);

# The document ----------------------------------------------------------------------------------------------
my $answer = $front->request('GET', '/api/v1/openapi.json');
is($answer->{status}, 200, 'anybody may read it');
is($answer->{headers}{'content-type'}, 'application/json; charset=utf-8', 'as JSON');
is($answer->{content}, $c->query('select whalefall_api.openapi_json()', database => $db), 'it is what SQL gives, byte by byte');
is($front->request('GET', '/api/v1/swagger.json')->{content}, $answer->{content}, 'under its older name too');
is($front->request('HEAD', '/api/v1/openapi.json')->{content} // '', '', 'HEAD');
# Every server process plans its queries once; the quickest answer is of one that has.
my @took = sort { $a <=> $b } map { my $began = time; $front->request('GET', '/api/v1/openapi.json'); time - $began } 1 .. 25;
cmp_ok($took[0], '<', 0.2, sprintf 'in %.0f ms', $took[0] * 1000);
my $document = Whalefall::Schema::decode($answer->{content});
my $schema = Whalefall::Schema->new($document);
my $operations = $schema->operations;
my $entry = $front->request('GET', '/api/v1/')->{json}{data};
is($front->request('GET', $entry->{openapi_url})->{status}, 200, 'the entry leads there');

# A client ----------------------------------------------------------------------------------------------------
$c->query(q(select whalefall_api.users_create('admin_1', 'admin', 'Good-pass-1'), whalefall_api.users_create('viewer_1', 'viewer', 'Good-pass-1')), database => $db);
my %who = map { $_ => $front->login("${_}_1", 'Good-pass-1')->{bearer} } qw(admin viewer);
my $one = Whalefall::Fleet::register($c, name => 'one', port => $c->port);
my %called;

# Calls an operation with values for its path (hash), query and body; the answer must be as described. Gives it.
sub call
{
	my ($operation, %arg) = @_;
	my $known = $operations->{$operation} or return fail("no operation $operation");
	my %values = %{ $arg{path} // {} };
	my $path = $known->{path} =~ s/\{(\w+)\}/$values{$1} \/\/ die "no $1"/ger;
	my $got = $front->request(uc $known->{method}, $path . ($arg{query} // ''), { headers => $arg{who} // {}, defined $arg{body} ? (body => $arg{body}) : () });
	my $name = "$operation: $got->{status}" . ($arg{name} ? " ($arg{name})" : '');
	my $described = $known->{responses}{ $got->{status} };

	$called{$operation}{ $got->{status} }++;
	return ok($described, "$name is described") || $got if !$described;
	is($got->{status}, $arg{status}, "$name is expected") if $arg{status};
	$described = $schema->resolve($described->{'$ref'}) if $described->{'$ref'};
	my ($type) = ($got->{headers}{'content-type'} // '') =~ m{^([^;]+)};
	my $content = $described->{content}{ $type // '' };
	if (!$content)
	{
		fail("$name as " . ($type // 'nothing'));
	}
	elsif ($type ne 'text/csv')
	{
		is(join("\n", $schema->check(Whalefall::Schema::decode($got->{content}), $content->{schema})), '', $name);
	}
	return $got;
}

# Nobody, then a viewer, ask for everything; what reads is answered.
my %ids = (instance_id => $one, credential_id => 1, tag_id => 1, tag_name => 'prod', user_id => 1, database_id => 1,
	run_id => '00000000-0000-0000-0000-000000000000', session_id => '00000000-0000-0000-0000-000000000000');
$c->query(q(select whalefall_api.tags_create('prod', 'P', 'env')), database => $db);
for my $id (sort keys %$operations)
{
	my $permission = $operations->{$id}{'x-permission'};

	call($id, path => \%ids, status => $permission eq 'anon' ? undef : 401, name => 'nobody');
	call($id, path => \%ids, who => $who{viewer}, status => 403, name => 'viewer') if $permission =~ /^(?:create|update|delete|admin|scheduler_manage)$/;
	next if $operations->{$id}{method} ne 'get';
	call($id, path => \%ids, who => $who{viewer}, name => 'viewer');
	call($id, path => { map { $_ => /_id$/ ? 999999999999 : 'x' } keys %ids }, who => $who{viewer}, status => 404, name => 'nothing there')
	  if $operations->{$id}{path} =~ /\{/;
	call($id, path => \%ids, who => $who{viewer}, query => '?limit=x', status => 400, name => 'a bad limit') if grep { $_->{name} eq 'limit' } @{ $operations->{$id}{parameters} // [] };
}

# What writes.
my %as = (who => $who{admin});
my $credential = call('credentials_create', %as, body => { name => 'c', credential_type => 'ssh', username => 'u', password => 'a good one' }, status => 201)->{json}{data}{credential}{id};
call('credentials_create', %as, body => { name => 'c', credential_type => 'ssh', username => 'u', password => 'a good one' }, status => 400, name => 'taken');
call('credentials_update', %as, path => { credential_id => $credential }, body => { description => undef }, status => 200);
call('credentials_update', %as, path => { credential_id => 999999 }, body => {}, status => 404);
call('credentials_delete', %as, path => { credential_id => $credential }, status => 200);
my $tag = call('tags_create', %as, body => { name => 't', display_name => 'T', category => 'c' }, status => 201)->{json}{data}{tag}{id};
call('tags_update', %as, path => { tag_id => $tag }, body => { display_name => 'U' }, status => 200);
call('tags_bulk_assign', %as, body => { instance_ids => [$one], tag_ids => [$tag] }, status => 200);
call('tags_bulk_assign', %as, body => {}, status => 400, name => 'nothing given');
call('tags_bulk_instance_tags', %as, body => { instance_ids => [$one] }, status => 200);
call('tags_delete', %as, path => { tag_id => $tag }, status => 409, name => 'in use');
call('tags_batch_delete', %as, body => { tag_ids => [$tag] }, status => 207);
call('tags_bulk_remove', %as, body => { instance_ids => [$one], tag_ids => [$tag] }, status => 200);
call('tags_bulk_remove_all', %as, body => { instance_ids => [$one] }, status => 200);
call('tags_batch_delete', %as, body => { tag_ids => [$tag] }, status => 200);
call('tags_delete', %as, path => { tag_id => 1 }, status => 200);
my $instance = call('instances_create', %as, body => { name => 'i', db_type => 'mysql', host => 'h', port => 1 }, status => 201)->{json}{data}{instance}{id};
call('instances_create', %as, body => { name => 'i', db_type => 'mysql', host => 'h', port => 1 }, status => 409, name => 'taken');
call('instances_create', %as, body => '[1]', status => 400, name => 'no object');
call('instances_update', %as, path => { instance_id => $instance }, body => { description => 'd' }, status => 200);
call('instances_delete', %as, path => { instance_id => $instance }, status => 200);
call('instances_restore', %as, path => { instance_id => $instance }, status => 200);
call('instances_batch_create', %as, body => { instances => [ { name => 'j', db_type => 'pg', host => 'h', port => 1 } ] }, status => 200);
call('instances_batch_delete', %as, body => { instance_ids => [$instance], deletion_mode => 'hard' }, status => 200);
call('instances_validate_connection_params', %as, body => { db_type => 'mysql', port => 1 }, status => 200);
call('instances_test_connection', %as, body => { instance_id => $one }, status => 200);
call('instances_test_connection', %as, body => { db_type => 'postgresql', host => '127.0.0.1', port => 1, username => 'u', password => 'p' }, status => 409);
call('instances_batch_test_connections', %as, body => { instance_ids => [ $one, 999999 ] }, status => 200);
call('instances_sync_accounts', %as, path => { instance_id => $one }, status => 200);
call('instances_sync_capacity', %as, path => { instance_id => $one }, body => { force => JSON::PP::true }, status => 200);
call('databases_table_sizes_refresh', %as, path => { database_id => $c->value('select id from whalefall_api.databases limit 1', database => $db) }, status => 200);
my $run = call('instances_sync_accounts_all', %as, status => 200)->{json}{data};
call('instances_sync_accounts_all', %as) for 1 .. 2;
$c->wait_for("select count(*) from whalefall.task_runs where status in ('pending', 'running')", '0', 60, database => $db);
call('databases_ledgers_sync_all', %as, status => 200);
$c->wait_for("select count(*) from whalefall.task_runs where status in ('pending', 'running')", '0', 60, database => $db);
call($_, %as, path => $run, status => 200) for qw(task_runs_get task_runs_error_logs sync_sessions_get sync_sessions_error_logs);
call($_, %as, path => $run, status => 404, name => 'over') for qw(task_runs_cancel sync_sessions_cancel);
$c->query(q(insert into whalefall.task_runs (run_id, session_id, task_key, task_name, task_category, trigger_source, sync_type, is_fleet, progress_total)
	select ('0000000' || n || '-0000-4000-8000-000000000000')::uuid, ('0000000' || n || '-0000-4000-8000-000000000000')::uuid, 'planted', 'planted', 'account',
	'manual', 'manual_task', false, 1 from generate_series(1, 2) n), database => $db);
call('task_runs_cancel', %as, path => { run_id => '00000001-0000-4000-8000-000000000000' }, status => 200);
call('sync_sessions_cancel', %as, path => { session_id => '00000002-0000-4000-8000-000000000000' }, status => 200);
call('cache_clear_all', %as, status => 200);
call('cache_clear_classification', %as, body => { db_type => 'mysql' }, status => 200);
call('cache_clear_instance', %as, body => { instance_id => $one }, status => 200);
call('cache_clear_user', %as, body => { instance_id => $one, username => 'root' }, status => 200);
call('cache_clear_user', %as, body => { instance_id => 999999, username => 'root' }, status => 404);
my $user = call('users_create', %as, body => { username => 'new_user', role => 'user', password => 'Good-pass-1' }, status => 201)->{json}{data}{user}{id};
call('users_create', %as, body => { username => 'new_user', role => 'user', password => 'Good-pass-1' }, status => 409, name => 'taken');
call('users_update', %as, path => { user_id => $user }, body => { username => 'new_user', role => 'viewer', email => 'a@b' }, status => 200);
call($_, %as, path => { user_id => $user }, status => 200) for qw(users_toggle_status users_toggle_status_alias users_delete);
my $login = call('auth_login', body => { username => 'viewer_1', password => 'Good-pass-1' }, status => 200)->{json}{data};
call('auth_refresh', who => { Authorization => "Bearer $login->{refresh_token}" }, status => 200);
my %self = (who => { Authorization => "Bearer $login->{access_token}" });
call('auth_change_password', %self, body => { old_password => 'x', new_password => 'Good-pass-2', confirm_password => 'Good-pass-2' }, status => 401);
call('auth_change_password', %self, body => { old_password => 'Good-pass-1', new_password => 'Good-pass-2', confirm_password => 'Good-pass-2' }, status => 200);
$login = call('auth_login', body => { username => 'viewer_1', password => 'Good-pass-2' }, status => 200)->{json}{data};
call('auth_logout', who => { Authorization => "Bearer $login->{access_token}" }, status => 200);
call('auth_login', body => { username => 'nobody_1', password => 'no' }, name => $_) for 1 .. 12;
is($called{auth_login}{429}, 2, 'too many attempts end in the answer that is described');

# Everything was called with success once, and every success that is described was seen but those that take a wait.
my %waits = map { ("$_ 202" => 1) } qw(instances_sync_accounts instances_sync_capacity databases_table_sizes_refresh);
is(join(', ', grep { my ($id, $status) = split / /; !$called{$id}{$status} && !$waits{$_} } map { my $id = $_; map { "$id $_" } grep { /^2/ } sort keys %{ $operations->{$id}{responses} } } sort keys %$operations),
	'', 'every success that the document describes was seen');

done_testing;
