# Requests to whalefall_http.dispatch as PostgREST sends them, without HTTP: one transaction each, as the gateway.
#
#     my $http = Whalefall::Dispatch->new($cluster);
#     my $cookie = $http->login('ann', 'admin');             # a user with a login session
#     my $answer = $http->request('GET', '/api/v1/instances', cookie => $cookie);
#     is($answer->{status}, 200);                            # status, json or body, headers {name => value}
package Whalefall::Dispatch;

use strict;
use warnings;
use Carp qw(croak);
use JSON::PP ();
use MIME::Base64 qw(decode_base64);

my $json = JSON::PP->new->utf8->canonical;

# Options: database (whalefall).
sub new
{
	my ($class, $cluster, %opt) = @_;
	my $database = $opt{database} // 'whalefall';

	return bless { cluster => $cluster, database => $database, session => $cluster->session(database => $database),
		prologue => '', count => 0 }, $class;
}

# The psql session behind it, for what a test wants to do in the very same backend.
sub session { return $_[0]{session}; }

# SQL to run at the head of every request's transaction, as superuser.
sub prologue { $_[0]{prologue} = $_[1]; return $_[0]; }

# Makes a user of a role with a login session; gives the cookie.
sub login
{
	my ($self, $name, $role) = @_;
	my $cookie = 's.' . substr($name . '-' x 43, 0, 43);

	$self->{cluster}->query("insert into whalefall.users (username, password, role) values ('$name', 'x', '$role');"
		  . " insert into whalefall.login_sessions (sid, user_id, cookie_hash, csrf_secret, created_at, cookie_expires_at, expires_at)"
		  . " select gen_random_uuid(), id, sha256('$cookie'), 'x', now(), now() + '1 day', now() + '1 day'"
		  . " from whalefall.users where username = '$name'", database => $self->{database});
	return $cookie;
}

# The SQL of a request. Options: cookie, authorization, csrf, body, type, language, agent, function (dispatch).
sub sql
{
	my ($self, $method, $uri, %opt) = @_;
	my %headers = ('x-wf-method' => $method, 'x-wf-uri' => $uri, 'x-wf-session' => $opt{cookie} // '',
		'x-wf-authorization' => $opt{authorization} // '', 'x-wf-csrf' => $opt{csrf} // '', 'x-wf-client' => '192.0.2.9',
		'x-wf-agent' => $opt{agent} // 'test', 'x-wf-host' => 'wf.example', 'x-wf-scheme' => 'http',
		'x-wf-request-id' => $opt{request_id} // 'req-' . ++$self->{count}, 'x-wf-language' => $opt{language} // '',
		'x-wf-content-type' => $opt{type} // 'application/json');
	my $quoted = $json->encode(\%headers);
	my $function = $opt{function} // 'dispatch';

	$quoted =~ s/'/''/g;
	my $body = unpack 'H*', $opt{body} // '';
	return "select set_config('request.headers', '$quoted', true) \\g /dev/null\n"
	  . "select translate(encode(whalefall_http.$function('\\x$body'), 'base64'), E'\\n', '');\n"
	  . "select current_setting('response.status'), current_setting('response.headers');\n";
}

# Sends a request and waits for its answer.
sub request
{
	my ($self, $method, $uri, %opt) = @_;
	my $begin = $opt{function} && $opt{function} eq 'dispatch_read' ? 'begin read only' : 'begin';

	$self->{session}->send("$begin; $self->{prologue}\nset local role whalefall_gateway;\n"
		  . $self->sql($method, $uri, %opt) . 'commit');
	return $self->answer($opt{timeout});
}

# The answer of what was sent with sql().
sub answer
{
	my ($self, $timeout) = @_;
	my ($body, $line) = (grep { /\S/ } split /\n/, $self->{session}->receive($timeout))[ -2, -1 ];

	croak 'no answer: ' . $self->{session}->error if !defined $line || $line !~ /^(\d+)\|(\[.*)$/;
	my %answer = (status => $1, headers => {}, body => decode_base64($body));
	for my $header (@{ $json->decode($2) })
	{
		my ($name) = keys %$header;
		push @{ $answer{list}{$name} }, $header->{$name};
		$answer{headers}{$name} = $header->{$name};
	}
	$answer{json} = eval { $json->decode($answer{body}) };
	return \%answer;
}

sub quit { $_[0]{session}->quit; return; }

1;
