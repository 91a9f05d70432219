# nginx and PostgREST in front of a Whalefall::Cluster, as deploy/front makes them.
package Whalefall::Front;

use strict;
use warnings;
use Carp qw(croak);
use Digest::SHA qw(hmac_sha256);
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);
use POSIX ();
use Time::HiRes qw(sleep time);
use Whalefall::Cluster;
use Whalefall::Servers;

=head1 NAME

Whalefall::Front - the HTTP front for tests

=head1 SYNOPSIS

    use Whalefall::Front;
    plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();

    my $c = Whalefall::Cluster->new;
    $c->create_extension;
    my $front = Whalefall::Front->start($c);

    my $answer = $front->request('GET', '/api/v1/health/ping');
    is($answer->{status}, 200);
    is($answer->{json}{success}, JSON::PP::true);

    my $admin = $front->login('admin', $password);
    $front->request('POST', '/api/v1/tags', { headers => $admin->{bearer}, body => { name => 'x' } });

=head1 FUNCTIONS

=over

=item missing()

Why the front cannot run here ("" when it can): nginx, its JavaScript module or PostgREST could not be had. A test
skips then; it never passes. Fetches PostgREST on first use.

=item start($cluster, %options)

Renders the shipped templates, starts both programs on a free loopback port as the unprivileged user, and waits until
they answer. They are stopped by process id when the program ends, however it ends. Options are those of
C<deploy/front render> with underscores (origins, trusted, exempt, rate, login_rate, language, pool, workers, read_timeout,
jwt_file, tls_cert, tls_key, read_socket), and database (whalefall). WHALEFALL_KEEP=1 keeps the files.

=item request($method, $path, \%options)

One request over a kept connection; redirects are not followed. Options: headers (hash; a value may be a list), body
(a string goes as it is; a hash or list as JSON). Gives a hash: status, headers (lower-case names; a list when a header
came twice), content, and json (undef when the content is none).

=item raw($bytes, $seconds)

Sends bytes as they are and reads until the other side closes, or the time (5 s) is over: the same hash, and text,
everything that came. Say "Connection: close" in the bytes.

=item login($user, $password)

Logs in and gives a hash: bearer (headers for request with the access token), cookie and csrf (headers for a session
by cookie: use { %{ $l->{cookie} }, %{ $l->{csrf} } } for writes), data (what the login answered).

=item token(%claims)

A token signed with the secret of this cluster: aud, iat and exp are filled in.

=item url, port, stop, restart, pid('nginx'), pid('postgrest'), log

=back

=cut

my $ROOT = Whalefall::Servers::root();
my @fronts;
my $missing;

sub missing
{
	if (!defined $missing)
	{
		my $out = `'$ROOT/deploy/front' fetch 2>&1 </dev/null`;
		$missing = $? == 0 ? '' : $out;
		if (!$missing)
		{
			$out = `'$ROOT/deploy/front' check 2>&1 </dev/null`;
			$missing = $out || 'deploy/front check failed' if $? != 0;
		}
		chomp $missing;
	}
	return $missing;
}

sub start
{
	my ($class, $cluster, %opt) = @_;
	my $self = bless { cluster => $cluster, dir => $cluster->dir . '/front', run => $cluster->dir . '/http' . @fronts,
		owner => $$, options => \%opt }, $class;

	croak missing() if missing();
	$self->{dir} .= @fronts;
	$self->{jwt_file} = $opt{jwt_file} // $cluster->dir . '/secrets/whalefall.jwt';
	push @fronts, $self;
	for my $try (1 .. 5)
	{
		$self->{port} = Whalefall::Cluster::_free_port();
		$self->_front('render', '--listen', "127.0.0.1:$self->{port}", $self->_options);
		my ($status, $out) = $self->_try('start');
		return $self if $status == 0;
		croak "the front does not start: $out\n" . $self->log if $out !~ /Address already in use/;
	}
	croak 'no port for the front';
}

# The options of render.
sub _options
{
	my ($self) = @_;
	my %opt = (exempt => '127.0.0.0/8 ::1', workers => 1, %{ $self->{options} }, run => $self->{run}, jwt_file => $self->{jwt_file},
		db_socket => $self->{cluster}->host, db_port => $self->{cluster}->port);

	return map { my $name = $_; $name =~ tr/_/-/; ("--$name", $opt{$_}) } sort keys %opt;
}

# Runs deploy/front; gives its status and what it said.
sub _try
{
	my ($self, $command, @arguments) = @_;
	my @words = map { (my $word = $_) =~ s/'/'\\''/g; "'$word'" } "$ROOT/deploy/front", $command, $self->{dir}, @arguments;
	my $out = `@words 2>&1 </dev/null`;

	return ($? >> 8 || $? & 127, $out);
}

sub _front
{
	my ($self, @words) = @_;
	my ($status, $out) = $self->_try(@words);

	croak "deploy/front @words: $out" if $status != 0;
	return $out;
}

sub stop
{
	my ($self) = @_;

	delete $self->{http};
	$self->_front('stop');
	return $self;
}

# Starts again on the same port, with other options of render if given.
sub restart
{
	my ($self, %opt) = @_;

	$self->{options} = { %{ $self->{options} }, %opt };
	$self->_front('stop');
	$self->_front('render', '--listen', "127.0.0.1:$self->{port}", $self->_options);
	$self->_front('start');
	return $self;
}

sub reload
{
	my ($self) = @_;

	$self->_front('reload');
	return $self;
}

# The process that leads a program ("nginx" or "postgrest"), undef when it is down.
sub pid
{
	my ($self, $name) = @_;
	my (undef, $out) = $self->_try('status');
	my ($pid) = $out =~ /^$name (\d+)$/m;

	return $pid;
}

sub port { return $_[0]{port}; }
sub run_dir { return $_[0]{run}; }
sub url { return "http://127.0.0.1:$_[0]{port}"; }

# What both programs have logged.
sub log
{
	my ($self) = @_;
	my $text = '';

	for my $path (glob "$self->{run}/log/*.out $self->{run}/log/nginx.log")
	{
		open my $file, '<:raw', $path or next;
		local $/ = undef;
		$text .= "== $path\n" . (<$file> // '');
	}
	return $text;
}

sub _decode
{
	my ($answer) = @_;

	$answer->{json} = eval { JSON::PP->new->utf8->decode($answer->{content}) }
	  if ($answer->{headers}{'content-type'} // '') =~ m{^application/(?:[\w.]+\+)?json};
	return $answer;
}

sub request
{
	my ($self, $method, $path, $opt) = @_;
	my %headers = %{ $opt->{headers} // {} };
	my $body = $opt->{body};

	if (ref $body)
	{
		$body = JSON::PP->new->utf8->canonical->allow_nonref->encode($body);
		$headers{'Content-Type'} //= 'application/json';
	}
	# HTTP::Tiny keeps one connection; one that nginx has closed it opens anew.
	$self->{http} //= HTTP::Tiny->new(max_redirect => 0, timeout => 90, agent => 'whalefall-test', keep_alive => 1);
	my $answer = $self->{http}->request($method, $self->url . $path,
		{ headers => \%headers, defined $body ? (content => $body) : () });
	croak "$method $path: $answer->{content}" if $answer->{status} == 599;
	return _decode($answer);
}

sub raw
{
	my ($self, $bytes, $seconds) = @_;
	my $end = time + ($seconds // 5);
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Proto => 'tcp', Timeout => 5)
	  or croak "connect: $!";
	my $text = '';

	local $SIG{PIPE} = 'IGNORE';
	$socket->blocking(0);
	while (time < $end)
	{
		my $select = IO::Select->new($socket);
		if (length $bytes && $select->can_write(0.05))
		{
			my $sent = syswrite $socket, $bytes, 65536;
			substr($bytes, 0, $sent, '') if $sent;
			$bytes = '' if !defined $sent && !$!{EAGAIN};
		}
		next if !$select->can_read(length $bytes ? 0 : 0.2);
		my $got = sysread $socket, $text, 65536, length $text;
		last if defined $got ? $got == 0 : !$!{EAGAIN};
	}
	close $socket;
	return _parse($text);
}

# Takes an answer apart as it came.
sub _parse
{
	my ($text) = @_;
	my ($head, $content) = split /\r\n\r\n/, $text, 2;
	my ($first, @lines) = split /\r\n/, $head // '';
	my %answer = (text => $text, status => ($first // '') =~ m{^HTTP/1\.[01] (\d{3})} ? $1 : 0, headers => {});

	for (@lines)
	{
		my ($name, $value) = /^([^:]+):\s*(.*)$/ or next;
		my $seen = $answer{headers}{ lc $name };
		$answer{headers}{ lc $name } = defined $seen ? [ ref $seen ? @$seen : $seen, $value ] : $value;
	}
	$answer{content} = $content // '';
	if (($answer{headers}{'transfer-encoding'} // '') eq 'chunked')
	{
		my $joined = '';
		while ($answer{content} =~ /\G([0-9A-Fa-f]+)\r\n/gc)
		{
			$joined .= substr $answer{content}, pos $answer{content}, hex $1;
			pos($answer{content}) += hex($1) + 2;
			last if hex $1 == 0;
		}
		$answer{content} = $joined;
	}
	return _decode(\%answer);
}

sub login
{
	my ($self, $user, $password) = @_;
	my $answer = $self->request('POST', '/api/v1/auth/login', { body => { username => $user, password => $password } });

	croak "login: $answer->{status} $answer->{content}" if $answer->{status} != 200;
	my $data = $answer->{json}{data};
	my $set = $answer->{headers}{'set-cookie'} // '';
	my ($cookie) = map { /^(whalefall_session=[^;]*)/ } ref $set ? @$set : $set;
	my %login = (data => $data, bearer => { Authorization => "Bearer $data->{access_token}" }, cookie => { Cookie => $cookie // '' });
	my $csrf = $self->request('GET', '/api/v1/auth/csrf-token', { headers => $login{cookie} });
	$login{csrf} = { 'X-CSRFToken' => $csrf->{json}{data}{csrf_token} // '' };
	return \%login;
}

sub token
{
	my ($self, %claims) = @_;
	my $secret = do { open my $file, '<', $self->{jwt_file} or croak "$self->{jwt_file}: $!"; local $/ = undef; <$file> };
	my $now = time;
	my %all = (aud => 'whalefall', iat => int $now, exp => int($now + 600), %claims);

	delete @all{ grep { !defined $all{$_} } keys %all };
	my $text = join '.', map { encode_base64url(JSON::PP->new->utf8->canonical->encode($_)) } { alg => 'HS256', typ => 'JWT' }, \%all;
	return "$text." . encode_base64url(hmac_sha256($text, $secret));
}

END
{
	my $status = $?;

	for my $front (grep { $_->{owner} == $$ } @fronts)
	{
		print STDERR map { "# $_\n" } split /\n/, $front->log if $status != 0;
		$front->_try('stop') if -e "$front->{dir}/paths";
	}
	$? = $status;
}

1;
