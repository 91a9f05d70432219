# MySQL and MariaDB, end to end: a registered server, its accounts, their facts and changes, its sizes.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Tree;

# Before the drivers' tools, which are content with a PostgreSQL without the extension.
BEGIN { $ENV{WHALEFALL_TREE_BIN} ||= Whalefall::Tree::bindir(); }
use Whalefall::Cluster;
use Whalefall::Fleet;
use Whalefall::MySQL;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 }, settings => { 'whalefall.language' => 'en' });
$c->create_extension;

sub sql { my ($text) = @_; utf8::encode($text); my $out = $c->query($text, database => 'whalefall'); utf8::decode($out); return $out; }

# Registers a server with a login of its own and gives the instance's id.
sub register
{
	my ($server, $name, $user, $password) = @_;

	$c->query("copy whalefall_api.credential_input (name, credential_type, db_type, username, password) from stdin;\n"
		  . join("\t", $name, 'database', 'mysql', $user, $password) . "\n\\.\n", database => 'whalefall');
	my $credential = sql("select id from whalefall_api.credentials where name = '$name'");
	return sql("select whalefall_api.instances_create(name => '$name', db_type => 'mysql', host => '127.0.0.1', port => "
		  . $server->port . ", credential_id => $credential) #>> '{instance,id}'");
}

for my $kind (mysql_servers())
{
	subtest $kind => sub {
		my $server = mysql_server($kind) or plan skip_all => "$kind could not be had";
		my $at = $server->is_mysql ? '@%' : '@';
		my $default = $server->is_mysql ? 'set default role top to' : 'set default role top for';

		$server->monitor;
		$server->query(qq{create database `库存`; create table `库存`.t(a int primary key, b longtext) engine=innodb;
			insert into `库存`.t values (1, repeat('x', 3000000)); create user '鲸落'\@'10.%' identified by 'P-1';
			create user locked\@'%' identified by 'P-1' account lock; create role base, top; grant base to top;
			create user app\@'%' identified by 'P-1'; grant top to app\@'%'; $default app\@'%';
			create user admin\@'%' identified by 'P-1'; grant all on *.* to admin\@'%' with grant option;
			grant select on `库存`.* to app\@'%'});
		# A password of six characters is the shortest that is kept.
		$server->query(q{alter user mon@'%' identified by 'Mon-01'});
		my $id = register($server, $kind, 'mon', 'Mon-01');

		like(sql("select whalefall_api.instances_sync_accounts($id) -> 'result'"), qr/"status": "completed"/, 'accounts are read');
		is(sql("select string_agg(username, ' ' order by username collate \"C\") from whalefall_api.accounts where instance_id = $id"),
			join(' ', sort map({ "$_\@%" } qw(admin app locked mon)), "base$at", "top$at", '鲸落@10.%',
				$server->is_mysql ? 'root@localhost' : split /\n/, $server->is_mysql ? '' : $server->query(q{select concat('root@', host) from mysql.user where user = 'root'})),
			'all but the servers\' own');
		is(sql("select string_agg(username, ' ' order by username) from whalefall_api.accounts where instance_id = $id and is_locked"), 'locked@%', 'locked');
		is(sql("select is_superuser from whalefall_api.accounts where instance_id = $id and username = 'admin\@%'"), 't', 'a superuser');
		is(sql("select permission_facts -> 'roles_effective' from whalefall.account_permission p join whalefall.instance_accounts a using (instance_id, id)
			where instance_id = $id and username = 'app\@%'"), qq{["base$at", "top$at"]}, 'roles through roles');
		is(sql("select permission_snapshot #>> '{categories,mysql_granted_roles,default,0}' from whalefall.account_permission p
			join whalefall.instance_accounts a using (instance_id, id) where instance_id = $id and username = 'app\@%'"), "top$at", 'and by default');
		is(sql("select main_version from whalefall.instances where id = $id"), $server->query('select version()') =~ /^(\d+\.\d+)/ ? $1 : '', 'the version');

		my $rows = "select md5(string_agg(ctid::text || xmin::text, ',' order by id)) from whalefall.account_permission";
		my $before = sql($rows);
		like(sql("select whalefall_api.instances_sync_accounts($id) -> 'result'"), qr/"synced_count": 0\b/, 'a second time nothing is new');
		is(sql($rows), $before, 'and not one row is written');
		$server->query(q{grant insert on `库存`.* to app@'%'; drop user locked@'%'});
		like(sql("select whalefall_api.instances_sync_accounts($id) -> 'result'"), qr/"modified_count": 1\b/, 'a new privilege is a change');
		is(sql("select string_agg(username || ' ' || change_type, ', ' order by username) from whalefall_api.account_changes
			where instance_id = $id and change_type in ('modify_privilege', 'delete')"), 'app@% modify_privilege, locked@% delete', 'in the log of changes');

		# A login that has lost its rights must not take everybody else's away.
		my $state = "select md5(string_agg(permission_snapshot::text, '' order by id)) from whalefall.account_permission where instance_id = $id
			and id not in (select id from whalefall.instance_accounts where username like 'mon%')";
		$before = sql($state);
		$server->query(q{revoke select, process, show databases on *.* from mon@'%'; grant select on mysql.user to mon@'%'});
		sql("select whalefall_api.instances_sync_accounts($id) -> 'result'");
		is(sql($state), $before, 'a login without rights changes nothing of the others');
		$server->query(q{grant select, process, show databases on *.* to mon@'%'});

		like(sql("select whalefall_api.instances_sync_capacity($id) -> 'result'"), qr/"status": "completed"/, 'sizes are read');
		cmp_ok(sql("select size_mb from whalefall_api.database_sizes where instance_id = $id and database_name = '库存'"), '>=', 3, 'in MiB');
		is(sql("select count(*) from whalefall_api.database_sizes where instance_id = $id and database_name in ('mysql', 'sys')"), '0', 'not of its own');
		$server->remove;
	};
}

# MySQL's usual method of login without TLS: under a key of the server that the instance names, or not at all.
subtest 'a login under the key of the server' => sub {
	my $server = mysql_server('mysql9') or plan skip_all => 'MySQL could not be had';
	my $slurp = sub { open my $in, '<', $_[0] or die "$_[0]: $!"; local $/ = undef; return <$in> };
	my $right = $slurp->($server->data . '/public_key.pem');
	my $wrong = `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null | openssl pkey -pubout`;
	my $asked = $server->query(q{show status like 'Caching_sha2_password_rsa_public_key'}) =~ s/^\S+\s//r;

	$server->monitor;
	$server->query(q{alter user mon@'%' identified with caching_sha2_password by 'Mon-01'});
	my $id = register($server, 'keyed', 'mon', 'Mon-01');
	my $update = sub { sql("select whalefall_api.instances_update($id, $_[0]) #>> '{instance,name}'") };
	# The server remembers who has logged in, and then needs no key any more.
	my $sync = sub {
		$server->query('flush privileges');
		my $said = $c->psql("select whalefall_api.instances_sync_accounts($id)", database => 'whalefall');
		return sql("select status || ' ' || coalesce(error_type, '-') from whalefall_api.task_run_items order by id desc limit 1")
		  . ($said->{stderr} =~ /DETAIL:  (.*)/ ? " $1" : '');
	};
	my $test = sub {
		my ($more) = @_;
		$server->query('flush privileges');
		my $said = $c->psql("select whalefall_api.instances_test_connection(db_type => 'mysql', host => '127.0.0.1', port => " . $server->port
			  . ", username => 'mon', password => 'Mon-01'$more) ->> 'main_version'", database => 'whalefall');
		return $said->{rc} == 0 ? $said->{stdout} =~ s/\s+\z//r : $said->{stderr} =~ /CONNECTION_FAILED: (\w+)/ ? $1 : $said->{stderr};
	};
	my ($version) = $server->query('select version()') =~ /^(\d+\.\d+)/;

	is($sync->(), 'completed -', 'under TLS no key is needed');
	$update->("tls_mode => 'disable'");
	like($sync->(), qr/^failed tls .*the login needs an encrypted connection or the server's public key/, 'without TLS, key and leave: refused');
	is(sql("select last_connect_error from whalefall_api.instances where id = $id"), 'tls', 'as is known of the instance');
	is(sql("select whalefall_api.instances_connection_status($id) ->> 'status'"), 'poor', 'whose connection is poor');
	$update->("server_public_key => '$wrong'");
	like($sync->(), qr/^failed auth /, 'under the key of another: refused');
	$update->("server_public_key => '$asked'");
	is(sql("select server_public_key from whalefall_api.instances where id = $id"), $right =~ s/[\s\0]+\z//r, 'what the server says is its key');
	is($sync->(), 'completed -', 'under that: read');
	is(sql("select whalefall_api.instances_sync_capacity($id) #>> '{result,status}'"), 'completed', 'sizes too');
	is(sql("select count(*) from whalefall_api.accounts where instance_id = $id and username = 'mon\@%'"), '1', 'its accounts are there');
	$update->("clear => '{server_public_key}'");
	like($sync->(), qr/^failed tls /, 'the key taken away: refused');
	$update->('allow_cleartext_key => true');
	is($sync->(), 'completed -', 'with leave to fetch it: read');
	$server->query('flush privileges');
	is(sql("select whalefall_api.instances_test_connection($id) ->> 'main_version'"), $version, 'and tested');
	$update->("server_public_key => '$wrong'");
	like($sync->(), qr/^failed auth /, 'a key that is given counts more than the leave');
	$update->("clear => '{server_public_key}', allow_cleartext_key => false");
	like($sync->(), qr/^failed tls /, 'the leave taken away: refused');

	# Tests of given parameters, whose TLS mode is prefer: a server without TLS.
	$server->restart('--tls-version=');
	is($test->(''), 'tls', 'given parameters: refused');
	is($test->(", server_public_key => '$wrong'"), 'auth', 'under the key of another, too');
	is($test->(", server_public_key => '$asked'"), $version, 'under its own: connected');
	is($test->(', allow_cleartext_key => false'), 'tls', 'without leave: refused');
	is($test->(', allow_cleartext_key => true'), $version, 'with leave: connected');
	$update->("port => " . $server->port . ", tls_mode => 'prefer', server_public_key => '$asked'");
	is($sync->(), 'completed -', 'an instance that prefers TLS goes on under the key');
	$update->("tls_mode => 'require'");
	like($sync->(), qr/^failed tls /, 'one that demands TLS does not');
	$server->remove;
};

done_testing();
