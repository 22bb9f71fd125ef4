"""`duecourse import FILE --kind e_invoice` and `--kind remittance_advices`: files that are answered at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

ADDRESSES = {"e_invoice": "/v1/invoice-files", "remittance_advices": "/v1/remittance-advices/upload"}


def send_file(
    http: httpx.Client, file: Path, kind: str, mapping: Path | None, options: Sequence[str], *, dry_run: bool = False
) -> httpx.Response:
    """Send the file. Options of a remittance file are those of imports; of an invoice they are its query parameters.

    Raises ValueError for an option that is not `name=value`, and for a dry run of remittance advices.
    """
    if dry_run and kind != "e_invoice":
        raise ValueError(f"there is no dry run of {kind}")
    said: dict[str, str] = {"dry_run": "true"} if dry_run else {}
    for option in options:
        name, sign, value = option.partition("=")
        if not sign:
            raise ValueError(f"an option is name=value, not {option!r}")
        said[name] = value
    form: dict[str, str] = {}
    if kind == "remittance_advices":
        query = {name: said.pop(name) for name in ("take_tests",) if name in said}
        form = {"options": json.dumps(said)}
        if mapping is not None:
            form["mapping"] = mapping.read_text(encoding="utf-8")
    else:
        query = said
    with file.open("rb") as stream:
        return http.post(ADDRESSES[kind], params=query, data=form, files={"file": (file.name, stream)})


def show_answer(kind: str, answer: dict[str, Any], console: Console, *, as_json: bool) -> None:
    """What became of the file, in words or as it was answered."""
    if as_json:
        console.print_json(json.dumps(answer))
    elif kind == "e_invoice":
        money = f"{answer['amount']} {answer['currency']}"
        dry = " (dry run: nothing was written)" if answer["dry_run"] else ""
        console.print(f"{answer['kind']} {answer['number']}: {answer['outcome']}, {money}{dry}", markup=False)
        for note in answer["notes"]:
            console.print(f"  {note}", markup=False)
    else:
        console.print(f"remittance advices: {answer['created']} recorded, {answer['duplicates']} known already")
        for one in answer["advices"]:
            place = f"{one['place']}: " if one["place"] else ""
            lines = f"{one['lines_count']} lines, totals: {one['totals_check']}"
            console.print(f"  {place}{one['amount']} {one['currency']}, {lines}", markup=False)
        for one in answer["withdrawn"]:
            console.print(f"  taken back, {one['place']}: {one['remittance_advice_id']}", markup=False)
        for part in answer["left_out"]:
            console.print(f"  left out, {part['place']}: {part['detail']}", markup=False)
