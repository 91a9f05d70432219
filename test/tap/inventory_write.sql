-- Credentials and instances: what is accepted, what is refused and how, what is stored, what is logged.
\set ECHO none
begin;
select plan(159);

-- What a statement raises: SQLSTATE, message, detail; 'ok' when it raises nothing.
create function pg_temp.says(statement text) returns text language plpgsql as $$
declare
	detail text;
begin
	execute statement;
	return 'ok';
exception when others then
	get stacked diagnostics detail = pg_exception_detail;
	return sqlstate || ' ' || sqlerrm || ': ' || detail;
end $$;
create function pg_temp.c(statement text) returns text language sql as $$
	select pg_temp.says('select whalefall_api.credentials_' || statement) $$;
create function pg_temp.i(statement text) returns text language sql as $$
	select pg_temp.says('select whalefall_api.instances_' || statement) $$;
create function pg_temp.member(value json, variadic path text[]) returns text language sql as $$
	select value #>> path $$;

-- Credentials: creating ------------------------------------------------------------------------------------
create temp table made as select whalefall_api.credentials_create('  主库 monitor ', ' Database ', ' mon ', '  with blanks  ', ' PG ', ' text ') -> 'credential' as c;
select is(array(select json_object_keys((select c from made))), '{id,name,credential_type,db_type,username,category_id,created_at,updated_at,password,description,is_active,instance_count,created_at_display}'::text[],
	'the keys of the contract, in its order');
select is((select c ->> 'name' from made), '主库 monitor', 'name is trimmed');
select is((select c ->> 'credential_type' from made), 'database', 'type is trimmed and folded');
select is((select c ->> 'db_type' from made), 'postgresql', 'db_type is canonical');
select is((select c ->> 'username' from made), 'mon', 'user name is trimmed');
select is((select c ->> 'password' from made), '******', 'the password is six stars');
select is((select c ->> 'description' from made), 'text', 'description is trimmed');
select is((select c ->> 'category_id' from made), null, 'no category');
select is((select c ->> 'is_active' from made), 'true', 'active by default');
select is((select c ->> 'instance_count' from made), '0', 'used by none');
select matches((select c ->> 'created_at' from made), '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$', 'instants are UTC with offset');
select is((select c ->> 'created_at_display' from made), (select to_char((c ->> 'created_at')::timestamptz at time zone 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI:SS') from made),
	'the display time is that of the business zone');
select is((select length(secret) from whalefall.credentials where name = '主库 monitor'), 30 + length('  with blanks  '), 'the password keeps its blanks');
select is(pg_temp.member(whalefall_api.credentials_create(name => 'inactive', credential_type => 'api', username => 'u', password => '123456', is_active => false), 'credential', 'is_active'),
	'false', 'inactive when asked for');
select is(pg_temp.member(whalefall_api.credentials_create('blank', 'ssh', 'u', '123456', '  ', '  '), 'credential', 'db_type'), null, 'blank db_type is none');
select is(pg_temp.member(whalefall_api.credentials_create('alias ' || a, 'database', 'u', '123456', a), 'credential', 'db_type'), d, 'alias ' || a)
	from (values ('mysql', 'mysql'), ('MSSQL', 'sqlserver'), ('Sql Server', 'sqlserver'), ('sqlserver', 'sqlserver'), ('postgres', 'postgresql'),
	('pg', 'postgresql'), ('PostgreSQL', 'postgresql'), ('oracle', 'oracle')) x(a, d);

-- Refused, each with its reason.
select is(pg_temp.c(statement), 'PT400 ' || answer, statement) from (values
	('create()', 'invalid input: Missing: name, credential_type, username, password.'),
	($$create('x', 'database')$$, 'invalid input: Missing: username, password.'),
	($$create('x', 'database', 'u', '')$$, 'invalid input: Missing: password.'),
	($$create('  ', 'database', 'u', '123456')$$, 'invalid input: name must not be blank.'),
	($$create(repeat('x', 256), 'database', 'u', '123456')$$, 'invalid input: name is longer than 255 characters.'),
	($$create(E'a\nb', 'database', 'u', '123456')$$, 'invalid input: name holds a control character.'),
	($$create('x', 'veeam', 'u', '123456')$$, 'invalid input: credential_type is not known.'),
	($$create('x', 'database', ' ', '123456')$$, 'invalid input: username must not be blank.'),
	($$create('x', 'database', repeat('u', 129), '123456')$$, 'invalid input: username is longer than 128 characters.'),
	($$create('x', 'database', E'u\tv', '123456')$$, 'invalid input: username holds a control character.'),
	($$create('x', 'database', 'u', '12345')$$, 'invalid input: password must have 6 to 128 characters.'),
	($$create('x', 'database', 'u', repeat('p', 129))$$, 'invalid input: password must have 6 to 128 characters.'),
	($$create('x', 'database', 'u', '        ')$$, 'invalid input: password must not be blank.'),
	($$create('x', 'database', 'u', '123456', 'db2')$$, 'invalid input: db_type "db2" is not known.'),
	($$create('blank', 'database', 'u', '123456')$$, 'name is already in use: A credential named "blank" exists.'),
	($$create(' blank ', 'database', 'u', '123456')$$, 'name is already in use: A credential named "blank" exists.'),
	($$update(1, name => 'blank')$$, 'name is already in use: A credential named "blank" exists.'),
	($$update(1, name => ' ')$$, 'invalid input: name must not be blank.'),
	($$update(1, credential_type => 'x')$$, 'invalid input: credential_type is not known.'),
	($$update(1, password => '123')$$, 'invalid input: password must have 6 to 128 characters.'),
	($$update(1, clear => '{name}')$$, 'invalid input: Field "name" cannot be cleared.'),
	($$update(1, clear => '{password}')$$, 'invalid input: Field "password" cannot be cleared.'),
	($$update(1, clear => array[null::text])$$, 'invalid input: Field "" cannot be cleared.')) x(statement, answer);
select is(pg_temp.c(statement), 'PT404 resource not found: Credential ' || id || ' does not exist.', statement) from (values
	('get(4711)', '4711'), ('get(-1)', '-1'), ('get(null)', 'null'), ('update(4711)', '4711'), ('delete(4711)', '4711'), ('delete(null)', 'null')) x(statement, id);
-- The longest and the oddest that must be accepted.
select is(pg_temp.c(statement), 'ok', statement) from (values
	($$create(repeat('名', 255), 'database', repeat('u', 128), repeat('密', 128))$$),
	($$create('domain', 'windows', 'DOMAIN\user', '123456')$$), ($$create('at', 'ldap', 'user@host', '123456')$$),
	($$create('common', 'database', 'c##admin', '123456')$$), ($$create('quote"''; drop', 'database', '"''; --', 'x''; --"\')$$)) x(statement);

-- Credentials: changing.
select is(pg_temp.member(whalefall_api.credentials_update(1), 'credential', 'name'), '主库 monitor', 'nothing given, nothing changed');
select is((whalefall_api.credentials_update(1, username => 'other') -> 'credential' ->> 'username'), 'other', 'a given field changes');
select is((whalefall_api.credentials_get(1) -> 'credential' ->> 'description'), 'text', 'the others stay');
select is((whalefall_api.credentials_update(1, description => '  ') -> 'credential' ->> 'description'), null, 'a blank clears');
select is((whalefall_api.credentials_update(1, clear => '{db_type,description}') -> 'credential' ->> 'db_type'), null, 'and so does clear');
create temp table secret as select secret from whalefall.credentials where id = 1;
select is((whalefall_api.credentials_update(1, password => '') -> 'credential' ->> 'password'), '******', 'an empty password');
select is((select secret from whalefall.credentials where id = 1), (select secret from secret), 'changes nothing');
select is((whalefall_api.credentials_update(1, password => '  with blanks  ') -> 'credential' ->> 'password'), '******', 'the same password again');
select isnt((select secret from whalefall.credentials where id = 1), (select secret from secret), 'is sealed anew, with another nonce');
select is((whalefall_api.credentials_update(1, is_active => false) -> 'credential' ->> 'is_active'), 'false', 'disabled');
select is((whalefall_api.credentials_update(1, name => '主库 monitor') -> 'credential' ->> 'name'), '主库 monitor', 'its own name is not taken');

-- Instances: creating --------------------------------------------------------------------------------------
create temp table inst as select whalefall_api.instances_create(' 生产-1_a ', ' Postgres ', ' db.example.com ', 5432, ' app$1.x ', 1, ' text ') -> 'instance' as i;
select is(array(select json_object_keys((select i from inst))), '{id,name,db_type,host,port,database_name,database_version,main_version,detailed_version,credential_id,description,tags,is_active,last_connected,created_at,updated_at,status,credential,deleted_at,sync_count,tls_mode,tls_ca,server_public_key,allow_cleartext_key}'::text[],
	'the keys of the contract, the two of TLS and the two of a server key');
select is((select i ->> 'name' from inst), '生产-1_a', 'name is trimmed');
select is((select i ->> 'db_type' from inst), 'postgresql', 'db_type is canonical');
select is((select i ->> 'host' from inst), 'db.example.com', 'host is trimmed');
select is((select i ->> 'database_name' from inst), 'app$1.x', 'database name with $ and .');
select is((select (i -> 'credential')::jsonb from inst), '{"id": 1, "name": "主库 monitor", "username": "other", "password": "******", "credential_type": "database"}'::jsonb, 'its credential');
select is((select i ->> 'status' from inst), 'active', 'active');
select is((select i ->> 'tls_mode' from inst), 'prefer', 'TLS when the server has it');
select is((select (i -> 'tags')::text from inst), '[]', 'no tags');
select is((whalefall_api.credentials_get(1) -> 'credential' ->> 'instance_count'), '1', 'the credential counts it');
select is(pg_temp.i('create(' || arguments || ')'), 'PT400 invalid input: ' || answer, arguments) from (values
	('', 'Missing: name, db_type, host, port.'),
	($$'x', ' ', '', 1$$, 'Missing: db_type, host.'),
	($$'a b', 'pg', 'h', 1$$, 'name holds a character that is not allowed.'),
	($$'a/b', 'pg', 'h', 1$$, 'name holds a character that is not allowed.'),
	($$'é', 'pg', 'h', 1$$, 'name holds a character that is not allowed.'),
	($$'😀', 'pg', 'h', 1$$, 'name holds a character that is not allowed.'),
	($$chr(x'9fa6'::int), 'pg', 'h', 1$$, 'name holds a character that is not allowed.'),
	($$repeat('龥', 101), 'pg', 'h', 1$$, 'name must have 1 to 100 characters.'),
	($$'x', 'db2', 'h', 1$$, 'db_type "db2" is not known.'),
	($$'x', 'pg', 'h', 0$$, 'port 0 is out of range.'),
	($$'x', 'pg', 'h', 65536$$, 'port 65536 is out of range.'),
	($$'x', 'pg', 'h', -1$$, 'port -1 is out of range.'),
	($$'x', 'pg', 'h', 1, 'a b'$$, 'database_name "a b" is not valid.'),
	($$'x', 'pg', 'h', 1, repeat('a', 65)$$, 'database_name "' || repeat('a', 64) || '" is not valid.'),
	($$'x', 'pg', 'h', 1, credential_id => 4711$$, 'credential_id 4711 does not exist.'),
	($$'x', 'pg', 'h', 1, credential_id => 0$$, 'credential_id 0 does not exist.'),
	($$'x', 'pg', 'h', 1, description => repeat('文', 501)$$, 'description is longer than 500 characters.'),
	($$'x', 'pg', 'h', 1, tls_mode => 'yes'$$, 'tls_mode is not known.'),
	($$'x', 'pg', 'h', 1, tls_mode => 'verify-full'$$, 'tls_mode verify-ca and verify-full need tls_ca.'),
	($$'x', 'pg', 'h', 1, tls_ca => 'x'$$, 'tls_ca is not a certificate in PEM form, or too long.'),
	($$'x', 'pg', 'h', 1, tls_ca => E'-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----'$$, 'tls_ca holds a private key.')
	) x(arguments, answer);
-- Hosts that lead elsewhere: paths, sockets, metadata addresses in every spelling, rubbish.
select is(pg_temp.i(format('create(%L, %L, %L, 1)', 'x', 'pg', host)), 'PT400 invalid input: host ' || answer, host) from (values
	('/tmp', '"/tmp" is not an address or host name.'), ('@abstract', '"@abstract" is not an address or host name.'),
	('a/b', '"a/b" is not an address or host name.'), ('a,b', '"a,b" is not an address or host name.'), ('a b', '"a b" is not an address or host name.'),
	('-a', '"-a" is not an address or host name.'), ('a-', '"a-" is not an address or host name.'), ('a..b', '"a..b" is not an address or host name.'),
	('a.', '"a." is not an address or host name.'), ('1.2.3', '"1.2.3" is not an address or host name.'), ('256.1.1.1', '"256.1.1.1" is not an address or host name.'),
	('1.2.3.4.5', '"1.2.3.4.5" is not an address or host name.'), ('[::1]', '"[::1]" is not an address or host name.'), ('::1%lo', '"::1%lo" is not an address or host name.'),
	('h:1', '"h:1" is not an address or host name.'), ('2852039166', '"2852039166" is not an address or host name.'),
	('0xA9FEA9FE', '"0xA9FEA9FE" is not an address or host name.'), ('0xa9.0xfe.0xa9.0xfe', '"0xa9.0xfe.0xa9.0xfe" is not an address or host name.'),
	('0251.0376.0251.0376', '"0251.0376.0251.0376" is not an address or host name.'), ('169.254.43518', '"169.254.43518" is not an address or host name.'),
	('169.254.169.254', '169.254.169.254 is a link-local address.'), ('169.254.0.1', '169.254.0.1 is a link-local address.'),
	('fe80::1', 'fe80::1 is a link-local address.'), ('febf::1', 'febf::1 is a link-local address.'),
	('::ffff:169.254.169.254', '::ffff:169.254.169.254 is a link-local address.')) x(host, answer);
select is(pg_temp.i(format('create(%L, %L, %L, 1)', 'h' || n, 'pg', host)), 'ok', host) from (values
	(1, '10.0.0.1'), (2, '::1'), (3, 'db_1.internal'), (4, 'localhost'), (5, repeat('a', 63) || '.b'), (6, '1a.de'), (7, '2001:db8::1')) x(n, host);

-- Names are unique, also against the recycle bin.
select is(pg_temp.i($$create('h1', 'pg', 'h', 1)$$), 'PT409 conflicting state: An instance named "h1" exists.', 'a taken name');
select is((whalefall_api.instances_delete(i.id) ->> 'deletion_mode'), 'soft', 'deleted') from whalefall.instances i where name = 'h1';
select is(pg_temp.i($$create('h1', 'pg', 'h', 1)$$), 'PT409 conflicting state: An instance named "h1" exists.', 'is still taken');
select is((select whalefall_api.instances_delete(id) ->> 'deleted_at' from whalefall.instances where name = 'h1'),
	(select to_json(deleted_at at time zone 'UTC') #>> '{}' || '+00:00' from whalefall.instances where name = 'h1'), 'deleting again keeps the first time');
select is((select is_active from whalefall.instances where name = 'h1'), true, 'and is_active');
select is((select pg_temp.i('get(' || id || ')') from whalefall.instances where name = 'h1'),
	(select 'PT404 resource not found: Instance ' || id || ' does not exist.' from whalefall.instances where name = 'h1'), 'a deleted one is not shown');
select is((select pg_temp.i('update(' || id || $$, host => 'h')$$) from whalefall.instances where name = 'h1'),
	(select 'PT404 resource not found: Instance ' || id || ' does not exist.' from whalefall.instances where name = 'h1'), 'nor changed');
select is(pg_temp.i('delete(4711)'), 'PT404 resource not found: Instance 4711 does not exist.', 'an unknown one is not deleted');

-- Changing.
select is((whalefall_api.instances_update(1, port => 6432) -> 'instance' ->> 'port'), '6432', 'a given field changes');
select is((whalefall_api.instances_update(1) -> 'instance' ->> 'database_name'), 'app$1.x', 'the others stay');
select is((whalefall_api.instances_update(1, clear => '{database_name,credential_id,description}') -> 'instance')::jsonb
	- 'updated_at' - 'created_at' @> '{"database_name": null, "credential_id": null, "credential": null, "description": ""}', true, 'cleared');
select is(pg_temp.i($$update(1, name => 'h2')$$), 'PT409 conflicting state: An instance named "h2" exists.', 'a taken name');
select is(pg_temp.i($$update(1, clear => '{host}')$$), 'PT400 invalid input: Field "host" cannot be cleared.', 'a required field cannot be cleared');
select is((whalefall_api.instances_update(1, tls_mode => 'verify-ca', tls_ca => E'-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n') -> 'instance' ->> 'tls_mode'),
	'verify-ca', 'verified with an authority');
select is(pg_temp.i($$update(1, clear => '{tls_ca}')$$), 'PT400 invalid input: tls_mode verify-ca and verify-full need tls_ca.', 'which cannot be taken away');
select is((whalefall_api.instances_update(1, clear => '{tls_mode,tls_ca}') -> 'instance' ->> 'tls_mode'), 'prefer', 'without its mode');

-- Deleting a credential.
select is((whalefall_api.instances_update(1, credential_id => 1) -> 'instance' ->> 'credential_id'), '1', 'used again');
select is(whalefall_api.credentials_delete(1)::text, '{"credential_id":1,"detached_instance_count":1}', 'deleting tells how many instances lost it');
select is((whalefall_api.instances_get(1) -> 'instance' ->> 'credential_id'), null, 'they have none');
select is(pg_temp.c('get(1)'), 'PT404 resource not found: Credential 1 does not exist.', 'it is gone for good');

-- What the log says, and does not say.
select is((select (context - 'current_username' - 'current_user_id' - 'current_user_role' - 'is_admin') from whalefall_api.logs
	where message = 'credential deleted'), '{"action": "delete_credential", "credential_id": 1, "credential_name": "主库 monitor", "detached_instance_count": 1}'::jsonb,
	'a log row with ids and names');
select is((select count(*)::int from whalefall_api.logs where context::text || message || coalesce(traceback, '') ~ 'with blanks|123456|密密|ppppp'), 0, 'no password in the log');
select is((select count(*)::int from whalefall.credentials where position('123456'::bytea in secret) > 0), 0, 'nor in the table');

-- Masking in the log: secrets of URLs and of password= pairs, in any string.
select is(pg_temp.i(format('create(%L, %L, %L, 1, description => %L)', 'mask', 'pg', 'h', 'd')), 'ok', 'an instance');
select lives_ok(format('select whalefall_api.credentials_create(%L, %L, %L, %L)', name, 'api', 'u', '123456'), name) from (values
	('postgres://me:hidden@host/db'), ('x password=hidden y'), ('see https://u:hid@den@h/?a=b')) x(name);
select results_eq($$select context ->> 'credential_name' from whalefall_api.logs where message = 'credential created' order by id desc limit 3$$,
	$$values ('see https://u:***@h/?a=b'), ('x password=*** y'), ('postgres://me:***@host/db')$$, 'secrets in strings read ***');

select * from finish();
rollback;
