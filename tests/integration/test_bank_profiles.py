"""CSV statements loaded by a profile: entries count once, also beside other formats; payments from credits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.infra.database import Database
from app.integrations.bank_profiles.errors import BankProfileNotFound, NameTaken
from app.integrations.bank_profiles.queries import profile_named
from app.integrations.bank_profiles.service import create_profile, update_profile
from app.integrations.presets import preset
from tests.factories import Tenant
from tests.integration.importing import fetch, load
from tests.integration.test_bank_statements import payer, statement
from tests.unit.bank_formats.messages import entry

OWN = {"bank_account": "DE89 3704 0044 0532 0130 00"}
HEADER = "Buchungstag;Valuta;Name;Verwendungszweck;IBAN;Betrag;Saldo\n"
GERMAN = HEADER + (
    "14.03.2024;15.03.2024;Brandt GmbH;invoice R1;DE02120300000000202051;100,00;170,00\n"
    "14.03.2024;15.03.2024;Bank;Entgelt;;-30,00;70,00\n"
)


async def test_credits_become_payments_and_the_same_list_again_changes_nothing(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    mapping = dict(preset("csv-de-umsaetze"))
    row = await load(database, tenant, tmp_path, GERMAN.encode(), "bank_statement", mapping, OWN)
    assert (row["state"], row["error"], row["errors"]) == ("completed", None, [])
    assert row["control_totals"] == {"EUR": {"read": [2, "7000"], "created": [2, "7000"]}}
    (payment,) = await fetch(database, tenant, "SELECT * FROM payments")
    assert (payment["amount_minor"], payment["payer_name"]) == (10000, "Brandt GmbH")
    assert (str(payment["value_date"]), str(payment["accounting_date"])) == ("2024-03-15", "2024-03-14")
    (kept,) = await fetch(database, tenant, "SELECT * FROM bank_statements")
    assert (kept["balance_check"], kept["continuity"], kept["opening_minor"]) == ("ok", "unknown", 10000)
    longer = HEADER + "15.03.2024;15.03.2024;Lind AB;invoice R2;;5,00;175,00\n" + GERMAN.removeprefix(HEADER)
    for content, created in ((GERMAN, 0), (longer, 1)):
        again = await load(database, tenant, tmp_path, content.encode(), "bank_statement", mapping, OWN)
        assert (again["state"], again["rows_created"], again["rows_unchanged"]) == ("completed", created, 2)


async def test_the_same_money_in_camt_and_csv_and_by_another_profile_counts_once(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    lines = [entry("100.00", reference="REF-0000001", details=payer("Brandt GmbH", "invoice R1", "E2E-1")),
             entry("30.00", direction="DBIT", reference="REF-0000002")]  # fmt: skip
    await load(database, tenant, tmp_path, statement(*lines), "bank_statement")
    mapping: dict[str, Any] = dict(preset("csv-de-umsaetze"))
    other = {**mapping, "columns": {**mapping["columns"], "end_to_end_id": "Verwendungszweck"}, "optional": ["type"]}
    other["columns"] = {name: title for name, title in other["columns"].items()
                        if name in ("booking_date", "value_date", "amount", "counterparty_name", "text")}  # fmt: skip
    for content in (mapping, other):
        again = await load(database, tenant, tmp_path, GERMAN.encode(), "bank_statement", content, OWN)
        assert (again["rows_created"], again["rows_unchanged"]) == (0, 2)
    assert len(await fetch(database, tenant, "SELECT * FROM payments")) == 1


async def test_the_currency_is_that_of_the_own_account_and_no_profile_is_told(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    content = "Date,Description,Amount\n2024-03-15,invoice R1,100.00\n"
    row = await load(database, tenant, tmp_path, content.encode(), "bank_statement", dict(preset("csv-signed")), OWN)
    assert row["control_totals"] == {"EUR": {"read": [1, "10000"], "created": [1, "10000"]}}
    none = await load(database, tenant, tmp_path, content.encode(), "bank_statement")
    assert (none["state"], none["error"]["code"]) == ("failed", "bank_file.profile_needed")
    assert "csv-signed" in none["error"]["detail"]
    wrong = content.replace("100.00", "1.000,00")
    refused = await load(database, tenant, tmp_path, wrong.encode(), "bank_statement", dict(preset("csv-signed")), OWN)
    assert refused["error"]["code"] == "bank_file.csv_row"
    assert (refused["error"]["line"], refused["rows_read"]) == (2, 0)


async def test_own_profiles_have_names_of_their_own_and_can_be_put_out_of_use(
    database: Database, tenant: Tenant
) -> None:
    definition = {
        "columns": {"booking_date": "Tag", "amount": "Wert", "text": "Text"},
        "account": OWN["bank_account"],
        "format": {"delimiter": ";", "decimal_separator": ","},
    }
    async with database.write(tenant.organization_id, tenant.actor) as session:
        made = await create_profile(session, "house-bank", "House bank", definition)
        for name in ("house-bank", "csv-us"):
            with pytest.raises(NameTaken):
                await create_profile(session, name, "Another", definition)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        off = await update_profile(session, made.id, {"active": False}, expected_version=made.version)
        assert off.version == made.version + 1
        with pytest.raises(BankProfileNotFound):
            await profile_named(session, "house-bank")
