"""Payment terms of the organization: create and change. Documents issued before keep their own due dates."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.accounts import queries
from app.accounts.commands import AccountInvalid
from app.accounts.rules import PaymentTerms
from app.accounts.terms_notation import terms_from_json, terms_text, terms_to_json
from app.core.ids import PaymentTermsId, new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version


async def create_payment_terms(session: WriteSession, terms: PaymentTerms, name: str | None = None) -> PaymentTermsId:
    """Create terms under `terms.code`; without a name they are called by their text ("2/10 net 30").

    Raises PaymentTermsCodeTaken (at the statement, as a constraint).
    """
    terms_id = new_id()
    text = terms_text(terms)
    await queries.insert_payment_terms(session, terms_id, terms.code, name or text, terms_to_json(terms))
    after = {"code": terms.code, "terms": text}
    record_change(session, ChangeRow("payment_terms", terms_id, "payment_terms.created", after=after))
    return PaymentTermsId(terms_id)


async def update_payment_terms(
    session: WriteSession,
    terms_id: UUID,
    *,
    terms: PaymentTerms | None = None,
    name: str | None = None,
    active: bool | None = None,
    expected_version: int | None = None,
) -> None:
    """Change what is given; the code of `terms` must be the present one.

    Raises PaymentTermsNotFound, StaleVersion, AccountInvalid.
    """
    row = await queries.lock_payment_terms(session, terms_id)
    check_version(expected_version, row["version"])
    present = terms_from_json(row["code"], row["definition"])
    wanted = terms or present
    if wanted.code != present.code:
        raise AccountInvalid("the code of payment terms stays", pointer="/code")
    before: dict[str, Any] = {"name": row["name"], "terms": terms_text(present), "active": row["active"]}
    after: dict[str, Any] = {
        "name": name if name is not None else row["name"],
        "terms": terms_text(wanted),
        "active": active if active is not None else row["active"],
    }
    if before == after and wanted == present:
        return
    await queries.update_payment_terms(session, terms_id, after["name"], terms_to_json(wanted), after["active"])
    changed = [key for key in after if after[key] != before[key]] or ["terms"]
    record_change(
        session,
        ChangeRow(
            "payment_terms",
            terms_id,
            "payment_terms.updated",
            before={key: before[key] for key in changed},
            after={key: after[key] for key in changed},
        ),
    )
