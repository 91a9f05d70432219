# Every way a connection to MySQL or a read can go wrong, and the word for it. The servers that
# misbehave are played here, byte by byte.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Socket;
use Test::More;
use Time::HiRes qw(sleep);
use Whalefall::MySQL;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $dir = tempdir(CLEANUP => 1);
# The two client libraries say some things with other words.
my $of_mysql = run_mysql_program(['--version'])->{out} =~ /libmysqlclient/;

# Reads a port and checks type and phase; then the message. Gives the answer.
sub fails
{
	my ($name, $port, $expected, $message, %opt) = @_;
	my $answer = read_mysql($port, $opt{read} // 'version', %opt, args => [ '--connect-timeout', $opt{connect} // 5,
			'--statement-timeout', $opt{statement} // 5, @{ $opt{args} // [] } ]);
	subtest $name => sub {
		is($answer->{rc}, 1, 'exit status 1') or diag $answer->{out}, $answer->{err};
		is_deeply([ @{ $answer->{last} }{qw(type error_type phase)} ], [ 'error', @$expected ], "it is $expected->[0] while $expected->[1]")
		  or diag $answer->{out};
		like($answer->{last}{message}, $message, 'the message');
		is($answer->{err}, '', 'nothing on standard error');
		unlike($answer->{out}, qr/Mon-1/, 'no password');
	};
	return $answer;
}

# Sends bytes as soon as somebody connects.
sub greeting
{
	my ($bytes, %opt) = @_;

	return listen_for(sub {
		my ($socket) = @_;
		$socket->syswrite($bytes);
		sleep($opt{wait} // 0.3);
	});
}

# The answer to the first batch: three settings, then the version; more results follow.
sub ok_packet { my ($sequence, $more) = @_; return mysql_packet($sequence, "\0\0\0" . pack('v', $more ? 0x000A : 2) . "\0\0"); }
sub text { my ($text) = @_; return length($text) < 251 ? chr(length $text) . $text : "\xfd" . substr(pack('V', length $text), 0, 3) . $text; }
sub column { my ($name) = @_; return "\3def" . "\0" x 3 . text($name) . "\0\x0c" . pack('vVCvC', 45, 1024, 253, 0, 0) . "\0\0"; }
sub result
{
	my ($sequence, $columns, $rows, $more) = @_;
	my $bytes = mysql_packet($sequence++, chr(@$columns));

	$bytes .= mysql_packet($sequence++, column($_)) for @$columns;
	$bytes .= mysql_packet($sequence++, "\xfe\0\0" . pack('v', $more ? 0x000A : 2));
	$bytes .= mysql_packet($sequence++ % 256, ref $_ ? join('', map { defined $_ ? text($_) : "\xfb" } @$_) : $_) for @$rows;
	return $bytes . mysql_packet($sequence % 256, "\xfe\0\0" . pack('v', $more ? 0x000A : 2));
}

my $settings = ok_packet(1, 1) . ok_packet(2, 1) . ok_packet(3, 1);
my $begun = $settings . result(4, [qw(a b)], [ [ '8.0.40', 'a server' ] ]);

# A server that logs everybody in and answers each batch with the next of these, the last one for ever.
sub answering
{
	my ($answers, %opt) = @_;

	return listen_for(sub {
		my ($socket) = @_;
		mysql_handshake($socket);
		my @left = @$answers;
		while ($socket->sysread(my $batch, 65536))
		{
			my $bytes = @left > 1 ? shift @left : $left[0];
			$bytes = $bytes->($socket) if ref $bytes;
			for my $piece ($opt{slowly} ? split(//, $bytes) : $bytes)
			{
				my $sent = 0;
				while ($sent < length $piece) { $sent += $socket->syswrite($piece, 65536, $sent) // return }
				sleep 0.2 if $opt{slowly};
			}
			if ($opt{reset}) { setsockopt($socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0); return }
			return if $opt{close};
		}
	});
}

subtest 'names and addresses' => sub {
	fails('a name that does not exist', 3306, [ 'dns', 'resolving' ], qr/could not resolve host name "no-such-host\.invalid"/, host => 'no-such-host.invalid');
	my $closed = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Proto => 'tcp')->sockport;
	fails('a closed port', $closed, [ 'refused', 'connecting' ], qr/\(111\)/);
	fails('a closed port, by name', $closed, [ 'refused', 'connecting' ], qr/\(111\)/, host => 'localhost');
	fails('a link-local address', 3306, [ 'other', 'resolving' ], qr/link-local address/, host => $_) for '169.254.169.254', 'fd00:ec2::254';
	is(read_mysql(3306, 'version', host => $_)->{rc}, 2, "host $_ is wrong usage") for '/tmp', '127.0.0.1,127.0.0.1', 'a=b';
};

for my $kind (mysql_servers())
{
	subtest "logins, $kind" => sub {
		my $server = mysql_server($kind) or plan skip_all => "$kind could not be had";
		my @tls = (args => [qw(--tls-mode require)]);

		$server->monitor;
		$server->query(q{create user locked@'%' identified by 'Mon-1' account lock; create user expired@'%' identified by 'Mon-1' password expire;
			create user elsewhere@'203.0.113.7' identified by 'Mon-1'; create user tlsonly@'%' identified by 'Mon-1' require ssl;
			create user few@'%' identified by 'Mon-1'; create database closed; create database `库存`});
		my $answer = fails('a wrong password', $server, [ 'auth', 'connecting' ], qr/Access denied for user 'mon'/, password => 'Wrong-1');
		unlike($answer->{out}, qr/Wrong-1/, 'the wrong password is not told either');
		is($answer->{last}{sqlstate}, '28000', 'with the SQLSTATE of the server');
		fails('no password', $server, [ 'auth', 'connecting' ], qr/Access denied/, password => '');
		fails('an unknown user', $server, [ 'auth', 'connecting' ], qr/Access denied|is not allowed to connect/, user => 'nobody');
		fails('from a host that may not', $server, [ 'auth', 'connecting' ], qr/Access denied|is not allowed to connect/, user => 'elsewhere');
		# MySQL's test server has TLS, so "prefer" uses it.
		fails('a locked account', $server, [ 'auth', 'connecting' ], qr/locked/, user => 'locked');
		fails('an expired password', $server, [ 'auth', $server->is_mysql ? 'connecting' : 'reading' ], qr/password/i, user => 'expired');
		fails('an unknown database', $server, [ 'unknown_database', 'connecting' ], qr/Unknown database 'nowhere'/, dbname => 'nowhere');
		fails('one with other letters', $server, [ 'unknown_database', 'connecting' ], qr/Unknown database/, dbname => '没有');
		fails('a database without privileges', $server, [ 'auth', 'connecting' ], qr/Access denied for user .* to database 'closed'/,
			dbname => 'closed', user => 'few');
		fails('an account that demands TLS', $server, [ 'auth', 'connecting' ], qr/Access denied/, user => 'tlsonly',
			args => [qw(--tls-mode disable --allow-cleartext-key)]);
		is(read_mysql($server, 'version', user => 'few')->{rc}, 0, 'nobody needs a privilege on the database mysql to log in');
		is(read_mysql($server, 'version', dbname => '库存')->{rc}, 0, 'a database with other letters');
		$server->query('set global max_connections = 10');
		my @taken = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port) } 1 .. 14;
		sleep 0.5;
		fails('no connection left', $server, [ 'other', 'connecting' ], qr/Too many connections/);
	};
}

subtest 'servers that are none' => sub {
	for my $mode (qw(prefer disable require))
	{
		my @mode = (args => [ '--tls-mode', $mode ]);
		fails("SSH, $mode", greeting("SSH-2.0-OpenSSH_9.2\r\n"), [ 'protocol', 'connecting' ], qr/not a MySQL or MariaDB server/, @mode);
	}
	fails('HTTP', greeting("HTTP/1.1 400 Bad Request\r\n\r\n"), [ 'protocol', 'connecting' ], qr/not a MySQL/);
	fails('a huge packet', greeting("\xff\xff\xff\0" . 'x' x 100), [ 'protocol', 'connecting' ], qr/not a MySQL/);
	fails('a protocol of another time', greeting(mysql_packet(0, "\x09" . "3.20\0" . 'x' x 20)), [ 'protocol', 'connecting' ], qr/./);
	fails('half a greeting', greeting(substr mysql_greeting(), 0, 30), [ 'other', 'connecting' ], qr/./);
	fails('a greeting of nothing', greeting(mysql_packet(0, "\x0a")), [ $of_mysql ? 'protocol' : 'auth', 'connecting' ],
		$of_mysql ? qr/Malformed packet/ : qr/mysql_old_password/);
	fails('a server that closes at once', listen_for(sub { close $_[0] }), [ 'other', 'connecting' ], qr/Lost connection|closed|reset/i);
	my $error = fails('an error in another encoding', greeting(mysql_packet(0, "\xff" . pack('v', 1040) . "Zu viele Verbindungen \xFC\x80")),
		[ 'other', 'connecting' ], qr/Verbindungen \?\?$/);
	fails('one that is too old', answering([ $settings . result(4, [qw(a b)], [ [ '5.1.73', '' ] ]) ]), [ 'other', 'reading' ], qr/MySQL 5\.1, which is too old/);
};

subtest 'time' => sub {
	my %late = (connect => 1, statement => 1);
	my @cases = (
		[ 'a silent server', 'connecting', listen_for(sub { sleep 30 }) ],
		[ 'a greeting byte by byte', 'connecting', listen_for(sub { my ($s) = @_; for (split //, mysql_greeting()) { $s->syswrite($_); sleep 1 } }) ],
		[ 'a login byte by byte', 'connecting', listen_for(sub {
			my ($s) = @_;
			$s->syswrite(mysql_greeting());
			$s->sysread(my $x, 65536);
			for (split //, mysql_packet(2, "\0\0\0\2\0\0\0")) { $s->syswrite($_); sleep 0.5 }
		}) ],
		[ 'a TLS handshake that never comes', 'connecting', listen_for(sub { my ($s) = @_; $s->syswrite(mysql_greeting(tls => 1)); sleep 30 }) ],
		[ 'a TLS handshake byte by byte', 'connecting', listen_for(sub {
			my ($s) = @_;
			$s->syswrite(mysql_greeting(tls => 1));
			$s->sysread(my $x, 65536);
			for (split //, "\x16\x03\x03\x10\0" . "\2" x 100) { $s->syswrite($_); sleep 0.5 }
		}) ],
		[ 'no answer to statements', 'reading', listen_for(sub { mysql_handshake($_[0]); sleep 30 }) ],
		[ 'an answer byte by byte', 'reading', answering([$begun], slowly => 1) ],
		[ 'half an answer', 'reading', answering([ substr $begun, 0, 60 ]) ],
		[ 'rows without end', 'reading', answering([ $begun, sub {
			my ($s) = @_;
			my $row = ok_packet(1, 1) . ok_packet(2, 1) . substr(result(3, [qw(a)], [], 1), 0, -9);
			$s->syswrite($row);
			my $n = 6;
			while (1) { $s->syswrite(mysql_packet($n++ % 256, text('db'))) // return ''; sleep 0.001 }
		} ]), read => 'databases' ]);
	for my $case (@cases)
	{
		my ($name, $phase, $port, @more) = @$case;
		my $answer = fails($name, $port, [ 'timeout', $phase ], qr/timeout expired while $phase/, %late, @more);
		cmp_ok($answer->{took}, '<', 2.5, 'ends at the deadline') and cmp_ok($answer->{took}, '>=', 0.95, 'and not before');
	}
};

subtest 'answers that are not what was asked for' => sub {
	my $read = sub { return answering([ $begun, @_ ]) };
	my %databases = (read => 'databases');
	my $two = ok_packet(1, 1) . ok_packet(2, 1);

	fails('too few columns', answering([ $settings . result(4, ['a'], [ ['8.0.40'] ]) ]), [ 'protocol', 'reading' ], qr/1 columns where 2/);
	fails('rows where none belong', answering([ result(1, ['a'], [ ['x'] ], 1) ]), [ 'protocol', 'reading' ], qr/1 columns where 0/);
	fails('fewer answers than statements', answering([ ok_packet(1, 0) ]), [ 'protocol', 'reading' ], qr/more or fewer answers/);
	fails('more answers', answering([ $settings . result(4, [qw(a b)], [ [ '8.0.40', '' ] ], 1) . ok_packet(10, 0) ]), [ 'protocol', 'reading' ], qr/more or fewer/);
	fails('a name that is not UTF-8', $read->($two . result(3, ['a'], [ ["\xFF\xFE"] ], 1)
		  . result(8, [qw(a b)], [], 1) . result(13, [qw(a b c d)], [])), [ 'protocol', 'reading' ], qr/not valid UTF-8/, %databases);
	fails('a name with a NUL byte', $read->($two . result(3, ['a'], [ ["a\0b"] ], 1)), [ 'protocol', 'reading' ], qr/NUL byte/, %databases);
	fails('garbage', answering([ "\xde\xad\xbe\xef" x 50 ]), [ 'timeout', 'reading' ], qr/./, statement => 1);
	fails('a row that says it is longer than it is', $read->($two . result(3, ['a'], ["\xfd\xff\xff\xffx"], 1)), [ 'protocol', 'reading' ], qr/./, %databases);
	my $got = "$dir/got";
	my $thief = listen_for(sub {
		my ($socket) = @_;
		mysql_handshake($socket);
		open my $file, '>>:raw', $got;
		$file->autoflush(1);
		for my $sequence (1, 3)
		{
			$socket->sysread(my $bytes, 65536) or return;
			print $file $bytes;
			$socket->syswrite($sequence == 1 ? mysql_packet(1, "\xfb/etc/passwd") : ok_packet($sequence, 0));
		}
	});
	fails('a server that asks for a file', $thief, [ 'protocol', 'reading' ], qr/./);
	open my $file, '<', $got or die;
	my $stolen = join '', <$file>;
	like($stolen, qr/SELECT VERSION/, 'gets the statements');
	unlike($stolen, qr/root:/, 'and no file');
	my $long = fails('an error of 10 MB', answering([ mysql_packet(1, "\xff" . pack('v', 1105) . '#HY000' . 'x' x (10 * 1024 * 1024)) ]),
		[ 'other', 'reading' ], qr/^x+/);
	cmp_ok(length $long->{out}, '<', 20000, 'is cut');
	fails('a reset', answering([ substr $begun, 0, 50 ], reset => 1), [ 'other', 'reading' ], qr/Lost connection|gone away/i);
	fails('an end in the middle', answering([ substr $begun, 0, 50 ], close => 1), [ 'other', 'reading' ], qr/Lost connection|gone away/i);
};

subtest 'a row of gigabytes' => sub {
	my $huge = listen_for(sub {
		my ($socket) = @_;
		mysql_handshake($socket);
		$socket->sysread(my $batch, 65536);
		$socket->syswrite($settings . substr(result(4, [qw(a b)], []), 0, -9));
		my $n = 8;
		my $piece = 'x' x 65535;
		# Packets of the largest size, which say that more follows.
		while (1)
		{
			$socket->syswrite("\xff\xff\xff" . chr($n++ % 256) . ($n == 9 ? "\xfe" . pack('Q<', 2**31) : 'x' x 9)) // return;
			my $left = 0xffffff - 9;
			while ($left > 0) { my $sent = $socket->syswrite($piece, $left < 65535 ? $left : 65535) // return; $left -= $sent }
		}
	});
	my $answer = fails('is refused', $huge, [ $of_mysql ? 'protocol' : 'other', 'reading' ],
		$of_mysql ? qr/max_allowed_packet/ : qr/Lost connection/i, statement => 20, timeout => 60);
	cmp_ok($answer->{took}, '<', 15, 'soon');
};

done_testing();
