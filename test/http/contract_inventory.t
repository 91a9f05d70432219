# What the inventory's operations promise beyond their shapes: the recycle bin, tags in use, batches that succeed in part or
# not at all, and that no password ever comes out.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";
use Test::More;
use Contract;
use Shapes;

binmode $_, ':utf8' for Test::More->builder->output, Test::More->builder->failure_output;
my $t = Contract->start;
my $SECRET = 'Canary-p4ss-"x"\\é';
my @answers;

# As administrator; the data. Every body is kept for the search at the end.
sub call
{
	my ($method, $path, $json, $status) = @_;
	my $answer = $t->call('admin', $method, $path, $json);

	push @answers, $answer->{body};
	is($answer->{status}, $status // 200, "$method $path") or diag $answer->{body};
	return ($answer->json // {})->{data};
}

sub refused
{
	my ($method, $path, $json, $status, $code, $name, %opt) = @_;
	my $answer = $t->call('admin', $method, $path, $json);

	push @answers, $answer->{body};
	return $t->bad($answer, $status, $code, $name, %opt);
}

my %base = (db_type => 'mysql', host => 'h', port => 3306);
my $credential = call('POST', '/credentials', { name => 'c', credential_type => 'database', username => 'm', password => $SECRET }, 201)->{credential}{id};
my %tag = map { $_ => call('POST', '/tags', { name => $_, display_name => "Tag $_", category => 'k' }, 201)->{tag}{id} } qw(one two three);

# The recycle bin (check 17).
my $instance = call('POST', '/instances', { %base, name => 'bin', credential_id => $credential, tag_names => [ 'one', 'two' ] }, 201)->{instance}{id};
my $deleted = call('DELETE', "/instances/$instance")->{deleted_at};
is(call('DELETE', "/instances/$instance")->{deleted_at}, $deleted, 'deleting again answers the first time');
refused('GET', "/instances/$instance", undef, 404, 'RESOURCE_NOT_FOUND', 'what lies in the bin is not shown');
refused('PUT', "/instances/$instance", { description => 'x' }, 404, 'RESOURCE_NOT_FOUND', 'nor changed');
is(call('GET', '/instances')->{total}, 0, 'nor listed');
my $listed = call('GET', '/instances?include_deleted=true')->{items}[0];
is("$listed->{id} $listed->{status} $listed->{deleted_at}", "$instance deleted $deleted", 'unless asked for');
is(call('GET', "/instances/$instance/connection-status")->{instance_name}, 'bin', 'its connection status is told');
refused('POST', '/instances', { %base, name => 'bin' }, 409, 'CONSTRAINT_VIOLATION', 'its name stays taken');
is_deeply([ map { $_->{id} } @{ call('GET', '/instances/options')->{instances} } ], [], 'it is no option');
is_deeply(call('GET', '/tags/bulk/instances')->{instances}, [], 'and not offered for tags');
my $numbers = call('GET', '/instances/statistics');
is("$numbers->{total_instances} $numbers->{active_instances} $numbers->{deleted_instances}", '1 0 1', 'it is counted as deleted');
is_deeply([ @$numbers{qw(db_type_stats port_stats version_stats)} ], [ [], [], [] ], 'and in no breakdown');
is(call('POST', "/instances/$instance/actions/restore")->{instance}{status}, 'active', 'it comes back');
is(join(' ', map { $_->{name} } @{ call('POST', "/instances/$instance/actions/restore")->{instance}{tags} }), 'one two', 'once, with its tags');
call('PUT', "/instances/$instance", { is_active => JSON::PP::false });
call('DELETE', "/instances/$instance");
is(call('POST', "/instances/$instance/actions/restore")->{instance}{status}, 'inactive', 'what was inactive is so again');
my $words = $t->call('admin', 'POST', "/instances/$instance/actions/restore")->json->{message};
call('DELETE', "/instances/$instance");
isnt($t->call('admin', 'POST', "/instances/$instance/actions/restore")->json->{message}, $words, 'the message tells whether there was anything to do');

# Tags in use (check 16), also by what lies in the bin.
call('DELETE', "/instances/$instance");
my $in_use = refused('DELETE', "/tags/$tag{one}", undef, 409, 'TAG_IN_USE', 'a tag in use stays', message => qr/Tag one.*1/);
my $mixed = $t->call('admin', 'POST', '/tags/batch-delete', { tag_ids => [ $tag{three}, $tag{one}, 999999999, $tag{three} ] });
my $results = $t->good($mixed, 207, 'several tags, of which some can go', { results => ['any'] })->{results};
is_deeply($results, [ { tag_id => $tag{three}, status => 'deleted' }, { tag_id => $tag{one}, status => 'in_use', instance_count => 1 }, { tag_id => 999999999, status => 'not_found' },
	{ tag_id => $tag{three}, status => 'not_found' } ], 'each is told, in the order asked');
is($t->sql('select string_agg(name, \' \' order by name) from whalefall.tags'), 'one two', 'those that could go are gone');
is($t->call('admin', 'POST', '/tags/batch-delete', { tag_ids => 999999999 })->{status}, 207, 'a single id of nothing is 207 too');
$t->sql(q(create function public.refuse() returns trigger language plpgsql as 'begin raise exception ''inner words'' using errcode = ''disk_full''; end';
	create trigger refuse before delete on whalefall.tags for each row when (old.name = 'two') execute function public.refuse()));
call('POST', '/tags/bulk/actions/remove-all', { instance_ids => [$instance] });
my $partly = $t->good($t->call('admin', 'POST', '/tags/batch-delete', { tag_ids => [ $tag{two}, $tag{one} ] }), 207, 'one that fails does not stop the next', { results => ['any'] })->{results};
is("$partly->[0]{status} $partly->[1]{status}", 'error deleted', 'each in a savepoint of its own');
like($partly->[0]{message} // '', qr/\p{Han}/, 'with a message');
unlike($partly->[0]{message} // '', qr/inner words/, 'that is not the server\'s');
my $failed = $t->call('admin', 'DELETE', "/tags/$tag{two}");
is($failed->{status}, 500, 'alone it is a failure');
$t->bad($failed, 500, 'DATABASE_QUERY_ERROR', 'in an envelope');
unlike($failed->{body}, qr/inner words|refuse/, 'that shows nothing of the inside');
is($t->sql("select count(*) from whalefall.tags where name = 'two'"), 1, 'and nothing is gone');
$t->sql('drop trigger refuse on whalefall.tags');

# Hard deletion is all or nothing (check 23).
my @many = map { call('POST', '/instances', { %base, name => "many$_", tag_names => ['two'] }, 201)->{instance}{id} } 1 .. 4;
$t->sql("insert into whalefall_data.database_size_stats (instance_id, database_name, collected_date, size_mb, collected_at) select i, 'd', current_date, 1, now() from unnest('{@{[join ',', @many]}}'::bigint[]) i;
	create trigger refuse before delete on whalefall.instances for each row when (old.name = 'many3') execute function public.refuse()");
my $before = $t->sql('select (select count(*) from whalefall.instances), (select count(*) from whalefall.instance_tags), (select count(*) from whalefall_data.database_size_stats)');
is($t->call('admin', 'POST', '/instances/actions/batch-delete', { instance_ids => \@many, deletion_mode => 'hard' })->{status}, 500, 'a hard deletion that fails half-way');
is($t->sql('select (select count(*) from whalefall.instances), (select count(*) from whalefall.instance_tags), (select count(*) from whalefall_data.database_size_stats)'), $before, 'has deleted nothing');
$t->sql('drop trigger refuse on whalefall.instances');
my $hard = call('POST', '/instances/actions/batch-delete', { instance_ids => [ @many, 999999999, 888888888 ], deletion_mode => 'HARD' });
is("$hard->{deleted_count} $hard->{deletion_mode} $hard->{deleted_tag_links} $hard->{deleted_database_size_stats} @{$hard->{missing_instance_ids}}", '4 hard 4 4 888888888 999999999', 'for good it takes all with it');
is($t->sql('select count(*) from whalefall_data.database_size_stats'), 0, 'history too');
is(call('POST', '/instances', { %base, name => 'many1' }, 201)->{instance}{name}, 'many1', 'and the name is free again');

# A create that fails after its row was written leaves none.
$t->sql(q(create trigger refuse before insert on whalefall.instance_tags for each row execute function public.refuse()));
is($t->call('admin', 'POST', '/instances', { %base, name => 'half', tag_names => ['two'] })->{status}, 500, 'a creation whose tags fail');
is($t->sql("select count(*) from whalefall.instances where name = 'half'"), 0, 'leaves no instance');
$t->sql('drop trigger refuse on whalefall.instance_tags');
# So does a constraint that is checked at the end only.
$t->sql(q(create constraint trigger late after insert on whalefall.tags deferrable initially deferred for each row execute function public.refuse()));
my $late = $t->call('admin', 'POST', '/tags', { name => 'late', display_name => 'l', category => 'k' });
is($late->{status}, 500, 'a constraint that is checked at the end');
ok(!Shape::wrong($late->json->{message_code}, qr/^(?:INTERNAL_ERROR|DATABASE_QUERY_ERROR|VALIDATION_ERROR)$/), 'is an envelope of ours');
is($t->sql("select count(*) from whalefall.tags where name = 'late'"), 0, 'and leaves nothing');
$t->sql('drop trigger late on whalefall.tags');

# Two who make the same name: one wins, the other is told; and nobody sees a failure of the server.
my @race = map { $t->client->begin('POST', '/api/v1/tags', headers => { $t->headers_of('admin', 'POST') }, type => 'application/json', body => '{"name":"race","display_name":"r","category":"k"}') } 1 .. 6;
is(join(' ', sort map { $_->finish->{status} } @race), '201 400 400 400 400 400', 'six at once make one tag');
@race = map { $t->client->begin('POST', '/api/v1/instances', headers => { $t->headers_of('admin', 'POST') }, type => 'application/json', body => '{"name":"race","db_type":"mysql","host":"h","port":1}') } 1 .. 6;
is(join(' ', sort map { $_->finish->{status} } @race), '201 409 409 409 409 409', 'and one instance');

# Credentials: detached when deleted; the password never comes out.
$instance = call('POST', '/instances', { %base, name => 'user-of-c', credential_id => $credential }, 201)->{instance}{id};
is(call('GET', "/credentials/$credential")->{credential}{instance_count}, 1, 'a credential is used');
call('PUT', "/credentials/$credential", { name => 'c', credential_type => 'database', username => 'm2', password => '' });
is(call('DELETE', "/credentials/$credential")->{detached_instance_count}, 2, 'deleting it detaches, also what lies in the bin');
is(call('GET', "/instances/$instance")->{instance}{credential}, undef, 'and the instance has none');
$credential = call('POST', '/credentials', { name => 'c128', credential_type => 'database', username => 'm', password => 'x' x 128 }, 201)->{credential}{id};
call('GET', $_) for '/credentials', "/credentials/$credential", '/instances', '/instances?include_deleted=true', '/tags', '/users', '/task-runs';
push @answers, $t->call('admin', 'GET', '/instances/exports')->{body};
my $all = join "\n", @answers;
is(index($all, 'Canary'), -1, 'no password in any answer');
is(index($all, 'x' x 20), -1, 'also of 128 characters');
my ($sealed) = $t->sql("select encode(secret, 'hex') from whalefall.credentials where id = $credential");
is(index(lc $all, substr $sealed, -8), -1, 'nor the end of what is stored');
my $logs = $t->sql("select string_agg(l::text, chr(10)) from whalefall_data.unified_logs l");
is(index($logs, 'Canary'), -1, 'nor in the log');
is(index($t->cluster->log_contents, 'Canary'), -1, 'nor in that of the server');

done_testing;
