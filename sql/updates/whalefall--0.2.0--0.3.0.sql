\echo Use "ALTER EXTENSION whalefall UPDATE" to load this file. \quit
-- 0.2.0 to 0.3.0.

SET LOCAL search_path = pg_catalog, pg_temp;
