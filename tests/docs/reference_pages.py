"""Reference pages that the code itself says: `python -m tests.docs.reference_pages` writes them."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path

import app
from app.infra.http.problem_pages import catalogue
from app.organizations.rules import ROLES, SCOPES
from tests.installation import ROOT

REFERENCE = ROOT / "docs" / "reference"
COMMAND = "python -m tests.docs.reference_pages"
_CODE = re.compile(r'^    code(?:: str)? = "[a-z0-9_.]+"$', re.MULTILINE)
_WRITTEN = f"<!-- Written by `{COMMAND}`; a test compares. -->\n\n"

_PROBLEMS = """# Problem codes

Every refusal is a problem document (RFC 9457, `application/problem+json`). `code` is stable: programs may branch on it,
texts may change. `errors` names the fields at fault, with a JSON pointer into the body, or `/query/…`, `/path/…`,
`/header/…`. `type` leads to a page of the running service that says the same as this one. `request_id` finds the
request in the logs.

A request is done whole or not at all: after a problem nothing was written. Import rows are refused with the same
codes, row by row.

| code | status | meaning |
| --- | --- | --- |
"""

_SCOPES = """# Scopes and roles

An operation asks for one scope or several; the OpenAPI document names them at each operation. A user or API client
holds the union of the scopes of its roles, an API client also single scopes. A token may be asked for with fewer:
`scope=invoices:read` at `POST /v1/oauth/token`. Roles are read from the database (and kept for up to 30 seconds), so
that a change acts on tokens that are already out.

Segregation of duties: whoever collects (`collector`, `collections_manager`) may not also post cash
(`cash_application`) nor approve write-offs (`credit_manager`). Such a set of roles is refused with
`auth.segregation_of_duties`.

Some decisions have an amount besides: approving adjustments and writing off small differences is bounded by the
actor's approval limit in that currency. Without a limit, whoever holds `invoices:approve` has none, and anybody else
may decide nothing alone.

## Scopes

"""


def problems_page() -> str:
    """`problems.md`: every code that the service can answer."""
    package = Path(app.__path__[0])
    for path in sorted(package.rglob("*.py")):
        if _CODE.search(path.read_text()):  # the others, with all that they need, take seconds to import
            importlib.import_module(".".join(path.relative_to(package.parent).with_suffix("").parts))
    lines = [
        f"| `{one.code}` | {one.status} | {_first_sentence(one.text) or one.title} |"
        for one in catalogue("app.").values()
    ]
    return _WRITTEN + _PROBLEMS + "\n".join(lines) + "\n"


def _first_sentence(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split()).replace("|", "\\|")


def scopes_page() -> str:
    """`scopes-and-roles.md`: scopes with their meaning, and which role has which."""
    lines = ["| scope | allows |", "| --- | --- |"]
    lines += [f"| `{scope}` | {meaning} |" for scope, meaning in SCOPES.items()]
    lines += ["", "## Roles", "", f"| scope | {' | '.join(ROLES)} |", f"| --- |{' :-: |' * len(ROLES)}"]
    for scope in SCOPES:
        marks = ["×" if scope in held else "" for held in ROLES.values()]
        lines.append(f"| `{scope}` | {' | '.join(marks)} |")
    return _WRITTEN + _SCOPES + "\n".join(lines) + "\n"


PAGES: dict[Path, Callable[[], str]] = {
    REFERENCE / "problems.md": problems_page,
    REFERENCE / "scopes-and-roles.md": scopes_page,
}


def main(arguments: list[str] | None = None) -> int:
    """Write the pages; with `--check` only compare, and return 1 when one is not current."""
    check = "--check" in (sys.argv[1:] if arguments is None else arguments)
    stale = [path for path, page in PAGES.items() if not path.exists() or path.read_text() != page()]
    for path in stale:
        print(path.relative_to(ROOT))
        if not check:
            path.write_text(PAGES[path]())
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
