# Who gets what on which route: every row of access.tsv, sent by seven callers; and that the table is whole, follows
# from the permissions of the routes, and is what the database grants.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";
use Test::More;
use Contract;

my $t = Contract->start;
my @rows = Contract->table('access.tsv');
my @callers = qw(anonymous viewer user admin expired revoked refresh);

# Rows that the requests name.
my %id = (
	user => $t->person('test_viewer'),
	credential => $t->sql("select whalefall_api.credentials_create('one', 'database', 'monitor', 'Mon1tor-p4ss', 'postgresql') #>> '{credential,id}'"),
	credential2 => $t->sql("select whalefall_api.credentials_create('two', 'database', 'monitor', 'Mon1tor-p4ss', 'postgresql') #>> '{credential,id}'"),
	tag => $t->sql("select whalefall_api.tags_create('seen', 'Seen', 'kind') #>> '{tag,id}'"),
	tagname => 'seen');
# Inactive, so that no sync of the fleet finds anything to do.
$id{instance} = $t->sql("select whalefall_api.instances_create('with-login', 'postgresql', '127.0.0.1', 1, is_active => false, credential_id => $id{credential}) #>> '{instance,id}'");
$id{mysql} = $t->sql("select whalefall_api.instances_create('with-login-2', 'mysql', '127.0.0.1', 1, is_active => false, credential_id => $id{credential}) #>> '{instance,id}'");
$id{bare} = $t->sql("select whalefall_api.instances_create('without-login', 'postgresql', '127.0.0.1', 1, is_active => false) #>> '{instance,id}'");

# The rule behind the table: which roles a permission lets pass, and what the others get.
my %lowest = (anon => 0, login => 1, view => 1, scheduler_view => 1, update => 2, create => 3, delete => 3, admin => 3, scheduler_manage => 3);
my %rank = (viewer => 1, user => 2, admin => 3);

for my $row (@rows)
{
	my $what = "line $row->{line}: $row->{operation}";
	my $lowest = $lowest{ $row->{permission} };
	my %refused = (anonymous => '401 AUTHENTICATION_REQUIRED', expired => '401 TOKEN_EXPIRED', revoked => '401 TOKEN_INVALID',
		refresh => '401 TOKEN_INVALID');
	$refused{$_} = '403 PERMISSION_REQUIRED' for grep { $rank{$_} < ($lowest // 9) } keys %rank;
	my @off = grep { $lowest && $refused{$_} ? $row->{$_} ne $refused{$_} : $row->{$_} =~ /^40[13]/ } @callers;

	if ($row->{note} eq '' || $row->{note} eq 'alias')
	{
		is("@off", '', "$what follows from the permission $row->{permission}");
	}
	else
	{
		cmp_ok(scalar @off, '>', 0, "$what differs from what the permission says, and has a note");
	}
	is(scalar(grep { $_ !~ /^\d{3}(?: [A-Z_]+)?$/ || /^2/ && / / || /^[45]/ && !/ / } @$row{@callers}), 0, "$what has cells of the right form");
}

# The table and the served routes name each other.
sub pattern
{
	my ($path) = @_;

	$path =~ s/\{\w+\}|999999999|00000000-0000-4000-8000-000000000000/*/g;
	return $path;
}
my %served = map { ("$_->[0] " . pattern($_->[1]) => $_) } $t->{cluster}->rows(
	'select method, path, operation, permission, csrf from whalefall_http.routes', database => $Contract::DATABASE);
my %named = map { ("$_->{method} " . pattern("/api/v1$_->{path}") => $_) } @rows;
my %operations = map { $_ => 1 } split /\n/, $t->sql(
	"select proname from pg_proc where pronamespace = 'whalefall_api'::regnamespace");
delete @served{ grep { !$operations{ $served{$_}[2] } } keys %served };
is(join(', ', grep { !$named{$_} } sort keys %served), '', 'every served route is in the table');
is(join(', ', grep { !$served{$_} } sort keys %named), '', 'every route of the table is served');
for my $key (grep { $served{$_} } sort keys %named)
{
	is(join(' ', @$_{qw(operation permission csrf)}), join(' ', @{ $served{$key} }[ 2, 3 ], $served{$key}[4] eq 't' ? 'yes' : 'no'),
		"$key: operation, permission and CSRF") for $named{$key};
}

# Tokens that are no good: signed by the server's own key, so that nothing but their one fault speaks against them.
my $now = time;
my $claims = $t->claims($t->login('admin')->{access});
my $ended = $t->log_in('test_admin');
is($t->call({ Authorization => "Bearer $ended->{access}" }, 'POST', '/auth/logout')->{status}, 200, 'a login is ended');
my %bearer = (
	expired => $t->sign_token({ %$claims, iat => $now - 7200, nbf => $now - 7200, exp => $now - 1 }),
	revoked => $ended->{access},
	refresh => $t->login('admin')->{refresh});
is($t->call({ Authorization => 'Bearer ' . $t->sign_token($claims) }, 'GET', '/auth/me')->{status}, 200, 'tokens are signed here as there');

for my $row (@rows)
{
	my ($path, $body) = map { (my $text = $_) =~ s/\{(\w+)\}/exists $id{$1} ? $id{$1} : "{$1}"/ge; $text } @$row{qw(path body)};

	for my $caller (@callers)
	{
		my ($status, $code) = split / /, $row->{$caller};
		my $who = $rank{$caller} || $caller eq 'anonymous' ? $caller : { Authorization => "Bearer $bearer{$caller}" };
		my $name = "$caller: $row->{method} $path" . ($body eq '-' ? '' : " $body");

		# A logout that succeeds ends the login: one of its own then.
		$who = { Authorization => 'Bearer ' . $t->log_in("test_$caller")->{access} }
		  if $row->{operation} eq 'auth_logout' && $rank{$caller};
		my $answer = $t->call($who, $row->{method}, $path, undef,
			$body eq '-' ? () : (body => $body, type => 'application/json'));

		$status =~ /^2/ ? is($answer->{status}, $status, "$name is $status") || diag($answer->{body})
		  : $t->bad($answer, $status, $code, "$name is $status $code");
	}
}

# A role that PostgREST's own way would give is the same one: grants decide, in one place.
my %granted = map { $_->[0] => $_->[1] } $t->{cluster}->rows(q(
	select p.proname, case when has_function_privilege('whalefall_anon', p.oid, 'execute') then 0
		when has_function_privilege('whalefall_viewer', p.oid, 'execute') then 1
		when has_function_privilege('whalefall_user', p.oid, 'execute') then 2
		when has_function_privilege('whalefall_admin', p.oid, 'execute') then 3 else 9 end
	from pg_proc p where p.pronamespace = 'whalefall_api'::regnamespace), database => $Contract::DATABASE);
my %wanted = map { $_->{operation} => $lowest{ $_->{permission} } } @rows;
is($granted{$_} // 'no such function', $wanted{$_}, "$_ is granted to the lowest role that may call it") for sort keys %wanted;

# Disabled and deleted people are refused at once, whatever they carry (check 8).
for my $fate ([ 'is disabled', "update whalefall.users set is_active = false where username = 'test_gone'" ],
	[ 'is deleted', "delete from whalefall.users where username = 'test_gone'" ])
{
	$t->add_person('test_gone', 'viewer');
	my $login = $t->log_in('test_gone');
	my @carriers = ({ Authorization => "Bearer $login->{access}" }, { Cookie => "whalefall_session=$login->{cookie}" });

	is($t->call($_, 'GET', '/users')->{status}, 200, 'somebody is let in before he ' . $fate->[0]) for @carriers;
	$t->sql($fate->[1]);
	$t->bad($t->call($_, 'GET', '/users'), 401, 'AUTHENTICATION_REQUIRED', 'and not after he ' . $fate->[0]) for @carriers;
	$t->bad($t->call({ Authorization => "Bearer $login->{refresh}" }, 'POST', '/auth/refresh'),
		$fate->[0] =~ /deleted/ ? (401, 'TOKEN_INVALID') : (403, 'ACCOUNT_DISABLED'), 'his refresh token is refused too');
	$t->sql("delete from whalefall.users where username = 'test_gone'");
}

done_testing;
