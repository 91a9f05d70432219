-- Tags: every operation, every rule, colours, counts, batch and bulk operations, hostile input.
\set ECHO none
begin;
select plan(129);

-- Runs a statement; gives "SQLSTATE detail" of its error, or NULL.
create function pg_temp.fails(sql text) returns text language plpgsql as $$
declare d text;
begin
	execute sql;
	return null;
exception when others then
	get stacked diagnostics d = pg_exception_detail;
	return sqlstate || ' ' || sqlerrm || ': ' || d;
end $$;
create function pg_temp.tag(text) returns bigint language sql as 'select id from whalefall.tags where name = $1';
create function pg_temp.instance(text) returns bigint language sql as
	'select id from whalefall.instances where name = $1';

-- Create -------------------------------------------------------------------------------------------------
set local whalefall.test_now = '2026-03-10 02:00:00+00';
select is(whalefall_api.tags_create('prod', '生产', 'env', 'danger')::jsonb #- '{tag,id}' #- '{tag,created_at}'
	#- '{tag,updated_at}', '{"tag": {"name": "prod", "display_name": "生产", "category": "env", "color": "danger",
	"color_value": "#e74c3c", "color_name": "红色", "css_class": "bg-danger", "is_active": true}}',
	'a new tag is answered with its colour and without a count');
select is((whalefall_api.tags_create(name => '  dev_1 ', display_name => E' 开发 😀\n', category => ' env ')::jsonb -> 'tag')
	- 'id' - 'created_at' - 'updated_at', '{"name": "dev_1", "display_name": "开发 😀", "category": "env",
	"color": "primary", "color_value": "#18bc9c", "color_name": "主色", "css_class": "bg-primary", "is_active": true}',
	'texts are trimmed, the default colour is primary');
select is(whalefall_api.tags_create('off', 'Off', 'state', '', false)::jsonb #>> '{tag,color}', 'primary', 'a blank colour is the default');
select is(whalefall_api.tags_get(pg_temp.tag('off'))::jsonb #>> '{tag,is_active}', 'false', 'is_active is kept');
select is(whalefall_api.tags_create('dark', 'Dark', 'state', ' DARK ')::jsonb #>> '{tag,color}', 'dark', 'colour keys in any case');
select is(pg_temp.fails($$select whalefall_api.tags_create()$$),
	'PT400 invalid input: Missing: name, display_name, category.', 'all missing fields in one message');
select is(pg_temp.fails($$select whalefall_api.tags_create('a', category => 'c')$$),
	'PT400 invalid input: Missing: display_name.', 'one missing field');
select is(pg_temp.fails($$select whalefall_api.tags_create(' ', 'd', 'c')$$), 'PT400 invalid input: name must not be blank.', 'blank name');
select is(pg_temp.fails($$select whalefall_api.tags_create('a', ' ', 'c')$$), 'PT400 invalid input: display_name must not be blank.', 'blank display_name');
select is(pg_temp.fails($$select whalefall_api.tags_create('a', 'd', E'\t')$$), 'PT400 invalid input: category must not be blank.', 'blank category');
select is(pg_temp.fails(format('select whalefall_api.tags_create(%L, ''d'', ''c'')', n)),
	'PT400 invalid input: name holds a character that is not allowed.', format('name %L', n))
	from unnest('{"a b",标签,a.b,"a,b","a''b",a%,😀}'::text[]) n;
select is(pg_temp.fails(format('select whalefall_api.tags_create(%L, ''d'', ''c'')', repeat('a', 51))),
	'PT400 invalid input: name is longer than 50 characters.', 'name of 51');
select is(pg_temp.fails(format('select whalefall_api.tags_create(''a'', %L, ''c'')', repeat('标', 101))),
	'PT400 invalid input: display_name is longer than 100 characters.', 'display_name of 101');
select is(pg_temp.fails(format('select whalefall_api.tags_create(''a'', ''d'', %L)', repeat('标', 51))),
	'PT400 invalid input: category is longer than 50 characters.', 'category of 51');
select is(pg_temp.fails($$select whalefall_api.tags_create('a', E'd\u0007', 'c')$$),
	'PT400 invalid input: display_name holds a control character.', 'control character');
select is(pg_temp.fails($$select whalefall_api.tags_create('a', 'd', 'c', 'pink')$$), 'PT400 invalid input: color "pink" is not known.', 'unknown colour');
select is(pg_temp.fails(format('select whalefall_api.tags_create(''a'', ''d'', ''c'', %L)', repeat('a', 63) || '标')),
	'PT400 invalid input: color "' || repeat('a', 63) || '" is not known.', 'a long value is cut between characters');
select is(pg_temp.fails($$select whalefall_api.tags_create('prod', 'd', 'c')$$),
	'PT400 name is already in use: A tag named "prod" exists.', 'a taken name is 400');
select lives_ok($$select whalefall_api.tags_create('PROD', repeat('标', 100), repeat('类', 50))$$, 'names differ by case; the longest texts');
select lives_ok(format('select whalefall_api.tags_create(%L, ''d'', ''long'')', repeat('n', 50)), 'the longest name');
select is((select count(*)::int from whalefall.tags), 6, 'nothing else was stored');

-- Colours ------------------------------------------------------------------------------------------------
select results_eq('select key, value, css_class from whalefall.tag_colors order by 1', $$values
	('danger', '#e74c3c', 'bg-danger'), ('dark', '#2c3e50', 'bg-dark'), ('info', '#3498db', 'bg-info'),
	('light', '#ecf0f1', 'bg-light'), ('primary', '#18bc9c', 'bg-primary'), ('secondary', '#95a5a6', 'bg-secondary'),
	('success', '#18bc9c', 'bg-success'), ('warning', '#f39c12', 'bg-warning')$$, 'the colours');
update whalefall.tags set color = 'pink' where name = 'dark';
select is((select array[color, color_value, css_class] from whalefall_api.tags where name = 'dark'),
	'{pink,#3498db,bg-info}', 'an unknown stored colour shows as info');
update whalefall.tags set color = 'dark' where name = 'dark';

-- Get ----------------------------------------------------------------------------------------------------
select is(whalefall_api.tags_get(pg_temp.tag('prod'))::jsonb #>> '{tag,name}', 'prod', 'by id');
select is(whalefall_api.tags_get_by_name('PROD')::jsonb #>> '{tag,category}', repeat('类', 50), 'by name, exact');
select is((select count(*)::int from json_object_keys(whalefall_api.tags_get(pg_temp.tag('prod')) -> 'tag')), 11, 'eleven fields');
select is(pg_temp.fails('select whalefall_api.tags_get(0)'), 'PT404 resource not found: Tag 0 does not exist.', 'unknown id');
select is(pg_temp.fails('select whalefall_api.tags_get(null)'), 'PT404 resource not found: Tag null does not exist.', 'null id');
select is(pg_temp.fails($$select whalefall_api.tags_get_by_name('Prod')$$), 'PT404 resource not found: No tag has this name.', 'unknown name');
select is(pg_temp.fails($$select whalefall_api.tags_get_by_name(null)$$), 'PT404 resource not found: No tag has this name.', 'null name');

-- Update -------------------------------------------------------------------------------------------------
select is((whalefall_api.tags_update(pg_temp.tag('dev_1'), display_name => 'Dev', color => 'info')::jsonb -> 'tag')
	- 'id' - 'created_at' - 'updated_at', '{"name": "dev_1", "display_name": "Dev", "category": "env", "color": "info",
	"color_value": "#3498db", "color_name": "蓝色", "css_class": "bg-info", "is_active": true}', 'what is given changes, the rest stays');
select is(whalefall_api.tags_update(pg_temp.tag('dev_1'), color => ' ')::jsonb #>> '{tag,color}', 'primary', 'a blank colour resets it');
select is(whalefall_api.tags_update(pg_temp.tag('dev_1'), is_active => false)::jsonb #>> '{tag,is_active}', 'false', 'off');
select is(whalefall_api.tags_update(pg_temp.tag('dev_1'), name => 'dev')::jsonb #>> '{tag,is_active}', 'false', 'absent is unchanged');
select is(whalefall_api.tags_update(pg_temp.tag('dev'), name => 'dev', is_active => true)::jsonb #>> '{tag,name}', 'dev', 'its own name is free');
select is(pg_temp.fails($$select whalefall_api.tags_update(pg_temp.tag('dev'), name => 'prod')$$),
	'PT400 name is already in use: A tag named "prod" exists.', 'a name taken by another');
select is(pg_temp.fails($$select whalefall_api.tags_update(pg_temp.tag('dev'), name => '')$$), 'PT400 invalid input: name must not be blank.', 'a blank name');
select is(pg_temp.fails($$select whalefall_api.tags_update(pg_temp.tag('dev'), color => 'x')$$), 'PT400 invalid input: color "x" is not known.', 'an unknown colour');
select is(pg_temp.fails($$select whalefall_api.tags_update(999999, name => 'x')$$), 'PT404 resource not found: Tag 999999 does not exist.', 'unknown id');
select is((select updated_at::text from whalefall.tags where name = 'dev'), '2026-03-10 02:00:00+00', 'updated_at is kept');

-- Options and categories ---------------------------------------------------------------------------------
select whalefall_api.tags_create('b', 'B', 'env'), whalefall_api.tags_create('a', 'B', 'env') \g /dev/null
select is((select string_agg(t ->> 'name', ',') from json_array_elements(whalefall_api.tags_options('env') -> 'tags') t),
	'a,b,dev,prod', 'active tags of a category by display name and name');
select is(whalefall_api.tags_options(' env ') ->> 'category', 'env', 'the filter is told back');
select is(whalefall_api.tags_options(' ')::jsonb -> 'category', 'null', 'a blank filter is none');
select is(json_array_length(whalefall_api.tags_options() -> 'tags'), 7, 'inactive tags are not offered');
select is(whalefall_api.tags_options('no such')::jsonb, '{"tags": [], "category": "no such"}', 'nothing found');
select is(whalefall_api.tags_options('env'' or true --')::jsonb -> 'tags', '[]', 'a quote is a quote');
select is(whalefall_api.tags_categories()::jsonb, jsonb_build_object('categories', jsonb_build_array('env', 'long', 'state', repeat('类', 50))),
	'categories of all tags, once, ascending');

-- Links --------------------------------------------------------------------------------------------------
insert into whalefall.instances (name, db_type, host, port, is_active) values ('i1', 'mysql', 'h1', 1, true),
	('i2', 'postgresql', 'h2', 2, false), ('i3', 'oracle', 'h3', 3, true), ('i4', 'mysql', 'h4', 4, true);
update whalefall.instances set deleted_at = now() where name = 'i4';
create temp table ids as select array[pg_temp.instance('i1'), pg_temp.instance('i4')] as i,
	array[pg_temp.tag('prod'), pg_temp.tag('off')] as t;
select is(whalefall_api.tags_bulk_assign(i, t)::jsonb, jsonb_build_object('assigned_count', 4, 'instance_ids', i, 'tag_ids', t),
	'all pairs, deleted instances and inactive tags too') from ids;
select is(whalefall_api.tags_bulk_assign(i || 999999::bigint || i, t || 888888::bigint)::jsonb,
	jsonb_build_object('assigned_count', 0, 'instance_ids', i || 999999::bigint || i, 'tag_ids', t || 888888::bigint),
	'nothing new: counted 0; the lists come back as sent') from ids;
select is(whalefall_api.tags_bulk_assign(i || pg_temp.instance('i2'), t)::jsonb -> 'assigned_count', '2', 'only new links count') from ids;
select is(pg_temp.fails('select whalefall_api.tags_bulk_assign()'), 'PT400 request data is empty: ', 'an empty body');
select is(pg_temp.fails('select whalefall_api.tags_bulk_assign(array[1])'), 'PT400 invalid input: tag_ids must not be empty.', 'no tags');
select is(pg_temp.fails('select whalefall_api.tags_bulk_assign(''{}'', array[1])'), 'PT400 invalid input: instance_ids must not be empty.', 'empty list');
select is(pg_temp.fails('select whalefall_api.tags_bulk_assign(array[1, null], array[1])'), 'PT400 invalid input: instance_ids must hold ids, which are above 0.', 'a null');
select is(pg_temp.fails('select whalefall_api.tags_bulk_assign(array[1], array[0])'), 'PT400 invalid input: tag_ids must hold ids, which are above 0.', 'a zero');
select is(pg_temp.fails('select whalefall_api.tags_bulk_assign(array[999999], array[pg_temp.tag(''prod'')])'), 'PT404 resource not found: None of the instances exists.', 'no such instance');
select is(pg_temp.fails('select whalefall_api.tags_bulk_assign(array[pg_temp.instance(''i1'')], array[999999])'), 'PT404 resource not found: None of the tags exists.', 'no such tag');

select is(whalefall_api.tags_bulk_instances()::jsonb, jsonb_build_object('instances', jsonb_build_array(
	jsonb_build_object('id', pg_temp.instance('i1'), 'name', 'i1', 'host', 'h1', 'port', 1, 'db_type', 'mysql'),
	jsonb_build_object('id', pg_temp.instance('i2'), 'name', 'i2', 'host', 'h2', 'port', 2, 'db_type', 'postgresql'),
	jsonb_build_object('id', pg_temp.instance('i3'), 'name', 'i3', 'host', 'h3', 'port', 3, 'db_type', 'oracle'))),
	'instances to tag: not deleted, by name');
select is((select string_agg(t ->> 'name', ',') from json_array_elements(whalefall_api.tags_bulk_tags() -> 'tags') t),
	'a,b,dev,prod,' || repeat('n', 50) || ',dark,off,PROD', 'all tags by category, display name, name');
select is(whalefall_api.tags_bulk_tags()::jsonb -> 'category_names', jsonb_build_object('env', 'env', 'long', 'long',
	'state', 'state', repeat('类', 50), repeat('类', 50)), 'categories with their names');
select is((whalefall_api.tags_bulk_tags()::jsonb #> '{tags,0}') ? 'instance_count', false, 'no count here');
select is(whalefall_api.tags_bulk_instance_tags(array[pg_temp.instance('i1'), 999999])::jsonb - 'tags', jsonb_build_object(
	'category_names', '{"env": "env", "state": "state"}'::jsonb, 'instance_ids', array[pg_temp.instance('i1'), 999999]),
	'categories of the union; the ids come back');
select is((select string_agg(t ->> 'name', ',') from json_array_elements(
	whalefall_api.tags_bulk_instance_tags(array[pg_temp.instance('i4'), pg_temp.instance('i3')]) -> 'tags') t),
	'prod,off', 'the union of their tags');
select is(whalefall_api.tags_bulk_instance_tags(array[pg_temp.instance('i3')])::jsonb,
	jsonb_build_object('tags', '[]'::jsonb, 'category_names', '{}'::jsonb, 'instance_ids', array[pg_temp.instance('i3')]), 'no tags');
select is(pg_temp.fails('select whalefall_api.tags_bulk_instance_tags()'), 'PT400 request data is empty: ', 'an empty body');
select is(pg_temp.fails('select whalefall_api.tags_bulk_instance_tags(array[999999])'), 'PT404 resource not found: None of the instances exists.', 'no such instance');

-- List ---------------------------------------------------------------------------------------------------
create function pg_temp.names(json) returns text language sql as
	$$select coalesce(string_agg(t ->> 'name', ','), '') from json_array_elements($1 -> 'items') t$$;
select is(whalefall_api.tags_list(page_size => 2)::jsonb - 'items',
	'{"total": 8, "page": 1, "pages": 4, "limit": 2, "stats": {"total": 8, "active": 7, "inactive": 1, "category_count": 4}}',
	'paging and numbers');
select is(pg_temp.names(whalefall_api.tags_list(page_size => 2)), 'a,b', 'first page: category, display name, name');
select is(pg_temp.names(whalefall_api.tags_list(page => 4, page_size => 2)), 'off,PROD', 'last page');
select is(whalefall_api.tags_list(page => 5, page_size => 2)::jsonb -> 'items', '[]', 'past the end');
select is(whalefall_api.tags_list(page => 0, page_size => 0)::jsonb - 'items' - 'stats', '{"total": 8, "page": 1, "pages": 8, "limit": 1}', 'too small is bent');
select is(whalefall_api.tags_list(page => -5, page_size => 5000)::jsonb - 'items' - 'stats', '{"total": 8, "page": 1, "pages": 1, "limit": 200}', 'too large is bent');
select is(pg_temp.names(whalefall_api.tags_list(page => 2147483647)), '', 'the largest page number');
select is((select string_agg(t ->> 'name' || ' ' || (t ->> 'instance_count'), ',') from json_array_elements(
	whalefall_api.tags_list(category => 'state') -> 'items') t), 'dark 0,off 3', 'counts of instances, deleted ones too');
select is(pg_temp.names(whalefall_api.tags_list(search => 'PRO')), 'prod,PROD', 'search in name, any case');
select is(pg_temp.names(whalefall_api.tags_list(search => ' 生产 ')), 'prod', 'search in display_name');
select is(pg_temp.names(whalefall_api.tags_list(search => 'stat')), 'dark,off', 'search in category');
select is(pg_temp.names(whalefall_api.tags_list(search => s)), e, format('search %L is literal', s))
	from (values ('%', ''), ('_', ''), ('\', ''), ('d_v', ''), ('''', ''), ('d%', '')) v (s, e);
update whalefall.tags set display_name = 'x%_\y' where name = 'dark';
select is(pg_temp.names(whalefall_api.tags_list(search => s)), 'dark', format('search %L finds itself', s))
	from unnest(array['%', '_', '\', '%_\', '_\Y']) s;
select is(pg_temp.names(whalefall_api.tags_list(category => ' state ', status => 'active')), 'dark', 'category is exact; status');
select is(pg_temp.names(whalefall_api.tags_list(status => 'inactive')), 'off', 'inactive');
select is(whalefall_api.tags_list(status => 'all')::jsonb -> 'total', '8', 'all is no filter');
select is(whalefall_api.tags_list(status => 'nonsense')::jsonb -> 'total', '8', 'nor is nonsense');
select is(whalefall_api.tags_list(category => 'stat')::jsonb -> 'total', '0', 'a part of a category is not it');
select is(whalefall_api.tags_list(category => 'stat')::jsonb - 'items', '{"total": 0, "page": 1, "pages": 0, "limit": 20, "stats":
	{"total": 8, "active": 7, "inactive": 1, "category_count": 4}}', 'no pages of nothing; the numbers ignore filters');

-- Remove links, delete -----------------------------------------------------------------------------------
select is(pg_temp.fails($$select whalefall_api.tags_delete(pg_temp.tag('prod'))$$),
	'PT409 tag is in use: Tag "生产" is on 3 instances, deleted ones included.', 'a tag in use stays');
select is(whalefall_api.tags_bulk_remove(array[pg_temp.instance('i1'), 999999], array[pg_temp.tag('prod'), pg_temp.tag('dev')])::jsonb -> 'removed_count',
	'1', 'only links that were there count');
select is(pg_temp.fails('select whalefall_api.tags_bulk_remove()'), 'PT400 request data is empty: ', 'an empty body');
select is(pg_temp.fails('select whalefall_api.tags_bulk_remove(array[1])'), 'PT400 invalid input: tag_ids must not be empty.', 'no tags');
select is(whalefall_api.tags_bulk_remove_all(array[pg_temp.instance('i4'), pg_temp.instance('i2'), pg_temp.instance('i4')])::jsonb,
	jsonb_build_object('removed_count', 4, 'instance_ids', array[pg_temp.instance('i4'), pg_temp.instance('i2'), pg_temp.instance('i4')]),
	'all tags of instances, a deleted one too');
select is(pg_temp.fails('select whalefall_api.tags_bulk_remove_all()'), 'PT400 request data is empty: ', 'an empty body');
select is(pg_temp.fails('select whalefall_api.tags_bulk_remove_all(''{}'')'), 'PT400 invalid input: instance_ids must not be empty.', 'empty list');
select is(pg_temp.fails('select whalefall_api.tags_bulk_remove_all(array[999999])'), 'PT404 resource not found: None of the instances exists.', 'no such instance');
create temp table gone as select pg_temp.tag('prod') as id;
select is(whalefall_api.tags_delete(id)::jsonb, jsonb_build_object('tag_id', id), 'a free tag goes') from gone;
select is(pg_temp.fails(format('select whalefall_api.tags_delete(%s)', id)), format('PT404 resource not found: Tag %s does not exist.', id), 'twice is 404') from gone;

-- Batch delete -------------------------------------------------------------------------------------------
create table public.blocker (tag_id bigint references whalefall.tags);
insert into public.blocker values (pg_temp.tag('b'));
create temp table batch as select pg_temp.tag('a') as a, pg_temp.tag('b') as b, pg_temp.tag('off') as off, pg_temp.tag('dev') as dev;
select is(whalefall_api.tags_batch_delete(jsonb_build_array(a, off, 999999, a, b, dev))::jsonb,
	jsonb_build_object('results', jsonb_build_array(
		jsonb_build_object('tag_id', a, 'status', 'deleted'),
		jsonb_build_object('tag_id', off, 'status', 'in_use', 'instance_count', 1),
		jsonb_build_object('tag_id', 999999, 'status', 'not_found'),
		jsonb_build_object('tag_id', a, 'status', 'not_found'),
		jsonb_build_object('tag_id', b, 'status', 'error', 'message', '内部错误'),
		jsonb_build_object('tag_id', dev, 'status', 'deleted'))), 'each on its own, in order; no word of the server') from batch;
select is((select array_agg(name order by id) from whalefall.tags where id in (select unnest(array[a, b, off, dev]) from batch)),
	'{off,b}', 'what could not go is still there');
select is(whalefall_api.tags_batch_delete(to_jsonb(999999))::jsonb, '{"results": [{"tag_id": 999999, "status": "not_found"}]}', 'a scalar is one');
select is(pg_temp.fails('select whalefall_api.tags_batch_delete()'), 'PT400 invalid input: Missing: tag_ids.', 'absent');
select is(pg_temp.fails('select whalefall_api.tags_batch_delete(''[]'')'), 'PT400 invalid input: tag_ids must not be empty.', 'empty');
select is(pg_temp.fails(format('select whalefall_api.tags_batch_delete(%L)', j)), 'PT400 invalid input: tag_ids must be a list of integers above 0.', j)
	from unnest(array['["1"]', '[true]', '[null]', '[1.5]', '[0]', '[-1]', '[[1]]', '{}', '"1"', '[99999999999999999999]', 'true', 'null']) j;

-- Log rows -----------------------------------------------------------------------------------------------
select results_eq($$select module, message, context ->> 'action', count(*)::int from whalefall_api.logs
	where module like 'tags%' group by 1, 2, 3 order by 1, 3$$, $$values
	('tags', 'tags deleted', 'batch_delete_tags', 2), ('tags', 'tag created', 'create_tag', 8),
	('tags', 'tag deleted', 'delete_tag', 1), ('tags', 'tag updated', 'update_tag', 5),
	('tags_bulk', 'tags assigned', 'batch_assign_tags', 3), ('tags_bulk', 'all tags removed', 'batch_remove_all_tags', 1),
	('tags_bulk', 'tags removed', 'batch_remove_tags', 1)$$, 'a log row for every write');
select is((select context ->> 'tag_name' from whalefall_api.logs where message = 'tag deleted'), 'prod', 'it names the tag');

select * from finish();
rollback;
