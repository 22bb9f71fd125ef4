"""The last table of the demo: what is expected to come in, week by week, by one forecast of the loaded company."""

from __future__ import annotations

import os
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from app.demo.api import Api

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.5


def print_forecast(api: Api, console: Console) -> None:
    """Ask for a forecast, wait for it, print it. One that takes too long goes on by itself, and is not waited for.

    `DUECOURSE_DEMO_FORECAST_SECONDS` says how long that is; 0 asks for none.
    """
    patience = float(os.environ.get("DUECOURSE_DEMO_FORECAST_SECONDS", PATIENCE_SECONDS))
    if patience <= 0:
        return
    started = time.monotonic()
    run: dict[str, Any] = api.call("POST", "/v1/forecasts/runs", json={}).json()
    with console.status("forecasting collections"):
        while run["state"] in ("queued", "running") and time.monotonic() - started < patience:
            time.sleep(POLL_SECONDS)
            run = api.call("GET", f"/v1/forecasts/runs/{run['id']}").json()
    if run["state"] != "done":
        console.print(f"forecast: {run['state']}; see GET /v1/forecasts/runs/{run['id']}")
        return
    (series,) = api.call("GET", "/v1/forecasts/weeks", params={"run_id": run["id"], "layer": "total"}).json()["data"]
    title = f"expected collections in {series['currency']}, as of {run['as_of']}"
    table = Table("week until", "expected", "P10", "P90", "by due date", "mean of 13 weeks", title=title)
    for week in series["weeks"]:
        naive = week["naive"] or {}
        table.add_row(week["ends_on"], week["mean"], week["p10"], week["p90"], naive.get("due_date") or "–",
                      naive.get("mean_13") or "–")  # fmt: skip
    console.print(table)
    if run["model_id"] is not None:
        model = api.call("GET", f"/v1/forecasts/models/{run['model_id']}").json()
        for reason in model["reasons"]:
            console.print(f"  {reason}")
    items = run["inputs"]["open_items"]
    console.print(f"forecast of {items} open items in {time.monotonic() - started:.0f} s")
