"""What goes into the evidence file of a legal case: all its SQL. Bounded: a file is read by people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.collections.legal.evidence import Evidence, case_evidence
from app.desk.papers.models import EvidenceFile
from app.infra.database import ReadSession
from app.statements.queries import account_family
from app.statements.statement import Statement, account_statement

TIMELINE_MAX = 400
LETTERS_MAX = 200
DOCUMENTS_MAX = 300
BODY_CHARACTERS_MAX = 3_000
_TIMELINE = """
SELECT event, effective_date, recorded_at, actor_name, reason, after FROM (
    SELECT event, effective_date, recorded_at, actor_name, reason, after, position FROM timeline_entries
    WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) ORDER BY position DESC LIMIT $3
) latest ORDER BY position
"""
_LETTERS = """
SELECT * FROM (
    SELECT m.id, m.at, m.direction, m.channel, m.state, m.sender, m.recipient, m.subject,
        left(m.body, $3) AS body, m.author
    FROM correspondences c
    JOIN correspondence_messages m ON m.organization_id = $1 AND m.correspondence_id = c.id
    WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[])
      AND m.state IN ('sent', 'made', 'posted', 'received')
    ORDER BY m.at DESC, m.id DESC LIMIT $4
) latest ORDER BY at, id
"""
# Documents of the claim's invoices, of the case, of its disputes and promises, the account's contracts, posted letters.
_DOCUMENTS = """
SELECT DISTINCT ON (place, name, id) * FROM (
    SELECT d.id, d.sha256, d.size_bytes, d.media_type, d.kept_in, l.name, l.category, v.number AS subject, 1 AS place
    FROM document_links l
    JOIN documents d ON d.organization_id = $1 AND d.id = l.document_id
    JOIN invoices v ON v.organization_id = $1 AND v.id = l.subject_id
    WHERE l.organization_id = $1 AND l.subject_kind = 'invoice' AND l.subject_id = ANY($2::uuid[])
    UNION ALL
    SELECT d.id, d.sha256, d.size_bytes, d.media_type, d.kept_in, l.name, l.category, l.subject_kind, 2
    FROM document_links l JOIN documents d ON d.organization_id = $1 AND d.id = l.document_id
    WHERE l.organization_id = $1 AND l.category <> 'evidence'
      AND (l.subject_kind = 'legal_case' AND l.subject_id = $3
           OR l.subject_kind = 'dispute' AND l.subject_id = ANY($4::uuid[])
           OR l.subject_kind = 'account' AND l.category = 'contract' AND l.subject_id = ANY($5::uuid[]))
    UNION ALL
    SELECT d.id, d.sha256, d.size_bytes, d.media_type, d.kept_in, d.name, 'correspondence', 'correspondence', 3
    FROM correspondences c
    JOIN correspondence_messages m ON m.organization_id = $1 AND m.correspondence_id = c.id AND m.channel = 'letter'
        AND m.state IN ('made', 'posted')
    JOIN documents d ON d.organization_id = $1 AND d.id = m.document_id
    WHERE c.organization_id = $1 AND c.account_id = ANY($5::uuid[])
) found ORDER BY place, name, id LIMIT $6
"""


@dataclass(frozen=True, slots=True)
class EvidenceFacts:
    """Everything that speaks for a claim, and the stored documents that prove it."""

    case: Evidence
    statement: Statement
    timeline: list[Any]
    letters: list[Any]
    documents: list[Any]


async def evidence_facts(session: ReadSession, case_id: UUID, as_of: date) -> EvidenceFacts:
    """The facts of a case; read them in one snapshot. Raises CaseNotFound, StatementTooLarge."""
    found = await case_evidence(session, case_id)
    account_id = found.case.account_id
    key, driver = session.organization_id, session.driver
    family = await account_family(session, account_id)
    invoices = sorted({item["invoice_id"] for item in found.items})
    disputes = [row["id"] for row in found.disputes]
    return EvidenceFacts(
        case=found,
        statement=await account_statement(session, account_id, as_of),
        timeline=list(await driver.fetch(_TIMELINE, key, family, TIMELINE_MAX)),
        letters=list(await driver.fetch(_LETTERS, key, family, BODY_CHARACTERS_MAX, LETTERS_MAX)),
        documents=list(
            await driver.fetch(_DOCUMENTS, key, invoices, case_id, disputes, family, DOCUMENTS_MAX)
        ),
    )  # fmt: skip


async def latest_file(session: ReadSession, case_id: UUID) -> EvidenceFile | None:
    """The latest evidence file of a case, or None."""
    statement = select(EvidenceFile).where(
        EvidenceFile.organization_id == session.organization_id, EvidenceFile.case_id == case_id
    )
    return (await session.scalars(statement.order_by(EvidenceFile.id.desc()).limit(1))).one_or_none()
