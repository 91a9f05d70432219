# A TCP relay that delays both directions and counts the round trips of PostgreSQL and MySQL connections.
#
#     my $proxy = Bench::Proxy->new(port => 5432, latency => 0.005);
#     my $other = Bench::Proxy->new(port => 3306, latency => 0.005, engine => 'mysql');
#     ... connect to 127.0.0.1, port $proxy->port ...
#     my @connections = $proxy->stop;       # [{ trips => 3, to_server => bytes, to_client => bytes }, ...]
#
# A round trip after connecting: the client sends something after it was given everything sent to it so far,
# and the server answers. What belongs to connecting (up to the first ReadyForQuery, or the OK packet that
# ends a login to MySQL or MariaDB) does not count, nor does a last message that nobody answers. Data is counted when it is handed on, that is after the delay, as the
# receiver sees it; so two answers that arrive together are one. Without TLS only: the protocol is read.
package Bench::Proxy;

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Storable ();
use Time::HiRes qw(time);

sub new
{
	my ($class, %arg) = @_;
	my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 200, Proto => 'tcp')
	  or die "proxy: $!\n";

	pipe(my $result_out, my $result_in) or die "pipe: $!\n";
	pipe(my $stop_out, my $stop_in) or die "pipe: $!\n";
	my $pid = fork // die "fork: $!\n";
	if ($pid == 0)
	{
		close $_ for $result_out, $stop_in;
		$SIG{PIPE} = 'IGNORE';
		my $relay = bless { listen => $listen, stop => $stop_out, port => $arg{port},
			latency => $arg{latency} // 0, engine => $arg{engine} // 'postgresql', queue => [], ends => {}, done => [] }, $class;
		eval { $relay->_serve; 1 } or print STDERR "proxy: $@";
		print {$result_in} Storable::freeze($relay->{done});
		close $result_in;
		POSIX::_exit(0);
	}
	close $_ for $result_in, $stop_out;
	return bless { pid => $pid, listen_port => $listen->sockport, result => $result_out, stop => $stop_in }, $class;
}

sub port { return $_[0]{listen_port}; }

# Ends the relay and gives what was counted, one entry per connection in the order of their ends.
sub stop
{
	my ($self) = @_;

	# A word, not the end of the pipe alone: a relay that was started later holds the pipe too.
	syswrite $self->{stop}, 'x';
	close $self->{stop};
	local $/ = undef;
	my $frozen = readline $self->{result};
	waitpid $self->{pid}, 0;
	return @{ Storable::thaw($frozen) };
}

# Relays until the parent closes its end of the stop pipe. Data waits in one queue, in the order of arrival,
# until its delay is over.
sub _serve
{
	my ($self) = @_;
	my $select = IO::Select->new($self->{listen}, $self->{stop});

	$self->{select} = $select;
	while (1)
	{
		my $queue = $self->{queue};
		my $wait = @$queue ? $queue->[0]{due} - time : undef;
		my @ready = $select->can_read(defined $wait ? ($wait > 0 ? $wait : 0) : undef);

		for my $handle (@ready)
		{
			last if $handle == $self->{stop};
			$handle == $self->{listen} ? $self->_accept : $self->_read($handle);
		}
		$self->_hand_on;
		last if grep { $_ == $self->{stop} } @ready;
	}
	$self->_finish($_) for map { $_->{connection} } values %{ $self->{ends} };
	return;
}

sub _accept
{
	my ($self) = @_;
	my $client = $self->{listen}->accept or return;
	my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Proto => 'tcp');

	return close $client if !$server;
	my $connection = { trips => 0, to_server => 0, to_client => 0, ready => 0, last => 'server', head => '',
		asked => 0, begun => '', engine => $self->{engine} };
	for ([ $client, $server, 'client' ], [ $server, $client, 'server' ])
	{
		my ($from, $to, $side) = @$_;
		setsockopt $from, IPPROTO_TCP, TCP_NODELAY, 1;
		$self->{ends}{$from} = { from => $from, to => $to, side => $side, connection => $connection };
		$self->{select}->add($from);
	}
	return;
}

sub _read
{
	my ($self, $handle) = @_;
	my $end = $self->{ends}{$handle} or return;
	my $length = sysread $handle, my $data, 65536;

	$self->{select}->remove($handle) if !$length;
	push @{ $self->{queue} }, { due => time + $self->{latency}, end => $end, data => $length ? $data : '' };
	return;
}

# Hands on what is due; an empty piece is the end of its side, and so of the connection.
sub _hand_on
{
	my ($self) = @_;
	my $queue = $self->{queue};

	while (@$queue && $queue->[0]{due} <= time)
	{
		my ($end, $data) = @{ shift @$queue }{qw(end data)};
		my $connection = $end->{connection};

		next if $connection->{finished};
		if ($data eq '')
		{
			$self->_finish($connection);
			next;
		}
		_count($connection, $end->{side}, $data);
		my $offset = 0;
		while ($offset < length $data)
		{
			my $written = syswrite $end->{to}, $data, length($data) - $offset, $offset;
			last if !defined $written;
			$offset += $written;
		}
	}
	return;
}

sub _finish
{
	my ($self, $connection) = @_;

	return if $connection->{finished};
	$connection->{finished} = 1;
	for my $key (keys %{ $self->{ends} })
	{
		my $end = $self->{ends}{$key};
		next if $end->{connection} != $connection;
		$self->{select}->remove($end->{from});
		close $end->{from};
		delete $self->{ends}{$key};
	}
	push @{ $self->{done} }, { map { $_ => $connection->{$_} } qw(trips to_server to_client ready) };
	return;
}

sub _count
{
	my ($connection, $side, $data) = @_;

	$connection->{ $side eq 'client' ? 'to_server' : 'to_client' } += length $data;
	if (!$connection->{ready})
	{
		$connection->{engine} eq 'mysql' ? _watch_login($connection, $side, $data)
		  : _watch_connecting($connection, $side, $data);
		return;
	}
	$connection->{trips}++ if $side eq 'server' && $connection->{last} eq 'client';
	$connection->{last} = $side;
	return;
}

# Reads the server's messages up to the first ReadyForQuery. A refused request for encryption is answered by
# one byte that is no message.
sub _watch_connecting
{
	my ($connection, $side, $data) = @_;

	if ($side eq 'client')
	{
		$connection->{asked}++ if length $data == 8 && unpack('N', substr $data, 4) =~ /^8087710[34]$/;
		return;
	}
	$connection->{head} .= $data;
	while (length $connection->{head})
	{
		if ($connection->{asked})
		{
			$connection->{asked}--;
			die "encrypted connections cannot be counted\n" if $connection->{head} !~ /^N/;
			substr $connection->{head}, 0, 1, '';
			next;
		}
		return if length $connection->{head} < 5;
		my ($type, $length) = unpack 'a N', $connection->{head};
		return if length $connection->{head} < 1 + $length;
		substr $connection->{head}, 0, 1 + $length, '';
		if ($type eq 'Z')
		{
			@{$connection}{qw(ready last)} = (1, 'server');
			return;
		}
	}
	return;
}

# Reads the server's packets up to the OK that ends the login. The first one is the greeting; others before
# the OK choose another way to prove the password, or bring its data.
sub _watch_login
{
	my ($connection, $side, $data) = @_;

	return if $side eq 'client';
	$connection->{head} .= $data;
	while (length $connection->{head} >= 5)
	{
		my $length = unpack 'V', substr($connection->{head}, 0, 3) . "\0";
		return if length $connection->{head} < 4 + $length;
		my $first = ord substr $connection->{head}, 4, 1;
		substr $connection->{head}, 0, 4 + $length, '';
		if ($connection->{asked}++ && $first == 0)
		{
			@{$connection}{qw(ready last)} = (1, 'server');
			return;
		}
	}
	return;
}

1;
