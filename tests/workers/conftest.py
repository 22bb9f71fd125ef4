"""Services for workers, and jobs of a kind of the test's own."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from app.core.ids import new_id
from app.infra.database import Database
from app.settings import Settings
from tests.factories import make_tenant
from workers.runner import Services


@pytest.fixture
async def organization(committed: Database) -> UUID:
    return (await make_tenant(committed)).organization_id


@pytest.fixture
def kind() -> str:
    return f"test.{new_id()}"


@pytest.fixture
def services(committed: Database, claims: Database, tmp_path: Path) -> Services:
    return Services(committed, claims, Settings(data_dir=tmp_path, log_level="error"))
