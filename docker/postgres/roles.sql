-- Roles and database of Duecourse on a PostgreSQL server of yours (15 or newer). Run once, as a superuser:
--   psql -v ON_ERROR_STOP=1 -v owner_password=... -v service_password=... -f docker/postgres/roles.sql
--
-- duecourse_owner    owns the tables and migrates; the service never logs in as this role
-- duecourse_service  what the API, the worker and the sweeper log in as; takes one of the next two in every session
-- duecourse_app      reads and writes one organization at a time; row-level security binds it
-- duecourse_scoped   what duecourse_app becomes for a caller who may see a part of the organization only
-- duecourse_worker   sees across organizations what is due, and nothing else

-- NOINHERIT, before the grant: the policies of duecourse_scoped must not bind duecourse_app, which only may become it.
CREATE ROLE duecourse_app NOLOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
CREATE ROLE duecourse_scoped NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
GRANT duecourse_scoped TO duecourse_app;
CREATE ROLE duecourse_worker NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
CREATE ROLE duecourse_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
CREATE ROLE duecourse_service LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'service_password';

-- The migrations grant the two roles to whoever migrates, and therefore need the right to.
GRANT duecourse_app, duecourse_worker TO duecourse_owner WITH ADMIN OPTION;
GRANT duecourse_app, duecourse_worker TO duecourse_service;

CREATE DATABASE duecourse OWNER duecourse_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
REVOKE CONNECT, TEMPORARY ON DATABASE duecourse FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE duecourse TO duecourse_service;
