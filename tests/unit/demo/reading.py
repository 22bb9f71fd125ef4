"""Reads the generated files back by independent means: the CSVs through their mapping files, the XML by ElementTree."""

import csv
import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from xml.etree.ElementTree import Element, parse

from app.core import money
from app.demo.generator.camt import NAMESPACE
from app.demo.generator.generate import DemoManifest

NS = {"c": NAMESPACE}


def read_extract(path: Path, mapping_path: Path) -> list[dict[str, str]]:
    """Rows by our field names, values as they stand in the file."""
    mapping = json.loads(mapping_path.read_text(encoding="utf-8"))
    with path.open(encoding=mapping["format"]["encoding"], newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=mapping["format"]["delimiter"]))
    return [{field: row[header] for field, header in mapping["columns"].items()} | mapping["constants"] for row in rows]


def amount_of(text: str, currency: str, mapping_path: Path) -> int:
    form = json.loads(mapping_path.read_text(encoding="utf-8"))["format"]
    if form["thousands_separator"]:
        text = text.replace(form["thousands_separator"], "")
    return money.to_minor(text.replace(form["decimal_separator"], "."), currency)


def date_of(text: str) -> date | None:
    return datetime.strptime(text, "%d.%m.%Y").date() if text else None  # noqa: DTZ007  (a date without a time)


@dataclass(frozen=True)
class BankTransaction:
    """One transaction as a reader of the statement sees it."""

    reference: str
    account: str
    signed_minor: int
    value: date


@dataclass(frozen=True)
class ReadStatement:
    path: Path
    account: str
    sequence: int
    opening: int
    closing: int
    first_day: date
    last_day: date
    transactions: list[BankTransaction]
    entry_total: int


def _text(element: Element, path: str) -> str:
    return element.findtext(path, default="", namespaces=NS)


def _signed(element: Element) -> int:
    amount = element.find("c:Amt", NS)
    assert amount is not None
    assert amount.text
    minor = money.to_minor(amount.text, amount.attrib["Ccy"])
    return minor if _text(element, "c:CdtDbtInd") == "CRDT" else -minor


def read_statement(path: Path) -> ReadStatement:
    statement = parse(path).getroot().find("c:BkToCstmrStmt/c:Stmt", NS)
    assert statement is not None
    account = _text(statement, "c:Acct/c:Id/c:IBAN") or _text(statement, "c:Acct/c:Id/c:Othr/c:Id")
    balances = {_text(bal, "c:Tp/c:CdOrPrtry/c:Cd"): _signed(bal) for bal in statement.findall("c:Bal", NS)}
    transactions: list[BankTransaction] = []
    total = 0
    for entry in statement.findall("c:Ntry", NS):
        total += _signed(entry)
        value = date.fromisoformat(_text(entry, "c:ValDt/c:Dt"))
        details = entry.findall("c:NtryDtls/c:TxDtls", NS)
        for detail in details:
            reference = _text(detail, "c:Refs/c:AcctSvcrRef") or _text(entry, "c:AcctSvcrRef")
            transactions.append(BankTransaction(reference, account, _signed(detail), value))
        assert sum(_signed(detail) for detail in details) == _signed(entry)
        if (batch := entry.find("c:NtryDtls/c:Btch", NS)) is not None:
            assert int(_text(batch, "c:NbOfTxs")) == len(details) > 1
    summary = statement.find("c:TxsSummry/c:TtlNtries", NS)
    assert summary is not None
    assert int(_text(summary, "c:NbOfNtries")) == len(statement.findall("c:Ntry", NS))
    net = money.to_minor(_text(summary, "c:TtlNetNtry/c:Amt"), _text(statement, "c:Acct/c:Ccy"))
    assert net == abs(total)
    days = [date.fromisoformat(_text(statement, f"c:FrToDt/c:{name}")[:10]) for name in ("FrDtTm", "ToDtTm")]
    return ReadStatement(
        path, account, int(_text(statement, "c:ElctrncSeqNb")), balances["OPBD"], balances["CLBD"],
        days[0], days[1], transactions, total,
    )  # fmt: skip


def read_statements(demo: DemoManifest) -> list[ReadStatement]:
    return [read_statement(path) for path in demo.statements]
