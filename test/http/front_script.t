# deploy/front: what it refuses to write into a configuration, what it writes, and what it says without its programs.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use Test::More;
use Whalefall::Front;
use Whalefall::Servers;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
my $root = Whalefall::Servers::root();
my $dir = tempdir('/tmp/wffront.XXXXXX', CLEANUP => 1);
chmod 0755, $dir;

# Runs deploy/front; gives its status and what it said.
sub front
{
	my @words = map { (my $word = $_) =~ s/'/'\\''/g; "'$word'" } @_;
	my $out = `'$root/deploy/front' @words 2>&1 </dev/null`;

	return ($? >> 8, $out);
}

sub slurp
{
	open my $file, '<', $_[0] or return '';
	local $/ = undef;
	return <$file>;
}

# What cannot be meant, or would be read as something else by nginx or PostgREST.
for my $case ([ '--listen', '8000' ], [ '--listen', '127.0.0.1:8000; root /' ], [ '--listen', '127.0.0.1:8000 ssl' ], [ '--listen', 'unix:/x' ],
	[ '--origins', 'http://a.example/path' ], [ '--origins', 'http://a"b' ], [ '--origins', '*' ], [ '--origins', 'null' ], [ '--origins', '$http_origin' ],
	[ '--trusted', 'any' ], [ '--trusted', '1.2.3.4;' ], [ '--exempt', 'localhost' ], [ '--rate', '0' ], [ '--rate', '-1' ], [ '--login-rate', 'x' ],
	[ '--pool', '0' ], [ '--pool', '9999999999' ], [ '--workers', 'many' ], [ '--language', 'fr' ], [ '--read-timeout', '' ], [ '--db-port', '5432 user=postgres' ],
	[ '--run', 'relative' ], [ '--run', '/tmp/a"b' ], [ '--run', '/tmp/' . 'x' x 90 ], [ '--logs', '/tmp/a$b' ], [ '--jwt-file', "/tmp/a\nb" ],
	[ '--db-socket', '/tmp/{' ], [ '--tls-cert', '/x' ], [ '--tls-key', '/x' ], [ '--tls-cert', 'x"' ], [ '--read-socket', 'x' ], [ '--replica', 'maybe' ],
	[ '--listen' ], [ '--nonsense', 'x' ])
{
	my ($status, $out) = front('render', "$dir/refused", @$case);
	(my $shown = join ' ', @$case) =~ s/[^ -~]/?/g;
	is($status, 1, "refused: $shown") or diag $out;
	like($out, qr/^front: /, 'with a reason');
	ok(!-e "$dir/refused/nginx.conf", 'and nothing is written');
}

# What is written.
my @options = ('--listen', '127.0.0.1:18001', '--listen', '[::1]:18001', '--run', "$dir/with blank/run", '--logs', "$dir/l", '--database', q(a'b"c$d/e?f),
	'--db-socket', "$dir/s s", '--db-port', '6543', '--jwt-file', '/etc/x y', '--origins', 'https://a.example http://b:1', '--trusted', '10.0.0.0/8 ::1',
	'--exempt', '', '--rate', '7', '--login-rate', '3', '--language', 'en', '--pool', '4', '--workers', '2', '--read-timeout', '9');
my ($status, $out) = front('render', "$dir/written", @options);
is("$status$out", '0', 'it writes without a word');
my $nginx = slurp("$dir/written/nginx.conf");
my $postgrest = slurp("$dir/written/postgrest.conf");
unlike("$nginx$postgrest" . join('', map { slurp($_) } glob "$dir/written/*.conf"), qr/@[A-Z_]+@/, 'no placeholder is left');
like($nginx, qr/^ +listen 127\.0\.0\.1:18001;\n +listen \[::1\]:18001;$/m, 'where it listens');
like($nginx, qr/^ +"https:\/\/a\.example" \$http_origin;\n +"http:\/\/b:1" \$http_origin;$/m, 'origins');
like($nginx, qr/^ +set_real_ip_from 10\.0\.0\.0\/8;\n +set_real_ip_from ::1;$/m, 'proxies');
like($nginx, qr/zone=wf_login:1m rate=3r\/m;\n.*rate=7r\/s;/, 'limits');
unlike($nginx, qr/ssl_certificate/, 'no TLS');
like($postgrest, qr/^db-uri = "postgresql:\/\/whalefall_authenticator@\/a%27b%22c%24d%2Fe%3Ff\?host=\S+s%20s&port=6543&/m, 'the database, encoded');
like($postgrest, qr/^jwt-secret = "@\/etc\/x y"$/m, 'the path of the secret, not the secret');
my $before = join '', map { slurp($_) } glob "$dir/written/*";
front('render', "$dir/written", @options);
is(join('', map { slurp($_) } glob "$dir/written/*"), $before, 'the same again');
my $mode = sprintf '%o', (stat "$dir/written/nginx.conf")[2] & 0777;
is($mode, '644', 'readable for the user that runs it');
($status, $out) = front('status', "$dir/written");
is("$status $out", "3 nginx is down\npostgrest is down\n", 'nothing runs');
is((front('stop', "$dir/written"))[0], 0, 'to stop that is no error');
($status, $out) = front('reload', "$dir/written");
like("$status $out", qr/^1 front: the front is down/, 'to reload it is one');
($status, $out) = front('start', "$dir/nothing");
like("$status $out", qr/^1 front: .* holds no configuration/, 'nothing to start');
is((front(@$_))[0], 2, 'usage: ' . join ' ', @$_) for [], ['start'], ['fly', 'x'], [ 'stop', "$dir/written", 'more' ];
like((front('--help'))[1], qr/render DIR \[OPTION\].*--tls-cert FILE/s, 'help');

# Without its programs.
{
	local $ENV{WHALEFALL_NGINX} = '/nonexistent';
	like(join(' ', front('check')), qr/^1 front: nginx is missing/, 'no nginx');
}
SKIP:
{
	skip 'root finds its own cache', 2 if $< != 0;
	my $as = "runuser -u nobody -- env HOME=/nonexistent PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	my $copy = "$dir/copy";
	system("mkdir '$copy' && cp -r '$root/deploy' '$copy/' && sed -i 's/5\\.35\\.0/5.35.1/' '$copy/deploy/package-lock.json'");
	$out = `$as '$copy/deploy/front' fetch 2>&1 </dev/null`;
	is($? >> 8, 1, 'nowhere to fetch to');
	like($out, qr/^front: the folder \S+ cannot be made \(WHALEFALL_CACHE names another\)/, 'is said');
}

like(join(' ', front('render', "$dir/refused", '--postgrest', '/bin/true')), qr{^1 front: /bin/true is no PostgREST 12 or later}, 'another program');

# A program that is too old does not count.
mkdir "$dir/bin";
for my $version ('11.2.2', '12.0.2', '13.0.1')
{
	open my $file, '>', "$dir/bin/postgrest" or die $!;
	print $file "#!/bin/sh\necho 'PostgREST $version'\n";
	close $file;
	chmod 0755, "$dir/bin/postgrest";
	local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
	($status, $out) = front('fetch');
	like($out, $version =~ /^11/ ? qr{^postgrest (?!\Q$dir\E)}m : qr{^postgrest \Q$dir\E/bin/postgrest$}m, "PostgREST $version in the PATH");
}

# The programs of the project do not break their own rules.
SKIP:
{
	skip 'shellcheck is missing', 1 if system('command -v shellcheck >/dev/null') != 0;
	is(`cd '$root/deploy' && shellcheck -x -S warning front supervise 2>&1`, '', 'shellcheck finds nothing');
}
done_testing;
