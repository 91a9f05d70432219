-- Uploads: multipart/form-data as arguments of instances_batch_create, through the dispatcher.
\set ECHO none
begin;
select plan(43);

-- Sends a request; gives the status, and its data or its message.
create function pg_temp.send(method text, uri text, body bytea, type text, language text default 'en', token text default null) returns text
	language plpgsql as $$
declare answer jsonb;
begin
	perform set_config('request.headers', jsonb_build_object('x-wf-method', method, 'x-wf-uri', uri, 'x-wf-content-type', type,
		'x-wf-authorization', coalesce('Bearer ' || token, ''), 'x-wf-session', '', 'x-wf-csrf', '', 'x-wf-client', '192.0.2.1', 'x-wf-agent', 'test',
		'x-wf-request-id', '', 'x-wf-language', language, 'x-wf-scheme', 'http', 'x-wf-host', 'localhost')::text, true);
	answer := convert_from(whalefall_http.dispatch(body), 'UTF8')::jsonb;
	return current_setting('response.status') || ' ' || coalesce(answer ->> 'data', answer ->> 'message');
end $$;
create function pg_temp.part(name text, filename text, content bytea) returns bytea language sql as $$
	select convert_to(E'--b\r\nContent-Disposition: form-data; name="' || name || coalesce('"; filename="' || filename, '') || E'"\r\nContent-Type: text/csv\r\n\r\n', 'UTF8') || content || '\x0d0a' $$;
create temp table login as select whalefall_api.users_create(username => 'loader', role => 'admin', password => 'Password1')::text as token;
update login set token = substring(pg_temp.send('POST', '/api/v1/auth/login', '{"username":"loader","password":"Password1"}', 'application/json') from '"access_token": "([^"]+)"');
create function pg_temp.upload(body bytea, type text default 'multipart/form-data; boundary=b', language text default 'en') returns text language sql as
	$$select pg_temp.send('POST', '/api/v1/instances/actions/batch-create', body, type, language, (select token from login))$$;
create function pg_temp.created(n int, errors text default '') returns text language sql as
	$$select format('200 {"errors": [%s], "created_count": %s, "duplicate_names": [], "skipped_existing_names": []}', errors, n)$$;
create function pg_temp.csv(rows text) returns bytea language sql as $$select convert_to(E'name,db_type,host,port,description\r\n' || rows, 'UTF8')$$;
select is(pg_temp.upload(pg_temp.part('file', 'a.csv', pg_temp.csv(E'u1,mysql,h,1,"中\r\n--b"')) || '--b--'), pg_temp.created(1), 'an upload');
select is((select description from whalefall.instances where name = 'u1'), E'中\r\n--b', 'its contents arrive as they are');
select is(pg_temp.upload(pg_temp.part('file', 'A.CSV', '\xefbbbf' || pg_temp.csv('u2,mysql,h,1')) || '--b--'), pg_temp.created(1), 'with a byte order mark, without the last line end');
select is(pg_temp.upload(pg_temp.part('note', null, 'x') || pg_temp.part('other', 'b.bin', '\xff00') || pg_temp.part('file', 'C:\dir\u.csv', pg_temp.csv('u3,mysql,h,1')) || '--b--'),
	pg_temp.created(1), 'fields and files beside it are left alone; a path is cut');
select is(pg_temp.upload(pg_temp.part('csv', null, 'x') || pg_temp.part('filename', null, 'x') || pg_temp.part('file', '/tmp/u.csv', pg_temp.csv('u4,mysql,h,1')) || '--b--',
	'Multipart/Form-Data; charset=utf-8; boundary="b"'), pg_temp.created(1), 'fields cannot stand in for the file');
select is(pg_temp.upload(convert_to('{"instances":[{"name":"u5","db_type":"mysql","host":"h","port":1}]}', 'UTF8'), 'application/json'), pg_temp.created(1), 'JSON in place of a file');
select is(pg_temp.upload(pg_temp.part('file', 'a.csv', pg_temp.csv(E'bad name,mysql,h,1\nu6,mysql,h,0')) || '--b--', language => 'zh'),
	pg_temp.created(0, '"第 1 行（bad name）：name 含有不允许的字符。", "第 2 行（u6）：port 0 超出取值范围（1 到 65535）。"'), 'rows are told in Chinese');
select is(pg_temp.upload(pg_temp.part('file', 'a.csv', pg_temp.csv(E'bad name,mysql,h,1')) || '--b--'),
	pg_temp.created(0, '"row 1 (bad name): name holds a character that is not allowed."'), '... or in English');
create function pg_temp.refused(body bytea, boundary text default '; boundary=b') returns text language sql as
	$$select replace(pg_temp.upload(body, 'multipart/form-data' || boundary), '400 invalid input: ', '')$$;
select is(pg_temp.refused(pg_temp.part('data', 'a.csv', 'x') || '--b--'), 'Missing: file.', 'no part of that name');
select is(pg_temp.refused('--b--'), 'Missing: file.', 'no part at all');
select is(pg_temp.refused(pg_temp.part('file', null, 'x') || '--b--'), 'The part "file" has no file name.', 'a field in place of the file');
select is(pg_temp.refused(pg_temp.part('file', name, 'x') || '--b--'), 'The name of the file does not end in .csv.', 'file name ' || name) from unnest('{"",a.txt,a.csv.exe,csv,.csv/a}'::text[]) name;
select is(pg_temp.refused(pg_temp.part('file', 'a.csv', 'x') || pg_temp.part('file', 'b.csv', 'x') || '--b--'), 'The part "file" stands there more than once.', 'two files');
select is(pg_temp.refused(pg_temp.part('file', 'a.csv', b) || '--b--'), 'The file is not UTF-8 text.', 'contents ' || b::text) from unnest('{\\xff,\\x6100,\\xd6d0cec4,\\xeda080}'::bytea[]) b;
select is(pg_temp.refused(pg_temp.part('note', null, '\xff') || pg_temp.part('file', 'a.csv', 'x') || '--b--'), 'note is not valid UTF-8.', 'a field that is not UTF-8');
select is(pg_temp.refused(b), 'The multipart body is incomplete: a boundary is missing.', 'cut: ' || b::text) from (values (pg_temp.part('file', 'a.csv', 'x')), (''), ('x'), ('--b'), ('--c--')) v (b);
select is(pg_temp.refused(pg_temp.part('file', 'a.csv', 'x') || '--b--', '; boundary=c'), 'The multipart body is incomplete: a boundary is missing.', 'another boundary');
select is(pg_temp.refused(pg_temp.part('file', 'a.csv', 'x') || '--b--', b), 'The content type has no usable boundary.', 'boundary ' || b)
	from (values (''), ('; boundary='), ('; boundary=' || repeat('b', 71)), ('; boundary=b; boundary=b'), ('; boundary="b')) v (b);
select is(pg_temp.refused((select string_agg(pg_temp.part('x', null, 'x'), '') from generate_series(1, 17)) || '--b--'), 'The multipart body has more than 16 parts.', '17 parts');
create function pg_temp.with_header(header text) returns bytea language sql as $$select convert_to(E'--b\r\n' || header || E'\r\n\r\nx\r\n--b--', 'UTF8')$$;
select is(pg_temp.refused(pg_temp.with_header(h)), e, 'header ' || h) from (values ('', 'A part of the multipart body has malformed headers.'), ('X: y', 'A part of the multipart body has malformed headers.'),
	('Content-Disposition: attachment; name="file"; filename="a.csv"', 'A part of the multipart body has malformed headers.'), (E'Content-Disposition: form-data; name="file"; filename="a\x7f.csv"', 'A part of the multipart body has malformed headers.'),
	(E'Content-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Transfer-Encoding: base64', 'A part of the multipart body is transfer-encoded.'),
	('Content-Disposition: form-data; name="file"; filename*=UTF-8''''a%0A.csv', 'The name of a field or file is not a line of UTF-8 text.'),
	('Content-Disposition: form-data; name="file"; filename*=UTF-8''''%FF.csv', 'The name of a field or file is not a line of UTF-8 text.')) v (h, e);
select is(pg_temp.upload(pg_temp.csv('u7,mysql,h,1'), 'text/csv'), '400 invalid input: Either csv or instances must be given.', 'a bare file');
select is((select array_agg(name order by name) from whalefall.instances where name ~ '^u\d'), '{u1,u2,u3,u4,u5}', 'what was refused has left nothing');
select * from finish();
rollback;
