# What nginx answers by itself: each of its codes has the eleven keys, the request id and the safe headers.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Front;
use Whalefall::StandIn;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
binmode $_, ':utf8' for map { Test::More->builder->$_ } qw(output failure_output);
my $c = Whalefall::StandIn::cluster();
Whalefall::StandIn::install($c, 'whalefall');
my $front = Whalefall::Front->start($c);
my @keys = sort qw(success error error_id category severity message_code message timestamp recoverable suggestions context);
my $end = "Connection: close\r\n\r\n";
my $host = "127.0.0.1:" . $front->port;

# Checks an answer of nginx: everything that is the same in all of them.
sub is_ours
{
	my ($answer, $status, $code, $message, $name) = @_;
	my $json = $answer->{json};

	is($answer->{status}, $status, "$name: status") or diag $answer->{text};
	is_deeply([ sort keys %{ $json // {} } ], \@keys, "$name: the eleven keys") or return;
	is($json->{message_code}, $code, "$name: code");
	is($json->{message}, $message, "$name: message");
	is($json->{success} ? 1 : 0, 0, "$name: success is false");
	is($json->{error} ? 1 : 0, 1, "$name: error is true");
	my %class = (401 => 'authentication medium 1', 429 => 'security medium 1', map { $_ => 'system high 0' } 500, 503, 504);
	is(join(' ', @$json{qw(category severity)}, $json->{recoverable} ? 1 : 0), $class{$status} // 'business medium 1',
		"$name: category, severity, recoverable");
	like($json->{error_id}, qr/^[0-9a-f]{32}$/, "$name: error_id");
	like($json->{timestamp}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/, "$name: UTC");
	is(scalar @{ $json->{suggestions} }, 2, "$name: two suggestions");
	is_deeply([ sort keys %{ $json->{context} } ], [qw(meta method request_id url user_id)], "$name: context");
	is($json->{context}{user_id}, undef, "$name: nobody");
	is($json->{context}{meta}{ip_address}, '127.0.0.1', "$name: address");
	is($answer->{headers}{'content-type'}, 'application/json; charset=utf-8', "$name: type");
	is($answer->{headers}{'x-request-id'}, $json->{context}{request_id}, "$name: the request id in header and body");
	is($answer->{headers}{'x-content-type-options'}, 'nosniff', "$name: nosniff");
	is($answer->{headers}{'cache-control'}, 'no-store', "$name: not stored");
	is($answer->{headers}{server}, 'nginx', "$name: no version");
	return;
}

# Paths.
my $answer = $front->request('GET', '/nowhere?secret=1', { headers => { 'X-Request-ID' => 'abc.1:2-3_4' } });
is_ours($answer, 404, 'INVALID_REQUEST', '接口不存在', 'no such path');
is($answer->{json}{context}{url}, "http://$host/nowhere", 'the url has no query');
is($answer->{json}{context}{method}, 'GET', 'the method');
is($answer->{json}{context}{request_id}, 'abc.1:2-3_4', "the client's request id");
is($answer->{json}{context}{meta}{user_agent}, 'whalefall-test', 'the agent');
is_ours($front->request('GET', $_), 404, 'INVALID_REQUEST', '接口不存在', $_)
  for '/', '/api', '/api/v2/x', '/rest', '/rest/', '/rest/rpc/', '/rest/rpc/a/b', '/rest/A', '/rest/a.b', '/__400', '/__preflight', '/rpc/dispatch',
  '/api/v1/../../etc/passwd', '/api/v1x';
my $languages = sub { $front->request('GET', '/nowhere', { headers => { 'Accept-Language' => $_[0] } })->{json}{message} };
is($languages->('en-US,en;q=0.5'), 'no such route', 'in English');
is($languages->('fr-FR, en;q=0.8, zh;q=0.5'), 'no such route', 'the first of the two that is named');
is($languages->('fr, zh-TW;q=0.8, en;q=0.5'), '接口不存在', 'Chinese when it comes first');
is($languages->($_), '接口不存在', "the default: $_") for 'fr', 'english', '*', ',,,,', 'zhx';

$answer = $front->raw("GET /nowhere HTTP/1.1\r\nHost: h\r\nAccept-Language: \xff\xfe\r\n$end");
is($answer->{json}{message}, '接口不存在', 'the default: bytes');

# Quotes and backslashes of a client do not break the JSON.
$answer = $front->raw("GET /a\"b\\c HTTP/1.1\r\nHost: a\"b\r\nUser-Agent: x\"y\\z\r\n$end");
is($answer->{status}, 404, 'quotes: status') or diag $answer->{text};
is($answer->{json}{context}{url}, 'http://invalid/', 'quotes: neither host nor path is quoted');
is_deeply($answer->{json}{context}{meta}, { ip_address => '127.0.0.1' }, 'quotes: nor the agent');
$answer = $front->raw("GET /\xff\xfe HTTP/1.1\r\nHost: h\r\nUser-Agent: \xff\r\n$end");
is_deeply([ $answer->{status}, $answer->{json}{context}{url} ], [ 404, 'http://h/' ], 'bytes that are no UTF-8');

# Request lines and headers that cannot be read.
my $bad = '请求格式不正确';
is_ours($front->raw("GET\r\n\r\n"), 400, 'INVALID_REQUEST', $bad, 'no path');
is_ours($front->raw("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage\r\n\r\n"), 400, 'INVALID_REQUEST', $bad, 'TLS at a plain port');
is_ours($front->raw("GET / HTTP/9.9\r\n\r\n"), 400, 'INVALID_REQUEST', $bad, 'an unknown version');
is_ours($front->raw("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n"), 400, 'INVALID_REQUEST', $bad, 'an unknown encoding');
is_ours($front->raw("GET /api/v1/x HTTP/1.1\r\n$end"), 400, 'INVALID_REQUEST', $bad, 'no Host');
is_ours($front->raw("GET /api/v1/%zz HTTP/1.1\r\nHost: h\r\n$end"), 400, 'INVALID_REQUEST', $bad, 'a bad escape');
is_ours($front->raw("GET /api/v1/\xff HTTP/1.1\r\nHost: h\r\n$end"), 400, 'INVALID_REQUEST', $bad, 'a path that is no UTF-8');
is_ours($front->raw("GET /api/v1/x?\xc3\x28 HTTP/1.1\r\nHost: h\r\n$end"), 400, 'INVALID_REQUEST', $bad, 'a query that is no UTF-8');
is_ours($front->raw("GET /api/v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n$end"), 400, 'INVALID_REQUEST', $bad, 'a negative length');
is_ours($front->raw("POST /api/v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, 'INVALID_REQUEST',
	$bad, 'two lengths');
is_ours($front->raw("GET /api/v1/x HTTP/1.1\r\nHost: h\r\nX: " . 'y' x 20000 . "\r\n$end"), 400, 'INVALID_REQUEST', $bad, 'a header of 20 KB');
is_ours($front->raw('GET /' . 'x' x 20000 . " HTTP/1.1\r\nHost: h\r\n$end"), 414, 'INVALID_REQUEST', '请求地址过长', 'a path of 20 KB');

# Methods.
is_ours($front->raw("$_ /api/v1/x HTTP/1.1\r\nHost: h\r\n$end"), 405, 'INVALID_REQUEST', '请求方法不被允许', $_) for 'TRACE', 'CONNECT';
is($front->request('BREW', '/api/v1/x')->{json}{facts}{'x-wf-method'}, 'BREW', 'an unknown method is the dispatcher\'s to refuse');
is_ours($front->request('POST', '/api/v1/docs'), 405, 'INVALID_REQUEST', '请求方法不被允许', 'POST of a file');
$answer = $front->request('HEAD', '/nowhere');
is_deeply([ $answer->{status}, $answer->{content} // '' ], [ 404, '' ], 'HEAD has no body');
like($answer->{headers}{'x-request-id'}, qr/^req_[0-9a-f]{32}$/, 'but the header');

# The redirect.
$answer = $front->request('GET', '/api/v1?a=b');
is_deeply([ $answer->{status}, $answer->{headers}{location} ], [ 308, '/api/v1/?a=b' ], '/api/v1');
like($answer->{headers}{'x-request-id'}, qr/^req_[0-9a-f]{32}$/, 'with a request id');

# Bodies: 17 MiB is too much, sized and chunked; less arrives whole.
my $mega = 1024 * 1024;
is_ours($front->raw("POST /api/v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: " . (17 * $mega + 1) . "\r\n$end", 10), 413, 'INVALID_REQUEST', '请求体过大', 'too large');
my $chunk = sprintf("%x\r\n", $mega) . 'x' x $mega . "\r\n";
is_ours($front->raw("POST /api/v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n$end" . $chunk x 18 . "0\r\n\r\n", 20), 413,
	'INVALID_REQUEST', '请求体过大', 'too large, chunked');
$answer = $front->request('POST', '/api/v1/x', { body => "ab\0\xff" x (4 * $mega) });
is($answer->{json}{length}, 16 * $mega, '16 MiB arrive');
$answer = $front->raw("PUT /api/v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n$end" . $chunk x 3 . "3\r\nabc\r\n0\r\n\r\n", 10);
is($answer->{json}{length}, 3 * $mega + 3, 'and so do chunks');

# Nothing of all this is logged with what it held.
like($front->log, qr/^== /, 'there is a log');
unlike($front->log, qr/secret=1/, 'without queries');
open my $log, '<', $front->run_dir . '/log/access.log' or die $!;
sleep 1.2;
my @lines = grep { m{"path":"/nowhere"} } <$log>;
like($lines[0], qr/"request_id":"abc\.1:2-3_4","address":"127\.0\.0\.1","method":"GET","path":"\/nowhere","status":404/, 'the access log');
done_testing;
