-- The public key of a MySQL server with an instance, and the leave to fetch it: what is accepted, what is refused and
-- how, who may change it.
\set ECHO none
begin;
select plan(76);

-- What a statement raises: SQLSTATE, message, detail, hint; 'ok' when it raises nothing.
create function pg_temp.says(statement text) returns text language plpgsql as $$
declare
	detail text;
	hint text;
begin
	execute statement;
	return 'ok';
exception when others then
	get stacked diagnostics detail = pg_exception_detail, hint = pg_exception_hint;
	return sqlstate || ' ' || sqlerrm || ': ' || detail || coalesce(' ' || nullif(hint, ''), '');
end $$;
create function pg_temp.update(id bigint, arguments text) returns text language sql as $$
	select pg_temp.says(format('select whalefall_api.instances_update(%s, %s)', id, arguments)) $$;
-- A registered instance as instances_get shows it.
create function pg_temp.get(id bigint, field text) returns text language sql as $$
	select whalefall_api.instances_get(id) -> 'instance' ->> field $$;

create temp table keys (name text, pem text);
grant select on keys to public;
insert into keys values
	('right', '-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArBHzIgM1DdMKkkVz2wP8
jrzu97Bcjax18Gd+U/bEz5mzZxWecVnWOlAisNBm9lBVPlpJbMf2u8pUskmulwXU
oMt7ffW3KL7v8NFurSWA9VXP3hEFiQsGBldXNBTWVbShsBEU2/kUNMAEegkJFHTJ
eknvskn841BmP9YTmZBT7GmRWs5ywJVpXWXb9rr1nccb7E+jgOpFK2E2A2n2bnUg
rG6qdG9kjDb1QX3J2PdCCqJckKfrV1ZqZz65roQtiKbIZM1oF1qF8RAmYEOdYYCS
D1qlU6zN5lfrw76oWYfhxpIufiS2twWbNbrWlFWhPHZ+ncNF3ezgUbuX5rDttzen
pwIDAQAB
-----END PUBLIC KEY-----
'),
	('other', '-----BEGIN PUBLIC KEY-----
MIIBojANBgkqhkiG9w0BAQEFAAOCAY8AMIIBigKCAYEAmgoW77I2mvpY5Rumcjv0
UWCAUt22r/rIriRdlQs7kr2hhmm1HEr0lA1S6Orkb/DgNMiaV5IISO5n9UU5fDiG
IuOqIQdKZRyPbFASvvPnjyfTJvMUcYjNL505BNNj7uNkeC0mrgSo74AX3XgkLGuw
w816A3v9sbxWQcJUVZv2v4TrV5B0ffcbAW6ryJh4FAIMi0FzgjDW5EYqZO+cyGSX
GBYXbPnbJXGnN3+9cF/imskvVi2mOGGOcpgvUaBKnlYbg4ZitxtNiU+bXhbhf385
W0XeI8DeJqbtBDBAicZ2rNvuZ4BjCZ0DqfLg+Gi6f6Hp0VpyFQUmN9cQ2twbf9yn
bPydrEQI6dfcRnXlbyx4hAPxJp495QTwJHX2uo1CODq993k8J6vr+BfjMAkf90Yu
p6O1F3Tugdl+3at2hrNHLcSCJ0t5/GJJQJeMFoZMD+1mO6B7MCetcF77D1GiwxCP
rNKIlAKvw3ThrzOtVss7Klwp5oHpU/XRsi/PUuY4qvI3AgMBAAE=
-----END PUBLIC KEY-----
'),
	('short', '-----BEGIN PUBLIC KEY-----
MIIBITANBgkqhkiG9w0BAQEFAAOCAQ4AMIIBCQKCAQBh/9l5DsZL7qT/xpqHPd9L
GIDm7aGQdliX7riqapKsYLl5Su8DVMtD9AWpDWLr/CLc/VfKbTw+Kn+WQgr0+obI
ZAKhYsMk25anN7hPQcR3NzYcF7abzWY3c6KMkED1FFChEMazvD55wLiuu/9Rgw5H
2s6sHZTsh1DW07obJb6/n409LrFoK1gx2S9jbqKdd/dnSe+8D2WAS4b6k653kT8X
Jwhdhw6L/fjArCVAC532B6yKXZ6JjcfzL+E18cv46otUsF/SNyFhUGjvUoHqB8/Q
RyXLUvMF7VKTyzg9nJqWJVLZEigUhJ0XfcLikfc1l8PrH1u1zCqyysOvOeyna1bb
AgMBAAE=
-----END PUBLIC KEY-----
'),
	('ec', '-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEx0yfihWtMRDlniVci+ly3elivbZr
yOHahXWO1Eib7NNNv5GLo7zn9gK8ISHSdUZKLeXmH900ry1JOMs6b55E+A==
-----END PUBLIC KEY-----
'),
	('ed25519', '-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAByo6hAl7XSM1IRhmEo9HyLcNNZGF9seutM4pOcYPXv0=
-----END PUBLIC KEY-----
'),
	('dsa', '-----BEGIN PUBLIC KEY-----
MIIDQjCCAjUGByqGSM44BAEwggIoAoIBAQCqIjNZouOOPZBkh1pSot0JI0ycNMfA
Yja6HzBK+RwIh/KpUw7kjYFNu86PXRdfE0SCqK9Z0i/yMRxc+F+FGqyTpnacKqYl
ue9iuGIh/FjhDcOwsXaXwoPQNJSxE46bhJvEQ1epNhjsORBLp6r9UKC7gXo2nSXW
YZIB1eYW0km7aw8b6vn/Zh2k0tKUjNvuTiPIy5iFnutpJz27zVQBlyZKH8kaJo/5
YPrR+o3eZNAxj1KDVcVcVs7BNKg5/oEtC8MKkQ+OjdVMq6ECWfQF1RBCeKTc03q0
8ILJB289AEMZ+fAL76lxqDsHIdW9askZO6dQl4IM96seg2yzBqkw8qEnAh0A8/la
DGB6EifyjJ3W+2uOKg1JG4U0vmBzODFHkQKCAQA2PmRzRg3PQ7Zf/jEgJL8CzDjc
UaqTMHm0UTbhwJYA6OiPf+x94IOlQVuhXofXFVUn8/jYWgiqSjdktIq/gjPbFGbh
AfsOChXtLmpBZO2iPzdL84OoGDVJe6i0f/jJzQShidUh28XbmEC3NCPCBNLYUx2w
Q4RZBf6XhwVIKwGv1x7b8Sx/OWIh2Z7jjotKSQ+UriO/D5rVplCO/X/wl+0hArEl
4MfXlcJ6eHWm6/yKFWTxGW7GBDweBkVlfEsOM/fk+WZn3J+wQ8c0xG0UwKrHJjcN
r8cvYFqZ3JsIQkYjA0UN5FYQkYwPwsETrNqOhndjGrYe3rkcIUVqpmfLJS/nA4IB
BQACggEAd3aAVW12mzOG/ovfw7J1C4q/SGPBMudV0/iNppnI9NBolYPsmQ0J1X9e
YLE2NBq4WOuWPIV3Uo2XgJ0YvSldGfJc2aWhy5ZqfvNOCVuhw7jBAMWJb++nb584
uP8jX0OUOU5+DQXnCOs9Hh72cxwVimjQPpjowfCzwfLUXYcojdpDNPFMlibWKaj3
eg9q/IkvoEhdklfS/Ifo9nXZfkUq4qC7RUvPnBxbktD/sz238ARuadm+DVvSB0ml
TAGGRrviSOOvDp7QyF66bfC51Gab6fTo/X/cepObckxCXparfWiDWiaZ7yAeMMpA
hdK1m9sgPZ5KBt77A9ex1UdIfDZ53Q==
-----END PUBLIC KEY-----
'),
	('pss', '-----BEGIN PUBLIC KEY-----
MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAO8qPOO7/+LhlY4X5Y3pVgnP
WkJbvgrZ80lkVOt7dgfA90bqzahWN2ZD82T81IqD8O8pYjc3euz/9rBWoPYcwZKw
aWvciTOGg9359v28IEkDga6LgBGthbu9AUK0NKaPQuF3Pt7cPghB5mj1V1Rd1nDJ
3QbltjNVj+IZ2EsfkhQxdejzDNXb8egMYHMlHr5LxIimepZ76ANn9XALlYMj4J5V
IdtNmYBOuOzceOG97uhAQyi/b319pHt40mlx5CGFIFCpoYiwwTn5Bb0819K1LVky
ccamYIsE5hx5WC8QwyM1fMjuO7vBux3KNf48OspOliqgSjYLjl6IgpCuTEeUs18C
AwEAAQ==
-----END PUBLIC KEY-----
'),
	('pkcs1', '-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEArBHzIgM1DdMKkkVz2wP8jrzu97Bcjax18Gd+U/bEz5mzZxWecVnW
OlAisNBm9lBVPlpJbMf2u8pUskmulwXUoMt7ffW3KL7v8NFurSWA9VXP3hEFiQsG
BldXNBTWVbShsBEU2/kUNMAEegkJFHTJeknvskn841BmP9YTmZBT7GmRWs5ywJVp
XWXb9rr1nccb7E+jgOpFK2E2A2n2bnUgrG6qdG9kjDb1QX3J2PdCCqJckKfrV1Zq
Zz65roQtiKbIZM1oF1qF8RAmYEOdYYCSD1qlU6zN5lfrw76oWYfhxpIufiS2twWb
NbrWlFWhPHZ+ncNF3ezgUbuX5rDttzenpwIDAQAB
-----END RSA PUBLIC KEY-----
');
create function pg_temp.key(text) returns text language sql as $$ select pem from keys where name = $1 $$;
-- As psql would send it: without the last line's end.
create function pg_temp.stored(text) returns text language sql as $$ select rtrim(pem, E'\n') from keys where name = $1 $$;

-- Registering -----------------------------------------------------------------------------------------------
create temp table made as select whalefall_api.instances_create('with', 'mysql', 'h', 3306, server_public_key => pg_temp.key('right'),
	allow_cleartext_key => true) -> 'instance' as i;
select is((select i ->> 'server_public_key' from made), pg_temp.stored('right'), 'the key as it was given');
select is((select (i -> 'allow_cleartext_key')::text from made), 'true', 'and the leave, a boolean');
select is(array(select json_object_keys((select i from made)))::text ~ 'tls_mode,tls_ca,server_public_key,allow_cleartext_key}$', true, 'after the rest');
create temp table plain as select whalefall_api.instances_create('without', 'mysql', 'h', 3306) -> 'instance' as i;
select is((select (i -> 'server_public_key')::text || (i -> 'allow_cleartext_key')::text from plain), 'nullfalse', 'neither by default');
create temp table ids as select (select (i ->> 'id')::bigint from made) as a, (select (i ->> 'id')::bigint from plain) as b;
grant select on ids to public;
select is((select server_public_key || allow_cleartext_key::text from whalefall_api.instances join ids on id = a), pg_temp.stored('right') || 'true', 'the view has both');
select is((select array_agg(attname::text order by attnum) from (select attname, attnum from pg_attribute
	where attrelid = 'whalefall_api.instances'::regclass and attnum > 0 order by attnum desc limit 2) x),
	'{server_public_key,allow_cleartext_key}'::text[], 'as its last columns');
select is(jsonb_path_query_array(whalefall_api.instances_list()::jsonb, '$.items[*].server_public_key')::text, '[]', 'the list does not show it');

-- Around the key anything may stand that PEM allows; it is stored written anew.
select is((whalefall_api.instances_update(b, server_public_key => text) -> 'instance' ->> 'server_public_key'), pg_temp.stored('right'), label)
	from ids, (values ('blanks around it', E' \t\n' || pg_temp.key('right') || E'\n \n'),
		('lines that end in CR LF', replace(pg_temp.key('right'), E'\n', E'\r\n')),
		('text before it', E'Caching_sha2_password_rsa_public_key\n' || pg_temp.key('right')),
		('lines of another length', '-----BEGIN PUBLIC KEY-----' || E'\n' || regexp_replace(regexp_replace(pg_temp.key('right'), '-----[^-]*-----|\n', '', 'g'),
			'(.{32})', E'\\1\n', 'g') || E'\n-----END PUBLIC KEY-----')) x(label, text);

-- Changing --------------------------------------------------------------------------------------------------
select is(pg_temp.update(b, format('server_public_key => %L', pg_temp.key('other'))), 'ok', 'another key, of 3072 bits') from ids;
select is(pg_temp.get(b, 'server_public_key'), pg_temp.stored('other'), 'is stored') from ids;
select is(pg_temp.update(b, 'port => 3307'), 'ok', 'another field') from ids;
select is(pg_temp.get(b, 'server_public_key'), pg_temp.stored('other'), 'leaves it') from ids;
select is(pg_temp.get(a, 'allow_cleartext_key'), 'true', 'the leave is the other instance''s') from ids;
select is(pg_temp.update(b, 'allow_cleartext_key => true'), 'ok', 'given') from ids;
select is(pg_temp.get(b, 'allow_cleartext_key') || pg_temp.get(b, 'server_public_key'), 'true' || pg_temp.stored('other'), 'beside the key') from ids;
select is(pg_temp.update(b, $$clear => '{server_public_key}'$$), 'ok', 'cleared') from ids;
select is(pg_temp.get(b, 'server_public_key'), null, 'is none') from ids;
select is(pg_temp.get(b, 'allow_cleartext_key'), 'true', 'the leave stays') from ids;
select is(pg_temp.update(b, 'allow_cleartext_key => false'), 'ok', 'until it is taken') from ids;
select is(pg_temp.get(b, 'allow_cleartext_key'), 'false', 'away') from ids;
select is(pg_temp.update(a, $$server_public_key => ' '$$), 'ok', 'a blank text clears') from ids;
select is(pg_temp.get(a, 'server_public_key'), null, 'too') from ids;
select is(pg_temp.update(b, $$clear => '{allow_cleartext_key}'$$), 'PT400 invalid input: Field "allow_cleartext_key" cannot be cleared.', 'a boolean cannot be cleared') from ids;

-- What is no key, each with the same advice.
select is(pg_temp.update(b, format('server_public_key => %L', pem)), 'PT400 invalid input: server_public_key ' || answer
	|| ' Ask the server, over a way you trust: SHOW STATUS LIKE ''Caching_sha2_password_rsa_public_key''; or take public_key.pem out of its data directory.', label)
	from ids, (select 'EC', pg_temp.key('ec'), 'is not an RSA key.' union all
		select 'Ed25519', pg_temp.key('ed25519'), 'is not an RSA key.' union all
		select 'DSA', pg_temp.key('dsa'), 'is not an RSA key.' union all
		select 'RSA for signatures alone', pg_temp.key('pss'), 'is not an RSA key.' union all
		select 'PKCS #1', pg_temp.key('pkcs1'), 'is not one public key in PEM form.' union all
		select 'a word', 'x', 'is not one public key in PEM form.' union all
		select 'a file name', '/etc/passwd', 'is not one public key in PEM form.' union all
		select 'frame without key', E'-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----', 'is not one public key in PEM form.' union all
		select 'frame around nonsense', E'-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', 'is not one public key in PEM form.' union all
		select 'frame around a certificate''s name', replace(pg_temp.key('right'), 'PUBLIC KEY', 'CERTIFICATE'), 'is not one public key in PEM form.' union all
		select 'a key cut short', left(pg_temp.key('right'), 300), 'is not one public key in PEM form.' union all
		select 'a key whose middle is missing', regexp_replace(pg_temp.key('right'), '\n[^\n]{64}\n', E'\n'), 'is not one public key in PEM form.' union all
		select 'something behind the key', regexp_replace(pg_temp.key('right'), '\n-----END', E'\nAAAA\n-----END'), 'is not one public key in PEM form.' union all
		select 'line ends as the client escapes them', replace(pg_temp.key('right'), E'\n', '\n'), 'is not one public key in PEM form.' union all
		select 'two keys', pg_temp.key('right') || pg_temp.key('other'), 'is not one public key in PEM form.' union all
		select 'a key and a certificate', pg_temp.key('right') || E'-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----', 'is not one public key in PEM form.' union all
		select 'an encrypted block, which would ask for its password', replace(pg_temp.key('right'), E'PUBLIC KEY-----\nM',
			E'PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nM'), 'is not one public key in PEM form.' union all
		select 'a private key', E'-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----', 'holds a private key.' union all
		select 'an RSA private key', E'-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----', 'holds a private key.' union all
		select 'a key and then a private key', pg_temp.key('right') || E'-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----', 'holds a private key.' union all
		select 'a megabyte', repeat('x', 1000000), 'is longer than 16384 bytes.' union all
		select 'a key with much around it', repeat('x', 16384) || E'\n' || pg_temp.key('right'), 'is longer than 16384 bytes.') x(label, pem, answer);
select is(pg_temp.update(b, format('server_public_key => %L', pg_temp.key('short'))), 'PT400 invalid input: server_public_key has fewer than 2048 bits.'
	|| ' So short a key can be broken: let the server make a longer one, or use TLS.', 'a key of 2047 bits') from ids;
select is(pg_temp.get(b, 'server_public_key'), null, 'nothing of that was stored') from ids;
select is(pg_temp.says(format('select whalefall_api.instances_create(%L, %L, %L, 1, server_public_key => %L)', 'bad', 'mysql', 'h', 'x')) ~ '^PT400 .*server_public_key',
	true, 'nor is anything registered with it');
select is((select count(*) from whalefall.instances where name = 'bad'), 0::bigint, 'at all');

-- Other engines.
select is(pg_temp.says(format('select whalefall_api.instances_create(%L, %L, %L, 1, %s)', 'pg', db_type, 'h', argument)),
	'PT400 invalid input: ' || field || ' is for instances of db_type mysql only. Logins of other engines use no such key.', db_type || ' with ' || field)
	from (values ('postgresql'), ('sqlserver'), ('oracle')) x(db_type),
		(values ('server_public_key', format('server_public_key => %L', pg_temp.key('right'))), ('allow_cleartext_key', 'allow_cleartext_key => true')) y(field, argument);
select is(pg_temp.says($$select whalefall_api.instances_create('pg', 'pg', 'h', 5432, server_public_key => ' ', allow_cleartext_key => false)$$), 'ok', 'saying no is allowed everywhere');
select is(pg_temp.update(id, 'allow_cleartext_key => true'), 'PT400 invalid input: allow_cleartext_key is for instances of db_type mysql only. Logins of other engines use no such key.',
	'nor later') from whalefall.instances where name = 'pg';
select is(pg_temp.update(a, $$db_type => 'pg'$$), 'PT400 invalid input: allow_cleartext_key is for instances of db_type mysql only. Logins of other engines use no such key.',
	'nor by another type') from ids;
select is(pg_temp.update(a, $$db_type => 'pg', allow_cleartext_key => false$$), 'ok', 'but without it') from ids;

-- Both decide who gets the password: on an instance with a login administrators alone change them.
select is((whalefall_api.credentials_create('login', 'database', 'u', '123456') -> 'credential' ->> 'name'), 'login', 'a login');
select is(pg_temp.update(b, format('credential_id => (select id from whalefall_api.credentials), server_public_key => %L', pg_temp.key('right'))), 'ok', 'an instance with it') from ids;
set local role whalefall_user;
select is(pg_temp.update(b, change), 'PT403 permission required: Only an administrator may change where a stored login is sent.'
	|| ' Ask a member of whalefall_admin to change credential_id, host, port, TLS or the server''s key.', left(change, 40))
	from ids, (values ('allow_cleartext_key => true'), ($$clear => '{server_public_key}'$$), (format('server_public_key => %L', pg_temp.key('other'))),
		($$server_public_key => ''$$)) x(change);
select is(pg_temp.update(b, format('description => %L, allow_cleartext_key => false, server_public_key => %L', 'mine', pg_temp.key('right'))), 'ok', 'what is so already may be said') from ids;
reset role;
select is(pg_temp.get(b, 'description') || pg_temp.get(b, 'allow_cleartext_key') || pg_temp.get(b, 'server_public_key'), 'minefalse' || pg_temp.stored('right'), 'and all is as it was') from ids;
set local role whalefall_admin;
select is(pg_temp.update(b, 'allow_cleartext_key => true'), 'ok', 'an administrator may') from ids;
reset role;

-- Tests of given parameters have the same rules, and are refused before anybody connects.
select is(pg_temp.says(format($$select whalefall_api.instances_test_connection(db_type => %L, host => 'h', port => 1, username => 'u', password => 'p', %s)$$, db_type, argument)) ~ answer, true, answer)
	from (values ('mysql', format('server_public_key => %L', pg_temp.key('ec')), '^PT400 .*server_public_key is not an RSA key'),
		('mysql', format('server_public_key => %L', repeat('x', 1000000)), '^PT400 .*server_public_key is longer than 16384 bytes'),
		('postgresql', format('server_public_key => %L', pg_temp.key('right')), '^PT400 .*server_public_key is for instances of db_type mysql only'),
		('oracle', 'allow_cleartext_key => true', '^PT400 .*allow_cleartext_key is for instances of db_type mysql only')) x(db_type, argument, answer);

select is((select count(*)::int from whalefall_api.logs where context::text ~ 'PUBLIC KEY|MIIB'), 0, 'no key in the log');

select * from finish();
rollback;
