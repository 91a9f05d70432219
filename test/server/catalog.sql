-- Prints everything whalefall has put into a database, in a stable form: what two databases must have in
-- common when one was installed fresh and the other was updated. Run with psql -XqAt.

\pset fieldsep '\t'
SET search_path = pg_catalog, pg_temp;
CREATE TEMP VIEW ours AS SELECT n.oid, n.nspname FROM pg_namespace n
	WHERE n.nspname IN ('whalefall', 'whalefall_api', 'whalefall_http', 'whalefall_data');
-- Partitions are named by the month the database was set up in.
CREATE TEMP VIEW tables AS SELECT c.*, o.nspname || '.' || c.relname AS name FROM pg_class c
	JOIN ours o ON o.oid = c.relnamespace
	WHERE NOT c.relispartition AND c.relkind IN ('r', 'p', 'v', 'm', 'S');
CREATE FUNCTION pg_temp.rights(acl aclitem[]) RETURNS text LANGUAGE sql AS
	'SELECT coalesce((SELECT string_agg(i::text, '','' ORDER BY i::text COLLATE "C") FROM unnest(acl) i), ''-'')';
CREATE FUNCTION pg_temp.is_member(class regclass, object oid) RETURNS text LANGUAGE sql AS
	'SELECT CASE WHEN EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
	AND d.refclassid = ''pg_extension''::regclass WHERE d.deptype = ''e'' AND d.classid = class AND d.objid = object
	AND e.extname = ''whalefall'') THEN ''member'' ELSE ''-'' END';
-- What pg_dump takes for the rights an extension gives by itself.
CREATE FUNCTION pg_temp.initial(class regclass, object oid) RETURNS text LANGUAGE sql AS
	'SELECT pg_temp.rights((SELECT initprivs FROM pg_init_privs WHERE classoid = class AND objoid = object AND objsubid = 0))';

SELECT 'extension', extname, extversion, extnamespace::regnamespace, extrelocatable FROM pg_extension WHERE extname = 'whalefall';
SELECT 'config', c::regclass, t FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS x(c, t)
	WHERE e.extname = 'whalefall' ORDER BY c::regclass::text COLLATE "C";
SELECT 'schema', n.nspname, pg_get_userbyid(n.nspowner), pg_temp.rights(n.nspacl),
	pg_temp.initial('pg_namespace', n.oid), pg_temp.is_member('pg_namespace', n.oid), obj_description(n.oid, 'pg_namespace')
	FROM pg_namespace n WHERE n.oid IN (SELECT oid FROM ours) ORDER BY n.nspname COLLATE "C";
SELECT 'relation', t.relkind, t.name, pg_get_userbyid(t.relowner), t.relpersistence, t.reloptions, t.relrowsecurity,
	pg_temp.rights(t.relacl), pg_temp.initial('pg_class', t.oid), pg_temp.is_member('pg_class', t.oid), obj_description(t.oid, 'pg_class')
	FROM tables t ORDER BY t.name COLLATE "C";
SELECT 'column', t.name, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
	a.attcollation::regcollation, a.attstorage, a.attstattarget, pg_get_expr(d.adbin, d.adrelid), pg_temp.rights(a.attacl),
	col_description(t.oid, a.attnum)
	FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
	LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum WHERE t.relkind <> 'S' ORDER BY t.name COLLATE "C", a.attnum;
SELECT 'constraint', t.name, k.conname, k.contype, k.condeferrable, k.convalidated, pg_get_constraintdef(k.oid)
	FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid ORDER BY t.name COLLATE "C", k.conname COLLATE "C";
SELECT 'index', t.name, pg_get_indexdef(i.indexrelid), i.indisvalid
	FROM tables t JOIN pg_index i ON i.indrelid = t.oid ORDER BY t.name COLLATE "C", 3;
SELECT 'trigger', t.name, pg_get_triggerdef(g.oid), g.tgenabled
	FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal ORDER BY t.name COLLATE "C", g.tgname COLLATE "C";
SELECT 'sequence', t.name, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle,
	(SELECT d.refobjid::regclass::text || '.' || d.refobjsubid FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
		AND d.objid = t.oid AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass)
	FROM tables t JOIN pg_sequence s ON s.seqrelid = t.oid ORDER BY t.name COLLATE "C";
SELECT 'view', t.name, pg_get_viewdef(t.oid) FROM tables t WHERE t.relkind IN ('v', 'm') ORDER BY t.name COLLATE "C";
SELECT 'partitioned', t.name, pg_get_partkeydef(t.oid) FROM tables t WHERE t.relkind = 'p' ORDER BY t.name COLLATE "C";
SELECT 'function', p.oid::regprocedure, p.prokind, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
	pg_get_userbyid(p.proowner), l.lanname, p.prosrc, p.probin, p.provolatile, p.proparallel, p.proisstrict, p.prosecdef,
	p.proleakproof, p.procost, p.prorows, p.proconfig, pg_temp.rights(p.proacl), pg_temp.initial('pg_proc', p.oid),
	pg_temp.is_member('pg_proc', p.oid), obj_description(p.oid, 'pg_proc'), pg_get_function_sqlbody(p.oid)
	FROM pg_proc p JOIN ours o ON o.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
	ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT 'type', t.typname, t.typtype, pg_get_userbyid(t.typowner), obj_description(t.oid, 'pg_type')
	FROM pg_type t JOIN ours o ON o.oid = t.typnamespace WHERE t.typrelid = 0 AND t.typelem = 0 ORDER BY t.typname COLLATE "C";
SELECT 'attribute', c.oid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), pg_get_userbyid(c.relowner),
	obj_description(c.reltype, 'pg_type'), col_description(c.oid, a.attnum) FROM pg_class c JOIN ours o ON o.oid = c.relnamespace
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE c.relkind = 'c'
	ORDER BY c.oid::regclass::text COLLATE "C", a.attnum;
SELECT 'word', t.typname, row_number() OVER (PARTITION BY t.oid ORDER BY e.enumsortorder), e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
	JOIN ours o ON o.oid = t.typnamespace ORDER BY t.typname COLLATE "C", e.enumsortorder;
SELECT 'statistics', s.stxname FROM pg_statistic_ext s JOIN ours o ON o.oid = s.stxnamespace ORDER BY s.stxname COLLATE "C";
SELECT 'policy', t.name, p.polname FROM tables t JOIN pg_policy p ON p.polrelid = t.oid ORDER BY 2, 3;
SELECT 'default rights', pg_get_userbyid(d.defaclrole), d.defaclobjtype, pg_temp.rights(d.defaclacl)
	FROM pg_default_acl d WHERE d.defaclnamespace IN (SELECT oid FROM ours) ORDER BY 2, 3;
