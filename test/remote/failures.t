# Every way a connection or a read can go wrong, and the word for it. The servers that misbehave are
# played here, byte by byte.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Select;
use IO::Socket::INET;
use Socket;
use Test::More;
use Time::HiRes qw(sleep);
use Whalefall::Remote;

my $server = remote_server('local', settings => { max_connections => 10 });

# What an answer says about its failure.
sub failure
{
	my ($answer) = @_;

	return [ @{ $answer->{last} }{qw(type error_type phase sqlstate)} ];
}

# Reads a port and checks type, phase and SQLSTATE; then the message. Gives the answer.
sub fails
{
	my ($name, $port, $expected, $message, %opt) = @_;
	my $answer = read_server($port, $opt{read} // 'version', %opt, args => [ '--connect-timeout', $opt{connect} // 5,
			'--statement-timeout', $opt{statement} // 5, @{ $opt{args} // [] } ]);
	subtest $name => sub {
		is($answer->{rc}, 1, 'exit status 1') or diag $answer->{err};
		is_deeply(failure($answer), [ 'error', @$expected ], "it is $expected->[0] while $expected->[1]");
		like($answer->{last}{message}, $message, 'the message');
		is($answer->{err}, '', 'nothing on standard error');
		unlike($answer->{out}, qr/Super-1/, 'no password');
		unlike($answer->{out}, qr/LOCATION/, 'no source file of the server');
	};
	return $answer;
}

# The first answers of a server that plays PostgreSQL: everything up to the rows of the first
# statement, which asks for six columns.
my $row_description = pg_message('T', pack('n', 6) . join '', map { pack 'Z* N n N n N n', "c$_", 0, 0, 25, -1, -1, 0 } 1 .. 6);
my $begin_answer = pg_message('1', '') . pg_message('2', '') . $row_description;
my $pinned = $begin_answer . pg_message('D', pack('n', 6) . (pack('N', 1) . 'x') x 6) . pg_message('C', "SELECT 1\0")
  . pg_message('Z', 'I');

# A server that logs everybody in, waits for the statements and then answers with these bytes.
sub answering
{
	my ($bytes, %opt) = @_;

	return scalar fault_server(sub {
		my ($socket) = @_;
		pg_login($socket, %{ $opt{parameters} // {} });
		$socket->sysread(my $statements, 65536);
		if ($opt{slowly})
		{
			for my $byte (split //, $bytes) { $socket->syswrite($byte); sleep 0.2 }
		}
		else
		{
			my $sent = 0;
			while ($sent < length $bytes)
			{
				$sent += $socket->syswrite($bytes, 65536, $sent) // last;
			}
		}
		$opt{reset} ? setsockopt($socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0) : $opt{close} || sleep 60;
		close $socket;
	});
}

# Sends bytes as soon as somebody connects.
sub greeting
{
	my ($bytes, %opt) = @_;

	return scalar fault_server(sub {
		my ($socket) = @_;
		$socket->sysread(my $request, 8) if !$opt{unasked};
		$socket->syswrite($bytes);
		sleep($opt{wait} // 0.2);
	});
}

subtest 'names and addresses' => sub {
	fails('a name that does not exist', 5432, [ 'dns', 'resolving', undef ], qr/could not resolve host name "no-such-host\.invalid"/,
		host => 'no-such-host.invalid');
	my $closed = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Proto => 'tcp')->sockport;
	fails('a closed port', $closed, [ 'refused', 'connecting', undef ], qr/Connection refused/);
	fails('a link-local address', 5432, [ 'other', 'resolving', undef ], qr/link-local address/, host => $_)
	  for '169.254.169.254', 'fe80::1', '::ffff:169.254.1.1', '64:ff9b::a9fe:a9fe', 'fd00:ec2::254';
	fails('an odd way to write one', 5432, [ 'other', 'resolving', undef ], qr/link-local address 169\.254\.169\.254/,
		host => '0xa9fea9fe');
	my $answer = read_server($server, 'version', host => '127.0.0.1,127.0.0.1');
	is($answer->{rc}, 2, 'a list of hosts is wrong usage');
	is(read_server($server, 'version', host => $_)->{rc}, 2, "host $_ is wrong usage") for '/tmp', '@abc', $server->host;
};

# What names resolve to, and how long that takes, is decided by a stub.
subtest 'resolving' => sub {
	plan skip_all => 'nothing can be loaded before a sanitizer' if $ENV{WHALEFALL_REMOTE_PROGRAM};
	my $stub = $server->dir . '/resolver.so';
	is(system('gcc', qw(-shared -fPIC -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -o), $stub, "$FindBin::Bin/resolver_stub.c"), 0,
		'the stub compiles');
	my $port = $server->port;
	my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.2', LocalPort => $port, Listen => 5, Proto => 'tcp')
	  or die "127.0.0.2: $!";
	my $read = sub {
		my ($addresses, $seconds) = @_;
		local @ENV{qw(LD_PRELOAD FAKE_ADDRESSES)} = ($stub, $addresses);
		return read_server($server, 'version', host => 'fake.example', args => [ '--connect-timeout', $seconds ]);
	};

	my $answer = $read->('sleep', 1);
	is_deeply(failure($answer), [ 'error', 'timeout', 'resolving', undef ], 'a resolver that is stuck');
	is($answer->{rc}, 1, 'exit status 1');
	cmp_ok($answer->{took}, '<', 2.5, 'ends soon after the deadline');
	is($read->('127.0.0.3,127.0.0.1', 5)->{last}{type}, 'done', 'the second address, when the first refuses');
	$answer = $read->('127.0.0.2,127.0.0.1', 2);
	is($answer->{last}{type}, 'done', 'or does not answer');
	cmp_ok($answer->{took}, '<', 1.8, 'which costs its share of the time only');
	$answer = $read->('127.0.0.2,127.0.0.2,127.0.0.3,127.0.0.4', 3);
	is_deeply(failure($answer), [ 'error', 'refused', 'connecting', undef ], 'the last address tells the error');
	cmp_ok($answer->{took}, '<', 1.8, 'and an address given twice is tried once');
	is_deeply(failure($read->('127.0.0.1,169.254.169.254', 3)), [ 'error', 'other', 'resolving', undef ],
		'one link-local address among others is enough to refuse');
	$answer = read_server($server, 'version', host => '127.0.0.1', password => 'Wrong-1');
	is(() = $server->log_contents =~ /password authentication failed/g, 1, 'a wrong password is tried once');
	close $silent;
};

subtest 'logins' => sub {
	my $answer = fails('a wrong password', $server, [ 'auth', 'connecting', '28P01' ],
		qr/password authentication failed for user "postgres"/, password => 'Wrong-1');
	unlike($answer->{out}, qr/Wrong-1/, 'the wrong password is not told either');
	fails('an unknown user', $server, [ 'auth', 'connecting', '28P01' ], qr/password authentication failed/, user => 'nobody');
	fails('no password', $server, [ 'auth', 'connecting', undef ], qr/no password supplied/, password => '');
	fails('an unknown database', $server, [ 'unknown_database', 'connecting', '3D000' ], qr/database "nowhere" does not exist/,
		dbname => 'nowhere');
	fails('a connection string as database', $server, [ 'unknown_database', 'connecting', '3D000' ],
		qr/database "host=example user=x" does not exist/, dbname => 'host=example user=x');
	$server->query($_) for 'create database closed', 'revoke connect on database closed from public',
	  q{create role idle nologin password 'Idle-1'}, q{create role late login password 'Late-1' valid until '2020-01-01'};
	$answer = fails('a database without CONNECT', $server, [ 'auth', 'connecting', '42501' ], qr/permission denied for database "closed"/,
		dbname => 'closed', user => 'mon', password => 'Mon-1');
	is($answer->{last}{detail}, 'User does not have CONNECT privilege.', 'with the detail of the server');
	fails('a role without LOGIN', $server, [ 'auth', 'connecting', '28000' ], qr/not permitted to log in/, user => 'idle', password => 'Idle-1');
	fails('an expired password', $server, [ 'auth', 'connecting', '28P01' ], qr/password authentication failed/, user => 'late', password => 'Late-1');
	my @sessions = map { $server->session } 1 .. 7;
	$_->query('select 1') for @sessions;
	fails('no connection left', $server, [ 'other', 'connecting', '53300' ], qr/connection|slots/, user => 'mon', password => 'Mon-1');
	$_->quit for @sessions;
};

subtest 'a server that speaks another language' => sub {
	my $locales = $server->dir . '/locales';
	mkdir $locales;
	plan skip_all => 'localedef cannot make zh_CN here'
	  if system("localedef -i zh_CN -f UTF-8 '$locales/zh_CN.utf8' >/dev/null 2>&1") != 0;
	chmod 0755, $locales;
	my $chinese = remote_server('local', env => { LOCPATH => $locales }, settings => { lc_messages => 'zh_CN.utf8' });
	my $answer = fails('a wrong password', $chinese, [ 'auth', 'connecting', '28P01' ], qr/./, password => 'Wrong-1');
	like($answer->{last}{message}, qr/\x{7528}\x{6237}/, 'the message is Chinese') or diag $answer->{out};
	fails('an unknown database', $chinese, [ 'unknown_database', 'connecting', '3D000' ], qr/./, dbname => 'nowhere');
};

subtest 'servers that are none' => sub {
	for my $mode (qw(prefer disable require))
	{
		fails("HTTP, $mode", greeting("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nbad\r\n"), [ 'protocol', 'connecting', undef ],
			qr/invalid response|expected authentication request/, args => [ '--tls-mode', $mode ]);
	}
	fails('SSH, unasked', greeting("SSH-2.0-OpenSSH_9.2\r\n", unasked => 1), [ 'protocol', 'connecting', undef ],
		qr/expected authentication request/);
	fails('zeroes', greeting("\0" x 1000), [ 'protocol', 'connecting', undef ], qr/./, args => [qw(--tls-mode disable)]);
	fails('a huge message', greeting('R' . pack('N', 0x7FFFFFFF) . 'x'), [ 'protocol', 'connecting', undef ], qr/./,
		args => [qw(--tls-mode disable)]);
	my $answer = fails('a server that closes at once', scalar fault_server(sub { close $_[0] }), [ 'other', 'connecting', undef ],
		qr/closed the connection|reset by peer/, args => [qw(--tls-mode disable)]);
	fails('one that is too old', answering('', parameters => { server_version => '9.6.24' }), [ 'other', 'connecting', undef ],
		qr/PostgreSQL 9\.6, which is too old/);
	my $error = pg_message('E', join('', map { "$_\0" } 'SFATAL', 'VFATAL', 'C57P03', "Mdas Datenbanksystem startet \xFC\x80") . "\0");
	fails('an error that is not UTF-8', greeting($error), [ 'other', 'connecting', '57P03' ], qr/startet \?\?$/,
		args => [qw(--tls-mode disable)]);
};

subtest 'time' => sub {
	my %late = (connect => 1, statement => 1);
	for my $case ([ 'a silent server', fault_server(sub { sleep 30 }) ],
		[ 'a server that says one byte a second', scalar fault_server(sub { my ($s) = @_; for (1 .. 30) { $s->syswrite('N'); sleep 1 } }) ],
		[ 'a start of the login, byte by byte', scalar fault_server(sub {
			my ($s) = @_;
			$s->sysread(my $x, 8);
			for my $byte (split //, 'N' . pg_message('R', pack 'N', 0)) { $s->syswrite($byte); sleep 0.5 }
			sleep 30;
		}) ])
	{
		my $answer = fails($case->[0], $case->[1], [ 'timeout', 'connecting', undef ], qr/timeout expired while connecting/, %late);
		cmp_ok($answer->{took}, '<', 2.5, 'ends at the deadline') and cmp_ok($answer->{took}, '>=', 0.95, 'and not before');
	}
	my @more = (
		[ 'a server that never answers', answering('') ],
		[ 'an answer byte by byte', answering($pinned x 10, slowly => 1) ],
		[ 'half an answer', answering(substr $pinned, 0, 100) ]);
	for my $case (@more)
	{
		my $answer = fails($case->[0], $case->[1], [ 'timeout', 'reading', undef ], qr/timeout expired while reading/, %late);
		cmp_ok($answer->{took}, '<', 2.5, 'ends at the deadline') and cmp_ok($answer->{took}, '>=', 0.95, 'and not before');
	}
	# Rows without end, faster than anybody reads them.
	my $endless = scalar fault_server(sub {
		my ($socket) = @_;
		pg_login($socket);
		$socket->sysread(my $statements, 65536);
		$socket->syswrite($begin_answer);
		my $rows = pg_message('D', pack('n', 6) . (pack('N', 1) . 'x') x 6) x 1000;
		1 while $socket->syswrite($rows);
	});
	my $answer = fails('rows without end', $endless, [ 'timeout', 'reading', undef ], qr/timeout expired while reading/, %late);
	cmp_ok($answer->{took}, '<', 2.5, 'end at the deadline');

	# A SCRAM exchange whose cost the server chose: nothing can interrupt it but the watchdog.
	my $costly = scalar fault_server(sub {
		my ($socket) = @_;
		$socket->sysread(my $request, 8);
		$socket->syswrite('N');
		$socket->sysread($request, 4096);
		$socket->syswrite(pg_message('R', pack('N', 10) . "SCRAM-SHA-256\0\0"));
		$socket->sysread($request, 4096);
		my ($nonce) = $request =~ /r=([^,]+)/;
		$socket->syswrite(pg_message('R', pack('N', 11) . "r=${nonce}abc,s=QSXCR+Q6sek8bf92,i=2000000000"));
		sleep 30;
	});
	$answer = fails('a key that takes hours to derive', $costly, [ 'timeout', 'connecting', undef ], qr/timeout expired while connecting/, %late);
	cmp_ok($answer->{took}, '<', 3, 'ends soon after the deadline');

	$server->query('create role slow login superuser password \'Slow-1\'');
	my $lock = $server->session;
	$lock->query('begin; lock table pg_auth_members in access exclusive mode');
	$answer = read_server($server, 'accounts', args => [qw(--statement-timeout 2)]);
	is($answer->{last}{error_type}, 'timeout', 'a catalog that stays locked');
	cmp_ok($answer->{took}, '<', 3.5, 'is not waited for beyond the deadline');
	$lock->query('rollback');
	$lock->quit;
};

subtest 'answers that make no sense' => sub {
	my $protocol = [ 'protocol', 'reading', undef ];
	my %disable = (args => [qw(--tls-mode disable)]);
	fails('a connection that ends in the middle', answering(substr($pinned, 0, 100), close => 1), [ 'other', 'reading', undef ],
		qr/closed the connection/, %disable);
	fails('one that is reset', answering(substr($pinned, 0, 100), reset => 1), [ 'other', 'reading', undef ], qr/reset by peer|closed/, %disable);
	fails('the wrong number of columns', answering(pg_message('1', '') . pg_message('2', '') . pg_message('T', pack 'n', 0)
			  . pg_message('D', pack 'n', 0) . pg_message('C', "SELECT 1\0") . pg_message('Z', 'I')), $protocol, qr/0 columns where 6/);
	fails('copy instead of rows', answering(pg_message('1', '') . pg_message('2', '') . pg_message('H', pack 'Cn', 0, 0)), $protocol, qr/./);
	fails('garbage', answering(join '', map { chr(($_ * 7919) % 256) } 1 .. 5000), $protocol, qr/./);
	fails('an unknown message', answering("\x01" . pack('N', 4)), $protocol, qr/./, statement => 2);
	SKIP:
	{
		skip 'a sanitizer needs all of the address space', 1 if $ENV{WHALEFALL_REMOTE_PROGRAM};
		fails('a message of 1 GiB', answering($begin_answer . 'D' . pack('N', 0x40000000) . 'x' x 100), $protocol,
			qr/memory/, statement => 3);
	}
	fails('a name that is not UTF-8', answering($pinned . pg_message('1', '') . pg_message('2', '')
			  . pg_message('T', pack('n Z* N n N n N n', 1, 'c', 0, 0, 25, -1, -1, 0)) . pg_message('D', pack('n N', 1, 1) . 'x')
			  . pg_message('C', "SELECT 1\0") . pg_message('Z', 'I')
			  . pg_message('1', '') . pg_message('2', '') . pg_message('T', pack('n Z* N n N n N n', 1, 'c', 0, 0, 25, -1, -1, 0))
			  . pg_message('D', pack('n N', 1, 1) . 'v') . pg_message('C', "SELECT 1\0") . pg_message('Z', 'I')
			  . pg_message('1', '') . pg_message('2', '')
			  . pg_message('T', pack('n', 5) . join '', map { pack 'Z* N n N n N n', 'c', 0, 0, 25, -1, -1, 0 } 1 .. 5)
			  . pg_message('D', pack('n', 5) . pack('N/a* N/a* N/a* N/a* N/a*', "bad\xFF", 'f', 't', '1', 'x'))),
		$protocol, qr/not valid UTF-8/, read => 'databases');

	my $huge = 'A' x 8190 . "\xE9\xB2\xB8" . 'B' x 10_000_000;
	my $error = pg_message('E', join('', map { "$_\0" } 'SERROR', 'VERROR', 'C42501', "M$huge", 'Dthe detail', 'Hthe hint', 'Fsecret.c', 'L1', 'Rsecret') . "\0");
	my $answer = fails('an error of 10 MB', answering($error . pg_message('Z', 'I')), [ 'other', 'reading', '42501' ], qr/^A{8190}$/);
	is_deeply([ @{ $answer->{last} }{qw(detail hint)} ], [ 'the detail', 'the hint' ], 'detail and hint come through');
};

subtest 'the server goes away' => sub {
	# A proxy that forwards so many bytes of the answer and then cuts both ends.
	my $target = $server->port;
	my $cut = sub {
		my ($limit) = @_;
		return scalar fault_server(sub {
			my ($socket) = @_;
			my $there = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $target) or return;
			my $select = IO::Select->new($socket, $there);
			my $seen = 0;
			while (my @ready = $select->can_read(20))
			{
				for my $from (@ready)
				{
					$from->sysread(my $bytes, 4096) or return;
					$from == $socket and $there->syswrite($bytes), next;
					$socket->syswrite(substr $bytes, 0, $limit - $seen);
					$seen += length $bytes;
					if ($seen >= $limit)
					{
						setsockopt($socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0);
						return close $socket;
					}
				}
			}
		});
	};
	my %read = (read => 'accounts,databases');
	fails("cut after $_ bytes of answers", $cut->($_), [ 'other', 'reading', undef ], qr/reset by peer|closed the connection/, %read)
	  for 1000, 3000, 6000;
	# Held up by a lock, it is ended from another session.
	my $lock = $server->session;
	$lock->query('begin; lock table pg_tablespace in access exclusive mode');
	my $other = $server->session;
	$other->send(q{select pg_sleep(1); select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'whalefall'});
	fails('an administrator ends the session', $server, [ 'other', 'reading', '57P01' ], qr/terminating connection/, read => 'accounts');
	is($other->receive(20), "\n1", 'one session was ended');
	$lock->query('rollback');
	$_->quit for $lock, $other;
};

done_testing();
