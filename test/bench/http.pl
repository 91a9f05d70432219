# /api/v1 through nginx, PostgREST and the dispatcher, beside PostgREST's own RPC through the same nginx.
#
# Both sides are one GET with a token, over connections that stay open, in turns; the front is the shipped one. The
# comparators are in http.sql. Answers are compared before anything is timed, and none may be an error. What the
# dispatcher costs inside the server is measured in one session, beside one read by primary key there; the export
# beside psql's \copy of the query that gives the same cells.
use strict;
use warnings;
use Bench qw(row control_plane median);
use Bench::Wrk;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use HTTP::Tiny;
use JSON::PP ();
use Time::HiRes qw(time);
use Whalefall::Front;

my $INSTANCES = $ENV{WHALEFALL_BENCH_INSTANCES} || 10_000;
my $EXPORTED = $ENV{WHALEFALL_BENCH_EXPORTED} || 100_000;
my $ROUNDS = $ENV{WHALEFALL_BENCH_ROUNDS} || 12;
my $SECONDS = $ENV{WHALEFALL_BENCH_SECONDS} || 2;
my $CALLS = $ENV{WHALEFALL_BENCH_CALLS} || 1_000;
my $FILES = $ENV{WHALEFALL_BENCH_EXPORTS} || 7;
my $TRIVIAL_MUST = 1.0;
my $PAGE_MUST = 1.1;
my $SPREAD_MUST = 1.5;
my $OWN_MUST = 6;
my $FILE_MUST = 0.6;

my $canonical = JSON::PP->new->canonical->utf8->allow_nonref;
my ($why) = grep { $_ } Bench::Wrk::missing(), Whalefall::Front::missing();
die "$why\n" if $why;

my $control = control_plane(shared_buffers => '512MB', autovacuum => 'off');
my $session = $control->session(database => 'whalefall', timeout => 600);

sub ask
{
	my ($sql) = @_;
	my $answer = $session->query($sql, 600);

	die $session->error if $session->error;
	return $answer;
}

# Instances number $from to $to, three tags each, and every tenth with accounts.
sub fill
{
	my ($from, $to) = @_;

	ask(qq{insert into whalefall.instances (name, db_type, host, port, database_name, description, last_connected, last_account_sync_at)
		select (array['prod', 'test', 'dev'])[n % 3 + 1] || '-db-' || n, (array['mysql', 'postgresql', 'oracle'])[n % 3 + 1],
			'db' || n || '.example.org', 5432, 'app' || n % 7, 'instance number ' || n || ', of team ' || n % 40,
			now() - n * interval '1 minute', now() - (n * 7919 % 10007) * interval '1 second' from generate_series($from, $to) n});
	ask(qq{insert into whalefall.instance_tags select i.id, t.id from whalefall.instances i, whalefall.tags t
		where substring(i.name from '[0-9]+')::int between $from and $to and t.id % 20 = i.id % 20});
	ask(qq{insert into whalefall.instance_accounts (instance_id, db_type, username) select i.id, i.db_type, 'u' || n
		from whalefall.instances i, generate_series(1, 10) n
		where i.id % 10 = 0 and substring(i.name from '[0-9]+')::int between $from and $to});
	ask('vacuum analyze');
	return;
}

ask(q{insert into whalefall.tags (name, display_name, category) select 'tag-' || n, 'Tag ' || n, 'c' || n % 5 from generate_series(1, 60) n});
fill(1, $INSTANCES);
$control->query(do { open my $in, '<', dirname(abs_path(__FILE__)) . '/http.sql' or die "http.sql: $!"; local $/ = undef; <$in> },
	database => 'whalefall');
my $front = Whalefall::Front->start($control);
my $password = join '', 'Aa1', map { ('a' .. 'z', 'A' .. 'Z', 0 .. 9)[ rand 62 ] } 1 .. 20;
ask(qq{do \$\$ begin perform whalefall_api.users_create(username => 'bench', role => 'viewer', password => '$password'); end \$\$});
my $bearer = $front->login('bench', $password)->{bearer};
my ($token) = $bearer->{Authorization} =~ /^Bearer (.*)$/;
my $token_file = $control->dir . '/token';
{
	umask 077;
	open my $out, '>', $token_file or die "$token_file: $!";
	print {$out} "$token\n";
	close $out or die "$token_file: $!";
}

# What a GET answers, which must be 200.
sub get
{
	my ($path) = @_;
	my $answer = $front->request('GET', $path, { headers => $bearer });

	die "GET $path: $answer->{status} $answer->{content}\n" if $answer->{status} != 200;
	return $answer;
}

# Load on paths in turns, who begins too: a list of results for each.
sub load
{
	my (@paths) = @_;
	my %result;

	# Every session of the pool makes its plans first.
	Bench::Wrk::run(url => $front->url . $_, token_file => $token_file, connections => 20, seconds => 2) for @paths;
	for my $round (1 .. $ROUNDS)
	{
		push @{ $result{$_} }, Bench::Wrk::run(url => $front->url . $_, token_file => $token_file, seconds => $SECONDS)
		  for $round % 2 ? @paths : reverse @paths;
	}
	return map { $result{$_} } @paths;
}

# The middle of a figure over the rounds; the figure by name, or made by a function of a round.
sub middle
{
	my ($results, $figure) = @_;

	return median(map { ref $figure ? $figure->($_) : $_->{$figure} } @$results);
}

# The middle of the ratios that the rounds give, each by itself: what else the machine did in a round hit both sides.
sub ratio
{
	my ($results, $floors, $figure) = @_;

	return median(map { middle([ $results->[$_] ], $figure) / middle([ $floors->[$_] ], $figure) } 0 .. $#$results);
}

sub rates
{
	my ($figure, $must, $ours, $native) = @_;
	my $ratio = ratio($ours, $native, 'rate');

	row(figure => $figure, measured => sprintf('%.0f/s', middle($ours, 'rate')), floor => sprintf('%.0f/s', middle($native, 'rate')),
		ratio => sprintf('%.2f', $ratio), must => sprintf('>= %.1f x', $must), ok => $ratio >= $must);
	row(figure => "$figure: p50, p99 (for information)", ok => 1,
		measured => sprintf('%.2f, %.2f ms', map { middle($ours, $_) } qw(p50 p99)),
		floor => sprintf('%.2f, %.2f ms', map { middle($native, $_) } qw(p50 p99)));
	return;
}

# A trivial operation -----------------------------------------------------------------------------------------
my ($ours, $native) = ('/api/v1/bench/nothing', '/rest/rpc/health_ping');
my ($one, $other) = map { $canonical->encode($_) } get($ours)->{json}{data}, get($native)->{json};
die "the answers differ: $one $other\n" if $one ne $other;
rates('trivial operation, 8 connections', $TRIVIAL_MUST, load($ours, $native));

# The page ------------------------------------------------------------------------------------------------------
($ours, $native) = ('/api/v1/instances?page=1&page_size=20', '/rest/rpc/bench_page?page=1&page_size=20');
($one, $other) = map { $canonical->encode($_) } get($ours)->{json}{data}, get($native)->{json};
die "the pages differ:\n$one\n$other\n" if $one ne $other;
die "nothing was found: $one\n" if $one !~ /"total":$INSTANCES\b/;
my @page = load($ours, $native);
rates("page of 20 out of $INSTANCES instances, 8 connections", $PAGE_MUST, @page);
my $spread = sub { $_[0]{p99} / $_[0]{p50} };
my $wider = ratio(@page, $spread);
row(figure => 'p99 / p50 of that page', measured => sprintf('%.2f', middle($page[0], $spread)), floor => sprintf('%.2f', middle($page[1], $spread)),
	ratio => sprintf('%.2f', $wider), must => "<= $SPREAD_MUST x", ok => $wider <= $SPREAD_MUST);

# The dispatcher inside the server ------------------------------------------------------------------------------
my $headers = $canonical->encode({
	'host' => 'localhost', 'content-type' => 'application/octet-stream', 'accept' => '*/*', 'content-profile' => 'whalefall_http',
	'content-length' => '0', 'user-agent' => 'bench',
	'x-wf-method' => 'GET', 'x-wf-uri' => '/api/v1/bench/nothing', 'x-wf-content-type' => '', 'x-wf-authorization' => "Bearer $token",
	'x-wf-session' => '', 'x-wf-csrf' => '', 'x-wf-client' => '127.0.0.1', 'x-wf-agent' => 'bench/1.0',
	'x-wf-request-id' => 'req_0123456789abcdef0123456789abcdef', 'x-wf-language' => '', 'x-wf-scheme' => 'http', 'x-wf-host' => 'localhost',
});

# Microseconds of one of many executions of a statement.
sub microseconds
{
	my ($statement) = @_;
	my ($from, $to) = split /\n/, ask(qq{select extract(epoch from clock_timestamp());
		do \$\$ declare n bigint; begin for i in 1 .. $CALLS loop $statement; end loop; end \$\$;
		select extract(epoch from clock_timestamp())});

	return ($to - $from) * 1e6 / $CALLS;
}

my %time;
ask(q{set role whalefall_gateway});
ask(qq{set request.headers = '$headers'});
my $status = ask(q{begin; select convert_from(whalefall_http.dispatch(''), 'UTF8'); select current_setting('response.status'); commit});
die "dispatch: $status\n" if $status !~ /"status":"healthy".*\n200$/s && $status !~ /"data":\{.*\n200$/s;
my $served = $control->value(q{select count(*) from whalefall_http.routes r where to_regproc(r.function) is not null}, database => 'whalefall');
die "$served routes are served\n" if $served < 200;
for (0 .. 2 * $ROUNDS)
{
	ask(q{set role whalefall_gateway});
	push @{ $time{dispatch} }, microseconds(q{perform whalefall_http.dispatch('')});
	ask(q{reset role});
	push @{ $time{handler} }, microseconds(q{perform whalefall_api.health_ping()});
	push @{ $time{read} }, microseconds(q{select i.port into n from whalefall.instances i where i.id = 4711});
}
my ($own, $read) = (median(map { $time{dispatch}[$_] - $time{handler}[$_] } 1 .. 2 * $ROUNDS), median(@{ $time{read} }[ 1 .. 2 * $ROUNDS ]));
row(figure => "dispatch inside the server, $served routes, without its operation", measured => sprintf('%.1f us', $own),
	floor => sprintf('%.1f us', $read), ratio => sprintf('%.1f', $own / $read), must => "<= $OWN_MUST x", ok => $own <= $OWN_MUST * $read);

# The file ------------------------------------------------------------------------------------------------------
fill($INSTANCES + 1, $EXPORTED) if $EXPORTED > $INSTANCES;
my $dir = $control->dir;
my $query = q{select i.id, i.name, i.db_type, i.host, i.port, i.database_name, }
  . q{(select string_agg(t.display_name, ', ' order by t.category, t.display_name, t.name) from whalefall.instance_tags l }
  . q{join whalefall.tags t on t.id = l.tag_id where l.instance_id = i.id), case when i.is_active then '启用' else '停用' end, }
  . q{i.description, i.credential_id, i.sync_count, }
  . join(', ', map { "to_char(i.$_ at time zone 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI:SS')" } qw(last_connected created_at updated_at))
  . q{ from whalefall.instances i where i.deleted_at is null order by i.id};

# Seconds of the download to its last byte.
sub download
{
	my $began = time;

	open my $out, '>:raw', "$dir/ours.csv" or die "$dir/ours.csv: $!";
	my $answer = HTTP::Tiny->new(timeout => 90)->get($front->url . '/api/v1/instances/exports',
		{ headers => $bearer, data_callback => sub { print {$out} $_[0] } });
	close $out or die "$dir/ours.csv: $!";
	die "export: $answer->{status} $answer->{content}\n" if $answer->{status} != 200;
	return time - $began;
}

sub copy
{
	my $began = time;

	ask("\\copy ($query) to '$dir/floor.csv' with (format csv)");
	return time - $began;
}

# The lines of a file, without mark of the byte order, heading and the kind of line end.
sub contents
{
	my ($path) = @_;

	open my $in, '<:raw', $path or die "$path: $!";
	my $text = do { local $/ = undef; <$in> };
	$text =~ s/\r\n/\n/g;
	$text =~ s/^(?:\xef\xbb\xbf)?ID,[^\n]*\n//;
	$text =~ s/\n+\z//;
	return $text;
}

download();
copy();
($one, $other) = map { contents("$dir/$_.csv") } qw(ours floor);
die "the file and its floor differ\n" if $one ne $other;
my $lines = () = $one =~ /^/mg;
die "$lines lines and not $EXPORTED\n" if $lines != $EXPORTED;
for (1 .. $FILES)
{
	push @{ $time{file} }, download();
	push @{ $time{copy} }, copy();
}
$session->quit;
my ($file, $copy) = map { median(@{ $time{$_} }) * 1000 } qw(file copy);
row(figure => "CSV of $EXPORTED instances to the last byte", measured => sprintf('%.0f ms', $file), floor => sprintf('%.0f ms', $copy),
	ratio => sprintf('%.2f', $copy / $file), must => "floor / measured >= $FILE_MUST", ok => $copy / $file >= $FILE_MUST);
