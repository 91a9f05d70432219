# HTTP itself: methods, paths, sizes, escapes, request ids, CORS, and headers that lie or are broken; through nginx,
# PostgREST and the dispatcher, each answer an envelope of ours.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";
use Encode qw(encode_utf8);
use Test::More;
use Contract;

binmode $_, ':utf8' for Test::More->builder->output, Test::More->builder->failure_output;
my $t = Contract->start;
my $client = $t->client;
my $id = $t->sql("select whalefall_api.instances_create('i', 'postgresql', '127.0.0.1', 1, is_active => false) #>> '{instance,id}'");
my %served;
for my $row (Contract->table('access.tsv'))
{
	(my $path = $row->{path}) =~ s/\{\w+\}|999999999/1/g;
	$served{$path}{ $row->{method} } = 1;
}

# Methods: those that a path has, and 405 with the list for all others.
for my $path (sort keys %served)
{
	my %has = %{ $served{$path} };
	my $allow = join ' ', sort keys %has, $has{GET} ? 'HEAD' : (), 'OPTIONS';

	for my $method (grep { !$has{$_} } qw(GET POST PUT DELETE PATCH))
	{
		my $answer = $t->call('anonymous', $method, $path, undef, body => '');
		$t->bad($answer, 405, 'INVALID_REQUEST', "$method $path");
		is(join(' ', sort split /\s*,\s*/, $answer->header('Allow') // ''), $allow, 'tells what there is');
	}
}
for my $method (qw(TRACE CONNECT PROPFIND get Get FOO))
{
	my $answer = $client->request($method, '/api/v1/users', fresh => 1);
	like($answer->{status}, qr/^40[05]$/, "method $method is refused");
	$t->bad($answer, $answer->{status}, 'INVALID_REQUEST', 'with an envelope') if $method ne 'CONNECT' || $answer->{body} =~ /^\{/;
}

# HEAD is GET without its body.
for my $path ('/health/ping', '/users', '/instances/exports', '/users/999999999', '/nothing', '/openapi.json')
{
	my ($get, $head) = map { $t->call('viewer', $_, $path) } qw(GET HEAD);
	is($head->{status}, $get->{status}, "HEAD $path has the status of GET");
	is($head->{body}, '', 'and no body');
	is($head->header('Content-Type'), $get->header('Content-Type'), 'and its type');
}
$t->bad($t->call('anonymous', 'GET', '/users'), 401, 'AUTHENTICATION_REQUIRED', 'GET of a stranger');
is($t->call('anonymous', 'HEAD', '/users')->{status}, 401, 'HEAD of a stranger too');
is($t->call('viewer', 'HEAD', '/auth/login')->{status}, 405, 'HEAD of what has no GET');

# OPTIONS and CORS.
for my $origin ('http://localhost:5001', 'http://127.0.0.1:5001')
{
	my $answer = $client->request('OPTIONS', '/api/v1/users', headers => { Origin => $origin, 'Access-Control-Request-Method' => 'PUT', 'Access-Control-Request-Headers' => 'x-csrftoken' });
	like($answer->{status}, qr/^20[04]$/, "preflight from $origin");
	is($answer->header('Access-Control-Allow-Origin'), $origin, 'is allowed, by name');
	is($answer->header('Access-Control-Allow-Credentials'), 'true', 'with cookies');
	is(join(' ', sort split /\s*,\s*/, $answer->header('Access-Control-Allow-Methods') // ''), 'DELETE GET OPTIONS POST PUT', 'the five methods');
	is(join(' ', sort map { lc } split /\s*,\s*/, $answer->header('Access-Control-Allow-Headers') // ''), 'authorization content-type x-csrftoken', 'the three headers');
	like($answer->header('Vary') // '', qr/\bOrigin\b/i, 'and varies by origin');
	for my $path ('/users', '/nothing')
	{
		my $got = $t->call('viewer', 'GET', $path, undef, headers => { Origin => $origin });
		is($got->header('Access-Control-Allow-Origin'), $origin, "GET $path allows $origin");
		is(join(' ', sort split /\s*,\s*/, $got->header('Access-Control-Expose-Headers') // ''), 'Content-Disposition X-Request-ID', 'and exposes two headers');
	}
}
for my $origin ('http://localhost:5002', 'https://localhost:5001', 'http://localhost:5001.evil.org', 'http://evil.org', 'null')
{
	my $got = $t->call('viewer', 'GET', '/users', undef, headers => { Origin => $origin });
	is($got->{status}, 200, "a request from $origin is served");
	is(scalar(grep { $_->[0] =~ /^access-control-/ } @{ $got->{fields} }), 0, 'without any CORS header');
	is(scalar(grep { $_->[0] =~ /^access-control-allow-origin/ } @{ $client->request('OPTIONS', '/api/v1/users', headers => { Origin => $origin })->{fields} }), 0, 'its preflight too');
}
is(scalar(grep { $_->[0] =~ /^access-control-allow/ } @{ $t->call('viewer', 'GET', '/users')->{fields} }), 0, 'no origin, no CORS header');

# Paths that are none: before anybody is asked who he is.
for my $path ('/nothing', '/users/', '/users/1/', '/users//1', '//', '/users/1/2', '/Users', '/USERS', '/users.json', '/users;x=1', '/users/stats/', '/tags/by-name', '/tags/by-name/',
	'/tags/by-name/a/b', '/tags/by-name/a/', '/users/%31%2F', '/users%2Fstats', '/%75sers/', '/users/../tags/', '/.', '/..', '/users/%2e%2e/tags/', '/rpc/dispatch', '/whalefall_http.dispatch',
	'/task-runs/', '/sync-sessions/a/b', '/instances/1/actions', '/instances/1/actions/', '/instances/actions', '/instances/1/actions/none', '/?x', '/%20', '/%00')
{
	next if $path eq '/?x' || $path eq '//';
	my $answer = $client->request('GET', "/api/v1$path");
	my $status = $path =~ /%00/ ? qr/^40[04]$/ : qr/^404$/;
	like($answer->{status}, $status, "GET $path") or diag $answer->{body};
	$t->bad($answer, $answer->{status}, 'INVALID_REQUEST', 'is an envelope');
}
is($client->request('GET', '/api/v1/?x=1')->{status}, 200, 'the root takes a query');
is($client->request('GET', '/api/v1/%75sers/stats', headers => { $t->headers_of('viewer', 'GET') })->{status}, 200, 'an escaped letter is that letter');
for my $path (qw(/ /api /api/ /api/v2/users /api/users /rest /rest/ /rest/rpc/ /rpc/dispatch /index.html /favicon.ico /api/v1users))
{
	$t->bad($client->request('GET', $path), 404, 'INVALID_REQUEST', "GET $path");
}
for my $row (Contract->table('legacy.tsv'))
{
	$t->bad($t->call('admin', $row->{method}, "/$row->{path}", undef), 404, 'INVALID_REQUEST', "legacy $row->{method} $row->{path}");
}
for my $target ('/api/v1', '/api/v1?page=2&x=%41')
{
	my $answer = $client->request('GET', $target);
	is($answer->{status}, 308, "$target goes on");
	like($answer->header('Location') // '', qr{^(?:http://127\.0\.0\.1:\d+)?/api/v1/(?:\?page=2&x=%41)?$}, 'to the root, which ends in a slash');
}
is($client->request('POST', '/api/v1', body => '{}')->{status}, 308, 'a POST too, to be repeated as one');

# Request ids.
for my $given ('abc', 'A1', '7', 'a.b:c_d-e', 'x' x 128)
{
	my $answer = $t->call('anonymous', 'GET', '/users', undef, headers => { 'X-Request-ID' => $given });
	is($answer->header('X-Request-ID'), $given, "request id $given comes back");
	is($answer->json->{context}{request_id}, $given, 'and stands in the envelope');
	is($t->call('anonymous', 'GET', '/health/ping', undef, headers => { 'X-Request-ID' => $given })->header('X-Request-ID'), $given, 'on good answers too');
	is($client->request('GET', '/nothing', headers => { 'X-Request-ID' => $given })->header('X-Request-ID'), $given, "and on nginx's own");
}
is($t->call('anonymous', 'GET', '/users', undef, headers => { 'X-Request-ID' => '  padded  ' })->header('X-Request-ID'), 'padded', 'blanks around it are not part of it');
for my $given ('-a', '.a', 'a b', 'a/b', 'a"b', "a'b", 'x' x 129, '', 'ä', "a\x01b", '{}', 'a,b', "\xff")
{
	my $answer = $client->request('GET', '/api/v1/users', headers => { 'X-Request-ID' => encode_utf8($given) }, fresh => 1);
	like($answer->header('X-Request-ID') // '', qr/^req_[0-9a-f]{32}$/, 'a bad request id is replaced');
	next if $answer->{status} == 400;    # a header that nginx itself refuses
	is($answer->json->{context}{request_id}, $answer->header('X-Request-ID'), 'by one that both tell');
}
isnt($t->call('anonymous', 'GET', '/users')->header('X-Request-ID'), $t->call('anonymous', 'GET', '/users')->header('X-Request-ID'), 'each request has one of its own');

# What the envelope says of the request.
my $told = $t->bad($t->call('viewer', 'POST', '/users?password=secret&x=1', {}, headers => { 'User-Agent' => 'probe/1.0 (test)' }), 403, 'PERMISSION_REQUIRED', 'an error tells');
is($told->{context}{url}, "http://127.0.0.1:@{[$t->port]}/api/v1/users", 'the address without its query');
is($told->{context}{method}, 'POST', 'the method');
is($told->{context}{user_id}, $t->person('test_viewer'), 'who it was');
is($told->{context}{meta}{user_agent}, 'probe/1.0 (test)', 'with which program');
is($told->{context}{meta}{ip_address}, '127.0.0.1', 'from where');
$told = $t->bad($t->call('anonymous', 'GET', '/users'), 401, 'AUTHENTICATION_REQUIRED', 'a stranger');
is($told->{context}{user_id}, undef, 'is nobody');
is(join(' ', sort keys %{ $told->{context}{meta} }), 'ip_address', 'and an absent user agent is left out');
is($t->bad($t->call('viewer', 'PUT', '/users/1?a=b', undef, body => ''), 403, 'PERMISSION_REQUIRED', 'PUT')->{context}{method}, 'PUT', 'is told as PUT');
is($t->call('viewer', 'GET', '/users', undef, host => 'some.host:81')->{status}, 200, 'another host name');
is($t->bad($t->call('anonymous', 'GET', '/users', undef, host => 'some.host:81'), 401, 'AUTHENTICATION_REQUIRED', 'with one')->{context}{url}, 'http://some.host:81/api/v1/users', 'is told');
my %ids = map { $t->bad($t->call('anonymous', 'GET', '/users'), 401, 'AUTHENTICATION_REQUIRED', 'once more')->{error_id} => 1 } 1 .. 3;
is(scalar keys %ids, 3, 'each error has an id of its own');

# Sizes: 16 MiB pass, one byte more does not.
{
	my $limit = 16 * 1024 * 1024;
	my $body = '{"instance_ids":[],"x":"';
	$body .= 'x' x ($limit - length($body) - 2) . '"}';
	is(length $body, $limit, 'a body of 16 MiB');
	$t->bad($t->call('admin', 'POST', '/tags/bulk/actions/assign', undef, body => $body, type => 'application/json', fresh => 1), 400, 'VALIDATION_ERROR', 'is read');
	$t->bad($t->call('admin', 'POST', '/tags/bulk/actions/assign', undef, body => "$body ", type => 'application/json', fresh => 1), 413, 'INVALID_REQUEST', 'one byte more is too much');
	$t->bad($t->call('anonymous', 'POST', '/tags/bulk/actions/assign', undef, body => "$body ", type => 'application/json', fresh => 1), 413, 'INVALID_REQUEST', 'for strangers too');
	my $head = "POST /api/v1/tags HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000000000\r\n\r\n";
	$t->bad($client->send($head, fresh => 1), 413, 'INVALID_REQUEST', 'a length of 100 GB is refused before the body comes');
	my $chunked = "POST /api/v1/tags HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer @{[$t->login('admin')->{access}]}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
	my $part = sprintf "%x\r\n%s\r\n", 1 << 20, 'x' x (1 << 20);
	$t->bad($client->send($chunked . $part x 18 . "0\r\n\r\n", fresh => 1), 413, 'INVALID_REQUEST', 'chunks are counted');
	my $small = '{"name":"chunked","display_name":"c","category":"c"}';
	is($client->send($chunked . join('', map { sprintf "%x\r\n%s\r\n", length, $_ } $small =~ /.{1,10}/g) . "0\r\n\r\n", fresh => 1)->{status}, 201, 'and put together');
	$t->bad($client->request('GET', '/api/v1/users?x=' . 'y' x 20000, fresh => 1), 414, 'INVALID_REQUEST', 'an endless query');
}

# Chinese in path, query and body, escaped and as it is.
my $name = '标签_测试';
is($t->call('admin', 'POST', '/tags', { name => 'han', display_name => $name, category => '环境 & co' })->{status}, 201, 'Chinese in a body');
my $sent = join '', map { sprintf '%%%02X', ord } split //, encode_utf8('测试');
is($t->call('viewer', 'GET', "/tags?search=$sent")->json->{data}{items}[0]{display_name}, $name, 'escaped in a query');
is($t->call('viewer', 'GET', '/tags?search=' . encode_utf8('测试'))->json->{data}{items}[0]{display_name}, $name, 'and as it is');
is($t->call('viewer', 'GET', '/tags?category=%E7%8E%AF%E5%A2%83+%26+co')->json->{data}{total}, 1, 'plus is a blank, %26 an ampersand');
is($t->call('viewer', 'GET', '/tags?category=%E7%8E%AF%E5%A2%83%20%26%20co&')->json->{data}{total}, 1, 'and a last & does not matter');
$t->sql(qq(insert into whalefall.tags (name, display_name, category, color) values ('中文/a b', 'x', 'c', 'info'), ('100%', 'x', 'c', 'info'), ('a+b', 'x', 'c', 'info')));
for my $case ([ '%E4%B8%AD%E6%96%87%2Fa%20b', '中文/a b' ], [ encode_utf8('中文') . '%2fa%20b', '中文/a b' ], [ '100%25', '100%' ], [ 'a+b', 'a+b' ], [ 'a%2Bb', 'a+b' ])
{
	my $answer = $t->call('viewer', 'GET', "/tags/by-name/$case->[0]");
	is(($answer->json->{data}{tag} // {})->{name}, $case->[1], 'a name in the path, plus being a plus there') or diag $answer->{body};
}
$t->bad($t->call('viewer', 'GET', '/tags/by-name/' . join '', map { sprintf '%%%02X', ord } split //, encode_utf8('没有')), 404, 'RESOURCE_NOT_FOUND', 'a name of nothing');

# Escapes that are none.
for my $bad ('%', '%4', '%zz', '%FF', '%C3%28', '%ED%A0%80', '%F5%80%80%80', '%00', 'a%00b', '%C0%AF')
{
	my $answer = $client->request('GET', "/api/v1/tags/by-name/$bad", headers => { $t->headers_of('viewer', 'GET') });
	like($answer->{status}, qr/^40[04]$/, "$bad in a path");
	$t->bad($answer, $answer->{status}, $answer->json && $answer->json->{message_code} eq 'RESOURCE_NOT_FOUND' ? 'RESOURCE_NOT_FOUND'
		: $answer->{status} == 404 ? 'INVALID_REQUEST' : $answer->json ? $answer->json->{message_code} : '', 'is an envelope');
	$t->bad($t->call('viewer', 'GET', "/tags?search=$bad"), 400, 'VALIDATION_ERROR', "search=$bad", message => qr/search/);
	is($t->call('viewer', 'GET', "/tags?unknown=$bad")->{status}, 200, "unknown=$bad is ignored like all that is unknown");
}
for my $raw ("\xff", "\xc3(", "\xed\xa0\x80", "a\x01", "\x7f\xfe")
{
	my $answer = $client->request('GET', "/api/v1/tags?search=$raw", headers => { $t->headers_of('viewer', 'GET') }, fresh => 1);
	like($answer->{status}, qr/^400$/, 'raw bytes that are no text') or diag $answer->{body};
	$t->bad($answer, 400, $answer->json->{message_code} // '', 'are an envelope',
		$answer->json->{message_code} eq 'VALIDATION_ERROR' ? () : (category => 'business', severity => 'medium'));
}

# Headers that lie: none of ours is believed when it comes from outside.
for my $spoof ([ 'X-WF-Authorization' => 'Bearer ' . $t->login('admin')->{access} ], [ 'X-WF-Session' => $t->login('admin')->{cookie} ], [ 'x-wf-session' => $t->login('admin')->{cookie} ])
{
	$t->bad($t->call('anonymous', 'GET', '/users', undef, headers => {@$spoof}), 401, 'AUTHENTICATION_REQUIRED', "$spoof->[0] is not believed");
}
for my $spoof ([ 'X-WF-Uri' => '/api/v1/health/ping' ], [ 'X-WF-Method' => 'GET' ], [ 'X-WF-Client' => '10.1.2.3' ], [ 'X-Forwarded-For' => 'nobody' ], [ 'X-Real-IP' => '10.1.2.3' ],
	[ 'X-WF-Request-Id' => 'spoofed' ], [ 'X-WF-Answer' => '1' ], [ 'Content-Profile' => 'whalefall_api' ], [ 'Accept-Profile' => 'whalefall' ], [ 'Prefer' => 'tx=rollback' ],
	[ 'Accept' => 'application/vnd.pgrst.object+json' ], [ 'Accept' => 'text/html' ], [ 'Range' => 'bytes=0-1' ], [ 'Range' => '0-1' ], [ 'Expect' => 'x' ],
	[ 'X-HTTP-Method-Override' => 'DELETE' ], [ 'Accept-Encoding' => 'br' ], [ 'If-None-Match' => '*' ], [ 'If-Modified-Since' => 'Sat, 29 Oct 2044 19:43:31 GMT' ])
{
	my $told = $t->bad($t->call('viewer', 'POST', '/users', {}, headers => {@$spoof}, fresh => 1), 403, 'PERMISSION_REQUIRED', "$spoof->[0]: $spoof->[1] changes nothing");
	is("$told->{context}{method} $told->{context}{meta}{ip_address}", 'POST 127.0.0.1', 'of what the request is') if $told->{context};
	isnt($told->{context}{request_id}, 'spoofed', 'nor its id');
	my $read = $t->call('viewer', 'GET', '/users', undef, headers => {@$spoof}, fresh => 1);
	is($read->{status}, 200, 'and of a read') or diag $read->{body};
	is(ref(($read->json // {})->{data}{items}), 'ARRAY', 'whose body is whole');
}

# The loopback is a trusted proxy: the last address it tells is the client's.
is($t->bad($t->call('anonymous', 'GET', '/users', undef, headers => { 'X-Forwarded-For' => '10.9.9.9, 10.1.2.3' }), 401, 'AUTHENTICATION_REQUIRED', 'behind a proxy')->{context}{meta}{ip_address},
	'10.1.2.3', 'the last address counts');

# Headers that are garbage.
for my $garbage ("\xff\xfe", "\xe4\xbd", 'ä', "tab\there", '"', '\\', "'; drop table users; --", '{"a":1}', 'x' x 4000, '%00', '${jndi:x}')
{
	my $bytes = encode_utf8($garbage) eq $garbage ? $garbage : $garbage =~ /^[\x00-\xff]+$/ && $garbage =~ /[\xfe\xe4]/ ? $garbage : encode_utf8($garbage);
	for my $header (qw(Authorization Cookie X-CSRFToken User-Agent Accept-Language Origin Referer Content-Type Accept X-Anything))
	{
		my $value = $header eq 'Cookie' ? "whalefall_session=$bytes" : $bytes;
		my $answer = $client->request('GET', '/api/v1/users', headers => [ $header eq 'Authorization' ? () : $t->headers_of('viewer', 'GET'), $header => $value ], fresh => 1);
		my $expected = $header eq 'Authorization' ? qr/^401$/ : qr/^(?:200|400)$/;
		like($answer->{status}, $expected, "garbage in $header") or diag unpack('H*', $bytes), ' ', $answer->{body};
		like($answer->{body}, qr/^\{"success"/, 'and an envelope of ours');
	}
}
for my $cookie ('whalefall_session', 'whalefall_session=', 'whalefall_session=;', 'a=b; whalefall_session=x; c=d', 'whalefall_session=a; whalefall_session=b', ';;;=', 'whalefall_session="x"')
{
	$t->bad($t->call('anonymous', 'GET', '/users', undef, headers => { Cookie => $cookie }), 401, 'AUTHENTICATION_REQUIRED', "cookie $cookie is nobody's");
}
for my $bearer ('Bearer', 'Bearer ', 'bearer x', 'Bearer a.b', 'Bearer a.b.c.d', 'Bearer ..', 'Bearer ' . 'a' x 7000, 'Bearer a b', 'Token x', 'Bearer x.y.z')
{
	my $answer = $t->call('anonymous', 'GET', '/users', undef, headers => { Authorization => $bearer });
	is($answer->{status}, 401, 'Authorization: ' . substr $bearer, 0, 20);
	like($answer->json->{message_code}, qr/^(?:TOKEN_INVALID|AUTHENTICATION_REQUIRED)$/, 'is no login');
}
my $many = $client->send("GET /api/v1/health/ping HTTP/1.1\r\nHost: x\r\n" . join('', map { "X-Many-$_: " . 'y' x 100 . "\r\n" } 1 .. 200) . "\r\n", fresh => 1);
like($many->{status}, qr/^(?:200|400|431)$/, 'many headers');
for my $broken ("GET /api/v1/users\r\n\r\n", "GET  /api/v1/users HTTP/1.1\r\n\r\n", "GET /api/v1/users HTTP/1.1\r\n\r\n", "GET /api/v1/users HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	"GET /api/v1/users HTTP/1.1\r\nHost x\r\n\r\n", "POST /api/v1/tags HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", "POST /api/v1/tags HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET /api/v1/users HTTP/9.9\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x00\r\n\r\n", "\r\n\r\n\r\n")
{
	my $answer = eval { $client->send($broken, fresh => 1) };
	(my $shown = $broken) =~ s/[^ -~]/./g;
	like($answer ? $answer->{status} : 'closed', qr/^(?:400|401|404|505|closed)$/, "broken request $shown");
}
is($t->call('viewer', 'GET', '/users')->{status}, 200, 'after all of that the stack serves');

done_testing;
