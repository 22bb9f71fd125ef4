"""SAP: items that were cleared without a payment, in part, or by one that is missing; clearings that were reset."""

from __future__ import annotations

from typing import Any

from tests.control_account import assert_books_agree
from tests.integration.importing import fetch
from tests.integration.test_erp_presets import ITEMS, KNA1, Extracts, extracts, item

__all__ = ["extracts"]

BSAD_STEPS = ("sap-BSID-partial", "sap-BSAD-applications", "sap-BSAD-credits")
BSID_STEPS = ("sap-BSID-documents", "sap-BSID-residuals", "sap-BSID-payments", "sap-BSID-reopened", "sap-BSID-partial")


async def load_all(extracts: Extracts, bsid: str, bsad: str) -> dict[str, dict[str, Any]]:
    """The order of `duecourse import-extract --system sap`."""
    done: dict[str, dict[str, Any]] = {}
    for name in ("sap-BSID-documents", "sap-BSID-residuals", "sap-BSID-payments"):
        await extracts.load(name, ITEMS + bsad)
    for name in BSID_STEPS:
        done[name] = await extracts.load(name, ITEMS + bsid)
    for name in BSAD_STEPS:
        done[name] = await extracts.load(name, ITEMS + bsad)
    return done


def by(document: str, on: str = "20260320") -> dict[str, str]:
    return {"AUGBL": document, "AUGGJ": "2026", "AUGDT": on}


async def amounts(extracts: Extracts) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Open invoices, open credit memos, unapplied cash."""
    invoices = {number: open_ for number, (open_, _, _) in (await extracts.open()).items()}
    memos = {number: open_ for number, (open_, _) in (await extracts.memos()).items()}
    cash = {key.split("/")[2]: left for key, (left, _) in (await extracts.cash()).items()}
    return invoices, memos, cash


async def reasons(extracts: Extracts) -> list[tuple[int, str]]:
    rows = await fetch(
        extracts.database, extracts.tenant,
        "SELECT amount_minor, reason FROM adjustments WHERE reason_code = 'source_clearing' ORDER BY amount_minor",
    )  # fmt: skip
    return [(row["amount_minor"], row["reason"]) for row in rows]


async def test_credit_memos_missing_payments_and_residual_items_leave_no_difference(extracts: Extracts) -> None:
    await extracts.load("sap-KNA1", KNA1)
    bsad = "".join([
        # an invoice against a credit memo, by a clearing document of its own
        item("200", "DR", "S", "100.00", **by("900")), item("201", "DG", "H", "100.00", **by("900")),
        # a payment and a credit memo clear one invoice together
        item("210", "DR", "S", "1000.00", **by("911")), item("212", "DG", "H", "100.00", **by("911")),
        item("911", "DZ", "H", "900.00", **by("911")),
        # the payment is not in the extract; cash discount
        item("220", "DR", "S", "500.00", WSKTO="10.00", **by("922")),
        # a payment that clears all and leaves a residual item
        item("230", "DR", "S", "1000.00", **by("933")), item("933", "DZ", "H", "1000.00", **by("933")),
        # paid in two parts: the first names the invoice
        item("240", "DR", "S", "600.00", **by("944")), item("944", "DZ", "H", "350.00", **by("944")),
        item("943", "DZ", "H", "250.00", REBZG="240", REBZJ="2026", REBZZ="001", **by("944")),
    ])  # fmt: skip
    bsid = item("933", "DZ", "S", "200.00", BUZEI="003") + item("250", "DR", "S", "70.00")
    await load_all(extracts, bsid, bsad)
    open_ = await amounts(extracts)
    assert open_[0] == {"200": 0, "210": 0, "220": 0, "230": 0, "240": 0, "933": 20_000, "250": 7_000}
    assert set(open_[1].values()) == {0}
    assert set(open_[2].values()) == {0}
    assert await reasons(extracts) == [
        (10_000, "cleared by 0000004711/1000/900/2026 at its source"),
        (10_000, "cleared by 0000004711/1000/911/2026 at its source"),
        (50_000, "cleared by 0000004711/1000/922/2026 at its source"),
    ]
    async with extracts.database.write(extracts.tenant.organization_id, extracts.tenant.actor) as session:
        await assert_books_agree(session)
    again = await load_all(extracts, bsid, bsad)
    assert await amounts(extracts) == open_
    assert {done["rows_created"] + done["rows_updated"] for done in again.values()} == {0}


async def test_a_reset_opens_the_items_again_and_another_clearing_follows(extracts: Extracts) -> None:
    await extracts.load("sap-KNA1", KNA1)
    invoice, memo = ("300", "DR", "S", "100.00"), ("301", "DG", "H", "100.00")
    paid = item("310", "DR", "S", "50.00", **by("955")), item("955", "DZ", "H", "50.00", **by("955"))
    cleared = item(*invoice, **by("900")) + item(*memo, **by("900")) + "".join(paid)
    await load_all(extracts, "", cleared)
    assert await amounts(extracts) == ({"300": 0, "310": 0}, {"301": 0}, {"955": 0})
    reset = item(*invoice) + item(*memo) + item("310", "DR", "S", "50.00") + item("955", "DZ", "H", "50.00")
    done = await load_all(extracts, reset, "")
    assert done["sap-BSID-reopened"]["rows_updated"] == 3
    assert await amounts(extracts) == ({"300": 10_000, "310": 5_000}, {"301": 10_000}, {"955": 5_000})
    anew = item(*invoice, **by("960", "20260701")) + item(*memo, **by("961", "20260701"))
    await load_all(extracts, "", anew + item("310", "DR", "S", "50.00", **by("970", "20260701")))
    assert await amounts(extracts) == ({"300": 0, "310": 0}, {"301": 0}, {"955": 5_000})


async def test_another_clearing_takes_the_place_of_the_one_before(extracts: Extracts) -> None:
    await extracts.load("sap-KNA1", KNA1)
    receipts = item("955", "DZ", "H", "50.00") + item("956", "DZ", "H", "50.00")
    await load_all(extracts, receipts, item("310", "DR", "S", "50.00", **by("955")))
    assert await amounts(extracts) == ({"310": 0}, {}, {"955": 0, "956": 5_000})
    await load_all(extracts, receipts, item("310", "DR", "S", "50.00", **by("956", "20260401")))
    assert await amounts(extracts) == ({"310": 0}, {}, {"955": 5_000, "956": 0})
