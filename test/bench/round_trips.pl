# Round trips to an instance after connecting: a constant, whatever the number of accounts. They are
# counted on the wire, by a relay that delays every byte, not told by the program that makes them.
use strict;
use warnings;
use Bench qw(row control_plane target mysql_target fill_mysql mysql_credential add_instance sync_ok known);
use Bench::Proxy;
use IPC::Run ();
use Whalefall::Fleet;

my $MOST = 8;
my $LATENCY = 0.020;    # seconds, each way
my $control = control_plane();
my %target = (10 => target(), 10_000 => target());
my %mysql = (10 => mysql_target(), 10_000 => mysql_target());
my $credential = mysql_credential($control);

# Roles so that there are as many as the name says, the superuser and the login included; memberships and
# grants so that every part of the read has something to tell.
sub fill
{
	my ($cluster, $count) = @_;
	my $more = $count - 2;

	$cluster->query("select format('create role r%s', i) from generate_series(1, $more) i \\gexec", timeout => 300);
	$cluster->query("select format('grant r%s to r%s', i, i + 1) from generate_series(1, $more - 1, 7) i \\gexec",
		timeout => 300);
	$cluster->query('create database app');
	$cluster->query("select format('grant create on database app to r%s', i) from generate_series(1, $more, 100) i \\gexec",
		timeout => 300);
	return;
}

# One sync through the relay: round trips of its only connection.
sub measure
{
	my ($operation, $count, $engine) = @_;
	my $server = ($engine // '') eq 'mysql' ? $mysql{$count} : $target{$count};
	my $proxy = Bench::Proxy->new(port => $server->port, latency => $LATENCY, engine => $engine);
	my $id = add_instance($control, join('_', $operation, $count, $engine // ()), $proxy->port, $engine ? $credential : undef);

	sync_ok($control, $operation, $id);
	known($control, $id, $count) if $operation eq 'instances_sync_accounts';
	my @connections = $proxy->stop;
	die 'connections: ' . @connections . "\n" if @connections != 1 || !$connections[0]{ready};
	return $connections[0]{trips};
}

# The relay is trusted only after it has counted something known: psql, five statements, five answers.
sub count_psql
{
	my ($cluster) = @_;
	my $proxy = Bench::Proxy->new(port => $cluster->port, latency => 0.005);

	$cluster->query("select 1;\nselect 2;\nselect 3;\nselect 4;\nselect 5;\n", host => '127.0.0.1', user => 'monitor',
		env => { PGPORT => $proxy->port, PGPASSWORD => $Whalefall::Fleet::PASSWORD, PGSSLMODE => 'disable' });
	my @connections = $proxy->stop;
	return @connections == 1 ? $connections[0]{trips} : -1;
}

# The same for the other protocol, with its own client.
sub count_mariadb
{
	my ($server) = @_;
	my $proxy = Bench::Proxy->new(port => $server->port, latency => 0.005, engine => 'mysql');
	local $ENV{MYSQL_PWD} = $Whalefall::Fleet::PASSWORD;

	IPC::Run::run([ 'mariadb', '--no-defaults', '--protocol=tcp', '--skip-ssl', '-h127.0.0.1', '-P', $proxy->port, '-umonitor', '-NB' ],
		'<', \"select 1;\nselect 2;\nselect 3;\nselect 4;\nselect 5;\n", '>', \my $out, IPC::Run::timeout(60)) or die "mariadb: $?\n";
	my @connections = $proxy->stop;
	return @connections == 1 && $connections[0]{ready} ? $connections[0]{trips} : -1;
}

my $known = count_psql($target{10});
row(figure => 'round trips of psql with 5 statements (checks the counting)', measured => $known, floor => 5,
	ratio => $known / 5, must => '= 5', ok => $known == 5);
fill($target{$_}, $_) for keys %target;
my %trips;
for my $count (10, 10_000)
{
	$trips{$count} = measure('instances_sync_accounts', $count);
	row(figure => "round trips, account sync of $count accounts", measured => $trips{$count}, floor => 1,
		ratio => $trips{$count}, must => "<= $MOST", ok => $trips{$count} > 0 && $trips{$count} <= $MOST);
}
row(figure => 'the same number for 10 and for 10000 accounts', measured => $trips{10_000}, floor => $trips{10},
	ratio => sprintf('%.2f', $trips{10_000} / $trips{10}), must => '= 1', ok => $trips{10_000} == $trips{10});
my $capacity = measure('instances_sync_capacity', 10);
row(figure => 'round trips, capacity sync', measured => $capacity, floor => 1, ratio => $capacity,
	must => "<= $MOST", ok => $capacity > 0 && $capacity <= $MOST);

$known = count_mariadb($mysql{10});
row(figure => 'round trips of mariadb with 5 statements (checks the counting)', measured => $known, floor => 5,
	ratio => $known / 5, must => '= 5', ok => $known == 5);
fill_mysql($mysql{$_}, $_) for keys %mysql;
for my $count (10, 10_000)
{
	$trips{"m$count"} = measure('instances_sync_accounts', $count, 'mysql');
	row(figure => "round trips, account sync of $count accounts, MariaDB", measured => $trips{"m$count"}, floor => 1,
		ratio => $trips{"m$count"}, must => "<= $MOST", ok => $trips{"m$count"} > 0 && $trips{"m$count"} <= $MOST);
}
row(figure => 'the same number for 10 and for 10000 accounts, MariaDB', measured => $trips{m10000}, floor => $trips{m10},
	ratio => sprintf('%.2f', $trips{m10000} / $trips{m10}), must => '= 1', ok => $trips{m10000} == $trips{m10});
$capacity = measure('instances_sync_capacity', 10, 'mysql');
row(figure => 'round trips, capacity sync, MariaDB', measured => $capacity, floor => 1, ratio => $capacity,
	must => "<= $MOST", ok => $capacity > 0 && $capacity <= $MOST);
