"""Files that are broken, huge or hostile: refused with the reason, in bounded time and memory."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from app.infra.database import Database
from app.infra.files import FileStore
from app.integrations.import_run import run_import
from tests.factories import Tenant
from tests.integration.importing import HEADER, MAPPING, begin, fetch, load, result, table

GOOD = "R1;C-1;2026-01-05;2026-02-04;10.00"


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", "x" * 1000)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (_zip(), "import.not_text"),
        (b"\x1f\x8b\x08\x00", "import.not_text"),
        (b"\n\n", "import.header_missing"),
        (b"\x00" * 3_000_000, "import.row_too_long"),
        (HEADER.encode() + b"\n" + b"x" * 3_000_000, "import.row_too_long"),
        (HEADER.encode() + b"\n" * 50_000, "import.too_many_blank_lines"),
        (";".join(map(str, range(10**5))).encode() + b"\n", "import.too_many_columns"),
        (table(GOOD, 'R2;"C-1;2026-01-05;2026-02-04;10.00', "R3;C-1;2026-01-05;2026-02-04;1.00"),
         "import.csv_malformed"),
        (table(GOOD, 'R2;C-1";2026-01-05;2026-02-04;"10.00', *["R3;C-1;2026-01-05;2026-02-04;1.00"] * 9_000),
         "import.csv_malformed"),
        (table(GOOD) + "R2;Müller;".encode("cp1252"), "import.encoding"),
        (table(GOOD) + b"\xed\xa0\x80;x", "import.encoding"),
        ("\ufeff".encode("utf-16-le") + table(GOOD), "import.encoding"),
        (b"No;No;Customer;Issued;Due;Gross\n", "import.header_repeated"),
    ],
)  # fmt: skip
async def test_a_file_that_cannot_be_read_on_says_why_and_where(
    database: Database, tenant: Tenant, tmp_path: Path, content: bytes, code: str
) -> None:
    started = time.monotonic()
    row = await load(database, tenant, tmp_path, content, "invoices", MAPPING)
    assert (row["state"], row["error"]["code"], row["rows_read"]) == ("failed", code, 0), row["error"]
    assert await fetch(database, tenant, "SELECT 1 FROM invoices") == []
    assert time.monotonic() - started < 10


async def test_the_place_of_a_wrong_byte_is_named(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    content = table(GOOD)
    row = await load(database, tenant, tmp_path, content + "R2;ü".encode("latin-1"), "invoices", MAPPING)
    assert row["error"]["byte"] == len(content) + 3
    marked = {**MAPPING, "format": {"delimiter": ";", "encoding": "utf-16"}}
    row = await load(database, tenant, tmp_path, content, "invoices", marked)
    assert row["error"]["code"] == "import.encoding"
    row = await load(database, tenant, tmp_path, content.decode().encode("utf-16"), "invoices", marked)
    assert (row["state"], row["rows_created"]) == ("completed", 1)


@pytest.mark.parametrize(
    ("line", "field", "code"),
    [
        ("R\x002;C-1;2026-01-05;2026-02-04;10.00", "number", "import.text_invalid"),
        ("R\u200b;C-1;2026-01-05;2026-02-04;10.00", "number", "import.text_invalid"),
        ('"R\n2";C-1;2026-01-05;2026-02-04;10.00', "number", "import.text_invalid"),
        (f"{'R' * 65};C-1;2026-01-05;2026-02-04;10.00", "number", "import.text_too_long"),
        ("R2;C-1;2026-01-05;2026-02-04;1e3", "amount", "money.amount_invalid"),
        ("R2;C-1;2026-01-05;2026-02-04;NaN", "amount", "money.amount_invalid"),
        ("R2;C-1;2026-01-05;2026-02-04;٣", "amount", "money.amount_invalid"),
        ("R2;C-1;2026-01-05;2026-02-04;99999999999999999999", "amount", "money.amount_invalid"),
        ("R2;C-1;0001-01-01;2026-02-04;10.00", "invoice_date", "import.date_invalid"),
        ("R2;C-1;2026-W01-1;2026-02-04;10.00", "invoice_date", "import.date_invalid"),
        ('R2;C-1;2026-01-05;2026-02-04;10.00" x', None, "import.row_malformed"),
    ],
)
async def test_a_hostile_row_is_refused_alone(
    database: Database, tenant: Tenant, tmp_path: Path, line: str, field: str | None, code: str
) -> None:
    if code == "import.row_malformed":
        line = line.replace("10.00", '"10.00')
    row = await load(database, tenant, tmp_path, table(GOOD, line, "R3" + GOOD[2:]), "invoices", MAPPING)
    assert (row["state"], row["rows_created"], row["rows_refused"]) == ("completed", 2, 1), row["error"]
    assert row["errors"][0][:3] == (3, field, code)


async def test_thousands_must_be_grouped_by_three(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    german = {**MAPPING, "format": {"delimiter": ";", "decimal_separator": ",", "thousands_separator": ".",
                                    "date_formats": ["%d.%m.%Y"]}}  # fmt: skip
    amounts = ["1.234,56", "1234,5", "1.23", "12.34,5", "1,234.56", "1.234.567", "-1.000,00"]
    lines = [f"R{n};C-1;05.01.2026;04.02.2026;{amount}" for n, amount in enumerate(amounts)]
    row = await load(database, tenant, tmp_path, table(*lines), "invoices", german)
    stored = await fetch(database, tenant, "SELECT number, amount_minor FROM invoices ORDER BY number")
    assert [tuple(found) for found in stored] == [("R0", 123456), ("R1", 123450), ("R5", 123456700)]
    assert [error[0] for error in row["errors"]] == [4, 5, 6, 8]


async def test_formulas_are_kept_as_the_text_that_they_are(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    row = await load(database, tenant, tmp_path, table("=1+1;C-1;2026-01-05;2026-02-04;10.00"), "invoices", MAPPING)
    assert row["rows_created"] == 1
    assert (await fetch(database, tenant, "SELECT number FROM invoices"))[0]["number"] == "=1+1"


async def test_a_gigabyte_of_zeros_ends_at_once(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    import_id = await begin(database, tenant, tmp_path, b"x", "invoices", MAPPING)
    before = await result(database, tenant, import_id)
    path = FileStore(tmp_path).path(tenant.organization_id, before["file_sha256"])
    with path.open("r+b") as stream:
        stream.truncate(1_000_000_000)  # sparse: reads as zeros
    tracemalloc.start()
    started = time.monotonic()
    try:
        await run_import(database, tmp_path, tenant.organization_id, import_id)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    row = await result(database, tenant, import_id)
    assert (row["state"], row["error"]["code"]) == ("failed", "import.row_too_long")
    assert time.monotonic() - started < 5
    assert peak < 50_000_000


async def test_the_kept_errors_are_bounded_and_the_count_is_exact(
    database: Database, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.integrations import row_import

    monkeypatch.setattr(row_import, "ERRORS_KEPT_MAX", 7)
    monkeypatch.setattr(row_import, "CHUNK_ROWS", 5)
    lines = [f"R{n};C-9;2026-01-05;2026-02-04;10.00" for n in range(20)]
    row = await load(database, tenant, tmp_path, table(*lines), "invoices", MAPPING)
    assert (row["rows_refused"], len(row["errors"])) == (20, 7)
