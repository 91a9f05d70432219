# Worker mode of a helper program: many requests over one socket, hostile ones among them, and the
# life of the process.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Time::HiRes qw(sleep time);
use Whalefall::Remote;

my $server = remote_server('local');
my $port = $server->port;

# The last frame of an answer.
sub answer { my ($worker, $seconds) = @_; return [ ($worker->frames($seconds))[-1] // [] ]->[0]; }

subtest 'one process serves many requests' => sub {
	my $worker = start_worker();

	for my $reads ('version', 'accounts', 'databases', 'tables', 'permissions', 'version,accounts,databases,tables,permissions')
	{
		$worker->send(request_frame($port, reads => $reads));
		my @frames = $worker->frames;
		is(join('', map { $_->[0] } @frames[ 0 .. 3 ]), 'PPPV', "$reads: three phases, then the version");
		is_deeply([ map { $_->[1] } @frames[ 0 .. 2 ] ], [qw(resolving connecting reading)], 'in order');
		is($frames[3][2], $server->value('show server_version_num'), 'the number of the version');
		my $rows = 0;
		for (grep { $_->[0] eq 'R' } @frames)
		{
			my (undef, $dataset, $width, @values) = @$_;
			$rows += @values / $width;
			is(@values % $width, 0, "whole rows of $dataset");
		}
		is_deeply($frames[-1], [ 'D', 1, $rows, $frames[-1][3] ], 'one round trip, all rows counted');
	}
	# Errors in between do not matter.
	$worker->send(request_frame($port, password => 'Wrong-1'));
	is_deeply([ @{ answer($worker) }[ 0 .. 3 ] ], [ 'E', 'auth', 'connecting', '28P01' ], 'an error');
	$worker->send(request_frame($port));
	is(answer($worker)->[0], 'D', 'and then a good one');
	# Two at once are answered one after the other.
	$worker->send(request_frame($port) . request_frame($port, reads => 'databases'));
	is(answer($worker)->[0], 'D', 'two requests sent at once: the first');
	is_deeply([ grep { $_ eq 'R' } map { $_->[0] } $worker->frames ], ['R'], 'and the second');
	# Byte by byte is the same request.
	$worker->send($_) for split //, request_frame($port);
	is(answer($worker)->[0], 'D', 'a request sent byte by byte');
	is($worker->close, 0, 'it ends with its socket');
};

subtest 'an account comes before what is said of it' => sub {
	$server->query(join ';', map { "create role order_$_" } 1 .. 3000);
	my $worker = start_worker();
	$worker->send(request_frame($port, reads => 'accounts'));
	my (%known, $early, $large);
	for my $frame ($worker->frames)
	{
		next if $frame->[0] ne 'R';
		my (undef, $dataset, $width, @values) = @$frame;
		my $size = 0;
		$size += 4 + length($_ // '') for @values;
		$large++ if $size > 65536;
		while (my @row = splice @values, 0, $width)
		{
			$known{ $row[0] } = 1 if $dataset eq 'account';
			$early++ if $dataset =~ /^(item|value)$/ && !$known{ $row[0] };
		}
	}
	is($early, undef, 'no value or item before its account');
	is($large, undef, 'no frame above 64 KiB');
	cmp_ok(scalar(keys %known), '>', 3000, 'over many frames');
	$worker->close;
	$server->query(join ';', map { "drop role order_$_" } 1 .. 3000);
};

subtest 'hostile requests' => sub {
	my $worker = start_worker();
	my $good = request_frame($port);

	for my $case (
		[ 'no fields', frame('Q'), 'protocol' ],
		[ 'another type', frame('D', 1, 2, 3), 'protocol' ],
		[ 'a type of zero', frame("\0", 'x'), 'protocol' ],
		[ 'an odd number of fields', frame('Q', 'host'), 'protocol' ],
		[ 'a NULL key', frame('Q', undef, 'x'), 'protocol' ],
		[ 'an unknown key', request_frame($port, colour => 'red'), 'protocol' ],
		[ 'a long key', request_frame($port, 'k' x 1000 => 'x'), 'protocol' ],
		[ 'a key with a NUL', request_frame($port, "host\0" => 'x'), 'protocol' ],
		[ 'a value with a NUL', request_frame($port, user => "a\0b"), 'protocol' ],
		[ 'a key twice', frame('Q', 'host', 'a', 'host', 'b'), 'protocol' ],
		[ 'too many keys', frame('Q', map { ('host', 'a') } 1 .. 13), 'protocol' ],
		[ 'a hundred thousand fields', pack('N a', 400_000, 'Q') . "\0" x 400_000, 'protocol' ],
		[ 'a field that is too long', pack('N a N', 4, 'Q', 100), 'protocol' ],
		[ 'another protocol', request_frame($port, protocol => 2), 'protocol' ],
		[ 'no protocol', request_frame($port, protocol => undef), 'protocol' ],
		[ 'another engine', request_frame($port, db_type => 'mysql'), 'other' ],
		[ 'a path as host', request_frame($port, host => $server->host), 'other' ],
		[ 'a link-local host', request_frame($port, host => '169.254.169.254'), 'other' ],
		[ 'port 0', request_frame(0), 'other' ],
		[ 'port -1', request_frame(-1), 'other' ],
		[ 'an unknown read', request_frame($port, reads => 'version,everything'), 'other' ],
		[ 'no read', request_frame($port, reads => undef), 'other' ],
		[ 'a user of 2000 bytes', request_frame($port, user => 'u' x 2000), 'other' ],
		[ 'a user that is not UTF-8', request_frame($port, user => "\xFF"), 'other' ],
		[ 'a timeout of a year', request_frame($port, connect_timeout_ms => 31536000000), 'other' ],
		[ 'TLS mode allow', request_frame($port, tls_mode => 'allow'), 'other' ],
		[ 'an injection as database', request_frame($port, dbname => "x' hostaddr='127.0.0.2"), 'unknown_database' ],
		[ 'an authority of 900 KB', request_frame($port, tls_ca => 'x' x 900_000, tls_mode => 'require'), 'tls' ])
	{
		my ($name, $bytes, $type) = @$case;
		$worker->send($bytes);
		my $answer = answer($worker);
		is_deeply([ @$answer[ 0, 1 ] ], [ 'E', $type ], $name) or diag explain $answer;
		is(scalar(@$answer), 10, 'with all fields');
	}
	$worker->send($good);
	is(answer($worker)->[0], 'D', 'after all this it serves a good one');
	$worker->send(pack('N a', 1024 * 1024 + 1, 'Q'));
	is_deeply([ @{ answer($worker) }[ 0, 1 ] ], [ 'E', 'protocol' ], 'a frame above 1 MiB is refused');
	is($worker->wait >> 8, 1, 'and ends the program, which cannot know where the next one begins');

	$worker = start_worker();
	$worker->send("\xFF" x 100);
	is_deeply([ @{ answer($worker) }[ 0, 1 ] ], [ 'E', 'protocol' ], 'nor one of 4 GiB');
	$worker->wait;
	$worker = start_worker();
	$worker->send(substr $good, 0, 50);
	is($worker->close, 0, 'half a request and an end is an end');
};

subtest 'life and death' => sub {
	my $worker = start_worker();
	$worker->send(request_frame($port));
	answer($worker);
	my $pid = $worker->pid;
	my $slurp = sub { open my $file, '<', "/proc/$pid/$_[0]" or return "unreadable: $!"; local $/ = undef; <$file> // '' };

	my %fds = map { (readlink("/proc/$pid/fd/$_") // '') => 1 } map { m{(\d+)$} } glob "/proc/$pid/fd/*";
	is_deeply([ grep { !m{^/dev/null$|^socket:|^pipe:|^/tmp/|^/dev/|deleted} } sort keys %fds ], [], 'no file of the parent is open');
	is(readlink("/proc/$pid/fd/0"), '/dev/null', 'nothing a library prints can get between the frames');
	SKIP:
	{
		skip 'a sanitizer needs all of the address space', 1 if $ENV{WHALEFALL_REMOTE_PROGRAM};
		my ($limit) = $slurp->('limits') =~ /^Max address space\s+(\d+)/m;
		is($limit, 512 * 1024 * 1024, 'its address space is limited');
	}
	is(($slurp->('limits') =~ /^Max core file size\s+(\d+)/m)[0], 0, 'it leaves no core');
	is(($slurp->('status') =~ /^NoNewPrivs:\s+(\d)/m)[0], 1, 'it can gain no privileges');
	is(($slurp->('status') =~ /^Umask:\s+(\d+)/m)[0], '0077', 'it makes no readable files');
	is($slurp->('oom_score_adj'), "500\n", 'it goes first when memory is out');
	is((stat "/proc/$pid/environ")[4], 0, 'its environment belongs to root');
	is($slurp->('cmdline'), program() . "\0--worker\0$$\0", 'no secret among its arguments');

	for my $signal (qw(SEGV KILL TERM))
	{
		my $victim = start_worker();
		$victim->send(request_frame($port));
		answer($victim);
		kill $signal, $victim->pid;
		is_deeply([ $victim->frames(5) ], [], "SIG$signal: no more frames");
		ok($victim->eof, 'the socket ends');
		my %number = (SEGV => 11, KILL => 9, TERM => 15);
		is($victim->wait & 127, $number{$signal}, 'and the status tells the signal');
	}

	is($worker->close, 0, 'the first one ends well');
	is(start_worker(parent => 1)->wait, 0, 'a program whose parent is another ends at once');

	# The program follows its parent, whatever it is doing.
	my $silent = fault_server(sub { sleep 60 });
	pipe my $read, my $write or die $!;
	my $parent = fork // die $!;
	if ($parent == 0)
	{
		my $child = start_worker();
		$child->send(request_frame($silent, connect_timeout_ms => 60000));
		sleep 0.3;
		syswrite $write, $child->pid . "\n";
		sleep 60;
		POSIX::_exit(0);
	}
	close $write;
	chomp(my $child = <$read>);
	ok(kill(0, $child), 'a program in the middle of a read');
	kill 'KILL', $parent;
	waitpid $parent, 0;
	my $end = time + 5;
	sleep 0.05 while time < $end && -e "/proc/$child" && ((split ' ', `cat /proc/$child/stat 2>/dev/null`)[2] // 'Z') ne 'Z';
	ok(!-e "/proc/$child" || (split ' ', `cat /proc/$child/stat 2>/dev/null`)[2] eq 'Z', 'dies with its parent');
};

subtest 'deadlines' => sub {
	my $silent = fault_server(sub { sleep 60 });
	my $worker = start_worker();
	my $began = time;
	$worker->send(request_frame($silent, connect_timeout_ms => 700));
	is_deeply([ @{ answer($worker) }[ 0 .. 2 ] ], [ 'E', 'timeout', 'connecting' ], 'a silent server');
	cmp_ok(time - $began, '<', 2, 'in time');
	$worker->send(request_frame($port));
	is(answer($worker)->[0], 'D', 'and the program serves on');
	$worker->close;
};

done_testing();
