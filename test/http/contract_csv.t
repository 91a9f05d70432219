# Files in and out: the import of instances by upload, with a table of good and bad files; uploads that are none; the
# export, its headers, its guard against formulas, its times.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib";
use Encode qw(decode_utf8 encode_utf8);
use Test::More;
use Contract;

binmode $_, ':utf8' for Test::More->builder->output, Test::More->builder->failure_output;
my $t = Contract->start;
my $PATH = '/instances/actions/batch-create';
my $credential = $t->sql("select whalefall_api.credentials_create('c', 'database', 'monitor', 'Mon1tor-p4ss') #>> '{credential,id}'");
my %made = (there => 1, buried => 1);
my $OUTCOME = { created_count => 'int', errors => ['str'], duplicate_names => ['str'], skipped_existing_names => ['str'] };

$t->sql("select whalefall_api.instances_create('$_', 'mysql', 'h', 1)") for sort keys %made;
$t->sql("select whalefall_api.instances_delete(id) from whalefall.instances where name = 'buried'");

# The bytes of an upload: parts as [ headers, contents ].
sub upload
{
	my ($boundary, @parts) = @_;

	return join('', map { "--$boundary\r\n$_->[0]\r\n\r\n$_->[1]\r\n" } @parts) . "--$boundary--\r\n";
}

sub file_part
{
	my ($name, $bytes) = @_;

	return [ 'Content-Disposition: form-data; name="file"' . ($name eq '-' ? '' : encode_utf8("; filename=\"$name\"")) . "\r\nContent-Type: text/csv", $bytes ];
}

sub send_upload
{
	my ($body, $type, %opt) = @_;

	return $t->call($opt{as} // 'admin', 'POST', $PATH, undef, body => $body, type => $type // 'multipart/form-data; boundary=XX');
}

sub names { return join ' ', map { decode_utf8($_) } split /\n/, $t->sql('select name from whalefall.instances order by id'); }

for my $row (Contract->table('imports.tsv'))
{
	my %char = (r => "\r", n => "\n", t => "\t", 0 => "\0");
	(my $text = $row->{file}) =~ s/\{credential\}/$credential/;
	$text =~ s/\{long:(\d+)\}/'x' x $1/ge;
	my $bytes = encode_utf8($text);
	$bytes =~ s/\\(?:x([0-9A-Fa-f]{2})|([rnt0]))/defined $1 ? chr hex $1 : $char{$2}/ge;
	my $before = names();
	my $answer = send_upload(upload('XX', file_part($row->{name}, $bytes)));

	if ($row->{status} != 200)
	{
		$t->bad($answer, $row->{status}, $row->{code}, "import: $row->{what}", message => qr/\Q$row->{word}\E/);
		is(names(), $before, 'and nothing is made');
		next;
	}
	my $data = $t->good($answer, 200, "import: $row->{what}", $OUTCOME) // {};
	my @created = split / /, $row->{created};
	is($data->{created_count}, scalar @created, 'how many are told');
	is(names(), join(' ', $before, @created), 'those are made, in the order of the file');
	is(scalar @{ $data->{errors} // [] }, $row->{errors}, 'errors') or diag join "\n", @{ $data->{errors} // [] };
	like($data->{errors}[0] // '', qr/\Q$row->{word}\E/, 'the first says what');
	is(join(' ', @{ $data->{duplicate_names} // [] }), $row->{duplicates}, 'names that stand twice');
	is(join(' ', @{ $data->{skipped_existing_names} // [] }), $row->{existing}, 'names that exist');
}
is($t->sql("select string_agg(db_type, ' ' order by name) from whalefall.instances where name in ('b2', 'e1', 'f1')"), 'postgresql mysql sqlserver', 'types are stored by their own names');
is($t->sql("select description from whalefall.instances where name = 'd1'"), qq(one, "two"\r\nthree), 'quoted cells as they were');
is($t->sql("select database_name || '|' || description || '|' || credential_id from whalefall.instances where name = 'f1'"), "db|text|$credential", 'all columns are stored');
is($t->sql("select database_name is null and description = '' and credential_id is null from whalefall.instances where name = 'g1'"), 't', 'blank ones are not');
is($t->sql("select bool_and(is_active) from whalefall.instances where name like '_1'"), 't', 'what is made is active');

# Uploads that are none, or odd.
my $csv = "name,db_type,host,port\nupload%d,mysql,h,1\n";
my $n = 0;
my $good = sub { return sprintf $csv, ++$n };
my @bad = (
	[ 'no part', upload('XX') ], [ 'another part', upload('XX', [ 'Content-Disposition: form-data; name="data"; filename="a.csv"', $good->() ]) ],
	[ 'a field that is no file', upload('XX', [ 'Content-Disposition: form-data; name="file"', $good->() ]) ],
	[ 'two files', upload('XX', file_part('a.csv', $good->()), file_part('b.csv', $good->())) ], [ 'no end', "--XX\r\n" . file_part('a.csv', '')->[0] . "\r\n\r\n" . $good->() ],
	[ 'no blank line', "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n--XX--\r\n" ], [ 'another boundary', upload('YY', file_part('a.csv', $good->())) ],
	[ 'nothing', '' ], [ 'text', 'hello' ], [ 'bytes', "\0\xff" x 100 ], [ 'a boundary alone', '--XX--' ],
	[ 'no boundary told', upload('XX', file_part('a.csv', $good->())), 'multipart/form-data' ], [ 'an empty boundary', upload('', file_part('a.csv', $good->())), 'multipart/form-data; boundary=' ],
	[ 'a boundary of 71 characters', upload('x' x 71, file_part('a.csv', $good->())), 'multipart/form-data; boundary=' . 'x' x 71 ],
	[ 'another multipart', upload('XX', file_part('a.csv', $good->())), 'multipart/mixed; boundary=XX' ], [ 'CSV without a form', $good->(), 'text/csv' ],
	[ 'a JSON type', upload('XX', file_part('a.csv', $good->())), 'application/json' ], [ 'a header without end', "--XX\r\nContent-Disposition: form-data; " . 'x' x 100_000 ],
	[ 'headers without end', "--XX\r\n" . "X-A: b\r\n" x 5000 . "\r\n\r\n--XX--\r\n" ]);
my $before = names();
for my $case (@bad)
{
	$t->bad(send_upload($case->[1], $case->[2]), 400, 'VALIDATION_ERROR', "upload: $case->[0]");
}
is(names(), $before, 'none of them has made anything');
my @odd = (
	[ 'further fields', upload('XX', [ 'Content-Disposition: form-data; name="note"', 'x' ], file_part('a.csv', $good->()), [ 'Content-Disposition: form-data; name="other"', 'y' ]) ],
	[ 'a quoted boundary', upload('a b:c', file_part('a.csv', $good->())), 'multipart/form-data; boundary="a b:c"' ], [ 'a type in capitals', upload('XX', file_part('a.csv', $good->())), 'Multipart/Form-Data; Boundary=XX' ],
	[ 'a preamble and an epilogue', "preamble\r\n" . upload('XX', file_part('a.csv', $good->())) . 'epilogue' ], [ 'blanks after boundaries', "--XX \t\r\n" . file_part('a.csv', '')->[0] . "\r\n\r\n" . $good->() . "\r\n--XX-- \r\n" ],
	[ 'header names in capitals', upload('XX', [ 'CONTENT-DISPOSITION: FORM-DATA; Name=file; FileName=a.csv', $good->() ]) ], [ 'a boundary inside a cell', upload('XX', file_part('a.csv', "name,db_type,host,port,description\nupload" . ++$n . ",mysql,h,1,--XX\n")) ],
	[ 'a path as file name', upload('XX', file_part('C:\\dir\\x.csv', $good->())) ]);
for my $case (@odd)
{
	my $answer = send_upload($case->[1], $case->[2]);
	is((($answer->json // {})->{data} // {})->{created_count}, 1, "upload with $case->[0]") or diag $answer->{body};
}
$t->bad(send_upload(upload('XX', file_part('a.csv', $good->())), undef, as => 'user'), 403, 'PERMISSION_REQUIRED', 'only who may create uploads');
{
	my $big = "name,db_type,host,port\n" . join '', map { "bulk$_,mysql,h,1\n" } 1 .. 5000;
	is(send_upload(upload('XX', file_part('a.csv', $big)))->json->{data}{created_count}, 5000, '5000 rows at once');
	$t->bad(send_upload(upload('XX', file_part('a.csv', 'x' x (16 * 1024 * 1024)))), 413, 'INVALID_REQUEST', 'a file beyond 16 MiB');
}

# The export. Only what the tests of it need.
$t->sql('delete from whalefall.instances');
sub export
{
	my ($query) = @_;
	my $answer = $t->call('viewer', 'GET', '/instances/exports' . ($query // ''));

	is($answer->{status}, 200, 'export' . ($query // ''));
	return $answer;
}
my $header = 'ID,实例名称,数据库类型,主机地址,端口,数据库名,标签,状态,描述,凭据ID,同步次数,最后连接时间,创建时间,更新时间';
my $empty = export();
is(decode_utf8($empty->{body}), "$header\r\n", 'nothing but the header when there is nothing');
is($empty->header('Content-Type'), 'text/csv; charset=utf-8', 'as CSV in UTF-8');
like($empty->header('Content-Disposition'), qr/^attachment; filename="?instances_export_\d{8}_\d{6}\.csv"?$/, 'to be saved');
is($empty->header('Cache-Control'), 'no-store', 'and not to be cached');
like($empty->header('X-Request-ID'), qr/^req_[0-9a-f]{32}$/, 'with a request id');
my ($day) = $empty->header('Content-Disposition') =~ /_(\d{8})_/;
is($day, $t->sql("select to_char(now() at time zone 'Asia/Shanghai', 'YYYYMMDD')"), 'the name has the day of the display zone');

my $id = $t->sql(qq(insert into whalefall.instances (name, db_type, host, port, database_name, description, credential_id, last_connected, created_at, updated_at)
	values ('=cmd', 'mysql', '+host', 1, '-db', '\@sum, "q"', $credential, '2026-01-01 16:30:00+00', '2026-06-30 15:59:59.9+00', '2026-06-30 16:00:00+00') returning id));
$t->sql("insert into whalefall.tags (name, display_name, category, color) values ('a', '=tag', 'k', 'info'), ('b', 'B, b', 'l', 'info');
	insert into whalefall.instance_tags select $id, id from whalefall.tags where name in ('a', 'b');
	insert into whalefall.instances (name, db_type, host, port, description, is_active, deleted_at) values ('plain', 'oracle', 'h', 2, E' \\t=later\\nline', false, null), ('gone', 'mysql', 'h', 3, '', true, now());
	update whalefall.instances set created_at = '2026-01-01', updated_at = '2026-01-01' where name in ('plain', 'gone')");
my @lines = split /\r\n/, decode_utf8(export()->{body});
is($lines[1], qq($id,'=cmd,mysql,'+host,1,'-db,"'=tag, B, b",启用,"'\@sum, ""q""",$credential,0,2026-01-02 00:30:00,2026-06-30 23:59:59,2026-07-01 00:00:00), 'a row, guarded and local');
is($lines[2], ($id + 1) . qq(,plain,oracle,h,2,,,停用,"' \t=later\nline",,0,,2026-01-01 08:00:00,2026-01-01 08:00:00), 'empty cells are empty');
is(scalar @lines, 3, 'the recycle bin is left out');
my %count = ('?include_deleted=true' => 3, '?db_type=oracle' => 1, '?search=PLAIN' => 1, '?search=%25' => 0, '?status=active' => 1, '?status=inactive' => 1, '?tags=a&tags=b' => 1, '?tags=none' => 0,
	'?db_type=all' => 2, '?db_type=none' => 0);
is(scalar(() = export($_)->{body} =~ /^\d+,/mg), $count{$_}, 'rows of it') for sort keys %count;
$t->bad($t->call('anonymous', 'GET', '/instances/exports'), 401, 'AUTHENTICATION_REQUIRED', 'a failure is an envelope');
$t->bad($t->call('viewer', 'GET', '/instances/exports?include_deleted=maybe'), 400, 'VALIDATION_ERROR', 'a bad filter too');
is(decode_utf8(export()->{body}), decode_utf8($t->call('viewer', 'GET', '/instances/exports', undef, headers => { 'Accept-Language' => 'en' })->{body}), 'the file is the same in English');

# The template is a file that the import takes.
my $template = $t->call('viewer', 'GET', '/instances/imports/template');
is($template->header('Content-Disposition'), 'attachment; filename="instances_import_template.csv"', 'the template has its name');
my @template = split /\r\n/, decode_utf8($template->{body}), -1;
is($template[0], 'name,db_type,host,port,database_name,description,credential_id', 'all columns');
is(scalar @template, 3, 'two lines, each with its end');
like($template[1], qr/^demo-mysql-01,mysql,10\.10\.10\.10,3306,inventory,[^,]+,\d+$/, 'and a sample');
(my $own = $template->{body}) =~ s/,\d+\r\n\z/,$credential\r\n/;
is(send_upload(upload('XX', file_part('t.csv', $own)))->json->{data}{created_count}, 1, 'which can be imported');

done_testing;
