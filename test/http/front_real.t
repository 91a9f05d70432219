# The front before the real dispatcher: both sides agree on facts, marks, languages and limits.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX ();
use Test::More;
use Whalefall::Cluster;
use Whalefall::Front;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
binmode $_, ':utf8' for map { Test::More->builder->$_ } qw(output failure_output);
my $c = Whalefall::Cluster->new;
$c->create_extension;
my $front = Whalefall::Front->start($c);
my @keys = sort qw(success error error_id category severity message_code message timestamp recoverable suggestions context);

my $answer = $front->request('GET', '/api/v1/health/ping', { headers => { 'X-Request-ID' => 'abc' } });
is($answer->{status}, 200, 'ping') or diag $answer->{content}, $front->log;
ok($answer->{json}{success}, 'succeeds');
is($answer->{headers}{'x-request-id'}, 'abc', 'the request id comes back, once');
is($answer->{headers}{'x-wf-answer'}, undef, 'the mark stays inside');
is($answer->{headers}{'content-type'}, 'application/json; charset=utf-8', 'as JSON');
is($front->request('HEAD', '/api/v1/health/ping')->{status}, 200, 'HEAD');
$answer = $front->request('POST', '/api/v1/health/ping');
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 405, 'INVALID_REQUEST' ], 'a wrong method');
like($answer->{headers}{allow}, qr/^GET\b/, 'names the right ones');
is($front->request('PATCH', '/api/v1/health/ping')->{status}, 405, 'PATCH');
is($front->request('BREW', '/api/v1/health/ping')->{status}, 405, 'and what nobody knows');

# An error of the dispatcher and one of nginx have the same shape and the same advice, in both languages.
for my $language ('zh', 'en')
{
	my %headers = ('Accept-Language' => $language, 'User-Agent' => 'me "x"');
	my $inner = $front->request('GET', '/api/v1/nowhere?a=b', { headers => \%headers });
	my $outer = $front->request('GET', '/nowhere?a=b', { headers => \%headers });
	is_deeply([ $inner->{status}, $outer->{status} ], [ 404, 404 ], "$language: no such path");
	is_deeply([ sort keys %{ $inner->{json} } ], \@keys, "$language: eleven keys");
	is_deeply([ sort keys %{ $outer->{json} } ], \@keys, "$language: both");
	is($inner->{json}{$_}, $outer->{json}{$_}, "$language: the same $_") for qw(category severity message_code message recoverable);
	is_deeply($inner->{json}{suggestions}, $outer->{json}{suggestions}, "$language: the same suggestions");
	is($inner->{json}{context}{url}, $front->url . '/api/v1/nowhere', "$language: the url without its query");
	is($outer->{json}{context}{url}, $front->url . '/nowhere', "$language: both");
	is_deeply([ sort keys %{ $inner->{json}{context} } ], [ sort keys %{ $outer->{json}{context} } ], "$language: the same context");
}
$answer = $front->request('GET', '/api/v1/instances');
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 401, 'AUTHENTICATION_REQUIRED' ], 'nobody is logged in');
$answer = $front->raw("GET /api/v1/instances HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \xff\r\nConnection: close\r\n\r\n");
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 401, 'TOKEN_INVALID' ], 'bytes for a token');
$answer = $front->raw("GET /api/v1/instances HTTP/1.1\r\nHost: h\r\nCookie: whalefall_session=\xff\r\nConnection: close\r\n\r\n");
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 401, 'AUTHENTICATION_REQUIRED' ], 'bytes for a cookie');
my $mega = 1024 * 1024;
$answer = $front->request('POST', '/api/v1/credentials', { body => 'x' x (16 * $mega + 1) });
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 413, 'INVALID_REQUEST' ], 'above 16 MiB the dispatcher refuses');
$answer = $front->request('POST', '/api/v1/credentials', { body => 'x' x (17 * $mega - 1000) });
like("$answer->{status} $answer->{json}{message}", qr/^413 请求体过大/, 'below 17 too, in words like those of nginx');

# PostgREST holds large bodies in memory, and is given a few at a time: the rest is told to come back.
{
	my ($body, @pids, %count) = '{"name":"' . 'x' x (8 * $mega) . '"}';

	for my $n (1 .. 16)
	{
		my $pid = fork // die "fork: $!";
		push @pids, $pid;
		next if $pid;
		my $got = $front->raw("POST /api/v1/tags HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: "
			  . length($body) . "\r\n\r\n$body", 30);
		my $fits = $got->{status} == 401 || $got->{json}{message_code} eq 'RATE_LIMIT_EXCEEDED' && $got->{headers}{'retry-after'};
		POSIX::_exit($fits ? $got->{status} - 400 : 1);
	}
	for my $pid (@pids)
	{
		waitpid $pid, 0;
		$count{ ($? >> 8) + 400 }++;
	}
	cmp_ok($count{401} // 0, '>=', 4, 'of many large bodies some are served');
	cmp_ok($count{429} // 0, '>=', 1, 'others are told to come back');
	is(($count{401} // 0) + ($count{429} // 0), 16, 'in our words');
	is($front->request('GET', '/api/v1/health/ping')->{status}, 200, 'and nobody else notices');
}

# PostgREST's own interface: without a token nginx refuses, with a forged one PostgREST.
$answer = $front->request('GET', '/rest/instances');
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 401, 'AUTHENTICATION_REQUIRED' ], 'a view without a token');
$answer = $front->request('GET', '/rest/instances', { headers => { Authorization => 'Bearer a.b.c' } });
is($answer->{status}, 401, 'with a forged one');
$answer = $front->request('GET', '/rest/instances', { headers => { Authorization => 'Bearer ' . $front->token(sub => '1', pg_role => 'whalefall_admin',
	type => 'access', sid => '00000000-0000-4000-8000-000000000000', epoch => 0) } });
is($answer->{status}, 401, 'one that is signed but of no session') or diag $answer->{content};
is($answer->{json}{code}, 'PT401', 'is refused by the check');

# A person: by token, by cookie, and on PostgREST's own interface.
my $password = do { open my $file, '<', $c->dir . '/secrets/whalefall.admin_password' or die $!; <$file> };
chomp $password;
my $admin = $front->login('admin', $password);
$answer = $front->request('GET', '/api/v1/auth/me', { headers => $admin->{bearer} });
is_deeply([ $answer->{status}, $answer->{json}{data}{username} ], [ 200, 'admin' ], 'by token');
$answer = $front->request('GET', '/api/v1/auth/me', { headers => $admin->{cookie} });
is_deeply([ $answer->{status}, $answer->{json}{data}{username} ], [ 200, 'admin' ], 'by cookie');
my $tag = { name => 'front', display_name => 'Front', category => 'other' };
$answer = $front->request('POST', '/api/v1/tags', { headers => $admin->{cookie}, body => $tag });
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 403, 'CSRF_MISSING' ], 'a write by cookie alone');
$answer = $front->request('POST', '/api/v1/tags', { headers => { %{ $admin->{cookie} }, 'X-CSRFToken' => 'a b,' }, body => $tag });
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 403, 'CSRF_INVALID' ], 'with garbage for the CSRF token');
$answer = $front->request('POST', '/api/v1/tags', { headers => { %{ $admin->{cookie} }, %{ $admin->{csrf} } }, body => $tag });
is($answer->{status}, 201, 'with the CSRF token') or diag $answer->{content};
$answer = $front->request('GET', '/rest/tags?select=name&name=eq.front', { headers => $admin->{bearer} });
is_deeply([ $answer->{status}, $answer->{json} ], [ 200, [ { name => 'front' } ] ], 'a view with the token') or diag $answer->{content};
$answer = $front->request('POST', '/rest/rpc/tags_list', { headers => $admin->{bearer}, body => { search => 'front' } });
is_deeply([ $answer->{status}, $answer->{json}{total} ], [ 200, 1 ], 'a function with the token') or diag $answer->{content};
is($front->request('GET', '/rest/tags', { headers => $admin->{cookie} })->{status}, 401, 'not with the cookie');
is($front->request('GET', '/rest/tags', { headers => { Authorization => "Bearer $admin->{data}{refresh_token}" } })->{status}, 401, 'not with the refresh token');
$answer = $front->request('POST', '/rest/rpc/tags_get', { headers => $admin->{bearer}, body => { tag_id => 999 } });
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 404, 'RESOURCE_NOT_FOUND' ], 'no such row');
$answer = $front->request('POST', '/rest/rpc/tags_create', { headers => $admin->{bearer}, body => { name => '' } });
is_deeply([ $answer->{status}, $answer->{json}{code}, $answer->{json}{message} ], [ 400, 'PT400', 'invalid input' ], 'an error of a function, in its own words');
for my $scheme ('http', 'https')
{
	$answer = $front->request('POST', '/api/v1/auth/login', { headers => { 'X-Forwarded-Proto' => $scheme }, body => { username => 'admin', password => $password } });
	my ($set) = grep { /^whalefall_session=/ } ref $answer->{headers}{'set-cookie'} ? @{ $answer->{headers}{'set-cookie'} } : $answer->{headers}{'set-cookie'};
	like($set, $scheme eq 'https' ? qr/; *Secure/i : qr/^(?!.*; *Secure)/i, "the cookie over $scheme");
	like($set, qr/; *HttpOnly/i, 'is not for scripts');
}
is($front->request('POST', '/api/v1/auth/logout', { headers => $admin->{bearer} })->{status}, 200, 'logged out');
$answer = $front->request('GET', '/rest/tags', { headers => $admin->{bearer} });
is_deeply([ $answer->{status}, $answer->{json}{code} ], [ 401, 'PT401' ], 'the token has ended there too');
unlike($front->log . do { open my $file, '<', $front->run_dir . '/log/access.log' or die $!; local $/ = undef; <$file> }, qr/\Q$password\E|\Q$admin->{data}{access_token}\E|\Q$admin->{csrf}{'X-CSRFToken'}\E/,
	'no secret in the logs of nginx and PostgREST');

# Every role that PostgREST becomes has the limit.
is($c->value(q{select string_agg(substr(rolname, 11) || ' ' || array_to_string(rolconfig, ','), '; ' order by rolname) from pg_roles where rolconfig is not null and rolname like 'whalefall%' and rolname <> 'whalefall_authenticator'}),
	'admin statement_timeout=70s; anon statement_timeout=70s; gateway statement_timeout=70s; user statement_timeout=70s; viewer statement_timeout=70s',
	'70 s for every role that serves');

# While the extension is dropped and made again nothing of PostgREST's shows.
$c->query('drop extension whalefall cascade', database => 'whalefall');
$answer = $front->request('GET', '/api/v1/health/ping');
like("$answer->{status} $answer->{json}{message_code}", qr/^(?:500 INTERNAL_ERROR|503 SERVICE_UNAVAILABLE)$/, 'without the extension');
$c->query('notify pgrst', database => 'whalefall');
sleep 1;
$answer = $front->request('GET', '/api/v1/health/ping');
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 503, 'SERVICE_UNAVAILABLE' ], 'and once PostgREST knows');
$c->query('create extension whalefall cascade', database => 'whalefall');
$c->query(q(select whalefall.setup(history => 'adopt')), database => 'whalefall');
for (1 .. 50)
{
	$answer = $front->request('GET', '/api/v1/health/ping');
	last if $answer->{status} == 200;
	$c->query('notify pgrst', database => 'whalefall') if $_ == 1;
	select undef, undef, undef, 0.2;
}
is($answer->{status}, 200, 'with it again');
done_testing;
