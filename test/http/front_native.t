# PostgREST's own interface below /rest: Bearer only, functions and views of one schema, no guesses in errors.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Front;
use Whalefall::StandIn;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
my $c = Whalefall::StandIn::cluster();
Whalefall::StandIn::install($c, 'whalefall');
my $front = Whalefall::Front->start($c);
my %viewer = (sub => '1', pg_role => 'whalefall_viewer');
my $bearer = { Authorization => 'Bearer ' . $front->token(%viewer) };

sub get
{
	my ($path, %headers) = @_;

	return $front->request('GET', $path, { headers => { %$bearer, %headers } });
}

# Functions.
my $answer = get('/rest/rpc/echo?value=a%20b&n=5');
is($answer->{status}, 200, 'a function by GET');
is_deeply([ @{ $answer->{json} }{qw(value n role)} ], [ 'a b', 5, 'whalefall_viewer' ], 'its arguments, and the role of the token');
$answer = $front->request('POST', '/rest/rpc/echo', { headers => $bearer, body => { value => "\x{9cb8}", n => 7 } });
is_deeply([ $answer->{status}, @{ $answer->{json} }{qw(value n)} ], [ 200, "\x{9cb8}", 7 ], 'a function by POST');
is($front->request('HEAD', '/rest/rpc/echo', { headers => $bearer })->{status}, 200, 'and by HEAD');
my %facts = %{ $answer->{json}{headers} };
is_deeply([ sort keys %facts ], [ sort qw(accept authorization content-length content-type host x-wf-agent x-wf-client x-wf-host x-wf-method x-wf-request-id
	  x-wf-scheme x-wf-uri) ], 'the facts that its check gets, and nothing else');
is_deeply([ @facts{qw(x-wf-method x-wf-uri x-wf-client)} ], [ 'POST', '/rest/rpc/echo', '127.0.0.1' ], 'of this request');
like($answer->{headers}{'x-request-id'}, qr/^req_[0-9a-f]{32}$/, 'with a request id');
is($answer->{headers}{'cache-control'}, 'no-store', 'not stored');
is($answer->{headers}{'content-profile'}, undef, 'no profile');
for my $method (qw(PUT PATCH DELETE OPTIONS BREW))
{
	$answer = $front->request($method, '/rest/rpc/echo', { headers => $bearer });
	is_deeply([ $answer->{status}, $answer->{headers}{allow}, $answer->{json}{message_code} ], [ 405, 'GET, HEAD, POST', 'INVALID_REQUEST' ],
		"$method of a function");
}

# Views.
$answer = get('/rest/things?select=id,name&id=gt.10&order=id.desc&limit=2');
is_deeply($answer->{json}, [ { id => 1500, name => 'thing 1500' }, { id => 1499, name => 'thing 1499' } ], 'rows of a view');
$answer = get('/rest/things', Prefer => 'count=exact', Range => '0-4', 'Range-Unit' => 'items');
is_deeply([ $answer->{status}, $answer->{headers}{'content-range'}, scalar @{ $answer->{json} } ], [ 206, '0-4/1500', 5 ], 'a range of it, counted');
is($answer->{headers}{'content-location'}, undef, 'no path of the inside');
is(scalar @{ get('/rest/things')->{json} }, 1000, 'at most 1000 rows');
$answer = $front->request('HEAD', '/rest/things?id=eq.1', { headers => { %$bearer, Prefer => 'count=exact' } });
is_deeply([ $answer->{status}, $answer->{headers}{'content-range'} ], [ 200, '0-0/1' ], 'HEAD');
is(get('/rest/things?id=eq.1', Accept => 'text/csv')->{content}, qq{id,name,made\n1,"thing 1","2026-01-01 00:00:00+00"}, 'as CSV');
is(get('/rest/things?id=eq.1', Accept => 'text/html,application/xhtml+xml,*/*;q=0.8')->{headers}{'content-type'}, 'application/json; charset=utf-8',
	'a browser gets JSON');
is(get('/rest/things?id=eq.1', Accept => 'application/vnd.pgrst.object+json')->{json}{id}, 1, 'one row as an object');
is($front->raw("GET /rest/things?id=eq.1 HTTP/1.1\r\nHost: h\r\nAccept: \xff\r\nPrefer: \xff\r\nRange: \xff\r\nRange-Unit: \xff\r\nContent-Type: \xff\r\n"
	. "Authorization: $bearer->{Authorization}\r\nConnection: close\r\n\r\n")->{status}, 200, 'bytes in its headers are dropped');
is($front->raw("GET /rest/things?id=eq.\xff HTTP/1.1\r\nHost: h\r\nAuthorization: $bearer->{Authorization}\r\nConnection: close\r\n\r\n")->{status},
	400, 'bytes in the query are refused');
for my $method (qw(POST PUT PATCH DELETE OPTIONS))
{
	$answer = $front->request($method, '/rest/things', { headers => $bearer, body => '{"id":0}' });
	is_deeply([ $answer->{status}, $answer->{headers}{allow} ], [ 405, 'GET, HEAD' ], "$method of a view");
}
is($c->value('select count(*) from whalefall_api.things', database => 'whalefall'), '1500', 'nothing was written');

# Other schemas, whatever is asked.
for my $header ('Accept-Profile', 'Content-Profile')
{
	is(get('/rest/rpc/echo', $header => 'whalefall_http')->{status}, 200, "$header is not passed on");
	$answer = $front->request('POST', '/rest/rpc/dispatch', { headers => { %$bearer, $header => 'whalefall_http' }, body => '{}' });
	is($answer->{status}, 404, 'so the dispatcher is not there');
}
is(get($_)->{status}, 404, "$_ is not there") for '/rest/rpc/dispatch', '/rest/rpc/check_request', '/rest/rpc/pg_sleep', '/rest/pg_class', '/rest/rpc';

# Who may.
my $now = time;
my @refused = (
	[ 'no token', undef ], [ 'an empty one', '' ], [ 'Basic', 'Basic YTpi' ], [ 'bytes', "Bearer \xff" ], [ 'no token after Bearer', 'Bearer ' ],
	[ 'two tokens', 'Bearer a b' ], [ 'a cookie', undef, { Cookie => 'whalefall_session=abc' } ]);
for my $case (@refused)
{
	my ($name, $value, $more) = @$case;
	my $lines = join '', map { "$_->[0]: $_->[1]\r\n" } (defined $value ? [ 'Authorization', $value ] : ()), map { [ $_, $more->{$_} ] } keys %{ $more // {} };
	$answer = $front->raw("GET /rest/things HTTP/1.1\r\nHost: h\r\n${lines}Connection: close\r\n\r\n");
	is_deeply([ $answer->{status}, $answer->{json}{message_code}, $answer->{headers}{'www-authenticate'} ], [ 401, 'AUTHENTICATION_REQUIRED', 'Bearer' ], $name);
}
my $good = $front->token(%viewer);
(my $forged = $good) =~ s/\.[^.]*$/.AAAA/;
my ($payload) = $good =~ /\.([^.]*)\./;
for my $case ([ 'a forged token', $forged ], [ 'no signature', "eyJhbGciOiJub25lIn0.$payload." ], [ 'garbage', 'abc' ],
	[ 'an expired one', $front->token(%viewer, exp => $now - 60) ], [ 'another audience', $front->token(%viewer, aud => 'other') ],
	[ 'one from the future', $front->token(%viewer, nbf => $now + 600) ])
{
	$answer = $front->request('GET', '/rest/things', { headers => { Authorization => "Bearer $case->[1]" } });
	is($answer->{status}, 401, $case->[0]);
}
$answer = get('/rest/things', Authorization => 'bearer ' . $good);
is($answer->{status}, 200, 'the word Bearer in any case');
$answer = $front->request('GET', '/rest/things', { headers => { Authorization => 'Bearer ' . $front->token(%viewer, sid => 'revoked') } });
is_deeply($answer->{json}, { code => 'PT401', message => 'the token is not valid', details => 'It was revoked.', hint => 'Log in.' },
	'the check before each request refuses in its own words');
is($answer->{status}, 401, 'with its own status');
is($front->request('GET', '/rest/things', { headers => { Authorization => 'Bearer ' . $front->token(sub => '1') } })->{status}, 401,
	'a token without a role may nothing');
is($front->request('GET', '/rest/things', { headers => { Authorization => 'Bearer ' . $front->token(sub => '1', pg_role => 'postgres') } })->{status}, 403,
	'nor one with a foreign role');

# Errors: those of the database pass, guesses do not.
$answer = get('/rest/rpc/refuse?code=PT409');
is_deeply([ $answer->{status}, $answer->{json} ], [ 409, { code => 'PT409', message => 'invalid input', details => 'Field x.', hint => 'Correct it.' } ], 'an error of ours');
is(get('/rest/rpc/forbidden')->{json}{code}, '42501', 'a function without a grant');
is(get('/rest/hidden')->{json}{code}, '42501', 'a table without a grant');
for my $path ('/rest/rpc/ech', '/rest/rpc/echo?valu=1', '/rest/thing', '/rest/rpc/refuse?code=PT404')
{
	$answer = get($path);
	is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 404, 'RESOURCE_NOT_FOUND' ], "$path: not found");
	delete $answer->{json}{context}{url};
	unlike(JSON::PP::encode_json($answer->{json}), qr/echo|refuse"|things|PGRST|Perhaps/, 'without a guess');
}
$answer = get('/rest/rpc/refuse?code=58000');
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 500, 'INTERNAL_ERROR' ], 'what is no fault of the client is not shown');
unlike($answer->{content}, qr/invalid input|Field x/, 'at all');
done_testing;
