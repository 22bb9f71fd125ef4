"""Accounts on a real database: set-wise upserts, the tree of parents, identities, contacts."""

from __future__ import annotations

import asyncio
import random
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from app.accounts.commands import UNSET, AccountCommand, AccountInvalid, ContactCommand
from app.accounts.contacts import create_contact, erase_contact, update_contact
from app.accounts.errors import (
    AccountMerged,
    CollectorUnknown,
    CreditLimitOfOtherCurrency,
    NumberTaken,
    ParentCycle,
    ParentUnknown,
    PayerIdentityTaken,
    PaymentTermsUnknown,
)
from app.accounts.identities import (
    IdentityCommand,
    add_payer_identity,
    deactivate_payer_identity,
    learn_payer_identities,
    learn_payer_identity,
)
from app.accounts.queries import group_roots, payment_terms_by_id
from app.accounts.rules import due_date
from app.accounts.terms import create_payment_terms, update_payment_terms
from app.accounts.terms_notation import parse_terms_text
from app.accounts.upsert import Upserted, create_account, update_account, upsert_accounts
from app.core.errors import DomainError, StaleVersion
from app.infra.database import Database, WriteSession
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant, make_tenant


def account(number: str, **changes: Any) -> AccountCommand:
    return AccountCommand(**{"number": number, "name": f"Customer {number}", "currency": "EUR", **changes})


async def row(session: WriteSession, account_id: UUID) -> Any:
    return await session.driver.fetchrow("SELECT * FROM accounts WHERE id = $1", account_id)


def outcomes(results: list[Upserted | DomainError]) -> list[str]:
    return [result.code if isinstance(result, DomainError) else result.outcome for result in results]


async def test_an_upsert_creates_then_changes_nothing_then_updates(session: WriteSession) -> None:
    command = account("A-1", source="gp", external_id="1", country="de", language="PT_br", credit_limit_minor=0)
    (first,) = await upsert_accounts(session, [command])
    (second,) = await upsert_accounts(session, [command])
    (third,) = await upsert_accounts(session, [account("A-2", source="gp", external_id="1")])
    assert outcomes([first, second, third]) == ["created", "unchanged", "updated"]
    assert isinstance(first, Upserted)
    assert isinstance(third, Upserted)
    found = await row(session, first.id)
    assert (third.id, found["number"], found["version"]) == (first.id, "A-2", 2)
    # What the later command did not give is kept; texts are in their canonical form.
    assert (found["country"], found["language"], found["credit_limit_minor"]) == ("DE", "pt-BR", 0)


async def test_a_number_is_adopted_by_a_reference_but_not_taken_from_another_one(session: WriteSession) -> None:
    results = await upsert_accounts(session, [account("A-1"), account("A-2", source="gp", external_id="2")])
    assert outcomes(results) == ["created", "created"]
    again = await upsert_accounts(
        session,
        [
            account("A-1", source="gp", external_id="1"),
            account("A-2", source="gp", external_id="3"),
            account("A-1", source="gp", external_id="2"),
            account("A-2", name="Renamed"),
        ],
    )
    assert outcomes(again) == ["updated", "account.number_taken", "account.number_taken", "updated"]


async def test_parents_may_stand_later_in_the_batch_and_a_circle_is_refused(session: WriteSession) -> None:
    results = await upsert_accounts(
        session,
        [
            account("child", parent_number="middle"),
            account("middle", parent_number="top"),
            account("x", parent_number="y"),
            account("y", parent_number="z"),
            account("z", parent_number="x"),
            account("lost", parent_number="nobody"),
            account("below the circle", parent_number="x"),
            account("self", parent_number="self"),
            account("top"),
        ],
    )
    cycle, unknown = ParentCycle.code, ParentUnknown.code
    assert outcomes(results) == ["created", "created", cycle, cycle, cycle, unknown, unknown, cycle, "created"]
    child, middle, top = (result.id for result in (results[0], results[1], results[8]) if isinstance(result, Upserted))
    assert await group_roots(session, [child, top, middle]) == {child: top, top: top, middle: top}
    with pytest.raises(ParentCycle):
        await update_account(session, top, {"parent_id": child})
    # Turning the tree over in one batch is no circle, whatever the order of its rows.
    turned = await upsert_accounts(
        session,
        [
            account("top", parent_number="middle"),
            account("middle", parent_number="child"),
            account("child", parent_number=None),
        ],
    )
    assert outcomes(turned) == ["updated"] * 3
    assert await group_roots(session, [top]) == {top: child}


async def test_an_account_twice_in_a_batch_is_done_twice_in_order(session: WriteSession) -> None:
    commands = [account("A-1", segment="one"), account("A-2", parent_number="A-1"), account("A-1", segment="two")]
    results = await upsert_accounts(session, commands)
    assert outcomes(results) == ["created", "created", "updated"]
    assert isinstance(results[0], Upserted)
    assert isinstance(results[2], Upserted)
    assert results[0].id == results[2].id
    assert (await row(session, results[0].id))["segment"] == "two"


async def test_each_bad_field_is_named_and_the_others_are_written(session: WriteSession) -> None:
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"currency": "EUX"}, "money.currency_unknown", "/currency"),
        ({"name": " \u200b "}, AccountInvalid.code, "/name"),
        ({"name": "a\x00b"}, AccountInvalid.code, "/name"),
        ({"name": "a\ud800"}, AccountInvalid.code, "/name"),
        ({"country": "Germany"}, AccountInvalid.code, "/country"),
        ({"language": "german"}, AccountInvalid.code, "/language"),
        ({"time_zone": "Mars/Olympus"}, "clock.time_zone_unknown", "/time_zone"),
        ({"credit_limit_minor": -1}, AccountInvalid.code, "/credit_limit"),
        ({"payment_terms_code": "?"}, PaymentTermsUnknown.code, "/payment_terms_code"),
        ({"collector_email": "no@body.example"}, CollectorUnknown.code, "/collector_email"),
        ({"source": "gp"}, AccountInvalid.code, "/external_ref"),
        ({"contact": ContactCommand(email="nobody")}, AccountInvalid.code, "/contact/email"),
        ({"bank_identifier": "---"}, AccountInvalid.code, "/bank_identifier"),
    ]
    commands = [account(f"bad {i}", **changes) for i, (changes, _, _) in enumerate(cases)]
    results = await upsert_accounts(session, [*commands, account("good")])
    for result, (changes, code, pointer) in zip(results, cases, strict=False):
        assert isinstance(result, DomainError), changes
        assert (result.code, result.errors[0].pointer) == (code, pointer)
    assert outcomes(results)[-1] == "created"
    assert await session.driver.fetchval("SELECT count(*) FROM accounts WHERE number LIKE 'bad%'") == 0


async def test_contacts_and_identities_come_with_the_account_once(session: WriteSession) -> None:
    contact = ContactCommand(name="Jo Brandt", email="ap@brandt.example", phone="+49 30 1234")
    command = account("A-1", contact=contact, bank_identifier="de89 3704 0044 0532 0130 00", payer_name="A. One GmbH")
    (made,) = await upsert_accounts(session, [command])
    assert isinstance(made, Upserted)
    assert outcomes(await upsert_accounts(session, [command])) == ["unchanged"]
    moved = account("A-1", contact=ContactCommand(name="Jo Brandt", email="jo@brandt.example"))
    assert outcomes(await upsert_accounts(session, [moved])) == ["updated"]
    contacts = await session.driver.fetch("SELECT email, phone FROM contacts WHERE account_id = $1", made.id)
    assert [tuple(found) for found in contacts] == [("jo@brandt.example", "+49 30 1234")]
    identities = await session.driver.fetch(
        "SELECT kind, normalized_value, origin FROM payer_identities WHERE account_id = $1 ORDER BY kind", made.id
    )
    assert [tuple(found) for found in identities] == [
        ("bank_identifier", "DE89370400440532013000", "entered"),
        ("payer_name", "a one", "entered"),
    ]


async def test_the_change_log_holds_no_personal_value(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        contact = await create_contact(session, tenant.account_id, ContactCommand(name="Jo Secret", phone="030-777"))
        await update_contact(session, tenant.account_id, contact, ContactCommand(email="jo@secret.example"))
        await add_payer_identity(session, IdentityCommand(tenant.account_id, "bank_identifier", "DE00SECRET"))
        await erase_contact(session, tenant.account_id, contact)
        await create_account(session, account("A-1", street="Secret Road 777", city="Hamburg"))
    async with database.read(tenant.organization_id) as read:
        rows = await read.driver.fetch("SELECT event, before::text, after::text FROM change_log ORDER BY id")
        left = await read.driver.fetchrow("SELECT * FROM contacts WHERE id = $1", contact)
    assert [found["event"] for found in rows] == [
        "contact.created", "contact.updated", "payer_identity.added", "contact.erased",
        "account.created",
    ]  # fmt: skip
    assert '"email"' in rows[1]["after"]
    assert '"address_fields": ["street", "city"]' in rows[4]["after"]
    written = " ".join(str(found["before"]) + str(found["after"]) for found in rows).lower()
    assert not [word for word in ("secret", "777") if word in written]
    assert (left["active"], left["name"], left["email"], left["phone"]) == (False, None, None, None)


async def test_a_single_update_checks_version_number_and_currency(session: WriteSession) -> None:
    made = await create_account(session, account("A-1", credit_limit_minor=5_000))
    with pytest.raises(StaleVersion):
        await update_account(session, made, {"name": "B"}, expected_version=7)
    with pytest.raises(NumberTaken):
        await update_account(session, made, {"number": "C-1"})
    with pytest.raises(CreditLimitOfOtherCurrency):
        await update_account(session, made, {"currency": "JPY"})
    await update_account(session, made, {"currency": "JPY", "credit_limit_minor": None}, expected_version=1)
    found = await row(session, made)
    assert (found["currency"], found["credit_limit_minor"], found["version"]) == ("JPY", None, 2)
    await update_account(session, made, {"name": UNSET})
    assert (await row(session, made))["version"] == 2
    with pytest.raises(NumberTaken):
        await create_account(session, account("A-1"))
    await session.driver.execute("UPDATE accounts SET status = 'merged' WHERE id = $1", made)
    with pytest.raises(AccountMerged):
        await update_account(session, made, {"name": "B"})


async def test_learned_identities_count_and_a_deactivated_one_stays_out(session: WriteSession, tenant: Tenant) -> None:
    for spelling in ("DE89 3704 0044 0532 0130 00", "de89370400440532013000"):
        await learn_payer_identity(session, tenant.account_id, "bank_identifier", spelling)
    await learn_payer_identities(
        session,
        [
            IdentityCommand(tenant.account_id, "payer_name", "Brandt Maschinenbau GmbH"),
            IdentityCommand(tenant.account_id, "payer_name", "BRANDT MASCHINENBAU"),
            IdentityCommand(tenant.account_id, "payer_name", "***"),
        ],
    )
    rows = await session.driver.fetch("SELECT * FROM payer_identities ORDER BY kind")
    assert [(found["normalized_value"], found["confirmations"], found["origin"]) for found in rows] == [
        ("DE89370400440532013000", 2, "learned"),
        ("brandt maschinenbau", 1, "learned"),
    ]
    identity = rows[0]["id"]
    await deactivate_payer_identity(session, tenant.account_id, identity, expected_version=2)
    await learn_payer_identity(session, tenant.account_id, "bank_identifier", "DE89370400440532013000")
    found = await session.driver.fetchrow("SELECT active, confirmations FROM payer_identities WHERE id = $1", identity)
    assert tuple(found) == (False, 2)
    entered = IdentityCommand(tenant.account_id, "bank_identifier", "DE89370400440532013000")
    assert await add_payer_identity(session, entered) == identity
    with pytest.raises(PayerIdentityTaken):
        await add_payer_identity(session, entered)


async def test_terms_are_kept_as_they_were_written(session: WriteSession) -> None:
    terms = parse_terms_text("2/10, 1/20 net 30 EOM", code="N30E")
    made = await create_payment_terms(session, terms)
    assert (await payment_terms_by_id(session, [made]))[made] == terms
    await update_payment_terms(session, made, terms=parse_terms_text("net 14", code="N30E"), expected_version=1)
    await update_payment_terms(session, made, active=False, name="Old")
    found = (await payment_terms_by_id(session, [made]))[made]
    assert (due_date(found, date(2026, 1, 1)) - date(2026, 1, 1)).days == 14
    (refused,) = await upsert_accounts(session, [account("A-1", payment_terms_code="N30E")])
    assert isinstance(refused, PaymentTermsUnknown)  # out of use


async def test_random_batches_agree_with_a_model(session: WriteSession) -> None:
    """Any mix of creations and moves leaves no circle, and what was accepted is what stands there."""
    dice = random.Random(20261121)
    model: dict[str, str | None] = {}
    for _ in range(30):
        names = [f"N{dice.randrange(14)}" for _ in range(dice.randrange(1, 9))]
        commands = [account(n, parent_number=dice.choice([None, UNSET, f"N{dice.randrange(14)}"])) for n in names]
        for command, result in zip(commands, await upsert_accounts(session, commands), strict=True):
            if isinstance(result, DomainError):
                assert isinstance(result, ParentCycle | ParentUnknown)
                continue
            parent = command.parent_number
            model[command.number] = model.get(command.number) if parent is UNSET else parent
        rows = await session.driver.fetch(
            "SELECT a.number, p.number AS parent FROM accounts a LEFT JOIN accounts p ON p.id = a.parent_id"
            " AND p.organization_id = a.organization_id WHERE a.number LIKE 'N%'"
        )
        assert {found["number"]: found["parent"] for found in rows} == model
        for start in model:
            seen, current = {start}, model[start]
            while current is not None:
                assert current not in seen, "a circle"
                seen.add(current)
                current = model[current]


async def test_two_moves_at_once_make_no_circle(committed: Database) -> None:
    tenant = await make_tenant(committed)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        left = await create_account(session, account("L"))
        right = await create_account(session, account("R"))

    async def move(child: UUID, parent: UUID) -> str:
        try:
            async with committed.write(tenant.organization_id, tenant.actor) as session:
                await update_account(session, child, {"parent_id": parent})
                await asyncio.sleep(0.05)
        except ParentCycle:
            return "refused"
        return "moved"

    assert sorted(await asyncio.gather(move(left, right), move(right, left))) == ["moved", "refused"]


async def test_a_thousand_accounts_are_one_batch(session: WriteSession) -> None:
    commands = [
        account(f"B-{i}", parent_number=f"B-{i // 10}" if i else None, contact=ContactCommand(email=f"a{i}@b.example"),
                bank_identifier=f"DE{i:020d}")
        for i in range(1000)
    ]  # fmt: skip
    assert outcomes(await upsert_accounts(session, commands)) == ["created"] * 1000
    assert outcomes(await upsert_accounts(session, commands)) == ["unchanged"] * 1000
