"""The README's tour does what it says, and its blocks fail when a command fails."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.docs.conftest import Reader
from tests.docs.console_blocks import blocks
from tests.installation import ROOT

README = ROOT / "README.md"
pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None, reason="the tour is pasted into bash and uses curl"
)


def test_the_tour_can_be_pasted(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(README, tmp_path)
    assert '"kind":"api_client"' in printed
    assert "idempotency-replayed: true" in printed.lower()
    assert "Brandt Maschinenbau GmbH" in printed
    documents = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    lines = [row for document in documents if document.get("group_by") == "account" for row in document["rows"]]
    assert [(row["open_amount"], row["currency"]) for row in lines] == [("450.00", "EUR")]
    assert "\nTrue\n" in printed, "the proof holds"
    assert '"position":1,' in printed, "events are sealed in order"
    assert printed.rstrip().splitlines()[-1].endswith(".over_applied")


def test_a_failing_command_is_noticed(reader: Reader, tmp_path: Path) -> None:
    broken = tmp_path / "BROKEN.md"
    broken.write_text(README.read_text().replace("/v1/legal-entities", "/v1/legal-entitees"))
    with pytest.raises(AssertionError, match="status"):
        reader.paste(broken, tmp_path)


def test_the_tour_has_commands() -> None:
    assert len(blocks(README, "sh")) >= 10
