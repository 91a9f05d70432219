# Every change leaves a row in the unified log, in its own transaction: with module, action and who did it; and a change whose
# row cannot be written does not happen. Each write is tried with a broken log first and then for good.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";
use Test::More;
use Contract;
use Whalefall::Fleet;

binmode $_, ':utf8' for Test::More->builder->output, Test::More->builder->failure_output;
my $t = Contract->start(settings => { 'whalefall.test_retry_base' => 200 });
$t->login($_) for qw(viewer admin);
my $PASSWORD = $Contract::PASSWORD;

# A log that refuses rows while a flag is up. No DDL in between, so that nothing but the refusal itself is seen.
$t->sql(q(
	create schema broken;
	create table broken.flag (is_up boolean);
	insert into broken.flag values (false);
	grant usage on schema broken to public;
	grant select on broken.flag to public;
	create function broken.refuse() returns trigger language plpgsql as
		'begin if (select is_up from broken.flag) then raise exception ''the log is full'' using errcode = ''disk_full''; end if; return new; end';
	create trigger broken before insert on whalefall_data.unified_logs for each row execute function broken.refuse();
));

sub break_log { $t->sql('update broken.flag set is_up = true'); return; }
sub mend_log { $t->sql('update broken.flag set is_up = false'); return; }

# Everything that a request may change, but the log.
my @tables = split /\n/, $t->sql(q(select c.oid::regclass from pg_class c where c.relnamespace = 'whalefall'::regnamespace and c.relkind = 'r' order by 1));
sub state
{
	return $t->sql(join ' union all ', map { "select '$_ ' || count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from $_ t" } @tables);
}

# Which tables differ between two states.
sub changed
{
	my ($before, $after) = map { my %row = map { /^(\S+) (.*)$/ ? ($1 => $2) : () } split /\n/, $_; \%row } @_;

	return join ' ', grep { $before->{$_} ne $after->{$_} } sort keys %$before;
}

# The writes, in an order in which each finds what it needs. Paths and bodies may be code, as ids come up on the way.
my (%id, @steps);
sub step
{
	my ($operation, $module, $action, $method, $path, $body, %opt) = @_;

	push @steps, { operation => $operation, module => $module, action => $action, method => $method, path => $path, body => $body, status => 200, %opt };
	return;
}
# Nothing may change in the background while states are compared.
sub wait_for_run
{
	my ($run) = @_;

	ok($t->cluster->wait_for("select status from whalefall.task_runs where run_id = '$run'", qr/^(?:completed|failed)$/, 30, database => $Contract::DATABASE), 'the run has ended');
	return;
}

# A run that no worker takes up for an hour.
sub make_run
{
	@id{qw(run session)} = split /\|/, $t->sql(q(insert into whalefall.task_runs (session_id, task_key, task_name, task_category, trigger_source, sync_type, is_fleet)
		values (gen_random_uuid(), 'sync_accounts', 'n', 'account', 'manual', 'manual_task', true) returning run_id, session_id));
	$t->sql("insert into whalefall.task_run_items (run_id, work, item_type, item_key, instance_id, not_before) values ('$id{run}', 'accounts', 'instance', '1', 1, now() + interval '1 hour')");
	return;
}
my $own = sub { return { Authorization => "Bearer $_[0]{access}" } };
step(users_create => users => create_user => POST => '/users', { username => 'made', role => 'viewer', password => $PASSWORD }, status => 201,
	keep => sub { $id{user} = $_[0]{user}{id} }, names => ['made']);
step(users_update => users => update_user => PUT => sub { "/users/$id{user}" }, { username => 'made', role => 'user' }, names => ['made']);
step(users_toggle_status => users => toggle_user_status => POST => sub { "/users/$id{user}/toggle-status" }, undef, names => ['made']);
step(users_toggle_status => users => toggle_user_status => POST => sub { "/users/$id{user}/actions/toggle-status" }, undef, names => ['made']);
step(auth_login => auth => login => POST => '/auth/login', { username => 'made', password => $PASSWORD }, who => 'anonymous', keep => sub { $id{login} = { access => $_[0]{access_token} } },
	by => 'user', names => ['made']);
step(auth_change_password => auth => submit_change_password => POST => '/auth/change-password', { old_password => $PASSWORD, new_password => "$PASSWORD+", confirm_password => "$PASSWORD+" },
	who => sub { $own->($id{login}) }, by => 'user', prepare => sub { $id{login} = $t->log_in('made') });
step(auth_logout => auth => logout => POST => '/auth/logout', undef, who => sub { $own->($id{login}) }, by => 'user', prepare => sub { $id{login} = $t->log_in('made', "$PASSWORD+") });
step(users_delete => users => delete_user => DELETE => sub { "/users/$id{user}" }, undef, names => ['made']);
step(credentials_create => credentials => create_credential_rest => POST => '/credentials', { name => 'c', credential_type => 'database', username => 'm', password => 'Secr3t-of-it' }, status => 201,
	keep => sub { $id{credential} = $_[0]{credential}{id} }, names => ['c']);
step(credentials_update => credentials => update_credential_rest => PUT => sub { "/credentials/$id{credential}" }, { description => 'd', password => 'Secr3t-of-all' }, names => ['c']);
step(tags_create => tags => create_tag => POST => '/tags', { name => 't', display_name => 'T', category => 'k' }, status => 201, keep => sub { $id{tag} = $_[0]{tag}{id} }, names => ['t']);
step(tags_update => tags => update_tag => PUT => sub { "/tags/$id{tag}" }, { display_name => 'U' }, names => ['t']);
step(instances_create => instances => create_instance => POST => '/instances', sub { return { name => 'i', db_type => 'postgresql', host => '127.0.0.1', port => 1, credential_id => $id{credential}, tag_names => ['t'] } }, status => 201,
	keep => sub { $id{instance} = $_[0]{instance}{id} }, names => ['i']);
step(instances_update => instances => update_instance_detail => PUT => sub { "/instances/$id{instance}" }, { host => '127.0.0.2', tag_names => [] }, names => ['i']);
step(tags_bulk_assign => tags_bulk => batch_assign_tags => POST => '/tags/bulk/actions/assign', sub { return { instance_ids => [ $id{instance} ], tag_ids => [ $id{tag} ] } });
step(tags_bulk_remove => tags_bulk => batch_remove_tags => POST => '/tags/bulk/actions/remove', sub { return { instance_ids => [ $id{instance} ], tag_ids => [ $id{tag} ] } });
step(tags_bulk_remove_all => tags_bulk => batch_remove_all_tags => POST => '/tags/bulk/actions/remove-all', sub { return { instance_ids => [ $id{instance} ] } },
	prepare => sub { $t->sql("insert into whalefall.instance_tags values ($id{instance}, $id{tag})") });
step(instances_delete => instances => delete_instance => DELETE => sub { "/instances/$id{instance}" }, undef, names => ['i']);
step(instances_restore => instances => restore_instance => POST => sub { "/instances/$id{instance}/actions/restore" }, undef, names => ['i']);
step(instances_sync_accounts_all => accounts_sync => start_sync_accounts => POST => '/instances/actions/sync-accounts', undef, keep => sub { wait_for_run($_[0]{run_id}) });
step(task_runs_cancel => sync_session => task_runs_cancel => POST => sub { "/task-runs/$id{run}/actions/cancel" }, undef, prepare => \&make_run);
step(databases_ledgers_sync_all => capacity_sync => start_sync_databases => POST => '/databases/ledgers/actions/sync-all', undef, keep => sub { wait_for_run($_[0]{run_id}) });
step(sync_sessions_cancel => sync_session => sync_sessions_cancel => POST => sub { "/sync-sessions/$id{session}/actions/cancel" }, undef, prepare => \&make_run);
step(instances_batch_create => instances_batch => create_instances_batch => POST => '/instances/actions/batch-create', { instances => [ map { { name => $_, db_type => 'mysql', host => 'h', port => 1 } } 'b1', 'b2' ] },
	names => [ 'b1', 'b2' ], keep => sub { $id{batch} = $t->sql("select id from whalefall.instances where name = 'b1'") });
step(instances_batch_delete => instances_batch => delete_instances_batch => POST => '/instances/actions/batch-delete', sub { return { instance_ids => [ $id{batch} ] } }, names => ['b1']);
step(instances_batch_delete => instances_batch => delete_instances_batch => POST => '/instances/actions/batch-delete', sub { return { instance_ids => [ $id{batch}, $id{instance} ], deletion_mode => 'hard' } }, names => [ 'b1', 'i' ]);
step(tags_delete => tags => delete_tag => DELETE => sub { "/tags/$id{tag}" }, undef, names => ['t']);
step(tags_batch_delete => tags => batch_delete_tags => POST => '/tags/batch-delete', sub { return { tag_ids => [ $id{tag} ] } },
	prepare => sub { $id{tag} = $t->sql("insert into whalefall.tags (name, display_name, category, color) values ('t2', 'T', 'k', 'info') returning id") + 0 });
step(credentials_delete => credentials => delete_credential => DELETE => sub { "/credentials/$id{credential}" }, undef, names => ['c']);
# What is kept of the caches lies in no table, yet who clears them is told.
step(cache_clear_classification => cache => clear_classification_cache => POST => '/cache/actions/clear-classification', { db_type => 'mysql' }, tableless => 1);
step(cache_clear_user => cache => clear_user_cache => POST => '/cache/actions/clear-user', sub { return { instance_id => $id{left}, username => 'u' } }, tableless => 1,
	prepare => sub { $id{left} = $t->sql("select min(id) from whalefall.instances") });
step(cache_clear_instance => cache => clear_instance_cache => POST => '/cache/actions/clear-instance', sub { return { instance_id => $id{left} } }, tableless => 1);
step(cache_clear_all => cache => clear_all_cache => POST => '/cache/actions/clear-all', undef, tableless => 1);

# All that change something by route, but those that wait for another server (contract_remote.t) and those that only read.
my %covered = map { $_->{operation} => 1 } @steps;
my %reads = map { $_ => 1 } qw(auth_refresh instances_validate_connection_params tags_bulk_instance_tags);
my %remote = map { $_ => 1 } qw(instances_test_connection instances_batch_test_connections instances_sync_accounts instances_sync_capacity databases_table_sizes_refresh);
my %writes = map { $_->{method} ne 'GET' ? ($_->{operation} => 1) : () } Contract->table('access.tsv');
is(join(' ', grep { !$covered{$_} && !$reads{$_} && !$remote{$_} } sort keys %writes), '', 'every write is tried');

my $n = 0;
for my $step (@steps)
{
	my $name = $step->{operation};
	my $value = sub { my ($what) = @_; return ref $what eq 'CODE' ? $what->() : $what; };

	$step->{prepare}->() if $step->{prepare};
	my ($path, $body, $who) = ($value->($step->{path}), $value->($step->{body}), $value->($step->{who} // 'admin'));
	my $before = state();
	my $rows = $t->sql('select count(*) from whalefall_data.unified_logs');

	break_log();
	my $refused = $t->call($who, $step->{method}, $path, $body);
	is($refused->{status}, 500, "$name: refused while its row cannot be written") or diag $refused->{body};
	is(join(' ', sort keys %{ $refused->json // {} }), 'category context error error_id message message_code recoverable severity success suggestions timestamp', 'in an envelope');
	is(index($refused->{body}, 'log is full'), -1, 'that shows nothing of the inside');
	is(changed($before, state()), '', 'and nothing has changed');
	is($t->sql('select count(*) from whalefall_data.unified_logs'), $rows, 'nor been logged');
	mend_log();

	my $request_id = 'audit-' . ++$n;
	my $answer = $t->call($who, $step->{method}, $path, $body, headers => { 'X-Request-ID' => $request_id });
	is($answer->{status}, $step->{status}, "$name: done") or diag $answer->{body};
	$step->{keep}->($answer->json->{data}) if $step->{keep} && $answer->{status} < 300;
	isnt(changed($before, state()), '', 'and something has changed') if !$step->{tableless};
	my @logged = $t->cluster->rows(qq(select level, module, context ->> 'action', context ->> 'current_user_id', context ->> 'current_username', context::text
		from whalefall_data.unified_logs where module = '$step->{module}' and context ->> 'request_id' = '$request_id'), database => $Contract::DATABASE);
	is(scalar @logged, 1, 'one row tells of it, by the id of the request');
	next if !@logged;
	my ($by, $by_name) = $step->{by} ? ($id{user}, 'made') : ($t->person('test_admin'), 'test_admin');
	is(join(' ', @{ $logged[0] }[ 0 .. 4 ]), "INFO $step->{module} $step->{action} $by $by_name", 'level, module, action and who');
	like($logged[0][5], qr/"\Q$_\E"/, "and names $_") for @{ $step->{names} // [] };
	unlike($logged[0][5], qr/\Q$PASSWORD\E|Secr3t/, 'but no secret');
}

# Two other ways a log can be lost: no right to write, no table.
for my $loss ([ 'no right to insert', 403, 'revoke insert on whalefall_data.unified_logs from whalefall_owner', 'grant insert on whalefall_data.unified_logs to whalefall_owner' ],
	[ 'no table', 500, 'alter table whalefall_data.unified_logs rename to elsewhere', 'alter table whalefall_data.elsewhere rename to unified_logs' ])
{
	$t->sql($loss->[2]);
	my $answer = $t->call('admin', 'POST', '/tags', { name => 'lost', display_name => 'L', category => 'k' });
	is($answer->{status}, $loss->[1], "a log with $loss->[0] stops changes") or diag $answer->{body};
	is($t->sql("select count(*) from whalefall.tags where name = 'lost'"), 0, 'and nothing is made');
	is($t->call('admin', 'GET', '/tags')->{status}, 200, 'reads go on');
	$t->sql($loss->[3]);
}
is($t->call('admin', 'POST', '/tags', { name => 'found', display_name => 'F', category => 'k' })->{status}, 201, 'with the log back, changes go on');

# A month without partition is no loss: it is made.
$t->sql(q(do $$ declare p regclass; begin for p in select inhrelid::regclass from pg_inherits where inhparent = 'whalefall_data.unified_logs'::regclass loop
	execute format('drop table %s', p); end loop; end $$));
is($t->call('admin', 'POST', '/tags', { name => 'month', display_name => 'M', category => 'k' })->{status}, 201, 'a missing partition is made');
is($t->sql("select count(*) from whalefall_data.unified_logs where context ->> 'action' = 'create_tag'"), 1, 'and has the row');

# Work in the background is held to the same: what a sync found is not stored without its row, and is tried again.
Whalefall::Fleet::make_monitor($t->cluster);
my $managed = Whalefall::Fleet::register($t->cluster, name => 'managed', port => $t->cluster->port);
break_log();
my $sync = $t->good($t->call('admin', 'POST', "/instances/$managed/actions/sync-accounts"), 202, 'a sync that cannot be logged does not end', { run_id => 'uuid', session_id => 'uuid', status => \'running' });
is($t->sql("select count(*) from whalefall.instance_accounts where instance_id = $managed"), 0, 'and stores nothing');
mend_log();
wait_for_run($sync->{run_id});
is($t->sql("select status from whalefall.task_runs where run_id = '$sync->{run_id}'"), 'completed', 'well, once its row can be written');
cmp_ok($t->sql("select count(*) from whalefall.instance_accounts where instance_id = $managed"), '>', 1, 'and has stored what it found');
is($t->sql("select count(*) from whalefall_data.unified_logs where module = 'accounts_sync' and context ->> 'instance_id' = '$managed' and level = 'INFO'"), 1, 'with one row');

# Reads write nothing at all: no row of any table, and none of the log.
{
	my %some = (user => $t->person('test_admin'), instance => $managed, credential => $t->sql('select min(id) from whalefall.credentials'),
		tag => $t->sql("select id from whalefall.tags where name = 'month'"), tagname => 'month');
	my ($before, $rows) = (state(), $t->sql('select count(*), max(id) from whalefall_data.unified_logs'));
	my $read = 0;

	for my $row (grep { $_->{method} eq 'GET' && $_->{admin} eq '200' } Contract->table('access.tsv'))
	{
		my $path = $row->{path} =~ s/\{(\w+)\}/$some{$1}/gr;

		for my $who ('admin', 'viewer+cookie', 'anonymous')
		{
			# What a stranger may not see is counted, and told to the log once a minute.
			next if $who eq 'anonymous' && $row->{anonymous} ne '200';
			is($t->call($who, 'GET', $path)->{status}, 200, "$who reads $path");
			$read++;
		}
	}
	cmp_ok($read, '>', 75, "after $read reads");
	is(changed($before, state()), '', 'no row has changed');
	is($t->sql('select count(*), max(id) from whalefall_data.unified_logs'), $rows, 'and the log has no new one');
}

# Refused requests leave their trace as well, and only that.
my %refusal = (
	'a bad field' => [ 'admin', 'POST', '/tags', { name => 'a b', display_name => 'x', category => 'k' }, 400, 'WARNING' ], 'a permission that lacks' => [ 'viewer', 'POST', '/tags', {}, 403, 'WARNING' ],
	'a name that is taken' => [ 'admin', 'POST', '/tags', { name => 'month', display_name => 'x', category => 'k' }, 400, 'WARNING' ]);
for my $what (sort keys %refusal)
{
	my ($who, $method, $path, $body, $status, $level) = @{ $refusal{$what} };
	my $before = state();
	my $answer = $t->call($who, $method, $path, $body);
	my $error = ($answer->json // {})->{error_id} // '';

	is($answer->{status}, $status, $what);
	is(changed($before, state()), '', 'changes nothing');
	is($t->sql("select module || ' ' || level || ' ' || (context ->> 'request_id') from whalefall_data.unified_logs where module = 'error_handler' and context ->> 'error_id' = '$error'"),
		"error_handler $level " . $answer->header('X-Request-ID'), 'and has a row with the error id');
}

done_testing;
