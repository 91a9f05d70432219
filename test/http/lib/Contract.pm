# What the contract tests share: a stack (nginx, PostgREST, a cluster with the extension), people of each role, and
# assertions that look at the whole envelope of every answer.
#
#     my $t = Contract->start;
#     my $answer = $t->call('admin', 'POST', '/tags', { name => 'a', display_name => 'A', category => 'c' });
#     my $data = $t->good($answer, 201, 'a tag is made', { tag => $Contract::TAG });
#     $t->bad($t->call('viewer', 'POST', '/tags', {}), 403, 'PERMISSION_REQUIRED', 'a viewer makes none');
#
# Who calls: "anonymous", a role ("viewer", "user", "admin": with the access token of a person of that role), a role and
# "+cookie" ("admin+cookie": with the session cookie and, for a write, its CSRF token), or a hash of headers.
package Contract;

use strict;
use warnings;
use Carp qw(croak);
use Digest::SHA qw(hmac_sha256);
use JSON::PP ();
use MIME::Base64 qw(decode_base64url encode_base64url);
use Test::More;
use Client;
use Shape;
use Whalefall::Cluster;
use Whalefall::Front;

our $PASSWORD = 'Correct-Horse-7';
our $DATABASE = 'whalefall';

# Everything that an error of a status has in common: category, severity. Protocol errors (INVALID_REQUEST) differ.
my %kind = (
	400 => [ 'validation', 'low' ], 401 => [ 'authentication', 'medium' ], 403 => [ 'authorization', 'medium' ],
	404 => [ 'business', 'low' ], 409 => [ 'business', 'medium' ], 429 => [ 'security', 'medium' ],
	500 => [ 'system', 'high' ], 504 => [ 'system', 'high' ]);
my %system = map { $_ => 1 } qw(DATABASE_CONNECTION_ERROR SYNC_DATA_ERROR);

# Starts the stack and makes the people; skips the file where there is no nginx or PostgREST. Options: settings (of the
# server), env, roles => 0 for no people.
sub start
{
	my ($class, %opt) = @_;
	plan(skip_all => Whalefall::Front::missing()) if Whalefall::Front::missing();
	my $cluster = Whalefall::Cluster->new(
		env => { WHALEFALL_TESTING => 1, %{ $opt{env} // {} } },
		settings => { 'whalefall.bcrypt_cost' => 4, 'whalefall.login_rate_limit' => 1000, %{ $opt{settings} // {} } });

	$cluster->create_extension;
	my $front = Whalefall::Front->start($cluster);
	my $self = bless { cluster => $cluster, front => $front, client => Client->new(port => $front->port), logins => {} }, $class;

	# setup() has made an administrator of its own, whose name may be admin.
	$self->add_person("test_$_", $_) for $opt{roles} // 1 ? qw(viewer user admin) : ();
	return $self;
}

sub cluster { return $_[0]{cluster}; }
sub client { return $_[0]{client}; }
sub port { return $_[0]{front}->port; }

# One value, or text of rows, from the control plane's database. Over one session: a psql of its own for each of some
# hundred statements would cost more than the requests.
sub sql
{
	my ($self, $sql) = @_;
	my $session = $self->{session} //= $self->{cluster}->session(database => $DATABASE);
	my $text = $session->query($sql);

	croak "query failed: $sql\n" . $session->error if $session->error =~ /^ERROR|^FATAL/m;
	return $text;
}

# Makes a person with the usual password; gives the id.
sub add_person
{
	my ($self, $name, $role) = @_;

	return $self->{people}{$name} = $self->sql(
		"select whalefall_api.users_create(username => '$name', role => '$role', password => '$PASSWORD') #>> '{user,id}'");
}

sub person { return $_[0]{people}{ $_[1] } // croak "no person $_[1]"; }

# Logs a person in, anew each time: { cookie, csrf, access, refresh, user }.
sub log_in
{
	my ($self, $name, $password, %opt) = @_;
	my $answer = $self->request('POST', '/auth/login', json => { username => $name, password => $password // $PASSWORD }, %opt);
	my $data = ($answer->json // {})->{data};

	croak "$name cannot log in: $answer->{status} $answer->{body}" if $answer->{status} != 200 || !$data;
	my $cookie = $answer->cookie('whalefall_session');
	return { cookie => $cookie, csrf => $data->{csrf_token}, access => $data->{access_token}, refresh => $data->{refresh_token},
		user => $data->{user}, answer => $answer };
}

# The login of a role's person that the calls of this file share.
sub login
{
	my ($self, $role) = @_;

	return $self->{logins}{$role} //= $self->log_in("test_$role");
}

# A request below /api/v1 (a path that begins with // is taken as it is, less one slash). Options: json (value to send),
# body and type (bytes), headers (hash), method and path as told.
sub request
{
	my ($self, $method, $path, %opt) = @_;
	my $target = $path =~ s{^//}{/} ? $path : "/api/v1$path";

	if (exists $opt{json})
	{
		$opt{body} = JSON::PP->new->canonical->allow_nonref->utf8->encode(delete $opt{json});
		$opt{type} //= 'application/json';
	}
	$opt{body} //= '' if $method ne 'GET' && $method ne 'HEAD' && $method ne 'OPTIONS';
	return $self->{client}->request($method, $target, %opt);
}

# The headers that a caller sends.
sub headers_of
{
	my ($self, $who, $method) = @_;

	return %$who if ref $who;
	return () if $who eq 'anonymous';
	if ($who =~ /^(\w+)\+cookie$/)
	{
		my $login = $self->login($1);
		return (Cookie => "whalefall_session=$login->{cookie}", $method =~ /^(?:GET|HEAD)$/ ? () : ('X-CSRFToken' => $login->{csrf}));
	}
	return (Authorization => 'Bearer ' . $self->login($who)->{access});
}

# A request by somebody. The body is a value that is sent as JSON, undef for none.
sub call
{
	my ($self, $who, $method, $path, $json, %opt) = @_;
	my %headers = ($self->headers_of($who, $method), %{ $opt{headers} // {} });

	delete $opt{headers};
	return $self->request($method, $path, defined $json ? (json => $json) : (), %opt, headers => \%headers);
}

# Asserts a success: status, the keys of the envelope, no data when $shape is undef, else data of that shape; message
# when told. One test. Gives the data.
sub good
{
	my ($self, $answer, $status, $name, $shape, $message) = @_;
	my $json = $answer->json;
	my @wrong = $answer->{status} == $status ? () : "status is $answer->{status}, not $status";

	push @wrong, Shape::wrong($json, { success => \JSON::PP::true, error => \JSON::PP::false, timestamp => 'ts',
			message => defined $message ? ref $message ? $message : \$message : qr/\S/, defined $shape ? (data => $shape) : () });
	push @wrong, $self->wrong_headers($answer);
	ok(!@wrong, $name) or diag(join("\n", @wrong[0 .. ($#wrong < 9 ? $#wrong : 9)]), "\n", shown_body($answer));
	return ref $json eq 'HASH' ? $json->{data} : undef;
}

# Asserts an error: status, code, and an envelope with all that the contract says of such an error. One test. Options:
# extra (shape), message, category and severity. Gives the envelope.
sub bad
{
	my ($self, $answer, $status, $code, $name, %opt) = @_;
	my $json = $answer->json;
	my @wrong = $answer->{status} == $status ? () : "status is $answer->{status}, not $status";

	push @wrong, $self->wrong_error($json, $status, $code, %opt), $self->wrong_headers($answer);
	push @wrong, 'request id of the header and of the context differ'
	  if !@wrong && $json->{context}{request_id} ne ($answer->header('X-Request-ID') // '');
	ok(!@wrong, $name) or diag(join("\n", @wrong[0 .. ($#wrong < 9 ? $#wrong : 9)]), "\n", shown_body($answer));
	return ref $json eq 'HASH' ? $json : {};
}

# The body as it is shown when it is not what it should be.
sub shown_body
{
	my ($answer) = @_;

	return substr $answer->json ? Shape::shown($answer->json) : $answer->{body}, 0, 1500;
}

# What is wrong with an error envelope.
sub wrong_error
{
	my ($self, $json, $status, $code, %opt) = @_;
	my ($category, $severity) = @{ $kind{$status} // [ 'business', 'medium' ] };

	($category, $severity) = ('business', 'medium') if $code eq 'INVALID_REQUEST';
	($category, $severity) = ('system', 'medium') if $system{$code};
	($category, $severity) = ('database', 'high') if $code eq 'DATABASE_QUERY_ERROR';
	$category = $opt{category} // $category;
	$severity = $opt{severity} // $severity;
	my @wrong = Shape::wrong($json, {
		success => \JSON::PP::false, error => \JSON::PP::true, error_id => 'id32', category => \$category, severity => \$severity,
		message_code => \$code, message => defined $opt{message} ? ref $opt{message} ? $opt{message} : \$opt{message} : qr/\S/,
		timestamp => 'ts', recoverable => $severity eq 'high' ? \JSON::PP::false : \JSON::PP::true, suggestions => [qr/\S/],
		context => { request_id => qr/^\S+$/, user_id => 'int?', url => qr{^https?://[^/?]+/[^?]*$},
			method => qr/^[A-Z]+$/, meta => { 'ip_address?' => qr/./, 'user_agent?' => qr/./ } },
		$opt{extra} ? (extra => $opt{extra}) : () });

	push @wrong, 'there are not two suggestions' if !@wrong && @{ $json->{suggestions} } != 2;
	push @wrong, 'the text shows the inside: ' . $json->{message}
	  if !@wrong && $json->{message} =~ /whalefall_(?!api\.|session)|pg_catalog|SELECT |ERROR:|PT\d\d\d|SQLSTATE/;
	return @wrong;
}

# What is wrong with the headers that every answer of the API has.
sub wrong_headers
{
	my ($self, $answer) = @_;
	my @wrong;

	push @wrong, 'Content-Type is ' . ($answer->header('Content-Type') // 'missing')
	  if ($answer->header('Content-Type') // '') !~ m{^application/json(?:; charset=utf-8)?$};
	push @wrong, 'X-Request-ID is missing' if ($answer->header('X-Request-ID') // '') !~ /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/;
	push @wrong, 'X-WF-Answer came through' if defined $answer->header('X-WF-Answer');
	return @wrong;
}

# A token of any content, signed as the server signs its own; key and algorithm can be others.
sub sign_token
{
	my ($self, $claims, %opt) = @_;
	my $json = JSON::PP->new->canonical->utf8;
	my $text = join '.', map { encode_base64url($json->encode($_)) } $opt{header} // { alg => 'HS256', typ => 'JWT' }, $claims;

	return "$text." . encode_base64url(hmac_sha256($text, $opt{key} // $self->jwt_key));
}

# The claims of a token.
sub claims
{
	my ($self, $token) = @_;

	return JSON::PP->new->utf8->decode(decode_base64url((split /\./, $token)[1]));
}

sub jwt_key
{
	my ($self) = @_;

	return $self->{jwt_key} //= do {
		open my $file, '<:raw', $self->{cluster}{settings}{'whalefall.jwt_file'} or croak "jwt file: $!";
		local $/ = undef;
		(my $key = <$file>) =~ s/\s+\z//;
		$key;
	};
}

# Moves the server's clock: an offset in seconds from now, undef for the true time. Only the extension's clock, so
# row times of the server itself stay true.
sub set_clock
{
	my ($self, $seconds) = @_;

	$self->{cluster}->query(defined $seconds
		? "alter system set whalefall.test_now = '" . do { my @t = gmtime(time + $seconds);
			sprintf '%04d-%02d-%02d %02d:%02d:%02d+00', $t[5] + 1900, $t[4] + 1, @t[3, 2, 1, 0] } . "'"
		: 'alter system reset whalefall.test_now');
	$self->{cluster}->reload;
	# Sessions read the file when their next command begins; wait until new ones see it.
	$self->{cluster}->wait_for('show whalefall.test_now', defined $seconds ? qr/\d/ : qr/^$/, 10);
	select undef, undef, undef, 0.2;
	return;
}

# The rows of a table file beside the tests: a list of hashes by the names of its first line. Lines that begin with #
# and empty ones are skipped; an empty cell is ''.
sub table
{
	my ($class, $name) = @_;
	my ($dir) = __FILE__ =~ m{^(.*)/lib/[^/]+$};
	my (@names, @rows);

	open my $file, '<:encoding(UTF-8)', "$dir/$name" or croak "$name: $!";
	while (my $line = <$file>)
	{
		chomp $line;
		next if $line eq '' || $line =~ /^#/;
		my @cells = split /\t/, $line, -1;
		if (!@names)
		{
			@names = @cells;
			next;
		}
		croak "$name, line $.: " . @cells . ' cells, not ' . @names if @cells != @names;
		my %row = (line => $.);
		@row{@names} = @cells;
		push @rows, \%row;
	}
	return @rows;
}

1;
