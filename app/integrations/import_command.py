"""`duecourse import FILE`: load a file into a running service through its public API, and show how it goes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.integrations.file_command import ADDRESSES, send_file, show_answer

POLL_SECONDS = 0.2
RETRY_SECONDS = 60.0
ERRORS_SHOWN = 20
_MEASURES = ("read", "created", "updated", "unchanged", "refused", "rounded")


class CommandFailed(RuntimeError):
    """The service refused the request, or does not answer; the text says why."""


def import_file(
    file: Path,
    *,
    kind: str | None,
    base_url: str,
    token: str,
    mapping: Path | None = None,
    preset: str | None = None,
    options: Sequence[str] = (),
    dry_run: bool = False,
    as_json: bool = False,
    console: Console | None = None,
) -> int:
    """Upload the file, wait for the end, print counts, control totals and refused rows.

    `options` are `name=value` texts. The exit status: 0 all rows loaded, 1 the import failed, 2 rows were refused.
    """
    console = console or Console()
    try:
        with httpx.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
        ) as http:
            if kind in ADDRESSES:
                told = answer_of(send_file(http, file, kind, mapping, options, dry_run=dry_run))
                show_answer(kind, told, console, as_json=as_json)
                return 0
            made = upload(http, file, kind, mapping, preset, options, dry_run)
            done = wait_for(http, made, console, quiet=as_json)
            if as_json:
                console.print_json(json.dumps(done))
            else:
                _show(http, done, console)
    except (CommandFailed, OSError, ValueError) as failure:
        console.print(f"error: {failure}", style="red", markup=False)
        return 1
    if done["state"] != "completed":
        return 1
    return 2 if done["rows_refused"] else 0


def upload(
    http: httpx.Client,
    file: Path,
    kind: str | None,
    mapping: Path | None,
    preset: str | None,
    options: Sequence[str],
    dry_run: bool,
) -> dict[str, Any]:
    """Send the file with what is said about it; the import as it was made. Raises CommandFailed."""
    said: dict[str, str] = {}
    for option in options:
        name, sign, value = option.partition("=")
        if not sign:
            raise CommandFailed(f"an option is name=value, not {option!r}")
        said[name] = value
    form = {"options": json.dumps(said), "dry_run": "true" if dry_run else "false"}
    if kind is not None:
        form["kind"] = kind
    if preset is not None:
        form["preset"] = preset
    if mapping is not None:
        form["mapping"] = mapping.read_text(encoding="utf-8")
    with file.open("rb") as stream:
        return answer_of(http.post("/v1/imports", data=form, files={"file": (file.name, stream)}))


def answer_of(answer: httpx.Response) -> dict[str, Any]:
    """The JSON of an answer. Raises CommandFailed with the problem's code and reasons."""
    if answer.is_success:
        return dict(answer.json())
    try:
        problem = answer.json()
        faults = "; ".join(f"{error['pointer']}: {error['detail']}" for error in problem.get("errors", []))
        text = f"{problem['code']}: {problem['detail']}{' (' + faults + ')' if faults else ''}"
    except (ValueError, KeyError, TypeError):
        text = answer.text[:300]
    raise CommandFailed(f"{answer.status_code} {text}")


def wait_for(http: httpx.Client, made: dict[str, Any], console: Console, *, quiet: bool) -> dict[str, Any]:
    """Ask until the import has ended; a service that is just restarting is waited for."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
    )
    deadline = time.monotonic() + RETRY_SECONDS
    with Progress(*columns, console=console, disable=quiet) as progress:
        task = progress.add_task(made["file_name"], total=100, rows=0)
        while made["state"] in ("queued", "running"):
            time.sleep(POLL_SECONDS)
            try:
                answer = http.get(f"/v1/imports/{made['id']}")
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    raise CommandFailed(f"the service does not answer: {error}") from None
                continue
            if answer.status_code in (429, 503) and time.monotonic() < deadline:
                continue
            made = answer_of(answer)
            deadline = time.monotonic() + RETRY_SECONDS
            progress.update(task, completed=made["percent"], rows=made["rows_read"])
    return made


def _show(http: httpx.Client, done: dict[str, Any], console: Console) -> None:
    dry = " (dry run: nothing was written)" if done["dry_run"] else ""
    console.print(f"{done['kind']}: {done['state']}{dry}")
    if done["error"] is not None:
        console.print(f"{done['error']['code']}: {done['error']['detail']}", markup=False)
    table = Table("currency", "rows that were", "rows", "amount")
    for column in table.columns[2:]:
        column.justify = "right"
    for total in done["control_totals"]:
        currency = total["currency"] or "unreadable"
        for name in _MEASURES:
            if total[name]["rows"]:
                table.add_row(currency, name, f"{total[name]['rows']:,}", total[name]["amount"])
    console.print(table)
    if not done["rows_refused"]:
        return
    page = answer_of(
        http.get(f"/v1/imports/{done['id']}/errors", params={"limit": ERRORS_SHOWN, "severity": "refused"})
    )
    for error in page["data"]:
        where = f"line {error['row_number']}" + (f", {error['field']}" if error["field"] else "")
        console.print(f"  {where}: {error['code']}: {error['detail']}", markup=False)
    if page["has_more"]:
        console.print(f"  … more at /v1/imports/{done['id']}/errors")
