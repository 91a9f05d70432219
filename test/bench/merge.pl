# The account merge, from staged arrays to the commit: many large instances where every account has changed, and
# the same where none has.
#
# Floors, of the same rows on the same server: all changed - one "insert ... on conflict do update" an instance
# of rows that are parsed and derived already, into a table like whalefall.account_permission with all its
# indexes; ours derives facts, compares and writes the change log besides. Nothing changed - the same upsert with
# "where the snapshot is distinct"; ours must write no row and no WAL. Rounds of both in turns, medians.
use strict;
use warnings;
use Bench qw(row control_plane median);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Time::HiRes qw(time);

my $INSTANCES = $ENV{WHALEFALL_BENCH_MERGE_INSTANCES} || 20;
my $ACCOUNTS = $ENV{WHALEFALL_BENCH_MERGE_ACCOUNTS} || 10_000;
my $ROUNDS = $ENV{WHALEFALL_BENCH_MERGE_ROUNDS} || 3;
my $CHANGED = 0.35;
my $SAME = 0.7;

my $control = control_plane(shared_buffers => '512MB', max_wal_size => '4GB', fsync => 'on');
my $here = dirname(abs_path(__FILE__));
$control->query("\\i $here/merge.sql", database => 'whalefall', timeout => 600,
	psql => [ '-v', "instances=$INSTANCES", '-v', "accounts=$ACCOUNTS" ]);

# One session, so that plans and caches are warm as in a worker.
my $session = $control->session(database => 'whalefall', timeout => 600);
my @ids = split /\n/, ask('select id from whalefall.instances order by id');
my %time;

sub ask
{
	my ($sql) = @_;
	my $answer = $session->query($sql, 600);

	die $session->error if $session->error;
	return $answer;
}

# Milliseconds of one autocommitted statement per instance, all together.
sub measure
{
	my ($sql) = @_;
	my $total = 0;

	for my $id (@ids)
	{
		my $began = time;
		ask(sprintf $sql, $id);
		$total += time - $began;
	}
	return $total * 1000;
}

# Rows written to our tables so far.
sub rows_written
{
	ask('select pg_stat_force_next_flush()');
	return ask(q{select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables
		where schemaname in ('whalefall', 'whalefall_data')});
}

# Bytes of WAL that this session writes for a statement per instance; others (autovacuum) do not count.
sub wal_written
{
	my ($sql) = @_;
	my $total = 0;

	for my $id (@ids)
	{
		my $plan = ask('explain (analyze, wal, timing off, format json) ' . sprintf $sql, $id);
		$total += $plan =~ /"WAL Bytes": (\d+)/ ? $1 : die "no WAL in the plan: $plan\n";
	}
	return $total;
}

for my $round (1 .. $ROUNDS)
{
	my $state = $round % 2;
	my $merge = q{select (whalefall.accounts_merge(instance_id, usernames, snapshots) -> 'collection' ->> 'updated')::int}
	  . qq{ from bench.staged where instance_id = %s and state = $state};

	push @{ $time{changed} }, measure($merge);
	push @{ $time{changed_floor} }, measure("call bench.upsert(%s, $state, false)");
	# Reading prunes what the round above left behind, and pruning is WAL: tidy up first.
	ask("vacuum $_") for qw(whalefall.account_permission whalefall.instance_accounts whalefall.facts bench.floor);
	ask('checkpoint');
	my $rows = rows_written();
	push @{ $time{same} }, measure($merge);
	push @{ $time{rows} }, rows_written() - $rows;
	push @{ $time{wal} }, wal_written($merge);
	push @{ $time{same_floor} }, measure("call bench.upsert(%s, $state, true)");
}
$session->quit;

sub judge
{
	my ($name, $figure, $floor, $must) = @_;
	my ($ours, $least) = (median(@{ $time{$figure} }), median(@{ $time{$floor} }));

	row(figure => $name, measured => sprintf('%.0f ms', $ours), floor => sprintf('%.0f ms', $least),
		ratio => sprintf('%.2f', $least / $ours), must => "floor / measured >= $must", ok => $least / $ours >= $must);
	return;
}

judge("merge of $INSTANCES x $ACCOUNTS accounts, all changed", 'changed', 'changed_floor', $CHANGED);
judge("merge of $INSTANCES x $ACCOUNTS accounts, none changed", 'same', 'same_floor', $SAME);
for my $what ([ 'rows', 'rows written' ], [ 'wal', 'bytes of WAL' ])
{
	my ($most) = sort { $b <=> $a } @{ $time{ $what->[0] } };

	row(figure => "$what->[1] when none changed", measured => $most, floor => 0, must => '0', ok => $most == 0);
}
