# TLS at the front: protocol versions, what the dispatcher hears of it, and a plain request at that port.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP ();
use Test::More;
use Whalefall::Front;
use Whalefall::StandIn;

plan skip_all => Whalefall::Front::missing() if Whalefall::Front::missing();
plan skip_all => 'openssl or curl is missing' if system('command -v openssl >/dev/null && command -v curl >/dev/null') != 0;
my $c = Whalefall::StandIn::cluster();
Whalefall::StandIn::install($c, 'whalefall');
my $dir = $c->dir;
system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
	. " -keyout '$dir/key.pem' -out '$dir/cert.pem' 2>/dev/null") == 0 or die 'no certificate';
chown +(stat $dir)[ 4, 5 ], "$dir/key.pem" if $< == 0;
chmod 0600, "$dir/key.pem";
my $front = Whalefall::Front->start($c, tls_cert => "$dir/cert.pem", tls_key => "$dir/key.pem");
my $port = $front->port;

# Asks with curl, which trusts our certificate alone; gives status and body.
sub ask
{
	my ($path, @options) = @_;
	my $out = `curl -sS -m 20 --cacert '$dir/cert.pem' -w '\\n%{http_code}' @options 'https://localhost:$port$path' 2>&1`;
	my ($body, $status) = $out =~ /^(.*)\n(\d+)\s*$/s;

	return (($status // 0) + 0, $body // $out);
}

for my $version ('1.2', '1.3')
{
	my ($status, $body) = ask('/api/v1/x', "--tlsv$version", "--tls-max $version");
	is($status, 200, "TLS $version") or diag $body;
	my $facts = eval { JSON::PP::decode_json($body)->{facts} } // {};
	is($facts->{'x-wf-scheme'}, 'https', 'the dispatcher hears of it');
	is($facts->{'x-wf-host'}, "localhost:$port", 'and what host was meant');
}
my ($status, $body) = ask('/api/v1/x', '--tlsv1.0', '--tls-max 1.1', '--ciphers DEFAULT@SECLEVEL=0');
is($status, 0, 'TLS 1.1 is refused');
like($body, qr{protocol version}, 'by the server');
($status, $body) = ask('/api/v1/x', '--tls-max 1.2', '--ciphers AES128-SHA');
is($status, 0, 'so is a cipher without forward secrecy');
($status, $body) = ask('/nowhere');
is(JSON::PP::decode_json($body)->{context}{url}, "https://localhost:$port/nowhere", "nginx's own answers name the scheme");
my $answer = $front->raw("GET /api/v1/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
is_deeply([ $answer->{status}, $answer->{json}{message_code} ], [ 400, 'INVALID_REQUEST' ], 'a plain request at this port');
($status, $body) = ask('/api/v1/x', "-H 'X-Forwarded-Proto: http'");
is(JSON::PP::decode_json($body)->{facts}{'x-wf-scheme'}, 'http', 'a trusted proxy still knows better');
my $head = `curl -sS -m 20 -I --cacert '$dir/cert.pem' 'https://localhost:$port/api/v1/x'`;
like($head, qr/^strict-transport-security: max-age=31536000\r?$/mi, 'browsers are told to come by TLS from now on');
$front->stop;

# A wrong file is named before anything is started.
my ($failed, $out) = do { $front->_try('render', '--listen', "127.0.0.1:$port", '--tls-cert', "$dir/cert.pem") };
isnt($failed, 0, 'a certificate without its key');
like($out, qr/--tls-key/, 'is named');
$front->{options}{tls_key} = "$dir/none.pem";
$front->_front('render', '--listen', "127.0.0.1:$port", $front->_options);
($failed, $out) = $front->_try('start');
isnt($failed, 0, 'a key that is not there');
like($out, qr/none\.pem/, 'is named');
done_testing;
