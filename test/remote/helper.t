# The workers' side of the helper programs, in a real server process: good reads, programs that
# misbehave in every way, cancellation, deadlines, and that no child is ever left behind.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Copy qw(copy);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);
use Whalefall::Remote;

my $root = Whalefall::Servers::root();
my $server = remote_server('local');
my $dir = $server->dir;
my $config = $ENV{PG_CONFIG} // 'pg_config';

# The module, the program and the impostors lie where the server's user can reach them.
mkdir "$dir/bin";
copy(program(), "$dir/bin/whalefall-remote-postgresql") or die $!;
chmod 0755, "$dir/bin", "$dir/bin/whalefall-remote-postgresql";
chomp(my $include = `$config --includedir-server`);
my @sources = map { "'$root/$_'" } 'test/remote/helper_test.c', 'src/remote/common/frame.c', map { s{^\Q$root/\E}{}r } glob "$root/src/remote/*.c";
my $made = `gcc -shared -fPIC -g -O2 -Wall -Wextra -Wshadow -Wno-unused-parameter -Werror -D_GNU_SOURCE -I'$root/src' -isystem '$include' -o '$dir/helper_test.so' @sources 2>&1`;
is($?, 0, 'the module compiles without a warning') or BAIL_OUT($made);
$server->query(qq{
	create function helper_read(text, text, text, int, text, text, text, text, int, int, int, int, bool) returns text[]
		language c as '$dir/helper_test', 'helper_read';
	create function helper_close() returns void language c as '$dir/helper_test', 'helper_close';});

# Writes a program that takes the request and then runs some Perl; gives its folder.
my $impostors = 0;
sub impostor
{
	my ($code) = @_;
	my $path = "$dir/impostor" . ++$impostors;

	mkdir $path;
	chmod 0755, $path;
	open my $file, '>', "$path/whalefall-remote-postgresql" or die $!;
	print $file <<"END";
#!/usr/bin/perl
\$| = 1; binmode STDOUT; my \$request = '';
sub out { my \$bytes = join '', \@_; my \$at = 0; while (\$at < length \$bytes) { \$at += syswrite(STDOUT, \$bytes, length(\$bytes) - \$at, \$at) // exit } }
sub frame { my (\$type, \@f) = \@_; my \$p = join '', map { defined \$_ ? pack('N/a*', \$_) : pack('N', 0xFFFFFFFF) } \@f; return pack('N a', length \$p, \$type) . \$p }
sub request { my \$n = sysread(STDIN, my \$x, 65536); exit if !\$n; \$request = \$x }
my \@good = (frame('P', 'reading'), frame('V', 'PostgreSQL 99', 990000));
request();
$code
sleep 60;
END
	close $file;
	chmod 0755, "$path/whalefall-remote-postgresql";
	return $path;
}

my @columns = qw(type phase sqlstate message detail hint version warnings rows seen round_trips elapsed);

# The SQL of a read. Options name the arguments.
sub read_sql
{
	my (%o) = @_;
	my $text = sub { my ($value) = @_; return 'null' if !defined $value; $value =~ s/'/''/g; return "'$value'" };

	%o = (directory => "$dir/bin", db_type => 'postgresql', host => '127.0.0.1', port => $server->port, user => 'postgres',
		password => 'Super-1', tls => 'prefer', reads => 'version', connect => 5000, statement => 5000, cancel_at => 0,
		raise_at => 0, keep => 'false', %o);
	return 'select array_to_json(helper_read(' . join(', ', (map { $text->($o{$_}) } qw(directory db_type host)), $o{port},
		(map { $text->($o{$_}) } qw(user password tls reads)), @o{qw(connect statement cancel_at raise_at keep)}) . '))';
}

# Reads in a session and gives the result by column; error text instead when it raised.
sub read_in
{
	my ($session, %o) = @_;
	my $out = $session->query(read_sql(%o));

	return { raised => $session->error } if $out !~ /^\[/;
	my $values = decode_json($out);
	return { map { $columns[$_] => $values->[$_] } 0 .. $#columns };
}

# The children of a process, zombies included.
sub children
{
	my ($pid) = @_;
	my @children;

	for (glob '/proc/[0-9]*/stat')
	{
		open my $file, '<', $_ or next;
		my ($id, $rest) = (<$file> // '') =~ /^(\d+) .*\) (.*)$/ or next;
		push @children, $id if (split ' ', $rest)[1] == $pid;
	}
	return @children;
}

my $session = $server->session;
my $backend = $session->query('select pg_backend_pid()');
my $silent = fault_server(sub { sleep 60 });

subtest 'good reads' => sub {
	my $got = read_in($session, reads => 'version,accounts,databases,tables');
	is($got->{type}, 'ok', 'a read') or diag explain $got;
	is($got->{version}, $server->value('show server_version_num'), 'with the version');
	is($got->{rows}, $got->{seen}, 'and all rows');
	cmp_ok($got->{rows}, '>', 100, "$got->{rows} of them");
	is($got->{round_trips}, 1, 'in one round trip');
	is_deeply([ children($backend) ], [], 'a closed helper leaves no child');

	is(read_in($session, keep => 'true')->{type}, 'ok', 'a helper that is kept');
	my ($child) = children($backend);
	ok($child, 'keeps its process');
	is(read_in($session, keep => 'true', reads => 'accounts')->{type}, 'ok', 'for the next read');
	is_deeply([ children($backend) ], [$child], 'which is the same one');
	my $wrong = read_in($session, keep => 'true', password => 'Wrong-1');
	is_deeply([ @$wrong{qw(type phase sqlstate)} ], [qw(auth connecting 28P01)], 'a refused login');
	like($wrong->{message}, qr/password authentication failed/, 'with its message');
	is_deeply([ children($backend) ], [$child], 'is no reason to end it');
	kill 'KILL', $child;
	sleep 0.2;
	is(read_in($session, keep => 'true')->{type}, 'ok', 'killed between two reads, a new one is started');
	is(scalar(children($backend)), 1, 'and the old one reaped');
	$session->query('select helper_close()');
	is_deeply([ children($backend) ], [], 'closed, it is gone');
};

subtest 'what the program is given' => sub {
	my $path = impostor(q{
		my %status; open my $f, '<', '/proc/self/status'; /^(Sig\w+):\s*(\w+)/ and $status{$1} = $2 while <$f>; close $f;
		my @fds = sort grep { my $t = readlink "/proc/self/fd/$_"; defined $t && $t !~ m{^/proc/|whalefall-remote} } map { m{(\d+)$} } glob '/proc/self/fd/*';
		my ($keys) = join ' ', map { my $k = $_; "$k=" . ($request =~ /\Q$k\E/ ? 1 : 0) } qw(db_type host user password reads);
		out(@good, frame('E', 'other', 'reading', undef, join('; ', "args @ARGV", "ppid " . getppid(), "env " . join(',', map { "$_=$ENV{$_}" } sort keys %ENV), "fds @fds",
			"blocked $status{SigBlk}", "ignored $status{SigIgn}", "keys $keys"), 'the detail', 'the hint', 1, 0, 5)); request();});
	my $got = read_in($session, directory => $path);
	is_deeply([ @$got{qw(type detail hint)} ], [ 'other', 'the detail', 'the hint' ], 'an error with detail and hint');
	my %told = map { /^(\w+) (.*)$/ } split /; /, $got->{message};
	is($told{args}, "--worker $backend", 'arguments: the worker, no secret');
	is($told{ppid}, $backend, 'it is the child of the worker');
	is($told{env}, 'LC_ALL=C,PATH=/usr/bin:/bin', 'a clean environment');
	is($told{fds}, '0 1 2', 'no descriptor of the server');
	# Perl itself ignores SIGFPE (bit 7). Bits 31 and 32 are the C library's own: it lets nobody set them, so
	# they stay as whoever started the tests had them.
	my $ignored = substr($told{ignored}, -8) =~ /^([0-9a-f]{8})$/ ? hex $1 : -1;
	is_deeply([ hex $told{blocked}, $ignored & ~0x80000080, substr $told{ignored}, 0, 7 ], [ 0, 0, '0000000' ],
		'no signal blocked or ignored')
	  or diag $got->{message};
	is($told{keys}, 'db_type=1 host=1 user=1 password=1 reads=1', 'all keys of the request');
};

subtest 'programs that misbehave' => sub {
	my $big = 'frame("R", "account", 2, ("x" x 30000) x 2)';
	for my $case (
		[ 'ends at once', 'exit 3', 'other', qr/ended with status 3/ ],
		[ 'ends well, without an answer', 'exit 0', 'other', qr/ended with status 0/ ],
		[ 'crashes', 'kill "SEGV", $$', 'other', qr/ended by signal 11/ ],
		[ 'crashes in the middle', 'out(@good, substr frame("R", "account", 2, 1, "a"), 0, 9); kill "ABRT", $$', 'other', qr/ended by signal 6/ ],
		[ 'is killed', 'kill "KILL", $$', 'other', qr/was killed/ ],
		[ 'sends garbage', 'out("garbage, and more of it")', 'protocol', qr/too large/ ],
		[ 'sends a frame of 1 MiB + 1', 'out(pack("N a", 1048577, "R"))', 'protocol', qr/too large/ ],
		[ 'sends an unknown type', 'out(frame("X", 1))', 'protocol', qr/makes no sense \(type 0x58\)/ ],
		[ 'sends a malformed field', 'out(pack("N a N", 4, "P", 100))', 'protocol', qr/no sense/ ],
		[ 'sends an unknown phase', 'out(frame("P", "dreaming"))', 'protocol', qr/no sense/ ],
		[ 'goes back a phase', 'out(frame("P", "reading"), frame("P", "connecting"))', 'protocol', qr/no sense/ ],
		[ 'sends an unknown error word', 'out(frame("E", "cancelled", "reading", undef, "x", undef, undef, 1, 0, 1))', 'protocol', qr/no sense/ ],
		[ 'sends an error without message', 'out(frame("E", "dns", "resolving", (undef) x 7))', 'protocol', qr/no sense/ ],
		[ 'sends a long SQLSTATE', 'out(frame("E", "dns", "resolving", "123456", "m", (undef) x 5))', 'protocol', qr/no sense/ ],
		[ 'sends half a row', 'out(@good, frame("R", "account", 2, 1, "a", 2))', 'protocol', qr/no sense/ ],
		[ 'sends rows of width 0', 'out(@good, frame("R", "account", 0, 1))', 'protocol', qr/no sense/ ],
		[ 'sends rows of width 33', 'out(@good, frame("R", "account", 33, (1) x 33))', 'protocol', qr/no sense/ ],
		[ 'sends rows of width -1', 'out(@good, frame("R", "account", -1, 1))', 'protocol', qr/no sense/ ],
		[ 'sends a value that is not UTF-8', 'out(@good, frame("R", "account", 2, 1, "\xFF"))', 'protocol', qr/no sense/ ],
		[ 'sends a surrogate', 'out(@good, frame("R", "account", 2, 1, "\xED\xA0\x80"))', 'protocol', qr/no sense/ ],
		[ 'sends a NUL byte', 'out(@good, frame("R", "account", 2, 1, "a\0b"))', 'protocol', qr/no sense/ ],
		[ 'sends a message that is not UTF-8', 'out(frame("E", "dns", "resolving", undef, "\xC0\x80", (undef) x 5))', 'protocol', qr/no sense/ ],
		[ 'counts wrong', 'out(@good, frame("R", "account", 2, 1, "a"), frame("D", 1, 2, 3))', 'protocol', qr/no sense/ ],
		[ 'is done without a version', 'out(frame("D", 1, 0, 3))', 'protocol', qr/no sense/ ],
		[ 'tells two versions', 'out(@good, frame("V", "x", 1))', 'protocol', qr/no sense/ ],
		[ 'warns without end', 'out(@good, frame("W", "c", "42501", "m") x 101)', 'protocol', qr/no sense/ ],
		[ 'sends more than 256 MiB', "out(\@good); out($big x 10) while 1", 'protocol', qr/larger than 256 MiB/, statement => 60000 ])
	{
		my ($name, $code, $type, $message, %o) = @$case;
		my $got = read_in($session, directory => impostor("$code;"), %o);
		is($got->{type}, $type, "a program that $name") or diag explain $got;
		like($got->{message}, $message, 'and the message says so');
		is_deeply([ children($backend) ], [], 'no child is left');
	}
	my $got = read_in($session, directory => "$dir/nowhere");
	is($got->{type}, 'other', 'a program that is not there');
	like($got->{hint}, qr{Install "\Q$dir\E/nowhere/whalefall-remote-postgresql"}, 'the hint names the file');
	is(read_in($session, db_type => $_)->{type}, 'other', "no program for \"$_\"") for '../postgresql', 'mysql', '', 'PostgreSQL', 'a' x 40;
	my $kept = impostor('out(@good, frame("D", 1, 0, 1), "more"); request(); out("nothing is read of this");');
	is(read_in($session, directory => $kept, keep => 'true')->{type}, 'ok', 'bytes after the end do not spoil the answer');
	is_deeply([ children($backend) ], [], 'but such a program is not asked again');
	$session->query('select helper_close()');
	is($session->query('select 1'), '1', 'the session has not noticed anything');
};

subtest 'deadlines' => sub {
	for my $case ([ 'before it speaks', '', 'resolving', 500, 500 ], [ 'while connecting', 'out(frame("P", "connecting"))', 'connecting', 500, 500 ],
		[ 'while reading', 'out(@good)', 'reading', 60000, 500 ],
		[ 'while it says the same again and again', 'while (1) { out(frame("P", "reading")); select undef, undef, undef, 0.1 }', 'reading', 60000, 500 ],
		[ 'byte by byte', 'for (split //, join "", @good, frame("R", "account", 2, "x" x 100, "y")) { out($_); select undef, undef, undef, 0.1 }', 'reading', 60000, 500 ])
	{
		my ($name, $code, $phase, $connect, $statement) = @$case;
		my $got = read_in($session, directory => impostor("$code;"), connect => $connect, statement => $statement);
		is_deeply([ @$got{qw(type phase)} ], [ 'timeout', $phase ], "stuck $name") or diag explain $got;
		cmp_ok($got->{elapsed}, '<', 500 + 2000 + 3000, "after $got->{elapsed} ms");
		cmp_ok($got->{elapsed}, '>=', 2400, 'and not before its own deadline and the grace');
		is_deeply([ children($backend) ], [], 'killed and reaped');
	}
	my $got = read_in($session, port => $silent, connect => 500);
	is_deeply([ @$got{qw(type phase)} ], [qw(timeout connecting)], 'the real program keeps its deadline itself');
	cmp_ok($got->{elapsed}, '<', 1500, "after $got->{elapsed} ms");
};

subtest 'cancel' => sub {
	my $began = time;
	my $got = read_in($session, port => $silent, connect => 60000, cancel_at => 3);
	is_deeply([ @$got{qw(type phase message)} ], [ 'cancelled', 'connecting', 'the read was cancelled' ], 'the caller cancels');
	cmp_ok(time - $began, '<', 2, 'asked every 500 ms');
	is_deeply([ children($backend) ], [], 'killed and reaped');

	# A flood of rows must not keep the question from being asked.
	my $flood = impostor('out(@good); my $r = frame("R", "account", 2, ("1", "a") x 1000); out($r) while 1;');
	$began = time;
	$got = read_in($session, directory => $flood, statement => 60000, cancel_at => 3);
	is($got->{type}, 'cancelled', 'in the middle of rows');
	cmp_ok(time - $began, '<', 3, 'in time');
	is_deeply([ children($backend) ], [], 'killed and reaped');

	$got = read_in($session, reads => 'accounts', raise_at => 5, keep => 'true');
	like($got->{raised}, qr/raised at a row of account/, 'an error of the caller goes on');
	is_deeply([ children($backend) ], [], 'after the program is ended, though the helper lives');
	is(read_in($session, keep => 'true')->{type}, 'ok', 'and serves on');
	$session->query('select helper_close()');

	$session->query('set statement_timeout = 700');
	like(read_in($session, port => $silent, connect => 60000)->{raised}, qr/statement timeout/, 'an interrupt ends the wait');
	is_deeply([ children($backend) ], [], 'and the program');
	$session->query('reset statement_timeout');

	my $other = $server->session;
	my $pid = $other->query('select pg_backend_pid()');
	$other->send(read_sql(port => $silent, connect => 60000));
	sleep 0.05 while !children($pid);
	my @helpers = children($pid);
	$session->query("select pg_terminate_backend($pid, 5000)");
	is_deeply([ grep { -e "/proc/$_" } @helpers, $pid ], [], 'a terminated session takes the program along');
};

# Programs of several engines in one folder: each tells who it is, as often as it is asked. What it is asked for
# may make it stuck, crash or change its mind.
subtest 'several engines' => sub {
	my $path = impostor(q{
		my ($name) = $0 =~ /(\w+)$/; while (1) {
			if ($request =~ /stuck_now/) { out(@good); sleep 60 }
			kill 'SEGV', $$ if $request =~ /crash_now/;
			out(@good, frame('E', 'other', 'reading', undef, "$name $$", undef, undef, 1, 0, 5)); request(); }});
	my @engines = qw(one two three four five);
	for my $engine (@engines)
	{
		copy("$path/whalefall-remote-postgresql", "$path/whalefall-remote-$engine") or die $!;
		chmod 0755, "$path/whalefall-remote-$engine";
	}
	my $ask = sub { my ($engine, %o) = @_; return read_in($o{in} // $session, directory => $path, db_type => $engine, keep => 'true', %o) };
	my $pid = sub { my ($engine) = @_; my ($name, $id) = split ' ', $ask->(@_)->{message}; return $name eq $engine ? $id : "wrong: $name" };
	my $are = sub { my ($what, @expected) = @_; is_deeply([ sort { $a <=> $b } children($backend) ], [ sort { $a <=> $b } @expected ], $what) };

	my ($one, $two) = map { $pid->($_) } qw(one two);
	$are->('each engine has its program', $one, $two);
	is_deeply([ map { $pid->($_) } qw(one two two one) ], [ $one, $two, $two, $one ], 'which is kept while the other one works');
	is($ask->('one', dbname => 'x', user => 'stuck_now', statement => 500)->{type}, 'timeout', 'one that gets stuck');
	$are->('is ended, the other one is not', $two);
	is($ask->('two', user => 'stuck_now', statement => 60000, cancel_at => 3)->{type}, 'cancelled', 'one that is cancelled');
	$are->('is ended as well');
	($one, $two) = map { $pid->($_) } qw(one two);
	like($ask->('two', user => 'crash_now')->{message}, qr/ended by signal 11/, 'one that crashes');
	$are->('is reaped', $one);
	is($pid->('one'), $one, 'and has not disturbed the other one');
	$two = $pid->('two');
	kill 'KILL', $one;
	sleep 0.2;
	is($pid->('two'), $two, 'one that dies while the other one works');
	isnt(my $again = $pid->('one'), $one, 'is replaced');
	$are->('and reaped', $again, $two);

	my @more = map { $pid->($_) } qw(three four);
	$are->('four programs are kept', $again, $two, @more);
	is($pid->('two'), $two, 'all of them');
	my $five = $pid->('five');
	$are->('a fifth takes the place of the one that was not needed for longest', $two, @more, $five);
	is($ask->('one', directory => $path)->{type}, 'other', 'which may come back');
	is(scalar(children($backend)), 4, 'in the place of another');
	$session->query('select helper_close()');
	$are->('closed, all are gone');

	my $other = $server->session;
	my $session_pid = $other->query('select pg_backend_pid()');
	my @helpers = map { $pid->($_, in => $other) } qw(one two three);
	is_deeply([ sort { $a <=> $b } children($session_pid) ], [ sort { $a <=> $b } @helpers ], 'three of another session');
	$session->query("select pg_terminate_backend($session_pid, 5000)");
	my $end = time + 5;
	sleep 0.05 while grep({ -e "/proc/$_" } @helpers) && time < $end;
	is_deeply([ grep { -e "/proc/$_" } @helpers ], [], 'end with it, idle ones too');
};

subtest 'the postmaster dies' => sub {
	my $other = $server->session;
	my $pid = $other->query('select pg_backend_pid()');

	$other->send(read_sql(port => $silent, connect => 60000));
	sleep 0.05 while !children($pid);
	my @helpers = children($pid);
	is(scalar(@helpers), 1, 'a read is under way');
	$server->kill9;
	my $end = time + 5;
	my $alive = sub { grep { -e "/proc/$_" && (split ' ', `cat /proc/$_/stat 2>/dev/null`)[2] ne 'Z' } @helpers, $pid };
	sleep 0.1 while $alive->() && time < $end;
	is_deeply([ $alive->() ], [], 'the session and its program end');
};

done_testing();
