"""Dynamics GP over two extracts: original currencies, watermarks, voids, applications that were undone, balances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conftest import RolledBackDatabase
from tests.control_account import assert_books_agree
from tests.factories import Tenant
from tests.integration.importing import fetch
from tests.integration.test_gp_extract import CUSTOMERS, bring

HEAD = "CUSTNMBR,RMDTYPAL,DOCNUMBR,DOCDATE,DUEDATE,GLPOSTDT,ORTRXAMT,CURTRXAM,CURNCYID,VOIDSTTS,CSHRCTYP,DEX_ROW_TS\n"
APPLIED = (
    "CUSTNMBR,APFRDCTY,APFRDCNM,APTODCTY,APTODCNM,APPTOAMT,DISTKNAM,WROFAMNT,ORAPTOAM,ORDISTKN,ORWROFAM,CURNCYID,"
    "FROMCURR,APFRMAPLYAMT,DATE1\n"
)


def row(kind: int, number: str, amount: str, left: str, *, currency: str = "", void: int = 0, at: str = "01") -> str:
    day = "2026-03-01 00:00:00.000"
    return (
        f"AARON001       ,{kind},{number:<21},{day},{day},{day},{amount}.00000,{left}.00000,{currency},{void},0,"
        f"2026-03-{at} 08:00:00.1234567\n"
    )


def applied(number: str, to: str, amount: str, *, own: str = "0", currency: str = "") -> str:
    return (
        f"AARON001,9,{number},1,{to},{amount},0.00000,0.00000,{own},0,0,{currency},{currency},{own},"
        "2026-03-09 00:00:00.000\n"
    )


class Story:
    """Loads tables one after another."""

    def __init__(self, database: RolledBackDatabase, tenant: Tenant, folder: Path) -> None:
        self.database, self.tenant, self.folder = database, tenant, folder

    async def load(self, name: str, content: str | bytes, **more: Any) -> dict[str, Any]:
        data = content.encode() if isinstance(content, str) else content
        return await bring(self.database, self.tenant, self.folder, name, data, **more)

    async def fine(self, name: str, content: str | bytes, **more: Any) -> dict[str, Any]:
        done = await self.load(name, content, **more)
        assert (done["state"], done["errors"]) == ("completed", []), (done["error"], done["details"])
        return done

    async def documents(self, content: str) -> tuple[dict[str, Any], dict[str, Any]]:
        return await self.fine("gp-RM20101-documents", content), await self.fine("gp-RM20101-payments", content)

    async def open(self) -> dict[str, int]:
        query = (
            "SELECT i.number, n.open_minor FROM invoices i JOIN instalments n ON n.invoice_id = i.id"
            " WHERE i.source = 'gp' AND i.voided_at IS NULL"
        )
        return {found["number"]: found["open_minor"] for found in await fetch(self.database, self.tenant, query)}


async def test_original_amounts_come_from_their_table_and_refused_rows_hold_the_watermark(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path
) -> None:
    story = Story(database, tenant, tmp_path)
    await story.fine("gp-RM00101", CUSTOMERS)
    content = (
        HEAD + row(1, "DOLLARS", "100", "100", currency="Z-US$", at="01")
        + row(1, "EUROS", "1100", "880", currency="Z-EURO", at="02") + row(9, "CASH", "220", "0", currency="Z-EURO")
    )  # fmt: skip
    first = await story.load("gp-RM20101-documents", content)
    assert [error[2] for error in first["errors"]] == ["import.original_amount_missing"]
    marks = "SELECT kind, changed_at::text, held_back FROM source_watermarks WHERE source_table = 'RM20101'"
    (mark,) = await fetch(database, tenant, marks)
    assert mark["held_back"], "the refused row is read again"
    original = (
        "RMDTYPAL,DOCNUMBR,CUSTNMBR,CURNCYID,ORORGTRX,ORCTRXAM,ORTAXAMT\n1,EUROS,AARON001,Z-EURO,1000.00000,800,0\n"
        "9,CASH,AARON001,Z-EURO,200.00000,0,0\n"
    )
    assert (await story.fine("gp-MC020102", original))["rows_created"] == 2
    assert (await story.fine("gp-MC020102", original))["rows_unchanged"] == 2
    documents, cash = await story.documents(content)
    assert (documents["rows_created"], cash["rows_created"]) == (1, 1)
    await story.fine("gp-RM20201", APPLIED + applied("CASH", "EUROS", "220", own="200.00000", currency="Z-EURO"))
    assert await story.open() == {"DOLLARS": 10_000, "EUROS": 80_000}
    (mark,) = [m for m in await fetch(database, tenant, marks) if m["kind"] == "invoices"]
    assert (mark["changed_at"][:22], mark["held_back"]) == ("2026-03-02 08:00:00.12", False)
    balance = await story.fine("gp-RM00103", "CUSTNMBR,CUSTBLNC\nAARON001,980.00000\n")
    lines = await fetch(database, tenant, "SELECT * FROM source_balances WHERE import_id = $1", balance["id"])
    assert [(x["stated_minor"], x["documents_minor"], x["here_minor"], x["verdict"]) for x in lines] == [
        (98_000, 98_000, 98_000, "agrees")
    ]


async def test_a_second_extract_loads_what_changed(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path
) -> None:
    story = Story(database, tenant, tmp_path)
    await story.fine("gp-RM00101", CUSTOMERS)
    await story.documents(HEAD + row(1, "OLD", "10", "10", at="01") + row(1, "NEW", "20", "20", at="05"))
    later = row(1, "OLD", "99", "99", at="01") + row(1, "NEW", "20", "20", at="05") + row(1, "LAST", "5", "5", at="06")
    done = await story.fine("gp-RM20101-documents", HEAD + later)
    assert (done["rows_read"], done["rows_created"], done["rows_unchanged"]) == (2, 1, 1)
    assert '"rows_before_watermark": 1' in str(done["effects"]) or done["effects"] == {"rows_before_watermark": 1}
    history = HEAD + row(1, "PAID", "7", "0", at="01")
    assert (await story.fine("gp-RM30101-documents", history))["rows_created"] == 1, "another table, another mark"
    assert (await story.open())["OLD"] == 1_000
    again = await story.fine("gp-RM20101-documents", HEAD + later, options={"source": "gp", "watermark": "ignore"})
    assert again["rows_updated"] == 1


async def test_what_was_undone_or_voided_there_is_undone_and_void_here(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path
) -> None:
    story = Story(database, tenant, tmp_path)
    await story.fine("gp-RM00101", CUSTOMERS)
    rows = [
        row(1, "A", "100", "0"), row(1, "B", "100", "50"), row(1, "C", "30", "0"), row(1, "D", "30", "10"),
        row(9, "P", "150", "0"), row(9, "Q", "30", "0"), row(9, "R", "20", "0"),
        row(1, "NEVER", "1", "0", void=1), row(9, "NOCASH", "1", "0", void=1),
    ]  # fmt: skip
    documents, cash = await story.documents(HEAD + "".join(rows))
    assert (documents["rows_created"], cash["rows_created"]) == (4, 3), "void before loading: skipped"
    settled = applied("P", "A", "100") + applied("P", "B", "50") + applied("Q", "C", "30") + applied("R", "D", "20")
    await story.fine("gp-RM20201", APPLIED + settled)
    assert await story.open() == {"A": 0, "B": 5_000, "C": 0, "D": 1_000}
    # P was moved from A to B; C was voided although paid, and R bounced.
    later = [
        row(1, "A", "100", "100", at="11"), row(1, "B", "100", "0", at="11"), row(9, "P", "150", "50", at="11"),
        row(1, "C", "30", "0", void=1, at="11"), row(9, "Q", "30", "30", at="11"),
        row(1, "D", "30", "30", at="11"), row(9, "R", "20", "0", void=2, at="11"),
    ]  # fmt: skip
    documents, cash = await story.documents(HEAD + "".join(later))
    assert (documents["rows_updated"], cash["rows_updated"]) == (1, 1)
    # The open table moved D's line to history long ago: it is missing, and yet nothing is undone for it.
    done = await story.fine("gp-RM20201", APPLIED + applied("P", "B", "100"))
    assert "applications_undone" in str(done["effects"])
    assert await story.open() == {"A": 10_000, "B": 0, "D": 3_000}
    states = await fetch(database, tenant, "SELECT external_id, status, unapplied_minor FROM payments ORDER BY 1")
    assert [tuple(found) for found in states] == [
        ("AARON001/9/P", "partially_applied", 5_000), ("AARON001/9/Q", "unapplied", 3_000),
        ("AARON001/9/R", "reversed", 0),
    ]  # fmt: skip
    await story.fine("gp-RM00103", "CUSTNMBR,CUSTBLNC\nAARON001,50.00000\n")
    again = await story.fine("gp-RM20201", APPLIED + applied("P", "B", "100"))
    assert (again["rows_unchanged"], str(again["effects"])) == (1, "{}")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await assert_books_agree(session)


async def test_a_part_of_the_table_undoes_nothing(database: RolledBackDatabase, tenant: Tenant, tmp_path: Path) -> None:
    story = Story(database, tenant, tmp_path)
    await story.fine("gp-RM00101", CUSTOMERS)
    await story.documents(HEAD + row(1, "A", "100", "0") + row(1, "B", "50", "0") + row(9, "P", "150", "0"))
    await story.fine("gp-RM20201", APPLIED + applied("P", "A", "100") + applied("P", "B", "50"))
    await story.fine("gp-RM20201", APPLIED + applied("P", "A", "100"))
    assert await story.open() == {"A": 0, "B": 0}, "B's row says that it is settled still"
    await story.fine(
        "gp-RM20201", APPLIED + applied("P", "A", "60"), options={"source": "gp", "on_missing_application": "undo"}
    )
    assert await story.open() == {"A": 4_000, "B": 5_000}, "the file is complete, and of A less is settled"


async def test_exports_of_sql_server_and_smartlists(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path
) -> None:
    story = Story(database, tenant, tmp_path)
    await story.fine("gp-RM00101", CUSTOMERS)
    export = (
        "CUSTNMBR|RMDTYPAL|DOCNUMBR|DOCDATE|DUEDATE|ORTRXAMT|CURTRXAM|CSPORNBR|CURNCYID|VOIDSTTS\r\n"
        "---------------|--------|----|-----|-----|------|------|----|----|----\r\n"
        "AARON001       |1|S1|2026-03-01 00:00:00.000|NULL|10.00000|10.00000|NULL|NULL|0\r\n"
        "AARON001       |5|S1|2026-03-01 00:00:00.000|NULL|12.00000|12.00000|NULL|NULL|0\r\n"
        "\r\n(2 rows affected)\r\n"
    )
    done = await story.fine("gp-RM20101-documents", export.encode("utf-16"))
    assert done["rows_created"] == 2
    assert await story.open() == {"S1": 1_000, "AARON001/5/S1": 1_200}, "one number, two types of documents"
    assert (await story.fine("gp-RM20101-documents", export.encode("utf-16")))["rows_unchanged"] == 2
    smart = (
        "Customer Number;Document Type;Document Number;Document Date;Due Date;Original Trx Amount;Current Trx Amount;"
        "Void Status\n"
        "AARON001;Sales / Invoices;S1;3/1/2026;1/1/1900;$10.00;$4.00;Normal\n"
        "AARON001;Credit Memos;CM;3/2/2026;1/1/1900;($1,006.00);($1,000.00);Normal\n"
        "AARON001;Payments;S2;3/1/2026;1/1/1900;$5.00;$0.00;Voided\n"
    )
    done = await story.fine("gp-RM20101-documents", smart)
    assert (done["rows_read"], done["rows_unchanged"], done["rows_created"]) == (2, 1, 1), "found by the same key"
    memos = await fetch(database, tenant, "SELECT number, amount_minor FROM credit_memos")
    assert [tuple(memo) for memo in memos] == [("CM", 100_600)]


async def test_contacts_and_accounts_that_the_balances_do_not_name(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path
) -> None:
    story = Story(database, tenant, tmp_path)
    await story.fine("gp-RM00101", CUSTOMERS)
    people = "CUSTNMBR,ADRSCODE,CNTCPRSN,PHONE1\nAARON001,PRIMARY,Bob Fitz,4255550101\nAARON001,WAREHOUSE,,NULL\n"
    done = await story.fine("gp-RM00102", people)
    assert (done["rows_read"], done["rows_updated"]) == (1, 1)
    assert (await story.fine("gp-RM00102", people))["rows_unchanged"] == 1
    await story.documents(HEAD + row(1, "A", "100", "90"))
    done = await story.load("gp-RM00103", "CUSTNMBR,CUSTBLNC\nADAMPARK0001,0.00000\nGONE,3.00000\n")
    lines = await fetch(
        database, tenant, "SELECT * FROM source_balances WHERE import_id = $1 ORDER BY account_key", done["id"]
    )
    names = ("account_key", "stated_minor", "documents_minor", "here_minor", "verdict")
    assert [tuple(line[name] for name in names) for line in lines] == [
        ("AARON001", None, 9_000, 10_000, "differs_here"), ("ADAMPARK0001", 0, None, 0, "agrees"),
        ("GONE", 300, None, 0, "unknown_account"),
    ]  # fmt: skip
