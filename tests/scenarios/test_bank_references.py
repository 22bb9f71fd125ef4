"""From a bank's file to settled invoices: whatever carries the reference, the money finds its documents."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.cash_application.run import run_matching
from app.core.payment_references import creditor_reference, modulo_10_recursive
from app.core.payment_references import qr_reference as account_qr_reference
from app.integrations.bank_formats.references import make_rf
from app.integrations.import_run import run_import
from tests.cash_application import add_customer, open_minor
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue
from tests.unit.bank_formats.messages import camt, detail, entry

ISSUED = date(2024, 2, 1)
OWN = "DE89370400440532013000"
Load = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def load(client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, tmp_path: Path) -> Load:
    """Upload a bank file, let the worker load it, match what waits; the import as it ended."""

    async def work(content: bytes, **options: str) -> dict[str, Any]:
        files = {"file": ("statement", content, "application/octet-stream")}
        form = {"kind": "bank_statement", "options": json.dumps(options)}
        made = await client.post("/v1/imports", data=form, files=files)
        assert made.status_code == 202, made.text
        await run_import(database, tmp_path, tenant.organization_id, UUID(made.json()["id"]))
        run = await client.post("/v1/cash-application/runs", json={})
        assert run.status_code == 202, run.text
        await run_matching(database, tenant.organization_id, UUID(run.json()["id"]))
        return dict((await client.get(f"/v1/imports/{made.json()['id']}")).json())

    return work


async def _owe(database: RolledBackDatabase, tenant: Tenant, **amounts: int) -> dict[str, UUID]:
    """Invoices of one customer; their instalments by number."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        hansen = await add_customer(session, "C-2", "Hansen Logistik GmbH")
        return {
            number: (await issue(session, tenant, minor, ISSUED, account_id=hansen, number=number))[1]
            for number, minor in amounts.items()
        }


async def _left(database: RolledBackDatabase, tenant: Tenant, owed: dict[str, UUID]) -> dict[str, int]:
    return {number: await open_minor(database, tenant, part) for number, part in owed.items()}


def qr_reference(number: str) -> str:
    """A Swiss QR reference that carries this number."""
    body = number.rjust(26, "0")
    return body + str(modulo_10_recursive(body))


def belgian_reference(number: str) -> str:
    """A Belgian structured communication that carries this number."""
    body = number.rjust(10, "0")
    whole = f"{body}{int(body) % 97 or 97:02}"
    return f"+++{whole[:3]}/{whole[3:7]}/{whole[7:]}+++"


def structured(*blocks: str) -> str:
    """A transaction with these blocks of structured remittance."""
    payer = "<RltdPties><Dbtr><Nm>Treuhand 4711</Nm></Dbtr></RltdPties>"
    return detail(inside=f"{payer}<RmtInf>{''.join(f'<Strd>{block}</Strd>' for block in blocks)}</RmtInf>")


def creditor(value: str, kind: str) -> str:
    """A creditor reference."""
    return f"<CdtrRefInf><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Ref>{value}</Ref></CdtrRefInf>"


def document(number: str, amounts: str = "", kind: str = "CINV", inside: str = "") -> str:
    """A referred document, with its amounts where given."""
    info = f"<Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Nb>{number}</Nb>{inside}"
    return f"<RfrdDocInf>{info}</RfrdDocInf>" + (f"<RfrdDocAmt>{amounts}</RfrdDocAmt>" if amounts else "")


def money(name: str, amount: str) -> str:
    """One amount of a document."""
    return f'<{name} Ccy="EUR">{amount}</{name}>'


def statement(*entries: str) -> bytes:
    """A camt.053 of the own account."""
    return camt(*entries, account=f"<Acct><Id><IBAN>{OWN}</IBAN></Id><Ccy>EUR</Ccy></Acct>")


async def test_coded_references_of_camt(load: Load, database: RolledBackDatabase, tenant: Tenant) -> None:
    owed = await _owe(
        database, tenant, **{"RE-539007547": 119_31, "RE-1000234": 211_17, "RE-1000456": 307_77, "RE-1000999": 411_13}
    )
    await load(
        statement(
            entry("119.31", reference="R-00000001", details=structured(creditor(make_rf("539007547"), "SCOR"))),
            entry("211.17", reference="R-00000002", details=structured(creditor(qr_reference("1000234"), "QRR"))),
            entry("307.77", reference="R-00000003", details=structured(creditor(belgian_reference("1000456"), "SCOR"))),
            entry(
                "411.13",
                reference="R-00000004",
                details=detail(inside=f"<RmtInf><Ustrd>{belgian_reference('1000999')}</Ustrd></RmtInf>"),
            ),
        )
    )
    assert await _left(database, tenant, owed) == dict.fromkeys(owed, 0)


async def test_documents_with_their_amounts_of_camt(
    load: Load, client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    """Each in a block of its own; then line by line in one block; then with a named deduction."""
    owed = await _owe(
        database, tenant,
        **{"RE-2000011": 500_00, "RE-2000027": 250_00, "RE-2000033": 640_00, "RE-2000049": 80_00, "RE-2000058": 900_00},
    )  # fmt: skip
    lines = "".join(
        document(
            number, inside=f"<LineDtls><Id><Nb>1</Nb></Id><Amt>{money('RmtdAmt', amount)}</Amt></LineDtls>"
        )
        for number, amount in (("RE-2000033", "400.00"), ("RE-2000049", "80.00"))
    )  # fmt: skip
    short = f"<AdjstmntAmtAndRsn>{money('Amt', '60.00')}<CdtDbtInd>DBIT</CdtDbtInd>"
    short += "<AddtlInf>damaged goods</AddtlInf></AdjstmntAmtAndRsn>"
    await load(
        statement(
            entry(
                "550.00",
                reference="R-00000001",
                details=structured(
                    document("RE-2000011", money("RmtdAmt", "300.00")),
                    document("RE-2000027", money("RmtdAmt", "250.00")),
                ),
            ),
            entry("480.00", reference="R-00000002", details=structured(lines)),
            entry(
                "840.00",
                reference="R-00000003",
                details=structured(
                    document("RE-2000058", money("DuePyblAmt", "900.00") + short + money("RmtdAmt", "840.00"))
                ),
            ),
        )
    )
    left = await _left(database, tenant, owed)
    assert left == {
        "RE-2000011": 200_00, "RE-2000027": 0, "RE-2000033": 240_00, "RE-2000049": 0, "RE-2000058": 60_00,
    }  # fmt: skip
    (dispute,) = (await client.get("/v1/disputes")).json()["data"]
    assert dispute["disputed_amount"] == "60.00"


async def test_a_credit_memo_named_beside_its_invoice(
    load: Load, client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    owed = await _owe(database, tenant, **{"RE-3000011": 1000_00})
    account = (await client.get("/v1/accounts?number=C-2")).json()["data"][0]["id"]
    memo = await client.post(
        "/v1/credit-memos",
        json={
            "number": "GS-3000015", "legal_entity_id": str(tenant.legal_entity_id), "account_id": account,
            "amount": "150.00", "currency": "EUR", "credit_date": "2024-02-10",
        },
    )  # fmt: skip
    assert memo.status_code == 201, memo.text
    await load(
        statement(
            entry(
                "850.00",
                reference="R-00000001",
                details=structured(
                    document("RE-3000011", money("DuePyblAmt", "1000.00") + money("RmtdAmt", "1000.00")),
                    document("GS-3000015", money("CdtNoteAmt", "150.00"), kind="CREN"),
                ),
            )
        )
    )
    assert await _left(database, tenant, owed) == {"RE-3000011": 0}
    assert (await client.get(f"/v1/credit-memos/{memo.json()['id']}")).json()["open_amount"] == "0.00"


async def test_references_of_mt940(load: Load, database: RolledBackDatabase, tenant: Tenant) -> None:
    owed = await _owe(
        database, tenant,
        **{"RE-4000011": 101_10, "RE-4000023": 102_20, "RE-4000035": 103_30, "RE-4000047": 104_40,
           "RE-4000059": 105_50},
    )  # fmt: skip
    rf = make_rf("4000035")
    text = (
        ":20:STMT", f":25:{OWN}", ":28C:00052/001", ":60F:C240313EUR0,00",
        ":61:2403150314CR101,10NTRFNONREF//BANKREF-0001", ":86:166?00GUTSCHRIFT?20SVWZ+Rechnung RE-4000011?32HANSEN",
        ":61:2403150314CR102,20NTRFRE-4000023//BANKREF-0002", ":86:Zahlung Hansen",
        ":61:2403150314CR103,30NTRFNONREF//BANKREF-0003", f":86:/EREF/E2E-77//REMI/STRD/CUR/{rf}/",
        ":61:2403150314CR104,40NTRFNONREF//BANKREF-0004", ":86:/ORDP/NAME/HANSEN//REMI/USTD//INV RE-4000047/",
        ":61:2403150314CR105,50NTRFNONREF//BANKREF-0005", f":86:166?00GUTSCHRIFT?20SVWZ+{belgian_reference('4000059')}",
        ":62F:C240314EUR516,50", "-",
    )  # fmt: skip
    loaded = await load("\r\n".join(text).encode())
    assert (loaded["state"], loaded["rows_created"]) == ("completed", 5), loaded
    assert await _left(database, tenant, owed) == dict.fromkeys(owed, 0)


async def test_references_of_bai2(load: Load, database: RolledBackDatabase, tenant: Tenant) -> None:
    owed = await _owe(database, tenant, **{"RE-5000011": 101_10, "RE-5000023": 102_20, "RE-5000035": 103_30})
    records = (
        "01,SENDER,RECEIVER,240315,0712,7,80,1,2/",
        "02,RECEIVER,BANKID,1,240314,2359,EUR,2/",
        "03,10200,EUR,010,0,,,015,30660,,/",
        "16,142,10110,,BANKREF-7701,RE-5000011,ACH CREDIT/",
        "16,195,10220,,BANKREF-7702,,WIRE IN/",
        "88,ORIG:HANSEN LOGISTIK OBI:INVOICE RE-5000023/",
        f"16,142,10330,,BANKREF-7703,,REF {make_rf('5000035')}/",
        "49,61320,6/", "98,61320,1,8/", "99,61320,1,10/",
    )  # fmt: skip
    loaded = await load("\r\n".join(records).encode(), on_missing_bank_account="create", currency="EUR")
    assert (loaded["state"], loaded["rows_created"]) == ("completed", 3), loaded
    assert await _left(database, tenant, owed) == dict.fromkeys(owed, 0)


async def test_the_reference_of_a_statement_says_who_pays(
    load: Load, database: RolledBackDatabase, tenant: Tenant
) -> None:
    """Nobody knows the name on the transfer; another customer's invoice has the digits of the account's number."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        first = await add_customer(session, "70001", "Hansen Logistik GmbH")
        second = await add_customer(session, "K-8", "Petersen Spedition KG")
        owed = {
            name: (await issue(session, tenant, minor, ISSUED, account_id=account, number=name))[1]
            for name, minor, account in [
                ("RE-1", 100_00, first), ("RE-2", 55_25, first), ("RE-3", 77_00, second),
                ("70001", 155_25, tenant.account_id),
            ]
        }  # fmt: skip
    rf, qr = creditor_reference("70001"), account_qr_reference("K-8")
    assert rf
    assert qr
    await load(
        statement(
            entry("155.25", reference="R-00000011", details=structured(creditor(rf, "SCOR"))),
            entry("77.00", reference="R-00000012", details=structured(creditor(qr, "QRR"))),
        )
    )
    assert await _left(database, tenant, owed) == {"RE-1": 0, "RE-2": 0, "RE-3": 0, "70001": 155_25}
