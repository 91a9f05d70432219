# Every check of the source must be able to fail: each gets a small tree with one fault, and the
# same tree without it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;
use Whalefall::Servers;

my $root = Whalefall::Servers::root();

# Writes files (path => text) into a new folder.
sub tree
{
	my (%files) = @_;
	my $dir = tempdir(CLEANUP => 1);

	for my $path (keys %files)
	{
		make_path("$dir/" . dirname($path));
		open my $out, '>', "$dir/$path" or die "$path: $!";
		print {$out} $files{$path};
		close $out;
	}
	return $dir;
}

# Runs a check; gives its exit status and what it said.
sub run_check
{
	my ($check, $dir, @args) = @_;
	local $ENV{WF_LINT_ROOT} = $dir;
	my $out = `'$root/test/lint/$check' @args 2>&1 </dev/null`;

	return ($? >> 8, $out);
}

# A check must pass the good tree and fail the bad one with this message.
sub proves
{
	my ($check, $good, $bad, $message) = @_;
	my ($status, $out) = run_check($check, tree(%$good));

	is($status, 0, "$check passes a good tree") or diag $out;
	($status, $out) = run_check($check, tree(%$bad));
	is($status, 1, "$check fails a bad one: $message");
	like($out, $message, '... and says why');
	return;
}

# Ranks, one by one.
my %rooms = map { ("src/$_.h" => "\n") }
  qw(whalefall base/text remote/remote remote/common/frame remote/postgresql/driver remote/mysql/driver inventory/instance people/user
	logs/log logs/other runs/item accounts/sync capacity/sync setup/setup);
my %headers = (%rooms, 'bgworker/worker.h' => "\n");
my @allowed = (
	[ 'src/base/a.c', 'base/text.h' ], [ 'src/inventory/a.c', 'base/text.h' ], [ 'src/inventory/a.c', 'logs/log.h' ],
	[ 'src/people/a.c', 'logs/log.h' ], [ 'src/runs/a.c', 'inventory/instance.h' ], [ 'src/runs/a.c', 'remote/remote.h' ],
	[ 'bgworker/a.c', 'accounts/sync.h' ], [ 'bgworker/a.c', 'bgworker/worker.h' ], [ 'src/base/a.c', 'whalefall.h' ],
	[ 'src/remote/a.c', 'remote/common/frame.h' ], [ 'src/remote/postgresql/a.c', 'remote/common/frame.h' ],
	[ 'src/remote/postgresql/a.c', 'libpq-fe.h' ], [ 'src/remote/postgresql/a.c', 'driver.h' ], [ 'src/setup/a.c', 'postgres.h' ]);
my @forbidden = (
	[ 'src/base/a.c', 'inventory/instance.h', qr/rank 0 \(base\) may not include rank 1 \(inventory\)/ ],
	[ 'src/base/a.c', '../logs/log.h', qr/rank 0 \(base\) may not include rank 1/ ],
	[ 'src/inventory/a.c', 'people/user.h', qr/same rank 1/ ],
	[ 'src/inventory/a.c', 'logs/other.h', qr/same rank 1/ ],
	[ 'src/logs/a.c', 'inventory/instance.h', qr/same rank 1/ ],
	[ 'src/runs/a.h', 'accounts/sync.h', qr/rank 2 \(runs\) may not include rank 3/ ],
	[ 'src/capacity/a.c', 'accounts/sync.h', qr/same rank 3/ ],
	[ 'src/setup/a.c', 'bgworker/worker.h', qr/rank 4 \(setup\) may not include rank 5/ ],
	[ 'src/setup/a.c', 'libpq-fe.h', qr/client libraries are for the driver programs/ ],
	[ 'src/remote/postgresql/a.c', 'base/text.h', qr/a driver program includes only/ ],
	[ 'src/remote/postgresql/a.c', 'whalefall.h', qr/a driver program includes only/ ],
	[ 'src/remote/common/a.c', 'remote/remote.h', qr/a driver program includes only/ ],
	[ 'src/remote/postgresql/a.c', 'remote/mysql/driver.h', qr/a driver program includes only/ ],
	[ 'src/remote/postgresql/a.c', 'postgres.h', qr/nothing of the server/ ],
	[ 'src/novel/a.c', 'base/text.h', qr/room "novel" has no rank/ ]);
my %good = map { my ($n, $c) = ($_, $allowed[$_]); (my $f = $c->[0]) =~ s/a\.c/a$n.c/; ($f => qq(#include "$c->[1]"\n)) } 0 .. $#allowed;
my ($status, $out) = run_check('ranks', tree(%headers, %good));
is($status, 0, 'ranks passes ' . @allowed . ' lawful includes') or diag $out;
for my $case (@forbidden)
{
	my ($file, $include, $message) = @$case;
	($status, $out) = run_check('ranks', tree(%headers, $file => qq(/* x */\n#  include "$include"\n)));
	is($status, 1, "ranks: $file may not include $include");
	like($out, qr/^\Q$file\E:2: includes "\Q$include\E": .*$message/m, '... and says file, include and rule');
}

# Sizes.
my $long = "static int\nlong_one(void)\n{\n" . "\tcall();\n" x 250 . "}\n";
proves('sizes', { 'src/base/a.c' => "int a;\n" x 799 }, { 'src/base/a.c' => "int a;\n" x 800 }, qr/src\/base\/a\.c: 800 lines, 800 is too long/);
proves('sizes', { 'src/base/a.c' => "int a;\n" }, { 'src/base/a.c' => $long }, qr/long_one\(\): 25\d lines/);
($status, $out) = run_check('sizes', tree('src/base/a.c' => "int a;\n" x 501));
is($status, 0, 'sizes only warns at 501');
like($out, qr/501 lines, more than 500 \(warning\)/, '... in words');

# C: what each tool must find.
my $style = do { local (@ARGV, $/) = "$root/.clang-format"; <> };
my $fine = "extern int one(void);\nint\none(void)\n{\n\treturn 1;\n}\n";
SKIP:
{
	skip 'no clang-format-14', 3 if system('command -v clang-format-14 >/dev/null');
	proves('format', { '.clang-format' => $style, 'src/base/a.c' => $fine },
		{ '.clang-format' => $style, 'src/base/a.c' => "int one(void) { return 1; }\n" }, qr/a\.c: not in the house look/);
}
SKIP:
{
	skip 'no cppcheck', 3 if system('command -v cppcheck >/dev/null');
	proves('cppcheck', { 'src/base/a.c' => $fine },
		{ 'src/base/a.c' => "extern int one(void);\nint\none(void)\n{\n\tint a[2] = {0, 0};\n\treturn a[2];\n}\n" }, qr/arrayIndexOutOfBounds/);
}
SKIP:
{
	skip 'no clang-tidy-14', 3 if system('command -v clang-tidy-14 >/dev/null');
	proves('tidy', { 'src/base/a.c' => $fine },
		{ 'src/base/a.c' => "#include <stdlib.h>\nextern int one(int *p);\nint\none(int *p)\n{\n\tfree(p);\n\treturn *p;\n}\n" }, qr/after it is freed/);
}

# Exports, on libraries made for it.
sub library
{
	my ($source, @flags) = @_;
	my $dir = tree('a.c' => $source);

	system('cc', '-shared', '-fPIC', '-fvisibility=hidden', '-o', "$dir/a.so", "$dir/a.c", @flags) == 0 or die 'cc';
	return "$dir/a.so";
}
my $show = '__attribute__((visibility("default")))';
my $base = "$show void _PG_init(void) {} $show int wf_x_do(void) { return 1; } $show const int *pg_finfo_wf_x_do(void) { return 0; }";
for my $case ([ $base, 0, qr/symbols exported/ ],
	[ "$base $show int helper(void) { return 1; }", 1, qr/T helper/ ],
	[ "$base $show int wf_counter = 1;", 1, qr/D wf_counter/ ],
	[ "$base $show int wf_zero;", 1, qr/B wf_zero/ ],
	[ "$base extern int PQstatus(void); $show int wf_y(void) { return PQstatus(); }", 1, qr/PQstatus/ ],
	[ "$base extern int mysql_ping(void); $show int wf_y(void) { return mysql_ping(); }", 1, qr/mysql_ping/ ],
	[ "$base extern int wf_absent(void); $show int wf_y(void) { return wf_absent(); }", 1, qr/^wf_absent$/m ],
	[ "$show int wf_y(void) { return 1; }", 1, qr/no _PG_init/ ])
{
	($status, $out) = run_check('exports', $root, library($case->[0]));
	is($status, $case->[1], "exports gives $case->[1] for " . $case->[0] =~ s/^\Q$base\E//r);
	like($out, $case->[2], '... and names it');
}

# SQL.
my $function = 'CREATE FUNCTION whalefall.f() RETURNS int LANGUAGE c STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$x$$, $$y$$;';
my $atomic = "CREATE FUNCTION whalefall.g() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;\n";
my $lawful = "-- OR REPLACE in a comment; IF NOT EXISTS\n$function\n$atomic COMMENT ON FUNCTION whalefall.f() IS 'create or replace; if not exists';\n";
for my $case ([ $lawful, 0, qr/ 0 findings/ ],
	[ "\n\nCREATE OR REPLACE VIEW v AS SELECT 1;", 1, qr/:3: OR REPLACE/ ],
	[ "CREATE TABLE IF NOT EXISTS t();", 1, qr/:1: IF NOT EXISTS/ ],
	[ "$atomic;INSERT INTO t VALUES (1);", 1, qr/inserts no row/ ],
	[ $function =~ s/STABLE//r, 1, qr/volatility is not written/ ],
	[ $function =~ s/PARALLEL SAFE//r, 1, qr/parallel safety is not written/ ],
	[ $function =~ s/SET search_path = pg_catalog, pg_temp//r, 1, qr/search_path is not pinned/ ],
	[ $function =~ s/pg_catalog, pg_temp/pg_catalog, public/r, 1, qr/search_path is not pinned/ ],
	[ $function =~ s/LANGUAGE c/LANGUAGE plpgsql/r, 1, qr/"plpgsql" does not ship/ ],
	[ $atomic =~ s/BEGIN ATOMIC.*END;/AS 'select 1';/r, 1, qr/BEGIN ATOMIC/ ],
	[ 'DO $$ begin end $$;', 1, qr/DO block/ ],
	[ 'SELECT @extschema@.f();', 1, qr/extschema/ ])
{
	my $dir = tree('10_x.sql' => $case->[0]);
	($status, $out) = run_check('sql', $root, "$dir/10_x.sql");
	is($status, $case->[1], 'sql: ' . substr($case->[0], 0, 60) =~ s/\s+/ /gr);
	like($out, $case->[2], '... and says why') or diag $out;
}
# Translations: a small catalogue with a sentence of each kind, and a source that says them.
my $catalogue = qq(const WfTranslation wf_translations[] = {\n\t{"Missing: %s.", "缺少：%1\$s。"},\n\t{"%w %d of \\"%s\\" is gone.", "“%3\$s”的%1\$s %2\$s "\n\t "已消失。"},\n};\n)
  . qq(const WfTranslation wf_words[] = {\n\t{"Tag", "标签"},\n};\n);
my $raise = qq(static void\nf(void)\n{\n\twf_raise(WF_ERR_X, BODY, NULL);\n}\n);
my $says = sub {
	my ($detail) = @_;
	return { 'src/base/translations.c' => $catalogue, 'src/runs/a.c' => $raise =~ s/BODY/"Missing: a."/r . $raise =~ s/BODY/psprintf("%s " INT64_FORMAT " of \\"%.64s\\" is gone.", w, n, t)/r . $raise =~ s/BODY/$detail/r };
};
my $changed = sub {
	my ($from, $to) = @_;
	my $tree = $says->('NULL');
	index($tree->{'src/base/translations.c'}, $from) >= 0 or die $from;
	$tree->{'src/base/translations.c'} =~ s/\Q$from\E/$to/;
	return $tree;
};
proves('translations', $says->('"Tag 5 of \\"x\\" is gone."'), $says->('"Something new happened."'), qr/a\.c:\d+: "Something new happened\." has no translation/);
proves('translations', $says->('c ? "Missing: x." : NULL'), $says->('c ? "Missing: x." : psprintf("No %d.", n)'), qr/"No %d\." has no translation/);
proves('translations', $says->('/* "Other" */ NULL'), $says->('given'), qr/cannot tell where "given" comes from/);
proves('translations', $says->('NULL'), $changed->('{"Missing', qq({"Unheard of.", "闻所未闻。"},\n\t{"Missing)), qr/nothing says "Unheard of\."/);
proves('translations', $says->('NULL'), $changed->('缺少：%1$s', '缺少：%2$s'), qr/% that is not %1\$s to %1\$s/);
proves('translations', $says->('NULL'), $changed->('缺少：%1$s', '缺少'), qr/leaves a value out/);
proves('translations', $says->('NULL'), $changed->('缺少：%1$s。', 'Missing: %1$s.'), qr/is not translated/);
proves('translations', $says->('NULL'), $changed->('{"Missing', '{"Missing: %s.", "没有：%1$s。"}, {"Missing'), qr/stands there twice/);
done_testing;
