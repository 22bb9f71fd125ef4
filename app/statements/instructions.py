"""How to pay a statement: for each legal entity and currency the own bank account, the reference, the code. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from app.core.payment_references import creditor_reference, qr_reference
from app.statements.payment_codes import (
    SEPA_COUNTRIES,
    SWISS_COUNTRIES,
    SWISS_CURRENCIES,
    Party,
    epc_payload,
    is_qr_iban,
    swiss_payload,
)

CodeKind = Literal["epc", "swiss_qr_bill"]
IBAN_LENGTH_MIN = 15


@dataclass(frozen=True, slots=True)
class Instruction:
    """What to pay where. `reference` goes with the payment; `payload` is what the code of `code` says.

    Without an own bank account in the currency `bank` is None. `amount_minor` is what is open less credits and money
    not yet applied; nothing is asked for where it is not above zero.
    """

    legal_entity_id: UUID
    legal_entity: str
    currency: str
    amount_minor: int
    bank: Any | None
    reference: str | None
    code: CodeKind | None
    payload: str | None
    creditor: Party
    debtor: Party


def instructions_of(
    account: Mapping[str, Any],
    items: Iterable[Mapping[str, Any]],
    credits: Iterable[Mapping[str, Any]],
    banks: Sequence[Mapping[str, Any]],
) -> list[Instruction]:
    """One for each legal entity and currency with something to pay, in the order of the banks' legal entities."""
    owed: defaultdict[tuple[UUID, str], int] = defaultdict(int)
    for row in items:
        owed[row["legal_entity_id"], row["currency"]] += row["open_minor"]
    for row in credits:
        owed[row["legal_entity_id"], row["currency"]] -= row["left_minor"]
    entities = {row["legal_entity_id"]: row for row in banks}
    order = list(entities)
    wanted = sorted(
        ((key, minor) for key, minor in owed.items() if minor > 0 and key[0] in entities),
        key=lambda pair: (order.index(pair[0][0]), pair[0][1]),
    )
    return [_instruction(account, entities[key[0]], key[1], minor, banks) for key, minor in wanted]


def _instruction(
    account: Mapping[str, Any], entity: Mapping[str, Any], currency: str, minor: int, banks: Sequence[Mapping[str, Any]]
) -> Instruction:
    own = [
        row
        for row in banks
        if row["legal_entity_id"] == entity["legal_entity_id"] and row["identifier"] and row["currency"] == currency
    ]
    bank = min(own, key=lambda row: _rank(row["identifier"], currency), default=None)
    creditor = _party(entity["legal_entity"], entity)
    debtor = _party(account["legal_name"] or account["name"], account)
    numeric = bank is not None and is_qr_iban(bank["identifier"]) and currency in SWISS_CURRENCIES
    reference = qr_reference(account["number"]) if numeric else creditor_reference(account["number"])
    code, payload = _code(account, bank, currency, minor, reference, creditor, debtor)
    return Instruction(
        entity["legal_entity_id"], entity["legal_entity"], currency, minor, bank, reference, code, payload, creditor,
        debtor,
    )  # fmt: skip


def _rank(identifier: str, currency: str) -> tuple[int, str]:
    """The account for which a code can be drawn first, then any IBAN, then local numbers."""
    if is_qr_iban(identifier) and currency in SWISS_CURRENCIES:
        return 0, identifier
    if _is_iban(identifier):
        return (1 if identifier[:2] in SEPA_COUNTRIES else 2), identifier
    return 3, identifier


def _is_iban(identifier: str) -> bool:
    return len(identifier) >= IBAN_LENGTH_MIN and identifier[:2].isalpha() and identifier[2:4].isdigit()


def _party(name: str, row: Mapping[str, Any]) -> Party:
    return Party(name, *(row[part] or "" for part in ("street", "postal_code", "city", "country")))


def _code(
    account: Mapping[str, Any],
    bank: Mapping[str, Any] | None,
    currency: str,
    minor: int,
    reference: str | None,
    creditor: Party,
    debtor: Party,
) -> tuple[CodeKind | None, str | None]:
    """The code that applies: QR-bill to a Swiss account in CHF or EUR, else EPC to a SEPA account in EUR; or none."""
    if bank is None or not _is_iban(bank["identifier"]):
        return None, None
    iban = bank["identifier"]
    try:
        if iban[:2] in SWISS_COUNTRIES and currency in SWISS_CURRENCIES:
            return "swiss_qr_bill", swiss_payload(
                iban=iban, creditor=creditor, amount_minor=minor, currency=currency, debtor=debtor,
                reference=reference, text=account["number"],
            )  # fmt: skip
        if currency == "EUR" and iban[:2] in SEPA_COUNTRIES:
            return "epc", epc_payload(
                name=creditor.name, iban=iban, bic=bank["bic"], amount_minor=minor, reference=reference,
                text=account["number"],
            )  # fmt: skip
    except ValueError:  # no code is better than one that no bank takes; the paper still says where to pay
        return None, None
    return None, None
