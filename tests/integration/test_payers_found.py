"""A payer name that was learned or entered is found again, whichever way the bank spells its umlauts."""

from __future__ import annotations

from datetime import date

import pytest

from app.accounts.identities import learn_payer_identity
from app.cash_application.matching.payer import RunIdentities, identify_payer
from app.cash_application.matching.types import PaymentFacts
from app.cash_application.parties import load_parties
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import add_account


@pytest.mark.parametrize("written", ["MULLER MASCHINEN", "MUELLER MASCHINEN", "M\u00fcller Maschinen"])
@pytest.mark.parametrize("stored_earlier", [False, True])
async def test_a_learned_name_with_an_umlaut_is_found(
    database: RolledBackDatabase, tenant: Tenant, written: str, stored_earlier: bool
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        account_id = await add_account(session, "C-7731")
        await learn_payer_identity(session, account_id, "payer_name", "M\u00fcller Maschinen")
        if stored_earlier:
            await session.driver.execute("UPDATE payer_identities SET normalized_value = 'mueller maschinen'")
    payment = PaymentFacts("p", "1", "EUR", 100, date(2026, 4, 2), payer_name=written)
    async with database.read(tenant.organization_id) as read:
        parties, known = await load_parties(read, [payment], ())
    if stored_earlier and written == "MULLER MASCHINEN":
        assert not known  # nothing leads from one letter to the two that were stored then
        return
    assert known == {account_id}
    found = identify_payer(payment, (), parties, RunIdentities())
    assert [reason.code for reason in found[str(account_id)].reasons] == ["payer.payer_name"]
