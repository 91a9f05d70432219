# Requests that must be refused: every row of invalid.tsv, with the field named in the message, and nothing changed by any of
# them. What is not JSON, and what a content type makes of a body.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";
use Encode qw(encode_utf8);
use Test::More;
use Contract;

binmode $_, ':utf8' for Test::More->builder->output, Test::More->builder->failure_output;
my $t = Contract->start;
my $api = 'whalefall_api';
my %id = (
	self => $t->person('test_admin'),
	user => $t->person('test_user'),
	credential => $t->sql("select $api.credentials_create('own', 'database', 'monitor', 'Mon1tor-p4ss') #>> '{credential,id}'"),
	tag => $t->sql("select $api.tags_create('own', 'Own', 'kind') #>> '{tag,id}'"),
	used => $t->sql("select $api.tags_create('used', 'Used', 'kind') #>> '{tag,id}'"),
	instance => $t->sql("select $api.instances_create('own', 'postgresql', '127.0.0.1', 1, tag_names => '{used}') #>> '{instance,id}'"),
	idle => $t->sql("select $api.instances_create('taken', 'postgresql', '127.0.0.1', 1, is_active => false) #>> '{instance,id}'"),
	buried => $t->sql("select $api.instances_create('buried', 'postgresql', '127.0.0.1', 1, tag_names => '{used}') #>> '{instance,id}'"));
$t->sql("select $api.instances_delete($id{buried}); select $api.credentials_create('taken', 'database', 'monitor', 'Mon1tor-p4ss');
	select $api.tags_create('taken', 'Taken', 'kind')");

# Everything that a refused request could have changed.
sub state
{
	return $t->sql(join ' union all ', map { "select '$_ ' || count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from whalefall.$_ t" }
		qw(users credentials tags instances instance_tags task_runs task_run_items));
}

$t->login('admin');
my $before = state();
for my $row (Contract->table('invalid.tsv'))
{
	my ($path, $body) = map { s/\{(\w+)\}/exists $id{$1} ? $id{$1} : "{$1}"/ger } @$row{qw(path body)};

	$body =~ s/\{long:(\d+)\}/'x' x $1/ge;
	my $bytes = encode_utf8($body);
	$bytes =~ s/\\x([0-9a-f]{2})/chr hex $1/ge;
	$bytes = '{"a":' x 100_000 . '1' . '}' x 100_000 if $body eq '{nested}';
	my $answer = $t->call('admin', $row->{method}, $path, undef, $body eq '-' ? () : (body => $bytes, type => 'application/json'));

	$t->bad($answer, $row->{status}, $row->{code}, "line $row->{line}: $row->{method} $row->{path} " . substr($row->{body}, 0, 120),
		$row->{word} eq '-' ? () : (message => qr/\Q$row->{word}\E/));
}
is(state(), $before, 'none of them has changed anything');

# What counts as no body at all.
for my $type ('text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/octet-stream', 'application/jsonp', undef)
{
	my $answer = $t->call('admin', 'POST', '/tags/bulk/actions/assign', undef, body => '{"instance_ids":[1],"tag_ids":[1]}', type => $type);
	$t->bad($answer, 400, 'REQUEST_DATA_EMPTY', 'a body of type ' . ($type // 'none') . ' is no body');
}
$t->bad($t->call('admin', 'POST', '/tags', undef, body => 'name=a&display_name=b&category=c', type => 'application/x-www-form-urlencoded'), 400, 'VALIDATION_ERROR',
	'forms are not read', message => qr/name/);
$t->bad($t->call('admin', 'POST', '/tags/bulk/actions/assign', undef, body => '', type => 'application/json'), 400, 'REQUEST_DATA_EMPTY', 'an empty body is an empty object');
my $n = 0;
for my $type ('application/json', 'application/json; charset=utf-8', 'application/json;charset=UTF-8', 'Application/JSON', ' application/json ')
{
	my $name = 'typed' . $n++;
	is($t->call('admin', 'POST', '/tags', undef, body => qq({"name":"$name","display_name":"a","category":"c"}), type => $type)->{status}, 201, "type '$type' is JSON");
}

# What is taken: blanks around, unknown fields, numbers as texts, path before query before body, the last of two equal keys.
my $tag = $t->call('admin', 'POST', '/tags', undef, type => 'application/json',
	body => " \r\n\t" . encode_utf8('{"name":" good ","display_name":" 好 ","category":"c","is_active":"OFF","id":5,"extra":{"x":[1]},"color":null}') . "\n")->json->{data}{tag};
is("$tag->{name}|$tag->{display_name}|$tag->{color}|" . ($tag->{is_active} ? 'on' : 'off'), 'good|好|primary|off', 'blanks are trimmed, unknown fields left alone');
is($t->call('admin', 'POST', '/tags', undef, body => '{"name":"first","name":"second","display_name":"a","category":"c"}', type => 'application/json')->json->{data}{tag}{name},
	'second', 'of two equal keys the last counts');
is($t->call('admin', 'PUT', "/tags/$tag->{id}?tag_id=$id{tag}", { tag_id => $id{tag}, name => 'good', display_name => 'changed', category => 'c' })->json->{data}{tag}{id}, $tag->{id},
	'the id of the path is not overridden by query or body');
is($t->call('admin', 'GET', "/tags/$id{tag}")->json->{data}{tag}{display_name}, 'Own', 'and the other row is as it was');
for my $word (qw(true TRUE 1 yes On))
{
	is($t->call('admin', 'PUT', "/tags/$tag->{id}", { is_active => $word })->json->{data}{tag}{is_active}, JSON::PP::true, "$word is true");
	is($t->call('admin', 'PUT', "/tags/$tag->{id}", { is_active => 0 })->json->{data}{tag}{is_active}, JSON::PP::false, '0 is false');
}
is($t->call('admin', 'PUT', "/tags/$tag->{id}", { name => 'kept' })->json->{data}{tag}{display_name}, 'changed', 'what is absent stays');
for my $good (1, '1', ' 1 ')
{
	is($t->call('admin', 'PUT', "/instances/$id{idle}", { port => $good })->json->{data}{instance}{port}, 1, "'$good' is a port");
}
is($t->call('admin', 'PUT', "/instances/$id{instance}", { tag_names => 'taken' })->json->{data}{instance}{tags}[0]{name}, 'taken', 'a text is a list of one');

# Tags of an instance: absent keeps, [] clears (check 18).
is(scalar @{ $t->call('admin', 'PUT', "/instances/$id{instance}", { description => 'd' })->json->{data}{instance}{tags} }, 1, 'tags stay when they are not told');
is(scalar @{ $t->call('admin', 'PUT', "/instances/$id{instance}", { tag_names => [ 'used', 'taken' ] })->json->{data}{instance}{tags} }, 2, 'are replaced when they are');
is(scalar @{ $t->call('admin', 'PUT', "/instances/$id{instance}", { tag_names => [] })->json->{data}{instance}{tags} }, 0, 'and an empty list clears them');

done_testing;
