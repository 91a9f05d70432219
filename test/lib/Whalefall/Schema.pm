# Holds JSON values against the schemas of an OpenAPI document, strictly.
#
#     my $schema = Whalefall::Schema->new($document);            # decoded by Whalefall::Schema::decode
#     my @wrong = $schema->check($value, { '$ref' => '#/components/schemas/tag' });
#     my @wrong = $schema->check_answer('tags_get', 200, $envelope);
#
# It knows the keywords that the document uses, and dies on any other: what is not understood is not passed over.
# Strict: an object with properties must say additionalProperties false, or its schema is called loose.
package Whalefall::Schema;

use strict;
use warnings;
use B ();
use Carp qw(croak);
use JSON::PP ();

my %KNOWN = map { $_ => 1 } qw(type properties required additionalProperties items enum const anyOf $ref format
	minimum maximum minLength maxLength minItems maxItems pattern description default contentMediaType);
my %FORMAT = (
	'date-time' => qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)\z/,
	date => qr/^\d{4}-\d\d-\d\d\z/,
	uuid => qr/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z/,
	int32 => qr/^-?\d{1,10}\z/,
	int64 => qr/^-?\d{1,19}\z/,
	password => qr/^/,
);

# Text in UTF-8 to a value in which numbers stay numbers.
sub decode
{
	return JSON::PP->new->utf8->allow_nonref->decode($_[0]);
}

sub new
{
	my ($class, $document) = @_;
	my $self = bless { document => $document, operations => {} }, $class;

	for my $path (sort keys %{ $document->{paths} })
	{
		for my $method (sort keys %{ $document->{paths}{$path} })
		{
			my $operation = $document->{paths}{$path}{$method};

			croak "two operations $operation->{operationId}" if $self->{operations}{ $operation->{operationId} };
			$self->{operations}{ $operation->{operationId} } = { %$operation, path => $path, method => $method };
		}
	}
	return $self;
}

sub operations { return $_[0]{operations}; }

# "null", "boolean", "integer", "number", "string", "array" or "object".
sub kind
{
	my ($value) = @_;

	return 'null' if !defined $value;
	return 'boolean' if JSON::PP::is_bool($value);
	return 'object' if ref $value eq 'HASH';
	return 'array' if ref $value eq 'ARRAY';
	return $value =~ /^-?\d+\z/ ? 'integer' : 'number' if ref $value;    # a big number
	my $flags = B::svref_2object(\$value)->FLAGS;
	return 'string' if $flags & B::SVp_POK();
	return $value =~ /^-?\d+\z/ ? 'integer' : 'number';
}

# What a reference points to.
sub resolve
{
	my ($self, $ref) = @_;
	my $at = $self->{document};

	croak "reference $ref leads outside" if $ref !~ m{^#/};
	for my $step (split m{/}, substr $ref, 2)
	{
		$step =~ s{~1}{/}g;
		croak "reference $ref leads nowhere" if ref $at ne 'HASH' || !exists $at->{$step};
		$at = $at->{$step};
	}
	return $at;
}

# All that is wrong with a value, as "where: what"; nothing when it fits.
sub check
{
	my ($self, $value, $schema, $where) = @_;
	my @wrong;

	$where //= '';
	for my $key (keys %$schema)
	{
		croak "keyword $key is not known" if !$KNOWN{$key} && $key !~ /^x-/;
	}
	push @wrong, $self->check($value, $self->resolve($schema->{'$ref'}), $where) if $schema->{'$ref'};
	if ($schema->{anyOf})
	{
		push @wrong, "$where: fits none of anyOf" if !grep { !$self->check($value, $_, $where) } @{ $schema->{anyOf} };
	}
	push @wrong, "$where: is no const" if exists $schema->{const} && !_same($value, $schema->{const});
	push @wrong, "$where: is not one of " . join(', ', @{ $schema->{enum} })
	  if $schema->{enum} && !grep { _same($value, $_) } @{ $schema->{enum} };
	my @types = ref $schema->{type} ? @{ $schema->{type} } : $schema->{type} // ();
	my $kind = kind($value);
	if (@types && !grep { $_ eq $kind || ($_ eq 'number' && $kind eq 'integer') } @types)
	{
		return @wrong, "$where: is $kind, not " . join(' or ', @types);
	}
	return @wrong, $self->_check_inside($value, $schema, $where, $kind);
}

sub _same
{
	my ($left, $right) = @_;

	return 0 if kind($left) ne kind($right);
	return !defined $left || $left eq $right;
}

# Keywords of one kind of value.
sub _check_inside
{
	my ($self, $value, $schema, $where, $kind) = @_;

	return $self->_check_object($value, $schema, $where) if $kind eq 'object';
	if ($kind eq 'array')
	{
		my @wrong = map { $self->check($value->[$_], $schema->{items} // {}, "$where\[$_]") } 0 .. $#$value;

		push @wrong, "$where: too few" if @$value < ($schema->{minItems} // 0);
		push @wrong, "$where: too many" if defined $schema->{maxItems} && @$value > $schema->{maxItems};
		return @wrong;
	}
	my @wrong;
	if ($schema->{format} && $kind ne 'null')
	{
		my $pattern = $FORMAT{ $schema->{format} } or croak "format $schema->{format} is not known";
		push @wrong, "$where: \"$value\" is no $schema->{format}" if $value !~ $pattern;
	}
	push @wrong, "$where: \"$value\" does not match" if $kind eq 'string' && defined $schema->{pattern} && $value !~ /$schema->{pattern}/;
	return @wrong;
}

sub _check_object
{
	my ($self, $value, $schema, $where) = @_;
	my $properties = $schema->{properties};
	my @wrong;

	return () if !$properties;
	push @wrong, "$where: the schema is loose" if !exists $schema->{additionalProperties} || $schema->{additionalProperties};
	push @wrong, map { "$where.$_: missing" } grep { !exists $value->{$_} } @{ $schema->{required} // [] };
	for my $key (sort keys %$value)
	{
		push @wrong, $properties->{$key}
		  ? $self->check($value->{$key}, $properties->{$key}, "$where.$key") : "$where.$key: not in the schema";
	}
	return @wrong;
}

# The schema of an operation's answer with a status: of JSON, or undef for a file.
sub answer_schema
{
	my ($self, $operation, $status) = @_;
	my $known = $self->{operations}{$operation} or croak "no operation $operation in the document";
	my $answer = $known->{responses}{$status} or croak "operation $operation does not answer $status";

	$answer = $self->resolve($answer->{'$ref'}) if $answer->{'$ref'};
	my $content = $answer->{content}{'application/json'} or return undef;
	return $content->{schema};
}

# What is wrong with the whole body of an answer.
sub check_answer
{
	my ($self, $operation, $status, $body) = @_;
	my $schema = $self->answer_schema($operation, $status) or return "$operation: answers no JSON";

	return $self->check($body, $schema);
}

# What is wrong with the member "data" alone, which is what the SQL function gives; undef: it gave null.
sub check_data
{
	my ($self, $operation, $status, $data) = @_;
	my $schema = $self->answer_schema($operation, $status) or return "$operation: answers no JSON";
	my $expected = $schema->{properties}{data};

	return defined $data ? "$operation: data is not in the schema" : () if !$expected;
	return $self->check($data, $expected, 'data');
}

1;
