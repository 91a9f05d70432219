# Two sessions at once on tags and imports: who comes second waits, and then sees what the first one did.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Cluster;

my $db = 'whalefall';
my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });
$c->create_extension;
my ($one, $two) = map { $c->session(database => $db) } 1 .. 2;

sub value { return $c->value($_[0], database => $db); }

# Runs the first statement in an open transaction, sends the second one, ends the first with $end, and gives the
# second one's answer and error.
sub race
{
	my ($first, $second, $end) = @_;

	$one->query("begin; $first");
	is($one->error, '', 'the first one works');
	$two->send($second);
	ok($two->is_waiting(1), 'the second one waits');
	$one->query($end);
	my $answer = $two->receive(30);
	return ($answer, $two->error);
}

$c->query(q(select whalefall_api.tags_create('t', 'T', 'c'), whalefall_api.tags_create('u', 'U', 'c'), whalefall_api.instances_create('i', 'pg', 'h', 1)),
	database => $db);
my ($t, $u) = map { value("select id from whalefall.tags where name = '$_'") } qw(t u);

# A tag on its way to an instance is not deleted, and a tag that goes is not assigned.
my ($answer, $error) = race("select whalefall_api.tags_bulk_assign(array[1], array[$t])", "select whalefall_api.tags_delete($t)", 'commit');
like($error, qr/tag is in use/, 'a tag that was just assigned stays');
($answer, $error) = race("select whalefall_api.tags_delete($u)", "select whalefall_api.tags_bulk_assign(array[1], array[$u, $t])", 'commit');
like($answer, qr/"assigned_count":0\b/, 'a tag that has just gone is not assigned') or diag $error;
is(value('select count(*) from whalefall.instance_tags'), '1', 'one link is there');

# Names: the second one is told in our words, whether it comes alone or in a file.
($answer, $error) = race(q(select whalefall_api.tags_create('same', 'S', 'c')), q(select whalefall_api.tags_create('same', 'S', 'c')), 'commit');
like($error, qr/name is already in use/, 'two tags of one name');
($answer, $error) = race(q(select whalefall_api.instances_create('x', 'pg', 'h', 1)),
	q(select whalefall_api.instances_batch_create(E'name,db_type,host,port\nx,mysql,h,1\ny,mysql,h,1')), 'commit');
like($answer, qr/"created_count": 1\b.*"skipped_existing_names": \["x"\]/, 'a file beside a single instance') or diag $error;
($answer, $error) = race(q(select whalefall_api.instances_batch_create(E'name,db_type,host,port\nz,mysql,h,1')),
	q(select whalefall_api.instances_create('z', 'pg', 'h', 1)), 'commit');
like($error, qr/conflicting state/, 'a single instance beside a file');
($answer, $error) = race(q(select whalefall_api.instances_batch_create(E'name,db_type,host,port\nw,mysql,h,1')),
	q(select whalefall_api.instances_batch_create(E'name,db_type,host,port\nw,oracle,h,1')), 'rollback');
like($answer, qr/"created_count": 1\b/, 'after a rollback the name is free') or diag $error;
is(value(q(select db_type from whalefall.instances where name = 'w')), 'oracle', 'and the second one has it');

# An instance that is being removed is not changed; and a failure half-way leaves everything.
($answer, $error) = race(q(select whalefall_api.instances_batch_delete(array[1], 'hard')), q(select whalefall_api.instances_update(1, host => 'h2')), 'commit');
like($error, qr/resource not found/, 'gone for the second one');
$c->query(q(create table public.blocker (id bigint references whalefall.instances); insert into public.blocker select id from whalefall.instances where name = 'z'),
	database => $db);
my $failed = $c->psql(q(select whalefall_api.instances_batch_delete(array_agg(id), 'hard') from whalefall.instances), database => $db);
like($failed->{stderr}, qr/violates foreign key/, 'one instance cannot go');
is(value('select count(*) from whalefall.instances'), '4', 'so none has');
$_->quit for $one, $two;
done_testing;
