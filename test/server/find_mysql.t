# deploy/find-mysql: real servers on a socket, whose printed commands are then carried out; and sockets behind
# which something else sits.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use IPC::Run ();
use IO::Socket::UNIX;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);
use Whalefall::Cluster;
use Whalefall::MySQL;

my $db = 'whalefall';
my $root = "$FindBin::Bin/../..";
my $dir = tempdir('/tmp/wffind.XXXXXX', CLEANUP => 1);
my $c;

# What the program prints for these sockets.
sub find
{
	my ($sockets, @managed) = @_;
	local $ENV{WHALEFALL_MYSQL_SOCKETS} = join ':', @$sockets;
	open my $out, '-|', "$root/deploy/find-mysql", @managed or die "find-mysql: $!";
	my $said = do { local $/ = undef; <$out> } // '';
	close $out;
	is($?, 0, 'it ends well');
	return $said;
}

# Strangers -------------------------------------------------------------------------------------------------
my @children;
END { my $status = $?; kill 'KILL', @children; waitpid $_, 0 for @children; $? = $status }

# A socket that sends these bytes to whoever comes, and then keeps the connection.
sub stranger
{
	my ($name, $bytes) = @_;
	my $listen = IO::Socket::UNIX->new(Local => "$dir/$name", Listen => 5) or die "socket: $!";
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		my @kept;
		while (my $client = $listen->accept) { syswrite $client, $bytes if length $bytes; push @kept, $client }
		POSIX::_exit(0);
	}
	push @children, $pid;
	return "$dir/$name";
}

sub packet { my ($payload) = @_; return substr(pack('V', length $payload), 0, 3) . "\0$payload"; }

my %strange = (silent => '', http => "HTTP/1.1 400 Bad Request\r\n\r\n", huge => "\xff\xff\xff\0\x0a" . '8' x 2000, escape => packet("\x0a\e[2J8.0\0" . 'x' x 50),
	newline => packet("\x0a8.0\n\\! id\0" . 'x' x 50), endless => packet("\x0a" . '8' x 900), old => packet("\x098.0\0" . 'x' x 50), short => "\x30\0\0\0\x0a8.0");
my @paths = map { stranger($_, $strange{$_}) } sort keys %strange;
for my $i (0 .. $#paths)
{
	my $began = time;
	is(find([ $paths[$i] ]), '', (sort keys %strange)[$i] . ': nothing is shown');
	cmp_ok(time - $began, '<', 4, 'soon');
}
open my $file, '>', "$dir/file" or die; close $file;
symlink "$dir/loop", "$dir/loop";
my $closed = IO::Socket::UNIX->new(Local => "$dir/closed", Listen => 1); close $closed;
is(find([ "$dir/file", "$dir/loop", "$dir/closed", "$dir/nothing", '', 'relative', '/', "$dir/\$(id)" ]), '', 'no server, no word');
like(find([ stranger('good', packet("\x0a8.4.3\0" . 'x' x 50)) ]), qr/^\nfound MySQL 8\.4\.3 on \S+, which listens on no TCP port; the control plane connects by TCP alone\n\z/,
	'one without TCP is named all the same');

# Runs a printed line in bash with what is typed then; gives what it prints.
sub run_line
{
	my ($line, $typed) = @_;
	my ($out, $err) = ('', '');
	local %ENV = (%ENV, $c->connection_env($db));

	IPC::Run::run([ 'bash', '-c', $line =~ s{deploy/psql}{$c->{client}/psql -XAt}gr ], '<', \$typed, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
	is($err, '', 'without a complaint');
	return $out;
}

# Real ones -------------------------------------------------------------------------------------------------
$c = Whalefall::Cluster->new(settings => { 'whalefall.database' => $db, log_statement => 'all' }, env => { WHALEFALL_TESTING => 1 });
$c->create_extension;
for my $kind (mysql_servers())
{
	my $server = mysql_server($kind);
SKIP:
	{
		skip "$kind could not be had", 1 if !$server;
		my ($path, $port) = ($server->dir . '/s', $server->port);
		my ($word, $title) = $kind eq 'mysql9' ? qw(mysql MySQL) : qw(mariadb MariaDB);
		my ($version) = $server->query('select version()') =~ /^([\d.]+)/;
		symlink $path, "$dir/$kind";
		my $said = find([ $path, $path, "$dir/$kind" ]);
		is(() = $said =~ /^found /mg, 1, "$kind: found once, however often its socket is named");
		like($said, qr/^found $title \Q$version\E on \Q$path\E and 127\.0\.0\.1:$port\. /m, "$kind: with version and port") or diag $said;
		like(find([$path], "127.0.0.1:$port"), qr/^\nfound $title \Q$version\E on \S+, 127\.0\.0\.1:$port: managed already\n\z/, "$kind: not offered when managed");

		# Do as it says, with a password that COPY and the shell would each like to change.
		my ($call) = $said =~ /^    deploy\/psql -XAtc "(select whalefall_api\.grant_script\(.*\))"$/m;
		$server->query($c->value($call, database => $db));
		$server->query(q{alter user whalefall_monitor@'%' identified by ' M\\\\t"n$1%s ' account unlock});
		my ($line) = $said =~ /^    (IFS= read .* unset P)\n\z/m;
		is(run_line($line, qq{ M\\t"n\$1%s \n}), "COPY 1\nlocal-$word-$port\n", "$kind: what is printed runs");
		my $id = $c->value("select id from whalefall_api.instances where name = 'local-$word-$port'", database => $db);
		like($c->value("select whalefall_api.instances_test_connection($id)", database => $db), qr/"success": true.*"missing_permissions": \[\]/, "$kind: what is printed adds it");

		$server->restart('--skip-networking');
		like(find([$path]), qr/^\nfound $title \Q$version\E on \S+, which listens on no TCP port/, "$kind: without TCP it cannot be managed");
	}
	$server->remove if $server;
}
like($c->log_contents, qr/COPY\s+whalefall_api\.credential_input/, 'a server that logs every statement');
unlike($c->log_contents, qr/n\$1%s/, 'has not logged the password');

done_testing;
