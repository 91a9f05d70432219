# Throw-away MariaDB and MySQL servers, and the program that reads them.
#
#     use Whalefall::MySQL;
#     my $server = mysql_server('mariadb10') or plan skip_all => 'could not be had';
#     $server->query('create database x');
#     my $answer = read_mysql($server, 'accounts', user => 'mon', password => 'x');
#     is($answer->{last}{type}, 'done');
#
# A server runs as an unprivileged user, on a loopback port and in a folder of its own below /tmp;
# it is stopped by process id and removed when the test file ends, however it ends. "mariadb10" is
# the one of this machine; "mariadb11" and "mysql9" come from test/fetch-debian-servers and run by
# the loader and the libraries they came with.
package Whalefall::MySQL;

use strict;
use warnings;
use Carp qw(croak);
use Exporter qw(import);
use Encode qw(encode_utf8 decode_utf8);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use IPC::Run ();
use POSIX ();
use Time::HiRes qw(sleep time);
use Whalefall::Remote;
use Whalefall::Servers;

our @EXPORT = qw(mysql_server mysql_servers read_mysql run_mysql_program mysql_program rows by_account
  warnings_of listen_for recording_proxy mysql_packet mysql_greeting mysql_handshake openssl_authority
  openssl_certificate later_client build_with_mysql_library start_mysql_worker mysql_request);

my $ROOT = Whalefall::Servers::root();
my @servers;     # started by this process, for the END block


# The names of all kinds of servers; with WHALEFALL_MYSQL_KINDS only of those it names. Others "cannot be had" then.
sub mysql_servers
{
	my @all = qw(mariadb10 mariadb11 mysql9);
	my %wanted = map { $_ => 1 } length($ENV{WHALEFALL_MYSQL_KINDS} // '') ? split(/\s+/, $ENV{WHALEFALL_MYSQL_KINDS}) : @all;

	return grep { $wanted{$_} } @all;
}

# The folder a fetched server is unpacked in, or undef. Fetches on first use, so that a test file also
# runs alone.
sub _tree
{
	my ($kind) = @_;
	our $fetched;
	my $dir = Whalefall::Servers::cache_dir() . "/$kind";
	my $program = { mysql9 => 'sbin/mysqld', mysqlclient => 'bin/mysql_config' }->{$kind} // 'sbin/mariadbd';

	if (!-x "$dir/usr/$program" && !$ENV{WHALEFALL_NO_FETCH} && !$fetched++)
	{
		system("'$ROOT/test/fetch-debian-servers' >/dev/null </dev/null");
	}
	return -x "$dir/usr/$program" ? $dir : undef;
}

# The words that start a server of a kind, up to its options; none when it cannot be had here.
sub _command
{
	my ($kind) = @_;

	if ($kind eq 'mariadb10')
	{
		my ($program) = grep { -x } qw(/usr/sbin/mariadbd /usr/libexec/mariadbd /usr/bin/mariadbd);
		return defined $program ? ($program, '--no-defaults') : ();
	}
	my $tree = _tree($kind) or return ();
	my ($loader) = (glob("$tree/usr/lib64/ld-linux-*.so.*"), glob("$tree/usr/lib/*/ld-linux-*.so.*"),
		glob("$tree/usr/lib/ld-linux-*.so.*"));
	return () if !defined $loader;
	my $libraries = join ':', grep { -d } glob("$tree/usr/lib/*-linux-gnu"), "$tree/usr/lib/mysql/private";
	my @start = ($loader, '--library-path', $libraries);
	return (@start, "$tree/usr/sbin/mysqld", '--no-defaults', "--basedir=$tree/usr", "--lc-messages-dir=$tree/usr/share/mysql",
		"--character-sets-dir=$tree/usr/share/mysql/charsets", "--plugin-dir=$tree/usr/lib/mysql/plugin",
		'--secure-file-priv=NULL') if $kind eq 'mysql9';
	return (@start, "$tree/usr/sbin/mariadbd", '--no-defaults', "--basedir=$tree/usr", "--lc-messages-dir=$tree/usr/share/mariadb",
		"--character-sets-dir=$tree/usr/share/mariadb/charsets", "--plugin-dir=$tree/usr/lib/mysql/plugin");
}

# The words before a program that make it run with the client library of a later release, or none when
# that could not be had.
sub later_client
{
	my $tree = _tree('mariadb11') or return ();
	my ($loader) = (glob("$tree/usr/lib64/ld-linux-*.so.*"), glob("$tree/usr/lib/*/ld-linux-*.so.*"));
	my ($library) = glob("$tree/usr/lib/*/libmariadb.so.3");

	return () if !defined $loader || !defined $library;
	return ($loader, '--library-path', join ':', grep { -d } glob("$tree/usr/lib/*-linux-gnu"), glob('/usr/lib/*-linux-gnu'));
}

# Builds the driver against MySQL's own client library, which is fetched with its headers, into a folder. Gives
# the path of a program that runs it by the loader and with the libraries it came with, undef when the library
# could not be had. Options: flags (further ones of the compiler, which is gcc).
sub build_with_mysql_library
{
	my ($dir, %opt) = @_;
	my $tree = _tree('mysqlclient') or return undef;
	my ($loader) = (glob("$tree/usr/lib64/ld-linux-*.so.*"), glob("$tree/usr/lib/*/ld-linux-*.so.*"));
	my ($library) = glob("$tree/usr/lib/*/libmysqlclient.so.*.*");
	my $path = "$dir/whalefall-remote-mysql";
	my $out = '';

	return undef if !defined $loader || !defined $library;
	# Its headers alone: those of its libc are not for our compiler.
	mkdir "$dir/include";
	symlink "$tree/usr/include/mysql", "$dir/include/mysql";
	# Its own libc has what it wants of it; the linker of this machine need not find that.
	IPC::Run::run([ 'gcc', qw(-std=gnu11 -g -O2 -Wall -Wextra -Wshadow -Wno-unused-parameter -Werror -fvisibility=hidden -D_GNU_SOURCE),
			'-DWF_VERSION="0.0"', "-I$ROOT/src", '-isystem', "$dir/include/mysql", '-isystem', "$dir/include", @{ $opt{flags} // [] },
			'-o', "$path.bin", glob("$ROOT/src/remote/common/*.c $ROOT/src/remote/mysql/*.c"), $library,
			'-Wl,--allow-shlib-undefined', '-ljansson', '-ldl' ], '<', \'', '>&', \$out)
	  or croak "gcc: $out";
	open my $script, '>', $path or croak $!;
	print $script "#!/bin/sh\nexec '$loader' --library-path '", join(':', grep { -d } glob("$tree/usr/lib/*-linux-gnu"), glob('/usr/lib/*-linux-gnu')),
	  "' '$path.bin' \"\$@\"\n";
	close $script;
	chmod 0755, $path;
	return $path;
}

# The folder of the scripts that make the system tables of a MariaDB.
sub _scripts
{
	my ($kind) = @_;

	return (grep { -d } '/usr/share/mariadb', '/usr/share/mysql')[-1] if $kind eq 'mariadb10';
	return _tree($kind) . '/usr/share/mariadb';
}

# When a process was started, in ticks since the machine was; undef when there is none.
sub _started
{
	my ($pid) = @_;

	return (split ' ', _slurp("/proc/$pid/stat") =~ s/^.*\)//r)[19];
}

# Ends the servers of tests that were killed, and removes their folders.
sub _sweep
{
	for my $dir (glob '/tmp/wfmy.*')
	{
		my ($owner, $started) = split ' ', _slurp("$dir/owner");
		next if !$owner || (_started($owner) // '') eq $started;
		my ($pid) = _slurp("$dir/pid") =~ /^(\d+)/;
		if ($pid && (readlink("/proc/$pid/cwd") // '') eq "$dir/data")
		{
			kill 'TERM', $pid;
			for (1 .. 100) { last if !-e "/proc/$pid"; sleep 0.1 }
			kill 'KILL', $pid if (readlink("/proc/$pid/cwd") // '') eq "$dir/data";
		}
		remove_tree($dir);
	}
	return;
}

# Makes and starts a server; undef when its kind cannot be had here. Options: args (list of further
# options of the server), performance_schema (1 keeps it on).
sub mysql_server
{
	my ($kind, %opt) = @_;
	my @command = grep({ $_ eq $kind } mysql_servers()) ? _command($kind) : ();

	return undef if !@command || system('command -v mariadb >/dev/null 2>&1') != 0;
	my $self = bless { kind => $kind, dir => tempdir('/tmp/wfmy.XXXXXX', CLEANUP => 0), owner => $$, command => \@command,
		args => $opt{args} // [] }, __PACKAGE__;
	$self->{data} = "$self->{dir}/data";
	push @servers, $self;
	_sweep() if @servers == 1;
	open my $owner, '>', "$self->{dir}/owner" or croak $!;
	print $owner join(' ', $$, _started($$)), "\n";
	close $owner;
	mkdir "$self->{dir}/$_" for qw(data tmp files);
	if ($< == 0)
	{
		my (undef, undef, $uid, $gid) = getpwnam(Whalefall::Servers::user());
		chown $uid, $gid, $self->{dir}, map { "$self->{dir}/$_" } qw(data tmp files);
	}
	$self->_initialize;
	$self->start;
	return $self;
}

# Makes the system tables.
sub _initialize
{
	my ($self) = @_;
	my @common = ("--datadir=$self->{data}", "--tmpdir=$self->{dir}/tmp", "--log-error=$self->{dir}/init.log");
	my @command = (Whalefall::Servers::as_user(), @{ $self->{command} }, @common);
	my ($out, $sql) = ('', '');

	if ($self->{kind} eq 'mysql9')
	{
		push @command, '--initialize-insecure', '--innodb-redo-log-capacity=16M';
	}
	else
	{
		my $dir = _scripts($self->{kind});
		# The files have changed their names.
		my ($prefix) = grep { -e "$dir/${_}_system_tables.sql" } qw(mariadb mysql);
		# One statement a line: that is how it is read.
		$sql = join "\n", 'create database mysql;', 'use mysql;', 'set @auth_root_socket = null;',
		  map { _slurp($_) } map { "$dir/$_" } "${prefix}_system_tables.sql", "${prefix}_performance_tables.sql",
		  "${prefix}_system_tables_data.sql", 'maria_add_gis_sp_bootstrap.sql', "${prefix}_sys_schema.sql";
		push @command, '--bootstrap', '--log-warnings=0', '--enforce-storage-engine=', '--max-allowed-packet=8M',
		  '--innodb-log-file-size=16M';
	}
	open my $file, '>', "$self->{dir}/init.sql" or croak $!;
	print $file $sql;
	close $file;
	IPC::Run::run(\@command, '<', "$self->{dir}/init.sql", '>&', \$out, IPC::Run::timeout(120))
	  or croak "$self->{kind} cannot be initialized: $out\n" . _slurp("$self->{dir}/init.log");
	return;
}

# Starts the server and waits until it answers.
sub start
{
	my ($self) = @_;

	for my $try (1 .. 5)
	{
		my $probe = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or croak $!;
		$self->{port} = $probe->sockport;
		close $probe;
		$self->_launch;
		return $self if $self->_wait_ready;
		last if _slurp("$self->{dir}/log") !~ /Address already in use|Bind on TCP/;
	}
	croak "$self->{kind} does not start:\n" . _slurp("$self->{dir}/log");
}

sub _launch
{
	my ($self) = @_;
	my @options = ("--datadir=$self->{data}", "--tmpdir=$self->{dir}/tmp", "--port=$self->{port}", '--bind-address=127.0.0.1',
		"--socket=$self->{dir}/s", "--pid-file=$self->{dir}/pid", "--log-error=$self->{dir}/log", '--skip-name-resolve',
		'--innodb-buffer-pool-size=64M', '--innodb-flush-log-at-trx-commit=0', '--character-set-server=utf8mb4',
		'--performance-schema=OFF', ($self->{kind} eq 'mysql9' ? ('--mysqlx=OFF', '--disable-log-bin', '--innodb-redo-log-capacity=16M')
		  : ('--innodb-log-file-size=16M')), @{ $self->{args} });

	my $pid = fork // croak $!;
	if ($pid == 0)
	{
		POSIX::setsid();
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$self->{dir}/out";
		open STDERR, '>&', \*STDOUT;
		exec Whalefall::Servers::as_user(), @{ $self->{command} }, @options or POSIX::_exit(127);
	}
	$self->{child} = $pid;
	return;
}

sub _wait_ready
{
	my ($self) = @_;
	my $end = time + 90;

	while (time < $end)
	{
		return 0 if waitpid($self->{child}, POSIX::WNOHANG()) != 0;
		return 1 if -e "$self->{dir}/pid" && $self->_client('select 1')->{rc} == 0;
		sleep 0.1;
	}
	return 0;
}

# Stops the server and waits for its end.
sub stop
{
	my ($self) = @_;
	my $pid = $self->pid;

	kill 'TERM', $pid if $pid;
	for (1 .. 300)
	{
		last if !$self->{child} || waitpid($self->{child}, POSIX::WNOHANG()) != 0;
		kill 'KILL', $pid if $pid && $_ == 200;
		sleep 0.1;
	}
	delete $self->{child};
	return $self;
}

# Restarts with other options of the server.
sub restart
{
	my ($self, @args) = @_;

	$self->{args} = \@args;
	return $self->stop->start;
}

# The server's process id, undef when it is down. It must also work in our folder.
sub pid
{
	my ($self) = @_;
	my ($pid) = _slurp("$self->{dir}/pid") =~ /^(\d+)/ or return undef;

	return (readlink("/proc/$pid/cwd") // '') eq $self->{data} ? $pid : undef;
}

sub port { return $_[0]{port}; }
sub kind { return $_[0]{kind}; }
sub dir { return $_[0]{dir}; }
sub data { return $_[0]{data}; }
sub is_mysql { return $_[0]{kind} eq 'mysql9'; }

# Runs statements as root over the socket; the SQL may hold any character.
sub _client
{
	my ($self, $sql, %opt) = @_;
	my ($out, $err) = ('', '');
	my @command = ('mariadb', '--no-defaults', '-uroot', '-S', "$self->{dir}/s", '--default-character-set=utf8mb4', '-N', '-B', '--raw');

	IPC::Run::run(\@command, '<', \encode_utf8($sql), '>', \$out, '2>', \$err, IPC::Run::timeout($opt{timeout} // 300));
	chomp $out;
	return { rc => $?, out => decode_utf8($out), err => decode_utf8($err) };
}

# Runs statements that must succeed; gives rows by line, columns by tab.
sub query
{
	my ($self, $sql, %opt) = @_;
	my $result = $self->_client($sql, %opt);

	croak "$self->{kind}: $result->{err}\n" . substr($sql, 0, 500) if $result->{rc} != 0;
	return $result->{out};
}

# The same for a statement that may fail: true when it did not.
sub try
{
	my ($self, $sql) = @_;

	return $self->_client($sql)->{rc} == 0;
}

# Makes the monitoring account of the manual: mon, password Mon-1.
sub monitor
{
	my ($self, %opt) = @_;

	$self->query(q{create user mon@'%' identified by 'Mon-1'; grant select, process, show databases on *.* to mon@'%'});
	return $self;
}

# Stops the server and removes its folder.
sub remove
{
	my ($self) = @_;

	$self->stop;
	remove_tree($self->{dir}) if !$ENV{WHALEFALL_KEEP};
	@servers = grep { $_ != $self } @servers;
	return;
}

sub _slurp
{
	my ($path) = @_;

	open my $file, '<:raw', $path or return '';
	local $/ = undef;
	return <$file> // '';
}

# The path of the program; builds it when it is not there or older than its sources. WHALEFALL_MYSQL_PROGRAM
# names another one.
sub mysql_program
{
	our $built;

	return $ENV{WHALEFALL_MYSQL_PROGRAM} if length($ENV{WHALEFALL_MYSQL_PROGRAM} // '');

	if (!$built++)
	{
		my $out = `make -s -C '$ROOT' whalefall-remote-mysql 2>&1 </dev/null`;
		croak "make failed: $out" if $? != 0;
	}
	return "$ROOT/whalefall-remote-mysql";
}

# Runs the program as Whalefall::Remote does; one more option: prefix (words before it).
sub run_mysql_program
{
	my ($arguments, %opt) = @_;
	my ($program, @before) = (@{ $opt{prefix} // [] }, mysql_program());
	my $answer = run_program([ @before, @$arguments ], %opt, program => $program);

	# The sanitizers do not know that the library has stacks of its own, and say so when the program is ended on one.
	$answer->{err} =~ s/^.*ASan is ignoring requested __asan_handle_no_return.*\n.*\n.*\n//mg;
	return $answer;
}

# Reads a server (an object of mysql_server, or a port on loopback). Options: user (mon), password
# (Mon-1), dbname, host, args (further arguments), timeout, prefix.
sub read_mysql
{
	my ($server, $reads, %opt) = @_;
	my $port = ref $server ? $server->port : $server;

	return run_mysql_program(
		[   '--host', $opt{host} // '127.0.0.1', '--port', $port, '--user', encode_utf8($opt{user} // 'mon'), '--read', $reads,
			(defined $opt{dbname} ? ('--dbname', encode_utf8($opt{dbname})) : ()), @{ $opt{args} // [] } ],
		%opt, env => { WHALEFALL_PASSWORD => encode_utf8($opt{password} // 'Mon-1') });
}

# The warnings of an answer: category => message.
sub warnings_of
{
	my ($answer) = @_;

	return { map { $_->{category} => $_->{message} } grep { ($_->{type} // '') eq 'warning' } @{ $answer->{lines} } };
}

# What an answer says of each account, by name: {category}{name} for values, a sorted list for items without
# a path, and {category}{path joined by "/"} a sorted list for the others.
sub by_account
{
	my ($answer) = @_;
	my %name = map { $_->{key} => $_->{username} } rows($answer, 'account');
	my %found = map { $_ => {} } values %name;

	for (rows($answer, 'value'))
	{
		my $value = !defined $_->{text} ? undef : $_->{kind} eq 'b' ? ($_->{text} eq 'true' ? 1 : 0) : $_->{text};
		$found{ $name{ $_->{key} } }{ $_->{category} }{ $_->{name} } = $value;
	}
	for (sort { $a->{name} cmp $b->{name} } rows($answer, 'item'))
	{
		my $account = $found{ $name{ $_->{key} } } // croak "an item of no account: $_->{key}";
		my $path = join '/', @{ $_->{path} };
		push @{ $account->{ $_->{category} } }, $_->{name} if $path eq '';
		push @{ $account->{ $_->{category} }{$path} }, $_->{name} if $path ne '';
	}
	return \%found;
}

# Encodes a request for a loopback port, with changed or (undef) missing keys.
sub mysql_request
{
	my ($port, %changed) = @_;

	return request_frame($port, db_type => 'mysql', user => 'mon', password => 'Mon-1', statement_timeout_ms => 60000,
		allow_cleartext_key => 'true', %changed);
}

# Starts the program in worker mode: the object of Whalefall::Remote.
sub start_mysql_worker { return start_worker(program => mysql_program()); }

# A port on which the code plays a server: it gets the socket of each connection and its number.
sub listen_for { my ($code) = @_; return scalar fault_server($code); }

# A port that hands everything on to a server and writes what the client says to a file: all connections
# one after the other. With "change" the server's bytes go through that code first.
sub recording_proxy
{
	my ($server, $file, %opt) = @_;

	return listen_for(sub {
		my ($client) = @_;
		my $to = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port, Proto => 'tcp') or return;
		my $select = IO::Select->new($client, $to);
		open my $record, '>>:raw', $file or return;
		$record->autoflush(1);
		while (1)
		{
			for my $ready ($select->can_read)
			{
				my $n = sysread $ready, my $bytes, 65536;
				return if !$n;
				print $record $bytes if $ready == $client;
				$bytes = $opt{change}->($bytes) if $opt{change} && $ready == $to;
				_write_all($ready == $client ? $to : $client, $bytes);
			}
		}
	});
}

sub _write_all
{
	my ($socket, $bytes) = @_;
	my $sent = 0;

	while ($sent < length $bytes)
	{
		$sent += syswrite($socket, $bytes, length($bytes) - $sent, $sent) // return;
	}
	return;
}

# Encodes a packet of the protocol.
sub mysql_packet
{
	my ($sequence, $payload) = @_;

	return substr(pack('V', length $payload), 0, 3) . chr($sequence) . $payload;
}

# The greeting of a server. Options: version, plugin, tls (1: offers it).
sub mysql_greeting
{
	my (%opt) = @_;
	my $capabilities = 0x000fa68d | 0x00200000 | 0x00080000 | ($opt{tls} ? 0x0800 : 0);

	return mysql_packet(0, chr(10) . ($opt{version} // '8.0.40') . "\0" . pack('V', 7) . 'abcdefgh' . "\0"
		  . pack('v', $capabilities & 0xFFFF) . chr(45) . pack('v', 2) . pack('v', $capabilities >> 16) . chr(21) . "\0" x 10
		  . 'ijklmnopqrst' . "\0" . ($opt{plugin} // 'mysql_native_password') . "\0");
}

# Plays a server up to the end of a login that takes any password. Gives the client's answer.
sub mysql_handshake
{
	my ($socket, %opt) = @_;

	$socket->syswrite(mysql_greeting(%opt));
	$socket->sysread(my $answer, 65536);
	$socket->syswrite(mysql_packet(2, "\0\0\0" . pack('v', 2) . "\0\0"));
	return $answer;
}

# Runs openssl in a folder; it must succeed.
sub _openssl
{
	my ($dir, @arguments) = @_;
	my $out = '';

	IPC::Run::run([ 'openssl', @arguments ], '<', \'', '>&', \$out, init => sub { chdir $dir or die $! }) or croak "openssl: $out";
	return;
}

# Makes an authority: NAME.key and NAME.crt in a folder.
sub openssl_authority
{
	my ($dir, $name) = @_;

	_openssl($dir, qw(req -x509 -newkey rsa:2048 -nodes -days 30 -subj), "/CN=$name", '-keyout', "$name.key", '-out', "$name.crt",
		'-addext', 'basicConstraints=critical,CA:TRUE');
	return;
}

# Makes a certificate for host names and addresses, signed by an authority of the same folder.
sub openssl_certificate
{
	my ($dir, $name, $authority, @hosts) = @_;

	_openssl($dir, qw(req -newkey rsa:2048 -nodes -subj), "/CN=$name", '-keyout', "$name.key", '-out', "$name.csr");
	open my $ext, '>', "$dir/$name.ext" or croak $!;
	print $ext 'subjectAltName=' . join(',', map { /^[\d.]+$/ ? "IP:$_" : "DNS:$_" } @hosts) . "\n";
	close $ext;
	_openssl($dir, qw(x509 -req -days 30 -in), "$name.csr", '-CA', "$authority.crt", '-CAkey', "$authority.key", '-CAcreateserial',
		'-out', "$name.crt", '-extfile', "$name.ext");
	return;
}

END
{
	my $status = $?;

	my @mine = grep { $_->{owner} == $$ } @servers;
	$_->remove for @mine;
	$? = $status;
}

1;
