# What reaches the dispatcher: facts that nginx has checked, whatever a client sends.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Digest::MD5 qw(md5_hex);
use Encode qw(encode_utf8);
use Test::More;
use Whalefall::Front;
use Whalefall::StandIn;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
my $c = Whalefall::StandIn::cluster();
Whalefall::StandIn::install($c, 'whalefall');
my $front = Whalefall::Front->start($c);
my $host = '127.0.0.1:' . $front->port;

# The facts of a request that is given as lines of headers, bytes as they are.
sub facts
{
	my ($lines, %opt) = @_;
	my $answer = $front->raw(($opt{method} // 'GET') . ' ' . ($opt{path} // '/api/v1/x') . " HTTP/1.1\r\n" . ($lines =~ /^Host:/mi ? '' : "Host: h\r\n")
		. join('', map { "$_\r\n" } split /\n/, $lines) . "Connection: close\r\n\r\n");

	is($answer->{status}, 200, 'answered') or diag $answer->{text};
	return $answer->{json}{facts};
}

# What a usual request looks like there: all of it, so that nothing else gets through.
my $answer = $front->request('PUT', '/api/v1/users/5?a=b%20c', {
	headers => { Authorization => 'Bearer abc.def', Cookie => 'other=1; whalefall_session=s3cret~x; last=2', 'X-CSRFToken' => 'tok-en_1',
		'Content-Type' => 'application/json; charset=utf-8', 'Accept-Language' => 'en', 'X-Request-ID' => 'r-1',
		Accept => 'text/html', Origin => 'http://localhost:5001', Referer => 'http://elsewhere/', 'X-Other' => 'x',
		Range => 'bytes=0-1', 'If-None-Match' => '"x"', 'Accept-Encoding' => 'gzip;q=0' },
	body => "{\"\xc3\xa9\":\0}" });
is_deeply($answer->{json}{facts}, {
	'accept' => '*/*', 'content-length' => '8', 'content-profile' => 'whalefall_http', 'content-type' => 'application/octet-stream', 'host' => $host,
	'x-wf-agent' => 'whalefall-test', 'x-wf-authorization' => 'Bearer abc.def', 'x-wf-client' => '127.0.0.1',
	'x-wf-content-type' => 'application/json; charset=utf-8', 'x-wf-csrf' => 'tok-en_1', 'x-wf-host' => $host, 'x-wf-language' => 'en',
	'x-wf-method' => 'PUT', 'x-wf-request-id' => 'r-1', 'x-wf-scheme' => 'http', 'x-wf-session' => 's3cret~x',
	'x-wf-uri' => '/api/v1/users/5?a=b%20c' }, 'all facts of a request, and nothing else')
  or diag explain $answer->{json}{facts};
is($answer->{json}{role}, 'whalefall_gateway', 'the role is the gateway, whatever Authorization says');
is($answer->{json}{md5}, md5_hex("{\"\xc3\xa9\":\0}"), 'the body arrives byte for byte');

# A client cannot speak for nginx, nor to PostgREST.
my $facts = facts(<<'LINES');
Host: h
X-WF-Method: DELETE
X-WF-Uri: /api/v1/other
X-WF-Authorization: Bearer forged
X-WF-Session: forged
X-WF-Csrf: forged
X-WF-Client: 8.8.8.8
X_WF_Client: 8.8.8.8
X-WF-Request-Id: forged
X-WF-Scheme: https
X-WF-Host: forged
X-WF-Language: xx
X-WF-Agent: forged
X-WF-Content-Type: forged
X-WF-Answer: 1
Accept-Profile: whalefall_api
Content-Profile: whalefall_api
Prefer: tx=rollback, params=single-object
Role: whalefall_admin
LINES
is_deeply([ grep { /forged|8\.8\.8\.8|whalefall_a|https|xx|DELETE|other/ } map { "$_=$facts->{$_}" } sort keys %$facts ], [], 'nothing forged arrives');
is($facts->{'content-profile'}, 'whalefall_http', 'the schema is ours');
is($facts->{prefer}, undef, 'no preference');

# Bytes that are no UTF-8, control characters, and lengths.
my $bad = "\xff\xfe";
for my $case ([ "Authorization: Bearer $bad", 'x-wf-authorization', '-' ], [ "Authorization: $bad", 'x-wf-authorization', '-' ],
	[ "Authorization: Bearer \xe9\xb2\xb8", 'x-wf-authorization', '-' ], [ 'Authorization: Bearer ' . 'x' x 8200, 'x-wf-authorization', '-' ],
	[ "Authorization: a\tb", 'x-wf-authorization', '-' ], [ 'Authorization:', 'x-wf-authorization', undef ],
	[ "Cookie: whalefall_session=$bad", 'x-wf-session', '-' ], [ 'Cookie: whalefall_session=a b', 'x-wf-session', '-' ],
	[ 'Cookie: whalefall_session="a"', 'x-wf-session', '-' ], [ 'Cookie: whalefall_session=', 'x-wf-session', undef ],
	[ 'Cookie: xwhalefall_session=a', 'x-wf-session', undef ], [ 'Cookie: whalefall_session=' . 'a' x 513, 'x-wf-session', '-' ],
	[ "X-CSRFToken: $bad", 'x-wf-csrf', '-' ], [ 'X-CSRFToken: a,b', 'x-wf-csrf', '-' ],
	[ "Content-Type: $bad", 'x-wf-content-type', 'application/octet-stream' ], [ 'Content-Type: ' . 'x' x 600, 'x-wf-content-type', 'application/octet-stream' ],
	[ 'Content-Type: multipart/form-data; boundary="a b"', 'x-wf-content-type', 'multipart/form-data; boundary="a b"' ],
	[ "User-Agent: $bad", 'x-wf-agent', undef ], [ "User-Agent: ok $bad", 'x-wf-agent', 'ok' ], [ 'User-Agent: ' . 'u' x 300, 'x-wf-agent', 'u' x 256 ],
	[ 'User-Agent: Mozilla "5" \\', 'x-wf-agent', 'Mozilla "5" \\' ],
	[ "Host: $bad", 'x-wf-host', 'invalid' ], [ 'Host: a"b', 'x-wf-host', 'invalid' ], [ 'Host: [::1]:80', 'x-wf-host', '[::1]:80' ],
	[ "Accept-Language: $bad", 'x-wf-language', undef ], [ 'Accept-Language: zh-CN,zh;q=0.9,en;q=0.8', 'x-wf-language', 'zh' ],
	[ 'Accept-Language: EN', 'x-wf-language', 'en' ], [ 'Accept-Language: de, EN-gb', 'x-wf-language', 'en' ], [ 'Accept-Language: de', 'x-wf-language', undef ])
{
	my ($line, $name, $value) = @$case;
	(my $shown = substr $line, 0, 60) =~ s/[^\x20-\x7e]/?/g;
	is(facts($line)->{$name}, $value, $shown);
}

# Which proxies are believed: those of this machine, unless told otherwise.
is(facts('X-Forwarded-For: 203.0.113.7')->{'x-wf-client'}, '203.0.113.7', 'the address that a trusted proxy names');
is(facts('X-Forwarded-For: 203.0.113.7, 198.51.100.9')->{'x-wf-client'}, '198.51.100.9', 'the last one');
is(facts('X-Forwarded-For: 2001:db8::1')->{'x-wf-client'}, '2001:db8::1', 'of IP version 6');
is(facts("X-Forwarded-For: $_")->{'x-wf-client'}, '127.0.0.1', 'no address') for 'x', "\xff", '1.2.3.4.5', '"';
is(facts('X-Forwarded-Proto: https')->{'x-wf-scheme'}, 'https', 'the scheme that a trusted proxy names');
is(facts("X-Forwarded-Proto: $_")->{'x-wf-scheme'}, 'http', 'no scheme') for 'ftp', "\xff", 'https, http';

# Request ids.
for my $id ('a', 'A9_.:-', 'x' x 128, '0')
{
	my $with = $front->request('GET', '/api/v1/x', { headers => { 'X-Request-ID' => $id } });
	is($with->{headers}{'x-request-id'}, $id, 'a request id comes back');
	is($with->{json}{facts}{'x-wf-request-id'}, $id, 'and goes on');
}
for my $id ('-a', 'x' x 129, 'a b', 'a,b', "\xff", 'a"b', '', '<script>')
{
	my $with = $front->raw("GET /api/v1/x HTTP/1.1\r\nHost: h\r\nX-Request-ID: $id\r\nConnection: close\r\n\r\n");
	like($with->{headers}{'x-request-id'}, qr/^req_[0-9a-f]{32}$/, 'one of ours instead');
	is($with->{json}{facts}{'x-wf-request-id'}, $with->{headers}{'x-request-id'}, 'the same goes on');
}
my %seen;
$seen{ $front->request('GET', '/api/v1/x')->{headers}{'x-request-id'} }++ for 1 .. 50;
is(scalar keys %seen, 50, 'every request its own');

# Paths go on as they came; nothing is decoded or joined on the way.
for my $path ('/api/v1/a%2Fb', '/api/v1/%E9%B2%B8?q=%00', "/api/v1/\xe9\xb2\xb8?q=\xe8\x90\xbd", '/api/v1/a//b/./c/../d', '/api/v1/x?a=1&a=2&=&&', '/api/v1/',
	'/api/v1/x;y=1', '/api/v1/x?' . 'q' x 15000, '/api/v1/x?' . "\xe9\xb2\xb8" x 5000, '/api/v1/x?' . "a\xc3\xa9" x 5000)
{
	my $got = facts('', path => $path)->{'x-wf-uri'};
	is(encode_utf8($got), $path, 'the path as it came');
}
is(facts('', path => "http://other/api/v1/x")->{'x-wf-uri'}, '/api/v1/x', 'an absolute address');

# What the other methods look like.
for my $method (qw(GET HEAD POST PUT DELETE PATCH BREW))
{
	$answer = $front->request($method, '/api/v1/x');
	is($answer->{status}, 200, "$method is passed on");
	is($answer->{json}{facts}{'x-wf-method'}, $method, 'by its name') if $method ne 'HEAD';
}

# Behind a proxy that is not trusted nothing of X-Forwarded-* counts.
$front->restart(trusted => '192.0.2.1');
$facts = facts("X-Forwarded-For: 203.0.113.7\nX-Forwarded-Proto: https");
is_deeply([ @$facts{qw(x-wf-client x-wf-scheme)} ], [ '127.0.0.1', 'http' ], 'a stranger is not believed');
done_testing;
