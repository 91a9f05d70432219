# What a client says to a PostgreSQL or MariaDB server: the statements in the bytes that a recording relay has
# written down. So a floor sends the very texts our programs send, and it can be proved that it did.
#
#     my @said = Bench::Talk::statements('postgresql', $bytes);     # [ [ text, parameter, ... ], ... ]
#     write_file($path, Bench::Talk::blocks(postgresql => \@said, mysql => \@others));
#
# One connection without TLS only. What belongs to connecting is left out, and so is the goodbye.
package Bench::Talk;

use strict;
use warnings;
use Carp qw(croak);

my %statements_of = (postgresql => \&_postgresql, mysql => \&_mysql);
my %mark = (postgresql => 'p', mysql => 'm');

# The statements one connection sent, each with its parameters.
sub statements
{
	my ($engine, $bytes) = @_;
	my @statements = ($statements_of{$engine} // croak "unknown engine $engine")->($bytes);

	croak "the client of $engine said nothing" if !@statements;
	return @statements;
}

# The file of statements that fleet_floor reads.
sub blocks
{
	my (%of) = @_;
	my $text = '';

	for my $engine (sort keys %of)
	{
		for my $statement (@{ $of{$engine} })
		{
			my ($sql, @params) = @$statement;
			$text .= sprintf "%s %d\n%s\n", $mark{$engine}, length $sql, $sql;
			$text .= sprintf "a %d\n%s\n", length $_, $_ for @params;
		}
	}
	return $text;
}

# Messages after the startup packet: a type, a length that counts itself, and the payload. Each Parse is a
# statement, the Bind after it has its parameters as text. Each must have its own Sync: the floor does it so.
sub _postgresql
{
	my ($bytes) = @_;
	my (@statements, %count);

	substr $bytes, 0, unpack('N', $bytes), '';
	while (length $bytes)
	{
		croak 'cut off' if length $bytes < 5;
		my ($type, $length) = unpack 'a N', $bytes;
		croak 'cut off' if length $bytes < 1 + $length;
		my $payload = substr $bytes, 5, $length - 4;
		substr $bytes, 0, 1 + $length, '';
		$count{$type}++;
		push @statements, [ (unpack 'Z* Z*', $payload)[1] ] if $type eq 'P';
		push @{ $statements[-1] }, _parameters($payload) if $type eq 'B';
	}
	for my $type (qw(P B D E S))
	{
		croak "$count{$type} messages $type for " . @statements . ' statements' if ($count{$type} // 0) != @statements;
	}
	return @statements;
}

# The parameters of a Bind message; the floor knows neither binary ones nor NULL.
sub _parameters
{
	my ($payload) = @_;
	my (undef, undef, $nformats) = unpack 'Z* Z* n', $payload;
	my @values;

	$payload =~ s/^[^\0]*\0[^\0]*\0//;
	croak 'a binary parameter' if grep { $_ != 0 } unpack 'x2 n' . $nformats, $payload;
	substr $payload, 0, 2 + 2 * $nformats, '';
	my $nvalues = unpack 'n', $payload;
	substr $payload, 0, 2, '';
	for (1 .. $nvalues)
	{
		my $length = unpack 'N', $payload;
		croak 'a parameter that is NULL or cut off' if $length > length($payload) - 4;
		push @values, substr $payload, 4, $length;
		substr $payload, 0, 4 + $length, '';
	}
	return @values;
}

# Packets: a length of three bytes, a number that begins with 0 for every command, and the payload, whose first
# byte is 3 for a text to run. The packets of the login have higher numbers.
sub _mysql
{
	my ($bytes) = @_;
	my @statements;

	while (length $bytes)
	{
		croak 'cut off' if length $bytes < 4;
		my ($length, $number) = (unpack('V', substr($bytes, 0, 3) . "\0"), ord substr $bytes, 3, 1);
		croak 'cut off' if length $bytes < 4 + $length;
		my $payload = substr $bytes, 4, $length;
		substr $bytes, 0, 4 + $length, '';
		next if $number != 0;
		push @statements, [ substr $payload, 1 ] if $payload =~ /^\x03/;
		croak 'a command that is neither a text nor the goodbye' if $payload !~ /^[\x01\x03]/;
	}
	return @statements;
}

1;
