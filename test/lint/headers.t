# Compiles the server module's sources against the headers of later PostgreSQL versions, out of Debian's
# other suites. Nothing is installed: the package is unpacked into the cache. Versions that cannot
# be had are skipped, and counted so.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Path qw(make_path remove_tree);
use File::Temp;
use Test::More;
use Whalefall::Servers;

# Where Debian has them today; the first suite that offers the package is taken.
my %SUITES = (17 => ['trixie'], 18 => [ 'forky', 'sid' ]);
my $root = Whalefall::Servers::root();
my $cache = Whalefall::Servers::cache_dir();

chdir $root or die "$root: $!";

# The mirror that this machine's own apt uses, or undef.
sub mirror
{
	for my $file ('/etc/apt/sources.list', glob('/etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources'))
	{
		open my $in, '<', $file or next;
		while (<$in>)
		{
			return $1 if m{^\s*(?:deb\s+(?:\[[^\]]*\]\s*)?|URIs:\s*)(\S+/debian/?)(?:\s|$)};
		}
	}
	return undef;
}

# Gets the package of a version into a folder, by an apt state of our own. True when it worked.
sub download
{
	my ($version, $suite, $dir) = @_;
	my $mirror = mirror();
	my $keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

	return 0 if !$mirror || !-e $keyring;
	make_path("$dir.apt/lists/partial", "$dir.apt/cache/archives/partial");
	open my $sources, '>', "$dir.apt/sources.list" or return 0;
	print {$sources} "deb [signed-by=$keyring] $mirror $suite main\n";
	close $sources;
	open my $status, '>', "$dir.apt/status";
	close $status;
	my $options = "-q -y -o Dir::Etc::sourcelist=$dir.apt/sources.list -o Dir::Etc::sourceparts=/nonexistent"
	  . " -o Dir::State::lists=$dir.apt/lists -o Dir::State::status=$dir.apt/status -o Dir::Cache=$dir.apt/cache"
	  . " -o Debug::NoLocking=1 -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User= -o Acquire::Languages=none";
	my $ok = system("(timeout 300 apt-get $options update && cd '$dir.apt/cache' && "
		  . "timeout 300 apt-get $options download postgresql-server-dev-$version) >'$dir.apt/log' 2>&1 </dev/null") == 0;
	my ($deb) = glob "$dir.apt/cache/postgresql-server-dev-*.deb";
	$ok = $ok && $deb && system('dpkg', '-x', $deb, "$dir.new") == 0
	  && -e "$dir.new/usr/include/postgresql/$version/server/postgres.h";
	if ($ok)
	{
		remove_tree($dir);
		$ok = rename "$dir.new", $dir;
	}
	remove_tree("$dir.new", "$dir.apt");
	return $ok;
}

# The folder of a version's server headers, or undef.
sub headers
{
	my ($version) = @_;
	my $dir = "$cache/headers-$version";
	my $server = "$dir/usr/include/postgresql/$version/server";

	return $server if -e "$server/postgres.h";
	make_path($cache);
	for my $suite (@{ $SUITES{$version} })
	{
		return $server if download($version, $suite, $dir);
	}
	return undef;
}

my @files = sort grep { m{^(?:bgworker|src/\w+)/[^/]+\.c\z} } split /\n/, `find src bgworker -name '*.c' 2>/dev/null`;
for my $version (sort keys %SUITES)
{
  SKIP:
	{
		skip "no source of the server module yet", 2 if !@files;
		my $dir = headers($version) or skip "no headers of PostgreSQL $version to be had", 2;
		my @command = ('cc', '-std=gnu11', '-fsyntax-only', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror', '-Isrc', '-I.', '-isystem', $dir,
			'-include', 'test/lint/newer_libc.h', '-D_GNU_SOURCE', '-DWF_VERSION="0"');
		my $out = join '', map { my $file = $_; my $said = `@{[ map { "'$_'" } @command ]} $file 2>&1`; $? ? $said : () } @files;
		is($out, '', scalar(@files) . " files compile against PostgreSQL $version");
		# The same command must be able to fail.
		my $probe = File::Temp->new(SUFFIX => '.c');
		print {$probe} "#include \"postgres.h\"\n#if PG_VERSION_NUM / 10000 == $version\n#error right version\n#endif\n";
		close $probe;
		like(`@{[ map { "'$_'" } @command ]} '$probe' 2>&1`, qr/error right version/, "and those are the headers of $version");
	}
}
done_testing;
