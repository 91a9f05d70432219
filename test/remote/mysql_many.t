# Ten thousand accounts, and the program as a worker uses it: constant round trips, bounded memory, many
# requests in one process.
# slow
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::MySQL;

my $MANY = 10_000;

# A figure of the status of a worker, in KiB.
sub kb
{
	my ($worker, $name) = @_;

	open my $file, '<', '/proc/' . $worker->pid . '/status' or return undef;
	return (map { /^$name:\s+(\d+)/ ? $1 : () } <$file>)[0];
}

# Rows of accounts, straight into the tables: statements would take minutes. Every third holds a role, every
# one has privileges on a database, every hundredth may do everything.
sub populate
{
	my ($server) = @_;
	my $my = $server->is_mysql;
	my $hash = $my ? q{(select authentication_string from mysql.user m where m.user = 'template')} : '';

	$server->query(q{create role shared, higher; grant shared to higher; create database crm; create user template@'%' identified by 'P-1';
		create database numbers; create table numbers.n(i int primary key);
		insert into numbers.n with recursive r(i) as (select 1 union all select i + 1 from r where i < 1000) select i from r;});
	$server->query("insert into numbers.n select i + 1000 * j from (select i from numbers.n) a,
		(select 1 j union select 2 union select 3 union select 4 union select 5 union select 6 union select 7 union select 8 union select 9) b");
	if ($my)
	{
		my @columns = grep { !/^User$/ } split /\n/, $server->query(q{select column_name from information_schema.columns
			where table_schema = 'mysql' and table_name = 'user' order by ordinal_position});
		my $all = q{case when mod(i, 100) = 0 then 'Y' else m.%s end};
		my $list = join ', ', map { /^(Select|Insert|Update|Delete|Super|Process)_priv$/ ? sprintf($all, $_) : "m.$_" } @columns;
		$server->query('insert into mysql.user (User, ' . join(', ', @columns) . qq{) select concat('app_', i), $list
			from numbers.n, mysql.user m where m.user = 'template'});
		$server->query(q{insert into mysql.role_edges select '%', 'higher', '%', concat('app_', i), 'N' from numbers.n where i % 3 = 0;
			insert into mysql.default_roles select '%', concat('app_', i), '%', 'higher' from numbers.n where i % 3 = 0});
	}
	else
	{
		$server->query(q{insert into mysql.global_priv select '%', concat('app_', i),
				json_set(m.priv, '$.access', if(i % 100 = 0, 32783, 0)) from numbers.n, mysql.global_priv m where m.user = 'template';
			insert into mysql.roles_mapping select '%', concat('app_', i), 'higher', 'N' from numbers.n where i % 3 = 0});
	}
	$server->query(q{insert into mysql.db (Host, Db, User, Select_priv, Insert_priv) select '%', 'crm', concat('app_', i), 'Y', 'Y' from numbers.n;
		flush privileges});
	return;
}

for my $kind (mysql_servers())
{
	subtest $kind => sub {
		my $server = mysql_server($kind) or plan skip_all => "$kind could not be had";
		$server->monitor;
		my $few = read_mysql($server, 'accounts');
		populate($server);
		my $answer = read_mysql($server, 'accounts', timeout => 120);
		is($answer->{last}{type}, 'done', 'is read') or diag $answer->{out};
		is_deeply(warnings_of($answer), {}, 'without warnings');
		cmp_ok(scalar(rows($answer, 'account')), '>=', $MANY, 'all accounts');
		is($answer->{last}{round_trips}, 3, 'in three round trips');
		is($answer->{last}{round_trips}, $few->{last}{round_trips}, 'as many as for a handful');
		my $of = by_account($answer);
		my $at = $server->is_mysql ? '@%' : '@';
		is_deeply($of->{'app_300@%'}{'extra.effective_roles'}, [ "higher$at", "shared$at" ], 'roles');
		is_deeply($of->{'app_301@%'}{mysql_granted_roles}, undef, 'where there are some');
		is_deeply($of->{'app_301@%'}{mysql_database_privileges}, { crm => [qw(INSERT SELECT)] }, 'privileges on a database');
		is_deeply($of->{'app_300@%'}{mysql_global_privileges}, [qw(DELETE INSERT), $server->is_mysql ? 'PROCESS' : (), qw(SELECT SUPER UPDATE)],
			'global privileges');
		is($of->{'app_300@%'}{type_specific}{super_priv}, 1, 'and the attribute');

		my $worker = start_mysql_worker();
		my (@memory, @seconds);
		for my $round (1 .. 5)
		{
			$worker->send(mysql_request($server->port, reads => 'accounts'));
			my @frames = $worker->frames(120);
			push @memory, kb($worker, 'RssAnon');
			is($frames[-1][0], 'D', "request $round of one process") or diag join ' ', map { $_ // '' } @{ $frames[-1] };
			push @seconds, $frames[-1][3] / 1000;
		}
		my ($best) = sort { $a <=> $b } @seconds;
		diag sprintf '%s: %d accounts, %d rows in %.2f s; RssAnon %.1f MB after the first read, %.1f MB after the fifth; peak %.1f MB of all kinds', $kind,
		  scalar(rows($answer, 'account')), $answer->{last}{rows}, $best, $memory[0] / 1024, $memory[-1] / 1024, kb($worker, 'VmHWM') / 1024;
		cmp_ok(kb($worker, 'VmHWM'), '<', 64 * 1024, 'memory is bounded');
		# What the allocator gives back at once differs by a few pieces.
		cmp_ok($memory[-1], '<=', $memory[0] + 4096, 'and does not grow');

		# Another request may follow any failure.
		$worker->send(mysql_request($server->port, password => 'Wrong-1'));
		my @frames = $worker->frames(20);
		is_deeply([ @{ $frames[-1] }[ 0 .. 1 ] ], [ 'E', 'auth' ], 'a wrong password');
		$worker->send(mysql_request($server->port, reads => 'version,databases'));
		@frames = $worker->frames(20);
		is($frames[-1][0], 'D', 'and then a right one');
		is((grep { $_->[0] eq 'V' } @frames)[0][1], $server->query('select version()'), 'with its version');
		$worker->send(mysql_request($server->port, db_type => 'postgresql'));
		is(($worker->frames(20))[-1][1], 'other', 'a request for another engine');
		is($worker->close, 0, 'ends with its worker');
		$server->remove;
	};
}

subtest 'the command line' => sub {
	my $help = run_mysql_program(['--help']);
	is($help->{rc}, 0, '--help');
	like($help->{out}, qr/whalefall-remote-mysql .*default 3306.*default mysql.*--server-public-key FILE.*--allow-cleartext-key/s, 'tells what there is');
	my $version = run_mysql_program(['--version']);
	like($version->{out}, qr/^whalefall-remote-mysql \S+ \(protocol 1, (MariaDB Connector\/C|libmysqlclient) [\d.]+\)$/, '--version');
	is(run_mysql_program([qw(--host x --user y --read everything --no-password)])->{rc}, 2, 'something else to read is wrong usage');
};

done_testing();
