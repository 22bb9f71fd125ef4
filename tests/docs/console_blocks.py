"""Reads the documents: their fenced blocks, the links and the paths that they name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from tests.installation import ROOT

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^ *```([^\n]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"^(?:app|workers|migrations|tests|docs|docker|openapi)/[A-Za-z0-9_./-]+$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its info string, its text and its first line in the document."""

    info: str
    text: str
    line: int


def blocks(document: Path, *infos: str) -> list[Block]:
    """The fenced blocks with one of these info strings, in their order."""
    text = document.read_text()
    found = [Block(m[1].strip(), dedent(m[2]), text.count("\n", 0, m.start()) + 2) for m in _FENCE.finditer(text)]
    return [block for block in found if block.info in infos]


def links(document: Path) -> list[str]:
    """Link targets within the checkout, relative to the document, without their fragment."""
    targets = [target.partition("#")[0] for target in _LINK.findall(_FENCE.sub("", document.read_text()))]
    return [target for target in targets if target and "://" not in target]


def named_paths(document: Path) -> list[str]:
    """Paths of the checkout that the document names in `code`."""
    return [name for name in _CODE.findall(_FENCE.sub("", document.read_text())) if _PATH.match(name)]
