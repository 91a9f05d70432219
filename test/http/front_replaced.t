# The front replaces what PostgREST says by itself, and passes what the dispatcher says.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Cluster;
use Whalefall::Front;
use Whalefall::StandIn;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
my $c = Whalefall::StandIn::cluster();
Whalefall::StandIn::install($c, 'whalefall');
my $front = Whalefall::Front->start($c);
my @keys = sort qw(success error error_id category severity message_code message timestamp recoverable suggestions context);

# One answer of ours: status, code and the eleven keys.
sub is_ours
{
	my ($answer, $status, $code, $name) = @_;

	is($answer->{status}, $status, "$name: status");
	is_deeply([ sort keys %{ $answer->{json} // {} } ], \@keys, "$name: the eleven keys") or diag $answer->{content};
	is($answer->{json}{message_code}, $code, "$name: code");
	unlike($answer->{content}, qr/PGRST|whalefall_http|secret text|perhaps/, "$name: nothing of PostgREST's");
	return;
}

# The dispatcher's own answers pass, body and status, each of them.
for my $status (200, 201, 202, 207, 400, 401, 403, 404, 405, 409, 413, 429, 500, 504)
{
	my $answer = $front->request('GET', "/api/v1/x?status=$status");
	is($answer->{status}, $status, "status $status passes");
	is($answer->{json}{who}, "\x{9cb8}\x{843d}", "and its body");
	is($answer->{headers}{'content-type'}, 'application/json; charset=utf-8', 'and its type');
	is($answer->{headers}{'x-wf-answer'}, undef, 'the mark stays inside');
	is($answer->{headers}{'x-accel-redirect'}, undef, 'and the way of replacing too');
}
my $answer = $front->request('GET', '/api/v1/x?status=429&cookies');
is_deeply($answer->{headers}{'set-cookie'}, [ 'a=1', 'b=2' ], 'several cookies pass');
is($answer->{headers}{'retry-after'}, '7', 'Retry-After passes, once');
is($answer->{headers}{allow}, 'GET', 'Allow passes, once');
is($answer->{headers}{'content-disposition'}, 'attachment; filename=x.csv', 'Content-Disposition passes');
is($answer->{headers}{'cache-control'}, 'max-age=5', 'a Cache-Control of the dispatcher wins');
like($answer->{headers}{'x-request-id'}, qr/^req_[0-9a-f]{32}$/, 'X-Request-ID is ours, once');
$answer = $front->request('GET', '/api/v1/x?bytes=100');
is($answer->{headers}{'content-type'}, 'text/csv; charset=utf-8', 'another content type passes');
is($answer->{headers}{'cache-control'}, 'no-store', 'otherwise nothing may be stored');
is(length $answer->{content}, 100, 'with its body');
$answer = $front->request('GET', '/api/v1/x?bytes=20000000');
is(length $answer->{content}, 20_000_000, 'an answer of 20 MB arrives whole');

# Without the mark.
my %instead = (200 => [ 500, 'INTERNAL_ERROR' ], 400 => [ 500, 'INTERNAL_ERROR' ], 401 => [ 503, 'SERVICE_UNAVAILABLE' ],
	403 => [ 503, 'SERVICE_UNAVAILABLE' ], 404 => [ 503, 'SERVICE_UNAVAILABLE' ], 500 => [ 500, 'INTERNAL_ERROR' ],
	504 => [ 504, 'TIMEOUT' ]);
for my $status (sort keys %instead)
{
	is_ours($front->request('GET', "/api/v1/x?status=$status&unmarked"), @{ $instead{$status} }, "unmarked $status");
}
is_ours($front->request('GET', '/api/v1/x?raise=42501'), 503, 'SERVICE_UNAVAILABLE', 'an error that escapes, 42501');
is_ours($front->request('GET', '/api/v1/x?raise=22012'), 500, 'INTERNAL_ERROR', 'an error that escapes, 22012');
is_ours($front->request('GET', '/api/v1/x?raise=0A000'), 500, 'INTERNAL_ERROR', 'an error that escapes, 0A000');
is_ours($front->request('GET', '/api/v1/x?sleep=4'), 500, 'INTERNAL_ERROR', 'the statement timeout of the gateway');
is($front->request('HEAD', '/api/v1/x?status=404&unmarked')->{status}, 503, 'HEAD too');

# The function is not there, then a grant is missing: the extension is being installed or updated.
$c->query('alter function whalefall_http.dispatch rename to gone', database => 'whalefall');
is_ours($front->request('GET', '/api/v1/x'), 503, 'SERVICE_UNAVAILABLE', 'no function');
$c->query('notify pgrst', database => 'whalefall');
sleep 1;
is_ours($front->request('GET', '/api/v1/x'), 503, 'SERVICE_UNAVAILABLE', 'no function, and PostgREST knows it');
$c->query('alter function whalefall_http.gone rename to dispatch; notify pgrst', database => 'whalefall');
sleep 1;
is($front->request('GET', '/api/v1/x')->{status}, 200, 'it is back');
$c->query('revoke execute on function whalefall_http.dispatch from whalefall_gateway', database => 'whalefall');
$answer = $front->request('GET', '/api/v1/x');
is_ours($answer, 503, 'SERVICE_UNAVAILABLE', 'no grant');
is($answer->{headers}{'retry-after'}, '2', 'with Retry-After');
is($answer->{headers}{'www-authenticate'}, undef, 'and no challenge');
is($answer->{headers}{'content-type'}, 'application/json; charset=utf-8', 'as JSON');
done_testing;
