# A fleet: 200 instances of 50 accounts, half PostgreSQL and half MariaDB, behind 20 ms (a round trip: 10 ms each
# way), 16 workers. Every twentieth accepts a connection and never answers. In each round the control plane is
# new: nothing was ever read, so nothing has failed before, every account is stored for the first time and
# every worker has yet to be started.
#
# Floor: fleet_floor.c, 16 processes that do the reading alone: same client libraries, same order, same relays,
# and the very statements the helper programs send, which are taken from a recorded conversation; afterwards its own
# conversation is recorded too and must be the same. Rounds in turns, medians.
use strict;
use warnings;
use Bench qw(row control_plane target mysql_target mysql_credential add_instance sync_ok known median);
use Bench::Proxy;
use Bench::Talk;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IPC::Run ();
use List::Util qw(shuffle);
use Time::HiRes qw(sleep time);
use Whalefall::Fleet;
use Whalefall::MySQL qw(recording_proxy);
use Whalefall::Tree;

my $INSTANCES = 200;
my $SILENT = 10;
my $ACCOUNTS = 50;
my $WORKERS = 16;
my $ROUNDS = $ENV{WHALEFALL_BENCH_ROUNDS} || 3;
my $LATENCY = 0.010;    # seconds, each way
my $TIMEOUT = 5;        # of whalefall.connect_timeout, its default
my $MUST = 1.3;
my $MUST_LIVE = 2;
my $SEED = 3;
my @ENGINES = qw(postgresql mysql);
my %LETTER = (postgresql => 'p', mysql => 'm');

my $dir = tempdir(CLEANUP => 1);
my %relay;
my %server = (postgresql => target(), mysql => mysql_target());

# Accounts up to the number, those counted that a server is born with; with memberships and grants on databases,
# as in a server that is in use.
sub fill
{
	my $more = $ACCOUNTS - $server{postgresql}->value('select count(*) from pg_roles where rolname !~ $$^pg_$$');

	$server{postgresql}->query("create database app; select format('create role r%s', i) from generate_series(1, $more) i \\gexec\n"
		  . "select format('grant r%s to r%s', i, i + 1) from generate_series(1, $more - 1, 7) i \\gexec\n"
		  . "select format('grant create on database app to r%s', i) from generate_series(1, $more, 5) i \\gexec");
	$server{mysql}->query('create database app; create role reader');
	$more = $ACCOUNTS - $server{mysql}->query("select count(*) from mysql.global_priv where user <> 'mariadb.sys'");
	$server{mysql}->query(join ' ', map {
		("create user u$_\@'%' identified by 'u-$_';", $_ % 5 ? () : "grant select, insert on app.* to u$_\@'%';",
			$_ % 7 ? () : "grant reader to u$_\@'%';")
	} 1 .. $more);
	return;
}

# Compiles the floor with the libraries the helper programs have.
sub compile
{
	my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
	my $pc = system('pkg-config --exists libmariadb') == 0 ? 'libmariadb' : 'mysqlclient';
	my $source = dirname(__FILE__) . '/fleet_floor.c';
	my $out = `cc -O2 -Wall -Wextra -o '$dir/fleet_floor' '$source' -I\$($pg_config --includedir) \$(pkg-config --cflags $pc) \\
		-L\$($pg_config --libdir) -lpq \$(pkg-config --libs $pc) 2>&1`;

	die "fleet_floor cannot be compiled: $out" if $? != 0;
	return;
}

sub write_file
{
	my ($name, $text) = @_;

	open my $file, '>:raw', "$dir/$name" or die "$name: $!\n";
	print {$file} $text;
	close $file or die "$name: $!\n";
	return "$dir/$name";
}

sub read_file
{
	my ($name) = @_;

	open my $file, '<:raw', "$dir/$name" or die "$name: $!\n";
	local $/ = undef;
	return <$file>;
}

# Runs the floor on targets ([letter, port], ...). Gives seconds, seconds to the last that
# answers, targets read, silent ones, rows.
sub run_floor
{
	my ($processes, @targets) = @_;
	my $list = write_file('targets', join '', map { "@$_\n" } @targets);
	my ($out, $err) = ('', '');
	local $ENV{FLOOR_PASSWORD} = $Whalefall::Fleet::PASSWORD;

	IPC::Run::run([ "$dir/fleet_floor", $processes, "$dir/statements", $list ], '<', \'', '>', \$out, '2>', \$err, IPC::Run::timeout(300))
	  or die "fleet_floor: $err\n";
	return split ' ', $out;
}

# Records one sync of each engine and leaves its statements for the floor; then proves that the floor says the
# same.
sub record_statements
{
	my $control = control_plane();
	my $mysql = mysql_credential($control);
	my %said;

	for my $engine (@ENGINES)
	{
		my $port = recording_proxy($server{$engine}, "$dir/ours_$engine");
		my $id = add_instance($control, $engine, $port, $engine eq 'mysql' ? $mysql : undef);
		sync_ok($control, 'instances_sync_accounts', $id);
		known($control, $id, $ACCOUNTS);
		$said{$engine} = [ Bench::Talk::statements($engine, read_file("ours_$engine")) ];
	}
	$control->remove;
	write_file('statements', Bench::Talk::blocks(%said));
	for my $engine (@ENGINES)
	{
		run_floor(1, [ $LETTER{$engine}, recording_proxy($server{$engine}, "$dir/floor_$engine") ]);
		my @floor = Bench::Talk::statements($engine, read_file("floor_$engine"));
		die "the floor does not say to $engine what we say\n"
		  if Bench::Talk::blocks($engine => \@floor) ne Bench::Talk::blocks($engine => $said{$engine});
	}
	return;
}

# Ports that are connected to, but nobody ever takes the connection or says a word.
sub silent_port
{
	return IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 100, Proto => 'tcp') || die "silent port: $!\n";
}

# Registers the fleet with a control plane, in its order, without a round trip for each.
sub register
{
	my ($control, @targets) = @_;
	my %credential = (m => mysql_credential($control),
		p => Whalefall::Fleet::add_credential($control, 'monitor', 'monitor'));
	my %engine = reverse %LETTER;
	my $number = 0;

	$control->query(join('', map {
		my ($letter, $port) = @$_;
		sprintf "select whalefall_api.instances_create(name => 'i%03d', db_type => '%s', host => '127.0.0.1', port => %d,"
		  . " credential_id => %d, tls_mode => 'disable') is null;\n", ++$number, $engine{$letter}, $port, $credential{$letter};
	} @targets), database => 'whalefall');
	return;
}

# One run of ours: seconds from the call to the end of the run, and to the last instance that answers and is
# stored, by the server's clock, which is ours.
sub run_ours
{
	my (@targets) = @_;
	my $control = control_plane('whalefall.max_workers' => $WORKERS, max_worker_processes => $WORKERS + 16, max_connections => 100);
	my $session = $control->session(database => 'whalefall');

	register($control, @targets);
	$session->query('checkpoint');
	my $began = time;
	my $run = $session->query("select whalefall_api.instances_sync_accounts_all() ->> 'run_id'");
	my $status = '';
	while ($status !~ /^(?:completed|failed)/)
	{
		die "the run does not end: $status\n" if time > $began + 120;
		sleep 0.1;
		$status = $session->query("select status || ' ' || extract(epoch from completed_at) from whalefall.task_runs where run_id = '$run'");
	}
	my ($ended) = $status =~ /([\d.]+)$/;
	my $stored = $session->query("select extract(epoch from max(completed_at)) from whalefall.task_run_items"
		  . " where run_id = '$run' and status = 'completed'");
	verify($session, $run);
	report($session, $began) if $ENV{WHALEFALL_BENCH_PROFILE};
	$session->quit;
	$control->remove;
	return ($ended - $began, $stored - $began);
}

# A figure of less work would be worth nothing: every account of the live ones, and nothing but timeouts else.
sub verify
{
	my ($session, $run) = @_;
	my $items = $session->query("select count(*) filter (where status = 'completed'), count(*) filter (where status = 'failed'"
		  . " and error_type = 'timeout'), count(*) from whalefall.task_run_items where run_id = '$run'");
	my $expected = join '|', $INSTANCES - $SILENT, $SILENT, $INSTANCES;
	my $wrong = $session->query("select count(*) from (select i.id from whalefall.instances i left join whalefall.instance_accounts a"
		  . " on a.instance_id = i.id and a.is_active group by i.id having count(a.id) not in (0, $ACCOUNTS)) x");
	my $accounts = $session->query('select count(*) from whalefall.instance_accounts where is_active');

	die "items $items instead of $expected\n" if $items ne $expected;
	die "$wrong instances have the wrong number of accounts, $accounts accounts in all\n"
	  if $wrong != 0 || $accounts != ($INSTANCES - $SILENT) * $ACCOUNTS;
	return;
}

# Where the time went, for who asks for it.
sub report
{
	my ($session, $began) = @_;

	print STDERR $session->query(qq{select format('%s: %s items, first began at %s, last began at %s, last ended at %s s;'
			' an item took %s ms, the remote part of it %s ms', name, count(*), round((min(s) - $began)::numeric, 2),
			round((max(s) - $began)::numeric, 2), round((max(e) - $began)::numeric, 2),
			round((1000 * avg(e - s))::numeric), round(avg(ms)))
		from (select i.db_type || ' ' || t.status as name, extract(epoch from t.started_at) s,
				extract(epoch from t.completed_at) e, (metrics_json ->> 'remote_ms')::numeric ms
			from whalefall.task_run_items t join whalefall.instances i on i.id = t.instance_id) x group by name order by name}), "\n";
	return;
}

# Both have made as many connections, with as many round trips. A client that a busy machine holds up between two
# writes looks as if it had waited for an answer, and so one connection in fifty may count more; half of all, ours or the
# floor's, may not.
sub verify_relays
{
	my $connections = 2 * $ROUNDS * ($INSTANCES - $SILENT) / @ENGINES;

	for my $engine (@ENGINES)
	{
		my @done = $relay{$engine}->stop;
		my %trips;
		$trips{ $_->{trips} }++ for @done;
		my ($usual) = sort { $trips{$b} <=> $trips{$a} } keys %trips;
		die "$engine: " . @done . " connections instead of $connections\n" if @done != $connections;
		die "$engine: round trips " . join(', ', map { "$trips{$_} x $_" } sort keys %trips) . "\n"
		  if grep({ $_ < $usual } keys %trips) || $trips{$usual} < @done * 0.98;
	}
	return;
}

# Medians against a factor and seconds.
sub judge
{
	my ($figure, $ours, $floor, $factor, $seconds) = map { ref $_ ? median(@$_) : $_ } @_;

	row(figure => $figure, measured => sprintf('%.2f s', $ours), floor => sprintf('%.2f s', $floor),
		ratio => sprintf('%.2f', $ours / $floor), must => sprintf('<= %.1f x', $factor) . ($seconds ? " + $seconds s" : ''),
		ok => $ours <= $factor * $floor + $seconds);
	return;
}

fill();
compile();
record_statements();

%relay = map { $_ => Bench::Proxy->new(port => $server{$_}->port, latency => $LATENCY, engine => $_) } @ENGINES;
my @silent = map { silent_port() } 1 .. $SILENT;
my @targets = ((map { [ $LETTER{ $ENGINES[ $_ % 2 ] }, $relay{ $ENGINES[ $_ % 2 ] }->port ] } 1 .. $INSTANCES - $SILENT),
	map { [ $LETTER{ $ENGINES[ $_ % 2 ] }, $silent[$_]->sockport ] } 0 .. $#silent);
srand $SEED;
@targets = shuffle @targets;

my (@ours, @ours_live, @floor, @floor_live);
for my $round (1 .. $ROUNDS)
{
	my ($seconds, $live, $read, $timeouts) = run_floor($WORKERS, @targets);
	die "the floor read $read and waited for $timeouts in vain\n" if $read != $INSTANCES - $SILENT || $timeouts != $SILENT;
	push @floor, $seconds;
	push @floor_live, $live;
	($seconds, $live) = run_ours(@targets);
	push @ours, $seconds;
	push @ours_live, $live;
	printf "round %d: ours %.2f s, answering ones %.2f s; floor %.2f s and %.2f s\n", $round, $ours[-1], $live, $floor[-1], $floor_live[-1];
}
verify_relays();
judge("fleet of $INSTANCES x $ACCOUNTS, two engines, 20 ms, $WORKERS workers, $SILENT silent", \@ours, \@floor, $MUST, $TIMEOUT);
# Without the wait for the silent ones, which hides much.
judge('the same, until the last that answers is stored', \@ours_live, \@floor_live, $MUST_LIVE, 0);
