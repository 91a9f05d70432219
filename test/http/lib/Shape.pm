# Compares decoded JSON with a description of its types, key by key, so that a missing key, one too many, a number
# that became a text and a null where none may be are all found.
#
#     my @wrong = Shape::wrong($data, { id => 'int', name => 'str', tags => ['str'], note => 'str?' });
#
# Descriptions: int, num, str, bool, ts (UTC instant), local (YYYY-MM-DD HH:MM:SS), date, uuid, id32 (32 hex digits),
# any, null; with ? also null. {...} an object with exactly these keys, one whose name ends in ? may be left out, and
# a key * describes all that are not named. [X] a list of X. qr/.../ a text that matches. \'value' exactly this
# value. sub {...} true for the decoded value.
package Shape;

use strict;
use warnings;
use B ();
use JSON::PP ();

my %pattern = (
	ts => qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?!0+\+)\d{1,6})?\+00:00$/,
	local => qr/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/,
	date => qr/^\d{4}-\d\d-\d\d$/,
	uuid => qr/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
	id32 => qr/^[0-9a-f]{32}$/,
);

# Was the scalar a number in the JSON text?
sub is_number
{
	my ($value) = @_;
	my $flags = B::svref_2object(\$value)->FLAGS;

	return !ref $value && !($flags & B::SVf_POK) && ($flags & (B::SVf_IOK | B::SVf_NOK)) ? 1 : 0;
}

# Was it a text?
sub is_text
{
	my ($value) = @_;

	return defined $value && !ref $value && !is_number($value) ? 1 : 0;
}

# What is wrong, one sentence each; nothing when it fits.
sub wrong
{
	my ($value, $shape, $at) = @_;
	$at //= '$';

	return _wrong_object($value, $shape, $at) if ref $shape eq 'HASH';
	return _wrong_list($value, $shape, $at) if ref $shape eq 'ARRAY';
	return $shape->($value) ? () : "$at is not as it should be: " . shown($value) if ref $shape eq 'CODE';
	return is_text($value) && $value =~ $shape ? () : "$at does not match: " . shown($value) if ref $shape eq 'Regexp';
	return shown($value) eq shown($$shape) ? () : "$at is " . shown($value) . ', not ' . shown($$shape) if ref $shape;
	(my $type = $shape) =~ s/\?$//;
	return () if $type ne $shape && !defined $value;
	return _is($value, $type) ? () : "$at is no $shape: " . shown($value);
}

sub _is
{
	my ($value, $type) = @_;

	return 1 if $type eq 'any';
	return !defined $value if $type eq 'null';
	return JSON::PP::is_bool($value) if $type eq 'bool';
	return is_number($value) && $value =~ /^-?\d+$/ if $type eq 'int';
	return is_number($value) if $type eq 'num';
	return is_text($value) if $type eq 'str';
	return is_text($value) && $value =~ ($pattern{$type} // die "no type $type");
}

sub _wrong_object
{
	my ($value, $shape, $at) = @_;
	my (@wrong, %known);

	return "$at is no object: " . shown($value) if ref $value ne 'HASH';
	for my $key (sort keys %$shape)
	{
		(my $name = $key) =~ s/\?$//;
		next if $key eq '*';
		$known{$name} = 1;
		if (exists $value->{$name})
		{
			push @wrong, wrong($value->{$name}, $shape->{$key}, "$at.$name");
		}
		elsif ($name eq $key)
		{
			push @wrong, "$at.$name is missing";
		}
	}
	for my $name (grep { !$known{$_} } sort keys %$value)
	{
		push @wrong, exists $shape->{'*'} ? wrong($value->{$name}, $shape->{'*'}, "$at.$name") : "$at.$name should not be there";
	}
	return @wrong;
}

sub _wrong_list
{
	my ($value, $shape, $at) = @_;

	return "$at is no list: " . shown($value) if ref $value ne 'ARRAY';
	return map { wrong($value->[$_], $shape->[0], "$at\[$_]") } 0 .. $#$value;
}

# A value as JSON text, keys in order.
sub shown
{
	my ($value) = @_;

	return JSON::PP->new->canonical->allow_nonref->ascii->encode($value);
}

1;
