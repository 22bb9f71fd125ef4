"""Who sells and who buys: identifiers decide, a name is only proposed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.accounts.identities import IdentityCommand, learn_payer_identities
from app.accounts.rules import normalize_account_name, normalize_identity
from app.cash_application.matching.names import similarity
from app.core.errors import FieldError
from app.infra.database import ReadSession, WriteSession
from app.integrations.invoice_files import queries
from app.integrations.invoice_files.errors import BuyerAmbiguous, BuyerUnknown, NotOurClaim, SellerUnknown
from app.integrations.invoice_formats.records import EInvoice, EParty
from app.integrations.party_lookup import accounts_of_identities
from app.organizations.rules import normalize_identifier

PROPOSALS_MAX = 5
LIKENESS_MIN = 0.6
NUMBER = "customer_number"


async def find_seller(session: ReadSession, invoice: EInvoice, code: str | None) -> tuple[UUID, str, str | None]:
    """(id, code) of the legal entity that sells, and a note where nothing in the file confirms it.

    By the code given, the account to be paid to, the seller's name; else the only one there is. Raises SellerUnknown,
    NotOurClaim.
    """
    entities = await queries.sellers(session)
    sold_by = [row for row in entities if _is_named(row, invoice.seller)]
    if not sold_by and any(_is_named(row, invoice.buyer) for row in entities):
        detail = f"{(invoice.buyer.name or '')[:80]!r} is one of the own legal entities: this invoice is owed by it"
        raise NotOurClaim(detail, pointer=invoice.buyer.path)
    if code is not None:
        found = [row for row in entities if row["code"] == code]
        if not found:
            raise SellerUnknown(f"no legal entity has the code {code[:40]!r}", pointer="/legal_entity")
        return found[0]["id"], found[0]["code"], None
    payees = {normalize_identifier(account) for account in invoice.payee_accounts}
    paid_to = [row for row in entities if payees.intersection(row["identifiers"])]
    for found in (paid_to, sold_by):
        if len(found) == 1:
            return found[0]["id"], found[0]["code"], None
    if len(entities) == 1:
        note = "seller_not_confirmed: neither name nor account of the file is that of the legal entity"
        return entities[0]["id"], entities[0]["code"], note
    detail = "neither the account to be paid to nor the seller's name tells which legal entity sells: name it"
    raise SellerUnknown(detail, errors=(FieldError(invoice.seller.path, SellerUnknown.code, detail),))


def _is_named(row: Any, party: EParty) -> bool:
    own = normalize_account_name(row["name"])
    names = {normalize_account_name(name) for name in (party.name, party.trading_name) if name}
    return bool(own) and own in names


def identities_of(party: EParty) -> list[tuple[str, str]]:
    """(kind, value) of what identifies a party, the surest kind first."""
    return [
        *(("vat_id", value) for value in party.vat_ids),
        *(("electronic_address", value) for value in party.electronic_addresses),
        *(("registered_id", value) for value in party.registered_ids),
    ]


async def find_buyer(
    session: ReadSession, party: EParty, account_id: UUID | None, account_number: str | None
) -> tuple[UUID, list[str]]:
    """The account of the buyer, and by which kinds of identifiers it was found.

    All identifiers that are known must agree. Raises BuyerUnknown, BuyerAmbiguous.
    """
    if account_id is not None or account_number is not None:
        return await _given(session, account_id, account_number), ["caller"]
    found: set[UUID] | None = None
    kinds: list[str] = []
    for kind, accounts in await _candidates(session, party):
        if not accounts:
            continue
        if found is not None and not found & accounts:
            detail = f"{' and '.join(kinds)} name another account than {kind}"
            raise BuyerAmbiguous(detail, pointer=party.path, accounts=await _shown(session, found | accounts))
        found = accounts if found is None else found & accounts
        kinds.append(kind)
    if found is None:
        detail = "no account is known for the buyer's identifiers; a name alone does not decide"
        raise BuyerUnknown(detail, pointer=party.path, proposed_accounts=await _like(session, party))
    if len(found) > 1:
        detail = f"{len(found)} accounts have the same {' and '.join(kinds)}"
        raise BuyerAmbiguous(detail, pointer=party.path, accounts=await _shown(session, found))
    return next(iter(found)), kinds


async def _given(session: ReadSession, account_id: UUID | None, account_number: str | None) -> UUID:
    if account_id is not None:
        found: set[UUID] = {row["id"] for row in await queries.accounts_named(session, [account_id])}
    else:
        found = await queries.accounts_by_number(session, [account_number or ""])
    if len(found) != 1:
        pointer = "/account_id" if account_id is not None else "/account_number"
        raise BuyerUnknown("no such account", pointer=pointer, proposed_accounts=[])
    return next(iter(found))


async def _candidates(session: ReadSession, party: EParty) -> list[tuple[str, set[UUID]]]:
    identities = [(kind, normalize_identity(kind, value)) for kind, value in identities_of(party)]
    known = await accounts_of_identities(session, identities) if identities else {}
    numbered = await queries.accounts_by_number(session, party.customer_numbers) if party.customer_numbers else set()
    found: list[tuple[str, set[UUID]]] = [(NUMBER, numbered)]
    for wanted in ("vat_id", "electronic_address", "registered_id"):
        accounts = [known.get(key, set()) for key in identities if key[0] == wanted]
        found.append((wanted, set().union(*accounts)))
    return found


async def _like(session: ReadSession, party: EParty) -> list[dict[str, str]]:
    """Accounts of a similar name, the most similar first."""
    names = [name for name in dict.fromkeys((party.name, party.trading_name)) if name]
    scored: list[tuple[float, str, Any]] = []
    for name in names:
        for row in await queries.accounts_like(session, name):
            likeness = max(similarity(name, other) for other in (row["name"], row["legal_name"]) if other)
            if likeness >= LIKENESS_MIN:
                scored.append((-likeness, row["number"], row))
    best = {row["id"]: row for _, _, row in sorted(scored, key=lambda item: item[:2])}
    return [_account(row) for row in list(best.values())[:PROPOSALS_MAX]]


async def _shown(session: ReadSession, ids: set[UUID]) -> list[dict[str, str]]:
    rows = await queries.accounts_named(session, sorted(ids)[:PROPOSALS_MAX])
    return [_account(row) for row in rows]


def _account(row: Any) -> dict[str, str]:
    return {"id": str(row["id"]), "number": row["number"], "name": row["name"]}


async def learn(session: WriteSession, account_id: UUID, party: EParty) -> Sequence[str]:
    """Remember the buyer's identifiers for its account; which kinds were given."""
    commands = [IdentityCommand(account_id, kind, value) for kind, value in identities_of(party)]
    if commands:
        await learn_payer_identities(session, commands)
    return sorted({command.kind for command in commands})
