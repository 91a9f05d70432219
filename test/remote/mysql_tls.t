# TLS and passwords: every mode against a good certificate, a wrong authority, a wrong name and a
# server without TLS; and what a server, or somebody in between, gets to see of the password.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use Test::More;
use Whalefall::MySQL;

my $PASSWORD = 'Secret-Passw0rd-42';
my $dir = tempdir(CLEANUP => 1);

chmod 0755, $dir;
openssl_authority($dir, $_) for qw(right wrong);
openssl_certificate($dir, 'good', 'right', 'localhost', '127.0.0.1');
openssl_certificate($dir, 'other', 'right', 'db.example');

# Options of a server that shows a certificate.
sub tls_options
{
	my ($server, $certificate) = @_;
	my $files = $server->dir . '/files';

	for my $name ('right.crt', "$certificate.crt", "$certificate.key")
	{
		system('cp', "$dir/$name", "$files/$name") == 0 or die;
		chown((getpwnam(Whalefall::Servers::user()))[2, 3], "$files/$name") if $< == 0;
	}
	return ("--ssl-ca=$files/right.crt", "--ssl-cert=$files/$certificate.crt", "--ssl-key=$files/$certificate.key");
}

sub slurp { my ($path) = @_; open my $file, '<:raw', $path or return ''; local $/ = undef; return <$file> // ''; }

# Reads in a mode; gives "ok", or type, phase and message of the error.
sub outcome
{
	my ($server, $mode, $ca, %opt) = @_;
	my $answer = read_mysql($server, 'version', host => 'localhost', password => $PASSWORD, %opt,
		args => [ '--tls-mode', $mode, $ca ? ('--tls-ca', "$dir/$ca.crt") : (), '--connect-timeout', 5, @{ $opt{args} // [] } ]);

	return 'ok' if ($answer->{last}{type} // '') eq 'done';
	return join ' ', map { $_ // '' } @{ $answer->{last} }{qw(error_type phase message hint)};
}

sub user
{
	my ($server, $name, $more) = @_;

	$server->query("create user $name\@'%' identified by '$PASSWORD' " . ($more // ''));
	return;
}

# A resolver for the test: FAKE_ADDRESSES once, then an address where nobody is.
sub resolver
{
	our $library;

	return $library if $library;
	open my $file, '>', "$dir/resolver.c" or die;
	print $file <<'END';
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
static char address[64];
static int asked;
__attribute__((constructor)) static void remember(void)
{
	const char *value = getenv("FAKE_ADDRESSES");
	strncpy(address, value ? value : "", sizeof(address) - 1);
}
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
	if (node && strstr(node, ".example"))
		node = asked++ ? "127.0.0.99" : address;
	return real(node, service, hints, found);
}
END
	close $file;
	system('gcc', '-shared', '-fPIC', '-D_GNU_SOURCE', '-o', "$dir/resolver.so", "$dir/resolver.c") == 0 or die 'gcc';
	return $library = "$dir/resolver.so";
}

sub check_modes
{
	my ($server) = @_;

	is(outcome($server, 'verify-full', 'right'), 'ok', 'verify-full with the right authority');
	is(outcome($server, 'verify-full', 'right', host => '127.0.0.1'), 'ok', 'by address');
	is(outcome($server, 'verify-ca', 'right'), 'ok', 'verify-ca with the right authority');
	is(outcome($server, 'require'), 'ok', 'require without an authority');
	is(outcome($server, 'require', 'right'), 'ok', 'require with the right authority');
	is(outcome($server, $_, 'wrong'), 'ok', "$_ looks at no authority") for qw(prefer disable);
	like(outcome($server, $_, 'wrong'), qr/^tls connecting .*certificate/, "$_ with the wrong authority") for qw(verify-full verify-ca require);
	like(outcome($server, 'verify-ca'), qr/^tls connecting .*needs the certificate/, 'verify-ca without authority');
	like(outcome($server, 'verify-full'), qr/^tls connecting /, 'verify-full with the authorities of the system');
	is(outcome($server, $_, undef, user => 'tlsonly'), 'ok', "$_ encrypts") for qw(prefer require);
	like(outcome($server, 'disable', undef, user => 'tlsonly'), qr/^auth connecting .*demands TLS/, 'disable does not');
	open my $broken, '>', "$dir/broken.crt";
	print $broken "not a certificate\n";
	close $broken;
	like(outcome($server, 'verify-full', 'broken'), qr/^tls connecting /, 'an authority that is none');

	$server->restart(tls_options($server, 'other'));
	like(outcome($server, 'verify-full', 'right'), qr/^tls connecting /, 'verify-full with a certificate for another name');
	is(outcome($server, 'verify-ca', 'right'), 'ok', 'verify-ca does not look at the name');
	# A resolver that knows the name, and gives another address to whoever asks a second time.
	local $ENV{LD_PRELOAD} = resolver();
	local $ENV{FAKE_ADDRESSES} = '127.0.0.1';
	is(outcome($server, 'verify-full', 'right', host => 'db.example'), 'ok', 'verify-full by the name of the certificate');
	like(outcome($server, 'verify-full', 'right', host => 'db2.example'), qr/^tls connecting /, 'and not by another that leads there too');
	return;
}

# A server that offers no TLS, or seems to because somebody in between says so.
sub check_without_tls
{
	my ($server, $port, $record) = @_;

	like(outcome($port, $_, 'right', user => 'mon'), qr/^tls connecting .*server does not support/, "$_ ends")
	  for qw(require verify-ca verify-full);
	is(slurp($record), '', 'and has sent nothing at all');
	is(outcome($port, $_, undef, user => 'mon'), 'ok', "$_ goes on without") for qw(prefer disable);
	return;
}

# Takes the offer of TLS out of a greeting.
sub without_offer
{
	my ($bytes) = @_;

	if ($bytes =~ /^...\0\x0a/s)
	{
		my $at = index($bytes, "\0", 5) + 1 + 4 + 8 + 1;
		substr($bytes, $at, 2) = pack 'v', unpack('v', substr $bytes, $at, 2) & ~0x0800;
	}
	return $bytes;
}

subtest 'MariaDB' => sub {
	my $server = mysql_server('mariadb10') or plan skip_all => 'MariaDB could not be had';
	user($server, 'mon');
	user($server, 'tlsonly', 'require ssl');
	$server->restart(tls_options($server, 'good'));
	check_modes($server);
	subtest 'somebody strips the offer' => sub {
		check_without_tls($server, recording_proxy($server, "$dir/stripped", change => \&without_offer), "$dir/stripped") };
	$server->restart;
	subtest 'a server without TLS' => sub { check_without_tls($server, recording_proxy($server, "$dir/none"), "$dir/none") };
	unlike(slurp("$dir/$_"), qr/\Q$PASSWORD\E/, 'the password was never sent') for qw(stripped none);
};

# The library of the next release takes other decisions: it verifies everything or nothing.
subtest 'a later client library' => sub {
	my @prefix = later_client() or plan skip_all => 'it could not be had';
	my $server = mysql_server('mariadb10') or plan skip_all => 'MariaDB could not be had';
	my $try = sub { my ($mode, $ca, %opt) = @_; return outcome($opt{port} // $server, $mode, $ca, prefix => \@prefix, %opt) };
	my $version = run_mysql_program(['--version'], prefix => \@prefix)->{out};

	like($version, qr{Connector/C 3\.(?!3\.)\d}, 'is one') or diag $version;
	user($server, 'mon');
	user($server, 'tlsonly', 'require ssl');
	$server->restart(tls_options($server, 'good'));
	is($try->($_, 'right'), 'ok', "$_ with the right authority") for qw(verify-full verify-ca require);
	is($try->($_, undef, user => 'tlsonly'), 'ok', "$_ encrypts") for qw(prefer require);
	like($try->($_, 'wrong'), qr/^tls connecting /, "$_ with the wrong authority") for qw(verify-full verify-ca require);
	my $port = recording_proxy($server, "$dir/later", change => \&without_offer);
	like($try->($_, 'right', port => $port), qr/^tls connecting .*server does not support/, "$_, with the offer stripped")
	  for qw(require verify-ca verify-full);
	is(slurp("$dir/later"), '', 'has sent nothing at all');
	is($try->('prefer', undef, port => $port), 'ok', 'prefer goes on without');
	$server->restart(tls_options($server, 'other'));
	like($try->($_, 'right'), qr/^tls connecting /, "$_ with a certificate for another name") for qw(verify-full verify-ca);
	is($try->('require'), 'ok', 'require does not care');
};

# caching_sha2_password: the first login of an account must give the password itself, under TLS or under a
# key of the server.
subtest 'MySQL' => sub {
	my $server = mysql_server('mysql9') or plan skip_all => 'MySQL could not be had';
	user($server, 'tlsonly', 'require ssl');
	user($server, 'mon');
	$server->restart(tls_options($server, 'good'));
	check_modes($server);

	my $key = $server->data . '/public_key.pem';
	system("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null | openssl pkey -pubout -out $dir/wrong.pem") == 0 or die;
	my $fresh = sub { $server->query('flush privileges') };    # empties the server's cache of logins
	my $record = "$dir/sha2";
	my $port = recording_proxy($server, $record);
	my $try = sub {
		my ($mode, @args) = @_;
		unlink $record;
		return outcome($port, $mode, undef, args => \@args);
	};

	$fresh->();
	like($try->('disable'), qr/^tls connecting the login needs an encrypted connection or the server's public key Choose a TLS mode/,
		'without TLS and key: ends, and says what to do');
	my $sent = slurp($record);
	unlike($sent, qr/\x01\0\0.\x02/s, 'the key was not asked for');
	unlike($sent, qr/\Q$PASSWORD\E/, 'the password was not sent');
	is(length(($sent =~ /\x20\0\0\x03(.*)/s ? $1 : '')), 0, 'nothing followed the first proof');

	is($try->('disable', '--server-public-key', $key), 'ok', 'with the key of the server');
	unlike(slurp($record), qr/\x01\0\0.\x02|\Q$PASSWORD\E/s, 'which was not asked for');
	is($try->('disable'), 'ok', 'now the server knows: no key is needed');
	$fresh->();
	like($try->('disable', '--server-public-key', "$dir/wrong.pem"), qr/^auth connecting /, 'with the key of another');
	my $usage = read_mysql($port, 'version', args => [ '--server-public-key', "$dir/right.crt" ]);
	is($usage->{rc}, 2, 'a certificate is no key');
	like($usage->{err}, qr/no public key in PEM form/, 'which is told');
	$fresh->();
	is($try->('disable', '--allow-cleartext-key'), 'ok', 'with leave to ask for the key');
	like(slurp($record), qr/\x01\0\0.\x02/s, 'it is asked for');
	unlike(slurp($record), qr/\Q$PASSWORD\E/, 'and the password is under it');
	for my $mode (qw(prefer require))
	{
		$fresh->();
		is($try->($mode), 'ok', "$mode needs no key");
		unlike(slurp($record), qr/\Q$PASSWORD\E/, 'and the password is encrypted');
	}
	$fresh->();
	unlink $record;
	my $stripped = recording_proxy($server, $record, change => \&without_offer);
	like(outcome($stripped, 'prefer'), qr/^tls connecting the login needs/, 'prefer, with the offer of TLS stripped');
	unlike(slurp($record), qr/\x01\0\0.\x02|\Q$PASSWORD\E/s, 'gives nothing away');
};

# Servers that are after the password.
subtest 'rogues' => sub {
	my $rogue = sub {
		my ($record, $plugin, $first, @answers) = @_;
		return listen_for(sub {
			my ($socket) = @_;
			open my $file, '>>:raw', $record;
			$file->autoflush(1);
			$socket->syswrite(mysql_greeting(plugin => $first));
			my $sequence = 2;
			for my $answer ($plugin ? "\xfe$plugin\0" . 'abcdefghijklmnopqrst' . "\0" : (), @answers, "\0\0\0\2\0\0\0")
			{
				$socket->sysread(my $bytes, 65536) or return;
				print $file $bytes;
				$socket->syswrite(mysql_packet($sequence, $answer));
				$sequence += 2;
			}
			while ($socket->sysread(my $bytes, 65536)) { print $file $bytes }
		});
	};
	my @cases = (
		[ 'asks for the password in the clear', 'mysql_clear_password', 'mysql_native_password' ],
		[ 'greets with that', undef, 'mysql_clear_password' ],
		[ 'asks by a dialog', 'dialog', 'mysql_native_password', "\2Password: " ],
		[ 'wants full authentication', undef, 'caching_sha2_password', "\1\4" ],
		[ 'switches to it', 'caching_sha2_password', 'mysql_native_password', "\1\4" ],
		[ 'wants sha256', 'sha256_password', 'mysql_native_password', "\1\4" ],
		[ 'wants the password of old', 'mysql_old_password', 'mysql_native_password' ],
		[ 'names a file as method', '../../../tmp/x', 'mysql_native_password' ]);

	for my $case (@cases)
	{
		my ($name, @how) = @$case;
		for my $mode (qw(prefer disable))
		{
			my $record = "$dir/rogue";
			unlink $record;
			my $said = outcome($rogue->($record, @how), $mode, undef, user => 'mon');
			like($said, qr/^(auth|tls|protocol|other) connecting /, "$name, $mode") or diag $said;
			unlike(slurp($record), qr/\Q$PASSWORD\E/, 'and does not get it');
			unlike(slurp($record), qr/\x01\0\0.[\x01\x02]/s, 'nor is its key asked for');
		}
	}
};

done_testing();
