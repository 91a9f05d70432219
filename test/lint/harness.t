# The runner itself: what it counts, what it prints last, and how it ends, on a small tree of its own.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(time);
use Whalefall::Servers;

my $root = Whalefall::Servers::root();

# Runs the runner on a tree of these files; gives its exit status and its output. No server is needed.
sub run_on
{
	my ($files, @args) = @_;
	my $dir = tempdir(CLEANUP => 1);

	make_path("$dir/test");
	system('cp', '-a', "$root/test/lib", "$dir/test/lib");
	for my $path (keys %$files)
	{
		make_path("$dir/" . dirname($path));
		open my $out, '>', "$dir/$path" or die "$path: $!";
		print {$out} $files->{$path};
		close $out;
		chmod 0755, "$dir/$path";
	}
	local %ENV = (%ENV, WHALEFALL_TREE_BIN => '/nonexistent', WHALEFALL_FILE_TIMEOUT => 3, WHALEFALL_NO_FETCH => 1);
	delete @ENV{qw(PERL5LIB WHALEFALL_ROOT)};
	my $said = `cd '$dir' && '$^X' -Itest/lib test/lib/harness.pl @args 2>&1 </dev/null`;
	return ($? >> 8, $said);
}

my $good = "use Test::More tests => 2; ok(1, 'one'); ok(1, 'two');\n";
my ($status, $said) = run_on({ 'test/lint/fine' => "#!/bin/sh\nexit 0\n", 'test/server/a.t' => $good });
is($status, 0, 'all is well');
like($said, qr/\n3 passed, 0 failed\n\z/, 'the last line counts, and leaves out what is zero');
like($said, qr/^ok +test\/server\/a\.t +2 passed/m, 'each file has a line');

($status, $said) = run_on({
	'test/lint/fine' => "#!/bin/sh\nexit 0\n",
	'test/lint/broken' => "#!/bin/sh\necho why it broke\nexit 1\n",
	'test/lint/absent' => "#!/bin/sh\necho skipped: no tool\nexit 77\n",
	'test/lint/notes.txt' => "not a check\n",
	'test/server/a.t' => $good,
	'test/server/b.t' => "use Test::More tests => 3; ok(1); ok(0, 'the bad one'); ok(1);\n",
	'test/server/dies.t' => "use Test::More tests => 3; ok(1); die 'in the middle';\n",
	'test/server/early.t' => "use Test::More; ok(1); exit 0;\n",
	'test/server/late.t' => "use Test::More tests => 1; ok(1); END { \$? = 5 }\n",
	'test/server/none.t' => "use Test::More skip_all => 'no server';\n",
	'test/server/some.t' => "use Test::More tests => 2; ok(1); SKIP: { skip 'no way', 1; }\n",
	'test/remote/hangs.t' => "use Test::More tests => 1; sleep 600; ok(1);\n",
	'test/remote/empty.t' => "\n",
	'test/remote/deaf.t' => "\$SIG{TERM} = 'IGNORE'; use Test::More tests => 1; ok(1); exec 'false';\n" });
is($status, 1, 'a failure ends with 1');
like($said, qr/\n10 passed, 8 failed, 3 skipped\n\z/, 'passed, failed and skipped are counted') or diag $said;
like($said, qr/why it broke/, 'the output of what failed is shown');
like($said, qr/the bad one/, 'also of programs');
like($said, qr/^FAILED test\/remote\/hangs\.t .*time limit/m, 'what hangs is ended, and said so');
like($said, qr/skipped: no tool/, 'what is skipped says why');
like($said, qr/^failed: test\/server\/$_\.t$/m, "$_.t is listed") for qw(b dies early late);

($status, $said) = run_on({ 'test/server/a.t' => $good, 'test/server/b.t' => "exit 1;\n" }, 'server/a');
is($status, 0, 'a pattern chooses files');
like($said, qr/\n2 passed, 0 failed\n\z/, 'and only those run');
($status, $said) = run_on({ 'test/server/a.t' => $good }, 'nosuch');
is($status, 1, 'nothing to run is a failure');
like($said, qr/nothing ran\n.*\n0 passed, 0 failed\n\z/, 'and says so');
($status, $said) = run_on({ 'test/server/none.t' => "use Test::More skip_all => 'no server';\n" });
is($status, 1, 'nothing but skips is not a success');
like($said, qr/\n0 passed, 0 failed, 1 skipped\n\z/, 'whatever it counts');
done_testing;
