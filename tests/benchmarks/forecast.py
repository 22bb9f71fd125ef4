"""Fit and forecast of a large ledger: 1,000,000 invoices of history, 100,000 open (`FORECAST_ROWS` sets it)."""

from __future__ import annotations

import os
import resource
import time
from datetime import date, timedelta
from typing import Any

import numpy as np

from app.forecasting.model.engine import Model, fit, forecast
from app.forecasting.model.interface import NEVER, Ledger, day_of

ROWS = int(os.environ.get("FORECAST_ROWS", "1000000"))
ACCOUNTS_PER_ROWS = 100
OPEN_SHARE = 0.1
DAYS = 1_000
CUTOFF = date(2026, 6, 30)
SECONDS_MAX, BYTES_MAX = 300, 3 * 1024**3


def large_ledger(rows: int, seed: int = 1) -> Ledger:
    """Accounts of very different size, each with its delay and its weekly runs; about a tenth is open at the end."""
    rng = np.random.default_rng(seed)
    accounts = max(rows // ACCOUNTS_PER_ROWS, 1)
    account = np.minimum(rng.exponential(accounts / 4, rows).astype(np.int32), accounts - 1)
    delay, weekday = rng.normal(4, 8, accounts), rng.integers(0, 5, accounts)
    now = day_of(CUTOFF)
    issued = (now - rng.integers(0, DAYS, rows)).astype(np.int32)
    terms = rng.choice([14, 30, 60, 90], accounts, p=[0.1, 0.4, 0.3, 0.2])[account]
    ready = issued + terms + delay[account] + rng.normal(0, 3, rows) + (rng.random(rows) < 0.03) * 100
    ready = np.maximum(ready.astype(np.int32), issued)
    paid = ready + (weekday[account] - (ready + 3)) % 7
    open_now = paid > now
    surplus = int(open_now.sum() - OPEN_SHARE * rows)
    if surplus < 0:  # some are in arrears
        late = rng.choice(np.flatnonzero(~open_now & (issued > now - 200)), -surplus, replace=False)
        paid[late] = NEVER
    paid[open_now] = NEVER
    return Ledger.from_columns(
        account=account.tolist(),
        issued=issued,
        due=issued + terms,
        amount_minor=rng.lognormal(10, 1.5, rows).astype(np.int64) + 1,
        currency=["EUR"] * rows,
        paid=paid,
        segment=np.array(["a", "b", "c", "d"])[account % 4].tolist(),
    )


async def run() -> list[dict[str, Any]]:
    """Seconds to fit and to forecast, and the most memory that was used."""
    ledger = large_ledger(ROWS)
    open_items = int((ledger.paid == NEVER).sum())
    start, busy = time.perf_counter(), time.process_time()
    model = fit(ledger, CUTOFF)
    fitted = time.perf_counter()
    model = Model.from_bytes(model.to_bytes())
    made = forecast(model, ledger, CUTOFF, groups={"segment": ledger.segment, "account": ledger.account})
    done, worked = time.perf_counter(), time.process_time() - busy
    assert len(made.invoices.row) == open_items
    assert made.cutoff + timedelta(days=1) > CUTOFF
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    name = f"{ROWS:,} invoices, {open_items:,} open"
    rows = (
        (f"forecast: fit, {name}", fitted - start, None, "s"),
        (f"forecast: forecast by account, {name}", done - fitted, None, "s"),
        (f"forecast: both, {name}", done - start, SECONDS_MAX, "s (baseline: the bound)"),
        (f"forecast: processor time of both, {name}", worked, SECONDS_MAX * 2, "s (baseline: two processors)"),
        ("forecast: most memory", peak / 1024**2, BYTES_MAX / 1024**2, "MB (baseline: the bound)"),
    )
    return [
        {"name": text, "ours": ours, "baseline": bound, "ratio": None if bound is None else ours / bound, "unit": unit}
        for text, ours, bound, unit in rows
    ]
