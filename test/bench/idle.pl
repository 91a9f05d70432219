# An idle control plane: no query, and no processor time to speak of.
use strict;
use warnings;
use Bench qw(row control_plane target add_instance sync_ok worker_pid cpu_ns wait_until);
use Time::HiRes qw(sleep);

my $SECONDS = $ENV{WHALEFALL_BENCH_IDLE} || 60;
# Autovacuum visits every database by itself: it is not ours, so it stays out.
my $control = control_plane(autovacuum => 'off');
my $target = target();

# Transactions of all databases but the one we ask from; what has not been reported yet comes with
# the end of its session.
sub transactions
{
	return $control->value("select sum(xact_commit + xact_rollback) from pg_stat_database"
		  . " where datname is distinct from 'postgres'");
}

# Wake-ups of a process: how often it went to sleep by itself.
sub sleeps
{
	my ($pid) = @_;

	open my $file, '<', "/proc/$pid/status" or die "process $pid has ended\n";
	local $/ = undef;
	my ($count) = <$file> =~ /^voluntary_ctxt_switches:\s+(\d+)/m;
	return $count;
}

# It has worked before it is idle: what it left running would show.
my $id = add_instance($control, 'idle', $target->port);
sync_ok($control, 'instances_sync_accounts', $id);
sync_ok($control, 'instances_sync_capacity', $id);
wait_until(sub { !worker_pid($control, 'whalefall worker') }, 30) or die "a worker does not end\n";
my ($launcher) = worker_pid($control, 'whalefall launcher') or die "there is no launcher\n";
my ($other) = worker_pid($control, 'logical replication launcher') or die "PostgreSQL's own launcher is missing\n";
sleep 2;

my ($transactions, $cpu, $floor, $wakes, $log) =
  (transactions(), cpu_ns($launcher), cpu_ns($other), sleeps($launcher), -s $control->log_file);
sleep $SECONDS;
my $used = (cpu_ns($launcher) - $cpu) / 1e6;
my $least = (cpu_ns($other) - $floor) / 1e6;
my $done = transactions() - $transactions;
my $woken = sleeps($launcher) - $wakes;
my $logged = $control->log_contents($log);

die "a worker runs\n" if worker_pid($control, 'whalefall worker');
row(figure => "transactions in $SECONDS s of idleness", measured => $done, floor => 0, must => '= 0', ok => $done == 0);
row(figure => 'log lines in that time', measured => ($logged =~ tr/\n//), floor => 0, must => '= 0', ok => $logged eq '');
row(figure => 'wake-ups of the launcher in that time', measured => $woken, floor => 0, must => '<= 2', ok => $woken <= 2);
row(figure => 'processor time of the launcher in that time', measured => sprintf('%.3f ms', $used),
	floor => sprintf('%.3f ms', $least), ratio => $least > 0 ? sprintf('%.2f', $used / $least) : '-',
	must => sprintf('< %g ms (0.1 %%)', $SECONDS), ok => $used < $SECONDS);
