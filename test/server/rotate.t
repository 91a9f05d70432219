# The master keys: rotation, killed at every point; key files that are refused; ciphertexts that were moved.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Whalefall::Cluster;

my $db = 'whalefall';
my $c = Whalefall::Cluster->new(env => { WHALEFALL_TESTING => 1 });
my $file = $c->dir . '/secrets/whalefall.key';

sub contents
{
	open my $in, '<', $file or return '';
	local $/ = undef;
	return <$in>;
}

sub ids { return join ' ', contents() =~ /^(\d+) /mg }

# Writes the key file as the server's user would.
sub put
{
	my ($text, $mode) = @_;
	my ($uid, $gid) = (stat $c->data)[4, 5];

	unlink $file;
	open my $out, '>', $file or die $!;
	print {$out} $text;
	close $out;
	chmod $mode // 0600, $file;
	chown $uid, $gid, $file;
	return;
}

# Which keys the stored secrets use, with counts.
sub used
{
	return $c->value(q(select coalesce(string_agg(k || ':' || n, ' ' order by k), '') from
		(select get_byte(secret, 0) * 256 + get_byte(secret, 1) k, count(*) n from whalefall.credentials
		where secret is not null group by 1) x), database => $db);
}

# Opens every secret and seals it anew; gives what psql said.
sub rotate
{
	my ($arguments) = @_;

	return $c->psql('call whalefall.rotate_key(' . ($arguments // '') . ')', database => $db);
}

$c->create_extension;
like(contents(), qr/\A1 [0-9a-f]{64}\n\z/, 'the first key');
is(sprintf('%04o', (stat $file)[2] & 07777), '0600', 'for the server alone');
is(sprintf('%04o', (stat $c->dir . '/secrets/whalefall.jwt')[2] & 07777), '0640', 'the secret of tokens also for a group');
my $first = contents();

# Without secrets: just a key.
my $said = rotate();
is($said->{rc}, 0, 'rotating nothing');
like($said->{stderr}, qr/NOTICE:  key 2 added to the key file/, 'adds a key');
is(ids(), '1 2', 'the old one stays');
like(contents(), qr/\A\Q$first\E2 [0-9a-f]{64}\n\z/, 'unchanged');
unlike(contents(), qr/ ([0-9a-f]{64})\n\d+ \1/, 'the new one is another');

# 350 secrets: four batches.
$c->query(q(select count(whalefall_api.credentials_create('c' || i, 'database', 'u', 'secret number ' || i))
	from generate_series(1, 350) i), database => $db);
$c->query(q(insert into whalefall.credentials (name, credential_type, username) values ('none', 'api', 'u')), database => $db);
is(used(), '2:350', 'sealed with the newest key');
is($c->value('select count(distinct secret) = 350 and count(distinct substr(secret, 3, 12)) = 350 from whalefall.credentials where secret is not null',
	database => $db), 't', 'each with a nonce of its own');
my $touched = $c->value('select max(updated_at) from whalefall.credentials', database => $db);
$said = rotate();
is(join('|', $said->{stderr} =~ /NOTICE:  (.*)/g),
	'key 3 added to the key file|100 of 350 secrets sealed with key 3|200 of 350 secrets sealed with key 3|' .
	'300 of 350 secrets sealed with key 3|350 of 350 secrets sealed with key 3', 'progress');
is(used(), '3:350', 'all sealed anew');
is(ids(), '1 2 3', 'old keys are kept');
$said = rotate('drop_retired => true');
like($said->{stderr}, qr/NOTICE:  3 old keys dropped from the key file/, 'unless told otherwise');
is(ids() . '|' . used(), '4|4:350', 'then only the newest is left');
is($c->value(q(select context ->> 'sealed' || '/' || (context ->> 'dropped_keys') from whalefall_api.logs
	where message = 'key rotated' order by id desc limit 1), database => $db), '350/3', 'the log tells');

# Where it may not run.
like($c->psql('begin; call whalefall.rotate_key(); commit', database => $db)->{stderr},
	qr/ERROR:  rotate_key\(\) commits after each batch and cannot run inside a transaction\nHINT/, 'not in a transaction');
is(ids(), '4', 'and nothing has happened');
$c->query('create role alice login; grant whalefall_admin to alice');
like($c->psql('call whalefall.rotate_key()', database => $db, user => 'alice')->{stderr}, qr/permission denied/, 'not by an administrator of the fleet');

# Killed at every point ------------------------------------------------------------------------------------
# place, how many secrets may have the new key afterwards
for my $case ([ 'rotate_key_added', '4:350' ], [ 'rotate_batch', undef ])
{
	my ($place, $after) = @$case;
	my $point = $c->data . '/whalefall.test_point';
	my $old = ids();

	open my $out, '>', $point or die $!;
	print {$out} "$place kill\n";
	close $out;
	chmod 0666, $point;
	chown +(stat $c->data)[4, 5], $point;
	my $killed = rotate();
	isnt($killed->{rc}, 0, "killed at $place");
	$c->wait_for('select 1', '1', 60) or BAIL_OUT('the server did not come back');
	my $new = (split ' ', ids())[-1];
	isnt(ids(), $old, 'the new key is in the file');
	is(used(), defined $after ? $after : $new - 1 . ':350', 'no secret lost its key');
	my $again = rotate();
	is($again->{rc}, 0, 'called again it ends well') or diag $again->{stderr};
	like($again->{stderr}, qr/NOTICE:  finishing the rotation to key $new that was interrupted/, 'with the key it had begun with');
	is(used(), "$new:350", 'and all secrets have it');
}

# Killed from outside in the middle: half the rows are under the new key.
my $before = (split ' ', ids())[-1];
my $new = $before + 1;
my $go = $c->data . '/whalefall.test_go';
unlink $go;
open my $out, '>', $c->data . '/whalefall.test_point' or die $!;
print {$out} "rotate_batch wait\n";
close $out;
chmod 0666, $c->data . '/whalefall.test_point';
chown +(stat $c->data)[4, 5], $c->data . '/whalefall.test_point';
my $session = $c->session(database => $db);
$session->send('call whalefall.rotate_key()');
$c->wait_for(q(select count(*) from pg_stat_activity where query like 'call whalefall.rotate%' and state = 'active'), '1');
sleep 1;
my $blocked = $c->psql('call whalefall.rotate_key()', database => $db);
like($blocked->{stderr}, qr/DETAIL:  Another session is rotating keys\./, 'two rotations at once are refused');
$c->query("set lock_timeout = '5s'; select whalefall_api.credentials_update(350, description => 'while rotating')", database => $db);
open $out, '>', $go or die $!;
close $out;
is($session->receive(60), '', 'it goes on');
is(used(), "$new:350", 'and finishes');
$c->kill9;
$c->start;
is(used(), "$new:350", 'after a crash of the server as well');

# Key files that are refused -------------------------------------------------------------------------------
my $good = contents();
my $seal = q(select whalefall_api.credentials_update(1, password => 'another secret') is not null);
my %bad = (
	'is missing' => [ undef, 0600, 'does not exist' ],
	'can be read by a group' => [ $good, 0640, 'can be read by others than its owner' ],
	'can be read by all' => [ $good, 0604, 'can be read by others than its owner' ],
	'is empty' => [ '', 0600, 'has a size no key file has' ],
	'is too long' => [ $good x 3000, 0600, 'has a size no key file has' ],
	'is no key file' => [ "hello\n", 0600, 'is not in the form of a key file' ],
	'has a short key' => [ "1 " . ('a' x 63) . "\n", 0600, 'is not in the form of a key file' ],
	'has a long key' => [ "1 " . ('a' x 65) . "\n", 0600, 'is not in the form of a key file' ],
	'has falling ids' => [ "2 " . ('a' x 64) . "\n1 " . ('b' x 64) . "\n", 0600, 'is not in the form of a key file' ],
	'has key 0' => [ "0 " . ('a' x 64) . "\n", 0600, 'is not in the form of a key file' ],
	'has key 65536' => [ "65536 " . ('a' x 64) . "\n", 0600, 'is not in the form of a key file' ],
	'has a NUL in it' => [ $good . "\0", 0600, 'is not in the form of a key file' ],
	'has something after the keys' => [ $good . "x", 0600, 'is not in the form of a key file' ],
);
for my $what (sort keys %bad)
{
	my ($text, $mode, $detail) = @{ $bad{$what} };

	put($text // '', $mode);
	unlink $file if !defined $text;
	my $refused = $c->psql($seal, database => $db);
	like($refused->{stderr}, qr/ERROR:  credential is not usable\nDETAIL:  The key file \Q$detail\E\.\nHINT/, "a key file that $what");
	unlike($refused->{stderr}, qr/\Q$file\E/, 'clients are not told where it lies');
	like($c->log_contents, qr/LOG:  the key file "\Q$file\E" \Q$detail\E/, 'the log is');
	unlike($refused->{stderr}, qr/[0-9a-f]{32}|another secret/, 'shows nothing of its contents');
}
SKIP:
{
	skip 'only root can give files away', 1 if $< != 0;
	put($good);
	chown 0, 0, $file;
	chmod 0600, $file;
	like($c->psql($seal, database => $db)->{stderr}, qr/(?:does not belong to the server's user|cannot be opened)\./, "a key file of somebody else's");
}
put($good);
is($c->value($seal, database => $db), 't', 'the good one works');

# Wrong key, and the file says it is the right one.
put("$new " . ('ab' x 32) . "\n" . ($new + 1) . ' ' . ('cd' x 32) . "\n");
my $wrong = rotate();
like($wrong->{stderr}, qr/ERROR:  credential cannot be decrypted\nDETAIL:  The stored secret of credential \d+ does not open\.\nHINT/,
	'a wrong key is told');
is(used(), "$new:350", 'and nothing was written');
put($good);

# A ciphertext moved to another row, cut or changed does not open.
for my $case (
	[ 'moved to another row', 'update whalefall.credentials c set secret = o.secret from whalefall.credentials o where c.id = 1 and o.id = 2' ],
	[ 'changed in one bit', 'update whalefall.credentials set secret = set_bit(secret, 200, 1 - get_bit(secret, 200)) where id = 1' ],
	[ 'cut', 'update whalefall.credentials set secret = substr(secret, 1, length(secret) - 1) where id = 1' ],
	[ 'nearly empty', q(update whalefall.credentials set secret = substr(secret, 1, 10) where id = 1) ],
	[ 'given another key id', q(update whalefall.credentials set secret = '\x0009' || substr(secret, 3) where id = 1) ])
{
	my ($what, $sql) = @$case;
	my $saved = $c->value("select encode(secret, 'hex') from whalefall.credentials where id = 1", database => $db);

	$c->query($sql, database => $db);
	$said = rotate();
	if ($said->{rc} == 0) { $said = rotate() }
	like($said->{stderr}, qr/ERROR:  credential cannot be decrypted\nDETAIL:  The stored secret of credential 1 does not open/, "a ciphertext $what does not open");
	$c->query("update whalefall.credentials set secret = decode('$saved', 'hex') where id = 1", database => $db);
	rotate();
	$new = (split ' ', ids())[-1];
	is(used(), "$new:350", 'repaired, all is well again');
}

# setup() never overwrites.
my $keys = contents();
$c->query('select whalefall.setup()', database => $db);
is(contents(), $keys, 'setup() leaves the key file alone');
is(join(' ', glob "$file.*"), '', 'no temporary file is left behind');

done_testing;
