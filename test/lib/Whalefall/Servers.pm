# Where the tests find the PostgreSQL servers that test/fetch-servers has fetched.
package Whalefall::Servers;

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $ROOT = abs_path(dirname(__FILE__) . '/../../..');

# The top folder of the project.
sub root { return $ROOT; }

# The user that runs servers: the caller, or an unprivileged one when root runs the tests.
sub user
{
	return scalar getpwuid($<) if $< != 0;
	return defined getpwnam('postgres') ? 'postgres' : 'nobody';
}

# The words to put before a command that must run as that user: none for an ordinary caller.
sub as_user
{
	return $< != 0 ? () : ('runuser', '-u', user(), '--', 'env', 'HOME=/');
}

# The folder for what is fetched or built once. The same rule as wf_cache_dir in deploy/common.sh.
sub cache_dir
{
	return $ENV{WHALEFALL_CACHE} if length($ENV{WHALEFALL_CACHE} // '');
	return '/var/cache/whalefall' if $< == 0;
	return ($ENV{XDG_CACHE_HOME} || ($ENV{HOME} || "/tmp/whalefall-$<") . '/.cache') . '/whalefall';
}

my %bindir;

# The folder of initdb, pg_ctl and postgres of a major version (13 or 18), or undef when it could
# not be had. Fetches on first use, so that a test file also runs alone. There is no psql inside.
sub bindir
{
	my ($major) = @_;

	if (!exists $bindir{$major})
	{
		my $dir = cache_dir() . "/pg$major/native/bin";
		if (!-x "$dir/postgres" && !$ENV{WHALEFALL_NO_FETCH})
		{
			system("'$ROOT/test/fetch-servers' >/dev/null </dev/null");
		}
		$bindir{$major} = -x "$dir/postgres" ? $dir : undef;
	}
	return $bindir{$major};
}

1;
