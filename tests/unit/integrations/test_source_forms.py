"""Small pure parts of sources and batches: watermarks, instants, encodings, decorations, eConnect, journal lines."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from defusedxml import ElementTree

from app.integrations.import_fields import FIELDS
from app.integrations.import_mapping import read_mapping, table_of
from app.integrations.outbound import rules
from app.integrations.row_source import RowShape, read_rows
from app.integrations.row_values import instant_of
from app.integrations.source_books.watermarks import Watermark
from app.integrations.text_forms import delimiter_of, encoding_of


def at(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


def test_a_watermark_goes_as_far_as_nothing_was_refused() -> None:
    mark = Watermark(at(5))
    assert [mark.is_known(found) for found in (at(4), at(5), at(9), None)] == [True, False, False, False]
    assert (mark.skipped, mark.reached, mark.held) == (1, at(9), False)
    mark.refused(at(7))
    assert (mark.reached, mark.held) == (at(7), True)
    mark.refused(None)
    assert mark.reached is None, "nobody knows when that row was changed"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-03-01 09:30:00.1234567", datetime(2026, 3, 1, 9, 30, 0, 123456, UTC)),
        ("2026-03-01T09:30:00Z", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-03-01", at(1)),
        ("3/1/2026 9:30:00 PM", datetime(2026, 3, 1, 21, 30, tzinfo=UTC)),
        ("soon", None),
        ("", None),
    ],
)
def test_instants_of_databases(text: str, found: datetime | None) -> None:
    assert instant_of(text) == found


def test_encodings_and_delimiters_are_found_out() -> None:
    assert encoding_of("Köln".encode("utf-16")) == "utf-16"
    assert encoding_of("Köln".encode()[:2]) == "utf-8", "a character that is cut in two"
    assert encoding_of("Köln".encode("cp1252") + b" x") == "cp1252"
    assert [delimiter_of(text) for text in ('"a,b";c\n', "a\tb\n", "a|b|c\n", "alone\n")] == [";", "\t", "|", ","]


def rows_of(content: str, kind: str, mapping: dict[str, Any]) -> list[dict[str, str]]:
    found, known = read_mapping(kind, mapping), FIELDS[kind]
    source = read_rows(io.BytesIO(content.encode()), "csv", found, known)
    shape = RowShape(source.header, found, known)
    return [dict(zip(known.names, shape.texts(row.cells), strict=True)) for row in source if shape.counts(row.cells)]


def test_days_fallbacks_deductions_and_the_rest_of_a_table() -> None:
    mapping = {
        "columns": {"number": "N", "account_number": "C", "amount": "A", "currency": "K", "invoice_date": "D",
                    "due_date": "Z", "voided": "V"},
        "add_days": {"due_date": ["T3", "T2", "T1"]}, "fallback": {"due_date": ["D"]}, "less": {"amount": "S"},
        "values": {"voided": {"": "", "*": "1"}},
    }  # fmt: skip
    content = (
        "n,c,a,k,d,z,v,t1,t2,t3,s\n1,C,100.00,EUR,2026-03-01,2026-03-02,,10,20,0,5\n"
        "2,C,7.50,EUR,2026-03-01,,X,1,0,000,0.00\n"
    )
    first, second = rows_of(content, "invoices", mapping)
    assert (first["due_date"], first["amount"], first["voided"]) == ("2026-03-22", "95.00", "")
    assert (second["due_date"], second["amount"], second["voided"]) == ("2026-03-02", "7.50", "1")


def test_decorations_of_sql_server_are_no_rows() -> None:
    mapping = {"columns": {"account_number": "C", "balance": "B"}, "options": {"currency": "EUR"}}
    content = "C,B\n-----,-----\nA,1.00\n-,2.00\n\n(2 rows affected)\n"
    assert [row["account_number"] for row in rows_of(content, "balances", mapping)] == ["A", "-"]


def test_the_table_is_the_one_in_the_name_of_the_file() -> None:
    assert table_of(("RM20101", "RM30101"), "2026-03 rm30101 history.csv") == "RM30101"
    assert table_of(("RM20101", "RM30101"), "documents.csv") == "RM20101"
    assert table_of((), "documents.csv") is None


def test_keys_of_the_erp_and_texts_that_could_be_markup() -> None:
    assert rules.split_key("A/1/IN/7") == ("A", "1", "IN/7")
    assert rules.split_key("A/12/X") is None
    content = {"APTODCNM": "<I&1>", "APFRDCNM": "P", "APPTOAMT": "1.00", "APFRDCTY": "9", "APTODCTY": "1"}
    root = ElementTree.fromstring(rules.econnect_file([(3, "application", content)]))
    assert root.findtext("RMApplyType/taRMApply/APTODCNM") == "<I&1>"
    assert root.findtext("RMApplyType/eConnectProcessInfo/Userdef1") == "3"


def test_journal_lines_are_balanced_and_no_formula() -> None:
    row = {
        "posting_id": "p", "transfer_id": "t", "entry_date": "2026-03-01", "legal_entity": "main", "debit_code": "1200",
        "credit_code": "8400", "debit_account": "receivables", "credit_account": "revenue", "amount": "10.00",
        "currency": "EUR", "customer": "=C", "document": None, "event": "invoice.issued",
    }  # fmt: skip
    debit, credit = rules.journal_lines(4, [(1, row)])
    assert (debit["debit"], debit["credit"], credit["debit"], credit["credit"]) == ("10.00", "", "", "10.00")
    assert b",'=C," in rules.csv_file(rules.JOURNAL_COLUMNS, [debit])
