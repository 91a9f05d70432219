# Forged requests: what each write does with a session cookie and no token, a wrong one, one of another session, one in
# the wrong place, one past its end; and that Bearer calls and reads need none.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";
use Test::More;
use Contract;

my $t = Contract->start;
my $admin = $t->login('admin');
my $other = $t->log_in('test_admin');
my %cookie = (Cookie => "whalefall_session=$admin->{cookie}");
my $attempts = 0;
my (%seen, %tested);
my @rows = Contract->table('access.tsv');
my $instance = $t->sql("select whalefall_api.instances_create('i', 'postgresql', '127.0.0.1', 1, is_active => false) #>> '{instance,id}'");

# A token to try with: the right one, with its last character replaced by another of the same alphabet.
sub damaged
{
	my ($token) = @_;

	substr($token, -1) = substr($token, -1) eq 'A' ? 'B' : 'A';
	return $token;
}

isnt($admin->{csrf}, $other->{csrf}, 'two sessions have two tokens');
isnt($admin->{cookie}, $other->{cookie}, 'and two cookies');

# One probe per operation, and only of requests that change nothing: the first row of the table.
for my $row (grep { $_->{method} ne 'GET' && !$seen{ $_->{operation} . $_->{note} }++ } @rows)
{
	my ($method, $path) = @$row{qw(method path)};
	my $what = "$method $path";
	my ($status, $code) = split / /, $row->{admin};
	my $send = sub {
		my ($headers, $more, $query) = @_;
		my $body = $row->{body} eq '-' ? $more // '' : $more ? $more : $row->{body};
		$body =~ s/\{instance\}/$instance/g;
		# Attempts to change a password are counted by address, before CSRF: each comes from another one.
		my $address = '10.0.' . (int $attempts / 250) . '.' . (1 + $attempts++ % 250);
		return $t->call({ %cookie, 'X-Forwarded-For' => $address, %$headers }, $method, $path . ($query // ''), undef, body => $body, type => 'application/json');
	};

	next if $path =~ /\{/;
	if ($row->{operation} eq 'auth_refresh')
	{
		$t->bad($send->({}), 401, 'AUTHENTICATION_REQUIRED', "$what: a cookie is no refresh token, and no CSRF error");
		next;
	}
	$tested{ $row->{operation} } = 1;
	is($row->{csrf}, 'yes', "$what is a write and so guarded");
	$t->bad($send->({}), 403, 'CSRF_MISSING', "$what: no token");
	$t->bad($send->({ 'X-CSRFToken' => '' }), 403, 'CSRF_MISSING', "$what: an empty token");
	$t->bad($send->({}, qq({"csrf_token":"$admin->{csrf}","X-CSRFToken":"$admin->{csrf}"})), 403, 'CSRF_MISSING', "$what: the token in the body");
	$t->bad($send->({}, undef, "?csrf_token=$admin->{csrf}"), 403, 'CSRF_MISSING', "$what: the token in the query");
	$t->bad($send->({ 'X-CSRFToken' => 'x' }), 403, 'CSRF_INVALID', "$what: no token at all");
	$t->bad($send->({ 'X-CSRFToken' => damaged($admin->{csrf}) }), 403, 'CSRF_INVALID', "$what: a damaged token");
	$t->bad($send->({ 'X-CSRFToken' => $other->{csrf} }), 403, 'CSRF_INVALID', "$what: the token of another session");
	next if $row->{operation} eq 'auth_logout';

	my $answer = $send->({ 'X-CSRFToken' => $admin->{csrf} });
	$status =~ /^2/ ? is($answer->{status}, $status, "$what: the right token lets it in") || diag $answer->{body}
	  : $t->bad($answer, $status, $code, "$what: the right token lets it in, to be told $code");
}
is(join(' ', grep { !$tested{$_} } map { $_->{csrf} eq 'yes' ? $_->{operation} : () } @rows), '', 'those were all writes');

# Authentication and permission come first.
$t->bad($t->call({ Cookie => 'whalefall_session=nobody' }, 'POST', '/tags', {}), 401, 'AUTHENTICATION_REQUIRED', 'a cookie of nobody is 401, not CSRF');
$t->bad($t->call({ Cookie => 'whalefall_session=' . $t->login('viewer')->{cookie} }, 'POST', '/tags', {}), 403, 'PERMISSION_REQUIRED',
	'who may not write is told that, not CSRF');
$t->bad($t->call({ %cookie }, 'POST', '/tags', undef, body => '{', type => 'application/json'), 403, 'CSRF_MISSING', 'CSRF before the body is read');

# Reads are free, also a HEAD.
is($t->call({%cookie}, 'GET', '/users')->{status}, 200, 'a read takes no token');
is($t->call({%cookie}, 'HEAD', '/users')->{status}, 200, 'nor does HEAD');

# The header decides when both are sent.
is($t->call({ %cookie, Authorization => "Bearer $admin->{access}" }, 'POST', '/cache/actions/clear-classification', {})->{status}, 200,
	'a Bearer call takes no token, cookie or not');
$t->bad($t->call({ %cookie, 'X-CSRFToken' => $admin->{csrf}, Authorization => 'Bearer nonsense' }, 'POST', '/cache/actions/clear-classification', {}),
	401, 'TOKEN_INVALID', 'a bad header is 401 even with a good cookie');
$t->bad($t->call({ %cookie, Authorization => 'Basic Zm9vOmJhcg==' }, 'GET', '/users'), 401, 'TOKEN_INVALID',
	'a header of another kind is no login');

# From an anonymous cookie through the login: the token lives on (check 3).
{
	my $fresh = $t->call('anonymous', 'GET', '/auth/csrf-token');
	my $data = $t->good($fresh, 200, 'a token for nobody yet', { csrf_token => qr/^[\x21-\x7e]{20,}$/ }, '操作成功');
	my ($cookie, @attributes) = $fresh->cookie('whalefall_session');
	my %before = (Cookie => "whalefall_session=$cookie");
	my %person = (username => 'test_admin', password => $Contract::PASSWORD);

	is($fresh->header('Cache-Control'), 'no-store', 'is not to be stored');
	ok(length $cookie >= 22, 'the anonymous cookie has 128 bits at least') or diag $cookie;
	is(scalar(grep { /^(?:Path=\/|HttpOnly|SameSite=Lax)$/i } @attributes), 3, 'the cookie is HttpOnly and Lax') or diag "@attributes";
	is(scalar(grep { /^Secure$/i } @attributes), 0, 'and not Secure over http');

	$t->bad($t->call({%before}, 'POST', '/auth/login', {%person}), 403, 'CSRF_MISSING', 'a login with a cookie takes a token');
	$t->bad($t->call({ %before, 'X-CSRFToken' => $admin->{csrf} }, 'POST', '/auth/login', {%person}), 403, 'CSRF_INVALID', 'one of its own');
	my $in = $t->call({ %before, 'X-CSRFToken' => $data->{csrf_token} }, 'POST', '/auth/login', {%person});
	is($in->{status}, 200, 'with it the login works') or diag $in->{body};
	my $inside = $in->cookie('whalefall_session');
	isnt($inside, $cookie, 'and gives a new cookie');
	is($t->call({ Cookie => "whalefall_session=$inside", 'X-CSRFToken' => $data->{csrf_token} }, 'POST', '/tags',
		{ name => 'early', display_name => 'Early', category => 'c' })->{status}, 201, 'the token from before the login still works after it');
	is($t->call({ Cookie => "whalefall_session=$inside", 'X-CSRFToken' => $in->json->{data}{csrf_token} }, 'POST', '/tags',
		{ name => 'late', display_name => 'Late', category => 'c' })->{status}, 201, 'and so does the one the login gave');
	$t->bad($t->call({ %before, 'X-CSRFToken' => $data->{csrf_token} }, 'GET', '/users'), 401, 'AUTHENTICATION_REQUIRED',
		'the cookie from before the login is nobody still');

	my $again = $t->call({ Cookie => "whalefall_session=$inside" }, 'GET', '/auth/csrf-token');
	my $second = $t->good($again, 200, 'another token for the session', { csrf_token => 'str' })->{csrf_token};
	is(scalar($again->cookie('whalefall_session')), undef, 'sets no cookie, there is one');
	is($t->call({ Cookie => "whalefall_session=$inside", 'X-CSRFToken' => $_ }, 'POST', '/cache/actions/clear-classification', {})->{status}, 200,
		'several tokens are good at once') for $second, $data->{csrf_token};
	is($t->call({%before}, 'GET', '/auth/csrf-token')->{status}, 200, 'an anonymous cookie gets further tokens');
}

# Login without any cookie, and Bearer from then on (check 4).
{
	my $in = $t->log_in('test_admin');
	my %bearer = (Authorization => "Bearer $in->{access}");

	is($t->call({%bearer}, 'POST', '/tags', { name => 'plain', display_name => 'P', category => 'c' })->{status}, 201, 'a Bearer write needs no cookie and no token');
	is($t->call({%bearer}, 'POST', '/auth/logout')->{status}, 200, 'nor does its logout');
	$t->bad($t->call({%bearer}, 'GET', '/auth/me'), 401, 'TOKEN_INVALID', 'which ends the token');
	$t->bad($t->call({ Cookie => "whalefall_session=$in->{cookie}" }, 'GET', '/auth/me'), 401, 'AUTHENTICATION_REQUIRED', 'and the cookie of the same login');
	$t->bad($t->call({ Authorization => "Bearer $in->{refresh}" }, 'POST', '/auth/refresh'), 401, 'TOKEN_INVALID', 'and its refresh token');
}

# Past its end: 3600 s for the token, the session lives on.
my $answer;
$t->set_clock(3590);
is($t->call({ %cookie, 'X-CSRFToken' => $admin->{csrf} }, 'POST', '/cache/actions/clear-classification', {})->{status}, 200, 'a token of 59 minutes is good');
$t->set_clock(3700);
$t->bad($t->call({ %cookie, 'X-CSRFToken' => $admin->{csrf} }, 'POST', '/cache/actions/clear-classification', {}), 403, 'CSRF_INVALID', 'one of more than an hour is not');
$answer = $t->call({%cookie}, 'GET', '/auth/csrf-token');
is($t->call({ %cookie, 'X-CSRFToken' => $answer->json->{data}{csrf_token} }, 'POST', '/cache/actions/clear-classification', {})->{status}, 200, 'a new one is');
$t->bad($t->call('admin', 'GET', '/users'), 401, 'TOKEN_EXPIRED', 'the access token has ended by then');
$t->set_clock(604700);
is($t->call({%cookie}, 'GET', '/users')->{status}, 200, 'the session lives almost seven days');
$t->set_clock(604900);
$t->bad($t->call({%cookie}, 'GET', '/users'), 401, 'AUTHENTICATION_REQUIRED', 'and not longer, used or not');
$t->set_clock(undef);
is($t->call({%cookie}, 'GET', '/users')->{status}, 200, 'back at the true time');

done_testing;
