# Memory of a worker and its helper program: bounded while a large instance is read, and no growth over
# thousands of syncs. Measured is what only they have (RssAnon), not what all processes share.
use strict;
use warnings;
use Bench qw(row control_plane target mysql_target fill_mysql mysql_credential add_instance sync_ok worker_pid children_of anon_kb wait_until known);
use IO::Select;
use POSIX ();

my $ACCOUNTS = 10_000;
my $MOST_KB = 64 * 1024;
my $WARM = 50;
my $SYNCS = $ENV{WHALEFALL_BENCH_SYNCS} || 2000;
my $GROWTH = 1.02;

# One worker, so that it is always the same one. No autovacuum: its analyze makes the worker plan anew, which
# moves the mark of the memory once used by some 100 kB, at a moment of its choice; growth would be hidden by it.
my $control = control_plane('whalefall.max_workers' => 1, autovacuum => 'off');

sub worker
{
	return (worker_pid($control, 'whalefall worker'))[0];
}

# The worker and what it has started.
sub processes
{
	my ($worker) = @_;

	return ($worker, children_of($worker));
}

# Runs some code and gives the largest memory seen meanwhile, in KiB, and the most helper programs of one worker. A
# process of its own looks all the time.
sub peak
{
	my ($code) = @_;

	pipe(my $out, my $in) or die "pipe: $!\n";
	pipe(my $stop_out, my $stop_in) or die "pipe: $!\n";
	my $pid = fork // die "fork: $!\n";
	if ($pid == 0)
	{
		close $stop_in;
		my $select = IO::Select->new($stop_out);
		my ($peak, $most) = (0, 0);
		while (!$select->can_read(0.001))
		{
			# An idle one may stand beside the one that works.
			for my $worker (worker_pid($control, 'whalefall worker'))
			{
				my @processes = processes($worker);
				my $now = anon_kb(@processes);
				$peak = $now if $now > $peak;
				$most = $#processes if $#processes > $most;
			}
		}
		print {$in} "$peak $most";
		close $in;
		POSIX::_exit(0);
	}
	close $_ for $in, $stop_out;
	my $ok = eval { $code->(); 1 };
	my $error = $@;
	close $stop_in;
	my ($peak, $most) = split ' ', readline $out;
	waitpid $pid, 0;
	die $error if !$ok;
	return ($peak, $most);
}

# The figure of a peak.
sub judge
{
	my ($figure, $peak, $floor, $ok) = @_;

	return row(figure => $figure, measured => sprintf('%.1f MB', $peak / 1024), floor => sprintf('%.1f MB', $floor / 1024),
		ratio => sprintf('%.1f', $peak / ($floor || 1)), must => sprintf('<= %d MB', $MOST_KB / 1024), ok => $ok && $peak > 0 && $peak <= $MOST_KB);
}

my $small = target();
my $small_id = add_instance($control, 'small', $small->port);
my ($floor) = peak(sub { sync_ok($control, 'instances_sync_accounts', $small_id) });

my $large = target();
my $more = $ACCOUNTS - 2;
$large->query("select format('create role r%s', i) from generate_series(1, $more) i \\gexec", timeout => 300);
$large->query("select format('grant r%s to r%s', i, i + 1) from generate_series(1, $more - 1, 7) i \\gexec", timeout => 300);
my $large_id = add_instance($control, 'large', $large->port);
for my $round ('first sync', 'second sync')
{
	my ($peak) = peak(sub { sync_ok($control, 'instances_sync_accounts', $large_id) });
	known($control, $large_id, $ACCOUNTS);
	judge("memory of worker and helper, $ACCOUNTS accounts, $round", $peak, $floor, 1);
}

# A worker keeps the helper of each engine it has met: one run, in which it meets both.
my $session = $control->session(database => 'whalefall', timeout => 900);
my $mysql = mysql_target();
fill_mysql($mysql, $ACCOUNTS);
my $mysql_id = add_instance($control, 'mysql', $mysql->port, mysql_credential($control));
my ($peak, $programs) = peak(sub { repeat(1) });
known($control, $mysql_id, $ACCOUNTS);
judge("memory of worker and both helpers, $ACCOUNTS accounts each", $peak, $floor, $programs == 2);
$mysql->remove;

# The worker that has read the large instance may keep its memory; the next one starts afresh.
wait_until(sub { !worker() }, 30) or die "the worker does not end\n";
$control->query("update whalefall.instances set is_active = false where id in ($large_id, $mysql_id)", database => 'whalefall');

# Syncs what is active so often, one after the other. Through the queue: a caller who waits may be served by
# a second worker when the first one has not come to rest yet.
sub repeat
{
	my ($times) = @_;

	for (1 .. $times)
	{
		my $answer = $session->query("select whalefall_api.instances_sync_accounts_all() ->> 'run_id'");
		die "$answer\n", $session->error, "\n" if $answer !~ /^[0-9a-f-]{36}$/;
		$session->query(<<'END');
		do $$ begin
			while exists (select from whalefall.task_runs where status in ('pending', 'running')) loop
				perform pg_sleep(0.001);
			end loop;
		end $$
END
	}
	return;
}

# Open descriptors of some processes, without the relation and WAL files that PostgreSQL keeps open as a cache.
sub open_files
{
	return scalar grep { (readlink($_) // '') !~ m{/(?:base|global|pg_\w+)/} } map { glob "/proc/$_/fd/*" } @_;
}

repeat($WARM);
my @workers = worker_pid($control, 'whalefall worker');
my $before = anon_kb(processes($workers[0] // 0));
my $files_before = open_files(processes($workers[0] // 0));
repeat($SYNCS - $WARM);
my @after = worker_pid($control, 'whalefall worker');
die "not one and the same worker: @workers, then @after\n" if @workers != 1 || "@workers" ne "@after";
my $after = anon_kb(processes($after[0]));
my $files = open_files(processes($after[0]));
my $done = $control->value("select count(*) filter (where r.status = 'completed') || '/' || count(*)"
	  . " from whalefall.task_runs r where r.task_key = 'sync_accounts'", database => 'whalefall');
# And the one of both engines.
die "syncs: $done\n" if $done ne join('/', ($SYNCS + 1) x 2);
row(figure => "memory after $SYNCS syncs of one instance", measured => "$after kB", floor => "$before kB (after $WARM)",
	ratio => sprintf('%.3f', $after / $before), must => "<= $GROWTH x", ok => $before > 0 && $after <= $GROWTH * $before);
row(figure => "open files after $SYNCS syncs", measured => $files, floor => "$files_before (after $WARM)",
	ratio => '-', must => 'no more', ok => $files_before > 0 && $files <= $files_before);
$session->quit;
