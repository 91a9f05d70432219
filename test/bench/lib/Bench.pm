# What the bench files share: rows of the table, pairs of clusters, figures of processes.
#
# A row is one line of tab-separated text: "row", figure, measured, floor, ratio, what it must reach, 1 or 0.
# The floor is what the same machine needs, in the same run, for the least that the figure cannot do
# without; '-' where there is none.
package Bench;

use strict;
use warnings;
use Carp qw(croak);
use Exporter qw(import);
use Time::HiRes qw(sleep time);
use Whalefall::Cluster;
use Whalefall::Fleet;
use Whalefall::Tree;

our @EXPORT_OK = qw(row control_plane target mysql_target fill_mysql mysql_credential add_instance children_of worker_pid anon_kb cpu_ns
	wait_until median sync_ok known);

my @COLUMNS = qw(figure measured floor ratio must ok);

# Prints a row. Arguments: figure, measured, floor, ratio, must (texts), ok (truth).
sub row
{
	my (%row) = @_;
	my @values = map { $row{$_} // '-' } @COLUMNS;

	$values[-1] = $row{ok} ? 1 : 0;
	local $| = 1;
	print join("\t", 'row', @values), "\n";
	return;
}

# The row of a line, or undef when it is none.
sub parse_row
{
	my ($line) = @_;
	my %row;

	chomp $line;
	my ($mark, @values) = split /\t/, $line, -1;
	return undef if ($mark // '') ne 'row' || @values != @COLUMNS;
	@row{@COLUMNS} = @values;
	return \%row;
}

# All rows as one table.
sub table
{
	my (@rows) = @_;
	my @head = ('figure', 'measured', 'floor', 'ratio', 'must reach', 'ok');
	my @lines = (\@head, map { my $r = $_; [ (map { $r->{$_} } @COLUMNS[ 0 .. 4 ]), $r->{ok} ? 'yes' : 'NO' ] } @rows);
	my @width = (0) x @head;

	for my $line (@lines)
	{
		for my $i (0 .. $#head)
		{
			$width[$i] = length $line->[$i] if length $line->[$i] > $width[$i];
		}
	}
	my $text = '';
	for my $line (@lines)
	{
		my $out = join ' | ', map { sprintf $_ == 0 || $_ == 4 ? "%-$width[$_]s" : "%$width[$_]s", $line->[$_] } 0 .. $#head;
		$out =~ s/\s+$//;
		$text .= "$out\n";
		$text .= join('-+-', map { '-' x $_ } @width) . "\n" if $line == \@head;
	}
	return $text;
}

# A cluster with the extension set up in database "whalefall". Arguments: settings.
sub control_plane
{
	my (%settings) = @_;
	my $cluster = Whalefall::Cluster->new(settings => \%settings);

	$cluster->create_extension;
	return $cluster;
}

# A server to read from, without the extension, with the monitoring login.
sub target
{
	my $cluster = Whalefall::Cluster->new(bindir => Whalefall::Tree::bindir());

	Whalefall::Fleet::make_monitor($cluster);
	return $cluster;
}

# The same from MariaDB: one of this machine, with the same monitoring login. Dies when there is none.
sub mysql_target
{
	require Whalefall::MySQL;
	my $server = Whalefall::MySQL::mysql_server('mariadb10') // croak 'there is no MariaDB server on this machine';

	$server->query("create user monitor\@'%' identified by '$Whalefall::Fleet::PASSWORD';"
		  . " grant select, process, show databases on *.* to monitor\@'%'");
	return $server;
}

# Gives such a server as many accounts as said, the login included: every third holds a role, every one has
# privileges on a database. Straight into the tables: statements would take minutes.
sub fill_mysql
{
	my ($server, $count) = @_;

	$server->query(q{create database crm; create database numbers; create role higher; create user template@'%' identified by 'T-1'});
	my $more = $count - $server->query("select count(*) from mysql.global_priv where user <> 'mariadb.sys'");
	$server->query(qq{set max_recursive_iterations = $count; create table numbers.n (i int primary key);
		insert into numbers.n with recursive r(i) as (select 1 union all select i + 1 from r where i < $more) select i from r;
		insert into mysql.global_priv select '%', concat('app_', i), m.priv from numbers.n, mysql.global_priv m where m.user = 'template';
		insert into mysql.roles_mapping (Host, User, Role, Admin_option) select '%', concat('app_', i), 'higher', 'N'
			from numbers.n where i % 3 = 0;
		insert into mysql.db (Host, Db, User, Select_priv, Insert_priv) select '%', 'crm', concat('app_', i), 'Y', 'Y' from numbers.n;
		flush privileges});
	return;
}

# Stores that login for MySQL and MariaDB with the control plane and gives the credential's id.
sub mysql_credential
{
	my ($control) = @_;
	my $line = join "\t", 'mysql', 'database', 'mysql', 'monitor', $Whalefall::Fleet::PASSWORD;

	$control->query("copy whalefall_api.credential_input (name, credential_type, db_type, username, password) from stdin;\n"
		  . "$line\n\\.\n", database => 'whalefall');
	return $control->value("select id from whalefall_api.credentials where name = 'mysql'", database => 'whalefall');
}

# Registers a server with the control plane and gives its id. Arguments: control plane, name, port; for one
# of MySQL or MariaDB also its credential.
sub add_instance
{
	my ($control, $name, $port, $mysql) = @_;
	my $id = $mysql
	  ? $control->value("select whalefall_api.instances_create(name => '$name', db_type => 'mysql', host => '127.0.0.1',"
		  . " port => $port, credential_id => $mysql) #>> '{instance,id}'", database => 'whalefall')
	  : Whalefall::Fleet::register($control, name => $name, port => $port);

	# The pair is alone on the loopback: nothing to encrypt, and the proxy reads the protocol.
	$control->query("update whalefall.instances set tls_mode = 'disable' where id = $id", database => 'whalefall');
	return $id;
}

# Runs a sync operation and dies unless it completed; gives its json text.
sub sync_ok
{
	my ($control, $operation, $id) = @_;
	my $answer = $control->value("select whalefall_api.$operation($id)", database => 'whalefall', timeout => 180);

	croak "$operation: $answer" if $answer !~ /"status"\s*:\s*"completed"/;
	return $answer;
}

# Dies unless the sync has brought so many accounts: a figure of less work would be worth nothing.
sub known
{
	my ($control, $id, $count) = @_;
	my $found = $control->value("select count(*) from whalefall_api.accounts where instance_id = $id and is_active",
		database => 'whalefall');

	croak "$found accounts instead of $count" if $found != $count;
	return;
}

# Process ids of the children of a process.
sub children_of
{
	my ($parent) = @_;
	my @children;

	for my $file (glob '/proc/[0-9]*/stat')
	{
		open my $stat, '<', $file or next;
		my ($pid, $ppid) = (<$stat> // '') =~ /^(\d+) \(.*\) \S (\d+)/s or next;
		push @children, $pid if $ppid == $parent;
	}
	return @children;
}

# The title PostgreSQL gives a process.
sub _title
{
	my ($pid) = @_;

	open my $file, '<', "/proc/$pid/cmdline" or return '';
	local $/ = undef;
	return <$file> // '';
}

# Process ids of a cluster's background workers of a type ("whalefall worker").
sub worker_pid
{
	my ($cluster, $type) = @_;

	return grep { _title($_) =~ /^postgres: (?:\S+: )?\Q$type\E/ } children_of($cluster->pid);
}

# Anonymous resident memory of processes in KiB; a process that has ended counts 0.
sub anon_kb
{
	my $sum = 0;

	for my $pid (@_)
	{
		open my $file, '<', "/proc/$pid/status" or next;
		local $/ = undef;
		$sum += $1 if (<$file> // '') =~ /^RssAnon:\s+(\d+) kB/m;
	}
	return $sum;
}

# Processor time of a process in nanoseconds.
sub cpu_ns
{
	my ($pid) = @_;

	if (open my $file, '<', "/proc/$pid/schedstat")
	{
		return $1 if (<$file> // '') =~ /^(\d+)/;
	}
	open my $stat, '<', "/proc/$pid/stat" or croak "process $pid has ended";
	(my $line = <$stat>) =~ s/^.*\) //s;
	my @field = split ' ', $line;
	return ($field[11] + $field[12]) * 10_000_000;
}

# Polls until the code gives something true; gives it, or undef after the timeout (seconds).
sub wait_until
{
	my ($code, $timeout) = @_;
	my $end = time + $timeout;

	while (1)
	{
		my $result = $code->();
		return $result if $result;
		return undef if time >= $end;
		sleep 0.05;
	}
}

# The middle of a list of numbers.
sub median
{
	my @sorted = sort { $a <=> $b } @_;

	return ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

1;
