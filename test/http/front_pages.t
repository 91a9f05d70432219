# CORS, the documentation page, compression and the guard against floods.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Compress::Zlib ();
use Test::More;
use Whalefall::Front;
use Whalefall::StandIn;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
my $c = Whalefall::StandIn::cluster();
Whalefall::StandIn::install($c, 'whalefall');
my $front = Whalefall::Front->start($c, origins => 'http://localhost:5001 https://console.example.com');
my @cors = qw(access-control-allow-origin access-control-allow-credentials access-control-expose-headers access-control-allow-methods
  access-control-allow-headers access-control-max-age);

sub ask
{
	my ($method, $path, %headers) = @_;

	return $front->request($method, $path, { headers => \%headers });
}

# CORS: an allowed origin is echoed, on every kind of answer.
my @allowed = ('true', 'X-Request-ID, Content-Disposition');
for my $path ('/api/v1/x', '/api/v1/x?status=404', '/api/v1/x?status=401&unmarked', '/nowhere')
{
	my $answer = ask('GET', $path, Origin => 'https://console.example.com');
	is_deeply([ map { $answer->{headers}{$_} } @cors ], [ 'https://console.example.com', @allowed, undef, undef, undef ], "$path: allowed");
}
for my $origin ('http://localhost:5002', 'https://localhost:5001', 'http://localhost:5001.evil.example', 'null', '*', 'https://console.example.com/', 'x')
{
	my $answer = ask('GET', '/api/v1/x', Origin => $origin);
	is_deeply([ $answer->{status}, grep { defined } map { $answer->{headers}{$_} } @cors ], [200], "$origin: served, without CORS");
	is_deeply($answer->{headers}{vary}, [ 'Accept-Encoding', 'Origin' ], 'and the answer varies by origin');
}
my $answer = ask('OPTIONS', '/api/v1/instances/5', Origin => 'http://localhost:5001', 'Access-Control-Request-Method' => 'PUT',
	'Access-Control-Request-Headers' => 'content-type,x-csrftoken');
is_deeply([ $answer->{status}, $answer->{content} // '', map { $answer->{headers}{$_} } @cors ],
	[ 204, '', 'http://localhost:5001', @allowed, 'GET, POST, PUT, DELETE, OPTIONS', 'Content-Type, Authorization, X-CSRFToken', 600 ], 'a preflight');
like($answer->{headers}{'x-request-id'}, qr/^req_/, 'with a request id');
$answer = ask('OPTIONS', '/api/v1/auth/login', Origin => 'http://evil.example');
is_deeply([ $answer->{status}, grep { defined } map { $answer->{headers}{$_} } @cors ], [204], 'a preflight of another origin allows nothing');
is(ask('OPTIONS', '/api/v1/x')->{status}, 204, 'OPTIONS without an origin');

# The documentation.
$answer = ask('GET', '/api/v1/docs');
is($answer->{status}, 200, 'the page');
is($answer->{headers}{'content-type'}, 'text/html; charset=utf-8', 'is HTML');
my %policy = map { /^(\S+) (.*)$/ } split /; /, $answer->{headers}{'content-security-policy'};
is_deeply(\%policy, { 'default-src' => q('none'), 'script-src' => q('self'), 'style-src' => q('self'), 'img-src' => q('self' data:), 'connect-src' => q('self'),
		'base-uri' => q('none'), 'form-action' => q('none'), 'frame-ancestors' => q('none') }, 'that may load from here alone');
is($answer->{headers}{'x-content-type-options'}, 'nosniff', 'nosniff');
like($answer->{headers}{'x-request-id'}, qr/^req_/, 'with a request id');
unlike($answer->{content}, qr{<script>|style=|on\w+=|//}, 'no script, style or address inside it');
my %type = ('swagger-ui-bundle.js' => 'text/javascript; charset=utf-8', 'start.js' => 'text/javascript; charset=utf-8',
	'swagger-ui.css' => 'text/css; charset=utf-8', 'favicon.png' => 'image/png');
my @named = $answer->{content} =~ m{"(/api/v1/docs/[^"]+)"}g;
is_deeply([ sort @named ], [ map { "/api/v1/docs/$_" } sort keys %type ], 'what it names');
for my $name (sort keys %type)
{
	my $file = ask('GET', "/api/v1/docs/$name");
	is_deeply([ $file->{status}, $file->{headers}{'content-type'} ], [ 200, $type{$name} ], "$name is there");
	cmp_ok(length $file->{content}, '>', 500, 'and not empty');
	like($file->{headers}{'content-security-policy'}, qr/default-src 'none'/, 'with the same policy');
}
like(ask('GET', '/api/v1/docs/start.js')->{content}, qr{url: '/api/v1/openapi\.json'}, 'it reads the description of this server');
is(ask('HEAD', '/api/v1/docs')->{status}, 200, 'HEAD');
is(ask('GET', "/api/v1/docs/$_")->{json}{facts}{'x-wf-uri'}, "/api/v1/docs/$_", "$_ is no file of it") for 'index.html', 'package.json', 'x/../start.jsx';

# Compression.
$answer = ask('GET', '/api/v1/x?bytes=5000', 'Accept-Encoding' => 'gzip');
is($answer->{headers}{'content-encoding'}, 'gzip', 'large answers are compressed');
cmp_ok(length $answer->{content}, '<', 1000, 'and small then');
is(length Compress::Zlib::memGunzip($answer->{content}), 5000, 'and whole');

# Floods. This machine is exempt; an address that a proxy names is not.
is(scalar(grep { ask('GET', '/nowhere')->{status} == 404 && ask('POST', '/api/v1/auth/login')->{status} == 200 } 1 .. 150), 150, 'no limit on this machine');
my %count;
my $limited;
my $began = time;
for (1 .. 110)
{
	my $try = ask('POST', '/api/v1/auth/login', 'X-Forwarded-For' => '203.0.113.7');
	$count{ $try->{status} }++;
	$limited = $try if $try->{status} == 429;
}
my $refilled = int((time - $began + 1) / 0.6);
cmp_ok($count{200}, '>=', 100, '100 logins at once');
cmp_ok($count{200}, '<=', 101 + $refilled, 'then as many as the time allows');
is($limited->{json}{message_code}, 'RATE_LIMIT_EXCEEDED', 'the others are refused');
is($limited->{headers}{'retry-after'}, '1', 'until then');
is(ask('GET', '/api/v1/x', 'X-Forwarded-For' => '203.0.113.7')->{status}, 200, 'everything else goes on');
is(ask('POST', '/api/v1/auth/login', 'X-Forwarded-For' => '203.0.113.8')->{status}, 200, 'and other addresses too');

$front->restart(exempt => '', rate => 5, login_rate => 2);
%count = ();
$count{ ask('GET', '/api/v1/x')->{status} }++ for 1 .. 40;
cmp_ok($count{200}, '>=', 11, 'with a limit of 5: 10 more at once');
cmp_ok($count{429}, '>', 5, 'then no more');
sleep 1;
is(ask('GET', '/api/v1/x')->{status}, 200, 'a second later again');
sleep 1;
$answer = undef;
for (1 .. 5)
{
	$answer = ask('POST', '/api/v1/auth/login');
	last if $answer->{status} == 429;
}
is_deeply([ $answer->{status}, $answer->{headers}{'retry-after'} ], [ 429, '30' ], 'with 2 logins a minute the next comes in 30 s');
done_testing;
