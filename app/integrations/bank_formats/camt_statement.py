"""Entries (`Ntry`) and statements (`Stmt`, `Rpt`, `Ntfctn`) of camt messages, from their elements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from app.core.money import Money
from app.integrations.bank_formats.camt_details import (
    read_account_element,
    read_amount,
    read_charges,
    read_detail,
    read_direction,
    read_domain_code,
)
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.fields import FieldRefused, given, read_date, read_money
from app.integrations.bank_formats.finish import finish_statement
from app.integrations.bank_formats.records import (
    Balance,
    Batch,
    Effect,
    Entry,
    EntryStatus,
    Problem,
    Statement,
    Transaction,
)
from app.integrations.bank_formats.split import Detail, split_entry
from app.integrations.bank_formats.xml_stream import Node

_STATUSES = {
    "BOOK": EntryStatus.BOOKED,
    "PDNG": EntryStatus.PENDING,
    "FUTR": EntryStatus.PENDING,
    "INFO": EntryStatus.INFO,
}
# opening booked, else the previous closing; closing booked; interim booked on pages and in intraday reports
_OPENING_KINDS = ("OPBD", "PRCD")
_CLOSING_KINDS = ("CLBD",)
_INTERIM_KIND = "ITBD"


def read_entry(node: Node, number: int, details: Sequence[Detail], notes: Sequence[Problem], message: str) -> Entry:
    """An `Ntry` element whose details have been read already. `message` is `camt.053` and so on.

    Raises FieldRefused when there is no usable amount or no direction: nothing of that is ever guessed.
    """
    where = f"entry {number}"
    amount = read_amount(node.child("Amt"))
    if amount.minor < 0:
        raise FieldRefused("amount_invalid", "the amount is negative; the direction stands in CdtDbtInd")
    is_credit = read_direction(node)
    if is_credit is None:
        raise FieldRefused("direction_missing", "the entry says neither credit nor debit")
    problems = list(notes)
    status = _status(node, message, where, problems)
    booking_date, value_date = _dates(node, where, problems)
    batch = _batch(node)
    count = batch.transaction_count if batch else None
    transactions, split_problems = split_entry(amount, is_credit, details, count, where)
    problems.extend(split_problems)
    additional = tuple(filter(None, (node.value("AddtlNtryInf"),)))
    if len(transactions) == 1:
        transactions = (_with_entry_facts(transactions[0], node, additional),)
    return Entry(
        ordinal=number,
        amount_minor=amount.minor,
        currency=amount.currency,
        is_credit=is_credit,
        status=status,
        booking_date=booking_date,
        value_date=value_date,
        transactions=transactions,
        is_reversal=node.value("RvslInd") in ("true", "1"),
        bank_reference=given(node.value("AcctSvcrRef")),
        entry_reference=given(node.value("NtryRef")),
        bank_transaction_code=read_domain_code(node.child("BkTxCd")),
        proprietary_code=node.value("BkTxCd", "Prtry", "Cd"),
        batch=batch,
        charges=read_charges(node, lambda code, detail: problems.append(Problem(where, code, detail))),
        additional_information=additional,
        problems=tuple(problems),
    )


def _status(node: Node, message: str, where: str, problems: list[Problem]) -> EntryStatus:
    text = node.first(("Sts", "Cd"), ("Sts",), ("Sts", "Prtry"))
    if text in _STATUSES:
        return _STATUSES[text]
    if text is None and message == "camt.053":
        # a statement lists what is booked; control totals show when that is wrong
        problems.append(Problem(where, "entry.status_missing", "no status; a statement's entry counts as booked"))
        return EntryStatus.BOOKED
    detail = f"status {text or 'missing'}; shown as information, not counted"
    problems.append(Problem(where, "entry.status_unknown", detail))
    return EntryStatus.INFO


def _dates(node: Node, where: str, problems: list[Problem]) -> tuple[date | None, date | None]:
    found: list[date | None] = []
    for name in ("BookgDt", "ValDt"):
        try:
            found.append(read_date(node.first((name, "Dt"), (name, "DtTm"))))
        except FieldRefused as refused:
            found.append(None)
            problems.append(Problem(where, "entry.date_invalid", f"{name}: {refused.detail}"))
    if found == [None, None]:
        problems.append(
            Problem(where, "entry.date_missing", "neither booking nor value date; kept for a person", Effect.HELD)
        )
    return found[0], found[1]


def _batch(node: Node) -> Batch | None:
    holders = [node, *node.all("NtryDtls")]
    batches = [batch for holder in holders for batch in holder.all("Btch")]
    if not batches:
        return None
    counts = [_number(batch.value("NbOfTxs")) for batch in batches]
    return Batch(
        message_id=given(batches[0].value("MsgId")),
        payment_information_id=given(batches[0].value("PmtInfId")),
        transaction_count=sum(filter(None, counts)) if None not in counts else None,
    )


def _with_entry_facts(transaction: Transaction, node: Node, additional: tuple[str, ...]) -> Transaction:
    """What stands at the entry holds for its only transaction too: exchange details, additional information."""
    if additional:
        texts = tuple(dict.fromkeys((*transaction.additional_information, *additional)))
        transaction = replace(transaction, additional_information=texts)
    if node.child("AmtDtls") is None:
        return transaction
    of_entry = read_detail(_only(node, "AmtDtls"), lambda _code, _detail: None).transaction
    return replace(
        transaction,
        instructed=transaction.instructed or of_entry.instructed,
        counter_value=transaction.counter_value or of_entry.counter_value,
        exchange=transaction.exchange or of_entry.exchange,
    )


def _only(node: Node, name: str) -> Node:
    part = Node(node.tag, {})
    part.children = list(node.all(name))
    return part


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 18 else None


def read_statement(
    node: Node,
    entries: tuple[Entry, ...],
    problems: Sequence[Problem],
    *,
    refused_entry_count: int,
    default_currency: str | None,
) -> Statement:
    """A statement element whose entries have been read already.

    Raises BankFileRefused when it names no account: nobody could say whose money it is.
    """
    account = node.child("Acct")
    identifier, is_iban = read_account_element(account)
    if account is None or identifier is None:
        raise BankFileRefused("bank_file.account_missing", "a statement names no account")
    found = list(problems)
    opening, closing = _opening_and_closing(node, found)
    from_date, to_date = _period(node, found)
    found.extend(_summary_problems(node.child("TxsSummry"), entries, refused_entry_count))
    copy = node.value("CpyDplctInd")
    return finish_statement(
        Statement(
            statement_id=node.value("Id"),
            account_identifier=identifier,
            account_currency=account.value("Ccy") or "",
            entries=entries,
            is_iban=is_iban,
            account_bank=account.first(("Svcr", "FinInstnId", "BICFI"), ("Svcr", "FinInstnId", "BIC")),
            electronic_sequence_number=_number(node.value("ElctrncSeqNb")),
            legal_sequence_number=_number(node.value("LglSeqNb")),
            page_number=_number(node.first(("StmtPgntn", "PgNb"), ("RptPgntn", "PgNb"), ("NtfctnPgntn", "PgNb"))),
            is_last_page=_last_page(node),
            copy_indicator=copy,
            from_date=from_date,
            to_date=to_date,
            opening=opening,
            closing=closing,
            refused_entry_count=refused_entry_count,
            problems=tuple(found),
        ),
        default_currency=default_currency,
    )


def _summary_problems(node: Node | None, entries: tuple[Entry, ...], refused: int) -> Iterator[Problem]:
    """The statement's own count and sum of entries (`TxsSummry`), where it gives them, against what was read."""
    if node is None:
        return
    groups: tuple[tuple[str, list[Entry], int], ...] = (
        ("TtlNtries", list(entries), refused),
        ("TtlCdtNtries", [entry for entry in entries if entry.is_credit], 0),
        ("TtlDbtNtries", [entry for entry in entries if not entry.is_credit], 0),
    )
    for name, members, more in groups:
        count, text = _number(node.value(name, "NbOfNtries")), node.value(name, "Sum")
        booked = [entry for entry in members if entry.status is EntryStatus.BOOKED]
        if count is not None and count not in (len(members) + more, len(booked) + more):
            detail = f"{name} states {count} entries, {len(members)} were read"
            yield Problem("statement", "statement.count_differs", detail)
        if text is None or not members or len({entry.currency for entry in members}) > 1:
            continue
        try:
            stated = read_money(text, members[0].currency).minor
        except FieldRefused as refused_field:
            yield Problem("statement", f"statement.{refused_field.code}", f"{name}: {refused_field.detail}")
            continue
        if stated not in (sum(e.amount_minor for e in members), sum(e.amount_minor for e in booked)):
            yield Problem("statement", "statement.sum_differs", f"{name} states {text}; the entries sum otherwise")


def _last_page(node: Node) -> bool | None:
    text = node.first(("StmtPgntn", "LastPgInd"), ("RptPgntn", "LastPgInd"), ("NtfctnPgntn", "LastPgInd"))
    return {"true": True, "1": True, "false": False, "0": False}.get(text or "")


def _period(node: Node, problems: list[Problem]) -> tuple[date | None, date | None]:
    found: list[date | None] = []
    for names in (("FrDtTm", "FrDt"), ("ToDtTm", "ToDt")):
        try:
            found.append(read_date(node.first(*(("FrToDt", name) for name in names))))
        except FieldRefused as refused:
            found.append(None)
            problems.append(Problem("statement", "statement.date_invalid", refused.detail))
    return found[0], found[1]


def _opening_and_closing(node: Node, problems: list[Problem]) -> tuple[Balance | None, Balance | None]:
    balances = [balance for element in node.all("Bal") if (balance := _balance(element, problems)) is not None]
    interim = [balance for balance in balances if balance.kind == _INTERIM_KIND]
    opening = next((b for kind in _OPENING_KINDS for b in balances if b.kind == kind), None)
    closing = next((b for kind in _CLOSING_KINDS for b in balances if b.kind == kind), None)
    if opening is None and interim and (closing is not None or len(interim) > 1):
        opening = interim.pop(0)
    if closing is None and opening is not None and interim:
        closing = interim[-1]
    return opening, closing


def _balance(node: Node, problems: list[Problem]) -> Balance | None:
    kind = node.first(("Tp", "CdOrPrtry", "Cd"), ("Tp", "Cd"), ("Tp", "CdOrPrtry", "Prtry"), ("Tp", "Prtry"))
    where = f"balance {kind}"
    try:
        amount = read_amount(node.child("Amt"))
        on = read_date(node.first(("Dt", "Dt"), ("Dt", "DtTm")))
    except FieldRefused as refused:
        problems.append(Problem(where, f"balance.{refused.code}", refused.detail))
        return None
    is_credit = read_direction(node)
    if is_credit is None:
        is_credit = True
        problems.append(Problem(where, "balance.direction_missing", "neither credit nor debit; taken as credit"))
    return _signed(amount, is_credit, on, kind or "")


def _signed(amount: Money, is_credit: bool, on: date | None, kind: str) -> Balance:
    return Balance(amount.minor if is_credit else -amount.minor, amount.currency, on, kind)
