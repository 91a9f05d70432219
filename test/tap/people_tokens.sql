-- Tokens: what is accepted, and every way in which one can be wrong.
\set ECHO none
begin;
select plan(140);

create function pg_temp.request(authorization_header text default null, cookie text default null, csrf text default null,
	address text default null, scheme text default null, path text default null) returns void
	language c as '$libdir/whalefall', 'wf_people_test_request';
create function pg_temp.login() returns text language c as '$libdir/whalefall', 'wf_people_test_login';
-- Who a token is of, or the code of the refusal.
create function pg_temp.bearer(token text) returns text language plpgsql as $$
begin
	perform pg_temp.request('Bearer ' || token);
	return pg_temp.login();
end $$;
-- What auth_refresh answers to a token: the new token's user, or SQLSTATE and message.
create function pg_temp.refresh(header text) returns text language plpgsql as $$
begin
	perform pg_temp.request(header);
	return pg_temp.bearer(whalefall_api.auth_refresh() ->> 'access_token');
exception when others then
	return sqlstate || ' ' || sqlerrm;
end $$;
create function pg_temp.b64(bytea) returns text language sql as $$select translate(encode($1, 'base64'), E'+/=\n', '-_')$$;
create function pg_temp.secret() returns text language sql as $$select trim(pg_read_file(current_setting('whalefall.jwt_file')))$$;
create function pg_temp.sign(header text, claims text, secret text default pg_temp.secret(), hash text default 'sha256')
	returns text language sql as $$
	select text || '.' || pg_temp.b64(public.hmac(text::bytea, secret::bytea, hash))
	from (select pg_temp.b64(convert_to(header, 'UTF8')) || '.' || pg_temp.b64(convert_to(claims, 'UTF8')) as text) t $$;
create function pg_temp.signed(text) returns text language sql as
	$$select $1 || '.' || pg_temp.b64(public.hmac($1::bytea, pg_temp.secret()::bytea, 'sha256'))$$;
create function pg_temp.part(token text, n int) returns text language sql as
	$$select convert_from(decode(rpad(translate(split_part(token, '.', n), '-_', '+/'),
		(length(split_part(token, '.', n)) + 3) / 4 * 4, '='), 'base64'), 'UTF8')$$;

set local whalefall.test_now = '2026-03-10 00:00:00.75+00';
insert into whalefall.users (id, username, role, password) overriding system value values (4711, 'eve', 'user', 'x'), (4712, 'adam', 'admin', 'x');
insert into whalefall.login_sessions (sid, user_id, cookie_hash, csrf_secret, created_at, cookie_expires_at, expires_at) values
	('00000000-0000-4000-8000-00000000000a', 4711, sha256('1'), 'n', now(), '2026-03-17', '2026-04-10'),
	('00000000-0000-4000-8000-00000000000b', 4712, sha256('2'), 'n', now(), '2026-03-17', '2026-04-10');
\set head '''{"alg":"HS256","typ":"JWT"}'''

-- A good token's claims with some replaced; null takes one away.
create function pg_temp.claims(changes jsonb default '{}') returns text language sql as $$
	select jsonb_strip_nulls('{"sub": "4711", "type": "access", "sid": "00000000-0000-4000-8000-00000000000a", "role": "user",
		"epoch": 0, "jti": "x", "iat": 1773100800, "nbf": 1773100800, "exp": 1773104400, "aud": "whalefall",
		"pg_role": "whalefall_user"}' || changes)::text $$;
create function pg_temp.token(changes jsonb default '{}') returns text language sql as
	$$select pg_temp.sign('{"alg":"HS256","typ":"JWT"}', pg_temp.claims(changes))$$;
create function pg_temp.raw(claims text) returns text language sql as $$select pg_temp.sign('{"alg":"HS256","typ":"JWT"}', claims)$$;

-- Good ones ----------------------------------------------------------------------------------------------
select is(pg_temp.bearer(pg_temp.token()), 'eve user by token', 'a good token');
select is(pg_temp.bearer(pg_temp.sign('{"alg":"HS256"}', pg_temp.claims())), 'eve user by token', 'typ may be missing');
select is(pg_temp.bearer(pg_temp.sign(E' {\t"typ" : "JWT" ,\n"alg":"HS256", "kid": "1"} ', pg_temp.claims())), 'eve user by token', 'blanks and other members of the header');
select is(pg_temp.bearer(pg_temp.token('{"more": {"a": [1, {"b": "}"}, "\"", null, -1.5e3, true]}}')), 'eve user by token', 'other claims are skipped, whatever they hold');
select is(pg_temp.bearer(pg_temp.token('{"name": "鲸落\u0001"}')), 'eve user by token', 'in any script');
select is(pg_temp.bearer(pg_temp.token('{"role": "admin"}')), 'eve user by token', 'the role is that of the table, not of the token');
select is(pg_temp.bearer(pg_temp.token('{"exp": 1773100801}')), 'eve user by token', 'a second before its end');
do $$ begin perform pg_temp.request('bEaReR   ' || pg_temp.token()); end $$;
select is(pg_temp.login(), 'eve user by token', 'the scheme in any case, blanks behind it');

-- Header -------------------------------------------------------------------------------------------------
select is(pg_temp.bearer(pg_temp.sign(h, pg_temp.claims())), 'TOKEN_INVALID', 'header ' || h) from unnest(array[
	'{"alg":"none","typ":"JWT"}', '{"alg":"None"}', '{"alg":"HS512","typ":"JWT"}', '{"alg":"RS256","typ":"JWT"}', '{"alg":"hs256"}',
	'{"alg":"HS256 "}', '{"alg":["HS256"]}', '{"alg":null}', '{"typ":"JWT"}', '{"alg":"HS256","typ":"at+jwt"}',
	'{"alg":"HS256","crit":["b64"],"b64":false}', '{"alg":"none","alg":"HS256"}', '{"alg":"HS256","alg":"HS256"}', '{"\u0061lg":"none","alg":"HS256"}',
	'{"alg":"HS\u003256"}', '[]', '"HS256"', '', '{}', '{"alg":"HS256"', '{"alg":"HS256"}}', '{"alg":"HS256",}', '{,"alg":"HS256"}']) h;
select is(pg_temp.bearer(pg_temp.sign('{"alg":"HS512","typ":"JWT"}', pg_temp.claims(), hash => 'sha512')), 'TOKEN_INVALID', 'signed as HS512');
select is(pg_temp.bearer(regexp_replace(pg_temp.sign('{"alg":"none"}', pg_temp.claims()), '[^.]*$', '')), 'TOKEN_INVALID', 'not signed at all');

-- Signature ----------------------------------------------------------------------------------------------
select is(pg_temp.bearer(pg_temp.sign(:head, pg_temp.claims(), secret => s)), 'TOKEN_INVALID', 'another key')
	from unnest(array['', 'secret', pg_temp.secret() || E'\n', left(pg_temp.secret(), 63), upper(pg_temp.secret()) || ' ']) s;
select is(pg_temp.bearer(pg_temp.sign(:head, pg_temp.claims(), hash => 'sha1')), 'TOKEN_INVALID', 'another hash');
select is(pg_temp.bearer(t), 'TOKEN_INVALID', w) from pg_temp.token() good, lateral (values
	(left(good, -1), 'one character less'), (good || 'A', 'one more'), (good || '=', 'padding'), (good || '.', 'four parts'), (good || '.e30', 'really'),
	('.' || good, 'an empty header'), (split_part(good, '.', 1) || '.' || split_part(good, '.', 2), 'two parts'), (split_part(good, '.', 1), 'one part'),
	(split_part(good, '.', 1) || '..' || split_part(good, '.', 3), 'no claims'), ('', 'nothing'), ('..', 'only dots'), ('.', 'one dot'),
	(replace(good, '.', '. '), 'blanks'), (overlay(good placing '+' from 60), 'a character of other base64'), ('鲸落.鲸落.鲸落', 'other script'),
	(split_part(good, '.', 1) || '.' || pg_temp.b64(pg_temp.claims('{"sub": "4712"}')::bytea) || '.' || split_part(good, '.', 3), 'claims replaced'),
	(pg_temp.signed(split_part(good, '.', 1) || '.***'), 'claims that are not base64, well signed'),
	(pg_temp.signed('.' || split_part(good, '.', 2)), 'no header, well signed')) v (t, w);
-- The last character of 32 bytes holds two bits that mean nothing: only one spelling of a signature counts.
select is((select count(*)::int from pg_temp.token() good, unnest(string_to_array('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', null)) c
	where pg_temp.bearer(left(good, -1) || c) like 'eve%'), 1, 'a signature has one spelling');

-- Size ---------------------------------------------------------------------------------------------------
select is(pg_temp.bearer(pg_temp.token(jsonb_build_object('pad', repeat('x', 2500)))), 'eve user by token', 'a large token');
select is(pg_temp.bearer(pg_temp.token(jsonb_build_object('pad', repeat('x', 3500)))), 'TOKEN_INVALID', 'a token beyond 4096 bytes');
select is(pg_temp.bearer(repeat('a', 1000000)), 'TOKEN_INVALID', 'a megabyte');
select is(pg_temp.bearer(pg_temp.raw('{"a":' || repeat('[', 1000) || repeat(']', 1000) || '}')), 'TOKEN_INVALID', 'a deep one');

-- Claims -------------------------------------------------------------------------------------------------
select is(pg_temp.bearer(pg_temp.token(c)), 'TOKEN_INVALID', 'claims ' || c::text) from unnest(array[
	'{"sub": 4711}', '{"sub": ""}', '{"sub": "-1"}', '{"sub": "04711"}', '{"sub": " 4711"}', '{"sub": "4711x"}', '{"sub": "9999999999999999999"}',
	'{"sub": null}', '{"sub": {"id": "4711"}}', '{"aud": "other"}', '{"aud": null}', '{"aud": ["whalefall"]}', '{"type": "refresh"}', '{"type": null}',
	'{"type": true}', '{"sid": null}', '{"sid": "x"}', '{"sid": "00000000-0000-4000-8000-00000000000A"}', '{"sid": "{00000000-0000-4000-8000-00000000000a}"}',
	'{"sid": "00000000-0000-4000-8000-00000000000c"}', '{"sid": "00000000-0000-4000-8000-00000000000b"}', '{"epoch": 1}', '{"epoch": null}',
	'{"epoch": "0"}', '{"epoch": 4294967296}', '{"nbf": 1773100801}', '{"nbf": null}', '{"iat": 1773100801}', '{"iat": null}', '{"exp": null}',
	'{"exp": "1773104400"}', '{"exp": 1773104400.5}', '{"exp": -1}', '{"exp": 9999999999999999}']::jsonb[]) c;
select is(pg_temp.bearer(pg_temp.raw(c)), 'TOKEN_INVALID', 'claims ' || left(c, 30)) from (select pg_temp.claims() good) g, lateral unnest(array[
	replace(good, '"exp": 1773104400', '"exp": 1773104400e0'), replace(good, '"exp": 1773104400', '"exp": 01773104400'),
	left(good, -1) || ', "sub": "4712"}', left(good, -1) || ', "su\u0062": "4712"}', good || good, good || 'x', left(good, -1), '', 'null', '[]']) c;
select is(pg_temp.bearer(pg_temp.token('{"exp": 1773100800}')), 'TOKEN_EXPIRED', 'at its end it is over: no leeway');
select is(pg_temp.bearer(pg_temp.token('{"exp": 0}')), 'TOKEN_EXPIRED', 'long ago');
select is(pg_temp.bearer(pg_temp.sign(:head, pg_temp.claims('{"exp": 0}'), secret => 'x')), 'TOKEN_INVALID', 'expired and forged is forged');
select is(pg_temp.bearer(pg_temp.token('{"exp": 0, "type": "refresh"}')), 'TOKEN_INVALID', 'expired and of the wrong type is wrong');

-- Header Authorization -----------------------------------------------------------------------------------
create function pg_temp.sent(header text) returns text language plpgsql as $$
begin
	perform pg_temp.request(header, cookie => 's.' || repeat('x', 43));
	return pg_temp.login();
end $$;
insert into whalefall.login_sessions (sid, user_id, cookie_hash, csrf_secret, created_at, cookie_expires_at, expires_at) values
	(gen_random_uuid(), 4712, sha256(('s.' || repeat('x', 43))::bytea), 'n', now(), '2026-03-17', '2026-04-10');
select is(pg_temp.sent(''), 'adam admin by cookie', 'without the header the cookie counts');
select is(pg_temp.sent('Bearer ' || pg_temp.token()), 'eve user by token', 'with both the header decides');
select is(pg_temp.sent(h), 'TOKEN_INVALID', 'however bad it is: ' || h) from unnest('{"Bearer x",Bearer,"Basic YTpi","-","Bearer ",bearerx}'::text[]) h;

-- What ends a token --------------------------------------------------------------------------------------
update whalefall.users set token_epoch = 1 where id = 4711;
select is(pg_temp.bearer(pg_temp.token()), 'TOKEN_INVALID', 'an older epoch');
select is(pg_temp.bearer(pg_temp.token('{"epoch": 1}')), 'eve user by token', 'the present one');
update whalefall.users set is_active = false where id = 4711;
select is(pg_temp.bearer(pg_temp.token('{"epoch": 1}')), 'AUTHENTICATION_REQUIRED', 'a disabled user');
update whalefall.users set is_active = true, token_epoch = 0 where id = 4711;
update whalefall.login_sessions set revoked_at = now() where user_id = 4711;
select is(pg_temp.bearer(pg_temp.token()), 'TOKEN_INVALID', 'a revoked session');
update whalefall.login_sessions set revoked_at = null, cookie_expires_at = '2026-03-09', expires_at = '2026-03-10 00:00:00+00' where user_id = 4711;
select is(pg_temp.bearer(pg_temp.token()), 'TOKEN_INVALID', 'a session past its end');
update whalefall.login_sessions set expires_at = '2026-04-10' where user_id = 4711;
select is(pg_temp.bearer(pg_temp.token()), 'eve user by token', 'the end of the cookie does not end the token');

-- Refresh ------------------------------------------------------------------------------------------------
select is(pg_temp.refresh('Bearer ' || pg_temp.token('{"type": "refresh"}')), 'eve user by token', 'a refresh token gives an access token');
select is(pg_temp.refresh('Bearer ' || pg_temp.token()), 'PT401 the token is not valid', 'an access token does not');
select is(pg_temp.refresh(''), 'PT401 log in first', 'nothing');
select is(pg_temp.refresh('Basic YTpi'), 'PT401 the token is not valid', 'another scheme');
select is(pg_temp.refresh('Bearer ' || pg_temp.token('{"type": "refresh", "exp": 1773100800}')), 'PT401 the token has expired', 'expired');
select is(pg_temp.refresh('Bearer ' || pg_temp.token('{"type": "refresh", "epoch": 9}')), 'PT401 the token is not valid', 'of another epoch');
select is(pg_temp.refresh('Bearer ' || pg_temp.token('{"type": "refresh", "sub": "99"}')), 'PT401 the token is not valid', 'of a user who is gone');
update whalefall.users set is_active = false where id = 4711;
select is(pg_temp.refresh('Bearer ' || pg_temp.token('{"type": "refresh"}')), 'PT403 the account is disabled', 'of a disabled user');
update whalefall.users set is_active = true where id = 4711;
update whalefall.login_sessions set revoked_at = now() where user_id = 4711;
select is(pg_temp.refresh('Bearer ' || pg_temp.token('{"type": "refresh"}')), 'PT401 the token is not valid', 'of a revoked session');
update whalefall.login_sessions set revoked_at = null where user_id = 4711;

-- What we make -------------------------------------------------------------------------------------------
select pg_temp.request('Bearer ' || pg_temp.token('{"type": "refresh"}'));
create temp table made as select whalefall_api.auth_refresh() as answer;
select is((select answer::jsonb - 'access_token' from made), '{"token_type": "Bearer", "expires_in": 3600}', 'the answer of a refresh');
select is((select pg_temp.part(answer ->> 'access_token', 1) from made), '{"alg":"HS256","typ":"JWT"}', 'its header');
select is((select pg_temp.part(answer ->> 'access_token', 2)::jsonb - 'jti' from made), (pg_temp.claims()::jsonb - 'jti'), 'its claims');
select ok((select (pg_temp.part(answer ->> 'access_token', 2)::jsonb ->> 'jti')::uuid is not null from made), 'and a jti');
select is((select split_part(answer ->> 'access_token', '.', 3) from made), (select pg_temp.b64(public.hmac(regexp_replace(answer ->> 'access_token',
	'\.[^.]*$', '')::bytea, pg_temp.secret()::bytea, 'sha256')) from made), 'signed with the content of the file');

-- A deleted user -----------------------------------------------------------------------------------------
delete from whalefall.users where id = 4711;
select is(pg_temp.bearer(pg_temp.token()), 'AUTHENTICATION_REQUIRED', 'a deleted user');
select pg_temp.request('Bearer ' || pg_temp.token(), path => '/api/v1/auth/me');
select is(pg_temp.login(), 'RESOURCE_NOT_FOUND', 'who asks for himself learns that he is gone');

select * from finish();
rollback;
