# The command line of a helper program: help, wrong usage, where passwords come from, and what other
# processes can see of it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use Test::More;
use Whalefall::Remote;

my $dir = tempdir(CLEANUP => 1);
my $server = remote_server('local');
my @base = ('--host', '127.0.0.1', '--port', $server->port, '--user', 'postgres');

# Writes a file with a mode.
sub file
{
	my ($name, $text, $mode) = @_;

	open my $out, '>', "$dir/$name" or die $!;
	print $out $text;
	close $out;
	chmod $mode, "$dir/$name";
	return "$dir/$name";
}

delete $ENV{WHALEFALL_PASSWORD};

subtest 'help' => sub {
	my $help = run_program(['--help']);
	is($help->{rc}, 0, '--help is no error');
	like($help->{out}, qr/^Usage: whalefall-remote-postgresql --host/, 'it begins with the usage');
	like($help->{out}, qr/^\s+$_\b/m, "it names $_")
	  for qw(--host --port --user --dbname --read --tls-mode --tls-ca --connect-timeout --statement-timeout --password-file --no-password --worker);
	unlike($help->{out}, qr/--password\b(?!-)/, 'there is no password argument');
	like(run_program(['--version'])->{out}, qr/^whalefall-remote-postgresql \d+\.\d+\S* \(protocol 1, libpq \d+\.\d+\)$/, '--version');
};

subtest 'wrong usage' => sub {
	for my $case (
		[ [], qr/--host, --user and --read are needed/ ],
		[ [ @base ], qr/--host, --user and --read are needed/ ],
		[ [ @base, '--read', 'grants' ], qr/cannot read "grants"/ ],
		[ [ @base, '--read', 'version', '--port', '1' ], qr/"port" twice/ ],
		[ [ '--host', 'x', '--user', 'x', '--read', 'version', '--port', 'http' ], qr/port must be a number/ ],
		[ [ @base, '--read', 'version', '--tls-mode', 'allow' ], qr/unknown TLS mode "allow"/ ],
		[ [ @base, '--read', 'version', '--connect-timeout', '0' ], qr/0\.1 to 86400/ ],
		[ [ @base, '--read', 'version', '--connect-timeout', 'nan' ], qr/0\.1 to 86400/ ],
		[ [ @base, '--read', 'version', '--connect-timeout', '1e9' ], qr/0\.1 to 86400/ ],
		[ [ @base, '--read', 'version', '--tls-ca', "$dir/missing" ], qr/No such file/ ],
		[ [ @base, '--read', 'version', '--password', 'x' ], qr/an argument is public/ ],
		[ [ @base, '--read', 'version', 'extra' ], qr/unexpected argument: extra/ ],
		[ [ '--worker', 'x' ], qr/process id/ ])
	{
		my $run = run_program($case->[0]);
		is($run->{rc}, 2, "status 2: @{ $case->[0] }[-2 .. -1]") if @{ $case->[0] };
		like($run->{err}, $case->[1], 'and it says why');
		is($run->{out}, '', 'nothing on standard output');
	}
};

subtest 'passwords' => sub {
	my @read = (@base, '--read', 'version');
	is(run_program(\@read, env => { WHALEFALL_PASSWORD => 'Super-1' })->{rc}, 0, 'from the variable');
	is(run_program([ @read, '--password-file', file('good', "Super-1\n", 0600) ])->{rc}, 0, 'from a file');
	is(run_program([ @read, '--password-file', file('good', "Super-1\r\nother\n", 0600) ])->{rc}, 0, 'of which the first line counts');
	is(run_program([ @read, '--password-file', file('bad', "Wrong-1\n", 0600) ], env => { WHALEFALL_PASSWORD => 'Super-1' })->{rc}, 1,
		'a file comes before the variable');
	my $open = run_program([ @read, '--password-file', file('open', "Super-1\n", 0644) ]);
	is($open->{rc}, 2, 'a file that others may read is refused');
	like($open->{err}, qr/others than its owner/, 'and it says so');
	is(run_program([ @read, '--no-password' ])->{last}{error_type}, 'auth', '--no-password gives none');
	my $none = run_program([ 'setsid', program(), @read ], program => '/usr/bin/env');
	is($none->{rc}, 2, 'no password and no terminal');
	like($none->{err}, qr/no password: use --password-file/, 'and it says what to do');

	# On a terminal it is asked for, and not shown.
	SKIP:
	{
		eval { require IO::Pty; 1 } or skip 'no pseudo terminals in Perl here', 2;
		my ($out, $pty) = ('', '');
		my $handle = IPC::Run::start([ program(), @read ], '<pty<', \$pty, '>pty>', \$out, IPC::Run::timeout(20));
		$handle->pump until $out =~ /Password: /;
		$pty = "Super-1\n";
		$handle->finish;
		like($out, qr/"type":"done"/, 'asked for on a terminal');
		unlike($out, qr/Super-1/, 'without echo');
	}
};

subtest 'the environment does not matter' => sub {
	mkdir "$dir/home";
	mkdir "$dir/home/.postgresql";
	file('home/.pgpass', "*:*:*:*:Super-1\n", 0600);
	file('home/.postgresql/root.crt', "nonsense\n", 0600);
	file('home/.pg_service.conf', "[x]\nhost=127.0.0.2\n", 0600);
	my %env = (HOME => "$dir/home", PGPASSFILE => "$dir/home/.pgpass", PGSERVICE => 'x', PGOPTIONS => '-c search_path=nowhere',
		PGSSLMODE => 'verify-full', PGHOST => '127.0.0.2', PGHOSTADDR => '127.0.0.2', PGDATABASE => 'nowhere', PGUSER => 'nobody',
		PGPASSWORD => 'Super-1', PGREQUIREAUTH => 'none', PGCHANNELBINDING => 'require', PGCLIENTENCODING => 'LATIN1',
		PGTARGETSESSIONATTRS => 'standby', LC_ALL => 'C.UTF-8');
	my $good = run_program([ @base, '--read', 'version' ], env => { %env, WHALEFALL_PASSWORD => 'Super-1' });
	is($good->{rc}, 0, 'no variable or file changes what is done') or diag $good->{out}, $good->{err};
	is(run_program([ @base, '--read', 'version', '--no-password' ], env => \%env)->{last}{error_type}, 'auth', 'or gives a password');
};

subtest 'the output' => sub {
	my $run = read_server($server, 'accounts');
	my @lines = split /\n/, $run->{out};
	is(scalar(@lines), scalar(@{ $run->{lines} }), 'every line is an object');
	is_deeply([ grep { ref ne 'HASH' } @{ $run->{lines} } ], [], 'and nothing else');
	open my $full, '>', '/dev/full' or die $!;
	my $pid = fork // die $!;
	if ($pid == 0)
	{
		open STDOUT, '>&', $full;
		$ENV{WHALEFALL_PASSWORD} = 'Super-1';
		exec program(), @base, '--read', 'accounts';
	}
	waitpid $pid, 0;
	is($? >> 8, 3, 'a full disk is not success');
};

done_testing();
