# docs/api.md out of the OpenAPI document.
#
#     my $markdown = Whalefall::ApiDoc::markdown($document);     # decoded; gives characters, not bytes
package Whalefall::ApiDoc;

use strict;
use warnings;

my $HEAD = <<'END';
# The API

Made by `make docs` out of the declarations of the operations; not to be edited. Every operation is an SQL function in
schema `whalefall_api`, and can be called in three ways:

    SELECT whalefall_api.tags_list(search => 'prod', page_size => 5);           in psql, rights by GRANT
    GET  /api/v1/tags?search=prod&limit=5                                       HTTP, this page
    POST /rest/rpc/tags_list   {"search": "prod", "page_size": 5}               HTTP, the function itself; a token only

The same as a document for programs: `GET /api/v1/openapi.json`. What is served by the release at hand: `GET /api/v1/`.

An answer is `{"success": true, "error": false, "message": ..., "timestamp": ..., "data": ...}`; the tables below tell `data`,
and "-" is an answer without it. An error has `"success": false` and a `message_code`; [errors.md](errors.md) has them all.

Arguments of GET and DELETE stand in the path or in the query string, those of POST and PUT in the path or in a JSON
object. A star marks what must be given. A question mark marks a field that an explicit `null` clears; what is left out of
a PUT stays as it is. An argument with `[]` may be repeated in the query string.

| permission | who |
|---|---|
| anon | everybody |
| login, view, scheduler_view | who is logged in: roles viewer, user, admin |
| update | roles user, admin |
| create, delete, admin, scheduler_manage | role admin |
END

my %MODULE_TEXT = (
	api => 'The API itself',
	auth => 'Login',
	cache => 'Cache',
	connections => 'Connections',
	health => 'Health',
	tags_bulk => 'Tags of many instances',
);

# A type of JSON as its short name.
sub type_text
{
	my ($schema) = @_;

	if (my $ref = $schema->{'$ref'})
	{
		my ($name) = $ref =~ m{([^/]+)\z};
		return "[$name](#$name)";
	}
	if ($schema->{anyOf})
	{
		return join ' or ', map { type_text($_) } @{ $schema->{anyOf} };
	}
	my ($type, $null) = ref $schema->{type} ? @{ $schema->{type} } : ($schema->{type} // 'any');
	my $or_null = $null ? ' or null' : '';
	return type_text($schema->{items}) . "[]$or_null" if $type eq 'array';
	return object_text($schema) if $type eq 'object' && $schema->{properties};
	my %format = ('date-time' => 'timestamp', date => 'date', uuid => 'uuid');
	return ($format{ $schema->{format} // '' } // $type) . $or_null;
}

# An object that has no name: a page of a list, or a wrapping around one member.
sub object_text
{
	my ($schema) = @_;
	my $properties = $schema->{properties};

	return 'page of ' . type_text($properties->{items}{items}) if $properties->{items} && $properties->{pages};
	return '{' . join(', ', map { "$_: " . type_text($properties->{$_}) } sort keys %$properties) . '}';
}

# One argument: name, type, bounds, default.
sub argument_text
{
	my ($name, $schema, $required) = @_;
	my $text = "`$name`" . ($required ? '\*' : '') . ' ';
	my $null = ref $schema->{type} ? '?' : '';
	my $type = type_text($schema) =~ s/ or null//r;

	$text .= $schema->{enum} ? join(' \| ', @{ $schema->{enum} }) : $type;
	$text .= $null;
	my ($low, $high) = map { my $end = $_; $schema->{ ( grep { defined $schema->{$_} } "${end}imum", "${end}Length", "${end}Items" )[0] // '' } } qw(min max);
	$text .= ' of ' . ($low // 0) . '..' . $high if defined $high;
	$text .= ' = ' . (JSON::PP::is_bool($schema->{default}) ? ($schema->{default} ? 'true' : 'false') : $schema->{default}) if defined $schema->{default};
	return $text;
}

# All arguments of an operation, one per line of a table's cell. What stands in the path is seen there.
sub arguments_text
{
	my ($operation, $order) = @_;
	my @texts = map { argument_text($_->{name}, $_->{schema}, $_->{required}) } grep { $_->{in} eq 'query' } @{ $operation->{parameters} // [] };

	if (my $body = $operation->{requestBody})
	{
		my $schema = $body->{content}{'application/json'}{schema};
		my %required = map { $_ => 1 } @{ $schema->{required} // [] };
		push @texts, 'a form with the part `file`, or:' if $body->{content}{'multipart/form-data'};
		push @texts, map { argument_text($_, $schema->{properties}{$_}, $required{$_}) } sort { $required{$b} <=> $required{$a} || $a cmp $b }
		  map { $required{$_} //= 0; $_ } keys %{ $schema->{properties} };
	}
	return join('<br>', @texts) || '-';
}

# What an operation answers: each status with the type of data; the usual one without its number.
sub result_text
{
	my ($operation) = @_;
	my @texts;

	for my $status (grep { /^2/ } sort keys %{ $operation->{responses} })
	{
		my $content = $operation->{responses}{$status}{content};
		my $json = $content->{'application/json'};
		my $data = $json ? $json->{schema}{properties}{data} : undef;
		my $text = !$json ? 'a CSV file' : $data ? type_text($data) : $json->{schema}{properties} ? '-' : 'the document itself';
		push @texts, ($status == 200 && !@texts ? '' : "$status: ") . $text;
	}
	return join '<br>', @texts;
}

sub operations_text
{
	my ($document) = @_;
	my %modules;
	my $text = '';

	for my $path (sort keys %{ $document->{paths} })
	{
		for my $method (qw(get post put delete))
		{
			my $operation = $document->{paths}{$path}{$method} or next;
			push @{ $modules{ $operation->{tags}[0] } }, [ uc $method, $path, $operation ];
		}
	}
	for my $module (sort keys %modules)
	{
		my $title = $MODULE_TEXT{$module} // ucfirst($module =~ tr/_/ /r);
		$text .= "\n## $title\n\n| operation | request | permission | arguments | data |\n|---|---|---|---|---|\n";
		for my $row (@{ $modules{$module} })
		{
			my ($method, $path, $operation) = @$row;
			my $what = $operation->{'x-alias-of'} ? "the same as `$operation->{'x-alias-of'}`" : $operation->{summary} =~ s/\|/\\|/gr;
			my $name = $operation->{operationId} =~ s/_alias\z//r;
			$text .= "| **$name**<br>$what | $method `$path` | $operation->{'x-permission'} | " . arguments_text($operation) . ' | ' . result_text($operation) . " |\n";
		}
	}
	return $text;
}

sub results_text
{
	my ($document) = @_;
	my $schemas = $document->{components}{schemas};
	my $text = "\n## Results\n\nA field is always there unless its meaning tells when it is absent.\n";

	for my $name (sort keys %$schemas)
	{
		my $schema = $schemas->{$name};
		$text .= "\n### $name\n\n" . ($schema->{description} // '') . "\n";
		if ($schema->{enum})
		{
			$text .= "\n" . join(', ', map { "`$_`" } @{ $schema->{enum} }) . "\n";
			next;
		}
		$text .= "\n| field | type | meaning |\n|---|---|---|\n";
		my %given = map { $_ => 1 } @{ $schema->{required} };
		for my $field ((@{ $schema->{required} }), (grep { !$given{$_} } sort keys %{ $schema->{properties} }))
		{
			my $is = $schema->{properties}{$field};
			my $type = exists $is->{const} ? ($is->{const} ? '`true`' : '`false`') : type_text($is);
			$text .= "| `$field` | $type | " . (($is->{description} // '') =~ s/\|/\\|/gr) . " |\n";
		}
	}
	return $text;
}

sub markdown
{
	my ($document) = @_;

	return $HEAD . operations_text($document) . results_text($document);
}

1;
