-- Every right anybody but the owner has. anon < viewer < user < admin: each has the rights of those before it.
-- Nobody but the owner touches schema whalefall. History views get theirs from whalefall.setup().

GRANT USAGE ON SCHEMA whalefall_api TO whalefall_anon;

-- Capacity
GRANT SELECT ON whalefall_api.database_table_sizes TO whalefall_viewer;

-- Accounts
GRANT SELECT ON whalefall_api.accounts TO whalefall_viewer;
GRANT SELECT ON whalefall_api.account_privileges TO whalefall_viewer;
