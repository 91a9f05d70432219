# Managed instances for the tests: monitoring roles, credentials, registrations.
#
#     my $id = Whalefall::Fleet::register($c, name => 'one', port => $other->port);
#
# The password of the monitoring role is a fixed test value; it reaches the control plane by COPY.
package Whalefall::Fleet;

use strict;
use warnings;
use Carp qw(croak);

our $PASSWORD = 'Mon1tor-p4ss';

# Makes the monitoring role in a server (a Whalefall::Cluster or Whalefall::Server with query()).
sub make_monitor
{
	my ($server, $role) = @_;
	$role //= 'monitor';
	$server->query("create role $role login password '$PASSWORD'; grant pg_monitor to $role");
	return $role;
}

# Stores a credential and gives its id.
sub add_credential
{
	my ($c, $name, $role, $password) = @_;
	my $line = join("\t", $name, 'database', 'postgresql', $role, $password // $PASSWORD);

	$c->query("copy whalefall_api.credential_input (name, credential_type, db_type, username, password) from stdin;\n"
		  . "$line\n\\.\n", database => 'whalefall');
	return $c->value("select id from whalefall_api.credentials where name = '$name'", database => 'whalefall');
}

# Registers an instance and gives its id. Arguments: name, port; host (127.0.0.1), credential (id; default:
# one named "monitor", made when absent), further => SQL of more arguments.
sub register
{
	my ($c, %arg) = @_;
	my $credential = $arg{credential}
	  // ($c->value("select id from whalefall_api.credentials where name = 'monitor'", database => 'whalefall')
		  || add_credential($c, 'monitor', 'monitor'));
	my $host = $arg{host} // '127.0.0.1';
	my $further = $arg{further} ? ", $arg{further}" : '';
	my $id = $c->value("select whalefall_api.instances_create(name => '$arg{name}', db_type => 'postgresql',"
		  . " host => '$host', port => $arg{port}, credential_id => $credential$further) #>> '{instance,id}'",
		database => 'whalefall');

	croak "no id for instance $arg{name}" if $id !~ /^\d+$/;
	return $id;
}

1;
