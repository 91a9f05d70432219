# slow
# make up, down, psql and clean-up, each in fresh copies of this checkout: repeated, side by side, killed in
# every step, from a folder that the server's user cannot enter, and by an ordinary user.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(sleep time);
use Whalefall::Front;
use Whalefall::Servers;

my $front_missing = Whalefall::Front::missing();
my $root = Whalefall::Servers::root();
my $base = tempdir('/tmp/wfup.XXXXXX', CLEANUP => 0);
my $owner = $$;
my @copies;
chmod 0755, $base;
delete @ENV{ grep { /^(?:PG|MAKE|MFLAGS|PERL5LIB|WHALEFALL_(?:HTTP_)?PORT)/ && $_ ne 'PG_CONFIG' } keys %ENV };
$SIG{TERM} = $SIG{INT} = sub { exit 1 };

END
{
	my $status = $?;
	if ($$ == $owner)
	{
		system("cd '$_' && deploy/clean-up >/dev/null 2>&1") for grep { -d } @copies;
		remove_tree($base);
		$? = $status;
	}
}

# Copies the checkout as it would be committed now: what git ignores stays behind.
sub fresh_copy
{
	my ($name) = @_;
	my $dir = "$base/$name";

	system('mkdir', '-p', $dir);
	system("cd '$root' && if git rev-parse --git-dir >/dev/null 2>&1; then"
		. " git -c safe.directory='*' ls-files -co --exclude-standard -z | perl -0 -ne 'chomp; print qq(\$_\\0) if -e' | tar --null -T - -cf -;"
		. " else tar --exclude=./build --exclude=./.whalefall --exclude=./.git --exclude='*.[od]' --exclude='*.so' --exclude='./whalefall-remote-*'"
		. " --exclude='./sql/whalefall--*' -cf - .; fi"
		. " | tar -C '$dir' -xf -") == 0 or BAIL_OUT('no copy');
	push @copies, $dir;
	return $dir;
}

# Copies a copy together with what was built in it, so that only the first one costs a build.
sub built_copy
{
	my ($from, $dir) = @_;

	system("mkdir -p '$dir' && cd '$from' && tar --exclude=./.whalefall -cf - . | tar -C '$dir' -xf -") == 0
	  or BAIL_OUT('no copy');
	push @copies, $dir;
	return $dir;
}

# Runs a command in a copy; gives its status and output.
sub run_in
{
	my ($dir, $command) = @_;
	my $out = `cd '$dir' && timeout -k 10 600 sh -c '$command' 2>&1 </dev/null`;

	return ($? >> 8, $out);
}

sub up_ok
{
	my ($dir, $name) = @_;
	my ($status, $out) = run_in($dir, 'make up');

	# Without a server nothing that follows makes sense, and much of it would wait.
	is($status, 0, $name) or do { diag $out; exit 1 };
	return $out;
}

sub slurp
{
	my ($path) = @_;

	open my $in, '<', $path or return '';
	local $/ = undef;
	return <$in> // '';
}

# What a person would do: take the env file and ask the server.
sub ask
{
	my ($dir, $sql) = @_;
	my $out = `cd '$dir' && set -a && . .whalefall/env && psql -XqAt -c "$sql" 2>&1`;

	chomp $out;
	return $out;
}

sub env_of
{
	my ($dir) = @_;

	return { slurp("$dir/.whalefall/env") =~ /^(\w+)='?(.*?)'?$/mg };
}

# The folder with the data: .whalefall, or what its pointer names.
sub state_of
{
	my ($dir) = @_;
	my $state = slurp("$dir/.whalefall/state");

	chomp $state;
	return $state;
}

sub postmaster
{
	my ($dir) = @_;
	my ($pid) = slurp(state_of($dir) . '/data/postmaster.pid') =~ /^(\d+)/;

	return $pid && readlink("/proc/$pid/cwd") ? $pid : undef;
}

# Processes that work below a folder.
sub processes_below
{
	my ($dir) = @_;

	return grep { (readlink("/proc/$_/cwd") // '') =~ m{^\Q$dir\E(?:/|$)} } map { m{(\d+)$} } glob '/proc/[0-9]*';
}

sub listing
{
	my ($dir) = @_;

	return `cd '$dir' && find . | LC_ALL=C sort`;
}

# HTTP answers: the operation that touches nothing, the page, and who may not.
sub check_http
{
	my ($url, $what) = @_;
	my $http = HTTP::Tiny->new(timeout => 20, max_redirect => 0);

	is(join(' ', map { $http->get("$url$_")->{status} } '/api/v1/health/ping', '/api/v1/docs', '/api/v1/instances', '/rest/instances', '/nowhere'),
		'200 200 401 401 404', "$what: HTTP answers");
	return;
}

# The processes of nginx and PostgREST of a copy.
sub front_pids
{
	my ($dir) = @_;

	return `'$dir/deploy/front' status '@{[ state_of($dir) ]}/front'`;
}

# All that must hold once make up has ended.
sub check_up
{
	my ($dir, $what) = @_;
	my $env = env_of($dir);
	my $state = state_of($dir);

	is_deeply([ sort keys %$env ], [qw(PGDATABASE PGHOST PGPORT PGUSER), $front_missing ? () : 'WF_URL'], "$what: env names the connection");
	check_http($env->{WF_URL}, $what) if !$front_missing;
	is(ask($dir, 'select current_database()'), 'whalefall', "$what: and it connects");
	is(ask($dir, "select count(*) || ' ' || min(name) || ' ' || min(port) from whalefall_api.instances"), "1 local $env->{PGPORT}",
		"$what: the server is registered with itself, once");
	is(ask($dir, "select count(*) from whalefall_api.accounts where username = 'whalefall_monitor'"), '1',
		"$what: its accounts were read");
	is(ask($dir, "select count(*) from whalefall_api.databases where database_name = 'whalefall'"), '1',
		"$what: and its databases");
	cmp_ok(length slurp("$dir/.whalefall/admin_password"), '>', 8, "$what: the first password is there");
	is(sprintf('%o', (stat "$dir/.whalefall/admin_password")[2] & 07777), '600', "$what: for its owner alone");
	is(sprintf('%o', (stat "$state/$_")[2] & 07777), '700', "$what: $_ is closed") for qw(data secrets log);
	my $pid = postmaster($dir);
	isnt((stat "/proc/$pid")[4], 0, "$what: the server is not root's");
	return $pid;
}

# 1. From nothing.
my $a = fresh_copy('a');
my $before = listing($a);
my $began = time;
my $out = up_ok($a, 'make up works in a fresh copy');
diag sprintf 'make up with build: %.1f s', time - $began;
my $pid = check_up($a, 'first');
like($out, qr/^\[10\/10\] .*\d\.\d s$/m, 'each step shows its seconds');
like($out, qr/instance .*engine.*version.*accounts.*superusers.*databases.*total size.*seconds/, 'it ends with a table');
like($out, qr/^ local +\| postgresql +\| \d+.*\| +\d+ \| +\d+ \| +\d+ \| +[\d.]+ MB +\| +[\d.]+/m, 'with what was found');

# 2. Again: nothing changes.
my $password = slurp("$a/.whalefall/admin_password");
my $rows = "select (select count(*) from whalefall_api.credentials) || ' ' || (select count(*) from whalefall_api.instances)";
my $counts = ask($a, $rows);
my $front = front_pids($a);
$began = time;
up_ok($a, 'make up again');
diag sprintf 'make up again: %.1f s', time - $began;
is(check_up($a, 'again'), $pid, 'the server was not restarted');
is(slurp("$a/.whalefall/admin_password"), $password, 'the password is the same');
is(ask($a, $rows), $counts, 'no row was added');
is(front_pids($a), $front, 'nor were nginx and PostgREST');

# Without nginx: PostgreSQL is up, and why there is no HTTP is said.
my ($without, $why) = run_in($a, 'WHALEFALL_NGINX=/nonexistent make up');
is($without, 0, 'make up without nginx');
like($why, qr/^no HTTP here: front: nginx is missing/m, 'says so');
is(env_of($a)->{WF_URL}, undef, 'and promises nothing');
is(ask($a, $rows), $counts, 'the rest is there');
SKIP:
{
	skip $front_missing, 2 if $front_missing;
	up_ok($a, 'make up with nginx again');
	check_http(env_of($a)->{WF_URL}, 'with nginx again');
}

# A MariaDB of this machine: what would add it is printed, and nothing is added.
my $mysql = tempdir('/tmp/wfup.XXXXXX', CLEANUP => 1);
my $unix = IO::Socket::UNIX->new(Local => "$mysql/s", Listen => 5) or die "socket: $!";
my $tcp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 5) or die "socket: $!";
my $mysql_port = $tcp->sockport;
my $greeter = fork // die "fork: $!";
if ($greeter == 0)
{
	my $greeting = "\x0a5.5.5-10.11.6-MariaDB\0" . 'x' x 40;
	my $select = IO::Select->new($unix, $tcp);
	for (1 .. 50)
	{
		my ($listener) = $select->can_read(600) or last;
		my $client = $listener->accept or next;
		syswrite $client, substr(pack('V', length $greeting), 0, 3) . "\0$greeting";
	}
	POSIX::_exit(0);
}
close $_ for $unix, $tcp;
my ($status, $said) = run_in($a, "WHALEFALL_MYSQL_SOCKETS=$mysql/s make up");
is($status, 0, 'make up beside a MariaDB');
like($said, qr/^found MariaDB 10\.11\.6 on \Q$mysql\E\/s and 127\.0\.0\.1:$mysql_port\./m, 'names it');
like($said, qr/^    IFS= read -rsp .*\\copy whalefall_api\.credential_input .* from pstdin' && deploy\/psql -c "select whalefall_api\.instances_create\(name => 'local-mariadb-$mysql_port',[^\n]* port => $mysql_port,/m,
	'with the command that would add it');
is(ask($a, $rows), $counts, 'and adds nothing');
ask($a, "select whalefall_api.instances_create(name => 'm', db_type => 'mysql', host => 'localhost', port => $mysql_port)");
($status, $said) = run_in($a, "WHALEFALL_MYSQL_SOCKETS=$mysql/s make up");
like($said, qr/^found MariaDB 10\.11\.6 on \S+, 127\.0\.0\.1:$mysql_port: managed already$/m, 'one that is registered is not offered again');
ask($a, "select whalefall_api.instances_batch_delete(array(select id from whalefall_api.instances where name = 'm'), 'hard')");
kill 'KILL', $greeter;
waitpid $greeter, 0;
($status, $said) = run_in($a, "WHALEFALL_MYSQL_SOCKETS=$mysql/s make up");
is($status, 0, 'make up beside one that is gone');
unlike($said, qr/found M/, 'says nothing of it');
($status, $said) = run_in($a, 'echo "select 40 + 2" | make psql');
like($said, qr/\b42\b/, 'make psql connects');

# No secret of the monitoring role has reached a log.
is(ask($a, "select rolpassword ~ '^SCRAM-SHA-256' from pg_authid where rolname = 'whalefall_monitor'"), 't', 'the monitor has a SCRAM password');
unlike(slurp(state_of($a) . '/log/server.log'), qr/SCRAM-SHA-256\$/, 'whose verifier is in no log');

# 3. Two at once, and one of them was there before.
my $b = built_copy($a, "$base/b");
my $c = built_copy($a, "$base/c");
($status) = run_in($a, 'make down');
is($status, 0, 'make down');
is_deeply([ processes_below($a) ], [], 'no process is left');
($status, $said) = run_in($a, 'make psql');
isnt($status, 0, 'make psql fails then');
like($said, qr/the server is down; run: make up/, 'and says what to do');
system("cd '$b' && make up >up.out 2>&1 </dev/null & cd '$a' && make up >up.out 2>&1 </dev/null; cd '$c'; wait");
my %ports = map { env_of($_)->{PGPORT} => 1 } $a, $b;
is(scalar keys %ports, 2, 'two copies at once have two ports') or diag slurp("$a/up.out"), slurp("$b/up.out");
%ports = map { (env_of($_)->{WF_URL} // $_) => 1 } $a, $b;
is(scalar keys %ports, 2, 'and two for HTTP') or diag slurp("$a/up.out"), slurp("$b/up.out");
unlink "$a/up.out", "$b/up.out";
$pid = check_up($a, 'stopped and started');
check_up($b, 'beside it');
is(slurp("$a/.whalefall/admin_password"), $password, 'after down and up the password is the same');
is(ask($a, $rows), $counts, 'and the data too');

# Two commands in one copy wait for each other.
system("cd '$b' && (make up >1.out 2>&1 </dev/null & make up >2.out 2>&1 </dev/null; wait)");
like(slurp("$b/$_.out"), qr/make psql/, "two at once in one copy: number $_ ends well") for 1, 2;
unlink "$b/1.out", "$b/2.out";

# 4. Killed in every step, the script alone or with all it has started; the next run completes it.
for my $step (4 .. 10)
{
	my $child = fork // die "fork: $!";
	if ($child == 0)
	{
		setpgrp;
		chdir $c;
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$base/killed.out";
		open STDERR, '>&', \*STDOUT;
		exec 'deploy/up' or POSIX::_exit(127);
	}
	my $end = time + 120;
	my $ended = 0;
	until (slurp("$base/killed.out") =~ /^\[$step\/10\]/m || $ended || time > $end)
	{
		sleep 0.01;
		$ended = waitpid($child, WNOHANG) != 0;
	}
	sleep 0.05 * ($step % 3);
	ok(!$ended, "step $step was reached alive");
	kill 'KILL', $step % 2 ? $child : -$child;
	waitpid $child, 0;
	unlink "$base/killed.out";
}
up_ok($c, 'after six kills make up completes');
my $c_pid = check_up($c, 'after kills');
# A crash of the server: the next make up starts it again.
kill 'KILL', $c_pid;
for (1 .. 300) { last if !processes_below($c); sleep 0.1 }
up_ok($c, 'after a crash of the server too');
check_up($c, 'after a crash');
# nginx or PostgREST are killed with their supervisors: the same.
kill 'KILL', grep { (readlink("/proc/$_/cwd") // '') =~ m{/http(?:/|$)} } processes_below($c);
up_ok($c, 'after a crash of the front');
check_up($c, 'after a crash of the front');
# The preferred port is taken by somebody else after a stop: another one, and the registration follows.
my $old = env_of($c)->{PGPORT};
run_in($c, 'make down');
require IO::Socket::INET;
my $squatter = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $old, Listen => 1, ReuseAddr => 1);
SKIP:
{
	skip "port $old was taken by another program", 1 if !$squatter;
	up_ok($c, 'make up while its port is taken');
	isnt(env_of($c)->{PGPORT}, $old, 'takes another port');
	check_up($c, 'on another port');
	close $squatter;
}

# 5. Nothing is left.
for my $dir ($a, $b, $c)
{
	my ($ended, $text) = run_in($dir, 'make clean-up');
	is($ended, 0, 'make clean-up') or diag $text;
	is_deeply([ processes_below($dir) ], [], 'no process is left');
	ok(!-e "$dir/.whalefall", 'and no state') or diag `find '$dir/.whalefall' | head`;
}
is(listing($a), $before, 'the copy is as it was before the first make up');
is((run_in($a, 'make clean-up'))[0], 0, 'make clean-up with nothing there');
is((run_in($a, 'make down'))[0], 0, 'make down with nothing there');

# 6. From a folder that the server's user cannot enter, and with a path too long for a socket.
SKIP:
{
	skip 'only root can have such a folder', 1 if $< != 0;
	my $closed = "$base/closed";
	mkdir $closed, 0700;
	my $d = built_copy($b, "$closed/d");
	up_ok($d, 'make up below a closed folder');
	check_up($d, 'closed');
	my $state = state_of($d);
	like($state, qr{^/var/lib/whalefall-[0-9a-f]{12}$}, 'the state lies outside');
	is((run_in($d, 'make clean-up'))[0], 0, 'make clean-up there');
	ok(!-e $state && !-e "$d/.whalefall", 'removes it');
}
my $long = built_copy($b, "$base/" . 'long' x 20);
up_ok($long, 'make up where a socket path would be too long');
check_up($long, 'long path');
my $socket_dir = env_of($long)->{PGHOST};
cmp_ok(length $socket_dir, '<', 90, 'the socket lies elsewhere');
is((run_in($long, 'make clean-up'))[0], 0, 'make clean-up there');
ok(!-e $socket_dir, 'removes that too');

# 7. By an ordinary user; and what a missing package looks like to him.
SKIP:
{
	skip 'needs root to become another user', 1 if $< != 0;
	my $e = built_copy($b, "$base/e");
	system('chown', '-R', 'nobody', $e);
	($status, $out) = run_in($e, 'runuser -u nobody -- env HOME=/nonexistent make up');
	is($status, 0, 'make up by nobody') or diag $out;
	is(`cd '$e' && runuser -u nobody -- sh -c 'set -a; . .whalefall/env; psql -XqAtc "select count(*) from whalefall_api.instances"'`, "1\n", 'and it answers him');
	is((stat '/proc/' . (postmaster($e) // 0))[4], scalar getpwnam('nobody'), 'the server is his');
	is((run_in($e, 'runuser -u nobody -- make clean-up'))[0], 0, 'make clean-up by nobody');

	system("mkdir '$base/bin' && ln -s /usr/bin/* '$base/bin/' && rm -f '$base/bin/'cppcheck*");
	($status, $out) = run_in($e, "runuser -u nobody -- env PATH=$base/bin deploy/packages build run lint");
	is($status, 1, 'a missing package ends it');
	like($out, qr/^missing packages: cppcheck$/m, 'and is named');
	like($out, qr/apt-get install .*cppcheck/, 'with the command') if -x '/usr/bin/apt-get';
	($status, $out) = run_in($e, 'PG_CONFIG=/nonexistent/pg_config make up');
	isnt($status, 0, 'a wrong PG_CONFIG ends it');
	like($out, qr/is no pg_config/, 'and is named');
}
done_testing;
