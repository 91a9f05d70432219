# Requests that a machine makes up from the API's own description: no answer is a failure of ours, and each has the
# status, the type and the shape that the description promises.
#
# Schemathesis sends them, as administrator, as viewer and as nobody. WHALEFALL_FUZZ_EXAMPLES (default 6) says how many
# for each operation. Left out is what would end the session that asks, and nothing else.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use IPC::Run qw(run timeout);
use Test::More;
use Whalefall::Cluster;
use Whalefall::Front;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
my ($place, $why) = ('', '');
run [ "$FindBin::Bin/clients/fetch", 'schemathesis' ], '>', \$place, '2>', \$why
  or plan skip_all => "schemathesis cannot be fetched: $why";
chomp $place;
my $examples = $ENV{WHALEFALL_FUZZ_EXAMPLES} // 6;

my $c = Whalefall::Cluster->new(settings => { 'whalefall.test_connect_timeout' => '1s', 'whalefall.connect_timeout' => '1s',
	'whalefall.sync_wait' => '2s', 'whalefall.bcrypt_cost' => 4, 'whalefall.login_rate_limit' => 10000 });
$c->create_extension;
my $front = Whalefall::Front->start($c);
my $db = 'whalefall';
my %password = (vera => 'Viewer-pass1', anna => 'Admin-pass12');
$c->query($_, database => $db) for
  "select whalefall_api.users_create(username => 'vera', password => '$password{vera}', role => 'viewer')",
  "select whalefall_api.users_create(username => 'anna', password => '$password{anna}', role => 'admin')",
  "select whalefall_api.tags_create(name => 'blue', display_name => 'Blue', category => 'colour')",
  "select whalefall_api.credentials_create(name => 'c', credential_type => 'database', username => 'u', password => 'Fuzz-pass-1')",
  map { "select whalefall_api.instances_create(name => '$_', db_type => 'mysql', host => '127.0.0.1', port => 1, credential_id => 1, tag_names => '{blue}')" }
  qw(one two three);

# What the run may not do to itself: the fuzzer's own account stays.
my @out = ('auth_logout', 'auth_change_password', 'users_update', 'users_delete', 'users_toggle_status');

# Sends the requests as one caller and checks that there were none too few and none that went wrong.
sub fuzz
{
	my ($who, $n, @headers) = @_;
	my $text = '';
	my @command = ("$place/bin/schemathesis", 'run', $front->url . '/api/v1/openapi.json', '--url', $front->url,
		'--phases', 'examples,coverage,fuzzing', '--max-examples', $n, '--seed', 20261121, '--workers', 2, '--request-timeout', 75,
		'--checks', 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance',
		'--generation-database', 'none', '--suppress-health-check', 'all', '--warnings', 'off', '--no-color', '--continue-on-failure',
		(map { ('--exclude-operation-id', $_) } @out), map { ('-H', $_) } @headers);

	local $ENV{HOME} = $c->dir;
	# It leaves files where it runs.
	my $ok = eval { run \@command, '>', \$text, '2>&1', init => sub { chdir $c->dir }, timeout(900) };
	ok($ok, "$who: every answer keeps its promise") or diag substr($text, -12000);
	my ($cases) = $text =~ /(\d+) generated/;
	cmp_ok($cases // 0, '>', 100, "$who: " . ($cases // 0) . ' requests') or diag substr($text, -3000);
	my $ping = $front->request('GET', '/api/v1/health/detailed');
	is_deeply([ $ping->{status}, $ping->{json}{data}{components}{database}{healthy} ], [ 200, JSON::PP::true ], "$who: all is well afterwards");
	return;
}

my %bearer = map { $_ => $front->login($_, $password{$_})->{bearer} } sort keys %password;
fuzz('admin', $examples, "Authorization: $bearer{anna}{Authorization}");
is($front->request('GET', '/api/v1/auth/me', { headers => $bearer{anna} })->{json}{data}{username}, 'anna', 'its session lived to the end');
fuzz('viewer', int($examples / 2), "Authorization: $bearer{vera}{Authorization}");
is($front->request('GET', '/api/v1/auth/me', { headers => $bearer{vera} })->{json}{data}{username}, 'vera', 'so did this one');
fuzz('nobody', int($examples / 4) || 1);
my $log = $c->log_contents;
unlike($log, qr/PANIC|FATAL:  (?!terminating|the database)|TRAP|signal 11/, 'the server had no accident');
done_testing;
