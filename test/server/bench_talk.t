# What the benchmarks take out of a recorded conversation, and how their relay counts MySQL's round trips.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../bench/lib";
use Bench::Proxy;
use Bench::Talk;
use IO::Socket::INET;
use Test::More;

sub message { my ($type, $payload) = @_; return $type . pack('N', 4 + length $payload) . $payload; }
sub packet { my ($number, $payload) = @_; return substr(pack('V', length $payload), 0, 3) . chr($number) . $payload; }
sub bind_message { return message('B', "\0\0" . pack('n n', 0, scalar @_) . join('', map { pack 'N/a*', $_ } @_) . pack('n', 0)); }

# A statement as libpq sends it in a pipeline.
sub statement
{
	my ($sql, @params) = @_;

	return message('P', "\0$sql\0\0\0") . bind_message(@params) . message('D', "P\0") . message('E', "\0\0\0\0\0") . message('S', '');
}

sub fails
{
	my ($pattern, $engine, $bytes, $name) = @_;

	ok(!eval { Bench::Talk::statements($engine, $bytes); 1 }, $name);
	like($@, $pattern, 'and says why');
	return;
}

my $startup = pack('N N', 24, 196608) . "user\0monitor\0\0\0\0";
my $login = $startup . message('p', "SCRAM\0") . message('p', 'proof');
my $two = $login . statement('select 1') . statement('select $1, $2', 'a', '') . message('X', '');
is_deeply([ Bench::Talk::statements('postgresql', $two) ], [ ['select 1'], [ 'select $1, $2', 'a', '' ] ],
	'statements of PostgreSQL with their parameters, without login and goodbye');
fails(qr/said nothing/, 'postgresql', $login, 'no statement');
fails(qr/cut off/, 'postgresql', substr($two, 0, -7), 'half a message');
fails(qr/1 messages S for 2/, 'postgresql', $login . statement('select 1') =~ s/S\x00{3}\x04\z//r . statement('select 2'),
	'two statements with one synchronisation point');
fails(qr/NULL or cut off/, 'postgresql', $login . message('P', "\0select \$1\0\0\0") . message('B', "\0\0" . pack('n n N n', 0, 1, 0xFFFFFFFF, 0)),
	'a NULL');
fails(qr/binary/, 'postgresql', $login . message('P', "\0select \$1\0\0\0") . message('B', "\0\0" . pack('n n n N/a* n', 1, 1, 1, 'x', 0)),
	'a binary parameter');

my $maria = packet(1, 'login of monitor') . packet(3, "\3proof") . packet(0, "\3set a;\nselect 1") . packet(0, "\3select 2") . packet(0, "\1");
is_deeply([ Bench::Talk::statements('mysql', $maria) ], [ ["set a;\nselect 1"], ['select 2'] ], 'texts of MariaDB');
fails(qr/neither/, 'mysql', $maria . packet(0, "\x16select ?"), 'a prepared statement');
fails(qr/cut off/, 'mysql', substr($maria, 0, -1), 'half a packet');
fails(qr/unknown engine/, 'oracle', $maria, 'an engine nobody knows');
is(Bench::Talk::blocks(mysql => [ ['select 2'] ], postgresql => [ [ 'select $1', "a\nb" ] ]), "m 8\nselect 2\np 9\nselect \$1\na 3\na\nb\n",
	'the file of the floor');

# A server of the relay's test: a greeting, another way to log in, OK; then an answer to every text.
my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1, Proto => 'tcp') or die $!;
my $proxy = Bench::Proxy->new(port => $listen->sockport, latency => 0.02, engine => 'mysql');
my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $proxy->port, Proto => 'tcp') or die $!;
my $server = $listen->accept or die $!;
alarm 60;

# Sends through the relay and waits until it has come out on the other side.
sub hand_over
{
	my ($from, $to, $bytes) = @_;
	my $got = '';

	syswrite $from, $bytes;
	sysread $to, $got, 65536, length $got while length $got < length $bytes;
	return;
}

hand_over($server, $client, packet(0, "\x0a10.11-MariaDB"));
hand_over($client, $server, packet(1, 'login'));
hand_over($server, $client, packet(2, "\xfeclient_ed25519"));
hand_over($client, $server, packet(3, 'proof'));
hand_over($server, $client, packet(4, "\0\0\0\2\0\0\0"));
for my $number (1 .. 3)
{
	hand_over($client, $server, packet(0, "\3select $number"));
	hand_over($server, $client, packet(1, "\1") . packet(2, 'the rest'));
}
syswrite $client, packet(0, "\1");
close $client;
my $end = sysread $server, my $rest, 100;
is($end, 5, 'the goodbye arrives');
my @connections = $proxy->stop;
is(scalar @connections, 1, 'one connection');
is($connections[0]{ready}, 1, 'whose login was seen');
is($connections[0]{trips}, 3, 'three round trips: neither the login nor the goodbye counts');

done_testing;
