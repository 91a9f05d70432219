# Documents against the program: the error table of docs/errors.md, and names that docs/security.md gives.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Cluster;

my $db = 'whalefall';
my $root = "$FindBin::Bin/../..";
my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });
$c->create_extension;

sub file
{
	open my $in, '<', "$root/$_[0]" or die "$_[0]: $!";
	local $/ = undef;
	return <$in>;
}

my $errors = file('docs/errors.md');
my $table = join "\n", map { s/`//gr } $errors =~ /^\| (`[A-Z_]+` \| \d+ \| PT\d+ .*) \|$/mg;
is($table, $c->value(q(select string_agg(concat_ws(' | ', message_code, http_status, sqlstate, category, severity, message_en, message_zh), E'\n' order by n)
	from whalefall.error_table() with ordinality x(message_code, http_status, sqlstate, category, severity, message_en, message_zh, n)), database => $db),
	'docs/errors.md has the error table');
is(join(' ', $errors =~ /^\| `([A-Z_]+)` \| [a-z`].* \| .* \|$/mg), $c->value(q(select string_agg(message_code, ' ' order by n) from (select message_code, min(n) as n
	from whalefall.error_table() with ordinality x(message_code, a, b, c, d, e, f, n) group by message_code) y), database => $db), 'and says of each when it comes');

my $security = file('docs/security.md');
is(join(' ', sort { $a cmp $b } $security =~ /^\| `(whalefall_\w+)` \|/mg),
	$c->value(q(select string_agg(rolname, ' ' order by rolname collate "C") from pg_roles where rolname like 'whalefall%')), 'docs/security.md names every role');
for my $name (sort { $a cmp $b } keys %{ { map { $_ => 1 } $security =~ m{`((?:test|sql|deploy|docs)/[\w/.-]+)`}g } })
{
	ok(-e "$root/$name", "$name exists");
}
for my $setting (sort { $a cmp $b } keys %{ { map { $_ => 1 } $security =~ /\b(whalefall\.(?:key_file|jwt_file|database))\b/g } })
{
	is($c->value("select count(*) from pg_settings where name = '$setting'"), '1', "$setting is a setting");
}
for my $call ($security =~ /^    ((?:SELECT|CALL) whalefall\.[^;]*;)/mg)
{
	is($c->psql($call, database => $db)->{rc}, 0, $call);
}

done_testing;
