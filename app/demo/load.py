"""`python -m app.demo.load`: load the demo company through the public API, the way a user would; then show a table.

Generates the company, creates its legal entities, bank accounts, terms and users, imports accounts and invoices with
mapping files, the bank statements as camt.053, week by week, and waits for the matching. Safe to repeat: what is there
already is left as it is.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.demo.api import Api, DemoFailed
from app.demo.bootstrap import bootstrap
from app.demo.forecast import print_forecast
from app.demo.generator.generate import generate
from app.demo.report import print_report
from app.settings import Settings

STATEMENT_STREAMS = 6  # bank accounts whose statements are loaded side by side; each in its own order
IDLE_PATIENCE_SECONDS = 900.0


def load(api: Api, folder: Path, console: Console) -> None:
    """Load what `generate` wrote to the folder, with progress bars."""
    company = json.loads((folder / "company.json").read_text())
    columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, refresh_per_second=2) as progress:
        _create_company(api, company)
        for kind in ("accounts", "invoices"):
            task = progress.add_task(f"importing {kind}", total=100)
            mapping = json.loads((folder / f"mapping_{kind}.json").read_text())
            done = api.load(
                folder / f"{kind}.csv",
                kind,
                mapping=mapping,
                progress=lambda percent, task=task: progress.update(task, completed=percent),  # type: ignore[misc]
            )
            progress.update(task, completed=100)
            if done["rows_refused"]:
                console.print(f"{kind}: {done['rows_refused']} rows were refused")
        _load_statements(api, folder, progress)
        _wait_for_matching(api, progress)


def _create_company(api: Api, company: dict[str, Any]) -> None:
    entities = {row["code"]: row["id"] for row in api.pages("/v1/legal-entities")}
    for entity in company["legal_entities"]:
        if entity["code"] not in entities:
            entities[entity["code"]] = api.call("POST", "/v1/legal-entities", json=entity).json()["id"]
    for bank in company["bank_accounts"]:
        body = {name: bank[name] for name in ("name", "identifier", "currency", "bic")}
        body["legal_entity_id"] = entities[bank["legal_entity"]]
        api.call("POST", "/v1/bank-accounts", json=body, accept=(409,))
    for terms in company["payment_terms"]:
        body = {"code": terms["code"], "name": terms["name"], "terms": terms["text"]}
        api.call("POST", "/v1/payment-terms", json=body, accept=(409,))
    for user in company["users"]:
        api.call("POST", "/v1/users", json=user, accept=(409,))
    rates = [{**rate} for rate in company["exchange_rates"]]
    api.call("PUT", "/v1/exchange-rates", json={"rates": rates})


def _load_statements(api: Api, folder: Path, progress: Progress) -> None:
    files = sorted((folder / "statements").glob("*/*.xml"), key=lambda file: (file.name, file.parent.name))
    files = files[: int(os.environ.get("DUECOURSE_DEMO_STATEMENTS", len(files)))]
    task = progress.add_task("loading bank statements", total=len(files))
    by_account: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        by_account[file.parent.name].append(file)

    def load_account(statements: list[Path]) -> None:
        for statement in statements:
            api.load(statement, "bank_statement")
            progress.advance(task)

    with ThreadPoolExecutor(STATEMENT_STREAMS) as pool:
        for ended in [pool.submit(load_account, statements) for statements in by_account.values()]:
            ended.result()


def _wait_for_matching(api: Api, progress: Progress) -> None:
    """Wait until no matching is under way; the job list tells."""
    task = progress.add_task("matching payments", total=None)
    deadline = time.monotonic() + IDLE_PATIENCE_SECONDS
    while any(api.call("GET", "/v1/jobs", params={"state": state, "limit": 1}).json()["data"]
              for state in ("due", "leased")):  # fmt: skip
        if time.monotonic() > deadline:
            raise DemoFailed("the matching does not come to an end")
        time.sleep(0.3)
    run = api.call("POST", "/v1/cash-application/runs", json={"include_unmatched": True}).json()
    while run["state"] in ("queued", "running"):
        if time.monotonic() > deadline:
            raise DemoFailed("the last matching run does not come to an end")
        time.sleep(0.3)
        run = api.call("GET", f"/v1/cash-application/runs/{run['id']}").json()
        progress.update(task, completed=run["payments_done"], total=max(run["payments_total"], 1))
    progress.update(task, completed=1, total=1)


def _last_day(api: Api) -> date:
    """The day before the demo organization was made: a load that is taken up later makes the same files."""
    made = next(api.pages("/v1/organizations"))
    return datetime.fromisoformat(made["created_at"]).date() - timedelta(days=1)


def main(accounts: int | None = None, invoices: int | None = None) -> int:
    """Command entry: the sizes come from the arguments or `DUECOURSE_DEMO_ACCOUNTS` and `DUECOURSE_DEMO_INVOICES`.

    `DUECOURSE_DEMO_STATEMENTS` loads only the first so many weekly statements.
    """
    settings = Settings()
    console = Console(width=None if sys.stdout.isatty() else 120)
    accounts = accounts or int(os.environ.get("DUECOURSE_DEMO_ACCOUNTS", "2000"))
    invoices = invoices or int(os.environ.get("DUECOURSE_DEMO_INVOICES", "20000"))
    ready = asyncio.run(bootstrap(settings))
    api = Api(f"http://{settings.host}:{settings.port}", str(ready["token"]))
    try:
        with tempfile.TemporaryDirectory(prefix="duecourse-demo-") as name:
            folder = Path(name)
            until = _last_day(api)
            console.print(f"Demo company: {accounts} accounts, {invoices} invoices in the two years until {until}")
            generate(folder, accounts=accounts, invoices=invoices, until=until)
            started = time.monotonic()
            load(api, folder, console)
            console.print(f"Loaded and matched in {time.monotonic() - started:.0f} s")
            print_report(api, folder, console)
            print_forecast(api, console)
    except DemoFailed as failure:
        console.print(f"[red]The demo could not be loaded:[/red] {failure}")
        return 1
    finally:
        api.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
