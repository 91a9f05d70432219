# The objects of the contract, key by key (see Shape.pm for the words).
package Shapes;

use strict;
use warnings;
use utf8;
use Exporter qw(import);
use JSON::PP ();
our @EXPORT = qw(%SHAPE paged);

our %SHAPE;

my $db_type = qr/^(?:mysql|postgresql|sqlserver|oracle)$/;

$SHAPE{user} = {
	id => 'int', username => 'str', email => 'str?', role => qr/^(?:admin|user|viewer)$/, created_at => 'date?', created_at_display => 'date?',
	last_login => 'ts?', is_active => 'bool' };
$SHAPE{credential} = {
	id => 'int', name => 'str', credential_type => qr/^(?:database|ssh|windows|api|ldap)$/, db_type => 'str?', username => 'str',
	category_id => 'int?', created_at => 'ts?', updated_at => 'ts?', password => \'******', description => 'str?', is_active => 'bool',
	instance_count => 'int', created_at_display => 'local' };
$SHAPE{tag} = {
	id => 'int', name => qr/^[A-Za-z0-9_-]+$/, display_name => 'str', category => 'str',
	color => qr/^(?:primary|danger|warning|info|secondary|success|dark|light)$/, color_value => qr/^#[0-9a-f]{6}$/, color_name => qr/^\p{Han}+$/,
	css_class => qr/^bg-[a-z]+$/, is_active => 'bool', created_at => 'ts?', updated_at => 'ts?' };
$SHAPE{tag_item} = { %{ $SHAPE{tag} }, instance_count => 'int' };
$SHAPE{instance_item} = {
	id => 'int', name => 'str', db_type => $db_type, host => 'str', port => 'int', description => 'str', is_active => 'bool', deleted_at => 'ts?',
	status => qr/^(?:deleted|active|inactive)$/, main_version => 'str?', active_db_count => 'int', active_account_count => 'int',
	last_sync_time => 'ts?', tags => [ { name => 'str', display_name => 'str', color => 'str' } ] };
# The last four are this product's own.
$SHAPE{instance} = {
	id => 'int', name => 'str', db_type => $db_type, host => 'str', port => 'int', database_name => 'str?', database_version => 'str?',
	main_version => 'str?', detailed_version => 'str?', credential_id => 'int?', description => 'str', tags => [ $SHAPE{tag} ], is_active => 'bool',
	last_connected => 'ts?', created_at => 'ts?', updated_at => 'ts?', status => qr/^(?:active|inactive)$/,
	credential => sub { !defined $_[0] || !Shape::wrong($_[0], { id => 'int', name => 'str', username => 'str', password => \'******', credential_type => 'str' }) },
	deleted_at => 'null', sync_count => 'int', tls_mode => 'str', tls_ca => 'str?', server_public_key => 'str?',
	allow_cleartext_key => 'bool' };
$SHAPE{database_type} = {
	id => 'int', name => $db_type, display_name => 'str', driver => 'str', default_port => 'int', default_schema => 'str', connection_timeout => 'int?',
	description => 'str?', icon => 'str?', color => 'str?', features => ['str'], is_active => 'bool', is_system => 'bool', sort_order => 'int',
	created_at => 'ts?', updated_at => 'ts?' };
$SHAPE{option} = { value => 'str', text => 'str', icon => 'str?', color => 'str?' };
$SHAPE{session} = {
	id => 'int', session_id => 'uuid', sync_type => qr/^(?:manual_single|manual_batch|manual_task|scheduled_task)$/,
	sync_category => qr/^(?:account|capacity|config|aggregation|other)$/, status => qr/^(?:running|completed|failed|cancelled)$/, started_at => 'ts?',
	completed_at => 'ts?', total_instances => 'int', successful_instances => 'int', failed_instances => 'int', created_by => 'int?',
	created_at => 'ts?', updated_at => 'ts?' };
$SHAPE{record} = {
	id => 'int', session_id => 'uuid', instance_id => 'int', instance_name => 'str?', sync_category => 'str',
	status => qr/^(?:pending|running|completed|failed|cancelled)$/, started_at => 'ts?', completed_at => 'ts?', items_synced => 'int', items_created => 'int',
	items_updated => 'int', items_deleted => 'int', error_message => 'str?', sync_details => 'any', created_at => 'ts?' };
$SHAPE{run} = {
	id => 'int', run_id => 'uuid', task_key => 'str', task_name => 'str', task_category => qr/^(?:account|capacity|aggregation|classification|other)$/,
	trigger_source => qr/^(?:scheduled|manual|api)$/, status => qr/^(?:pending|running|completed|failed|cancelled)$/, started_at => 'ts?', completed_at => 'ts?',
	progress_total => 'int', progress_completed => 'int', progress_failed => 'int', created_by => 'int?', summary_json => 'any', result_url => 'str?',
	error_message => 'str?', created_at => 'ts?', updated_at => 'ts?' };
$SHAPE{run_item} = {
	id => 'int', run_id => 'uuid', item_type => qr/^(?:instance|rule|step)$/, item_key => 'str', item_name => 'str?', instance_id => 'int?', status => 'str',
	started_at => 'ts?', completed_at => 'ts?', metrics_json => 'any', details_json => 'any', error_code => 'str?', error_type => 'str?', error_message => 'str?', created_at => 'ts?', updated_at => 'ts?' };
# The five keys of a connection result, and what this product adds: what the monitoring account may do.
$SHAPE{connection_good} = {
	success => \JSON::PP::true, message => qr/\S/, version => qr/^\d+\.\d+/, database_version => 'str', main_version => 'str', detailed_version => 'str',
	permissions => 'any', missing_permissions => 'any' };
$SHAPE{connection_bad} = {
	success => \JSON::PP::false, message => qr/\S/, error_code => qr/^[A-Z_]+$/, error_id => 'id32' };

# Data of a paged list of a shape, with further keys.
sub paged
{
	my ($item, %more) = @_;

	return { items => [$item], total => 'int', page => 'int', pages => 'int', limit => 'int', %more };
}

1;
