# What a connection test says of the rights of the monitoring account: names, what each is for, what is missing;
# and that asking for them is never the reason for a failed test.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP qw(decode_json);
use Test::More;
use Whalefall::Cluster;
use Whalefall::Fleet;
use Whalefall::MySQL;

my $db = 'whalefall';
my $c = Whalefall::Cluster->new(settings => { 'whalefall.database' => $db }, env => { WHALEFALL_TESTING => 1 });
$c->create_extension;
my $target = Whalefall::Cluster->new;
my $password = $Whalefall::Fleet::PASSWORD;

# The answer of a test with given parameters.
sub test_connection
{
	my ($type, $port, $user) = @_;

	return decode_json($c->value("select whalefall_api.instances_test_connection(db_type => '$type', host => '127.0.0.1', port => $port,"
			. " username => '$user', password => '$password')", database => $db));
}

sub names { return join ', ', @{ $_[0]{missing_permissions} // ['unknown'] }; }

# name => the entry
sub by_name { return { map { $_->{name} => $_ } @{ $_[0]{permissions} } }; }

# PostgreSQL -----------------------------------------------------------------------------------------------
$target->query("create role plain login password '$password'; create role full login password '$password'; grant pg_monitor to full;"
	  . " create role stats login password '$password'; grant pg_read_all_stats to stats; create role asleep noinherit login password '$password';"
	  . ' grant pg_monitor to asleep; create database closed');
my $answer = test_connection('postgresql', $target->port, 'full');
is($answer->{success}, JSON::PP::true, 'a role with all of it');
is(names($answer), '', 'misses nothing');
is(join(', ', map { $_->{name} } @{ $answer->{permissions} }), 'pg_monitor, SELECT ON pg_roles, SELECT ON pg_auth_members, SELECT ON pg_database,'
	  . ' SELECT ON pg_tablespace, CONNECT ON DATABASE', 'everything that is asked for is named');
is_deeply([ grep { !defined $_->{needed_for} || defined $_->{hint} || !$_->{granted} } @{ $answer->{permissions} } ], [],
	'each with what it is for, and no advice where none is needed');

$answer = test_connection('postgresql', $target->port, 'plain');
is($answer->{success}, JSON::PP::true, 'a role without pg_monitor: the test succeeds');
is(names($answer), 'pg_monitor', 'and names it');
is_deeply(by_name($answer)->{pg_monitor}, { name => 'pg_monitor', needed_for => 'sizes of databases without CONNECT', granted => JSON::PP::false,
	hint => 'GRANT pg_monitor TO this role; pg_read_all_stats is enough, and must be inherited' }, 'with what for, and what to do');
is(names(test_connection('postgresql', $target->port, 'stats')), '', 'pg_read_all_stats is enough');
is(names(test_connection('postgresql', $target->port, 'asleep')), 'pg_monitor', 'a membership that is not inherited is none');

$target->query('revoke connect on database closed from public; revoke select on pg_tablespace, pg_auth_members from public');
$answer = test_connection('postgresql', $target->port, 'full');
is(names($answer), 'SELECT ON pg_auth_members, SELECT ON pg_tablespace, CONNECT ON DATABASE', 'closed catalogs and databases');
is(by_name($answer)->{'CONNECT ON DATABASE'}{hint}, 'missing in 1 of 3 databases: GRANT CONNECT ON DATABASE ... TO this role', 'are counted');
is(by_name($answer)->{'SELECT ON pg_tablespace'}{needed_for}, 'privileges on tablespaces', 'and explained');

$target->query('revoke select on pg_database from public');
$answer = test_connection('postgresql', $target->port, 'full');
is($answer->{success}, JSON::PP::true, 'a statement that is refused does not fail the test');
is(names($answer), 'SELECT ON pg_auth_members, SELECT ON pg_database, SELECT ON pg_tablespace', 'what it would have said is left out');
$target->query('grant select on pg_database, pg_tablespace, pg_auth_members to public');

# A lock on the catalog makes the question wait, and then go without an answer.
my $locker = $target->session(database => 'postgres');
$locker->query('begin; lock table pg_auth_members in access exclusive mode');
$answer = test_connection('postgresql', $target->port, 'plain');
is($answer->{success}, JSON::PP::true, 'a locked catalog does not fail the test');
is(by_name($answer)->{pg_monitor}, undef, 'what could not be asked is not told');
$locker->query('rollback');

# Stored instances, one and many.
my $plain = Whalefall::Fleet::register($c, name => 'plain', port => $target->port, credential => Whalefall::Fleet::add_credential($c, 'plain', 'plain'));
my $full = Whalefall::Fleet::register($c, name => 'full', port => $target->port, credential => Whalefall::Fleet::add_credential($c, 'full', 'full'));
my $dead = Whalefall::Fleet::register($c, name => 'dead', port => 1, credential => Whalefall::Fleet::add_credential($c, 'dead', 'dead'));
$answer = decode_json($c->value("select whalefall_api.instances_test_connection($plain)", database => $db));
is(names($answer), 'pg_monitor, CONNECT ON DATABASE', 'a stored instance');
$answer = decode_json($c->value("select whalefall_api.instances_batch_test_connections(array[$plain, $full, $dead])", database => $db));
is(join(' | ', map { names($_) } @{ $answer->{results} }[ 0, 1 ]), 'pg_monitor, CONNECT ON DATABASE | CONNECT ON DATABASE', 'a batch tells it of each');
is(scalar @{ $answer->{results}[0]{permissions} }, 6, 'with all entries');
ok(!exists $answer->{results}[2]{permissions}, 'not of one that failed');

# A program that breaks off when it is asked: the version is read again, alone.
my $fake = $c->dir . '/helpers';
mkdir $fake;
open my $out, '>', "$fake/whalefall-remote-postgresql" or die;
print $out <<'END';
#!/usr/bin/perl
# Answers requests for the version, and breaks off when asked for permissions as well.
use strict;
use warnings;
sub take { my ($n) = @_; my $all = ''; while (length $all < $n) { sysread(STDIN, my $part, $n - length $all) or exit 0; $all .= $part } return $all }
sub put { my ($type, @fields) = @_; my $all = join '', map { defined $_ ? pack('N/a*', $_) : pack('N', 0xFFFFFFFF) } @fields;
	$all = pack('N a', length $all, $type) . $all; open my $to, '>&=', 0; syswrite $to, $all; }
for (;;)
{
	my ($length, $type) = unpack 'N a', take(5);
	my $request = take($length);
	put('P', $_) for qw(resolving connecting reading);
	put('V', 'PostgreSQL 15.1 fake', 150001);
	if ($request =~ /permissions/) { put('E', 'timeout', 'reading', undef, 'too slow', undef, undef, 1, 0, 5) }
	else { put('D', 1, 0, 5) }
}
END
close $out;
chmod 0755, $fake, "$fake/whalefall-remote-postgresql";
$c->configure('whalefall.helper_directory' => $fake);
$c->restart;
$answer = test_connection('postgresql', $target->port, 'full');
is($answer->{version}, '15.1', 'a read of permissions that fails does not fail the test');
is($answer->{permissions}, undef, 'they are unknown then');
is($answer->{missing_permissions}, undef, 'and nothing is said to be missing');
ok(exists $answer->{permissions}, 'in so many words');

# More than fits, and rows that are none.
open $out, '<', "$fake/whalefall-remote-postgresql" or die;
my $program = do { local $/ = undef; <$out> };
close $out;
$program =~ s/put\('E'.*?5\)/put('R', 'permission', 4, map { ("p\$_", 'x' x 90, \$_ % 2 ? 't' : 'f', "h\\n\\"") } 1 .. 200);
		put('R', 'permission', 3, 'a', 'b', 't'); put('R', 'other', 4, 1, 2, 't', 4); put('D', 1, 202, 5)/;
open $out, '>', "$fake/whalefall-remote-postgresql" or die;
print $out $program;
close $out;
$c->restart;
$answer = test_connection('postgresql', $target->port, 'full');
my $told = scalar @{ $answer->{permissions} // [] };
cmp_ok($told, '>', 15, 'more than fits is cut');
cmp_ok($told, '<', 64, 'at the end');
is(join(',', map { $_->{name} } @{ $answer->{permissions} }), join(',', map { "p$_" } 1 .. $told), 'what is told is whole');
is($answer->{permissions}[0]{hint}, qq(h\n"), 'to the last character');
is(scalar @{ $answer->{missing_permissions} }, int($told / 2), 'and what is missing agrees');
$c->configure('whalefall.helper_directory' => undef);
$c->restart;

# MySQL and MariaDB ----------------------------------------------------------------------------------------
my %accounts = (
	none => [ '', 'SELECT ON mysql.*, PROCESS, SHOW DATABASES, REFERENCES ON *.*' ],
	script => [ 'grant select on mysql.* to %s; grant process, show databases, references on *.* to %s', '' ],
	all => [ 'grant all on *.* to %s', '' ],
	catalog => [ 'grant select on `mysql`.* to %s', 'PROCESS, SHOW DATABASES, REFERENCES ON *.*' ],
	global => [ 'grant select, process on *.* to %s', 'SHOW DATABASES' ],
	onetable => [ 'grant select on mysql.user to %s; grant all on shop.* to %s', 'SELECT ON mysql.*, PROCESS, SHOW DATABASES, REFERENCES ON *.*' ],
);
for my $kind (mysql_servers())
{
	my $server = mysql_server($kind);
SKIP:
	{
		skip "$kind could not be had", 1 if !$server;
		$server->query('create database shop; create role watcher; grant process on *.* to watcher; create role `x ON *.* TO y`;'
			  . "create user byrole\@'%' identified by '$password'; grant watcher to byrole\@'%'; grant `x ON *.* TO y` to byrole\@'%';"
			  . ($kind eq 'mysql9' ? "set default role watcher to byrole\@'%'" : "set default role watcher for byrole\@'%'"));
		for my $name (sort keys %accounts)
		{
			my ($grants, $missing) = @{ $accounts{$name} };
			$server->query("create user u_$name\@'%' identified by '$password'; " . ($grants =~ s/%s/u_$name\@'%'/gr));
			$answer = test_connection('mysql', $server->port, "u_$name");
			is($answer->{success}, JSON::PP::true, "$kind: $name connects");
			is(names($answer), $missing, "$kind: $name misses " . ($missing || 'nothing'));
		}
		is(names(test_connection('mysql', $server->port, 'byrole')), 'SELECT ON mysql.*, SHOW DATABASES, REFERENCES ON *.*', "$kind: roles in force count");
		is_deeply(by_name(test_connection('mysql', $server->port, 'u_none'))->{PROCESS}, { name => 'PROCESS', needed_for => 'sizes of the files of InnoDB',
			granted => JSON::PP::false, hint => 'GRANT PROCESS ON *.* TO this account' }, "$kind: with what for, and what to do");
		my $read = read_mysql($server, 'permissions', user => 'u_none', password => $password, args => ['--allow-cleartext-key']);
		is(scalar(rows($read, 'permission')), 4, "$kind: by hand as well");
		unlike($read->{out}, qr/IDENTIFIED/, "$kind: no hash of a password is shown");
		if ($kind eq 'mysql9')
		{
			$server->query("set global partial_revokes = on; create user revoked\@'%' identified by '$password';"
				  . " grant select, process, show databases on *.* to revoked\@'%'; revoke select on mysql.* from revoked\@'%'");
			is(names(test_connection('mysql', $server->port, 'revoked')), 'SELECT ON mysql.*', "$kind: what was taken away again is missing");
		}
	}
	$server->remove if $server;
}

done_testing;
