# whalefall.setup(): what it warns of, what it never overwrites, twins, and history over months and zones.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Cluster;

my $db = 'whalefall';

# Not preloaded, files in the data directory, too few workers, another database.
my $c = Whalefall::Cluster->new(
	settings => { shared_preload_libraries => '', 'whalefall.key_file' => undef, 'whalefall.jwt_file' => undef, max_worker_processes => 3,
		'whalefall.database' => 'elsewhere' },
	env => { WHALEFALL_TESTING => 1 });
$c->create_extension(setup => 0);
like($c->psql("select whalefall_api.instances_create('x', 'pg', 'h', 1)", database => $db)->{stderr},
	qr/ERROR:  whalefall is not set up\nDETAIL:  whalefall\.setup\(\) has not run in this database\.\nHINT:  Run SELECT whalefall\.setup\(\)/,
	'before setup() nothing is stored');
is($c->value(q(select whalefall_api.instances_list() ->> 'total'), database => $db), '0', 'but lists work');

# The library of a session that is not preloaded knows the settings only after its first call.
my $said = $c->psql("load 'whalefall'; select whalefall.setup()", database => $db);
is($said->{rc}, 0, 'setup() on a server that is not prepared') or diag $said->{stderr};
my $data = $c->data;
is(join("\n", sort $said->{stderr} =~ /WARNING:  (.*)/g), join("\n",
	'max_worker_processes is 3, too small for whalefall.max_workers = 4',
	"secret file \"$data/whalefall.jwt\" lies in the data directory, so base backups carry it",
	"secret file \"$data/whalefall.key\" lies in the data directory, so base backups carry it",
	'the library whalefall is not preloaded, so no background work can run',
	'whalefall.database is "elsewhere", so no background work is done for this database'), 'its warnings');
like($said->{stdout}, qr/"admin_password_file": "\Q$data\E\/whalefall\.admin_password"/, 'the result names the file of the first password');
unlike($said->{stdout}, qr/"password"/, 'not the password');
like($said->{stdout}, qr/"warnings": \["secret file .*not preloaded/, 'and repeats the warnings');
for my $file (qw(whalefall.key whalefall.admin_password))
{
	is(sprintf('%04o', (stat "$data/$file")[2] & 07777), '0600', "$file is for the server alone");
}
is($c->value(q(select whalefall_api.credentials_create('c', 'database', 'u', 'a good secret') -> 'credential' ->> 'id'), database => $db), '1',
	'the inventory works without preloading');

# An administrator who was there already.
$c->query('delete from whalefall.users', database => $db);
$c->query(q(insert into whalefall.users (username, password, role) values ('root', 'x', 'admin')), database => $db);
like($c->psql('select whalefall.setup()', database => $db)->{stdout}, qr/"admin_password_file": null/, 'with a user there, none is made');

# Key files that are there are checked, never replaced.
sub file
{
	my ($path) = @_;

	open my $in, '<', $path or return '';
	local $/ = undef;
	return <$in>;
}
my $jwt = file("$data/whalefall.jwt");
like($jwt, qr/\A[0-9a-f]{64}\z/, 'the secret of tokens: 256 bits, no line end');
chmod 0644, "$data/whalefall.jwt";
like($c->psql('select whalefall.setup()', database => $db)->{stderr}, qr/ERROR:  file "\Q$data\E\/whalefall\.jwt" is not usable as the secret of tokens\nHINT/,
	'a secret that all can read is refused');
chmod 0640, "$data/whalefall.jwt";
chmod 0644, "$data/whalefall.key";
like($c->psql('select whalefall.setup()', database => $db)->{stderr}, qr/DETAIL:  The key file can be read by others than its owner/, 'a key that all can read as well');
chmod 0600, "$data/whalefall.key";
is($c->psql('select whalefall.setup()', database => $db)->{rc}, 0, 'repaired');
is(file("$data/whalefall.jwt"), $jwt, 'and not replaced');
$c->remove;

# Two at once, and partitions made by two sessions at once --------------------------------------------------
$c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });
$c->create_extension(setup => 0);
my @sessions = map { $c->session(database => $db) } 1 .. 2;
$sessions[0]->query('begin; select whalefall.setup()');
$sessions[1]->send(q(select whalefall.setup() -> 'steps'));
ok($sessions[1]->is_waiting(1), 'a second setup() waits for the first');
$sessions[0]->query('commit');
is($sessions[1]->receive(30), '[]', 'and finds everything done');
is($c->value('select count(*) = max(step) from whalefall.setup_history', database => $db), 't', 'each step was taken once');
is($c->value(q(select count(*) from whalefall.users), database => $db), '1', 'one administrator');

# Names of the log's partitions and their bounds, in UTC.
sub partitions
{
	my ($where) = @_;
	return $c->value(qq(set timezone = 'UTC'; select string_agg(substr(c.relname, 14) || ' ' || regexp_replace(pg_get_expr(c.relpartbound, c.oid),
		'FOR VALUES FROM \\(''(.*?)\\+00''\\) TO \\(''(.*?)\\+00''\\)', '\\1..\\2'), E'\\n' order by c.relname)
		from pg_class c where c.relispartition and c.relkind = 'r' and c.relname ~ '^unified_logs_$where'), database => $db);
}
my $store = "insert into whalefall_api.credential_input (name, credential_type, username, password)";

# A month nobody has prepared: the first writer makes it, the second waits and finds it.
for my $session (@sessions) { $session->query(q(set whalefall.test_now = '2031-03-10 00:00:00+00')) }
$sessions[0]->query(q(begin; select whalefall_api.instances_create('a', 'pg', 'h', 1)));
$sessions[1]->send(q(select whalefall_api.instances_create('b', 'pg', 'h', 1) -> 'instance' ->> 'name'));
ok($sessions[1]->is_waiting(1), 'two sessions need the same new month: the second waits');
$sessions[0]->query('commit');
is($sessions[1]->receive(30), 'b', 'then both have written');
is(partitions('2031'), '2031_03 2031-02-28 16:00:00..2031-03-31 16:00:00', 'one partition, from midnight to midnight in Shanghai');
is($c->value(q(select count(*) from whalefall_data.unified_logs_2031_03), database => $db), '2', 'with both rows');

# Rolled back, the month is made again.
$sessions[0]->query(q(set whalefall.test_now = '2031-05-10 00:00:00+00'; begin; select whalefall_api.instances_create('c', 'pg', 'h', 1); rollback));
$sessions[0]->query(q(select whalefall_api.instances_create('d', 'pg', 'h', 1)));
is($sessions[0]->error, '', 'a month whose maker rolled back is made again');

# At the very border of a month.
$sessions[0]->query(q(set whalefall.test_now = '2031-06-30 15:59:59.999999+00'; select whalefall_api.instances_create('e', 'pg', 'h', 1)));
$sessions[0]->query(q(set whalefall.test_now = '2031-06-30 16:00:00+00'; select whalefall_api.instances_create('f', 'pg', 'h', 1)));
is($c->value(q(select string_agg(tableoid::regclass || ' ' || (context ->> 'instance_name'), ', ' order by id)
	from whalefall_data.unified_logs where context ->> 'instance_name' in ('e', 'f')), database => $db),
	'whalefall_data.unified_logs_2031_06 e, whalefall_data.unified_logs_2031_07 f', 'the last microsecond of June and the first of July');

# A changed zone moves the borders; months fit between their neighbours, without overlap or gap.
for my $zone ('UTC', 'America/New_York', 'Pacific/Kiritimati')
{
	my %name = (UTC => [ 'g', '2031-08', 'h' ], 'America/New_York' => [ 'i', '2031-09', 'j' ], 'Pacific/Kiritimati' => [ 'k', '2031-10', 'l' ]);
	my ($one, $month, $two) = @{ $name{$zone} };

	$c->query("alter system set \"whalefall.timezone\" = '$zone'");
	$c->query('select pg_reload_conf()');
	$c->wait_for(q(load 'whalefall'; show whalefall.timezone), $zone);
	my $writer = $c->session(database => $db);
	$writer->query("set whalefall.test_now = '$month-15 12:00:00+00'; select whalefall_api.instances_create('$one', 'pg', 'h', 1)");
	is($writer->error, '', "a month in $zone");
	$writer->query("set whalefall.test_now = '$month-01 00:30:00+00'; select whalefall_api.instances_create('$two', 'pg', 'h', 1)");
	is($writer->error, '', 'and its first hour');
	$writer->quit;
}
is(partitions('2031_(0[6789]|10)'), join("\n", '2031_06 2031-05-31 16:00:00..2031-06-30 16:00:00', '2031_07 2031-06-30 16:00:00..2031-07-31 16:00:00',
	'2031_08 2031-07-31 16:00:00..2031-09-01 00:00:00', '2031_09 2031-09-01 00:00:00..2031-10-01 04:00:00',
	'2031_10 2031-10-01 04:00:00..2031-10-31 10:00:00'), 'every hour has its partition');

# Seeds: applied once, edits and deletions survive.
is($c->value(q(select count(*), count(*) filter (where db_type = 'oracle' and kind = 'exact'), bool_or(pattern = 'pg_%'), bool_or(pattern = E'NT SERVICE\\\\%')
	from whalefall.account_filters), database => $db), '69|50|t|t', 'the filters of system accounts');
is($c->value(q(select count(*), bool_or(db_type = 'mysql' and kind = 'like' and pattern = '#sql%') from whalefall.database_filters), database => $db), '21|t',
	'the filters of system databases');
$c->query(q(delete from whalefall.account_filters where db_type = 'oracle'; update whalefall.database_filters set pattern = 'mine' where pattern = 'msdb';
	insert into whalefall.account_filters values ('mysql', 'exact', 'root')), database => $db);
$c->query('select whalefall.setup()', database => $db);
is($c->value(q(select (select count(*) from whalefall.account_filters), (select string_agg(pattern, ',' order by pattern) from whalefall.database_filters where db_type = 'sqlserver' and kind = 'exact')),
	database => $db), '14|master,mine,model,tempdb', 'deleted, changed and added rows stay as they are');

# A read-only server: lists work, nothing is written.
$c->query('alter database whalefall set default_transaction_read_only = on');
is($c->value(q(select whalefall_api.instances_list(page_size => 1) ->> 'limit'), database => $db), '1', 'a read-only session lists');
like($c->psql(q(select whalefall_api.instances_delete(1)), database => $db)->{stderr}, qr/cannot execute .* in a read-only transaction/, 'and writes nothing');

done_testing;
