# The framing between workers and helper programs: unit tests and a short repeatable fuzz run, both
# in C under the address and undefined behaviour sanitizers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use Test::More;
use Whalefall::Servers;

my $root = Whalefall::Servers::root();
my $dir = tempdir(CLEANUP => 1);
my @common = map { "$root/src/remote/common/$_.c" } qw(frame text request failure);
my @cc = (qw(gcc -std=gnu11 -g -O1 -Wall -Wextra -Wshadow -Werror -D_GNU_SOURCE),
	'-fsanitize=address,undefined', '-fno-sanitize-recover=all', "-I$root/src");

$ENV{ASAN_OPTIONS} = 'detect_leaks=1';
is(system(@cc, '-o', "$dir/unit", "$root/test/remote/frame_test.c", @common), 0, 'the unit tests compile');
is(system(@cc, '-o', "$dir/fuzz", "$root/test/fuzz/frame_fuzz.c", @common), 0, 'the fuzz harness compiles');

my $out = `$dir/unit 2>&1`;
is($?, 0, 'the unit tests end well') or diag $out;
my @unit = $out =~ /^((?:not )?ok \d+ - .*)$/mg;
like($out, qr/^1\.\.@{[ scalar @unit ]}$/m, 'all unit tests have run');
ok(scalar(@unit) >= 50, scalar(@unit) . ' unit tests');
/^ok \d+ - (.*)/ ? pass($1) : fail($_) for @unit;

$out = `$dir/fuzz 20260115 200000 2>&1`;
is($?, 0, '200000 fuzzed streams do no harm') or diag $out;
my %seen = $out =~ /(\w+) (\d+)/g;
cmp_ok($seen{$_} // 0, '>', 1000, "and reached $_: " . ($seen{$_} // 0)) for qw(frames fields requests refused);
is(`$dir/fuzz 20260115 200000`, $out, 'the run is repeatable');

done_testing();
