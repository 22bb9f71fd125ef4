"""The reference pages say what the code says, and every document names only what exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from app.cli import app as cli
from app.integrations.import_fields import FIELDS
from app.integrations.import_mapping import read_mapping, read_options
from app.settings import Settings
from tests.api.operations import document as interface
from tests.docs.console_blocks import DOCUMENTS, blocks, links, named_paths
from tests.docs.reference_pages import COMMAND, PAGES
from tests.installation import ROOT

SETTINGS = ROOT / "docs" / "reference" / "settings.md"
MAPPING = ROOT / "docs" / "reference" / "mapping-format.md"
_ROW = re.compile(r"^\| `([A-Z][A-Z_]+)` \| ([^|]*) \|", re.MULTILINE)


def _variables() -> dict[str, object]:
    found: dict[str, object] = {}
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        found[alias if isinstance(alias, str) else f"DUECOURSE_{name.upper()}"] = field.default
    return found


def test_generated_pages_are_current() -> None:
    stale = [path.name for path, page in PAGES.items() if path.read_text() != page()]
    assert not stale, f"not current; run: {COMMAND}"


def test_every_setting_is_described_with_its_default() -> None:
    described = dict(_ROW.findall(SETTINGS.read_text()))
    variables = _variables()
    assert set(described) == set(variables)
    for name, default in variables.items():
        if name == "DATABASE_OWNER_URL":
            continue
        if default is None or default == []:
            wanted = "none"
        else:
            wanted = f"`{str(default).lower() if isinstance(default, bool) else default}`"
        assert described[name] == wanted, name


def test_the_readme_names_only_settings_that_exist() -> None:
    for document in DOCUMENTS:
        named = set(re.findall(r"\bDUECOURSE_[A-Z_]+", document.read_text()))
        made_up = named - set(_variables()) - {"DUECOURSE_TOKEN"}
        assert not {name for name in made_up if name not in _other_variables()}, document.name


def _other_variables() -> set[str]:
    """Variables of the compose file itself."""
    return set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))


@pytest.mark.parametrize("kind", FIELDS)
def test_every_field_of_a_mapping_is_described(kind: str) -> None:
    section = MAPPING.read_text().partition(f"## Fields of {kind}\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(FIELDS[kind].names)


def test_mapping_files_in_the_documents_are_accepted() -> None:
    seen = 0
    for document in DOCUMENTS:
        for block in blocks(document, "json mapping"):
            content = json.loads(block.text)
            read_mapping(content["kind"], content)
            read_options(content.get("options", {}))
            seen += 1
    assert seen >= 2


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_paths_exist(document: Path) -> None:
    missing = [link for link in links(document) if not (document.parent / link).exists()]
    missing += [path for path in named_paths(document) if not (ROOT / path).exists()]
    assert not missing, f"{document.name} names what is not there"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_path_of_a_machine(document: Path) -> None:
    assert not re.findall(r"(?:/work/|/root/|/home/\w+)", document.read_text())


@pytest.fixture(scope="module")
def operations() -> list[tuple[re.Pattern[str], set[str]]]:
    """Paths of the interface as patterns, with their methods."""
    paths = interface()["paths"]
    return [
        (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), {method.upper() for method in methods})
        for path, methods in paths.items()
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_of_the_interface_exist(document: Path, operations: list[tuple[re.Pattern[str], set[str]]]) -> None:
    found = re.findall(r"(?:\b(GET|POST|PUT|PATCH|DELETE) )?(/v1/[A-Za-z0-9_{}$/.-]+)", document.read_text())
    for method, path in found:
        plain = path.rstrip("./")
        fitting = [methods for pattern, methods in operations if pattern.fullmatch(plain)]
        assert fitting, f"{path} is no path of the interface"
        assert not method or any(method in methods for methods in fitting), f"{method} {path}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_of_duecourse_exist(document: Path) -> None:
    commands: dict[str, Any] = vars(typer.main.get_command(cli))["commands"]
    for first, second in re.findall(r"\bduecourse ([a-z]+)(?: ([a-z]+))?\b", document.read_text()):
        if first in ("commands", "command"):  # of a sentence
            continue
        assert first in commands, f"duecourse {first}"
        below = vars(commands[first]).get("commands")
        assert below is None or second in below, f"duecourse {first} {second}"
