# A psql that stays connected: several sessions at once, open transactions, waiting locks.
#
#     my $s = $cluster->session(database => 'whalefall');
#     $s->query('begin; select pg_advisory_lock(1)');
#     $s->send('select pg_advisory_lock(2)');      # does not wait
#     is($s->receive(10), '', 'now it has the lock');
#     $s->quit;
package Whalefall::Session;

use strict;
use warnings;
use Carp qw(croak);
use IPC::Run ();

my $count = 0;

sub new
{
	my ($class, $cluster, %opt) = @_;
	my $self = bless { in => '', out => '', err => '' }, $class;
	local %ENV = (%ENV, $cluster->connection_env($opt{database}), PGCONNECT_TIMEOUT => 10);

	$ENV{PGUSER} = $opt{user} if defined $opt{user};
	$self->{timer} = IPC::Run::timeout($opt{timeout} // 60);
	$self->{handle} = IPC::Run::start([ "$cluster->{client}/psql", '-XqAt', '-v', 'ON_ERROR_STOP=0' ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, $self->{timer});
	return $self;
}

# Sends SQL without waiting for its end.
sub send
{
	my ($self, $sql) = @_;

	croak 'an answer is due first' if $self->{mark};
	$self->{mark} = 'end-of-answer-' . ++$count;
	$self->{in} .= "$sql\n;\n\\echo $self->{mark}\n\\warn $self->{mark}\n";
	$self->{handle}->pump_nb;
	return $self;
}

# Waits for the end of what was sent (seconds, default 60) and gives what it printed. What went
# wrong is in error() afterwards.
sub receive
{
	my ($self, $timeout) = @_;
	my $mark = $self->{mark} or croak 'nothing was sent';

	$self->{timer}->start($timeout // 60);
	$self->{handle}->pump until $self->{out} =~ /^\Q$mark\E\n/m && $self->{err} =~ /^\Q$mark\E\n/m;
	delete $self->{mark};
	(my $out = $self->{out}) =~ s/\n?\Q$mark\E\n\z//;
	($self->{error} = $self->{err}) =~ s/\n?\Q$mark\E\n\z//;
	$self->{out} = $self->{err} = '';
	return $out;
}

# True when the statement sent is still running after the given seconds.
sub is_waiting
{
	my ($self, $seconds) = @_;
	my $end = Time::HiRes::time() + $seconds;

	while (Time::HiRes::time() < $end)
	{
		$self->{handle}->pump_nb;
		return 0 if $self->{out} =~ /^\Q$self->{mark}\E\n/m;
		Time::HiRes::sleep(0.05);
	}
	return 1;
}

sub query
{
	my ($self, $sql, $timeout) = @_;

	return $self->send($sql)->receive($timeout);
}

sub error { return $_[0]{error}; }

sub quit
{
	my ($self) = @_;

	$self->{in} .= "\\q\n";
	eval { $self->{timer}->start(10); $self->{handle}->finish; 1 } or $self->{handle}->kill_kill(grace => 1);
	return;
}

1;
