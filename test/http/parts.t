# What reads a request byte by byte: unit tests and a short repeatable fuzz run, both in C under the address and
# undefined behaviour sanitizers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use Test::More;
use Whalefall::Servers;

my $root = Whalefall::Servers::root();
my $dir = tempdir(CLEANUP => 1);
my @sources = map { "$root/src/http/$_.c" } qw(args_text multipart_parts);
my @cc = (qw(gcc -std=gnu11 -g -O1 -Wall -Wextra -Wshadow -Werror -D_GNU_SOURCE),
	'-fsanitize=address,undefined', '-fno-sanitize-recover=all', "-I$root/src");

$ENV{ASAN_OPTIONS} = 'detect_leaks=1';
is(system(@cc, '-o', "$dir/unit", "$root/test/http/parts_test.c", @sources), 0, 'the unit tests compile');
is(system(@cc, '-o', "$dir/fuzz", "$root/test/fuzz/http_fuzz.c", @sources), 0, 'the fuzz harness compiles');

my $out = `$dir/unit 2>&1`;
is($?, 0, 'the unit tests end well') or diag $out;
my @unit = $out =~ /^((?:not )?ok \d+ - .*)$/mg;
like($out, qr/^1\.\.@{[ scalar @unit ]}$/m, 'all unit tests have run');
ok(scalar(@unit) >= 60, scalar(@unit) . ' unit tests');
/^ok \d+ - (.*)/ ? pass($1) : fail($_) for @unit;

$out = `$dir/fuzz 20260201 100000 2>&1`;
is($?, 0, '100000 fuzzed requests do no harm') or diag $out;
my %seen = $out =~ /(\w+) (\d+)/g;
cmp_ok($seen{$_} // 0, '>', 200, "and reached $_: " . ($seen{$_} // 0))
  for qw(decoded malformed pairs nuls parts empty), map { "status$_" } 0 .. 4;
is(`$dir/fuzz 20260201 100000`, $out, 'the run is repeatable');

done_testing();
