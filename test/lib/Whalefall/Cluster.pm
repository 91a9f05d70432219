# Throw-away PostgreSQL clusters with the extension, for the tests.
#
#     use lib 'test/lib';                       # the runner sets PERL5LIB as well
#     use Whalefall::Cluster;
#     my $c = Whalefall::Cluster->new(settings => { 'whalefall.max_workers' => 2 },
#                                     env      => { WHALEFALL_TESTING => 1 });
#     is($c->value('select 1'), '1', 'it answers');
#     $c->create_extension;                     # in database "whalefall", with setup()
#     $c->kill9; $c->start;                     # a crash
#
# A cluster runs from a private copy of the PostgreSQL tree (deploy/tree), as an unprivileged user
# when root runs the tests, on a loopback port of its own, in a folder of its own below /tmp. It
# is stopped by process id and removed when the test file ends, however it ends. Files may run
# side by side.
package Whalefall::Cluster;

use strict;
use warnings;
use Carp qw(croak);
use Fcntl qw(:flock);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IPC::Run ();
use Time::HiRes qw(sleep time);
use Whalefall::Servers;
use Whalefall::Session;
use Whalefall::Tree;

my @clusters;    # everything started by this process, for the END block
my $next_port;

# A test that is told to end must still stop its servers: an exit runs the END block.
$SIG{TERM} = sub { exit 143 };
$SIG{INT} = sub { exit 130 };
$SIG{HUP} = sub { exit 129 };

# The programs of the private tree, psql among them.
sub bindir { return Whalefall::Tree::bindir(); }

# Makes and starts a cluster. Arguments, all with defaults:
#   settings  hash of postgresql.conf settings (undef removes a default below)
#   env       hash of environment variables of the postmaster
#   hba       text of pg_hba.conf
#   initdb    list of further initdb options
#   bindir    programs of another PostgreSQL (Whalefall::Servers::bindir(13)): no extension then
#   start     0 leaves it stopped
sub new
{
	my ($class, %arg) = @_;
	my $dir = tempdir('/tmp/wf.XXXXXX', CLEANUP => 0);
	my $foreign = defined $arg{bindir};
	my $self = bless {
		dir => $dir,
		data => "$dir/data",
		log => "$dir/log",
		bindir => $arg{bindir} // Whalefall::Tree::bindir(),
		client => Whalefall::Tree::bindir(),
		env => $arg{env} // {},
		owner => $$,
		foreign => $foreign,
	}, $class;

	push @clusters, $self;
	_write("$dir/owner", join(' ', $$, _start_time($$)) . "\n");
	mkdir "$dir/secrets", 0700;
	if ($< == 0)
	{
		my (undef, undef, $uid, $gid) = getpwnam(Whalefall::Servers::user());
		chown $uid, $gid, $dir, "$dir/secrets";
	}
	$self->_as_user([ "$self->{bindir}/initdb", '-D', $self->{data}, '-U', 'postgres', '-A', 'trust',
		'-E', 'UTF8', '--locale=C.UTF-8', '--no-sync', @{ $arg{initdb} // [] } ], 'initdb');
	$self->{settings} = {
		listen_addresses => '127.0.0.1',
		unix_socket_directories => $dir,
		fsync => 'off',
		max_connections => 50,
		shared_buffers => '32MB',
		log_line_prefix => '%m [%p] %b %q%u@%d ',
		log_timezone => 'UTC',
		timezone => 'UTC',
		lc_messages => 'C',
		$foreign ? () : (
			shared_preload_libraries => 'whalefall',
			'whalefall.database' => 'whalefall',
			'whalefall.key_file' => "$dir/secrets/whalefall.key",
			'whalefall.jwt_file' => "$dir/secrets/whalefall.jwt"),
		%{ $arg{settings} // {} },
	};
	_write("$self->{data}/pg_hba.conf", $arg{hba} //
		  "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
	_write("$self->{data}/postgresql.conf", '');
	$self->start if $arg{start} // 1;
	return $self;
}

# Changes settings (undef removes one). They hold from the next start, or from reload on.
sub configure
{
	my ($self, %settings) = @_;

	$self->{settings} = { %{ $self->{settings} }, %settings };
	$self->_write_settings if $self->{port};
	return $self;
}

# Starts the server and waits until it answers. The port is the first free one from a place that
# differs between processes; should another program be quicker, the next one is tried.
sub start
{
	my ($self) = @_;
	my @env = map { "$_=$self->{env}{$_}" } keys %{ $self->{env} };
	my $failed;

	croak 'the server runs already' if $self->pid;
	$self->_forget_zombie;
	for my $try (1 .. 5)
	{
		$self->{port} //= _free_port();
		$self->_write_settings;
		my $from = -s $self->{log} // 0;
		$failed = $self->_as_user([ (@env ? ('env', @env) : ()), "$self->{bindir}/pg_ctl", '-D',
			$self->{data}, '-l', $self->{log}, '-w', '-t', 60, '-s', 'start' ], undef);
		return $self if !$failed;
		last if $self->log_contents($from) !~ /Address already in use/;
		delete $self->{port};
	}
	croak "the server does not start:\n" . $self->log_contents;
}

# Stops the server: mode fast (default), smart or immediate. Nothing to do when it is down.
sub stop
{
	my ($self, $mode) = @_;
	my %signal = (fast => 'INT', smart => 'TERM', immediate => 'QUIT');
	my $pid = $self->pid or return $self;

	kill $signal{ $mode // 'fast' }, $pid;
	croak "the server does not stop\n" . $self->log_contents if !$self->_wait_gone(60);
	return $self;
}

sub restart
{
	my ($self, $mode) = @_;

	return $self->stop($mode)->start;
}

sub reload
{
	my ($self) = @_;

	kill 'HUP', $self->pid;
	return $self;
}

# Kills the postmaster as a crash of the machine would, and waits for its children to notice.
sub kill9
{
	my ($self) = @_;
	my $pid = $self->pid or croak 'the server is down';

	kill 'KILL', $pid;
	croak 'processes survive the postmaster' if !$self->_wait_gone(60);
	return $self;
}

# The postmaster's process id, or undef. A pid file may be stale and its number reused, so the
# process must also work in our data folder.
sub pid
{
	my ($self) = @_;

	open my $file, '<', "$self->{data}/postmaster.pid" or return undef;
	my ($pid) = (<$file> // '') =~ /^(\d+)$/;
	return undef if !$pid || (readlink("/proc/$pid/cwd") // '') ne $self->{data};
	return $pid;
}

# Ids of all processes that work in the data folder: the postmaster, its children, their helpers.
sub processes
{
	my ($self) = @_;

	return grep { (readlink("/proc/$_/cwd") // '') eq $self->{data} } map { m{(\d+)$} } glob '/proc/[0-9]*';
}

sub host { return $_[0]{dir}; }
sub port { return $_[0]{port}; }
sub data { return $_[0]{data}; }
sub dir { return $_[0]{dir}; }

# Environment variables with which any client reaches this cluster (by its socket; for TCP
# set PGHOST to 127.0.0.1).
sub connection_env
{
	my ($self, $database) = @_;

	return (PGHOST => $self->{dir}, PGPORT => $self->{port}, PGUSER => 'postgres',
		PGDATABASE => $database // 'postgres');
}

# Runs SQL through psql (so backslash commands work), stops at the first error. Options: database,
# user, host, timeout (seconds, 60), stdin is the SQL; psql => [further psql options];
# env => {further variables}. Gives a hash with stdout, stderr, rc; rc is 124 after a timeout.
sub psql
{
	my ($self, $sql, %opt) = @_;
	my ($out, $err) = ('', '');
	local %ENV = (%ENV, $self->connection_env($opt{database}), PGAPPNAME => 'test', PGCONNECT_TIMEOUT => 10,
		%{ $opt{env} // {} });
	$ENV{PGUSER} = $opt{user} if defined $opt{user};
	$ENV{PGHOST} = $opt{host} if defined $opt{host};
	my $rc = $self->_run([ "$self->{client}/psql", '-XqAt', '-v', 'ON_ERROR_STOP=1', @{ $opt{psql} // [] } ],
		$sql, \$out, \$err, $opt{timeout} // 60);
	chomp $out;
	chomp $err;
	return { stdout => $out, stderr => $err, rc => $rc };
}

# Runs SQL that must succeed and gives what psql printed: columns by |, rows by newline.
sub query
{
	my ($self, $sql, %opt) = @_;
	my $result = $self->psql($sql, %opt);

	croak "query failed: $result->{stderr}\n$sql" if $result->{rc} != 0;
	return $result->{stdout};
}

# The same for one value.
sub value { my ($self, $sql, %opt) = @_; return $self->query($sql, %opt); }

# The rows, each a list of text values (NULL comes as the empty text). Values may hold any
# character but the two separators of ASCII that are used here.
sub rows
{
	my ($self, $sql, %opt) = @_;
	my $text = $self->query($sql, %opt, psql => [ '-F', "\x1f", '-R', "\x1e", @{ $opt{psql} // [] } ]);

	return map { [ split /\x1f/, $_, -1 ] } split /\x1e/, $text, -1;
}

# Opens a psql that stays connected, for tests with several sessions (see Session.pm).
sub session
{
	my ($self, %opt) = @_;

	return Whalefall::Session->new($self, %opt);
}

# Polls until the query gives the expected text (or matches, for a qr//). True when it did within
# the timeout (seconds, default 30); otherwise says with diag what was seen last. Failing queries
# are polled through too: the server may be starting.
sub wait_for
{
	my ($self, $sql, $expected, $timeout, %opt) = @_;
	my $end = time + ($timeout // 30);
	my $seen;

	while (1)
	{
		my $result = $self->psql($sql, %opt, timeout => 15);
		$seen = $result->{rc} == 0 ? $result->{stdout} : "error: $result->{stderr}";
		return 1 if ref $expected ? $seen =~ $expected : $seen eq $expected;
		last if time >= $end;
		sleep 0.1;
	}
	require Test::More;
	Test::More::diag("waited for '$expected', last seen '$seen': $sql");
	return 0;
}

# The server's log from a byte on (default: all). Take `-s $c->log_file` before an action, and look
# only at what the action has added.
sub log_contents
{
	my ($self, $from) = @_;

	open my $file, '<:raw', $self->{log} or return '';
	seek $file, $from // 0, 0;
	local $/ = undef;
	return <$file> // '';
}

sub log_file { return $_[0]{log}; }

# Waits until the log, from a byte on, matches. True when it did.
sub wait_for_log
{
	my ($self, $pattern, $from, $timeout) = @_;
	my $end = time + ($timeout // 30);

	while ($self->log_contents($from) !~ $pattern)
	{
		return 0 if time >= $end;
		sleep 0.1;
	}
	return 1;
}

# Creates a database (default: the one the launcher serves) and in it the extension, ready for use.
# Options: database, setup => 0 to leave setup() out, also => list of further extensions.
sub create_extension
{
	my ($self, %opt) = @_;
	my $database = $opt{database} // 'whalefall';

	$self->query("create database \"$database\" template template0");
	$self->query("create extension \"$_\" cascade", database => $database) for 'whalefall', @{ $opt{also} // [] };
	$self->query('select whalefall.setup()', database => $database) if $opt{setup} // 1;
	return $self;
}

# Stops the server the quick way and removes its folder.
sub remove
{
	my ($self) = @_;

	if (my $pid = $self->pid)
	{
		kill 'QUIT', $pid;
		if (!$self->_wait_gone(20))
		{
			kill 'KILL', $self->processes;
			$self->_wait_gone(10);
		}
	}
	# A front (Front.pm) whose test could not stop it: supervisors before what they start again.
	for (1 .. 2)
	{
		kill 'KILL', grep { (readlink("/proc/$_/cwd") // '') =~ m{^\Q$self->{dir}\E/http} } map { m{(\d+)$} } glob '/proc/[0-9]*';
	}
	remove_tree($self->{dir}) if !$ENV{WHALEFALL_KEEP};
	@clusters = grep { $_ != $self } @clusters;
	return;
}

# Removes clusters whose test was killed so hard that it could not. Called by the runner.
sub sweep
{
	for my $dir (glob '/tmp/wf.??????')
	{
		next if ((stat $dir)[4] // -1) != (getpwnam(Whalefall::Servers::user()))[2];
		open my $file, '<', "$dir/owner" or next;
		my ($pid, $start) = split ' ', <$file> // '';
		next if !$start || _start_time($pid) eq $start;
		my $left = bless { dir => $dir, data => "$dir/data", log => "$dir/log" }, __PACKAGE__;
		$left->remove;
	}
	return;
}

# When a process started, in clock ticks since boot: tells a reused process id apart.
sub _start_time
{
	my ($pid) = @_;

	open my $file, '<', "/proc/$pid/stat" or return '';
	my $line = <$file> // '';
	$line =~ s/^.*\) //s;
	return (split ' ', $line)[19] // '';
}

# A loopback port that nobody listens on. Below the range that the kernel gives to outgoing
# connections, and from a place that depends on the process, so that files that run side by side
# seldom meet.
sub _free_port
{
	$next_port //= 20000 + ($$ * 37) % 9000;
	for (1 .. 2000)
	{
		my $port = $next_port++;
		$next_port = 20000 if $next_port >= 32000;
		my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, Proto => 'tcp');
		return $port if $socket;
	}
	croak 'no free port';
}

sub _write
{
	my ($path, $text) = @_;

	open my $file, '>', $path or croak "$path: $!";
	print {$file} $text;
	close $file or croak "$path: $!";
	return;
}

sub _write_settings
{
	my ($self) = @_;
	my %settings = (%{ $self->{settings} }, port => $self->{port});
	my $text = '';

	for my $name (sort keys %settings)
	{
		next if !defined $settings{$name};
		(my $value = $settings{$name}) =~ s/'/''/g;
		$text .= "$name = '$value'\n";
	}
	_write("$self->{data}/postgresql.conf", $text);
	return;
}

# Runs a command as the server user. With a name the command must succeed; without, gives its
# exit status.
sub _as_user
{
	my ($self, $command, $name) = @_;
	my ($out, $err) = ('', '');
	local $ENV{LC_ALL} = 'C.UTF-8';
	# A caller's PGDATA and the like must not reach the server's programs.
	local @ENV{ grep { /^PG/ } keys %ENV };
	delete @ENV{ grep { /^PG/ } keys %ENV };
	my $rc = $self->_run([ Whalefall::Servers::as_user(), @$command ], '', \$out, \$err, 120, '/');

	croak "$name failed: $err" if $rc != 0 && defined $name;
	return $rc;
}

# Runs a command with input and gives its exit status, 124 after the timeout. Output goes through
# files, not pipes: a server that is started here must not hold a pipe open.
sub _run
{
	my ($self, $command, $input, $out, $err, $timeout, $dir) = @_;
	my @opt = $dir ? (init => sub { chdir $dir }) : ();
	my $in = $input // '';
	my $files = File::Temp->newdir("$self->{dir}/io.XXXXXX");
	my $ok = eval {
		my $h = IPC::Run::start($command, '<', \$in, '>', "$files/out", '2>', "$files/err", @opt,
			IPC::Run::timeout($timeout));
		eval { $h->finish; 1 } or do { my $why = $@; $h->kill_kill(grace => 2); die $why };
		1;
	};
	my $rc = $ok ? $? : undef;
	for ([ 'out', $out ], [ 'err', $err ])
	{
		open my $file, '<:raw', "$files/$_->[0]" or next;
		local $/ = undef;
		${ $_->[1] } = <$file> // '';
	}
	if (!$ok)
	{
		croak $@ if $@ !~ /timeout/i;
		$$err .= "timeout after $timeout s";
		return 124;
	}
	return $rc >> 8 || ($rc & 127 ? 128 + ($rc & 127) : 0);
}

# Removes the lock files of a postmaster that is dead but not yet collected by its parent: in a container
# process 1 may never do that, and PostgreSQL would take the number for a living server.
sub _forget_zombie
{
	my ($self) = @_;

	open my $file, '<', "$self->{data}/postmaster.pid" or return;
	my ($pid) = (<$file> // '') =~ /^(\d+)$/;
	for (1 .. 20)
	{
		return if !$pid || !kill 0, $pid;
		sleep 0.05;
	}
	unlink "$self->{data}/postmaster.pid", glob "$self->{dir}/.s.PGSQL.*";
	return;
}

# Waits until no process works in the data folder any more. False when some still do.
sub _wait_gone
{
	my ($self, $timeout) = @_;
	my $end = time + $timeout;

	while ($self->processes)
	{
		return 0 if time >= $end;
		sleep 0.05;
	}
	return 1;
}

END
{
	my $status = $?;

	my @mine = grep { $_->{owner} == $$ } @clusters;

	for my $cluster (@mine)
	{
		if ($status != 0 && -e $cluster->{log})
		{
			my @lines = split /\n/, $cluster->log_contents;
			splice @lines, 0, @lines - 60 if @lines > 60;
			print STDERR map { "# log: $_\n" } @lines;
		}
		eval { $cluster->remove; 1 } or print STDERR "# $@";
	}
	$? = $status;
}

1;
