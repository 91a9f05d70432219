# The runner of the benchmarks: what it prints, and that a missed figure or a broken file fails the run.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use IPC::Run ();
use Test::More;
use Whalefall::Servers;

my $root = Whalefall::Servers::root();
my $dir = tempdir(CLEANUP => 1);

sub file
{
	my ($name, $text) = @_;

	open my $out, '>', "$dir/$name" or die "$name: $!";
	print {$out} "use strict;\nuse warnings;\nuse Bench qw(row);\n$text";
	close $out;
	return;
}

# Runs the runner over the files made here.
sub bench
{
	my ($out, $err) = ('', '');
	local %ENV = (%ENV, WHALEFALL_BENCH_FILES => $dir, WHALEFALL_BENCH_TIMEOUT => 5);

	IPC::Run::run([ "$root/test/bench/run", @_ ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
	return { rc => $? >> 8, out => $out, err => $err };
}

my $good = "row(figure => 'good', measured => '1 ms', floor => '2 ms', ratio => '0.5', must => '<= 1', ok => 1);\n";
file('good.pl', "print \"a remark\\n\";\n$good");
my $result = bench();
is($result->{rc}, 0, 'every figure reached: success') or diag $result->{err};
like($result->{out}, qr/^good +\| +1 ms \| +2 ms \| +0\.5 \| <= 1 +\| yes$/m, 'a row of the table');
like($result->{out}, qr/^figure +\| measured \| floor \| ratio \| must reach \|  ok$/m, 'its head');
unlike($result->{out}, qr/a remark/, 'remarks of a file that went well are not shown');
like($result->{out}, qr/^1 figures, 0 missed$/m, 'the count');

file('missed.pl', "row(figure => 'slow', measured => 9, must => '<= 8', ok => 0);\n");
$result = bench();
is($result->{rc}, 1, 'a missed figure fails the run');
like($result->{out}, qr/^slow +\| +9 \| +- \| +- \| <= 8 +\|  NO$/m, 'and is marked; what is not given is a dash');
like($result->{out}, qr/^2 figures, 1 missed$/m, 'in the count too');
is(bench('good')->{rc}, 0, 'only the files asked for');

unlink "$dir/missed.pl";
file('broken.pl', "$good print \"why\\n\"; exit 3;\n");
$result = bench();
is($result->{rc}, 1, 'a file that fails after its rows fails the run');
like($result->{out}, qr/^    why$/m, 'with what it said');
like($result->{out}, qr/^did not run to its end: broken\.pl$/m, 'by name');

unlink "$dir/broken.pl";
file('stuck.pl', "sleep 600;\n");
is(bench('stuck')->{rc}, 1, 'a file that hangs is ended');
is(bench('none_such')->{rc}, 1, 'nothing measured is no success');
like(bench('--help')->{out}, qr/must/, 'it explains itself');
done_testing;
