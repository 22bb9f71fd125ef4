"""Reads the documents: their fenced blocks, requests, commands in sentences, links and the paths that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from tests.installation import ROOT

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^ *```([^\n]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"^(?:app|workers|migrations|tests|docs|docker|openapi)/[A-Za-z0-9_./-]+$")
_PROGRAM = (
    r"(?:duecourse|make|python3?|uvicorn|docker(?:-compose)?|psql|pg_dump|pg_restore|curl|npx|npm|node|git|pip|pytest"
    r"|openapi-python-client|chmod|sh|bash|\.venv/bin/\w+)"
)
_COMMAND = re.compile(rf"{_PROGRAM}(?: [^|]+)?")
_REQUEST = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/\S+)(?: +(\S.*))?")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its info string, its text and its first line in the document."""

    info: str
    text: str
    line: int


@dataclass(slots=True)
class PageRequest:
    """A request that an `http` block shows."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


def all_blocks(document: Path) -> list[Block]:
    """The fenced blocks, in their order."""
    text = document.read_text()
    return [Block(m[1].strip(), dedent(m[2]), text.count("\n", 0, m.start()) + 2) for m in _FENCE.finditer(text)]


def blocks(document: Path, *infos: str) -> list[Block]:
    """The fenced blocks with one of these info strings, in their order."""
    return [block for block in all_blocks(document) if block.info in infos]


def requests_of(document: Path) -> list[PageRequest]:
    """The requests of the `http` blocks: a line with method and path, headers, and a body to the next empty line."""
    found: list[PageRequest] = []
    for block in blocks(document, "http"):
        inside = False
        for line in block.text.splitlines():
            first = _REQUEST.fullmatch(line.rstrip())
            if first is not None:
                found.append(PageRequest(first[1], first[2], body=first[3] or ""))
                inside = True
                continue
            assert inside or not line, f"{document.name}: no request begins with {line!r}"
            header = re.fullmatch(r"([A-Z][A-Za-z-]+): (.*)", line)
            if header is not None and not found[-1].body:
                found[-1].headers |= {} if header[1] == "Authorization" else {header[1]: header[2]}
            elif line:
                found[-1].body += line + "\n"
            else:
                inside = False
    return found


def commands_in_sentences(document: Path) -> list[str]:
    """Commands that stand in a sentence or a table as `code`, or alone in an indented block."""
    text = _FENCE.sub("", document.read_text())
    named = [name for name in _CODE.findall(text) if " " in name and _COMMAND.fullmatch(name)]
    return [*named, *(line.strip() for line in re.findall(rf"^ {{4,}}(?={_PROGRAM} )(.*)$", text, re.MULTILINE))]


def begins_with_a_command(block: Block) -> Iterator[str]:
    """Lines of the block that look like commands."""
    yield from (line for line in block.text.splitlines() if re.match(rf"(?:\$ )?{_PROGRAM} ", line))


def links(document: Path) -> list[str]:
    """Link targets within the checkout, relative to the document, without their fragment."""
    targets = [target.partition("#")[0] for target in _LINK.findall(_FENCE.sub("", document.read_text()))]
    return [target for target in targets if target and "://" not in target]


def named_paths(document: Path) -> list[str]:
    """Paths of the checkout that the document names in `code`."""
    return [name for name in _CODE.findall(_FENCE.sub("", document.read_text())) if _PATH.match(name)]
