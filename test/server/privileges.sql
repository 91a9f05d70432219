-- Who may do what: every object of whalefall, member of the extension or not, times every role of the product
-- and PUBLIC. One line per object and role that has a right. The reviewed answer is test/server/privileges.tsv.

\pset fieldsep '\t'
SET search_path = pg_catalog, pg_temp;
WITH ours AS (SELECT oid, nspname FROM pg_namespace
		WHERE nspname IN ('whalefall', 'whalefall_api', 'whalefall_http', 'whalefall_data')),
	objects AS (
		SELECT 'schema' AS kind, n.nspname::text AS name, coalesce(c.nspacl, acldefault('n', c.nspowner)) AS acl
			FROM ours n JOIN pg_namespace c USING (oid)
		UNION ALL
		SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END,
			n.nspname || '.' || c.relname,
			coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner))
			FROM pg_class c JOIN ours n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND NOT c.relispartition
		UNION ALL
		SELECT 'column', n.nspname || '.' || c.relname || '.' || a.attname, a.attacl
			FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN ours n ON n.oid = c.relnamespace
			WHERE a.attacl IS NOT NULL
		UNION ALL
		SELECT 'partition', 'whalefall_data.*', c.relacl
			FROM pg_class c JOIN ours n ON n.oid = c.relnamespace WHERE c.relispartition AND c.relacl IS NOT NULL
		UNION ALL
		SELECT 'routine', n.nspname || '.' || p.proname, coalesce(p.proacl, acldefault('f', p.proowner))
			FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace)
SELECT * FROM (SELECT o.kind, o.name, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END AS grantee,
	string_agg(DISTINCT x.privilege_type || CASE WHEN x.is_grantable THEN '*' ELSE '' END, ',')
		AS rights
FROM objects o, aclexplode(o.acl) x
WHERE x.grantee = 0 OR pg_get_userbyid(x.grantee) <> 'whalefall_owner'
GROUP BY 1, 2, 3) r ORDER BY kind COLLATE "C", name COLLATE "C", grantee COLLATE "C";
SELECT 'member', r.rolname, u.rolname, CASE WHEN m.admin_option THEN 'ADMIN' ELSE '-' END
FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member
WHERE r.rolname LIKE 'whalefall%' OR u.rolname LIKE 'whalefall%' ORDER BY r.rolname, u.rolname;
SELECT 'role', rolname, concat_ws(',', CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcanlogin THEN 'LOGIN' END,
	CASE WHEN rolinherit THEN 'INHERIT' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
	CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolreplication THEN 'REPLICATION' END,
	CASE WHEN rolbypassrls THEN 'BYPASSRLS' END), coalesce(array_to_string(rolconfig, ','), '-')
FROM pg_roles WHERE rolname LIKE 'whalefall%' ORDER BY rolname;
