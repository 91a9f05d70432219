-- Versions out of the banners of servers.
\set ECHO none
begin;
select plan(27);

select is(v.main_version || ' | ' || v.detailed_version, answer, db_type || ' ' || n || ' ' || left(banner, 60)) from (values
	('postgresql', 'PostgreSQL 16.2 on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14) 12.2.0, 64-bit', 160002, '16.2 | 16.2'),
	('postgresql', 'PostgreSQL 17beta1 on x86_64, compiled by gcc 12.2.0', 170000, '17.0 | 17.0'),
	('postgresql', 'PostgreSQL 9.6.24 on x86_64', 90624, '9.6 | 9.6.24'),
	('postgresql', 'PostgreSQL 13.14', 130014, '13.14 | 13.14'),
	('postgresql', 'postgresql 15.20 (Debian)', 0, '15.20 | 15.20'),
	('mysql', '8.0.32-0ubuntu0.22.04.2', 0, '8.0 | 8.0.32'),
	('mysql', '10.11.6-MariaDB-0+deb12u1', 0, '10.11 | 10.11.6'),
	('mysql', '5.7-log', 0, '5.7 | 5.7'),
	('mysql', '5.5.5-10.4.2-MariaDB', 0, '5.5 | 5.5.5'),
	('mysql', 'build 12 of 8.4', 0, '8.4 | 8.4'),
	('sqlserver', 'Microsoft SQL Server 2019 (RTM-CU18) (KB5017593) - 15.0.4261.1 (X64)', 0, '15.0 | 15.0.4261.1'),
	('sqlserver', 'Microsoft SQL Server 2022 (RTM) - 16.0.1000.6 (X64) Oct  8 2022', 0, '16.0 | 16.0.1000.6'),
	('sqlserver', '14.0.3456.2', 0, '14.0 | 14.0.3456.2'),
	('oracle', 'Oracle Database 19c Enterprise Edition Release 19.0.0.0.0 - Production', 0, '19.0 | 19.0.0.0.0'),
	('oracle', 'Oracle Database 23c Free Release 23.3.0.23.09 - Develop', 0, '23.3 | 23.3.0.23.09'),
	('oracle', 'Oracle Database 11g Express Edition Release 11.2.0 - 64bit', 0, '11.2 | 11.2.0'),
	('oracle', 'RELEASE 1.2.3.4.5.6.7', 0, '1.2 | 1.2.3.4.5.6')) x(db_type, banner, n, answer), whalefall.parse_version(db_type, banner, n) v;
-- Nothing that is a version: main is null, the banner is shown, cut at 50 characters.
select is(coalesce(v.main_version, 'null') || ' | ' || v.detailed_version, 'null | ' || answer, db_type || ' without version') from (values
	('postgresql', 'PostgreSQL devel, compiled by gcc 12.2.0', 'PostgreSQL devel, compiled by gcc 12.2.0'), ('mysql', 'eight', 'eight'), ('mysql', '', ''), ('mysql', '8', '8'),
	('sqlserver', 'Microsoft SQL Server 2019 - 15.0.4261', 'Microsoft SQL Server 2019 - 15.0.4261'), ('oracle', 'Oracle 19.0.0.0.0', 'Oracle 19.0.0.0.0'),
	('oracle', 'Release 19.0', 'Release 19.0'), ('other', '1.2.3', '1.2.3'), ('mysql', repeat('名', 50), repeat('名', 50)), ('mysql', repeat('名', 51), repeat('名', 50) || '...'))
	x(db_type, banner, answer), whalefall.parse_version(db_type, banner, 0) v;

select * from finish();
rollback;
