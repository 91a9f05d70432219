# The private copy of the PostgreSQL tree (deploy/tree) that the tests run.
package Whalefall::Tree;

use strict;
use warnings;
use Carp qw(croak);
use File::Temp;
use Whalefall::Servers;

my $bindir;

# The private tree of this checkout: below build/, or in the cache when the server user cannot
# enter the checkout.
sub dir
{
	my $root = Whalefall::Servers::root();

	return $ENV{WHALEFALL_TREE} if $ENV{WHALEFALL_TREE};
	return "$root/build/tree"
	  if system(Whalefall::Servers::as_user(), 'test', '-x', $root) == 0;
	my $hash = `printf %s '$root' | sha256sum`;
	return Whalefall::Servers::cache_dir() . '/trees/' . substr($hash, 0, 12);
}

# The folder of the tree's programs. The runner has built the tree and says where; a test file that
# is run alone builds it here (quick when nothing has changed).
sub bindir
{
	return $bindir if $bindir;
	if ($ENV{WHALEFALL_TREE_BIN})
	{
		$bindir = $ENV{WHALEFALL_TREE_BIN};
	}
	else
	{
		my $tree = dir();
		my $root = Whalefall::Servers::root();
		my $log = File::Temp->new;
		my $out = `'$root/deploy/tree' '$tree' 2>'$log' </dev/null`;
		croak "deploy/tree failed:\n" . join '', <$log> if $? != 0;
		($bindir) = $out =~ /^(.*)\n\z/;
	}
	return $bindir;
}

1;
