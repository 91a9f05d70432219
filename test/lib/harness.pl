# Runs the tests and counts them; called by test/run after the build.
#
# Five kinds: checks of the source (test/lint, programs that exit 0, or 77 to skip), regression
# tests (test/sql), pgTAP files (test/tap), isolation specs (test/specs) and test programs (*.t in
# the other folders). Each file is a job with a time limit and a log in build/log; a job gives
# TAP, or its exit status counts as one test. Jobs that only wait run beside each other.
use strict;
use warnings;
use File::Basename qw(basename);
use File::Path qw(make_path remove_tree);
use IO::Handle;
use IO::Select;
use POSIX qw(:sys_wait_h);
use TAP::Parser;
use Time::HiRes qw(sleep time);
use Whalefall::Cluster;
use Whalefall::Servers;
use Whalefall::Tree;

my $ROOT = Whalefall::Servers::root();
my $ONLY = $ARGV[0] // '';
my $FILE_LIMIT = $ENV{WHALEFALL_FILE_TIMEOUT} || 900;     # seconds per file
my $TOTAL_LIMIT = $ENV{WHALEFALL_TOTAL_TIMEOUT} || 7200;  # seconds for all; what has not begun then fails
my $JOBS = $ENV{WHALEFALL_JOBS} || 2;
my $began = time;
my %total = (passed => 0, failed => 0, skipped => 0);
my %running;
my @failures;

chdir $ROOT or die "$ROOT: $!";
make_path('build/log');
$ENV{PERL5LIB} = join ':', "$ROOT/test/lib", $ENV{PERL5LIB} // ();
$ENV{WHALEFALL_ROOT} = $ROOT;
$| = 1;
$SIG{$_} = sub { stop_all(); exit 130 } for qw(INT TERM HUP);

# True when the file is asked for.
sub wanted
{
	return $ONLY eq '' || $_[0] =~ /$ONLY/;
}

# The files that match a glob, sorted, that are asked for.
sub files
{
	return grep { wanted($_) } sort map { glob } @_;
}

sub stop_all
{
	kill 'TERM', map { -$_ } keys %running;
	my $end = time + 20;
	while (keys %running && time < $end)
	{
		delete $running{$_} for grep { waitpid($_, WNOHANG) != 0 } keys %running;
		sleep 0.1;
	}
	kill 'KILL', map { -$_ } keys %running;
	Whalefall::Cluster::sweep();
	return;
}

# Starts a job: { name, command (list), kind: tap or exit }. It gets a process group of its own, no input, and
# a pipe for its output, as under prove: a test may look at what its programs have inherited.
sub start_job
{
	my ($job) = @_;
	(my $log = $job->{name}) =~ s{[^A-Za-z0-9_.-]+}{_}g;

	$job->{log} = "build/log/$log.log";
	$job->{began} = time;
	open $job->{out}, '>', $job->{log} or die "$job->{log}: $!";
	pipe $job->{pipe}, my $write or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		setpgrp;
		open STDIN, '<', '/dev/null';
		open STDOUT, '>&', $write or die "stdout: $!";
		open STDERR, '>&', \*STDOUT;
		# The limit sits in a program of its own, so that it holds whatever the test does.
		{ exec 'timeout', '--foreground', '-k', '30', $FILE_LIMIT, @{ $job->{command} } }
		POSIX::_exit(127);
	}
	close $write;
	$job->{pipe}->blocking(0);
	$running{$pid} = $job;
	return;
}

# Moves what the jobs have written into their logs; waits for some up to the given seconds.
sub drain
{
	my ($seconds, @jobs) = @_;
	my $select = IO::Select->new(map { $_->{pipe} } grep { !$_->{eof} } @jobs);

	if (!$select->count)
	{
		sleep $seconds;
		return;
	}
	my %ready = map { fileno($_) => 1 } $select->can_read($seconds);
	for my $job (grep { !$_->{eof} && $ready{ fileno $_->{pipe} } } @jobs)
	{
		my $got;
		while ($got = sysread $job->{pipe}, my $text, 65536)
		{
			syswrite $job->{out}, $text;
		}
		$job->{eof} = 1 if defined $got && $got == 0;
	}
	return;
}

# Waits for one job to end and counts it.
sub reap
{
	my $pid;

	while (1)
	{
		$pid = waitpid -1, WNOHANG;
		last if $pid > 0 && $running{$pid};
		drain(0.05, values %running);
	}
	my $status = $?;
	my $job = delete $running{$pid};
	kill 'KILL', -$pid;    # what a test has left in its group
	drain(0, $job);
	close $job->{$_} for qw(out pipe);
	finish($job, $status >> 8 || $status & 127);
	return;
}

# Reads a file into a string.
sub slurp
{
	my ($path) = @_;

	open my $file, '<:raw', $path or return '';
	local $/ = undef;
	return <$file> // '';
}

# Counts what TAP says. A file that ends early or with an error without a failed test fails once.
sub count_tap
{
	my ($text, $status) = @_;
	my $parser = TAP::Parser->new({ tap => "$text\n" });
	$parser->run;
	my %count = (skipped => scalar $parser->skipped, failed => scalar $parser->failed);

	$count{passed} = $parser->passed - $count{skipped};
	if (defined $parser->skip_all)
	{
		%count = (passed => 0, failed => $status ? 1 : 0, skipped => 1);
	}
	elsif (!$count{failed} && ($status || $parser->parse_errors || !$parser->tests_run))
	{
		$count{failed} = 1;
	}
	return \%count;
}

# Counts a finished job, says so in one line, and shows its output when it failed.
sub finish
{
	my ($job, $status) = @_;
	my $text = slurp($job->{log});
	my $count = $job->{kind} eq 'tap' ? count_tap($text, $status)
	  : $status == 0 ? { passed => 1 } : $status == 77 ? { skipped => 1 } : { failed => 1 };
	my $why = $status == 124 || $status == 137 ? " (time limit)" : '';

	$total{$_} += $count->{$_} // 0 for keys %total;
	printf "%-6s %-44s %s %6.1f s%s\n", $count->{failed} ? 'FAILED' : $count->{passed} ? 'ok' : 'skip', $job->{name},
	  join(', ', map { sprintf '%3d %s', $count->{$_}, $_ } grep { $count->{$_} } qw(passed failed skipped)),
	  time - $job->{began}, $why;
	if ($count->{failed})
	{
		push @failures, $job->{name};
		my @lines = split /\n/, $text;
		if (@lines > 400)
		{
			splice @lines, 200, @lines - 400, "... (all of it: $job->{log})";
		}
		print map { "    $_\n" } @lines;
	}
	elsif (!$count->{passed} || $count->{skipped})
	{
		print map { "    $_\n" } grep { /\bskip/i } split /\n/, $text;
	}
	return;
}

# Runs jobs, so many at once. Beyond the total time nothing is started any more.
sub run_jobs
{
	my ($width, @jobs) = @_;

	while (@jobs || %running)
	{
		if (@jobs && time - $began > $TOTAL_LIMIT)
		{
			print "FAILED $_->{name}: no time left\n" for @jobs;
			$total{failed} += @jobs;
			@jobs = ();
		}
		elsif (@jobs && keys %running < $width)
		{
			start_job(shift @jobs);
		}
		else
		{
			reap() if %running;
		}
	}
	return;
}

# Counts something that happened outside a job.
sub note_failure
{
	my ($name, $text) = @_;

	print "FAILED $name\n", map { "    $_\n" } split /\n/, $text;
	push @failures, $name;
	$total{failed}++;
	return;
}

# The program of PGXS that runs a kind of test, or undef.
sub pgxs_program
{
	my ($path) = @_;
	chomp(my $pgxs = `"$ENV{PG_CONFIG}" --pgxs`);

	$pgxs =~ s{/makefiles/pgxs\.mk$}{/test/$path};
	return -x $pgxs ? $pgxs : undef;
}

# Regression tests, pgTAP files and specs share one server; each file has a database of its own, in
# which the extension stands and setup() has run.
sub run_sql
{
	my @sql = files('test/sql/*.sql');
	my @tap = files('test/tap/*.sql');
	my @spec = files('test/specs/*.spec');
	my $cluster;

	return if !@sql && !@tap && !@spec;
	if (!eval { $cluster = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 }); 1 })
	{
		note_failure('server for SQL tests', $@);
		return;
	}
	%ENV = (%ENV, $cluster->connection_env);
	delete $ENV{PGDATABASE};
	for my $path (@sql, @tap, @spec)
	{
		(my $name = basename($path)) =~ s/\.\w+$//;
		my $kind = $path =~ m{^test/(\w+)/};
		$kind = $1;
		my $database = "test_${kind}_$name";
		my @also = $kind eq 'tap' ? ('pgtap') : ();

		if (!eval { $cluster->create_extension(database => $database, also => \@also); 1 })
		{
			note_failure($path, $@);
			next;
		}
		run_jobs(1, sql_job($kind, $path, $name, $database));
		$cluster->query("drop database if exists \"$database\" with (force)");
	}
	delete @ENV{ grep { /^PG/ && $_ ne 'PG_CONFIG' } keys %ENV };
	$cluster->remove;
	return;
}

# The job of one file of run_sql.
sub sql_job
{
	my ($kind, $path, $name, $database) = @_;
	my $bin = Whalefall::Tree::bindir();

	if ($kind eq 'tap')
	{
		return { name => $path, kind => 'tap', command => [ "$bin/psql", '-XqAt', '-v', 'ON_ERROR_STOP=1',
			'-v', 'ON_ERROR_ROLLBACK=1', '-P', 'pager=off', '-d', $database, '-f', $path ] };
	}
	my $program = pgxs_program($kind eq 'sql' ? 'regress/pg_regress' : 'isolation/pg_isolation_regress');
	my $out = "build/regress/$kind";
	remove_tree($out);
	make_path("$out/results");
	symlink "$ROOT/test/sql", "$out/sql";
	symlink "$ROOT/test/specs", "$out/specs";
	symlink "$ROOT/expected", "$out/expected";
	if (!$program)
	{
		return { name => $path, kind => 'exit', command => [ 'sh', '-c', 'echo "skipped: PGXS has no runner"; exit 77' ] };
	}
	return { name => $path, kind => 'exit', command => [ 'sh', '-c',
		'"$@" || { cat "$0"/regression.diffs 2>/dev/null; exit 1; }', $out, $program, "--inputdir=$out",
		"--outputdir=$out", "--bindir=$bin", '--use-existing', "--dbname=$database", $name ] };
}

# Checks of the source first: they are quick. Then everything that needs a server.
sub main
{
	my @lint = grep { -f && -x && !/\./ } files('test/lint/*');
	my @programs = map { files("test/$_/*.t") } qw(lint server remote http);

	Whalefall::Cluster::sweep();
	run_jobs($JOBS, map { +{ name => $_, kind => 'exit', command => [$_] } } @lint);
	if (!eval { $ENV{WHALEFALL_TREE_BIN} = Whalefall::Tree::bindir(); 1 })
	{
		note_failure('deploy/tree', $@);
		return;
	}
	if (grep { m{^test/remote/} } @programs)
	{
		print `test/fetch-servers 2>&1`;
		$ENV{WHALEFALL_NO_FETCH} = 1;
	}
	run_sql();
	# Long ones first, so that none is left over alone at the end.
	my %slow = map { $_ => 1 } grep { slurp($_) =~ /^# slow\b/m } @programs;
	@programs = ((grep { $slow{$_} } @programs), (grep { !$slow{$_} } @programs));
	run_jobs($JOBS, map { +{ name => $_, kind => 'tap', command => [ $^X, $_ ] } } @programs);
	return;
}

main();
Whalefall::Cluster::sweep();
print "failed: $_\n" for @failures;
print "nothing ran\n" if !$total{passed} && !$total{failed};
printf "total time %.0f s\n", time - $began;
print "$total{passed} passed, $total{failed} failed", $total{skipped} ? ", $total{skipped} skipped" : '', "\n";
exit($total{failed} || !$total{passed} ? 1 : 0);
