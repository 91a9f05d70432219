# The hostile tests once more, with the program built under the address and undefined behaviour
# sanitizers: what goes unnoticed otherwise ends the program here.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use Test::More;
use Whalefall::Servers;

my $root = Whalefall::Servers::root();
my $dir = tempdir(CLEANUP => 1);
my $program = "$dir/whalefall-remote-postgresql";
my $config = $ENV{PG_CONFIG} // 'pg_config';
chomp(my $include = `$config --includedir`);
chomp(my $lib = `$config --libdir`);

# The tests send SIGSEGV themselves. Options come from a function: the programs clear their environment.
open my $file, '>', "$dir/options.c" or die $!;
print $file <<'END';
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "detect_leaks=1:handle_segv=0";
}
END
close $file;
my @flags = ('-std=gnu11', '-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-Wall', '-Wextra',
	'-Wshadow', '-Werror', '-D_GNU_SOURCE', '-DWF_VERSION="0.0"', "-I$root/src", '-isystem', $include);
is(system('gcc', @flags, '-o', $program, "$dir/options.c",
		glob("$root/src/remote/common/*.c $root/src/remote/postgresql/*.c"), "-L$lib", qw(-lpq -ljansson)),
	0, 'the program compiles with sanitizers') or BAIL_OUT('no sanitizer');
chmod 0755, $dir;

$ENV{WHALEFALL_REMOTE_PROGRAM} = $program;
for my $test (qw(worker failures))
{
	my $out = `$^X '$root/test/remote/$test.t' 2>&1 </dev/null`;

	is($?, 0, "$test.t passes with it") or diag $out;
	unlike($out, qr/Sanitizer|runtime error/, 'and no sanitizer speaks');
}

done_testing();
