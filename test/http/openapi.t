# The OpenAPI document: valid, complete, and true. Every operation is called, and what it answers must be exactly what
# the document says; arguments are given beyond the bounds it names.
# slow
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Encode ();
use Test::More;
use Time::HiRes qw(sleep);
use Whalefall::ApiDoc;
use Whalefall::Cluster;
use Whalefall::Fleet;
use Whalefall::Schema;

my $root = "$FindBin::Bin/../..";
my $db = 'whalefall';
my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });
$c->create_extension;
Whalefall::Fleet::make_monitor($c);

sub sql { return $c->query($_[0], database => $db, timeout => 100); }

# The document ----------------------------------------------------------------------------------------------
my $text = sql('select whalefall_api.openapi_json()');
is(sql('select whalefall_api.openapi_json()'), $text, 'the same declarations give the same text, in another session too');
my $document = Whalefall::Schema::decode($text);
my $schema = Whalefall::Schema->new($document);
my $operations = $schema->operations;
is($document->{openapi}, '3.1.0', 'version of OpenAPI');
is("$document->{info}{title} $document->{info}{version}", join(' ', Encode::decode('UTF-8', sql(q(select current_setting('whalefall.app_name') || ' ' ||
	extversion from pg_extension where extname = 'whalefall'))) =~ /(.*)/), 'title and version');
is_deeply($document->{servers}, [ { url => '/' } ], 'paths are those of the server it came from');

# The quickest of some tells the work, whatever else runs here: made anew, and kept.
for my $way ([ 'made', 'select whalefall_api.cache_clear_all() \g /dev/null', 200 ], [ 'kept', '', 50 ])
{
	my ($what, $before, $limit) = @$way;
	my @took = sort { $a <=> $b } map { /Time: ([\d.]+)/ ? $1 : () } split /\n/,
	  $c->query("$before\n\\timing on\nselect length(whalefall_api.openapi_json()::text);\n\\timing off\n" x 6, database => $db);
	cmp_ok($took[0], '<', $limit, "$what in $took[0] ms");
}
cmp_ok(length $text, '<', 1_000_000, length($text) . ' bytes');

SKIP:
{
	my $program = `'$root/test/fetch-validator' 2>&1`;
	chomp $program;
	skip "no validator: $program", 2 if $? != 0;
	my $file = $c->dir . '/openapi.json';
	my $write = sub { open my $out, '>:raw', $file or die "$file: $!"; print {$out} $_[0]; close $out; return; };

	$write->($text);
	like(`node '$program' '$file' 2>&1`, qr/"valid": true/, 'a validator of its own takes it for OpenAPI');
	$write->($text =~ s/"responses"/"answers"/r);
	like(`node '$program' '$file' 2>&1`, qr/"valid": false/, 'and does not take everything');
}

# Complete --------------------------------------------------------------------------------------------------
my $served = 'whalefall_http.routes r join pg_proc p on r.function = p.pronamespace::regnamespace || \'.\' || p.proname';
is(join("\n", map { my $path = $_; map { uc($_) . " $path" } sort keys %{ $document->{paths}{$path} } } sort keys %{ $document->{paths} }),
	sql("select r.method || ' ' || r.path from $served order by r.path collate \"C\", r.method collate \"C\""), 'every route that is served, and no other');
is(join(' ', sort grep { !/_alias$/ } keys %$operations), sql("select string_agg(distinct r.operation collate \"C\", ' ') from $served"), 'every operation by its name');
for my $id (grep { /_alias$/ } sort keys %$operations)
{
	my $usual = $document->{paths}{ $operations->{$id}{'x-alias-of'} }{ $operations->{$id}{method} };
	is("$usual->{operationId}_alias", $id, "$id names the route it is an alias of");
	ok($operations->{$id}{deprecated}, 'and is not for new programs');
}
is(sql("select string_agg(p.proname, ' ') from pg_proc p where p.pronamespace = 'whalefall_api'::regnamespace and p.proname not in
	(select operation from whalefall_http.routes) and p.proname <> 'grant_script'"), '', 'every function but one, for psql, has a route');

my @texts = map { my $id = $_; map { ref $_ ? () : "$id: $_" } grep { !defined $operations->{$id}{$_} } qw(summary x-permission security tags) } sort keys %$operations;
unlike(join(' ', map { $operations->{$_}{description} // '' } keys %$operations), qr/clear names/, 'nothing is said of the argument that HTTP does not have');
is("@texts", '', 'every operation says what it does, who may, and how to log in');
is(join(' ', map { $_->{name} } @{ $document->{tags} }), sql("select string_agg(distinct r.module collate \"C\", ' ') from $served"), 'tags are the modules');

# Every reference leads somewhere; every argument says what it is; no schema is empty by accident.
my @references = $text =~ /"\$ref":"([^"]+)"/g;
cmp_ok(scalar @references, '>', 300, scalar(@references) . ' references');
is(join(' ', grep { !eval { $schema->resolve($_); 1 } } @references), '', 'lead somewhere');
my %referred = map { $_ => 1 } @references;
is(join(' ', grep { !$referred{"#/components/schemas/$_"} } sort keys %{ $document->{components}{schemas} }), '', 'every schema is used');
my @silent;
for my $id (sort keys %$operations)
{
	my $operation = $operations->{$id};
	push @silent, map { "$id $_->{name}" } grep { !length($_->{description} // '') } @{ $operation->{parameters} // [] };
	my $body = $operation->{requestBody} or next;
	my $properties = $body->{content}{'application/json'}{schema}{properties};
	push @silent, map { "$id $_" } grep { !length($properties->{$_}{description} // '') } sort keys %$properties;
}
is(join(', ', @silent), '', 'every argument says what it is');
unlike($text, qr/"name":"(?:page_size|sort_order|clear|csv|filename)"/, 'names are those of HTTP');
is(join(' ', map { $_->{name} } @{ $operations->{instances_list}{parameters} }), 'search db_type status include_deleted page limit sort order tags',
	'arguments stand in the order of the declaration');

# The page made of it is the one in the tree.
open my $page, '<:encoding(UTF-8)', "$root/docs/api.md" or die "docs/api.md: $!";
my @page = <$page>;
my @made = map { "$_\n" } split /\n/, Whalefall::ApiDoc::markdown($document);
my ($differs) = grep { ($page[$_] // '') ne ($made[$_] // '') } 0 .. ($#page > $#made ? $#page : $#made);
is($differs, undef, 'docs/api.md is up to date (make docs)') or diag 'line ' . ($differs + 1) . ": $page[$differs]";

# Result types ------------------------------------------------------------------------------------------------
my $TYPES = "pg_type t join pg_class k on k.oid = t.typrelid and k.relkind = 'c' where t.typnamespace = 'whalefall_http'::regnamespace";
is(sql("select string_agg(t.typname || '.' || a.attname, ' ') from pg_type t join pg_class k on k.oid = t.typrelid and k.relkind = 'c'
	join pg_attribute a on a.attrelid = k.oid and a.attnum > 0 where t.typnamespace = 'whalefall_http'::regnamespace and col_description(k.oid, a.attnum) is null"),
	'', 'every attribute has a comment');
is(sql("select string_agg(t.typname, ' ') from pg_type t where t.typnamespace = 'whalefall_http'::regnamespace and (t.typtype = 'e' or t.typrelid in
	(select oid from pg_class where relkind = 'c')) and obj_description(t.oid, 'pg_type') is null"), '', 'every type has a comment');
my $names = "regexp_matches(regexp_replace(r.result, ' or \\d+', '', 'g'), '(?:^|[: ]|page of )([a-z_]+)(?:\\[\\])?(?=\\}|\$| )', 'g')";
is(sql("select string_agg(distinct r.operation || ' ' || n[1], ', ') from whalefall_http.routes r, $names n where n[1] not in ('page', 'of')
	and to_regtype('whalefall_http.' || n[1]) is null and not (r.result = 'file')"), '', 'every type that a route names is there');
is(sql("select string_agg(operation || ' ' || argument, ', ') from whalefall_http.arguments a where operation <> '*' and (operation not in (select operation
	from whalefall_http.routes) or exists (select from pg_proc p where p.pronamespace = 'whalefall_api'::regnamespace and p.proname = a.operation
	and a.argument <> all (p.proargnames)))"), '', 'no bounds are told of an argument that is not there');

# True: what operations answer -------------------------------------------------------------------------------
my $one = Whalefall::Fleet::register($c, name => 'one', port => $c->port);
my $dead = Whalefall::Fleet::register($c, name => 'dead', port => 1);
my $blank = sql("select whalefall_api.instances_create('blank', 'mysql', 'h', 1) #>> '{instance,id}'");
my %called;
my %usual_status = map { my ($status) = sort keys %{ $operations->{$_}{responses} }; $_ => $status } keys %$operations;

# Calls an operation by SQL, and holds its answer against the document. Gives the answer, decoded.
sub answers
{
	my ($operation, $call, $status) = @_;
	my $said = $c->psql("select whalefall_api.$operation($call)", database => $db, timeout => 100);

	$called{$operation}++;
	return fail("$operation($call): $said->{stderr}") if $said->{rc} != 0;
	my $data = $said->{stdout} eq '' ? undef : Whalefall::Schema::decode($said->{stdout});
	is(join("\n", $schema->check_data($operation, $status // $usual_status{$operation}, $data)), '', "$operation($call)");
	return $data;
}

answers($_, '') for qw(api_root app_info health_ping health_basic health_check health_cache health_detailed cache_stats
	cache_classification_stats cache_clear_classification cache_clear_all);
is_deeply([ sort map { "$_->{method} $_->{path}" } @{ answers('api_root', '')->{operations} } ], [ sort split /\n/, sql("select r.method || ' ' || r.path from $served") ],
	'the entry lists what is served');
is(answers('api_root', '')->{docs_url}, '/api/v1/docs', 'with the page to try it on');
sql('alter system set whalefall.api_docs = off');
sql('select pg_reload_conf()');
$c->wait_for('show whalefall.api_docs', 'off', 10, database => $db);
is(answers('api_root', '')->{docs_url}, undef, 'unless that is off');
answers('cache_clear_user', "$one, 'root'");
answers('cache_clear_instance', $one);

my $credential = answers('credentials_create', "'c1', 'database', 'u', 'a good secret'")->{credential}{id};
my $kept = answers('credentials_create', "'c2', 'ssh', 'u', 'a good secret', 'pg', 'text', false")->{credential}{id};
answers('credentials_list', '');
answers('credentials_list', "page => 99, sort => 'instance_count', sort_order => 'asc'");
answers('credentials_get', $credential);
answers('credentials_update', "$credential, db_type => 'mysql', description => 'd'");
answers('credentials_update', "$credential, clear => '{db_type,description}'");
answers('credentials_delete', $credential);

answers($_, '') for qw(database_types_list database_types_active database_types_form_options database_types_options);

my $tag = answers('tags_create', "'prod', 'Production', 'env', 'danger'")->{tag}{id};
my $spare = answers('tags_create', "'spare', 'Spare', 'env'")->{tag}{id};
my $gone = answers('tags_create', "'gone', 'Gone', 'other'")->{tag}{id};
answers('tags_list', '');
answers('tags_list', "search => 'nothing has this'");
answers('tags_options', '');
answers('tags_options', "'env'");
answers('tags_categories', '');
answers('tags_get', $tag);
answers('tags_get_by_name', "'prod'");
answers('tags_update', "$tag, display_name => 'P'");
answers('tags_bulk_assign', "'{$one,$dead}', '{$tag}'");
answers('tags_bulk_instances', '');
answers('tags_bulk_tags', '');
answers('tags_bulk_instance_tags', "'{$one}'");
answers('tags_bulk_remove', "'{$dead}', '{$tag}'");
answers('tags_batch_delete', "'[$gone, 999999, $tag]'", 207);
answers('tags_batch_delete', "'[$spare]'");
answers('tags_bulk_remove_all', "'{$dead}'");
answers('tags_delete', answers('tags_create', "'x', 'X', 'x'")->{tag}{id});

answers('instances_get', $one);
answers('instances_get', $blank);
answers('instances_create', "'full', 'oracle', '::1', 1521, 'ORCL', null, 'd', false, 'require', tag_names => '{prod}'");
answers('instances_update', "$one, description => 'd', tag_names => '{prod}'");
answers('instances_list', '');
answers('instances_list', "include_deleted => true, search => 'o', tags => '{prod}', sort => 'name'");
answers('instances_options', '');
answers('instances_statistics', '');
answers('instances_delete', $blank);
answers('instances_delete', $blank);
answers('instances_list', 'include_deleted => true');
answers('instances_restore', $blank);
answers('instances_batch_create', "csv => E'name,db_type,host,port\\nx1,pg,h,1\\nx1,pg,h,1\\none,pg,h,1\\nbad,pg,h,0\\ny1,pg,h,2\\n'");
answers('instances_batch_create', q(instances => '[{"name": "z1", "db_type": "mysql", "host": "h", "port": 1}]'));
my $doomed = sql("select string_agg(id::text, ',') from whalefall.instances where name in ('y1', 'z1')");
answers('instances_batch_delete', "'{$doomed,999999}'");
answers('instances_batch_delete', "'{$doomed}', 'hard'");
for my $file (qw(instances_export instances_import_template))
{
	is($schema->answer_schema($file, 200), undef, "$file answers no JSON");
	is($operations->{$file}{responses}{200}{content}{'text/csv'}{schema}{type}, 'string', 'but CSV');
	$called{$file}++;
}

my $user = answers('users_create', "'new_user', 'user', 'Good-pass-1'")->{user}{id};
answers('users_create', "'viewer_1', 'guest', 'Good-pass-1', false, 'a\@b'");
answers('users_list', '');
answers('users_list', "role => 'user', sort => 'username', sort_order => 'asc'");
answers('users_get', $user);
answers('users_update', "$user, username => 'user_2', role => 'user', email => 'c\@d'");
answers('users_update', "$user, username => 'user_2', role => 'user', clear => '{email}'");
answers('users_toggle_status', $user);
answers('users_toggle_status', $user);
answers('users_stats', '');
answers('users_delete', $user);

# With a real server behind it.
answers('instances_connection_status', $dead);
answers('instances_validate_connection_params', "'mysql', 3306");
answers('instances_test_connection', $one);
answers('instances_batch_test_connections', "'{$one,$dead,999999}'");
answers('instances_connection_status', $one);
answers('instances_sync_accounts', $one);
answers('instances_sync_accounts', $one);
answers('instances_sync_capacity', $one);
my $database = sql("select id from whalefall_api.databases where instance_id = $one and database_name = 'whalefall'");
answers('databases_table_sizes_refresh', $database);
answers('databases_table_sizes_refresh', "$database, table_name => 'no such table'");
answers('instances_get', $one);
answers('instances_list', '');
answers('instances_statistics', '');
my $session = answers('instances_sync_accounts_all', '')->{session_id};
ok($c->wait_for("select count(*) from whalefall.task_runs where status in ('pending', 'running')", '0', 60, database => $db), 'the fleet is done');
answers('databases_ledgers_sync_all', '');
ok($c->wait_for("select count(*) from whalefall.task_runs where status in ('pending', 'running')", '0', 60, database => $db), 'and again');
answers('task_runs_list', '');
for my $run (split /\n/, sql('select run_id from whalefall.task_runs'))
{
	answers('task_runs_get', "'$run'");
	answers('task_runs_error_logs', "'$run'");
}
answers('sync_sessions_list', '');
for my $id (split /\n/, sql('select session_id from whalefall.task_runs where session_id is not null'))
{
	answers('sync_sessions_get', "'$id'");
	answers('sync_sessions_error_logs', "'$id'");
}
answers('sync_sessions_statistics', '');
cmp_ok(answers('sync_sessions_error_logs', "'$session'")->{error_count}, '>', 0, 'failed records were among them');

# Work that goes on answers 202, and runs that have not begun can be shown, and cancelled.
sql('alter system set whalefall.max_waiting = 0; ');
sql('select pg_reload_conf()');
$c->wait_for('show whalefall.max_waiting', '0', 10, database => $db);
for my $waits ([ instances_sync_accounts => $one ], [ instances_sync_capacity => $one ], [ databases_table_sizes_refresh => $database ])
{
	answers(@$waits, 202);
	$c->wait_for("select count(*) from whalefall.task_runs where status in ('pending', 'running')", '0', 60, database => $db);
}
# Rows as they are before a worker has claimed them, held back by a lock on nothing: written by hand.
sql(q(insert into whalefall.task_runs (session_id, task_key, task_name, task_category, trigger_source, sync_type, is_fleet, progress_total)
	values (gen_random_uuid(), 'planted', 'planted', 'account', 'manual', 'manual_task', false, 1),
	(gen_random_uuid(), 'planted', 'planted', 'account', 'manual', 'manual_task', false, 1)));
my ($planted, $other) = split /\n/, sql("select run_id || ' ' || session_id from whalefall.task_runs where task_key = 'planted' order by id");
answers('task_runs_list', '');
answers('sync_sessions_list', '');
answers('task_runs_get', "'" . (split / /, $planted)[0] . "'");
answers('task_runs_cancel', "'" . (split / /, $planted)[0] . "'");
answers('sync_sessions_get', "'" . (split / /, $other)[1] . "'");
answers('sync_sessions_cancel', "'" . (split / /, $other)[1] . "'");

# Through the dispatcher -----------------------------------------------------------------------------------
# The whole body, envelope and all, as an administrator's cookie gets it.
sql(q(insert into whalefall.users (username, password, role) values ('ann', 'x', 'admin')));
sql(q(insert into whalefall.login_sessions (sid, user_id, cookie_hash, csrf_secret, created_at, cookie_expires_at, expires_at)
	select gen_random_uuid(), id, sha256(convert_to('s.' || repeat('a', 43), 'UTF8')), 'secret', now(), now() + '1 day', now() + '30 days'
	from whalefall.users where username = 'ann'));

# Status and body of a request; more: cookie, authorization, body (a hash).
sub dispatch
{
	my ($method, $uri, %more) = @_;
	my $json = JSON::PP->new->utf8;
	my $headers = $json->encode({ host => 'x', 'x-wf-method' => $method, 'x-wf-uri' => $uri, 'x-wf-content-type' => 'application/json',
		'x-wf-session' => $more{cookie} ? 's.' . 'a' x 43 : '', 'x-wf-authorization' => $more{authorization} // '', 'x-wf-client' => '192.0.2.7',
		'x-wf-agent' => 'test', 'x-wf-host' => 'wf.example', 'x-wf-scheme' => 'https', 'x-wf-request-id' => 'req-1' });
	my $body = $more{body} ? $json->encode($more{body}) : '';
	my $said = sql("begin; select set_config('request.headers', \$j\$$headers\$j\$, true) \\g /dev/null\nset local role whalefall_gateway;\n"
		  . "select convert_from(whalefall_http.dispatch(convert_to(\$j\$$body\$j\$, 'UTF8')), 'UTF8');\nreset role; select current_setting('response.status'); commit");
	my ($answer, $status) = $said =~ /^(.*)\n(\d+)\z/s;
	return ($status, $answer);
}

# An operation that makes sense over HTTP alone: its answer must be a success, and that of the document.
sub answers_over_http
{
	my ($operation, %more) = @_;
	my $known = $operations->{$operation};
	my ($status, $body) = dispatch(uc $known->{method}, $known->{path}, %more);
	my $answer = Whalefall::Schema::decode($body);

	$called{$operation}++;
	is($status, $usual_status{$operation}, "$operation over HTTP") or diag $body;
	is(join("\n", $schema->check_answer($operation, $usual_status{$operation}, $answer)), '', 'answers as the document says');
	return $answer->{data};
}

answers('users_create', "'logs_in', 'viewer', 'Good-pass-1'");
my $login = answers_over_http('auth_login', body => { username => 'logs_in', password => 'Good-pass-1' });
my $fresh = answers_over_http('auth_refresh', authorization => "Bearer $login->{refresh_token}");
answers_over_http('auth_csrf_token');
answers_over_http('auth_me', authorization => "Bearer $fresh->{access_token}");
answers_over_http('auth_logout', authorization => "Bearer $login->{access_token}");
$login = answers_over_http('auth_login', body => { username => 'logs_in', password => 'Good-pass-1' });
answers_over_http('auth_change_password', authorization => "Bearer $login->{access_token}", body => { old_password => 'Good-pass-1',
	new_password => 'Better-pass-2', confirm_password => 'Better-pass-2' });

for my $id (grep { $operations->{$_}{method} eq 'get' && $operations->{$_}{path} !~ /\{/ } sort keys %$operations)
{
	my ($status, $body) = dispatch('GET', $operations->{$id}{path}, cookie => 1);
	is($status, 200, "$operations->{$id}{path} answers");
	if ($operations->{$id}{responses}{200}{content}{'text/csv'})
	{
		unlike($body, qr/^\{/, 'with CSV');
	}
	elsif ($id =~ /^openapi_json/)
	{
		is($body, $text, 'with the document itself');
	}
	else
	{
		is(join("\n", $schema->check_answer($id, 200, Whalefall::Schema::decode($body))), '', 'with the envelope of the document');
	}
}
for my $refusal ([ GET => '/api/v1/tags', 0, 401 ], [ GET => '/api/v1/nothing', 1, 404 ], [ GET => '/api/v1/tags/999999', 1, 404 ],
	[ GET => '/api/v1/instances?limit=x', 1, 400 ], [ POST => '/api/v1/tags', 1, 403 ], [ PUT => '/api/v1/tags', 1, 405 ])
{
	my ($method, $uri, $cookie, $expected) = @$refusal;
	my ($status, $body) = dispatch($method, $uri, cookie => $cookie);
	is($status, $expected, "$method $uri is refused");
	is(join("\n", $schema->check(Whalefall::Schema::decode($body), { '$ref' => '#/components/schemas/error' })), '', 'with an error of the document');
}
my ($counted) = grep { $_->{status} == 401 } @{ answers('health_detailed', '')->{anonymous_failures} };
is_deeply($counted, { message_code => 'AUTHENTICATION_REQUIRED', status => 401, count => 1 }, 'refused without a login: counted in the health');

my %raw = map { $_ => 1 } qw(openapi_json);
is(join(' ', grep { !$called{$_} && !$raw{$_} && !/_alias$/ } sort keys %$operations), '', 'every operation was called');

# The check itself sees lies.
my $good = Whalefall::Schema::decode(sql("select whalefall_api.tags_get($tag)"));
for my $lie ([ sub { delete $_[0]{tag}{name} }, 'data.tag.name: missing' ], [ sub { $_[0]{tag}{more} = 1 }, 'data.tag.more: not in the schema' ],
	[ sub { $_[0]{tag}{id} = '1' }, 'data.tag.id: is string, not integer' ], [ sub { $_[0]{tag}{name} = undef }, 'data.tag.name: is null, not string' ],
	[ sub { $_[0]{tag}{is_active} = 1 }, 'data.tag.is_active: is integer, not boolean' ], [ sub { $_[0]{tag}{id} = 1.5 }, 'data.tag.id: is number, not integer' ],
	[ sub { $_[0]{tag}{created_at} = '2026-01-01' }, 'data.tag.created_at: "2026-01-01" is no date-time' ], [ sub { $_[0]{tag} = [] }, 'data.tag: is array, not object' ])
{
	my $copy = Whalefall::Schema::decode(JSON::PP->new->utf8->encode($good));
	$lie->[0]->($copy);
	is(join("\n", $schema->check_data('tags_get', 200, $copy)), $lie->[1], "seen: $lie->[1]");
}
is(join("\n", $schema->check({ status => 'up' }, { '$ref' => '#/components/schemas/component' })),
	".healthy: missing\n.status: is not one of connected, error", 'words and missing members too');

# True: what operations take ---------------------------------------------------------------------------------
# Good values by the name of an argument; the others of a call stay as they are while one goes wrong.
my %good = (name => q('good'), credential_type => q('database'), username => q('good'), password => q('Good pass 1'), display_name => q('g'),
	category => q('g'), db_type => q('mysql'), host => q('h'), port => 1, instance_id => $one, instance_ids => "'{$one}'", tag_ids => "'{$tag}'",
	credential_id => $kept, tag_id => $tag, user_id => 1, role => q('user'), old_password => q('Good pass 1'), new_password => q('Good pass 2'),
	confirm_password => q('Good pass 2'), database_id => $database, hours => 1);

# The call of an operation with good values but the given ones.
sub call_with
{
	my ($operation, %given) = @_;
	my $known = $operations->{$operation};
	my $body = $known->{requestBody} ? $known->{requestBody}{content}{'application/json'}{schema} : {};
	my %args = ((map { $_ => $good{$_} } @{ $body->{required} // [] }), (map { $_->{name} => $good{ $_->{name} } } grep { $_->{required} } @{ $known->{parameters} // [] }), %given);
	# The only list of ids that is JSON.
	if ($operation eq 'tags_batch_delete' && defined $args{tag_ids})
	{
		$args{tag_ids} =~ tr/{}/[]/;
	}
	delete $args{$_} for grep { !defined $args{$_} } keys %args;
	my $list = join ', ', map { my $name = $_ eq 'limit' ? 'page_size' : $_ eq 'order' ? 'sort_order' : $_; "$name => $args{$_}" } sort keys %args;
	return "whalefall_api.$operation($list)";
}

# All calls at once, in one session: [what, SQL, expected]. Each gives "" or the SQLSTATE of its error, and is undone.
my @calls;
my $WRONG = qr/^PT400\z/;
for my $id (grep { !/_alias$/ && !/^auth_/ } sort keys %$operations)
{
	my $body = $operations->{$id}{requestBody} ? $operations->{$id}{requestBody}{content}{'application/json'}{schema} : {};
	my %schemas = (%{ $body->{properties} // {} }, map { $_->{name} => $_->{schema} } grep { $_->{in} eq 'query' } @{ $operations->{$id}{parameters} // [] });

	push @calls, map { [ "$id without $_", call_with($id, $_ => undef), qr/^(?:PT400|42883)\z/ ] } @{ $body->{required} // [] };
	for my $name (sort keys %schemas)
	{
		my $s = $schemas{$name};
		my $type = ref $s->{type} ? $s->{type}[0] : $s->{type} // '';
		my $try = sub { my ($what, $value, $expected) = @_; push @calls, [ "$id: $name $what", call_with($id, $name => $value), $expected // $WRONG, $id, $name, $s ]; };

		$try->("longer than $s->{maxLength}", "repeat('a', $s->{maxLength} + 1)" . ($name eq 'email' ? q( || '@b') : '')) if defined $s->{maxLength};
		$try->("shorter than $s->{minLength}", "repeat('a', $s->{minLength} - 1)") if defined $s->{minLength};
		$try->('empty', q('{}')) if defined $s->{minItems} && $name ne 'instances';
		$try->("with more than $s->{maxItems}", "array(select generate_series(1, $s->{maxItems} + 1))") if defined $s->{maxItems};
		$try->("of $_", "'$_'", qr/^\z/) for $name eq 'sort' ? @{ $s->{enum} // [] } : ();
		$try->($s->{minimum} - 1, $s->{minimum} - 1) if $type eq 'integer' && defined $s->{minimum};
		$try->($s->{maximum} + 1, $s->{maximum} + 1) if $type eq 'integer' && defined $s->{maximum};
	}
}
my @said = split /\n/, $c->query(q(create function pg_temp.refused(sql text) returns text language plpgsql as $f$
	begin
		execute 'select ' || sql;
		raise sqlstate 'ZZ000';
	exception when sqlstate 'ZZ000' then return '-';
	when others then return sqlstate;
	end $f$;) . "\n" . join('', map { "select pg_temp.refused(\$q\$$_->[1]\$q\$);\n" } @calls), database => $db, timeout => 300);
is(scalar @said, scalar @calls, scalar(@calls) . ' calls beyond the bounds, and on them');
for my $i (0 .. $#calls)
{
	my ($what, $sql, $expected, $id, $name, $s) = @{ $calls[$i] };
	my $got = $said[$i] eq '-' ? '' : $said[$i];

	# Lists of the clamping kind bend what others refuse: the answer then shows the bound.
	if ($got eq '' && $expected == $WRONG && defined $name && $name =~ /^(?:page|limit)$/)
	{
		my ($beyond) = $what =~ /(-?\d+)\z/;
		is(sql("select $sql ->> '$name'"), $beyond < $s->{minimum} ? $s->{minimum} : $s->{maximum}, "$what is bent");
		next;
	}
	like($got, $expected, $what);
}

# And on them by themselves.
for my $id (grep { $operations->{$_}{method} eq 'get' } sort keys %$operations)
{
	my ($limit) = grep { $_->{name} eq 'limit' && defined $_->{schema}{default} } @{ $operations->{$id}{parameters} // [] };

	is(sql("select whalefall_api.$id() ->> 'limit'"), $limit->{schema}{default}, "$id: limit is $limit->{schema}{default} by itself") if $limit;
}

done_testing;
