# Load by wrk: one thread, some connections that stay open, one GET over and over for some seconds.
package Bench::Wrk;

use strict;
use warnings;
use Carp qw(croak);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run ();

my $SCRIPT = abs_path(dirname(__FILE__) . '/../../http.lua');

# Why there can be no load ("" when there can).
sub missing
{
	for my $dir (split /:/, $ENV{PATH} // '')
	{
		return '' if -x "$dir/wrk";
	}
	return 'wrk is not there (Debian: wrk)';
}

# Arguments: url; token_file, a file whose first line is the token; connections (8); seconds (4). Gives a hash: rate
# (requests a second), p50 and p99 (milliseconds), requests. Dies when an answer was not 2xx or did not come: an
# error is quicker than an answer.
sub run
{
	my (%arg) = @_;
	my $connections = $arg{connections} // 8;
	my $seconds = $arg{seconds} // 4;
	my ($out, $err) = ('', '');
	local $ENV{WHALEFALL_BENCH_TOKEN} = $arg{token_file};
	my $ok = IPC::Run::run([ 'wrk', '-t1', "-c$connections", "-d${seconds}s", '--timeout', '10s', '-s', $SCRIPT, $arg{url} ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout($seconds + 60));
	my %result = $out =~ /^wrk (.*)$/m ? map { /^(\w+)=(\d+)$/ } split / /, $1 : ();

	croak "wrk on $arg{url}: $err$out" if !$ok || !$result{requests} || !$result{duration};
	croak "wrk on $arg{url}: $result{status} answers were errors, $result{lost} did not come"
	  if $result{status} || $result{lost};
	return {
		rate => $result{requests} / $result{duration} * 1e6,
		p50 => $result{p50} / 1000,
		p99 => $result{p99} / 1000,
		requests => $result{requests},
	};
}

1;
