"""One customer's money over two statements: parts, lists, short and long payments, repeats and what comes back."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx

from tests.cash_application import add_customer, open_minor
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import add_terms, issue
from tests.scenarios.test_bank_references import ISSUED, Load, load, statement
from tests.unit.bank_formats.messages import detail, entry

__all__ = ["load"]
QUEUE = "/v1/cash-application"
NAME = "Hansen Logistik GmbH"


def paid(amount: str, number: int, text: str, *, name: str = NAME, end_to_end: str = "", **facts: Any) -> str:
    """A credit of a customer with a free text."""
    refs = f"<EndToEndId>{end_to_end}</EndToEndId>" if end_to_end else ""
    inside = f"<RltdPties><Dbtr><Nm>{name}</Nm></Dbtr></RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf>"
    return entry(amount, reference=f"IN-{number:08}", details=detail(refs=refs, inside=inside), **facts)


async def _states(client: httpx.AsyncClient) -> dict[str, Any]:
    proposals = (await client.get(f"{QUEUE}/proposals", params={"limit": "100"})).json()["data"]
    return {row["payment"]["remittance_text"] or "": row for row in proposals}


async def test_a_customer_pays_in_every_way(
    load: Load, client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        hansen = await add_customer(session, "C-2", NAME)
        terms = await add_terms(session, 200, 60, 90)
        parts: dict[str, Any] = {}
        for number, minor in (
            ("RE-2024-100011", 900_00), ("RE-2024-100023", 119_31), ("RE-2024-100035", 255_17),
            ("RE-2024-100047", 377_77), ("RE-2024-100059", 512_00), ("RE-2024-100061", 88_10),
            ("RE-2024-100062", 91_20), ("RE-2024-100063", 70_30), ("RE-2024-100077", 640_00),
        ):  # fmt: skip
            parts[number] = (await issue(session, tenant, minor, ISSUED, account_id=hansen, number=number))[1]
        parts["RE-2024-100088"] = (
            await issue(
                session, tenant, 1000_00, date(2024, 2, 20), account_id=hansen, number="RE-2024-100088",
                payment_terms_id=terms,
            )
        )[1]  # fmt: skip
    await load(
        statement(
            paid("400.00", 1, "RE-2024-100011 part 1"),
            paid("500.00", 2, "RE-2024-100011 part 2"),
            paid("119.30", 3, "RE-2024-100023"),
            paid("260.17", 4, "RE-2024-100035"),
            paid("377.77", 5, "RE 2O24 1OOO47", end_to_end="HANSEN-0047"),
            paid("452.00", 6, "RE-2024-100059 less 60,00 damaged goods"),
            paid("249.60", 7, "RE-2024-100061-63"),
            paid("980.00", 8, "RE-2024-100088 less 2 %"),
        )
    )
    left = {number: await open_minor(database, tenant, part) for number, part in parts.items()}
    assert left == {
        **dict.fromkeys(parts, 0), "RE-2024-100059": 60_00, "RE-2024-100077": 640_00,
    }  # fmt: skip
    states = await _states(client)
    assert {row["state"] for row in states.values()} == {"applied"}
    surplus = states["RE-2024-100035"]
    assert (surplus["residual_amount"], surplus["residual_treatment"]) == ("5.00", "on_account")
    assert states["RE-2024-100023"]["lines"][0]["write_off_amount"] == "0.01"
    assert states["RE-2024-100088 less 2 %"]["lines"][0]["discount_amount"] == "20.00"
    (dispute,) = (await client.get("/v1/disputes")).json()["data"]
    assert (dispute["disputed_amount"], dispute["reason_code"]) == ("60.00", "damaged_goods")

    back = entry(
        "377.77", direction="DBIT", booked="2024-03-20", valued="2024-03-20", reference="OUT-0000001",
        details=detail(
            refs="<EndToEndId>HANSEN-0047</EndToEndId>", inside="<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"
        ),
    )  # fmt: skip
    later = {"booked": "2024-03-20", "valued": "2024-03-20"}
    again = paid("249.60", 11, "RE-2024-100061-63", **later)
    unclear = paid("123.45", 12, "part of RE-2024-1000", name="Nobody Ltd", **later)
    second = statement(back, again, unclear).replace(b"ST-1", b"ST-2")
    await load(second)
    assert await open_minor(database, tenant, parts["RE-2024-100047"]) == 377_77, "the bank took it back"
    found = (await client.get(f"{QUEUE}/proposals", params={"state": "held"})).json()["data"]
    assert [(row["kind"], row["amount"]) for row in found] == [("duplicate", "249.60")]
    open_ = (await client.get(f"{QUEUE}/proposals", params={"state": "open"})).json()["data"]
    assert [(row["amount"], row["band"]) for row in open_] == [("123.45", "none")]

    runs = (await client.get(f"{QUEUE}/runs", params={"sort": "-created"})).json()["data"]
    last, first = [(await client.get(f"{QUEUE}/runs/{run['id']}")).json() for run in runs]
    assert (first["automatic_rate"], first["applied"]) == (
        1.0, {"payments": 8, "lines": 10, "value": {"EUR": "3338.84"}},
    )  # fmt: skip
    assert (last["payments_total"], last["automatic_rate"], last["none"]["payments"]) == (2, 0.0, 2)
    assert set(last["why_not"]) == {"duplicate", "none.payer"}
    assert (await client.get("/v1/proof", params={"as_of": "2024-12-31"})).json()["holds"] is True
