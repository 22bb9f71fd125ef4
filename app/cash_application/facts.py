"""From rows to the facts of the pure engine, and the choice of the few candidates it needs from a big ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.cash_application import queries
from app.cash_application.matching.names import normalize_bank_identifier, normalize_name
from app.cash_application.matching.payer import AccountIndex, RunIdentities, identify_payer
from app.cash_application.matching.references import lookup_keys, payment_tokens
from app.cash_application.matching.types import (
    AccountFacts,
    IdentityKind,
    IdentityOrigin,
    ItemKind,
    OpenItem,
    PayerIdentity,
    PaymentFacts,
    RemittanceLine,
    Settings,
    Tolerance,
)
from app.core.money import to_minor
from app.infra.database import ReadSession

ACCOUNTS_PER_PAYMENT_LIMIT = 20
EARLIER_DAYS = 60


@dataclass(frozen=True, slots=True)
class Parties:
    """Accounts and payer identities of the organization, read once a run."""

    accounts: tuple[AccountFacts, ...]
    identities: tuple[PayerIdentity, ...]
    index: AccountIndex


@dataclass(frozen=True, slots=True)
class Items:
    """Open items by engine id, with the day from which each may be settled."""

    items: tuple[OpenItem, ...]
    accounting_dates: dict[str, date]


async def load_parties(session: ReadSession) -> Parties:
    """Accounts and identities of the organization, and the index over them."""
    accounts = tuple(_account(row) for row in await queries.account_rows(session))
    identities = tuple(_identity(row) for row in await queries.identity_rows(session))
    return Parties(accounts, identities, AccountIndex(accounts, identities))


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


async def load_items(session: ReadSession, payments: Sequence[PaymentFacts], parties: Parties) -> Items:
    """Candidates of these payments: documents named by a key, and open items of the accounts that may have paid."""
    keys = {key for payment in payments for key in lookup_keys(payment)}
    named = await queries.items_by_key(session, keys)
    accounts = {UUID(str(row["account_id"])) for row in named}
    none = RunIdentities()
    for payment in payments:
        evidence = identify_payer(payment, payment_tokens(payment), parties.index, none)
        likeliest = sorted(evidence.items(), key=lambda pair: (-pair[1].nats, pair[0]))
        accounts.update(UUID(account) for account, _ in likeliest[:ACCOUNTS_PER_PAYMENT_LIMIT])
    rows = {row["id"]: row for row in (*named, *await queries.items_of_accounts(session, accounts))}
    items = tuple(_item(row) for row in rows.values())
    return Items(items, {str(row["id"]): row["accounting_date"] for row in rows.values()})


async def load_earlier(session: ReadSession, payments: Sequence[PaymentFacts]) -> tuple[PaymentFacts, ...]:
    """Payments of the last weeks with the amount of one of these, to recognise duplicates."""
    since = min(payment.value_date for payment in payments) - timedelta(days=EARLIER_DAYS)
    amounts = {(payment.currency, payment.amount_minor) for payment in payments}
    rows = await queries.earlier_payments(session, since, amounts)
    return tuple(payment_facts({**dict(row), "remittance": {}, "unapplied_minor": row["amount_minor"]}) for row in rows)


async def load_settings(session: ReadSession) -> tuple[Settings, bool]:
    """The engine's settings, and whether matches are applied without a person."""
    row = await queries.matching_settings(session)
    if row is None:
        return Settings(), True
    stored: dict[str, Any] = row["tolerances"] or {}
    shipped = Settings()
    settings = Settings(
        automatic_confidence=float(row["automatic_threshold"]),
        proposed_confidence=float(row["proposed_threshold"]),
        tolerance=Tolerance(
            under_minor=stored.get("under_minor", shipped.tolerance.under_minor),
            under_basis_points=stored.get("under_basis_points", 0),
            over_minor=stored.get("over_minor", shipped.tolerance.over_minor),
            over_basis_points=stored.get("over_basis_points", 0),
            cap_minor=stored.get("cap_minor"),
        ),
        small_difference_minor=stored.get("small_difference_minor", shipped.small_difference_minor),
        bank_charge_minor=stored.get("bank_charge_minor", shipped.bank_charge_minor),
    )
    return settings, bool(row["automatic_enabled"])


def _account(row: Any) -> AccountFacts:
    names = tuple(dict.fromkeys(name for name in (row["name"], row["legal_name"]) if name))
    return AccountFacts(
        id=str(row["id"]),
        number=row["number"],
        names=names,
        parent_id=str(row["parent_id"]) if row["parent_id"] else None,
    )


def _identity(row: Any) -> PayerIdentity:
    kind = IdentityKind(row["kind"])
    bank = kind is IdentityKind.BANK_IDENTIFIER
    value = normalize_bank_identifier(row["value"]) if bank else normalize_name(row["value"])
    entered = row["origin"] == "entered"
    strength = 1.0 if entered else row["confirmations"] / (row["confirmations"] + 1)
    origin = IdentityOrigin.ENTERED if entered else IdentityOrigin.LEARNED
    return PayerIdentity(str(row["account_id"]), kind, value, origin, strength)


def _item(row: Any) -> OpenItem:
    others: Iterable[str | None] = (
        row["purchase_order"],
        row["delivery_reference"],
        row["contract_reference"],
        row["external_id"],
    )
    return OpenItem(
        id=str(row["id"]),
        document_id=str(row["document_id"]),
        account_id=str(row["account_id"]),
        legal_entity_id=str(row["legal_entity_id"]),
        number=row["number"],
        currency=row["currency"],
        open_minor=row["open_minor"],
        amount_minor=row["amount_minor"],
        invoice_date=row["invoice_date"],
        due_date=row["due_date"],
        kind=ItemKind.CREDIT_MEMO if row["is_credit"] else ItemKind.INVOICE,
        references=tuple(other for other in others if other and other != row["number"]),
        discount_minor=row["discount_minor"],
        discount_date=row["discount_date"],
    )
