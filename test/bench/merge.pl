#!/usr/bin/perl
# Benchmark of the account merge, from staged arrays to the commit, beside a floor from the same run.
#
#     test/bench/merge.pl [--instances 20] [--accounts 10000] [--rounds 5]
#
# Talks to the server that PGHOST and PGPORT name, as a superuser, in a database of its own that it
# drops again. Two measurements, in turns, each the sum over all instances, medians over the rounds:
#
#   all changed   every account differs; our time includes facts, diff and change log. Floor: the same
#                 rows, already derived, by one "insert ... on conflict do update" an instance into a
#                 table like whalefall.account_permission including all.
#   nothing       nothing differs. Floor: the same upsert "where the snapshot is distinct". We must
#                 write no row and no WAL.
#
# Prints rows "name | measured | floor | ratio | target | ok"; exit status 1 when a target is missed.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Getopt::Long;
use IPC::Run ();
use Time::HiRes ();

my %option = (instances => 20, accounts => 10000, rounds => 5);
GetOptions(\%option, 'instances=i', 'accounts=i', 'rounds=i', 'keep') or die "usage: $0 [--rounds N]\n";
my $here = dirname(abs_path($0));
my $database = "wf_bench_merge_$$";
my @psql = ('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1');
my $failed = 0;

# Runs SQL in a psql of its own and gives its output.
sub run_psql
{
	my ($db, @arguments) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ @psql, '-d', $db, @arguments ], '<', \undef, '>', \$out, '2>', \$err)
	  or die "psql failed: $err";
	chomp $out;
	return $out;
}

# One session for all measurements, so that plans and caches are warm as in a worker.
my ($in, $out, $err) = ('', '', '');
my $session;

# Sends a statement and gives its output; psql echoes a mark when it is done.
sub ask
{
	my ($sql) = @_;

	$out = '';
	$in .= "$sql;\n\\echo <done>\n";
	$session->pump until $out =~ /<done>\n/ || !$session->pumpable;
	die "session ended: $err" if $out !~ s/<done>\n//;
	chomp $out;
	return $out;
}

# Milliseconds of one autocommitted statement per instance, all together.
sub measure
{
	my ($sql, @instances) = @_;
	my $total = 0;

	for my $id (@instances)
	{
		(my $statement = $sql) =~ s/\$1/$id/g;
		my $began = Time::HiRes::time();
		ask($statement);
		$total += Time::HiRes::time() - $began;
	}
	return $total * 1000;
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	return ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

sub report
{
	my ($name, $measured, $floor, $target) = @_;
	my $ratio = $floor / $measured;
	my $ok = $ratio >= $target;

	printf "%s | %.0f ms | %.0f ms | %.2f | %.2f | %s\n", $name, $measured, $floor, $ratio, $target,
	  $ok ? 'ok' : 'MISSED';
	$failed = 1 if !$ok;
	return;
}

# What must be zero.
sub report_zero
{
	my ($name, $value) = @_;

	printf "%s | %s | 0 | - | 0 | %s\n", $name, $value, $value == 0 ? 'ok' : 'MISSED';
	$failed = 1 if $value != 0;
	return;
}

sub main
{
	run_psql('postgres', '-c', "create database $database template template0");
	run_psql($database, '-c', 'create extension whalefall cascade', '-c', 'select whalefall.setup()');
	run_psql($database, '-v', "instances=$option{instances}", '-v', "accounts=$option{accounts}", '-f',
		"$here/merge.sql");
	$session = IPC::Run::start([ @psql, '-d', $database ], '<', \$in, '>', \$out, '2>', \$err);
	my @ids = split /\n/, ask('select id from whalefall.instances order by id');
	my %time;
	my $ours = q{select (whalefall.accounts_merge(instance_id, usernames, snapshots) -> 'collection' ->> 'updated')::int}
	  . q{ from bench.staged where instance_id = $1 and state = };

	for my $round (1 .. $option{rounds})
	{
		my $state = $round % 2;
		push @{ $time{changed} }, measure($ours . $state, @ids);
		push @{ $time{changed_floor} }, measure("call bench.upsert(\$1, $state, false)", @ids);
		ask('vacuum whalefall.account_permission');
		ask('vacuum bench.floor');
		ask('vacuum whalefall.instance_accounts');
		ask('checkpoint');
		my $before = wal_and_writes();
		push @{ $time{same} }, measure($ours . $state, @ids);
		my $after = wal_and_writes();
		push @{ $time{wal} }, $after->{wal} - $before->{wal};
		push @{ $time{rows} }, $after->{rows} - $before->{rows};
		push @{ $time{same_floor} }, measure("call bench.upsert(\$1, $state, true)", @ids);
	}
	print "name | measured | floor | ratio | target | ok\n";
	report("merge $option{instances} x $option{accounts}, all changed", median(@{ $time{changed} }),
		median(@{ $time{changed_floor} }), 0.35);
	report("merge $option{instances} x $option{accounts}, nothing changed", median(@{ $time{same} }),
		median(@{ $time{same_floor} }), 0.7);
	report_zero('nothing changed: rows written', median(@{ $time{rows} }));
	report_zero('nothing changed: bytes of WAL', median(@{ $time{wal} }));
	return;
}

# Rows written to the extension's tables so far, and bytes of WAL so far.
sub wal_and_writes
{
	ask('select pg_stat_force_next_flush()');
	my ($rows, $wal) = split /\|/, ask(
		q{select sum(n_tup_ins + n_tup_upd + n_tup_del), pg_current_wal_insert_lsn() - '0/0'
			from pg_stat_user_tables where schemaname in ('whalefall', 'whalefall_data')});
	return { rows => $rows, wal => $wal };
}

eval { main(); 1 } or do { warn $@; $failed = 1; };
eval { $in .= "\\q\n"; $session->finish } if $session;
run_psql('postgres', '-c', "drop database if exists $database with (force)") if !$option{keep};
exit $failed;
