# TLS towards PostgreSQL: every mode against a good certificate, a wrong authority, a wrong name, an
# expired certificate and a server without TLS.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use Test::More;
use Whalefall::Remote;

my $dir = tempdir(CLEANUP => 1);
my $config = "$dir/openssl.cnf";

# Runs openssl, which must succeed.
sub openssl
{
	my $out = `cd '$dir' && openssl @_ 2>&1 </dev/null`;
	die "openssl @_: $out" if $? != 0;
	return;
}

sub slurp { my ($path) = @_; local (@ARGV, $/) = ($path); return scalar <>; }

# An authority, and certificates signed by it: name of the file, name in the certificate, days.
sub make_authority
{
	my ($name) = @_;

	openssl("req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=$name' -keyout $name.key -out $name.crt",
		"-addext 'basicConstraints=critical,CA:TRUE'");
	return;
}

sub make_certificate
{
	my ($file, $host, @dates) = @_;

	openssl("req -newkey rsa:2048 -nodes -subj '/CN=$host' -keyout $file.key -out $file.csr");
	open my $out, '>', "$dir/$file.ext";
	print $out "subjectAltName=" . ($host =~ /^[\d.]+$/ ? "IP:$host,DNS:$host" : "DNS:$host") . "\n";
	close $out;
	if (@dates)
	{
		mkdir "$dir/db";
		for ([ 'index.txt', '' ], [ 'serial', "01\n" ]) { open my $f, '>', "$dir/db/$_->[0]"; print $f $_->[1]; close $f }
		open my $cnf, '>', $config;
		print $cnf "[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=$dir/db\ndatabase=$dir/db/index.txt\nserial=$dir/db/serial\n"
		  . "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n";
		close $cnf;
		openssl("ca -batch -config $config -cert right.crt -keyfile right.key -in $file.csr -out $file.crt -notext",
			"-startdate $dates[0] -enddate $dates[1] -extfile $file.ext");
	}
	else
	{
		openssl("x509 -req -days 30 -in $file.csr -CA right.crt -CAkey right.key -CAcreateserial -out $file.crt",
			"-extfile $file.ext");
	}
	return;
}

make_authority($_) for qw(right wrong);
make_certificate('good', 'localhost');
make_certificate('other', 'db.example');
make_certificate('expired', 'localhost', '20200101000000Z', '20200201000000Z');

# A server with one of the certificates, or without TLS.
sub tls_server
{
	my ($which, $certificate) = @_;
	my $server = remote_server($which, start => 1) or return undef;

	return $server if !defined $certificate;
	install_certificate($server, $certificate);
	return $server;
}

sub install_certificate
{
	my ($server, $certificate) = @_;

	for my $part (qw(crt key))
	{
		my $path = $server->data . "/server.$part";
		unlink $path;
		open my $file, '>', $path or die $!;
		print $file slurp("$dir/$certificate.$part");
		close $file;
		chmod 0600, $path;
		chown((getpwnam(Whalefall::Servers::user()))[2, 3], $path) if $< == 0;
	}
	$server->configure(ssl => 'on');
	$server->restart;
	return;
}

# Connects in a mode; gives "ok", or the type of the error and its phase.
sub outcome
{
	my ($server, $mode, $ca, %opt) = @_;
	my $answer = read_server($server, 'version', host => 'localhost',
		args => [ '--tls-mode', $mode, $ca ? ('--tls-ca', "$dir/$ca.crt") : () ], %opt);

	return 'ok' if $answer->{last}{type} eq 'done';
	return "$answer->{last}{error_type} $answer->{last}{phase}: $answer->{last}{message}";
}

for my $which ('local', 18)
{
	subtest "PostgreSQL $which" => sub {
		my $server = tls_server($which, 'good') or plan skip_all => "PostgreSQL $which could not be had";

		is(outcome($server, 'verify-full', 'right'), 'ok', 'verify-full with the right authority');
		is(outcome($server, 'verify-ca', 'right'), 'ok', 'verify-ca with the right authority');
		is(outcome($server, 'require'), 'ok', 'require without an authority');
		is(outcome($server, 'require', 'right'), 'ok', 'require with the right authority');
		is(outcome($server, $_, 'wrong'), 'ok', "$_ looks at no authority") for qw(prefer disable);
		like(outcome($server, $_, 'wrong'), qr/^tls connecting: .*certificate verify failed/, "$_ with the wrong authority")
		  for qw(verify-full verify-ca require);
		like(outcome($server, 'verify-ca'), qr/^tls connecting: .*needs the certificate/, 'verify-ca without authority');
		like(outcome($server, 'verify-full'), qr/^tls connecting: /, 'verify-full with the authorities of the system');

		install_certificate($server, 'other');
		like(outcome($server, 'verify-full', 'right'), qr/^tls connecting: .*does not match host name/,
			'verify-full with a certificate for another name');
		is(outcome($server, 'verify-ca', 'right'), 'ok', 'verify-ca does not look at the name');

		install_certificate($server, 'expired');
		like(outcome($server, $_, 'right'), qr/^tls connecting: .*certificate has expired|^tls connecting: .*verify failed/,
			"$_ with an expired certificate") for qw(verify-full verify-ca);
		is(outcome($server, 'prefer'), 'ok', 'prefer does not care');

		$server->configure(ssl => 'off');
		$server->restart;
		like(outcome($server, $_, 'right'), qr/^tls connecting: .*does not support SSL/, "$_ against a server without TLS")
		  for qw(require verify-ca verify-full);
		is(outcome($server, $_), 'ok', "$_ against a server without TLS") for qw(prefer disable);
	};
}

# That it is encrypted is told by the server, not by the client.
subtest 'what the server says' => sub {
	my $server = tls_server('local', 'good');
	my $hba = $server->data . '/pg_hba.conf';
	open my $file, '>', $hba or die $!;
	print $file "local all all trust\nhostssl all all 127.0.0.1/32 md5\n";
	close $file;
	$server->reload;
	ok($server->wait_for_log(qr/reloading configuration/), 'only encrypted connections are taken');
	is(outcome($server, $_), 'ok', "$_ encrypts") for qw(prefer require);
	my $answer = read_server($server, 'version', host => 'localhost', args => [qw(--tls-mode disable)]);
	is_deeply([ @{ $answer->{last} }{qw(error_type sqlstate)} ], [ 'auth', '28000' ], 'disable does not');
	my $broken = "$dir/broken.crt";
	open $file, '>', $broken;
	print $file "not a certificate\n";
	close $file;
	like(outcome($server, 'verify-full', 'broken'), qr/^tls connecting: /, 'an authority that is none');
};

done_testing();
