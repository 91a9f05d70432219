# The systemd units: systemd understands them, they are as closed as they claim, and docs/http.md renders what they run.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use Test::More;
use Whalefall::Front;
use Whalefall::Servers;

my $root = Whalefall::Servers::root();
my $dir = tempdir('/tmp/wfunits.XXXXXX', CLEANUP => 1);
my %most = ('whalefall-nginx' => 2.0, 'whalefall-postgrest' => 1.0);

sub slurp
{
	open my $file, '<', $_[0] or die "$_[0]: $!";
	local $/ = undef;
	return <$file>;
}

my %unit = map { $_ => slurp("$root/deploy/systemd/$_.service") } keys %most;
SKIP:
{
	skip 'systemd-analyze is missing', 4 if system('command -v systemd-analyze >/dev/null') != 0;
	for my $name (sort keys %most)
	{
		# The programs need not be installed here.
		(my $text = $unit{$name}) =~ s{(?:/usr/local/bin/postgrest|/usr/sbin/nginx)}{/bin/true}g;
		open my $out, '>', "$dir/$name.service" or die $!;
		print $out $text;
		close $out;
	}
	for my $name (sort keys %most)
	{
		my $said = `systemd-analyze verify --man=no '$dir/$name.service' 2>&1`;
		is("$?$said", '0', "$name: systemd understands it");
		my ($exposure) = `systemd-analyze security --offline=yes --no-pager '$dir/$name.service' 2>&1` =~ /Overall exposure level.*?: ([\d.]+)/;
		SKIP:
		{
			skip 'this systemd-analyze looks at loaded units only', 1 if !defined $exposure;
			cmp_ok($exposure, '<=', $most{$name}, "$name: its exposure is at most $most{$name}") or diag $exposure;
		}
	}
}

# What the units run is what the document's command writes.
my $document = slurp("$root/docs/http.md");
my ($render) = $document =~ /^    (deploy\/front render \/etc\/whalefall\/front(?:.*\\\n)*.*)/m or die 'docs/http.md renders nothing';
like($unit{'whalefall-postgrest'}, qr{^ExecStart=/usr/local/bin/postgrest /etc/whalefall/front/postgrest\.conf$}m, 'PostgREST runs what is rendered');
like($unit{'whalefall-nginx'}, qr{^ExecStart=/usr/sbin/nginx .* -c /etc/whalefall/front/nginx\.conf$}m, 'and so does nginx');
like($document, qr{install .* /usr/local/bin/postgrest\b}, 'the document says how PostgREST gets there');
SKIP:
{
	skip Whalefall::Front::missing(), 7 if Whalefall::Front::missing();
	(my $command = $render) =~ s/\\\n/ /g;
	$command =~ s{deploy/front render /etc/whalefall/front}{'$root/deploy/front' render '$dir/front'};
	is(system("$command >'$dir/said' 2>&1"), 0, 'the command of the document works') or diag slurp("$dir/said");
	my $nginx = slurp("$dir/front/nginx.conf");
	my $postgrest = slurp("$dir/front/postgrest.conf");
	like($postgrest, qr{^server-unix-socket = "/run/whalefall/postgrest/in\.sock"$}m, 'its socket is in the folder that systemd makes');
	like($unit{'whalefall-postgrest'}, qr{^RuntimeDirectory=whalefall/postgrest$}m, 'namely this');
	like($postgrest, qr{^jwt-secret = "@/run/credentials/whalefall-postgrest\.service/jwt"$}m, 'the secret is the copy that systemd makes');
	like($nginx, qr{^pid "/run/whalefall/nginx/nginx\.pid";}m, "nginx's number is in its folder");
	like($nginx, qr{^error_log "/var/log/whalefall/nginx\.log"}m, 'its log too');
	like($nginx, qr{^ +proxy_temp_path +"/var/cache/whalefall-http/proxy";$}m, 'and what does not fit into memory');
}
done_testing;
