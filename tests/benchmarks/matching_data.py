"""A big ledger for matching, filled by the owner in SQL, and a believable mix of payments against it.

Names are of a few hundred words, so that many companies share most of theirs; a tenth of the invoices belongs to one
account in a hundred; one account in ten belongs to a group of six.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from app.core.errors import DomainError
from app.core.ids import new_id
from app.core.reference_keys import reference_key, stored_keys
from app.infra.database import Database
from app.payments.record import RecordPayment, record_payments
from tests.factories import Tenant

PAID_ON = date(2026, 6, 29)
FIRST_NUMBER = 31_000_000
BATCH = 2_000
_FILL = """
SET session_replication_role = replica;
SELECT set_config('app.recorded_at', '2026-06-29T00:00:00Z', false);
CREATE TEMPORARY TABLE numbered AS SELECT uuid_of(n) AS id, n FROM generate_series(1, {accounts}) n;
CREATE UNIQUE INDEX ON numbered (n);
INSERT INTO accounts (organization_id, id, number, name, legal_name, parent_id, currency)
SELECT '{org}', id, 'C-' || 500000 + n, company(n), NULL,
    CASE WHEN n % 10 = 0 THEN uuid_of(1 + n / 50 * 37 % {accounts}) END, 'EUR'
FROM numbered;
INSERT INTO payer_identities (organization_id, id, account_id, kind, value, normalized_value, origin)
SELECT '{org}', gen_random_uuid(), id, 'bank_identifier', iban(n), iban(n), 'learned' FROM numbered WHERE n % 5 < 3;
CREATE TEMPORARY TABLE documents AS
SELECT uuid_of(1000000000 + d.n) AS id, a.id AS account_id, d.n, {first} + d.n AS number,
    (date '2026-02-01' + (d.n::bigint * 7919 % 140)::int) AS day,
    (1000 + d.n::bigint * 104729 % 900000)::bigint AS amount
FROM generate_series(1, {invoices}) AS d(n) JOIN numbered a
    ON a.n = 1 + d.n::bigint * 7907 % CASE WHEN d.n % 10 = 3 THEN {accounts} / 100 ELSE {accounts} END;
INSERT INTO invoices (organization_id, id, kind, number, number_key, digits_key, tail_key, purchase_order,
    purchase_order_key, legal_entity_id, account_id, currency, amount_minor, invoice_date, accounting_date)
SELECT '{org}', id, 'invoice', 'RE-' || number, 'RE' || number, number::text,
    CASE WHEN tail <> number::text AND length(tail) >= 4 THEN tail END,
    CASE WHEN n % 3 = 0 THEN 'PO ' || 450000 + n / 3 END, CASE WHEN n % 3 = 0 THEN 'P0' || 450000 + n / 3 END,
    '{entity}', account_id, 'EUR', amount, day, day
FROM documents, LATERAL (SELECT ltrim(regexp_replace(number::text, '^.*000+(?=[1-9])', ''), '0') AS tail) t;
INSERT INTO instalments (organization_id, id, invoice_id, ordinal, account_id, legal_entity_id, currency, due_date,
    original_due_date, accounting_date, invoice_date, amount_minor)
SELECT '{org}', uuid_of(2000000000 + n), id, 1, account_id, '{entity}', 'EUR', day + 30, day + 30, day, day, amount
FROM documents;
SET session_replication_role = origin;
"""
_WORDS = {
    "first": "Brandt Hansen Mueller Nordic Alpine Rossi Keller Weber Atlas Omega Delta Sander Global United Prime"
    " Vector Solar Aqua Terra Nova",
    "middle": "Werkzeug Maschinen Metall Lebensmittel Transport Druck Agrar Medizin Fahrzeug Elektro",
    "last": "bau haus line port handel markt form technik berg dienst",
    "town": "Kiel Bremen Essen Lyon Milano Graz Basel Gent Malmo Turku Brno Porto Cork Leeds Nantes Parma Linz Ulm"
    " Jena Gera Worms Trier Celle Stade Hamm Unna Soest Wesel Kleve Moers Neuss Bonn Siegen Fulda Hanau Mainz"
    " Speyer Landau Pirmasens Kassel Coburg Bayreuth Hof Passau Landshut Erding Freising Rosenheim Kempten Lindau",
    "form": "GmbH AG Ltd SRL Inc KG SA",
}
_FUNCTIONS = f"""
CREATE FUNCTION pg_temp.uuid_of(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT ('019f0000-0000-7000-8{{tag}}-' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.iban(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT 'DE' || lpad((n * 7919 % 97)::text, 2, '0') || lpad((n * 104729)::text, 18, '3') $$;
CREATE FUNCTION pg_temp.company(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT
    (string_to_array('{_WORDS["first"]}', ' '))[1 + n % 20] || ' '
    || (string_to_array('{_WORDS["middle"]}', ' '))[1 + n / 20 % 10]
    || (string_to_array('{_WORDS["last"]}', ' '))[1 + n / 200 % 10] || ' '
    || (string_to_array('{_WORDS["town"]}', ' '))[1 + n / 2000 % 50] || ' '
    || (string_to_array('{_WORDS["form"]}', ' '))[1 + n % 7] $$;
"""
_CHOICE = """
SELECT s.id, s.account_id, i.number, s.open_minor, a.name AS payer, a.number AS customer,
    (SELECT value FROM payer_identities p WHERE p.organization_id = $1 AND p.account_id = a.id LIMIT 1) AS bank
FROM generate_series(0, $3) g
JOIN invoices i ON i.organization_id = $1 AND i.number = 'RE-' || $4 + 1 + (g * 15485863::bigint + $5) % $2
    AND i.kind = 'invoice' AND i.source = 'manual' AND i.legal_entity_id = $6
JOIN instalments s ON s.organization_id = $1 AND s.invoice_id = i.id AND s.open_minor <> 0
JOIN accounts a ON a.organization_id = $1 AND a.id = s.account_id
"""
_MORE_OF_ACCOUNT = """
SELECT s.account_id, i.number, s.open_minor FROM unnest($2::uuid[]) AS a(id)
CROSS JOIN LATERAL (SELECT * FROM instalments s WHERE s.organization_id = $1 AND s.account_id = a.id
    AND s.open_minor <> 0 ORDER BY s.id LIMIT 12) s
JOIN invoices i ON i.organization_id = $1 AND i.id = s.invoice_id
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """A filled organization."""

    tenant: Tenant
    accounts: int
    invoices: int


async def fill(url: str, tenant: Tenant, accounts: int, invoices: int) -> Ledger:
    """Fill the tenant's books as the owner, with statistics and visibility as they are the next morning."""
    connection = await asyncpg.connect(url)
    try:
        tag = f"{random.Random(accounts).getrandbits(12):03x}"
        await connection.execute(_FUNCTIONS.replace("{tag}", tag))
        statement = _FILL.format(
            org=tenant.organization_id, entity=tenant.legal_entity_id, accounts=accounts, invoices=invoices,
            first=FIRST_NUMBER,
        )  # fmt: skip
        for name in ("uuid_of", "iban", "company"):
            statement = statement.replace(f"{name}(", f"pg_temp.{name}(")
        await connection.execute(statement)
        await connection.execute("VACUUM ANALYZE")
        sample = await connection.fetch(
            "SELECT number, number_key, digits_key, tail_key, purchase_order, purchase_order_key FROM invoices"
            " WHERE organization_id = $1 LIMIT 2000",
            tenant.organization_id,
        )
    finally:
        await connection.close()
    for row in sample:
        assert stored_keys(row[0]) == (row[1], row[2], row[3]), row
        assert row[4] is None or reference_key(row[4]) == row[5], row
    return Ledger(tenant, accounts, invoices)


async def record_mix(database: Database, ledger: Ledger, count: int, seed: int) -> Counter[str]:
    """Record payments of every kind that a bank file has; how many of each. `seed` chooses other invoices."""
    dice = random.Random(seed)
    async with database.read(ledger.tenant.organization_id) as session:
        org = session.organization_id
        chosen = await session.driver.fetch(
            _CHOICE, org, ledger.invoices, count - 1, FIRST_NUMBER, seed * 6_700_417, ledger.tenant.legal_entity_id
        )
        more = await session.driver.fetch(_MORE_OF_ACCOUNT, org, [row["account_id"] for row in chosen])
    by_account: dict[Any, list[Any]] = {}
    for row in more:
        by_account.setdefault(row["account_id"], []).append(row)
    kinds: Counter[str] = Counter()
    commands: list[RecordPayment] = []
    used: set[str] = set()
    for row in chosen:
        kind = dice.choices(list(_MIX), list(_MIX.values()))[0]
        if row["number"] in used:
            kind = "nothing known"
        made = _payment(kind, row, by_account.get(row["account_id"], []), used, dice, ledger)
        if kind == "the same invoice paid twice":
            commands.append(replace(made, remittance_text=f"2. ZAHLUNG {row['number']}"))
        kinds[kind] += 1
        commands.append(made)
    for start in range(0, len(commands), BATCH):
        async with database.write(org, ledger.tenant.actor) as write:
            results = await record_payments(write, commands[start : start + BATCH])
            assert not any(isinstance(result, DomainError) for result in results), results[:3]
    return kinds


async def add_equal_invoices(url: str, ledger: Ledger, count: int) -> UUID:
    """An account with so many open invoices of 100.00 each; its id."""
    account, org, entity = new_id(), ledger.tenant.organization_id, ledger.tenant.legal_entity_id
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT set_config('app.recorded_at', '2026-06-29T00:00:00Z', false)")
        await connection.execute(
            "INSERT INTO accounts (organization_id, id, number, name, currency)"
            " VALUES ($1, $2, 'EQUAL', 'Gleichmass Rundholz GmbH', 'EUR')",
            org, account,
        )  # fmt: skip
        await connection.execute(
            "WITH made AS (INSERT INTO invoices (organization_id, id, kind, number, number_key, legal_entity_id,"
            " account_id, currency, amount_minor, invoice_date, accounting_date) SELECT $1, gen_random_uuid(),"
            " 'invoice', 'EQ-' || n, 'E0' || n, $2, $3, 'EUR', 10000, date '2026-05-01', date '2026-05-01'"
            " FROM generate_series(700001, 700000 + $4::int) n RETURNING id)"
            " INSERT INTO instalments (organization_id, id, invoice_id, ordinal, account_id, legal_entity_id, currency,"
            " due_date, original_due_date, accounting_date, invoice_date, amount_minor) SELECT $1, gen_random_uuid(),"
            " id, 1, $3, $2, 'EUR', date '2026-05-31', date '2026-05-31', date '2026-05-01', date '2026-05-01', 10000"
            " FROM made",
            org, entity, account, count,
        )  # fmt: skip
        await connection.execute("VACUUM ANALYZE invoices")
        await connection.execute("VACUUM ANALYZE instalments")
    finally:
        await connection.close()
    return account


async def record_equal(database: Database, ledger: Ledger, account: UUID, count: int) -> None:
    """Payments of that account whose amounts are one, two, three … invoices, and that name none of them."""
    async with database.write(ledger.tenant.organization_id, ledger.tenant.actor) as session:
        results = await record_payments(
            session,
            [
                RecordPayment(
                    amount_minor=10_000 * (1 + number % 12),
                    currency="EUR",
                    value_date=PAID_ON - timedelta(days=number % 5),
                    legal_entity_id=ledger.tenant.legal_entity_id,
                    account_id=account,
                    remittance_text="DANKE" if number % 2 else f"EQ-{number} EQ70{number}",
                )
                for number in range(count)
            ],
        )
        assert not any(isinstance(result, DomainError) for result in results), results[:3]


_MIX = {
    "one reference": 0.45,
    "several references": 0.15,
    "damaged reference, payer known": 0.14,
    "amount and known payer only": 0.12,
    "damaged reference, payer unknown": 0.04,
    "nothing known": 0.08,
    "the same invoice paid twice": 0.02,
}


def _payment(
    kind: str, row: Any, more: Sequence[Any], used: set[str], dice: random.Random, ledger: Ledger
) -> RecordPayment:
    number, amount, payer, bank = row["number"], row["open_minor"], row["payer"], row["bank"]
    text = f"RECHNUNG {number} VOM {PAID_ON - timedelta(days=40):%d.%m.%Y} KD-NR {row['customer']}"
    if kind == "several references":
        others = [other for other in more if other["number"] != number and other["number"] not in used]
        others = others[: dice.randint(1, 4)]
        text = "RE " + ", ".join([number, *(other["number"] for other in others)])
        amount += sum(other["open_minor"] for other in others)
        used.update(other["number"] for other in others)
    elif kind.startswith("damaged"):
        text = f"INV {_damaged(number[3:], dice)}"
    elif kind == "amount and known payer only":
        text = "DANKE"
    elif kind == "nothing known":
        text, amount = "UEBERWEISUNG", dice.randint(1_000, 900_000)
    elif kind == "the same invoice paid twice":
        text = f"RECHNUNG {number}"
    used.add(number)
    if kind in ("nothing known", "damaged reference, payer unknown"):
        payer, bank = f"Unbekannt {dice.getrandbits(40):x}", f"FR76{dice.getrandbits(70):021d}"
    elif kind == "amount and known payer only" and bank is None:
        text = f"KUNDE {row['customer']}"
    return RecordPayment(
        amount_minor=amount,
        currency="EUR",
        value_date=PAID_ON + timedelta(days=dice.randint(-3, 0)),
        legal_entity_id=ledger.tenant.legal_entity_id,
        payer_name=payer.upper()[:35],
        payer_bank_identifier=bank,
        remittance_text=text,
        end_to_end_id="NOTPROVIDED",
    )


def _damaged(digits: str, dice: random.Random) -> str:
    """One digit lost, or two swapped."""
    at = dice.randint(2, len(digits) - 2)
    if dice.random() < 0.5:
        return digits[:at] + digits[at + 1 :]
    return digits[: at - 1] + digits[at] + digits[at - 1] + digits[at + 1 :]
