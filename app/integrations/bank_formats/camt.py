"""ISO 20022 cash management messages: camt.052 report, camt.053 statement, camt.054 notification, all versions.

Read by local names, so that the namespace (version) does not matter, in one pass: each transaction detail and each
entry becomes a record as soon as its element ends, and its XML is dropped.
"""

from __future__ import annotations

import re

from app.integrations.bank_formats.camt_details import Note, read_detail
from app.integrations.bank_formats.camt_statement import read_entry, read_statement
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.fields import FieldRefused
from app.integrations.bank_formats.records import Effect, Entry, Problem, Statement, StatementFile
from app.integrations.bank_formats.source import ByteSource
from app.integrations.bank_formats.split import Detail
from app.integrations.bank_formats.xml_stream import Node, stream

_MESSAGES = {
    "BkToCstmrAcctRpt": "camt.052",
    "BkToCstmrStmt": "camt.053",
    "BkToCstmrDbtCdtNtfctn": "camt.054",
}
_STATEMENT_TAGS = frozenset({"Rpt", "Stmt", "Ntfctn"})
_VERSION = re.compile(r"camt\.05[234]\.(\d{3}\.\d{2})")
MAX_RECORDS = 250_000  # statements, entries and transactions of one file
_SEARCH_ELEMENTS = 2_000  # how far an envelope may reach before the message begins


def parse_camt(source: ByteSource, *, default_currency: str | None = None) -> StatementFile:
    """Read a camt.052, camt.053 or camt.054 message.

    Raises BankFileRefused for a file that is not one, is malformed, hostile or truncated, or names no account.
    """
    reader = _Reader(default_currency)
    stream(source, reader)
    return reader.file()


class _Reader:
    """Takes elements as they end and keeps only records."""

    def __init__(self, default_currency: str | None) -> None:
        self._default_currency = default_currency
        self._format: str | None = None
        self._version: str | None = None
        self._message_id: str | None = None
        self._created_at: str | None = None
        self._statements: list[Statement] = []
        self._entries: list[Entry] = []
        self._problems: list[Problem] = []
        self._details: list[Detail] = []
        self._entry_notes: list[Problem] = []
        self._entry_number = 0
        self._refused_count = 0
        self._in_statement = False
        self._in_entry = False
        self._searched = 0
        self._records = 0

    def begin(self, name: str, namespace: str) -> None:
        """An element begins: the message, a statement or an entry opens."""
        if self._format is None:
            self._searched += 1
            self._format = _MESSAGES.get(re.sub(r"V\d\d$", "", name))
            if self._format is not None:
                found = _VERSION.search(namespace)
                self._version = found[1] if found else None
            elif self._searched > _SEARCH_ELEMENTS:
                raise BankFileRefused("bank_file.unknown_format", "this XML is no camt.052, camt.053 or camt.054")
        elif not self._in_statement:
            if name in _STATEMENT_TAGS:
                self._in_statement = True
                self._count_record()
        elif self._in_entry:
            if name == "TxDtls":
                self._count_record()
        elif name == "Ntry":
            self._in_entry = True
            self._entry_number += 1
            self._count_record()

    def take(self, node: Node) -> bool:
        """An element is complete. True when it became a record."""
        if self._in_entry:
            if node.tag == "TxDtls":
                where = f"entry {self._entry_number}, transaction {len(self._details) + 1}"
                self._details.append(read_detail(node, self._noting(where)))
                return True
            if node.tag == "Ntry":
                self._take_entry(node)
                self._in_entry = False
                return True
            return False
        if self._in_statement and node.tag in _STATEMENT_TAGS:
            self._take_statement(node)
            self._in_statement = False
            return True
        if node.tag == "GrpHdr" and self._format is not None:
            self._message_id = node.value("MsgId")
            self._created_at = node.value("CreDtTm")
            return True
        return False

    def file(self) -> StatementFile:
        """The whole, once the source has ended."""
        if self._format is None:
            raise BankFileRefused("bank_file.unknown_format", "this XML is no camt.052, camt.053 or camt.054")
        if not self._statements:
            raise BankFileRefused("bank_file.no_statement", "the message holds no statement, report or notification")
        return StatementFile(
            format=self._format,
            version=self._version,
            message_id=self._message_id,
            created_at=self._created_at,
            statements=tuple(self._statements),
        )

    def _count_record(self) -> None:
        self._records += 1
        if self._records > MAX_RECORDS:
            raise BankFileRefused("bank_file.too_large", f"the file holds more than {MAX_RECORDS} records")

    def _noting(self, where: str) -> Note:
        return lambda code, detail: self._entry_notes.append(Problem(where, code, detail))

    def _take_entry(self, node: Node) -> None:
        assert self._format is not None
        where = f"entry {self._entry_number}"
        try:
            entry = read_entry(node, self._entry_number, self._details, self._entry_notes, self._format)
        except FieldRefused as refused:
            self._refused_count += 1
            self._problems.append(Problem(where, f"entry.{refused.code}", refused.detail, Effect.REFUSED))
        else:
            self._entries.append(entry)
            self._problems.extend(entry.problems)
        self._details = []
        self._entry_notes = []

    def _take_statement(self, node: Node) -> None:
        statement = read_statement(
            node,
            tuple(self._entries),
            self._problems,
            refused_entry_count=self._refused_count,
            default_currency=self._default_currency,
        )
        self._statements.append(statement)
        self._entries = []
        self._problems = []
        self._entry_number = 0
        self._refused_count = 0
