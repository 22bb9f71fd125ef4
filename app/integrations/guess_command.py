"""`duecourse import --guess FILE`: propose a mapping, without a service. The mapping goes to standard output."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from app.core.errors import DomainError
from app.integrations.bank_csv.proposing import SAMPLE_BYTES_MAX
from app.integrations.bank_csv.proposing import propose as propose_profile
from app.integrations.guessing import ROWS_LOOKED_AT_MAX, ColumnGuess, Guess, folded, guess, shown
from app.integrations.import_fields import BANK_STATEMENT
from app.integrations.import_mapping import AUTO, TextFormat
from app.integrations.presets import presets
from app.integrations.row_source import CsvRows
from app.integrations.text_forms import HEAD_BYTES, resolved
from app.integrations.xlsx_rows import read_xlsx

_LIKELY = 60


def propose(file: Path, *, kind: str | None, as_json: bool, out: Console, err: Console) -> int:
    """Print the mapping, and (to `err`) how it came to be. Exit status 0, or 2 when needed fields are missing.

    With the kind `bank_statement` it is the profile of a CSV statement.
    """
    if kind == BANK_STATEMENT:
        return _propose_profile(file, as_json=as_json, out=out, err=err)
    try:
        header, rows = read_sample(file)
        found = guess(header, rows, kind=kind)
    except (DomainError, OSError, ValueError) as failure:
        err.print(f"error: {failure}", style="red", markup=False)
        return 1
    likely = fitting_presets(header)
    if as_json:
        out.print_json(json.dumps(as_document(found, likely)))
    else:
        _explain(found, likely, err)
        out.print_json(json.dumps(shown(found)), indent=2)
    return 2 if found.missing else 0


def _propose_profile(file: Path, *, as_json: bool, out: Console, err: Console) -> int:
    known = {name: found for name, found in presets().items() if found["kind"] == BANK_STATEMENT}
    try:
        with file.open("rb") as stream:
            found = propose_profile(stream.read(SAMPLE_BYTES_MAX), known)
    except (DomainError, OSError) as failure:
        err.print(f"error: {failure}", style="red", markup=False)
        return 1
    if as_json:
        out.print_json(json.dumps(found.as_document()))
        return 2 if found.missing else 0
    _show_columns("a bank statement", found.columns, err)
    for name in found.missing:
        err.print(f"missing: {name}; add it under columns", markup=False)
    for note in found.notes:
        err.print(f"note: {note}", markup=False)
    if found.refused is not None:
        err.print(f"the file does not load with it yet: {found.refused}", markup=False)
    elif not found.missing:
        err.print("proven by its balances" if found.proven else "it has no balances that would prove it", markup=False)
    if found.fitting:
        err.print(f"shipped profiles that read it: {', '.join(found.fitting)}", markup=False)
    out.print_json(json.dumps(found.definition), indent=2)
    return 2 if found.missing else 0


def read_sample(file: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the first rows. Raises ImportFileRefused, OSError."""
    with file.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
        stream.seek(0)
        if head.startswith(b"PK\x03\x04"):
            book = read_xlsx(file, ".")
            return book.header, [row.cells for row in islice(book, ROWS_LOOKED_AT_MAX)]
        if head.lstrip()[:1] == b"{":
            return _objects(head)
        source = CsvRows(stream, resolved(TextFormat(delimiter=AUTO, encoding=AUTO), head))
        rows: Iterator[list[str]] = (row.cells for row in source if row.fault is None)
        return source.header, list(islice(rows, ROWS_LOOKED_AT_MAX))


def _objects(head: bytes) -> tuple[list[str], list[list[str]]]:
    """Keys and values of JSON lines; a line that is cut off is left out."""
    made: list[Mapping[str, Any]] = []
    for line in head.decode("utf-8", "replace").splitlines()[:ROWS_LOOKED_AT_MAX]:
        try:
            found = json.loads(line, parse_float=str, parse_int=str)
        except ValueError:
            continue
        if isinstance(found, dict):
            made.append(found)
    keys = list(dict.fromkeys(key for one in made for key in one))
    return keys, [["" if one.get(key) is None else str(one[key]) for key in keys] for one in made]


def fitting_presets(header: list[str]) -> list[str]:
    """Shipped mappings for which the file has the columns, those that use most of them first."""
    there = {folded(title) for title in header}
    fits: list[tuple[int, str]] = []
    for name, content in presets().items():
        if content["kind"] == BANK_STATEMENT:
            continue
        others = content.get("other_headers", {})

        def has(title: str, others: Mapping[str, list[str]] = others) -> bool:
            return any(folded(known) in there for known in (title, *others.get(title, ())))

        keys = [title for titles in content.get("joined", {}).values() for title in titles]
        if not all(has(title) for title in (*keys, *content.get("where", {}))):
            continue
        columns = list(content.get("columns", {}).values())
        share = 100 * sum(map(has, columns)) // max(len(columns), 1)
        if share >= _LIKELY:
            fits.append((share, name))
    return [name for _, name in sorted(fits, key=lambda fit: (-fit[0], fit[1]))][:5]


def as_document(found: Guess, likely: list[str]) -> dict[str, Any]:
    """The proposal for programs."""
    return {
        "kind": found.kind,
        "mapping": dict(shown(found)),
        "columns": [
            {"header": c.header, "field": c.field, "confidence": c.confidence, "reasons": list(c.reasons)}
            for c in found.columns
        ],
        "missing": [list(group) for group in found.missing],
        "notes": list(found.notes),
        "presets": likely,
    }


def _show_columns(kind: str, columns: Sequence[ColumnGuess], err: Console) -> None:
    table = Table("column", "field", "sure", "why", title=f"rows of {kind}")
    for column in columns:
        sure = f"{column.confidence} %" if column.field else ""
        table.add_row(column.header, column.field or "-", sure, "; ".join(column.reasons))
    err.print(table)


def _explain(found: Guess, likely: list[str], err: Console) -> None:
    _show_columns(found.kind, found.columns, err)
    for group in found.missing:
        err.print(f"missing: {' or '.join(group)}; add it under columns or constants", markup=False)
    for note in found.notes:
        err.print(f"note: {note}", markup=False)
    if likely:
        err.print(f"the columns are those of a shipped mapping: --preset {likely[0]}", markup=False)
