# The driver built against MySQL's own client library: it compiles without a warning, reads MySQL as it does with
# MariaDB's, withstands the same servers, and says what it cannot do.
# slow
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use Test::More;
use Whalefall::MySQL;

my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;
my $program = eval { build_with_mysql_library($dir) };
fail("it compiles: $@") if $@;
plan skip_all => "MySQL's client library could not be had" if !defined $program && !$@;

SKIP:
{
	skip 'no program', 1 if !defined $program;
	$ENV{WHALEFALL_MYSQL_PROGRAM} = $program;
	like(run_mysql_program(['--version'])->{out}, qr/\(protocol 1, libmysqlclient \d+\./, 'it compiles without a warning, and runs');
	if (system('command -v clang-14 >/dev/null 2>&1') == 0)
	{
		my $root = Whalefall::Servers::root();
		my $said = `clang-14 -std=gnu11 -fsyntax-only -Wall -Wextra -Wshadow -Wno-unused-parameter -Werror -D_GNU_SOURCE -DWF_VERSION='"0.0"' -I'$root/src' -isystem '$dir/include/mysql' -isystem '$dir/include' '$root'/src/remote/mysql/*.c 2>&1`;
		is($said, '', 'by clang as well');
	}

	# This library has no mysql_native_password any more, which MariaDB uses.
	if (my $server = mysql_server('mariadb10'))
	{
		$server->monitor;
		for my $mode (qw(prefer disable))
		{
			my $last = read_mysql($server, 'version', args => [ '--tls-mode', $mode ])->{last};
			is("@$last{qw(error_type phase)}", 'auth connecting', "an account with mysql_native_password, $mode");
			like($last->{message}, qr/mysql_native_password/, 'the method is named');
			like($last->{hint}, qr/^The client library of this program .* has no such method of login/, 'and what to do');
		}
		$server->remove;
	}

	# The other tests once more. Those servers that they start themselves are MySQL's.
	$ENV{WHALEFALL_MYSQL_KINDS} = 'mysql9';
	for my $test (qw(accounts sizes many tls failures))
	{
		my $out = `$^X '$FindBin::Bin/mysql_$test.t' 2>&1 </dev/null`;
		is($? >> 8, 0, "mysql_$test.t") or diag $out;
	}
}

done_testing();
