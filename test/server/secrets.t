# Canary: passwords are stored, changed, refused and mistyped in every way there is; afterwards no log, view,
# dump or statistic holds one, in any form. First the search proves that it finds what was planted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MIME::Base64 qw(encode_base64);
use Test::More;
use Whalefall::Cluster;

my $db = 'whalefall';
# Characters that every encoding changes: the search must know all forms.
my $canary = 'CANARY-7f3a"b\\c/d&e+f é-bird';

# All forms in which the text may appear. Base64 in its three alignments: the characters that depend on
# neighbours are cut off.
sub forms
{
	my ($text) = @_;
	utf8::decode(my $wide = $text);
	my %forms = (plain => $text, hex => unpack('H*', $text), HEX => uc unpack('H*', $text));

	for my $shift (0 .. 2)
	{
		my $coded = encode_base64(('x' x $shift) . $text, '');

		$coded =~ s/=+$//;
		$coded = substr $coded, (0, 2, 3)[$shift];
		$forms{"base64 $shift"} = substr $coded, 0, -2;
		($forms{"base64url $shift"} = $forms{"base64 $shift"}) =~ tr{+/}{-_};
	}
	($forms{url} = $text) =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ge;
	($forms{'url lower'} = $forms{url}) =~ s/(%..)/lc $1/ge;
	($forms{form} = $forms{url}) =~ s/%20/+/g;
	($forms{json} = $text) =~ s{(["\\])}{\\$1}g;
	($forms{'json slash'} = $forms{json}) =~ s{/}{\\/}g;
	$forms{'json ascii'} = join '', map { $_ =~ /["\\]/ ? "\\$_" : ord $_ > 126 ? sprintf '\\u%04x', ord $_ : $_ } split //, $wide;
	($forms{sql} = $text) =~ s/'/''/g;
	($forms{copy} = $text) =~ s/\\/\\\\/g;
	# A message may be cut: the beginning alone counts.
	$forms{beginning} = substr $text, 0, 11;
	return \%forms;
}

my $forms = forms($canary);

# Names of the forms that a text holds.
sub found
{
	my ($haystack) = @_;

	return join ', ', sort grep { index($haystack, $forms->{$_}) >= 0 } keys %$forms;
}

# The search finds what is planted -------------------------------------------------------------------------
for my $form (sort keys %$forms)
{
	like(found("before $forms->{$form} after"), qr/(?:^|, )\Q$form\E(?:,|$)/, "the search finds the form $form");
}
like(found(encode_base64("ab$canary", '')), qr/base64 2/, 'inside other base64 too');
like(found(encode_base64("a$canary and more", '')), qr/base64 1/, 'in the middle of other base64 too');
is(found('CANAR'), '', 'and nothing else');

my $c = Whalefall::Cluster->new(
	settings => {
		log_statement => 'all', log_parameter_max_length => -1, log_parameter_max_length_on_error => -1,
		log_min_messages => 'debug2', log_min_error_statement => 'debug5', log_error_verbosity => 'verbose',
		log_duration => 'on', log_connections => 'on', track_activity_query_size => 65536,
		shared_preload_libraries => 'whalefall,pg_stat_statements', 'pg_stat_statements.track' => 'all' },
	env => { WHALEFALL_TESTING => 1 });
$c->create_extension(also => ['pg_stat_statements']);

# The same, with a real log: what is typed as a literal is found there. (Another word: the log keeps it.)
my $typed = 'TYPED-9c1d-in-a-literal';
$c->query("select '$typed'", database => $db);
isnt(index($c->log_contents, $typed), -1, 'a literal is found in the server log');
$c->query(q(do $$ begin raise log 'planted %', encode('TYPED-9c1d-in-a-literal', 'hex'); end $$), database => $db);
isnt(index($c->log_contents, unpack 'H*', $typed), -1, 'and so is its hex form');

# Storing passwords ----------------------------------------------------------------------------------------
my $all_said = '';

# One \copy of rows from a script, which psql reads them from; gives what psql said. Options: before (SQL), with
# (options of COPY), user, table.
sub copy_in
{
	my ($columns, $rows, %opt) = @_;
	my $script = $c->dir . '/copy.sql';
	my $table = $opt{table} // 'whalefall_api.credential_input';

	open my $out, '>:raw', $script or die $!;
	print {$out} $opt{before} // '', "\\copy $table ($columns) from stdin", $opt{with} // '', "\n", $rows, "\\.\n";
	close $out;
	chmod 0644, $script;
	my $said = $c->psql('', database => $db, psql => [ '-f', $script ], user => $opt{user} // 'postgres');
	$all_said .= $said->{stdout} . $said->{stderr} if !$opt{table};
	return $said;
}

# What would happen without us: COPY into an ordinary table repeats the line.
$c->query('create table public.plain(name text, password text)', database => $db);
like(copy_in('name, password', "x\t$typed\textra\n", table => 'public.plain')->{stderr}, qr/CONTEXT:  COPY plain, line 1: "x\t$typed/,
	'COPY into another table shows its input');

my $columns = 'name, credential_type, db_type, username, password, description';
my $row = join "\t", 'first', 'database', 'pg', 'monitor', $forms->{copy}, 'by copy';
my $said = copy_in($columns, "$row\n");
is($said->{rc}, 0, 'a password by \copy') or diag $said->{stderr};
is($c->value(q(select name, db_type, username, password, description from whalefall_api.credentials), database => $db),
	'first|postgresql|monitor|******|by copy', 'stored, and shown as stars');

# It is what was typed: rotation opens and seals it, and the length of the ciphertext tells its length.
is($c->value(q(select length(secret) - 30 from whalefall.credentials where name = 'first'), database => $db), length $canary,
	'all of its bytes');

# A second row of that name changes the given fields.
copy_in('name, username', "first\tother\n");
is($c->value(q(select username, db_type, description from whalefall_api.credentials where name = 'first'), database => $db),
	'other|postgresql|by copy', 'the same name changes the given fields');
my $sealed = $c->value(q(select md5(secret) from whalefall.credentials where name = 'first'), database => $db);
copy_in('name, password', "first\t$forms->{copy}\n");
isnt($c->value(q(select md5(secret) from whalefall.credentials where name = 'first'), database => $db), $sealed, 'also the password');
is($c->value(q(select string_agg(message, '|' order by id) from whalefall_api.logs where module = 'credentials'), database => $db),
	'credential created|credential updated|credential updated', 'each leaves its log row');

# Rows that are refused, at every place where PostgreSQL would repeat the line.
my %refused = (
	'a column too many' => [ $columns, "$row\textra\n", qr/ERROR:\s+(?:22P04: )?extra data after last expected column/ ],
	'a column too few' => [ $columns, "second\tdatabase\tpg\tmonitor\t$forms->{copy}\n", qr/missing data for column "description"/ ],
	'an unknown type' => [ $columns, "second\tnonsense\tpg\tmonitor\t$forms->{copy}\tx\n", qr/credential_type is not known/ ],
	'an unknown db_type' => [ $columns, "second\tdatabase\tdb9\tmonitor\t$forms->{copy}\tx\n", qr/is not known/ ],
	'no user name' => [ 'name, credential_type, password', "second\tdatabase\t$forms->{copy}\n", qr/Missing: username/ ],
	'a password of 150 characters' => [ $columns, "second\tdatabase\tpg\tm\t" . $forms->{copy} x 6 . "\tx\n", qr/6 to 128 characters/ ],
	'an invalid byte' => [ $columns, "second\tdatabase\tpg\tm\t$forms->{copy}\xff\tx\n", qr/invalid byte sequence/ ],
	'a bad row after a good one' => [ $columns, "good\tdatabase\tpg\tm\t$forms->{copy}\tx\n$row\textra\n", qr/extra data/ ],
	'CSV with an open quote' => [ $columns, qq(second,database,pg,m,"$canary\n), qr/unterminated CSV quoted field|missing data/, ' with (format csv)' ],
	'CSV that goes over lines' => [ $columns, qq(second,database,pg,m,"COPY credential_input, line\n$forms->{copy}\nx"\n), qr/missing data/, ' with (format csv)' ],
);
for my $what (sort keys %refused)
{
	my ($names, $rows, $message, $with) = @{ $refused{$what} };
	for my $level ('debug2', 'log', 'panic')
	{
		$said = copy_in($names, $rows, before => "set log_min_messages = $level;\n", with => $with);
		isnt($said->{rc}, 0, "$what is refused (log_min_messages = $level)");
		like($said->{stderr}, $message, 'for that reason');
		unlike($said->{stderr}, qr/COPY credential_input/, 'without the line');
		is(found($said->{stderr}), '', 'the message does not show the password');
	}
}
is($c->value('select count(*) from whalefall_api.credentials', database => $db), '1', 'none of them was stored');

# Other ways to write through the view.
$c->query('create role bob login; grant whalefall_user to bob; create role alice login; grant whalefall_admin to alice');
like(copy_in('name, username', "x\ty\n", user => 'bob')->{stderr}, qr/permission denied for view credential_input/, 'only administrators write');
is(copy_in($columns, join("\t", 'alices', 'database', 'mysql', 'm', $forms->{copy}, '\\N') . "\n", user => 'alice')->{rc}, 0, 'they do');
is($c->value('select count(*) from whalefall_api.credential_input', database => $db), '0', 'the view is empty');
like($c->psql('select * from whalefall_api.credential_input', database => $db, user => 'alice')->{stderr}, qr/permission denied/, 'and nobody reads it');
like($c->psql('update whalefall_api.credential_input set name = name', database => $db)->{stderr}, qr/ERROR/, 'or updates it');

# As a bound parameter, the way PostgREST sends a body: the authenticator's settings keep it out of the log.
open my $bench, '>', $c->dir . '/bench.sql' or die $!;
print {$bench} "set role whalefall_admin;\nselect whalefall_api.credentials_create(:n, 'database', 'm', :p) is not null;\n";
close $bench;
chmod 0644, $c->dir . '/bench.sql';

# Runs that with a name and a password, as a role; gives what pgbench said.
sub bind_parameters
{
	my ($role, $name, $password) = @_;
	local %ENV = (%ENV, $c->connection_env($db), PGUSER => $role);
	my $output = '';

	IPC::Run::run([ "$c->{bindir}/pgbench", '-n', '-t', '1', '-M', 'extended', '-D', "n=$name", '-D', "p=$password",
		'-f', $c->dir . '/bench.sql' ], '<', \undef, '>&', \$output, IPC::Run::timeout(60));
	return $output;
}

bind_parameters('postgres', 'typed', $typed . '-bound');
isnt(index($c->log_contents, "$typed-bound"), -1, 'a parameter bound by a superuser is found in the log');
like(bind_parameters('whalefall_authenticator', 'bound', $canary), qr{processed: 1/1}, 'a parameter bound by the authenticator');
unlike(bind_parameters('whalefall_authenticator', 'bound', $canary), qr{processed: 1/1}, 'a second time it fails');
is($c->value(q(select count(*) from whalefall_api.credentials where name = 'bound'), database => $db), '1', 'stored once');

# By file of large texts: all operations, also failing ones, with the password read on the server's side.
open my $out, '>:raw', $c->dir . '/canary' or die $!;
print {$out} $canary;
close $out;
chmod 0644, $c->dir . '/canary';
my $read = 'pg_read_file(\'' . $c->dir . '/canary\')';
$c->query("select whalefall_api.credentials_create('byfile', 'database', 'm', $read)", database => $db);
$c->query("select whalefall_api.credentials_update(1, password => $read)", database => $db);
for my $sql ("whalefall_api.credentials_create('byfile', 'database', 'm', $read)",
	"whalefall_api.credentials_create('b', 'database', 'm', $read, 'db9')",
	"whalefall_api.credentials_create('b', 'database', 'm', repeat($read, 9))",
	"whalefall_api.credentials_update(77, password => $read)",
	"whalefall_api.instances_test_connection(db_type => 'postgresql', host => '127.0.0.1', port => 1, username => 'u', password => $read)")
{
	$said = $c->psql("\\set VERBOSITY verbose\nselect $sql", database => $db, timeout => 90);
	like($said->{stderr}, qr/ERROR/, 'fails: ' . substr $sql, 14, 40);
	is(found($said->{stderr}), '', 'and does not show the password');
	$all_said .= $said->{stderr};
}

# A connection that fails, with the stored one.
$c->query(q(select whalefall_api.instances_create('closed', 'postgresql', '127.0.0.1', 1, credential_id => 1)), database => $db);
$all_said .= $c->psql('select whalefall_api.instances_test_connection(1)', database => $db, timeout => 90)->{stderr};
$all_said .= $c->psql('select whalefall_api.instances_sync_accounts(1)', database => $db, timeout => 90)->{stderr};
# And one that succeeds in connecting: this server, which refuses the password.
$c->query(sprintf(q(select whalefall_api.instances_create('here', 'postgresql', '127.0.0.1', %d, credential_id => 1)), $c->port), database => $db);
$all_said .= $c->psql('select whalefall_api.instances_test_connection(2)', database => $db, timeout => 90)->{stderr};

# Users and logins: the password read on the server's side, then bound by the authenticator ---------------------
for my $sql ("whalefall_api.users_create('spy', 'user', $read)", "whalefall_api.users_update((select id from whalefall.users where username = 'spy'), password => $read)")
{
	$all_said .= $c->query("select $sql", database => $db);
}
for my $sql ("whalefall_api.users_create('spy', 'user', $read)", "whalefall_api.users_create('spy2', 'king', $read)", "whalefall_api.users_create('spy2', 'user', repeat($read, 9))",
	"whalefall_api.users_create($read, 'user', 'Passw0rd')", "whalefall_api.users_create('spy2', 'user', 'Passw0rd', email => $read)",
	"whalefall_api.users_update(0, password => $read)", "whalefall_api.auth_login('nobody', $read)", "whalefall_api.auth_login('spy', $read || 'x')",
	"whalefall_api.auth_change_password($read, $read, $read)")
{
	$said = $c->psql("\\set VERBOSITY verbose\nselect $sql", database => $db);
	like($said->{stderr}, qr/ERROR/, 'fails: ' . substr $sql, 14, 40);
	is(found($said->{stderr}), '', 'and does not show the password');
	$all_said .= $said->{stderr};
}

# A login as the front asks for it; the answer gives its tokens and its cookie to the test, and to nobody else.
my ($headers, $answer) = map { "$_\n" =~ s/\n\z//r } split /\n/, $c->query(qq{
	begin;
	select set_config('test.body', convert_from(convert_to('{"username": "spy", "password": ' || to_json($read)::text || '}', 'UTF8'), 'UTF8'), true),
		set_config('request.headers', '{"x-wf-method": "POST", "x-wf-uri": "/api/v1/auth/login", "x-wf-content-type": "application/json"}', true) \\g /dev/null
	set local role whalefall_gateway;
	select convert_from(whalefall_http.dispatch(convert_to(current_setting('test.body'), 'UTF8')), 'UTF8') as answer \\gset
	select current_setting('response.headers');
	\\echo :answer
	commit;}, database => $db);
my ($cookie) = $headers =~ /whalefall_session=(s\.[^;]+);/;
my ($access) = $answer =~ /"access_token":"([^"]+)"/;
my ($refresh) = $answer =~ /"refresh_token":"([^"]+)"/;
my ($csrf) = $answer =~ /"csrf_token":"([^"]+)"/;
like("$access $refresh $cookie $csrf", qr/^eyJ\S+ eyJ\S+ s\.\S{43} \d+\.\S{43}$/, 'a login by the front');
is(found($answer), '', 'its answer does not hold the password');

# One request, as PostgREST binds it: headers and body are parameters. Gives what pgbench said.
sub request
{
	my ($method, $path, $body, %header) = @_;
	my $script = $c->dir . '/request.sql';
	my $text = join ', ', map { qq("x-wf-$_": "$header{$_}") } keys %header;
	my $output = '';

	open my $file, '>', $script or die $!;
	print {$file} "begin;\nselect set_config('role', 'whalefall_gateway', true), set_config('request.headers', :h, true);\n",
		"select whalefall_http.dispatch(convert_to(:b, 'UTF8')) is not null;\ncommit;\n";
	close $file;
	chmod 0644, $script;
	$text = qq({"x-wf-method": "$method", "x-wf-uri": "/api/v1/$path", "x-wf-content-type": "application/json") . ($text ? ", $text" : '') . '}';
	local %ENV = (%ENV, $c->connection_env($db), PGUSER => 'whalefall_authenticator');
	IPC::Run::run([ "$c->{bindir}/pgbench", '-n', '-t', '1', '-M', 'extended', '-D', "h=$text", '-D', "b=$body", '-f', $script ],
		'<', \undef, '>&', \$output, IPC::Run::timeout(60));
	$all_said .= $output;
	return $output;
}

(my $quoted = $canary) =~ s{(["\\])}{\\$1}g;
for ([ 'POST', 'auth/login', qq({"username": "spy", "password": "$quoted"}) ], [ 'POST', 'auth/login', qq({"username": "nobody", "password": "$quoted"}) ],
	[ 'POST', 'auth/login', qq({"username": "spy", "password": "$quoted) ], [ 'POST', 'auth/login', qq({"username": {"x": "$quoted"}, "password": ["$quoted"]}) ],
	[ 'GET', 'auth/me', '{}', authorization => "Bearer $access" ], [ 'GET', 'auth/me', '{}', session => $cookie ], [ 'GET', 'auth/me', '{}', authorization => "Bearer ${access}x" ],
	[ 'GET', 'auth/me', '{}', authorization => "Basic $access" ], [ 'POST', 'auth/refresh', '{}', authorization => "Bearer $refresh" ],
	[ 'POST', 'auth/change-password', qq({"old_password": "$quoted", "new_password": "$quoted", "confirm_password": "$quoted"}), session => $cookie, csrf => $csrf ],
	[ 'POST', 'auth/change-password', qq({"old_password": "$quoted", "new_password": "a", "confirm_password": "$quoted"}), authorization => "Bearer $access" ],
	[ 'POST', 'users', qq({"username": "spy3", "role": "user", "password": "$quoted"}), authorization => "Bearer $access" ],
	[ 'POST', 'auth/logout', '{}', session => $cookie, csrf => "${csrf}x" ], [ 'POST', 'auth/logout', '{}', session => $cookie, csrf => $csrf ],
	[ 'GET', 'auth/me', '{}', session => $cookie ])
{
	like(request(@$_), qr{processed: 1/1}, "$_->[0] $_->[1]");
}
is($c->value(q(select string_agg(context ->> 'action', ' ' order by id) from whalefall_api.logs where module = 'auth' and context ->> 'current_username' = 'spy'
	and level = 'INFO'), database => $db), 'login login logout', 'they did what they should');

# Keys rotated, credentials listed, deleted.
$all_said .= $c->query('select whalefall_api.credentials_list(); select whalefall_api.credentials_get(1); select whalefall_api.instances_get(1); select whalefall_api.instances_list()', database => $db);
$all_said .= $c->query('call whalefall.rotate_key()', database => $db);
$all_said .= $c->query('table whalefall_api.credentials; table whalefall_api.instances; table whalefall_api.logs; table whalefall_api.task_runs; table whalefall_api.task_run_items', database => $db);

# Searching ------------------------------------------------------------------------------------------------
is(found($all_said), '', 'no answer and no message');
# Looks for a secret wherever the server may have put it.
sub search_everywhere
{
	my ($what) = @_;
	my %env = $c->connection_env($db);
	local %ENV = (%ENV, %env);

	is(found($c->log_contents), '', "$what: not in the server log");
	for my $view (qw(pg_stat_activity pg_stat_statements pg_prepared_statements))
	{
		is(found($c->query("select * from $view", database => $db)), '', "$what: not in $view");
	}
	is(found(scalar `$c->{bindir}/pg_dump $db`), '', "$what: not in a dump");
	is(found(scalar `$c->{bindir}/pg_dump --inserts $db`), '', "$what: not in a dump of inserts");
	is(found(scalar `$c->{bindir}/pg_dumpall`), '', "$what: not in a dump of the cluster");
	# Everything the server has written: tables, indexes, WAL, temporary files, statistics.
	$c->query('checkpoint');
	for my $folder (grep { -d $c->data . "/$_" } qw(base pg_wal pg_stat_tmp pg_stat global pg_replslot))
	{
		my @hits;

		open my $files, '-|', 'find', $c->data . "/$folder", '-type', 'f' or die $!;
		while (my $path = <$files>)
		{
			chomp $path;
			open my $in, '<:raw', $path or next;
			local $/ = undef;
			my $hit = found(<$in> // '');
			push @hits, "$path: $hit" if $hit;
		}
		close $files;
		is(join("\n", @hits), '', "$what: not in the files of $folder");
	}

	# In processes' arguments and environments.
	my $processes = '';
	for my $pid ($c->processes)
	{
		for my $file (qw(cmdline environ))
		{
			open my $in, '<:raw', "/proc/$pid/$file" or next;
			local $/ = undef;
			$processes .= <$in> // '';
		}
	}
	is(found($processes), '', "$what: not in arguments or environments of processes");
	return;
}

search_everywhere('a password');
for ([ 'an access token', $access ], [ 'a refresh token', $refresh ], [ 'a cookie', $cookie ], [ 'a CSRF token', $csrf ])
{
	$forms = forms($_->[1]);
	# The part that is the secret: the beginning of a token is that of all tokens, and a time is no secret.
	$forms->{beginning} = substr $_->[1], -20;
	search_everywhere($_->[0]);
}

# The first administrator's password lies in its file alone.
my %env = $c->connection_env($db);
local %ENV = (%ENV, %env);
open my $in, '<', $c->dir . '/secrets/whalefall.admin_password' or die $!;
chomp(my $password = <$in>);
like($password, qr/\A[A-Za-z0-9]{20}\z/, 'the first administrator has a password of 20 characters');
is(sprintf('%04o', (stat $in)[2] & 07777), '0600', 'in a file for the server alone');
$forms = forms($password);
is(found($c->log_contents . scalar `$c->{bindir}/pg_dumpall`), '', 'and nowhere else');
like($c->value(q(select password from whalefall.users where username = 'admin'), database => $db), qr/\A\$2b\$12\$.{53}\z/, 'its hash is bcrypt');
$c->query("create extension if not exists pgcrypto", database => $db);
open $out, '>', $c->dir . '/check.sql' or die $!;
print {$out} "select public.crypt('$password', replace(password, '\$2b\$', '\$2a\$')) = replace(password, '\$2b\$', '\$2a\$') from whalefall.users where username = 'admin';\n";
close $out;
chmod 0644, $c->dir . '/check.sql';
is($c->psql('', database => $db, psql => [ '-f', $c->dir . '/check.sql' ])->{stdout}, 't', 'of that password');

done_testing;
