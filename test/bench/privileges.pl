# Who holds one privilege, over 100,000 accounts: by index, whatever the number of accounts, beside the
# cheapest question there is, one row by its primary key.
use strict;
use warnings;
use Bench qw(row control_plane);

my $INSTANCES = 10;
my $ACCOUNTS = 10_000;    # of each
my $MOST = 50;
my $ROUNDS = 300;
my $LOOKUP = "select instance_name, username from whalefall_api.account_privileges"
  . " where scope = 'database' and object = 'ledger' and privilege = 'CREATE'";
my $control = control_plane(shared_buffers => '512MB', max_wal_size => '4GB');

sub sql { return $control->value($_[0], database => 'whalefall', timeout => 600); }

# Accounts as a PostgreSQL driver shows them. One of an instance may create in the database "ledger".
sql("insert into whalefall.instances (name, db_type, host, port)"
	  . " select 'bench_' || n, 'postgresql', '127.0.0.1', 5432 from generate_series(1, $INSTANCES) n");
for my $instance (split /\n/, sql('select id from whalefall.instances order by id'))
{
	sql(<<"END");
	select whalefall.accounts_merge($instance, array_agg('app_' || n), array_agg(jsonb_build_object('version', 4,
		'categories', jsonb_build_object(
			'postgresql_role_attributes', jsonb_build_object('can_super', n % 1000 = 0, 'can_create_role', n % 50 = 0,
				'can_create_db', n % 20 = 0, 'can_replicate', false, 'can_bypass_rls', false, 'can_inherit', true,
				'can_login', true, 'connection_limit', -1),
			'postgresql_predefined_roles', jsonb_build_array('team_' || n % 400, 'zone_' || n % 5),
			'postgresql_database_privileges', jsonb_build_object('app' || n % 30, '["CONNECT", "TEMP"]'::jsonb,
				'crm', '["CONNECT", "CREATE", "TEMP"]'::jsonb,
				'ledger', case n when 4711 then '["CONNECT", "CREATE"]'::jsonb else '["CONNECT"]'::jsonb end)),
		'type_specific', '{}'::jsonb, 'extra', '{}'::jsonb, 'errors', '[]'::jsonb, 'meta', '{}'::jsonb)))
	from generate_series(1, $ACCOUNTS) n
END
}
# What autovacuum would do in the minutes after such a load.
sql('vacuum analyze');

my $accounts = sql('select count(*) from whalefall.account_permission');
my $found = sql("select count(*) from ($LOOKUP) q");
my $plan = sql("explain $LOOKUP");
my $by_index = $plan =~ /account_permission_fact_ids_idx/ && $plan !~ /Seq Scan on (?:account_permission|instance_accounts|facts)/;
print $plan, "\n";
row(figure => 'accounts that hold one privilege, found', measured => $found, floor => $INSTANCES, ratio => $found / $INSTANCES,
	must => "= $INSTANCES of $accounts", ok => $found == $INSTANCES && $accounts == $INSTANCES * $ACCOUNTS);
row(figure => 'plan of that lookup', measured => $by_index ? 'by index' : 'scans', floor => 'by index', must => 'by index',
	ok => $by_index);

# Median time of a statement in microseconds: planned every time as a client's, or with a kept plan.
sub median_us
{
	my ($kind, $statement) = @_;
	my $call = $kind eq 'kept' ? 'execute probe' : $statement;
	my $quoted = $call =~ s/'/''/gr;

	return sql(<<"END");
	create function pg_temp.measure() returns numeric language plpgsql as \$\$
	declare began timestamptz; taken numeric[] = '{}';
	begin
		for i in 1 .. $ROUNDS loop
			began = clock_timestamp();
			execute '$quoted';
			taken = taken || extract(epoch from clock_timestamp() - began)::numeric;
		end loop;
		return round((select percentile_cont(0.5) within group (order by t) from unnest(taken) t)::numeric * 1000000, 1);
	end \$\$;
	prepare probe as $statement;
	select pg_temp.measure() \\g /dev/null
	select pg_temp.measure();
END
}

my ($instance, $account) = split /\|/, sql('select instance_id, id from whalefall.account_permission offset 50000 limit 1');
my $key_read = "select * from whalefall.account_permission where instance_id = $instance and id = $account";
for my $kind ('kept', 'planned')
{
	my $measured = median_us($kind, $LOOKUP);
	my $floor = median_us($kind, $key_read);
	my $ratio = $measured / $floor;
	row(figure => "one privilege over $accounts accounts, " . ($kind eq 'kept' ? 'kept plan' : 'planned each time'),
		measured => "$measured us", floor => "$floor us", ratio => sprintf('%.1f', $ratio), must => "<= $MOST x",
		ok => $ratio <= $MOST);
}
