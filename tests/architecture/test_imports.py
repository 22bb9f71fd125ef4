"""The floors and rooms of the house: the contracts of import-linter hold, and each of them bites.

What a contract cannot say, because it matches whole names only, is checked on the syntax trees: which file names may
know HTTP, and which floor may look at which.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGES, ROOMS, ROOT, Module, service_modules

LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
PLANTED = {
    "Rooms, high to low": ("app/core/planted.py", "import app.invoices.service"),
    "Workers stand on the service, never the other way round": ("app/ledger/planted.py", "import workers.planted"),
    "Floors inside a room, high to low": ("app/invoices/rules.py", "import app.invoices.queries"),
    "Pure code imports no framework and no infra": ("app/payments/rules.py", "import sqlalchemy"),
    "Only routers know HTTP, and no room knows the queue": ("app/accounts/planted.py", "import arq"),
}
"""One violation for each contract: the file that gets the line."""

HTTP = {"fastapi", "starlette", "uvicorn"}
READS_THE_REQUEST = {"app.integrations.upload": "receives the stream of a file for its router, part by part"}
"""Modules besides routers that know HTTP, each with the reason."""
FLOORS = ("any", "rules", "errors", "models", "queries", "service", "schemas", "router")


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", LINT], cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def _copy(folder: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _verdicts(output: str) -> dict[str, str]:
    return dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", output, re.MULTILINE))


@pytest.mark.slow
def test_the_contracts_hold_and_bite(tmp_path: Path) -> None:
    copy = _copy(tmp_path)
    clean = _lint(copy)
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert set(_verdicts(clean.stdout)) == set(PLANTED), "every contract has a planted violation here"
    (copy / "workers" / "planted.py").touch()
    for path, line in PLANTED.values():
        with (copy / path).open("a") as file:
            file.write(f"\n{line}\n")
    broken = _lint(copy)
    assert broken.returncode != 0
    assert set(_verdicts(broken.stdout).values()) == {"BROKEN"}, broken.stdout


def _contracts() -> dict[str, dict[str, object]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["name"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}


def test_the_contracts_name_every_room() -> None:
    present = {module.room for module in service_modules()} - {None}
    contracts = _contracts()
    layers = " ".join(contracts["Rooms, high to low"]["layers"])  # type: ignore[arg-type]
    assert re.findall(rf"\b(?:{'|'.join(ROOMS)})\b", layers) == [room for room in reversed(ROOMS) if room in present]
    rooms = {f"app.{room}" for room in present}
    containers = set(contracts["Floors inside a room, high to low"]["containers"])  # type: ignore[call-overload]
    assert rooms <= containers
    packages = {module.name for module in service_modules() if module.path.endswith("/__init__.py")}
    assert containers <= packages, "a large room has packages, each with floors of its own"
    assert set(contracts["Only routers know HTTP, and no room knows the queue"]["source_modules"]) == rooms  # type: ignore[call-overload]


def test_exceptions_of_the_contracts_are_routers() -> None:
    for name, contract in _contracts().items():
        exceptions = contract.get("ignore_imports", [])
        assert isinstance(exceptions, list)
        for exception in exceptions:
            importer, _, imported = exception.partition(" -> ")
            assert "router" in importer.rsplit(".", 1)[-1] or importer in READS_THE_REQUEST, (name, exception)
            assert imported in HTTP, (name, exception)


def _floor(module: Module) -> str:
    """The floor of a module by its name (`schemas_credit_memos` stands with `schemas`). Of the others, a service is
    what takes a write session; the rest (types, notations, parts of a query) serves every floor."""
    if module.name in READS_THE_REQUEST:
        return "router"
    words = module.stem.split("_")
    for floor in ("router", "schemas", "queries", "models", "errors", "rules"):
        if floor in words:
            return floor
    if module.stem == "writes":  # SQL that changes rows
        return "queries"
    return "service" if "app.infra.database.WriteSession" in module.imports() else "any"


def _rooms() -> list[Module]:
    return [module for module in service_modules() if module.room is not None and module.stem != "__init__"]


def test_only_routers_know_http_and_no_room_knows_the_queue() -> None:
    faults = []
    for module in _rooms():
        packages = {name.partition(".")[0] for name in module.imports()}
        if "arq" in packages or (_floor(module) != "router" and packages & HTTP):
            faults.append((module.path, sorted(packages & {"arq", *HTTP})))
    assert faults == []


def test_schemas_and_routers_are_seen_by_routers_only() -> None:
    """Inside a room the upper floors may use them; another room never does."""
    by_name = {module.name: module for module in _rooms()}
    faults = []
    for module in _rooms():
        for name in module.imports() & set(by_name):
            used = by_name[name]
            floor = _floor(used)
            if floor in ("schemas", "router") and (
                used.room != module.room or _floor(module) not in ("schemas", "router")
            ):
                faults.append((module.name, name))
    assert faults == []


def test_lower_floors_do_not_look_up() -> None:
    by_name = {module.name: module for module in _rooms()}
    faults = []
    for module in _rooms():
        height = FLOORS.index(_floor(module))
        for name in module.imports() & set(by_name):
            used = by_name[name]
            if used.room == module.room and FLOORS.index(_floor(used)) > height > 0:
                faults.append((module.name, name))
    assert faults == []


def test_package_files_are_empty() -> None:
    assert [module.path for module in service_modules() if module.stem == "__init__" and module.text] == []
