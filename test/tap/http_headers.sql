-- How the dispatcher reads the facts of the front out of PostgREST's headers: every way of writing them means the same.
\set ECHO none
begin;
select plan(31);

-- Status and the context of the envelope, or the message of success, of a request with these headers.
create function pg_temp.answer(headers text) returns text language plpgsql as $$
declare answered jsonb;
begin
	perform set_config('request.headers', headers, true);
	set local role whalefall_gateway;
	answered := convert_from(whalefall_http.dispatch(''), 'UTF8')::jsonb;
	reset role;
	return current_setting('response.status') || ' ' || coalesce((answered -> 'context')::text, answered ->> 'message');
end $$;
\set ok '''"x-wf-method":"GET","x-wf-uri":"/api/v1/health/ping"'''
\set lost '''"x-wf-method":"GET","x-wf-uri":"/api/v1/no/such?x=1"'''

-- Plain ---------------------------------------------------------------------------------------------------
select is(pg_temp.answer('{' || :ok || ',"x-wf-language":"en"}'), '200 success', 'plain');
select is(pg_temp.answer('{"x-wf-language":"en",' || :ok || '}'), '200 success', 'in another order');
select is(pg_temp.answer('{"accept":"*/*","x-wf-other":"y","":"",' || :ok || ',"x-wf-language":"en","host":""}'), '200 success',
	'with headers that are none of the facts');
select is(pg_temp.answer('{"x-wf-language":"zh",' || :ok || ',"x-wf-language":"en"}'), '200 success', 'the last of two counts');
select is(pg_temp.answer('{' || :lost || ',"x-wf-request-id":"r-1","x-wf-host":"h","x-wf-scheme":"https","x-wf-client":"192.0.2.7","x-wf-agent":"鲸 {,:}"}'),
	'404 {"url": "https://h/api/v1/no/such", "meta": {"ip_address": "192.0.2.7", "user_agent": "鲸 {,:}"}, "method": "GET", "user_id": null, "request_id": "r-1"}',
	'every fact in its place');

-- Any other way --------------------------------------------------------------------------------------------
select is(pg_temp.answer(headers), '200 success', what) from (values
	(E' {\n"x-wf-method" : "GET"\t, "x-wf-uri": "/api/v1/health/ping","x-wf-language":"en"} ', 'blanks'),
	('{' || :ok || ',"x-wf-language":"en" }', 'a blank before the end'),
	('{"x-wf-method":"G\u0045T","x-wf-uri":"\/api\/v1\/health\/ping","x-wf-language":"en"}', 'escapes in values'),
	('{' || :ok || ',"x-wf-l\u0061nguage":"zh","x-wf-language":"en","x-wf-\"":"\"}"}', 'a name with escapes is none of the facts')
	) x(headers, what);
select is(pg_temp.answer('{' || :lost || ',"x-wf-request-id":"r-1","x-wf-host":"h","x-wf-client":"192.0.2.7","x-wf-agent":"a \"b\" \\ \u9cb8\n"}'),
	'404 {"url": "http://h/api/v1/no/such", "meta": {"ip_address": "192.0.2.7", "user_agent": "a \"b\" \\ 鲸\n"}, "method": "GET", "user_id": null, "request_id": "r-1"}',
	'escapes in a fact');

-- What is no object of headers at all ------------------------------------------------------------------------
select alike(pg_temp.answer(headers), '500 %', 'refused: ' || headers) from (values
	('x'), ('['), ('{'), ('{"x-wf-method'), ('{"x-wf-method"'), ('{"x-wf-method":'), ('{"x-wf-method":"GET'), ('{"x-wf-method":"GET"'),
	('{' || :ok || ',}'), ('{' || :ok || ',"a"}'), ('{' || :ok || '}}'), ('{' || :ok || '} x'), ('{' || :ok || ' "a":"b"}'), ('{,' || :ok || '}'),
	('{' || :ok || ',"n":1}'), ('{' || :ok || ',"more":{"x-wf-method":"PUT"}}'), ('{' || :ok || ',"x-wf-csrf":null}'), ('{' || :ok || ',"a":"\"}'),
	('{' || :ok || ',"x-wf-agent":"\u12"}'), ('{' || :ok || ',"x-wf-agent":"\ud83d"}'), ('{' || :ok || ',"x-wf-agent":"\x"}')
	) x(headers);

select * from finish();
rollback;
