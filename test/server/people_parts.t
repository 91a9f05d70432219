# What reads tokens, without a server: a short repeatable fuzz run under the address and undefined behaviour
# sanitizers, and known pairs of bytes and text.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use Test::More;
use Whalefall::Servers;

my $root = Whalefall::Servers::root();
my $dir = tempdir(CLEANUP => 1);
my @parts = map { "$root/src/people/$_.c" } qw(base64url flat_json);
my @cc = (qw(gcc -std=gnu11 -g -O1 -Wall -Wextra -Wshadow -Werror -D_GNU_SOURCE),
	'-fsanitize=address,undefined', '-fno-sanitize-recover=all', "-I$root/src");

$ENV{ASAN_OPTIONS} = 'detect_leaks=1';
is(system(@cc, '-o', "$dir/fuzz", "$root/test/fuzz/token_fuzz.c", @parts), 0, 'the fuzz harness compiles without any header of the server');
my $out = `$dir/fuzz 20260310 600000 2>&1`;
is($?, 0, '600000 fuzzed texts do no harm') or diag $out;
my %seen = $out =~ /(\w+) (\d+)/g;
cmp_ok($seen{$_} // 0, '>', 1000, "and reached $_: " . ($seen{$_} // 0)) for qw(decoded read texts numbers refused);
is(`$dir/fuzz 20260310 600000`, $out, 'the run is repeatable');

# Pairs of RFC 4648, section 10, without padding, and the two characters that differ from base64.
open my $c, '>', "$dir/pairs.c" or die $!;
print {$c} <<'C';
#include <stdio.h>
#include <string.h>
#include "people/base64url.h"
int main(int argc, char **argv)
{
	unsigned char bytes[64];
	char text[64];
	size_t n;
	for (int i = 1; i < argc; i++)
	{
		wf_base64url_encode((const unsigned char *) argv[i], strlen(argv[i]), text);
		printf("%s ", text);
		printf("%d\n", wf_base64url_decode(text, strlen(text), bytes, sizeof(bytes), &n) && n == strlen(argv[i]) && memcmp(bytes, argv[i], n) == 0);
	}
	return 0;
}
C
close $c;
is(system(@cc, '-o', "$dir/pairs", "$dir/pairs.c", $parts[0]), 0, 'the pairs compile');
open my $run, '-|', "$dir/pairs", '', qw(f fo foo foob fooba foobar), "\xff\xef\xfe\xfb" or die $!;
is(join('', <$run>), " 1\nZg 1\nZm8 1\nZm9v 1\nZm9vYg 1\nZm9vYmE 1\nZm9vYmFy 1\n_-_--w 1\n", 'known pairs');

done_testing();
