"""One small company, generated once for all tests of this folder."""

from pathlib import Path

import pytest

from app.demo.generator.generate import DemoManifest, generate


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoManifest:
    folder: Path = tmp_path_factory.mktemp("demo")
    return generate(folder, seed=11, accounts=220, invoices=2500)
