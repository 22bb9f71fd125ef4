"""The interface as a file: `python -m app.openapi [--check]` writes or compares `openapi/openapi.json`."""

from __future__ import annotations

import difflib
import json
import sys
from itertools import islice
from pathlib import Path

from app.main import create_app
from app.settings import Settings

FILE = Path(__file__).resolve().parent.parent / "openapi" / "openapi.json"
SHOWN_LINES = 60


def render() -> str:
    """The document of the code as text: sorted keys, two blanks, one line feed at the end."""
    app = create_app(Settings())
    return json.dumps(app.openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Command entry: 0, or 1 with a short difference when `--check` finds the file out of date."""
    arguments = sys.argv[1:] if arguments is None else arguments
    text = render()
    if arguments[:1] != ["--check"]:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(text, encoding="utf-8")
        return 0
    present = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    if present == text:
        return 0
    lines = difflib.unified_diff(
        present.splitlines(), text.splitlines(), "openapi/openapi.json", "the code", lineterm="", n=2
    )
    print("\n".join(islice(lines, SHOWN_LINES)), file=sys.stderr)
    print("openapi/openapi.json is out of date; run: make openapi", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
