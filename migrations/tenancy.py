"""What every tenant table gets besides its columns: forced row-level security, the policies and the grants."""

from __future__ import annotations

from alembic import op

APP = "duecourse_app"
WORKER = "duecourse_worker"
TENANT = "nullif(current_setting('app.organization_id', true), '')::uuid"


def create_roles() -> None:
    """Make the two service roles when they are missing, and let the migrating user act in them."""
    for role in (APP, WORKER):
        op.execute(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN"
            f" CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE; END IF;"
            f" EXCEPTION WHEN duplicate_object THEN NULL; WHEN unique_violation THEN NULL; END $$"
        )
        op.execute(f"GRANT {role} TO CURRENT_USER")
    op.execute(f"GRANT USAGE ON SCHEMA public TO {APP}, {WORKER}")
    op.execute(f"GRANT SELECT ON alembic_version TO {APP}, {WORKER}")  # so that /readyz can tell where it is


def secure_table(
    name: str,
    *,
    column: str = "organization_id",
    append_only: bool = False,
    worker_reads: bool = False,
    worker_claims: bool = False,
    erasable: tuple[str, ...] = (),
) -> None:
    """Force row-level security on a tenant table and grant what the service needs, no more.

    `erasable` columns of an append-only table may be overwritten: what they say of a person can be forgotten.
    `worker_reads`/`worker_claims` let the worker role see (and lease) rows of every organization, to find work.
    """
    op.execute(f'ALTER TABLE "{name}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{name}" FORCE ROW LEVEL SECURITY')
    op.execute(f'CREATE POLICY tenant ON "{name}" USING ({column} = {TENANT}) WITH CHECK ({column} = {TENANT})')
    op.execute(f'GRANT SELECT, INSERT ON "{name}" TO {APP}')
    if not append_only:
        op.execute(f'GRANT UPDATE, DELETE ON "{name}" TO {APP}')
    elif erasable:
        op.execute(f'GRANT UPDATE ({", ".join(erasable)}) ON "{name}" TO {APP}')
    if worker_reads or worker_claims:
        op.execute(f'CREATE POLICY worker_reads ON "{name}" FOR SELECT TO {WORKER} USING (true)')
        op.execute(f'GRANT SELECT ON "{name}" TO {WORKER}')
    if worker_claims:
        op.execute(f'CREATE POLICY worker_claims ON "{name}" FOR UPDATE TO {WORKER} USING (true) WITH CHECK (true)')
        op.execute(f'CREATE POLICY worker_clears ON "{name}" FOR DELETE TO {WORKER} USING (true)')
        op.execute(f'GRANT UPDATE, DELETE ON "{name}" TO {WORKER}')


def open_table(name: str) -> None:
    """Grants of a table that belongs to no organization (heartbeats)."""
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{name}" TO {APP}, {WORKER}')
