# The test library itself: clusters start, crash, come back, keep apart, and leave nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Time::HiRes qw(time);
use Whalefall::Cluster;

my $c = Whalefall::Cluster->new(
	settings => { work_mem => '5MB', shared_preload_libraries => undef },
	env => { WHALEFALL_TESTING => 1 });

is($c->value('show work_mem'), '5MB', 'settings reach the server');
is($c->value('show fsync'), 'off', 'defaults hold');
my $pid = $c->pid;
ok($pid, 'the postmaster has a process id');
is((stat "/proc/$pid")[4], (getpwnam(Whalefall::Servers::user()))[2], 'it runs as the server user');
isnt((stat "/proc/$pid")[4], 0, 'which is never root');
is_deeply([ $c->rows("select 'a|b', null, E'x\\ny' union all select '', 'c', 'd'") ],
	[ [ 'a|b', '', "x\ny" ], [ '', 'c', 'd' ] ], 'rows keep separators and newlines in values');

my $bad = $c->psql("select 1; select 1/0; select 2");
is($bad->{rc}, 3, 'an error ends psql');
is($bad->{stdout}, '1', 'with the output so far');
like($bad->{stderr}, qr/division by zero/, 'and the message');
eval { $c->query('select 1/0') };
like($@, qr/division by zero/, 'query dies on an error');
my $began = time;
is($c->psql('select pg_sleep(30)', timeout => 1)->{rc}, 124, 'a query that hangs is cut off');
cmp_ok(time - $began, '<', 10, 'in time');

$c->query('create table t(a int); insert into t values (7); checkpoint');
my $from = -s $c->log_file;
$c->kill9;
is($c->pid, undef, 'after kill -9 the postmaster is gone');
is(scalar($c->processes), 0, 'and its children too');
$c->start;
is($c->value('select a from t'), '7', 'recovery keeps what was committed');
ok($c->wait_for_log(qr/automatic recovery|not properly shut down/, $from, 5), 'the log tells of the crash');
isnt($c->pid, $pid, 'another process now');
$c->configure(work_mem => '6MB')->restart;
is($c->value('show work_mem'), '6MB', 'configure holds after a restart');

my $a = $c->session;
my $b = $c->session;
$a->query('begin; update t set a = 8');
$b->send('update t set a = a + 1 returning a');
ok($b->is_waiting(0.5), 'the second session waits for the row');
$a->query('commit');
is($b->receive(10), '9', 'and goes on after the commit');
$b->query('select 1/0');
like($b->error, qr/division by zero/, 'a session reports its error');
is($b->query('select 5'), '5', 'and lives on');
$_->quit for $a, $b;
ok($c->wait_for('select count(*) from t', '1', 5), 'wait_for sees it');

my $d = Whalefall::Cluster->new(settings => { shared_preload_libraries => undef });
isnt($d->port, $c->port, 'a second cluster has its own port');
is($d->psql('select a from t')->{rc}, 3, 'and its own data');

# A process that has ended may stay listed until its parent collects it, but it works nowhere.
sub runs
{
	my ($pid) = @_;

	return defined readlink "/proc/$pid/cwd";
}

# A test that dies leaves nothing behind: neither by exit nor by a signal.
for my $way ('exit 3', 'kill TERM => $$', 'die "no"')
{
	my $out = `$^X -Itest/lib -MWhalefall::Cluster -e 'my \$c = Whalefall::Cluster->new(settings => { shared_preload_libraries => undef }); \$| = 1; print \$c->pid, " ", \$c->dir; $way' 2>/dev/null`;
	my ($child, $dir) = split ' ', $out;
	ok($child && !runs($child) && !-e $dir, "no server and no folder after: $way");
}

# One whose test was killed outright is found by its owner's absence, and swept.
my $out = `$^X -Itest/lib -MWhalefall::Cluster -e 'my \$c = Whalefall::Cluster->new(settings => { shared_preload_libraries => undef }); \$| = 1; print \$c->pid, " ", \$c->dir; kill KILL => \$\$'`;
my ($orphan, $dir) = split ' ', $out;
ok(runs($orphan), 'a killed test leaves its server');
Whalefall::Cluster::sweep();
ok(!runs($orphan) && !-e $dir, 'sweep removes it');
ok($c->pid && $d->pid, 'and spares those whose test is alive');
done_testing;
