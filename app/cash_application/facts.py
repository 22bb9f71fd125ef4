"""From rows to the facts of the pure engine, and the choice of the few candidates it needs from a big ledger.

First every waiting payment gets a *claim*: the accounts and documents it may mean, found by keys, names and payer
identities (`find_claims`). Claims that may meet are put into one batch (`planning.py`). Then the facts of a batch are
loaded (`load_facts`): its payments, everything open of the accounts claimed, and the payments they may repeat.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.cash_application.matching.decide import ACCOUNTS_LIMIT
from app.cash_application.matching.duplicates import DUPLICATE_DAYS
from app.cash_application.matching.index import KEY_ITEMS_LIMIT
from app.cash_application.matching.payer import (
    NAMED_NATS,
    AccountIndex,
    PayerEvidence,
    RunIdentities,
    identify_payer,
    identity_values,
)
from app.cash_application.matching.references import Token, payment_tokens
from app.cash_application.matching.types import ItemKind, OpenItem, PaymentFacts, RemittanceLine
from app.cash_application.parties import load_named, load_parties
from app.cash_application.party_index import PartyIndex
from app.cash_application.sql import facts as sql
from app.core.money import prorate, to_minor
from app.infra.database import ReadSession
from app.remittances.join import AdvisedPart, advised_parts

OWN_NATS = 3.5
"""Evidence from which on an account is meant itself, and not only as a member of the payer's group."""
DOCUMENTS_PER_LINK_LIMIT = 8


class TooManyItems(Exception):
    """The payments of one batch claim more open items than are held in memory at once; ask for fewer payments."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one waiting payment may settle, as ids: of `pools` everything that is open, else the documents it names.

    `accounts` are those that may have paid. `meets` names what makes two claims meet: two payments with an equal value
    in it may want the same item or repeat each other.
    """

    payment_id: UUID
    value_date: date
    accounts: tuple[UUID, ...]
    pools: tuple[UUID, ...]
    invoices: tuple[UUID, ...]
    credit_memos: tuple[UUID, ...]
    payer_known: bool
    meets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the engine is given for one batch; `rows` are the payments as stored, in the order of `payments`."""

    rows: tuple[Any, ...]
    payments: tuple[PaymentFacts, ...]
    items: tuple[OpenItem, ...]
    accounting_dates: dict[str, date]
    parties: AccountIndex
    earlier: tuple[PaymentFacts, ...]


async def find_claims(session: ReadSession, payment_ids: Sequence[UUID], index: PartyIndex) -> list[Claim]:
    """A claim for each of these payments that waits."""
    payments = await load_payments(session, await sql.waiting_payments(session, payment_ids))
    tokens = await asyncio.to_thread(_tokens, payments)
    keys = {token.key for found in tokens.values() for token in found}
    by_key: defaultdict[str, list[Any]] = defaultdict(list)
    for row in await sql.documents_by_key(session, keys):
        by_key[row["key"]].append(row)
    parties = await load_named(session, payments, tokens, index)
    return await asyncio.to_thread(_claims, payments, tokens, by_key, parties)


def _tokens(payments: Sequence[PaymentFacts]) -> dict[str, tuple[Token, ...]]:
    return {payment.id: payment_tokens(payment) for payment in payments}


def _claims(
    payments: Sequence[PaymentFacts],
    tokens: dict[str, tuple[Token, ...]],
    by_key: dict[str, list[Any]],
    parties: AccountIndex,
) -> list[Claim]:
    nothing_shown = RunIdentities()
    claims = []
    for payment in payments:
        named = [row for token in tokens[payment.id] for row in _meant(by_key.get(token.key, ()))]
        evidence = identify_payer(payment, tokens[payment.id], parties, nothing_shown)
        claims.append(_claim(payment, named, evidence))
    return claims


def _meant(hits: Sequence[Any]) -> Sequence[Any]:
    """A key that names very many documents means none of them."""
    return hits if len(hits) <= KEY_ITEMS_LIMIT else ()


def _claim(payment: PaymentFacts, named: Sequence[Any], evidence: dict[str, PayerEvidence]) -> Claim:
    likeliest = sorted(evidence.items(), key=lambda pair: (-pair[1].nats, pair[0]))[:ACCOUNTS_LIMIT]
    payer_known = bool(likeliest) and likeliest[0][1].nats >= NAMED_NATS
    explained = _is_explained(payment, named)
    if explained:  # the payer's sister companies have no part in it
        likeliest = [pair for pair in likeliest if pair[1].nats >= OWN_NATS]
    accounts = dict.fromkeys(UUID(account) for account, _ in likeliest)
    documents = {row["id"]: row for row in named}
    few = list(documents.values()) if len(documents) <= DOCUMENTS_PER_LINK_LIMIT else []
    values = [f"{kind}:{value}" for kind, value in identity_values(payment) if value]
    meets = [f"document:{row['id']}" for row in few]
    if values:
        meets.append(f"like:{payment.currency}:{payment.amount_minor}:{values[0]}")
    if not payer_known:
        meets.append(f"amount:{payment.legal_entity_id}:{payment.currency}:{payment.amount_minor}")
    meets += values
    meets += [f"account:{account}" for account in dict.fromkeys([*accounts, *(row["account_id"] for row in few)])]
    claimed = tuple(dict.fromkeys([*accounts, *(row["account_id"] for row in named)]))
    return Claim(
        payment_id=UUID(payment.id),
        value_date=payment.value_date,
        accounts=claimed,
        pools=() if explained else claimed,
        invoices=tuple(row["id"] for row in documents.values() if not row["is_credit"]),
        credit_memos=tuple(row["id"] for row in documents.values() if row["is_credit"]),
        payer_known=payer_known,
        meets=tuple(meets),
    )


def _is_explained(payment: PaymentFacts, named: Sequence[Any]) -> bool:
    """Whether all that the payment names is of one account, whole numbers, and worth just its amount."""
    whole = {row["id"] for row in named if not row["is_weak"]}
    if len({row["account_id"] for row in named}) != 1 or any(row["id"] not in whole for row in named):
        return False
    parts = {row["part_id"]: row["open_minor"] * (-1 if row["is_credit"] else 1) for row in named}
    return bool(sum(parts.values()) == payment.amount_minor)


async def load_facts(session: ReadSession, claims: Sequence[Claim]) -> Facts | None:
    """The facts of these claims, or None when none of their payments waits any more. Raises TooManyItems."""
    rows = await sql.waiting_payments(session, [claim.payment_id for claim in claims])
    if not rows:
        return None
    payments = tuple(await load_payments(session, rows))
    accounts = {account for claim in claims for account in claim.accounts}
    parties, known = await load_parties(session, payments, accounts)
    pools = {account for claim in claims for account in claim.pools} | (known - accounts)
    items = await _load_items(session, payments, claims, pools)
    return Facts(
        rows=tuple(rows),
        payments=tuple(payments),
        items=tuple(_item(row) for row in items.values()),
        accounting_dates={id_: row["accounting_date"] for id_, row in items.items()},
        parties=parties,
        earlier=await _load_earlier(session, payments),
    )


async def _load_items(
    session: ReadSession, payments: Sequence[PaymentFacts], claims: Sequence[Claim], accounts: set[UUID]
) -> dict[str, Any]:
    """Everything open of the accounts, every document that is named, and what is found beside it.

    Of an account with more than is read: what has just the amount of a payment. Of any account: documents with just
    the amount of a payment whose payer nobody knows.
    """
    rows = await sql.items_of_accounts(session, accounts)
    if len(rows) > sql.ITEMS_PER_BATCH_LIMIT and len(claims) > 1:
        raise TooManyItems
    found = {row["id"]: row for row in rows}
    counts = Counter(row["account_id"] for row in rows)
    cut = {UUID(account) for account, count in counts.items() if count >= sql.ITEMS_PER_ACCOUNT_LIMIT}
    amounts = {UUID(payment.id): payment.amount_minor for payment in payments}
    beyond = {
        (account, amounts[claim.payment_id])
        for claim in claims if claim.payment_id in amounts for account in cut.intersection(claim.pools)
    }  # fmt: skip
    named = [claim for claim in claims if not claim.pools or cut.intersection(claim.pools)]
    invoices = {invoice for claim in named for invoice in claim.invoices}
    credit_memos = {credit for claim in named for credit in claim.credit_memos}
    for row in await sql.items_of_documents(session, sorted(invoices), sorted(credit_memos)):
        found.setdefault(row["id"], row)
    for row in await sql.items_by_account_and_amount(session, sorted(beyond)):
        found.setdefault(row["id"], row)
    unknown = {claim.payment_id for claim in claims if not claim.payer_known}
    strangers = {
        (UUID(p.legal_entity_id), p.currency, p.amount_minor) for p in payments if UUID(p.id) in unknown
    }  # fmt: skip
    for row in await sql.items_by_amount(session, sorted(strangers)):
        found.setdefault(row["id"], row)
    return found


async def _load_earlier(session: ReadSession, payments: Sequence[PaymentFacts]) -> tuple[PaymentFacts, ...]:
    """Payments of the days before with the amount of one of these, to recognise duplicates."""
    days: dict[tuple[int, str], tuple[date, date]] = {}
    for payment in payments:
        key, on = (payment.amount_minor, payment.currency), payment.value_date
        first, last = days.get(key, (on, on))
        days[key] = (min(first, on), max(last, on))
    before = timedelta(days=DUPLICATE_DAYS)
    wanted = [(*key, first - before, last) for key, (first, last) in sorted(days.items())]
    rows = await sql.earlier_payments(session, wanted)
    here = {payment.id for payment in payments}
    return tuple(
        payment_facts({**dict(row), "remittance": {}, "unapplied_minor": row["amount_minor"], "is_no_duplicate": False})
        for row in rows
        if str(row["id"]) not in here
    )


async def load_payments(session: ReadSession, rows: Sequence[Any]) -> list[PaymentFacts]:
    """Facts of waiting payments. One that a remittance advice announced has the advice's lines as its documents."""
    advised = await advised_parts(session, [row["id"] for row in rows])
    found = [payment_facts(row) for row in rows]
    return [
        replace(payment, referred_documents=tuple(map(_advised, advised[row["id"]])))
        if row["id"] in advised
        else payment
        for payment, row in zip(found, rows, strict=True)
    ]


def _advised(part: AdvisedPart) -> RemittanceLine:
    return RemittanceLine(
        number=part.document_number,
        amount_minor=part.amount_minor,
        discount_minor=part.discount_minor,
        deduction_minor=part.deduction_minor,
        deduction_reason=part.deduction_reason,
    )


def payment_facts(row: Any) -> PaymentFacts:
    """One waiting payment; what is left of it is what can be applied."""
    remittance: dict[str, Any] = row["remittance"] or {}
    currency = row["currency"]
    return PaymentFacts(
        id=str(row["id"]),
        legal_entity_id=str(row["legal_entity_id"]),
        currency=currency,
        amount_minor=row["unapplied_minor"],
        value_date=row["value_date"],
        account_id=str(row["account_id"]) if row["account_id"] else None,
        payer_name=row["payer_name"] or "",
        payer_bank_identifier=row["payer_bank_identifier"] or "",
        ultimate_payer_name=remittance.get("ultimate_payer_name") or "",
        remittance_text=row["remittance_text"] or "",
        structured_references=tuple(remittance.get("structured_references") or ()),
        referred_documents=tuple(_line(line, currency) for line in remittance.get("documents") or ()),
        end_to_end_id=row["end_to_end_id"] or "",
        bank_reference=row["bank_reference"] or "",
        charges_minor=remittance.get("charges_minor") or 0,
        is_no_duplicate=row["is_no_duplicate"],
    )


def _line(line: dict[str, Any], currency: str) -> RemittanceLine:
    """A referred document; amounts stand in it as decimal text."""

    def minor(name: str) -> int | None:
        value = line.get(name)
        return None if value is None else to_minor(Decimal(str(value)), currency)

    return RemittanceLine(
        number=str(line.get("number") or ""),
        amount_minor=minor("amount"),
        discount_minor=minor("discount") or 0,
        deduction_minor=minor("deduction") or 0,
        deduction_reason=line.get("reason"),
    )


def _item(row: Any) -> OpenItem:
    (id_, document_id, account_id, legal_entity_id, number, currency, open_minor, amount_minor, invoice_date, due_date,
     discount_minor, discount_date, _, order, delivery, contract, external, asked, is_credit, corrected_minor,
     lost_minor, later) = row  # fmt: skip
    references: tuple[str, ...] = ()
    if order or delivery or contract or external or asked:
        others = (order, delivery, contract, external, asked)
        references = tuple([other for other in others if other and other != number])
    later_discounts: tuple[tuple[date, int], ...] = ()
    if later:
        later_discounts = tuple((date.fromisoformat(last), minor) for last, minor in later)
    if lost_minor and discount_minor:  # nobody earns a discount on what was credited or corrected
        whole = amount_minor - corrected_minor
        rest = max(0, whole - lost_minor)
        discount_minor = prorate(discount_minor, rest, whole)
        later_discounts = tuple((last, prorate(minor, rest, whole)) for last, minor in later_discounts)
    return OpenItem(
        id_,
        document_id,
        account_id,
        legal_entity_id,
        number,
        currency,
        open_minor,
        amount_minor,
        invoice_date,
        due_date,
        ItemKind.CREDIT_MEMO if is_credit else ItemKind.INVOICE,
        references,
        discount_minor,
        discount_date,
        later_discounts,
    )
