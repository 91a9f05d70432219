# Driving the helper programs in tests: the command line, worker mode over a socket pair, servers
# to log in to, and servers that misbehave.
#
#     use Whalefall::Remote;
#     my $server = remote_server(18);                                # undef: could not be had
#     my $answer = read_server($server, 'accounts', user => 'mon', password => 'x');
#     is($answer->{last}{type}, 'done');
#     is_deeply([ rows($answer, 'account') ], [...]);
package Whalefall::Remote;

use strict;
use warnings;
use Carp qw(croak);
use Exporter qw(import);
use IO::Socket::INET;
use IPC::Run ();
use JSON::PP ();
use POSIX ();
use Socket;
use Time::HiRes qw(sleep time);

# The client side of the clusters comes from the system: no extension is needed here.
BEGIN
{
	if (!$ENV{WHALEFALL_TREE_BIN})
	{
		my $config = $ENV{PG_CONFIG} // 'pg_config';
		chomp($ENV{WHALEFALL_TREE_BIN} = `$config --bindir`);
	}
}
use Whalefall::Cluster;
use Whalefall::Servers;
use Whalefall::Tree;

our @EXPORT = qw(program remote_server run_program read_server rows categories frame
  decode_frames request_frame start_worker fault_server pg_message pg_login);

my $PROGRAM = Whalefall::Servers::root() . '/whalefall-remote-postgresql';
my %children;    # processes started here, for the END block

# The path of the program; builds it when it is not there or older than its sources. Another build of
# it, with sanitizers for example, can be named in the variable WHALEFALL_REMOTE_PROGRAM.
sub program
{
	my $root = Whalefall::Servers::root();
	our $built;

	return $ENV{WHALEFALL_REMOTE_PROGRAM} if $ENV{WHALEFALL_REMOTE_PROGRAM};
	if (!$built++)
	{
		system("make -s -C '$root' whalefall-remote-postgresql >/tmp/whalefall-make.$$ 2>&1 </dev/null") == 0
		  or croak 'make failed: ' . `cat /tmp/whalefall-make.$$`;
		unlink "/tmp/whalefall-make.$$";
	}
	return $PROGRAM;
}

# Starts a bare PostgreSQL of major version 13 or 18, or with "local" the one of this machine. Takes
# what Cluster->new takes; gives undef when that version cannot be had here.
sub remote_server
{
	my ($version, %opt) = @_;
	my $bindir = $version eq 'local' ? Whalefall::Tree::bindir() : Whalefall::Servers::bindir($version);

	return undef if !defined $bindir;
	# "md5" also takes SCRAM; 13 stores md5 passwords by default.
	my $server = Whalefall::Cluster->new(
		bindir => $bindir,
		hba => "local all all trust\nhost all all 127.0.0.1/32 md5\n",
		%opt);
	$server->query(q{alter role postgres password 'Super-1'; create role mon login password 'Mon-1' in role pg_monitor});
	return $server;
}

# Runs the program with arguments; options: env (hash), timeout (seconds), program. Gives a hash: rc,
# out, err, lines (each line of out decoded), last (the last of them), took (seconds).
sub run_program
{
	my ($arguments, %opt) = @_;
	my ($out, $err) = ('', '');
	my $began = time;
	local %ENV = (%ENV, %{ $opt{env} // {} });
	my $handle = IPC::Run::start([ $opt{program} // program(), @$arguments ], '<', \($opt{stdin} // ''), '>', \$out,
		'2>', \$err, IPC::Run::timeout($opt{timeout} // 60));

	eval { $handle->finish; 1 } or do { my $why = $@; $handle->kill_kill; croak $why };
	my $took = time - $began;
	my $rc = $? >> 8 || ($? & 127 ? 128 + ($? & 127) : 0);
	my @lines = map { JSON::PP::decode_json($_) } grep { /^\{/ } split /\n/, $out;
	return { rc => $rc, out => $out, err => $err, lines => \@lines, last => $lines[-1] // {}, took => $took };
}

# Reads a server (a Cluster, or a port number on loopback). Options: user, password, dbname, host,
# args (further arguments), timeout.
sub read_server
{
	my ($server, $reads, %opt) = @_;
	my $port = ref $server ? $server->port : $server;

	return run_program(
		[   '--host', $opt{host} // '127.0.0.1', '--port', $port, '--user', $opt{user} // 'postgres',
			'--read', $reads, (defined $opt{dbname} ? ('--dbname', $opt{dbname}) : ()), @{ $opt{args} // [] } ],
		env => { WHALEFALL_PASSWORD => $opt{password} // 'Super-1' },
		timeout => $opt{timeout} // 60);
}

# The rows of one dataset of an answer.
sub rows
{
	my ($answer, $dataset) = @_;

	return grep { ($_->{dataset} // '') eq $dataset } @{ $answer->{lines} };
}

# What an answer says of each account, by name: {category}{name} for values, {category} a sorted list
# or {category}{object} a sorted list for items.
sub categories
{
	my ($answer) = @_;
	my %name = map { $_->{key} => $_->{username} } rows($answer, 'account');
	my %found = map { $_ => {} } values %name;

	for (rows($answer, 'value'))
	{
		my $value = $_->{kind} eq 'b' ? ($_->{text} eq 'true' ? 1 : 0) : $_->{text};
		$found{ $name{ $_->{key} } }{ $_->{category} }{ $_->{name} } = $value;
	}
	for (sort { $a->{name} cmp $b->{name} } rows($answer, 'item'))
	{
		my $account = $found{ $name{ $_->{key} } };
		my @path = @{ $_->{path} };
		push @{ $account->{ $_->{category} } }, $_->{name} if @path == 0;
		push @{ $account->{ $_->{category} }{ $path[0] } }, $_->{name} if @path == 1;
	}
	return \%found;
}

# Encodes a frame; undef is the NULL field.
sub frame
{
	my ($type, @fields) = @_;
	my $payload = join '', map { defined $_ ? pack('N/a*', $_) : pack('N', 0xFFFFFFFF) } @fields;

	return pack('N a', length $payload, $type) . $payload;
}

# Takes all complete frames from the front of a buffer: [type, fields...] each.
sub decode_frames
{
	my ($buffer) = @_;
	my @frames;

	while (length $$buffer >= 5)
	{
		my ($len, $type) = unpack 'N a', $$buffer;
		last if length $$buffer < 5 + $len;
		my $payload = substr $$buffer, 5, $len;
		substr($$buffer, 0, 5 + $len) = '';
		my @fields;
		while (length $payload)
		{
			my $n = unpack 'N', substr $payload, 0, 4, '';
			push @fields, $n == 0xFFFFFFFF ? undef : substr $payload, 0, $n, '';
		}
		push @frames, [ $type, @fields ];
	}
	return @frames;
}

# Encodes a request for a loopback port, with changed or (undef) missing keys.
sub request_frame
{
	my ($port, %changed) = @_;
	my %pairs = (protocol => 1, db_type => 'postgresql', host => '127.0.0.1', port => $port, user => 'postgres',
		password => 'Super-1', tls_mode => 'prefer', connect_timeout_ms => 5000, statement_timeout_ms => 5000,
		reads => 'version', %changed);

	return frame('Q', map { ($_, $pairs{$_}) } grep { defined $pairs{$_} } sort keys %pairs);
}

# Starts the program in worker mode. Gives an object with methods pid, send(bytes), frames(seconds):
# the frames of one answer up to E or D, or up to the end of the connection; eof; close.
sub start_worker
{
	my (%opt) = @_;
	my $program = $opt{program} // program();

	socketpair(my $mine, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or croak $!;
	my $parent = $opt{parent} // $$;
	my $pid = fork // croak $!;
	if ($pid == 0)
	{
		POSIX::dup2(fileno $theirs, 0);
		POSIX::dup2(fileno $theirs, 1);
		POSIX::close($_) for 3 .. 100;
		%ENV = (LC_ALL => 'C', PATH => '/usr/bin:/bin', %{ $opt{env} // {} });
		exec $program, '--worker', $parent or POSIX::_exit(127);
	}
	close $theirs;
	$children{$pid} = 1;
	return bless { pid => $pid, socket => $mine, buffer => '' }, 'Whalefall::Remote::Worker';
}

# Listens on a loopback port and runs the code for each connection in a process of its own; the code
# gets the socket and the number of the connection. Gives port and process id.
sub fault_server
{
	my ($code) = @_;
	my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 16, Proto => 'tcp')
	  or croak $!;
	my $pid = fork // croak $!;

	if ($pid == 0)
	{
		my $count = 0;
		POSIX::setpgid(0, 0);
		@SIG{qw(CHLD TERM INT HUP PIPE)} = ('IGNORE', 'DEFAULT', 'DEFAULT', 'DEFAULT', 'IGNORE');
		while (my $socket = $listen->accept)
		{
			$count++;
			my $child = fork;
			if (defined $child && $child == 0)
			{
				# Nobody may be left behind when the test itself is killed.
				alarm 120;
				eval { $code->($socket, $count) };
				POSIX::_exit(0);
			}
			close $socket;
		}
		POSIX::_exit(0);
	}
	$children{$pid} = -1;
	return wantarray ? ($listen->sockport, $pid) : $listen->sockport;
}

# Encodes a message of the PostgreSQL protocol.
sub pg_message
{
	my ($type, $body) = @_;

	return pack('a N', $type, 4 + length $body) . $body;
}

# Plays a PostgreSQL server up to the end of the login: no TLS, no password. Gives the start-up packet.
sub pg_login
{
	my ($socket, %parameters) = @_;
	my $packet = '';

	while (1)
	{
		$socket->read(my $head, 4) == 4 or return undef;
		$socket->read($packet, unpack('N', $head) - 4);
		last if unpack('N', $packet) != 80877103;
		$socket->syswrite('N');
	}
	%parameters = (server_version => '15.0', client_encoding => 'UTF8', standard_conforming_strings => 'on', %parameters);
	$socket->syswrite(pg_message('R', pack 'N', 0)
		  . join('', map { pg_message('S', "$_\0$parameters{$_}\0") } sort keys %parameters)
		  . pg_message('K', pack 'NN', 1, 2) . pg_message('Z', 'I'));
	return $packet;
}

END
{
	my $status = $?;

	for my $pid (keys %children)
	{
		kill 'KILL', $children{$pid} < 0 ? (-$pid, $pid) : $pid;
		waitpid $pid, 0;
	}
	$? = $status;
}

package Whalefall::Remote::Worker;

use strict;
use warnings;
use IO::Select;
use Time::HiRes qw(time);

sub pid { return $_[0]{pid}; }

sub send
{
	my ($self, $bytes) = @_;
	my $sent = 0;

	local $SIG{PIPE} = 'IGNORE';
	while ($sent < length $bytes)
	{
		my $n = syswrite $self->{socket}, $bytes, length($bytes) - $sent, $sent;
		return 0 if !defined $n;
		$sent += $n;
	}
	return 1;
}

sub frames
{
	my ($self, $seconds) = @_;
	my $end = time + ($seconds // 20);
	my $select = IO::Select->new($self->{socket});
	my @frames = splice @{ $self->{left} // [] };

	while (!grep { $_->[0] =~ /[ED]/ } @frames)
	{
		my $left = $end - time;
		last if $left <= 0 || !$select->can_read($left);
		my $n = sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer};
		if (!$n)
		{
			$self->{eof} = 1;
			last;
		}
		push @frames, Whalefall::Remote::decode_frames(\$self->{buffer});
	}
	# What follows the end of this answer belongs to the next one.
	for my $i (0 .. $#frames)
	{
		next if $frames[$i][0] !~ /[ED]/;
		$self->{left} = [ splice @frames, $i + 1 ];
		last;
	}
	return @frames;
}

sub eof { return $_[0]{eof}; }

# Closes the connection and gives the exit status of the program (as waitpid tells it).
sub close
{
	my ($self) = @_;

	close $self->{socket};
	return $self->wait;
}

# Waits for the end of the program (10 s), gives its status as waitpid tells it, undef when it lives on.
sub wait
{
	my ($self) = @_;
	my $end = time + 10;

	while (time < $end)
	{
		if (waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid})
		{
			delete $children{ $self->{pid} };
			return $?;
		}
		Time::HiRes::sleep(0.01);
	}
	return undef;
}

1;
