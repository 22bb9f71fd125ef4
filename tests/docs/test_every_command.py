"""No page shows a command, a request or a piece of code that nothing runs. What is run elsewhere is named here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.benchmarks.__main__ import names as benchmark_names
from tests.docs.console_blocks import (
    DOCUMENTS,
    all_blocks,
    begins_with_a_command,
    blocks,
    commands_in_sentences,
)  # fmt: skip
from tests.installation import ROOT

README = ROOT / "README.md"
RUNNER = ROOT / "tests" / "docs" / "test_commands.py"
RUN = {"sh", "http"}
"""Blocks of these kinds are run by `test_commands.py`, page by page."""
READ = {"json mapping", "text", "yaml", "ini"}
"""Blocks without commands. Mappings are read by `test_reference.py`, the others here or by the installation."""
RUN_OTHERWISE = {
    ("install-with-own-postgres.md", "sh once"): "tests/docs/conftest.py",
    ("install-with-own-postgres.md", "sh each in its own terminal"): "tests/docs/conftest.py",
    ("install-with-own-postgres.md", "ini"): "tests/docs/conftest.py",
    ("install-with-own-postgres.md", "sql"): "tests/docs/test_commands.py",
    ("webhooks.md", "python"): "tests/docs/test_commands.py",
    ("follow-events.md", "js"): "tests/docs/test_commands.py",
    # `make check` runs both generators with these options on the committed document, and then what they made.
    ("generate-clients.md", "sh of make check"): "clients/__main__.py",
    # Docker is not at hand. What it would do is run step by step, the `duecourse` commands among it.
    ("docker.md", "sh with Docker"): "tests/deploy/test_image.py",
}
SENTENCES = {
    "make run": "tests/integration/test_supervisor.py",
    "make bench": "tests/docs/test_every_command.py",
    "make check": "clients/__main__.py",
    "make test": "Makefile",
    "make migration": "tests/docs/test_every_command.py",
    "python3 bootstrap.py": "tests/unit/test_bootstrap.py",
    "python3 -c": "tests/docs/test_commands.py",
    "python -m clients.compatibility": "tests/api/test_compatibility.py",
    "python -m tests.docs.reference_pages": "tests/docs/test_reference.py",
    "python -m tests.chaos": "tests/chaos/test_chaos.py",
    "python -m workers": "tests/installation.py",
    "uvicorn app.main:create_app --factory": "tests/installation.py",
    "duecourse demo": "tests/scenarios/test_demo.py",
    "duecourse run": "tests/integration/test_supervisor.py",
    "duecourse migrate": "tests/deploy/test_backup.py",
    "duecourse doctor": "tests/integration/test_cli.py",
    "duecourse backtest": "tests/unit/forecasting/test_backtest.py",
    "duecourse benchmark matching": "tests/docs/test_every_command.py",
    "docker compose": "tests/deploy/test_image.py",
    "docker-compose config": "tests/deploy/test_files.py",
}
"""Commands that stand in sentences and in no block that is run: by their beginning, with what runs them."""


def _executed() -> list[set[str]]:
    """The words of every line of every block that is pasted."""
    texts = (block.text for document in DOCUMENTS for block in blocks(document, "sh", "sh once"))
    return [set(re.split(r"[\s$()|;\"'=]+", line)) for text in texts for line in text.splitlines()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_is_run(document: Path) -> None:
    runner = RUNNER.read_text()
    for block in all_blocks(document):
        where = f"{document.name}:{block.line}"
        if block.info in RUN:
            assert f'"{document.name}"' in runner or document == README, f"{where}: no test runs this page"
        elif (document.name, block.info) not in RUN_OTHERWISE:
            assert block.info in READ, f"{where}: say what it is, and run it: {block.info!r}"
            if document != README:  # its first block explains `make run` and `make test`
                assert not list(begins_with_a_command(block)), f"{where}: commands stand in `sh` blocks"


def test_the_list_of_what_is_run_elsewhere_is_no_longer_than_needed() -> None:
    shown = {(document.name, block.info) for document in DOCUMENTS for block in all_blocks(document)}
    assert set(RUN_OTHERWISE) <= shown
    for place in {*RUN_OTHERWISE.values(), *SENTENCES.values()}:
        assert (ROOT / place).exists(), place
    said = {command for document in DOCUMENTS for command in commands_in_sentences(document)}
    said |= {line for block in blocks(README, "text") for line in begins_with_a_command(block)}
    unused = [
        name for name in SENTENCES if not any(command.removeprefix(".venv/bin/").startswith(name) for command in said)
    ]
    assert unused == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_sentence_is_run_somewhere(document: Path) -> None:
    executed = _executed()
    for command in commands_in_sentences(document):
        plain = command.removeprefix(".venv/bin/").removesuffix(" …")
        plain = " ".join(word for word in plain.split() if not re.fullmatch(r"[A-Z]+", word))  # a FILE of the reader's
        words = plain.split()
        found = any(set(words) <= line for line in executed) or plain.startswith(tuple(SENTENCES))
        assert found, f"{document.name}: `{command}` is run by no test: put it into an `sh` block, or name it here"


def test_commands_of_make_and_benchmarks_exist() -> None:
    rules = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", rules, re.MULTILINE))
    for document in DOCUMENTS:
        text = document.read_text()
        assert set(re.findall(r"`make ([a-z]+)\b", text)) <= targets, document.name
        assert set(re.findall(r"\bONLY=([a-z_]+)", text)) - {"name"} <= set(benchmark_names()), document.name
    named = set(re.findall(r"^\| `([a-z_]+)` \|", README.read_text(), re.MULTILINE))
    assert named
    assert named <= set(benchmark_names())
    assert 'migrate --new "$(m)"' in rules, "make migration; its parts: tests/integration/test_online_migration.py"


def test_generators_are_called_as_the_page_says() -> None:
    page = " ".join(block.text for block in blocks(ROOT / "docs/how-to/generate-clients.md", "sh of make check"))
    code = (ROOT / "clients" / "__main__.py").read_text()
    for option in re.findall(r"(?<= )--[a-z-]+(?:=\S+)?", page):
        assert option in code or option == "--url", option
    assert "python_client.yaml" in code


def test_the_scrape_configuration_names_ports_of_the_compose_file() -> None:
    (block,) = blocks(ROOT / "docs" / "how-to" / "monitor.md", "yaml")
    targets = yaml.safe_load(block.text)["scrape_configs"][0]["static_configs"][0]["targets"]
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name, port in (target.split(":") for target in targets):
        settings = str(services[name].get("environment", {})) + str(services[name]) + (ROOT / "Dockerfile").read_text()
        assert port in settings, f"{name}:{port}"
