# The tour of the README over HTTP, as pasted: its commands run, and print what stands below them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use IPC::Run qw(run timeout);
use Test::More;
use Whalefall::Cluster;
use Whalefall::Front;
use Whalefall::Tree;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
plan skip_all => 'curl or jq is missing' if grep { system("command -v $_ >/dev/null") } qw(curl jq);

sub file
{
	open my $in, '<:raw', $_[0] or die "$_[0]: $!";
	local $/ = undef;
	return scalar <$in>;
}

sub put
{
	open my $out, '>:raw', $_[0] or die "$_[0]: $!";
	print $out $_[1];
	close $out or die "$_[0]: $!";
	return;
}

# Numbers are those of the machine that wrote the README.
sub blur { return $_[0] =~ s/\d+(?:\.\d+)*/N/gr; }

my ($tour) = file("$FindBin::Bin/../../README.md") =~ /^## Five minutes of HTTP\n(.*?)^## /ms;
my @blocks = $tour =~ /^```sh\n(.*?)^```\n(?:```\n(.*?)^```\n)?/msg;
is(scalar @blocks, 8, 'four blocks of commands, each with what it prints or not');

my $c = Whalefall::Cluster->new;
my $setup = $c->create_extension;
my $front = Whalefall::Front->start($c);
my $db = 'whalefall';
my ($password_file) = glob $c->dir . '/secrets/whalefall.admin_password*';
my $dir = tempdir(CLEANUP => 1);
mkdir "$dir/.whalefall";
put("$dir/.whalefall/admin_password", file($password_file));
put("$dir/.whalefall/env", sprintf "PGHOST='%s'\nPGPORT=%s\nPGDATABASE=%s\nPGUSER=postgres\nWF_URL='%s'\n", $c->host, $c->port, $db, $front->url);

my $commands = join "printf '== %d ==\\n'\n", map { $blocks[ 2 * $_ ] } 0 .. $#blocks / 2;
my ($out, $err) = ('', '');
{
	local $ENV{PATH} = Whalefall::Tree::bindir() . ":$ENV{PATH}";
	ok(run([ 'bash', '-c', "cd '$dir'\n$commands" ], '>', \$out, '2>', \$err, timeout(120)), 'it runs to its end');
}
is($err, '', 'without a complaint');
my @printed = split /^== 0 ==\n/m, $out, -1;
is(blur($printed[$_]), blur($blocks[ 2 * $_ + 1 ] // ''), 'block ' . ($_ + 1) . ' prints what the README says') for 0 .. $#blocks / 2;
is($c->value("select count(*) from whalefall_api.instances where name = 'tour'", database => $db), '0', 'and leaves no instance');
is($c->value("select count(*) from pg_roles where rolname = 'tour'"), '0', 'and no role');
unlike($c->log_contents, qr/[0-9a-f]{32}'; grant/, 'its password is not in the log');
done_testing;
