# A small HTTP/1.1 client for the contract tests: every byte of a request can be chosen, every byte of the answer
# is kept, and one connection is used for many requests.
#
#     my $client = Client->new(port => 8000);
#     my $answer = $client->request('GET', '/api/v1/users?page=2', headers => { Authorization => 'Bearer ...' });
#     $answer->{status}; $answer->header('Content-Type'); $answer->{body}; $answer->json;
#
# HTTP::Tiny would do for good requests, but refuses the bad ones that have to be sent here.
package Client;

use strict;
use warnings;
use Carp qw(croak);
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

sub new
{
	my ($class, %arg) = @_;

	return bless { port => $arg{port}, timeout => $arg{timeout} // 75 }, $class;
}

# Sends a request and gives the answer. Options: body (bytes), headers (hash, or list of pairs when a name repeats
# or its order matters), type (Content-Type of the body), host, fresh => 1 for a connection of its own.
sub request
{
	my ($self, $method, $target, %opt) = @_;

	return $self->send($self->compose($method, $target, %opt), head => $method eq 'HEAD', fresh => $opt{fresh});
}

# The bytes of a request.
sub compose
{
	my ($self, $method, $target, %opt) = @_;
	my $given = $opt{headers} // {};
	my @headers = ref $given eq 'HASH' ? map { ($_ => $given->{$_}) } sort keys %$given : @$given;
	my $text = "$method $target HTTP/1.1\r\nHost: " . ($opt{host} // "127.0.0.1:$self->{port}") . "\r\n";

	$text .= "Content-Type: $opt{type}\r\n" if defined $opt{type};
	$text .= 'Content-Length: ' . length($opt{body}) . "\r\n" if defined $opt{body};
	while (my ($name, $value) = splice @headers, 0, 2)
	{
		$text .= "$name: $value\r\n";
	}
	return "$text\r\n" . ($opt{body} // '');
}

# Sends bytes as they are and reads one answer. A kept connection that the server has closed meanwhile is opened
# again once, if not a byte of the answer had come.
sub send
{
	my ($self, $bytes, %opt) = @_;

	croak 'wide character in a request' if $bytes =~ /[^\x00-\xff]/;
	delete $self->{socket} if $opt{fresh};
	for my $try (1 .. 2)
	{
		my $kept = defined $self->{socket};
		my $socket = $self->{socket} //= $self->_connect;
		my $answer = $self->_exchange($socket, $bytes, %opt);

		delete $self->{socket} if $opt{fresh} || !$answer || $answer->{closed};
		return $answer if $answer;
		croak 'the server closed the connection without an answer' if !$kept;
	}
	croak 'the server closed two connections without an answer';
}

# Starts a request without waiting for its answer; finish() gives that. Always a connection of its own.
sub begin
{
	my ($self, $method, $target, %opt) = @_;
	my $other = Client->new(port => $self->{port}, timeout => $self->{timeout});

	$other->{socket} = $other->_connect;
	$other->_write($other->{socket}, $other->compose($method, $target, %opt));
	return $other;
}

sub finish
{
	my ($self) = @_;

	return $self->_read($self->{socket}, time + $self->{timeout}, 0);
}

# Gives up on a request that was begun: the connection is cut.
sub abandon
{
	my ($self) = @_;

	close delete $self->{socket};
	return;
}

sub _connect
{
	my ($self) = @_;

	return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Proto => 'tcp', Timeout => 10)
	  // croak "port $self->{port}: $@";
}

sub _write
{
	my ($self, $socket, $bytes) = @_;
	my $at = 0;
	local $SIG{PIPE} = 'IGNORE';

	while ($at < length $bytes)
	{
		my $n = syswrite $socket, $bytes, 65536, $at;
		return 0 if !$n;
		$at += $n;
	}
	return 1;
}

# A server may answer and close before it has read all (413), so a failed write does not end the exchange.
sub _exchange
{
	my ($self, $socket, $bytes, %opt) = @_;

	$self->_write($socket, $bytes);
	return $self->_read($socket, time + $self->{timeout}, $opt{head});
}

# One answer, or undef when the connection ended before its first byte.
sub _read
{
	my ($self, $socket, $end, $head) = @_;
	my $buffer = '';
	my $more = sub {
		my $left = $end - time;
		croak "no answer within $self->{timeout} s" if $left <= 0 || !IO::Select->new($socket)->can_read($left);
		my $n = sysread $socket, $buffer, 65536, length $buffer;
		return $n ? 1 : 0;
	};

	while (index($buffer, "\r\n\r\n") < 0)
	{
		next if $more->();
		return undef if $buffer eq '';
		croak "an answer ended in its head: $buffer";
	}
	my $answer = Client::Answer->parse(substr $buffer, 0, index($buffer, "\r\n\r\n") + 4, '');
	my $length = $answer->header('Content-Length');
	my $chunked = ($answer->header('Transfer-Encoding') // '') eq 'chunked';

	if ($head || $answer->{status} == 204 || $answer->{status} == 304)
	{
		$answer->{body} = '';
	}
	elsif ($chunked)
	{
		$answer->{body} = '';
		while (1)
		{
			$buffer =~ /\A([0-9a-fA-F]+)[^\r\n]*\r\n/ or do { $more->() or croak 'a chunked answer ended early'; next };
			my ($from, $size) = ($+[0], hex $1);
			$more->() or croak 'a chunked answer ended early' while length $buffer < $from + $size + 2;
			$answer->{body} .= substr $buffer, $from, $size;
			substr($buffer, 0, $from + $size + 2) = '';
			last if $size == 0;
		}
	}
	elsif (defined $length)
	{
		$more->() or croak 'an answer is shorter than its length' while length $buffer < $length;
		$answer->{body} = substr $buffer, 0, $length, '';
	}
	else
	{
		1 while $more->();
		$answer->{body} = $buffer;
		$answer->{closed} = 1;
		$buffer = '';
	}
	croak "bytes after an answer: $buffer" if $buffer ne '';
	$answer->{closed} = 1 if lc($answer->header('Connection') // '') eq 'close';
	return $answer;
}

package Client::Answer;

use strict;
use warnings;
use Carp qw(croak);
use JSON::PP ();

sub parse
{
	my ($class, $head) = @_;
	my ($first, @lines) = split /\r\n/, $head;
	my $self = bless { head => $head, fields => [] }, $class;

	($self->{status}, $self->{reason}) = $first =~ m{^HTTP/1\.[01] (\d{3}) ?(.*)$} or croak "no status line: $first";
	for (@lines)
	{
		/^([!#\$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/ or croak "no header line: $_";
		push @{ $self->{fields} }, [ lc $1, $2 ];
	}
	return $self;
}

# The value of a header that comes at most once; undef when it does not come.
sub header
{
	my ($self, $name) = @_;
	my @values = $self->headers($name);

	croak "header $name comes " . @values . ' times' if @values > 1;
	return $values[0];
}

# All values of a header.
sub headers
{
	my ($self, $name) = @_;

	return map { $_->[1] } grep { $_->[0] eq lc $name } @{ $self->{fields} };
}

# The decoded body, undef when it is not JSON.
sub json
{
	my ($self) = @_;

	$self->{json} = eval { JSON::PP->new->utf8->allow_nonref->decode($self->{body}) } if !exists $self->{json};
	return $self->{json};
}

# The value that a cookie is set to, undef when it is not set; the attributes in list context.
sub cookie
{
	my ($self, $name) = @_;
	my @set = grep { /^\Q$name\E=/ } $self->headers('Set-Cookie');

	return if !@set;
	croak "cookie $name is set " . @set . ' times' if @set > 1;
	my ($pair, @attributes) = split /;\s*/, $set[0];
	(my $value = $pair) =~ s/^[^=]*=//;
	return wantarray ? ($value, @attributes) : $value;
}

1;
