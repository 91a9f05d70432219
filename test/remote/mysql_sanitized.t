# The tests of the MySQL program once more, with the program built under the address and undefined
# behaviour sanitizers: what goes unnoticed otherwise ends the program here.
# slow
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use Test::More;
use Whalefall::Servers;

my $root = Whalefall::Servers::root();
my $dir = tempdir(CLEANUP => 1);
my $program = "$dir/whalefall-remote-mysql";
my ($library) = grep { system("pkg-config --exists $_ 2>/dev/null") == 0 } qw(libmariadb mysqlclient);

plan skip_all => 'there is no MySQL client library' if !defined $library;
chomp(my $includes = `pkg-config --cflags $library`);
chomp(my $libraries = `pkg-config --libs $library`);
$includes =~ s/-I/-isystem /g;

# Options come from a function: the programs clear their environment. The library's own leaks are its own.
open my $file, '>', "$dir/options.c" or die $!;
print $file <<'END';
const char *__asan_default_options(void);
const char *__lsan_default_options(void);
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_options(void)
{
	return "print_suppressions=0";
}
const char *
__asan_default_options(void)
{
	return "detect_leaks=1:detect_stack_use_after_return=0";
}
const char *
__lsan_default_suppressions(void)
{
	return "leak:libmariadb\nleak:libmysqlclient\nleak:libcrypto\n";
}
END
close $file;
my @flags = ('-std=gnu11', '-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-Wall', '-Wextra',
	'-Wshadow', '-Werror', '-Wno-unused-parameter', '-D_GNU_SOURCE', '-DWF_VERSION="0.0"', "-I$root/src", split(' ', $includes));
is(system('gcc', @flags, '-o', $program, "$dir/options.c", glob("$root/src/remote/common/*.c $root/src/remote/mysql/*.c"),
		split(' ', $libraries), qw(-ljansson -ldl)), 0, 'the program compiles with sanitizers') or BAIL_OUT('no sanitizer');
chmod 0755, $dir;

$ENV{WHALEFALL_MYSQL_PROGRAM} = $program;
for my $test (qw(failures accounts))
{
	my $out = `$^X '$root/test/remote/mysql_$test.t' 2>&1 </dev/null`;

	is($? >> 8, 0, "mysql_$test.t") or diag $out;
	unlike($out, qr/Sanitizer|runtime error/, 'no report');
}

done_testing();
