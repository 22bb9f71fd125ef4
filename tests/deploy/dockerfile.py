"""Reads the Dockerfile: its stages, their instructions, and what `.dockerignore` lets into the build."""

from __future__ import annotations

import fnmatch
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from dockerfile_parse import DockerfileParser

from tests.installation import ROOT


@dataclass
class Stage:
    """One stage: its base, its name, its instructions in order as (name, value)."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def values(self, instruction: str) -> list[str]:
        """The values of all instructions of that name."""
        return [value for name, value in self.steps if name == instruction]

    def command(self) -> list[str]:
        """The CMD in its exec form."""
        found = json.loads(self.values("CMD")[-1])
        assert isinstance(found, list)
        return found

    def health_check(self) -> list[str]:
        """The command of the HEALTHCHECK in its exec form."""
        _, _, command = self.values("HEALTHCHECK")[-1].partition("CMD ")
        found = json.loads(command)
        assert isinstance(found, list)
        return found

    def variables(self) -> dict[str, str]:
        """What ENV sets."""
        pairs = [part.partition("=") for value in self.values("ENV") for part in value.split()]
        return {name: value for name, _, value in pairs}


def stages() -> list[Stage]:
    """The stages of the Dockerfile."""
    parser = DockerfileParser(path=str(ROOT / "Dockerfile"))
    found: list[Stage] = []
    for step in parser.structure:
        name, value = step["instruction"].upper(), step["value"]
        if name == "FROM":
            base, _, alias = value.partition(" AS ")
            found.append(Stage(base.strip(), alias.strip()))
        elif name != "COMMENT":
            found[-1].steps.append((name, value))
    return found


def ignored(path: str) -> bool:
    """Whether `.dockerignore` keeps this path of the checkout out of the build: the last pattern that fits decides."""
    parts = path.split("/")
    prefixes = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    result = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        excepted = pattern.startswith("!")
        pattern = pattern.removeprefix("!")
        if pattern.startswith("**/"):
            fits = any(fnmatch.fnmatchcase(part, pattern.removeprefix("**/")) for part in parts)
        else:
            fits = any(fnmatch.fnmatchcase(prefix, pattern) for prefix in prefixes)
        if fits:
            result = not excepted
    return result


def compose() -> dict[str, Any]:
    """The compose file, anchors resolved, variables as they stand."""
    found = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert isinstance(found, dict)
    return found


def copy_into(source: Path, target: Path) -> None:
    """COPY of a file or folder of the checkout, without what `.dockerignore` keeps out."""
    files = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
    for file in files:
        name = file.relative_to(ROOT).as_posix()
        if ignored(name):
            continue
        place = target / file.relative_to(source) if source.is_dir() else target
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes())
