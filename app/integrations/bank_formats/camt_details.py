"""One transaction detail (`TxDtls`) of a camt message, in any version, as a `Detail`.

Version 1 and 2 name several things differently from later ones; each lookup lists the paths of all versions
(ISO 20022 camt.052/053/054.001.01 to .13).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal, InvalidOperation

from app.core.money import Money
from app.integrations.bank_formats.fields import FieldRefused, given, read_account, read_date, read_money
from app.integrations.bank_formats.records import (
    Charge,
    CreditorReference,
    Deduction,
    Exchange,
    Party,
    References,
    ReferredDocument,
    ReturnInformation,
    StructuredRemittance,
    Transaction,
)
from app.integrations.bank_formats.split import AmountKind, Detail
from app.integrations.bank_formats.xml_stream import Node

Note = Callable[[str, str], None]  # (code, sentence)


def read_detail(node: Node, note: Note) -> Detail:
    """A `TxDtls` element. What cannot be read in it is left out and told to `note`; references never are."""
    amounts = tuple(_amounts(node, note))
    by_kind = dict(reversed(amounts))
    remittance = node.child("RmtInf")
    transaction = Transaction(
        ordinal=1,
        amount_minor=0,
        currency="",
        is_credit=True,
        is_whole_entry=False,
        references=_references(node.child("Refs")),
        payer=_party(node, "Dbtr", "DbtrAcct", "UltmtDbtr", "DbtrAgt"),
        payee=_party(node, "Cdtr", "CdtrAcct", "UltmtCdtr", "CdtrAgt"),
        unstructured=_texts(remittance, "Ustrd"),
        structured=tuple(_structured(block, note) for block in remittance.all("Strd")) if remittance else (),
        instructed=by_kind.get(AmountKind.INSTRUCTED),
        counter_value=by_kind.get(AmountKind.COUNTER_VALUE),
        exchange=_exchange(node),
        charges=read_charges(node, note),
        returned=_returned(node.child("RtrInf")),
        purpose=node.first(("Purp", "Cd"), ("Purp", "Prtry")),
        bank_transaction_code=read_domain_code(node.child("BkTxCd")) or node.value("BkTxCd", "Prtry", "Cd"),
        additional_information=_texts(node, "AddtlTxInf"),
    )
    return Detail(transaction, amounts, read_direction(node))


def read_direction(node: Node) -> bool | None:
    """True for `CRDT`, False for `DBIT`, None for anything else or nothing."""
    return {"CRDT": True, "DBIT": False}.get(node.value("CdtDbtInd") or "")


def read_amount(node: Node | None) -> Money:
    """An amount element with its `Ccy`. Raises FieldRefused."""
    if node is None:
        raise FieldRefused("amount_missing", "the amount is missing")
    return read_money(node.text, (node.attributes.get("Ccy") or "").strip() or None)


def read_domain_code(node: Node | None) -> str | None:
    """A bank transaction code as `PMNT-RCDT-ESCT`; None without a domain."""
    if node is None:
        return None
    domain = node.value("Domn", "Cd")
    if domain is None:
        return None
    family = node.value("Domn", "Fmly", "Cd") or ""
    return "-".join(filter(None, (domain, family, node.value("Domn", "Fmly", "SubFmlyCd"))))


def read_charges(node: Node, note: Note) -> tuple[Charge, ...]:
    """Charges of an entry or a transaction: one element each up to version 3, records inside one from version 4."""
    found: list[Charge] = []
    for element in node.all("Chrgs"):
        records = list(element.all("Rcrd")) or [element]
        for record in records:
            if record.child("Amt") is None:
                continue
            amount = _optional_amount(record.child("Amt"), note)
            if amount is not None:
                included = {"true": True, "1": True, "false": False, "0": False}.get(record.value("ChrgInclInd") or "")
                found.append(Charge(amount, read_direction(record) is True, included, record.value("Br")))
    return tuple(found)


def _amounts(node: Node, note: Note) -> Iterator[tuple[AmountKind, Money]]:
    paths = (
        (AmountKind.DETAIL, ("Amt",)),
        (AmountKind.TRANSACTION, ("AmtDtls", "TxAmt", "Amt")),
        (AmountKind.COUNTER_VALUE, ("AmtDtls", "CntrValAmt", "Amt")),
        (AmountKind.INSTRUCTED, ("AmtDtls", "InstdAmt", "Amt")),
    )
    for kind, path in paths:
        amount = _optional_amount(node.child(*path), note)
        if amount is not None:
            yield kind, amount


def _optional_amount(node: Node | None, note: Note) -> Money | None:
    if node is None:
        return None
    try:
        amount = read_amount(node)
        if amount.minor < 0:
            raise FieldRefused("amount_invalid", "a negative amount")
    except FieldRefused as refused:
        note(f"transaction.{refused.code}", refused.detail)
        return None
    return amount


def _exchange(node: Node) -> Exchange | None:
    details = node.child("AmtDtls")
    for name in ("InstdAmt", "TxAmt", "CntrValAmt"):
        rate = details.child(name, "CcyXchg") if details else None
        if rate is not None:
            return Exchange(
                rate=_rate(rate.value("XchgRate")),
                source_currency=rate.value("SrcCcy"),
                target_currency=rate.value("TrgtCcy"),
                unit_currency=rate.value("UnitCcy"),
            )
    return None


def _rate(text: str | None) -> Decimal | None:
    try:
        rate = Decimal(text) if text else None
    except InvalidOperation:
        return None
    return rate if rate is not None and rate.is_finite() and rate > 0 else None


def _references(node: Node | None) -> References:
    if node is None:
        return References()
    other = [
        (name, given(node.value(name))) for name in ("AcctOwnrTxId", "AcctSvcrTxId", "MktInfrstrctrTxId", "PrcgId")
    ]
    other += [(child.value("Tp") or "proprietary", given(child.value("Ref"))) for child in node.all("Prtry")]
    return References(
        bank_reference=given(node.value("AcctSvcrRef")),
        end_to_end_id=given(node.value("EndToEndId")),
        instruction_id=given(node.value("InstrId")),
        transaction_id=given(node.value("TxId")),
        uetr=given(node.value("UETR")),
        mandate_id=given(node.value("MndtId")),
        message_id=given(node.value("MsgId")),
        payment_information_id=given(node.value("PmtInfId")),
        cheque_number=given(node.value("ChqNb")),
        clearing_reference=given(node.value("ClrSysRef")),
        other=tuple((name, value) for name, value in other if value is not None),
    )


def _party(node: Node, name: str, account_name: str, ultimate_name: str, agent_name: str) -> Party:
    parties, agents = node.child("RltdPties"), node.child("RltdAgts")
    if parties is None and agents is None:
        return Party()
    party = parties.child(name) if parties else None
    ultimate = parties.child(ultimate_name) if parties else None
    agent = agents.child(agent_name, "FinInstnId") if agents else None
    account, is_iban = read_account_element(parties.child(account_name) if parties else None)
    return Party(
        name=_party_name(party),
        account=account,
        is_iban=is_iban,
        bank=agent.first(("BICFI",), ("BIC",), ("ClrSysMmbId", "MmbId"), ("Nm",)) if agent else None,
        ultimate_name=_party_name(ultimate),
        identifiers=_organization_identifiers(party),
        country=party.first(("PstlAdr", "Ctry"), ("Pty", "PstlAdr", "Ctry")) if party else None,
    )


def _party_name(node: Node | None) -> str | None:
    return node.first(("Nm",), ("Pty", "Nm"), ("Agt", "FinInstnId", "Nm")) if node else None


def _organization_identifiers(node: Node | None) -> tuple[str, ...]:
    """Identifiers of organizations only: those of private persons are personal data that nothing here needs."""
    holder = (node.child("Id", "OrgId") or node.child("Pty", "Id", "OrgId")) if node else None
    if holder is None:
        return ()
    found = [holder.value(name) for name in ("BICOrBEI", "AnyBIC", "LEI")]
    found += [other.value("Id") for other in holder.all("Othr")]
    return tuple(value for value in found if value is not None)


def read_account_element(node: Node | None) -> tuple[str | None, bool]:
    """The identifier of an account element, and whether it is a valid IBAN."""
    if node is None:
        return None, False
    iban = node.value("Id", "IBAN")
    if iban is not None:
        return read_account("".join(iban.split()).upper())
    other = node.first(("Id", "Othr", "Id"), ("Id", "BBAN"), ("Id", "UPIC"), ("Id", "PrtryAcct", "Id"))
    return read_account(other)


def _texts(node: Node | None, name: str) -> tuple[str, ...]:
    if node is None:
        return ()
    return tuple(text for text in (" ".join(child.text.split()) for child in node.all(name)) if text)


def _returned(node: Node | None) -> ReturnInformation | None:
    if node is None:
        return None
    return ReturnInformation(
        reason=node.first(("Rsn", "Cd"), ("Rsn", "Prtry"), ("RtrRsn", "Cd"), ("RtrRsn", "Prtry")),
        detail=" ".join((*_texts(node, "AddtlInf"), *_texts(node, "AddtlRtrRsnInf"))) or None,
        original_code=read_domain_code(node.child("OrgnlBkTxCd")) or node.value("OrgnlBkTxCd", "Prtry", "Cd"),
    )


def _structured(node: Node, note: Note) -> StructuredRemittance:
    amounts = node.child("RfrdDocAmt")
    return StructuredRemittance(
        creditor_reference=_creditor_reference(node.child("CdtrRefInf")),
        documents=tuple(_document(element, node, note) for element in node.all("RfrdDocInf")),
        due_payable=_document_amount(amounts, "DuePyblAmt", note),
        discount=_document_amount(amounts, "DscntApldAmt", note),
        credit_note=_document_amount(amounts, "CdtNoteAmt", note),
        tax=_document_amount(amounts, "TaxAmt", note),
        remitted=_document_amount(amounts, "RmtdAmt", note),
        deductions=tuple(_deductions(amounts, note)),
        additional=_texts(node, "AddtlRmtInf"),
    )


def _creditor_reference(node: Node | None) -> CreditorReference | None:
    value = given(node.first(("Ref",), ("CdtrRef",))) if node else None
    if node is None or value is None:
        return None
    kind = node.first(
        ("Tp", "CdOrPrtry", "Cd"), ("Tp", "CdOrPrtry", "Prtry"), ("CdtrRefTp", "Cd"), ("CdtrRefTp", "Prtry")
    )
    return CreditorReference(value, kind, node.first(("Tp", "Issr"), ("CdtrRefTp", "Issr")))


def _document(node: Node, block: Node, note: Note) -> ReferredDocument:
    kind = node.first(
        ("Tp", "CdOrPrtry", "Cd"), ("Tp", "CdOrPrtry", "Prtry"), ("RfrdDocTp", "Cd"), ("RfrdDocTp", "Prtry")
    )
    text = node.first(("RltdDt",), ("RltdDt", "Dt")) or block.value("RfrdDocRltdDt")
    try:
        on = read_date(text)
    except FieldRefused as refused:
        note(f"transaction.document_{refused.code}", refused.detail)
        on = None
    lines = tuple(node.all("LineDtls"))
    remitted, discount = (_line_amount(lines, name, note) for name in ("RmtdAmt", "DscntApldAmt"))
    return ReferredDocument(given(node.first(("Nb",), ("RfrdDocNb",))), kind, on, remitted, discount)


def _line_amount(lines: Iterable[Node], name: str, note: Note) -> Money | None:
    """The sum of that amount over the lines of a document (from version 6 on); None where a line does not have it."""
    total: Money | None = None
    for line in lines:
        amount = _document_amount(line.child("Amt"), name, note)
        if amount is None or (total is not None and total.currency != amount.currency):
            return None
        total = amount if total is None else total + amount
    return total


def _document_amount(amounts: Node | None, name: str, note: Note) -> Money | None:
    """The amount of that name; several of them (discounts of different types) are summed."""
    total: Money | None = None
    for element in amounts.all(name) if amounts else ():
        # from version 3 discount and tax hold a type and an amount; before, the element is the amount
        amount = _optional_amount(element.child("Amt") or element, note)
        if amount is None or (total is not None and total.currency != amount.currency):
            continue
        total = amount if total is None else total + amount
    return total


def _deductions(amounts: Node | None, note: Note) -> Iterator[Deduction]:
    for element in amounts.all("AdjstmntAmtAndRsn") if amounts else ():
        amount = _optional_amount(element.child("Amt"), note)
        if amount is not None:
            yield Deduction(amount, read_direction(element), element.value("Rsn"), element.value("AddtlInf"))
